"""Phrases: equal to the definitions of word2vec and gensim in plain Python, on any text, borders respected."""

from collections import Counter
from itertools import pairwise
from math import inf, log

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from selfsup.data.text import corpus, phrases
from selfsup.data.text.corpus import open_text
from selfsup.errors import OptionError
from selfsup.system.progress import Progress


def original(a, b, both, words, min_count):
    """word2phrase.c: (pab - min_count) / pa / pb * train_words."""
    return (both - min_count) / a / b * words


def npmi(a, b, both, words, min_count):
    """gensim.models.phrases.npmi_scorer, and its limit where a pair is the whole text."""
    if both < min_count:
        return -inf
    share = both / words
    if share == 1:
        return 1.0
    return log(share / ((a / words) * (b / words))) / -log(share)


def joined(sentences, score, min_count, threshold):
    """gensim's Phrases.analyze_sentence without connector words: greedy, from left to right, no word used twice."""
    counts = Counter(word for sentence in sentences for word in sentence)
    pairs = Counter(pair for sentence in sentences for pair in pairwise(sentence))
    words = sum(counts.values())

    def is_phrase(a, b):
        both = pairs[a, b]
        return both >= min_count and score(counts[a], counts[b], both, words, min_count) > threshold

    made = []
    for sentence in sentences:
        out, at = [], 0
        while at < len(sentence):
            if at + 1 < len(sentence) and is_phrase(sentence[at], sentence[at + 1]):
                out.append(f"{sentence[at]}_{sentence[at + 1]}")
                at += 2
            else:
                out.append(sentence[at])
                at += 1
        made.append(out)
    return made


def rows_of(made):
    rows = [[]]
    for one in made.ids.tolist():
        if one < 0:
            rows.append([])
        else:
            rows[-1].append(made.vocabulary.words[one])
    return rows


def kept(sentences, min_count):
    counts = Counter(word for sentence in sentences for word in sentence)
    rows = [[word for word in sentence if counts[word] >= min_count] for sentence in sentences]
    return [row for row in rows if row], counts


def opened(sentences, threads=2, **options):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(corpus, "cores", lambda: threads)
        return open_text(sentences, progress=False, **options)


SENTENCES = st.lists(
    st.lists(st.sampled_from(["a", "b", "c", "d", "a_b", "e"]), min_size=1, max_size=12), min_size=1, max_size=12
)


@settings(max_examples=150, deadline=None)
@given(SENTENCES, st.integers(1, 3), st.sampled_from(["npmi", "original"]), st.floats(0.01, 3), st.integers(1, 2))
def test_equals_plain_python(sentences, min_count, score, threshold, passes):
    sentences = [*sentences, ["z"] * min_count]
    expected = sentences
    for _ in range(passes):
        expected = joined(expected, {"npmi": npmi, "original": original}[score], min_count, threshold)
    rows, counts = kept(expected, min_count)
    options = {"min_count": min_count, "phrase_score": score, "phrase_threshold": threshold, "phrases": passes}
    if not rows:
        return
    made = opened(sentences, **options)
    assert rows_of(made) == rows
    assert made.vocabulary.counts.tolist() == [counts[word] for word in made.vocabulary.words]
    assert made.vocabulary.counts.tolist() == sorted(made.vocabulary.counts.tolist(), reverse=True)
    assert made.sentences == len(rows)
    assert made.raw_words == sum(map(len, sentences))


def drawn(seed=0, sentences=2000, types=300):
    """Words by Zipf's law, and "new york" and "new york times" among them."""
    rng = np.random.default_rng(seed)
    made = []
    for _ in range(sentences):
        row = [f"w{(one - 1) % types}" for one in rng.zipf(1.4, 12)]
        for phrase in (["new", "york", "times"], ["new", "york"], ["new"], ["times"]):
            if rng.random() < 0.1:
                at = rng.integers(len(row))
                row[at:at] = phrase
        made.append(row)
    return made


@pytest.mark.parametrize("score", ["npmi", "original"])
def test_a_longer_text(score, monkeypatch):
    sentences = drawn()
    monkeypatch.setattr(phrases, "PART", 1000)
    threshold = {"npmi": 0.3, "original": 5.0}[score]
    for passes in (1, 2):
        expected = sentences
        for _ in range(passes):
            expected = joined(expected, {"npmi": npmi, "original": original}[score], 5, threshold)
        made = opened(sentences, phrases=passes, phrase_score=score, phrase_threshold=threshold)
        assert rows_of(made) == kept(expected, 5)[0]
        assert ("new_york_times" in made.vocabulary.index) == (passes == 2)
        assert "new_york" in made.vocabulary.index


def test_the_default_thresholds_find_what_belongs_together():
    sentences = drawn(sentences=3000, types=2000)
    for score in ("npmi", "original"):
        words = opened(
            sentences, phrases=2, phrase_score=score, phrase_threshold=None if score == "npmi" else 3.0
        ).vocabulary.words
        assert "new_york_times" in words


def test_threads_and_blocks_change_nothing(monkeypatch):
    sentences = drawn(1, 800)
    first = opened(sentences, phrases=2, phrase_threshold=0.3)
    for threads, size in ((1, 1 << 22), (3, 2000)):
        monkeypatch.setattr(corpus, "SIZE", size)
        again = opened(sentences, phrases=2, phrase_threshold=0.3, threads=threads)
        np.testing.assert_array_equal(again.ids, first.ids)
        assert again.vocabulary.words == first.vocabulary.words


def test_borders_and_rare_words_keep_words_apart():
    made = opened([["new"], ["york"]] * 50, phrases=1, phrase_threshold=0.0)
    assert made.vocabulary.words == ["new", "york"]
    sentences = [["new", f"rare{number}", "york"] for number in range(50)]
    assert opened(sentences, phrases=1, phrase_threshold=0.0).vocabulary.words == ["new", "york"]
    assert opened([["new", "york"], ["x"]] * 50, phrases=1, phrase_threshold=0.0).vocabulary.words == ["new_york", "x"]


def test_words_that_stay_and_the_size_of_the_vocabulary():
    sentences = [["new", "york"], ["x", "y"]] * 50
    made = opened(sentences, phrases=1, phrase_threshold=0.0, keep=["york"], max_vocab=2)
    assert made.vocabulary.words == ["new_york"]  # "york" has its place, but never stands alone
    assert made.vocabulary.counts.tolist() == [50]


def test_phrases_of_a_text_file_come_from_the_cache(tmp_path):
    path = tmp_path / "text.txt"
    path.write_text("\n".join(" ".join(row) for row in drawn(2, 300)))
    first = opened(path, phrases=1, phrase_threshold=0.3)
    second = opened(path, phrases=1, phrase_threshold=0.3)
    np.testing.assert_array_equal(first.ids, second.ids)
    assert opened(path, phrases=1, phrase_threshold=0.4).fingerprint != first.fingerprint


def test_scores_by_hand():
    counts = [np.array([one]) for one in (10, 20, 8)]
    assert phrases.scored(*counts, 1000, 5, "original")[0] == pytest.approx(3 / 200 * 1000)
    assert phrases.scored(*counts, 1000, 5, "npmi")[0] == pytest.approx(log(8 * 1000 / 200) / log(125))
    whole = [np.array([9])] * 3
    assert phrases.scored(*whole, 9, 1, "npmi")[0] == 1.0


def test_pairs_are_counted_exactly(monkeypatch):
    rng = np.random.default_rng(0)
    stream = rng.integers(-2, 60, 50_000).astype(np.int32)
    monkeypatch.setattr(phrases, "PART", 999)
    first, second, both = phrases.pairs(stream, 1, Progress(False))
    expected = Counter(pair for pair in pairwise(stream.tolist()) if min(pair) >= 0)
    assert dict(zip(zip(first.tolist(), second.tolist(), strict=True), both.tolist(), strict=True)) == expected
    first, second, both = phrases.pairs(stream, 15, Progress(False))
    assert len(both) == sum(count >= 15 for count in expected.values())


def test_a_score_that_is_not_known():
    with pytest.raises(OptionError, match="'phrase_score' must be one of 'npmi', 'original'"):
        opened([["a"]], phrase_score="pmi")

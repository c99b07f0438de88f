"""The evidence on word vectors: counting against a direct count, the health of the space against closed forms."""

import json

import numpy as np
import pytest
import scipy.sparse

from selfsup.measures import Evaluation
from selfsup.measures.words.counting import SMOOTHING, counted_vectors, ppmi, spread_parts
from selfsup.measures.words.evidence import evidence
from selfsup.measures.words.space import cautions, mean_cosine, space
from selfsup.measures.words.telling import over_frequencies, telling
from selfsup.words import WordVectors


def text(rng, size=12, n=400):
    """Ids with borders, the most frequent words first."""
    ids = rng.choice(size, n, p=np.arange(size, 0, -1) / np.arange(size, 0, -1).sum()).astype(np.int32)
    ids[::17] = -1
    return ids


def counted(ids, size, window):
    """Pairs of a sentence, each weighted as often as a random window reaches it."""
    table = np.zeros((size, size))
    for at in range(len(ids)):
        for other in range(max(0, at - window), min(len(ids), at + window + 1)):
            low, high = sorted((at, other))
            if at != other and (ids[low : high + 1] >= 0).all():
                table[ids[at], ids[other]] += (window - abs(at - other) + 1) / window
    return table


def test_vectors_by_counting_factor_the_ppmi_matrix():
    ids = text(np.random.default_rng(0))
    table = counted(ids, 12, 3)
    around = table.sum(0) ** SMOOTHING
    share = table / table.sum(1, keepdims=True)
    with np.errstate(divide="ignore"):
        expected = np.maximum(np.log(share / (around / around.sum())), 0)
    found = ppmi(scipy.sparse.csr_matrix(table.astype(np.float32)))
    np.testing.assert_allclose(found.toarray(), expected, atol=1e-5)
    vectors, counts, used = counted_vectors(ids, 12, 3, 12)
    assert used == int((ids >= 0).sum())
    np.testing.assert_allclose(counts.toarray(), table, rtol=1e-6)
    gram = vectors.astype(np.float64) @ vectors.T  # U S U', the root of M M'
    np.testing.assert_allclose(gram @ gram, expected @ expected.T, atol=1e-3)


def test_only_the_most_frequent_are_counted_and_a_word_without_neighbours_is_zero():
    ids = np.array([0, 1, 0, 1, -1, 2, -1, 0, 1, 3, -1], np.int32)
    vectors = counted_vectors(ids, 5, 2, 3, rows=4).vectors
    assert vectors.shape == (4, 3)
    assert not vectors[2].any()
    alone = counted_vectors(np.array([0, -1, 1], np.int32), 2, 5, 8).vectors
    assert alone.shape == (2, 2)
    assert not alone.any()


def test_of_a_long_text_pieces_are_counted_that_lie_all_over_it():
    ids = np.arange(10_000, dtype=np.int32)
    parts = spread_parts(ids, 1_000)
    assert sum(map(len, parts)) <= 1_000
    assert parts[0][0] == 0
    assert parts[-1][-1] == 9_999
    assert len(spread_parts(ids, 10_000)) == 1


def test_the_mean_cosine_is_that_of_all_pairs():
    vectors = np.random.default_rng(1).normal(size=(40, 5)).astype(np.float32) + 0.5
    vectors[3] = 0
    unit = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
    cosines = unit @ unit.T
    assert mean_cosine(vectors) == pytest.approx(cosines[~np.eye(40, dtype=bool)].mean(), abs=1e-6)
    assert mean_cosine(vectors[:1]) == 0


def test_each_illness_of_a_space_is_seen_and_said():
    rng = np.random.default_rng(2)
    counts = np.sort(rng.integers(5, 10_000, 500))[::-1]
    fair = rng.normal(size=(500, 20)).astype(np.float32)
    found = space(fair, counts, counts)
    assert found["short"] == found["unseen"] == 0
    assert abs(found["alike"]) < 0.01
    assert found["frequency"] < 0.2
    assert cautions(found) == []
    ill = fair.copy()
    ill[:, 0] += 10 * (np.log(counts) - np.log(counts).mean())
    assert space(ill, counts)["frequency"] == pytest.approx(1, abs=0.02)
    assert "frequent" in cautions(space(ill, counts))[0]
    assert "one way" in cautions(space(fair + 5, counts))[0]
    ill = fair.copy()
    ill[-25:] *= 1e-3
    seen = counts.copy()
    seen[-25:] = 0
    found = space(ill, counts, seen)
    assert found["short"] == found["unseen"] == 0.05
    assert len(cautions(found)) == 2
    assert "first" not in space(np.ones((3, 2), np.float32), None)


def test_words_to_be_judged_are_content_words_over_the_frequencies():
    words = [f"word{chr(97 + n // 26 % 26)}{chr(97 + n % 26)}{'x' * (n // 676)}" for n in range(2000)]
    words[150], words[151] = "an", "n_1x"
    good = telling(words, np.arange(2000))
    assert good[0] == 100
    assert {150, 151}.isdisjoint(good.tolist())
    asked = over_frequencies(good, 24)
    assert len(asked) == 24
    assert asked[0] == 100
    assert asked[-1] == 1999
    assert (np.diff(np.diff(asked)) >= -1).all(), "further apart, the rarer they are"
    assert telling(["1", "2", "3"], np.arange(3)).tolist() == [0, 1, 2]
    assert telling(["水", "火", "x1"], np.arange(3)).tolist() == [0, 1]


def test_what_is_gathered_is_the_same_each_time_and_plain_json():
    rng = np.random.default_rng(3)
    ids = text(rng, 60, 5_000)
    words = [f"{chr(97 + n // 26)}{chr(97 + n % 26)}word" for n in range(60)]
    model = WordVectors(words, rng.normal(size=(60, 8)), np.bincount(ids[ids >= 0], minlength=60))
    start, end = (
        {"heldout": loss, "shuffled": shuffled, "gap": shuffled - loss} for loss, shuffled in ((5, 5), (3, 4))
    )
    found, again = (evidence(model, ids, 3, start, end, held_out=True) for _ in range(2))
    assert found == again
    assert Evaluation.from_dict(json.loads(json.dumps(found.to_dict(), allow_nan=False))) == found
    rows = found.rows("neighbours")
    assert found.verdict["kind"] == "undecided", "no text was held out"
    assert "5 to 3" in found.verdict["sentence"]
    assert len(rows) == 24
    for row in rows:
        nearest = [[word, round(cosine, 4)] for word, cosine in model.most_similar(row["word"], 8)]
        assert row["model"] == nearest
        assert row["word"] not in [word for word, _ in row["counts"]]
    everyone = [len({a for a, _ in row["model"]} & {a for a, _ in row["counts"]}) for row in rows]
    assert [row["shared"] for row in rows] == everyone
    assert found.health["neighbours_shared"] == pytest.approx(np.mean(everyone))
    assert found.health["counted_words"] == 60
    assert {row["word"] for row in found.rows("map")} <= set(words)
    assert len(found.short().splitlines()) >= 7, "six words and the verdict"
    assert "by counting" in str(found)


@pytest.mark.parametrize(
    ("start", "end", "kind", "said"),
    [
        ((5.0, 0.0), (5.0, 0.0), "not learning", "another word's vector guesses as well"),
        ((5.0, 0.0), (3.0, 0.0), "not learning", "another word's vector guesses as well"),
        ((2.7, 0.248), (2.69, 0.246), "not learning", "says no more of what stands around it than before training"),
        ((5.0, 0.0), (3.0, 1.0), "undecided", "says what stands around it"),
    ],
)
def test_the_sentence_is_true_for_every_verdict(start, end, kind, said):
    rng = np.random.default_rng(4)
    model = WordVectors(["a", "b", "c"], rng.normal(size=(3, 4)), [9, 5, 2])
    records = ({"heldout": loss, "gap": gap, "shuffled": loss + gap, "gap_sd": 0.001} for loss, gap in (start, end))
    found = evidence(model, np.array([0, 1, 2, -1, 0], np.int32), 2, *records, held_out=False)
    assert found.verdict["kind"] == kind
    assert said in found.verdict["sentence"]
    assert ("guesses as well" in found.verdict["sentence"]) == (end[1] == 0)
    assert "learnt from (too little" in found.verdict["sentence"]


def test_vectors_that_are_all_the_same_have_collapsed():
    model = WordVectors(["a", "b", "c"], np.ones((3, 4)) + 1e-6 * np.eye(3, 4), [9, 5, 2])
    record = {"heldout": 5.0, "shuffled": 6.0, "gap": 1.0}
    found = evidence(model, np.array([0, 1, 2], np.int32), 2, record, record, held_out=True)
    assert found.verdict["kind"] == "collapsed"
    assert "the same, but for rounding" in found.verdict["sentence"]

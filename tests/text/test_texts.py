"""Codes of texts from word vectors: weights, means and components, against slow references and closed forms."""

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from sklearn.feature_extraction.text import TfidfTransformer

from selfsup.errors import OptionError, RunError
from selfsup.words import WordVectors
from selfsup.words.texts import (
    MOST,
    TEXTS,
    Bags,
    TextFacts,
    components,
    sif_weights,
    text_vectors,
    tfidf_weights,
    usual_removed,
    weights_of,
    without,
)

WORDS = [f"w{number}" for number in range(30)]


def table(dim=8, seed=0, **more):
    rng = np.random.default_rng(seed)
    counts = np.sort(rng.integers(1, 1000, len(WORDS)))[::-1]
    return WordVectors(WORDS, rng.normal(size=(len(WORDS), dim)).astype(np.float32), counts, **more)


def slow(vectors, texts, weights, unit):
    """Text by text, as the formula has it."""
    found = np.zeros((len(texts), vectors.dim))
    for row, text in zip(found, texts, strict=True):
        for word in text:
            vector = vectors.vectors[word].astype(np.float64)
            row += weights[word] * (vector / np.linalg.norm(vector) if unit else vector)
        if text:
            row /= sum(weights[word] for word in text)
    return found


def ids(texts):
    joined = []
    for number, text in enumerate(texts):
        joined += [*([-1] if number else []), *text]
    return np.array(joined, np.int32)


texts_of_words = st.lists(st.lists(st.integers(0, len(WORDS) - 1), max_size=12), min_size=1, max_size=20)


@settings(max_examples=60, deadline=None)
@given(texts_of_words, st.booleans())
def test_texts_are_weighted_means(texts, unit):
    vectors = table()
    weights = sif_weights(vectors.counts)
    found = text_vectors(vectors, ids(texts), weights, unit=unit)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, slow(vectors, texts, weights, unit), atol=2e-6)
    assert all((row == 0).all() for row, text in zip(found, texts, strict=True) if not text)


@settings(max_examples=40, deadline=None)
@given(texts_of_words, st.randoms(use_true_random=False))
def test_a_code_is_of_its_text_alone(texts, random):
    """To the bit: whichever texts are beside it, and in whichever order."""
    vectors = table()
    alone = [text_vectors(vectors, ids([text]))[0] for text in texts]
    order = random.sample(range(len(texts)), len(texts))
    both = text_vectors(vectors, ids([texts[place] for place in order] * 2))
    np.testing.assert_array_equal(both, [alone[place] for place in order] * 2)
    axes = components(both, 2)
    expected = [without(alone[place][None], axes)[0] for place in order] * 2
    np.testing.assert_array_equal(without(both, axes), expected)


def test_bags_of_nothing():
    for held, texts in ((np.zeros(0, np.int32), 1), (np.array([-1, -1], np.int32), 3)):
        bags = Bags.of(held)
        assert len(bags) == texts
        assert bags.sizes.tolist() == [0] * texts
        assert text_vectors(table(), bags).tolist() == np.zeros((texts, 8)).tolist()
        assert bags.frequencies(4).tolist() == [0] * 4


@settings(max_examples=40, deadline=None)
@given(texts_of_words, st.integers(1, 8))
def test_frequencies_and_some_of_the_texts(texts, most):
    bags = Bags.of(ids(texts))
    np.testing.assert_array_equal(
        bags.frequencies(len(WORDS)), [sum(word in text for text in texts) for word in range(len(WORDS))]
    )
    held = [text for text in texts if text]
    some = bags.some(most)
    assert len(some) == min(most, len(held))
    parts = [some.words[start:end].tolist() for start, end in zip(some.ends, some.ends[1:], strict=False)]
    assert all(part in held for part in parts)
    assert len(held) > most or parts == held


def test_weights_have_their_closed_forms():
    np.testing.assert_allclose(sif_weights(np.array([90, 9, 1, 0]), 0.1), [0.1, 0.1 / 0.19, 0.1 / 0.11, 1], rtol=1e-6)
    counts = np.random.default_rng(0).integers(0, 2, (40, 6))
    theirs = TfidfTransformer().fit(counts)
    np.testing.assert_allclose(tfidf_weights(counts.sum(0), 40), theirs.idf_, rtol=1e-6)
    assert [usual_removed(dim) for dim in (8, 20, 99, 100, 300)] == [0, 1, 4, 5, 5]


def test_components_are_right_singular_vectors_and_go():
    rng = np.random.default_rng(1)
    codes = (rng.normal(size=(500, 12)) * np.linspace(3, 0.5, 12) + rng.normal(size=12)).astype(np.float32)
    axes = components(codes, 4)
    theirs = np.linalg.svd(codes.astype(np.float64), full_matrices=False)[2][:4]
    np.testing.assert_allclose(np.abs((axes * theirs).sum(1)), 1, atol=1e-5)
    left = without(codes, axes)
    assert np.abs(left @ axes.T).max() < 1e-4
    np.testing.assert_allclose(left, codes - codes @ theirs.T @ theirs, atol=1e-4)
    assert components(codes[:2], 5).shape == (2, 12)  # there are no more
    assert components(np.zeros((3, 4), np.float32)).shape == (0, 4)
    assert without(codes, axes[:0]) is codes


def test_sif_of_the_given_texts_is_that_of_the_trial():
    """Unit words, a / (a + p), the first component of the texts taken away: ../shared/trials/sentence_vectors.py."""
    vectors = table(16)
    rng = np.random.default_rng(2)
    texts = [rng.integers(0, len(WORDS), rng.integers(1, 15)).tolist() for _ in range(60)]
    share = vectors.counts / vectors.counts.sum()
    unit = vectors.vectors / np.linalg.norm(vectors.vectors, axis=1, keepdims=True)
    weight = 1e-3 / (1e-3 + share)
    one = np.stack([(weight[text, None] * unit[text]).sum(0) / weight[text].sum() for text in texts])
    first = np.linalg.svd(one, full_matrices=False)[2][:1]
    found = text_vectors(vectors, ids(texts), sif_weights(vectors.counts))
    np.testing.assert_allclose(without(found, components(found, 1)), one - one @ first.T @ first, atol=1e-5)


@pytest.mark.parametrize("dtype", ["float16", "int8"])
def test_quantised_tables_are_read_where_they_are_needed(dtype):
    small = table(32).astype(dtype)
    whole = WordVectors(WORDS, small.rows(slice(None)), small.counts)
    held = ids([[0, 3, 3], [], [29]])
    np.testing.assert_array_equal(text_vectors(small, held), text_vectors(whole, held))


def test_what_was_learnt_of_a_text_is_kept(tmp_path):
    vectors = table(24)
    rng = np.random.default_rng(3)
    texts = [rng.integers(0, len(WORDS), rng.integers(0, 9)).tolist() for _ in range(300)]
    facts = TextFacts.learn(vectors, ids(texts))
    assert facts.sentences == sum(map(bool, texts))
    assert facts.components.keys() == {"sif", "tfidf", "mean"}
    codes = text_vectors(vectors, ids(texts), tfidf_weights(facts.frequencies, facts.sentences))
    np.testing.assert_allclose(facts.components["tfidf"], components(codes, MOST), atol=1e-4)
    facts.write(tmp_path)
    again = TextFacts.read(tmp_path, len(WORDS), 24)
    np.testing.assert_array_equal(again.frequencies, facts.frequencies)
    np.testing.assert_array_equal(again.components["sif"], facts.components["sif"])
    assert TextFacts.read(tmp_path / "none", len(WORDS), 24) is None
    for words, dim in ((len(WORDS) + 1, 24), (len(WORDS), 23)):
        with pytest.raises(RunError, match="damaged"):
            TextFacts.read(tmp_path, words, dim)
    whole = (tmp_path / TEXTS).read_bytes()
    for damaged in (whole[:-7], whole[:-4] + b"\x00\x00\xc0\x7f", whole[:-4] + b"\x00\x00\x80\x4f"):
        (tmp_path / TEXTS).write_bytes(damaged)
        with pytest.raises(RunError, match="damaged"):
            TextFacts.read(tmp_path, len(WORDS), 24)


def test_without_counts_there_is_no_sif():
    bare = WordVectors(WORDS, table().vectors)
    assert TextFacts.learn(bare, ids([[1, 2], [3]])).components.keys() == {"tfidf", "mean"}
    with pytest.raises(OptionError, match="without counts"):
        weights_of("sif", bare)
    with pytest.raises(OptionError, match="sif"):
        weights_of("siff", bare)

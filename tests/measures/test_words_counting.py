"""Vectors by counting, what neighbours foretell of a text that was held out, and errors of leads: against slow references."""

import numpy as np
import pytest
import scipy.sparse
import scipy.stats

from selfsup.data.text.cooccurrence import cooccurrence
from selfsup.measures.run import Evidence, Text
from selfsup.measures.words import leads, rivals
from selfsup.measures.words.contexts import LEAST, NEAR, SHARE, asked, gains
from selfsup.measures.words.counting import SMALL, counted_vectors, counts, factored, ppmi
from selfsup.words import WordVectors


def ring(lines, seed, size=60, length=12):
    """Ids of sentences in which a word is followed by one near it on a ring; -1 between them."""
    rng = np.random.default_rng(seed)
    steps = np.cumsum(rng.integers(-2, 3, (lines, length)), 1) + rng.integers(0, size, (lines, 1))
    return np.concatenate([steps % size, np.full((lines, 1), -1)], 1).ravel().astype(np.int32)


def test_counts_and_ppmi_of_a_tiny_text_by_hand():
    """The text "a b a | c a", window 2: a neighbour counts 1, the next one 1/2; a stands near itself from both sides."""
    ids = np.array([0, 1, 0, -1, 2, 0], np.int32)
    table = counts(ids, 3, 2).toarray()
    np.testing.assert_allclose(table, [[1, 2, 1], [2, 0, 0], [1, 0, 0]])
    around = np.array([4, 2, 1]) ** 0.75
    shares = around / around.sum()
    expected = np.zeros((3, 3))
    for i, j in np.argwhere(table > 0):
        expected[i, j] = max(0, np.log(table[i, j] / table[i].sum() / shares[j]))
    np.testing.assert_allclose(ppmi(scipy.sparse.csr_matrix(table)).toarray(), expected, atol=1e-6)


def test_the_weights_of_distances_are_those_that_are_given():
    ids = np.array([0, 1, 2, -1], np.int32)
    found = cooccurrence(ids, 3, 2, weights=np.array([4.0, 3.0]))
    assert dict(zip(zip(found.rows.tolist(), found.columns.tolist(), strict=True), found.counts.tolist(), strict=True)) == {
        (0, 1): 4, (0, 2): 3, (1, 0): 4, (1, 2): 4, (2, 0): 3, (2, 1): 4,
    }  # fmt: skip


@pytest.mark.parametrize("rows", [40, SMALL + 100])
def test_vectors_are_those_of_numpys_singular_value_decomposition(rows):
    rng = np.random.default_rng(0)
    decay = np.diag(2.0 ** -np.arange(30))
    matrix = rng.normal(size=(rows, 30)) @ decay @ rng.normal(size=(30, rows))
    found = factored(scipy.sparse.csr_matrix(matrix.astype(np.float32)), 8)
    left, values, _ = np.linalg.svd(matrix)
    expected = left[:, :8] * np.sqrt(values[:8])
    signs = np.sign((found * expected).sum(0))
    np.testing.assert_allclose(found * signs, expected, atol=2e-3 * np.sqrt(values[0]))
    assert found.dtype == np.float32


def test_the_same_text_gives_the_same_vectors_and_a_narrow_one_fewer_values():
    ids = ring(50, 0)
    first, again = (counted_vectors(ids, 60, 3, 10).vectors for _ in range(2))
    np.testing.assert_array_equal(first, again)
    assert counted_vectors(ids, 60, 3, 100).vectors.shape == (60, 60)


def slow_gains(vectors, fresh, learnt, size, window):
    """By loops: the mean over contexts of log((1 - s) + s q / p)."""
    there, here = (counts(one, size, window).toarray().astype(np.float64) for one in (fresh, learnt))
    usual = here.sum(0) / here.sum()
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    found = {}
    for word in range(size):
        known = np.flatnonzero((there[word] > 0) & (usual > 0))
        if there[word, known].sum() < LEAST:
            continue
        order = np.argsort(-(unit @ unit[word]), kind="stable")
        near = [other for other in order.tolist() if other != word][:NEAR]
        guess = np.mean([here[other] / here[other].sum() for other in near], axis=0)
        logs = [there[word, c] * np.log((1 - SHARE) + SHARE * guess[c] / usual[c]) for c in known]
        found[word] = sum(logs) / there[word, known].sum()
    return found


def test_what_neighbours_foretell_is_the_plain_loop():
    learnt, fresh = ring(80, 1), ring(30, 2)
    vectors = np.random.default_rng(1).normal(size=(60, 5)).astype(np.float32)
    questions = asked(fresh, counts(learnt, 60, 3), 60, 3)
    expected = slow_gains(vectors.astype(np.float64), fresh, learnt, 60, 3)
    assert questions.rows.tolist() == list(expected)
    np.testing.assert_allclose(gains(vectors, questions), list(expected.values()), atol=1e-5)


def test_a_word_that_was_never_learnt_is_neither_asked_about_nor_a_neighbour():
    learnt, fresh = ring(80, 1), ring(30, 2)
    learnt[learnt == 7] = 8
    vectors = np.random.default_rng(1).normal(size=(60, 5)).astype(np.float32)
    vectors[7] = vectors[30]
    questions = asked(fresh, counts(learnt, 60, 3), 60, 3)
    assert 7 not in questions.rows
    assert 30 in questions.rows
    other = vectors.copy()
    other[7] = -vectors[30]
    np.testing.assert_array_equal(gains(vectors, questions), gains(other, questions))


def test_true_neighbours_foretell_and_random_ones_do_not():
    learnt, fresh = ring(400, 3), ring(60, 4)
    angle = 2 * np.pi * np.arange(60) / 60
    true = np.stack([np.cos(angle), np.sin(angle)], 1).astype(np.float32)
    questions = asked(fresh, counts(learnt, 60, 3), 60, 3)
    assert gains(true, questions).mean() > 1
    assert gains(np.random.default_rng(0).normal(size=(60, 20)).astype(np.float32), questions).mean() < 0.2
    assert (gains(np.zeros((60, 3), np.float32), questions) == 0).all(), "no neighbours, no guess"


def test_a_measure_gives_rows_with_paired_errors(tmp_path):
    rng = np.random.default_rng(5)
    words = [f"{chr(97 + n // 26)}{chr(97 + n % 26)}" for n in range(60)]
    people = rng.normal(size=(60, 6))
    learnt, fresh = ring(200, 6), ring(40, 7)
    pairs = tmp_path / "pairs.tsv"
    some = [(a, b) for a in range(0, 60, 3) for b in range(1, 60, 9) if a != b]
    pairs.write_text("".join(f"{words[a]}\t{words[b]}\t{people[a] @ people[b]:.6f}\n" for a, b in some))
    model = WordVectors(words, people + 0.2 * rng.normal(size=people.shape))
    worse = WordVectors(words, people + 2.0 * rng.normal(size=people.shape))
    chance = WordVectors(words, rng.normal(size=people.shape))
    rivals_of_it = {"counting": worse, "random init": chance}  # the first in the place of what counting gives
    evidence = Evidence(
        words=model, text=Text(learnt, 3, fresh), rivals=rivals_of_it, options={"similarity": str(pairs)}
    )
    table = rivals.measure(evidence)
    assert [row["encoder"] for row in table.rows] == 2 * ["model", "counting", "random init"]
    assert {row["what"] for row in table.rows} == {leads.HELD_OUT, "similarity, pairs.tsv"}
    rows = {row["encoder"]: row for row in table.rows if row["what"] != leads.HELD_OUT}
    unit = worse.vectors / np.linalg.norm(worse.vectors, axis=1, keepdims=True)
    own = scipy.stats.spearmanr([unit[a] @ unit[b] for a, b in some], [people[a] @ people[b] for a, b in some])
    assert rows["counting"]["score"] == pytest.approx(own.statistic, abs=1e-6)
    assert rows["counting"]["lead"] == pytest.approx(rows["model"]["score"] - rows["counting"]["score"])
    assert rows["model"]["lead"] is None
    assert 0.5 * own.statistic < rows["random init"]["lead"] + rows["random init"]["score"]
    assert 0.02 < rows["counting"]["lead_error"] < 0.15
    assert "held against counting" in leads.lines(table)[0]


def test_the_error_of_a_lead_in_rank_is_that_of_many_draws(monkeypatch):
    """Of 200 draws of 150 pairs, the leads differ as far as the bootstrap of one of them says."""
    rng = np.random.default_rng(8)
    truth = rng.normal(size=(200, 150))
    scores = [truth + noise * rng.normal(size=truth.shape) for noise in (0.7, 1.0)]

    def rank(a, b):
        return scipy.stats.spearmanr(a, b).statistic

    every = [rank(a, t) - rank(b, t) for a, b, t in zip(*scores, truth, strict=True)]

    class Known:
        def __init__(self, values, people):
            self.cosines, self.people = values.tolist(), people.tolist()

    said = []
    for draw in range(12):
        known = {"model": Known(scores[0][draw], truth[draw]), "counting": Known(scores[1][draw], truth[draw])}
        monkeypatch.setattr(rivals, "similarity", lambda vectors, path: vectors)
        said.append(rivals._compared(known, "pairs.tsv", 0)[1]["lead_error"])
    assert np.mean(said) == pytest.approx(np.std(every), rel=0.2)

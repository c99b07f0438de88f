"""Ways to a classifier of texts on the same labelled rows: vectors as they are, trained on, from random ones, and TF-IDF."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from selfsup.lazy import scipy
from selfsup.measures.run import Attempt
from selfsup.measures.samples import compare, probe
from selfsup.measures.samples.efficiency import SCRATCH, TUNED
from selfsup.measures.samples.transfer import BOTH, FROZEN, KEPT, TFIDF
from selfsup.model.model import Model
from selfsup.training.bagnet import fine_tuned
from selfsup.training.bags import Counted, shares, tfidf, used
from selfsup.training.choosing import Choice, Make, choose, much, regression, trained
from selfsup.words import texts as by_words
from selfsup.words.search import unit_rows
from selfsup.words.vectors import WordVectors

STRENGTHS = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0)  # C, where codes have the mean squared norm of a probe's
TFIDF_STRENGTHS = (0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0)  # C, where rows have length 1
FEATURES = (
    (True, False),
    (True, True),
    (False, False),
    (False, True),
)  # of TF-IDF: sublinear counts, pairs of words too
SCALES = (0.25, 0.5, 1.0, 2.0, 4.0)  # size of the codes beside that of TF-IDF
NAMED = 10  # words without a vector that are told


class Weighted:
    """Texts as weighted means of word vectors, by one rule of weights.

    Parameters
    ----------
    counted
        Words of the texts, those that are trained on first.
    table
        (U, D) vectors of the words.
    weights
        (U,); 0 for a word without a vector.
    rows
        How many texts there are to train on.
    """

    def __init__(self, counted: Counted, table: np.ndarray, weights: np.ndarray, rows: int) -> None:
        self.table, self.shares = table, shares(counted.single, weights)
        codes = np.asarray(self.shares @ table, np.float32)
        (self.codes,) = probe.scale_features(codes[:rows], codes)  # (n + m, D)


def weighted(counted: Counted, model: Model, rows: int) -> tuple[list[Weighted], np.ndarray]:
    """Every way to weigh the words that the vectors allow, the usual one first, and which words have a vector, (U,)."""
    vectors = model.word_vectors
    assert vectors is not None
    place = np.array([vectors.index.get(word, -1) for word in counted.words], np.int64)
    table = np.zeros((len(place), vectors.dim), np.float32)
    table[place >= 0] = vectors.rows(place[place >= 0])
    covered = (place >= 0) | _compose(vectors, counted.words, place, table)
    names: list[by_words.Weights] = ["sif"] if by_words.has_counts(vectors) else []
    facts = getattr(model, "texts", None)
    if facts is not None:
        names.append("tfidf")
    found = []
    for name in (*names, "mean"):
        known = by_words.weights_of(
            name, vectors, *((0, None) if facts is None else (facts.sentences, facts.frequencies))
        )
        weights = np.ones(len(place), np.float32) if known is None else np.where(place >= 0, known[place], known.max())
        shown = table if name == "mean" else unit_rows(table)
        found.append(Weighted(counted, shown, (weights * covered).astype(np.float32), rows))
    return found, covered


def _compose(vectors: WordVectors, words: Sequence[str], place: np.ndarray, table: np.ndarray) -> np.ndarray:
    """Fill in vectors of words that only their n-grams give, where the table has these; (U,) whether it has."""
    made = np.zeros(len(words), bool)
    if vectors.ngrams is not None:
        for row in np.flatnonzero(place < 0).tolist():
            table[row] = vectors.ngrams.vector(words[row])
        made[place < 0] = table[place < 0].any(1)
    return made


@dataclass(frozen=True)
class TextWays:
    """What it takes to come to a classifier of texts in several ways, on the same rows.

    Attributes
    ----------
    counted
        Words of the n texts that are trained on, and after them of the m that are tested on.
    labels
        (n,) classes of the first n, 0..classes-1.
    weighted
        Ways to weigh their words, the usual one first.
    covered
        (U,) whether a word has a vector.
    """

    counted: Counted
    labels: np.ndarray
    classes: int
    weighted: Sequence[Weighted]
    covered: np.ndarray
    seed: int

    def attempts(self, task: compare.Task) -> Iterator[Attempt]:
        """Guesses of the test rows in every way, for each draw of labelled rows."""
        with threadpool_limits(1):  # products this small are slower by several threads
            for draw, rows in enumerate(task.draws):
                for way, classes in self.guesses(rows, self.seed + draw).items():
                    yield Attempt(way, task.per_class, len(rows), classes)

    def guesses(self, rows: np.ndarray, seed: int) -> Mapping[str, np.ndarray]:
        """Classes (m,) of the test rows by each way, learnt from these labelled rows."""
        labels, found = self.labels[rows], dict[str, np.ndarray]()
        found[FROZEN], chosen = self._frozen(rows, labels, seed)
        found |= self._tuned(self.weighted[chosen], rows, labels, seed)
        found |= self._by_words(self.weighted[chosen], rows, labels, seed)
        return found

    def _frozen(self, rows: np.ndarray, labels: np.ndarray, seed: int) -> tuple[np.ndarray, int]:
        """By logistic regression on the codes; the weights of words are chosen too, and told by their number."""

        def make(codes: np.ndarray) -> Make:
            return lambda fit, held: (codes[rows[fit]], codes[n:] if held is None else codes[rows[held]])

        n, makes = len(self.labels), [make(one.codes) for one in self.weighted]
        choice = choose(makes, STRENGTHS, Choice(0, 1.0), labels, seed)
        return predicted(makes, choice, labels), choice.features

    def _tuned(self, chosen: Weighted, rows: np.ndarray, labels: np.ndarray, seed: int) -> dict[str, np.ndarray]:
        """By an embedding layer that goes on from the vectors, and by one that goes on from random ones."""
        test = chosen.shares[len(self.labels) :]
        seen = used(chosen.shares[rows])
        few = chosen.shares[rows][:, seen]
        net = fine_tuned(few, chosen.table[seen], labels, self.classes, seed)
        dropped = test[:, seen] @ net.word_scores()  # (m, K)
        # what a text loses with its unseen words is made up for: its shares add up to 1 again
        total = np.asarray(test[:, seen].sum(axis=1)).reshape(-1, 1)
        dropped = dropped / np.where(total > 0, total, 1) + net.bias
        scores = chosen.table @ net.weight.T  # (U, K)
        scores[seen] = net.word_scores()
        noise = np.random.default_rng(seed).standard_normal(chosen.table[seen].shape, np.float32)
        scratch = fine_tuned(few, noise * np.float32(chosen.table[seen].std()), labels, self.classes, seed)
        blind = test[:, seen] @ scratch.word_scores()
        return {
            TUNED: dropped.argmax(1),
            KEPT: (test @ scores + net.bias).argmax(1),
            SCRATCH: (blind / np.where(total > 0, total, 1) + scratch.bias).argmax(1),
        }

    def _by_words(self, chosen: Weighted, rows: np.ndarray, labels: np.ndarray, seed: int) -> dict[str, np.ndarray]:
        """By logistic regression on TF-IDF, and on that and the codes side by side."""
        n, parts = len(self.labels), []
        for table, least in ((self.counted.single, 1), (self.counted.pairs, 3 if much(labels) else 1)):
            columns = used(table[rows], least)
            parts.append((table[rows][:, columns], table[n:][:, columns]))
        single = parts[0]
        double = tuple(scipy.sparse.hstack(both, format="csr") for both in zip(*parts, strict=True))

        def make(sublinear: bool, pairs: bool) -> Make:
            train, test = double if pairs else single
            return lambda fit, held: tfidf(train[fit], test if held is None else train[held], sublinear=sublinear)

        makes = [make(*features) for features in FEATURES]
        choice = choose(makes, TFIDF_STRENGTHS, Choice(0, 10.0), labels, seed)
        codes = chosen.codes / np.float32(
            np.sqrt(probe.SQUARED_NORM)
        )  # of mean squared norm 1: rows of TF-IDF have length 1

        def beside(scale: np.float32) -> Make:
            def made(fit: np.ndarray, held: np.ndarray | None) -> tuple[Any, Any]:
                words = makes[choice.features](fit, held)
                dense = codes[rows[fit]], codes[n:] if held is None else codes[rows[held]]
                more = [scipy.sparse.csr_array(one * scale) for one in dense]
                return tuple(scipy.sparse.hstack(both, format="csr") for both in zip(words, more, strict=True))

            return made

        both = [beside(np.float32(scale)) for scale in SCALES]
        of_both = choose(both, TFIDF_STRENGTHS, Choice(SCALES.index(2.0), 10.0), labels, seed)
        return {TFIDF: predicted(makes, choice, labels), BOTH: predicted(both, of_both, labels)}


def predicted(makes: Sequence[Make], choice: Choice, labels: np.ndarray) -> np.ndarray:
    """Classes of the test rows by the features and the strength that were chosen, learnt from all labels of a draw."""
    train, test = makes[choice.features](np.arange(len(labels)), None)
    found: np.ndarray = trained(regression(choice.strength), train, labels).predict(test)
    return found

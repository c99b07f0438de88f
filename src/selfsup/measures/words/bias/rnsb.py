"""RNSB: would a classifier that learnt from word vectors what is negative find some groups more negative than others?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from selfsup.errors import DataError
from selfsup.lazy import sklearn
from selfsup.measures.words.bias.bootstrap import DRAWS, FREQUENT, average, drawn, frequent_units, percentiles, seeded
from selfsup.measures.words.bias.score import Score, sets_of
from selfsup.words.vectors import WordVectors

FITS = 100  # classifiers of the bootstrap, as each takes milliseconds
FOLDS = 5


def rnsb(
    vectors: WordVectors,
    words: Sequence[str],
    positive: Sequence[str],
    negative: Sequence[str],
    *,
    seed: int = 0,
    allow_missing: bool = False,
    of: str = "",
) -> Score:
    """Relative negative sentiment bias (Sweeney and Najafian 2019, ACL, its definition of RNSB): 0 is no bias.

    A logistic regression learns which words are negative; its probabilities of `negative` for the target words, made to sum to
    1, are compared with equal ones by the Kullback-Leibler divergence, in nats. It learns from all attribute words with vectors
    of length 1, so that the same words give the same value; WEFE leaves a third of them
    out, another one each time.

    Parameters
    ----------
    vectors
        The words and their vectors.
    words
        Target words, such as those for several groups.
    positive, negative
        Two sets of attribute words.
    seed
        Of the bootstrap, the random words and the folds of the accuracy in the note.
    allow_missing
        Also if a set lost more than 20 % of its words.
    of
        What the score is called.

    Raises
    ------
    DataError
        If a set lost more than 20 % of its words, or sets overlap; it names the words.
    """
    sets = sets_of(vectors, {"words": words, "positive": positive, "negative": negative}, allow_missing=allow_missing)
    target, good, bad = sets.units.values()
    if len(target) < 2:
        raise DataError(f"RNSB compares target words and needs at least 2 of them in the vectors; got {len(target)}")
    attributes = np.vstack([good, bad])
    labels = np.repeat([0, 1], [len(good), len(bad)])
    classifier = _fitted(attributes, labels)
    probabilities = classifier.predict_proba(target)[:, 1]  # (m,)
    sizes = (len(target), len(good), len(bad))
    of_words, of_good, of_bad = drawn(sizes, seed=seed)
    refits = [
        _fitted(attributes[np.concatenate([of_good[number], len(good) + of_bad[number]])], labels)
        for number in range(FITS)
    ]
    each = np.stack([one.predict_proba(target)[:, 1] for one in refits])  # (fits, m)
    values = divergence(each[np.arange(DRAWS)[:, None] % FITS, of_words])  # (draws,)
    common = classifier.predict_proba(frequent_units(vectors))[:, 1]
    random = seeded(seed).integers(len(common), size=(DRAWS, len(target)))
    low, high = percentiles(values, sizes)
    return Score(
        "RNSB",
        of
        or f"{sets.found['words'].asked[0]}…, {sets.found['positive'].asked[0]}… / {sets.found['negative'].asked[0]}…",
        float(divergence(probabilities[None])[0]),
        low,
        high,
        average(divergence(common[random])),
        0.0,
        note=f"{_accuracy(attributes, labels, seed)} Most negative: {_most(sets.found['words'].words, probabilities)}. "
        f"The interval rests on {FITS} classifiers. Chance is the mean for as many random words (of the {FREQUENT:,} "
        "most frequent).",
        **sets.facts,
    )


def divergence(probabilities: np.ndarray) -> np.ndarray:
    """Kullback-Leibler divergence (k,) in nats of probabilities (k, m), made to sum to 1, from equal ones."""
    parts = probabilities / probabilities.sum(axis=1, keepdims=True)
    terms = parts * np.log(np.maximum(parts, np.finfo(np.float64).tiny) * parts.shape[1])
    made: np.ndarray = np.maximum(terms.sum(axis=1), 0)  # rounding makes it negative
    return made


def _fitted(rows: np.ndarray, labels: np.ndarray) -> Any:
    """A logistic regression of rows (n, D) with scikit-learn's defaults (L2, C = 1), which draw nothing."""
    return sklearn.linear_model.LogisticRegression(max_iter=2000).fit(rows, labels)


def _accuracy(rows: np.ndarray, labels: np.ndarray, seed: int) -> str:
    """How well the classifier knows attribute words that it did not learn from: without that the rest says little."""
    folds = min(FOLDS, int(np.bincount(labels).min()))
    if folds < 2:
        return ""
    split = sklearn.model_selection.StratifiedKFold(folds, shuffle=True, random_state=seed % (1 << 32))
    right = 0
    for learnt, held in split.split(rows, labels):
        right += int((_fitted(rows[learnt], labels[learnt]).predict(rows[held]) == labels[held]).sum())
    return f"The classifier is right for {right / len(labels):.0%} of attribute words held out."


def _most(words: Sequence[str], probabilities: np.ndarray) -> str:
    """The words with the highest probabilities, and them."""
    return ", ".join(f"{words[row]} {probabilities[row]:.2f}" for row in np.argsort(-probabilities, kind="stable")[:3])

"""Words whose meaning has the attribute, which must keep it: given, or learnt from seeds by a linear SVM."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from selfsup.errors import DataError, OptionError
from selfsup.lazy import sklearn
from selfsup.words.bias.attribute import Attribute
from selfsup.words.bias.given import all_units, found, known, listed, units, whole_number
from selfsup.words.bias.lists import ATTRIBUTES, chosen
from selfsup.words.vectors import WordVectors

log = logging.getLogger("selfsup")
LEARN = "learn"  # what stands for words that are to be learnt
C = 1.0  # of the SVM (Bolukbasi et al. 2016, sec. 7)
FOLDS = 10
PAPER = (0.627, 0.102)  # F1 and its standard deviation over folds, on its vectors
FEWEST = 10  # seeds that can be learnt from: one a fold


class SpecificWords(list[str]):
    """Words learnt from seeds, the seeds among them, in the order of the vectors.

    Attributes
    ----------
    f1, f1_sd
        Mean and standard deviation of F1 over ten folds of the seeds and of the words beside them; None where it was not asked
        for. A word that is no seed counts as an error where it is found, be it rightly or not.
    seeds, missing
        How many seeds were learnt from, and those that the vectors lack.
    restrict
        How many of the most frequent words were learnt from.
    """

    f1: float | None = None
    f1_sd: float | None = None
    seeds: int = 0
    missing: tuple[str, ...] = ()
    restrict: int = 0

    def facts(self) -> dict[str, Any]:
        """What there is to say of how they were learnt; goes into JSON."""
        told = {"f1": self.f1, "f1_sd": self.f1_sd, "seeds": self.seeds, "restrict": self.restrict}
        return {**told, "missing_seeds": list(self.missing)}


def specific_words(
    vectors: WordVectors,
    seeds: str | os.PathLike[str] | Mapping[str, Any] | Sequence[str] = "gender",
    restrict: int | None = 50_000,
    *,
    folds: int = FOLDS,
    seed: int = 0,
) -> SpecificWords:
    """Learn which words have the attribute by definition: a linear SVM, C = 1, from seeds (Bolukbasi et al. 2016, sec. 7).

    It learns from the seeds, in any case of their letters, against all other words among the `restrict` most frequent, and then
    says it of all words. Vectors have length 1.

    Parameters
    ----------
    vectors
        Where to learn.
    seeds
        Words that have the attribute for certain: a bundled attribute's (`Attribute.specific`), a JSON file, or a list.
    restrict
        How many of the most frequent words are learnt from; None: all.
    folds
        Of the cross-validation that tells F1, which takes as many times longer; 0: none. The paper has 0.627 +- 0.102; an F1
        below that range is logged as a warning.
    seed
        Of the folds and the SVM.

    Raises
    ------
    OptionError, DataError
        If seeds are no list of words, or fewer than 10 of them are in the vectors, or no other words are.
    """
    check_seed(seed)
    restrict = None if restrict is None else whole_number(restrict, "restrict")
    if isinstance(folds, bool) or not isinstance(folds, int) or folds < 0 or folds == 1:
        raise OptionError(f"folds must be 0 (no cross-validation) or 2 or more; got {folds!r}")
    asked = chosen_words(seeds, "seeds")
    first = found(vectors, asked, "seeds", lost=None, least=FEWEST)
    frequent = vectors.frequent(restrict)
    likes = {form for word in asked for form in (word, word.lower())}
    rows = np.union1d(frequent, first.rows)
    same = np.array([not likes.isdisjoint((vectors.words[row], vectors.words[row].lower())) for row in rows.tolist()])
    if same.all():
        raise DataError("all words that can be learnt from are seeds; raise restrict, or give fewer seeds")
    given = units(vectors, rows)  # (m, D)
    made = SpecificWords()
    if folds:
        made.f1, made.f1_sd = _f1(given, same, folds, seed)
        if made.f1 < PAPER[0] - PAPER[1]:
            told = f"specific words are learnt with F1 {made.f1:.2f} (the paper: {PAPER[0]} +- {PAPER[1]})"
            log.warning("%s: on these vectors a list of words says more", told)
    machine = _machine(seed).fit(given, same)
    del given
    inside = np.zeros(len(vectors), bool)
    for part, block in all_units(vectors):
        inside[part] = (block @ machine.coef_[0] + machine.intercept_[0] > 0) & block.any(axis=1)
    inside[rows[same]] = True
    made.extend(vectors.words[row] for row in np.flatnonzero(inside).tolist())
    made.seeds, made.missing, made.restrict = int(same.sum()), first.missing, len(frequent)
    return made


def chosen_words(what: Any, name: str) -> tuple[str, ...]:
    """Words whose meaning has the attribute: a bundled attribute's, those of a JSON file, or the words given; may be none."""
    held = what
    if isinstance(what, str | os.PathLike):
        _, held = chosen(what, ATTRIBUTES, "attribute")
    if isinstance(held, Attribute):
        return held.specific
    if isinstance(held, Mapping):
        return Attribute.read(held).specific
    return () if isinstance(held, list | tuple | set | frozenset) and not held else tuple(listed(held, name))


def forms(word: str) -> tuple[str, ...]:
    """A word as it is given, in lower case, as a Title and in CAPITALS; each once (debiaswe tries the last three)."""
    return tuple(dict.fromkeys((word, word.lower(), word.title(), word.upper())))


def kept_words(vectors: WordVectors, words: Sequence[str]) -> tuple[str, ...]:
    """All forms of words that are in the vectors."""
    index = known(vectors).index
    return tuple(dict.fromkeys(form for word in words for form in forms(word) if form in index))


def check_seed(seed: Any) -> None:
    """Refuse a seed that scikit-learn would not take."""
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or not 0 <= seed < 1 << 32:
        raise OptionError(f"seed must be a whole number from 0 to {(1 << 32) - 1}; got {str(seed)[:40]}")


def _machine(seed: int) -> Any:
    """The SVM: squared hinge loss, as scikit-learn's and debiaswe's; the primal problem, as there are more words than axes."""
    return sklearn.svm.LinearSVC(C=C, dual=False, random_state=seed)


def _f1(given: np.ndarray, same: np.ndarray, folds: int, seed: int) -> tuple[float, float]:
    """Mean and standard deviation of F1 over folds, each with its share of the seeds."""
    folds = min(folds, int(same.sum()), int((~same).sum()))
    split = sklearn.model_selection.StratifiedKFold(max(folds, 2), shuffle=True, random_state=seed)
    scores = []
    for learn, test in split.split(given, same):
        said = _machine(seed).fit(given[learn], same[learn]).predict(given[test])
        scores.append(float(sklearn.metrics.f1_score(same[test], said, zero_division=0.0)))
    return float(np.mean(scores)), float(np.std(scores))

"""Hard debiasing of an attribute of several classes (Manzini et al. 2019, sec. 3)."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from selfsup.errors import OptionError
from selfsup.words.bias.attribute import Attribute
from selfsup.words.bias.direction import Subspace, subspace
from selfsup.words.bias.given import known, listed
from selfsup.words.bias.hard import Lists, facts_of, known_sets
from selfsup.words.bias.specific import chosen_words, kept_words
from selfsup.words.bias.transform import Transform
from selfsup.words.vectors import WordVectors


def multiclass_hard(
    vectors: WordVectors,
    classes: Subspace | Attribute | str | os.PathLike[str] | Mapping[str, Any] | Sequence[Sequence[str]] = "religion",
    *,
    k: int | None = None,
    equalize: Sequence[Sequence[str]] | None = None,
    specific: Lists = None,
) -> tuple[WordVectors, Transform]:
    """Take the subspace of the classes out of every word that is not specific, and equalize the words of each set.

    A neutral word becomes ``w - (w B') B``, of length 1 again, B (k, D) being the subspace. The words of a set get the mean of
    the set without its part in B, and the same length in B, each in its own direction from their mean: every neutral word is
    equally far from all of them.

    Parameters
    ----------
    vectors
        The words and their vectors.
    classes
        Sets with one word of each class, such as ``[["jew", "christian", "muslim"], ["torah", "bible", "quran"]]``, an
        attribute, or its name or file; or what `subspace` made of them.
    k
        Dimensions of the subspace; None: one less than there are classes.
    equalize
        Sets of words to be equalized, in the forms that `hard_debias` tries; of a set those words that are known, where they
        are two or more. By default the sets of the classes; () for none.
    specific
        Words that keep their part in the subspace: those of a bundled attribute or a JSON file, a list, or () for none. By
        default those of the attribute, and the words of its sets.

    Returns
    -------
    WordVectors, Transform
        As of `hard_debias`.

    Raises
    ------
    OptionError, DataError
        If sets have another shape, none is usable, `k` is out of its range, or a vector lies within the subspace alone.
    """
    known(vectors)
    spanned = classes if isinstance(classes, Subspace) else subspace(vectors, classes, k)
    sets = known_sets(vectors, spanned.sets if equalize is None else _sets(equalize))
    kept = kept_words(vectors, _own(classes, spanned) if specific is None else chosen_words(specific, "specific"))
    transform = Transform(
        "multiclass_hard",
        spanned.attribute,
        basis=spanned.basis,
        kept=kept,
        equalize=sets.usable,
        facts={
            **facts_of(vectors, kept, sets),
            "classes": list(spanned.names),
            "shares": spanned.shares.tolist(),
            "missing": list(spanned.missing),
        },
    )
    return transform.apply(vectors), transform


def _sets(equalize: Any) -> list[list[str]]:
    if isinstance(equalize, str) or not isinstance(equalize, Sequence):
        raise OptionError(f"equalize must be a list of sets of words; got {str(equalize)[:60]!r}")
    return [listed(words, "a set of equalize") for words in equalize]


def _own(classes: Any, spanned: Subspace) -> list[str]:
    """Words whose meaning has the attribute: what it says of itself, and the words of its sets."""
    declared = isinstance(classes, Attribute | str | os.PathLike | Mapping)
    specific = Attribute.read(classes).specific if declared else ()
    return [*specific, *(word for words in spanned.sets for word in words)]

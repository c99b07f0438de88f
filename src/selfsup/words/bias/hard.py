"""Hard debiasing: neutralize and equalize (Bolukbasi et al. 2016, sec. 6)."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from selfsup.errors import DataError, OptionError
from selfsup.words.bias.attribute import Attribute
from selfsup.words.bias.direction import Direction
from selfsup.words.bias.given import known, named, paired
from selfsup.words.bias.lists import ATTRIBUTES, chosen
from selfsup.words.bias.specific import LEARN, chosen_words, kept_words, specific_words
from selfsup.words.bias.transform import Transform
from selfsup.words.vectors import WordVectors

log = logging.getLogger("selfsup")
Lists = str | os.PathLike[str] | Mapping[str, Any] | Sequence[Any] | None


class Sets(NamedTuple):
    """Sets of words to be equalized: those that can be, those of which no form has two known words, those that share a word."""

    usable: tuple[tuple[str, ...], ...]
    missing: tuple[tuple[str, ...], ...]
    overlapping: tuple[tuple[str, ...], ...]


def hard_debias(
    vectors: WordVectors, direction: Direction, *, equalize: Lists = None, specific: Lists = None
) -> tuple[WordVectors, Transform]:
    """Take the direction out of every word that is not specific, and make the words of each pair differ in it alone.

    A neutral word w becomes ``w - (w . g) g``, of length 1 again. The words of a pair get their mean without its part along g,
    and the same length along g to either side, so that every neutral word is equally far from both. They are made of the
    vectors as they were given, and are not neutralized before, which would leave the side of each to rounding.

    All pairs differ along g alone when it is done, so that analogies between them (man : woman, king : queen) nearly answer
    themselves: that such a score rises says nothing of the vectors.

    Parameters
    ----------
    vectors
        The words and their vectors.
    direction
        What is taken out: `selfsup.bias.direction`.
    equalize
        Pairs that are made equally far from every neutral word: those of a bundled attribute ("gender"), of a JSON file, or a
        list of pairs; () for none. Each pair is tried as it is given, in lower case, as Titles and in CAPITALS; a word is
        equalized in the first pair that has it. By default those of the direction's attribute.
    specific
        Words that keep their part along the direction, as their meaning has it: those of a bundled attribute or a JSON file, a
        list of words, "learn" (see `specific_words`), or () for none; each in the same four forms. By default those of the
        direction's attribute, or else the words of its pairs.

    Returns
    -------
    WordVectors, Transform
        The new vectors (float32, length 1), and what was done, to be saved or applied to others. Its `facts` name the pairs with
        unknown words (``equalize_missing``), those left out as a word is in an earlier pair, and unknown specific words.
        Rounding to float32 leaves cosines with g of about 1e-8.

    Raises
    ------
    OptionError, DataError
        If a list has another shape, vectors and direction have not the same length, or a vector lies along the direction alone.
    """
    check(vectors, direction)
    sets = known_sets(vectors, pairs_of(direction, equalize))
    kept, told = specific_of(vectors, direction, specific)
    transform = Transform(
        "hard",
        direction.attribute,
        basis=direction.vector[None],
        kept=kept,
        equalize=sets.usable,
        facts={**told, **facts_of(vectors, kept, sets)},
    )
    return transform.apply(vectors), transform


def check(vectors: WordVectors, direction: Direction) -> None:
    """Refuse what is no direction, or one of vectors of another length."""
    known(vectors)
    if not isinstance(direction, Direction):
        raise OptionError(f"direction must be what selfsup.bias.direction gives; got {type(direction).__name__}")
    if vectors.dim != len(direction.vector):
        told = f"the direction {direction.attribute} is of vectors of length {len(direction.vector)}; got {vectors.dim}"
        raise DataError(f"{told}; take the direction of these vectors")


def pairs_of(direction: Direction, equalize: Lists) -> list[tuple[str, str]]:
    """The pairs to be equalized that a user asks for; see `hard_debias`."""
    held: Any = equalize
    if equalize is None:
        return list(direction.about.equalize)
    if isinstance(held, str | os.PathLike):
        _, held = chosen(held, ATTRIBUTES, "attribute")
    if isinstance(held, Attribute | Mapping):
        return list(Attribute.read(held).equalize)
    return [] if isinstance(held, list | tuple) and not held else paired(held, "equalize")


def specific_of(vectors: WordVectors, direction: Direction, specific: Lists) -> tuple[tuple[str, ...], dict[str, Any]]:
    """The words to be kept that a user asks for, as they are in the vectors, and where they come from; see `hard_debias`."""
    own = direction.about.specific or tuple(word for pair in direction.pairs for word in pair)
    source = "given"
    if specific is None:
        source, words = "attribute" if direction.about.specific else "pairs", own
    elif isinstance(specific, str) and specific == LEARN:
        learnt = specific_words(vectors, own)
        return tuple(learnt), {"specific": LEARN, **learnt.facts()}
    else:
        words = chosen_words(specific, "specific")
    missing = [word for word in words if not kept_words(vectors, [word])]
    return kept_words(vectors, words), {"specific": source, "specific_missing": missing}


def known_sets(vectors: WordVectors, sets: Sequence[Sequence[str]]) -> Sets:
    """Forms of sets of which two or more words are known, without those that share a word with one before."""
    usable: list[tuple[str, ...]] = []
    missing, overlapping = [], []
    used: set[str] = set()
    seen: set[frozenset[str]] = set()
    for words in sets:
        forms = [tuple(dict.fromkeys(word for word in cased if word in vectors.index)) for cased in _cased(words)]
        forms = [form for form in forms if len(form) > 1]
        if not forms:
            missing.append(tuple(words))
        for form in forms:
            if frozenset(form) in seen:
                continue
            seen.add(frozenset(form))
            if used & set(form):
                overlapping.append(form)
            else:
                usable.append(form)
                used |= set(form)
    return Sets(tuple(usable), tuple(missing), tuple(overlapping))


def facts_of(vectors: WordVectors, kept: Sequence[str], sets: Sets) -> dict[str, Any]:
    """What is said of the words of a transform; pairs and sets that are left out are logged, too."""
    for words, why in (
        (sets.missing, "words that are not in the vectors"),
        (sets.overlapping, "a word of an earlier one"),
    ):
        if words:
            log.info(
                "%d sets are not equalized, as they have %s: %s", len(words), why, named([" ".join(w) for w in words])
            )
    equalized = {word for words in sets.usable for word in words}
    return {
        "neutralized": len(vectors) - len(equalized | set(kept)),
        "kept": len(set(kept) - equalized),
        "equalized": len(sets.usable),
        "equalize_missing": [list(words) for words in sets.missing],
        "equalize_overlapping": [list(words) for words in sets.overlapping],
    }


def _cased(words: Sequence[str]) -> Iterator[tuple[str, ...]]:
    """A set as it is given, in lower case, as Titles and in CAPITALS."""
    return zip(*((word, word.lower(), word.title(), word.upper()) for word in words), strict=True)

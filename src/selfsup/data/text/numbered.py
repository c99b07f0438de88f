"""A text in numbers: what is learnt from, and its views."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, ClassVar, NoReturn

import numpy as np

from selfsup.data.text.checks import check_learnable
from selfsup.data.text.cooccurrence import Cooccurrence, cooccurrence, held_out
from selfsup.data.text.form import READING, TextForm
from selfsup.data.text.vocabulary import Vocabulary
from selfsup.data.text.windows import PROBE, Pairs, Passages, Sequences, Windows
from selfsup.errors import DataError
from selfsup.system.cores import cores

HELD_SHARE, HELD_WORDS = 0.01, 20_000  # by default the end of the text is held out: so much of it, at most so many ids
LEAST_HELD = PROBE // 10  # words; what is measured on fewer says nothing


@dataclass(frozen=True, eq=False)
class Corpus:
    """A text in numbers, or a part of one (`selfsup.method.Data`).

    Attributes
    ----------
    ids
        (N,) int32: words by their place in the vocabulary, and -1 between sentences (of a whole text never two in a row, nor at
        an end). Words without a vector are left out, so their neighbours move together, as in word2vec. Memory-mapped from
        the cache; what is written to it stays in memory.
    vocabulary
        The words that have a vector, and their counts in the whole text.
    raw_words
        Words of the whole text, before any was left out or joined.
    sentences
        Sentences of the whole text with at least one word of the vocabulary.
    fingerprint
        Of the text and of every option that changes the ids.
    source
        Where it came from, in words for people.
    skipped
        Words of more than 1,000 characters: they are no words, and have been left out.
    lines, blank
        That were read, and those among them that hold no word of the vocabulary; 0 where that is not known.
    missing
        Values of a list, series or column that are none (None, NaN), and were left out.
    bad
        Places where bytes that are no text were replaced, or lines that were left out for them.
    reading
        The options that cut the text into words: see `TextForm`.
    all_ids
        Ids of the whole text, where this is a part.
    held
        Share of the text that is held out, where this is what is learnt from, or held out.
    beside
        What is learnt from, where this is held out.
    """

    ids: np.ndarray
    vocabulary: Vocabulary
    raw_words: int
    sentences: int
    fingerprint: str
    source: str
    skipped: int = 0
    lines: int = 0
    blank: int = 0
    missing: int = 0
    bad: int = 0
    reading: Mapping[str, Any] = field(default_factory=lambda: dict(READING))
    all_ids: int | None = None
    held: float = 0.0
    beside: Corpus | None = None
    _facts: dict[Any, Any] = field(init=False, repr=False, default_factory=dict)
    labels: ClassVar[None] = None  # text has none, nor a test part
    classes: ClassVar[tuple[str, ...]] = ()
    test: ClassVar[None] = None

    def __len__(self) -> int:
        return self._words

    @cached_property
    def _words(self) -> int:
        """Words of the vocabulary that are here."""
        return int((self.ids >= 0).sum())

    @cached_property
    def form(self) -> TextForm:
        """The vocabulary, and how the text was cut."""
        return TextForm((len(self.vocabulary),), self.reading, self.vocabulary)

    @property
    def raw_share(self) -> float:
        """Words of the text for each id: more than 1 where words were left out."""
        return self.raw_words / max(len(self.ids) if self.all_ids is None else self.all_ids, 1)

    def describe(self) -> str:
        """Say in one line what is in it."""
        kept = int(self.vocabulary.counts.sum())
        told = [
            f"{self.blank:,} of {self.lines:,} lines hold none" * bool(self.blank),
            f"{self.skipped:,} longer than 1,000 characters skipped" * bool(self.skipped),
            f"{self.missing:,} missing left out" * bool(self.missing),
            f"{self.bad:,} with bytes that are no text" * bool(self.bad),
        ]
        more = "".join(f", {one}" for one in told if one)
        return (f"{self.raw_words:,} words in {self.sentences:,} sentences, {kept:,} words among the {len(self.vocabulary):,} "
                f"of the vocabulary{more} ({self.source})")  # fmt: skip

    def split(self, share: float | None, seed: int = 0) -> tuple[Corpus, Corpus]:
        """Text to learn from, and its end, which is held out.

        Parameters
        ----------
        share
            That is held out; None is a hundredth, at most 20,000 ids, and nothing where that is too little to measure on.
        seed
            Has no part in it: nothing is drawn.

        Raises
        ------
        DataError
            If no word that is to be learnt from has another one beside it.
        """
        ids = self.ids
        held = min(int(len(ids) * HELD_SHARE), HELD_WORDS) if share is None else int(len(ids) * share)
        if share is None and int((ids[len(ids) - held :] >= 0).sum()) < LEAST_HELD:
            held = 0
        learnt, heldout = self.cut(held)
        check_learnable(learnt.ids, self.vocabulary.words, self.source)
        return learnt, heldout

    def cut(self, count: int, seed: int = 0) -> tuple[Corpus, Corpus]:
        """All but the last so many ids, and those."""
        at, share = len(self.ids) - count, count / max(len(self.ids), 1)
        learnt, heldout = self._part(self.ids[:at]), self._part(self.ids[at:])
        return (
            (learnt, heldout)
            if count == 0
            else (replace(learnt, held=share), replace(heldout, held=share, beside=learnt))
        )

    def some(self, most: int, rng: np.random.Generator) -> Corpus:
        """A piece of at most so many ids, from a place that is drawn."""
        if len(self.ids) <= most:
            return self
        start = int(rng.integers(len(self.ids) - most + 1))
        return self._part(self.ids[start : start + most])

    def _part(self, ids: np.ndarray) -> Corpus:
        return replace(
            self, ids=ids, all_ids=len(self.ids) if self.all_ids is None else self.all_ids, held=0.0, beside=None
        )

    def learnt(self, words: int) -> int:
        """Words that so many here stand for: those."""
        return words

    @property
    def source_rows(self) -> int:
        """Words of the source, those without a vector included."""
        return self.raw_words

    def unreadable(self) -> list[Any]:
        """What could not be read: nothing, as text that cannot be read is an error."""
        return []

    def whole(self) -> Corpus:
        """All of it."""
        return self

    def windows(self, width: int) -> Windows:
        """Windows (B, 2 width + 1) around every word."""
        return Windows(self.ids, width)

    def sequences(self, length: int) -> Sequences:
        """Sentences (B, length), filled with -1; longer ones are cut into pieces."""
        return Sequences(self.ids, length)

    def passages(self, length: int, across: bool | None = None) -> Passages:
        """Pieces (B, length) of the text, over the ends of sentences, where -1 stands, or within; None: by their length."""
        return Passages(self.ids, length, across)

    def pairs(self, width: int) -> Pairs:
        """Pairs of words (B, 3): row, column, count; both (i, j) and (j, i).

        Counts grow with the text: what is held out are pairs of the text that is learnt from, which are then not learnt.
        """
        counted = (self.beside or self).fact("cooccurrence", width=width)
        if not self.held:
            return Pairs(counted)
        out = held_out(counted, self.held)
        return Pairs(Cooccurrence(*(part[out if self.beside else ~out] for part in counted)))

    def rows(self) -> NoReturn:
        """Of samples only.

        Raises
        ------
        DataError
            Always.
        """
        raise DataError(
            f"rows are a view of images and tables; these data are text ({self.source}), whose views are windows(w), "
            "sequences(n) and pairs(w)"
        )

    def fact(self, name: str, **how: Any) -> Any:
        """Something measured when it is asked for, once.

        "counts": (V,) int64 of the whole text. "cooccurrence" (``width``): the `Cooccurrence` of this part. Else None.
        """
        if name == "counts":
            return self.vocabulary.counts
        if name != "cooccurrence":
            return None
        key = (name, how["width"])
        if key not in self._facts:
            self._facts[key] = cooccurrence(self.ids, len(self.vocabulary), how["width"], cores())
        return self._facts[key]

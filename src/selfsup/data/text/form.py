"""The form of text: a vocabulary, and how text was cut into the words of it. It is saved in the run folder."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from selfsup import store
from selfsup.data.form import check_keys
from selfsup.data.text import joining, pieces, tokens
from selfsup.data.text.joining import Phrases
from selfsup.data.text.pieces import Pieces
from selfsup.data.text.vocabulary import VOCABULARY, Vocabulary, read_vocabulary, vocabulary_blocks
from selfsup.errors import DataError, OptionError, RunError
from selfsup.system.files import write_blocks, write_bytes

MOST_PHRASES = 4  # passes that join words, of which each doubles the length of the longest phrase
READING: Mapping[str, Any] = {"tokens": "words", "lower": True, "phrases": 0}  # what cutting new text takes


@dataclass(frozen=True, eq=False)
class TextForm:
    """What a model of text knows of its text.

    Attributes
    ----------
    shape
        (V,): words of the vocabulary.
    reading
        How text was cut: the options `tokens`, `lower` and `phrases` of `open_text`. A function in `tokens` that a run folder
        names is the mapping ``{"function": "module:name"}`` until it is given again (`with_tokens`); word pieces are `Pieces`;
        phrases are the `Phrases` that were joined, or 0.
    source
        The vocabulary, or the run folder that holds it: it is read when it is first asked for.
    """

    shape: tuple[int, ...]
    reading: Mapping[str, Any]
    source: Vocabulary | Path
    kind: ClassVar[str] = "text"
    takes: ClassVar[tuple[str, ...]] = ("tokens",)  # what `load` may be given to read text of this form

    @classmethod
    def of(
        cls, words: Sequence[str], counts: np.ndarray | None = None, reading: Mapping[str, Any] = READING
    ) -> TextForm:
        """The form of V words and their counts (V,), 0 where they are not known."""
        held = np.zeros(len(words), np.int64) if counts is None else np.asarray(counts, np.int64)
        return cls((len(words),), dict(reading), Vocabulary(list(words), held, int(held.sum())))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, TextForm):
            return NotImplemented
        return (self.shape, self.reading, self.words) == (other.shape, other.reading, other.words)

    __hash__ = None  # type: ignore[assignment]

    @cached_property
    def vocabulary(self) -> Vocabulary:
        """The words, their counts and their numbers.

        Raises
        ------
        RunError
            If the run folder that holds them is damaged.
        """
        if isinstance(self.source, Vocabulary):
            return self.source
        words, counts = read_vocabulary(self.source)
        if len(words) != self.size:
            raise RunError(f"{self.source} is damaged: its form has {self.size:,} words, its vocabulary {len(words):,}")
        held = np.zeros(len(words), np.int64) if counts is None else counts
        return Vocabulary(words, held, int(held.sum()))

    @property
    def fewer(self) -> str:
        """What makes such data smaller, for people."""
        return "fewer words: a higher min_count, or max_vocab"

    @property
    def size(self) -> int:
        """V, the number of words."""
        return self.shape[0]

    @property
    def words(self) -> list[str]:
        """The V words of the vocabulary."""
        return self.vocabulary.words

    @property
    def counts(self) -> np.ndarray:
        """(V,) int64, how often each word occurred."""
        return self.vocabulary.counts

    @property
    def index(self) -> dict[str, int]:
        """Word to number."""
        return self.vocabulary.index

    def describe(self) -> str:
        """Say it in words: ``27,728 words``."""
        return f"{self.size:,} {'word' if self.size == 1 else 'words'}"

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON; the words themselves lie in ``vocabulary.jsonl``."""
        cut, joins = self.reading["tokens"], self.reading["phrases"]
        if isinstance(cut, Pieces):
            cut = {"pieces": pieces.FILE}
        elif callable(cut):
            name = getattr(cut, "__qualname__", type(cut).__qualname__)
            cut = {"function": f"{getattr(cut, '__module__', None) or 'builtins'}:{name}"}
        passes = len(joins.passes) if isinstance(joins, Phrases) else joins
        return {"kind": self.kind, "shape": list(self.shape), **self.reading, "tokens": cut, "phrases": passes}

    def write(self, folder: Path) -> None:
        """Write what `to_dict` leaves out into a run folder: words and their counts, word pieces, phrases."""
        write_blocks(folder / VOCABULARY, vocabulary_blocks(self.words, self.counts))
        cut, joins = self.reading["tokens"], self.reading["phrases"]
        if isinstance(cut, Pieces):
            write_bytes(folder / pieces.FILE, cut.content.encode())
        if isinstance(joins, Phrases):
            write_bytes(folder / joining.FILE, joins.content())

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any], folder: Path | None) -> TextForm:
        """Read what `to_dict` gave; the words are read from the run folder when they are asked for.

        Raises
        ------
        DataError
            If a key is unknown or missing, or a value is not of its type.
        """
        check_keys(plain, ("kind", "shape", *READING), _fits)
        if folder is None:
            raise DataError("the form of text needs the run folder that holds its vocabulary")
        reading = {name: plain[name] for name in READING}
        if reading["tokens"] == {"pieces": pieces.FILE}:
            reading["tokens"] = pieces.in_folder(folder, store.read_bytes)
        if reading["phrases"] and (folder / joining.FILE).is_file():
            reading["phrases"] = _phrases(folder, reading["phrases"])
        return cls(tuple(plain["shape"]), reading, folder)

    def extended(self, words: Sequence[str], counts: np.ndarray) -> TextForm:
        """The same way of cutting, with other words and their counts (V,)."""
        return TextForm.of(words, counts, self.reading)

    def with_given(self, given: Mapping[str, Any]) -> TextForm:
        """The form with what it `takes` at loading."""
        return self.with_tokens(given["tokens"])

    def with_tokens(self, function: Callable[[str], Iterable[str]]) -> TextForm:
        """The same with the function that cuts a line into words, which no run folder holds."""
        return TextForm(self.shape, {**self.reading, "tokens": function}, self.source)

    def rule(self) -> tokens.Rule:
        """How text is cut before phrases are joined.

        Raises
        ------
        OptionError
            If it is a function that has not been given again.
        """
        cut, lower = self.reading["tokens"], self.reading["lower"]
        if isinstance(cut, Mapping):
            name = cut["function"].rpartition(":")[2]
            raise OptionError(
                f"option 'tokens': this text was cut by the function {cut['function']}, which is not kept in a run; give it "
                f'again: load(run, given={{"tokens": {name}}})'
            )
        return cut.rule(lower) if isinstance(cut, Pieces) else tokens.rule(cut, lower)

    def cut(self, text: str) -> list[str]:
        """The words of a text, by the rule that the vocabulary was made by, known or not; phrases are joined as they were."""
        rule = self.rule()
        found: list[str] = []
        for line in text.split("\n"):
            found += self.join(rule.settle(line) if rule.cut is None else rule.cut(line))
        return found

    def join(self, words: Sequence[str]) -> list[str]:
        """The words of a sentence as the vocabulary has them, its phrases joined.

        A run that does not say which words it joined was written by an earlier version: neighbours are joined whose phrase is a
        word of the vocabulary.
        """
        words = [tokens.final(word, self.reading["lower"]) for word in words]
        passes = self.reading["phrases"]
        if not passes:
            return words
        if isinstance(passes, Phrases):
            return passes.joined(words)
        known, most, made, at = self.index, 2**passes, [], 0
        while at < len(words):
            for length in range(min(most, len(words) - at), 0, -1):
                phrase = "_".join(words[at : at + length])
                if length == 1 or phrase in known:
                    break
            made.append(phrase)
            at += length
        return made

    def encode(self, texts: Iterable[str | Sequence[str]]) -> np.ndarray:
        """Texts (strings, or lists of tokens that are cut already) as numbers of their words.

        Returns
        -------
        (N,) int32, with -1 between texts: one less than there are texts. Words that the vocabulary lacks are left out, so a text
        may be empty.
        """
        if isinstance(texts, str):
            raise DataError("one string was given where texts are expected; put it in a list")
        known = self.index
        runs = _Runs(self.rule(), known)
        by_run = (
            runs.rule.cut is None and not self.reading["phrases"]
        )  # no word holds white space: each run is cut once
        ids = array("i")
        for place, text in enumerate(texts):
            if place:
                ids.append(-1)
            if by_run and isinstance(text, str):
                ids.extend(chain.from_iterable(map(runs.__getitem__, text.split())))
            else:
                words = self.cut(text) if isinstance(text, str) else self.join(text)
                ids.extend(known[word] for word in words if word in known)
        return np.array(ids, np.int32)


class _Runs(dict[str, tuple[int, ...]]):
    """What stands between white space, to the numbers of its words: found when it is first met."""

    def __init__(self, rule: tokens.Rule, known: Mapping[str, int]) -> None:
        self.rule, self.known = rule, known

    def __missing__(self, run: str) -> tuple[int, ...]:
        found = self[run] = tuple(self.known[word] for word in self.rule.settle(run) if word in self.known)
        return found


def _phrases(folder: Path, passes: int) -> Phrases:
    """Those that a run folder holds."""
    try:
        found = Phrases.read(store.read_bytes(folder, joining.FILE), str(folder / joining.FILE))
    except DataError as error:
        raise RunError(f"{folder / joining.FILE} is damaged: {error}") from error
    if len(found.passes) != passes:
        raise RunError(f"{folder / joining.FILE} is damaged: it has {len(found.passes)} passes, its form {passes}")
    return found


def _fits(name: str, value: Any) -> bool:
    """Whether a value of the JSON form is of the type that the key has."""
    if name == "kind":
        return bool(value == TextForm.kind)
    if name == "lower":
        return isinstance(value, bool)
    if name == "shape":
        return isinstance(value, list | tuple) and len(value) == 1 and _is_whole(value[0], 1)
    if name == "phrases":
        return _is_whole(value, 0) and value <= MOST_PHRASES
    if isinstance(value, Mapping):
        own = list(value) == ["function"] and isinstance(value["function"], str)
        return own or dict(value) == {"pieces": pieces.FILE}
    return isinstance(value, str) and bool(value)


def _is_whole(value: object, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least

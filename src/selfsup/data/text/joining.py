"""Phrases that were found in a text: kept, and joined in new text as they were in the text they come from."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from selfsup.data.text import tokens as cutting
from selfsup.data.text.tokens import Tokens
from selfsup.errors import DataError, OptionError
from selfsup.system import hashing
from selfsup.system.files import check_free, write_bytes

Pairs = dict[tuple[str, str], float]  # two words and how much they belong together
FILE = "phrases.json"  # in a run folder


class Phrases:
    """Pairs of words that belong together, pass after pass: the second joins what the first has joined.

    Parameters
    ----------
    passes
        Of each pass its pairs and their scores.
    tokens, lower
        How texts are cut into words before: "words", "space", a regular expression, or a function of a line.
    """

    def __init__(self, passes: Sequence[Pairs], tokens: Tokens = "words", lower: bool = True) -> None:
        self.passes, self.tokens, self.lower = tuple(passes), tokens, lower

    def __len__(self) -> int:
        return sum(map(len, self.passes))

    def __bool__(self) -> bool:
        return True

    def __contains__(self, phrase: object) -> bool:
        return phrase in self.scores

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Phrases) and self.passes == other.passes

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Phrases({len(self):,} pairs, {len(self.passes)} passes)"

    @cached_property
    def scores(self) -> dict[str, float]:
        """Every phrase, such as "new_york", and its score; the highest first."""
        found = {f"{one}_{two}": score for pairs in self.passes for (one, two), score in pairs.items()}
        return dict(sorted(found.items(), key=lambda item: -item[1]))

    @cached_property
    def key(self) -> str:
        """What tells them from others."""
        return hashing.of_values("phrases", self._rows())

    def joined(self, words: Sequence[str]) -> list[str]:
        """The words of a sentence, final as the vocabulary has them, its phrases joined by "_", from left to right."""
        made = list(words)
        for pairs in self.passes:
            given, made, at = made, [], 0
            while at < len(given):
                pair = (given[at], given[at + 1]) if at + 1 < len(given) else None
                made.append(f"{given[at]}_{given[at + 1]}" if pair in pairs else given[at])
                at += 2 if pair in pairs else 1
        return made

    def join(self, texts: Iterable[str | Sequence[str]]) -> list[list[str]]:
        """Texts, or lists of tokens, as lists of words and phrases.

        A phrase lies within a line. The lists are what `selfsup.fit` and `selfsup.phrases` take.

        Raises
        ------
        DataError
            If one string is given in the place of texts.
        """
        if isinstance(texts, str):
            raise DataError("one string was given where texts are expected; put it in a list")
        rule, found = cutting.rule(self.tokens, self.lower), []
        for text in texts:
            lines = [list(text)] if not isinstance(text, str) else [
                rule.settle(line) if rule.cut is None else list(rule.cut(line)) for line in text.split("\n")
            ]  # fmt: skip
            row: list[str] = []
            for line in lines:
                row += self.joined([cutting.final(word, self.lower) for word in line])
            found.append(row)
        return found

    def save(self, path: str | Path, *, overwrite: bool = False) -> None:
        """Write them as JSON.

        Raises
        ------
        OptionError
            If texts were cut by a function, which no file holds.
        RunError
            If the file is there and is not to be overwritten, or cannot be written.
        """
        if callable(self.tokens):
            raise OptionError("these phrases were found in text that a function of yours has cut (tokens=), which no file "
                              "holds: give lists of tokens instead")  # fmt: skip
        check_free(Path(path), overwrite=overwrite)
        write_bytes(Path(path), self.content())

    @classmethod
    def load(cls, path: str | Path) -> Phrases:
        """Read what `save` has written.

        Raises
        ------
        DataError
            If it cannot be read, or holds anything else.
        """
        try:
            content = Path(path).read_bytes()
        except OSError as error:
            raise DataError(f"cannot read {path}: {error.strerror or error}") from error
        return cls.read(content, str(path))

    def content(self) -> bytes:
        """The file: ``{"tokens", "lower", "phrases": [[["new", "york", 0.83], ...], ...]}``, a list for each pass."""
        told = None if callable(self.tokens) else self.tokens
        held = {"tokens": told, "lower": self.lower, "phrases": self._rows()}
        return (json.dumps(held, ensure_ascii=False, allow_nan=False) + "\n").encode()

    @classmethod
    def read(cls, content: bytes, name: str) -> Phrases:
        """What `content` gave; raises `DataError` if it is anything else."""
        try:
            held = json.loads(content)
            passes = [dict(map(_entry, rows)) for rows in held["phrases"]]
            fits = isinstance(held["lower"], bool) and isinstance(held["tokens"], str | None)
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            raise DataError(f"{name} holds no phrases of selfsup: {error or type(error).__name__}") from error
        if not fits or not isinstance(held["phrases"], list):
            raise DataError(f"{name} holds no phrases of selfsup: 'tokens', 'lower' and 'phrases' are expected")
        return cls(passes, held["tokens"] or "words", held["lower"])

    def _rows(self) -> list[list[list[Any]]]:
        return [[[*pair, score] for pair, score in pairs.items()] for pairs in self.passes]


def _entry(row: Any) -> tuple[tuple[str, str], float]:
    """One pair of the file."""
    if not isinstance(row, list) or len(row) != 3 or not all(isinstance(one, str) and one for one in row[:2]):
        raise ValueError(f'["word", "word", score] expected; got {str(row)[:60]}')
    if isinstance(row[2], bool) or not isinstance(row[2], int | float) or not math.isfinite(row[2]):
        raise ValueError(f"a score is a number; got {str(row[2])[:60]}")
    return (row[0], row[1]), float(row[2])

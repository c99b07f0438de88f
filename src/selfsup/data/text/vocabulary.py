"""The words that have a vector, most frequent first, and the file of a run folder that holds them.

``vocabulary.jsonl`` has one ``["word", count]`` a line, in the order of the vectors (count is null where nobody knows it).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from selfsup import store
from selfsup.errors import DataError, OptionError, RunError

VOCABULARY = "vocabulary.jsonl"
SHOWN = 40  # characters of a word, in a message
LINES = 1 << 16  # written at once


@dataclass(frozen=True)
class Vocabulary:
    """Words and how often they occur.

    Attributes
    ----------
    words
        Most frequent first; of equally frequent ones the one that came first in the text.
    counts
        (V,) int64.
    total
        Words of the text, those without a vector included.
    """

    words: list[str]
    counts: np.ndarray
    total: int

    def __len__(self) -> int:
        return len(self.words)

    @cached_property
    def index(self) -> dict[str, int]:
        """Word to id."""
        return {word: number for number, word in enumerate(self.words)}


def choose(
    counts: np.ndarray, firsts: np.ndarray, min_count: int, max_vocab: int | None, always: np.ndarray
) -> np.ndarray:
    """Entries that get a vector, in the order of the vocabulary: frequent ones, and `always`.

    Raises
    ------
    OptionError
        If more words are always to be in than `max_vocab` allows.
    """
    if max_vocab is not None and len(always) > max_vocab:
        raise OptionError(f"option 'max_vocab' must leave room for the {len(always)} words that stay; got {max_vocab}")
    kept = counts >= min_count
    kept[always] = True
    found = np.flatnonzero(kept)
    order = found[np.lexsort((firsts[found], -counts[found]))]
    if max_vocab is None or len(order) <= max_vocab:
        return order
    wanted = np.zeros(len(counts), bool)
    wanted[always] = True
    free = np.cumsum(~wanted[order]) <= max_vocab - len(always)
    return order[free | wanted[order]]


def check_any(
    counts: np.ndarray, chosen: np.ndarray, min_count: int, commonest: str, name: str, advice: str = ""
) -> None:
    """Raise `DataError` if no word of the text has a vector; it says what is the largest count."""
    if not counts[chosen].any():
        most = int(counts.max())
        shown = commonest if len(commonest) <= SHOWN else f"{commonest[:SHOWN]}..."
        raise DataError(f"no word of {name} occurs min_count={min_count} times: the most frequent, '{shown}', occurs "
                        f"{most} times; {advice or f'give more text, or min_count={max(most // 2, 1)}'}")  # fmt: skip


def read_vocabulary(folder: Path) -> tuple[list[str], np.ndarray | None]:
    """Words and counts (n,) int64 of a folder, or None for the counts where they are null.

    Raises
    ------
    RunError
        If the file is missing or damaged.
    """
    path = folder / VOCABULARY
    lines = store.read_bytes(folder, VOCABULARY).split(b"\n")
    if lines.pop() or not lines:
        raise RunError(f"{path} is truncated: its last line does not end")
    try:
        columns = _columns(json.loads(b"[" + b",".join(lines) + b"]"))
    except (ValueError, RecursionError):  # not UTF-8, not JSON, a number of thousands of digits, thousands of brackets
        columns = None
    if columns is None or len(columns[0]) != len(lines):
        bad = next((number for number, line in enumerate(lines, 1) if not _is_line(line)), len(lines))
        raise RunError(f'{path}, line {bad}: ["word", count] expected; got {lines[bad - 1][:60]!r}')
    words, counts = columns
    if None not in counts:
        return words, np.array(counts, np.int64)
    if counts.count(None) < len(counts):
        raise RunError(f"{path}: either all words have a count or all have null")
    return words, None


def _columns(entries: list[Any]) -> tuple[list[str], list[int | None]] | None:
    """Words and counts; None if an entry is anything else."""
    if set(map(type, entries)) != {list} or set(map(len, entries)) != {2}:
        return None
    words, counts = [entry[0] for entry in entries], [entry[1] for entry in entries]
    if set(map(type, words)) != {str} or not set(map(type, counts)) <= {int, type(None)}:
        return None
    if not all(0 <= count < 1 << 63 for count in counts if count is not None):
        return None
    return words, counts


def _is_line(line: bytes) -> bool:
    try:
        return _columns([json.loads(line)]) is not None
    except (ValueError, RecursionError):
        return False


def vocabulary_blocks(words: Sequence[str], counts: np.ndarray | None) -> Iterator[bytes]:
    """The file that `read_vocabulary` reads, block by block."""
    quoted = json.JSONEncoder(ensure_ascii=False).encode
    for first in range(0, len(words), LINES):
        part = words[first : first + LINES]
        told = ["null"] * len(part) if counts is None else counts[first : first + LINES].tolist()
        yield "".join(f"[{quoted(word)}, {count}]\n" for word, count in zip(part, told, strict=True)).encode()

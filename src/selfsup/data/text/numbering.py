"""From provisional ids to those of the vocabulary; phrases are joined on the way."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from selfsup.data.text import count, phrases
from selfsup.data.text import kept as stored
from selfsup.data.text.choice import Choice
from selfsup.data.text.scan import Encoded, enter
from selfsup.data.text.vocabulary import check_any, choose
from selfsup.system import memory
from selfsup.system.progress import Progress

LONGEST_SENTENCE = 10_000  # words; a longer line is cut, as in gensim
NO_LIMIT = 1 << 62
PART = 1 << 22  # ids that are renumbered at once
STRING = 200  # bytes that a word of the vocabulary takes, as a string and in the look-up


class Numbered(NamedTuple):
    """Ids, part after part (read once), with their vocabulary; ``state[2]`` counts the sentences while they are read."""

    parts: Iterator[np.ndarray]
    words: list[str]
    counts: np.ndarray
    state: np.ndarray


def number(made: Encoded, choice: Choice, name: str, folder: Path, progress: Progress) -> Numbered:
    """Choose the vocabulary and give every word its number in it.

    Raises
    ------
    DataError
        If no word is frequent enough, or the vocabulary does not fit in memory.
    """
    always = enter(made.table, list(choice.keep)).astype(np.int64)
    size = len(made.table)
    counts, firsts = made.table.arrays.counts[:size], made.table.arrays.firsts[:size]
    chosen = choose(counts, firsts, choice.min_count, None if choice.phrases else choice.max_vocab, always)
    check_any(counts, chosen, choice.min_count, made.table.texts(np.array([counts.argmax()]))[0], name)
    memory.check(STRING * len(chosen), f"{len(chosen):,} words of the vocabulary", "raise min_count, or set max_vocab")
    words = made.table.texts(chosen)
    state = np.array([0, 1, 0])
    numbers = _numbers(size, chosen)
    if not choice.phrases:
        return Numbered(made.renumbered(numbers, False, LONGEST_SENTENCE, state), words, counts[chosen], state)
    stream = stored.scratch(made.renumbered(numbers, True, LONGEST_SENTENCE, state), folder)
    return _with_phrases(stream, words, numbers[always].tolist(), choice, progress)


def _with_phrases(
    stream: np.ndarray, words: list[str], always: list[int], choice: Choice, progress: Progress
) -> Numbered:
    for _ in range(choice.phrases):
        counts, _ = _counted(stream, len(words))
        made = phrases.join(
            stream, words, counts, choice.min_count, choice.phrase_score, choice.phrase_threshold, progress
        )
        stream = stream[:made]
    counts, firsts = _counted(stream, len(words))
    chosen = choose(counts, firsts, choice.min_count, choice.max_vocab, np.array(always, np.int64))
    state, numbers = np.array([0, 1, 0]), _numbers(len(words), chosen)
    return Numbered(_renumbered(stream, numbers, state), [words[one] for one in chosen.tolist()], counts[chosen], state)


def _counted(stream: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    counts, firsts = np.zeros(size, np.int64), np.zeros(size, np.int64)
    count.tally(stream, counts, firsts, 0)
    return counts, firsts


def _numbers(size: int, chosen: np.ndarray) -> np.ndarray:
    numbers = np.full(size, count.SKIPPED, np.int32)
    numbers[chosen] = np.arange(len(chosen), dtype=np.int32)
    return numbers


def _renumbered(stream: np.ndarray, numbers: np.ndarray, state: np.ndarray) -> Iterator[np.ndarray]:
    for start in range(0, len(stream), PART):
        part = stream[start : start + PART]
        out = np.empty(2 * len(part) + 1, np.int32)
        yield out[: count.renumber(part, numbers, False, NO_LIMIT, state, out)]

"""From provisional ids to those of the vocabulary; phrases are joined on the way."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from selfsup.data.text import count, ids as ids_, kept as stored, phrases
from selfsup.data.text.joining import Pairs
from selfsup.data.text.scan import Encoded, enter
from selfsup.data.text.vocabulary import Vocabulary, check_any, choose
from selfsup.errors import DataError
from selfsup.system import memory
from selfsup.system.progress import Progress

LONGEST_SENTENCE = 10_000  # words; a longer line is cut, as in gensim
NO_LIMIT = 1 << 62
PART = 1 << 22  # ids that are renumbered at once
STRING = 200  # bytes that a word of the vocabulary takes, as a string and in the look-up


class Numbered(NamedTuple):
    """Ids, part after part (read once), with their vocabulary, and the pairs that were joined.

    While they are read, ``state`` (see `ids.renumber`) counts the sentences.
    """

    parts: Iterator[np.ndarray]
    words: list[str]
    counts: np.ndarray
    state: np.ndarray
    passes: tuple[Pairs, ...] = ()

    @property
    def lines(self) -> int:
        """Lines that hold a word of the vocabulary."""
        return max(int(self.state[2] - self.state[4]), 0)


def number(
    made: Encoded, how: Mapping[str, Any], name: str, folder: Path, progress: Progress, advice: str = ""
) -> Numbered:
    """Choose the vocabulary, by the options of `open_text`, and give every word its number in it.

    Parameters
    ----------
    advice
        What to do where no word is frequent enough, if the words are not what they should be.

    Raises
    ------
    DataError
        If no word is frequent enough, or the vocabulary does not fit in memory.
    """
    always = enter(made.table, list(how["keep"])).astype(np.int64)
    size = len(made.table)
    counts, firsts = made.table.arrays.counts[:size], made.table.arrays.firsts[:size]
    chosen = choose(counts, firsts, how["min_count"], None if how["phrases"] else how["max_vocab"], always)
    check_any(counts, chosen, how["min_count"], made.table.texts(np.array([counts.argmax()]))[0], name, advice)
    memory.check(STRING * len(chosen), f"{len(chosen):,} words of the vocabulary", "raise min_count, or set max_vocab")
    words = made.table.texts(chosen)
    state = ids_.fresh()
    numbers = _numbers(size, chosen)
    if not how["phrases"]:
        return Numbered(made.renumbered(numbers, False, LONGEST_SENTENCE, state), words, counts[chosen], state)
    stream = stored.scratch(made.renumbered(numbers, True, LONGEST_SENTENCE, state), folder)
    return _with_phrases(stream, words, numbers[always].tolist(), how, int(state[4]), progress)


def number_like(made: Encoded, vocabulary: Vocabulary, name: str) -> Numbered:
    """Give every word its number in a vocabulary that is there already.

    Raises
    ------
    DataError
        If the text has none of its words.
    """
    size, state = len(made.table), ids_.fresh()
    words = made.table.texts(np.arange(size))
    numbers = np.array([vocabulary.index.get(word, count.SKIPPED) for word in words], np.int32)
    known = numbers >= 0
    counts = np.bincount(numbers[known], made.table.arrays.counts[:size][known], len(vocabulary)).astype(np.int64)
    if not counts.any():
        raise DataError(
            f"no word of {name} is among the {len(vocabulary):,} of the model; is it text of the same kind?"
        )
    return Numbered(made.renumbered(numbers, False, LONGEST_SENTENCE, state), vocabulary.words, counts, state)


def renumbered(ids: np.ndarray, numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Ids (N,) with the numbers (V,) of another vocabulary, and the state of `ids_.renumber` in the end."""
    state, out = ids_.fresh(), np.empty(2 * len(ids) + 1, np.int32)
    made = ids_.renumber(ids, numbers, False, NO_LIMIT, state, out)
    return out[:made].copy(), state


def _with_phrases(
    stream: np.ndarray, words: list[str], always: list[int], how: Mapping[str, Any], pieces: int, progress: Progress
) -> Numbered:
    least, score, threshold = how["min_count"], how["phrase_score"], how["phrase_threshold"]
    passes: list[Pairs] = []
    for _ in range(how["phrases"]):
        counts, _ = _counted(stream, len(words))
        length, pairs = phrases.join(stream, words, counts, least, score, threshold, progress)
        stream = stream[:length]
        passes.append(pairs)
    counts, firsts = _counted(stream, len(words))
    chosen = choose(counts, firsts, least, how["max_vocab"], np.array(always, np.int64))
    state, numbers = ids_.fresh(pieces), _numbers(len(words), chosen)
    named = [words[one] for one in chosen.tolist()]
    return Numbered(_renumbered(stream, numbers, state), named, counts[chosen], state, tuple(passes))


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
        yield out[: ids_.renumber(part, numbers, False, NO_LIMIT, state, out)]

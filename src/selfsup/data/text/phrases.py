"""Words that belong together: pairs are counted, scored and joined, on ids.

What is notable: a pass over the text first counts pairs in a small sketch of bytes (`_sketch`). A pair whose place in the
sketch stays below the least count cannot be frequent, so the exact table that comes second holds few pairs. No count is lost.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any, Literal

import numpy as np

from selfsup.data.text.joining import Pairs
from selfsup.system import memory
from selfsup.system.kernels import compiled
from selfsup.system.progress import Progress

Score = Literal["npmi", "original"]
PART = 1 << 22  # words between two looks at the clock

_MULTIPLY = np.uint64(0x9E3779B97F4A7C15)
_EMPTY = np.uint64(0xFFFFFFFFFFFFFFFF)
_HALF = np.uint64(32)
_compiled = compiled(nogil=True)
_inlined = compiled(nogil=True, inline="always")


def join(
    stream: np.ndarray,
    words: list[str],
    counts: np.ndarray,
    min_count: int,
    score: Score,
    threshold: float,
    progress: Progress,
) -> tuple[int, Pairs]:
    """Join pairs of words whose score is above the threshold by "_", in place, from left to right.

    Parameters
    ----------
    stream
        (n,) int32 ids of words, negative ones between those that are not neighbours: -1 a border, others rare words.
    words
        Of the ids; joined ones are appended.
    counts
        (len(words),) int64.

    Returns
    -------
    The new length, and the pairs with their scores.
    """
    size = int((stream != -1).sum())
    first, second, both = pairs(stream, min_count, progress)
    scores = scored(counts[first], counts[second], both, size, min_count, score)
    chosen = scores > threshold
    if not chosen.any():
        return len(stream), {}
    first, second = first[chosen], second[chosen]
    named = ((words[one], words[two]) for one, two in zip(first.tolist(), second.tolist(), strict=True))
    found = dict(zip(named, scores[chosen].tolist(), strict=True))
    new = _named(first.tolist(), second.tolist(), words)
    keys, values = _lookup(first, second, new)
    begins = np.zeros(int(stream.max()) + 1, np.bool_)
    begins[first] = True
    return int(_rewrite(stream, begins, keys, values)), found


def scored(
    first: np.ndarray, second: np.ndarray, both: np.ndarray, words: int, min_count: int, score: Score
) -> np.ndarray:
    """How much more often pairs occur than their words would by chance; all arguments are counts.

    "original" is (both - min_count) / first / second * words (Mikolov et al., 2013); "npmi" is
    ln(p(both) / (p(first) p(second))) / -ln p(both), between -1 and 1 (Bouma, 2009).
    """
    if score == "original":
        return np.asarray((both - min_count) / first / second * words)
    share = both / words
    with np.errstate(divide="ignore", invalid="ignore"):
        value = np.log(share / (first / words * (second / words))) / -np.log(share)
    return np.where(share >= 1, 1.0, value)


def pairs(stream: np.ndarray, min_count: int, progress: Progress) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pairs of neighbours that occur at least `min_count` times: first words, second words, counts; sorted."""
    bits = int(np.clip(np.ceil(np.log2(max(len(stream), 2))), 12, 28))
    memory.check(1 << bits, "the pairs of words", "read less text at once, or phrases=0")
    sketch = np.zeros(1 << bits, np.uint8)
    least = min(min_count, 255)
    for at, part in _parts(stream):
        _sketch(part, sketch, bits)
        progress.show(f"phrases: {at / len(stream):.0%} of the first pass")
    keys, counts = np.full(1 << 12, _EMPTY), np.zeros(1 << 12, np.int64)
    held = 0
    for at, part in _parts(stream):
        done = 0
        while done < len(part) - 1:
            done, held = _count(part, done, sketch, bits, least, keys, counts, held)
            if 2 * held >= len(keys):
                keys, counts = _larger(keys, counts)
        progress.show(f"phrases: {at / len(stream):.0%} of the second pass")
    found = (keys != _EMPTY) & (counts >= min_count)
    keys, counts = keys[found], counts[found]
    order = np.argsort(keys)
    keys = keys[order]
    return (keys >> _HALF).astype(np.int64), (keys & np.uint64(0xFFFFFFFF)).astype(np.int64), counts[order]


def _parts(stream: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    """Pieces that overlap by one word, so that no pair is lost."""
    for start, stop in pairwise([*range(0, max(len(stream) - 1, 1), PART), len(stream)]):
        yield stop, stream[start : stop + 1]


def _larger(keys: np.ndarray, counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    memory.check(64 * len(keys), "the pairs of words", "raise min_count, or phrases=0")
    wider, more = np.full(4 * len(keys), _EMPTY), np.zeros(4 * len(keys), np.int64)
    _move(keys, counts, wider, more)
    return wider, more


def _named(first: list[int], second: list[int], words: list[str]) -> np.ndarray:
    """Ids of the joined words; "a_b" may be there already."""
    known: dict[str, int] = {word: number for number, word in enumerate(words) if "_" in word}
    made = np.empty(len(first), np.int32)
    for number, (one, two) in enumerate(zip(first, second, strict=True)):
        name = f"{words[one]}_{words[two]}"
        if name not in known:
            known[name] = len(words)
            words.append(name)
        made[number] = known[name]
    return made


def _lookup(first: np.ndarray, second: np.ndarray, new: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    size = 1 << int(np.ceil(np.log2(4 * len(first) + 4)))
    keys, values = np.full(size, _EMPTY), np.zeros(size, np.int64)
    _move((first.astype(np.uint64) << _HALF) | second.astype(np.uint64), new.astype(np.int64), keys, values)
    return keys, values


@_inlined
def _slot(keys: np.ndarray, key: np.uint64) -> Any:
    """Where the key is, or could be."""
    mask = len(keys) - 1
    hashed = key * _MULTIPLY
    at = np.int64((hashed ^ (hashed >> _HALF)) & np.uint64(0x7FFFFFFF)) & mask
    while keys[at] != key and keys[at] != _EMPTY:
        at = (at + 1) & mask
    return at


@_compiled
def _move(keys: np.ndarray, values: np.ndarray, into: np.ndarray, more: np.ndarray) -> None:
    for k in range(len(keys)):
        if keys[k] != _EMPTY:
            at = _slot(into, keys[k])
            into[at] = keys[k]
            more[at] = values[k]


@_compiled
def _sketch(ids: np.ndarray, sketch: np.ndarray, bits: int) -> None:
    shift = np.uint64(64 - bits)
    for k in range(len(ids) - 1):
        a, b = ids[k], ids[k + 1]
        if a >= 0 and b >= 0:
            place = (((np.uint64(a) << _HALF) | np.uint64(b)) * _MULTIPLY) >> shift
            if sketch[place] < 255:
                sketch[place] += 1


@_compiled
def _count(
    ids: np.ndarray,
    begin: int,
    sketch: np.ndarray,
    bits: int,
    least: int,
    keys: np.ndarray,
    counts: np.ndarray,
    held: int,
) -> tuple[int, int]:
    """Count pairs that the sketch lets through; returns where it stopped (for a larger table) and the pairs held."""
    shift = np.uint64(64 - bits)
    for k in range(begin, len(ids) - 1):
        a, b = ids[k], ids[k + 1]
        if a < 0 or b < 0:
            continue
        key = (np.uint64(a) << _HALF) | np.uint64(b)
        if sketch[(key * _MULTIPLY) >> shift] < least:
            continue
        at = _slot(keys, key)
        if keys[at] == _EMPTY:
            if 2 * held >= len(keys):
                return k, held
            keys[at] = key
            held += 1
        counts[at] += 1
    return len(ids) - 1, held


@_compiled
def _rewrite(stream: np.ndarray, begins: np.ndarray, keys: np.ndarray, values: np.ndarray) -> int:
    k = made = 0
    while k < len(stream):
        one = stream[k]
        if one >= 0 and begins[one] and k + 1 < len(stream) and stream[k + 1] >= 0:
            at = _slot(keys, (np.uint64(one) << _HALF) | np.uint64(stream[k + 1]))
            if keys[at] != _EMPTY:
                one = np.int32(values[at])
                k += 1
        stream[made] = one
        made += 1
        k += 1
    return made

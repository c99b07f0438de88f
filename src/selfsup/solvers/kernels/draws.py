"""What word vectors learn from, drawn a block at a time: the words that stay, how far their windows reach, and the targets."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from selfsup.data.text.huffman import NONE, Paths, huffman
from selfsup.solvers.kernels.lanes import compiled, splat8, store

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int32]
Offsets = npt.NDArray[np.int64]

FLOOR = 1e-4  # of the rate is left at the end
BLOCK = 1024  # kept words drawn before they are learned from; contexts do not reach over its ends
GROUP = 6  # targets whose sums with two contexts fit in registers
GOLDEN, MIX1, MIX2 = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
LOW = np.uint64(0xFFFFFFFF)


class Tables(NamedTuple):
    """What the draws are made from; probabilities are thresholds for 32 random bits."""

    keep: npt.NDArray[np.uint32]  # (V,) whether a word stays in the text
    accept: npt.NDArray[np.uint32]  # (V,) alias method: whether column i is i itself ...
    alias: Ints  # (V,) ... or this word
    paths: Paths  # of the words in the Huffman tree; without them, accept and alias are in use


class Batch(NamedTuple):
    """Windows that were drawn: rows of the two tables, and where each window's contexts lie among `word`."""

    word: Ints  # (BLOCK,) kept words in the order of the text
    low: Ints  # (BLOCK,) window i's contexts are word[low : high] without i
    high: Ints
    target: Ints  # (BLOCK, groups * 6): the word, then the negatives, or the nodes of its path; the spare row where there is none
    weight: Floats  # (BLOCK, groups * 8), 6 of 8 used: how often each target counts: 0 for spare, 2 for a negative drawn twice
    label: Floats  # (BLOCK, groups * 8), 6 of 8 used: 1 for the word, 0 for negatives; 1 - code for a node of its path
    groups: Ints  # (BLOCK,) how many groups of six targets window i has


def keep_share(counts: npt.NDArray[np.int64], sample: float) -> npt.NDArray[np.float64]:
    """(V,) the share of each word's occurrences that stays in the text: word2vec's sqrt(t / p) + t / p."""
    if not sample:
        return np.ones(len(counts))
    ratio = sample * float(counts.sum()) / np.maximum(counts, 1).astype(np.float64)
    share: npt.NDArray[np.float64] = np.minimum(1.0, np.sqrt(ratio) + ratio)
    return share


def alias_table(weights: npt.NDArray[np.float64]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int32]]:
    """Vose's alias method: draw a column evenly; it is itself with probability accept, or else its alias."""
    accept = weights * (len(weights) / weights.sum())
    alias = np.arange(len(weights), dtype=np.int32)
    small, large = list(np.flatnonzero(accept < 1)), list(np.flatnonzero(accept >= 1))
    while small and large:
        less, more = small.pop(), large[-1]
        alias[less] = more
        accept[more] -= 1 - accept[less]
        if accept[more] < 1:
            small.append(large.pop())
    accept[small + large] = 1.0  # what rounding left over
    return accept, alias


def make_tables(counts: npt.NDArray[np.int64], sample: float, exponent: float) -> Tables:
    """The draws of a vocabulary for negative sampling, as thresholds for 32 random bits."""
    accept, alias = alias_table(np.maximum(counts, 0).astype(np.float64) ** exponent)
    return Tables(_thresholds(keep_share(counts, sample)), _thresholds(accept), alias, NONE)


def path_tables(counts: npt.NDArray[np.int64], sample: float) -> Tables:
    """The draws of a vocabulary for the hierarchical softmax: no negatives, but every word's path."""
    none = np.zeros(0, np.int32)
    return Tables(_thresholds(keep_share(counts, sample)), none.astype(np.uint32), none, huffman(counts))


def _thresholds(share: npt.NDArray[np.float64]) -> npt.NDArray[np.uint32]:
    return np.floor(share * (2**32 - 1)).astype(np.uint32)


def make_batch(negative: int) -> Batch:
    """Room for a block of windows of up to `negative` + 1 targets."""
    most = -(-(negative + 1) // GROUP)
    word, low, high = (np.zeros(BLOCK, np.int32) for _ in range(3))
    target, groups = np.zeros((BLOCK, most * GROUP), np.int32), np.full(BLOCK, most, np.int32)
    weight, label = (np.zeros((BLOCK, most * 8), np.float32) for _ in range(2))
    label[:, 0] = 1
    return Batch(word, low, high, target, weight, label, groups)


@compiled()
def mixed(x: np.uint64) -> np.uint64:
    """The bits of a counter well mixed (splitmix64): draws that do not wait for one another."""
    x = (x ^ (x >> np.uint64(30))) * MIX1
    x = (x ^ (x >> np.uint64(27))) * MIX2
    result: np.uint64 = x ^ (x >> np.uint64(31))
    return result


@compiled()
def scaled(bits: np.uint64, n: int) -> int:
    """32 random bits to an integer in [0, n)."""
    return np.int64((bits * np.uint64(n)) >> np.uint64(32))  # type: ignore[return-value]


@compiled()
def draw_targets(count: int, seed: np.uint64, tables: Tables, negative: int, batch: Batch, spare: int) -> np.uint64:
    """Targets of windows: the word, then negatives; a negative that is the word is left out, one drawn twice counts twice."""
    slots, lanes, words = batch.target.shape[1], batch.weight.shape[1], len(tables.alias)
    target, weight, one = batch.target.reshape(-1), batch.weight.reshape(-1), splat8(np.float32(1))
    for i in range(count):
        t = i * slots
        target[t] = batch.word[i]
        for lane in range(0, lanes, 8):
            store(weight, i * lanes + lane, one)
        met = np.int64(1) << np.int64(batch.word[i] & 63)  # a bit for each word, though some words share one
        twice = np.int64(0)
        for k in range(1, negative + 1):
            seed = seed + GOLDEN
            bits = mixed(seed)
            column = scaled(bits >> np.uint64(32), words)
            other = np.int64(tables.alias[column])
            drawn = column if (bits & LOW) <= np.uint64(tables.accept[column]) else other
            target[t + k] = drawn
            bit = np.int64(1) << np.int64(drawn & 63)
            twice |= met & bit
            met |= bit
        for k in range(negative + 1, slots):
            target[t + k] = spare
        if twice:  # perhaps
            single_out(i, negative, batch, spare)
    return seed


@compiled()
def single_out(i: int, negative: int, batch: Batch, spare: int) -> None:
    """Give each target of window i one place, and how often it was drawn as its weight."""
    target, weight = batch.target, batch.weight
    for k in range(1, negative + 1):
        for j in range(k):
            if target[i, j] == target[i, k]:
                target[i, k] = spare
                weight[i, k // 6 * 8 + k % 6] = 0
                if j > 0:
                    weight[i, j // 6 * 8 + j % 6] += np.float32(1)
                break


@compiled()
def path_targets(count: int, paths: Paths, batch: Batch, spare: int) -> None:
    """Targets of windows: the nodes on the word's path. A node's sigmoid is the probability of code 0, as in word2vec."""
    slots, lanes = batch.target.shape[1], batch.weight.shape[1]
    target, weight, label = batch.target.reshape(-1), batch.weight.reshape(-1), batch.label.reshape(-1)
    for i in range(count):
        start = paths.offsets[batch.word[i]]
        length = paths.offsets[batch.word[i] + 1] - start
        groups = max((length + GROUP - 1) // GROUP, 1)  # one word alone has no path, and one group of spare rows
        batch.groups[i] = groups
        for g in range(groups):
            t, lane = i * slots + g * GROUP, i * lanes + g * 8
            for k in range(GROUP):
                step = g * GROUP + k
                if step < length:
                    target[t + k], weight[lane + k] = paths.nodes[start + step], 1
                    label[lane + k] = 1 - np.int64(paths.codes[start + step])
                else:
                    target[t + k], weight[lane + k] = spare, 0


@compiled()
def close(first: int, end: int, batch: Batch) -> None:
    """A sentence's words first to end are known: contexts stay inside it (low holds each window's reach until now)."""
    for i in range(first, end):
        reach = batch.low[i]
        batch.low[i] = max(first, i - reach)
        batch.high[i] = min(end, i + reach + 1)


@compiled()
def draw(
    ids: Ints,
    position: int,
    end: int,
    seed: np.uint64,
    tables: Tables,
    window: int,
    fixed: bool,
    negative: int,
    spare: int,
    batch: Batch,
) -> tuple[int, int, np.uint64]:
    """Fill the block from ids[position : end] -> (position reached, words kept, the state of the draws)."""
    kept = first = 0
    while position < end and kept < BLOCK:
        word = ids[position]
        position += 1
        if word < 0:
            close(first, kept, batch)
            first = kept
            continue
        seed = seed + GOLDEN
        bits = mixed(seed)
        batch.word[kept] = word
        batch.low[kept] = window if fixed else scaled(bits & LOW, window) + 1
        kept += (bits >> np.uint64(32)) <= np.uint64(tables.keep[word])  # no branch: no processor could foresee it
    close(first, kept, batch)
    if negative:
        seed = draw_targets(kept, seed, tables, negative, batch, spare)
    else:
        path_targets(kept, tables.paths, batch, spare)
    return position, kept, seed


class Course(NamedTuple):
    """Everything that a chunk's fate depends on besides the tables; the same for every thread."""

    pitch: int
    window: int
    fixed: bool
    negative: int  # words drawn beside each; 0: none, the targets are the nodes of its path
    bag: float  # 0: skip-gram; above: CBOW, whose windows have so many contexts on average
    rate: float  # at the start; falls linearly to rate * FLOOR over `total`
    total: int  # ids over all epochs
    size: int  # ids in a chunk
    seed: np.uint64


@compiled()
def span(c: int, n: int, size: int) -> tuple[int, int, int]:
    """Chunk c of all epochs over n ids -> (its start, its end, ids in the epochs before)."""
    each = (n + size - 1) // size
    start = c % each * size
    return start, min(n, start + size), c // each * n


@compiled()
def rate_at(position: int, course: Course) -> float:
    """The learning rate after `position` ids of all epochs."""
    return max(course.rate * (1 - position / course.total), course.rate * FLOOR)


@compiled()
def chunk_seed(c: int, course: Course) -> np.uint64:
    """Draws of a chunk depend on the seed and its number, never on who does it or what was done before."""
    result: np.uint64 = mixed(mixed(course.seed + GOLDEN) + np.uint64(c))
    return result

"""Words whose vectors are means of rows: those of a run of windows are composed, learned from, and their moves passed on.

The vector of a word is the mean h of the n rows of its bag: its own and its n-grams' (Bojanowski et al. 2017). The kernels of
`windows` know rows of a table only. So the words that a few windows need are composed into a small table that stays in the
processor's first caches, the kernel learns from that, and each row of a bag then moves as far as h did.

That is n times the declared gradient, which is divided by n: a rate of each word's own, so that its vector moves as far as if it
were a row, whether it has 2 n-grams or 40. fastText does the same. One rate for all rows keeps the declared direction, but makes
short words leap and long ones crawl, and meaning suffers: see docs/log.md.
"""

from __future__ import annotations

import numpy as np

from selfsup.data.text.subwords import Bags
from selfsup.solvers.kernels.draws import Floats, Ints, Offsets
from selfsup.solvers.kernels.lanes import LANES, add, compiled, load, mul, prefetch, splat, store, sub, zero

RUN = 64  # windows that learn from the same composed words: the more, the staler they are
EARLY = 2  # words: how early the rows of a bag are asked for


@compiled()
def widest(words: Ints, bags: Bags) -> int:
    """Most rows of a bag among those of the words."""
    most = 0
    for word in words:
        most = max(most, bags.offsets[word + 1] - bags.offsets[word])
    return most


@compiled()
def hash_table(words: int) -> Ints:
    """Room to find so many words again: twice their number, a power of two."""
    size = 2
    while size < 2 * words:
        size *= 2
    return np.empty(size, np.int32)


@compiled()
def number(words: Ints, places: Ints, chosen: Ints, hashed: Ints) -> int:
    """Number different words from 0 on: each one's number to `places`, the words themselves to `chosen` -> how many there are.

    A word that occurs twice in a run has one vector there: what it learns from its windows is not added up but follows one
    another. Small vocabularies would blow up otherwise.
    """
    hashed[:] = -1
    n, mask = 0, len(hashed) - 1
    for j in range(len(words)):
        at = words[j] & mask
        while hashed[at] >= 0 and chosen[hashed[at]] != words[j]:
            at = (at + 1) & mask
        if hashed[at] < 0:
            hashed[at], chosen[n] = n, words[j]
            n += 1
        places[j] = hashed[at]
    return n


@compiled(forceinline=True)
def find(word: int, pitch: int, bags: Bags, slot: Ints, base: int, at: Offsets) -> int:
    """Offsets of the rows of a word's bag to `at` -> how many. A row is at its own place, or in the copy that `slot` names."""
    first = bags.offsets[word]
    n = bags.offsets[word + 1] - first
    for k in range(n):
        row = np.int64(bags.rows[first + k])
        if len(slot) > 0 and slot[row] >= 0:  # without slots there are no copies
            row = base + np.int64(slot[row])
        at[k] = row * pitch
    return n  # type: ignore[no-any-return]


@compiled()
def fetch_bag(word: int, table: Floats, pitch: int, bags: Bags) -> None:
    """Ask for the rows of a bag before they are needed."""
    for k in range(bags.offsets[word], bags.offsets[word + 1]):
        for d in range(0, pitch, 16):  # 16 floats are a cache line
            prefetch(table, np.int64(bags.rows[k]) * pitch + d)


@compiled()
def compose(
    words: Ints,
    table: Floats,
    pitch: int,
    bags: Bags,
    slot: Ints,
    base: int,
    local: Floats,
    before: Floats,
    at: Offsets,
) -> None:
    """Means of the bags of the words, to the rows of `local` and once more of `before`, in the order of the words."""
    for j in range(min(EARLY, len(words))):
        fetch_bag(words[j], table, pitch, bags)
    for j in range(len(words)):
        if j + EARLY < len(words):
            fetch_bag(words[j + EARLY], table, pitch, bags)
        n = find(words[j], pitch, bags, slot, base, at)
        share = splat(np.float32(1) / np.float32(n))
        for d in range(0, pitch, LANES):
            x = zero()
            for k in range(n):
                x = add(x, load(table, at[k] + d))
            x = mul(share, x)
            store(local, j * pitch + d, x)
            store(before, j * pitch + d, x)


@compiled()
def spread(
    words: Ints,
    table: Floats,
    pitch: int,
    bags: Bags,
    slot: Ints,
    base: int,
    local: Floats,
    before: Floats,
    at: Offsets,
) -> None:
    """Move the rows of each bag as far as its mean was moved."""
    for j in range(len(words)):
        n = find(words[j], pitch, bags, slot, base, at)
        for d in range(0, pitch, LANES):
            x = sub(load(local, j * pitch + d), load(before, j * pitch + d))
            for k in range(n):
                store(table, at[k] + d, add(load(table, at[k] + d), x))

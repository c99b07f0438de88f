"""A thread's own copies of the rows that every thread wants.

A few thousand frequent words take most of the moves. Written by two cores in turn, their rows travel between the cores' caches
at every window: 30 ns a line within a group of cores, 170 ns between two groups, more than the arithmetic costs. So each thread
keeps copies of them, behind the table's own rows, and brings its moves to the table every few milliseconds.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from selfsup.solvers.kernels.draws import Batch, Floats
from selfsup.solvers.kernels.lanes import LANES, add as plus, compiled, fma, load, mul, splat, store, sub, total, zero

LARGE = np.float32(0.1)  # of a row's square: from this on, moves count as large


class Own(NamedTuple):
    """Where a thread's own copies of the first rows of both tables lie."""

    rows: int  # how many rows; 0: it works on the tables themselves
    copy: int  # row of the first copy
    before: int  # row of the first copy as it was at the last exchange
    every: int  # kept words from one exchange to the next, at most
    part: int  # ids of the training so far for one of those words: an exchange is soon where little was learnt yet


@compiled(forceinline=True)
def join(a: Floats, at: int, b: Floats, start: int, table: Floats, origin: int, pitch: int) -> None:
    """Add move b to move a, less what they share if they are large beside the row itself.

    Small moves are summed, as one after the other would do. A row that many windows of a chunk meet gets as far as it can within
    each chunk; the sum of such moves would overshoot and diverge: what they agree on is averaged, the rest is summed.
    """
    ab = aa = bb = rr = zero()
    for d in range(0, pitch, LANES):
        x, y, r = load(a, at + d), load(b, start + d), load(table, origin + d)
        ab, aa, bb, rr = fma(x, y, ab), fma(x, x, aa), fma(y, y, bb), fma(r, r, rr)
    mine, other = total(aa) + np.float32(1e-30), total(bb) + np.float32(1e-30)
    large = min((mine + other) / (LARGE * total(rr) + np.float32(1e-30)), np.float32(1))
    shared = max(total(ab), np.float32(0)) * np.float32(0.5) * large
    f, g = splat(np.float32(1) - shared / mine), splat(np.float32(1) - shared / other)
    for d in range(0, pitch, LANES):
        store(a, at + d, fma(f, load(a, at + d), mul(g, load(b, start + d))))


@compiled()
def borrow(table: Floats, hot: int, copy: int, before: int, pitch: int) -> None:
    """Copy the first `hot` rows to the thread's own from row `copy` on, and once more from row `before` on."""
    for place in range(hot * pitch):
        table[copy * pitch + place] = table[before * pitch + place] = table[place]


@compiled()
def exchange(table: Floats, hot: int, copy: int, before: int, pitch: int) -> None:
    """Bring the moves of a thread's copies to the table, and the others' moves to the copies.

    What the others moved is told from a copy of its own: a difference that stood in the table for a moment was taken for a vector
    by a thread that exchanged the same row, and vectors blew up.
    """
    others = np.empty(pitch, np.float32)
    for row in range(hot):
        own, old, common = (copy + row) * pitch, (before + row) * pitch, row * pitch
        for d in range(0, pitch, LANES):  # both as moves since the last exchange
            store(table, own + d, sub(load(table, own + d), load(table, old + d)))
            store(others, d, sub(load(table, common + d), load(table, old + d)))
        join(others, 0, table, own, table, old, pitch)
        for d in range(0, pitch, LANES):
            now = plus(load(table, old + d), load(others, d))
            store(table, common + d, now)
            store(table, own + d, now)
            store(table, old + d, now)


@compiled()
def turn_words(batch: Batch, count: int, hot: int, copy: int) -> None:
    """Let the contexts of a block of windows be the copies."""
    for i in range(count):
        if batch.word[i] < hot:
            batch.word[i] += copy


@compiled()
def turn_targets(batch: Batch, count: int, hot: int, copy: int) -> None:
    """Let the targets of a block of windows be the copies."""
    for i in range(count):
        for k in range(batch.groups[i] * 6):
            if batch.target[i, k] < hot:
                batch.target[i, k] += copy

"""The deterministic way to train word vectors in threads: the same vectors to the bit, whatever the number of threads.

A round is VIRTUAL chunks of the text, drawn first. A row that only one of them meets is moved where it is. A row that several
meet is copied by each (copies lie behind the table's own rows), and left as it is; then it takes all their moves, in the order of
the chunks. So who does a chunk, and when, changes nothing.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from selfsup.data.text.subwords import Bags
from selfsup.solvers.kernels.copies import join
from selfsup.solvers.kernels.draws import BLOCK, Batch, Course, Floats, Ints, Tables, chunk_seed, draw, rate_at, span
from selfsup.solvers.kernels.lanes import LANES, add as plus, compiled, load, store, sub
from selfsup.solvers.kernels.windows import fetch, learn, learn_bags

VIRTUAL = 4  # chunks a round, and so the most threads that help
SIZE = BLOCK  # ids in a chunk, at most a block: the more, the less often threads wait for one another, and the staler the rows
EARLY = 4  # how many rows or windows before they are needed rows are asked for


class Shared(NamedTuple):
    """Who meets which rows of one table in this round, and their copies."""

    met: Ints  # (V, VIRTUAL): the last round in which a chunk met a row
    slot: Ints  # (VIRTUAL, V): where a chunk's copy of a row is, or -1
    row: Ints  # (VIRTUAL, capacity): which row it is
    used: Ints  # (VIRTUAL,)
    first: int  # table row of the first chunk's first copy


def capacity(words: int, slots: int) -> int:
    """Most rows that a chunk copies."""
    return min(words, SIZE * slots)


def make_shared(words: int, slots: int, first: int) -> Shared:
    """Nothing met yet; a chunk meets at most `slots` rows for each word."""
    return Shared(
        np.full((words, VIRTUAL), -1, np.int32),
        np.full((VIRTUAL, words), -1, np.int32),
        np.zeros((VIRTUAL, capacity(words, slots)), np.int32),
        np.zeros(VIRTUAL, np.int32),
        first,
    )


@compiled(nogil=True)
def prepare(
    c: int,
    p: int,
    ids: Ints,
    tables: Tables,
    batch: Batch,
    words: Shared,
    targets: Shared,
    course: Course,
    bags: Bags | None,
) -> int:
    """Draw chunk c, the p-th of its round, and note the rows that it meets -> words kept."""
    start, end, _ = span(c, len(ids), course.size)
    seed, spare, round = chunk_seed(c, course), len(targets.met) + p, c // VIRTUAL
    _, count, _ = draw(ids, start, end, seed, tables, course.window, course.fixed, course.negative, spare, batch)
    for i in range(count):
        if bags is None:
            words.met[batch.word[i], p] = round
        else:
            for k in range(bags.offsets[batch.word[i]], bags.offsets[batch.word[i] + 1]):
                words.met[bags.rows[k], p] = round
        for k in range(batch.groups[i] * 6):
            row = batch.target[i, k]
            if row != spare:
                targets.met[row, p] = round
    return count  # type: ignore[no-any-return]


@compiled(forceinline=True)
def place(p: int, row: int, round: int, table: Floats, here: Shared, pitch: int) -> int:
    """Where chunk p finds a row: at its own place if no other chunk meets it, or else a copy, made at the first call."""
    others = 0
    for q in range(VIRTUAL):
        others += here.met[row, q] == round
    if others < 2:
        return row
    base, slot = here.first + p * here.row.shape[1], np.int64(here.slot[p, row])
    if slot < 0:
        slot = np.int64(here.used[p])
        here.slot[p, row], here.row[p, slot], here.used[p] = slot, row, slot + 1
        for d in range(0, pitch, LANES):
            store(table, (base + slot) * pitch + d, load(table, row * pitch + d))
    return base + slot  # type: ignore[no-any-return]


@compiled()
def leave(p: int, table: Floats, here: Shared, pitch: int) -> None:
    """Turn a chunk's copies into how far they moved."""
    base = here.first + p * here.row.shape[1]
    for slot in range(here.used[p]):
        start, origin = (base + slot) * pitch, np.int64(here.row[p, slot]) * pitch
        for d in range(0, pitch, LANES):
            store(table, start + d, sub(load(table, start + d), load(table, origin + d)))


@compiled(nogil=True)
def visit(
    c: int,
    p: int,
    count: int,
    n: int,
    input: Floats,
    output: Floats,
    batch: Batch,
    words: Shared,
    targets: Shared,
    course: Course,
    bags: Bags | None,
) -> None:
    """Learn from chunk c, the p-th of its round, of n ids; rows that others meet are only read."""
    pitch, round, spare = course.pitch, c // VIRTUAL, len(targets.met) + p
    for i in range(count):
        if i + EARLY < count:
            for k in range(batch.groups[i + EARLY] * 6):
                fetch(output, batch.target[i + EARLY, k], pitch)
        if bags is None:
            batch.word[i] = place(p, np.int64(batch.word[i]), round, input, words, pitch)
        else:
            for k in range(bags.offsets[batch.word[i]], bags.offsets[batch.word[i] + 1]):
                place(p, np.int64(bags.rows[k]), round, input, words, pitch)
        for k in range(batch.groups[i] * 6):
            row = np.int64(batch.target[i, k])
            if row != spare:
                batch.target[i, k] = place(p, row, round, output, targets, pitch)
    start, _, before = span(c, n, course.size)
    rate = rate_at(before + start, course)
    if bags is None:
        learn(input, output, pitch, batch, 0, count, rate, course.window, course.bag)
    else:
        slot, base = words.slot[p], words.first + p * words.row.shape[1]
        learn_bags(input, output, pitch, batch, count, rate, course.window, course.bag, bags, slot, base)
    leave(p, input, words, pitch)
    leave(p, output, targets, pitch)


@compiled(nogil=True)
def merge(part: int, parts: int, table: Floats, here: Shared, pitch: int) -> None:
    """Move the rows of one part of the table by what the chunks of a round found, in the order of the chunks."""
    room = here.row.shape[1]
    for p in range(VIRTUAL):
        for slot in range(here.used[p]):
            row = np.int64(here.row[p, slot])
            if row % parts != part:
                continue
            first = True
            for q in range(p):
                first = first and here.slot[q, row] < 0
            if not first:  # done with an earlier chunk's copies
                continue
            at, origin = (here.first + p * room + slot) * pitch, row * pitch
            for q in range(p + 1, VIRTUAL):
                other = np.int64(here.slot[q, row])
                if other >= 0:
                    join(table, at, table, (here.first + q * room + other) * pitch, table, origin, pitch)
            for d in range(0, pitch, LANES):
                store(table, origin + d, plus(load(table, origin + d), load(table, at + d)))


@compiled(nogil=True)
def forget(p: int, here: Shared) -> None:
    """Empty a chunk's copies."""
    for slot in range(here.used[p]):
        here.slot[p, here.row[p, slot]] = -1
    here.used[p] = 0

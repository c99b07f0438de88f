"""The kernels of word vectors: windows are drawn a block at a time, then learned from, with no Python per word.

A window is a word, its contexts, and `negative` drawn words that all its contexts share: with the word itself they are its
targets. The declared loss of a window, for contexts v_c and targets u_k (u_0 the word's), is

    sum over c of [ -log s(u_0 . v_c) - sum over k of log s(-u_k . v_c) ]            (skip-gram)
    the same for one h = mean of the v_c, whose gradient each context gets divided by their number   (CBOW)

With the hierarchical softmax the targets are the inner nodes u_k on the word's path, and the sign of each is its turn there.
A target's label in the batch is 1 for log s(u_k . v_c), 0 for log s(-u_k . v_c).

The gradient is taken at once for the whole window. The contexts of a bag would crawl at the targets' rate, as each gets an
n-th of the gradient: they take a rate of their own, larger by the mean of n and the expected n. The first alone, as in the
original program, lets large windows move words most, and WS-353 falls; the second alone, small ones, and analogies do
(docs/log.md). Tables are flat: row r starts at r * pitch.
"""

from __future__ import annotations

import numpy as np

from selfsup.data.text.subwords import Bags
from selfsup.solvers.kernels.bags import RUN, compose, hash_table, number, spread, widest
from selfsup.solvers.kernels.copies import Own, borrow, exchange, turn_targets, turn_words
from selfsup.solvers.kernels.draws import Batch, Course, Floats, Ints, Offsets, Tables, chunk_seed, draw, rate_at, span
from selfsup.solvers.kernels.lanes import (
    LANES,
    add,
    compiled,
    fma,
    load,
    load8,
    mul,
    prefetch,
    sigmoid,
    splat,
    splat16,
    store,
    sub,
    sums,
    take,
    twice,
    zero,
)

Six = tuple[np.int64, np.int64, np.int64, np.int64, np.int64, np.int64]

AHEAD = 1  # windows: how early rows are asked for
FEWEST = 1000  # kept words from one exchange of copies to the next


@compiled(forceinline=True)
def contexts(i: int, batch: Batch, pitch: int, at: Offsets) -> int:
    """Offsets of window i's contexts to `at`, the last one twice, as they are taken in pairs -> how many."""
    n = 0
    for j in range(batch.low[i], i):
        at[n] = np.int64(batch.word[j]) * pitch
        n += 1
    for j in range(i + 1, batch.high[i]):
        at[n] = np.int64(batch.word[j]) * pitch
        n += 1
    at[n] = at[n - 1] if n else 0
    return n


@compiled(forceinline=True)
def six(i: int, g: int, batch: Batch, pitch: int) -> Six:
    """Offsets of the g-th six targets of window i."""
    t, k = batch.target, g * 6
    return (
        np.int64(t[i, k]) * pitch,
        np.int64(t[i, k + 1]) * pitch,
        np.int64(t[i, k + 2]) * pitch,
        np.int64(t[i, k + 3]) * pitch,
        np.int64(t[i, k + 4]) * pitch,
        np.int64(t[i, k + 5]) * pitch,
    )


@compiled(forceinline=True)
def fetch(table: Floats, row: int, pitch: int) -> None:
    """Ask for a row before it is needed."""
    for d in range(0, pitch, 16):  # 16 floats are a cache line
        prefetch(table, np.int64(row) * pitch + d)


@compiled(forceinline=True)
def fetch_window(i: int, count: int, input: Floats, output: Floats, pitch: int, batch: Batch, reach: int) -> None:
    """Ask for the rows that the window AHEAD of this one needs first: its targets, and the context that enters."""
    if i + AHEAD < count:
        for k in range(batch.groups[i + AHEAD] * 6):
            fetch(output, batch.target[i + AHEAD, k], pitch)
    if i + AHEAD + reach < count:
        fetch(input, batch.word[i + AHEAD + reach], pitch)


@compiled(forceinline=True)
def gains(
    rows: Floats,
    output: Floats,
    pitch: int,
    w: int,
    v: int,
    c: Six,
    scale: object,
    label: object,
) -> object:
    """How far each of six targets moves two contexts, and they it: scale * (label - sigmoid), in lanes 0-5 and 8-13."""
    c0, c1, c2, c3, c4, c5 = c
    s0 = s1 = s2 = s3 = s4 = s5 = r0 = r1 = r2 = r3 = r4 = r5 = zero()
    for d in range(0, pitch, LANES):
        x, y = load(rows, w + d), load(rows, v + d)
        o = load(output, c0 + d)
        s0, r0 = fma(x, o, s0), fma(y, o, r0)
        o = load(output, c1 + d)
        s1, r1 = fma(x, o, s1), fma(y, o, r1)
        o = load(output, c2 + d)
        s2, r2 = fma(x, o, s2), fma(y, o, r2)
        o = load(output, c3 + d)
        s3, r3 = fma(x, o, s3), fma(y, o, r3)
        o = load(output, c4 + d)
        s4, r4 = fma(x, o, s4), fma(y, o, r4)
        o = load(output, c5 + d)
        s5, r5 = fma(x, o, s5), fma(y, o, r5)
    guess = sigmoid(sums(s0, s1, s2, s3, s4, s5, r0, r1, r2, r3, r4, r5))
    return mul(scale, sub(label, guess))


@compiled(forceinline=True)
def move(
    rows: Floats,
    start: Offsets,
    input: Floats,
    at: Offsets,
    n: int,
    output: Floats,
    pitch: int,
    c: Six,
    gain: Floats,
) -> None:
    """Move n contexts and six targets by their gains, two strips of LANES columns at a time.

    `rows` at `start` holds the contexts as they were when the gains were taken, `input` at `at` where they are to be moved; the
    two may be the same. The strips of six targets, and what they become, stay in registers.
    """
    c0, c1, c2, c3, c4, c5 = c
    for d in range(0, pitch - LANES, 2 * LANES):
        e = d + LANES
        o0, o1, o2 = load(output, c0 + d), load(output, c1 + d), load(output, c2 + d)
        o3, o4, o5 = load(output, c3 + d), load(output, c4 + d), load(output, c5 + d)
        p0, p1, p2 = load(output, c0 + e), load(output, c1 + e), load(output, c2 + e)
        p3, p4, p5 = load(output, c3 + e), load(output, c4 + e), load(output, c5 + e)
        q0, q1, q2, q3, q4, q5 = o0, o1, o2, o3, o4, o5
        r0, r1, r2, r3, r4, r5 = p0, p1, p2, p3, p4, p5
        for a in range(n):
            g = a * 8
            x = load(rows, start[a] + d)
            y = load(rows, start[a] + e)
            v = load(input, at[a] + d)
            w = load(input, at[a] + e)
            k = splat(gain[g])
            q0, r0, v, w = fma(k, x, q0), fma(k, y, r0), fma(k, o0, v), fma(k, p0, w)
            k = splat(gain[g + 1])
            q1, r1, v, w = fma(k, x, q1), fma(k, y, r1), fma(k, o1, v), fma(k, p1, w)
            k = splat(gain[g + 2])
            q2, r2, v, w = fma(k, x, q2), fma(k, y, r2), fma(k, o2, v), fma(k, p2, w)
            k = splat(gain[g + 3])
            q3, r3, v, w = fma(k, x, q3), fma(k, y, r3), fma(k, o3, v), fma(k, p3, w)
            k = splat(gain[g + 4])
            q4, r4, v, w = fma(k, x, q4), fma(k, y, r4), fma(k, o4, v), fma(k, p4, w)
            k = splat(gain[g + 5])
            q5, r5, v, w = fma(k, x, q5), fma(k, y, r5), fma(k, o5, v), fma(k, p5, w)
            store(input, at[a] + d, v)
            store(input, at[a] + e, w)
        store(output, c0 + d, q0)
        store(output, c1 + d, q1)
        store(output, c2 + d, q2)
        store(output, c3 + d, q3)
        store(output, c4 + d, q4)
        store(output, c5 + d, q5)
        store(output, c0 + e, r0)
        store(output, c1 + e, r1)
        store(output, c2 + e, r2)
        store(output, c3 + e, r3)
        store(output, c4 + e, r4)
        store(output, c5 + e, r5)
    for d in range(pitch // (2 * LANES) * (2 * LANES), pitch, LANES):  # the last strip, if their number is odd
        o0, o1, o2 = load(output, c0 + d), load(output, c1 + d), load(output, c2 + d)
        o3, o4, o5 = load(output, c3 + d), load(output, c4 + d), load(output, c5 + d)
        q0, q1, q2, q3, q4, q5 = o0, o1, o2, o3, o4, o5
        for a in range(n):
            x, g = load(rows, start[a] + d), a * 8
            g0, g1, g2 = splat(gain[g]), splat(gain[g + 1]), splat(gain[g + 2])
            g3, g4, g5 = splat(gain[g + 3]), splat(gain[g + 4]), splat(gain[g + 5])
            q0, q1, q2 = fma(g0, x, q0), fma(g1, x, q1), fma(g2, x, q2)
            q3, q4, q5 = fma(g3, x, q3), fma(g4, x, q4), fma(g5, x, q5)
            y = fma(g4, o4, fma(g2, o2, fma(g0, o0, load(input, at[a] + d))))  # two chains: neither waits six times
            z = fma(g5, o5, fma(g3, o3, mul(g1, o1)))
            store(input, at[a] + d, add(y, z))
        store(output, c0 + d, q0)
        store(output, c1 + d, q1)
        store(output, c2 + d, q2)
        store(output, c3 + d, q3)
        store(output, c4 + d, q4)
        store(output, c5 + d, q5)


@compiled()
def skipgram(
    input: Floats, output: Floats, pitch: int, batch: Batch, first: int, count: int, rate: float, reach: int
) -> None:
    """Learn from windows `first` to `count` of up to six targets."""
    at = np.empty(2 * reach + 2, np.int64)
    gain = np.empty((2 * reach + 2) * 8, np.float32)
    alpha, weight, label = splat16(np.float32(rate)), batch.weight.reshape(-1), batch.label.reshape(-1)
    for i in range(first, count):
        n = contexts(i, batch, pitch, at)
        fetch_window(i, count, input, output, pitch, batch, reach)
        if n == 0:
            continue
        c = six(i, 0, batch, pitch)
        scale, aim = mul(alpha, twice(load8(weight, i * 8))), twice(load8(label, i * 8))
        for a in range(0, n, 2):
            store(gain, a * 8, gains(input, output, pitch, at[a], at[a + 1], c, scale, aim))
        move(input, at, input, at, n, output, pitch, c, gain)


@compiled()
def skipgram_groups(
    input: Floats, output: Floats, pitch: int, batch: Batch, first: int, count: int, rate: float, reach: int
) -> None:
    """Learn from windows `first` to `count` of any number of targets, six at a time, against the contexts as they were before."""
    lanes, weight, label = batch.weight.shape[1], batch.weight.reshape(-1), batch.label.reshape(-1)
    at, start = np.empty(2 * reach + 2, np.int64), np.arange(2 * reach + 2) * pitch
    gain, old = np.empty((2 * reach + 2) * 8, np.float32), np.zeros((2 * reach + 2) * pitch, np.float32)
    alpha = splat16(np.float32(rate))
    for i in range(first, count):
        n = contexts(i, batch, pitch, at)
        fetch_window(i, count, input, output, pitch, batch, reach)
        for a in range(n):
            for d in range(0, pitch, LANES):
                store(old, start[a] + d, load(input, at[a] + d))
        for g in range(batch.groups[i]):
            c = six(i, g, batch, pitch)
            scale = mul(alpha, twice(load8(weight, i * lanes + g * 8)))
            aim = twice(load8(label, i * lanes + g * 8))
            for a in range(0, n, 2):
                store(gain, a * 8, gains(old, output, pitch, start[a], start[a + 1], c, scale, aim))
            move(old, start, input, at, n, output, pitch, c, gain)


@compiled()
def cbow(
    input: Floats,
    output: Floats,
    pitch: int,
    batch: Batch,
    first: int,
    count: int,
    rate: float,
    reach: int,
    lift: float,
) -> None:
    """Learn from windows `first` to `count` of any number of targets: one mean of the contexts stands for them all."""
    lanes, weight, label = batch.weight.shape[1], batch.weight.reshape(-1), batch.label.reshape(-1)
    at, gain = np.empty(2 * reach + 2, np.int64), np.empty(16, np.float32)
    mean, change = np.empty(pitch, np.float32), np.empty(pitch, np.float32)
    start = np.zeros(1, np.int64)
    alpha = splat16(np.float32(rate))
    for i in range(first, count):
        n = contexts(i, batch, pitch, at)
        fetch_window(i, count, input, output, pitch, batch, reach)
        if n == 0:
            continue
        share, push = (
            splat(np.float32(1) / np.float32(n)),
            splat(np.float32(0.5) * (np.float32(lift) / np.float32(n) + 1)),
        )
        for d in range(0, pitch, LANES):
            x = zero()
            for a in range(n):
                x = fma(share, load(input, at[a] + d), x)
            store(mean, d, x)
            store(change, d, zero())
        for g in range(batch.groups[i]):
            c = six(i, g, batch, pitch)
            scale = mul(alpha, twice(load8(weight, i * lanes + g * 8)))
            aim = twice(load8(label, i * lanes + g * 8))
            store(gain, 0, gains(mean, output, pitch, 0, 0, c, scale, aim))
            move(mean, start, change, start, 1, output, pitch, c, gain)
        for a in range(n):
            for d in range(0, pitch, LANES):
                store(input, at[a] + d, fma(push, load(change, d), load(input, at[a] + d)))


@compiled()
def learn(
    input: Floats, output: Floats, pitch: int, batch: Batch, first: int, count: int, rate: float, reach: int, bag: float
) -> None:
    """Learn from windows `first` to `count` of a block."""
    if bag:
        cbow(input, output, pitch, batch, first, count, rate, reach, bag)
    elif batch.weight.shape[1] == 8:
        skipgram(input, output, pitch, batch, first, count, rate, reach)
    else:
        skipgram_groups(input, output, pitch, batch, first, count, rate, reach)


@compiled()
def learn_bags(
    input: Floats,
    output: Floats,
    pitch: int,
    batch: Batch,
    count: int,
    rate: float,
    reach: int,
    bag: float,
    bags: Bags,
    slot: Ints,
    base: int,
) -> None:
    """Learn from a block of windows whose words are bags of rows: a run of windows at a time; see `solvers/bags.py`."""
    words = batch.word[:count].copy()  # from here on, batch.word says where a word's vector was composed
    most = RUN + 2 * reach
    local, before = np.empty(most * pitch, np.float32), np.empty(most * pitch, np.float32)
    at, chosen, hashed = np.empty(widest(words, bags), np.int64), np.empty(most, np.int32), hash_table(most)
    for first in range(0, count, RUN):
        last = min(first + RUN, count)
        low, high = first, last
        for i in range(first, last):
            low, high = min(low, batch.low[i]), max(high, batch.high[i])
        n = number(words[low:high], batch.word[low:high], chosen, hashed)
        compose(chosen[:n], input, pitch, bags, slot, base, local, before, at)
        learn(local, output, pitch, batch, first, last, rate, reach, bag)
        spread(chosen[:n], input, pitch, bags, slot, base, local, before, at)


@compiled(nogil=True)
def work(
    ids: Ints,
    input: Floats,
    output: Floats,
    tables: Tables,
    batch: Batch,
    spare: int,
    shared: Offsets,
    last: int,
    course: Course,
    own: Own,
    bags: Bags | None,
) -> int:
    """Learn from chunk after chunk until `last` or a stop -> words kept. shared: [next chunk, stop, kept by all]."""
    kept, since, pitch = 0, 0, course.pitch
    if bags is None:  # else threads share the rows of the input table, and write them once for a run of windows
        borrow(input, own.rows, own.copy, own.before, pitch)
    borrow(output, own.rows, own.copy, own.before, pitch)
    none = np.empty(0, np.int32)  # copies of rows: see `rounds.py`
    while take(shared, 1, 0) == 0:
        c = take(shared, 0, 1)
        if c >= last:
            break
        position, end, before = span(c, len(ids), course.size)
        seed = chunk_seed(c, course)
        kept_here = 0
        while position < end:
            rate = rate_at(before + position, course)
            position, count, seed = draw(
                ids, position, end, seed, tables, course.window, course.fixed, course.negative, spare, batch
            )
            if own.rows:
                turn_targets(batch, count, own.rows, own.copy)
            if bags is None:
                if own.rows:
                    turn_words(batch, count, own.rows, own.copy)
                learn(input, output, pitch, batch, 0, count, rate, course.window, course.bag)
            else:
                learn_bags(input, output, pitch, batch, count, rate, course.window, course.bag, bags, none, 0)
            kept_here += count
            since += count
            if since >= min(own.every, max(FEWEST, (before + position) // own.part)):
                rows = min(own.rows, since)  # the rest was hardly met in so few words
                if bags is None:
                    exchange(input, rows, own.copy, own.before, pitch)
                exchange(output, rows, own.copy, own.before, pitch)
                since = 0
        take(shared, 2, kept_here)
        kept += kept_here
    if bags is None:
        exchange(input, own.rows, own.copy, own.before, pitch)
    exchange(output, own.rows, own.copy, own.before, pitch)
    return kept

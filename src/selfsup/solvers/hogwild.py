"""The solver of word vectors: threads that learn from the same two tables without waiting for each other.

Two threads may write the same row at once and one of the writes is lost; as rows are many and moves small, this costs nothing
that can be measured (Recht et al., "Hogwild!", 2011). ``deterministic`` is the way for those who need the same vectors twice.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from selfsup.errors import DataError, OptionError, TrainingError

if TYPE_CHECKING:
    from selfsup.method import Bags
    from selfsup.solvers.draws import Course, Tables

Floats = npt.NDArray[np.float32]
Report = Callable[[int, int, int], None]

CHUNK = 10_000  # ids that a thread takes at a time
SPARE = 16  # rows after the last word's that take the writes meant for nobody; they stay zero
HOT = (
    2 << 20
)  # bytes of each table, its most frequent words, that every thread has copies of, and the kept words from one
EVERY = 50_000  # exchange of them to the next: `solvers/copies.py`
TICK = 1.0  # seconds between reports
HUGE = 1e6  # no vector of a training that goes well comes near


@dataclass(frozen=True)
class WordPlan:
    """The resolved settings of word vectors: everything that decides what given ids become."""

    dim: int
    window: int = 5
    negative: int = 5
    sample: float = 1e-4  # 0: every word is kept
    epochs: int = 5
    lr: float = 0.05
    threads: int = 1
    seed: int = 0
    deterministic: bool = False
    architecture: Literal["skipgram", "cbow"] = "skipgram"
    objective: Literal["negative", "hierarchical"] = "negative"
    fixed_window: bool = False
    exponent: float = 0.75

    def __post_init__(self) -> None:
        for name in ("dim", "window", "negative", "epochs", "threads"):
            if getattr(self, name) < 1:
                raise OptionError(f"{name} must be at least 1, not {getattr(self, name)}")
        if self.architecture not in ("skipgram", "cbow"):
            raise OptionError(f"architecture must be 'skipgram' or 'cbow', not '{self.architecture}'")
        if self.objective not in ("negative", "hierarchical"):
            raise OptionError(f"objective must be 'negative' or 'hierarchical' for this solver, not '{self.objective}'")
        if not (np.isfinite(self.lr) and self.lr > 0):
            raise OptionError(f"lr must be above 0, not {self.lr}; 0.05 is a good start")
        if not (np.isfinite(self.sample) and self.sample >= 0):
            raise OptionError(f"sample must be 0 (keep every word) or above, not {self.sample}; 1e-4 is a good start")
        if not np.isfinite(self.exponent):
            raise OptionError(f"exponent must be a number, not {self.exponent}; 0.75 is a good start")


@dataclass
class WordState:
    """The two tables, and how far training has come.

    `tables` are (V + extra + SPARE, pitch) and (V + SPARE, pitch) float32 whose rows start on a cache line: `dim` columns, then
    zeros that stay zero. Rows of threads' own may follow.
    """

    tables: list[Floats]
    words: int
    dim: int
    extra: int = 0  # rows of the input table after the words': those of n-grams
    done: int = 0  # position among the ids of all epochs
    kept: int = 0  # words learned from, after subsampling
    drawn: tuple[npt.NDArray[np.int64], Any, Tables] | None = None  # counts, settings: the draws of the last call

    @property
    def input(self) -> Floats:
        """(V + extra, dim) the vectors of words; where words are bags, the rows that theirs are means of."""
        return self.tables[0][: self.words + self.extra, : self.dim]

    @property
    def output(self) -> Floats:
        """(V, dim) the vectors of words as targets, or of the V - 1 inner nodes of the tree and a row of zeros."""
        return self.tables[1][: self.words, : self.dim]

    def extend(self, input: int, output: int) -> None:
        """Make sure of room for so many rows behind the tables; memory that is never touched is never taken."""
        for k, rows in enumerate((input, output)):
            used = self.words + SPARE + (self.extra if k == 0 else 0)
            if len(self.tables[k]) < used + rows:
                large = _aligned(used + rows, self.dim)
                large[:used] = self.tables[k][:used]
                self.tables[k] = large

    @classmethod
    def start(cls, words: int, dim: int, seed: int = 0, extra: int = 0) -> WordState:
        """As word2vec starts: words, and extra rows, uniform in +-1 / (2 dim), targets 0."""
        state = cls._zeros(words, dim, extra)
        rng = np.random.default_rng(seed)
        for first in range(0, words + extra, 65536):  # a part at a time: the table is not in memory twice
            part = state.input[first : first + 65536]
            part[...] = (rng.random(part.shape, dtype=np.float32) - np.float32(0.5)) / np.float32(dim)
        return state

    @classmethod
    def of(cls, input: npt.ArrayLike, output: npt.ArrayLike, done: int = 0, kept: int = 0) -> WordState:
        """Copy vectors of words (V + extra, dim) and targets (V, dim): to resume, or to start from earlier ones (`done` 0)."""
        given = np.asarray(input, np.float32), np.asarray(output, np.float32)
        if given[0].ndim != 2 or given[0].shape[1:] != given[1].shape[1:] or len(given[0]) < len(given[1]):
            raise DataError(f"input and output must both be (words, dim), not {given[0].shape} and {given[1].shape}")
        words, dim = given[1].shape
        state = cls._zeros(words, dim, len(given[0]) - words)
        state.done, state.kept = done, kept
        state.input[...], state.output[...] = given
        return state

    @classmethod
    def _zeros(cls, words: int, dim: int, extra: int) -> WordState:
        return cls([_aligned(words + extra + SPARE, dim), _aligned(words + SPARE, dim)], words, dim, extra)


def _aligned(rows: int, dim: int) -> Floats:
    """(rows, pitch) zeros from a cache line on, pitch a multiple of 16 floats."""
    pitch = -(-dim // 16) * 16
    memory = np.zeros(rows * pitch + 16, np.float32)
    start = -memory.ctypes.data // 4 % 16
    return memory[start : start + rows * pitch].reshape(rows, pitch)


def checked(ids: npt.NDArray[np.int32], counts: npt.NDArray[np.int64], plan: WordPlan, state: WordState | None) -> None:
    """What a kernel without bounds checks must be able to rely on."""
    if ids.ndim != 1 or ids.dtype != np.int32:
        raise DataError(f"ids must be (N,) int32, not {ids.shape} {ids.dtype}")
    if counts.ndim != 1 or len(counts) == 0 or counts.min() < 1:
        raise DataError(
            "counts must be (V,) integers of at least 1, one for each word of a vocabulary that is not empty"
        )
    if len(ids) == 0:
        raise DataError("there are no ids to train on: the corpus is empty, or no word is frequent enough")
    for first in range(0, len(ids), 1 << 22):  # a part at a time: ids may be a file larger than memory
        part = ids[first : first + (1 << 22)]
        if part.min() < -1 or part.max() >= len(counts):
            raise DataError(
                f"ids must be -1 (a border) or in 0 to {len(counts) - 1}; found {part.min()} to {part.max()}"
            )
    if state is not None and (state.words, state.dim) != (len(counts), plan.dim):
        given = f"{state.words} words of {state.dim} dimensions"
        raise DataError(f"the state holds {given}, but the vocabulary has {len(counts)} and dim is {plan.dim}")


def _extra(bags: Bags | None, words: int, state: WordState | None) -> int:
    """How many rows the input table has after the words', once the bags are sure to stay in it."""
    if bags is None:
        rows = words
    else:
        if bags.offsets.shape != (words + 1,) or bags.offsets[0] != 0 or bags.offsets[-1] != len(bags.rows):
            raise DataError(f"bags need offsets ({words + 1},) from 0 to their {len(bags.rows)} rows")
        if np.diff(bags.offsets).min() < 1 or bags.rows.min() < 0 or bags.rows.max() >= bags.size:
            raise DataError(f"each word needs a bag of at least one row, and rows in 0 to {bags.size - 1}")
        rows = bags.size
    if rows < words or (state is not None and len(state.input) != rows):
        raise DataError(
            f"the input table needs {rows} rows, of {words} words; it has {len(state.input) if state else 0}"
        )
    return rows - words


@dataclass
class _Job:
    """One call of `hogwild`: what threads share."""

    ids: npt.NDArray[np.int32]
    state: WordState
    plan: WordPlan
    tables: Tables
    course: Course
    next: int  # chunk to begin with
    last: int
    bags: Bags | None
    shared: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros(24, np.int64))  # next chunk, stop, kept
    failed: list[BaseException] = field(default_factory=list)
    hot: int = 0  # rows that each thread has copies of

    def flat(self) -> tuple[Floats, Floats]:
        return self.state.tables[0].reshape(-1), self.state.tables[1].reshape(-1)

    @property
    def slots(self) -> int:
        """Most targets of a window: a word and its negatives, or the nodes of the longest path."""
        return self.plan.negative + 1 if self.course.negative else max(self.tables.paths.longest, 1)

    def position(self, chunk: int) -> int:
        """Ids of all epochs before a chunk."""
        each = -(-len(self.ids) // self.course.size)
        epoch, place = divmod(min(chunk, self.last), each)
        return epoch * len(self.ids) + place * self.course.size

    def stop(self) -> None:
        self.shared[1] = 1


def _job(
    ids: npt.NDArray[np.int32],
    counts: npt.NDArray[np.int64],
    plan: WordPlan,
    state: WordState,
    bags: Bags | None,
) -> _Job:
    from selfsup.solvers.draws import Course
    from selfsup.solvers.rounds import SIZE, VIRTUAL

    size = SIZE if plan.deterministic else CHUNK
    each = -(-len(ids) // size)
    pitch = state.tables[0].shape[1]
    course = Course(
        pitch,
        plan.window,
        plan.fixed_window,
        plan.negative if plan.objective == "negative" else 0,
        0.0 if plan.architecture == "skipgram" else 2.0 * plan.window if plan.fixed_window else plan.window + 1.0,
        float(plan.lr),
        len(ids) * plan.epochs,
        size,
        np.uint64(plan.seed % 2**64),
    )
    epoch, place = divmod(state.done, len(ids))
    begin = epoch * each + place // size
    job = _Job(ids, state, plan, _tables(counts, plan, state), course, begin, each * plan.epochs, bags)
    if job.position(begin) != state.done or (plan.deterministic and begin % VIRTUAL and begin != job.last):
        raise DataError(
            f"no training of these ids and settings stops at position {state.done}; start anew, with done 0"
        )
    job.shared[0] = begin
    return job


def _tables(counts: npt.NDArray[np.int64], plan: WordPlan, state: WordState) -> Tables:
    """The draws, made once for all calls that go on with a state: a second for a million words."""
    from selfsup.solvers.draws import make_tables, path_tables

    settings = plan.objective, plan.sample, plan.exponent
    if state.drawn is None or state.drawn[1] != settings or not np.array_equal(state.drawn[0], counts):
        paths = plan.objective == "hierarchical"
        tables = path_tables(counts, plan.sample) if paths else make_tables(counts, plan.sample, plan.exponent)
        state.drawn = counts.copy(), settings, tables
    return state.drawn[2]


def _free(job: _Job, number: int) -> None:
    """A thread that takes the next chunk whenever it is free."""
    from selfsup.solvers.copies import Own
    from selfsup.solvers.draws import make_batch
    from selfsup.solvers.windows import work

    spare = job.state.words + number % SPARE
    batch = make_batch(job.slots - 1)
    first = job.state.words + SPARE + 2 * number * job.hot
    own = Own(job.hot, first, first + job.hot, EVERY)
    work(job.ids, *job.flat(), job.tables, batch, spare, job.shared, job.last, job.course, own, job.bags)


class _Rounds:
    """Threads that do rounds of chunks together; every step of a round ends for all before the next begins."""

    def __init__(self, job: _Job, threads: int) -> None:
        from selfsup.solvers.draws import make_batch
        from selfsup.solvers.rounds import VIRTUAL, capacity, make_shared

        slots = 1 if job.bags is None else int(np.diff(job.bags.offsets).max()), job.slots
        rows = len(job.state.input), len(job.state.output)
        job.state.extend(*map(lambda n, k: VIRTUAL * capacity(n, k), rows, slots))
        words, targets = (make_shared(n, k, n + SPARE) for n, k in zip(rows, slots, strict=True))
        self.shared = words, targets
        self.batches = [make_batch(job.slots - 1) for _ in range(VIRTUAL)]
        self.counts = [0] * VIRTUAL
        self.threads, self.barrier = threads, threading.Barrier(threads)

    def __call__(self, job: _Job, number: int) -> None:
        from selfsup.solvers.rounds import VIRTUAL

        try:
            for first in range(job.next, job.last, VIRTUAL):
                mine = range(number, min(VIRTUAL, job.last - first), self.threads)  # the last round may be short
                self._round(job, first, mine, number)
                if job.shared[3]:
                    break
        except threading.BrokenBarrierError:
            pass  # another thread failed, and says why
        except BaseException:
            self.barrier.abort()
            raise

    def _round(self, job: _Job, first: int, mine: range, number: int) -> None:
        from selfsup.solvers.rounds import VIRTUAL, forget, merge, prepare, visit

        n, course, tables = len(job.ids), job.course, job.flat()
        for p in mine:
            self.counts[p] = prepare(first + p, p, job.ids, job.tables, self.batches[p], *self.shared, course, job.bags)
        self.barrier.wait()
        for p in mine:
            visit(first + p, p, self.counts[p], n, *tables, self.batches[p], *self.shared, course, job.bags)
        if number == 0:
            job.shared[3] = job.shared[1]  # all stop after the same round
        self.barrier.wait()
        for table, shared in zip(tables, self.shared, strict=True):
            merge(number, self.threads, table, shared, course.pitch)
        if number == 0:
            job.shared[0] = min(first + VIRTUAL, job.last)
            job.shared[2] += sum(self.counts[: job.last - first])
        self.barrier.wait()
        for p in mine:
            for shared in self.shared:
                forget(p, shared)


def _watch(job: _Job, threads: list[threading.Thread], progress: Report | None, stop: threading.Event | None) -> None:
    """Wait for the threads: report, look for trouble, and pass a stop on."""
    ticks, kept = 0, job.state.kept
    while any(thread.is_alive() for thread in threads):
        for thread in threads:
            thread.join(TICK / 20)
        if stop is not None and stop.is_set():
            job.stop()
        ticks += 1
        if ticks % max(20 // len(threads), 1) == 0:
            _sound(job, 64)
            if progress is not None:
                progress(job.position(int(job.shared[0])), job.course.total, kept + int(job.shared[2]))


def _sound(job: _Job, rows: int) -> None:
    """Raise if vectors blew up; what is not a number spreads to the frequent words at once, which come first."""
    for table in (job.state.input, job.state.output):
        for first in range(0, min(rows, len(table)), 65536):
            part = table[first : min(first + 65536, rows)]
            if not float(np.abs(part).max()) < HUGE:
                raise TrainingError(f"the vectors blew up: {too_high(job.plan.lr)}")


def too_high(lr: float, usual: float = 0.05) -> str:
    """Say that a learning rate is too high, and which one to try: the usual one, or where that was too high, a fourth."""
    calmer = usual if lr > usual else lr / 4
    return f"the learning rate is too high; try lr {calmer:.2g} instead of {lr:g}"


def hogwild(
    ids: npt.NDArray[np.int32],
    counts: npt.NDArray[np.int64],
    plan: WordPlan,
    state: WordState | None = None,
    *,
    bags: Bags | None = None,
    progress: Report | None = None,
    stop: threading.Event | None = None,
) -> WordState:
    """Train word vectors by negative sampling, or by the hierarchical softmax.

    Parameters
    ----------
    ids
        (N,) int32, the text as numbers of words, -1 between sentences; may be a memory map.
    counts
        (V,) how often each word occurs; frequent words first is best for the caches, and where trouble is looked for.
    plan
        The settings. With ``deterministic``, or one thread, they decide the result to the bit.
    state
        Where to go on from; it is changed in place. Without it, training starts anew.
    bags
        Rows of the input table that the vectors of words are means of; by default each word is a row.
    progress
        Called about once a second from this thread with ids done, ids in all, and words kept by subsampling.
    stop
        When it is set, threads end their chunks and the state is returned as it is: ``state.done < N * epochs``.

    Returns
    -------
    WordState
        The vectors, and how far they have come.

    Raises
    ------
    TrainingError
        The vectors blew up.
    """
    checked(ids, counts, plan, state)
    extra = _extra(bags, len(counts), state)
    state = state if state is not None else WordState.start(len(counts), plan.dim, plan.seed, extra)
    ids = ids.view(np.ndarray)
    ids.flags.writeable = False  # of this view: arrays that may be written would compile everything a second time
    job = _job(np.ascontiguousarray(ids), counts, plan, state, bags)
    threads = min(plan.threads, _most(plan))
    if not plan.deterministic and threads > 1:
        job.hot = min(HOT // (4 * job.course.pitch), len(counts))
        state.extend(2 * threads * job.hot if bags is None else 0, 2 * threads * job.hot)
    run: Callable[[_Job, int], None] = _Rounds(job, threads) if plan.deterministic else _free

    def body(number: int) -> None:
        try:
            run(job, number)
        except BaseException as error:  # told to the caller, in whose thread it belongs
            job.failed.append(error)
            job.stop()

    workers: list[Any] = [threading.Thread(target=body, args=(number,), daemon=True) for number in range(threads)]
    for worker in workers:
        worker.start()
    try:
        _watch(job, workers, progress, stop)
    finally:  # also after Ctrl-C or a failing callback: the state is whole, and says how far it is
        job.stop()
        for worker in workers:
            worker.join()
        state.done = job.position(int(job.shared[0]))
        state.kept += int(job.shared[2])
    if job.failed:
        raise job.failed[0]
    _sound(job, len(state.input))
    return state


def _most(plan: WordPlan) -> int:
    """How many threads can be of use."""
    from selfsup.solvers.rounds import VIRTUAL

    return VIRTUAL if plan.deterministic else plan.threads

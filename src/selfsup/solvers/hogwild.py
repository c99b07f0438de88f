"""The solver of word vectors: threads that learn from the same two tables without waiting for each other.

Two threads may write the same row at once and one of the writes is lost; as rows are many and moves small, this costs nothing
that can be measured (Recht et al., "Hogwild!", 2011). ``deterministic`` is the way for those who need the same vectors twice.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
import torch

from selfsup.data.text.subwords import Bags
from selfsup.errors import DataError, TrainingError
from selfsup.method import Data, Method
from selfsup.options import Range
from selfsup.solvers.declared import words_of
from selfsup.solvers.kernels.copies import Own
from selfsup.solvers.kernels.draws import Course, Tables, make_batch, make_tables, path_tables
from selfsup.solvers.kernels.rounds import SIZE, VIRTUAL, capacity, forget, make_shared, merge, prepare, visit
from selfsup.solvers.kernels.windows import work
from selfsup.solvers.sliced import Sliced
from selfsup.solvers.task import Task
from selfsup.solvers.words import (
    HUGE,
    LR,
    SPARE,
    Floats,
    Report,
    WordPlan,
    WordState,
    checked,
    hot_rows,
    of_tables,
    too_high,
)  # fmt: skip
from selfsup.system.cores import cores

CHUNK = 10_000  # ids that a thread takes at a time
EVERY = 200_000  # kept words from one exchange of threads' copies to the next, at most (`kernels/copies.py`)
PART = 32  # ids that all threads have gone through, for each word that one of them learns from before it exchanges
TICK = 0.25  # seconds between reports


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
    settings = plan.objective, plan.sample, plan.exponent
    if state.drawn is None or state.drawn[1] != settings or not np.array_equal(state.drawn[0], counts):
        paths = plan.objective == "hierarchical"
        tables = path_tables(counts, plan.sample) if paths else make_tables(counts, plan.sample, plan.exponent)
        state.drawn = counts.copy(), settings, tables
    return state.drawn[2]


def _free(job: _Job, number: int) -> None:
    """A thread that takes the next chunk whenever it is free."""
    spare = job.state.words + number % SPARE
    batch = make_batch(job.slots - 1)
    first = job.state.words + SPARE + 2 * number * job.hot
    own = Own(job.hot, first, first + job.hot, EVERY, PART * job.plan.threads)
    work(job.ids, *job.flat(), job.tables, batch, spare, job.shared, job.last, job.course, own, job.bags)


class _Rounds:
    """Threads that do rounds of chunks together; every step of a round ends for all before the next begins."""

    def __init__(self, job: _Job, threads: int) -> None:
        slots = 1 if job.bags is None else int(np.diff(job.bags.offsets).max()), job.slots
        rows = len(job.state.input), len(job.state.output)
        job.state.extend(*map(lambda n, k: VIRTUAL * capacity(n, k), rows, slots))
        words, targets = (make_shared(n, k, n + SPARE) for n, k in zip(rows, slots, strict=True))
        self.shared = words, targets
        self.batches = [make_batch(job.slots - 1) for _ in range(VIRTUAL)]
        self.counts = [0] * VIRTUAL
        self.threads, self.barrier = threads, threading.Barrier(threads)

    def __call__(self, job: _Job, number: int) -> None:
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
        Called a few times a second from this thread with ids done, ids in all, and words kept by subsampling.
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
    threads = min(plan.threads, VIRTUAL) if plan.deterministic else plan.threads
    if not plan.deterministic and threads > 1:
        job.hot = min(hot_rows(threads, job.course.pitch), len(counts))
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


class Hogwild(Sliced):
    """Word vectors by threads of the CPU that learn from the same tables.

    Parameters
    ----------
    lr
        Learning rate at the start; by default 0.05.
    threads
        By default one for each core.
    deterministic
        The same vectors with any number of threads.
    """

    name = "hogwild"
    free = ("threads",)

    def __init__(
        self,
        lr: Annotated[float, Range(0, open_low=True)] | None = None,
        threads: Annotated[int, Range(1, 1024)] | None = None,
        deterministic: bool = False,
    ) -> None:
        super().__init__()
        self.lr, self.threads, self.deterministic = lr, threads, deterministic

    def refuses(self, method: Method, device: str) -> str | None:
        """Other problems, and other devices than the CPU."""
        why = super().refuses(method, device)
        if why is None and device not in ("auto", "cpu"):
            other = "use solver batched, which has no deterministic, subwords or objective hierarchical"
            why = f"hogwild runs on the CPU, not on '{device}'; leave option 'device' out, or {other}"
        return why

    def device(self, asked: str) -> torch.device:
        """The CPU."""
        return torch.device("cpu")

    def plan(self, method: Method, data: Data, epochs: int | None, seed: int, device: torch.device) -> dict[str, Any]:
        """The method's problem, and how it is solved."""
        how = {"lr": self.lr or LR, "threads": self.threads or cores(), "deterministic": self.deterministic}
        return self.resolved(method, epochs, seed, **how)

    def memory(self, method: Method, data: Data, plan: Mapping[str, Any], *, saved: bool) -> int:
        """Two tables, threads' own rows, and copies."""
        words, threads, own = data.form.size, plan["threads"], 0
        if plan["deterministic"]:
            own = VIRTUAL * (capacity(words, 1) + capacity(words, plan["negative"] + 1))
        elif threads > 1:
            own = 4 * threads * min(hot_rows(threads, -(-plan["dim"] // 16) * 16), words)
        return of_tables(words, plan["dim"], own, saved=saved) + self.of_probe(method)

    def slice(self, task: Task, plan: WordPlan, state: WordState, progress: Report, stop: threading.Event) -> WordState:
        """Threads, until they are stopped."""
        method, data = words_of(task)
        counts = task.data.fact("counts")
        return hogwild(data.ids, counts, plan, state, bags=method.bags, progress=progress, stop=stop)

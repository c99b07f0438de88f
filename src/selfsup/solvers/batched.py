"""The solver of word vectors on a GPU, in torch: blocks of thousands of windows, one after the other, on one device.

The problem is that of `hogwild`: the same loss, draws and schedule. The text is cut into pieces; a piece's draws depend on the
seed and its number, and training can stop and go on between two pieces. Nothing in a piece is waited for but its number of kept
words. On a CPU a seed gives the same vectors to the bit (with the same number of torch's threads). On CUDA the additions of
index_add_ come in any order, so two runs differ in the last bits, and then as two hogwild runs do.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, cast

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from selfsup.errors import DataError, OptionError, TrainingError
from selfsup.method import Data, Method
from selfsup.options import Range
from selfsup.solvers.blocks.pieces import Odds, draw_piece, generator, make_odds
from selfsup.solvers.blocks.step import Room, Rows, learn
from selfsup.solvers.declared import Text, declared, words_of
from selfsup.solvers.devices import choose_device
from selfsup.solvers.kernels.draws import FLOOR, keep_share
from selfsup.solvers.sliced import Sliced
from selfsup.solvers.task import Task
from selfsup.solvers.words import HUGE, LR, Report, WordPlan, WordState, checked, of_tables

BLOCK = 32_768  # windows in a block, at most: fills a GPU, and learns as well as small ones do (docs/log.md)
LEAST = 256  # windows in a block, at least, unless asked otherwise
STEPS = 400  # blocks in an epoch, at least, as far as LEAST allows
BLOCKS = 16  # in a piece
OFTEN = 32.0  # pairs that a row is expected to have in a block: from here on its moves are saturated
RESIDENT = 1 << 30  # bytes of ids that a GPU keeps; longer texts are sent a piece at a time
TICK = 1.0  # seconds between reports


def block_size(counts: npt.NDArray[np.int64], plan: WordPlan, ids: int) -> int:
    """Windows in a block by default: an epoch of a short text has some hundreds of blocks, too."""
    return int(np.clip(ids * _kept_share(counts, plan) / STEPS, LEAST, BLOCK))


def _kept_share(counts: npt.NDArray[np.int64], plan: WordPlan) -> float:
    return float((keep_share(counts, plan.sample) * counts).sum() / counts.sum())


def pairs(counts: npt.NDArray[np.int64], plan: WordPlan, block: int) -> tuple[npt.NDArray[np.float64], ...]:
    """How many pairs each word (V,) is expected to have in a block: as a context, and as a target."""
    stays = keep_share(counts, plan.sample) * counts
    drawn = counts.astype(np.float64) ** plan.exponent
    each = 2 * plan.window if plan.fixed_window else plan.window + 1
    kept, drawn = stays / stays.sum(), drawn / drawn.sum()
    return block * each * kept, block * each * (kept + plan.negative * drawn)


@dataclass
class _Run:
    """One call of `batched`: the tables on the device, and what its pieces share."""

    ids: npt.NDArray[np.int32]
    text: Tensor | None  # the ids on the device, where they fit
    plan: WordPlan
    device: torch.device
    block: int
    size: int  # ids in a piece
    odds: Odds
    words: Rows
    targets: Rows
    room: Room
    bag: float

    @property
    def each(self) -> int:
        """Pieces in an epoch."""
        return -(-len(self.ids) // self.size)

    def position(self, number: int) -> int:
        """Ids of all epochs before a piece."""
        epoch, place = divmod(number, self.each)
        return epoch * len(self.ids) + place * self.size

    def learn(self, number: int) -> int:
        """Learn from a piece -> words kept."""
        plan, start = self.plan, self.position(number % self.each)
        if self.text is None:
            ids = torch.from_numpy(np.array(self.ids[start : start + self.size])).to(self.device)
        else:
            ids = self.text[start : start + self.size]
        rng = generator(plan.seed, number, self.device)
        piece = draw_piece(ids, self.odds, plan.window, plan.fixed_window, plan.negative, rng)
        blocks, total = -(-len(piece) // self.block), len(self.ids) * plan.epochs
        for i in range(blocks):  # all of nearly one size
            a, b = i * len(piece) // blocks, (i + 1) * len(piece) // blocks
            left = 1 - (self.position(number) + i / blocks * len(ids)) / total
            learn(self.words, self.targets, piece, a, b, plan.lr * max(left, FLOOR), self.bag, self.room)
        return len(piece)

    def sound(self) -> None:
        """Raise if vectors blew up."""
        for rows in (self.words, self.targets):
            if not float(rows.table[: rows.first].abs().max()) < HUGE:
                lr = self.plan.lr
                raise TrainingError(
                    f"the vectors blew up: the learning rate is too high; try lr {lr / 4:.2g} instead of {lr:g}"
                )

    def bring(self, state: WordState) -> None:
        """Copy the tables back."""
        for k, rows in enumerate((self.words, self.targets)):
            state.tables[k][: state.words] = rows.table[: state.words].cpu().numpy()


def _run(
    ids: npt.NDArray[np.int32],
    counts: npt.NDArray[np.int64],
    plan: WordPlan,
    state: WordState,
    device: torch.device,
    block: int,
) -> _Run:
    resident = device.type != "cpu" and ids.nbytes <= RESIDENT
    text = torch.from_numpy(np.array(ids)).to(device) if resident else None
    met = [np.flatnonzero(expected >= OFTEN) for expected in pairs(counts, plan, block)]
    words, targets = (Rows(state.tables[k][: state.words], met[k], device) for k in range(2))
    pitch, bag = state.tables[0].shape[1], 0.0
    if plan.architecture == "cbow":
        bag = 2.0 * plan.window if plan.fixed_window else plan.window + 1.0
    room = Room(block, plan.window, 1 if bag else 1 + plan.negative, pitch, device)
    size = int(np.ceil(BLOCKS * block / _kept_share(counts, plan)))
    odds = make_odds(counts, plan.sample, plan.exponent, device)
    return _Run(ids, text, plan, device, block, size, odds, words, targets, room, bag)


@torch.no_grad()
def batched(
    ids: npt.NDArray[np.int32],
    counts: npt.NDArray[np.int64],
    plan: WordPlan,
    state: WordState | None = None,
    device: torch.device | str = "cpu",
    *,
    block: int | None = None,
    progress: Report | None = None,
    stop: threading.Event | None = None,
) -> WordState:
    """Train word vectors by negative sampling, in blocks of windows, on any device of torch.

    The problem, the draws' distributions and the course of the rate are those of `selfsup.solvers.hogwild.hogwild`. All moves of
    a block are taken at once; rows that meet many windows in it go as far as `selfsup.solvers.blocks.saturation` says.

    Parameters
    ----------
    ids
        (N,) int32, the text as numbers of words, -1 between sentences; may be a memory map.
    counts
        (V,) how often each word occurs, at least 1, in any order.
    plan
        The settings; ``threads`` means nothing here. On a CPU they decide the result to the bit.
    state
        Where to go on from; it is changed in place. Without it, training starts anew.
    device
        Where to train.
    block
        Windows in a block, at most; by default `block_size`.
    progress
        Called about once a second with ids done, ids in all, and words kept by subsampling.
    stop
        When it is set, the piece at hand is finished and the state is returned as it is: ``state.done < N * epochs``.

    Returns
    -------
    WordState
        The vectors, on the CPU, and how far they have come.

    Raises
    ------
    OptionError
        If the block is smaller than 1, or `plan` asks for determinism that the device does not give.
    DataError
        If ids, counts and state do not fit each other, or the state stopped elsewhere than between two pieces.
    TrainingError
        The vectors blew up.
    """
    device = torch.device(device)
    if block is not None and block < 1:
        raise OptionError(f"block must be at least 1, not {block}; by default it is chosen from the text")
    if plan.deterministic and device.type != "cpu":
        raise OptionError("deterministic vectors are made on a CPU: use device cpu, or leave deterministic out")
    checked(ids, counts, plan, state)
    state = state if state is not None else WordState.start(len(counts), plan.dim, plan.seed)
    run = _run(
        ids.view(np.ndarray), counts, plan, state, device, min(block or block_size(counts, plan, len(ids)), len(ids))
    )
    epoch, place = divmod(state.done, len(ids))
    number = epoch * run.each + place // run.size
    if run.position(number) != state.done:
        raise DataError(
            f"no training of these ids and settings stops at position {state.done}; start anew, with done 0"
        )
    last = plan.epochs * run.each
    told = time.perf_counter()
    try:
        while number < last:
            kept = run.learn(number)
            number += 1
            state.done, state.kept = run.position(number), state.kept + kept
            if time.perf_counter() - told > TICK:
                run.sound()
                told = time.perf_counter()
                if progress is not None:
                    progress(state.done, len(ids) * plan.epochs, state.kept)
            if stop is not None and stop.is_set():
                break
    finally:  # also after a failing callback: the state says how far it is
        run.bring(state)
    run.sound()
    return state


class Batched(Sliced):
    """Word vectors by blocks of thousands of windows, on any device.

    Parameters
    ----------
    batch_size
        Windows a step, at most; by default as many as suit the length of the text.
    lr
        Learning rate at the start; by default 0.05.
    """

    name = "batched"

    def __init__(
        self,
        batch_size: Annotated[int, Range(2)] | None = None,
        lr: Annotated[float, Range(0, open_low=True)] | None = None,
    ) -> None:
        super().__init__()
        self.batch_size, self.lr = batch_size, lr

    def refuses(self, method: Method, device: str) -> str | None:
        """Other problems, subwords, and the hierarchical softmax."""
        why = super().refuses(method, device)
        if why is None and (declared(method).subwords or declared(method).objective != "negative"):
            why = "batched has neither subwords nor objective 'hierarchical'; use hogwild, on the CPU"
        return why

    def device(self, asked: str) -> torch.device:
        """The best there is for "auto"."""
        return choose_device(asked)

    def plan(self, method: Method, data: Data, epochs: int | None, seed: int, device: torch.device) -> dict[str, Any]:
        """The method's problem, and how it is solved."""
        plan = self.resolved(method, epochs, seed, lr=self.lr or LR)
        block = self.batch_size or block_size(data.fact("counts"), WordPlan(**plan), len(cast(Text, data).ids))
        return plan | {"batch_size": block, "device": device.type}

    def memory(self, method: Method, data: Data, plan: Mapping[str, Any], *, saved: bool) -> int:
        """Two tables and copies."""
        return of_tables(data.form.size, plan["dim"], 0, saved=saved) + self.of_probe(method)

    def slice(self, task: Task, plan: WordPlan, state: WordState, progress: Report, stop: threading.Event) -> WordState:
        """Pieces of the text, until it is stopped."""
        ids, counts, block = words_of(task)[1].ids, task.data.fact("counts"), task.plan["batch_size"]
        return batched(ids, counts, plan, state, task.device, block=block, progress=progress, stop=stop)

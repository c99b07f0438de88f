"""What a solver is given, and what it gives back: pauses in a whole state, at which the job measures, records, saves, stops."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np
import numpy.typing as npt

from selfsup.method import About, Data, Method

if TYPE_CHECKING:
    import torch
    from torch import Tensor

Floats = npt.NDArray[np.float32]


class State(NamedTuple):
    """Everything that the next step depends on: what a checkpoint keeps."""

    tensors: dict[str, Tensor]
    facts: dict[str, Any]  # JSON


class Pause(NamedTuple):
    """A moment at which the state is whole.

    Attributes
    ----------
    epoch
        Passes over the data that are done, also a part of one.
    record
        What the solver saw since its last record, as far as it knows them: ``loss``, ``terms``, ``lr``, ``seconds``,
        ``samples_per_second``, ``data_wait``. None where nothing is to be measured yet.
    """

    epoch: float
    record: dict[str, Any] | None = None


@dataclass(frozen=True)
class Task:
    """One problem to solve.

    Attributes
    ----------
    method
        Built, with its first weights, on any device; it is changed in place.
    data
        What is learnt from. The samples are ``method.view(data)``.
    plan
        What `Solver.plan` gave. `Solver.run` puts in what only a look at the steps can decide: the precision in place of "auto".
    device
        Where to solve it.
    saved
        The state to go on from.
    wanted
        Whether somebody waits for a pause with a record: asked now and then by solvers that choose their pauses freely.
    enough
        Whether to end early, with the weights as they are then and a last record; asked after a pause.
    warm
        Puts earlier vectors of known words into the first tables of words (V or more, D) and of targets (V, D).
    """

    method: Method
    data: Data
    plan: dict[str, Any]
    device: torch.device
    saved: State | None = None
    wanted: Callable[[], bool] = lambda: False
    enough: Callable[[], bool] = lambda: False
    warm: Callable[[Floats, Floats], Any] | None = None


class Solver:
    """Base of the solvers. The constructor's signature declares the options: flags, help, checks and config follow from it."""

    name: ClassVar[str]
    closed: ClassVar[bool] = False  # a closed form: nothing to hold out, nothing to go on from
    free: ClassVar[tuple[str, ...]] = ()  # settings of the plan that may differ between a run and its continuation
    shared: ClassVar[bool] = False  # whether several processes do each step together; else each does the whole alone
    paced: ClassVar[bool] = False  # whether it knows ahead how long it will take, and any part of an epoch will do
    unit: ClassVar[str] = "samples"  # what `samples_per_second` counts
    epoch: float = 0.0  # passes over the data that are done by now: between two pauses, too

    def refuses(self, method: Method, device: str) -> str | None:
        """Why it cannot solve the problem of this method (not yet built) on the device asked for, in words; None if it can."""
        raise NotImplementedError

    def device(self, asked: str) -> torch.device:
        """The device that is meant by what was asked for."""
        raise NotImplementedError

    def about(self, data: Data) -> About:
        """What `build` may ask of the data: by default everything."""
        return data

    def plan(self, method: Method, data: Data, epochs: int | None, seed: int, device: torch.device) -> dict[str, Any]:
        """Every setting, resolved (JSON): what was asked for, else what the method prefers, else the default."""
        raise NotImplementedError

    def memory(self, method: Method, data: Data, plan: Mapping[str, Any], *, saved: bool) -> int:
        """Bytes that it will take at its height beside the data, known before any of it is taken; 0 where that is not known."""
        return 0

    def copies(self, plan: Mapping[str, Any]) -> float:
        """How many times the weights of a method are held while they are trained, themselves included."""
        return 1.0

    def pace(self, task: Task, short: float, *, must: bool) -> float | None:
        """How long an epoch will take, in seconds, by a look ahead that leaves no trace (`paced`).

        Parameters
        ----------
        task
            As `run` gets it, without a saved state. What `run` would decide first is decided here, and put into its plan.
        short
            Seconds of a whole training of which nobody wants to know how long it takes.
        must
            Whether the number of epochs depends on it: it is then measured of trainings of few steps, too.

        Returns
        -------
        float or None
            None where it is not known, or the whole is short.
        """
        return None

    def run(self, task: Task) -> Iterator[Pause]:
        """Solve, with pauses at which the state is whole.

        The first comes before the first step, and the last has ``epoch == plan["epochs"]`` and a record, unless it was `enough`
        before (asked after every pause). What follows from the data after the last step (`Method.finish`) is done when there is
        no further pause.
        """
        raise NotImplementedError

    def state(self) -> State:
        """The state at the pause that was given last."""
        raise NotImplementedError

    def line(self) -> str:
        """How far it has come since the last record, for the line of progress: rate and terms of the loss."""
        return ""

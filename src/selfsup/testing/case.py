"""A method on made data, and what the checks need to try it: small nets, few samples, descent."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import torch
from torch import Tensor

from selfsup import solvers
from selfsup.errors import OptionError
from selfsup.method import Data, Method, Samples, Tree
from selfsup.model.encode import build
from selfsup.options import check, options_of
from selfsup.solvers.sgd import Sgd
from selfsup.solvers.task import Solver, Task
from selfsup.testing.made import ROWS, made

CPU = torch.device("cpu")
Run = Callable[["Case"], None]
NARROW: dict[str, Any] = {  # set where a method has them, to be quick
    "hidden": (12, 12), "projector": (12, 8), "views": 2, "dim": 8, "n_components": 8, "prototypes": 64, "local_views": 2,
    "local_scale": (0.3, 0.7), "scale": (0.7, 1.0),  # of crops: a fifth of a made picture shows none of its one bar
    "momentum": 0.99,  # of teachers: there are tens of steps in which they have to follow
}  # fmt: skip


@dataclass(frozen=True)
class Case:
    """A method, its options, and made data."""

    name: str
    cls: type[Method]
    options: Mapping[str, Any]
    made: str

    @property
    def data(self) -> Data:
        """All of the data."""
        found: Data = made(self.made).whole()
        return found

    @property
    def few(self) -> Data:
        """The same, with at most `ROWS` samples in every view."""
        return First(self.data, ROWS)

    def x(self, method: Method, most: int = ROWS) -> Tensor:
        """A batch (B, ...) of the method's view, evenly spread, anew each time."""
        samples = method.view(self.data)
        return samples[torch.linspace(0, len(samples) - 1, min(most, len(samples))).long()]

    @cached_property
    def narrow(self) -> dict[str, Any]:
        """Options that make a small net, as far as the method has and takes them."""
        found: dict[str, Any] = {}
        for name, value in NARROW.items():
            option = options_of(self.cls).get(name)
            if option is not None and name not in self.options:
                with contextlib.suppress(OptionError):
                    more = {**found, name: check(option, value)}
                    build(self.new(more), self.data, 0)
                    found = more
        return found

    def new(self, more: Mapping[str, Any] | None = None) -> Method:
        """The method, constructed and not built; an option that is a net is copied, as it is trained."""
        return self.cls(**{**copy.deepcopy(dict(self.options)), **(more or {})})

    def make(self, seed: int = 0, **more: Any) -> Method:
        """The method with a small net, built."""
        return build(self.new({**self.narrow, **more}), self.data, seed)


def train(
    method: Method, data: Data, enough: Callable[[], bool] = lambda: False, *, epochs: int, batch_size: int = 20
) -> list[dict[str, Any]]:
    """Descend, until it is enough; gives the records."""
    solver = Sgd(batch_size=batch_size, lr=1e-2, weight_decay=0.0, optimizer="adamw", precision="float32")
    task = Task(method, data, solver.plan(method, data, epochs, 0, CPU), CPU, enough=enough)
    return [pause.record for pause in solver.run(task) if pause.record is not None]


def solving(case: Case, name: str, method: Method, epochs: int) -> tuple[Solver, Task]:
    """A solver that gives the same twice, and pauses as often as it can."""
    cls = solvers.find(name)
    calm = {"deterministic": True, "threads": 1, "precision": "float32", "batch_size": 20}
    solver = cls(**{option: value for option, value in calm.items() if option in options_of(cls)})
    plan = solver.plan(method, case.data, epochs, 0, CPU)
    return solver, Task(method, case.few, plan, CPU, wanted=lambda: True)


class First:
    """Data of which every view has only the first few samples."""

    def __init__(self, data: Data, most: int) -> None:
        self._data, self._most = data, most

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._data, name)
        if name not in ("rows", "windows", "sequences", "passages", "pairs"):
            return found
        return lambda *how: _FirstSamples(found(*how), self._most)


class _FirstSamples:
    def __init__(self, samples: Samples, most: int) -> None:
        self.samples, self.rows = samples, torch.linspace(0, len(samples) - 1, min(most, len(samples))).long()

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, rows: Tensor | slice) -> Tensor:
        return self.samples[self.rows[rows]]

    def to(self, device: torch.device) -> _FirstSamples:
        return self


class Rule(NamedTuple):
    """A check, its name, and where it applies."""

    name: str
    scope: str
    when: Callable[[Case], bool]
    run: Callable[[Case], None]


class Rules(list[Rule]):
    """Checks, in the order in which they were added."""

    def add(self, scope: str = "case", when: Callable[[Case], bool] = lambda case: True) -> Callable[[Run], Run]:
        """Add a function: for every made data set ("case"), the first of each kind of data ("kind"), or once ("method")."""

        def enter(run: Run) -> Run:
            self.append(Rule(run.__name__.replace("_", " "), scope, when, run))
            return run

        return enter


def demand(holds: bool, said: str) -> None:
    """Raise an error that says what is wrong, and what to do, where something does not hold."""
    if not holds:
        raise AssertionError(said)


def generator(seed: int = 1) -> torch.Generator:
    """What hide draws from."""
    return torch.Generator().manual_seed(seed)


def leaves(tree: Tree) -> list[Tensor]:
    """The tensors of a tensor or a NamedTuple of tensors."""
    return [tree] if isinstance(tree, Tensor) else [leaf for part in tree for leaf in leaves(part)]


def same(one: Tree, other: Tree) -> bool:
    """Whether two trees are equal to the bit; NaN equals NaN."""
    pairs = zip(leaves(one), leaves(other), strict=True)
    return all(a.shape == b.shape and torch.allclose(a, b, rtol=0, atol=0, equal_nan=True) for a, b in pairs)


def near(one: Tensor, other: Tensor) -> bool:
    """Whether two tensors are equal but for rounding."""
    return one.shape == other.shape and torch.allclose(one, other, rtol=1e-4, atol=1e-5)


@contextlib.contextmanager
def drawing_nothing(what: str) -> Iterator[None]:
    """Complain if torch's own generator was used meanwhile."""
    before = torch.get_rng_state()
    yield
    demand(
        torch.equal(before, torch.get_rng_state()),
        f"{what} draws from torch's own generator: draw in hide, from its rng",
    )

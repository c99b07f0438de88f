"""Base of the fast solvers of word vectors: they solve a declared problem in slices, from tables of their own."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import asdict, fields
from typing import Any

import torch

from selfsup.data.text.windows import probed
from selfsup.errors import OptionError
from selfsup.method import Method
from selfsup.solvers.declared import declared, problem_of, words_of
from selfsup.solvers.task import Pause, Solver, State, Task
from selfsup.solvers.words import EPOCHS, Report, WordPlan, WordState, of_windows
from selfsup.system import memory
from selfsup.system.compiling import clock

VERBS = ("hide", "predict", "target", "loss")  # what a kernel has its own of


def changed(kind: type[Method], declares: str) -> str:
    """Which verb a class has of its own, below the one that has the verb `declares`, whose solution it would spoil; or ""."""
    for cls in kind.__mro__:
        if declares in vars(cls):
            break
        for verb in VERBS:
            if verb in vars(cls):
                return verb
    return ""


class Sliced(Solver):
    """A solver that can be stopped after any few milliseconds, and goes on when it is asked to."""

    unit = "words"

    def __init__(self) -> None:
        self._state: WordState | None = None
        self._rate = 0.0  # words a second in this slice

    def refuses(self, method: Method, device: str) -> str | None:
        """Methods that declare no such problem, or change what they declare."""
        name, kind = type(self).name, type(method)
        problem = problem_of(method)
        if problem is None:
            return f"{name} is for word vectors, and {kind.__name__} has no tables of them; use {_other(method)}"
        if problem.objective == "softmax":
            return f"{name} has no objective 'softmax'; use sgd"
        if own := changed(kind, "problem"):
            return (
                f"{name} has kernels of its own for what {kind.__name__} inherits, so its own {own}() would be ignored; "
                "use sgd, or define problem() beside it"
            )
        return None

    def resolved(self, method: Method, epochs: int | None, seed: int, **how: Any) -> dict[str, Any]:
        """Every setting: the method's problem, and how it is solved.

        Raises
        ------
        OptionError
            If no epoch is asked for.
        """
        if epochs == 0:
            raise OptionError(f"option 'epochs' must be at least 1 for {type(self).name}; got 0")
        problem = asdict(declared(method))
        del problem["subwords"]
        return asdict(WordPlan(**problem, epochs=epochs or EPOCHS, seed=seed, **how))

    def of_probe(self, method: Method) -> int:
        """Bytes that measuring the declared loss takes."""
        problem = declared(method)
        return of_windows(probed(problem.window), problem.window, problem.dim)

    def slice(self, task: Task, plan: WordPlan, state: WordState, progress: Report, stop: threading.Event) -> WordState:
        """Go on until it is stopped or done."""
        raise NotImplementedError

    def run(self, task: Task) -> Iterator[Pause]:
        """Learn until somebody waits for a record, or to the end; the method looks at the tables that are learnt.

        Raises
        ------
        TrainingError
            If the vectors blow up.
        """
        plan = WordPlan(**{field.name: task.plan[field.name] for field in fields(WordPlan)})
        data = words_of(task)[1]
        ids, share = len(data.ids), float(data.raw_share)
        state = self._state = self._begin(task, plan)
        total, self.epoch = plan.epochs * ids, state.done / ids
        yield Pause(self.epoch)
        while state.done < total and not task.enough():
            began, before, stop = clock(), state.done, threading.Event()

            def tick(done: int, all_of: int, kept: int) -> None:
                self.epoch = done / ids
                self._rate = share * (done - before) / max(clock() - began, 1e-9)  # noqa: B023
                if task.wanted():
                    stop.set()  # noqa: B023

            state = self._state = self.slice(task, plan, state, tick, stop)
            _share(task, state)
            memory.let_go(data.ids)  # a text of gigabytes would stay in memory page by page
            seconds = clock() - began
            self._rate = share * (state.done - before) / max(seconds, 1e-9)
            self.epoch = float(plan.epochs) if state.done == total else state.done / ids
            yield Pause(self.epoch, {"seconds": seconds, "samples_per_second": self._rate})
        self._state = None  # the method has the tables

    def _begin(self, task: Task, plan: WordPlan) -> WordState:
        """The state to go on from; or tables as word2vec starts them, with what is known from before."""
        input, output = words_of(task)[0].tables()
        if task.saved is not None:
            tensors, facts = task.saved
            state = WordState.of(tensors["input"], tensors["output"], facts["done"], facts["kept"])
        else:
            state = WordState.start(len(output), plan.dim, plan.seed, len(input) - len(output))
            if task.warm is not None:
                task.warm(state.input, state.output)
        _share(task, state)
        return state

    def state(self) -> State:
        """Both tables, and how far they have come."""
        assert self._state is not None
        tables = {"input": torch.tensor(self._state.input), "output": torch.tensor(self._state.output)}
        return State(tables, {"done": self._state.done, "kept": self._state.kept})

    def line(self) -> str:
        """The rate."""
        return f"{self._rate:,.0f} words/s" if self._rate else ""


def _other(method: Method) -> str:
    return next((name for name in method.solvers if name not in ("hogwild", "batched")), "sgd")


def _share(task: Task, state: WordState) -> None:
    """Let the declared problem look at the solver's tables, which may have moved."""
    for parameter, table in zip(words_of(task)[0].tables(), (state.input, state.output), strict=True):
        parameter.data = torch.from_numpy(table).to(task.device)

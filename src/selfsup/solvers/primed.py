"""Gradient descent that begins with word vectors: hogwild learns them first, for methods that declare such a problem, too."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Annotated, Any, Literal, Protocol, cast

import torch

from selfsup.method import Data, Method
from selfsup.options import Range
from selfsup.solvers.declared import WordMethod, problem_of, warm
from selfsup.solvers.distributed import started
from selfsup.solvers.hogwild import Hogwild
from selfsup.solvers.sgd import Positive, Sgd
from selfsup.solvers.task import Pause, State, Task

FIRST, THEN, OTHER = "words", "descent", "other."


class Settled(Protocol):
    """What a method needs beside `problem` and `tables`."""

    def settle(self) -> None:
        """After the vectors of words are learnt, or were given: make of them what descent begins with."""
        ...


class Primed(Sgd):
    """Gradient descent from word vectors, which hogwild learns first on the CPU.

    Parameters
    ----------
    batch_size
        Samples a step, at most.
    lr
        Peak learning rate of the descent.
    precision
        auto is bfloat16 on a device that has it where a few steps show that it is faster; else float32.
    priming
        Epochs of word vectors before the descent; they count among the epochs of the run. None of a warm start.
    threads
        Of the word vectors; by default one for each core.
    deterministic
        The same word vectors with any number of threads.
    """

    name = "primed"
    free = ("threads",)
    paced = False

    def __init__(
        self,
        batch_size: Annotated[int, Range(2)] | None = None,
        lr: Annotated[float, Positive] | None = None,
        precision: Literal["auto", "float32", "bfloat16"] = "auto",
        priming: Annotated[int, Range(1)] = 5,
        threads: Annotated[int, Range(1, 1024)] | None = None,
        deterministic: bool = False,
    ) -> None:
        super().__init__(batch_size=batch_size, lr=lr, precision=precision)
        self.priming, self.first = priming, Hogwild(threads=threads, deterministic=deterministic)
        self.stage = FIRST
        self.others: dict[str, torch.Tensor] = {}

    def refuses(self, method: Method, device: str) -> str | None:
        """Methods that declare no problem of word vectors to begin with."""
        if problem_of(method) is None or not hasattr(method, "settle"):
            return f"primed begins with word vectors, and {type(method).__name__} has none to begin with; use sgd"
        if started() > 1:
            return "primed is for one process; use sgd"
        return super().refuses(method, device)

    def plan(self, method: Method, data: Data, epochs: int | None, seed: int, device: torch.device) -> dict[str, Any]:
        """That of descent, a part of an epoch where the method's steps are fewer, and that of word vectors before it.

        The epochs are those of both.
        """
        plan = super().plan(method, data, epochs, seed, device)
        if epochs is None and "steps" in method.recipe:
            part = method.recipe["steps"] / math.ceil(len(method.view(data)) / plan["batch_size"])
            plan["epochs"] = float(f"{part:.2g}") if part < 1 else plan["epochs"]
        words = self.first.plan(method, data, self.priming, seed, torch.device("cpu"))
        return plan | {
            "epochs": plan["epochs"] + self.priming, "priming": self.priming, "threads": words["threads"],
            "deterministic": words["deterministic"],
        }  # fmt: skip

    def memory(self, method: Method, data: Data, plan: Mapping[str, Any], *, saved: bool) -> int:
        """The larger of the two."""
        words = self.first.plan(method, data, plan["priming"], plan["seed"], torch.device("cpu"))
        return max(self.first.memory(method, data, words, saved=saved), super().memory(method, data, plan, saved=saved))

    def pace(self, task: Task, short: float, *, must: bool) -> float | None:
        """Not known: an epoch of word vectors takes another time than one of descent."""
        return None

    def run(self, task: Task) -> Iterator[Pause]:
        """Word vectors, then descent; or descent alone from those of a warm start.

        Raises
        ------
        TrainingError
            If the vectors blow up, or a term of the loss is not finite.
        """
        method, priming = task.method, task.plan["priming"]
        self.stage = FIRST if task.saved is None else task.saved.facts["stage"]
        self.others = self._others(task)
        if self.stage == FIRST and task.warm is None:
            words = self.first.plan(method, task.data, priming, task.plan["seed"], torch.device("cpu"))
            for pause in self.first.run(replace(task, plan=words)):
                self.epoch = pause.epoch
                if pause.epoch < priming:
                    yield Pause(pause.epoch, None if pause.record is None else {"seconds": pause.record["seconds"]})
                    if task.enough():
                        return
        elif task.saved is None:
            warm(task)
        if self.stage == FIRST:
            cast(Settled, method).settle()
            task = replace(task, saved=None)
        self.stage = THEN
        plan = task.plan | {"epochs": task.plan["epochs"] - priming}
        for pause in super().run(replace(task, plan=plan, warm=None)):
            task.plan.update({key: plan[key] for key in ("precision", "compile")})
            self.epoch = priming + pause.epoch
            yield Pause(self.epoch, pause.record)

    @staticmethod
    def _others(task: Task) -> dict[str, torch.Tensor]:
        """The weights that word vectors leave alone, by name, of a state that was saved or the method's own."""
        tables = {id(table) for table in cast(WordMethod, task.method).tables()}
        others = {OTHER + name: p.data for name, p in task.method.named_parameters() if id(p) not in tables}
        if task.saved is not None and task.saved.facts["stage"] == FIRST:
            for name, tensor in others.items():
                tensor.copy_(task.saved.tensors[name])
        return others

    def state(self) -> State:
        """That of the stage at hand."""
        tensors, facts = self.first.state() if self.stage == FIRST else super().state()
        return State({**tensors, **(self.others if self.stage == FIRST else {})}, {**facts, "stage": self.stage})

    def line(self) -> str:
        """The rate of the stage at hand."""
        return self.first.line() if self.stage == FIRST else super().line()

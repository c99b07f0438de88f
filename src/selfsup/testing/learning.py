"""Checks that train: what is learnt, saved, resumed, and solved."""

from __future__ import annotations

import copy
import math
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from selfsup import solvers
from selfsup.method import Method, Tree, shuffle_gap
from selfsup.model.encode import build
from selfsup.model.load import load
from selfsup.options import options_of
from selfsup.solvers.task import State
from selfsup.store.checkpoint import Checkpoint
from selfsup.store.weights import named_tensors
from selfsup.testing.case import Case, First, Rules, demand, solving, train
from selfsup.testing.made import ROWS, made
from selfsup.training.fit import fit

CHECKS = Rules()
FEW = 8  # samples that are learnt by heart
WITHIN = 1.3  # seconds in which every solver should have come to a pause


@CHECKS.add("kind")
def eight_samples_are_learnt_by_heart(case: Case) -> None:
    """The loss on them falls to the share `by_heart` of what it was; of a method that makes its answers, of that with others'.

    Where the answers are a net's own, the first loss is no measure: they change with the net, and may begin all alike.
    """
    method, data = case.make(), First(case.data, FEW)
    x = method.view(data)[:]
    first, own = shuffle_gap(method, x, draws=1)["loss"], case.cls.target is not Method.target

    def found() -> tuple[float, float, float]:
        now = shuffle_gap(method, x, draws=1)
        of = now["shuffled"] if own else first
        return now["loss"], of, of - (1 - method.by_heart) * abs(of)

    def met() -> bool:
        loss, _, bar = found()
        return loss < bar

    train(method, data, _now_and_then(met), epochs=400)
    last, of, bar = found()
    how = f"is {last:.4g}, with others' answers {of:.4g}" if own else f"fell from {of:.4g} to {last:.4g}"
    demand(last < bar, f"the loss on eight samples {how} only, not {'' if own else 'to '}{bar:.4g}: if more cannot be learnt, "
            "say so by the class attribute by_heart")  # fmt: skip


@CHECKS.add("kind", lambda case: case.cls.target is Method.target)
def the_gap_is_none_before_training_and_some_after(case: Case) -> None:
    """Permuted guesses are as good before training, and worse after."""
    method = case.make()
    x = case.x(method)
    if (
        abs(_gap(method, x)) >= 0.02
    ):  # a random net of few values may be right or wrong by chance: on average it is neither
        drawn = np.array([_gap(case.make(seed), x) for seed in range(16)])
        chance = 4 * drawn.std() / len(drawn) ** 0.5
        demand(abs(drawn.mean()) < chance, f"before training the gap is {drawn.mean():.1%} of the shuffled loss: a "
                "guess knows its answer")  # fmt: skip
    train(method, case.few, _now_and_then(lambda: _gap(method, x, 1) > 0.05 and _gap(method, x) > 0.05), epochs=200)
    after = _gap(method, x)
    demand(
        after > 0.05, f"after training the gap is {after:.1%} of the shuffled loss, not 5%: guesses owe samples nothing"
    )


@CHECKS.add("kind", lambda case: case.cls.target is not Method.target)
def answers_of_its_own_do_not_become_alike(case: Case) -> None:
    """A net that makes both guess and answer may give all samples the same one, and is then right without knowing anything."""
    method = case.make()
    x = case.x(method)
    before = shuffle_gap(method, x)["shuffled"]
    train(method, case.few, epochs=60)
    after = shuffle_gap(method, x)["shuffled"]
    demand(after > 0.3 * before, f"the answer of another sample cost {before:.4g} before training, and {after:.4g} after it: "
            "all samples are given the same one")  # fmt: skip
    demand(_gap(method, x) > 0.05, f"after training the gap is {_gap(method, x):.1%} of the shuffled loss, not 5%")


def _gap(method: Method, x: Tensor, draws: int = 5) -> float:
    found = shuffle_gap(method, x, draws=draws)
    return found["gap"] / abs(found["shuffled"])


def _now_and_then(met: Callable[[], bool]) -> Callable[[], bool]:
    """Ask only every tenth time."""
    asked = iter(range(1 << 30))
    return lambda: next(asked) % 10 == 9 and met()


@CHECKS.add()
def two_samples_are_enough(case: Case) -> None:
    """With the net that the options ask for, too."""
    method = build(case.new(), case.data, 0)
    records = train(method, First(case.data, 2), epochs=2, batch_size=2)
    demand(all(math.isfinite(record["loss"]) for record in records), "the loss of two samples is not finite")


@CHECKS.add("kind")
def saved_and_loaded_it_gives_the_same_bits(case: Case) -> None:
    """Through a run folder, as `fit` writes it and `load` reads it."""
    given = {name: value for name, value in case.options.items() if callable(value)}
    options = {**case.narrow, **copy.deepcopy(dict(case.options))}
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "run"
        model = fit(
            made(case.made), method=case.cls, out=run, epochs=1, device="cpu", evaluate=False, progress=False, **options
        )
        again = load(run, method=case.cls, given=given)
        with torch.no_grad():
            codes, theirs = (each.method.encode(each.samples(made(case.made))[:ROWS]) for each in (model, again))
            demand(torch.equal(codes, theirs), "a loaded model gives other codes: what training changes must be a parameter or a "
                   "buffer")  # fmt: skip
        if callable(words := getattr(model.method, "words", None)):
            demand(torch.equal(words(), again.method.words()), "a loaded model has other words")  # type: ignore[operator]


@CHECKS.add("kind")
def a_run_that_was_cut_goes_on_to_the_same_bits(case: Case) -> None:
    """By every solver that is named, from states as they lie on disk."""
    for name in case.cls.solvers:
        if not solvers.find(name).closed:
            _cut(case, name)


def _cut(case: Case, name: str) -> None:
    """Take the states of a whole run at a few pauses, and go on from each."""
    with tempfile.TemporaryDirectory() as folder:
        states: list[Checkpoint] = []
        method, epochs, asked = case.make(), 3, 3
        while not states and epochs < 1 << 20:  # some solvers pause by the clock
            method, began, asked = case.make(), time.perf_counter(), epochs
            solver, task = solving(case, name, method, asked)
            for number, pause in enumerate(solver.run(task)):
                if number in (1, 3, 5) and pause.epoch < task.plan["epochs"]:  # the first is before any step
                    file = Checkpoint(Path(folder) / str(number), {})
                    file.save(*solver.state())
                    states.append(file)
            epochs = math.ceil(epochs * min(max(2.0, WITHIN / (time.perf_counter() - began)), 100.0))
        demand(bool(states), f"{name} makes no pause in a run of {epochs:,} epochs")
        for file in states:
            other, saved = case.make(seed=99), file.load()  # its own weights do not matter
            torch.manual_seed(4321)
            solver, again = solving(case, name, other, asked)
            for _ in solver.run(replace(again, saved=State(*saved) if saved else None)):
                pass
            theirs = named_tensors(other)
            bad = [key for key, value in named_tensors(method).items() if not torch.equal(value, theirs[key])]
            demand(not bad, f"after {name} went on from a saved state, '{''.join(bad[:1])}' is another: what training changes "
                    "must be a parameter or a buffer, and what is drawn must come from hide's rng")  # fmt: skip


@CHECKS.add("method")
def no_solver_ignores_a_loss_of_ones_own(case: Case) -> None:
    """A subclass with a loss of its own is refused, or its loss is asked."""
    asked: list[int] = []

    def loss(self: Method, guess: Tree, answer: Tree) -> Any:
        asked.append(1)
        return case.cls.loss(self, guess, answer)

    own = replace(case, cls=type("Own", (case.cls,), {"loss": loss}))
    for name in case.cls.solvers:
        if solvers.find(name)().refuses(own.new(), "cpu") is None:
            solver, task = solving(own, name, own.make(), 1)
            for _ in solver.run(task):
                pass
            demand(bool(asked), f"{name} never asks a subclass's own loss, and does not refuse it")
            asked.clear()


@CHECKS.add("kind", lambda case: any(solvers.find(name).closed for name in case.cls.solvers))
def the_closed_form_is_the_minimum_of_the_declared_loss(case: Case) -> None:
    """No descent ends below it."""
    few = {"n_components": 2} if "n_components" in options_of(case.cls) and "n_components" not in case.options else {}
    descended = case.make(**few)
    train(descended, case.data, epochs=150)
    x = case.x(descended)
    least = shuffle_gap(descended, x)["loss"]
    for name in (name for name in case.cls.solvers if solvers.find(name).closed):
        method = case.make(**few)
        solver, task = solving(case, name, method, 1)
        for _ in solver.run(task):
            pass
        found = shuffle_gap(method, x)["loss"]
        demand(found <= least + 1e-5 * abs(least), f"{name} ends at a loss of {found:.6g}, descent at {least:.6g}")

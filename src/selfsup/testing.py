"""The contract suite: what every method must keep, checked on any method of any kind of data, whoever wrote it.

    report = check_method("FILE.py:MyMethod", dim=8)
    report.print()

What a method can do by its verbs, and what it says on its class (``kinds``, ``solvers``, ``by_heart``, ``coupled``,
``takes_missing``), chooses the checks and the small made data that they run on. A check is a function of a `Case`, and its name
says what must hold.
"""

from __future__ import annotations

import contextlib
import copy
import json
import math
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from selfsup.data.dataset import Dataset
from selfsup.data.form import Form
from selfsup.data.text.corpus import Corpus
from selfsup.data.text.vocabulary import Vocabulary
from selfsup.errors import OptionError, SelfsupError
from selfsup.method import Data, Method, Samples, Start, Tree, permute, shuffle_gap, step, total
from selfsup.methods import KINDS, find
from selfsup.model.encode import build
from selfsup.model.load import load
from selfsup.options import check, options_of
from selfsup.solvers import find as find_solver
from selfsup.solvers.sgd import Sgd
from selfsup.solvers.task import Solver, State, Task
from selfsup.store.checkpoint import Checkpoint
from selfsup.store.weights import named_tensors, read_weights, write_weights
from selfsup.training.fit import fit

CPU = torch.device("cpu")
ROWS, FEW = 40, 8  # samples that are looked at, and that are learnt by heart
NARROW: dict[str, Any] = {"hidden": (12, 12), "dim": 8, "n_components": 8}  # options that are set where a method has them: nets to be quick with
WITHIN = 1.3  # seconds in which every solver should have come to a pause


def pictures(n: int, channels: int = 1, height: int = 12, width: int = 12, seed: int = 0) -> np.ndarray:
    """Images (n, C, H, W) float32 in [0, 1] with an upright: a bright bar in the upper half, at a random place."""
    rng = np.random.default_rng(seed)
    x = rng.uniform(0, 0.2, (n, channels, height, width)).astype(np.float32)
    for image in x:
        top, left = rng.integers(0, max(height // 4, 1)), rng.integers(0, max(width // 3, 1))
        image[:, top : top + 2, left : left + width // 2] += 0.7
    return x.clip(0, 1)


def table(n: int, columns: int = 6, seed: int = 0) -> np.ndarray:
    """Vectors (n, d) float32 of rank 2 plus a little noise, in columns of different scale."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 2)) @ rng.normal(size=(2, columns)) + 0.05 * rng.normal(size=(n, columns))
    return (x * np.logspace(-1, 1, columns) + np.arange(columns)).astype(np.float32)


def text(sentences: int, seed: int = 0) -> Corpus:
    """Sentences of one to nine words, each of one of two subjects that share no word; some words are far more frequent."""
    rng = np.random.default_rng(seed)
    chance = 1 / np.arange(1, 9) ** 1.5
    drawn = [8 * (k % 2) + rng.choice(8, rng.integers(1, 10), p=chance / chance.sum()) for k in range(sentences)]
    counts = np.bincount(np.concatenate(drawn), minlength=16)
    order = np.argsort(-counts, kind="stable")
    number = np.argsort(order).astype(np.int32)
    ids = np.concatenate([part for one in drawn for part in (number[one], np.array([-1], np.int32))])[:-1]
    vocabulary = Vocabulary([f"word{k}" for k in order[counts[order] > 0]], counts[order][counts[order] > 0], int(counts.sum()))
    return Corpus(ids, vocabulary, int(counts.sum()), sentences, f"made text {sentences} {seed}", "made text")


MADE: dict[str, tuple[str, Callable[[], Any]]] = {  # name of a case -> kind of data, and the data; the first of a kind is trained on
    "square image": ("image", lambda: pictures(ROWS)),
    "odd colour image": ("image", lambda: pictures(ROWS, 3, 11, 9)),
    "tiny image": ("image", lambda: pictures(ROWS, 1, 5, 5)),
    "table": ("table", lambda: table(ROWS)),
    "one column": ("table", lambda: table(ROWS, 1)),
    "table with gaps": ("table", lambda: np.where(np.arange(ROWS * 6).reshape(ROWS, 6) % 11 == 3, np.float32("nan"), table(ROWS))),
    "text": ("text", lambda: text(60)),
}


@lru_cache(maxsize=None)
def made(name: str) -> Any:
    """The `Dataset` or `Corpus` of a case; nobody may write into it."""
    kind, make = MADE[name]
    x = make()
    if not isinstance(x, np.ndarray):
        return x
    form = Form(kind, x.shape[1:], missing=bool(np.isnan(x).any()))  # type: ignore[arg-type]
    return Dataset(x, form, "made data", f"made {name}")


class Failure(NamedTuple):
    """A check that a method has not passed."""

    check: str
    case: str
    message: str


@dataclass
class Report:
    """What came of the checks."""

    method: str
    ran: int = 0
    failures: list[Failure] = field(default_factory=list)

    @property
    def failed(self) -> int:
        """How many checks have failed."""
        return len(self.failures)

    def __str__(self) -> str:
        told = [f"{self.method}: {self.ran} checks, {self.failed} failed"]
        return "\n".join(told + [f"  {check} ({case}): {message}" for check, case, message in self.failures])

    def print(self) -> None:
        """Say it on standard output."""
        sys.stdout.write(f"{self}\n")


class Check(NamedTuple):
    """One check of one case; `run` raises an error where it is not passed."""

    name: str
    case: str
    run: Callable[[], None]


def check_method(
    method: str | type[Method], /, *, kinds: tuple[str, ...] | None = None, processes: bool = False, **options: Any
) -> Report:
    """Run every check of the contract that applies to a method.

    Parameters
    ----------
    method
        A class, a registered name, ``"module:Class"`` or ``"FILE.py:Class"``.
    kinds
        Of data to try it on; by default all that it learns from.
    processes
        Also train in two processes, which takes some seconds. The method must then be given by a name.
    **options
        Of the method. A width (``hidden``, ``dim``) that is not given is set to a small one, to be quick.

    Returns
    -------
    Report
        ``ran`` and ``failed`` count the checks; ``failures`` holds (check, case, message) of each one that failed.

    Raises
    ------
    OptionError
        If there is no such method, or it does not learn from one of the kinds.
    """
    found = checks_of(method, kinds=kinds, processes=processes, **options)
    report = Report(find(method)[0], len(found))
    for one in found:
        try:
            one.run()
        except Exception as error:  # a stranger's method may raise anything
            said = str(error) if isinstance(error, AssertionError | SelfsupError) else f"{type(error).__name__}: {error}"
            report.failures.append(Failure(one.name, one.case, said))
    return report


def checks_of(
    method: str | type[Method], /, *, kinds: tuple[str, ...] | None = None, processes: bool = False, **options: Any
) -> list[Check]:
    """The checks that `check_method` runs, one by one, for a test suite of one's own; the parameters are the same."""
    name, cls = find(method)
    for kind in kinds or ():
        if kind not in cls.kinds:
            raise OptionError(f"method '{name}' learns from {', '.join(cls.kinds)}; it cannot be checked on '{kind}'")
    found, seen = [], set()
    for made_name, (kind, _) in MADE.items():
        missing = getattr(made(made_name).form, "missing", False)
        if kind not in (kinds or cls.kinds) or (missing and not cls.takes_missing):
            continue
        case = Case(name, cls, options, made_name)
        scopes = {"case"} | ({"kind"} if kind not in seen else set()) | ({"method"} if not seen else set())
        seen.add(kind)
        for check_name, scope, when, run in CHECKS:
            if scope in scopes and when(case):
                found.append(Check(check_name, made_name, lambda run=run, case=case: run(case)))  # type: ignore[misc]
        if processes and "method" in scopes:
            found.append(Check("several processes train what one does", made_name, lambda case=case: _apart(case)))  # type: ignore[misc]
    return found


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
        whole = made(self.made)
        found: Data = whole if isinstance(whole, Corpus) else whole.whole()
        return found

    @property
    def few(self) -> Data:
        """The same, with at most `ROWS` samples in every view."""
        return _First(self.data, ROWS)  # type: ignore[return-value]

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


class _First:
    """Data of which every view has only the first few samples."""

    def __init__(self, data: Data, most: int) -> None:
        self._data, self._most = data, most

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._data, name)
        if name not in ("rows", "windows", "sequences", "pairs"):
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


Run = Callable[[Case], None]
CHECKS: list[tuple[str, str, Callable[[Case], bool], Run]] = []  # name, scope, whether it applies, the check


def _check(scope: str = "case", when: Callable[[Case], bool] = lambda case: True) -> Callable[[Run], Run]:
    """Enter a check: for every made data set ("case"), the first of each kind of data ("kind"), or once ("method")."""

    def enter(run: Run) -> Run:
        CHECKS.append((run.__name__.replace("_", " "), scope, when, run))
        return run

    return enter


def _demand(holds: bool, said: str) -> None:  # noqa: FBT001
    if not holds:
        raise AssertionError(said)


def _rng(seed: int = 1) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def _leaves(tree: Tree) -> list[Tensor]:
    return [tree] if isinstance(tree, Tensor) else [leaf for part in tree for leaf in _leaves(part)]


def _same(one: Tree, other: Tree) -> bool:
    pairs = zip(_leaves(one), _leaves(other), strict=True)
    return all(a.shape == b.shape and torch.allclose(a, b, rtol=0, atol=0, equal_nan=True) for a, b in pairs)


def _near(one: Tensor, other: Tensor) -> bool:
    return one.shape == other.shape and torch.allclose(one, other, rtol=1e-4, atol=1e-5)


@contextlib.contextmanager
def _drawing_nothing(what: str) -> Iterator[None]:
    """Complain if torch's own generator was used meanwhile."""
    before = torch.get_rng_state()
    yield
    _demand(torch.equal(before, torch.get_rng_state()), f"{what} draws from torch's own generator: draw in hide, from its rng")


@_check("method")
def every_option_and_what_is_hidden_is_said(case: Case) -> None:
    cls = case.cls
    _demand(bool((cls.__doc__ or "").strip()), "the class has no docstring: its first line is the method's summary")
    without = [name for name, option in options_of(cls).items() if not option.help]
    _demand(not without, f"no help for the option '{''.join(without[:1])}': put it under Parameters in the docstring")
    _demand(bool(cls.sees), "say what it predicts from: the class attribute sees")
    _demand(bool(cls.hides) and cls.hides != Method.hides, "say what is hidden: the class attribute hides")


@_check("method")
def its_solvers_can_solve_it(case: Case) -> None:
    _demand(bool(case.cls.solvers), "solvers must name at least one solver")
    for name in case.cls.solvers:
        why = find_solver(name)().refuses(case.new(), "cpu")
        _demand(why is None, f"its own solver {name} refuses it: {why}")


@_check()
def the_seed_decides_everything(case: Case) -> None:
    one, other = case.make(), case.make()
    names = [name for name, value in one.state_dict().items() if not torch.equal(value, other.state_dict()[name])]
    _demand(not names, f"the seed does not decide the weight '{''.join(names[:1])}': draw it in build, which is seeded")
    with _drawing_nothing("start"):
        _demand(isinstance(one.start(case.data), Start), "start must give a Start")
    x = case.x(one)
    with _drawing_nothing("hide"):
        drawn = one.hide(x, _rng())
    _demand(_same(drawn, other.hide(x, _rng())), "hide does not give the same twice from the same rng")


@_check()
def hide_leaves_x_alone_and_keeps_the_batch_axis(case: Case) -> None:
    method = case.make()
    x, before = case.x(method), case.x(method)
    seen, hidden = method.hide(x, _rng())
    _demand(_same(x, before), "hide writes into x: make a copy")
    guess = method.predict(seen)
    for name, tree in {"seen": seen, "hidden": hidden, "the guess": guess, "the answer": method.target(hidden)}.items():
        for leaf in _leaves(tree):
            _demand(len(leaf) == len(x), f"{name} has a tensor of shape {tuple(leaf.shape)} for a batch of {len(x)}: the first axis "
                    "must be the batch")  # fmt: skip


@_check()
def the_loss_is_finite_and_a_term_has_a_name(case: Case) -> None:
    method = case.make()
    x = case.x(method)
    terms = step(method, x, _rng())[0]
    _demand(bool(terms) and all(isinstance(name, str) for name in terms), "loss must give a mapping of names to terms")
    for name, term in terms.items():
        _demand(term.shape in ((), (len(x),)), f"the term '{name}' has shape {tuple(term.shape)}; allowed: () or (B,)")
        _demand(bool(term.isfinite().all()), f"the term '{name}' is not finite")


@_check()
def gradients_reach_every_trainable_parameter(case: Case) -> None:
    method = case.make().train()
    total(step(method, case.x(method), _rng())[0]).backward()
    for name, weight in method.named_parameters():
        if weight.requires_grad:
            _demand(weight.grad is not None, f"no gradient reaches '{name}': use it in predict, or set requires_grad_(False)")
            _demand(bool(weight.grad.isfinite().all()), f"the gradient of '{name}' is not finite")  # type: ignore[union-attr]


@_check()
@torch.no_grad()
def predict_target_and_loss_are_pure(case: Case) -> None:
    method = case.make().eval()
    seen, hidden = method.hide(case.x(method), _rng())
    state = copy.deepcopy(method.state_dict())
    with _drawing_nothing("predict, target or loss"):
        guess, answer = method.predict(seen), method.target(hidden)
        first, second = method.loss(guess, answer), method.loss(guess, answer)
        _demand(_same(guess, method.predict(seen)), "predict gives another guess the second time")
        _demand(_same(answer, method.target(hidden)), "target gives another answer the second time")
    _demand(all(torch.equal(first[key], second[key]) for key in first), "loss gives another value the second time")
    changed = [name for name, value in method.state_dict().items() if not torch.equal(state[name], value)]
    _demand(not changed, f"predict, target or loss changes '{''.join(changed[:1])}': after_step is the place for that")


@_check("kind")
def permuted_guesses_are_wrong_ones(case: Case) -> None:
    method = case.make()
    answer = method.target(method.hide(case.x(method), _rng())[1])
    turned = permute(answer, torch.arange(len(_leaves(answer)[0])).roll(1))
    _demand(not _same(turned, answer), "all answers of a batch are equal: there is nothing to learn from a sample")


@_check()
@torch.no_grad()
def the_loss_of_a_batch_is_the_mean_of_its_halves(case: Case) -> None:
    method = case.make().eval()
    if method.coupled:
        return
    x = case.x(method)
    seen, hidden = method.hide(x, _rng())
    half = len(x) // 2

    def of(*rows: int) -> Tensor:
        some = torch.arange(*rows)
        return total(method.loss(method.predict(permute(seen, some)), method.target(permute(hidden, some))))

    whole, parts = of(0, 2 * half), (of(0, half) + of(half, 2 * half)) / 2
    _demand(_near(whole, parts), f"the loss of a batch is {float(whole):.6g}, but the mean of its halves {float(parts):.6g}: set "
            "coupled = True if it compares samples")  # fmt: skip


@_check("kind")
def eight_samples_are_learnt_by_heart(case: Case) -> None:
    method, data = case.make(), _First(case.data, FEW)
    x = method.view(data)[:]  # type: ignore[arg-type]
    first = shuffle_gap(method, x, draws=1)["loss"]
    bar = first - (1 - method.by_heart) * abs(first)
    train(method, data, _now_and_then(lambda: shuffle_gap(method, x, draws=1)["loss"] < bar), epochs=400)  # type: ignore[arg-type]
    last = shuffle_gap(method, x, draws=1)["loss"]
    _demand(last < bar, f"the loss on eight samples fell from {first:.4g} to {last:.4g} only, not to {bar:.4g}: if more cannot be "
            "learnt, say so by the class attribute by_heart")  # fmt: skip


@_check("kind")
def the_gap_is_none_before_training_and_some_after(case: Case) -> None:
    method = case.make()
    x = case.x(method)

    def share(method: Method) -> float:
        found = shuffle_gap(method, x)
        return found["gap"] / abs(found["shuffled"])

    before = share(method)
    if abs(before) >= 0.02:  # a random net of few values may be right or wrong by chance: on average it is neither
        drawn = np.array([share(case.make(seed)) for seed in range(16)])
        chance = 4 * drawn.std() / len(drawn) ** 0.5
        _demand(abs(drawn.mean()) < chance, f"before training the gap is {drawn.mean():.1%} of the shuffled loss: a guess knows its "
                "answer")  # fmt: skip
    train(method, case.few, _now_and_then(lambda: share(method) > 0.05), epochs=200)
    after = share(method)
    _demand(after > 0.05, f"after training the gap is {after:.1%} of the shuffled loss, not 5%: guesses owe their samples nothing")


def _now_and_then(met: Callable[[], bool]) -> Callable[[], bool]:
    """Ask only every tenth time."""
    asked = iter(range(1 << 30))
    return lambda: next(asked) % 10 == 9 and met()


@_check()
@torch.no_grad()
def codes_are_rows_and_do_not_depend_on_the_batch(case: Case) -> None:
    method = case.make().eval()
    x = case.x(method)
    with _drawing_nothing("encode"):
        whole = method.encode(x)
    _demand(whole.ndim == 2 and len(whole) == len(x), f"codes have shape {tuple(whole.shape)}, not ({len(x)}, D)")
    _demand(whole.dtype == torch.float32, f"codes are {whole.dtype}, not float32")
    _demand(bool(whole.isfinite().all()), "codes are not finite")
    parts = torch.cat([method.encode(part) for part in x.split(7)])
    _demand(_near(whole, parts) and _near(whole[:1], method.encode(x[:1])), "a code depends on the samples beside it")
    layers = method.layers(x)
    for name, codes in layers.items():
        _demand(codes.ndim == 2 and len(codes) == len(x), f"layer '{name}' has shape {tuple(codes.shape)}, not ({len(x)}, D)")
    _demand(any(torch.equal(codes, whole) for codes in layers.values()), "the code is none of the layers")


@_check()
@torch.no_grad()
def scores_and_figures_are_numbers(case: Case) -> None:
    method = case.make().eval()
    x = case.x(method)
    score = method.score(x, _rng())
    _demand(score.shape == (len(x),) and bool(score.isfinite().all()), f"score gives {tuple(score.shape)}, not (B,) finite numbers")
    figures = method.measures(x)
    bad = [name for name, value in figures.items() if not (isinstance(value, float) and math.isfinite(value))]
    _demand(not bad, f"the figure '{''.join(bad[:1])}' of measures is no finite number")
    _demand(all(isinstance(one, str) for one in method.remarks(figures)), "remarks must be sentences")
    names = [name for name, _ in method.named_parameters()]
    for prefix, factor in method.rates().items():
        _demand(any(name.startswith(prefix) for name in names), f"rates names '{prefix}', and no parameter begins with it")
        _demand(0 <= factor < math.inf, f"the rate of '{prefix}' is {factor}")


@_check()
@torch.no_grad()
def what_comes_out_has_the_form_of_the_data(case: Case) -> None:
    method = case.make().eval()
    form, x = case.data.form, case.x(method)
    if method.decodes():
        shape = tuple(method.decode(method.encode(x)).shape)
        _demand(shape == (len(x), *form.shape), f"decode gives {shape}, not {(len(x), *form.shape)}")
    if method.samples():
        drawn = method.sample(3, _rng())
        _demand(tuple(drawn.shape) == (3, *form.shape), f"sample gives {tuple(drawn.shape)}, not {(3, *form.shape)}")
        _demand(torch.equal(drawn, method.sample(3, _rng())), "sample does not give the same twice from the same rng")
    if callable(words := getattr(method, "words", None)):
        found = words()
        _demand(found.ndim == 2 and len(found) == form.size, f"words gives {tuple(found.shape)}, not ({form.size}, D)")
        _demand(not found.requires_grad and bool(found.isfinite().all()), "words must be finite and detached")
    if callable(atoms := getattr(method, "atoms", None)):
        _demand(tuple(atoms().shape[1:]) == (form.size,), f"atoms gives {tuple(atoms().shape)}, not (M, {form.size})")


@_check()
def two_samples_are_enough(case: Case) -> None:
    method = build(case.new(), case.data, 0)
    records = train(method, _First(case.data, 2), epochs=2, batch_size=2)  # type: ignore[arg-type]
    _demand(all(math.isfinite(record["loss"]) for record in records), "the loss of two samples is not finite")


@_check("kind")
def saved_and_loaded_it_gives_the_same_bits(case: Case) -> None:
    given = {name: value for name, value in case.options.items() if callable(value)}
    options = {**case.narrow, **copy.deepcopy(dict(case.options))}
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "run"
        model = fit(made(case.made), method=case.cls, out=run, epochs=1, evaluate=False, progress=False, **options)
        again = load(run, method=case.cls, given=given)
        x = case.x(model.method)
        with torch.no_grad():
            _demand(torch.equal(model.method.encode(x), again.method.encode(x)), "a loaded model gives other codes: what training "
                    "changes must be a parameter or a buffer")  # fmt: skip
        if callable(getattr(model.method, "words", None)):
            _demand(torch.equal(model.method.words(), again.method.words()), "a loaded model has other words")


@_check("kind")
def a_run_that_was_cut_goes_on_to_the_same_bits(case: Case) -> None:
    for name in case.cls.solvers:
        if not find_solver(name).closed:
            _cut(case, name)


def _cut(case: Case, name: str) -> None:
    """Take the states of a whole run at a few pauses, and go on from each."""
    with tempfile.TemporaryDirectory() as folder:
        method, states, epochs = case.make(), [], 3
        while not states and epochs < 1 << 20:  # some solvers pause by the clock
            method, began = case.make(), time.perf_counter()
            solver, task = _task(case, name, method, epochs)
            for number, pause in enumerate(solver.run(task)):
                if number in (1, 3, 5) and pause.epoch < epochs:  # the first is before any step
                    file = Checkpoint(Path(folder) / str(number), {})
                    file.save(*solver.state())
                    states.append(file)
            epochs = math.ceil(epochs * min(max(2.0, WITHIN / (time.perf_counter() - began)), 100.0))
        for file in states:
            other, saved = case.make(seed=99), file.load()  # its own weights do not matter
            torch.manual_seed(4321)
            solver, again = _task(case, name, other, task.plan["epochs"])
            for _ in solver.run(replace(again, saved=State(*saved) if saved else None)):
                pass
            theirs = named_tensors(other)
            bad = [key for key, value in named_tensors(method).items() if not torch.equal(value, theirs[key])]
            _demand(not bad, f"after {name} went on from a saved state, '{''.join(bad[:1])}' is another: what training changes must be "
                    "a parameter or a buffer, and what is drawn must come from hide's rng")  # fmt: skip


def _task(case: Case, name: str, method: Method, epochs: int) -> tuple[Solver, Task]:
    """A solver that gives the same twice, and pauses as often as it can."""
    cls = find_solver(name)
    calm = {"deterministic": True, "threads": 1, "precision": "float32", "batch_size": 20}
    solver = cls(**{option: value for option, value in calm.items() if option in options_of(cls)})
    plan = solver.plan(method, case.data, epochs, 0, CPU)
    return solver, Task(method, case.few, plan, CPU, wanted=lambda: True)


@_check("method", lambda case: len(case.cls.solvers) > 0)
def no_solver_ignores_a_loss_of_ones_own(case: Case) -> None:
    asked = []

    def loss(self: Method, guess: Tree, answer: Tree) -> Any:
        asked.append(1)
        return case.cls.loss(self, guess, answer)

    own = replace(case, cls=type("Own", (case.cls,), {"loss": loss}))
    for name in case.cls.solvers:
        if find_solver(name)().refuses(own.new(), "cpu") is None:
            solver, task = _task(own, name, own.make(), 1)
            for _ in solver.run(task):
                pass
            _demand(bool(asked), f"{name} never asks a subclass's own loss, and does not refuse it")
            asked.clear()


@_check("kind", lambda case: any(find_solver(name).closed for name in case.cls.solvers))
def the_closed_form_is_the_minimum_of_the_declared_loss(case: Case) -> None:
    few = {"n_components": 2} if "n_components" in options_of(case.cls) and "n_components" not in case.options else {}
    descended = case.make(**few)
    train(descended, case.data, epochs=150)
    x = case.x(descended)
    least = shuffle_gap(descended, x)["loss"]
    for name in (name for name in case.cls.solvers if find_solver(name).closed):
        method = case.make(**few)
        solver, task = _task(case, name, method, 1)
        for _ in solver.run(task):
            pass
        found = shuffle_gap(method, x)["loss"]
        _demand(found <= least + 1e-5 * abs(least), f"{name} ends at a loss of {found:.6g}, descent at {least:.6g}")


def _apart(case: Case) -> None:
    """Two processes end with the same weights; where hide draws nothing, with those of one process."""
    if case.make().coupled:
        return
    with tempfile.TemporaryDirectory() as folder, socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        asked = json.dumps([case.name, dict(case.options), case.made, folder])
        around = {**os.environ, "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free.getsockname()[1])}
        around |= {"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "CUDA_VISIBLE_DEVICES": ""}
        free.close()
        command = [sys.executable, "-c", "from selfsup.testing import _one; _one()", asked]
        started = [
            subprocess.Popen(command, env={**around, "RANK": rank, "LOCAL_RANK": rank}, stderr=subprocess.PIPE, text=True)
            for rank in ("0", "1")
        ]
        said = [one.communicate(timeout=200)[1] for one in started]
        _demand(not any(one.returncode for one in started), f"a process of two failed: {''.join(said)[-2000:]}")
        one, other = (case.make(seed=number) for number in (1, 2))
        for rank, method in enumerate((one, other)):
            read_weights(Path(folder), f"{rank}.safetensors", method)
    named = named_tensors(other)
    bad = [name for name, value in named_tensors(one).items() if not torch.equal(value, named[name])]
    _demand(not bad, f"the two processes have another '{''.join(bad[:1])}' in the end")
    alone = case.make()
    x = case.x(alone)
    if _same(alone.hide(x, _rng(1)), alone.hide(x, _rng(2))):
        train(alone, case.data, epochs=5)
        for name, value in named_tensors(alone).items():
            _demand(torch.allclose(value, named[name], rtol=1e-3, atol=1e-4), f"two processes end with another '{name}' than one")


def _one() -> None:
    """One process of several: train, and write the weights."""
    name, options, made_name, folder = json.loads(sys.argv[1])
    options = {key: tuple(value) if isinstance(value, list) else value for key, value in options.items()}
    case = Case(name, find(name)[1], options, made_name)
    method = case.make()
    train(method, case.data, epochs=5)
    write_weights(Path(folder) / f"{os.environ['RANK']}.safetensors", method)

"""Gradient descent: every method that has no faster solver goes through this one loop.

In-memory rows are looked up by index (no loader), every row of an epoch is used, metrics stay on the device until they
are shown, and a run that was cut off goes on to the same bit.
"""

from __future__ import annotations

import copy
import functools
import logging
import math
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Annotated, Any, Literal

import torch
from torch import Tensor, nn

from selfsup.errors import OptionError, TrainingError
from selfsup.method import Data, Method, Samples, Terms, step
from selfsup.options import Range
from selfsup.solvers.compiled import CompiledStep, compiles
from selfsup.solvers.declared import problem_of, warm
from selfsup.solvers.devices import choose_device, steady
from selfsup.solvers.distributed import Processes, processes
from selfsup.solvers.norms import batch_norms
from selfsup.solvers.optimizer import Rates, make_optimizer
from selfsup.solvers.pace import seconds_a_step
from selfsup.solvers.plan import DEFAULTS, MAX_EPOCHS, RATES, Plan
from selfsup.solvers.precision import STEPS, Step, resolved, timed
from selfsup.solvers.sparse_adam import densify
from selfsup.solvers.task import Pause, Solver, State, Task
from selfsup.solvers.words import of_descent, of_windows
from selfsup.store.checkpoint import pack, unpack

Positive = Range(0, open_low=True)
Share = Range(0, 1, open_high=True)
log = logging.getLogger("selfsup")
PROBED = 512  # windows on which the loss is measured, at least


class Sgd(Solver):
    """Gradient descent.

    Parameters
    ----------
    batch_size
        Samples a step, at most.
    lr
        Peak learning rate; by default as the method prefers, or as suits the optimizer that is asked for instead of its own.
    weight_decay
        Decoupled weight decay; biases and norms have none.
    optimizer
        adamw, sgd with Nesterov momentum, muon, which makes the momentum of every matrix orthogonal, or lars, which moves every
        matrix by a share of its length (for batches of thousands); by default as the method prefers.
    warmup
        Share of the steps in which the rate rises to its peak, before a cosine takes it to 0; by default 0.05.
    clip
        Largest norm of the gradient.
    betas
        How slowly adamw forgets the gradients, and their squares; by default 0.9 and 0.999.
    precision
        auto is bfloat16 on a device that has it where a few steps show that it is faster (on a CPU only of a convolutional net);
        else float32.
    compile
        Compile the step (torch.compile): a minute or more before the first one, for faster ones; where it cannot be compiled
        it is done as it is, which is said.
    sync_batch_norm
        Of several processes: batch norm is over the batches of all of them, so that they train what one trains.
    """

    name = "sgd"
    shared = paced = True

    def __init__(
        self,
        batch_size: Annotated[int, Range(2)] | None = None,
        lr: Annotated[float, Positive] | None = None,
        weight_decay: Annotated[float, Range(0)] | None = None,
        optimizer: Literal["adamw", "sgd", "muon", "lars", "sparse-adam"] | None = None,
        warmup: Annotated[float, Share] | None = None,
        clip: Annotated[float, Positive] | None = None,
        betas: tuple[Annotated[float, Share], Annotated[float, Share]] | None = None,
        precision: Literal["auto", "float32", "bfloat16"] = "auto",
        compile: bool = False,
        sync_batch_norm: bool = True,
    ) -> None:
        self.asked: dict[str, Any] = {
            "batch_size": batch_size, "lr": lr, "weight_decay": weight_decay, "optimizer": optimizer, "warmup": warmup,
            "clip": clip, "betas": betas,
        }  # fmt: skip
        self.precision, self.compile, self.sync = precision, compile, sync_batch_norm
        self._run: _Run | None = None

    def refuses(self, method: Method, device: str) -> str | None:
        """None: every method has a loss."""
        return None

    def device(self, asked: str) -> torch.device:
        """The best there is for "auto"."""
        return choose_device(asked)

    def plan(self, method: Method, data: Data, epochs: int | None, seed: int, device: torch.device) -> dict[str, Any]:
        """As asked, else as the method prefers, else the defaults; the number of epochs may follow from that of steps."""
        recipe: dict[str, Any] = {**DEFAULTS, **method.recipe}
        if self.asked["optimizer"] not in (None, recipe["optimizer"]):
            recipe["lr"] = RATES[self.asked["optimizer"]]  # a rate suits one optimiser
        chosen: dict[str, Any] = {key: value if value is not None else recipe[key] for key, value in self.asked.items()}
        if epochs is None:
            epochs = recipe.get("epochs")
        if epochs is None:
            batches = math.ceil(len(method.view(data)) / chosen["batch_size"])
            epochs = min(MAX_EPOCHS, math.ceil(recipe["steps"] / batches))
        chosen |= {"precision": resolved(self.precision, device), "device": device.type}  # each draws in its own way
        return {"epochs": epochs, **chosen, "compile": self.compile, "sync_batch_norm": self.sync, "seed": seed}

    def pace(self, task: Task, short: float, *, must: bool) -> float | None:
        """By a few steps of a copy; of several processes the first one's clock counts."""
        method, plan, device = task.method, task.plan, task.device
        samples = method.view(task.data).to(device)
        total = Plan.of(plan).steps(len(samples))
        if total == 0 or (total < STEPS and not must):
            return None
        gpus = [device] if device.type == "cuda" else []
        with processes(device) as group, torch.random.fork_rng(devices=gpus), steady(device):
            if plan["precision"] == "auto":
                plan["precision"] = _precision(method, samples, task, group)
            ahead = _Run(copy.deepcopy(method).train(), plan, device, group, len(samples))
            batches = ahead.plan.order(len(samples), 1)

            def step(number: int) -> None:
                ahead.batch = number % len(batches)
                ahead._step(samples, batches[ahead.batch])

            seconds = seconds_a_step(step, total, short, device, lambda: float(group.of_first(time.perf_counter)))
        return None if seconds is None else seconds * len(batches)

    def memory(self, method: Method, data: Data, plan: Mapping[str, Any], *, saved: bool) -> int:
        """Known for methods whose size is that of their vocabulary."""
        problem = problem_of(method)
        if problem is None:
            return 0
        rows, softmax = max(plan["batch_size"], PROBED), problem.objective == "softmax"
        size = of_descent(data.form.size, problem.dim, rows, softmax=softmax, saved=saved)
        return size + of_windows(rows, problem.window, problem.dim)

    def copies(self, plan: Mapping[str, Any]) -> float:
        """Weights, gradients, and the optimiser's averages: two of adamw, the momentum of sgd."""
        return 4.0 if "adam" in plan["optimizer"] else 3.0

    def run(self, task: Task) -> Iterator[Pause]:
        """Train, with a pause after every step, and a record at the end of every epoch.

        Raises
        ------
        TrainingError
            If a term of the loss is not finite (named, with its batch).
        """
        method, device = task.method.to(task.device), task.device
        samples = method.view(task.data).to(device)
        gpus = [device] if device.type == "cuda" else []
        with processes(device) as group, torch.random.fork_rng(devices=gpus), steady(device):
            if task.plan["precision"] == "auto":
                task.plan["precision"] = _precision(method, samples, task, group)
            plan = Plan.of(task.plan)
            torch.manual_seed(plan.seed)  # the contract asks for no dropout, but resume must not mind it
            compiled = _compiled(method, samples, task, group)
            task.plan["compile"] = compiled is not None
            run = self._run = _Run(method, task.plan, device, group, len(samples), compiled)
            if task.saved is not None:
                run.restore(task.saved)
            elif task.warm is not None:
                warm(task)
            self.epoch = run.epoch - 1 + run.batch / run.batches
            yield Pause(self.epoch)
            method.train()
            while run.done < run.total and not task.enough():
                for _ in run.steps(samples):
                    self.epoch = run.epoch - 1 + run.batch / run.batches
                    if run.batch < run.batches and run.done < run.total:
                        yield Pause(self.epoch)
                        if task.enough():
                            break
                if run.done == run.total:
                    self.epoch = float(plan.epochs)
                yield Pause(self.epoch, run.finished(samples))
            method.progress, self._run = 1.0, None  # the optimiser's memory is given back
            method.eval()
        method.finish(task.data)

    def state(self) -> State:
        """Weights, the optimiser's averages, generators, sums and counters."""
        assert self._run is not None
        return self._run.state()

    def line(self) -> str:
        """Terms of the loss in this epoch, and the rate."""
        run = self._run
        if run is None or not run.seen or not run.since:
            return ""
        terms = ", ".join(f"{name} {float(value) / run.seen:.4g}" for name, value in run.sums.items())
        rate, waited = run.met / run.since, run.waited / max(run.seconds, 1e-9)
        return f"{terms}  {rate:,.0f} samples/s  waiting for data {waited:.0%}"


def _precision(method: Method, samples: Samples, task: Task, group: Processes) -> str:
    """What "auto" is: as the run began with, else the faster; several processes, which might disagree, take the usual one."""
    if task.saved is not None:
        return str(task.saved.facts["precision"])
    if group.size > 1:
        return "bfloat16" if task.device.type == "cuda" else "float32"
    return timed(method, samples, task.plan)


def _compiled(method: Method, samples: Samples, task: Task, group: Processes) -> CompiledStep | None:
    """The compiled step, where it is asked for and can be had; a run that was begun without goes on without."""
    if not task.plan["compile"] or (task.saved is not None and not task.saved.facts["compile"]):
        return None
    if group.size > 1:
        log.warning("option 'compile' is for one process; the steps of several are done uncompiled")
        return None
    step = CompiledStep(method, task.plan["precision"])
    if compiles(step, samples, task.plan["batch_size"]):
        return step
    if task.saved is not None:
        log.warning("this run was begun compiled, and goes on a little differently than it would have")
    return None


class _Run:
    """State of one training run, and its steps."""

    def __init__(
        self,
        method: Method,
        settings: Mapping[str, Any],
        device: torch.device,
        group: Processes,
        rows: int,
        compiled: CompiledStep | None = None,
    ) -> None:
        self.method, self.plan, self.device, self.group = method, Plan.of(settings), device, group
        plan, synced = self.plan, bool(settings["sync_batch_norm"])
        self.optimizer = make_optimizer(method, plan)
        self.rates = Rates(method, self.optimizer)
        self.sparse = group.size > 1 and "sparse-adam" in (plan.optimizer, method.recipe.get("optimizer"))
        step = Step(method, plan.precision, group, synced=synced)
        self.module = compiled or group.wrapped(step, device, sparse=self.sparse)
        self.rng = torch.Generator(device=device).manual_seed(plan.seed)  # the same in all processes
        self.epoch, self.batch, self.batches = 1, 0, plan.batches(rows)  # the next batch to train on, of so many
        self.total = plan.steps(rows)
        alone = not synced and batch_norms(method)  # of one sample there is no variance
        self.least = 0 if group.size == 1 else group.size * (2 if alone else 1)
        self.sums: dict[str, Tensor] = {}  # of each term over the rows of this epoch so far
        self.seconds, self.waited = 0.0, 0.0  # spent on this epoch so far, and of that on waiting for data
        self.seen = 0  # samples of this epoch so far, by all processes
        self.met, self.since = 0, 0.0  # samples and seconds of this epoch, since the run went on

    @property
    def done(self) -> int:
        """Steps that are done, of `total`."""
        return (self.epoch - 1) * self.batches + self.batch

    def state(self) -> State:
        """Everything that the next step depends on."""
        tensors = pack(self.method, self.optimizer)
        tensors |= {f"sums.{name}": value for name, value in self.sums.items()}
        tensors |= {"rng.hide": self.rng.get_state(), "rng.torch": torch.get_rng_state()}
        if self.device.type == "cuda":
            tensors["rng.cuda"] = torch.cuda.get_rng_state(self.device)
        facts = {"epoch": self.epoch, "batch": self.batch, "seen": self.seen, "precision": self.plan.precision}
        facts["compile"] = isinstance(self.module, CompiledStep)
        return State(tensors, facts | {"seconds": self.seconds, "waited": self.waited})

    def restore(self, state: State) -> None:
        """Go on from a state."""
        tensors, facts = state
        unpack(tensors, self.method, self.optimizer)
        self.sums = {n.removeprefix("sums."): t.to(self.device) for n, t in tensors.items() if n.startswith("sums.")}
        self.rng.set_state(tensors["rng.hide"])
        torch.set_rng_state(tensors["rng.torch"])
        if self.device.type == "cuda":
            torch.cuda.set_rng_state(tensors["rng.cuda"], self.device)
        self.epoch, self.batch, self.seen = facts["epoch"], facts["batch"], facts["seen"]
        self.seconds, self.waited = facts["seconds"], facts["waited"]

    def steps(self, samples: Samples) -> Iterator[None]:
        """Do the batches of the epoch that are left, one at a time."""
        batches = self.plan.order(len(samples), self.epoch)
        if len(batches[-1]) < self.least:  # the last are the smallest
            raise OptionError(
                f"a batch has {len(batches[-1])} samples, too few for {self.group.size} processes, which need {self.least}; "
                "raise option 'batch_size'"
            )
        while self.batch < self.batches and self.done < self.total:
            began = time.perf_counter()
            self._step(samples, batches[self.batch])
            elapsed = time.perf_counter() - began  # what is done in a pause is not of the training
            self.seconds, self.since = self.seconds + elapsed, self.since + elapsed
            self.met += len(batches[self.batch])
            self.batch += 1
            yield

    def _step(self, samples: Samples, rows: Tensor) -> None:
        method, plan = self.method, self.plan
        method.progress = self.done / self.total
        # the rate of the step's middle: a warm-up from 0 would waste the first step
        self.rates.set(plan.rate((self.done + 0.5) / self.total, method.phases))
        before = time.perf_counter()
        x = samples[rows]
        self.waited += time.perf_counter() - before
        terms, answer = self.module(x, self.rng)
        means = {name: term.mean() for name, term in terms.items()}
        loss = functools.reduce(torch.add, means.values())
        if not method.coupled and self.group.size > 1:  # each process has the loss of its share
            weight = self.group.weight(len(rows))
            loss, means = loss * weight, self.group.means(means, weight)
        # on a GPU a look at the loss waits for the device
        if (
            self.device.type == "cpu"
            or self.batch % 50 == 0
            or self.done + 1 in (self.epoch * self.batches, self.total)
        ):
            self._check_finite(means, x)
        loss.backward()
        if self.sparse:
            self.group.average(self.module.parameters())
        if plan.clip is not None or plan.optimizer != "sparse-adam":
            densify(self.module.parameters())
        if plan.clip is not None:
            nn.utils.clip_grad_norm_(self.module.parameters(), plan.clip)
        self.optimizer.step()
        self.optimizer.zero_grad()
        self.group.merge(method)
        method.after_step(answer)
        for name, mean in means.items():
            share = mean.detach() * len(rows)
            self.sums[name] = self.sums[name] + share if name in self.sums else share
        self.seen += len(rows)

    def finished(self, samples: Samples) -> dict[str, Any]:
        """The record of an epoch, or of what was done of it; the counters are set to the next."""
        began, rows = time.perf_counter(), len(samples)
        if self.batch < self.batches:
            rows = sum(map(len, self.plan.order(rows, self.epoch)[: self.batch]))
        terms = {name: float(value) / rows for name, value in self.sums.items()}
        self.seconds += time.perf_counter() - began  # a GPU is waited for here: its steps were only begun
        seconds = max(self.seconds, 1e-9)
        record = {
            "loss": sum(terms.values()),
            "terms": terms,
            "lr": self.plan.rate(self.done / self.total - 1e-9, self.method.phases),
            "seconds": self.seconds,
            "samples_per_second": rows / seconds,
            "data_wait": self.waited / seconds,
        }
        self.epoch, self.batch, self.sums = self.epoch + 1, 0, {}
        self.seconds, self.waited, self.seen, self.met, self.since = 0.0, 0.0, 0, 0, 0.0
        return record

    def _check_finite(self, means: Terms, x: Tensor) -> None:
        """Stop before a step would spread a NaN over the weights; means are those over all processes, so that all stop."""
        if math.isfinite(functools.reduce(torch.add, means.values()).item()):
            return
        bad = next((name for name, mean in means.items() if not math.isfinite(mean.item())), "of all together")
        layer = first_not_finite(self.method, x, self.rng)
        raise TrainingError(
            f"the loss term '{bad}' is not finite in epoch {self.epoch}, batch {self.batch + 1}{layer}; "
            f"lower option 'lr' (now {self.plan.lr:g}) or set option 'clip' to 1"
        )


@torch.no_grad()
def first_not_finite(method: Method, x: Tensor, rng: torch.Generator) -> str:
    """Name the weight, or else the layer, in which a value that is not finite first appears."""
    for name, parameter in method.named_parameters():
        if not bool(parameter.isfinite().all()):
            return f", since the weight '{name}' is not"
    found: list[str] = []

    def look(name: str) -> Callable[[nn.Module, Any, Any], None]:
        def hook(module: nn.Module, inputs: Any, output: Any) -> None:
            if isinstance(output, Tensor) and not bool(output.isfinite().all()):
                found.append(f", first after the layer '{name}' ({type(module).__name__})")

        return hook

    leaves = [(name, module) for name, module in method.named_modules() if name and not list(module.children())]
    hooks = [module.register_forward_hook(look(name)) for name, module in leaves]
    try:
        step(method, x, rng)
    finally:
        for hook in hooks:
            hook.remove()
    return found[0] if found else ", though every layer's output is"

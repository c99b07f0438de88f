"""The one training loop, on accelerate: every method that learns by gradient descent goes through it.

In-memory rows are looked up by index (no loader), every row of an epoch is used, metrics stay on the device until they
are shown, and a run that was cut off goes on to the same bit.
"""

from __future__ import annotations

import contextlib
import functools
import logging
import math
import signal
import threading
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from selfsup.errors import Interrupted, OptionError, TrainingError
from selfsup.method import Method, Samples, Terms, Tree, shuffle_gap, step
from selfsup.solvers.plan import Plan
from selfsup.store.checkpoint import Checkpoint, pack, unpack
from selfsup.store.weights import named_tensors, set_tensors
from selfsup.system.progress import Progress, duration

if TYPE_CHECKING:
    from accelerate import Accelerator

GAP_ROWS, LEAST_ROWS = 512, 64  # held-out rows on which loss and gap are measured after every epoch
GAP_SHARE = 0.1  # of the training rows, between the two: on small data measuring would cost as much as training
Record = dict[str, Any]
log = logging.getLogger("selfsup")


class Step(nn.Module):
    """Hide, predict, target, loss as one forward pass, so that a distributed wrapper sees a whole step."""

    def __init__(self, method: Method) -> None:
        super().__init__()
        self.method = method

    def forward(self, x: Tensor, rng: torch.Generator) -> tuple[Terms, Tree]:
        """Terms of the loss and the answer of one batch."""
        terms, _, answer = step(self.method, x, rng)
        return terms, answer


class Run:
    """State of one training run: what a checkpoint keeps, and nothing else."""

    def __init__(self, method: Method, plan: Plan, device: torch.device, process: int = 0) -> None:
        self.method, self.plan, self.device = method, plan, device
        parameters = [p for p in method.parameters() if p.requires_grad]
        if not parameters:
            raise TrainingError(f"{type(method).__name__} has no trainable parameter")
        self.optimizer = make_optimizer(parameters, plan)
        self.rng = torch.Generator(device=device).manual_seed(plan.seed + process)  # each process hides for itself
        self.epoch, self.batch = 1, 0  # the next batch to train on
        self.sums: dict[str, Tensor] = {}  # of each term over the rows of this epoch so far
        self.history: list[Record] = []
        self.seconds, self.waited = 0.0, 0.0  # spent on this epoch so far, and of that on waiting for data
        self.best: dict[str, Tensor] = {}  # weights at the least held-out loss, for early stopping
        self.done = False  # whether patience ran out

    def save(self, checkpoint: Checkpoint) -> None:
        """Write everything that the next step depends on."""
        tensors = pack(self.method, self.optimizer)
        tensors |= {f"sums.{name}": value for name, value in self.sums.items()}
        tensors |= {f"best.{name}": value for name, value in self.best.items()}
        tensors |= {"rng.hide": self.rng.get_state(), "rng.torch": torch.get_rng_state()}
        facts = {"epoch": self.epoch, "batch": self.batch, "history": self.history, "seconds": self.seconds}
        facts["done"] = self.done
        checkpoint.save(tensors, facts)

    def restore(self, checkpoint: Checkpoint) -> bool:
        """Go on from the state on disk, if there is one."""
        state = checkpoint.load()
        if state is None:
            return False
        tensors, facts = state
        unpack(tensors, self.method, self.optimizer)
        self.sums = {n.removeprefix("sums."): t.to(self.device) for n, t in tensors.items() if n.startswith("sums.")}
        self.best = {n.removeprefix("best."): t.to(self.device) for n, t in tensors.items() if n.startswith("best.")}
        self.rng.set_state(tensors["rng.hide"])
        torch.set_rng_state(tensors["rng.torch"])
        self.epoch, self.batch, self.seconds = facts["epoch"], facts["batch"], facts["seconds"]
        self.history, self.done = facts["history"], facts["done"]
        return True


def sgd(
    method: Method,
    samples: Samples,
    heldout: Samples,
    plan: Plan,
    device: torch.device,
    progress: Progress,
    checkpoint: Checkpoint | None = None,
    on_record: Callable[[list[Record]], None] | None = None,
) -> list[Record]:
    """Train a method in place.

    Parameters
    ----------
    samples, heldout
        Rows to train on, and rows on which loss and gap are measured.
    checkpoint
        Where the state is kept; training goes on from it if it holds one.
    on_record
        Called with all records after every epoch.

    Returns
    -------
    list of dict
        One record an epoch, the first of them (epoch 0) from before training.

    Raises
    ------
    TrainingError
        If a term of the loss is not finite (named, with its batch).
    Interrupted
        On Ctrl-C or SIGTERM, after the state was saved.
    """
    accelerator = make_accelerator(plan, device)
    if method.batch_coupled and accelerator.num_processes > 1:
        raise OptionError(f"{type(method).__name__} compares the samples of a batch; train it in one process")
    if checkpoint and accelerator.num_processes > 1 and checkpoint.load() is not None:
        raise OptionError("a run of several processes cannot be resumed yet: only the first one's state was saved")
    method.to(device)
    samples = samples.to(device)
    probe = probe_rows(samples, heldout).to(device)
    with torch.random.fork_rng(devices=[]), stop_flag() as stop:
        torch.manual_seed(plan.seed)  # for dropout in a user's net: the contract asks for none, resume must not mind
        run = Run(method, plan, device, accelerator.process_index)
        if not (checkpoint and run.restore(checkpoint)):
            run.history = [measure(method, probe, 0)]
        module = accelerator.prepare(Step(method))
        method.train()
        while run.epoch <= plan.epochs and not run.done:
            train_epoch(run, accelerator, module, samples, progress, checkpoint, stop)
            finish_epoch(run, probe, len(samples), progress)
            if on_record and accelerator.is_main_process:
                on_record(run.history)
            if plan.patience is not None and out_of_patience(run, plan.patience):
                set_tensors(method, run.best)
                run.done = True
            if checkpoint and accelerator.is_main_process and (stop.is_set() or checkpoint.due()):
                run.save(checkpoint)
            if stop.is_set():
                progress.close()
                raise Interrupted(f"stopped after epoch {run.epoch - 1} of {plan.epochs}")
        method.progress = 1.0
        method.eval()
    progress.close()
    return run.history


def probe_rows(samples: Samples, heldout: Samples) -> Tensor:
    """Rows (B, ...) on which loss and gap are measured: the first held-out ones, which are in a random order or few."""
    most = min(GAP_ROWS, max(LEAST_ROWS, int(GAP_SHARE * len(samples))))
    return heldout[torch.arange(min(len(heldout), most))]


def train_epoch(
    run: Run,
    accelerator: Accelerator,
    module: nn.Module,
    samples: Samples,
    progress: Progress,
    checkpoint: Checkpoint | None,
    stop: threading.Event,
) -> None:
    """Run the batches of the epoch that are left."""
    plan, method = run.plan, run.method
    batches = plan.order(len(samples), run.epoch)
    steps = len(batches) * plan.epochs
    first, clock = run.batch, time.perf_counter()
    waited_before, seconds_before = run.waited, run.seconds
    while run.batch < len(batches):
        method.progress = ((run.epoch - 1) * len(batches) + run.batch) / steps
        # the rate of the step's end: a warm-up from 0 would waste the first step
        rate = plan.rate(((run.epoch - 1) * len(batches) + run.batch + 0.5) / steps, method.phases)
        for group in run.optimizer.param_groups:
            group["lr"] = rate
        before = time.perf_counter()
        rows = batches[run.batch].tensor_split(accelerator.num_processes)[accelerator.process_index].to(run.device)
        x = samples[rows]
        run.waited += time.perf_counter() - before
        terms, answer = module(x, run.rng)
        means = {name: term.mean() for name, term in terms.items()}
        loss = functools.reduce(torch.add, means.values())
        if run.device.type == "cpu" or run.batch % 50 == 0:  # on a GPU a look at the loss waits for the device
            check_finite(loss, terms, run, x)
        # plain calls: nothing is scaled or accumulated here, and accelerate's own look packages up at every step (0.4 ms)
        loss.backward()
        if plan.clip is not None:
            nn.utils.clip_grad_norm_(module.parameters(), plan.clip)
        run.optimizer.step()
        run.optimizer.zero_grad()
        method.after_step(answer)
        for name, mean in means.items():
            share = mean.detach() * len(batches[run.batch])
            run.sums[name] = run.sums[name] + share if name in run.sums else share
        run.batch += 1
        elapsed = time.perf_counter() - clock
        run.seconds = seconds_before + elapsed
        if progress.due():
            progress.show(line(run, batches, first, elapsed, run.waited - waited_before))
        if checkpoint and (stop.is_set() or checkpoint.due()) and accelerator.is_main_process:
            run.save(checkpoint)
        if stop.is_set():
            progress.close()
            raise Interrupted(f"stopped in epoch {run.epoch} of {plan.epochs}, batch {run.batch} of {len(batches)}")


def finish_epoch(run: Run, probe: Tensor, rows: int, progress: Progress) -> None:
    """Complete the epoch's record and set the counters to the next epoch."""
    terms = {name: float(value) / rows for name, value in run.sums.items()}
    record: Record = {"epoch": run.epoch, "loss": sum(terms.values()), "terms": terms} | measure(
        run.method,
        probe,
        run.epoch,
        draws=3 if run.epoch == run.plan.epochs else 1,  # the last one is judged
    )
    seconds = max(run.seconds, 1e-9)
    record |= {"lr": run.plan.rate(run.epoch / run.plan.epochs - 1e-9, run.method.phases), "seconds": run.seconds}
    record |= {"samples_per_second": rows / seconds, "data_wait": run.waited / seconds}
    if not math.isfinite(record["heldout"]):
        raise TrainingError(
            f"the held-out loss is not finite after epoch {run.epoch}; lower --lr (now {run.plan.lr:g}) or set --clip 1"
        )
    run.history.append(record)
    run.epoch, run.batch, run.sums, run.seconds, run.waited = run.epoch + 1, 0, {}, 0.0, 0.0
    log.info("epoch %d: loss %.5g, held-out %.5g, gap %.4g", *(record[k] for k in ("epoch", "loss", "heldout", "gap")))


def measure(method: Method, probe: Tensor, epoch: int, draws: int = 3) -> Record:
    """Loss, shuffled loss and gap on the probe rows, and the method's own figures."""
    was_training = method.training
    method.eval()
    found = shuffle_gap(method, probe, draws=draws)
    record = {"epoch": epoch, "heldout": found.pop("loss"), **found}
    with torch.no_grad():
        own = method.measures(probe)
    method.train(was_training)
    return record | ({"measures": own} if own else {})


def out_of_patience(run: Run, patience: int) -> bool:
    """Keep the weights of the best epoch, and say whether it lies `patience` epochs back."""
    losses = [record["heldout"] for record in run.history[1:]]
    best = min(range(len(losses)), key=losses.__getitem__)
    if best == len(losses) - 1:
        run.best = {name: tensor.clone() for name, tensor in named_tensors(run.method).items()}
    return len(losses) - 1 - best >= patience


def check_finite(loss: Tensor, terms: Terms, run: Run, x: Tensor) -> None:
    """Stop before a step would spread a NaN over the weights."""
    if math.isfinite(loss.item()):
        return
    bad = next(name for name, term in terms.items() if not bool(term.isfinite().all()))
    layer = first_not_finite(run.method, x, run.rng)
    raise TrainingError(
        f"the loss term '{bad}' is not finite in epoch {run.epoch}, batch {run.batch + 1}{layer}; "
        f"lower --lr (now {run.plan.lr:g}) or set --clip 1"
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


def line(run: Run, batches: tuple[Tensor, ...], first: int, elapsed: float, waited: float) -> str:
    """The dense progress line."""
    done = run.batch - first
    left = (run.plan.epochs - run.epoch + 1) * len(batches) - run.batch
    seen = sum(len(b) for b in batches[: run.batch])
    terms = ", ".join(f"{name} {float(value) / seen:.4g}" for name, value in run.sums.items())
    gap = run.history[-1]["gap"]
    rate = sum(len(b) for b in batches[first : run.batch]) / elapsed
    return (
        f"epoch {run.epoch}/{run.plan.epochs}  {duration(left * elapsed / done)} left  {terms}  gap {gap:.3g}  "
        f"{rate:,.0f} samples/s  waiting for data {waited / elapsed:.0%}"
    )


def make_optimizer(parameters: list[nn.Parameter], plan: Plan) -> torch.optim.Optimizer:
    """Fused where the device has it."""
    if plan.optimizer == "adamw":
        return torch.optim.AdamW(parameters, lr=plan.lr, weight_decay=plan.weight_decay, fused=True)
    return torch.optim.SGD(
        parameters, lr=plan.lr, momentum=0.9, nesterov=True, weight_decay=plan.weight_decay, fused=True
    )


def make_accelerator(plan: Plan, device: torch.device) -> Accelerator:
    """One accelerator for the run; its state is a singleton of the process, so a former run's is dropped."""
    from accelerate import Accelerator
    from accelerate.state import AcceleratorState

    if AcceleratorState._shared_state:
        AcceleratorState._reset_state(
            reset_partial_state=torch.distributed.is_available() and not torch.distributed.is_initialized()
        )
    words = {"float32": "no", "bfloat16": "bf16"}
    return Accelerator(mixed_precision=words[plan.precision], cpu=device.type == "cpu")


@contextlib.contextmanager
def stop_flag() -> Iterator[threading.Event]:
    """Ctrl-C and SIGTERM end the run after the step they fall into; a second Ctrl-C ends it at once."""
    stop = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield stop  # signals reach the main thread only
        return
    before: dict[int, Any] = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def handle(number: int, frame: object) -> None:
        stop.set()
        signal.signal(number, before[number] if callable(before[number]) else signal.SIG_DFL)

    for number in before:
        signal.signal(number, handle)
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

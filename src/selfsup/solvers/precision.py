"""Whether a step is done in float32 or in bfloat16, and the step itself."""

from __future__ import annotations

import copy
import logging
import time
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn

from selfsup.errors import OptionError
from selfsup.method import Method, Samples, Terms, Tree, total
from selfsup.solvers.distributed import ALONE, Processes
from selfsup.solvers.norms import batch_norms, of_whole_batch
from selfsup.solvers.plan import Plan, Precision

STEPS = 200  # fewer are done before it is known which precision is faster
SHORT = 5e-3  # seconds: such a step is not made of convolutions
PART, LONG = 8, 1.0  # of a batch whose step takes so many seconds, an eighth is timed
TIMED = 3  # steps in each precision, of which the fastest counts
PAYS = 0.9  # of the time in float32: from here on the lost digits are worth it
log = logging.getLogger("selfsup")


class Step(nn.Module):
    """Hide, predict, target, loss as one forward pass, so that a distributed wrapper sees a whole step.

    Parameters
    ----------
    method, precision
        The loss is in float32 in either precision: sums over a batch, exponentials and differences of large numbers need it.
    group
        Of several processes each hides of the whole batch, from the same state of the generator, and goes on with its share. A
        loss that compares samples, and an `after_step` of a method's own, get the whole batch again.
    synced
        Whether batch norm is over the batches of all processes.
    """

    def __init__(self, method: Method, precision: Precision, group: Processes = ALONE, *, synced: bool = True) -> None:
        super().__init__()
        self.method, self.precision, self.group = method, precision, group
        self.norms = batch_norms(method) if synced and group.size > 1 else ()

    def forward(self, x: Tensor, rng: torch.Generator) -> tuple[Terms, Tree]:
        """Terms of the loss and the answer of one batch (B, ...), in float32."""
        with self.cast(x.device.type):
            seen, hidden = self.method.hide(x, rng)
        if self.group.size == 1:
            return self.solve(seen, hidden)
        method, rows = self.method, len(x)
        with of_whole_batch(self.norms, self.group):
            guess, answer = self.guess(self.group.share(seen), self.group.share(hidden), x.device.type)
            if not method.coupled:
                terms = method.loss(guess, answer)  # which may look into the net
        if method.coupled:
            guess, answer = self.group.whole(guess, rows), self.group.whole(answer, rows)
            terms = method.loss(guess, answer)
        elif type(method).after_step is not Method.after_step:
            with torch.no_grad():
                answer = self.group.whole(answer, rows)
        return terms, answer

    def solve(self, seen: Tree, hidden: Tree) -> tuple[Terms, Tree]:
        """Terms of the loss and the answer, once it is hidden."""
        guess, answer = self.guess(seen, hidden, _device_of(seen))
        return self.method.loss(guess, answer), answer

    def guess(self, seen: Tree, hidden: Tree, device: str) -> tuple[Tree, Tree]:
        """The guess and the answer, in float32."""
        with self.cast(device):
            guess, answer = self.method.predict(seen), self.method.target(hidden)
        return (guess, answer) if self.precision == "float32" else (_floats(guess), _floats(answer))

    def cast(self, device: str) -> AbstractContextManager[Any]:
        """While this lasts, matrices are multiplied in the precision asked for."""
        return nullcontext() if self.precision == "float32" else torch.autocast(device, torch.bfloat16)


def _device_of(tree: Tree) -> str:
    """The kind of device on which the tensors of a tree are."""
    return str(tree.device.type) if isinstance(tree, Tensor) else _device_of(tree[0])


def _floats(tree: Tree) -> Tree:
    """Tensors of a tree that are in half precision, in float32."""
    if isinstance(tree, Tensor):
        return tree.float() if tree.dtype in (torch.bfloat16, torch.float16) else tree
    return type(tree)(*(_floats(part) for part in tree))


def resolved(asked: str, device: torch.device) -> str:
    """The precision asked for; "auto" is left to `timed` where the device multiplies bfloat16, and is float32 elsewhere."""
    if asked == "bfloat16" and device.type == "cuda" and not torch.cuda.is_bf16_supported(including_emulation=False):
        raise OptionError(
            f"option 'precision': {torch.cuda.get_device_name(device)} does not multiply bfloat16; use auto or float32"
        )
    if asked == "bfloat16" and device.type == "cpu" and not has_fast_bfloat16():
        log.warning(
            "option 'precision': this processor has no instructions for bfloat16, so that steps are slower with it"
        )
    if asked != "auto":
        return asked
    fast = {"cpu": has_fast_bfloat16, "cuda": torch.cuda.is_bf16_supported}.get(device.type, bool)
    return "auto" if fast() else "float32"


def has_fast_bfloat16() -> bool:
    """Whether this CPU multiplies bfloat16 in hardware (AVX512-BF16 or AMX), and torch knows how."""
    asks = (getattr(torch.cpu, f"_is_{name}_supported", None) for name in ("avx512_bf16", "amx_tile"))
    return torch.backends.mkldnn.is_available() and any(ask is not None and bool(ask()) for ask in asks)


def timed(method: Method, samples: Samples, plan: dict[str, Any]) -> Precision:
    """The faster precision, by a few steps of a copy that leave no trace; on a CPU only nets of convolutions are tried.

    Parameters
    ----------
    method
        Built, with its first weights; it is not changed.
    plan
        The settings, but for the precision.

    Returns
    -------
    str
        "float32" wherever the run is short; and on a CPU where the steps are, or nothing is convolved.
    """
    steps = Plan.of(plan | {"precision": "float32"}).steps(len(samples))
    if steps < STEPS:
        return "float32"
    x = samples[torch.arange(min(plan["batch_size"], len(samples)))]
    on_cpu = x.device.type == "cpu"
    if on_cpu and not any(isinstance(module, nn.Conv2d) for module in method.modules()):
        return "float32"
    with torch.random.fork_rng(devices=[]):
        copied = copy.deepcopy(method).train()
        whole, few = len(x), x[: max(2, len(x) // PART)]
        if [_seconds(copied, few, "float32") for _ in range(2)][1] * PART > LONG:  # the first one makes ready
            x = few  # which of the two is faster shows in a part, too
        elif on_cpu and any(_seconds(copied, x, "float32") < SHORT for _ in range(2)):
            return "float32"
        full = min(_seconds(copied, x, "float32") for _ in range(TIMED))
        _seconds(copied, x, "bfloat16")
        half = min(_seconds(copied, x, "bfloat16") for _ in range(TIMED))
    chosen: Precision = "bfloat16" if half < PAYS * full else "float32"
    ms = 1e3 * whole / len(x)
    log.info("%s: a step takes %.3g ms in bfloat16, %.3g ms in float32", chosen, ms * half, ms * full)
    return chosen


def _seconds(method: Method, x: Tensor, precision: Precision) -> float:
    """How long a step takes, forward and backward."""
    rng = torch.Generator(x.device).manual_seed(0)
    wait = torch.cuda.synchronize if x.device.type == "cuda" else bool  # for the device's own clock
    wait()
    began = time.perf_counter()
    total(Step(method, precision)(x, rng)[0]).backward()
    wait()
    seconds = time.perf_counter() - began
    method.zero_grad()
    return seconds

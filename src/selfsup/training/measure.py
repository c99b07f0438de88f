"""What is measured of a method while it is trained: loss and gap on held-out samples, and its own figures."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn.modules.batchnorm import _BatchNorm

from selfsup.method import Data, Method, shuffle_gap
from selfsup.training.watching import shape, watched

BYTES = 1 << 28  # of samples that are measured at once: a part of a probe that is larger
CALIBRATED = 64  # samples whose statistics stand in for those that batch norm has before training
EVERY = 1 << 40  # rows learnt from, of which the share that is measured is no less than any most
DRAWS = 3  # orders in which guesses are permuted, where the gap is judged; 1 in between
ONCE = 5  # and of a closed form, which is measured once before and once after


def probe_of(method: Method, learnt: Data, heldout: Data, device: torch.device, *, once: bool = False) -> Tensor:
    """The samples (B, ...) on which loss and gap are measured; of what is learnt from where less than two are held out.

    Where they are measured `once`, and not after every epoch, they are as many as can be of use.
    """
    samples = method.view(heldout if len(heldout) > 1 else learnt)
    return samples[samples.probe(EVERY if once else len(method.view(learnt)))].to(device)


@torch.no_grad()
def calibrated_gap(method: Method, x: Tensor) -> dict[str, float]:
    """``gap_calibrated``: of x (B, ...) with the statistics of x in batch norm; nothing of a net without that.

    The statistics that a net begins with are of no data. They come to be those of the data within the first steps, at whatever
    rate, and what gap there is then is no progress.
    """
    norms = [module for module in method.modules() if isinstance(module, _BatchNorm) and module.track_running_stats]
    if not norms:
        return {}
    kept = [{name: part.clone() for name, part in norm.named_buffers()} for norm in norms]
    method.eval()
    for norm in norms:
        norm.train()
    gap = shuffle_gap(method, x)["gap"]
    method.eval()
    for norm, buffers in zip(norms, kept, strict=True):  # which a pass has moved
        for name, part in norm.named_buffers():
            part.copy_(buffers[name])
    return {"gap_calibrated": gap}


def measure(
    method: Method, probe: Tensor, epoch: float, draws: int = DRAWS, *, shaped: bool = True, untrained: bool = False
) -> dict[str, Any]:
    """Loss, shuffled loss and gap on the probe, in parts where it is large, and the method's own figures; also codes' `shape`.

    Where it is `untrained`, or makes its own answers, with its `calibrated_gap`: a collapse of these is told by what the gap was.
    """
    was_training = method.training
    method.eval()
    most = max(2, BYTES // max(1, probe[0].numel() * probe.element_size()))
    parts = probe.tensor_split(-(-len(probe) // most))
    found = [shuffle_gap(method, part, draws=draws) for part in parts]
    shares = [len(part) / len(probe) for part in parts]
    mean = found[0] if len(parts) == 1 else {
        key: sum(share * one[key] for share, one in zip(shares, found, strict=True)) for key in found[0]
    }  # fmt: skip
    record = {"epoch": epoch, "heldout": mean.pop("loss"), **mean}
    record |= shape(method, probe) if shaped else {}
    if untrained or watched(method)["own"]:
        record |= calibrated_gap(method, parts[0][:CALIBRATED])
    with torch.no_grad():
        own = method.measures(parts[0])
    method.train(was_training)
    return record | ({"measures": own} if own else {})

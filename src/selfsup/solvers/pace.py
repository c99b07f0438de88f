"""How long the steps of a training will take, from a few that are done ahead."""

from __future__ import annotations

import time
from collections.abc import Callable

import torch

SHARE = 50  # of so many steps of a training one may be done ahead
LEAST = 3  # steps that are timed, of a training that is not so long
LONG = 1.0  # seconds of steps that are enough, be it a single one


def seconds_a_step(
    step: Callable[[int], None],
    steps: int,
    short: float,
    device: torch.device,
    clock: Callable[[], float] | None = None,
) -> float | None:
    """Mean seconds of the next few steps, after a first one that makes ready; of long steps the first says enough.

    Parameters
    ----------
    step
        Does the step of a number, from 0.
    steps
        Of the whole training.
    short
        Seconds of a whole training that need not be known.
    device
        Where the steps are done.
    clock
        In seconds, by default this process's own; of several processes the same one in all, so that all do as many steps.

    Returns
    -------
    float or None
        None where the whole is short, judged by the first step, which is the slowest.
    """
    wait = torch.cuda.synchronize if device.type == "cuda" else bool  # for the device's own clock
    clock = clock or time.perf_counter
    began = clock()
    step(0)
    wait()
    now = clock()
    if (now - began) * steps < short:
        return None
    if now - began > LONG:
        return now - began
    began, done = now, 0
    while done < max(LEAST, steps // SHARE - 1) and now - began < LONG:
        done += 1
        step(done)
        wait()
        now = clock()
    return (now - began) / done

"""Where to solve: the device that is meant by a word."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from selfsup.errors import OptionError
from selfsup.solvers.distributed import started


def choose_device(asked: str) -> torch.device:
    """The device asked for, or the best there is; of several processes on one machine each takes a GPU of its own.

    Raises
    ------
    OptionError
        If it is not there, with those that are.
    """
    several = started() > 1
    if asked == "auto":
        asked = "cuda" if torch.cuda.is_available() else "cpu"
    if asked == "cuda" and several:
        asked = f"cuda:{os.environ.get('LOCAL_RANK', '0')}"
    try:
        device = torch.device(asked)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        here = ["auto", "cpu", *(f"cuda:{number}" for number in range(torch.cuda.device_count()))]
        here += ["mps"] if torch.backends.mps.is_available() else []
        raise OptionError(
            f"option 'device': there is no '{asked}' here; use {', '.join(here[:-1])} or {here[-1]}"
        ) from error
    return device


@contextmanager
def steady(device: torch.device, *, exact: bool = False) -> Iterator[None]:
    """Convolutions on a GPU that come out the same every time; `exact` ones in float32, not in the shorter and faster TF32."""
    if device.type != "cuda":
        yield
        return
    shorter = torch.backends.cudnn.allow_tf32 and not exact
    with torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=shorter):
        yield

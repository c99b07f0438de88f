"""The configuration of a run: everything that was decided, and what came of it, as ``config.json`` keeps it."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import version
from typing import Any

import numpy as np
import torch

from selfsup.data.facts import Asked
from selfsup.method import Data, Method, Start
from selfsup.model.encode import jsonable


@dataclass(frozen=True)
class Decided:
    """What was decided before training."""

    name: str  # of the method
    options: Mapping[str, Any]
    reading: Mapping[str, Any]
    solver: str
    plan: Mapping[str, Any]
    seed: int
    why: str
    warm_start: str | None
    device: torch.device
    given: str | None = None  # where the data are, as it was said


def configuration(
    decided: Decided,
    method: Method,
    data: Any,
    form: Any,
    parts: tuple[Data, Data],
    about: Asked,
    start: Start,
    notes: list[str],
    *,
    began: str,
    seconds: float,
) -> dict[str, Any]:
    """What ``config.json`` holds.

    Parameters
    ----------
    method
        As it was trained.
    data
        The whole data set.
    form
        Of the data, with what an earlier training has added to it.
    parts
        What was learnt from, and what was held out.
    about
        The facts that building the method needed.
    start
        What the first weights were.
    """
    learnt, heldout = parts
    words = callable(getattr(method, "words", None))
    return {
        "selfsup": _version(),
        "method": decided.name,
        "options": jsonable(decided.options),
        "reading": jsonable({key: value for key, value in decided.reading.items() if _is_plain(value)}),
        "solver": decided.solver,
        "training": {**decided.plan, "rows": data.learnt(len(learnt)), "heldout_rows": len(heldout)},
        "seed": decided.seed,
        "form": form.to_dict(),
        "facts": about.to_dict(),
        "data": {
            "source": data.source,
            "given": decided.given,
            "rows": data.source_rows,
            "fingerprint": data.fingerprint,
            "classes": [] if getattr(data, "several", False) else list(data.classes),
            "description": data.describe(),
            "bad": len(data.unreadable()),
        },
        "width": _width(method, heldout if len(heldout) else learnt, decided.device),
        "parameters": sum(p.numel() for p in method.parameters()),
        "net": method.net_words(),
        "start": {"name": start.name, "words": start.words},
        "warm_start": decided.warm_start,
        "why": decided.why,
        "summary": (type(method).__doc__ or "").strip().split("\n")[0],
        "sees": method.sees,
        "hides": method.hides,
        "decodes": method.decodes(),
        "words": words,
        "weighed": method.weighed,
        "notes": notes,
        "versions": {"python": platform.python_version(), "torch": torch.__version__, "numpy": np.__version__},
        "hardware": _hardware(decided),
        "created": began,
        "seconds": seconds,
    }


@cache
def _version() -> str:
    """Of this package; looking it up takes a millisecond."""
    return version("selfsup")


def now() -> str:
    """The time, as ``config.json`` has it."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def _is_plain(value: Any) -> bool:
    """Whether an option is more than the data themselves, as labels are."""
    return value is None or isinstance(value, str | int | float | bool | tuple) or callable(value)


def _hardware(decided: Decided) -> str:
    device = decided.device
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    threads = decided.plan.get("threads", torch.get_num_threads())
    return f"{platform.processor() or platform.machine()}, {threads} thread{'s' if threads != 1 else ''}, {device}"


def _width(method: Method, part: Data, device: torch.device) -> int:
    samples = method.view(part)
    with torch.inference_mode():
        return int(method.encode(samples[torch.arange(min(len(samples), 2))].to(device)).shape[1])

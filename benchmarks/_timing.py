"""What every benchmark here uses: CPU seconds and peak memory of a function in a process of its own."""

from __future__ import annotations

import multiprocessing
import os
import resource
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any


def data_folder() -> Path:
    """Where the data sets lie: SELFSUP_DATA, or ../shared/data beside the checkout."""
    default = Path(__file__).resolve().parents[2] / "shared" / "data"
    folder = Path(os.environ.get("SELFSUP_DATA", default))
    if not folder.is_dir():
        raise SystemExit(f"no data sets at {folder}: set SELFSUP_DATA to the folder that holds mnist/ and cifar10/")
    return folder


def _child(function: Callable[..., Any], arguments: tuple[Any, ...], pipe: Any) -> None:
    pipe.send(function(*arguments))


def apart(function: Callable[..., Any], *arguments: Any) -> Any:
    """Run a function in a fresh process, so that no system warms up another; its result must pickle."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe(duplex=False)
    process = context.Process(target=_child, args=(function, arguments, there))
    process.start()
    there.close()
    try:
        result = here.recv()
    except EOFError as error:
        raise SystemExit(f"{function.__name__} failed") from error
    process.join()
    return result


def peak_memory() -> float:
    """Peak memory (MB) of this process; the ru_maxrss of getrusage would begin with that of the process that started it."""
    status = Path("/proc/self/status")
    if status.is_file():
        return int(status.read_text().split("VmHWM:")[1].split()[0]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


class Clock:
    """CPU seconds, wall seconds and peak memory (MB) of a block."""

    def __enter__(self) -> Clock:
        self._cpu, self._wall = time.process_time(), time.perf_counter()
        return self

    def __exit__(self, *_: object) -> None:
        self.cpu = time.process_time() - self._cpu
        self.wall = time.perf_counter() - self._wall
        self.peak = peak_memory()


def table(rows: list[dict[str, Any]], floor: str, key: str = "cpu") -> str:
    """Rows in turn -> medians, and ratios to the floor; `rows` hold ``system`` and figures."""
    systems = list(dict.fromkeys(row["system"] for row in rows))
    figures = [name for name in rows[0] if name != "system"]
    middle = {s: {f: median([row[f] for row in rows if row["system"] == s]) for f in figures} for s in systems}
    lines = [f"{'system':<42}" + "".join(f"{name:>14}" for name in figures) + f"{'ratio ' + key:>14}"]
    for system in systems:
        cells = "".join(f"{middle[system][name]:>14.5g}" for name in figures)
        lines.append(f"{system:<42}{cells}{middle[system][key] / middle[floor][key]:>14.2f}")
    return "\n".join(lines)

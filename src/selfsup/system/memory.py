"""Whether something will fit in memory, asked before it is made."""

from __future__ import annotations

import contextlib
import ctypes
import mmap
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from selfsup.errors import DataError
from selfsup.lazy import psutil

if sys.platform != "win32":
    import resource

PROC = Path("/proc/self")
# of a control group: what it may hold, what it holds, and the lines of memory.stat with file pages that can be dropped
FILES = {
    "cgroup2": ("memory.max", "memory.current", ("inactive_file", "active_file")),
    "cgroup": ("memory.limit_in_bytes", "memory.usage_in_bytes", ("total_inactive_file", "total_active_file")),
}
REFUSED = ("can't allocate memory", "not enough memory", "out of memory")  # how torch's allocators say it


def available() -> int:
    """Bytes of memory that can be had without swapping: of the host, of the control groups, of the address space."""
    return max(0, min([int(psutil.virtual_memory().available), *_of_groups(PROC), *_of_addresses()]))


def check(size: float, what: str, advice: str, free: int | None = None) -> None:
    """Raise `DataError`, with both numbers and the advice, if `size` bytes are more than can be had (or than are `free`)."""
    free = available() if free is None else free
    if size > free:
        raise DataError(f"{what} need {in_words(size)} of memory and {in_words(free)} are available; {advice}")


@contextlib.contextmanager
def refused(what: str, advice: str) -> Iterator[None]:
    """Memory that could not be had after all is a `DataError`."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not isinstance(error, MemoryError) and not any(said in str(error) for said in REFUSED):
            raise
        reason = str(error).partition("\n")[0].rpartition("Allocator: ")[2]
        raise DataError(f"{what} ran out of memory ({reason or 'no more is to be had'}); {advice}") from error


def give_back() -> None:
    """Return freed memory to the system: glibc keeps what threads have freed, some 30 MB of a text of 100 MB."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform == "linux" else None
    if trim is not None:
        trim(0)


def let_go(array: np.ndarray) -> None:
    """Let the pages of an array that lies in a file leave memory; they are read again when they are asked for."""
    owner: Any = array
    while owner is not None and not isinstance(owner, mmap.mmap):
        owner = getattr(owner, "base", None)
    if owner is not None and hasattr(mmap, "MADV_DONTNEED"):
        owner.madvise(mmap.MADV_DONTNEED)


def in_words(size: float) -> str:
    """Bytes for people: ``1.5 GB``."""
    for unit in ("bytes", "KB", "MB", "GB"):
        if size < 1000:
            return f"{size:.3g} {unit}"
        size /= 1000
    return f"{size:,.3g} TB"


def _of_groups(proc: Path) -> list[int]:
    """What each control group of the process has left, its own and those above it; version 1 and 2, in a container too."""
    try:
        mounts = (proc / "mountinfo").read_text().splitlines()
        members = (proc / "cgroup").read_text().splitlines()
    except OSError:
        return []  # not Linux
    paths = {}  # of the process within the hierarchy of memory, by the kind of file system
    for line in members:
        _, controllers, path = line.split(":", 2)
        if controllers == "" or "memory" in controllers.split(","):
            paths["cgroup" if controllers else "cgroup2"] = path
    left = []
    for line in mounts:
        before, _, after = line.partition(" - ")
        kind, _, options = after.split(" ", 2)
        if kind not in paths or (kind == "cgroup" and "memory" not in options.split(",")):
            continue
        root, mount = before.split()[3:5]  # which group lies there, and where
        inside = paths[kind].removeprefix(root.rstrip("/")) if paths[kind].startswith(root) else ""
        folder = Path(mount, *[part for part in inside.split("/") if part and part != ".."])
        for group in (folder, *folder.parents):
            left += _of_group(group, *FILES[kind])
            if group == Path(mount):
                break
    return left


def _of_group(group: Path, most: str, now: str, droppable: tuple[str, ...]) -> list[int]:
    """What one control group has left; nothing where it has no limit."""
    try:
        limit, used = (group / most).read_text().strip(), int((group / now).read_text())
        stat = dict(line.split() for line in (group / "memory.stat").read_text().splitlines())
    except (OSError, ValueError):
        return []
    return [int(limit) - used + sum(int(stat.get(name, 0)) for name in droppable)] if limit.isdigit() else []


def _of_addresses() -> list[int]:
    """What a limit of the address space (``ulimit -v``) leaves."""
    if sys.platform == "win32":
        return []
    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    return [] if limit == resource.RLIM_INFINITY else [limit - int(psutil.Process().memory_info().vms)]

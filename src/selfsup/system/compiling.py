"""The time that compiling kernels takes, which is no part of a training's, and who is told of it."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from selfsup.system.progress import Progress

SAID = "compiling for this machine, once (about a minute for all of it)"
_lock = threading.Lock()
_shown: list[Progress] = []  # the innermost is told, once
_silent: list[Progress] = []  # those that were
_running = 0  # calls that compile just now, in any thread
_began = _total = 0.0


@contextmanager
def told(progress: Progress) -> Iterator[None]:
    """While something is done that may have to wait for a kernel to be compiled: say so there."""
    _shown.append(progress)
    try:
        yield
    finally:
        _shown.remove(progress)
        if progress in _silent:
            _silent.remove(progress)


@contextmanager
def compiling() -> Iterator[None]:
    """While a kernel is compiled, and not merely read from the cache."""
    global _running, _began, _total
    with _lock:
        if not _running:
            _began = time.perf_counter()
            if _shown and _shown[-1] not in _silent:
                _silent.append(_shown[-1])
                _shown[-1].show(SAID, force=True)
        _running += 1
    try:
        yield
    finally:
        with _lock:
            _running -= 1
            if not _running:
                _total += time.perf_counter() - _began


def spent() -> float:
    """Seconds of this process in which kernels were compiled, until now."""
    with _lock:
        return _total + (time.perf_counter() - _began if _running else 0.0)


def clock() -> float:
    """`time.perf_counter` that stands still while kernels are compiled."""
    return time.perf_counter() - spent()

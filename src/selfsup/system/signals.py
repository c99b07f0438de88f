"""Ctrl-C and SIGTERM: noticed where a state is whole, and heard while a long call into C goes on."""

from __future__ import annotations

import atexit
import contextlib
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

T = TypeVar("T")
INTERRUPTED = 130  # exit code of a process that Ctrl-C ended
LISTEN = 0.1  # seconds after which a waiting thread looks up
_flags: list[threading.Event] = []  # of the `stop_flag` that is open


@contextlib.contextmanager
def stop_flag() -> Iterator[threading.Event]:
    """Ctrl-C and SIGTERM end the run after the step they fall into; a second one ends it at once."""
    stop = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield stop  # signals reach the main thread only
        return
    before: dict[int, Any] = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def handle(number: int, frame: object) -> None:
        stop.set()
        for each, handler in before.items():
            signal.signal(each, handler if callable(handler) else signal.SIG_DFL)

    for number in before:
        signal.signal(number, handle)
    _flags.append(stop)
    try:
        yield stop
    finally:
        _flags.remove(stop)
        for number, handler in before.items():
            signal.signal(number, handler)


def heard(function: Callable[..., T], *given: Any) -> T:
    """Call a function that stays in C for long, in a thread of its own, so that a signal is heard meanwhile.

    Python's handlers run between two steps of the main thread, which has none in the middle of a product of matrices. The call
    must let go of the interpreter's lock. What it would have given is lost, when the wait is ended; it has no state to save.
    """
    found: list[T] = []
    failed: list[BaseException] = []
    done = threading.Event()

    def work() -> None:
        try:
            found.append(function(*given))
        except BaseException as error:  # told to the caller, in whose thread it belongs
            failed.append(error)
        finally:
            done.set()

    threading.Thread(target=work, daemon=True).start()
    try:
        while not done.wait(LISTEN):  # not join(), after whose interruption Python 3.11 takes the thread for ended
            if any(flag.is_set() for flag in _flags):
                raise KeyboardInterrupt("interrupted in the middle of a calculation")
    except BaseException:
        atexit.register(_leave, done)
        raise
    if failed:
        raise failed[0]
    return found[0]


def aside(function: Callable[[], object]) -> None:
    """Call a function in a thread that nobody waits for, not even the end of the process."""
    done = threading.Event()

    def work() -> None:
        try:
            function()
        finally:
            done.set()

    threading.Thread(target=work, daemon=True).start()
    atexit.register(_leave, done)


def _leave(done: threading.Event) -> None:
    """End the process at once, if a call that nobody waits for is in the way: libraries of C would wait for it, or for ever."""
    if not done.is_set():
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(Exception):
                stream.flush()
        os._exit(INTERRUPTED)

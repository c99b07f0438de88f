"""Commands of selfsup in forked processes, each ended by SIGKILL at the n-th file-system call that it makes.

One server process imports everything once and forks for every command, so that a kill costs as long as the work before it. In
the child ``os``, ``open`` and ``flock`` are wrapped: what happens under its folder is counted and told by name. A write is
also cut in half: half of the block is on the disk, then the process is gone. What is in a buffer of Python is lost, as it
would be. ``fsync`` is counted and not done: a killed process leaves what it wrote to the system.

    with Server() as server:
        whole = server.run(folder, ["fit", "x.npy", "--out", "run"])
        for point in whole.points():
            server.run(fresh_folder, ["fit", "x.npy", "--out", "run"], kill=point)
"""

from __future__ import annotations

import builtins
import contextlib
import functools
import io
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import platformdirs

RANDOM = re.compile(r"\.[0-9a-f]{8}(?=\.tmp$)")  # what tells the temporary files of one name apart
CHANGING = ("rename", "replace", "mkdir", "unlink", "remove", "rmdir", "truncate", "link", "symlink", "chmod", "utime")
OF_HANDLES = ("fsync", "fdatasync", "ftruncate", "fchmod", "write")
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT
SECONDS = 60  # after which a child is ended: no command here takes as long
KILLED = -signal.SIGKILL
OTHER = "selfsup: unexpected "  # how the command line begins what is no error of ours


@dataclass(frozen=True)
class Point:
    """Where a process ends: before its call `number` (from 1), or with half of the bytes of that write on the disk."""

    number: int
    half: bool = False


@dataclass(frozen=True)
class Ended:
    """What a command left: exit code, or minus the signal that ended it; output, errors, the calls it made, and its number."""

    code: int
    out: str
    err: str
    calls: list[str]
    process: int

    def points(self) -> list[Point]:
        """Every place where a process that makes these calls can end."""
        found = []
        for number, call in enumerate(self.calls, 1):
            found.append(Point(number))
            if call.startswith("write "):
                found.append(Point(number, half=True))
        return found

    def call(self, point: Point) -> str:
        """The call of a point, in words."""
        return f"{'half a ' if point.half else ''}{self.calls[point.number - 1]}"


class Server:
    """A process that has everything imported and runs commands in children of its own.

    Parameters
    ----------
    before
        Python to run once in the server, after the imports: what the children are to find changed.
    """

    def __init__(self, before: str = "") -> None:
        environment = dict(
            os.environ, OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", MKL_NUM_THREADS="1", COLUMNS="100"
        )
        kernels = platformdirs.user_cache_dir("selfsup-tests", appauthor=False)  # as in conftest: to compile takes long
        environment.setdefault("NUMBA_CACHE_DIR", kernels)
        self._process = subprocess.Popen(
            [sys.executable, __file__, before],
            env=environment,
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()

    def run(
        self, folder: Path, words: Sequence[str] | str, *, kill: Point | None = None, seconds: int = SECONDS
    ) -> Ended:
        """Run a command (or Python, where `words` is a text) in a folder of its own, the cache in its ``cache``."""
        ask = {"folder": str(folder), "words": words, "seconds": seconds}
        if kill is not None:
            ask |= {"kill": kill.number, "half": kill.half}
        return Ended(**self._asked(ask))

    def warm(self, folder: Path, words: Sequence[str] | str) -> None:
        """Run something in the server itself, so that what it imports, compiles and loads is there for the children."""
        self._asked({"folder": str(folder), "words": words, "warm": True})

    def _asked(self, ask: Mapping[str, Any]) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(ask) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            raise RuntimeError(f"the server ended with {self._process.wait()}")
        found: dict[str, Any] = json.loads(answer)
        return found


class Watch:
    """Counts what is done under a folder, and ends the process at one place."""

    def __init__(self, folder: str, trace: int, kill: int = 0, half: bool = False) -> None:
        self.folder, self.trace, self.kill, self.half = os.path.realpath(folder), trace, kill, half
        self.count, self.lock, self.tell = 0, threading.Lock(), os.write

    def path(self, file: Any, within: int | None = None) -> str | None:
        """Path below the folder of what is named by path or handle; None where it is elsewhere."""
        if isinstance(file, int):
            try:
                place = os.readlink(f"/proc/self/fd/{file}")
            except OSError:
                return None
        elif within is not None:
            place = os.path.join(os.readlink(f"/proc/self/fd/{within}"), os.fspath(file))
        else:
            place = os.path.abspath(os.fspath(file))
        place = os.fsdecode(place)
        if place != self.folder and not place.startswith(self.folder + os.sep):
            return None
        return RANDOM.sub(".*", os.path.relpath(place, self.folder))

    def step(self, kind: str, path: str | None, halve: Callable[[], Any] | None = None) -> None:
        """One call: told, and the last one where it is the one to end at."""
        if path is None:
            return
        with self.lock:
            self.count += 1
            self.tell(self.trace, f"{kind} {path}\n".encode())
            if self.count == self.kill:
                if self.half and halve is not None:
                    halve()
                os.kill(os.getpid(), signal.SIGKILL)
                time.sleep(SECONDS)

    def install(self) -> None:
        """Wrap what changes files, and what opens them."""
        import fcntl

        for name in CHANGING:
            setattr(os, name, self._by_path(name, getattr(os, name)))
        for name in OF_HANDLES:
            setattr(os, name, self._by_handle(name, getattr(os, name)))
        os.open = self._os_open(os.open)
        io.open = builtins.open = self._open(builtins.open, _raw(self))
        fcntl.flock = self._by_handle("flock", fcntl.flock)
        _through_python()

    def _by_path(self, name: str, true: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(true)
        def call(path: Any, *more: Any, **named: Any) -> Any:
            within = named.get("dir_fd", named.get("src_dir_fd"))
            second = more[0] if name in ("rename", "replace", "link", "symlink") else None
            there = self.path(second) if second is not None else None
            here = self.path(path, within)
            self.step(name, here if there is None else f"{here} to {there}")
            return true(path, *more, **named)

        return call

    def _by_handle(self, name: str, true: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(true)
        def call(handle: Any, *more: Any) -> Any:
            number = handle if isinstance(handle, int) else handle.fileno()
            halve = (lambda: true(number, more[0][: len(more[0]) // 2])) if name == "write" else None
            self.step(name, self.path(number), halve)
            return None if name.endswith("sync") else true(handle, *more)

        return call

    def _os_open(self, true: Callable[..., int]) -> Callable[..., int]:
        @functools.wraps(true)
        def call(path: Any, flags: int, *more: Any, **named: Any) -> int:
            self.step("open" if flags & WRITING else "read", self.path(path, named.get("dir_fd")))
            return true(path, flags, *more, **named)

        return call

    def _open(self, true: Callable[..., Any], raw: type[io.FileIO]) -> Callable[..., Any]:
        @functools.wraps(true)
        def call(file: Any, mode: str = "r", buffering: int = -1, encoding: Any = None, errors: Any = None,
                 newline: Any = None, closefd: bool = True, opener: Any = None) -> Any:  # fmt: skip
            path = self.path(file)
            if path is None or not set("wax+") & set(mode):
                self.step("read", path)
                return true(file, mode, buffering, encoding, errors, newline, closefd, opener)
            if not isinstance(file, int) and opener is None:
                self.step("open", path)
            bare = raw(file, mode.replace("b", "").replace("t", ""), closefd, opener)
            if buffering == 0:
                return bare
            made = io.BufferedRandom(bare) if "+" in mode else io.BufferedWriter(bare)
            return made if "b" in mode else io.TextIOWrapper(made, encoding, errors, newline, buffering == 1)

        return call


def _raw(watch: Watch) -> type[io.FileIO]:
    """A file whose writes are counted when they reach the system, not when they reach the buffer."""

    class Raw(io.FileIO):
        def write(self, block: Any) -> int:
            true, part = super().write, memoryview(block).cast("B")
            watch.step("write", watch.path(self.fileno()), lambda: true(part[: len(part) // 2]))
            return true(block)

        def truncate(self, size: int | None = None) -> int:
            watch.step("ftruncate", watch.path(self.fileno()))
            return super().truncate(size)

    return Raw


def _through_python() -> None:
    """Let numpy write arrays through the file it is given, not past it."""
    import numpy as np

    for module in (np.lib.format, sys.modules.get("numpy.lib._format_impl")):
        if module is not None and hasattr(module, "isfileobj"):
            module.isfileobj = lambda file: False


def same_files(a: Path, b: Path, names: Sequence[str]) -> list[str]:
    """Of the names that either folder has, those whose bytes differ."""
    there = [name for name in names if (a / name).exists() or (b / name).exists()]
    return [
        n for n in there if not ((a / n).exists() and (b / n).exists() and (a / n).read_bytes() == (b / n).read_bytes())
    ]


def listing(folder: Path) -> set[str]:
    """Every file and folder below a folder, by its path."""
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


# In the server


def _main(words: Sequence[str] | str) -> int:
    """Run a command, or Python."""
    from selfsup.cli.main import main

    try:
        if isinstance(words, str):
            exec(words, {"__name__": "__main__"})
            return 0
        return main(words)
    except SystemExit as error:
        return int(error.code or 0)


def _forked(ask: Mapping[str, Any]) -> dict[str, Any]:
    """Run what is asked in a child, and tell how it ended."""
    with contextlib.ExitStack() as stack:
        out, err, trace = (stack.enter_context(tempfile.TemporaryFile()) for _ in range(3))
        child = os.fork()
        if child == 0:
            try:
                os._exit(_child(ask, out.fileno(), err.fileno(), trace.fileno()))
            finally:  # a traceback is a failure, and never goes on as a second server
                os._exit(99)
        _, status = os.waitpid(child, 0)
        texts = []
        for file in (out, err, trace):
            file.seek(0)
            texts.append(file.read().decode(errors="replace"))
    code = os.waitstatus_to_exitcode(status)
    return {"code": code, "out": texts[0], "err": texts[1], "calls": texts[2].splitlines(), "process": child}


def _child(ask: Mapping[str, Any], out: int, err: int, trace: int) -> int:
    import traceback

    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(out, 1)
    os.dup2(err, 2)
    signal.alarm(ask["seconds"])
    _go_to(ask["folder"])
    Watch(ask["folder"], trace, ask.get("kill", 0), ask.get("half", False)).install()
    try:
        code = _main(ask["words"])
    except BaseException:
        traceback.print_exc()
        code = 98
    sys.stdout.flush()
    sys.stderr.flush()
    return code


def _go_to(folder: str) -> None:
    os.chdir(folder)
    os.environ["SELFSUP_CACHE"] = os.path.join(folder, "cache")


def serve(before: str) -> None:
    """Answer one line after another, until there are no more."""
    import torch

    import selfsup.cli.main
    import selfsup.training.fit  # noqa: F401

    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    torch.set_num_threads(1)
    exec(before, {})
    for line in sys.stdin:
        ask = json.loads(line)
        if ask.get("warm"):
            _go_to(ask["folder"])
            found: dict[str, Any] = {"code": _main(ask["words"]), "threads": len(os.listdir("/proc/self/task"))}
            sys.stdout.flush()
        else:
            found = _forked(ask)
        answers.write(json.dumps(found) + "\n")
        answers.flush()


if __name__ == "__main__":
    serve(*sys.argv[1:])

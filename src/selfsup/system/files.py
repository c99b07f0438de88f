"""Writing a file whole or not at all."""

from __future__ import annotations

import difflib
import errno
import glob
import gzip
import os
import re
import secrets
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from selfsup.errors import RunError
from selfsup.lazy import zstandard
from selfsup.system import lock

SENTENCE, SHOWN = 4, 80  # spaces of what is no path, but a text perhaps; characters of it that a message shows
MOST = 200  # bytes of a name that the name of its temporary file begins with
TEMPORARY = re.compile(r"\..*\.[0-9a-f]{8}\.tmp", re.DOTALL)


@contextmanager
def whole(path: Path) -> Iterator[IO[bytes]]:
    """A file to write to: beside `path`, flushed to disk and renamed in the end; gone if anything is raised before.

    What killed processes have left of the same name is removed.

    Raises
    ------
    OSError
        If the disk is full or the folder cannot be written; what stood at `path` before is still there.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    sweep(path.parent, path.name)
    temporary, handle, held = _temporary(path)
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
        if held is not None:
            os.close(held)


def sweep(folder: Path, name: str = "") -> None:
    """Remove what killed processes have left in a folder: temporary files (of a name) that nobody holds a lock on."""
    start = _start(name)
    for path in [Path(entry.path) for entry in os.scandir(folder) if entry.name.startswith(start)]:
        if not TEMPORARY.fullmatch(path.name):
            continue
        with suppress(OSError):
            handle = os.open(path, os.O_RDWR)
            try:
                if lock.take(handle):
                    path.unlink(missing_ok=True)
            finally:
                os.close(handle)


def sync(folder: Path) -> None:
    """Let a rename in a folder outlast a power cut, where the system can."""
    if sys.platform != "win32":
        handle = os.open(folder, os.O_RDONLY)
        try:
            with suppress(OSError):
                os.fsync(handle)
        finally:
            os.close(handle)


def _temporary(path: Path) -> tuple[Path, int, int | None]:
    """A new file beside `path`, open, with the rights that the user's umask gives; and a second handle that holds its lock."""
    while True:
        made = path.with_name(f"{_start(path.name)}{secrets.token_hex(4)}.tmp")
        handle = os.open(made, os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o666)
        if sys.platform == "win32":  # where an open file is not renamed
            return made, handle, None
        lock.take(handle, wait=True)
        if os.fstat(handle).st_nlink:
            return made, handle, os.dup(handle)
        os.close(handle)  # taken for dead by another process, before it was locked


def _start(name: str) -> str:
    """How the temporary files of a name begin, which may be as long as a name can be."""
    return f".{os.fsencode(name)[:MOST].decode(errors='ignore')}." if name else "."


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file whole or not at all.

    Raises
    ------
    RunError
        If the disk is full or the folder cannot be written; what stood at `path` before is still there.
    """
    try:
        with whole(path) as file:
            file.write(content)
    except OSError as error:
        raise RunError(cannot(path, error)) from error


def write_blocks(path: Path, blocks: Iterable[bytes | memoryview]) -> None:
    """Write a big file whole or not at all, block by block; a name that ends in .gz or .zst packs it.

    Raises
    ------
    RunError
        If the disk is full or the folder cannot be written; what stood at `path` before is still there.
    """
    try:
        with whole(path) as file:
            if path.suffix == ".gz":
                with gzip.GzipFile(fileobj=file, filename="", mode="wb", compresslevel=1, mtime=0) as packed:
                    packed.writelines(blocks)
            elif path.suffix == ".zst":
                with zstandard.ZstdCompressor(threads=-1).stream_writer(file, closefd=False) as packed:
                    for block in blocks:
                        packed.write(block)
            else:
                file.writelines(blocks)
    except OSError as error:
        raise RunError(cannot(path, error)) from error


def check_place(path: Path) -> None:
    """Say early that nothing can be written at a path, before anything is computed for it.

    Raises
    ------
    RunError
        If a name on it is too long, a part of it is a file, or the user may not write to its folder.
    """
    folder = path.absolute().parent
    try:
        while not folder.is_dir() and not os.path.lexists(folder):  # what is missing is made
            folder = folder.parent
        for name in (path, *map(Path, path.parts)):
            with suppress(FileNotFoundError):
                os.lstat(folder / name)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        raise RunError(cannot(path, error)) from error
    if not folder.is_dir():
        raise RunError(f"cannot write {path}: {folder} is not a folder; choose another place")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise RunError(f"cannot write {path}: you may not write to the folder {folder}; choose another place")


def check_free(path: Path, *, overwrite: bool) -> None:
    """Say early that a file is there already, or cannot be written; a folder is never overwritten by a file.

    Raises
    ------
    RunError
        If `path` is a folder, or is there and `overwrite` is not set, or nothing can be written there.
    """
    check_place(path)
    if path.is_dir():
        raise RunError(f"{path} exists and is a folder; choose another place")
    if path.exists() and not overwrite:
        raise RunError(f"{path} exists; choose another place, or set option 'overwrite'")


def expanded(path: Path) -> list[Path]:
    """Files that a pattern stands for, sorted; none where it is no pattern."""
    if not glob.has_magic(str(path)):
        return []
    return [Path(one) for one in sorted(glob.glob(str(path), recursive=True)) if Path(one).is_file()]


def is_there(path: str | os.PathLike[str]) -> bool:
    """Whether there is a file or a folder at a path, or files that it stands for as a pattern."""
    place = Path(path).expanduser()
    return place.exists() or bool(expanded(place))


def missing(path: Path, kinds: str, also: Sequence[str] = ()) -> str:
    """Say that there are no data at a path, and what may have been meant: a name beside it, a word of `also`, or `kinds`."""
    named = str(path)
    if named.count(" ") >= SENTENCE:
        shown = named if len(named) <= SHOWN else f"{named[:SHOWN]}..."
        return f"there is no data at '{shown}': a string is a path; put a text in a list, else give {kinds}"
    told = f"there is no data at '{path}'"
    if os.path.islink(path):
        return f"{told}: it is a link to '{os.readlink(path)}', which leads nowhere; mend the link"
    place = path
    while not os.path.isdir(place.parent) and place.parent != place.parent.parent:
        place = place.parent
    if place != path:
        told += f": no '{place.name}' in {'the current folder' if place.parent == Path() else place.parent}"
    beside = os.listdir(place.parent) if os.access(place.parent, os.R_OK) else []
    names = sorted(name for name in beside if not name.startswith("."))
    near = difflib.get_close_matches(place.name, [*names, *also], n=1, cutoff=0.5)
    if not near:
        return f"{told}; give {kinds}"
    return f"{told}; did you mean '{place.parent / near[0] if near[0] in names else near[0]}'? Otherwise give {kinds}"


def cannot(path: Path, error: OSError | ValueError) -> str:
    """Say that a file cannot be written, and what to do."""
    full = getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
    advice = "free some space, or choose another place" if full else "choose another place"
    return f"cannot write {path}: {getattr(error, 'strerror', None) or error}; {advice}"

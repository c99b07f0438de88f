"""Writing a file whole or not at all."""

from __future__ import annotations

import difflib
import errno
import gzip
import os
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from selfsup.errors import RunError


@contextmanager
def whole(path: Path) -> Iterator[IO[bytes]]:
    """A file to write to: beside `path`, flushed to disk and renamed in the end; gone if anything is raised before.

    Raises
    ------
    OSError
        If the disk is full or the folder cannot be written; what stood at `path` before is still there.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    finally:
        Path(temporary).unlink(missing_ok=True)


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
        raise RunError(_cannot(path, error)) from error


def write_blocks(path: Path, blocks: Iterable[bytes | memoryview]) -> None:
    """Write a big file whole or not at all, block by block; a name that ends in .gz packs it.

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
            else:
                file.writelines(blocks)
    except OSError as error:
        raise RunError(_cannot(path, error)) from error


def check_free(path: Path, *, overwrite: bool) -> None:
    """Say early that a file is there already; a folder is never overwritten by a file.

    Raises
    ------
    RunError
        If `path` is a folder, or is there and `overwrite` is not set.
    """
    if path.is_dir():
        raise RunError(f"{path} exists and is a folder; choose another place")
    if path.exists() and not overwrite:
        raise RunError(f"{path} exists; choose another place, or set option 'overwrite'")


def missing(path: Path, kinds: str, also: Sequence[str] = ()) -> str:
    """Say that there are no data at a path, and what may have been meant: a name beside it, a word of `also`, or `kinds`."""
    told = f"there is no data at '{path}'"
    if path.is_symlink():
        return f"{told}: it is a link to '{os.readlink(path)}', which leads nowhere; mend the link"
    place = path
    while not place.parent.is_dir() and place.parent != place.parent.parent:
        place = place.parent
    if place != path:
        told += f": no '{place.name}' in {'the current folder' if place.parent == Path() else place.parent}"
    beside = os.listdir(place.parent) if os.access(place.parent, os.R_OK) else []
    names = sorted(name for name in beside if not name.startswith("."))
    near = difflib.get_close_matches(place.name, [*names, *also], n=1, cutoff=0.5)
    if not near:
        return f"{told}; give {kinds}"
    return f"{told}; did you mean '{place.parent / near[0] if near[0] in names else near[0]}'? Otherwise give {kinds}"


def _cannot(path: Path, error: OSError) -> str:
    full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
    advice = "free some space, or choose another place" if full else "choose another place"
    return f"cannot write {path}: {error.strerror or error}; {advice}"

"""Where a run lies while it is made, OUT.partial, and how that becomes OUT: one writer, and one whole folder at any moment."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from selfsup.errors import RunError
from selfsup.store.folder import CONFIG, RESUME, partial
from selfsup.store.sealing import is_whole, seal, unseal
from selfsup.system.files import check_place, sweep, sync
from selfsup.system.lock import LOCK, Lock

REPLACED = ".replaced"  # where the run that stood at OUT lies within OUT.partial until the new one has taken its place


def free(out: Path) -> Path:
    """First of the folders OUT, OUT-2, OUT-3, ... that is not taken, by an unfinished run neither."""
    number, folder = 1, out
    while folder.exists() or partial(folder).exists():
        number += 1
        folder = out.with_name(f"{out.name}-{number}")
    return folder


def check_free(out: Path, *, overwrite: bool) -> None:
    """Say early that a run folder is taken.

    Raises
    ------
    RunError
        If `out`, or an unfinished run of that name, exists and `overwrite` is not set, or `out` is not a run folder of ours,
        or nothing can be written there.
    """
    check_place(partial(out))
    _check_out(out, overwrite=overwrite)
    if _is_worth(partial(out)) and not overwrite:
        raise RunError(
            f"{partial(out)} holds an unfinished run; continue it with option 'resume', or set option 'overwrite'"
        )


@contextmanager
def claim(out: Path, *, overwrite: bool, resume: bool = False) -> Iterator[Path]:
    """The folder of an unfinished run, new or to go on with, for one writer; at the end of the block it becomes `out`.

    Where the block raises an error, the folder stays if it holds a state to go on from, or a whole run.

    Raises
    ------
    RunError
        If it is taken (see `check_free`), another process is writing to it, or it cannot be made.
    """
    folder = partial(out)
    if not resume:
        check_free(out, overwrite=overwrite)
    held = Lock(folder)
    try:
        if resume:
            _check_out(out, overwrite=overwrite)
            sweep(folder)
        else:
            check_free(out, overwrite=overwrite)  # again: another may have come and gone meanwhile
            _empty(folder)
        yield folder
        _complete(folder, out, held, overwrite=overwrite)
    except BaseException:
        if not _is_worth(folder):
            shutil.rmtree(folder, ignore_errors=True)
        raise
    finally:
        held.release(folder, out)


@contextmanager
def renewing(folder: Path, *names: str) -> Iterator[None]:
    """Files of a finished run that the block writes anew, for one writer: until the end the seal says nothing of them."""
    held = Lock(folder)
    try:
        unseal(folder, *names)
        yield
        seal(folder, only=names)
    finally:
        held.release(folder)


def finished(out: Path, *, overwrite: bool = False) -> bool:
    """Whether a run needs no more training: `out` is there, or its unfinished folder is whole, and becomes `out` now.

    What a killed process has left in `out` is removed.

    Raises
    ------
    RunError
        If another process is writing to it, or it may not take the place of what stands at `out`.
    """
    folder = partial(out)
    if is_whole(folder):
        with claim(out, overwrite=overwrite, resume=True):
            pass
    elif folder.exists() or not (out / CONFIG).is_file():
        return False
    tidy(out)
    return True


def tidy(out: Path) -> None:
    """Remove what a killed process has left in a finished folder, unless another is at it, or it may only be read."""
    with suppress(OSError, RunError):
        held = Lock(out)
        try:
            sweep(out)
            _remove(out / REPLACED)
        finally:
            held.release(out)


def found(out: Path) -> Path:
    """Where a run lies: at `out`, or whole under its unfinished name, where a process was killed before the last rename."""
    return partial(out) if not os.path.exists(out) and is_whole(partial(out)) else out


def _check_out(out: Path, *, overwrite: bool) -> None:
    if os.path.lexists(out):
        if not overwrite:
            raise RunError(f"{out} exists; choose another place, or set option 'overwrite'")
        if not (out / CONFIG).is_file():
            raise RunError(f"{out} is not a run folder of selfsup and will not be overwritten; choose another place")


def _is_worth(folder: Path) -> bool:
    """Whether an unfinished run has something to go on from."""
    return (folder / RESUME).is_dir() or is_whole(folder)


def _empty(folder: Path) -> None:
    """Remove all that an older run has left, but the lock."""
    for path in folder.iterdir():
        if path.name != LOCK:
            _remove(path)


def _complete(folder: Path, out: Path, held: Lock, *, overwrite: bool) -> None:
    """Turn the unfinished folder into the run folder, in one rename; an old run goes with it, and is removed only then."""
    if not is_whole(folder):
        raise RunError(f"cannot finish {out}: files of {folder} are missing or have changed; train it anew")
    kept = f"the run is whole in {folder}"
    try:
        sweep(folder)
        _remove(folder / RESUME)  # what is whole needs no state to go on from
        if os.path.lexists(out):
            if not overwrite:
                raise RunError(f"{out} was made by another while this run was trained; {kept}: rename one of them")
            _remove(folder / REPLACED)
            out.rename(folder / REPLACED)
        if sys.platform == "win32":  # where a folder with an open file is not renamed
            held.release(folder)
        try:
            folder.rename(out)
        except OSError:
            if os.path.lexists(folder / REPLACED):
                (folder / REPLACED).rename(out)
            raise
        sync(out.parent)
        _remove(out / REPLACED)
    except OSError as error:
        raise RunError(f"cannot finish {out}: {error.strerror}; {kept}") from error


def _remove(path: Path) -> None:
    """Remove a folder, a file or a link, if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)

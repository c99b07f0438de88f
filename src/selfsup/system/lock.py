"""Locks that end with the process that holds them, however it ends: `flock`, or `msvcrt.locking` on Windows."""

from __future__ import annotations

import json
import logging
import os
import socket
import sys
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from selfsup.errors import RunError

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

LOCK = "lock"  # the file in a folder that is locked; who holds it stands in it
log = logging.getLogger("selfsup")


def take(handle: int, *, wait: bool = False) -> bool | None:
    """Lock an open file: True if it is ours now, False if another holds it, None where files cannot be locked."""
    try:
        if sys.platform == "win32":
            msvcrt.locking(handle, msvcrt.LK_LOCK if wait else msvcrt.LK_NBLCK, 1)
        else:
            fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except (BlockingIOError, PermissionError):
        return False
    except OSError:  # a file system without locks
        return None
    return True


class Lock:
    """One folder, held by one process from now on until `release`.

    The lock is of a file, not of a name: it goes with the folder when that is renamed. So whoever gets it looks whether the
    file he has locked is still the one that the name leads to.

    Raises
    ------
    RunError
        If another process holds it (which is named), or the folder cannot be made or written.
    """

    def __init__(self, folder: Path) -> None:
        self._handle: int | None = None
        try:
            while self._handle is None:
                folder.mkdir(parents=True, exist_ok=True)
                self._handle = _locked(folder)
        except OSError as error:
            raise RunError(f"cannot make {folder}: {error.strerror}; choose another place") from error
        about = {"process": os.getpid(), "host": socket.gethostname(), "since": _now()}
        os.ftruncate(self._handle, 0)
        with suppress(OSError), open(self._handle, "w", encoding="utf-8", closefd=False) as file:
            file.write(json.dumps(about))  # on a full disk the lock holds all the same

    def release(self, *folders: Path) -> None:
        """Remove the file from where the folder is now, one of `folders`, and let others have it."""
        if self._handle is None:
            return
        for folder in folders:
            with suppress(OSError):
                if os.path.samestat(os.fstat(self._handle), os.stat(folder / LOCK)):
                    (folder / LOCK).unlink()
        os.close(self._handle)
        self._handle = None


def _locked(folder: Path) -> int | None:
    """The open, locked file; None if the folder was renamed or removed meanwhile."""
    try:
        handle = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, 0o666)
    except FileNotFoundError:
        return None
    try:
        held = take(handle)
        if held is None:
            log.warning("%s cannot be locked on this file system; never let two processes write to it", folder)
        if held is False:
            raise RunError(_taken(folder, handle))
        if os.path.samestat(os.fstat(handle), os.stat(folder / LOCK)):
            return handle
    except FileNotFoundError:
        pass
    except BaseException:
        os.close(handle)
        raise
    os.close(handle)
    return None


def _taken(folder: Path, handle: int) -> str:
    """Say who holds a lock."""
    try:
        about = json.loads(os.read(handle, 1000))
        who = f"process {about['process']} on {about['host']}, since {about['since']}"
    except (OSError, ValueError, KeyError, TypeError):  # it has not yet said so
        who = "another process"
    return f"{folder} is being written by {who}; wait for it or stop it, or choose another place"


def _now() -> str:
    return datetime.now(UTC).isoformat(sep=" ", timespec="seconds")

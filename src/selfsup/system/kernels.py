"""Kernels compiled by numba, and the cache of their code: in a folder that only the user can write, each file under its digest.

numba keeps code beside the source and unpickles whatever lies there: a damaged file made every call fail or the process crash.
Here a file that is not what was written is compiled anew. A file belongs to one signature, so that two processes which
compile at the same time write the same file, whole, instead of two indexes that know different halves.
"""

from __future__ import annotations

import hashlib
import logging
import os
import stat
import sys
import time
from collections.abc import Callable, Iterable
from functools import cache as once, partial
from pathlib import Path
from typing import Any, NoReturn

import numba
from numba.core import config
from numba.core.caching import CompileResultCacheImpl, FunctionCache, IndexDataCacheFile
from numba.core.compiler_lock import global_compiler_lock

from selfsup.errors import OptionError
from selfsup.system import cache
from selfsup.system.compiling import compiling
from selfsup.system.signals import heard

DIGEST = 32  # bytes of SHA-256 at the end of a file
LEFT = 3600.0  # seconds after which a file that was never finished is nobody's any more
log = logging.getLogger("selfsup")


def compiled(files: Iterable[str | Path] = (), **options: Any) -> Callable[[Callable[..., Any]], Any]:
    """``numba.njit``, its code kept on disk.

    Parameters
    ----------
    files
        What is compiled into the function besides its own file: those of the functions it calls and the constants it uses. A
        change in one ends what was kept.
    **options
        Of ``numba.njit``.
    """
    made_of = tuple(map(str, files))

    def compile_(function: Callable[..., Any]) -> Any:
        if config.DISABLE_JIT:
            return _refused
        made = numba.njit(**options)(function)
        made._cache = _Kept(function, _stamp((function.__code__.co_filename, __file__, *made_of)))
        made.compile = partial(_heard, made.compile)
        made._compiler.compile = compiling()(made._compiler.compile)  # which is for what the cache has not
        return made

    return compile_


def _heard(compile_: Callable[[Any], Any], signature: Any) -> Any:
    """Compile, which takes seconds, so that a signal is heard meanwhile; in the thread that has numba's lock, where one has."""
    return compile_(signature) if global_compiler_lock.is_locked() else heard(compile_, signature)


def _refused(*_: Any) -> NoReturn:
    raise OptionError("text is read and learnt from by compiled code only, and NUMBA_DISABLE_JIT is set; unset it")


@once
def _stamp(files: tuple[str, ...]) -> str:
    return hashlib.sha256(b"".join(Path(file).read_bytes() for file in files)).hexdigest()


@once
def _usable(folder: Path) -> bool:
    """Whether a folder is the user's alone, made where it is missing; if not, that is said once and nothing is kept."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        about = folder.stat()
    except OSError as error:
        return _unkept(folder, error.strerror or str(error))
    if hasattr(os, "getuid") and about.st_uid != os.getuid():
        return _unkept(folder, "it belongs to another user")
    if sys.platform != "win32" and stat.S_IMODE(about.st_mode) & 0o022:
        return _unkept(folder, "others can write to it; take that from them: chmod go-w")
    return True


def _unkept(folder: Path, why: str) -> bool:
    log.warning("compiled code is not kept in %s (%s); it is compiled each time", folder, why)
    return False


@once
def _tell(folder: Path) -> None:
    """Once a process, however many files there are."""
    log.warning("compiled code in %s is damaged; it is compiled anew", folder)


class _Place:
    """Where the files of a function lie (a locator of numba's); nothing is looked at before it is compiled or loaded."""

    def __init__(self, file: str) -> None:
        self._py_file = file  # which numba names where code cannot be kept
        given = config.CACHE_DIR
        where = Path(given).expanduser() / "selfsup" if given else cache.folder()
        self.folder = where / "kernels"
        self._source = hashlib.sha256(str(Path(file).resolve().parent).encode()).hexdigest()[:12]

    def get_cache_path(self) -> str:
        return str(self.folder)

    def ensure_cache_path(self) -> None:
        """Made by `_usable`."""

    def get_source_stamp(self) -> str:
        return ""

    def get_disambiguator(self) -> str:
        return self._source


class _Code(CompileResultCacheImpl):  # type: ignore[misc]
    def __init__(self, function: Callable[..., Any]) -> None:
        """What numba's own does, but that it looks for a place among several."""
        code = function.__code__
        self._lineno, self._locator = code.co_firstlineno, _Place(code.co_filename)
        name = f"{Path(code.co_filename).stem}.{function.__qualname__}"
        self._filename_base = self.get_filename_base(name, getattr(sys, "abiflags", ""))


class _Kept(FunctionCache):  # type: ignore[misc]
    """The code of one function for all its signatures."""

    _impl_class = _Code

    def __init__(self, function: Callable[..., Any], stamp: str) -> None:
        super().__init__(function)
        place = self._impl.locator.folder
        self._cache_file = self._files = _Files(place, self._impl.filename_base, stamp)

    def _load_overload(self, sig: Any, target_context: Any) -> Any:
        if not _usable(self._files.folder):
            return None
        try:
            return super()._load_overload(sig, target_context)
        except Exception:  # whatever numba may raise on code that another state of numba or of ours has written
            _tell(self._files.folder)
            return None

    def _save_overload(self, sig: Any, data: Any) -> None:
        if _usable(self._files.folder):
            super()._save_overload(sig, data)


class _Files(IndexDataCacheFile):  # type: ignore[misc]
    """A file for each signature, named by it and by the source, and with its own digest at the end."""

    def __init__(self, folder: Path, base: str, stamp: str) -> None:
        super().__init__(str(folder), base, stamp)
        self.folder, self._base, self._stamp = folder, base, stamp[:16]

    def _name(self, key: Any) -> str:
        told = repr((key, self._version, self._stamp)).encode()
        return f"{self._base}.{self._stamp}.{hashlib.sha256(told).hexdigest()[:32]}.nbc"

    def load(self, key: Any) -> Any:
        """The code of a signature; None where there is none, or it is damaged."""
        path = self.folder / self._name(key)
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError:
            _tell(self.folder)
            return None
        if content[-DIGEST:] != _digest(path.name, content[:-DIGEST]):
            _tell(self.folder)
            return None
        return self._load_data(path.name)  # by numba, which does not read on after what it wrote

    def save(self, key: Any, data: Any) -> None:
        """Keep the code of a signature, whole or not at all; that of an earlier state of the source goes."""
        name = self._name(key)
        content = self._dump(data)
        try:
            self._clear()
            with self._open_for_write(str(self.folder / name)) as file:
                file.write(content + _digest(name, content))
        except OSError as error:
            _unwritten(self.folder, error.strerror or str(error))

    def flush(self) -> None:
        """Forget all signatures."""
        self._clear(every=True)

    def _clear(self, every: bool = False) -> None:
        now = time.time()
        for path in self.folder.glob(f"{self._base}.*"):
            old = every or not path.name.startswith(f"{self._base}.{self._stamp}.")
            if old or (path.suffix != ".nbc" and now - path.stat().st_mtime > LEFT):
                path.unlink(missing_ok=True)


def _digest(name: str, content: bytes) -> bytes:
    return hashlib.sha256(name.encode() + content).digest()


@once
def _unwritten(folder: Path, why: str) -> None:
    log.warning("cannot keep compiled code in %s (%s); it is compiled again next time", folder, why)

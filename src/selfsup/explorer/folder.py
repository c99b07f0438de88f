"""A page as a folder: ``index.html`` and what it loads when it is needed, whole or not there."""

from __future__ import annotations

import base64
import os
import re
import secrets
import shutil
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import numpy as np

from selfsup.errors import RunError
from selfsup.explorer.manifest import describe
from selfsup.explorer.pieces import Bytes
from selfsup.explorer.scene import Scene
from selfsup.explorer.sprites import Sheets
from selfsup.explorer.template import GENERATOR, around
from selfsup.system.files import MOST, TEMPORARY, cannot, check_place, sync
from selfsup.system.lock import LOCK, Lock

INDEX, DATA = "index.html", "data"
HEAD = 4_000  # bytes of an index.html among which the sign that it is ours stands
OURS = re.compile(r"[a-z]+(\.[a-z0-9]+)*\.(js|webp)")  # files of data/


def check(path: Path, *, overwrite: bool) -> None:
    """Say early that a page cannot be written into a folder.

    Raises
    ------
    RunError
        If it is there and is a file, a folder of anything but a page of ours, or `overwrite` is not set; or nothing can be
        written there.
    """
    if path.name in ("", ".."):
        raise RunError(f"a page needs a folder of its own, and '{path}' is none; give it a name")
    check_place(path)
    if not os.path.lexists(path):
        return
    if not is_ours(path):
        raise RunError(f"{path} exists and is not a page of selfsup, so it is left as it is; choose another place")
    if not overwrite:
        raise RunError(f"{path} exists; choose another place, or set option 'overwrite'")


def is_ours(path: Path) -> bool:
    """Whether a folder is a page that we wrote, and holds nothing else."""
    if path.is_symlink() or not path.is_dir():
        return False
    try:
        with open(path / INDEX, "rb") as file:
            known = GENERATOR.encode() in file.read(HEAD)
        names = {entry.name for entry in os.scandir(path)} - {LOCK}
        return known and names <= {INDEX, DATA} and all(OURS.fullmatch(entry.name) for entry in os.scandir(path / DATA))
    except OSError:
        return False


def write(scene: Scene, path: Path, *, overwrite: bool) -> Path:
    """Write the page of a scene into a folder beside it, which then takes its name; see `document.write`."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _sweep(path)
        made = _beside(path)
        held = Lock(made)
        try:
            _fill(scene, made)
            _rename(made, path, overwrite=overwrite)
        except BaseException:
            shutil.rmtree(made, ignore_errors=True)
            raise
        finally:
            held.release(made, path)
    except OSError as error:
        raise RunError(cannot(path, error)) from error
    return path


def _fill(scene: Scene, folder: Path) -> None:
    """Write index.html and data/."""
    data = folder / DATA
    data.mkdir()
    missing = None
    sheets = Sheets(scene) if scene.thumbnails else None
    if sheets:
        absent = []
        for number, (content, without) in enumerate(sheets.all()):
            _put(data / f"sheet.{number}.webp", [content])
            absent.append(without)
        missing = np.concatenate(absent)
    manifest, order = describe(scene, "folder", sheets, missing)
    for piece in order:
        for number in range(piece.parts):
            name = f"{piece.name}.{number}"
            coded = base64.b64encode(piece.part(number))
            _put(data / f"{name}.js", [f'selfsupPart("{name}","'.encode(), coded, b'")\n'])
    _put(folder / INDEX, around(manifest))


def _put(path: Path, blocks: Iterable[Bytes]) -> None:
    """Write a file through to the disk."""
    with open(path, "wb") as file:
        file.writelines(blocks)
        file.flush()
        os.fsync(file.fileno())


def _rename(made: Path, path: Path, *, overwrite: bool) -> None:
    """Let a folder that is whole take its name; a page of ours that stands there makes room, and is removed only then."""
    check(path, overwrite=overwrite)  # again: another may have written there meanwhile
    old = _beside(path)
    replaced = os.path.lexists(path)
    if replaced:
        path.rename(old)
    try:
        made.rename(path)
    except OSError:
        if replaced:
            old.rename(path)
        raise
    sync(path.parent)
    if replaced:
        shutil.rmtree(old, ignore_errors=True)


def _start(path: Path) -> str:
    """How the temporary folders of a name begin, which may be as long as a name can be."""
    return f".{os.fsencode(path.name)[:MOST].decode(errors='ignore')}."


def _beside(path: Path) -> Path:
    """A new name beside a folder."""
    return path.with_name(f"{_start(path)}{secrets.token_hex(4)}.tmp")


def _sweep(path: Path) -> None:
    """Remove what killed processes have left of the same name."""
    for entry in os.scandir(path.parent):
        if not (entry.name.startswith(_start(path)) and TEMPORARY.fullmatch(entry.name) and entry.is_dir()):
            continue
        with suppress(OSError, RunError):  # another process is at it
            held = Lock(Path(entry.path))
            shutil.rmtree(entry.path, ignore_errors=True)
            held.release()

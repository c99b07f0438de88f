"""A scene as one HTML that opens offline, or as a folder: written part by part, and whole or not at all."""

from __future__ import annotations

import base64
import io
import logging
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import IO

import numpy as np

from selfsup.errors import RunError
from selfsup.explorer import folder
from selfsup.explorer.manifest import describe
from selfsup.explorer.pieces import Piece
from selfsup.explorer.scene import Scene
from selfsup.explorer.sprites import Sheets
from selfsup.explorer.template import around
from selfsup.system.files import cannot, check_free, whole

PAGES = (".html", ".htm")
LARGE = 300_000_000  # bytes of a page that browsers open slowly
log = logging.getLogger("selfsup")


def html(scene: Scene) -> str:
    """Return the page of a scene as one text, with all it needs."""
    with io.BytesIO() as file:
        return b"".join(_blocks(settled(scene), file)).decode()


def write(scene: Scene, path: Path | str, *, overwrite: bool = False) -> Path:
    """Write a page: one HTML if the name ends in .html or .htm, else a folder to open ``index.html`` of.

    Parameters
    ----------
    scene
        What is shown. Planes that have no points yet are computed first.
    path
        File or folder.
    overwrite
        Whether a file, or a folder that is such a page and nothing else, may be replaced.

    Returns
    -------
    Path
        What was written.

    Raises
    ------
    RunError
        If it exists, is a folder of something else, or cannot be written; what stood there before is still there.
    """
    path = Path(path)
    check_page(path, overwrite=overwrite)
    scene = settled(scene)
    if path.suffix.lower() not in PAGES:
        return folder.write(scene, path, overwrite=overwrite)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path.parent) as aside, whole(path) as file:
            size = sum(file.write(block) for block in _blocks(scene, aside))
    except OSError as error:
        raise RunError(cannot(path, error)) from error
    if size > LARGE:
        log.warning(
            "%s has %.0f MB, which a browser opens slowly; a folder loads what is looked at only: give a name without %s",
            path,
            size / 1e6,
            path.suffix,
        )
    return path


def check_page(path: Path, *, overwrite: bool) -> None:
    """Say early that a page cannot be written at a path, before anything is computed for it; see `write`.

    Raises
    ------
    RunError
        If it exists and may not be replaced, or nothing can be written there.
    """
    if path.suffix.lower() in PAGES:
        check_free(path, overwrite=overwrite)
    else:
        folder.check(path, overwrite=overwrite)


def settled(scene: Scene) -> Scene:
    """The scene with the points of all planes; what nobody computes is left out, and said."""
    if all(plane.points is not None for plane in scene.planes):
        return scene
    planes, notes = [], list(scene.notes)
    for number, plane in enumerate(scene.planes):
        if plane.points is not None:
            planes.append(plane)
        elif scene.later is not None:
            planes.append(replace(plane, points=scene.later(number)))
        else:
            notes.append(f"{plane.name} was not computed.")
    return replace(scene, planes=tuple(planes), notes=tuple(notes))


def _blocks(scene: Scene, aside: IO[bytes]) -> Iterator[bytes]:
    """The page of a scene, part by part; its sheets are held in a file until their turn comes."""
    sheets = Sheets(scene) if scene.thumbnails else None
    stored, missing = _stored(sheets, aside) if sheets else ((), None)
    manifest, order = describe(scene, "inline", sheets, missing, stored)
    before, after = around(manifest)
    yield before
    for piece in order:
        for number in range(piece.parts):
            yield f'<script type="text/plain" data-part="{piece.name}.{number}">'.encode()
            yield base64.b64encode(piece.part(number))
            yield b"</script>\n"
    yield after


def _stored(sheets: Sheets, file: IO[bytes]) -> tuple[tuple[Piece, ...], np.ndarray]:
    """All sheets as pieces that are read from a file, and which points have no picture."""
    places, missing = [0], []
    for content, absent in sheets.all():
        file.write(content)
        places.append(places[-1] + len(content))
        missing.append(absent)

    def read(begin: int, start: int, stop: int) -> bytes:
        file.seek(begin + start)
        return file.read(stop - start)

    pairs = pairwise(places)
    found = tuple(Piece(f"sheet.{s}", end - begin, partial(read, begin)) for s, (begin, end) in enumerate(pairs))
    return found, np.concatenate(missing)

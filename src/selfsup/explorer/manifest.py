"""From a scene to what its page reads: a manifest in JSON, and pieces, which are named byte strings.

**Pieces.** All numbers are little-endian. A piece of more than 16,000,000 bytes is cut into parts ``name.0``, ``name.1``, ...;
``"pieces": {"plane.0": {"bytes": 8000000, "parts": 1}, ...}`` says how many there are. n points have

===================== ============== =================================================================================
piece                 type, shape    what it is
===================== ============== =================================================================================
plane.I               float32 (n, 2) places on a plane, as they are: the page scales both axes by one number
space.I               int8 (n, d)    vectors; row times scale is the unit vector, whose largest value is 127 times scale
scale.I               float32 (n,)   of these rows; 0 for a vector of zeros
names                 UTF-8          all names one behind the other
names.offsets         uint32 (n+1,)  where they begin in it, in bytes
column.I (class)      uint16 (n,)    places in ``classes``; 65535: none
column.I (number)     float32 (n,)   NaN: missing
column.I (text)       UTF-8          with ``column.I.offsets``, as of names
sprites.missing       uint8 (n,)     1 where there is no picture
sheet.I               WebP           a sprite sheet (inline only; else a file of its own)
===================== ============== =================================================================================

**Deliveries**, ``delivery`` of the manifest:

- ``inline``: one HTML. A part is ``<script type="text/plain" data-part="plane.0.0">BASE64</script>`` behind the page's own
  script, in the order planes, colours, names, other columns, sprites, vectors: what is seen first comes first.
- ``folder``: ``index.html`` and ``data/``. A part is the file ``data/plane.0.0.js``, ``selfsupPart("plane.0.0","BASE64")``, as
  a page from a file may not fetch; sheets are ``data/sheet.0.webp``.
- ``server``: parts are the bytes of ``data/plane.0.0``, beside the page's own address; sheets ``data/sheet.0.webp``;
  ``picture/123`` a point's picture in full (404 with a sentence, if it cannot be read). A plane that is still being computed
  answers 202 until it is there, or 410 with a sentence.

**Manifest**::

    {"version": 1, "delivery": str, "selfsup": str, "title": str, "sample": str, "samples": str, "n": int, "total": int,
     "words": bool, "notes": [str], "pairs": [[str, str]], "colour": str | null, "originals": bool, "pieces": {...},
     "planes": [{"name", "note", "space", "piece", "ready"}],
     "spaces": [{"name", "dim", "piece", "scale"}],
     "names": {"piece", "offsets"},
     "columns": [{"name", "kind": "class", "piece", "classes"} | {"name", "kind": "number", "piece", "low", "high"}
                 | {"name", "kind": "text", "piece", "offsets"}],
     "sprites": null | {"tile", "across", "per_sheet", "count", "type", "missing"}}

Every string may come from a stranger: a page sets them as text, and never as HTML.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import version
from typing import Any, Literal

import numpy as np

from selfsup.explorer import pieces, sprites
from selfsup.explorer.pieces import Piece
from selfsup.explorer.scene import Column, Scene

Delivery = Literal["inline", "folder", "server"]
NAME, TEXT = 1_000, 2_000  # characters of a name and of a text of which a page shows more than the beginning
CLASSES = 65_535  # of a column, and the place of none


def describe(
    scene: Scene,
    delivery: Delivery,
    sheets: sprites.Sheets | None = None,
    missing: np.ndarray | None = None,
    stored: tuple[Piece, ...] = (),
    later: Callable[[int], np.ndarray] | None = None,
) -> tuple[dict[str, Any], list[Piece]]:
    """Return the manifest of a scene, and its pieces in the order in which a page wants them.

    Parameters
    ----------
    scene
        What is shown.
    delivery
        How.
    sheets
        Its sprite sheets.
    missing
        Which points have no picture, (n,) bool; None where that is not known, or none is.
    stored
        The sheets as pieces.
    later
        Gives the points of a plane that has none yet.
    """
    planes = [_plane(number, plane.points, len(scene), later) for number, plane in enumerate(scene.planes)]
    columns = [_column(number, column) for number, column in enumerate(scene.columns)]
    names = pieces.of_words("names", scene.names, NAME)
    spaces = [
        pieces.of_vectors(f"space.{number}", f"scale.{number}", s.vectors) for number, s in enumerate(scene.spaces)
    ]
    named = list(zip((column.name == scene.colour for column in scene.columns), columns, strict=True))
    first, rest = (
        [piece for coloured, (_, made) in named if coloured is wanted for piece in made] for wanted in (True, False)
    )
    absent = [] if missing is None or not missing.any() else [pieces.of_array("sprites.missing", missing, "u1")]
    order = [*planes, *first, *names, *rest]
    order += [*absent, *stored, *(piece for vectors, scale in spaces for piece in (scale, vectors))]
    manifest = {
        "version": 1,
        "delivery": delivery,
        "selfsup": version("selfsup"),
        "title": scene.title,
        "sample": scene.sample,
        "samples": scene.samples,
        "n": len(scene),
        "total": max(scene.total, len(scene)),
        "words": scene.words,
        "notes": list(scene.notes),
        "pairs": [list(pair) for pair in scene.pairs],
        "planes": [
            {
                "name": plane.name,
                "note": plane.note,
                "space": plane.space,
                "piece": piece.name,
                "ready": plane.points is not None,
            }
            for plane, piece in zip(scene.planes, planes, strict=True)
        ],
        "spaces": [
            {"name": space.name, "dim": space.vectors.shape[1], "piece": rows.name, "scale": scale.name}
            for space, (rows, scale) in zip(scene.spaces, spaces, strict=True)
        ],
        "names": {"piece": names[0].name, "offsets": names[1].name},
        "columns": [about for about, _ in columns],
        "colour": scene.colour,
        "sprites": None if sheets is None else _sprites(sheets, bool(absent)),
        "originals": delivery == "server" and scene.original is not None,
        "pieces": {piece.name: {"bytes": piece.size, "parts": piece.parts} for piece in order},
    }
    return manifest, order


def _plane(number: int, points: np.ndarray | None, many: int, later: Callable[[int], np.ndarray] | None) -> Piece:
    """Places on a plane (n, 2), there or to come."""
    name = f"plane.{number}"
    if points is not None:
        return pieces.of_array(name, points, "f4")
    assert later is not None, "a page shows no plane without points"
    return Piece(name, 8 * many, lambda start, stop: pieces.of_array(name, later(number), "f4").read(start, stop))


def _column(number: int, column: Column) -> tuple[dict[str, Any], tuple[Piece, ...]]:
    """What the manifest says of a column, and its pieces."""
    name, about = f"column.{number}", {"name": column.name, "kind": column.kind, "piece": f"column.{number}"}
    if column.kind == "number":
        values = np.asarray(column.values, np.float64)
        values = np.where(np.isinf(values), np.nan, values)
        most = float(np.finfo(np.float32).max)
        values = np.clip(values, -most, most).astype(np.float32)
        known = values[~np.isnan(values)]
        low, high = (float(known.min()), float(known.max())) if len(known) else (0.0, 0.0)
        return {**about, "low": low, "high": high}, (pieces.of_array(name, values, "f4"),)
    if column.kind == "class" and len(column.classes) < CLASSES:
        places = np.asarray(column.values, np.int64)
        places = np.where(places < 0, CLASSES, places)
        return {**about, "classes": list(column.classes)}, (pieces.of_array(name, places, "u2"),)
    words = list(column.values)
    if column.kind == "class":  # more of them than uint16 has numbers for: nobody tells so many colours apart
        words = [column.classes[place] if place >= 0 else "" for place in words]
    made = pieces.of_words(name, words, TEXT)
    return {**about, "kind": "text", "offsets": made[1].name}, made


def _sprites(sheets: sprites.Sheets, absent: bool) -> dict[str, Any]:
    """What the manifest says of sprite sheets."""
    return {
        "tile": sheets.tile,
        "across": sprites.ACROSS,
        "per_sheet": sprites.ON_A_SHEET,
        "count": sheets.count,
        "type": sprites.TYPE,
        "missing": "sprites.missing" if absent else None,
    }

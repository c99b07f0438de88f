"""A contact sheet: small pictures with words below them, in rows, as one PNG."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from selfsup.cli.parser import UsageError
from selfsup.cli.writing import to_pixels
from selfsup.lazy import PIL, numpy as np
from selfsup.system.files import write_bytes
from selfsup.system.screen import printable

if TYPE_CHECKING:
    from selfsup.data import Dataset, Form

SIDE, GAP, LETTERS = 128, 8, 12  # pixels: of a picture's longer side, between pictures, of a line of words
WHITE, INK = 255, 40
ACROSS = 5  # pictures in a row, where a row means nothing
MOST = 200  # pictures on a sheet


class Tile(NamedTuple):
    """One place of a sheet: a row of a data set, and lines below it."""

    row: int
    lines: Sequence[str]
    data: Dataset


def check_sheet(file: Path | None, form: Form) -> None:
    """Refuse a file that is a sheet, of what is no picture."""
    if file is not None and file.suffix == ".png" and ".png" not in getattr(form, "suffixes", (".png",)):
        raise UsageError(
            f"a sheet (.png) shows grey and colour images; these data are {form.describe()}: write a .csv, or leave --out out"
        )


def write_sheet(file: Path, rows: Sequence[Sequence[Tile]]) -> int:
    """Write rows of pictures as a PNG, atomically, and say how many pictures are on it: the first `MOST`, by whole rows."""
    shown: list[Sequence[Tile]] = []
    for tiles in rows:
        if shown and sum(map(len, shown)) + len(tiles) > MOST:
            break
        shown.append(tiles[:MOST])
    buffer = io.BytesIO()
    _sheet(shown).save(buffer, "PNG")
    write_bytes(file, buffer.getvalue())
    return sum(map(len, shown))


def folded(tiles: Sequence[Tile], across: int = ACROSS) -> list[Sequence[Tile]]:
    """Tiles in rows."""
    return [tiles[first : first + across] for first in range(0, len(tiles), across)]


def _sheet(rows: Sequence[Sequence[Tile]]) -> Any:
    """The picture of all rows; a longer one goes on in the next line, a place further in."""
    width = max(map(len, rows))
    lines = max(len(tile.lines) for tiles in rows for tile in tiles)
    high = SIDE + lines * (LETTERS + 3) + GAP
    size = (GAP + width * (SIDE + GAP), GAP + len(rows) * high)
    canvas = PIL.Image.new("RGB", size, (WHITE,) * 3)
    draw, font = PIL.ImageDraw.Draw(canvas), PIL.ImageFont.load_default(LETTERS)
    for down, tiles in enumerate(rows):
        for across, tile in enumerate(tiles):
            left, top = GAP + across * (SIDE + GAP), GAP + down * high
            picture = _picture(tile)
            canvas.paste(picture, (left + (SIDE - picture.width) // 2, top + SIDE - picture.height))
            for number, line in enumerate(tile.lines):
                place = left, top + SIDE + 2 + number * (LETTERS + 3)
                draw.text(place, _fitted(printable(line), font), fill=(INK,) * 3, font=font)
    return canvas


def _picture(tile: Tile) -> Any:
    """A row's image, its longer side `SIDE`; small pixels stay sharp."""
    pixels = to_pixels(tile.data.form, tile.data.x[tile.row : tile.row + 1])[0].transpose(1, 2, 0)  # (H, W, C)
    image = PIL.Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else np.ascontiguousarray(pixels)).convert("RGB")
    scale = SIDE / max(image.size)
    size = max(1, round(image.width * scale)), max(1, round(image.height * scale))
    return image.resize(size, PIL.Image.Resampling.NEAREST if scale >= 2 else PIL.Image.Resampling.LANCZOS)


def _fitted(text: str, font: Any) -> str:
    """A line as wide as a picture at most: of a name the end tells more than its begin."""
    if font.getlength(text) <= SIDE:
        return text
    while len(text) > 1 and font.getlength("..." + text) > SIDE:
        text = text[1:]
    return "..." + text

"""One image, from its file or bytes to uint8 values in place: every mode, orientation, size."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import (
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    JpegImagePlugin,
    PngImagePlugin,
    PpmImagePlugin,
    TiffImagePlugin,
    UnidentifiedImageError,
    WebPImagePlugin,
)

from selfsup.system.reading import said

PLUGINS = (  # only these, never EPS: it starts a program
    JpegImagePlugin.JpegImageFile,
    PngImagePlugin.PngImageFile,
    WebPImagePlugin.WebPImageFile,
    GifImagePlugin.GifImageFile,
    BmpImagePlugin.BmpImageFile,
    TiffImagePlugin.TiffImageFile,
    PpmImagePlugin.PpmImageFile,
)
FORMATS = tuple(plugin.format for plugin in PLUGINS)
MOST_PIXELS = 100_000_000  # more than any camera's picture; a small file that claims more is a decompression bomb
LARGE = 40_000_000  # pixels from which on images are decoded one after the other, whatever the number of threads
BAND = 1 << 20  # pixels that are brought to 8 bits at once
LAYERED = ("LA", "La", "PA", "RGBA", "RGBa")
_ONE = threading.Lock()
GREY = ("1", "L", "LA", "La", "I", "F")  # and every I;16
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
Blob = Path | bytes | memoryview | None  # None: a row without an image


class Unreadable(Exception):
    """An image that cannot be read; the message is the reason, for people. Never leaves this room."""


class Head(NamedTuple):
    """What the header says, the orientation being applied."""

    height: int
    width: int
    grey: bool


class Canvas(NamedTuple):
    """What every image is brought to: uint8 (channels, height, width)."""

    channels: int
    height: int
    width: int


@contextmanager
def _opened(blob: Blob) -> Iterator[Image.Image]:
    """Open an image by its header; whatever goes wrong, until it is closed, becomes `Unreadable`."""
    if blob is None:
        raise Unreadable("no image in this row")
    try:
        if (blob.stat().st_size if isinstance(blob, Path) else len(blob)) == 0:
            raise Unreadable("empty file")
        # from an open file, never from a path: Pillow maps an uncompressed TIFF then, and garbles one that is turned
        file = blob.open("rb") if isinstance(blob, Path) else io.BytesIO(blob)
        with file, Image.open(file, formats=FORMATS) as image:
            if image.size[0] * image.size[1] > MOST_PIXELS:
                raise Unreadable(_bomb(f"{image.size[0]:,} x {image.size[1]:,} pixels"))
            yield image
    except UnidentifiedImageError as error:
        raise Unreadable("not an image, or its header is damaged") from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise Unreadable(_bomb("it claims more")) from error
    except Unreadable:
        raise
    except Exception as error:  # a decoder raises whatever it meets first
        raise Unreadable(f"damaged: {said(error)}") from error


def _bomb(claim: str) -> str:
    return f"more than {MOST_PIXELS // 1_000_000} million pixels ({claim}): a decompression bomb?"


def _orientation(image: Image.Image) -> int:
    """EXIF orientation 1 to 8; TIFF files are turned by Pillow as they are read. A damaged EXIF block is ignored."""
    carriers = ("exif", "Raw profile type exif", "XML:com.adobe.xmp", "xmp")
    if image.format == "TIFF" or not any(carrier in image.info for carrier in carriers):
        return 1
    try:
        return int(Image.Image.getexif(image).get(274, 1))  # the base's: a PNG's own decodes the whole image first
    except Exception:
        return 1


def head(blob: Blob) -> Head:
    """Read the header only; raises `Unreadable`."""
    with _opened(blob) as image:
        width, height = image.size
        grey = image.mode in GREY or image.mode.startswith("I;16")
        return Head(width, height, grey) if _orientation(image) >= 5 else Head(height, width, grey)


def decode(blob: Blob, form: Canvas, out: np.ndarray) -> None:
    """Decode an image, turn, resize and crop it, and write it into `out`, (C, H, W) uint8; raises `Unreadable`.

    Transparency is laid over white, 16 bits are divided by 257, the short side is resized and the centre is cut out.
    """
    with _opened(blob) as opened:
        turn = _orientation(opened)
        if opened.format in ("JPEG", "MPO"):  # let the decoder shrink by 2, 4 or 8 itself: several times faster
            ask = (form.width, form.height) if turn < 5 else (form.height, form.width)
            opened.draft("L" if form.channels == 1 and opened.mode == "RGB" else None, ask)
        with _ONE if opened.size[0] * opened.size[1] > LARGE else nullcontext():
            image = _plain(opened, form.channels)
            if turn in TURNS:
                image = image.transpose(TURNS[turn])
            image = _fit(image, form.width, form.height)
            values = np.asarray(image)
        out[:] = values if form.channels == 1 else values.transpose(2, 0, 1)


def picture(blob: Blob, side: int) -> Image.Image | None:
    """An image for people: upright, 8-bit grey or RGB, sides of at most so many pixels; None where it cannot be read."""
    try:
        with _opened(blob) as opened:
            turn = _orientation(opened)
            channels = 1 if opened.mode in GREY or opened.mode.startswith("I;16") else 3
            if opened.format in ("JPEG", "MPO"):
                opened.draft(None, (side, side))
            with _ONE if opened.size[0] * opened.size[1] > LARGE else nullcontext():
                image = _plain(opened, channels).copy()
                image.thumbnail((side, side), Image.Resampling.BICUBIC, reducing_gap=3.0)
            return image.transpose(TURNS[turn]) if turn in TURNS else image
    except Unreadable:
        return None


def _plain(image: Image.Image, channels: int) -> Image.Image:
    """Bring any mode to 8-bit grey or RGB."""
    mode = "L" if channels == 1 else "RGB"
    if image.mode == mode and "transparency" not in image.info:
        image.load()
        return image
    deep = image.mode in ("I", "F") or image.mode.startswith("I;16")
    if not deep and "transparency" not in image.info and image.mode not in LAYERED:
        return image.convert(mode)
    made = Image.new("L" if deep else mode, image.size)
    ends = _ends(image) if deep else None
    for top, band in _bands(image):
        made.paste(
            _over_white(band, mode) if ends is None else Image.fromarray(_eight_bits(np.asarray(band), ends)), (0, top)
        )
    return made.convert(mode) if deep else made


def _bands(image: Image.Image) -> Iterator[tuple[int, Image.Image]]:
    """Parts of an image from the top, and where they begin: what is made of a small part in four bytes or eight is let go."""
    width, height = image.size
    rows = max(BAND // width, 1)
    if rows >= height:
        yield 0, image
        return
    for top in range(0, height, rows):
        yield top, image.crop((0, top, width, min(top + rows, height)))


def _over_white(image: Image.Image, mode: str) -> Image.Image:
    layer = image.convert("RGBA")
    white = Image.new("RGBA", layer.size, (255, 255, 255, 255))
    return Image.alpha_composite(white, layer).convert(mode)


def _ends(image: Image.Image) -> tuple[float, float]:
    """What becomes 0 and 255: of 16 bits all they hold; of floats 0 and 1; of others 16 bits, 8 bits or what there is."""
    if image.mode.startswith("I;16"):
        return 0.0, 65535.0
    found = [(float(values.min()), float(values.max())) for values in (np.asarray(band) for _, band in _bands(image))]
    low, high = min(ends[0] for ends in found), max(ends[1] for ends in found)
    if not np.isfinite([end for ends in found for end in ends]).all():
        raise Unreadable("it holds values that are not finite")
    if image.mode == "F":
        return (0.0, 1.0) if low >= 0 and high <= 1 else (0.0, 255.0) if low >= 0 and high <= 255 else (low, high)
    return (0.0, 65535.0) if low >= 0 and high <= 65535 else (low, high)


def _eight_bits(values: np.ndarray, ends: tuple[float, float]) -> np.ndarray:
    """Values between the ends as 0 to 255; those of 16 bits by /257."""
    if values.dtype.kind == "u" and values.dtype.itemsize == 2:
        return ((values.astype(np.uint32) + 128) // 257).astype(np.uint8)
    scaled = (values.astype(np.float64) - ends[0]) * (255.0 / max(ends[1] - ends[0], 1e-30))
    return (scaled + 0.5).clip(0, 255).astype(np.uint8)


def _fit(image: Image.Image, width: int, height: int) -> Image.Image:
    """Resize until the image just covers width x height, and cut the centre out."""
    if image.size == (width, height):
        return image
    scale = max(width / image.size[0], height / image.size[1])
    if scale == 1.0:  # a cut without resampling
        left, top = (image.size[0] - width) // 2, (image.size[1] - height) // 2
        return image.crop((left, top, left + width, top + height))
    across, down = min(width / scale, image.size[0]), min(height / scale, image.size[1])
    beside, above = (image.size[0] - across) / 2, (image.size[1] - down) / 2
    box = (beside, above, beside + across, above + down)
    return image.resize((width, height), Image.Resampling.BICUBIC, box=box, reducing_gap=3.0)

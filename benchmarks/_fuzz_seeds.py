"""Small good files of every format, for `fuzz.py`."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

FORMATS = {"png": "PNG", "jpg": "JPEG", "gif": "GIF", "tiff": "TIFF", "bmp": "BMP", "webp": "WEBP", "ppm": "PPM"}


def npy(array: np.ndarray) -> bytes:
    made = io.BytesIO()
    np.save(made, array)
    return made.getvalue()


def npz(save: Callable[..., None], **arrays: np.ndarray) -> bytes:
    made = io.BytesIO()
    save(made, **arrays)
    return made.getvalue()


def parquet(table: Any, **options: Any) -> bytes:
    made = io.BytesIO()
    pq.write_table(table, made, **options)
    return made.getvalue()


def arrow(table: Any, new: Callable[..., Any], **options: Any) -> bytes:
    made = io.BytesIO()
    with new(made, table.schema, **options) as writer:
        writer.write_table(table)
    return made.getvalue()


def pictures(rng: np.random.Generator) -> dict[str, list[bytes]]:
    """Images of every format and of the modes it has."""
    made: dict[str, list[bytes]] = {}
    values = rng.integers(0, 256, (12, 10, 4)).astype(np.uint8)
    grey = values[..., 0]
    modes = {
        "L": Image.fromarray(grey), "RGB": Image.fromarray(values[..., :3]), "RGBA": Image.fromarray(values),
        "P": Image.fromarray(values[..., :3]).quantize(8), "1": Image.fromarray(grey).convert("1"),
        "I;16": Image.fromarray(grey.astype(np.uint16) << 8), "F": Image.fromarray(grey.astype(np.float32)),
    }  # fmt: skip
    exif = Image.Exif()
    exif[274] = 6
    for suffix, name in FORMATS.items():
        made[suffix] = []
        for image in modes.values():
            more: list[dict[str, Any]] = [{}]
            more += (
                [{"compression": kind} for kind in ("tiff_lzw", "tiff_deflate", "packbits")] if suffix == "tiff" else []
            )
            more += [{"exif": exif}] if suffix in ("png", "jpg", "webp") else []
            more += [{"progressive": True}] if suffix == "jpg" else []
            for options in more:
                file = io.BytesIO()
                try:
                    image.save(file, name, **options)
                except (OSError, ValueError):
                    continue
                made[suffix].append(file.getvalue())
    return made


def tables(rng: np.random.Generator) -> Any:
    """A table of numbers, words, booleans, lists and gaps."""
    return pa.table(
        {
            "a": rng.normal(size=20).astype(np.float32), "b": np.arange(20), "c": ["x", "y", None, "z"] * 5,
            "d": [True, False] * 10, "e": [[1.0, 2.0]] * 20, "label": ["one", "two"] * 10,
            "f": pa.array(["u", "v"] * 10).dictionary_encode(),
        }
    )  # fmt: skip

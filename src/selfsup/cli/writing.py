"""Samples as a file: an array, a table with the columns' names, or a contact sheet of images."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from selfsup.cli.common import free_file
from selfsup.cli.parser import UsageError
from selfsup.lazy import PIL, numpy as np, pandas as pd
from selfsup.system.files import write_bytes
from selfsup.system.screen import unicode

if TYPE_CHECKING:
    from selfsup.data import Form
    from selfsup.data.text.form import TextForm

TABLES: tuple[str, ...] = (".npy", ".csv", ".parquet")
SHEETS: tuple[str, ...] = (".npy", ".png")
FORMULAS = ("=", "+", "-", "@", "\t", "\r", "\n")  # what a spreadsheet takes for the begin of one
GAP, LEAST = 4, 64  # pixels between the images of a sheet; smaller images are enlarged to about so many


def output(out: str, overwrite: bool, allowed: tuple[str, ...] = tuple(dict.fromkeys(TABLES + SHEETS))) -> Path:
    """File to write, of a known suffix and free."""
    file = free_file(out, overwrite)
    if file.suffix not in allowed:
        raise UsageError(f"--out must end in {_either(allowed)}; got '{out}'")
    return file


def check_kind(file: Path, form: Form | TextForm) -> None:
    """Refuse a file that cannot hold data of the form."""
    suffixes = getattr(form, "suffixes", ())
    if not suffixes:
        raise UsageError("this run learnt from text, and no text is written: see encode, and evaluate --analogies")
    if file.suffix not in suffixes:
        raise UsageError(f"--out must end in {_either(suffixes)} for {form.describe()}; got '{file}'")


def write_samples(file: Path, form: Form, x: np.ndarray, *, columns: int | None = None) -> None:
    """Write samples (n, ...) in the data's units, atomically.

    Parameters
    ----------
    columns
        Of a contact sheet; by default it is about a square.
    """
    content = {".npy": _array, ".png": _sheet, ".csv": _table, ".parquet": _table}[file.suffix]
    write_bytes(file, content(file, form, x, columns))


def write_scores(file: Path, scores: np.ndarray, names: Sequence[str]) -> None:
    """Write scores (n,) as an array, or as a table with the name of each row, atomically."""
    table = pd.DataFrame({"name": list(map(unicode, names)), "score": scores})
    write_bytes(file, _npy(scores) if file.suffix == ".npy" else to_csv(table))


def write_predictions(file: Path, labels: np.ndarray, probabilities: np.ndarray, names: Sequence[str]) -> None:
    """Write labels (n,) as an array, or as a table with the name of each row and the probability of its label, atomically."""
    if file.suffix == ".npy":
        write_bytes(file, _npy(labels))
        return
    table = pd.DataFrame({"name": list(map(unicode, names)), "label": labels, "probability": probabilities})
    if file.suffix == ".csv":
        write_bytes(file, to_csv(table))
        return
    buffer = io.BytesIO()
    table.to_parquet(buffer, index=False)
    write_bytes(file, buffer.getvalue())


def to_csv(table: pd.DataFrame) -> bytes:
    """A table as csv that a spreadsheet may open: nothing in it is a formula.

    A word, or the name of a column, that begins with ``= + - @``, a tab or a line end gets an apostrophe in front, as OWASP
    advises; what is a number stays one (-1.5), a word that says one (``-5``) too. Where a word holds what another program may
    take for the end of a cell, all words are quoted.
    """
    words = [name for name in table.columns if not pd.api.types.is_numeric_dtype(table[name])]
    safe = table.assign(**{name: table[name].map(_harmless, na_action="ignore") for name in words})
    safe.columns = [_harmless(name) for name in safe.columns]
    ends = any(set(str(word)) & set("\r\t;") for name in words for word in table[name])
    quoting = csv.QUOTE_NONNUMERIC if ends else csv.QUOTE_MINIMAL
    return bytes(safe.to_csv(index=False, quoting=quoting).encode())


def _harmless(word: Any) -> Any:
    """A word that no spreadsheet calculates."""
    if not isinstance(word, str) or not word.startswith(FORMULAS):
        return word
    try:
        float(word)
    except ValueError:
        return "'" + word
    return word


def _npy(x: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, x, allow_pickle=False)
    return buffer.getvalue()


def _either(words: tuple[str, ...]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"


def _array(file: Path, form: Form, x: np.ndarray, columns: int | None) -> bytes:
    return _npy(x)


def _table(file: Path, form: Form, x: np.ndarray, columns: int | None) -> bytes:
    from selfsup.data import to_frame

    frame = to_frame(form, x)
    frame.columns = [str(name) for name in frame.columns]
    if file.suffix == ".csv":
        return to_csv(frame)
    buffer = io.BytesIO()
    frame.to_parquet(buffer, index=False)
    return buffer.getvalue()


def to_pixels(form: Form, x: np.ndarray) -> np.ndarray:
    """Images (n, C, H, W) in the data's units as uint8."""
    unit = (x - form.low) / (form.high - form.low)
    return np.rint(np.clip(np.nan_to_num(unit), 0, 1) * 255).astype(np.uint8)


def _sheet(file: Path, form: Form, x: np.ndarray, columns: int | None) -> bytes:
    """Images (n, C, H, W) side by side as a PNG."""
    pixels = to_pixels(form, x)
    count, channels, height, width = pixels.shape
    scale = max(1, round(LEAST / max(height, width)))
    pixels = pixels.repeat(scale, 2).repeat(scale, 3).transpose(0, 2, 3, 1)  # (n, H, W, C)
    height, width = scale * height, scale * width
    across = columns or int(np.ceil(np.sqrt(count)))
    down = -(-count // across)
    sheet = np.full((down * (height + GAP) - GAP, across * (width + GAP) - GAP, channels), 255, np.uint8)
    for place, image in enumerate(pixels):
        top, left = (place // across) * (height + GAP), (place % across) * (width + GAP)
        sheet[top : top + height, left : left + width] = image
    buffer = io.BytesIO()
    PIL.Image.fromarray(sheet[..., 0] if channels == 1 else sheet).save(buffer, "PNG")
    return buffer.getvalue()

"""Tables as text: csv and tsv files, packed or not, in any encoding, with or without names of the columns."""

from __future__ import annotations

import csv
import io
import logging
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from selfsup.data.dataset import Dataset
from selfsup.data.form import BadFile
from selfsup.data.labels import read as read_labels
from selfsup.data.request import Request
from selfsup.data.tables import fields
from selfsup.data.tables.choice import Refused
from selfsup.data.tables.ragged import Sound, fit, records, sound
from selfsup.data.tables.tables import from_frame, some
from selfsup.data.text.blocks import check_encoding
from selfsup.errors import DataError
from selfsup.lazy import pandas as pd
from selfsup.system.reading import DAMAGED, Gzip

MARKS = {  # at the beginning of a file -> how it is encoded; the longer ones first
    b"\xff\xfe\x00\x00": "utf-32",
    b"\x00\x00\xfe\xff": "utf-32",
    b"\xff\xfe": "utf-16",
    b"\xfe\xff": "utf-16",
}
UTF8 = "utf-8-sig"
HEAD = 1 << 12  # bytes that are looked at for an encoding
LOOKED_AT = 1_000  # rows in which a word of the first line is looked for
log = logging.getLogger("selfsup")


class Read(NamedTuple):
    """A file that was read.

    Attributes
    ----------
    frame
        A pandas frame.
    bare
        Whether its columns have no names of their own.
    notes
        What was found out of it, besides what is usual.
    sound
        Where some of its lines have more or fewer values than the first: the others, which the frame is made of.
    trouble
        What is wrong with these lines, where they are not to be left out.
    """

    frame: Any
    bare: bool
    notes: tuple[str, ...]
    sound: Sound | None = None
    trouble: str = ""


def from_csv(path: Path, request: Request) -> Dataset:
    """Make a `Dataset` of a csv or tsv file, plain or ``.gz``, with or without a header.

    Raises
    ------
    DataError
        If the file cannot be read as a table, besides what `from_columns` raises.
    """
    return _made([_read(path, request)], [path], request, path.name)


def from_csv_files(paths: Sequence[Path], source: str, request: Request) -> Dataset:
    """Make a `Dataset` of several such files, one below the other; their columns are matched by name.

    Raises
    ------
    DataError
        If a file cannot be read, or has other columns than the first.
    """
    first = _read(paths[0], request)
    reads = [first]
    for path in paths[1:]:
        read = _read(path, request)
        if read.bare != first.bare:
            raise DataError(
                f"of {paths[0]} and {path} one has names of columns and the other none; say so of all (option 'header')"
            )
        if set(read.frame.columns) != set(first.frame.columns):
            odd = sorted({str(name) for name in set(read.frame.columns) ^ set(first.frame.columns)})
            raise DataError(f"{paths[0]} and {path} have different columns: {some(odd)} in one of them only")
        reads.append(read._replace(frame=read.frame[list(first.frame.columns)]))
    return _made(reads, paths, request, source)


def _made(reads: Sequence[Read], paths: Sequence[Path], request: Request, source: str) -> Dataset:
    """The rows of one or more files as one `Dataset`, which knows what was found out of them and which were left out."""
    frame = reads[0].frame if len(reads) == 1 else pd.concat([read.frame for read in reads], ignore_index=True)
    notes = dict.fromkeys(note for read in reads for note in read.notes)

    def noted(made: Dataset) -> Dataset:
        return replace(made, note="; ".join(filter(None, (made.note, *notes))))

    if all(read.sound is None for read in reads):
        return noted(from_frame(frame, request, source, bare=reads[0].bare))
    troubles = [Refused(None, read.trouble) for read in reads if read.trouble]
    bad: list[BadFile] = []
    names: list[str] = []
    kept: list[int] = []  # rows, counted over all files
    before = 0
    for read, path in zip(reads, paths, strict=True):
        whose = "" if len(reads) == 1 else f"{path.name}: "
        rows, left = (range(len(read.frame)), []) if read.sound is None else (read.sound.rows, read.sound.bad)
        bad += [one._replace(name=f"{whose}{one.name}") for one in left]
        names += [f"{whose}row {row}" for row in rows]
        kept += [before + row for row in rows]
        before += len(rows) + len(left)
    if request.labels is not None:
        labels = read_labels(request.labels) if isinstance(request.labels, str | Path) else request.labels
        labels = np.asarray(labels)
        request = replace(request, labels=labels[kept] if len(labels) == before else labels)
    made = noted(from_frame(frame, request, source, bare=reads[0].bare, troubles=troubles))
    return replace(made, bad=bad, names=names[: len(made)])


def _read(path: Path, request: Request) -> Read:
    """A file as a frame, in the first encoding that fits."""
    encodings = _encodings(path, request)
    for number, encoding in enumerate(encodings):
        try:
            with _as_table(path, encoding):
                return _decoded(path, encoding, request)
        except DataError as error:
            if number + 1 == len(encodings) or not isinstance(error.__cause__, UnicodeError):
                raise
    raise AssertionError("an encoding was tried")


def _encodings(path: Path, request: Request) -> list[str]:
    """How a file may be encoded: as its mark says, else as asked; UTF-8 goes first where a model was trained on another."""
    with _as_table(path, UTF8), opened(path) as file:
        head = file.read(HEAD)
    if marked := next((name for mark, name in MARKS.items() if head.startswith(mark)), None):
        return [marked]
    given = None if request.encoding is None else check_encoding(request.encoding)
    if b"\x00" in head and given in (None, "utf-8", UTF8):
        which = "utf-16-le" if head[1:2] == b"\x00" else "utf-16-be"
        raise DataError(
            f"cannot read {path} as a table: it holds bytes of value 0, as UTF-16 without a mark does; give its encoding, "
            f"--encoding {which} (encoding='{which}')"
        )
    if given in (None, "utf-8", UTF8):
        return [UTF8]
    return [str(given)] if request.like is None or b"\x00" in head else [UTF8, str(given)]


@contextmanager
def opened(path: Path) -> Iterator[Any]:
    """The bytes of a file, unpacked."""
    with path.open("rb") as file:
        yield Gzip(path, file) if path.suffix.lower() == ".gz" else file


@contextmanager
def lines_of(path: Path, encoding: str) -> Iterator[io.TextIOWrapper]:
    """The lines of a file, unpacked."""
    with opened(path) as file, io.TextIOWrapper(file, encoding, newline="") as text:
        yield text


@contextmanager
def _as_table(path: Path, encoding: str) -> Iterator[None]:
    """While a file is read: what goes wrong is said with its name."""
    try:
        yield
    except UnicodeError as error:
        name = "UTF-8" if encoding == UTF8 else encoding
        raise DataError(
            f"cannot read {path} as a table: it is not {name} ({error}); give its encoding, such as --encoding cp1252 "
            "(Windows), latin-1 or utf-16 (encoding='cp1252')"
        ) from error
    except (EOFError, zlib.error) as error:
        raise DataError(f"cannot read {path}: {DAMAGED} ({error})") from error
    except (OSError, ValueError, pd.errors.ParserError, csv.Error) as error:  # ValueError: also an empty file
        if isinstance(error, DataError):
            raise
        raise DataError(f"cannot read {path} as a table: {str(error).strip() or type(error).__name__}") from error


def _decoded(path: Path, encoding: str, request: Request) -> Read:
    with lines_of(path, encoding) as text:
        line = next((line for line in text if line.strip()), "")
        separator = _separator(line)
        found = records(chain([line], text), separator)
        first = next(csv.reader(io.StringIO(next(found, (0, "", 0))[1]), delimiter=separator), [])
        second = next(found, (0, "", 0))[2]
    bare = _is_bare(first, request)
    frame, sound = _parsed(path, encoding, separator, (len(first), second), bare=bool(bare))
    if bare is None and _is_row(first, frame):
        bare = True
        frame, sound = _parsed(path, encoding, separator, (len(first), second), bare=True)
    notes = _notes(separator, encoding, bare=bool(bare) and request.header == "auto")
    if not bare:
        frame = _named(frame, first, path.name, request)
    read = Read(_with_points(frame, path.name, separator), bool(bare), notes, sound)
    if sound is None:
        return read
    trouble = sound.said(path.name, len(first))
    if not sound.rows:
        raise DataError(trouble)
    if request.on_bad == "stop":
        return read._replace(trouble=trouble)
    many = "1 row is" if len(sound.bad) == 1 else f"{len(sound.bad):,} rows are"
    first_bad = sound.bad[0]
    log.warning("%s: %s left out, as asked (on_bad skip): %s: %s", path.name, many, first_bad.name, first_bad.reason)
    return read


def _parsed(
    path: Path, encoding: str, separator: str, widths: tuple[int, int], *, bare: bool
) -> tuple[Any, Sound | None]:
    """A file as a frame; where lines of it do not have as many values as the first, those that have.

    Parameters
    ----------
    widths
        Numbers of values of the first and the second line.
    """

    def frame_of(plain: Any) -> Any:  # whole numbers and booleans stay what they are where values are missing
        return pd.read_csv(
            plain, sep=separator, header=None if bare else 0, encoding=encoding, low_memory=False,
            dtype_backend="numpy_nullable",
        )  # fmt: skip

    if widths[1] <= widths[0]:  # of a longer one pandas would take the first column for the names of the rows
        try:
            with opened(path) as file:
                frame = frame_of(path if path.suffix.lower() != ".gz" else file)
        except pd.errors.EmptyDataError as error:
            raise DataError(f"cannot read {path} as a table: it is empty") from error
        except pd.errors.ParserError as error:
            failed: Exception | None = error
        else:
            failed = None
            if (
                widths[0] == 1 or not frame.iloc[:, -1].isna().any()
            ):  # where lines are too short, the last one is missing
                return frame, None
            with opened(path) as file:
                if fit(file, (len(frame) + (not bare)) * (widths[0] - 1), separator):
                    return frame, None
    else:
        failed = None
    with lines_of(path, encoding) as text:
        found = sound(text, separator, widths[0], bare=bare)
    if not found.bad:
        if failed is not None:
            raise failed
        return frame, None
    return frame_of(io.StringIO(found.text)), found


def _notes(separator: str, encoding: str, *, bare: bool) -> tuple[str, ...]:
    found = [{"\t": "", ",": ""}.get(separator, f"separated by '{separator}'")]
    found += [
        encoding.upper() if encoding != UTF8 else "",
        "the first line is a row, no names of columns" if bare else "",
    ]
    return tuple(filter(None, found))


def _separator(line: str) -> str:
    """What stands between the values of a first line; a comma may be that of numbers where there are semicolons."""
    if "\t" in line and "," not in line:
        return "\t"
    parts = line.strip().split(";")
    if parts[1:] and ("," not in line or all(fields.COMMA.fullmatch(part) for part in parts if part)):
        return ";"
    return "|" if "|" in line and "," not in line else ","


def _is_bare(first: Sequence[str], request: Request) -> bool | None:
    """Whether the first line is a row: as asked, as the model's columns tell, or by its looks; None if these do not tell."""
    if request.header != "auto":
        return request.header == "none"
    known = set(() if request.like is None else request.like.columns or ())
    if known and all(name.isdecimal() for name in known):  # places of columns that had no names
        return not known <= set(first)
    if known:
        return False
    return True if _are_numbers(first) else None


def _are_numbers(words: Sequence[str]) -> bool:
    """Whether a first line holds numbers, some of them perhaps missing, and no names.

    An empty first name is that of the row numbers which data frames write.
    """
    if not words or not words[0].strip():
        return False
    return all(fields.COMMA.fullmatch(word) or fields.is_number(word) for word in words if word.strip())


def _is_row(first: Sequence[str], frame: Any) -> bool:
    """Whether what was read as names of columns is a row like the others.

    It is where a word in it occurs again in its own column, and no word stands over numbers.
    """
    names = [(word, values) for word, (_, values) in zip(first, frame.items(), strict=False) if word.strip()]
    over = [(word, values) for word, values in names if not fields.is_number(word)]
    if any(pd.api.types.is_numeric_dtype(values) for _, values in over):
        return False
    occurs = False
    for word, values in over:
        seen = values.iloc[:LOOKED_AT].dropna()
        if 2 * sum(fields.is_number(str(one)) for one in seen) > len(seen):
            return False
        occurs |= bool((seen == word).any())
    return occurs


def _named(frame: Any, first: Sequence[str], source: str, request: Request) -> Any:
    """The frame with its names looked through: row numbers of a data frame are left out, a name that occurs twice is said."""
    twice = sorted({name for name in first if name.strip() and first.count(name) > 1})
    if twice:
        log.warning(
            "%s has more than one %s; the later ones are called '%s.1' and so on", source, some(twice), twice[0]
        )
    known = () if request.like is None else request.like.columns or ()
    name = frame.columns[0]
    counts = not first[0].strip() and len(first) > 1 and pd.api.types.is_integer_dtype(frame[name])
    if counts and name not in (*known, *(request.columns or ())):
        values = frame[name].to_numpy(dtype=float, na_value=np.nan)
        if len(values) > 1 and np.array_equal(values - values[0], np.arange(len(values))) and values[0] in (0, 1):
            log.warning("%s: the first column has no name and numbers the rows; it is left out", source)
            return frame.drop(columns=name)
    return frame


def _with_points(frame: Any, source: str, separator: str) -> Any:
    """Columns of numbers with a decimal comma (1.000,5), as numbers; between commas they stand in quotation marks.

    There 1,234 may be a thousand, so that a number with more or fewer digits behind its comma has to tell.
    """
    found = []
    for name in [name for name in frame.columns if pd.api.types.is_string_dtype(frame[name])]:
        place = frame[name].first_valid_index()
        if place is None or not _perhaps(frame[name][place]):
            continue
        words = frame[name].dropna().unique().tolist()
        commas = [word for word in words if fields.COMMA.fullmatch(word)]
        if separator == "," and all(len(word.strip().partition(",")[2]) == 3 for word in commas):
            continue
        if commas and all(map(_perhaps, words)):
            numbers = {word: float(word.replace(".", "").replace(",", ".")) for word in words}
            frame[name] = frame[name].map(numbers, na_action="ignore").astype("Float64")
            found.append(f"'{name}' ('{commas[0].strip()}')")
    if found:
        log.warning("%s: numbers with a decimal comma are read as such: %s", source, ", ".join(found))
    return frame


def _perhaps(word: str) -> bool:
    """Whether a word is a number with a decimal comma, or a whole one."""
    return fields.COMMA.fullmatch(word) is not None or word.strip().lstrip("+-").isdecimal()

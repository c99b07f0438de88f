"""Lines of a csv file that have more values than its first, or fewer: found, said, and left out where that is asked for."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import IO, NamedTuple

from selfsup.data.form import BadFile

BLOCK = 1 << 18  # bytes that are looked at together
SHOWN = 40  # characters of a line in a message


class Sound(NamedTuple):
    """The lines of a file that fit.

    Attributes
    ----------
    text
        The first line and those that have as many values.
    rows
        Numbers (m,) of the rows that are left, counted without a line of names.
    bad
        The others, and what is wrong with each.
    lines
        Numbers of the others' lines, the first of the file being 1.
    """

    text: str
    rows: list[int]
    bad: list[BadFile]
    lines: list[int]

    def said(self, source: str, width: int) -> str:
        """What is wrong, in words."""
        first, many = self.bad[0], len(self.bad)
        whose = f"a row of {source} has" if many == 1 else f"{many:,} rows of {source} have"
        where = (
            f"{first.name} (line {self.lines[0]})" if many == 1 else f"the first is {first.name} (line {self.lines[0]})"
        )
        return (
            f"{whose} more or fewer values than the {width} of the first line; {where}: {first.reason}. Mend them, or leave them "
            "out: --on-bad skip (on_bad='skip')"
        )


def sound(lines: Iterable[str], separator: str, width: int, *, bare: bool) -> Sound:
    """Go through the lines of a file and keep those that have as many values as the first.

    Parameters
    ----------
    width
        Number of values in the first line.
    bare
        Whether the first line is a row as well.
    """
    kept: list[str] = []
    rows: list[int] = []
    bad: list[BadFile] = []
    numbers: list[int] = []
    row = 0 if bare else -1
    for number, text, values in records(lines, separator):
        if values == width:
            kept.append(text)
            rows += [row] if row >= 0 else []
        else:
            shown = " ".join(text.split())
            more = "..." if len(shown) > SHOWN else ""
            bad.append(BadFile(f"row {row}", f"{values} values where {width} are expected: '{shown[:SHOWN]}{more}'"))
            numbers.append(number)
        row += 1
    return Sound("".join(kept), rows, bad, numbers)


def fit(file: IO[bytes], separators: int, separator: str) -> bool:
    """Whether a file has so many separators, and no quotation marks, in which there may be others: a look without parsing.

    It is one whose encoding has ASCII in bytes, as all have but UTF-16 and UTF-32, of which a look tells nothing (they hold 0).
    """
    mark = separator.encode("ascii")
    while block := file.read(BLOCK):
        if b'"' in block or b"\x00" in block:
            return False
        separators -= block.count(mark)
    return separators == 0


def records(lines: Iterable[str], separator: str) -> Iterator[tuple[int, str, int]]:
    """Records of a file, each with the number of its first line, as it stands there, and the number of its values.

    Empty lines are none. A record in quotation marks may go over several lines; only such are parsed.
    """
    number, source = 0, iter(lines)
    taken: list[str] = []
    blank = " \r\n" if separator == "\t" else " \t\r\n"

    def more() -> Iterator[str]:
        for line in source:
            taken.append(line)
            yield line

    for line in source:
        number += 1
        if '"' not in line:
            if line.strip(blank):
                yield number, line, line.count(separator) + 1
            continue
        taken.clear()
        values = next(csv.reader(chain([line], more()), delimiter=separator))
        yield number, "".join([line, *taken]), len(values)
        number += len(taken)

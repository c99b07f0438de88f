"""Scores of several word vectors on several files, as rows and as one table side by side."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePath

from selfsup.measures.table import Row
from selfsup.measures.words.analogies import Arithmetic, analogies as answer
from selfsup.measures.words.files import named_apart
from selfsup.measures.words.similarity import similarity as compare
from selfsup.words.vectors import WordVectors

WIDTH = 100  # characters of a line
SCORE, COVERED = 15, 19  # of a score with its error, of what is covered


def scores(
    vectors: WordVectors,
    analogies: Sequence[str] = (),
    similarity: Sequence[str] = (),
    *,
    method: Arithmetic = "add",
    restrict: int | None = 30_000,
    fold_case: bool = True,
) -> list[Row]:
    """Measure word vectors on files of questions.

    Parameters
    ----------
    vectors
        The words and their vectors.
    analogies, similarity
        Files, see `analogies` and `similarity` of this room.
    method, restrict, fold_case
        Of the analogies; the last one of similarity too.

    Returns
    -------
    list of dict
        A row has ``measure``, ``file``, ``part`` (a section of analogies, "total", or ""), ``score`` (share answered rightly, or
        Spearman's correlation; None where there is none), its standard ``error``, ``covered`` and ``asked``.
    """
    answered = []
    for path in analogies:
        found = answer(vectors, path, restrict=restrict, method=method, fold_case=fold_case)
        parts = [(part, False) for part in found.sections] + [(part, True) for part in found.sums]
        own = [
            {"measure": "analogies", "file": path, "part": part.name, "sum": total, "score": part.accuracy}
            | {"error": part.error, "covered": part.covered, "asked": part.asked}
            for part, total in parts
        ]
        answered.append((path, own))
    compared = []
    for path in similarity:
        one = compare(vectors, path, fold_case=fold_case)
        row = {
            "measure": "similarity",
            "file": path,
            "part": "",
            "sum": True,
            "score": one.spearman,
            "error": one.error,
        }
        compared.append((path, [row | {"covered": one.covered, "asked": one.asked}]))
    return [*named_apart(answered), *named_apart(compared)]


def names_of(paths: Sequence[str]) -> list[str]:
    """Short names of files: without their folders where that tells them apart."""
    short = [PurePath(os.path.normpath(path)).name for path in paths]
    return [name if short.count(name) == 1 else path for name, path in zip(short, paths, strict=True)]


def side_by_side(rows: Sequence[Row], *, sections: bool = False) -> list[str]:
    """Lines of one table: what was measured below each other, the vectors beside each other.

    Parameters
    ----------
    rows
        Of `scores`, each with the name of its ``vectors``.
    sections
        Show sections of analogies, and not only their sums.
    """
    names = list(dict.fromkeys(row["vectors"] for row in rows))
    cells: dict[tuple[str, str, str], dict[str, Row]] = {}
    for row in rows:
        if row["sum"] or sections:
            cells.setdefault((row["measure"], row["file"], row["part"]), {})[row["vectors"]] = row
    titles = ["  " + (part or "Spearman") for _, _, part in cells]
    first = max(len(title) for title in [*titles, *(file for _, file, _ in cells)]) + 2
    width = max(SCORE, *map(len, names)) + 2
    each = max(1, (WIDTH - first - COVERED) // width)
    lines = []
    for at in range(0, len(names), each):
        lines += [*_block(cells, titles, names[at : at + each], first, width), ""]
    lines.append(
        "Analogies: % right; similarity: Spearman's correlation; ±: one standard error; of what is covered alone."
    )
    if any(_differ(found.values()) for found in cells.values()):
        lines.append("These vectors know different words, so not all scores are of the same questions: see --common.")
    return lines


def _block(
    cells: Mapping[tuple[str, str, str], Mapping[str, Row]],
    titles: Sequence[str],
    names: Sequence[str],
    first: int,
    width: int,
) -> list[str]:
    """The table of as many vectors as go beside each other."""
    lines = [" " * first + "".join(name.rjust(width) for name in names) + "covered".rjust(COVERED)]
    last = ""
    for title, ((_, file, _), found) in zip(titles, cells.items(), strict=True):
        if file != last:
            lines.append(file)
            last = file
        own = [found[name] for name in names]
        same = not _differ(own)
        covered = _covered(own[0]) if same else ""
        lines.append(title.ljust(first) + "".join(_score(row).rjust(width) for row in own) + covered.rjust(COVERED))
        if not same:
            lines.append("    covered".ljust(first) + "".join(_covered(row).rjust(width) for row in own))
    return [line.rstrip() for line in lines]


def _differ(rows: Iterable[Row]) -> bool:
    """Whether they are of different questions, as far as numbers tell."""
    return len({row["covered"] for row in rows}) > 1


def _covered(row: Row) -> str:
    return f"{row['covered']:,} of {row['asked']:,}"


def _score(row: Row) -> str:
    """A score and its error, in the unit of its measure."""
    if row["score"] is None:
        return "-"
    scale, digits = (100, 2) if row["measure"] == "analogies" else (1, 3)
    error = "" if row["error"] is None else f" ± {scale * row['error']:.{digits}f}"
    return f"{scale * row['score']:.{digits}f}{error}"

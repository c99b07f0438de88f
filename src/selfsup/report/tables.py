"""Rows of an evaluation as one table: encoders down, label counts across. Page and card share it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from selfsup.report.say import mapping, number, percent, plain, short

ORDER = ("model", "random init", "PCA", "raw input")


@dataclass(frozen=True)
class Column:
    """One count of labels."""

    title: str  # labels per class: "5", or "all"
    labels: str  # labels in all, "" where not known
    x: float | None  # labels per class as a number, for the axis of a chart


@dataclass(frozen=True)
class Cell:
    """One accuracy, as a share."""

    accuracy: float
    sd: float | None
    draws: str
    best: bool  # the highest of its column, as shown

    @property
    def text(self) -> str:
        """In per cent: ``88.1 ± 1.0``, or ``88.1`` where there is one draw."""
        return percent(self.accuracy) + (f" ± {percent(self.sd)}" if self.sd is not None and self.draws != "1" else "")


@dataclass(frozen=True)
class Line:
    """One encoder, or one layer of it."""

    encoder: str
    layer: str
    width: str
    cells: tuple[Cell | None, ...]
    chosen: bool  # the layer that the verdict speaks of

    @property
    def mean(self) -> float:
        """Mean accuracy over the columns: what stands for a baseline that lacks the chosen layer is its best."""
        known = [cell.accuracy for cell in self.cells if cell]
        return sum(known) / len(known) if known else 0.0


@dataclass(frozen=True)
class Table:
    """Every encoder at every count of labels."""

    columns: tuple[Column, ...]
    lines: tuple[Line, ...]

    def picked(self) -> list[Line]:
        """Return one line an encoder: the chosen layer, and the same layer of the baselines where they have it."""
        picked: list[Line] = []
        layer = next((line.layer for line in self.lines if line.chosen), None)
        for encoder in dict.fromkeys(line.encoder for line in self.lines):
            mine = [line for line in self.lines if line.encoder == encoder]
            picked.append(next((line for line in mine if line.layer == layer), max(mine, key=lambda line: line.mean)))
        return picked


def build(rows: Iterable[Mapping[str, Any]], layer: Any, n_classes: int) -> Table | None:
    """Make the table of probe or kNN rows.

    Parameters
    ----------
    rows
        As in ``evaluation.json``; keys that are not known here are left alone.
    layer
        The model's layer that the verdict chose, or None.
    n_classes
        Number of classes, 0 where not known.
    """
    usable = [row for row in rows if number(row.get("accuracy")) is not None]
    if not usable:
        return None
    columns = _columns(usable, n_classes)
    found: dict[tuple[str, str], dict[str, Mapping[str, Any]]] = {}
    for row in usable:
        found.setdefault((plain(row.get("encoder", "?")), plain(row.get("layer") or "")), {})[_title(row)] = row
    best = {c.title: max(_shown(line[c.title]) for line in found.values() if c.title in line) for c in columns}
    rank = {name: place for place, name in enumerate(ORDER)}
    lines = [
        _line(key, cells, columns, best, key == ("model", layer))
        for key, cells in sorted(found.items(), key=lambda item: rank.get(item[0][0], len(rank)))
    ]
    return Table(columns, tuple(lines))


def chosen_layer(because: Any, rows: Iterable[Mapping[str, Any]]) -> str | None:
    """Return the model's layer that a verdict speaks of.

    Where the verdict does not name it, this is its rule: best on the training labels held back at the largest count
    (accuracy on test labels has no say, or the choice itself would look like progress); else "code", else the last.
    """
    named = mapping(because).get("layer")
    if named is not None:
        return plain(named)
    models = [row for row in rows if row.get("encoder") == "model" and number(row.get("labels")) is not None]
    most = max((number(row["labels"]) or 0 for row in models), default=0)
    scored = [(row, number(row.get("validation"))) for row in models if number(row["labels"]) == most]
    names = [plain(row.get("layer") or "") for row, _ in scored]
    if not names:
        return None
    if any(score is None for _, score in scored):
        return "code" if "code" in names else names[-1]
    place = max(range(len(names)), key=lambda at: (scored[at][1] or 0.0, names[at] == "code", at))
    return names[place]


def _title(row: Mapping[str, Any]) -> str:
    """Return the labels per class of a row, as the key and title of its column."""
    return plain(row.get("labels_per_class", "all"))


def _shown(row: Mapping[str, Any]) -> str:
    """Return an accuracy as it is shown, so that what looks equal counts as equal; padded, so that it sorts."""
    return percent(row.get("accuracy")).rjust(8)


def _columns(rows: list[Mapping[str, Any]], n_classes: int) -> tuple[Column, ...]:
    """Return the columns from few labels to many; ``all`` stands where its number of labels puts it: last."""
    first = {_title(row): row for row in reversed(rows)}
    per_class = {title: number(row.get("labels_per_class")) for title, row in first.items()}
    if not n_classes:  # what 5 labels a class add up to says how many classes there are
        known = [(number(first[title].get("labels")), count) for title, count in per_class.items() if count]
        n_classes = max((round(labels / count) for labels, count in known if labels and count), default=0)
    columns = []
    for title, row in first.items():
        labels, x = number(row.get("labels")), per_class[title]
        if x is None and labels and n_classes:
            x = labels / n_classes
        columns.append(Column(title, short(labels) if labels else "", x if x and x > 0 else None))
    return tuple(sorted(columns, key=lambda column: (per_class[column.title] is None, column.x or 0.0)))


def _line(
    key: tuple[str, str],
    rows: Mapping[str, Mapping[str, Any]],
    columns: tuple[Column, ...],
    best: Mapping[str, str],
    chosen: bool,
) -> Line:
    """Return one line of the table."""
    cells: list[Cell | None] = []
    for column in columns:
        row = rows.get(column.title)
        accuracy = None if row is None else number(row.get("accuracy"))
        if row is None or accuracy is None:
            cells.append(None)
            continue
        draws = plain(row.get("draws", "?"))
        cells.append(Cell(accuracy, number(row.get("sd")), draws, _shown(row) == best[column.title]))
    width = next((short(row["width"]) for row in rows.values() if number(row.get("width"))), "")
    return Line(key[0], key[1], width, tuple(cells), chosen)

"""The whole of the evidence on one run: a table for people, a dict for files, a frame for pandas."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from selfsup.errors import RunError
from selfsup.measures.verdict import KINDS

if TYPE_CHECKING:
    import pandas as pd

PARTS = ("verdict", "health", "probe", "knn", "notes")
COLUMNS = ("encoder", "layer", "width", "labels_per_class", "labels", "accuracy", "sd", "draws")
MEASURES = {"probe": "linear probe", "knn": "nearest neighbours"}
WIDTH = 100  # of the table on a terminal, in characters
NAME = 26  # of its first column
CELL = 13


@dataclass
class Evaluation:
    """Evidence on one run; ``str`` of it is a table.

    Attributes
    ----------
    verdict
        ``kind``, ``sentence``, ``because``: from `evaluation.verdict`.
    health
        From `evaluation.health`.
    probe, knn
        Rows from `evaluation.compare`; empty where there were no labels.
    notes
        What a reader should know: rows left out, labels capped.
    """

    verdict: dict[str, Any]
    health: dict[str, Any]
    probe: list[dict[str, Any]] = field(default_factory=list)
    knn: list[dict[str, Any]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        lines: list[str] = []
        for measure, rows in (("probe", self.probe), ("knn", self.knn)):
            if rows:
                lines += [*table(MEASURES[measure], rows), ""]
        if self.health:
            lines += [health_line(self.health), ""]
        words = [f"{self.verdict['kind'].upper()}. {self.verdict['sentence']}"]
        words += [f"Note: {note}" for note in self.notes]
        return "\n".join(lines + [line for text in words for line in textwrap.wrap(text, WIDTH)])

    def short(self) -> str:
        """The linear probe of the judged layer beside the baselines, and the verdict: what a first look needs."""
        layer = self.verdict["because"].get("layer")
        rows = [row for row in self.probe if row["layer"] in ("", layer)]
        words = f"{self.verdict['kind'].upper()}. {self.verdict['sentence']}"
        return "\n".join([*(table(MEASURES["probe"], rows) if rows else []), *textwrap.wrap(words, WIDTH)])

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready; what ``evaluation.json`` holds."""
        return {part: getattr(self, part) for part in PARTS}

    @classmethod
    def from_dict(cls, saved: Mapping[str, Any]) -> Evaluation:
        """Read what `to_dict` wrote; anything else is a `RunError` that says what is wrong."""
        if not isinstance(saved, Mapping) or set(saved) != set(PARTS):
            given = ", ".join(map(str, saved)) if isinstance(saved, Mapping) else type(saved).__name__
            raise RunError(
                f"an evaluation has the keys {', '.join(PARTS)}; got {given or 'none'}: evaluate the run again"
            )
        for part, kind in (("verdict", dict), ("health", dict), ("probe", list), ("knn", list), ("notes", list)):
            if not isinstance(saved[part], kind):
                raise RunError(f"evaluation: '{part}' must be a {kind.__name__}; got {type(saved[part]).__name__}")
        if set(saved["verdict"]) != {"kind", "sentence", "because"} or saved["verdict"]["kind"] not in KINDS:
            raise RunError(f"evaluation: a verdict has kind ({', '.join(KINDS)}), sentence and because")
        for part in ("probe", "knn"):
            for row in saved[part]:
                if not isinstance(row, dict) or not set(COLUMNS) <= set(row):
                    raise RunError(f"evaluation: a row of '{part}' has {', '.join(COLUMNS)}; got {row}")
        return cls(**{part: saved[part] for part in PARTS})

    def to_pandas(self) -> pd.DataFrame:
        """All rows of both tables, with the column ``measure``: "probe" or "knn"."""
        import pandas as pd

        rows = [{"measure": measure} | row for measure in MEASURES for row in getattr(self, measure)]
        return pd.DataFrame(rows, columns=None if rows else ["measure", *COLUMNS])


def health_line(health: Mapping[str, Any]) -> str:
    """The numbers that need no labels, in one line."""
    return (
        f"gap {health['gap']:.4g} ({health['gap_start']:.4g} before), loss {health['loss']:.4g} "
        f"({health['loss_start']:.4g} before), effective rank {health['rank']:.1f} of {health['width']}, "
        f"spread {health['spread']:.2g}"
    )


def table(title: str, rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Lines of one table: encoders down, numbers of labels across; the best of a column has a star.

    More columns than fit into `WIDTH` go into a second table below.
    """
    counts = list(dict.fromkeys(row["labels_per_class"] for row in rows))
    encoders = list(dict.fromkeys((row["encoder"], row["layer"]) for row in rows))
    cells = {(row["encoder"], row["layer"], row["labels_per_class"]): row for row in rows}
    widths = {(row["encoder"], row["layer"]): row["width"] for row in rows}
    best = {
        count: max(round(100 * row["accuracy"], 1) for row in rows if row["labels_per_class"] == count)
        for count in counts
    }
    fit = (WIDTH - NAME) // CELL
    lines = []
    for first in range(0, len(counts), fit):
        shown = counts[first : first + fit]
        lines.append(f"{title + ', %':<{NAME}}" + "".join(f"{heading(count):>{CELL}}" for count in shown).rstrip())
        for encoder in encoders:
            line = f"{name_of(*encoder, widths[encoder]):<{NAME}}"
            for count in shown:
                row = cells.get((*encoder, count))
                line += f"{cell(row, best[count]) if row else '':>{CELL}}"
            lines.append(line.rstrip())
    return lines


def heading(count: Any) -> str:
    """Head of a column; the space at its end stands above the star."""
    if count != "all" and count >= 1000:
        return f"{count / 1000:g}k a class "
    return f"{count} labels " if count == "all" else f"{count} a class "


def name_of(encoder: str, layer: str, width: int) -> str:
    """Name of a line, cut to its column."""
    name = f"{encoder}({width})" if encoder == "PCA" else f"{encoder}: {layer}" if layer else encoder
    return name if len(name) < NAME else name[: NAME - 2] + "…"


def cell(row: Mapping[str, Any], best: float) -> str:
    """Accuracy in per cent, its deviation over the draws where there were several, a star if it is the best."""
    value = 100 * row["accuracy"]
    deviation = f" ±{100 * row['sd']:.1f}" if row["draws"] > 1 else ""
    return f"{value:.1f}{deviation}" + ("*" if round(value, 1) == best else " ")

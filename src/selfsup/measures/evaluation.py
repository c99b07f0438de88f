"""The whole of the evidence on one run, of any kind of data: a text for people, a dict for files, a frame for pandas."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from selfsup.errors import RunError
from selfsup.lazy import pandas
from selfsup.measures.table import WIDTH, Row, Table, is_number, is_plain, look_of, wrong
from selfsup.measures.verdict import KINDS
from selfsup.system import html

if TYPE_CHECKING:
    import pandas as pd

PARTS = {"verdict": dict, "health": dict, "tables": dict, "notes": list}


@dataclass
class Evaluation:
    """Evidence on one run; ``str`` of it is a text, and a `RunError` where what was read cannot be shown.

    Attributes
    ----------
    verdict
        ``kind``, ``sentence``, ``because``: from `measures.verdict`; empty where a run was not judged.
    health
        Numbers that need no labels, by name.
    tables
        What each measure found; none where there were no labels, say.
    notes
        What a reader should know: rows left out, labels capped.
    arrays
        Pictures of samples that tables speak of, in the order of their rows: ``hardest`` (n, ...), images uint8 and rows of a
        table float32. The run folder keeps them apart from the rest (``pictures.safetensors``).
    measured_on
        Fingerprint of the data, where these were opened for it; "" where it is not known.
    """

    verdict: dict[str, Any] = field(default_factory=dict)
    health: dict[str, Any] = field(default_factory=dict)
    tables: list[Table] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    arrays: Mapping[str, Any] = field(default_factory=dict, compare=False, repr=False)
    measured_on: str = field(default="", compare=False, repr=False)

    def rows(self, name: str) -> list[Row]:
        """Rows of the table of a name; none where it was not measured."""
        return [row for table in self.tables if table.name == name for row in table.rows]

    def with_table(self, table: Table) -> Evaluation:
        """The same evidence and a table more; where one of its name is there, rows on the same file are replaced by it."""
        key, others = look_of(table.name).key, [old for old in self.tables if old.name != table.name]
        new = {row.get(key) for row in table.rows}
        kept = [row for row in self.rows(table.name) if key and row.get(key) not in new]
        return replace(self, tables=[*others, replace(table, rows=[*kept, *table.rows])])

    def __str__(self) -> str:
        lines: list[str] = []
        with _shown():
            for table in self.tables:
                if table.rows:
                    lines += [*look_of(table.name).lines(table), ""]
            if self.health:
                lines += [health_line(self.health), ""]
        notes = [f"Note: {note}" for note in self.notes]
        return "\n".join([*lines, *self._said(), *(line for note in notes for line in textwrap.wrap(note, WIDTH))])

    def _repr_html_(self) -> str:
        """What a notebook shows: the verdict, every table, and what a reader should know."""
        said = html.verdict(self.verdict["kind"], self.verdict["sentence"]) if self.verdict else ""
        with _shown():
            health = html.paragraph(health_line(self.health)) if self.health else ""
            tables = [table._repr_html_() for table in self.tables if table.rows]
        return html.block(said, health, *tables, *(html.paragraph(f"Note: {note}") for note in self.notes))

    def short(self) -> str:
        """What a first look needs: of each table what its kind says is that, and the verdict."""
        because = self.verdict.get("because", {})
        with _shown():
            found = [line for table in self.tables for line in look_of(table.name).brief(table, because)]
        return "\n".join([*found, *self._said()])

    def _said(self) -> list[str]:
        if not self.verdict:
            return []
        return textwrap.wrap(f"{self.verdict['kind'].upper()}. {self.verdict['sentence']}", WIDTH)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready; what ``evaluation.json`` holds."""
        tables = {table.name: table.rows for table in self.tables}
        return {"verdict": self.verdict, "health": self.health, "tables": tables, "notes": self.notes}

    @classmethod
    def from_dict(cls, saved: Any) -> Evaluation:
        """Read what `to_dict` wrote; the tables of a measure of a user's own need only be flat.

        What rows must hold beside their columns is known where they are shown, and looked at then: rendering them here took as
        long as all else of a small run.

        Raises
        ------
        RunError
            If it is anything else, with what is wrong.
        """
        if not isinstance(saved, Mapping) or set(saved) != set(PARTS):
            given = ", ".join(map(str, saved)) if isinstance(saved, Mapping) else type(saved).__name__
            raise RunError(
                f"an evaluation has the keys {', '.join(PARTS)}; got {given or 'none'}: evaluate the run again"
            )
        for part, kind in PARTS.items():
            if not isinstance(saved[part], kind):
                raise RunError(f"evaluation: '{part}' must be a {kind.__name__}; got {type(saved[part]).__name__}")
        verdict, health = saved["verdict"], saved["health"]
        if verdict and (set(verdict) != {"kind", "sentence", "because"} or verdict["kind"] not in KINDS):
            raise RunError(f"evaluation: a verdict has kind ({', '.join(KINDS)}), sentence and because")
        if verdict and not (isinstance(verdict["sentence"], str) and isinstance(verdict["because"], dict)):
            raise RunError("evaluation: the sentence of a verdict is a text, and because an object")
        if not all(map(is_plain, verdict.get("because", {}).values())) or not all(map(is_number, health.values())):
            raise RunError("evaluation: health, and what a verdict rests on, are finite numbers")
        if not all(isinstance(note, str) for note in saved["notes"]):
            raise RunError("evaluation: notes are texts")
        tables = []
        for name, rows in saved["tables"].items():
            if not isinstance(rows, list):
                raise RunError(f"evaluation: the table '{name}' must be a list of rows; got {type(rows).__name__}")
            if said := wrong(Table(name, rows)):
                raise RunError(f"evaluation: {said}")
            tables.append(Table.of(name, rows))
        return cls(verdict, health, tables, saved["notes"])

    def to_pandas(self) -> pd.DataFrame:
        """All rows of all tables, with the column ``measure``: the name of the table (a row's own one is called ``score``)."""
        rows = [
            {"measure": table.name} | {"score" if key == "measure" else key: value for key, value in row.items()}
            for table in self.tables
            for row in table.rows
        ]
        return pandas.DataFrame(rows, columns=None if rows else ["measure"])


@contextmanager
def _shown() -> Iterator[None]:
    """Say in our own words that rows cannot be shown: each look knows for itself what they must hold, a stranger's may not."""
    try:
        yield
    except Exception as error:
        raise RunError(f"evaluation: it cannot be shown, so it is not what was written ({error!r})") from error


def judged(
    verdict: dict[str, Any], health: Mapping[str, float], tables: Sequence[Table], notes: Sequence[str]
) -> Evaluation:
    """Evidence, with what the measures add to the health of the run."""
    found = dict(health)
    for table in tables:
        found |= table.health
    return Evaluation(verdict, found, list(tables), list(notes))


def health_line(health: Mapping[str, Any]) -> str:
    """The numbers that need no labels, in one line."""
    there = health.keys() & {"gap", "gap_start", "loss", "loss_start"}  # of what was not learnt here there are none
    losses = "" if not there else (
        f"gap {health['gap']:.4g} ({health['gap_start']:.4g} before), loss {health['loss']:.4g} "
        f"({health['loss_start']:.4g} before), "
    )  # fmt: skip
    return f"{losses}effective rank {health['rank']:.1f} of {health['width']}, spread {health['spread']:.2g}"

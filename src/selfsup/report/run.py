"""A run folder as the sections of page and card see it: read once, and no type in it is trusted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from selfsup import store
from selfsup.report import say

READ = (store.METRICS, store.EVALUATION, store.PICTURES, store.BAD)


@dataclass(frozen=True)
class Run:
    """What a run folder holds.

    Attributes
    ----------
    config, history, evaluation
        Of ``config.json``, ``metrics.jsonl`` and ``evaluation.json``; empty where there is none.
    arrays
        Pictures of a few samples.
    folder
        Where it lies in the end, or None.
    bad
        Files that were skipped.
    claimed
        Names of the tables that some section shows; the others have a plain one.
    """

    config: dict[str, Any]
    history: list[dict[str, Any]]
    evaluation: dict[str, Any]
    arrays: Mapping[str, np.ndarray] = field(default_factory=dict)
    folder: Path | None = None
    bad: int = 0
    claimed: frozenset[str] = frozenset()

    @classmethod
    def read(cls, folder: Path, claimed: frozenset[str] = frozenset()) -> Run:
        """Read a run folder.

        Raises
        ------
        RunError
            If the folder, its ``config.json`` or ``metrics.jsonl`` is missing, or a file is damaged.
        """
        with store.sealed(folder, READ) as config:
            store.check_run(folder, config)
            there = {name: (folder / name).is_file() for name in (store.EVALUATION, store.PICTURES, store.BAD)}
            history = say.records(store.read_metrics(folder))
            evaluation = say.mapping(store.read_json(folder, store.EVALUATION)) if there[store.EVALUATION] else {}
            arrays = store.read_arrays(folder, store.PICTURES) if there[store.PICTURES] else {}
            bad = store.read_json(folder, store.BAD) if there[store.BAD] else []
        # the report is written while the run still lies in OUT.partial
        out = folder.with_name(folder.name.removesuffix(".partial"))
        return cls(config, history, evaluation, arrays, out, len(bad) if isinstance(bad, list | dict) else 0, claimed)

    def part(self, name: str) -> dict[str, Any]:
        """An object of the configuration, such as ``data``."""
        return say.mapping(self.config.get(name))

    @cached_property
    def verdict(self) -> dict[str, Any]:
        """Kind, sentence, because; empty where the run was not judged."""
        return say.mapping(self.evaluation.get("verdict"))

    @cached_property
    def tables(self) -> dict[str, list[dict[str, Any]]]:
        """Rows of each table that has any, by name."""
        found = {name: say.records(rows) for name, rows in say.mapping(self.evaluation.get("tables")).items()}
        return {name: rows for name, rows in found.items() if rows}

    @property
    def method(self) -> str:
        """Name of the method."""
        return say.plain(self.config.get("method") or "unknown method")

    @property
    def words(self) -> bool:
        """Whether word vectors come out: each word has a vector, where else each sample has a code."""
        return self.config.get("words") is True

    @property
    def taught(self) -> bool:
        """Whether it learnt from labels: its classes are among what was measured of the data."""
        return bool(self.part("facts").get("classes"))

    def tell(self, text: str) -> str:
        """Fill in what this run has: ``{sample}``, ``{samples}``, ``{codes}``."""
        one, codes = ("word", "vectors") if self.words else ("sample", "codes")
        return text.format(sample=one, samples=f"{one}s", codes=codes)

    @property
    def columns(self) -> bool:
        """Whether samples are rows of a table, whose columns have units of their own."""
        return bool(self.part("form").get("columns"))

    @property
    def column_names(self) -> list[str]:
        """What each value of a table's row is, in order: its column, with the category where it is one of several."""
        form = self.part("form")
        columns, fields = (
            list(held) if isinstance(held := form.get(key), list) else [] for key in ("columns", "fields")
        )
        if not all(isinstance(field, dict) and isinstance(field.get("values"), list) for field in fields):
            return []
        return [
            f"{field['name']} = {value}" if value else str(field.get("name"))
            for field in fields or [{"name": name, "values": []} for name in columns]
            for value in (field["values"] if field.get("kind") == "category" else [""])
        ]

    @property
    def cautions(self) -> list[str]:
        """Notes of the training."""
        return say.notes(self.config.get("notes"))

    @property
    def notes(self) -> list[str]:
        """Notes of the evaluation that are not those of the training too."""
        return [note for note in say.notes(self.evaluation.get("notes")) if note not in self.cautions]

"""The verb info."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from selfsup.cli.words.convert import size_of
from selfsup.cli.words.giving import NAMED, free, give, some
from selfsup.lazy import numpy as np

if TYPE_CHECKING:
    from selfsup.words.vectors import WordVectors

SHOWN = 10  # words
ROWS = 1 << 16  # looked at at once


def info(
    file: str, *, format: str | None = None, json: bool = False, out: str | None = None, overwrite: bool = False
) -> None:
    """Say what a file of word vectors holds: format, words, counts, lengths of the vectors.

    Parameters
    ----------
    file
        Word vectors: a file in any format, or a run.
    format
        Of the word vectors, where it cannot be known by their content.
    json
        Write JSON to standard output.
    out
        File to write it to as well: .csv, .json or .parquet.
    """
    from selfsup.words.vectors import WordVectors

    place = free(out, overwrite)
    with _warnings() as notes:
        vectors = WordVectors.load(file, format)
    facts = {"file": file, "format": format or _format(Path(file)), "bytes": size_of(Path(file)), **_facts(vectors)}
    facts["notes"] = " | ".join(note.removeprefix(f"{file}: ") for note in notes)
    shown = [vectors.words[row] for row in range(min(NAMED + 1, len(vectors)))]
    give([*_lines(facts, shown), *(f"note     {note}" for note in notes)], [facts], place, as_json=json)


def _facts(vectors: WordVectors) -> dict[str, Any]:
    lengths = np.concatenate(
        [
            np.linalg.norm(vectors.rows(slice(at, at + ROWS)).astype(np.float64), axis=1)
            for at in range(0, len(vectors), ROWS)
        ]
    )
    finite = lengths[np.isfinite(lengths)]
    counts = vectors.counts
    shown = [vectors.words[row] for row in range(min(SHOWN, len(vectors)))]
    return {
        "words": len(vectors),
        "dimensions": vectors.dim,
        "numbers": str(vectors.vectors.dtype),
        "matrix bytes": int(vectors.vectors.nbytes) + (0 if vectors.scale is None else int(vectors.scale.nbytes)),
        "counts": counts is not None,
        "total of counts": None if counts is None else int(counts.sum()),
        "by frequency": None if counts is None else bool((np.diff(counts) <= 0).all()),
        "subwords": vectors.ngrams is not None,
        "zero vectors": int((lengths == 0).sum()),
        "not finite": len(lengths) - len(finite),
        "shortest": float(finite.min()) if len(finite) else None,
        "median length": float(np.median(finite)) if len(finite) else None,
        "longest": float(finite.max()) if len(finite) else None,
        "first words": " ".join(shown),
    }


def _lines(facts: dict[str, Any], shown: list[str]) -> list[str]:
    """What there is, a line for each thing that people look for."""
    from selfsup.system.memory import in_words

    if not facts["counts"]:
        counts = "none: the order of the words stands for their frequency"
    else:
        order = "the most frequent first" if facts["by frequency"] else "not in the order of frequency"
        counts = f"{facts['total of counts']:,} in all, {order}"
    lengths = "none is finite"
    if facts["median length"] is not None:
        unit = ", all of length 1" if max(abs(facts[end] - 1) for end in ("shortest", "longest")) < 1e-3 else ""
        lengths = f"{facts['shortest']:.4g} to {facts['longest']:.4g}, median {facts['median length']:.4g}{unit}"
    return [
        f"file     {facts['file']} ({facts['format']}, {in_words(facts['bytes'])})",
        f"words    {facts['words']:,}: {some(shown)}",
        f"vectors  {facts['dimensions']:,} values of {facts['numbers']}, {in_words(facts['matrix bytes'])} in memory",
        f"counts   {counts}",
        f"lengths  {lengths}; {facts['zero vectors']:,} of zeros, {facts['not finite']:,} not finite",
        f"subwords {'yes: words that are not among these get a vector too' if facts['subwords'] else 'none'}",
    ]


def _format(path: Path) -> str:
    """Name of the format that a file or folder has by its content."""
    from selfsup.words.formats import REGISTERED, find
    from selfsup.words.formats.io import blocks_of

    head = b"" if path.is_dir() else next(blocks_of(path), b"")
    return next((name for name in REGISTERED if find(name).knows(path, head)), "unknown")


@contextlib.contextmanager
def _warnings() -> Iterator[list[str]]:
    """What is logged as a warning meanwhile, which is part of the answer here."""
    logger, found = logging.getLogger("selfsup"), list[str]()

    class Kept(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            found.append(record.getMessage())

    before = logger.handlers
    logger.handlers = [Kept(logging.WARNING)]
    try:
        yield found
    finally:
        logger.handlers = before

"""What the verbs share: vectors that are read, lists of words, and answers as lines, JSON or a file."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from selfsup.cli.parser import say
from selfsup.cli.writing import output, to_csv
from selfsup.lazy import pandas as pd
from selfsup.system.files import write_bytes
from selfsup.system.screen import printable

if TYPE_CHECKING:
    from selfsup.words.vectors import WordVectors

log = logging.getLogger("selfsup")
ANSWERS = (".csv", ".json", ".parquet")  # files that answers can be written to
NAMED = 5  # words that a sentence names


def free(out: str | None, overwrite: bool) -> Path | None:
    """File to write the answers to, if one is asked for."""
    return None if out is None else output(out, overwrite, ANSWERS)


def give(lines: Sequence[str], rows: Sequence[Mapping[str, Any]], file: Path | None, *, as_json: bool) -> None:
    """Write the rows to a file, where one is asked for, and say them: as lines for people, or as JSON and nothing else."""
    if file is not None:
        write_bytes(file, _content(file, rows))
    if as_json:
        say(_json(rows))
        return
    say("\n".join(lines))
    if file is not None:
        say(f"{len(rows):,} row{'' if len(rows) == 1 else 's'} in {file}")


def _content(file: Path, rows: Sequence[Mapping[str, Any]]) -> bytes:
    if file.suffix == ".json":
        return _json(rows).encode() + b"\n"
    frame = pd.DataFrame(list(rows))
    if file.suffix == ".csv":
        return to_csv(frame)
    buffer = io.BytesIO()
    frame.to_parquet(buffer, index=False)
    return buffer.getvalue()


def _json(rows: Sequence[Mapping[str, Any]]) -> str:
    """Strict JSON that any encoding of a terminal can show."""
    return json.dumps(list(rows), indent=1, allow_nan=False)


def words_of(file: str) -> list[str]:
    """Words of a file, one a line, each once."""
    from selfsup.errors import DataError
    from selfsup.words.formats.io import lines_of

    source, lines = lines_of(file)
    words = list(dict.fromkeys(word for line in lines if (word := line.strip("\r\n\t "))))
    if not words:
        raise DataError(f"{source} names no words; one a line")
    return words


def known(vectors: WordVectors, words: Sequence[str], source: str) -> list[str]:
    """Those of the words of a file that have a vector; of the others it is said how many they are."""
    from selfsup.errors import DataError

    there = [word for word in words if word in vectors.index]
    missing = [word for word in words if word not in vectors.index]
    if not there:
        raise DataError(f"none of the {len(words):,} words of {source} has a vector, not even {words[0]!r}")
    if missing:
        log.warning("%d of the %d words of %s have no vector: %s", len(missing), len(words), source, some(missing))
    return there


def some(words: Sequence[str]) -> str:
    """The first few words."""
    return ", ".join(map(printable, words[:NAMED])) + (", ..." if len(words) > NAMED else "")


def count(n: int, thing: str) -> str:
    """So many of a thing: 1 word, 2 words."""
    return f"{n:,} {thing}{'' if n == 1 else 's'}"

"""What the verbs share: vectors that are read, the attribute's direction in them, and the lines that say what was looked at."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from selfsup.cli.parser import UsageError

if TYPE_CHECKING:
    from selfsup.measures.table import Table
    from selfsup.words.bias.attribute import Attribute
    from selfsup.words.bias.direction import Direction
    from selfsup.words.vectors import WordVectors

GENDER = "gender"


class Subject(NamedTuple):
    """Word vectors and the direction of an attribute in them."""

    vectors: WordVectors
    direction: Direction


def opened(path: str, attribute: str, pairs: tuple[str, ...]) -> Subject:
    """Vectors of a file or a run, and the direction of the attribute in them."""
    from selfsup.words.bias.direction import direction
    from selfsup.words.vectors import WordVectors

    about = attribute_of(attribute, pairs)
    vectors = WordVectors.load(path)
    return Subject(vectors, direction(vectors, about))


def attribute_of(attribute: str, pairs: tuple[str, ...]) -> Attribute:
    """An attribute by name or file, or of pairs that were typed: she:he,woman:man. Of classes alone the first two make pairs."""
    from selfsup.words.bias.attribute import Attribute

    if pairs and attribute != GENDER:
        raise UsageError("--attribute and --pairs both say which pairs; give one of them")
    if not pairs or (len(pairs) == 1 and ":" not in pairs[0]):
        about = Attribute.read(pairs[0] if pairs else attribute)
        return about if about.pairs else replace(about, pairs=tuple((one[0], one[1]) for one in about.sets))
    split = [tuple(pair.split(":")) for pair in pairs]
    if wrong := [pair for pair, words in zip(pairs, split, strict=True) if len(words) != 2 or not all(words)]:
        raise UsageError(f"--pairs takes pairs such as she:he,woman:man; got '{wrong[0]}'")
    return Attribute.read([(first, second) for first, second in split])


def check_files(*questions: str | tuple[str, ...]) -> None:
    """Raise an error where a file of questions is missing, before an hour of work and not after it."""
    from selfsup.errors import DataError
    from selfsup.measures.words.files import listed
    from selfsup.system.files import missing

    for file in (one for files in questions for one in listed(files)):
        if not os.path.isfile(file):  # a name that is too long is no file either
            raise DataError(missing(Path(file), "a file of questions"))


def shown(tables: Iterable[Table]) -> list[str]:
    """Tables as lines, each after an empty one; what several of them end with stands at the end, once."""
    from selfsup.measures.table import look_of
    from selfsup.measures.words.bias.score import CAUTION

    lines: list[str] = []
    for table in tables:
        if table.rows:
            lines += ["", *(line for line in look_of(table.name).lines(table) if line != CAUTION)]
    return [*lines, "", CAUTION]


def rows_of(tables: Iterable[Table]) -> list[dict[str, Any]]:
    """Rows of several tables, each with the name of its table."""
    return [{"table": table.name, **row} for table in tables for row in table.rows]

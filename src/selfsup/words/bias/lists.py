"""Word lists that come with the package, and word lists of a user's own: JSON, nothing else."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple

from selfsup.errors import DataError, OptionError, unknown
from selfsup.system.files import missing
from selfsup.words.bias.given import listed

LIMIT = 16 << 20  # bytes of a file of words; the longest list that people publish has some 100 kB
SHOWN = 60  # characters of what was given that a message shows
ATTRIBUTES = ("gender", "religion")  # files that declare an attribute
TEXT = (".txt", ".text", ".lst", ".words")  # endings of files with a word a line
WORDS = ("occupations",)  # files that declare a list of words


class Occupation(NamedTuple):
    """A word of a list.

    Attributes
    ----------
    word
        As it is listed; words of several parts are joined by "_".
    specific
        Whether its meaning has a gender, as that of "actress".
    """

    word: str
    specific: bool

    @property
    def variants(self) -> tuple[str, ...]:
        """Ways of writing it, in the order in which they are looked for: "fighter_pilot", "fighter pilot", "fighter-pilot"."""
        return (
            tuple(dict.fromkeys(self.word.replace("_", mark) for mark in "_ -")) if "_" in self.word else (self.word,)
        )


class WeatTest(NamedTuple):
    """Target words X and Y and attribute words A and B of one test of Caliskan et al. (2017), each set with its name."""

    name: str
    X: tuple[str, ...]
    Y: tuple[str, ...]
    A: tuple[str, ...]
    B: tuple[str, ...]
    x_name: str
    y_name: str
    a_name: str
    b_name: str
    source: str


def occupations() -> tuple[Occupation, ...]:
    """The bundled list of occupations, and which of them have a gender by definition."""
    return entries("occupations")[1]


def weat() -> dict[str, WeatTest]:
    """The ten tests of Caliskan, Bryson and Narayanan (2017, table 1 and supplement), by name."""
    held = bundled("weat")
    sets = {name: tuple(words) for name, words in held["sets"].items()}
    made = {}
    for name, (x, y, a, b) in held["tests"].items():
        four = sets[x], sets[y], sets[a], sets[b]
        made[name] = WeatTest(name, *four, _title(x), _title(y), _title(a), _title(b), held["source"])
    return made


def words_of(words: str | os.PathLike[str] | Mapping[str, Any] | Sequence[str]) -> tuple[str, list[str]]:
    """Name and words of a list: see `entries`."""
    name, every = entries(words)
    return name, [one.word for one in every]


def entries(
    words: str | os.PathLike[str] | Mapping[str, Any] | Sequence[str | Occupation],
) -> tuple[str, tuple[Occupation, ...]]:
    """Name and words of a list.

    Parameters
    ----------
    words
        A bundled list ("occupations"), a file, what such a file holds, or a list of words. A JSON file holds a list of words,
        or an object ``{"words": [...], "specific": [...], "name": ..., "source": ...}``, of which `specific` are those words
        whose meaning has a gender; a text file (.txt) has a word a line.

    Raises
    ------
    OptionError, DataError
        If there is no such list, or it has another shape.
    """
    name, held = "words", words
    if isinstance(words, str | os.PathLike):
        name, held = chosen(words, WORDS, "word list")
    what = f"the word list {name}"
    if isinstance(held, Mapping):
        only_keys(held, ("words", "specific", "name", "source"), what)
        if "words" not in held:
            raise DataError(f"{what} has no 'words'; it is a list of words, or an object with them under 'words'")
        name = str(held.get("name", name))
        specific = set(listed(held["specific"], f"'specific' of {what}")) if held.get("specific") else set()
        every = listed(held["words"], f"'words' of {what}")
        return name, tuple(Occupation(word, word in specific) for word in dict.fromkeys(every))
    if isinstance(held, list | tuple) and held and all(isinstance(one, Occupation) for one in held):
        return name, tuple(dict.fromkeys(held))
    return name, tuple(Occupation(word, False) for word in dict.fromkeys(listed(held, what)))


def chosen(what: str | os.PathLike[str], names: Sequence[str], kind: str) -> tuple[str, Any]:
    """Name and content of a bundled file by its name, or else of a file by its path."""
    if isinstance(what, str) and what in names:
        return what, bundled(what)
    path = Path(what)
    if not os.path.exists(path) and not path.suffix:
        told = unknown(kind, str(what)[:SHOWN], names)
        raise OptionError(f"{told} Words of your own are a list, or a file such as WORDS.json")
    return path.stem, read_lines(path) if path.suffix.lower() in TEXT else read_json(path)


def read_lines(path: Path) -> list[str]:
    """Words of a text file, one a line; empty lines are passed over.

    Raises
    ------
    DataError
        If it is missing, larger than 16 MB, or not UTF-8.
    """
    return [line.strip() for line in _text(path, "a file of words").splitlines() if line.strip()]


@cache
def bundled(name: str) -> Any:
    """Content of a file of this package."""
    return json.loads(files("selfsup.words.bias").joinpath("lists", f"{name}.json").read_text(encoding="utf-8"))


def read_json(path: str | os.PathLike[str]) -> Any:
    """Content of a JSON file of a user's own.

    Raises
    ------
    DataError
        If it is missing, larger than 16 MB, not UTF-8 or not JSON, nested beyond reason, or names a key twice or a number that
        is none (NaN, Infinity).
    """
    path = Path(path)
    content = _text(path, "a JSON file")
    try:
        return json.loads(content, parse_constant=_number, object_pairs_hook=_once)
    except RecursionError as error:
        raise DataError(f"{path} is nested too deeply for a list of words") from error
    except ValueError as error:
        raise DataError(f"{path} is not JSON: {error}; a list of words is JSON in UTF-8") from error


def _text(path: Path, kind: str) -> str:
    """Text of a file that holds some words."""
    try:
        if not os.path.isfile(path):
            raise DataError(f"{path} is not a file; give {kind}" if os.path.exists(path) else missing(path, kind))
        with path.open("rb") as file:
            content = file.read(LIMIT + 1)
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}; give {kind}") from error
    if len(content) > LIMIT:
        raise DataError(f"{path} is larger than the {LIMIT >> 20} MB that {kind} with words may have")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is not UTF-8 (byte {error.start}); give {kind} in UTF-8") from error


def _title(name: str) -> str:
    """A set's name for people: the number tells sets of one kind apart, which share no test."""
    return name.rstrip("_0123456789").replace("_", " ")


def only_keys(held: Mapping[str, Any], keys: Sequence[str], what: str) -> None:
    """Refuse keys that mean nothing here."""
    for key in held:
        if key not in keys:
            raise DataError(f"{what}: {unknown('key', str(key), keys)}")


def _once(items: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object, each key of which may stand there once."""
    made = dict(items)
    if len(made) < len(items):
        keys = [key for key, _ in items]
        raise ValueError(f"the key {next(key for key in keys if keys.count(key) > 1)!r} stands there more than once")
    return made


def _number(text: str) -> float:
    """A constant that JSON does not have."""
    raise ValueError(f"{text} is not a number of JSON")

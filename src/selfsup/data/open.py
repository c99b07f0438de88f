"""One door for every kind of data: which reader a source takes, the reader's options, and the data themselves."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from selfsup.data.text.kind import may_read as may_read_text, reads as reads_text
from selfsup.errors import DataError, OptionError, unknown
from selfsup.options import Option, options_of, resolve

READERS = {  # what a source is read as -> the function that reads it; its signature declares the options
    "samples": "selfsup.data.samples:open_samples",
    "text": "selfsup.data.text.corpus:open_text",
}
KINDS = {"image": "samples", "table": "samples", "text": "text"}  # of data -> reader
OURS = ("source", "like", "limit", "closed", "known", "seed", "cache", "progress", "others")  # not a user's


def reader_of(source: Any, kinds: Sequence[str] | None = None, asked: Iterable[str] = ()) -> str:
    """The reader of a source: the one that a method's kinds of data have, or else by the looks of the source.

    Parameters
    ----------
    kinds
        Kinds of data that the method learns from, where it is known.
    asked
        Options that were given: a table is text where the reader of text alone has one of them, such as `column`.
    """
    named = {KINDS[kind] for kind in kinds or KINDS}
    if len(named) == 1:
        return named.pop()
    if reads_text(source):
        return "text"
    own = reading_options("text").keys() - reading_options("samples").keys()
    return "text" if own & set(asked) and may_read_text(source) else "samples"


def check_looks(source: Any, reader: str, name: str, kinds: Sequence[str]) -> None:
    """Raise `DataError` where a source is plainly of another kind than a method learns from."""
    numbers = getattr(getattr(source, "dtype", None), "kind", "") in tuple("biufc")
    if (reader == KINDS["text"] and numbers) or (reader != KINDS["text"] and reads_text(source)):
        looks = "is an array of numbers" if numbers else f"looks like text{_named(source)}"
        raise DataError(
            f"method '{name}' learns from {' and '.join(f'{kind}s' for kind in kinds)}; what is given {looks}"
        )


def _named(source: Any) -> str:
    return f" ({source})" if isinstance(source, str | os.PathLike) else ""


def reading_options(reader: str) -> Mapping[str, Option]:
    """Options of a reader, by name."""
    return {name: option for name, option in options_of(_function(reader)).items() if name not in OURS}


def open_data(source: Any, reader: str | None = None, *, like: Any = None, **options: Any) -> Any:
    """Open any kind of data: a `Dataset`, or of text a `Corpus`.

    Parameters
    ----------
    source
        See the readers: `selfsup.data.samples.open_samples`, `selfsup.data.text.corpus.open_text`.
    reader
        One of `READERS`; by default that of `like`, or what the source looks like.
    like
        The form of a trained model: the data are brought to it, or refused.
    **options
        The reader's.

    Raises
    ------
    DataError
        If the data cannot be used; the message says why and what to do.
    OptionError
        If an option is unknown or out of its range.
    """
    reader = reader or (KINDS[like.kind] if like is not None else reader_of(source))
    read = _function(reader)
    known = options_of(read)
    ours = {name: value for name, value in options.items() if name in OURS and name in known}
    asked = {name: value for name, value in options.items() if name not in OURS}
    for name in asked:
        if name not in known:
            raise OptionError(unknown("option of these data", name, reading_options(reader)))
    checked = resolve(read, {**asked, "source": source}, "these data")
    return read(**{**checked, **ours, "like": like})


def _function(reader: str) -> Callable[..., Any]:
    module, _, name = READERS[reader].partition(":")
    found: Callable[..., Any] = getattr(importlib.import_module(module), name)
    return found

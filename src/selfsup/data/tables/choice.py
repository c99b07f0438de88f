"""Which columns of a table are learnt from, and what is said where some of them cannot be."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from selfsup.data.request import Request
from selfsup.errors import DataError, OptionError, unknown


class Refused(NamedTuple):
    """A column that cannot be used, and why; without a name where a trouble is of no column that could be left out."""

    name: str | None
    why: str


def chosen(names: Sequence[str], request: Request, source: str) -> list[str]:
    """Names of the columns that are read: those asked for, else all, without those that are dropped.

    Raises
    ------
    DataError
        If a name is none of the table's; each is said, with its nearest.
    OptionError
        If a column is asked for twice over, or the labels are to be learnt from or to be dropped.
    """
    columns, drop = request.columns, request.drop or ()
    strange = [unknown("column", name, names) for name in (*(columns or ()), *drop) if name not in names]
    if strange:
        raise DataError(f"{source}: {'; '.join(strange)}")
    if both := [name for name in columns or () if name in drop]:
        raise OptionError(f"column '{both[0]}' is in option 'columns' and in option 'drop'")
    for option, given in (("columns", columns or ()), ("drop", drop)):
        if asked := [name for name in label_columns(request, names) if name in given]:
            raise OptionError(
                f"column '{asked[0]}' holds labels (option 'label_column'), which are for evaluation only; take it out of option "
                f"'{option}'"
            )
    return [name for name in names if name not in drop and (columns is None or name in columns)]


def label_columns(request: Request, names: Sequence[str]) -> tuple[str, ...]:
    """Names of the columns that the caller says hold labels; a word with commas is several, unless a column is called so.

    Raises
    ------
    DataError
        If a name is none of the table's.
    """
    asked = request.label_column
    if asked is None:
        return ()
    given = (asked,) if isinstance(asked, str) else tuple(asked)
    if len(given) == 1 and given[0] not in names and "," in given[0]:
        given = tuple(part.strip() for part in given[0].split(",") if part.strip())
    for name in given:
        if name not in names:
            raise DataError(unknown("column", name, names))
    if not given or len(set(given)) < len(given):
        raise OptionError(f"option 'label_column' takes the names of columns, each once; got {asked!r}")
    return given


@contextmanager
def collected(refused: list[Refused], name: str | None = None) -> Iterator[None]:
    """Keep what is wrong with a column, so that all of it can be said at once."""
    try:
        yield
    except DataError as error:
        refused.append(Refused(name, str(error)))


def refuse(refused: Sequence[Refused], source: str, left: int, *, learnt: bool, skip: bool) -> None:
    """Say every trouble of a table at once, each with its reason; or, where they may be skipped, warn of them.

    Parameters
    ----------
    left
        Columns without any trouble.
    learnt
        Whether the table is to be learnt from, so that a column may be left out of it.

    Raises
    ------
    DataError
        If troubles may not be skipped, or nothing is left.
    """
    if not refused:
        return
    named = list(dict.fromkeys(one.name for one in refused if one.name is not None))
    if skip and learnt and left and len(named) == len(refused):
        logging.getLogger("selfsup").warning("left out, as asked (on_bad skip): %s", "; ".join(_why(refused)))
        return
    lists = f"--drop {','.join(named)} (drop={tuple(named)!r})"
    if len(refused) == 1:
        hint = f"; to leave it out: {lists}" if learnt and named and left else ""
        raise DataError(f"{refused[0].why}{hint}")
    none = "" if left or not learnt else f"; no column of {source} is left to learn from"
    hint = f"\nTo leave columns out: {lists}" if learnt and named and left else ""
    listed = "\n".join(f"  {why}" for why in _why(refused))
    raise DataError(f"{len(refused)} troubles with {source}{none}:\n{listed}{hint}")


def _why(refused: Iterable[Refused]) -> list[str]:
    return list(dict.fromkeys(one.why for one in refused))

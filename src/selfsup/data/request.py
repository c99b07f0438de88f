"""What the caller asked of `open_data`, carried as one value through the room."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from selfsup.data.form import Form
from selfsup.errors import OptionError


def only(label_column: str | tuple[str, ...] | None) -> str | None:
    """The one word that names labels, where several columns are not an answer.

    Raises
    ------
    OptionError
        If there are several.
    """
    names = (label_column,) if isinstance(label_column, str) else label_column or ()
    if len(names) > 1:
        raise OptionError(
            f"option 'label_column' names several columns ({', '.join(names)}), which is for tables that are read whole; give one"
        )
    return names[0] if names else None


@dataclass(frozen=True)
class Request:
    """The options of `open_data`; see there."""

    labels: Any = None
    label_column: str | tuple[str, ...] | None = None
    labels_are: Literal["classes", "numbers", "several"] | None = None
    like: Form | None = None
    size: int | None = None
    limit: int | None = None
    on_bad: Literal["stop", "skip"] = "stop"
    cache: bool = True
    progress: bool = True
    columns: tuple[str, ...] | None = None
    drop: tuple[str, ...] | None = None
    encoding: str | None = None
    header: Literal["auto", "first", "none"] = "auto"
    others: bool = False

"""What the caller asked of `open_data`, carried as one value through the room."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from selfsup.data.form import Form


@dataclass(frozen=True)
class Request:
    """The options of `open_data`; see there."""

    labels: Any = None
    label_column: str | None = None
    labels_are: Literal["classes", "numbers"] | None = None
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

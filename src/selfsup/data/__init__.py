"""Sources of data, decoded once and held in memory. Nothing here is random."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__all__ = ["BadFile", "Dataset", "Form", "Rows", "Stream", "fill", "open_data", "to_frame"]

if TYPE_CHECKING:
    from selfsup.data.arrays.rows import Rows
    from selfsup.data.arrays.stream import Stream
    from selfsup.data.dataset import Dataset
    from selfsup.data.form import BadFile, Form
    from selfsup.data.open import open_data
    from selfsup.data.tables.frames import fill, to_frame

_HOMES = {
    "Dataset": "dataset", "fill": "tables.frames", "to_frame": "tables.frames", "BadFile": "form", "Form": "form",
    "open_data": "open", "Rows": "arrays.rows", "Stream": "arrays.stream",
}  # fmt: skip


def __getattr__(name: str) -> Any:
    """Import a name when it is first used: text needs none of the samples' libraries."""
    import importlib

    if name not in _HOMES:
        raise AttributeError(f"module 'selfsup.data' has no attribute '{name}'")
    return getattr(importlib.import_module(f"selfsup.data.{_HOMES[name]}"), name)

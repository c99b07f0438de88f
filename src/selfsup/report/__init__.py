"""The report of a run as one HTML file, of several runs too, and its model card, from what a run folder holds."""

from typing import TYPE_CHECKING, Any

from selfsup.report.card import card
from selfsup.report.page import page, write

if TYPE_CHECKING:
    from selfsup.report.several import write_several

__all__ = ["card", "page", "write", "write_several"]


def __getattr__(name: str) -> Any:
    """Several runs are compared by what needs torch: it is imported when that is asked for."""
    if name == "write_several":
        from selfsup.report.several import write_several

        return write_several
    raise AttributeError(f"module 'selfsup.report' has no attribute '{name}'")

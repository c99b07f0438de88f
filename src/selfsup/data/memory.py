"""Whether something will fit in memory, asked before it is made."""

from __future__ import annotations

from selfsup.errors import DataError


def available() -> int:
    """Bytes of memory that can be had without swapping."""
    import psutil

    return int(psutil.virtual_memory().available)


def check(size: int, what: str, advice: str) -> None:
    """Raise `DataError`, with both numbers and the advice, if `size` bytes are more than can be had."""
    free = available()
    if size > free:
        raise DataError(f"{what} need {_words(size)} of memory and {_words(free)} are available; {advice}")


def _words(size: float) -> str:
    for unit in ("bytes", "KB", "MB", "GB"):
        if size < 1000:
            return f"{size:.3g} {unit}"
        size /= 1000
    return f"{size:,.3g} TB"

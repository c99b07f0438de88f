"""Progress for people: one line that is redrawn on a terminal or under a notebook's cell, plain lines elsewhere, or silence."""

from __future__ import annotations

import os
import sys
import time
from typing import Any, TextIO


class Progress:
    """Shows the latest state of some long work on standard error; in a notebook in one line of the cell's output.

    Parameters
    ----------
    enabled
        ``False`` is silence.
    every
        Seconds between plain lines where standard error is neither a terminal nor a notebook (their line is redrawn in place).
    """

    def __init__(self, enabled: bool = True, every: float = 5.0, stream: TextIO | None = None) -> None:
        self.enabled = enabled
        self._cell = _Cell.here() if stream is None else None
        self._stream = stream if stream is not None else sys.stderr
        self._terminal = self._cell is None and bool(getattr(self._stream, "isatty", lambda: False)())
        self._every = 0.5 if self._cell else 0.1 if self._terminal else every
        self._last = time.monotonic()
        self._width = 0

    def due(self) -> bool:
        """Whether it is time for another line; cheap enough for every step."""
        return self.enabled and time.monotonic() - self._last >= self._every

    def show(self, line: str, *, force: bool = False) -> None:
        """Show the line, if one is due."""
        if not (self.due() or (force and self.enabled)):
            return
        self._last = time.monotonic()
        if self._cell is not None:
            self._cell.show(line)
            return
        if self._terminal:
            line = line[: self._columns() - 1]  # a line that wraps could not be redrawn in place
            text, self._width = "\r" + line.ljust(self._width), len(line)
        else:
            text = line + "\n"
        self._write(text)

    def close(self, line: str | None = None) -> None:
        """End the line; on a terminal the last state stays readable."""
        if line is not None:
            self.show(line, force=True)
        if self.enabled and self._terminal and self._width:
            self._write("\n")
        self._width = 0

    def _write(self, text: str) -> None:
        """Show it; that nobody can see it (the terminal is gone, the disk is full) is no reason to stop the work."""
        try:
            self._stream.write(text)
            self._stream.flush()
        except (OSError, ValueError):
            self.enabled = False

    def _columns(self) -> int:
        """Width of the terminal now: it may be resized at any time."""
        try:
            return os.get_terminal_size(self._stream.fileno()).columns or 80
        except (OSError, ValueError):
            return 80


class _Cell:
    """One line of a notebook cell's output, which is replaced: what is saved with the notebook is its last state."""

    def __init__(self, display: Any) -> None:
        self._display = display
        self._line: Any = None

    @classmethod
    def here(cls) -> _Cell | None:
        """The output of the cell that runs now, or None outside a notebook; IPython is never imported for it."""
        module = sys.modules.get("IPython")
        shell = module.get_ipython() if module is not None and hasattr(module, "get_ipython") else None
        return cls(module.display.display) if module and getattr(shell, "kernel", None) is not None else None

    def show(self, line: str) -> None:
        """Put the line in place of the one before."""
        shown = {"text/plain": line}
        if self._line is None:
            self._line = self._display(shown, raw=True, display_id=True)
        else:
            self._line.update(shown, raw=True)


def roughly(seconds: float) -> str:
    """Time that was estimated: ``40 s``, ``12 min``, ``2.2 h``."""
    if seconds < 95:
        return f"{10 * round(seconds / 10)} s" if seconds > 15 else f"{max(1, round(seconds))} s"
    return f"{round(seconds / 60)} min" if seconds < 5700 else f"{seconds / 3600:.1f} h"


def duration(seconds: float) -> str:
    """Time in words short enough for a progress line: ``41 s``, ``3 min 05 s``, ``2 h 10 min``."""
    whole = round(seconds)
    if whole < 100:
        return f"{whole} s"
    if whole < 6000:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"

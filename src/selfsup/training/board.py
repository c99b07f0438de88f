"""Records for TensorBoard, written at every pause: a scalar for each of their numbers, by its name in ``metrics.jsonl``."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from selfsup import store
from selfsup.errors import OptionError
from selfsup.lazy import tensorboardX

log = logging.getLogger("selfsup")


def check_board(folder: str | Path, out: Path | None) -> None:
    """Refuse a folder that nothing could be written to, before anything is read.

    Raises
    ------
    MissingError
        If the package that writes them is not installed.
    OptionError
        If it cannot be made or written to, or lies in the run folder, which is written whole and sealed.
    """
    tensorboardX.event_file_writer  # noqa: B018
    path = Path(folder).absolute()
    for taken in () if out is None else (out.absolute(), store.partial(out.absolute())):
        if path == taken or taken in path.parents:
            raise OptionError(
                f"option 'tensorboard': {folder} lies in the run folder, which is sealed; name one beside it"
            )
    there = next(parent for parent in (path, *path.parents) if parent.exists())
    if not there.is_dir() or not os.access(there, os.W_OK):
        why = "cannot be written to" if there.is_dir() else "is a file"
        raise OptionError(f"option 'tensorboard': {there} {why}; name a folder to write to")


class Board:
    """Writes records to a folder as they come, in this thread, so that each stands there before the training goes on.

    The step is the place of a record in ``metrics.jsonl``: its epoch, where each has one record. A run that goes on says from
    where, and TensorBoard drops what it had beyond.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder).absolute()
        self._writer: Any = None
        self._written = 0
        self._lost = False

    def __call__(self, records: Sequence[Mapping[str, Any]]) -> None:
        """Write what is new; a disk that fills up costs a warning, not the run."""
        if self._lost:
            return
        try:
            if self._writer is None:
                self._written = len(records) - 1  # those before were written by the process that was interrupted
                self._open()
            for step in range(self._written, len(records)):
                self._write(step, records[step])
            self._writer.flush()
            self._written = len(records)
        except OSError as error:
            self._lost = True
            log.warning("TensorBoard's records in %s end here: %s", self.folder, error.strerror or error)

    def _open(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        prefix = str(self.folder / "events")
        self._writer = tensorboardX.event_file_writer.EventsWriter(prefix, filename_suffix=f".{time.time_ns()}")
        events = tensorboardX.proto.event_pb2
        begun = events.SessionLog(status=events.SessionLog.START)
        self._writer.write_event(events.Event(wall_time=time.time(), step=self._written, session_log=begun))

    def _write(self, step: int, record: Mapping[str, Any]) -> None:
        values = [{"tag": name, "simple_value": value} for name, value in numbers(record).items()]
        found = tensorboardX.proto.summary_pb2.Summary(value=values)
        self._writer.write_event(tensorboardX.proto.event_pb2.Event(wall_time=time.time(), step=step, summary=found))


def numbers(record: Mapping[str, Any]) -> dict[str, float]:
    """The numbers of a record by name; those that stand together, such as the terms of a loss, as ``terms/NAME``."""
    found: dict[str, float] = {}
    for name, value in record.items():
        if isinstance(value, Mapping):
            found |= {f"{name}/{key}": number for key, number in numbers(value).items()}
        elif isinstance(value, int | float):
            found[name] = float(value)
    return found

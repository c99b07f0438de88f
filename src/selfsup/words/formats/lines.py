"""Lines of text read into a matrix: blocks of whole lines, parsed in threads while the next one is read.

A large file is parsed by compiled code (`selfsup.words.formats.parser`) straight into the matrix; a small one by NumPy and
Arrow (`selfsup.words.formats.fields`), as loading the compiled code takes longer than they do.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np

from selfsup.errors import DataError
from selfsup.system.cores import cores
from selfsup.words.formats import kernels
from selfsup.words.formats.fields import parse_fields
from selfsup.words.formats.gathered import Matrix, Rows, gathered
from selfsup.words.formats.io import WIDEST, Stream, Table, Wanted

log = logging.getLogger("selfsup")
BLOCK = 1 << 20  # bytes of a block
LONGEST = 32 * WIDEST  # bytes of a line
LARGE = 1 << 25  # bytes of a file from which on compiled code is worth its loading
UNPACKED = 4  # times its packed size, a guess
ROOM = 1.02  # of what is made beforehand, over a guess
PAD = 32  # bytes after a block that may be looked at


class Shape(NamedTuple):
    """What the first lines say: dimensions, words if there is a header and its bytes, and the bytes of a word's line."""

    dim: int
    words: int | None
    skip: int
    line: int


class Job(NamedTuple):
    """A block that is being parsed, and where its rows begin in the matrix."""

    first: int
    buffer: bytearray
    rows: Future[Rows]


def done(parse: Callable[..., Rows], *given: object) -> Future[Rows]:
    """What a call gives, at once: for little text threads are not worth their start."""
    rows: Future[Rows] = Future()
    rows.set_result(parse(*given))
    return rows


class Lines:
    """A file whose lines are read."""

    def __init__(self, path: Path, shape: Shape, wanted: Wanted) -> None:
        self.path, self.shape, self.wanted = path, shape, wanted
        self.line = 1  # number of the next line
        self.most = 0  # rows so far, where no line was blank
        self.place = 0  # in the matrix
        self.found: list[tuple[int, Rows]] = []
        self.jobs: deque[Job] = deque()
        self.spare: list[bytearray] = []
        self.parser: Callable[..., Rows] | None = None
        self.matrix: Matrix | None = None

    def read(self) -> Table:
        """All that is wanted."""
        with Stream(self.path, partial=self.wanted.partial) as stream, ThreadPoolExecutor(cores()) as pool:
            self.pool, self.size = pool, stream.size * (UNPACKED if stream.packed else 1)
            if min(self.size, self.wanted.most(self.size) * self.shape.line) >= LARGE:
                self.parser = kernels().Parser(self.path, self.shape.dim, self.wanted.among)
            try:
                self._blocks(stream)
            finally:
                for job in self.jobs:
                    job.rows.cancel()
            self._check_number(cut=stream.cut)
        rows = [one for _, one in self.found]
        if self.matrix is not None:
            vectors = self.matrix.packed([(first, len(one.ends)) for first, one in self.found])
        else:
            empty = np.empty((0, self.shape.dim), np.float32)
            vectors = np.concatenate([one.vectors for one in rows]) if rows else empty
        return gathered(self.path, rows, vectors)

    @property
    def full(self) -> int:
        """Lines that are not blank, of the blocks that are parsed."""
        return sum(rows.lines for _, rows in self.found)

    def _blocks(self, stream: Stream) -> None:
        """Read blocks that end with a line, and have them parsed."""
        buffer, filled, skip, more = bytearray(BLOCK + PAD), 0, self.shape.skip, True
        while more and not self._enough():
            room = len(buffer) - PAD - filled
            count = stream.readinto(memoryview(buffer)[filled : filled + room])
            more, end = count == room, buffer.rfind(b"\n", filled, filled + count) + 1
            filled += count
            if more and not end:
                if filled >= LONGEST:
                    raise DataError(
                        f"{self.path}, line {self.line} is longer than {LONGEST} bytes: this is not text of word vectors"
                    )
                buffer += bytes(len(buffer))
                continue
            rest = bytes(memoryview(buffer)[end:filled])
            if end:
                self._submit(buffer, min(skip, end), end)
                buffer, skip = self._free(len(rest)), max(skip - end, 0)
                buffer[: len(rest)] = rest
            filled = len(rest)
        if not more and filled > skip and not self._enough():
            self._last(buffer, skip, filled)
        self._finish(0)

    def _free(self, least: int) -> bytearray:
        """A buffer with room for so many bytes and more."""
        buffer = self.spare.pop() if self.spare else bytearray()
        return buffer if len(buffer) >= least + PAD + BLOCK // 2 else bytearray(least + BLOCK + PAD)

    def _enough(self) -> bool:
        """Whether all lines are there that are wanted."""
        return self.wanted.limit is not None and self.most >= self.wanted.limit and self._exact() >= self.wanted.limit

    def _exact(self) -> int:
        """Rows so far, when all are parsed."""
        self._finish(0)
        self.most = self.full
        return self.most

    def _submit(self, buffer: bytearray, skip: int, end: int) -> None:
        """Have the lines of a buffer parsed."""
        lines, most, limit = buffer.count(b"\n", skip, end), 1 << 60, self.wanted.limit
        if limit is not None and self.most + lines > limit:
            most = limit - self._exact()
        self.line += buffer.count(b"\n", 0, skip)
        if self.parser is None:
            block = bytes(memoryview(buffer)[skip:end])
            rows = done(parse_fields, self.path, self.shape.dim, block, self.line, most)
        else:
            into = self._room(lines, end) if self.wanted.among is None else None
            rows = self.pool.submit(self.parser, buffer, skip, end, self.line, most, into)
        self.jobs.append(Job(self.place, buffer, rows))
        self.line, self.most, self.place = self.line + lines, self.most + lines, self.place + lines
        self._finish(cores() + 1)

    def _room(self, lines: int, size: int) -> np.ndarray:
        """Rows of the matrix for the lines of a block of so many bytes."""
        if self.matrix is None:
            guess = int(ROOM * lines * self.size / size) + 1
            most = self.size // (2 * self.shape.dim + 2) + 1  # a word of a letter and digits, with a gap before each
            if self.shape.words is not None:
                guess = min(self.shape.words, most if self.size else guess)
            self.matrix = Matrix(max(self.wanted.most(guess), lines), self.shape.dim)
        if not self.matrix.has(self.place + lines):
            self._finish(0)
            self.matrix.grow(self.place + lines)
        return self.matrix.array[self.place : self.place + lines]

    def _finish(self, left: int) -> None:
        """Wait until so many blocks are left to parse."""
        while len(self.jobs) > left:
            job = self.jobs.popleft()
            rows = job.rows.result()
            if self.matrix is not None:  # which has the vectors, and may have to be moved to grow
                rows = rows._replace(vectors=np.empty((0, self.shape.dim), np.float32))
            self.found.append((job.first, rows))
            self.spare.append(job.buffer)

    def _last(self, buffer: bytearray, skip: int, filled: int) -> None:
        """The last line, which has no end: its last number may be cut short."""
        if self.wanted.partial:
            log.warning("%s: its last line has no end and is left out", self.path)
            return
        buffer[filled] = 10
        self._submit(buffer, skip, filled + 1)
        self._finish(0)
        log.warning("%s: its last line has no end; if the file was cut short, the last number is wrong", self.path)

    def _check_number(self, *, cut: bool) -> None:
        """Compare the number of words with the header's."""
        words, full = self.shape.words, self.full
        due = full if words is None else self.wanted.most(words)
        told = f"{self.path} has {full} words where line 1 says {words}"
        if full > due or (full < due and not self.wanted.partial):
            advice = "; allow_partial=True takes those that are there" if full and full < due else ""
            raise DataError(f"{told}: it is truncated, or mend line 1{advice}")
        if full < due:
            log.warning("%s: it is truncated, and those are taken", told)
        elif cut:
            log.warning("%s is truncated or damaged: the %d words before that are taken", self.path, full)

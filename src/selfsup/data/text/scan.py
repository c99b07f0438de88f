"""Blocks of text to provisional ids on disk, in threads; the result does not depend on how many, nor on the blocks' size.

Every thread counts into a table of its own, and writes ids of its own. A word knows where it came first, so the tables can be
brought together in an order that is the text's.
"""

from __future__ import annotations

import queue
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np

from selfsup.data.text import count, ids as ids_, tokens
from selfsup.data.text.blocks import Block, of_bytes
from selfsup.data.text.seen import ADVICE, Seen
from selfsup.data.text.sources import Source
from selfsup.data.text.tokens import OwnError, Rule
from selfsup.errors import DataError
from selfsup.system.progress import Progress
from selfsup.system.signals import aside, heard

KNOWN = 1 << 18  # wide runs of which a thread remembers the words
PLACES = 40  # bits for places within a block


class Piece(NamedTuple):
    """Where the ids of a block lie: `size` of them from byte `start` of a worker's file."""

    worker: int
    start: int
    size: int


class Encoded(NamedTuple):
    """A source in provisional ids.

    Attributes
    ----------
    table
        Every word with its count and its first place.
    numbers
        For each worker, its ids as entries of the table.
    pieces
        In the order of the text.
    files
        Of the workers; closing them deletes them.
    raw, skipped
        Words that were read, and those among them that were too long to be one.
    lines
        That were read, the empty ones too.
    seen
        What else was met.
    """

    table: count.Table
    numbers: list[np.ndarray]
    pieces: list[Piece]
    files: list[IO[bytes]]
    raw: int
    skipped: int
    lines: int
    seen: Seen

    def renumbered(self, numbers: np.ndarray, others: bool, most: int, state: np.ndarray) -> Iterator[np.ndarray]:
        """Ids with new numbers, piece by piece, in order (see `ids.renumber`)."""
        mapped = [numbers[own] for own in self.numbers]
        for worker, start, size in self.pieces:
            file = self.files[worker]
            file.seek(start)
            ids = np.fromfile(file, np.int32, size)
            out = np.empty(2 * size + 1, np.int32)
            made = ids_.renumber(ids, mapped[worker], others, most, state, out)
            yield out[:made]


class _Worker:
    """One thread's table and file."""

    def __init__(self, number: int, rule: Rule, joined: Rule, folder: Path) -> None:
        self.number, self.rule, self.joined = number, rule, joined
        self.table, self.wide = count.Table(), count.Table(1 << 12)
        self.settled: Rule | None = None  # by this rule have the wide runs been brought to words: run k to the entries
        self.starts, self.flat = np.zeros(1, np.int64), np.empty(0, np.int32)  # flat[starts[k] : starts[k + 1]]
        self.file: IO[bytes] = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115
        self.out = np.empty(0, np.int32)
        self.written = self.raw = self.skipped = self.lines = 0

    def encode(self, block: Block, number: int) -> Piece:
        """Cut, number and count one block; write its ids."""
        rule = self.rule
        if block.joined or rule.cut is not None:
            rule = self.joined
            block = block if block.joined and self.rule.join is None else _cut(block, self.rule)
        if rule is not self.settled or len(self.wide) > KNOWN:
            self.settled, self.starts, self.flat = rule, self.starts[:1], self.flat[:0]
            self.wide.clear()
        ids = self._numbered(block, rule)
        if len(self.wide):
            ids = self._settled(ids, block, rule)
        arrays = self.table.arrays
        raw, skipped = count.tally(ids, arrays.counts, arrays.firsts, number << PLACES)
        self.raw, self.skipped = self.raw + raw, self.skipped + skipped
        self.lines += int((ids == count.BORDER).sum())
        piece = Piece(self.number, self.written, len(ids))
        self.file.write(ids.data)
        self.written += ids.nbytes
        return piece

    def _numbered(self, block: Block, rule: Rule) -> np.ndarray:
        data = block.data
        if len(self.out) < len(data) + 1:
            self.out = np.empty(len(data) + 1, np.int32)
        at, made, why = 0, 0, -1
        while why != count.DONE:
            at, made, why = count.scan(data, at, rule.fold, self.table.arrays, self.wide.arrays, self.out, made)
            if why == count.FOUND_NUL:
                raise DataError(f"{block.where(at)}: a NUL byte, so this is no text in UTF-8; if it is UTF-16, say "
                                "encoding='utf-16', else leave the file out")  # fmt: skip
            if why != count.DONE:
                (self.table if why == count.FULL else self.wide).grow()
        if block.ends:
            self.out[made] = count.BORDER
            made += 1
        return self.out[:made]

    def _settled(self, ids: np.ndarray, block: Block, rule: Rule) -> np.ndarray:
        """Replace runs that are not all ASCII by the entries of their words; a run is brought to words when it is new."""
        known = len(self.starts) - 1
        if known < len(self.wide):
            firsts = self.wide.arrays.firsts[known:].tolist()
            runs = [_decoded(run, block, first) for run, first in zip(self.wide.words(known), firsts, strict=False)]
            words = [rule.settle(run) for run in runs]
            every = [word for row in words for word in row]
            fits = np.array([len(word) <= count.LONGEST for word in every], bool)
            flat = np.full(len(every), count.SKIPPED, np.int32)
            flat[fits] = enter(self.table, [word for word in every if len(word) <= count.LONGEST])
            ends = self.starts[-1] + np.cumsum([len(row) for row in words])
            self.starts, self.flat = np.concatenate([self.starts, ends]), np.concatenate([self.flat, flat])
        out = np.empty(ids_.expanded(ids, self.starts), np.int32)
        ids_.expand(ids, self.starts, self.flat, out)
        return out


def enter(table: count.Table, words: list[str]) -> np.ndarray:
    """The entries of final words, which enter the table where they are new."""
    data = of_bytes(tokens.BETWEEN_WORDS.join(words).encode(), str).data
    out, spare = np.empty(len(data) + 1, np.int32), count.Table(1)
    at, made, why = 0, 0, -1
    while why != count.DONE:
        at, made, why = count.scan(data, at, tokens.plain(), table.arrays, spare.arrays, out, made)
        if why == count.FULL:
            table.grow()
    return out[:made]


def _decoded(run: bytes, block: Block, first: int) -> str:
    try:
        return run.decode()
    except UnicodeDecodeError as error:
        name = "utf-16" if run[:2] in (b"\xff\xfe", b"\xfe\xff") else "latin-1"
        raise DataError(f"{block.where(first + error.start)}: not UTF-8 (byte 0x{run[error.start]:02x}); name the encoding, "
                        f"e.g. encoding='{name}', {ADVICE}") from error  # fmt: skip


def decoded(block: Block) -> str:
    """The text of a block; raises `DataError` where it is not UTF-8."""
    return _decoded(block.data.tobytes(), block, 0)


def _cut(block: Block, rule: Rule) -> Block:
    """A block cut by a rule of Python's, its tokens joined again."""
    text = decoded(block)
    if block.joined and rule.join is not None:
        given = [line.split(tokens.BETWEEN_WORDS) for line in text.split(tokens.BETWEEN_SENTENCES)]
        return block._replace(data=of_bytes(tokens.join([rule.join(words) for words in given]), block.where).data)
    assert rule.cut is not None
    if "\x00" in text:
        raise DataError(f"{block.where(len(text[: text.index(chr(0))].encode()))}: a NUL byte; leave the file out")
    sentences = []
    for line in text.split("\n"):
        try:
            sentences.append(rule.cut(line))
        except OwnError as error:
            before = sum(len(one) + 1 for one in text.split("\n")[: len(sentences)])
            raise DataError(f"{block.where(len(text[:before].encode()))}: {error}") from error.__cause__
    return of_bytes(tokens.join(sentences), block.where, joined=True, ends=block.ends, done=block.done)


def encode(
    source: Source,
    rule: Rule,
    joined: Rule,
    folder: Path,
    threads: int,
    size: int,
    progress: Progress,
    digest: Any = None,
) -> Encoded:
    """Read a source once, in threads; `digest` (of hashlib) is given all the bytes on the way.

    Raises
    ------
    DataError
        If it cannot be read, is no text, or the disk is full.
    """
    folder.mkdir(parents=True, exist_ok=True)
    workers = [_Worker(number, rule, joined, folder) for number in range(threads)]
    work: queue.Queue[tuple[int, Block] | None] = queue.Queue(maxsize=1)
    pieces: dict[int, Piece] = {}
    failed: list[tuple[int, BaseException]] = []
    running = [threading.Thread(target=_run, args=(one, work, pieces, failed), daemon=True) for one in workers]
    for thread in running:
        thread.start()
    number = 0
    seen, blocks = source.read(size)
    try:
        for number, block in enumerate(blocks):
            if digest is not None:
                digest.update(block.data.data)
                digest.update(b"\xff" if block.ends else b"")
            work.put((number, block))
            if failed:
                break
            if progress.due():
                progress.show(_line(source, block.done, sum(one.raw for one in workers)))
    except DataError as error:
        failed.append((number + 1, error))
    except BaseException:
        aside(lambda: _end(running, work))  # a thread may be in the middle of what it calls
        raise
    heard(_end, running, work)
    if failed:
        raise min(failed, key=lambda one: one[0])[1]  # the first in the text, whatever thread met it
    table, numbers = count.union([one.table for one in workers])
    ordered = [pieces[number] for number in sorted(pieces)]
    raw, skipped, lines = (sum(getattr(one, name) for one in workers) for name in ("raw", "skipped", "lines"))
    return Encoded(table, numbers, ordered, [one.file for one in workers], raw, skipped, lines, seen)


def _end(running: list[threading.Thread], work: Any) -> None:
    """Let the threads end what they are at."""
    for _ in running:
        work.put(None)
    for thread in running:
        thread.join()


def _run(worker: _Worker, work: Any, pieces: dict[int, Piece], failed: list[tuple[int, BaseException]]) -> None:
    """One thread: blocks until there are no more; after a failure they are only taken off the queue."""
    while (given := work.get()) is not None:
        number, block = given
        if failed and number > failed[0][0]:
            continue
        try:
            pieces[number] = worker.encode(block, number)
        except OSError as error:
            failed.append((number, DataError(f"cannot write numbered words to {worker.file.name}: {error}; free some space, "
                                             "or set SELFSUP_CACHE to a folder on another disk")))  # fmt: skip
        except BaseException as error:
            failed.append((number, error))


def _line(source: Source, done: int, words: int) -> str:
    share = f"{min(done / source.size, 1):.0%} of {source.size / 1e6:,.0f} MB, " if source.size else ""
    return f"reading {source.name}: {share}{words / 1e6:.1f} M words"

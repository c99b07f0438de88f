"""Many images: one form for all of them, decoded on all cores into one array, or taken from the cache."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from queue import SimpleQueue
from typing import NamedTuple, Protocol

import numpy as np

from selfsup.data.form import BadFile, Form
from selfsup.data.images import cache
from selfsup.data.images.decode import Blob, Canvas, Head, Unreadable, decode, head
from selfsup.data.request import Request
from selfsup.errors import DataError
from selfsup.system import hashing, memory
from selfsup.system.cores import cores
from selfsup.system.progress import Progress, duration

KEPT = 128  # longest side up to which images of one size are kept as they are
SIZE = 96  # short side that others are resized to, at most
SMALLEST = 16
TASK = 64  # images a thread takes at a time


class Blobs(Protocol):
    """Images that are still encoded, by number."""

    def __len__(self) -> int: ...
    def blob(self, index: int) -> Blob:
        """The file or the bytes."""
        ...

    def name(self, index: int) -> str:
        """What messages call it."""
        ...


class Images(NamedTuple):
    """Decoded images: (m, C, H, W) uint8, the numbers (m,) of those that could be read, and the others."""

    x: np.ndarray
    kept: np.ndarray
    bad: list[BadFile]
    note: str
    fingerprint: str

    def form(self, request: Request) -> Form:
        """The form of these images."""
        return Form("image", self.x.shape[1:], 0.0, 255.0, None, request.like.side if request.like else request.size)


def load(blobs: Blobs, identity: Sequence[str | int], request: Request, form: Canvas | None = None) -> Images:
    """Decode images, or take them from the cache.

    Parameters
    ----------
    blobs
        The images, at least one.
    identity
        What tells these images from others: paths, sizes, times.
    request
        `size`, `like`, `on_bad`, `cache` and `progress` are used.
    form
        Canvas of the training part, where this is the test part.

    Raises
    ------
    DataError
        If images cannot be read and `on_bad` is "stop" (after all have been tried), if none can be read, or if they
        do not fit into memory.
    """
    if request.like is not None and form is None:
        if request.like.kind != "image":
            raise DataError(f"the model takes {request.like.describe()}; these are images")
        form = Canvas(*request.like.shape)
        if form.channels not in (1, 3):
            raise DataError(f"the model takes {request.like.describe()}; image files have 1 or 3")
    key = hashing.of_values(cache.FORMAT, list(identity), request.size, form)
    found = cache.read(key) if request.cache else None
    if found is None:
        x, broken, note = _decode(blobs, request, form)
        if request.cache and len(x):
            cache.write(key, cache.Entry(x, broken, note))
    else:
        x, broken, note = found
    bad = [BadFile(blobs.name(index), reason) for index, reason in broken]
    if bad and (request.on_bad == "stop" or len(x) == 0):
        raise DataError(_refusal(bad, len(blobs)))
    kept = np.delete(np.arange(len(blobs)), [index for index, _ in broken])
    side = request.like.side if request.like else request.size  # of a model: what its training was asked for
    return Images(x, kept, bad, note, hashing.of_values(cache.FORMAT, list(identity), side))


def _refusal(bad: Sequence[BadFile], total: int) -> str:
    said = "\n".join(f"  {file.name}: {file.reason}" for file in bad[:5])
    more = f"\n  and {len(bad) - 5:,} more" if len(bad) > 5 else ""
    advice = "mend or remove them, or leave them out with --on-bad skip" if len(bad) < total else "none is left"
    return f"{len(bad):,} of {total:,} images cannot be read; {advice}\n{said}{more}"


def _decode(blobs: Blobs, request: Request, form: Canvas | None) -> tuple[np.ndarray, list[tuple[int, str]], str]:
    """Decode all images: the readable ones, the numbers and reasons of the others, and a note on the form."""
    note = ""
    with warnings.catch_warnings():  # Pillow warns of every odd file; those that matter are listed as bad
        warnings.filterwarnings("ignore", module="PIL")
        if form is None:
            heads: dict[int, Head] = {}

            def look(index: int) -> None:
                heads[index] = head(blobs.blob(index))

            broken = _each(len(blobs), look, "looking at", request.progress)
            if not heads:
                return np.empty((0, 1, 1, 1), np.uint8), sorted(broken.items()), ""
            form, note = _form(list(heads.values()), request.size)
        size = len(blobs) * form.channels * form.height * form.width
        memory.check(size, f"{len(blobs):,} images of {form.height}x{form.width}", "use a smaller --size, or --limit")
        x = np.empty((len(blobs), *form), np.uint8)

        def fill(index: int) -> None:
            decode(blobs.blob(index), form, x[index])

        broken = _each(len(blobs), fill, "decoding", request.progress)
    if broken:
        kept = np.delete(np.arange(len(blobs)), list(broken))
        for place, index in enumerate(kept.tolist()):  # close the gaps in place: no second array
            if place != index:
                x[place] = x[index]
        x = x[: len(kept)]
    return x, sorted(broken.items()), note


def _form(heads: Sequence[Head], size: int | None) -> tuple[Canvas, str]:
    """Choose the one form of all images, and say what that does to them.

    The size is `size`; or, where all images have one size with sides of up to 128, that size; or the shortest side
    found, rounded down to a multiple of 8, at least 16 and at most 96. Grey only if all images are.
    """
    sizes = {(seen.height, seen.width) for seen in heads}
    only = next(iter(sizes)) if len(sizes) == 1 else None
    channels = 1 if all(seen.grey for seen in heads) else 3
    if size is None and only is not None and max(only) <= KEPT:
        return Canvas(channels, *only), ""
    shortest = min(min(pair) for pair in sizes)
    side = size if size is not None else max(SMALLEST, min(SIZE, shortest // 8 * 8))
    note = "" if only == (side, side) else f"short side resized to {side}, centre crop"
    return Canvas(channels, side, side), note


def _each(total: int, work: Callable[[int], None], verb: str, shown: bool) -> dict[int, str]:
    """Do the work for 0..total-1 on all cores; the reasons of those that turned out `Unreadable`, by number.

    On Ctrl-C what is waiting is dropped, and the interrupt goes on once the threads have stopped.
    """
    broken: dict[int, str] = {}

    def task(start: int, stop: int) -> int:
        for index in range(start, stop):
            try:
                work(index)
            except Unreadable as error:
                broken[index] = str(error)
        return stop - start

    step = max(1, min(TASK, total // (4 * cores())))
    progress, begun, done = Progress(shown), time.monotonic(), 0
    pool = ThreadPoolExecutor(cores(), "selfsup-decode")
    try:
        # as_completed() deadlocks where Ctrl-C falls into its beginning
        ended: SimpleQueue[Future[int]] = SimpleQueue()
        for start in range(0, total, step):
            pool.submit(task, start, min(start + step, total)).add_done_callback(ended.put)
        while done < total:
            done += ended.get().result()
            if progress.due():
                rate = done / max(time.monotonic() - begun, 1e-9)
                left = duration((total - done) / rate)
                progress.show(f"{verb} {done:,} of {total:,} images, {rate:,.0f}/s, {left} left")
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
        progress.close()
    return broken

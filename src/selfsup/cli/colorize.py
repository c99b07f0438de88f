"""The verb colorize."""

from __future__ import annotations

import io
import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Literal

from selfsup.cli.common import load_run
from selfsup.cli.parser import say
from selfsup.errors import DataError, RunError
from selfsup.lazy import PIL, numpy as np
from selfsup.system.files import check_place, missing, write_bytes
from selfsup.system.progress import Progress
from selfsup.system.screen import printable

if TYPE_CHECKING:
    from selfsup.model.model import Model

WORDS = "a folder of photos, or the file of one"


def colorize(
    run: str,
    data: str,
    *,
    out: str,
    on_bad: Literal["stop", "skip"] = "stop",
    overwrite: bool = False,
    method: str | None = None,
    given: tuple[str, ...] | None = None,
    device: str = "cpu",
    progress: bool = True,
) -> None:
    """Paint photos: each is written as a PNG at its own size, with its own lightness and guessed colours.

    Parameters
    ----------
    data
        Folder of photos, grey or not, or the file of one.
    out
        Folder to write to, with the names of the photos. It is whole or not there at all.
    overwrite
        Write into a folder that exists, over files of the same names.
    """
    root, names = photos(Path(data))
    folder = free_folder(Path(out), Path(data), overwrite=overwrite)
    model = load_run(run, method, device, given)
    model.colorizing()
    with staged(folder) as made:
        bad = _paint(model, root, names, made, on_bad, Progress(progress))
    count = len(names) - len(bad)
    say(f"{count:,} {'photo' if count == 1 else 'photos'} painted, in {folder}")
    if bad:
        say(
            f"{len(bad):,} files could not be read and were left out: {', '.join(bad[:5])}{', ...' if len(bad) > 5 else ''}"
        )


def _paint(model: Model, root: Path, names: Sequence[str], made: Path, on_bad: str, progress: Progress) -> list[str]:
    """Paint all photos into a folder; gives the names of those that could not be read."""
    from selfsup.data.images.decode import Unreadable

    bad: list[str] = []
    reasons: list[str] = []
    for number, (name, file) in enumerate(zip(names, targets(names), strict=True)):
        try:
            pixels = _painted(model, root / name)
        except Unreadable as error:
            bad.append(printable(name))
            reasons.append(f"  {printable(name)}: {error}")
            continue
        if bad and on_bad == "stop":  # only to name the others that are bad
            continue
        buffer = io.BytesIO()
        PIL.Image.fromarray(pixels).save(buffer, "PNG")
        write_bytes(made / file, buffer.getvalue())
        progress.show(f"painted {number + 1:,} of {len(names):,} photos")
    progress.close()
    if bad and (on_bad == "stop" or len(bad) == len(names)):
        more = [f"  and {len(bad) - 5:,} more"] if len(bad) > 5 else []
        advice = (
            "mend or remove them, or leave them out with --on-bad skip" if len(bad) < len(names) else "none is left"
        )
        raise DataError(
            "\n".join([f"{len(bad):,} of {len(names):,} photos cannot be read; {advice}", *reasons[:5], *more])
        )
    return bad


def _painted(model: Model, photo: Path) -> np.ndarray:
    """One photo, painted, uint8 (H, W, 3)."""
    from selfsup.data.images.decode import Canvas, decode, head
    from selfsup.system import memory

    seen = head(photo)
    height, width = seen.height, seen.width
    memory.check(6 * height * width, f"a photo of {height:,} x {width:,}", "make it smaller")
    small, whole = (Canvas(3, *sides) for sides in (model.sides_for(height, width), (height, width)))
    tiny, x = (np.empty(canvas, np.uint8) for canvas in (small, whole))
    decode(photo, small, tiny)
    decode(photo, whole, x)
    return model.paint(x, tiny)


def photos(data: Path) -> tuple[Path, list[str]]:
    """The folder that the photos lie in, and their paths below it."""
    from selfsup.data.images.folder import SUFFIXES, find

    if data.is_dir():
        if names := find(data):
            return data, names
        raise DataError(f"{data} holds no photo ({', '.join(SUFFIXES)}); give {WORDS}")
    if not data.exists():
        raise DataError(missing(data, WORDS))
    if data.suffix.lower() not in SUFFIXES:
        raise DataError(f"{data} is no photo ({', '.join(SUFFIXES)}); give {WORDS}")
    return data.parent, [data.name]


def targets(names: Sequence[str]) -> list[str]:
    """Name of the PNG of each photo: its own with another suffix, or with one more where two would be the same."""
    plain = [str(PurePosixPath(name).with_suffix(".png")) for name in names]
    many = Counter(name.lower() for name in plain)
    found = [short if many[short.lower()] == 1 else f"{name}.png" for name, short in zip(names, plain, strict=True)]
    return found if len({name.lower() for name in found}) == len(found) else [f"{name}.png" for name in names]


def free_folder(out: Path, data: Path, *, overwrite: bool) -> Path:
    """The folder to write to: free, and not where the photos are.

    Raises
    ------
    RunError
        If it is there and may not be written into, or a photo would be written over, or read again the next time.
    """
    check_place(out)
    place, source = out.resolve(), data.resolve()
    if source in (place, *place.parents) or place == source.parent:
        raise RunError(f"{out} is where the photos are that are read; choose another place")
    if os.path.lexists(out) and not out.is_dir():
        raise RunError(f"{out} exists and is a file; choose another place")
    if out.is_dir() and not overwrite:
        raise RunError(f"{out} exists; choose another place, or set option 'overwrite'")
    return out


@contextmanager
def staged(folder: Path) -> Iterator[Path]:
    """A folder to write into, beside the one that is meant: it takes its place in the end, or is gone if anything is raised."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        made = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", suffix=".tmp", dir=folder.parent))
    except OSError as error:
        raise RunError(f"cannot write {folder}: {error.strerror}; choose another place") from error
    try:
        yield made
        made.chmod(0o777 & ~_umask())
        _place(made, folder)
    finally:
        shutil.rmtree(made, ignore_errors=True)


def _place(made: Path, folder: Path) -> None:
    """Rename a folder, or move its files into one that is there, each over that of the same name."""
    try:
        if not folder.exists():
            made.rename(folder)
            return
        for path in sorted(made.rglob("*")):
            target = folder / path.relative_to(made)
            if path.is_dir():
                target.mkdir(exist_ok=True)
            else:
                os.replace(path, target)
    except OSError as error:
        raise RunError(f"cannot write {folder}: {error.strerror}; choose another place") from error


def _umask() -> int:
    """What the user takes from the rights of new files."""
    mask = os.umask(0)
    os.umask(mask)
    return mask

"""Folders of images: which files, which labels, which part is for testing."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from selfsup.data.dataset import Dataset
from selfsup.data.images import images
from selfsup.data.images.decode import Blob, Canvas
from selfsup.data.labels import attach
from selfsup.data.request import Request
from selfsup.errors import DataError
from selfsup.system.screen import printable

SUFFIXES = (".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff")
TRAIN, TEST = ("train", "training"), ("test", "val", "valid", "validation")


class Files:
    """Image files below a root (`images.Blobs`)."""

    def __init__(self, root: Path, names: Sequence[str]) -> None:
        self.root = root
        self.names = names

    def __len__(self) -> int:
        return len(self.names)

    def blob(self, index: int) -> Blob:
        """The file."""
        return self.root / self.names[index]

    def name(self, index: int) -> str:
        """Its path, relative to the root."""
        return printable(self.names[index])

    def identity(self) -> list[str | int]:
        """Paths, sizes and times of change."""
        told: list[str | int] = [str(self.root.resolve())]
        for name in self.names:
            try:
                state = os.stat(self.root / name)
                told += [name, state.st_size, state.st_mtime_ns]
            except OSError:  # a dangling link: decoding it gives the reason
                told += [name, -1, -1]
        return told


def find(root: Path) -> list[str]:
    """Relative paths of all images below a folder, sorted; hidden files and folders and other files are left out."""
    names: list[str] = []
    seen: set[tuple[int, int]] = set()  # links may go round in circles

    def enter(folder: Path, prefix: str) -> None:
        state = folder.stat()
        if (state.st_dev, state.st_ino) in seen:
            return
        seen.add((state.st_dev, state.st_ino))
        with os.scandir(folder) as entries:
            for entry in sorted(entries, key=lambda entry: (entry.is_symlink(), entry.name)):  # links last
                if entry.name.startswith(".") or entry.name == "__MACOSX":
                    continue
                if _is_dir(entry):
                    enter(Path(entry.path), f"{prefix}{entry.name}/")
                elif entry.name.lower().endswith(SUFFIXES):
                    names.append(prefix + entry.name)

    try:
        enter(root, "")
    except OSError as error:
        raise DataError(f"cannot read the folder {error.filename or root}: {error.strerror}") from error
    return sorted(names)


def _is_dir(entry: os.DirEntry[str]) -> bool:
    """Whether it is a folder, or a link to one; a link that leads in a circle is a file that cannot be read."""
    try:
        return entry.is_dir()
    except OSError:
        return False


def from_folder(root: Path, request: Request) -> Dataset:
    """Make a `Dataset` of a folder of images.

    The labels are the names of the sub-folders directly below the root, if all images lie in two or more of them. A
    root with a sub-folder ``train`` and one of ``test``, ``val``, ``valid``, ``validation`` has a test part.

    Raises
    ------
    DataError
        If there is no image, besides what `images.load` raises.
    """
    if request.label_column is not None:
        raise DataError("a folder of images has no columns; its labels are the names of the sub-folders")
    train, tests = _parts(root)
    names = find(train)
    if not names:
        raise DataError(f"{root} holds no image ({', '.join(SUFFIXES)}){_held(root)}")
    classes = _classes(names)
    picked = _spread(len(names), request.limit)
    used = names if picked is None else [names[row] for row in picked.tolist()]
    made = _decoded(Files(train, used), classes, request, str(root))
    if request.labels is not None:
        codes, given = attach(request.labels, len(names), picked, request.labels_are)
        rows = np.flatnonzero(np.isin(used, list(made.names or []))) if made.bad else np.arange(len(used))
        made = replace(made, labels=codes[rows], classes=given)
        classes = ()
    found = _test_names(tests, classes)
    if found is None:
        return made
    path, inside = found
    strange = sorted(set(_classes(inside)) - set(classes)) if classes else []
    if strange:
        raise DataError(f"{path} has classes that {train} lacks: {', '.join(strange[:5])}")
    part = replace(request, labels=None, limit=None)
    test = _decoded(Files(path, inside), classes if _classes(inside) else (), part, str(path), made.form.shape)
    return replace(made, test=replace(test, form=made.form))


def from_file(path: Path, request: Request) -> Dataset:
    """Make a `Dataset` of a single image, which has no label."""
    if request.labels is not None or request.label_column is not None:
        raise DataError(f"{path} is a single image, and labels are of many: give its folder")
    return _decoded(Files(path.parent, [path.name]), (), request, str(path))


def from_files(paths: Sequence[Path], source: str, request: Request) -> Dataset:
    """Make a `Dataset` of image files, in the order given; they have the labels that the caller gives, or none."""
    if request.label_column is not None:
        raise DataError("image files have no columns; give labels= instead of label_column=")
    picked = _spread(len(paths), request.limit)
    used = [str(path.absolute()) for path in (paths if picked is None else [paths[row] for row in picked.tolist()])]
    made = _decoded(Files(Path(), used), (), request, source)
    if request.labels is None:
        return made
    codes, classes = attach(request.labels, len(paths), picked, request.labels_are)
    rows = np.flatnonzero(np.isin(used, list(made.names or []))) if made.bad else np.arange(len(used))
    return replace(made, labels=codes[rows], classes=classes)


def _test_names(tests: Sequence[Path], classes: tuple[str, ...]) -> tuple[Path, list[str]] | None:
    """The first test folder with images; one with the same classes goes before a flat one."""
    found = [(path, names) for path in tests for names in [find(path)] if names]
    labelled = [pair for pair in found if set(_classes(pair[1])) & set(classes)]
    return next(iter(labelled or found), None)


def _spread(rows: int, limit: int | None) -> np.ndarray | None:
    """Row numbers (limit,) evenly spread over the sorted files, so that every sub-folder is met; None for all."""
    return None if limit is None or limit >= rows else np.arange(limit) * rows // limit


def _parts(root: Path) -> tuple[Path, list[Path]]:
    """The folder to learn from and those to test on, best first."""
    try:
        inside = {entry.name.lower(): Path(entry.path) for entry in os.scandir(root) if _is_dir(entry)}
    except OSError as error:
        raise DataError(f"cannot read the folder {root}: {error.strerror}") from error
    train = next((inside[name] for name in TRAIN if name in inside), None)
    tests = [inside[name] for name in TEST if name in inside]
    return (train, tests) if train is not None and tests else (root, [])


def _classes(names: Sequence[str]) -> tuple[str, ...]:
    """Sub-folders directly below the root, if all images lie in two or more of them."""
    tops = {name.split("/", 1)[0] if "/" in name else "" for name in names}
    return tuple(sorted(tops)) if len(tops) > 1 and "" not in tops else ()


def _decoded(
    files: Files, classes: tuple[str, ...], request: Request, source: str, shape: tuple[int, ...] | None = None
) -> Dataset:
    """Decode the files and label them by their sub-folders."""
    done = images.load(files, files.identity(), request, None if shape is None else Canvas(*shape))
    names = [files.names[row] for row in done.kept.tolist()]
    labels = None
    if classes:
        place = {name: index for index, name in enumerate(classes)}
        labels = np.asarray([place[name.split("/", 1)[0]] for name in names], np.int64)
    return Dataset(
        done.x, done.form(request), source, done.fingerprint, labels, classes, names, None, done.bad, done.note,
        root=files.root,
    )  # fmt: skip


def _held(root: Path) -> str:
    """Say what there is instead."""
    names = sorted(entry.name for entry in root.iterdir() if not entry.name.startswith("."))
    data = [name for name in names if name.lower().endswith((".npy", ".npz", ".csv", ".tsv", ".json", ".jsonl"))]
    if data:
        return f"; did you mean {root / data[0]}?"
    return f"; it holds {', '.join(names[:5])}{' and more' if len(names) > 5 else ''}" if names else "; it is empty"

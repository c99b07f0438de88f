"""Data sets of Hugging Face `datasets`: by name from the hub, from a saved folder, or in memory."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from selfsup.data.dataset import Dataset
from selfsup.data.request import Request
from selfsup.data.tables.columnar import Part, Table, are_names, from_parts
from selfsup.errors import DataError
from selfsup.lazy import datasets, huggingface_hub
from selfsup.system.reading import foreign

TEST = ("test", "validation", "valid", "val", "dev")


def from_hub(name: str, request: Request) -> Dataset:
    """Make a `Dataset` of one on the hub: ``owner/name``, ``name``, or with a configuration, ``owner/name:config``.

    Code of the data set's own is never run.

    Raises
    ------
    DataError
        If it cannot be had: no such name, a configuration must be chosen, or there is no way to the hub.
    """
    path, _, config = name.partition(":")
    if not path:
        raise DataError("'hub:' lacks a name, as in hub:ylecun/mnist")
    with _quiet(request.progress):
        try:
            loaded = datasets.load_dataset(path, config or None)
        except _failures() as error:
            cause = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
            raise DataError(
                f"cannot load hub:{name}: {cause}. Is the name right, and is there a way to the hub?"
            ) from error
        return from_datasets(loaded, request, f"hub:{name}", _fetched(path))


def from_saved(folder: Path, request: Request) -> Dataset:
    """Make a `Dataset` of a folder that Hugging Face's ``save_to_disk`` wrote."""
    with _quiet(request.progress):
        with foreign(f"{folder}, saved by Hugging Face datasets"):
            loaded = datasets.load_from_disk(str(folder))
        return from_datasets(loaded, request, str(folder), (folder,))


def is_saved(folder: Path) -> bool:
    """Whether ``save_to_disk`` wrote the folder."""
    return (folder / "dataset_dict.json").is_file() or (folder / "state.json").is_file()


def _fetched(name: str) -> tuple[Path, ...]:
    """Where a data set of the hub may have put image files: its own folder in the hub's cache, and what was unpacked."""
    own = Path(huggingface_hub.constants.HF_HUB_CACHE) / f"datasets--{name.replace('/', '--')}"
    return own, Path(datasets.config.DOWNLOADED_DATASETS_PATH), Path(datasets.config.EXTRACTED_DATASETS_PATH)


def from_datasets(
    loaded: Any, request: Request, source: str = "Hugging Face dataset", folders: tuple[Path, ...] | None = None
) -> Dataset:
    """Make a `Dataset` of a ``datasets.Dataset``, or of the splits of a ``datasets.DatasetDict``.

    Parameters
    ----------
    folders
        Where the images must lie that a row names by a path (`columnar.Part`); None where the caller has loaded the data set.
    """
    if isinstance(loaded, datasets.Dataset):
        return from_parts(_part(loaded, source, folders), None, request)
    if not isinstance(loaded, datasets.DatasetDict) or not loaded:
        raise DataError(f"{source} is a {type(loaded).__name__}; streams are not supported yet")
    train = "train" if "train" in loaded else next(iter(loaded))
    test = next((word for word in TEST if word in loaded and word != train), None)
    tested = None if test is None else _part(loaded[test], source, folders)
    return from_parts(_part(loaded[train], source, folders), tested, request)


def _part(split: Any, source: str, folders: tuple[Path, ...] | None) -> Part:
    """One split as an Arrow table; images stay encoded."""
    with foreign(source):
        held = [(name, getattr(one, "feature", one)) for name, one in split.features.items()]  # of a list what is in it
        labels = [(name, one) for name, one in held if type(one).__name__ == "ClassLabel"]
        names = {name: one.names for name, one in labels if are_names(one.names)}
        table = split.with_format("arrow")[:] if len(split) else split.data.table
    return Part(Table(table), source, [source, str(split._fingerprint), len(split)], names, folders)


def _failures() -> tuple[type[Exception], ...]:
    """What loading a data set may raise besides errors of the system: names, configurations, the network."""
    found: list[type[Exception]] = [OSError, ValueError, KeyError, RuntimeError, NotImplementedError, ImportError]
    found += [datasets.exceptions.DatasetsError, huggingface_hub.errors.HFValidationError]
    if importlib.util.find_spec("httpx") is None:
        return tuple(found)
    return (*found, importlib.import_module("httpx").HTTPError)


@contextmanager
def _quiet(shown: bool) -> Iterator[None]:
    """Hugging Face's progress bars only where ours are shown."""
    was_off = datasets.are_progress_bars_disabled()
    if not shown:
        datasets.disable_progress_bars()
    try:
        yield
    finally:
        if not was_off:
            datasets.enable_progress_bars()

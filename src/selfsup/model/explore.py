"""`explore`: look at whatever there is, a run, word vectors or plain data, as a page."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from selfsup import store
from selfsup.data.files import suffix_of
from selfsup.data.open import KINDS, open_data, reader_of
from selfsup.data.samples import READERS as OF_FILES, WORDS
from selfsup.data.text.kind import is_no_path, reads as reads_text
from selfsup.errors import DataError, OptionError
from selfsup.explorer import document, gather
from selfsup.explorer.explorer import Explorer
from selfsup.explorer.gather import Look
from selfsup.explorer.mapping import Map
from selfsup.explorer.scene import Scene
from selfsup.method import Method
from selfsup.model.explorable import ExploreFace, shown, words_of
from selfsup.model.load import load
from selfsup.options import Range, checked
from selfsup.system.files import is_there, missing
from selfsup.words.formats import REGISTERED as FORMATS, find as find_format
from selfsup.words.formats.io import blocks_of
from selfsup.words.vectors import WordVectors

HEAD = 1 << 16  # bytes that tell what a file holds
WELL_KNOWN = ("digits", "docstrings")  # data that no path leads to
OF_MODELS = ("data", "layer", "beside")  # options that plain data have no use for
READING = ("labels", "label_column", "labels_are", "column", "on_bad")  # options of how data are read


def explore(
    what: Any,
    data: Any = None,
    *,
    out: str | os.PathLike[str] | None = None,
    layer: str | None = None,
    beside: Any = None,
    map: Map = "auto",
    limit: Annotated[int, Range(1)] | None = None,
    thumbnail: Annotated[int, Range(8, 256)] = 48,
    labels: Any = None,
    label_column: str | tuple[str, ...] | None = None,
    labels_are: Literal["classes", "numbers", "several"] | None = None,
    column: str | None = None,
    on_bad: Literal["stop", "skip"] | None = None,
    seed: Annotated[int, Range(0, 2**32 - 1)] = 0,
    overwrite: bool = False,
    method: str | type[Method] | None = None,
    given: Mapping[str, Any] | None = None,
    device: str = "cpu",
) -> Explorer:
    """Look at a run's codes, at word vectors or at plain data on a page: a map, neighbours, axes of one's own.

    Parameters
    ----------
    what
        A run (its folder, or the model); word vectors (a file, a folder, or `WordVectors`); or data that no model has seen: a
        folder of images, a table, an array, anything `fit` takes. A text has no vectors yet: learn them first.
    data
        Of a run: what is encoded. By default the data it learnt from, where they still are. A run of words needs none; with
        texts their codes are shown.
    out
        Where the page is written: PAGE.html, one file, or else a folder, for many points or pictures. Both open without a server.
    layer
        A block of the network instead of the code.
    beside
        What is shown beside it, of the same points: a second run on the same data, or word vectors after something was changed
        in them, such as what a reducer of bias made; words in common are shown, on the same axes.
    map
        auto: principal components, and of up to 100,000 points t-SNE, which takes some 20 seconds. pca: these alone. tsne,
        umap: that one too, however many points: some thousands are placed by it, the others beside the nearest of these.
    limit
        Most points. By default a million words, the most frequent, or rows, and 100,000 images or texts, drawn with the seed;
        fewer where the vectors would need more than 512 MB.
    thumbnail
        Longest side of the small pictures, in pixels.
    labels
        Labels (n,) of an array; or several a sample (n, L), each 0 or 1.
    label_column
        Name of the column that holds the labels; or of several that are 0 and 1, so many labels a sample.
    labels_are
        classes, numbers, or several, of which each sample has any number; by default what they look like.
    column
        Name of the column that holds texts.
    on_bad
        stop or skip files that cannot be read, and columns that are neither numbers nor categories. Without a run skip is the
        default, and what was left out is said.
    seed
        Of samples, t-SNE and UMAP.
    overwrite
        Replace the page, where it exists.
    method, given
        Of a run by a method that is not selfsup's own: see `selfsup.load`.
    device
        Where a run encodes.

    Returns
    -------
    Explorer
        A notebook shows it; `save` writes it, `serve` serves it to this computer alone. With `out` it is saved already.

    Raises
    ------
    DataError
        If there is no such thing, the data are no longer there or do not fit, or a vector is not finite.
    OptionError
        If an option does not suit what is shown.
    RunError
        If a run is damaged, or `out` is taken or cannot be written.
    MissingError
        If UMAP is asked for and not installed.
    """
    asked = checked(explore, dict(locals()))
    if out is not None:
        document.check_page(Path(out), overwrite=overwrite)
    how = {name: asked.pop(name) for name in ("method", "given", "device")}
    what = _opened(what, how)
    if isinstance(what, ExploreFace):
        asked["beside"] = _opened(beside, how) if isinstance(beside, str | os.PathLike) else beside
        return what.explore(**{name: value for name, value in asked.items() if name != "what"})
    reading = {name: asked[name] for name in READING if asked[name] is not None}
    look = Look(asked["map"], asked["limit"], asked["thumbnail"], asked["seed"])
    if isinstance(what, WordVectors):
        for option in ("data", "layer", *reading):
            if asked.get(option) is not None:
                raise OptionError(f"option '{option}' is for runs and for data; word vectors are shown as they are")
        scene = gather.of_words(what, _title(asked["what"]), look, None if beside is None else words_of(beside))
    else:
        for option in OF_MODELS:
            if asked[option] is not None:
                raise OptionError(
                    f"option '{option}' is for runs and word vectors; {_title(what)} is data that no model has seen"
                )
        scene = _of_data(what, look, reading)
    return shown(scene, out, overwrite=overwrite)


def _opened(what: Any, how: Mapping[str, Any]) -> Any:
    """The model or the word vectors at a path; what is neither, as it is."""
    if not isinstance(what, str | os.PathLike):
        return what
    place = Path(what).expanduser()
    folder = store.found(place)
    if any((folder / name).exists() for name in (store.CONFIG, store.METRICS)) and _names_method(folder):
        return load(place, **{name: value for name, value in how.items() if value is not None})
    if os.path.isdir(folder):
        vectors = any(format.folder and format.knows(folder, b"") for format in map(find_format, FORMATS))
        return WordVectors.load(folder) if vectors else what
    return WordVectors.load(place) if os.path.isfile(place) and _holds_vectors(place) else what


def _names_method(folder: Path) -> bool:
    """Whether a folder is that of a run, and not of word vectors alone."""
    config = store.read_json(folder, store.CONFIG) if (folder / store.CONFIG).is_file() else {}
    return (isinstance(config, dict) and "method" in config) or (folder / store.METRICS).is_file()


def _holds_vectors(file: Path) -> bool:
    """Whether a file is one of word vectors: none of data by its name, nor a text by its beginning."""
    suffix = suffix_of(file)
    if suffix in OF_FILES and suffix != ".npz":
        return False
    head = next(blocks_of(file, HEAD), b"")
    known = any(not format.folder and format.knows(file, head) for format in map(find_format, FORMATS))
    return known or not (suffix in OF_FILES or (head.strip() and reads_text(str(file))))


def _of_data(what: Any, look: Look, reading: dict[str, Any]) -> Scene:
    """The scene of data that no model has seen."""
    if isinstance(what, str | os.PathLike) and not _leads_to_data(os.fspath(what)):
        raise DataError(missing(Path(what), f"a run, a file of word vectors, {WORDS}", WELL_KNOWN))
    if reader_of(what, asked=reading) == KINDS["text"]:
        raise DataError(
            f"{_title(what)} is a text, and its words have no vectors yet; learn them, and look at these: selfsup fit DATA "
            "--method skipgram --out RUN, selfsup explore RUN"
        )
    opened = open_data(what, **{"on_bad": "skip", "others": True, **reading})
    few, notes = gather.drawn(opened, look, min(opened.form.size, gather.WIDEST))
    return gather.of_samples(
        few,
        _title(what) if isinstance(what, str | os.PathLike) else opened.describe(),
        look,
        notes=notes,
        total=opened.source_rows,
    )


def _leads_to_data(words: str) -> bool:
    """Whether there is something at a path, or words stand for data or are no path."""
    return words in WELL_KNOWN or words.startswith("hub:") or is_no_path(words) or is_there(words)


def _title(what: Any) -> str:
    """What the page is called."""
    if isinstance(what, str | os.PathLike):
        return Path(what).name or str(what)
    return repr(what) if isinstance(what, WordVectors) else f"the {type(what).__name__}"

"""The verb convert."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Annotated, Literal

from selfsup.cli.parser import say
from selfsup.cli.words.giving import count, words_of
from selfsup.options import Range

log = logging.getLogger("selfsup")


def convert(
    source: str,
    target: str,
    *,
    format: str | None = None,
    from_format: str | None = None,
    limit: Annotated[int, Range(1)] | None = None,
    among: str | None = None,
    dtype: Literal["float32", "float16", "int8"] | None = None,
    overwrite: bool = False,
    allow_partial: bool = False,
) -> None:
    """Write word vectors in another format, whole or not at all.

    Parameters
    ----------
    source
        Word vectors: a file in any format, or a run.
    target
        File or folder to write; its suffix says the format: .txt .vec .bin (.gz and .zst pack them), .safetensors, .npz; none is
        a folder.
    format
        Of what is written, where the suffix does not say it.
    from_format
        Of what is read, where it cannot be known by its content.
    limit
        Take the first so many words only.
    among
        A file of words, one a line: take none but these.
    dtype
        Type of the numbers, where the format has several: half or a quarter of the room.
    overwrite
        Replace the file, or the folder of word vectors, if it exists.
    allow_partial
        Take what can be read of a file that is cut short.
    """
    from selfsup.errors import RunError
    from selfsup.system.memory import in_words
    from selfsup.words.vectors import WordVectors

    if Path(target).exists() and not overwrite:
        raise RunError(f"{target} exists; choose another place, or set option 'overwrite'")
    chosen = None if among is None else words_of(among)
    vectors = WordVectors.load(source, from_format, limit=limit, among=chosen, allow_partial=allow_partial)
    vectors.save(target, format, overwrite=overwrite, dtype=dtype)
    kept = WordVectors.load(target, limit=1)
    lost = [what for what in ("counts", "ngrams") if getattr(kept, what) is None and getattr(vectors, what) is not None]
    say(
        f"{count(len(vectors), 'word')} of {count(vectors.dim, 'value')} in {target} ({in_words(size_of(Path(target)))})"
    )
    if chosen is not None and len(vectors) < len(chosen):
        log.warning("%d of the %d words of %s have no vector", len(chosen) - len(vectors), len(chosen), among)
    if lost:
        log.warning("%s has no room for %s, which %s has", target, " and ".join(lost), source)


def size_of(path: Path) -> int:
    """Bytes of a file, or of the files of a folder."""
    if path.is_dir():
        return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
    return path.stat().st_size

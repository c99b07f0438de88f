"""The verb encode."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from selfsup.cli.common import free_file, load_run, names_of, say_skipped
from selfsup.cli.parser import UsageError, say
from selfsup.options import Range

if TYPE_CHECKING:
    from selfsup.model.words import TextOptions


def encode(
    run: str,
    data: str,
    *,
    out: str,
    layer: str | None = None,
    patches: bool = False,
    weights: Literal["sif", "tfidf", "mean"] | None = None,
    remove: Annotated[int, Range(0)] | None = None,
    components: Literal["learnt", "given"] = "learnt",
    on_bad: Literal["stop", "skip"] = "stop",
    overwrite: bool = False,
    method: str | None = None,
    given: tuple[str, ...] | None = None,
    device: str = "cpu",
    progress: bool = True,
) -> None:
    """Write the codes of data: one row for each row or file, in order.

    Parameters
    ----------
    out
        File to write: .npy, or .parquet with the names of the files.
    layer
        A block of the network instead of the code.
    patches
        Write a code for each patch, or place, of the map that an image's code is made from: (n, H, W, D), as .npy.
    weights
        Of the words of a text: sif, tfidf or mean; by default tfidf, of vectors from elsewhere sif, or mean without counts.
    remove
        First components that are taken away from codes of texts; by default 5, at most a twentieth of the width.
    components
        Whose these are: learnt from the training text, or of the texts given.
    """
    from selfsup import store

    file = free_file(out, overwrite)
    if file.suffix not in (".npy", ".parquet"):
        raise UsageError(f"--out must end in .npy or .parquet; got '{out}'")
    if patches and file.suffix != ".npy":
        raise UsageError(f"--out must end in .npy for --patches; got '{out}'")
    model = load_run(run, method, device, given)
    opened = data if model.word_vectors is not None else model.open(data, on_bad=on_bad, progress=progress)
    asked: TextOptions = {"weights": weights, "remove": remove, "components": components}
    usual = asked == {"weights": None, "remove": None, "components": "learnt"}
    codes = model.encode(opened, layer, patches=patches, **({} if usual else asked))
    store.write_codes(file, codes, names_of(opened, len(codes)))
    many = f"{len(codes):,} times {codes.shape[1]} x {codes.shape[2]}" if patches else f"{len(codes):,}"
    say(f"{many} codes of {codes.shape[-1]} values in {file}")
    say_skipped(opened)

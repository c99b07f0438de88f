"""The verb search."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from selfsup.cli.common import load_run, names_of, say_skipped
from selfsup.cli.parser import say
from selfsup.cli.sheet import Tile, check_sheet, folded, write_sheet
from selfsup.cli.writing import output
from selfsup.options import Range

if TYPE_CHECKING:
    from selfsup.model.search import Found


def search(
    run: str,
    image: str,
    *,
    among: str,
    k: Annotated[int, Range(1)] = 9,
    out: str | None = None,
    layer: str | None = None,
    on_bad: Literal["stop", "skip"] = "stop",
    overwrite: bool = False,
    method: str | None = None,
    given: tuple[str, ...] | None = None,
    device: str = "cpu",
    progress: bool = True,
) -> None:
    """List what is most similar to an image (or a row of a table) among many, by their codes.

    Parameters
    ----------
    image
        File of an image, or a folder or table of several.
    among
        Data that are searched.
    k
        How many to list for each.
    out
        Contact sheet to write: .png.
    layer
        A block of the network instead of the code.
    """
    file = None if out is None else output(out, overwrite, (".png",))
    model = load_run(run, method, device, given)
    check_sheet(file, model.form)
    asked = model.open_rows(image, on_bad=on_bad, progress=progress)
    data = model.open_rows(among, on_bad=on_bad, progress=progress)
    found = model.search(asked, data, k, layer)
    names, all_names = names_of(asked, len(asked)), names_of(data, len(data))
    for number, name in enumerate(names):
        say(f"{name}: the {found.rows.shape[1]} most similar of {len(data):,}")
        for near, similarity in zip(found.names[number], found.similarities[number], strict=True):
            say(f"  {similarity:>7.4f}  {near}")
        if len(own := found.itself[number]):
            some = ", ".join(all_names[row] for row in own[:5].tolist()) + (", ..." if len(own) > 5 else "")
            say(f"  left out, as the same: {some}")
    if file is not None:
        tiles = write_sheet(file, _rows(asked, names, data, found))
        say(f"{tiles:,} images in {file}")
    for opened in (asked, data):
        say_skipped(opened)


def _rows(asked: Any, names: list[str], data: Any, found: Found) -> list[Any]:
    """A query and what is near it; of a single query in a block."""
    rows = []
    for number, name in enumerate(names):
        near = zip(found.rows[number].tolist(), found.names[number], found.similarities[number], strict=True)
        rows.append([Tile(number, (name, "the query"), asked), *(Tile(r, (n, f"{s:.3f}"), data) for r, n, s in near)])
    return folded(rows[0]) if len(rows) == 1 else rows

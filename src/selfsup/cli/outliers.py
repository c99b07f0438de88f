"""The verb outliers."""

from __future__ import annotations

from typing import Annotated, Literal

from selfsup.cli.common import load_run, say_skipped
from selfsup.cli.parser import say
from selfsup.cli.sheet import Tile, check_sheet, folded, write_sheet
from selfsup.cli.writing import output, to_csv
from selfsup.lazy import pandas as pd
from selfsup.options import Range
from selfsup.system.files import write_bytes
from selfsup.system.screen import unicode

SAID, SHOWN = 10, 25  # rows that are listed on the screen, and shown on a sheet


def outliers(
    run: str,
    data: str,
    *,
    k: Annotated[int, Range(1)] = 20,
    out: str | None = None,
    layer: str | None = None,
    on_bad: Literal["stop", "skip"] = "stop",
    overwrite: bool = False,
    method: str | None = None,
    given: tuple[str, ...] | None = None,
    device: str = "cpu",
    progress: bool = True,
) -> None:
    """List what is like nothing else: the rows whose codes are farthest from those of their nearest neighbours.

    Parameters
    ----------
    k
        Neighbours whose mean distance counts.
    out
        File to write: .csv, all rows with their distances, or .png, a contact sheet of the farthest.
    layer
        A block of the network instead of the code.
    """
    file = None if out is None else output(out, overwrite, (".csv", ".png"))
    model = load_run(run, method, device, given)
    check_sheet(file, model.form)
    opened = model.open_rows(data, on_bad=on_bad, progress=progress)
    found = model.outliers(opened, k, layer)
    middle = float(found.distances[len(found.distances) // 2])
    say(f"farthest from their {found.k} nearest of {len(opened):,} (the middle one has {middle:.4f}):")
    for name, distance in zip(found.names[:SAID], found.distances, strict=False):
        say(f"  {distance:>7.4f}  {name}")
    if file is not None and file.suffix == ".csv":
        table = {"name": list(map(unicode, found.names)), "distance": found.distances}
        write_bytes(file, to_csv(pd.DataFrame(table)))
        say(f"{len(found.names):,} distances in {file}")
    elif file is not None:
        shown = zip(found.rows.tolist(), found.names, found.distances, strict=True)
        tiles = [Tile(row, (name, f"{distance:.4f}"), opened) for row, name, distance in list(shown)[:SHOWN]]
        say(f"{write_sheet(file, folded(tiles)):,} images in {file}")
    say_skipped(opened)

"""The verb duplicates."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from selfsup.cli.common import load_run, say_skipped
from selfsup.cli.parser import say
from selfsup.cli.sheet import Tile, check_sheet, write_sheet
from selfsup.cli.writing import output, to_csv
from selfsup.lazy import pandas as pd
from selfsup.options import Range
from selfsup.system.files import write_bytes
from selfsup.system.screen import unicode

if TYPE_CHECKING:
    from selfsup.model.search import Duplicates

SAID = 20  # pairs that are listed on the screen


def duplicates(
    run: str,
    data: str,
    *,
    above: Annotated[float, Range(-1, 1)] | None = None,
    out: str | None = None,
    layer: str | None = None,
    on_bad: Literal["stop", "skip"] = "stop",
    overwrite: bool = False,
    method: str | None = None,
    given: tuple[str, ...] | None = None,
    device: str = "cpu",
    progress: bool = True,
) -> None:
    """List what is there twice: with the same pixels (or values), or with nearly the same code.

    Parameters
    ----------
    above
        Similarity from which two are called nearly the same; by default from how similar nearest neighbours are in these data.
    out
        File to write: .csv, a list of all pairs, or .png, a contact sheet with a row for each group.
    layer
        A block of the network instead of the code.
    """
    file = None if out is None else output(out, overwrite, (".csv", ".png"))
    model = load_run(run, method, device, given)
    check_sheet(file, model.form)
    opened = model.open_rows(data, on_bad=on_bad, progress=progress)
    found = model.duplicates(opened, above, layer)
    exact, near = int(found.exact.sum()), int((~found.exact).sum())
    chosen = "as asked" if above is not None else "chosen from these data; --above sets it"
    say(
        f"{exact:,} of {len(opened):,} are the same as one before; {near:,} pair{'' if near == 1 else 's'} of the others "
        f"with a similarity of at least {found.above:.4f} ({chosen})"
    )
    pairs = list(zip(found.rows.tolist(), found.similarities.tolist(), found.exact.tolist(), strict=True))
    for (a, b), similarity, same in pairs[:SAID]:
        say(f"  {'same' if same else f'{similarity:.4f}':>7}  {found.names[a]}  {found.names[b]}")
    if len(pairs) > SAID:
        say(f"  and {len(pairs) - SAID:,} more")
    if file is not None and file.suffix == ".csv":
        write_bytes(file, to_csv(_table(found)))
        say(f"{len(pairs):,} pair{'' if len(pairs) == 1 else 's'} in {file}")
    elif file is not None and found.groups:
        tiles = write_sheet(file, _rows(found, opened))
        say(f"{tiles:,} images in {file}, each row a group of what belongs together")
    elif file is not None:
        say(f"nothing is there twice, so {file} was not written")
    say_skipped(opened)


def _table(found: Duplicates) -> pd.DataFrame:
    first, second = ([unicode(found.names[row]) for row in column.tolist()] for column in found.rows.T)
    kinds = ["same" if same else "near" for same in found.exact.tolist()]
    return pd.DataFrame({"first": first, "second": second, "similarity": found.similarities, "kind": kinds})


def _rows(found: Duplicates, opened: Any) -> list[list[Tile]]:
    """Groups, each row beside the most similar before it."""
    best: dict[int, str] = {}
    for (a, b), similarity, same in zip(found.rows.tolist(), found.similarities, found.exact, strict=True):
        for row in (a, b):
            best.setdefault(row, "same" if same else f"{similarity:.4f}")
    return [[Tile(row, (found.names[row], best[row]), opened) for row in group] for group in found.groups]

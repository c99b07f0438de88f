"""The verb explore."""

from __future__ import annotations

import webbrowser
from pathlib import Path
from typing import Annotated, Any

from selfsup.cli.common import functions, importable
from selfsup.cli.parser import Groups, UsageError, say
from selfsup.options import Range

# options that the verb itself has, or lacks
OWN = ("what", "data", "out", "beside", "labels", "overwrite", "method", "given", "device")


def explore(
    what: str,
    *,
    out: str | None = None,
    data: str | None = None,
    beside: str | None = None,
    port: Annotated[int, Range(0, 65535)] | None = None,
    open: bool = False,
    overwrite: bool = False,
    method: str | None = None,
    given: tuple[str, ...] | None = None,
    device: str = "cpu",
    **settings: Any,
) -> None:
    """Look at a run's codes, at word vectors or at plain data: an interactive page, in the browser, offline.

    Parameters
    ----------
    what
        Run folder, word vectors, or data that no model has seen: a folder of images, a table, an array.
    out
        Page to write: PAGE.html is one file, any other name a folder, which loads only what is looked at. Both open without a
        server. Without it the page is served to this computer alone until Ctrl-C, with the pictures in full.
    data
        Of a run: what is encoded; by default the data it learnt from.
    beside
        What is shown beside it, of the same points: a second run, or word vectors after something was changed in them.
    port
        Of the server; by default, and with 0, any that is free.
    open
        Open the page in the browser.
    overwrite
        Replace the page, where it exists.
    """
    from selfsup.explorer.server import check_port
    from selfsup.model.explore import explore as exploring

    if out is not None and port is not None:
        raise UsageError("--port is for the server, and with --out the page is written instead; leave one of them out")
    check_port(port or 0)
    more = {"method": importable(method), "given": functions(given) or None, "device": device, "overwrite": overwrite}
    made = exploring(what, data, out=out, beside=beside, **more, **settings)
    for note in made.scene.notes:
        say(note)
    if out is None:
        made.serve(port or 0, open_browser=open, ready=lambda address: say(f"{address} (Ctrl-C ends it)"))
        return
    page = Path(out) / "index.html" if Path(out).is_dir() else Path(out)
    say(f"{len(made):,} {made.scene.samples} in {page} ({_size(Path(out)) / 1e6:,.1f} MB)")
    if open and not webbrowser.open(page.absolute().as_uri()):
        say("no browser could be opened; open the page yourself")


def options(words: list[str]) -> Groups:
    """Options of the page."""
    from selfsup.model.explore import explore as function
    from selfsup.options import options_of

    return [("page", {name: option for name, option in options_of(function).items() if name not in OWN})]


def _size(path: Path) -> int:
    """Bytes of a file, or of all in a folder."""
    return sum(file.stat().st_size for file in ([path] if path.is_file() else path.rglob("*")) if file.is_file())

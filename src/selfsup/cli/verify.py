"""The verb verify."""

from __future__ import annotations

from pathlib import Path

from selfsup.cli.parser import say
from selfsup.errors import RunError


def verify(run: str) -> None:
    """Compare every file of a run folder with what it was when it was written; exit code 1 if one is missing or changed.

    Parameters
    ----------
    run
        A run folder, or a folder of word vectors.
    """
    from selfsup import store
    from selfsup.store.checkpoint import check_state

    folder = store.found(Path(run))
    found = store.faults(folder)
    try:
        check_state(folder / store.RESUME)
    except RunError as error:
        found.append(str(error))
    if found:
        raise RunError("\n".join(found))
    sizes = store.sizes(folder)
    say(f"{folder} is whole: {len(sizes) + 1} files, {sum(sizes.values()) / 1e6:,.1f} MB")

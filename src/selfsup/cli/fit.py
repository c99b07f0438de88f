"""The verb fit."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from selfsup.cli.common import importable
from selfsup.cli.parser import Groups, UsageError, peek, say
from selfsup.errors import Interrupted
from selfsup.system.screen import pasted

if TYPE_CHECKING:
    from selfsup.model.model import Model

LONGEST = 50  # letters of the data's name in the name of a run


def fit(data: str, *, method: str | None = None, **settings: Any) -> None:
    """Learn a representation from data without labels, and gather the evidence of whether it helped.

    Parameters
    ----------
    data
        Folder of images, .parquet, .npy, .npz or .csv file (also .csv.gz), a 'PATTERN*' of such files, hub:NAME, or digits.
        Text: a .txt (also .gz, .zst), a folder or a 'PATTERN*' of them, a column of a table (--method skipgram), or docstrings.
    method
        A word of `selfsup methods`, mymodule:MyMethod or FILE.py:MyMethod; by default chosen by the kind of data.
    """
    from selfsup import store
    from selfsup.cli.summary import summary
    from selfsup.training.fit import fit as learn

    if settings.get("out") is None:
        if settings.get("resume"):
            raise UsageError("--resume needs the --out of the run to go on with")
        ending = stem(data)[:LONGEST] or "data"
        settings["out"] = store.free(Path("runs") / f"{(method or 'auto').split(':')[-1].lower()}-{ending}")
    out = Path(settings["out"])
    for value in (method, *settings.values()):
        importable(value)
    try:
        model = learn(data, method, **settings)
    except KeyboardInterrupt as error:
        kept = (store.partial(out) / store.RESUME).is_dir()
        hint = f"; to go on, repeat the command with --out {pasted(out)} --resume" if kept else ""
        raise Interrupted((str(error) or "interrupted") + hint) from error
    say(summary(model, pasted(data), _photo(data, model)))


def stem(data: str) -> str:
    """The data's name without its ending; a pattern has that of its folder."""
    path = Path(data.split(":")[-1].rstrip("/"))
    named = next(
        (part for part in (path, *path.parents) if part.name and not set(part.name) & set("*?[")), Path("data")
    )
    return named.stem.removesuffix(".csv").removesuffix(".tsv")


def _photo(data: str, model: Model) -> str:
    """A file of the data that can be searched for, where they are a folder of images."""
    from selfsup.data.images import folder

    if model.config["words"] or model.config["data"]["bad"] or not Path(data).is_dir():
        return ""
    return next((pasted(Path(data) / name) for name in folder.find(Path(data))), "")


def options(words: list[str]) -> Groups:
    """Options in four groups: how the data are read, the method's, the solver's, and the run's."""
    from selfsup.data.open import reader_of, reading_options
    from selfsup.methods import DEFAULTS, TEXT, find
    from selfsup.options import options_of, summary
    from selfsup.solvers import find as find_solver
    from selfsup.training.fit import fit as learn, method_options

    run = {name: o for name, o in options_of(learn).items() if name not in ("data", "method")}
    asked, data = peek(words, "method"), words[0] if words and not words[0].startswith("-") else ""
    named = None if asked is None else find(importable(asked))
    flags = [word[2:].split("=")[0].replace("-", "_") for word in words if word.startswith("--")]
    reader = reader_of(data, None if named is None else named[1].kinds, flags)
    if named is None and reader == reader_of("", ("text",)):
        named = find(TEXT)
    reading = {name: o for name, o in reading_options(reader).items() if name != "labels"}
    groups: Groups = [("data", reading)]
    if named is None:
        some = [options_of(find(name)[1]) for name in DEFAULTS]
        groups.append(("", {name: o for each in reversed(some) for name, o in each.items() if name not in run}))
        solver = find(DEFAULTS[0])[1].solvers[0]
    else:
        name, cls = named
        own = {key: option for key, option in method_options(name, cls).items() if key not in run}
        groups.append((f"method {name}: {summary(cls)}", own))
        solver = cls.solvers[0]
    solver = peek(words, "solver") or solver
    return [*groups, (f"solver {solver}", options_of(find_solver(solver))), ("run", run)]

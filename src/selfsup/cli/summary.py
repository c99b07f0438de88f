"""What a user reads after `fit`: about ten lines, from data to next command."""

from __future__ import annotations

import shlex
from typing import Any

from selfsup.model.model import Model
from selfsup.system.progress import duration
from selfsup.system.screen import pasted


def summary(model: Model, source: str, photo: str = "") -> str:
    """Data, method and why, net, loss, gap, the comparison, the verdict, the folder, the next commands.

    Parameters
    ----------
    source
        The data, as they are written on a command line.
    photo
        One of its files, which can be searched for.
    """
    config, last = model.config, model.history[-1] if model.history else model.start
    training, many = config["training"], "words" if config["words"] else "rows"
    held = f", {training['heldout_rows']:,} held out" if training["heldout_rows"] else ""
    where = "on held-out" if training["heldout_rows"] else "on learnt"
    before = "before" if config["warm_start"] is None else "at the warm start"
    known = [] if config["warm_start"] is None else [f"from     {config['warm_start']}"]
    lines = [
        f"data     {config['data']['description']}",
        f"method   {config['method']} ({config['why'] if config['why'] == 'as asked' else 'chosen: ' + config['why']})",
        *known,
        f"hides    {config['hides']}",
        f"net      {config['net']}; {config['parameters']:,} parameters; "
        f"{'vectors' if config['words'] else 'codes'} of {config['width']} values",
        f"trained  {_effort(model, last)} on {training['rows']:,} {many}{held}",
        f"loss     {_losses(model.start, last, before, f'{where} {many}', 'words' if config['words'] else 'samples')}",
    ]
    found = model.evaluation
    lines += [found.short()] if found is not None else []
    lines += [f"note     {note}" for note in dict.fromkeys([*config["notes"], *(found.notes if found else [])])]
    if config["data"]["bad"]:
        lines.append(f"skipped  {config['data']['bad']:,} files that could not be read: see bad_files.json")
    if model.folder is not None:
        lines.append(f"folder   {model.folder} (open {model.folder / 'report.html'} in a browser)")
        lines.append(f"next     {_next(config, pasted(model.folder), source)}")
        if found is not None and (asked := found.rows("neighbours")):
            lines.append(f"         selfsup words nearest {pasted(model.folder)} {shlex.quote(asked[0]['word'])}")
        if photo:
            searched = f"selfsup search {pasted(model.folder)} {photo} --among {source} --out nearest.png"
            lines.append(f"         {searched}{_own(config)}")
    return "\n".join(lines)


def _losses(start: dict[str, Any], last: dict[str, Any], before: str, where: str, others: str) -> str:
    """Loss and gap before and after; where there was nothing to guess, that and no numbers."""
    if not any(record[key] for record in (start, last) for key in ("heldout", "shuffled")):
        return f"not measured: there was nothing to guess ({where})"
    return (
        f"{start['heldout']:.4g} {before}, {last['heldout']:.4g} after ({where}); gap to the guesses of other {others}: "
        f"{start['gap']:.3g} {before}, {last['gap']:.3g} after"
    )


def _effort(model: Model, last: dict[str, Any]) -> str:
    """How long it took; a method that was solved in closed form has no learning rate."""
    took = duration(model.config["seconds"]) + (" with evaluation" if model.evaluation is not None else "")
    if "lr" not in model.config["training"]:
        return f"closed form, {took}"
    epochs = last.get("epoch", 0)
    return f"{epochs:g} epoch{'' if epochs == 1 else 's'}, {took}"


def _next(config: dict[str, Any], run: str, source: str) -> str:
    """The command that most people want next."""
    more = _own(config)
    if config["words"]:
        return f"selfsup evaluate {run} --analogies questions-words.txt --similarity wordsim353.tsv{more}"
    more += " --on-bad skip" if config["data"]["bad"] else ""
    if config["facts"].get("classes"):
        return f"selfsup predict {run} DATA --out predictions.csv{more}"
    return f"selfsup encode {run} {source} --out codes.npy{more}"


def _own(config: dict[str, Any]) -> str:
    """What every command needs for a method of the user's own."""
    return f" --method {shlex.quote(config['method'])}" if ":" in config["method"] else ""

"""What a user reads after `fit`: about ten lines, from data to next command."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

from selfsup.progress import duration

if TYPE_CHECKING:
    from selfsup.model import Model


def summary(model: Model, source: str) -> str:
    """Ten lines: data, method and why, net, loss, gap, the comparison, the verdict, the folder, the next command."""
    config, last = model.config, model.history[-1] if model.history else model.start
    training = config["training"]
    held = f", {training['heldout_rows']:,} held out" if training["heldout_rows"] else ""
    chosen = config["why"] if config["why"] == "as asked" else f"chosen: {config['why']}"
    lines = [
        f"data     {config['data']['description']}",
        f"method   {config['method']} ({chosen})",
        f"hides    {config['hides']}",
        f"net      {config['net']}; {config['parameters']:,} parameters; codes of {config['width']} values",
        f"trained  {_effort(model)} on {training['rows']:,} rows{held}",
        f"loss     {model.start['heldout']:.4g} before, {last['heldout']:.4g} after ({_where(training)}); "
        f"gap to the guesses of other samples: {model.start['gap']:.3g} before, {last['gap']:.3g} after",
    ]
    if model.evaluation is not None:
        lines.append(model.evaluation.short())
    found = model.evaluation.notes if model.evaluation else []
    lines += [f"note     {note}" for note in dict.fromkeys([*config.get("notes", []), *found])]
    if config["data"]["bad"]:
        lines.append(f"skipped  {config['data']['bad']:,} files that could not be read: see bad_files.json")
    if model.folder is not None:
        lines.append(f"folder   {model.folder} (open {model.folder / 'report.html'} in a browser)")
        more = f" --method {config['method']}" if ":" in config["method"] else ""
        more += " --on-bad skip" if config["data"]["bad"] else ""
        lines.append(f"next     selfsup encode {shlex.quote(str(model.folder))} {source} --out codes.npy{more}")
    return "\n".join(lines)


def _effort(model: Model) -> str:
    took = duration(model.config["seconds"])
    if model.config["training"]["solver"] == "exact":
        return f"closed form, {took}"
    epochs = len(model.history)
    return f"{epochs} epoch{'s' if epochs != 1 else ''}, {took} with evaluation"


def _where(training: dict[str, Any]) -> str:
    return "on held-out rows" if training["heldout_rows"] else "on rows of the training part"

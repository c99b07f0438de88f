"""What a user reads after `fit`: about ten lines, from data to next command."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from selfsup.progress import duration

if TYPE_CHECKING:
    from selfsup.model import Model


def summary(model: Model, source: str) -> str:
    """Ten lines: data, method and why, net, loss, gap, the comparison, the verdict, the folder, the next command."""
    config, last = model.config, model.history[-1] if model.history else model.start
    training = config["training"]
    held = f", {training['heldout_rows']:,} held out" if training["heldout_rows"] else ""
    lines = [
        f"data     {config['data']['description']}",
        f"method   {config['method']}, {config['why']}: hides {config['hides']}",
        f"net      {config['net']}; {config['parameters']:,} parameters; codes of {config['width']} values",
        f"trained  {_effort(model)} on {training['rows']:,} rows{held}",
        f"loss     {model.start['heldout']:.4g} before, {last['heldout']:.4g} after ({_where(training)})",
        f"gap      {model.start['gap']:.3g} before, {last['gap']:.3g} after: what a guess owes to its own sample",
    ]
    if model.evaluation is not None:
        if model.evaluation.probe:
            lines += ["", str(model.evaluation), ""]
        else:
            lines.append(f"verdict  {model.evaluation.verdict['sentence']}")
    if config["data"]["bad"]:
        lines.append(f"skipped  {config['data']['bad']:,} files that could not be read: see bad_files.json")
    if model.folder is not None:
        lines.append(f"folder   {model.folder} (open {model.folder / 'report.html'} in a browser)")
        lines.append(f"next     selfsup encode {model.folder} {source} --out codes.npy")
    return "\n".join(lines)


def _effort(model: Model) -> str:
    took = duration(model.config["seconds"])
    if model.config["training"]["solver"] == "exact":
        return f"closed form, {took}"
    epochs = len(model.history)
    return f"{epochs} epoch{'s' if epochs != 1 else ''}, {took} with evaluation"


def _where(training: dict[str, Any]) -> str:
    return "on held-out rows" if training["heldout_rows"] else "on rows of the training part"

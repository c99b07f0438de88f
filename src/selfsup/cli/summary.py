"""What a user reads after `fit`: about ten lines, from data to next command."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

from selfsup.system.progress import duration

if TYPE_CHECKING:
    from selfsup.model.model import Model
    from selfsup.model.words import WordModel


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


NEIGHBOURS, ASKED = 5, 6  # of how many words, how many neighbours


def word_summary(model: WordModel, source: str) -> str:
    """The lines after `fit` on text: data, method, vectors, loss, gap, neighbours of some words, folder, next command."""
    config, last = model.config, model.history[-1] if model.history else model.start
    training, where = config["training"], _where(config["training"])
    rate = last.get("samples_per_second")
    speed = f", {rate:,.0f} words/s at the end" if rate else ""
    lines = [
        f"data     {config['data']['description']}",
        f"method   {config['method']} ({config['why'] if config['why'] == 'as asked' else 'chosen: ' + config['why']})",
        f"hides    {config['hides']}",
        f"net      {config['net']}; solver {training['solver']}",
        f"trained  {training['epochs']} epochs, {duration(config['seconds'])} with reading{speed}",
        f"loss     {model.start['heldout']:.4g} before, {last['heldout']:.4g} after ({where}); "
        f"gap to the guesses of other words: {model.start['gap']:.3g} before, {last['gap']:.3g} after",
    ]
    for word in _telling(model):
        near = ", ".join(f"{other} {cosine:.2f}" for other, cosine in model.most_similar(word, NEIGHBOURS))
        lines.append(f"near     {word}: {near}")
    found = (model.evaluation or {}).get("notes", [])
    lines += [f"note     {note}" for note in [*config["notes"], *found]]
    if model.folder is not None:
        run = shlex.quote(str(model.folder))
        lines.append(f"folder   {model.folder} (open {model.folder / 'report.html'} in a browser)")
        lines.append(f"next     selfsup evaluate {run} --analogies questions-words.txt --similarity wordsim353.tsv")
    return "\n".join(lines)


def _telling(model: WordModel) -> list[str]:
    """Some words to show the neighbours of: frequent, but not so frequent that they stand everywhere; letters only."""
    plain = [word for word in model.words[100:1500] if word.isalpha() and len(word) > 4] or model.words
    return plain[:: max(1, len(plain) // ASKED)][:ASKED] if len(model) > 1 else []

"""Numbers on the health of codes, each with what it means and when to worry."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from selfsup.report.say import number, percent, plain, short

# name in evaluation.json -> title and what it says; a key that is not here is shown under its own name
KNOWN = {
    "gap": (
        "Shuffle gap",
        "Loss with the guesses swapped between samples, minus the loss. About 0 means a guess owes nothing to its own "
        "sample: nothing is learnt, however small the loss.",
    ),
    "gap_sd": (
        "Shuffle gap, deviation",
        "How much the gap varies over the random swaps; a gap should be many times this.",
    ),
    "shuffled": ("Loss, guesses swapped", "Held-out loss when each guess is held against another sample's answer."),
    "loss": ("Held-out loss", "Loss on samples that were not trained on. A small loss alone proves nothing."),
    "effective_rank": (
        "Effective rank",
        "How many directions the codes really use, out of their width. Near 1 they have collapsed onto a line.",
    ),
    "width": ("Width of the code", "Numbers in the code of one sample."),
    "spread": (
        "Spread",
        "How far the codes of different samples lie apart. Near 0 all samples look the same to the model.",
    ),
    "dead": ("Dead dimensions", "Entries of the code that are the same for every sample and so carry nothing."),
    "rows": ("Samples measured", "Held-out samples that these numbers come from."),
}
ALIASES = {
    "gap_end": "gap",
    "loss_end": "loss",
    "shuffled_end": "shuffled",
    "rank": "effective_rank",
    "dimensions": "width",
    "dead_dims": "dead",
    "dead_dimensions": "dead",
}


@dataclass(frozen=True)
class Fact:
    """One number with its meaning."""

    title: str
    value: str
    meaning: str


def facts(health: Mapping[str, Any]) -> list[Fact]:
    """Return what there is to say of the numbers, in their order."""
    width = next((health[key] for key in ("width", "dimensions") if number(health.get(key)) is not None), None)
    found = []
    for key, value in health.items():
        name = ALIASES.get(key, key)
        if name == "width" and any(ALIASES.get(other, other) == "effective_rank" for other in health):
            continue  # it is said with the rank
        title, meaning = _meaning(name)
        shown = short(value) if number(value) is not None else plain(value)
        if name == "dead" and isinstance(value, float) and 0 <= value <= 1:
            shown = f"{percent(value)} %"  # a share of the width, not a count
        elif name in ("effective_rank", "dead") and width is not None and number(value) is not None:
            shown = f"{shown} of {short(width)}"
        found.append(Fact(title, shown, meaning))
    return found


def _meaning(name: str) -> tuple[str, str]:
    """Return title and meaning of a number; ``x_start`` is x before training."""
    if name in KNOWN:
        return KNOWN[name]
    base, _, when = name.rpartition("_")
    base = ALIASES.get(base, base)
    if when in ("start", "before") and base in KNOWN:
        return f"{KNOWN[base][0]}, before training", "The same number with random weights, to compare with."
    return name.replace("_", " ").capitalize(), ""

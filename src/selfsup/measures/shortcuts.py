"""Whether a task was solved without what it is there for: one place of what is seen gives the answer, or a trivial cue does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from selfsup.measures.wording import percent

LITTLE = 0.2  # of the loss before training: where less is left it is asked how the task was solved
# Limits lie between planted leaks and shortcuts on one side and sound runs on the other, of two panels (docs/log.md).
LEAK = 2.4  # largest rise beside the second; leaks had 3.9 or more, sound runs of so little loss 1.5 or less, where
TOLD = 0.06  # of the gap is lost with the guess of the sample nearest in this one value; leaks .015 or less, but for these .16
LEAK_SHARE = 0.4  # of the gap, of a place of many values, such as a cell: leaks .51 or more, sound runs .25 or less
CUE = 0.3  # of the gap is lost where a cue is all that is left; shortcuts .25 or less, sound runs .42 or more
READ, HALF = 0.5, 0.5  # of the variance of a patch's place that a map does not tell; and beside the untrained net
FRINGED = 0.5  # of the gap is lost without colours, where it is by these that a patch tells its place
GRID, ERRORS = 0.1, 4.0  # by which the offset to JPEG's grid is told more often than from the untrained net
CUES = {  # cue that may condemn -> what is left of an image, and what to do against it; grey alone solves sound tasks, too
    "common": ("what all samples have in common", "crop or mask what is the same in all of them"),
    "light": ("how bright it is and whence it is lit", "even out the light, or vary brightness and colours at random"),
    "border": ("its border", "crop the border"),
    "colour": ("its mean colour", "make the images grey, or vary their colours at random"),
}


def left(health: Mapping[str, float]) -> float:
    """What is left of the loss before training: a share of it, or 1 where it says nothing."""
    return max(0.0, health["loss"] / health["loss_start"]) if health["loss_start"] > 0 else 1.0


def solved(health: Mapping[str, float]) -> bool:
    """Whether so little of the loss is left that it is worth asking where the answer stands."""
    return left(health) < LITTLE


def leaks(health: Mapping[str, float]) -> bool:
    """Whether little of the loss is left, and one place of what is seen is all that it needs.

    A single value has to give the answer by itself: samples that are near in it are near in the answer. In a place of many values
    no two samples are near, and there the loss has to rise by much.
    """
    if not solved(health) or health.get("leak", 0.0) < LEAK:
        return False
    if "told" in health:
        return health["told"] <= TOLD
    return health["leak_share"] >= LEAK_SHARE


def rises(health: Mapping[str, float]) -> dict[str, float]:
    """Cue -> the share of the gap that is lost with it alone, of those that may condemn; what is far off has not been asked.

    What all samples have in common has to give the answer whatever else there is: in an image as dark as the darkest, and in one
    as bright as the brightest.
    """
    found = {name: health[f"cue_{name}"] for name in CUES if f"cue_{name}" in health}
    found["common"] = max(health["cue_least"], health.get("cue_most", 1.0))
    return found


def cue(health: Mapping[str, float]) -> tuple[str, float] | None:
    """The trivial cue that gives the answer, and the share of the gap that is lost with it alone; None where none does.

    Asked where the answer is what was done to an image, and little of the loss is left. Where it is a part of the image, much of
    it lies in mean colour and light themselves.
    """
    if not solved(health) or not health.get("drawn"):
        return None
    found = rises(health)
    best = min(found, key=lambda name: (round(found[name], 2), list(CUES).index(name)))
    return (best, found[best]) if found[best] <= CUE else None


def cue_words(health: Mapping[str, float]) -> str:
    """The sentence for the cue."""
    found = cue(health)
    assert found is not None
    what, remedy = CUES[found[0]]
    return (
        f"a trivial cue gives the answer: where all that is left of an image is {what}, the loss rises by "
        f"{percent(max(found[1], 0.0))} % of the gap only; {remedy}, or take another method"
    )


def place_read(rows: Sequence[Mapping[str, Any]], health: Mapping[str, float]) -> tuple[str, dict[str, float]] | None:
    """What the audit of patches says of a shortcut: a sentence, and its numbers; None where there is none.

    Lenses tear colours apart towards the borders: then the place of a patch is read from its code, not from the net untrained,
    and the task is not solved in grey. JPEG leaves a grid, whose offset is read where the place is not.
    """
    chance = [row for row in rows if row["encoder"] == "chance"]
    nets = [[row for row in rows if row["encoder"] == name] for name in ("model", "random init")]
    if not chance or not all(nets):
        return None
    unread = [min((row["place"] / chance[0]["place"]) ** 2 for row in net) for net in nets]
    phase, phase_start = (max(net, key=lambda row: row["phase"]) for net in nets)
    told = phase["phase"] - max(phase_start["phase"], chance[0]["phase"])
    numbers = {
        "place_read": 1 - unread[0], "place_read_start": 1 - unread[1],
        "grid_read": phase["phase"], "grid_read_start": phase_start["phase"],
    }  # fmt: skip
    if unread[0] <= READ and unread[0] <= HALF * unread[1] and health.get("cue_grey", 0.0) >= FRINGED:
        return (
            f"colours tell where in its image a patch was cut: a linear map reads {percent(1 - unread[0])} % of its place from "
            f"the code ({percent(1 - unread[1])} % before training), and in grey the loss rises by "
            f"{percent(health['cue_grey'])} % of the gap; let the colours of patches be dropped or vary, or take another method",
            numbers,
        )
    if unread[0] > READ and told > max(GRID, ERRORS * (phase["phase_se"] ** 2 + phase_start["phase_se"] ** 2) ** 0.5):
        return (
            "the grid of 8 pixels that JPEG leaves tells where a patch was cut: a linear map reads its offset in "
            f"{percent(phase['phase'])} % of cases from the code ({percent(phase_start['phase'])} % before training, "
            f"{percent(chance[0]['phase'])} % by chance); make the images smaller by a fraction, or shift patches at random",
            numbers,
        )
    return None

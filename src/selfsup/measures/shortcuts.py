"""Whether a task was solved without what it is there for: one place of what is seen gives the answer, or a trivial cue does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from selfsup.measures.wording import number, percent

LITTLE = 0.2  # of the loss before training: where less is left it is asked how the task was solved
# Limits lie between planted leaks and shortcuts on one side and sound runs on the other, of three panels (docs/log.md).
LEAK = 2.4  # largest rise beside the second; leaks had 3.9 or more, sound runs of so little loss 1.5 or less, where
TOLD = 0.06  # of the gap is lost with the guess of the sample nearest in this one value; leaks .015 or less, but for these .16
LEAK_SHARE = 0.4  # of the gap, of a place of many values, such as a cell: leaks .51 or more, sound runs .25 or less
GIVEN, KEPT, FEW_SHARE = 0.05, 0.06, 0.5
# A few columns give the answer where so little is left of the loss, so little of the gap is lost with them alone, and so much
# without them. Leaks had .006, .032 and .79; sound runs .036 or more, .20 or more, and .37 or less where columns are rebuilt.
SHINES = 0.1  # of the gap is lost without what shines through; squares that were dimmed .38 or more, sound runs 0
# Where less of the loss before training is left it is asked whether a cue gives the answer. In photographs light falls from
# above: sound runs that were solved by that in part had .64 or more, shortcuts .25 or less.
FALLEN = 0.4
CUE = 0.7  # of the loss before training is left where a cue is all there is; shortcuts .51 or less, sound runs .84 or more
COMMON = 0.5  # where it is what all have in common; shortcuts .42 or less, sound runs, upright digits, .60 or more
# With a frame that gives the answer, and without it: shortcuts .06 or less and 1.06 or more, sound runs .72 or more.
FRAME, NOTHING = 0.4, 0.9
TORN = 0.13  # of the variance of a patch's place is told beyond the untrained net; lenses .20 or more, sound runs .07 or less
FRINGED = 0.5  # of the fall is kept without colours, at most, where it is by these that a patch tells its place
UNREAD = 0.5  # of that variance is not told, where it is asked whether JPEG's grid is
GRID, ERRORS = 0.1, 4.0  # by which the offset to that is told more often than from the untrained net
CUES = {  # cue that may condemn -> what is left of an image, and what to do against it; grey alone solves sound tasks, too
    "common": ("what all samples have in common", "crop or mask what is the same in all of them"),
    "light": ("how bright it is and whence it is lit", "even out the light, or vary brightness and colours at random"),
    "border": ("its border", "crop the border"),
    "frame": ("its outer fifth, without which nothing is told", "crop it"),
    "colour": ("its mean colour", "make the images grey, or vary their colours at random"),
}


def left(health: Mapping[str, float], rise: float = 0.0) -> float:
    """What is left of the loss before training, where it rises by a share of the gap: 1 where it says nothing."""
    loss, before = health["loss"] + rise * health.get("gap", 0.0), health["loss_start"]
    return max(0.0, loss / before) if before > 0 else 1.0


def solved(health: Mapping[str, float]) -> bool:
    """Whether so little of the loss is left that it is worth asking where the answer stands."""
    return left(health) < LITTLE


def fallen(health: Mapping[str, float]) -> bool:
    """Whether so much of the loss has fallen that it is worth asking what by."""
    return left(health) < FALLEN


def leaks(health: Mapping[str, float]) -> str | None:
    """How the answer leaks, where little of the loss is left; None where it does not.

    ``placed``: one place of what is seen is all that it needs. A single value has to give the answer by itself: samples that are
    near in it are near in the answer. In a place of many values no two samples are near, and there the loss has to rise by much.
    ``placed together``: a few columns are. ``shining``: what is hidden still shows.
    """
    if not solved(health):
        return None
    given = health["told"] <= TOLD if "told" in health else health.get("leak_share", 0.0) >= LEAK_SHARE
    if health.get("leak", 0.0) >= LEAK and given:
        return "placed"
    if health.get("few_kept", 1.0) <= KEPT and health["few_share"] >= FEW_SHARE and left(health) < GIVEN:
        return "placed together"
    return "shining" if health.get("shines", 0.0) >= SHINES else None


def with_cues(health: Mapping[str, float]) -> dict[str, float]:
    """Cue -> what is left with it alone of the loss before training, of those that may condemn; what is far off was not asked.

    What all samples have in common has to give the answer whatever else there is: in the geometric mean over an image as dark as
    the darkest, and one as bright as the brightest. A frame has to give it alone: nothing is told without.
    """
    found = {name: left(health, health[f"cue_{name}"]) for name in CUES if f"cue_{name}" in health}
    if "cue_most" in health:
        found["common"] = (left(health, health["cue_least"]) * left(health, health["cue_most"])) ** 0.5
    if left(health, health.get("cue_inside", 0.0)) < NOTHING:
        found.pop("frame", None)
    return found


def limit(cue: str) -> float:
    """With how much of the loss before training a cue condemns."""
    return {"frame": FRAME, "common": COMMON}.get(cue, CUE)


def cue(health: Mapping[str, float]) -> tuple[str, float] | None:
    """The trivial cue that gives the answer, and what is left with it of the loss before training; None where none does.

    Asked where the answer is what was done to an image. Where it is a part of the image, much of it lies in mean colour and light
    themselves. Beside the gap a rise says little: guesses that are sure of themselves have one of many times the loss.
    """
    if not fallen(health) or not health.get("drawn"):
        return None
    found = {name: share for name, share in with_cues(health).items() if share <= limit(name)}
    best = min(found, key=lambda name: (round(found[name], 2), list(CUES).index(name)), default=None)
    return None if best is None else (best, found[best])


def cue_words(health: Mapping[str, float]) -> str:
    """The sentence for the cue."""
    found = cue(health)
    assert found is not None
    what, remedy = CUES[found[0]]
    loss, before = number(health["loss"]), number(health["loss_start"])
    return (
        f"a trivial cue gives the answer: where all that is left of an image is {what}, the loss is "
        f"{number(found[1] * health['loss_start'])} ({loss} with the whole of it, {before} before training); {remedy}, or take "
        "another method"
    )


def place_read(rows: Sequence[Mapping[str, Any]], health: Mapping[str, float]) -> tuple[str, dict[str, float]] | None:
    """What the audit of patches says of a shortcut: a sentence, and its numbers; None where there is none.

    Lenses tear colours apart towards the borders: then more of a patch's place is read from its code than from the net untrained,
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
    fall = health["loss_start"] - health["loss"]
    grey = 1 - health.get("cue_grey", 0.0) * health["gap"] / fall if fall > 0 else 1.0  # of the fall is kept
    if unread[1] - unread[0] >= TORN and grey <= FRINGED:
        return (
            f"colours tell where in its image a patch was cut: a linear map reads {percent(1 - unread[0])} % of its place from "
            f"the code ({percent(1 - unread[1])} % before training), and in grey only {percent(max(grey, 0.0))} % of what "
            f"the loss fell is kept; let the colours of patches be dropped or vary, or take another method",
            numbers,
        )
    if unread[0] > UNREAD and told > max(GRID, ERRORS * (phase["phase_se"] ** 2 + phase_start["phase_se"] ** 2) ** 0.5):
        return (
            "the grid of 8 pixels that JPEG leaves tells where a patch was cut: a linear map reads its offset in "
            f"{percent(phase['phase'])} % of cases from the code ({percent(phase_start['phase'])} % before training, "
            f"{percent(chance[0]['phase'])} % by chance); make the images smaller by a fraction, or shift patches at random",
            numbers,
        )
    return None

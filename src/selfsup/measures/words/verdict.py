"""The verdict on word vectors: the common one on the task, then their neighbours beside those of counting and untrained ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from selfsup.measures.table import Row
from selfsup.measures.verdict import judge_health, verdict
from selfsup.measures.wording import number, words
from selfsup.measures.words.leads import COUNTING, UNTRAINED, of_neighbours

RIVALS = {COUNTING: "counting", UNTRAINED: "untrained vectors"}
MORE = "more text, or more epochs"


def of_words(
    health: Mapping[str, float], rows: Sequence[Row], learnt: int, counted: int, *, held_out: bool, where: str = ""
) -> dict[str, Any]:
    """Judge word vectors: by their loss and gap, and where the task is learnt by what their neighbours foretell.

    Parameters
    ----------
    health
        From `measures.health`.
    rows
        Of the table ``counting``.
    learnt, counted
        Words of the text that was learnt from, and of those that were counted.
    held_out
        Whether loss and gap were measured on text that was held out.
    where
        What the sentence begins with (see `measures.verdict`).

    Returns
    -------
    dict
        As `measures.verdict.verdict` gives it. Where the task is learnt the word is "learning" if the neighbours are clearly
        ahead of both on text that was held out; "no better than PCA" if those of counting, which is the PCA of words, are
        clearly ahead; "not learning" if untrained ones are; "undecided" otherwise.
    """
    found = {name: row for name in RIVALS if (row := of_neighbours(rows, name)) is not None}
    kind, beside = beside_rivals(found, learnt, counted, held_out=held_out)
    said = verdict(health, tell=telling(learnt, beside, held_out=held_out), where=where)
    if said["kind"] == "learning":
        said["kind"] = kind
    elif judge_health(health) == "blind":  # the vectors are not alike: it was learnt which words are frequent, at most
        said["kind"] = "not learning"
    for name, row in found.items():
        said["because"][f"lead_{name.replace(' ', '_')}"] = row["lead"]
        said["because"][f"noise_{name.replace(' ', '_')}"] = row["lead_error"]
    return said


def beside_rivals(
    found: Mapping[str, Mapping[str, Any]], learnt: int, counted: int, *, held_out: bool
) -> tuple[str, str]:
    """Kind of a run whose task is learnt, and how its neighbours compare."""
    if set(found) != set(RIVALS):
        why = "as too little text was held out" if held_out else "as no text was held out"
        step = "more text, or a larger share of it held out (holdout)"
        return "undecided", f"whether that is more than counting gives cannot be told, {why}; {step}"
    led = {name: (1 if row["lead"] > 0 else -1) if row["clear"] else 0 for name, row in found.items()}
    part = f" {counted:,} of these words" if counted < learnt else ""
    told = {
        name: f"{RIVALS[name]}{part if name == COUNTING else ''} ({row['lead']:+.3f} ± {row['lead_error']:.3f})"
        for name, row in found.items()
    }
    of = (
        f"by how well neighbours foretell what stands around {found[COUNTING]['covered']:,} words in text that was held out, in "
        "nats a context"
    )
    if all(sign == 1 for sign in led.values()):
        return "learning", f"its neighbours are ahead of those of {words(list(told.values()))}, {of}"
    if led[UNTRAINED] == -1:
        return (
            "not learning",
            f"its neighbours are worse than those of {told[UNTRAINED]}, {of}; a lower rate (lr), or {MORE}",
        )
    if led[COUNTING] == -1:
        how = "ahead" if led[UNTRAINED] == 1 else "not clearly ahead"
        return "no better than PCA", (
            f"so far its neighbours are {how} of those of {told[UNTRAINED]} and behind those of {told[COUNTING]}, which is the "
            f"PCA of words, {of}; {MORE}, or take vectors by counting"
        )
    unsure = [told[name] for name, sign in led.items() if sign == 0]
    return "undecided", f"its neighbours are not clearly ahead of those of {words(unsure)}, {of}; {MORE}"


def measured_nothing(found: Mapping[str, float]) -> bool:
    """Whether there was nothing to guess: then every loss is 0, before training and after, whoever guesses."""
    return not any(found[key] for key in ("loss", "loss_start", "shuffled"))


def telling(learnt: int, beside: str, *, held_out: bool) -> Callable[[str, Mapping[str, float]], str]:
    """The sentence for a reason of the verdict, of words that each have a vector."""
    where = "on text that was held out" if held_out else "on text that was learnt from (too little to hold any out)"

    def tell(reason: str, found: Mapping[str, float]) -> str:
        if measured_nothing(found):
            return (
                f"learnt from {learnt:,} words, and nothing could be measured {where}: no two words are left beside each other "
                "there; more text, a smaller sample or a lower min_count"
            )
        guessed = f"another word's vector guesses as well (loss {found['shuffled']:.4g}, gap {found['gap']:.2g})"
        rest = {
            "alike": f"but all vectors are the same, but for rounding: they differ by {number(found['spread'])} of their size "
            f"(effective rank {found['rank']:.1f} of {found['width']:.0f}); a lower learning rate, or more text",
            "blind": f"but {guessed}: what was learnt is which words are frequent, at most; more epochs, or more text",
            "idle": f"but {guessed}: what was learnt is which words are frequent, at most; more epochs, or more text",
            "unsure": f"but the gap ({found['gap']:.2g}) is within its noise, so it cannot be told whether a word's own vector "
            "says what stands around it; more text, or more epochs",
            "as before": "but a word's own vector says no more of what stands around it than before training (gap "
            f"{found['gap']:.3g}, it was {found['gap_start']:.3g}); more epochs, or text that says what the first vectors did "
            "not hold",
            "learnt": "and a word's own vector says what stands around it: with another word's vector it is "
            f"{found['shuffled']:.4g} (gap {found['gap']:.2g}, {found['gap_start']:.2g} before training); {beside}",
        }[reason]
        went = f"went from {found['loss_start']:.4g} to {found['loss']:.4g}"
        return f"learnt from {learnt:,} words: the declared loss {where} {went}, {rest}"

    return tell

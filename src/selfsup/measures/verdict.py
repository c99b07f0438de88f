"""Is it learning? One word, one sentence with numbers, and what was looked at."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from selfsup.measures.samples.leads import NAMES, Row, best_layer, curve, leads
from selfsup.measures.wording import codes_of, number, percent, with_counts, words

REASONS = {  # what the health of a run shows -> kind of verdict
    "alike": "collapsed",  # the codes are one point
    "blind": "collapsed",  # the loss fell, but a guess does not depend on what was seen
    "idle": "not learning",  # neither
    "as before": "not learning",  # a guess depends on what was seen, but no more than before training
    "learnt": "learning",
}
KINDS = ("learning", "not learning", "collapsed", "no better than PCA", "helps", "no help")
SAME_CODES = (
    1e-5  # of their size, which is no more than rounding: what codes have in common tells no sample from another
)
GAP_SHARE = 0.01  # of what the loss fell, of the gap before, and of the loss's own deviation over samples
GAP_SDS = 3.0  # and beyond what permuting the same guesses another way changes
GAP_GROWTH = 1.5  # some nets have a gap before training (their views of a sample are alike): it must have grown, or
FALL = 0.25  # the loss fallen by this share of it: untrained sparse codes rebuild their sample, trained ones better
NOT_HERE = "what gives these codes was not trained here, and only labels would tell whether they are worth having"
NOISE = 1.0  # standard errors by which a mean lead must exceed 0, over two baselines at once: chance seldom does both


def verdict(
    health: Mapping[str, float],
    probe: Sequence[Row] = (),
    knn: Sequence[Row] = (),
    tell: Callable[[str, Mapping[str, float]], str] | None = None,
    where: str = "",
) -> dict[str, Any]:
    """Judge a run from its health and, where there were labels, from the probes beside the baselines.

    Parameters
    ----------
    health
        From `measures.health`; of what was not learnt here without losses and gap (`measures.health.shape_of`).
    probe, knn
        Rows of these tables; empty without labels. The verdict rests on the probe; leads in kNN are reported.
    tell
        The sentence for a reason of `judge_health`, where the common one, of samples, does not fit.
    where
        What the sentence begins with: on which samples it was measured, beside which net.

    Returns
    -------
    dict
        ``kind``, one of `KINDS`; ``sentence``; ``because``, the numbers it rests on and the ``layer`` that was judged.
    """
    because, learnt_here = _because(health), "gap" in health
    reason = judge_health(health) if learnt_here else "learnt"
    kind, sentence = REASONS[reason], (tell or of_samples)(reason, health) if learnt_here else NOT_HERE
    layer = best_layer(probe)
    if layer is not None:
        because["layer"] = layer
        for table, prefix in ((probe, ""), (knn, "knn_")):
            for lead in leads(table, layer):
                because[f"{prefix}lead_{lead.baseline.replace(' ', '_')}"] = lead.size
                because[f"{prefix}noise_{lead.baseline.replace(' ', '_')}"] = lead.noise
        if kind == "learning":
            kind, sentence = judge_probe(probe, layer, health)
    sentence = f"{where}, {sentence}" if where else sentence
    return {"kind": kind, "sentence": sentence[0].upper() + sentence[1:] + ".", "because": because}


def _because(health: Mapping[str, float]) -> dict[str, Any]:
    """The numbers that a verdict rests on."""
    keys = ("gap", "gap_start", "gap_sd", "loss", "loss_start", "spread", "rank")
    because: dict[str, Any] = {key: float(health[key]) for key in keys if key in health}
    if "gap" in health:
        because["fall"] = health["loss_start"] - health["loss"]
        # of the largest of these, and not of the loss, which may have any constant in it
        largest = max(because["fall"], abs(health["gap_start"]), health["loss_sd"], abs(health["gap"]), 1e-30)
        because["gap_share"] = health["gap"] / largest
    return because


def judge_health(health: Mapping[str, float]) -> str:
    """The reason of the verdict that needs no labels, one of `REASONS`.

    Only differences of losses are compared, so that it is the same whatever constant a loss has, and in whatever unit.
    """
    gap, before, noise = health["gap"], abs(health["gap_start"]), GAP_SDS * health["gap_sd"]  # below 0 it is chance
    fall = health["loss_start"] - health["loss"]
    if health["spread"] < SAME_CODES:
        return "alike"
    if gap <= max(noise, GAP_SHARE * max(fall, before, health["loss_sd"])):
        # one guess for all samples saved this much; where guesses still differ they are only no better than others'
        return "blind" if fall > noise and health["stir"] <= GAP_SHARE * fall else "idle"
    grown = gap > GAP_GROWTH * before + noise
    return "learnt" if grown or fall > max(FALL * before, noise) else "as before"


def of_samples(reason: str, health: Mapping[str, float]) -> str:
    """The sentence for a reason, of samples that each have a code."""
    loss, loss_start = number(health["loss"]), number(health["loss_start"])
    gap, gap_start, shuffled = (number(health[key]) for key in ("gap", "gap_start", "shuffled"))
    return {
        "alike": "the codes are the same for every sample, but for rounding (they differ by "
        f"{number(health['spread'])} of their size; effective rank {health['rank']:.1f} of {health['width']:.0f})",
        "blind": f"the loss fell from {loss_start} to {loss}, but the guesses of other samples do just as well (gap {gap}): "
        "a guess no longer depends on what was seen",
        "idle": f"the guesses of other samples do as well as a sample's own (gap {gap} beside a loss of {loss}, which was "
        f"{loss_start} before training)",
        "as before": f"a guess owes no more to its own sample than before training (gap {gap}, it was {gap_start}; loss "
        f"{loss}, it was {loss_start})",
        "learnt": f"a guess depends on its own sample: with the guesses of other samples the loss is {shuffled} instead of "
        f"{loss} (gap {gap}, {gap_start} before training); only labels would tell whether the codes beat PCA and a random "
        "network",
    }[reason]


def judge_probe(probe: Sequence[Row], layer: str, health: Mapping[str, float]) -> tuple[str, str]:
    """Whether a run that learns its task has codes worth having: ahead of PCA and of a random network."""
    passed = [lead for lead in leads(probe, layer) if lead.baseline != "raw input"]
    behind = [lead for lead in passed if lead.size <= NOISE * lead.noise]
    if not behind:
        return "learning", where_ahead(probe, layer)
    parts = []
    for lead in behind:
        how = "worse than" if lead.size < -NOISE * lead.noise else "not clearly better than"
        parts.append(f"{how} {NAMES[lead.baseline]} ({percent(lead.model)} % beside {percent(lead.other)})")
    known = f"the task is learnt (gap {number(health['gap'])}), but " if "gap" in health else ""
    return "no better than PCA", (f"{known}on average over all numbers of labels {codes_of(layer)} are {words(parts)}")


def where_ahead(probe: Sequence[Row], layer: str) -> str:
    """At which numbers of labels the codes beat every baseline, and where they do not, with the numbers."""
    model = shown(curve(probe, "model", layer))
    others = {name: found for name in NAMES if (found := shown(curve(probe, name, layer)))}
    if not others:
        most = list(model)[-1]
        return f"{codes_of(layer)} give {model[most]} % {with_counts([most])}, and there is no baseline beside them"
    leaders = {count: max(others, key=lambda name: others[name].get(count, 0.0)) for count in model}
    margins = {count: round(model[count] - others[leaders[count]].get(count, 0.0), 1) for count in model}
    won = [count for count in model if margins[count] > 0]
    behind = []
    for name in others:
        lost = [count for count in model if leaders[count] == name and count not in won]
        if lost:
            worst = min(lost, key=lambda count: margins[count])
            verb = "is ahead" if margins[worst] < 0 else "is level"
            at = f"{with_counts([worst])}: " if len(lost) > 1 else ""
            numbers = f"{at}{others[name][worst]} % beside {model[worst]}"
            behind.append(f"{NAMES[name]} {verb} {with_counts(lost)} ({numbers})")
    if not won:
        beaten = words([NAMES[name] for name in others if name != "raw input"])
        return f"{codes_of(layer)} beat {beaten} on average, but not every baseline at once: {'; '.join(behind)}"
    best = max(won, key=lambda count: margins[count])
    at = f"{with_counts([best])}: " if len(won) > 1 else ""
    rivals = words([str(found[best]) for found in others.values() if best in found])
    beaten = words([NAMES[name] for name in others])
    ahead = f"{codes_of(layer)} beat {beaten} {with_counts(won)} ({at}{model[best]} % beside {rivals})"
    return "; ".join([ahead, *behind])


def shown(rows: Mapping[Any, Row]) -> dict[Any, float]:
    """Label count -> accuracy in per cent with one decimal: what is printed is what is compared."""
    return {count: round(100 * row["accuracy"], 1) for count, row in rows.items()}

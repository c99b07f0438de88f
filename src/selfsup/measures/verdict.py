"""Is it learning? One word, one sentence with numbers, and what was looked at."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from selfsup.measures import fitting
from selfsup.measures.health import GAP_LEFT
from selfsup.measures.samples.leads import NAMES, Lead, Row, best_layer, curve, leads, rival, score, unit_of
from selfsup.measures.shortcuts import cue, cue_words, leaks, place_read
from selfsup.measures.wording import codes_of, number, percent, with_counts, with_labels, with_rows, words

REASONS = {  # what the health of a run shows -> kind of verdict
    "alike": "collapsed",  # the codes are one point
    "together": "undecided",  # a code is no function of its sample
    "placed": "leaky",  # one place of what is seen gives the answer
    "placed together": "leaky",  # a few do
    "shining": "leaky",  # what is hidden still shows
    "by heart": "memorised",  # the loss has fallen on the rows that were trained on
    "answers alike": "collapsed",  # so have the answers that it makes itself
    "blind": "collapsed",  # the loss fell, but a guess does not depend on what was seen
    "by a cue": "shortcut",  # what is trivial in an image gives the answer
    "by place": "shortcut",  # colours or JPEG's grid tell where a patch was cut
    "flat": "collapsed",  # the codes fill few dimensions, far fewer than before training
    "unsure": "undecided",  # the gap is within its noise
    "idle": "not learning",  # neither
    "as before": "not learning",  # a guess depends on what was seen, but no more than before training
    "learnt": "learning",
}
KINDS = (
    "learning", "undecided", "no better than PCA", "not learning", "collapsed", "leaky", "shortcut", "memorised",
    "helps", "no help", "better",
)  # fmt: skip
SAME_CODES = (
    1e-5  # of their size, which is no more than rounding: what codes have in common tells no sample from another
)
GAP_SHARE = 0.01  # of what the loss fell, of the gap before, and of the loss's own deviation over samples
GAP_SDS = 3.0  # and beyond what permuting the same guesses another way changes
GAP_GROWTH = 1.5  # some nets have a gap before training (their views of a sample are alike): it must have grown, or
FALL = 0.25  # the loss fallen by this share of it: untrained sparse codes rebuild their sample, trained ones better
UNITS = {  # what the sentence's numbers are, by the score of the table
    "accuracy": "",
    "r2": " (% of the labels' variance that is explained: R2)",
    "map": " (mean average precision over the labels, in %)",
}
NOT_HERE = "what gives these codes was not trained here, and only labels would tell whether they are worth having"
SURE = 2.0  # standard errors that a mean lead must exceed, either way
WORTH = 0.02  # a lead that is surely smaller than this is none
BY_HEART = 3.0  # times the training loss, or the held-out fall, is memorised,
APART = 0.05  # where this share of the fall of the training loss lies between the two
OWED = 0.1  # of what the training loss fell, the part that depends on the sample
FEW, FLAT = 8.0, 0.27  # dimensions that are few, and the share of those before training that is
LOST = 0.85  # of what samples differ by is left unexplained after code and back: sound runs .71 or less, collapsed 1 or more
TOGETHER = 0.01  # of the codes' deviation by which a code may change with the samples beside it


ASKED = {  # reason of what was asked beyond loss and gap -> sentence
    "together": "the code of a sample changes by {alone_percent} % of the codes' deviation with the samples beside it, so "
    "nothing that is measured of it holds: encode must look at each sample alone",
    "placed": "the answer stands in what is seen: with {place} of another sample the loss rises by {leak_share_percent} % of "
    "the gap, {leak} times as much as with any other place; hide it or leave it out, and train again",
    "placed together": "the answer stands in what is seen: {places} give it, and with all others of another sample the loss "
    "rises by {few_kept_percent} % of the gap only; hide them or leave them out, and train again",
    "shining": "what is hidden still shows: where the hidden places are those of another sample, which should tell nothing, the "
    "loss rises by {shines_percent} % of the gap; blank them wholly, and train again",
    "by heart": "the training rows were learnt by heart: on them the loss fell from {loss_start} to {trained}, on held-out ones "
    "to {fresh}; use more data, fewer epochs or a smaller net",
    "answers alike": "the answers that the method makes itself are becoming the same for every sample (with those of another "
    "the loss is {gap} higher, {gap_start} before training), so that a loss of {loss} says nothing; try a lower rate (lr), or "
    "another method",
    "flat": "the codes fell onto few dimensions (effective rank {rank_end}, {rank_start} before training); try a lower rate "
    "(lr), or another method",
    "unsure": "the gap ({gap}) is within its noise (± {noise}), so it cannot be told whether a guess depends on its sample; "
    "train longer, or hold out more rows",
}


def verdict(
    health: Mapping[str, float],
    probe: Sequence[Row] = (),
    knn: Sequence[Row] = (),
    tell: Callable[[str, Mapping[str, float]], str] | None = None,
    where: str = "",
    place: Mapping[str, Any] = MappingProxyType({}),
    audit: Sequence[Row] = (),
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
    place
        Where the answer stands if it stands in one place: ``place``, its name in words; of a cell of an image also
        ``place_row`` and ``place_column``, from 0, of ``place_rows`` and ``place_columns``. If in a few: ``places``.
    audit
        Rows of this table, of what patches tell of their place.

    Returns
    -------
    dict
        ``kind``, one of `KINDS`; ``sentence``; ``because``, the numbers it rests on and the ``layer`` that was judged.
    """
    because, learnt_here = _because(health), "gap" in health
    reason = judge_health(health) if learnt_here else "learnt"
    kind, sentence = REASONS[reason], (tell or of_samples)(reason, health) if learnt_here else NOT_HERE
    if reason == "learnt" and learnt_here and (read := place_read(audit, health)) is not None:
        kind, sentence, because = REASONS["by place"], read[0], because | read[1]
    if reason == "by a cue" and (found := cue(health)) is not None:
        because |= {"cue": found[0], "cue_left": found[1]}
    if reason == "placed":
        because |= {name: value for name, value in place.items() if name != "places"}
        sentence = sentence.format(place=place.get("place", "one place"))
    if reason == "placed together":
        because["place"] = place.get("places", "a few columns")
        sentence = sentence.format(places=because["place"])
    layer = best_layer(probe)
    if layer is not None:
        because["layer"] = layer
        for table, prefix in ((probe, ""), (knn, "knn_")):
            for lead in leads(table, layer):
                because[f"{prefix}lead_{lead.baseline.replace(' ', '_')}"] = lead.size
                because[f"{prefix}noise_{lead.baseline.replace(' ', '_')}"] = lead.noise
        if kind == "learning":
            kind, sentence = judge_probe(probe, layer, health)
            sentence += UNITS[unit_of(probe[0])]
        elif kind == "memorised" and judge_probe(probe, layer, health)[0] == "learning":
            sentence += f"; all the same {where_ahead(probe, layer)}{UNITS[unit_of(probe[0])]}"
    sentence += beside_pca(health) if not probe and kind == "learning" else ""
    sentence = f"{where}, {sentence}" if where else sentence
    return {"kind": kind, "sentence": sentence[0].upper() + sentence[1:] + ".", "because": because}


def _because(health: Mapping[str, float]) -> dict[str, Any]:
    """The numbers that a verdict rests on."""
    keys = (
        "gap", "gap_start", "gap_sd", "loss", "loss_start", "spread", "rank", "rank_start", "rank_end", "trained", "fresh",
        "trained_gap", "copies", "leak", "leak_share", "told", "few_kept", "few_share", "shines", "alone",
        "stability", "cue_grey", "cue_colour", "cue_light", "cue_border", "cue_frame", "cue_inside", "cue_least",
        "cue_most",
    )  # fmt: skip
    because: dict[str, Any] = {key: float(health[key]) for key in keys if key in health}
    if "gap" in health:
        because["fall"] = health["loss_start"] - health["loss"]
        # of the largest of these, and not of the loss, which may have any constant in it
        largest = max(because["fall"], abs(health["gap_start"]), health["loss_sd"], abs(health["gap"]), 1e-30)
        because["gap_share"] = health["gap"] / largest
    return because


def judge_health(health: Mapping[str, float]) -> str:
    """The reason of the verdict that needs no labels, one of `REASONS`.

    But for what is asked of a loss that is next to nothing (a leak, a shortcut), only differences of losses are compared, so
    that it is the same whatever constant a loss has, and in whatever unit.
    """
    gap, before, noise = health["gap"], abs(health["gap_start"]), GAP_SDS * health["gap_sd"]  # below 0 it is chance
    fall = health["loss_start"] - health["loss"]
    if health["spread"] < SAME_CODES:
        return "alike"
    if health.get("alone", 0.0) > TOGETHER:
        return "together"
    least = GAP_SHARE * max(fall, before, health["loss_sd"])
    if health.get("own") and max(gap, noise, health.get("gap_calibrated", gap)) < GAP_LEFT * health["gap_start"]:
        return "answers alike"
    if gap > max(noise, least) and (leak := leaks(health)) is not None:
        return leak
    if by_heart(health):
        return "by heart"
    if gap <= max(noise, least):
        # one guess for all samples saved this much; where guesses still differ they are only no better than others'
        alike = health["stir"] <= GAP_SHARE * fall or (fall > GAP_SDS * health["loss_sd"] > 0 and gap <= least)
        if fall > noise and (alike or (gap <= least and lost(health))):
            return "blind"
        return "unsure" if fall > noise and gap > least else "idle"
    grown = gap > GAP_GROWTH * before + noise
    # a loss may fall by what all samples have in common, while less and less of it is owed to each
    shrunk = gap < before / GAP_GROWTH - noise
    if not grown and (shrunk or fall <= max(FALL * before, noise)):
        return "as before"
    if cue(health) is not None:
        return "by a cue"
    return "flat" if flat(health) else "learnt"


def by_heart(health: Mapping[str, float]) -> bool:
    """Whether the loss fell on the rows that were trained on, and far less on others."""
    if "fresh" not in health:
        return False
    fall, apart = health["loss_start"] - health["trained"], health["fresh"] - health["trained"]
    before = GAP_GROWTH * abs(health["gap_start"]) + GAP_SDS * health["gap_sd"]
    if fall <= 0 or health["trained_gap"] <= max(OWED * fall, before):
        return False
    # the first has no constant in it; the second is nearer where a loss ends at 0
    kept = fall > BY_HEART * (fall - apart)
    return kept or (health["fresh"] > BY_HEART * health["trained"] > 0 and apart > APART * fall)


def flat(health: Mapping[str, float]) -> bool:
    """Whether the codes fill few dimensions and far fewer than those of the untrained net.

    Where codes are decoded, few of them may do: they are a collapse where the samples are hardly rebuilt.
    """
    few = "rank_end" in health and health["rank_end"] < min(FEW, FLAT * health["rank_start"])
    return few and (not health.get("decodes") or lost(health))


def lost(health: Mapping[str, float]) -> bool:
    """Whether code and back explain next to nothing of what samples differ by, where there is a way back."""
    return bool(health.get("decodes")) and health.get("unexplained", 0.0) >= LOST


def of_samples(reason: str, health: Mapping[str, float]) -> str:
    """The sentence for a reason, of samples that each have a code."""
    loss, loss_start = number(health["loss"]), number(health["loss_start"])
    gap, gap_start, shuffled = (number(health[key]) for key in ("gap", "gap_start", "shuffled"))
    if reason == "by a cue":
        return cue_words(health)
    if reason in ASKED:
        known = {name: number(float(value)) for name, value in health.items()}
        known |= {f"{name}_percent": percent(value) for name, value in health.items()}
        known |= {name: f"{health[name]:.1f}" for name in ("leak", "rank_start", "rank_end") if name in health}
        return ASKED[reason].format(
            place="{place}", places="{places}", noise=number(GAP_SDS * health["gap_sd"]), **known
        )
    return {
        "alike": "the codes are the same for every sample, but for rounding (they differ by "
        f"{number(health['spread'])} of their size; effective rank {health['rank']:.1f} of {health['width']:.0f}); try a lower "
        "rate (lr), or another method",
        "blind": f"the loss fell from {loss_start} to {loss}, but the guesses of other samples do just as well (gap {gap}): "
        "a guess no longer depends on what was seen; try a lower rate (lr), or another method",
        "idle": f"the guesses of other samples do as well as a sample's own (gap {gap} beside a loss of {loss}, which was "
        f"{loss_start} before training); train longer, or try another rate (lr) or method",
        "as before": f"a guess owes no more to its own sample than before training (gap {gap}, it was {gap_start}; loss "
        f"{loss}, it was {loss_start}); train longer, or try another rate (lr)",
        "learnt": f"a guess depends on its own sample: with the guesses of other samples the loss is {shuffled} instead of "
        f"{loss} (gap {gap}, {gap_start} before training); only labels would tell whether the codes beat PCA and a random "
        "network",
    }[reason]


def beside_pca(health: Mapping[str, float]) -> str:
    """What can be said of codes without labels: whether they are as wide as a sample, and what they lose beside PCA."""
    said = ""
    if (width := health.get("width", 0.0)) >= health.get("values", math.inf):
        said += f"; the code is as wide as a sample ({width:.0f} values beside {health['values']:.0f}): a copy would do as well"
    if "unexplained_pca" in health:
        ours, pca, error = (health[f"unexplained{end}"] for end in ("", "_pca", "_lead_error"))
        said += f"; code and back lose {percent(ours)} % of what samples differ by, PCA of as many components {percent(pca)} % "
        said += f"(a lead of {percent(pca - ours)} ± {percent(error)})"
    return said


def judge_probe(probe: Sequence[Row], layer: str, health: Mapping[str, float]) -> tuple[str, str]:
    """Whether a run that learns its task has codes worth having: ahead of PCA and of a random network."""
    passed = [lead for lead in leads(probe, layer) if lead.baseline != "raw input"]
    if all(lead.size > SURE * lead.noise for lead in passed):
        return "learning", where_ahead(probe, layer)
    behind = [lead for lead in passed if lead.size < -SURE * lead.noise or lead.size + SURE * lead.noise < WORTH]
    parts = []
    for lead in behind or [lead for lead in passed if lead.size <= SURE * lead.noise]:
        how = "worse than" if lead.size < -SURE * lead.noise else "not clearly better than"
        beside = f"{percent(lead.model)} % beside {percent(lead.other)}, a lead of {by(lead)}"
        parts.append(f"{how} {NAMES[lead.baseline]} ({beside})")
    # a note says so, too, and asks for fewer epochs
    overfits = health.get("fresh", 0.0) > fitting.APART * health.get("trained", math.inf)
    known = f"the task is learnt (gap {number(health['gap'])}), but " if "gap" in health else ""
    said = f"{known}on average over all numbers of labels {codes_of(layer)} are {words(parts)}"
    if behind:
        return (
            "no better than PCA",
            f"{said}; {'' if overfits else 'train longer, '}use more data, or try another method",
        )
    return "undecided", f"{said}; more rows with labels would tell{'' if overfits else ', or a longer training'}"


def by(lead: Lead) -> str:
    """A mean lead with its standard error, in points."""
    return f"{percent(lead.size)} ± {percent(lead.noise)}"


def where_ahead(probe: Sequence[Row], layer: str) -> str:
    """At which numbers of labels the codes beat every baseline by two errors, and where they do not, with the numbers."""
    told = {"accuracy": with_counts, "r2": with_labels, "map": with_rows}[unit_of(probe[0])]
    model = shown(curve(probe, "model", layer))
    rivals = {name: found for name in NAMES if (found := rival(probe, name, layer))}
    others = {name: shown(found) for name, found in rivals.items()}
    if not others:
        most = list(model)[-1]
        return f"{codes_of(layer)} give {model[most]} % {told([most])}, and there is no baseline beside them"
    # lead in points, and of it what two errors may be chance; none where no error was measured
    margins = {
        count: {
            name: (
                round(model[count] - others[name][count], 1),
                SURE * 100 * float(row[count].get("lead_error") or 0.0),
            )
            for name, row in rivals.items()
            if count in row
        }
        for count in model
    }
    won = [count for count, each in margins.items() if all(lead > chance for lead, chance in each.values())]
    behind = []
    closest = {
        count: min(each, key=lambda name: each[name][0] - each[name][1])
        for count, each in margins.items()
        if count not in won
    }
    for name in [name for name in others if name in closest.values()]:
        lost = [count for count, one in closest.items() if one == name]
        worst = min(lost, key=lambda count: margins[count][name])
        at = f"{told([worst])}: " if len(lost) > 1 else ""
        numbers = f"{at}{others[name][worst]} % beside {model[worst]}"
        behind.append(f"{NAMES[name]} {standing(*margins[worst][name])} {told(lost)} ({numbers})")
    mean = {lead.baseline: by(lead) for lead in leads(probe, layer)}
    if not won:
        judged = [name for name in others if name != "raw input"]
        ahead = (
            f"{words([NAMES[name] for name in judged])} on average, by {words([mean[name] for name in judged])} points"
        )
        return f"{codes_of(layer)} beat {ahead}, but at no number of labels clearly every baseline: {'; '.join(behind)}"
    best = max(won, key=lambda count: min(lead for lead, _ in margins[count].values()))
    at = f"{told([best])}: " if len(won) > 1 else ""
    beside = words([str(found[best]) for found in others.values() if best in found])
    beaten = words([NAMES[name] for name in others])
    ahead = f"{codes_of(layer)} beat {beaten} {told(won)} ({at}{model[best]} % beside {beside})"
    ahead += f", on average by {words([mean[name] for name in others])} points"
    return "; ".join([ahead, *behind])


def standing(lead: float, chance: float) -> str:
    """How a baseline that is not clearly beaten compares, in words."""
    if lead == 0:
        return "is level"
    if abs(lead) <= chance:
        return "is not clearly behind" if lead > 0 else "is not clearly ahead"
    return "is ahead"


def shown(rows: Mapping[Any, Row]) -> dict[Any, float]:
    """Label count -> score in per cent with one decimal: what is printed is what is compared."""
    return {count: round(100 * score(row), 1) for count, row in rows.items()}

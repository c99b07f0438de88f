"""Numbers on the health of codes or vectors, each with what it means and when to worry."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from markupsafe import Markup

from selfsup.report import say
from selfsup.report.run import Run
from selfsup.report.say import number, percent, plain, short

# name in evaluation.json -> title, meaning, and whether it is a share; a name that is not here is shown as it is
KNOWN = {
    "gap": (
        "Shuffle gap",
        "Loss with the guesses swapped between {samples}, minus the loss. About 0 means a guess owes nothing to its own "
        "{sample}: nothing is learnt, however small the loss.",
        False,
    ),
    "gap_sd": (
        "Shuffle gap, deviation",
        "How much the gap varies over the random swaps; a gap should be many times this.",
        False,
    ),
    "loss_sd": (
        "Loss, deviation",
        "How much the loss differs from {sample} to {sample}, before or after training, whichever is more.",
        False,
    ),
    "stir": (
        "Stir",
        "How much the loss of one {sample} changes with another's guess, up or down. Near 0 all {samples} are given one guess.",
        False,
    ),
    "gap_calibrated": (
        "Shuffle gap, batch norm calibrated",
        "With batch norm by the {samples} asked. Its running means lag behind where few steps were made.",
        True,
    ),
    "shuffled": ("Loss, guesses swapped", "Held-out loss when each guess is held against another's answer.", False),
    "loss": ("Held-out loss", "Loss on data that were not trained on. A small loss alone proves nothing.", False),
    "rank": (
        "Effective rank",
        "How many directions the {codes} really use, out of their width. Near 1 they have collapsed onto a line.",
        False,
    ),
    "width": ("Width", "Numbers in the code of one {sample}.", False),
    "spread": (
        "Spread",
        "How far the {codes} of different {samples} lie apart, beside their length. Near 0 they have much in common, which a "
        "cosine sees and a linear probe does not; below 0.00001 all {samples} look the same to the model.",
        False,
    ),
    "dead_dims": (
        "Dead dimensions",
        "Entries of the {codes} that are the same for every {sample} and so carry nothing.",
        True,
    ),
    "rows": ("Looked at", "So many {codes} give rank, spread and dead dimensions.", False),
    "rank_start": ("Effective rank before training", "Of the same rows as that after it.", False),
    "rank_end": (
        "Effective rank after training",
        "Beside that before. A fall to a few dimensions is a collapse onto them.",
        False,
    ),
    "trained": ("Loss on training rows", "Measured as the held-out one is, on as many rows.", False),
    "fresh": (
        "Loss on new rows",
        "Held out, and no copies. Three times that on training rows is learning by heart.",
        False,
    ),
    "trained_gap": ("Shuffle gap on training rows", "Far above that on held-out ones, rows are known by heart.", False),
    "fresh_gap": ("Shuffle gap on new rows", "Beside that on training rows.", False),
    "copies": ("Held-out copies", "Held-out rows that are rows trained on, to the bit.", True),
    "decodes": (
        "Way back from codes",
        "1 where there is one: then the loss says what few dimensions lose.",
        False,
    ),
    "leak": (
        "Largest rise beside the second",
        "How much more one place of what is seen matters than any other. Much above 2 with a loss of next to nothing, the answer "
        "stands there.",
        False,
    ),
    "leak_share": (
        "Largest rise beside the gap",
        "What the loss rises by when that place is another {sample}'s.",
        True,
    ),
    "told": (
        "Rise with the nearest in that place",
        "Beside the gap, when the guess is that of the {sample} that is nearest in the one value. Near 0 this gives the answer.",
        True,
    ),
    "few_kept": (
        "Rise with a few columns alone",
        "Beside the gap, when all columns but a fifth, or fewer, are another {sample}'s. Near 0 these give the answer.",
        True,
    ),
    "few_share": ("Rise without these few", "Beside the gap, when they are another {sample}'s.", True),
    "shines": (
        "Rise with other hidden places",
        "Beside the gap, when what is seen where a {sample} is hidden is another's. 0 where what is hidden does not show.",
        True,
    ),
    "cue_grey": (
        "Rise in grey",
        "Of the loss beside the gap, when each image has lost its colours. Many a sound task needs none.",
        True,
    ),
    "cue_colour": ("Rise with the mean colour alone", "Near 0 an image's mean colour gives the answer.", True),
    "cue_light": (
        "Rise with the light alone",
        "When of each image its brightness is left, and whence it is lit. Near 0 that gives the answer.",
        True,
    ),
    "cue_border": ("Rise with the border alone", "Near 0 the border of an image gives the answer.", True),
    "cue_frame": (
        "Rise with the frame alone",
        "When of each image its outer fifth is left. Near 0 that gives the answer, if nothing is told without it.",
        True,
    ),
    "cue_inside": ("Rise without the frame", "When of each image all but its outer fifth is left.", True),
    "cue_least": (
        "Rise with the darkest image",
        "When all images are as dark as the darkest everywhere. Near 0, and with the brightest too, what all of them have in "
        "common gives the answer.",
        True,
    ),
    "cue_most": ("Rise with the brightest image", "As with the darkest.", True),
    "drawn": ("The answer is drawn", "1 where it is what was done to a {sample}, 0 where it is a part of it.", False),
    "unexplained": (
        "Left unexplained",
        "Of the {samples} not trained on, after code and back: squared error beside their squared distance from the mean.",
        True,
    ),
    "unexplained_pca": (
        "Left unexplained by PCA",
        "Of the same {samples}, by as many components as the code has values.",
        True,
    ),
    "unexplained_lead_error": ("Left unexplained, error", "Standard error of the difference of the two.", True),
    "values": ("Values", "In one {sample}. A code as wide may be a copy of it.", False),
    "alone": ("Change when alone", "By how much a code changes without the {samples} beside it. Normal is 0.", True),
    "stability": ("Change with noise", "Of the {codes}, with noise of 1 % in the input.", True),
    "alike": (
        "Mean cosine of two random words",
        "What a cosine is worth here: neighbours must be well above it. Normal is below 0.5; near 1 all vectors point one "
        "way, which few epochs and little text do.",
        False,
    ),
    "first": (
        "Variance in the widest direction",
        "Normal is about 10 to 30 % at 100 dimensions; much more means that one direction drowns the others.",
        True,
    ),
    "frequency": (
        "Widest direction and frequency",
        "Correlation of the first principal component with the logarithm of the counts. Normal is up to about 0.8; beyond, "
        "vectors mostly say how frequent a word is.",
        False,
    ),
    "short": (
        "Vectors that hardly moved",
        "Shorter than a tenth of the median. Normal is about 0: the neighbours of such words are chance.",
        True,
    ),
    "unseen": ("Words never learnt from", "They stand only in the text that was held out. Normal is about 0.", True),
}
FOLDED = (  # what other numbers, or the verdict, are made of
    "gap_sd", "loss_sd", "stir", "shuffled", "trained_gap", "fresh", "fresh_gap", "decodes", "leak", "leak_share", "told",
    "few_kept", "few_share", "shines", "cue_grey", "cue_colour", "cue_light", "cue_border", "cue_frame", "cue_inside",
    "cue_least", "cue_most", "drawn", "values", "alone", "rows", "copies",
)  # fmt: skip
ELSEWHERE = ("neighbours", "counted")  # beginnings of names of what is said where the neighbours are
HTML = """
<section>
  <h2>Health of the {{ codes }}</h2>
  {% for some in parts if some %}
  {% if not loop.first %}<details><summary>The other numbers</summary>{% endif %}

  <dl class="health">{% for fact in some %}<div><dt>{{ fact.title }}</dt><dd class="value">{{ fact.value }}</dd>\
{% if fact.meaning %}<dd>{{ fact.meaning }}</dd>{% endif %}</div>{% endfor %}</dl>
  {% if not loop.first %}</details>{% endif %}

  {% endfor %}
  {% if notes %}<ul class="notes">{% for note in notes %}<li>{{ note | full }}</li>{% endfor %}</ul>{% endif %}
</section>"""


class Fact(NamedTuple):
    """One number with its meaning."""

    title: str
    value: str
    meaning: str


def html(run: Run) -> Markup | None:
    """The numbers; for word vectors with the notes on them."""
    health, notes = say.mapping(run.evaluation.get("health")), run.notes if run.words else []
    parts = [
        facts({key: value for key, value in health.items() if (key in FOLDED) == folded}, run.tell)
        for folded in (False, True)
    ]
    return say.html(HTML, codes=run.tell("{codes}"), parts=parts, notes=notes) if health or notes else None


def facts(health: Mapping[str, Any], tell: Callable[[str], str]) -> list[Fact]:
    """Return what there is to say of the numbers, in their order."""
    width, found = number(health.get("width")), []
    for key, value in health.items():
        if key.startswith(ELSEWHERE) or (key == "width" and "rank" in health):  # it is said with the rank
            continue
        known = KNOWN.get(key)
        shown = short(value) if number(value) is not None else plain(value)
        if known and known[2] and number(value) is not None:
            shown = f"{percent(value)} %"
        elif key == "rank" and width is not None:
            shown = f"{shown} of {short(width)}"
        before = "The same number with the first weights, to compare with." if _is_start(key) else ""
        found.append(Fact(title_of(key), shown, tell(known[1]) if known else before))
    return found


def title_of(key: str) -> str:
    """Title of a number; ``x_start`` is x before training."""
    if key in KNOWN:
        return KNOWN[key][0]
    if _is_start(key):
        return f"{KNOWN[key.removesuffix('_start')][0]}, before training"
    return key.replace("_", " ").capitalize()


def _is_start(key: str) -> bool:
    return key.endswith("_start") and key.removesuffix("_start") in KNOWN

"""Is it learning: the verdict as a word and a sentence, with the numbers that it rests on."""

from __future__ import annotations

from typing import Any

from markupsafe import Markup

from selfsup.report import say
from selfsup.report.run import Run
from selfsup.report.sections.health import title_of

SIGNS = {"good": "✓", "bad": "✗", "warn": "!", "plain": "?"}
BECAUSE = {
    "layer": "Layer that was judged",
    "gap_share": "Gap, beside the largest of itself, that before, the fall of the loss and its deviation over samples",
    "fall": "Fall of the loss, from that before training",
    "place": "Where the answer stands",
    "cue": "The cue that gives the answer",
    "cue_left": "Loss with this cue alone, beside that before training",
    "few_kept": "Rise of the loss where all but a few columns are another sample's, beside the gap",
    "few_share": "Rise of the loss where these few are, beside the gap",
    "shines": "Rise of the loss where the hidden places are another sample's, beside the gap",
    "place_read": "Place of a patch, as far as a map reads it from the code",
    "place_read_start": "The same, before training",
    "grid_read": "Offsets to JPEG's grid that a map reads from the code",
    "grid_read_start": "The same, before training",
}
OVER = (("PCA", "PCA"), ("random_init", "an untrained network"), ("random_init,_best_layer", "its best layer"))
STEPS = {
    "learning": "use it; the commands stand at the end of this page.",
    "undecided": "more rows with labels would tell, or a longer training.",
    "no better than PCA": "train longer or on more data, or try another method; or use PCA.",
    "not learning": "more epochs, another rate (--lr), or another method.",
    "collapsed": "a lower rate (--lr), or another method.",
    "leaky": "hide what gives the answer away, or leave it out, and train again.",
    "shortcut": "crop, mask or vary what gives the answer away, and train again.",
    "memorised": "more data, fewer epochs, or a smaller net.",
    "helps": "take the way that wins at your number of labels.",
    "no help": "take the baseline, or learn from data that are nearer to this task.",
    "better": "take the better one.",
    "not evaluated": "evaluate it (selfsup evaluate), to see whether it has learnt anything.",
}
SHARES = ("gap_share", "copies", "leak_share", "told", "few_kept", "few_share", "shines", "alone", "stability")
CELL = ("place_row", "place_column", "place_rows", "place_columns")
SIDE, MOST = 14, 16  # of a cell, in pixels; cells to a side that are drawn
GRID = """
<svg class="place" width="{{ columns * side + 2 }}" height="{{ rows * side + 2 }}" role="img" \
aria-label="The cell in row {{ row + 1 }}, column {{ column + 1 }}">
{% for y in range(rows) %}{% for x in range(columns) %}<rect x="{{ x * side + 1 }}" y="{{ y * side + 1 }}" \
width="{{ side }}" height="{{ side }}" stroke="currentColor" \
fill="{{ 'currentColor' if (y, x) == (row, column) else 'none' }}"/>{% endfor %}{% endfor %}
</svg>"""
HTML = """
<header class="verdict {{ tone }}">
  <p class="kicker">selfsup report · {{ method }}</p>
  <h1><span class="badge"><span aria-hidden="true">{{ sign }}</span> {{ kind[:1] | upper }}{{ kind[1:] }}</span></h1>
  <p class="sentence">{{ sentence }}</p>
  {% if leads %}<p class="leads">Lead, on average over the numbers of labels: {% for name, lead in leads %}over {{ name }} \
<strong>{{ lead }}</strong>{{ ', ' if not loop.last }}{% endfor %} {{ unit }}.</p>{% endif %}
  <p class="step"><strong>Next:</strong> {{ step }}</p>
  {{ drawn }}
  {% if cautions %}
  <ul class="cautions" aria-label="Notes on the training">{% for note in cautions %}<li>\
<span class="mark" aria-hidden="true">!</span> {{ note | full }}</li>{% endfor %}</ul>
  {% endif %}
  {% if because %}
  <details><summary>The numbers behind this verdict</summary>
    <dl class="pairs">{% for key, value in because %}<dt>{{ key }}</dt><dd>{{ value }}</dd>{% endfor %}</dl>
  </details>
  {% endif %}
</header>"""


def html(run: Run) -> Markup:
    """The head of the page."""
    kind = say.kind(run.verdict)
    tone, because = say.tone(kind), run.verdict.get("because")
    pairs = say.mapping(because) or ({} if because is None or because == {} else {"because": because})
    cell, pairs = [pairs.get(key) for key in CELL], {key: value for key, value in pairs.items() if key not in CELL}
    return say.html(
        HTML,
        tone=tone,
        sign=SIGNS[tone],
        method=run.method,
        kind=kind,
        sentence=say.sentence(run.verdict),
        drawn=_grid(cell),
        leads=leads(run),
        unit="points of R2" if "probe_numbers" in run.tables else "points",
        step=next_step(run),
        cautions=run.cautions,
        because=[(_title(key), _value(key, value)) for key, value in pairs.items()],
    )


def leads(run: Run) -> list[tuple[str, str]]:
    """The mean leads that the verdict rests on with their standard errors, in points; none where there are no probes."""
    because = say.mapping(run.verdict.get("because"))
    known = [
        (name, say.number(because.get(f"lead_{key}")), say.number(because.get(f"noise_{key}"))) for key, name in OVER
    ]
    probed = {"probe", "probe_numbers", "probe_several"} & run.tables.keys()
    return [
        (name, f"{100 * lead + 0.0:+.1f} ± {100 * error:.1f}")
        for name, lead, error in known
        if lead is not None and error is not None and probed
    ]


def next_step(run: Run) -> str:
    """What to do, in a sentence, for every kind of verdict."""
    kind = say.kind(run.verdict)
    unlabelled = not run.words and not run.taught and run.folder is not None and not leads(run)
    if kind == "learning" and unlabelled:
        return (
            "measure it on some labelled data, which alone tell whether the codes are worth having (selfsup evaluate)."
        )
    return STEPS.get(kind, STEPS["undecided"])


def _grid(cell: list[Any]) -> Markup:
    """The cell of an image in which the answer stands, on a grid."""
    if not all(isinstance(number, int) and 0 <= number <= MOST for number in cell):
        return Markup("")
    row, column, rows, columns = cell
    return say.html(GRID, row=row, column=column, rows=rows, columns=columns, side=SIDE)


def markdown(run: Run) -> str:
    """One quoted paragraph."""
    return f"> **{say.md(say.kind(run.verdict).capitalize())}.** {say.md(say.sentence(run.verdict))}"


def _title(key: str) -> str:
    """A number's name as words: ``knn_lead_PCA`` is a lead over a baseline, ``noise_PCA`` the part of it that may be chance."""
    knn, _, base = ("", "", key) if not key.startswith("knn_") else key.partition("knn_")
    what, _, baseline = base.partition("_")
    of = ", nearest neighbours" if base != key else ""
    if what in ("lead", "noise") and baseline:
        other = baseline.replace("_", " ")
        return f"Lead over {other}{of}" if what == "lead" else f"Standard error of the lead over {other}{of}{knn}"
    return BECAUSE.get(key) or title_of(key)


def _value(key: str, value: Any) -> str:
    if say.number(value) is None:
        return say.plain(value)
    share = key in SHARES or key.removeprefix("knn_").startswith(("lead_", "noise_", "cue_", "place_read", "grid_"))
    return f"{say.percent(value)} %" if share else say.short(value)

"""Is it better than doing nothing, where labels are numbers or several of a sample: the probe of these beside the baselines."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from selfsup.measures.samples.multilabel import NOTE as NOTE_SEVERAL
from selfsup.measures.samples.regression import NOTE
from selfsup.report import say, svg
from selfsup.report.run import Run
from selfsup.report.say import md, number, plain, short
from selfsup.report.sections.accuracy import LINES, chosen_layer, lead_of


@dataclass(frozen=True)
class Kind:
    """How a table is shown.

    Attributes
    ----------
    title, note
        Over it and below it.
    key, score
        Of a row's score, and its name on an axis.
    unit
        What the numbers of labels are followed by.
    """

    title: str
    note: str
    key: str
    score: str
    unit: str

    def said(self, score: float, error: float) -> str:
        """``0.494 ± 0.063``, or in per cent ``49.4 ± 6.3``."""
        return f"{score:.3f} ± {error:.3f}" if self.key == "r2" else f"{100 * score:.1f} ± {100 * error:.1f}"


KINDS = {
    "probe_numbers": Kind("Ridge regression: R2", NOTE, "r2", "R2", "labels"),
    "probe_several": Kind("Multi-label probe: mean average precision in %", NOTE_SEVERAL, "map", "mAP, %", "rows"),
}
TABLES = tuple(KINDS)
HTML = """
<section>
  <h2>Is it better than doing nothing?</h2>
  <h3>{{ kind.title }}</h3>
  <div class="scroll" tabindex="0" role="region" aria-label="{{ kind.title }}">
  <table class="numbers">
    <thead><tr><th scope="col">codes from</th><th scope="col" class="width">width</th>\
{% for count in counts %}<th scope="col">{{ count }} {{ kind.unit }}</th>{% endfor %}\
{% if led %}<th scope="col">model's lead<small>on average</small></th>{% endif %}</tr></thead>
    <tbody>
    {% for line in lines %}
      <tr class="{{ 'model' if line.encoder == 'model' }}{{ ' chosen' if line.chosen }}"><th scope="row">{{ line.name }}\
{% if line.chosen %} <span class="tag">chosen layer</span>{% endif %}</th><td class="width">{{ line.width }}</td>\
{% for cell in line.cells %}<td>{{ cell or '–' }}</td>{% endfor %}{% if led %}<td>{{ line.lead }}</td>{% endif %}</tr>
    {% endfor %}
    </tbody>
  </table>
  </div>
  <p class="hint">{{ kind.note }}</p>
  {% if chart %}
  <figure class="chart wide"><figcaption>{{ kind.score }} over the number of {{ kind.unit }}</figcaption>{{ chart }}</figure>
  {% endif %}
  {% if notes %}<ul class="notes">{% for note in notes %}<li>{{ note }}</li>{% endfor %}</ul>{% endif %}
</section>"""


@dataclass(frozen=True)
class Line:
    """One encoder, or one layer of it.

    Attributes
    ----------
    points
        Number of labels -> score and its standard error.
    chosen
        Whether it is the layer that the verdict speaks of.
    lead
        Of that layer over a baseline, the mean over all numbers of labels, with its error: ``+0.023 ± 0.011``.
    """

    encoder: str
    layer: str
    width: str
    points: Mapping[float, tuple[float, float]]
    counts: tuple[float, ...]
    chosen: bool
    lead: str
    kind: Kind

    @property
    def name(self) -> str:
        """In words."""
        return f"{self.encoder}, {self.layer}" if self.layer else self.encoder

    @property
    def cells(self) -> list[str]:
        """Score and error at each number of labels, or nothing."""
        return [self.kind.said(*self.points[n]) if n in self.points else "" for n in self.counts]


def html(run: Run) -> Markup | None:
    """The table, and a chart of it."""
    found = table(run)
    if not found:
        return None
    counts = [short(count) for count in found[0].counts]
    led, kind = any(line.lead for line in found), found[0].kind
    return say.html(HTML, kind=kind, lines=found, counts=counts, led=led, chart=_chart(found), notes=run.notes)


def markdown(run: Run) -> str | None:
    """The table."""
    found = table(run)
    if not found:
        return None
    led, kind = any(line.lead for line in found), found[0].kind
    heads = ["codes from", "width", *(f"{short(count)} {kind.unit}" for count in found[0].counts)]
    heads += ["model's lead"] * led
    rows = [
        [md(line.name) + (" (chosen)" if line.chosen else ""), line.width, *(cell or "–" for cell in line.cells)]
        + [line.lead] * led
        for line in found
    ]
    return "\n\n".join(["## Evaluation", f"{kind.title}, on held-out samples:", say.grid(heads, rows), kind.note])


def table(run: Run) -> list[Line]:
    """A line for each encoder and layer, the model first; rows that say nothing are left out."""
    name = next((name for name in KINDS if run.tables.get(name)), None)
    if name is None:
        return []
    kind = KINDS[name]
    rows = [row for row in run.tables[name] if None not in map(number, (row.get("labels"), row.get(kind.key)))]
    layer, rank = chosen_layer(run.verdict.get("because"), rows), {name: place for place, name in enumerate(LINES)}
    counts = tuple(sorted({float(row["labels"]) for row in rows}))
    found: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for row in rows:
        found.setdefault((plain(row.get("encoder", "?")), plain(row.get("layer") or "")), []).append(row)
    judged = found.get(("model", plain(layer)), [])
    return [
        Line(
            *key,
            _width(cells),
            {float(row["labels"]): (float(row[kind.key]), number(row.get("error")) or 0.0) for row in cells},
            counts,
            key == ("model", layer),
            lead_of(cells, judged, kind.key),
            kind,
        )
        for key, cells in sorted(found.items(), key=lambda item: rank.get(item[0][0], len(rank)))
    ]


def _width(rows: Iterable[Mapping[str, Any]]) -> str:
    return next((short(row["width"]) for row in rows if number(row.get("width"))), "")


def _chart(found: list[Line]) -> Markup | None:
    """Scores over labels: the model's chosen layer, and the baselines at that layer or at their only one."""
    layer = next((line.layer for line in found if line.chosen), "")
    shown = [line for line in found if line.chosen or (line.encoder != "model" and line.layer in ("", layer))]
    if not shown or len(found[0].counts) < 2:
        return None
    kind, curves = found[0].kind, []
    share = 1 if kind.key == "r2" else 100
    for line in shown:
        colour, dash, shape = LINES.get(line.encoder, (8, "-", "*"))
        points = sorted(line.points.items())
        values = [(x, round(share * score, 4)) for x, (score, _) in points]
        errors = [share * error for _, (_, error) in points]
        curves.append(
            svg.Line(line.name if line.encoder == "model" else line.encoder, values, colour, dash, shape, errors)
        )
    ticks = [(count, short(count)) for count in found[0].counts]
    title = f"{kind.score.partition(',')[0]} over the number of {kind.unit}, the numbers of the table above."
    return svg.lines(kind.key, curves, title=title, x=f"{kind.unit} (log scale)", y=kind.score, ticks=ticks)

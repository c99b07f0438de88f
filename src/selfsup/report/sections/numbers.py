"""Is it better than doing nothing, where labels are numbers: R2 of a regression on the codes, beside the baselines."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from selfsup.measures.samples.regression import NOTE
from selfsup.report import say, svg
from selfsup.report.run import Run
from selfsup.report.say import md, number, plain, short
from selfsup.report.sections.accuracy import LINES, chosen_layer

TABLE = "probe_numbers"
TABLES = (TABLE,)
TITLE = "Ridge regression: R2"
HTML = """
<section>
  <h2>Is it better than doing nothing?</h2>
  <h3>{{ title }}</h3>
  <div class="scroll" tabindex="0" role="region" aria-label="{{ title }}">
  <table class="numbers">
    <thead><tr><th scope="col">codes from</th><th scope="col" class="width">width</th>\
{% for count in counts %}<th scope="col">{{ count }} labels</th>{% endfor %}</tr></thead>
    <tbody>
    {% for line in lines %}
      <tr class="{{ 'model' if line.encoder == 'model' }}{{ ' chosen' if line.chosen }}"><th scope="row">{{ line.name }}\
{% if line.chosen %} <span class="tag">chosen layer</span>{% endif %}</th><td class="width">{{ line.width }}</td>\
{% for cell in line.cells %}<td>{{ cell or '–' }}</td>{% endfor %}</tr>
    {% endfor %}
    </tbody>
  </table>
  </div>
  <p class="hint">{{ note }}</p>
  {% if chart %}<figure class="chart wide"><figcaption>R2 over the number of labels</figcaption>{{ chart }}</figure>{% endif %}
  {% if notes %}<ul class="notes">{% for note in notes %}<li>{{ note }}</li>{% endfor %}</ul>{% endif %}
</section>"""


@dataclass(frozen=True)
class Line:
    """One encoder, or one layer of it.

    Attributes
    ----------
    points
        Number of labels -> R2 and its standard error.
    chosen
        Whether it is the layer that the verdict speaks of.
    """

    encoder: str
    layer: str
    width: str
    points: Mapping[float, tuple[float, float]]
    counts: tuple[float, ...]
    chosen: bool

    @property
    def name(self) -> str:
        """In words."""
        return f"{self.encoder}, {self.layer}" if self.layer else self.encoder

    @property
    def cells(self) -> list[str]:
        """``0.494 ± 0.063`` at each number of labels, or nothing."""
        return [f"{self.points[n][0]:.3f} ± {self.points[n][1]:.3f}" if n in self.points else "" for n in self.counts]


def html(run: Run) -> Markup | None:
    """The table, and a chart of it."""
    found = table(run)
    if not found:
        return None
    counts = [short(count) for count in found[0].counts]
    return say.html(HTML, title=TITLE, lines=found, counts=counts, chart=_chart(found), note=NOTE, notes=run.notes)


def markdown(run: Run) -> str | None:
    """The table."""
    found = table(run)
    if not found:
        return None
    heads = ("codes from", "width", *(f"{short(count)} labels" for count in found[0].counts))
    rows = [
        [md(line.name) + (" (chosen)" if line.chosen else ""), line.width, *(cell or "–" for cell in line.cells)]
        for line in found
    ]
    return "\n\n".join(["## Evaluation", f"{TITLE}, on held-out samples:", say.grid(heads, rows), NOTE])


def table(run: Run) -> list[Line]:
    """A line for each encoder and layer, the model first; rows that say nothing are left out."""
    rows = [row for row in run.tables.get(TABLE, []) if None not in map(number, (row.get("labels"), row.get("r2")))]
    layer, rank = chosen_layer(run.verdict.get("because"), rows), {name: place for place, name in enumerate(LINES)}
    counts = tuple(sorted({float(row["labels"]) for row in rows}))
    found: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for row in rows:
        found.setdefault((plain(row.get("encoder", "?")), plain(row.get("layer") or "")), []).append(row)
    return [
        Line(*key, _width(cells), _points(cells), counts, key == ("model", layer))
        for key, cells in sorted(found.items(), key=lambda item: rank.get(item[0][0], len(rank)))
    ]


def _width(rows: Iterable[Mapping[str, Any]]) -> str:
    return next((short(row["width"]) for row in rows if number(row.get("width"))), "")


def _points(rows: Iterable[Mapping[str, Any]]) -> dict[float, tuple[float, float]]:
    return {float(row["labels"]): (float(row["r2"]), number(row.get("error")) or 0.0) for row in rows}


def _chart(found: list[Line]) -> Markup | None:
    """R2 over labels: the model's chosen layer, and the baselines at that layer or at their only one."""
    layer = next((line.layer for line in found if line.chosen), "")
    shown = [line for line in found if line.chosen or (line.encoder != "model" and line.layer in ("", layer))]
    if not shown or len(found[0].counts) < 2:
        return None
    curves = []
    for line in shown:
        colour, dash, shape = LINES.get(line.encoder, (8, "-", "*"))
        points = sorted(line.points.items())
        values, errors = [(x, round(r2, 4)) for x, (r2, _) in points], [error for _, (_, error) in points]
        curves.append(
            svg.Line(line.name if line.encoder == "model" else line.encoder, values, colour, dash, shape, errors)
        )
    ticks = [(count, short(count)) for count in found[0].counts]
    title = "R2 over the number of labels, the numbers of the table above."
    return svg.lines("r2", curves, title=title, x="labels (log scale)", y="R2", ticks=ticks)

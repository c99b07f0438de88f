"""Runs side by side: scores over the number of labels, the leads of each over each other one, and what needs no labels."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from markupsafe import Markup

from selfsup.measures.samples.leads import SCORES
from selfsup.measures.samples.paired import SURE
from selfsup.measures.samples.runs import (
    BASELINES,
    HEALTH,
    HEALTH_NOTE,
    LEADS,
    LEADS_NOTE,
    MEAN,
    NAME,
    NOTE,
    RIDGE,
)
from selfsup.report import say, svg
from selfsup.report.run import Run
from selfsup.report.say import md, number, percent, plain, short
from selfsup.report.sections.accuracy import MOST

TABLES = (NAME, LEADS, HEALTH)
MARKS = (("-", "o"), ("--", "s"), ("-.", "^"), (":", "D"))  # of runs in turn, whose colours differ as well
PLAIN = 7  # the colour of baselines
HTML = """
<section>
  <h2>Which run is better?</h2>
  {% for chart in charts %}
  <figure class="chart wide"><figcaption>{{ chart[0] }}</figcaption>{{ chart[1] }}</figure>
  {% endfor %}
  {% for title, heads, rows, note in grids %}
  <h3>{{ title }}</h3>
  <div class="scroll" tabindex="0" role="region" aria-label="{{ title }}">
  <table class="numbers">
    <thead><tr>{% for head in heads %}<th scope="col">{{ head }}</th>{% endfor %}</tr></thead>
    <tbody>
    {% for row in rows %}
      <tr><th scope="row">{{ row[0] }}</th>{% for cell in row[1:] %}<td>{% if cell[1] %}<strong>{{ cell[0] }}</strong>\
{% else %}{{ cell[0] }}{% endif %}</td>{% endfor %}</tr>
    {% endfor %}
    </tbody>
  </table>
  </div>
  {% if note %}<p class="hint">{{ note }}</p>{% endif %}
  {% endfor %}
  {% if notes %}<ul class="notes">{% for note in notes %}<li>{{ note | full }}</li>{% endfor %}</ul>{% endif %}
</section>"""
# title, heads, rows (a name, then texts and whether they stand out), note
Grid = tuple[str, list[str], list[list[Any]], str]


def html(run: Run) -> Markup | None:
    """A chart for each way of judging, and the tables."""
    found = grids(run)
    return say.html(HTML, charts=charts(run), grids=found, notes=run.notes) if found else None


def markdown(run: Run) -> str | None:
    """The tables."""
    parts = ["## Runs side by side"]
    for title, heads, rows, note in grids(run):
        cells = [[md(name), *(f"**{text}**" if bold else text for text, bold in row)] for name, *row in rows]
        parts += [f"{md(title)}:", say.grid(map(md, heads), cells), note]
    return "\n\n".join(parts) if len(parts) > 1 else None


def grids(run: Run) -> list[Grid]:
    """Every table: scores, then leads, then what needs no labels."""
    rows, leads, health = (run.tables.get(name, []) for name in TABLES)
    found = [*_scores(rows), *_leads(leads)]
    if health:
        keys = ("rank", "width", "spread", "loss", "gap")
        lines = [[plain(row.get("encoder", "?")), *((_short(row.get(key)), False) for key in keys)] for row in health]
        heads = ["codes from", "effective rank", "width", "spread", "loss", "gap"]
        found.append(("Without labels", heads, lines, HEALTH_NOTE))
    return found


def _scores(rows: Sequence[Mapping[str, Any]]) -> list[Grid]:
    found: list[Grid] = []
    for by in dict.fromkeys(plain(row.get("by", "?")) for row in rows):
        some = [row for row in rows if plain(row.get("by", "?")) == by and number(_score(row)) is not None]
        best: dict[str, float] = {}
        for row in some:
            best[_head(row)] = max(best.get(_head(row), -math.inf), _score(row))
        cells = [(_scored(row), _score(row) == best[_head(row)]) for row in some]
        unit = next((said for key, said in SCORES.items() if any(key in row for row in some)), "accuracy in %")
        heads = ["codes from", *dict.fromkeys(map(_head, some))]
        found.append(
            (
                f"{by[:1].upper()}{by[1:]}: {unit}",
                heads,
                _lines(some, map(_encoder, some), cells),
                "" if found else NOTE,
            )
        )
    return found


def _leads(rows: Sequence[Mapping[str, Any]]) -> list[Grid]:
    found: list[Grid] = []
    for by in dict.fromkeys(plain(row.get("by", "?")) for row in rows):
        some = [row for row in rows if plain(row.get("by", "?")) == by]
        names = (f"{plain(row.get('first'))} over {plain(row.get('second'))}" for row in some)
        cells = [(_lead(row, points=by != RIDGE), row.get("clear") is True) for row in some]
        heads = ["pair", *dict.fromkeys(map(_head, some))]
        note = f"Bold: the lead passes {SURE:g} standard errors. {LEADS_NOTE}"
        title = f"Leads by {by}, {'R2' if by == RIDGE else 'points'}"
        found.append((title, heads, _lines(some, names, cells), "" if found else note))
    return found


def _lead(row: Mapping[str, Any], *, points: bool) -> str:
    size, error = number(row.get("lead")), number(row.get("lead_error"))
    if size is None or error is None:
        return "–"
    size += 0.0  # no -0.0
    return f"{100 * size:+.1f} ± {100 * error:.1f}" if points else f"{size:+.3f} ± {error:.3f}"


def _lines(
    rows: Sequence[Mapping[str, Any]], names: Iterable[str], cells: Iterable[tuple[str, bool]]
) -> list[list[Any]]:
    """Names down, numbers of labels across."""
    heads, found = list(dict.fromkeys(map(_head, rows))), dict[str, dict[str, tuple[str, bool]]]()
    for row, name, cell in zip(rows, names, cells, strict=True):
        found.setdefault(name, {})[_head(row)] = cell
    return [[name, *(own.get(head, ("–", False)) for head in heads)] for name, own in found.items()]


def charts(run: Run) -> list[tuple[str, Markup]]:
    """The score of each encoder over the number of labels, by the first way of judging; none of a single number of labels."""
    rows = [
        row
        for row in run.tables.get(NAME, [])
        if number(_score(row)) is not None and (number(row.get("labels")) or 0) > 0
    ]
    rows = [row for row in rows if row.get("by") == rows[0].get("by")]
    places = {float(row["labels"]): plain(row.get("count")) for row in rows}
    if len(places) < 2:
        return []
    share, curves = 1 if "r2" in rows[0] else 100, list[svg.Line]()
    for encoder in dict.fromkeys(_encoder(row) for row in rows):
        own = [row for row in rows if _encoder(row) == encoder]
        points = [(float(row["labels"]), share * (number(_score(row)) or 0.0)) for row in own]
        errors = [share * abs(number(row.get("error")) or 0.0) for row in own]
        base = own[0].get("encoder") in BASELINES
        (dash, shape), colour = MARKS[len(curves) % len(MARKS)], PLAIN if base else len(curves) % PLAIN
        curves.append(svg.Line(encoder, points, colour, dash, shape, errors))
    unit, by = "R2" if share == 1 else "mAP, %" if "map" in rows[0] else "accuracy, %", plain(rows[0].get("by", ""))
    each = " a class" if "accuracy" in rows[0] else ""
    name = unit.partition(",")[0]
    title = f"{name[:1].upper()}{name[1:]} by {by} over the number of labels, with standard errors"
    chart = svg.lines(
        "compare",
        curves,
        title=f"{title}.",
        x=f"labels{each} (log scale)",
        y=unit,
        ticks=sorted(places.items()),
        most=MOST if share == 100 else None,
        size=(560, 340),
    )
    return [(title, chart)]


def _score(row: Mapping[str, Any]) -> Any:
    return next((row[key] for key in SCORES if key in row), None)


def _scored(row: Mapping[str, Any]) -> str:
    size, error = number(_score(row)), number(row.get("error"))
    if "r2" not in row:
        return f"{percent(size)} ± {percent(error)}"
    return f"{size:.3f}" + (f" ± {error:.3f}" if error is not None else "")


def _encoder(row: Mapping[str, Any]) -> str:
    name = plain(row.get("encoder", "?"))
    return f"{name}, {plain(row.get('width'))} values" if name in BASELINES else name


def _head(row: Mapping[str, Any]) -> str:
    count, labels = row.get("count"), row.get("labels")
    if count == MEAN:
        return "on average"
    if count == "all":
        return "all labels"
    return f"{plain(count)} labels" if count == labels else f"{plain(count)} a class"


def _short(value: Any) -> str:
    return "–" if number(value) is None else short(value)

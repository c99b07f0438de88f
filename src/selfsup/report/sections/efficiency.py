"""What the training without labels is worth: accuracy over the number of labels, of each way to a classifier."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from selfsup.measures.samples.efficiency import FROZEN, MAJORITY, NAME, NOTE, SCRATCH, TUNED, as_encoders
from selfsup.report import say, svg
from selfsup.report.run import Run
from selfsup.report.say import md, number
from selfsup.report.sections.accuracy import MOST, Table, build

TABLES = (NAME,)
# way -> colour, dash and shape of its line
LINES = {TUNED: (0, "-", "o"), FROZEN: (2, ":", "s"), SCRATCH: (1, "--", "D")}
HTML = """
<section>
  <h2>{{ kind.title if chart else kind.alone }}</h2>
  {% if chart %}
  <figure class="chart wide"><figcaption>Accuracy on test rows over the number of labels</figcaption>{{ chart }}</figure>
  {% endif %}
  <div class="scroll" tabindex="0" role="region" aria-label="Accuracy in %">
  <table class="numbers">
    <thead><tr><th scope="col">accuracy in %</th>{% for column in table.columns %}<th scope="col">{{ column.title }}\
{{ kind.unit if column.title != 'all' else ' labels' }}{% if column.labels %}<small>{{ column.labels }} labels</small>\
{% endif %}</th>{% endfor %}</tr></thead>
    <tbody>
    {% for line in table.lines %}
      <tr class="{{ 'model' if line.encoder == tuned }}"><th scope="row">{{ line.encoder }}</th>\
{% for cell in line.cells %}<td>{% if not cell %}–{% elif cell.best %}<strong>{{ cell.text }}</strong>{% else %}\
{{ cell.text }}{% endif %}</td>{% endfor %}</tr>
    {% endfor %}
    </tbody>
  </table>
  </div>
  <p class="hint">{{ note }}</p>
  {% if notes %}<ul class="notes">{% for note in notes %}<li>{{ note }}</li>{% endfor %}</ul>{% endif %}
</section>"""


def html(run: Run) -> Markup | None:
    """The picture, and the numbers that it is drawn from."""
    rows = run.tables.get(NAME, [])
    return drawn(_table(run, rows), OF_NETS, NOTE + tested(rows), run.notes)


def markdown(run: Run) -> str | None:
    """The numbers."""
    rows = run.tables.get(NAME, [])
    return told(_table(run, rows), OF_NETS, NOTE + tested(rows))


@dataclass(frozen=True)
class Kind:
    """What a table of ways to a classifier is about.

    Attributes
    ----------
    key
        Of the chart, different for each on a page.
    title, alone
        Over a chart, and over a table of one number of labels.
    heading
        Of the card.
    unit
        What the numbers of labels are followed by.
    ways
        Colour, dash and shape of the line of each way; the first is the one that the page is about.
    """

    key: str
    title: str
    alone: str
    heading: str
    unit: str
    ways: Mapping[str, tuple[int, str, str]]


OF_NETS = Kind(
    "efficiency", "What is it worth with few labels?", "How many are classified right?", "Accuracy", " a class", LINES
)


def drawn(table: Table | None, kind: Kind, note: str, notes: Sequence[str]) -> Markup | None:
    """A chart where there are several numbers of labels, and the table that it is drawn from."""
    if table is None:
        return None
    first, chart = next(iter(kind.ways)), _chart(table, kind)
    return say.html(HTML, table=table, chart=chart, tuned=first, note=note, notes=notes, kind=kind)


def told(table: Table | None, kind: Kind, note: str) -> str | None:
    """The table for the card."""
    if table is None:
        return None
    heads = [f"{md(one.title)}{kind.unit}" if one.title != "all" else "all labels" for one in table.columns]
    cells = [
        [md(line.encoder)]
        + ["–" if cell is None else f"**{cell.text}**" if cell.best else cell.text for cell in line.cells]
        for line in table.lines
    ]
    return "\n\n".join([f"## {kind.heading}", say.grid(("accuracy in %", *heads), cells), note])


def _table(run: Run, rows: list[dict[str, Any]]) -> Table | None:
    """Ways down, numbers of labels across."""
    names = run.part("data").get("classes")
    return build(as_encoders(rows), None, len(names) if isinstance(names, list) else 0)


def tested(rows: list[dict[str, Any]]) -> str:
    """On how many rows it was measured, and what that alone may change."""
    known = [(number(row.get("tested")), number(row.get("error"))) for row in rows]
    most, errors = max((one for one, _ in known if one), default=None), [error for _, error in known if error]
    if most is None or not errors:
        return ""
    return f" Measured on {say.short(most)} test rows: the standard error of that choice is up to {say.percent(max(errors))}."


def _chart(table: Table, kind: Kind) -> Markup | None:
    """A curve for each way, with its standard errors; none where there is one number of labels."""
    places = [place for place, column in enumerate(table.columns) if column.x]
    if len(places) < 2:
        return None
    curves = []
    for line in table.lines:
        known = [(table.columns[place].x or 0.0, cell) for place in places if (cell := line.cells[place])]
        if known and line.encoder != MAJORITY:  # which would flatten all else
            colour, dash, shape = kind.ways.get(line.encoder, (8, "-", "*"))
            points = [(x, round(100 * cell.accuracy, 2)) for x, cell in known]
            errors = [100 * (cell.error or 0) for _, cell in known]
            curves.append(svg.Line(line.encoder, points, colour, dash, shape, errors))
    ticks = [(table.columns[place].x or 0.0, table.columns[place].title) for place in places]
    return (
        svg.lines(
            kind.key,
            curves,
            title=f"Accuracy over labels{kind.unit if kind.unit != ' labels' else ''}, the numbers of the table below.",
            x=f"labels{kind.unit if kind.unit != ' labels' else ''} (log scale)",
            y="accuracy, %",
            ticks=ticks,
            most=MOST,
        )
        if curves
        else None
    )

"""What the training without labels is worth: accuracy over the number of labels, of each way to a classifier."""

from __future__ import annotations

from typing import Any

from markupsafe import Markup

from selfsup.measures.samples.efficiency import FROZEN, MAJORITY, NAME, NOTE, SCRATCH, TUNED, as_encoders
from selfsup.report import say, svg
from selfsup.report.run import Run
from selfsup.report.say import md, number
from selfsup.report.sections.accuracy import Table, build

TABLES = (NAME,)
# way -> colour, dash and shape of its line
LINES = {TUNED: (0, "-", "o"), FROZEN: (2, ":", "s"), SCRATCH: (1, "--", "D")}
HTML = """
<section>
  <h2>{{ 'What is it worth with few labels?' if chart else 'How many are classified right?' }}</h2>
  {% if chart %}
  <figure class="chart wide"><figcaption>Accuracy on test rows over the number of labels</figcaption>{{ chart }}</figure>
  {% endif %}
  <div class="scroll" tabindex="0" role="region" aria-label="Accuracy in %">
  <table class="numbers">
    <thead><tr><th scope="col">accuracy in %</th>{% for column in table.columns %}<th scope="col">{{ column.title }}\
{{ ' a class' if column.title != 'all' else ' labels' }}{% if column.labels %}<small>{{ column.labels }} labels</small>\
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
  <p class="hint">{{ note }}{{ tested }}</p>
  {% if notes %}<ul class="notes">{% for note in notes %}<li>{{ note }}</li>{% endfor %}</ul>{% endif %}
</section>"""


def html(run: Run) -> Markup | None:
    """The picture, and the numbers that it is drawn from."""
    rows = run.tables.get(NAME, [])
    table = _table(run, rows)
    if table is None:
        return None
    return say.html(
        HTML, table=table, chart=_chart(table), tuned=TUNED, note=NOTE, tested=_tested(rows), notes=run.notes
    )


def markdown(run: Run) -> str | None:
    """The numbers."""
    rows = run.tables.get(NAME, [])
    table = _table(run, rows)
    if table is None:
        return None
    heads = [f"{md(one.title)} a class" if one.title != "all" else "all labels" for one in table.columns]
    cells = [
        [md(line.encoder)]
        + ["–" if cell is None else f"**{cell.text}**" if cell.best else cell.text for cell in line.cells]
        for line in table.lines
    ]
    return "\n\n".join(["## Accuracy", say.grid(("accuracy in %", *heads), cells), NOTE + _tested(rows)])


def _table(run: Run, rows: list[dict[str, Any]]) -> Table | None:
    """Ways down, numbers of labels across."""
    names = run.part("data").get("classes")
    return build(as_encoders(rows), None, len(names) if isinstance(names, list) else 0)


def _tested(rows: list[dict[str, Any]]) -> str:
    """On how many rows it was measured, and what that alone may change."""
    known = [(number(row.get("tested")), number(row.get("error"))) for row in rows]
    tested, errors = max((one for one, _ in known if one), default=None), [error for _, error in known if error]
    if tested is None or not errors:
        return ""
    return f" Measured on {say.short(tested)} test rows: the standard error of that choice is up to {say.percent(max(errors))}."


def _chart(table: Table) -> Markup | None:
    """A curve for each way, with the deviation over draws; none where there is one number of labels."""
    places = [place for place, column in enumerate(table.columns) if column.x]
    if len(places) < 2:
        return None
    curves = []
    for line in table.lines:
        known = [(table.columns[place].x or 0.0, cell) for place in places if (cell := line.cells[place])]
        if known and line.encoder != MAJORITY:  # which would flatten all else
            colour, dash, shape = LINES.get(line.encoder, (8, "-", "*"))
            points = [(x, round(100 * cell.accuracy, 2)) for x, cell in known]
            errors = [100 * (cell.sd or 0) for _, cell in known]
            curves.append(svg.Line(line.encoder, points, colour, dash, shape, errors))
    ticks = [(table.columns[place].x or 0.0, table.columns[place].title) for place in places]
    return (
        svg.lines(
            "efficiency",
            curves,
            title="Accuracy over labels a class, the numbers of the table below.",
            x="labels a class (log scale)",
            y="accuracy, %",
            ticks=ticks,
        )
        if curves
        else None
    )

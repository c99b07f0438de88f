"""Tables that no other section knows: those of a measure of a user's own."""

from __future__ import annotations

from typing import Any

from markupsafe import Markup

from selfsup.measures.table import look_of
from selfsup.report import say
from selfsup.report.run import Run

ROWS, COLUMNS = 200, 20
HTML = """
<section>
  <h2>Measured besides</h2>
  {% for title, note, columns, rows in tables %}
  <h3>{{ title }}</h3>
  <div class="scroll" tabindex="0" role="region" aria-label="{{ title }}">
  <table class="numbers plain">
    <thead><tr>{% for column in columns %}<th scope="col">{{ column }}</th>{% endfor %}</tr></thead>
    <tbody>{% for row in rows %}<tr><th scope="row">{{ row[0] }}</th>\
{% for cell in row[1:] %}<td>{{ cell }}</td>{% endfor %}</tr>
    {% endfor %}</tbody>
  </table>
  </div>
  {% if note %}<p class="hint">{{ note }}</p>{% endif %}
  {% endfor %}
</section>"""


def html(run: Run) -> Markup | None:
    """Each table under its name."""
    found = tables(run)
    return say.html(HTML, tables=found) if found else None


def markdown(run: Run) -> str | None:
    """The same."""
    parts = ["## Measured besides"]
    for title, note, columns, rows in tables(run):
        parts += [f"{say.md(title)}:", say.grid(map(say.md, columns), [map(say.md, row) for row in rows])]
        parts += [note] if note else []
    return "\n\n".join(parts) if len(parts) > 1 else None


def tables(run: Run) -> list[tuple[str, str, list[str], list[list[str]]]]:
    """Title, note, columns and cells of each table."""
    found = []
    for name, rows in run.tables.items():
        if name in run.claimed:
            continue
        look = look_of(name)
        columns = list(look.columns or dict.fromkeys(key for row in rows for key in row))[:COLUMNS]
        cells = [[_cell(row.get(column)) for column in columns] for row in rows[:ROWS]]
        found.append((say.full(look.title)[:-1], look.note, [column.replace("_", " ") for column in columns], cells))
    return found


def _cell(value: Any) -> str:
    return "–" if value is None else say.short(value) if say.number(value) is not None else say.plain(value)

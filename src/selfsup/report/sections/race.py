"""A race of methods: the ranking with errors, the nets and baselines beneath it, and who is out."""

from __future__ import annotations

from typing import Any

from markupsafe import Markup

from selfsup.measures import race
from selfsup.report import say
from selfsup.report.run import Run
from selfsup.report.say import number, plain

TABLES = (race.NAME,)
NUMBERS = ("place", "round", "minutes", "score", "error", "lead", "lead_error", "nearest", "nearest_error")
HTML = """
<section>
  <h2>The race</h2>
  <div class="scroll" tabindex="0" role="region" aria-label="The ranking">
  <table class="numbers plain">
    <thead><tr>{% for head in heads %}<th scope="col">{{ head }}</th>{% endfor %}</tr></thead>
    <tbody>
    {% for line in lines %}
      <tr><td>{{ line[0] }}</td><th scope="row">{{ line[1] }}</th>{% for cell in line[2:] %}<td>{{ cell }}</td>{% endfor %}</tr>
    {% endfor %}
    </tbody>
  </table>
  </div>
  {% if out %}<ul class="notes">{% for name, why in out %}<li>{{ name }} is out: {{ why }}</li>{% endfor %}</ul>{% endif %}
  <p class="hint">{{ note }}</p>
</section>"""


def html(run: Run) -> Markup | None:
    """The ranking as a table."""
    rows, out = _rows(run)
    if not rows:
        return None
    heads, *lines = race.cells(rows)
    return say.html(HTML, heads=heads, lines=lines, out=out, note=f"{race.NOTE} {race.STAR}.")


def markdown(run: Run) -> str | None:
    """The same."""
    rows, out = _rows(run)
    if not rows:
        return None
    heads, *lines = race.cells(rows)
    grid = say.grid(map(say.md, heads), [map(say.md, line) for line in lines])
    said = "\n".join(f"- {say.md(name)} is out: {say.md(why)}" for name, why in out)
    return "\n\n".join(filter(None, ["## The race", grid, said, race.STAR]))


def _rows(run: Run) -> tuple[list[dict[str, Any]], list[tuple[str, str]]]:
    """Rows that were judged, whatever a file holds, and the names of who is out, with the reasons."""
    found: list[dict[str, Any]] = []
    held = run.tables.get(race.NAME, [])
    for row in held:
        texts = {key: plain(row.get(key, "")) for key in ("encoder", "by", "unit")}
        found.append({key: number(row.get(key)) for key in NUMBERS} | texts | {"clear": row.get("clear") is True})
    return [row for row in found if row["score"] is not None], [
        (plain(row.get("encoder", "?")), plain(row["why"])) for row in held if row.get("why")
    ]

"""Does it help against boosting on the columns: the line that people with tables ask for."""

from __future__ import annotations

from typing import Any

from markupsafe import Markup

from selfsup.measures.samples.boosting import ALONE, BESIDE, LOOK, SURE, said
from selfsup.measures.samples.leads import SCORES
from selfsup.report import say
from selfsup.report.run import Run
from selfsup.report.say import md, number, plain, short

NAME = "boosting"
TABLES = (NAME,)
HTML = """
<section>
  <h2>Does it help against boosting on the columns?</h2>
  {% if answer %}<p>{{ answer }}</p>{% endif %}

  <div class="scroll" tabindex="0" role="region" aria-label="Gradient boosting">
  <table class="numbers">
    <thead><tr>{% for head in heads %}<th scope="col">{{ head }}</th>{% endfor %}</tr></thead>
    <tbody>{% for row in rows %}<tr><th scope="row">{{ row[0] }}</th>{% for cell in row[1:] %}<td>{{ cell }}</td>{% endfor %}</tr>
    {% endfor %}</tbody>
  </table>
  </div>
  <p class="hint">{{ note }}</p>
</section>"""


def html(run: Run) -> Markup | None:
    """The answer, and the two rows that it rests on."""
    rows = run.tables.get(NAME, [])
    return say.html(HTML, answer=answer(rows), heads=heads(rows), rows=cells(rows), note=LOOK.note) if rows else None


def markdown(run: Run) -> str | None:
    """The same."""
    rows = run.tables.get(NAME, [])
    if not rows:
        return None
    table = say.grid(map(md, heads(rows)), [map(md, row) for row in cells(rows)])
    return "\n\n".join(filter(None, ["## Boosting on the columns", md(answer(rows)), table, LOOK.note]))


def answer(rows: list[dict[str, Any]]) -> str:
    """Whether the codes helped beside the columns; nothing where that was not measured."""
    row = next((row for row in rows if row.get("encoder") == BESIDE), {})
    lead, error = number(row.get("lead")), number(row.get("lead_error"))
    if lead is None or error is None:
        return ""
    gained = said(lead, error, _kind(row), sign="+")
    unit = "" if _kind(row) == "R2" else " points"
    if lead > SURE * error:
        return f"Yes: with the codes as further columns boosting gains {gained}{unit}."
    if lead < -SURE * error:
        return f"No: the codes cost boosting something ({gained}{unit}); leave them out."
    return f"Not clearly: with the codes as further columns boosting changes by {gained}{unit}, which may be chance."


def heads(rows: list[dict[str, Any]]) -> list[str]:
    """Heads of the columns."""
    return ["codes from", "width", _title(rows), f"lead over {ALONE}"]


def cells(rows: list[dict[str, Any]]) -> list[list[str]]:
    """A row for boosting alone, and one with the codes."""
    return [
        [
            plain(row.get("encoder", "?")),
            short(row.get("width")),
            _scored(row, next((row[key] for key in SCORES if key in row), None), row.get("error")),
            _scored(row, row.get("lead"), row.get("lead_error"), sign="+"),
        ]
        for row in rows
    ]


def _title(rows: list[dict[str, Any]]) -> str:
    return next((said for key, said in SCORES.items() if any(key in row for row in rows)), "score")


def _kind(row: dict[str, Any]) -> str:
    return "R2" if "r2" in row else "%"


def _scored(row: dict[str, Any], score: Any, error: Any, sign: str = "") -> str:
    known = number(score), number(error)
    return "–" if None in known else said(*known, _kind(row), sign)

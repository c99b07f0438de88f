"""Word vectors beside those of counting and beside untrained ones: scores and leads with their errors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from markupsafe import Markup

from selfsup.measures.words.leads import COUNTING, LOOK, MODEL, UNITS, UNTRAINED, pair
from selfsup.report import say
from selfsup.report.run import Run
from selfsup.report.say import md, number, plain, short

TABLES = ("counting",)
MOST, LONGEST = 90, 100
NAMES = {MODEL: "these vectors", COUNTING: "by counting", UNTRAINED: "untrained"}
HEAD = ("asked by", "vectors", "score", "lead of these vectors", "of")
HTML = """
<section>
  <h2>Beside counting and untrained vectors</h2>
  <div class="scroll" tabindex="0" role="region" aria-label="Leads">
  <table class="numbers">
    <thead><tr>{% for title in head %}<th scope="col">{{ title }}</th>{% endfor %}</tr></thead>
    <tbody>{% for row in rows %}<tr><th scope="row">{{ row.what }}</th><td>{{ row.name }}</td><td>{{ row.score }}</td>\
<td>{{ row.lead }}</td><td>{{ row.of }}</td></tr>
    {% endfor %}</tbody>
  </table>
  </div>
  <p class="hint">{{ note }} A lead below two of its errors is none.</p>
</section>"""


class Shown(NamedTuple):
    """A row as it is read; what was asked stands in the first of its rows only."""

    what: str
    name: str
    score: str
    lead: str
    of: str


def html(run: Run) -> Markup | None:
    """The table."""
    rows = shown(run)
    return say.html(HTML, head=HEAD, rows=rows, note=LOOK.note) if rows else None


def markdown(run: Run) -> str | None:
    """The same table."""
    rows = shown(run)
    if not rows:
        return None
    return f"## Beside counting and untrained vectors\n\n{say.grid(HEAD, [tuple(map(md, row)) for row in rows])}\n\n{LOOK.note}"


def shown(run: Run) -> list[Shown]:
    """Rows that are whole."""
    found, last = [], ""
    for row in run.tables.get("counting", [])[:MOST]:
        what = plain(row.get("what", ""))[:LONGEST]
        if what.split(",")[0] in UNITS and (score := _pair(what, row, "score", "error")):
            name = plain(row.get("encoder", ""))[:LONGEST]
            name, lead = NAMES.get(name, name), _pair(what, row, "lead", "lead_error") or "–"
            found.append(Shown("" if what == last else what, name, score, lead, short(row.get("covered"))))
            last = what
    return found


def _pair(what: str, row: Mapping[str, Any], value: str, error: str) -> str:
    """A number with its error; empty where they are none."""
    known = number(row.get(value)), number(row.get(error))
    if known[0] is None or known[1] is None:
        return ""
    return pair(what, float(known[0]), float(known[1]), signed=value == "lead")

"""Which classes are taken for which: a table whose cells are shaded by their share, and the most confused pairs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from markupsafe import Markup

from selfsup.measures.samples.confusion import CLASSES, worst
from selfsup.report import say
from selfsup.report.run import Run
from selfsup.report.say import md, number, percent, plain, short

TABLES = ("confusion",)
SHOWN, MOST = 10, 40  # pairs beside the whole table, and where there are too many classes for that
CARD = 10  # pairs on the card
LONG = 4  # letters of a class's name that would make its column wide: names stand upright then
STRONGEST = 45  # per cent of colour in a cell, so that its number stays readable
HTML = """
<section>
  <h2>Which classes are taken for which?</h2>
  <p>{{ what }}{% if total %} Of {{ total }} rows tested, {{ right }} are guessed right.{% endif %}</p>
  <div class="confusions">
  {% if classes %}
  <div class="scroll" tabindex="0" role="region" aria-label="Counts of guesses by true class">
  <table class="heat{{ ' tall' if tall }}">
    <caption>Rows by class<small>true class down, guessed class across; the shade is the share of the true class</small></caption>
    <thead><tr><th scope="col"><span class="unseen">true class</span></th>{% for name in classes %}\
<th scope="col">{{ name }}</th>{% endfor %}</tr></thead>
    <tbody>
    {% for name in classes %}{% set row = loop.index0 %}
    <tr><th scope="row">{{ name }}</th>{% for cell in cells[row] %}\
<td{% if cell.rows %} class="{{ 'same' if loop.index0 == row else 'other' }}" style="--heat:{{ cell.heat }}%"{% endif %}>\
{{ cell.rows }}</td>{% endfor %}</tr>
    {% endfor %}
    </tbody>
  </table>
  </div>
  {% endif %}
  {% if pairs %}
  <div class="scroll" tabindex="0" role="region" aria-label="Most often confused">
  <table class="confused">
    <caption>Most often confused</caption>
    <thead><tr><th scope="col">true class</th><th scope="col">taken for</th><th scope="col">rows</th></tr></thead>
    <tbody>
    {% for pair in pairs %}
    <tr><th scope="row">{{ pair.truth }}</th><td>{{ pair.guess }}</td><td>{{ pair.told }}</td></tr>
    {% endfor %}
    </tbody>
  </table>
  </div>
  {% elif classes %}<p>No class was taken for another.</p>{% endif %}
  </div>
</section>"""


class Cell(NamedTuple):
    """How often a class was guessed for another, and how much of the cell is coloured, in per cent."""

    rows: int
    heat: int


class Pair(NamedTuple):
    """Two classes that are confused."""

    truth: str
    guess: str
    told: str


def html(run: Run) -> Markup | None:
    """The tables."""
    rows = known(run)
    if not rows:
        return None
    classes = list(dict.fromkeys([row["truth"] for row in rows] + [row["guess"] for row in rows]))
    # of many classes the confused pairs are all that was kept
    whole = len(classes) <= CLASSES and sum(row["count"] for row in rows) == sum(
        {row["truth"]: row["of"] for row in rows}.values()
    )
    right = sum(row["count"] for row in rows if row["truth"] == row["guess"])
    total = sum(row["count"] for row in rows) if whole else 0
    return say.html(
        HTML,
        what=_what(run),
        total=short(total) if whole else "",
        right=f"{short(right)} ({percent(right / total)} %)" if total else "",
        classes=[say.word(name) for name in classes] if whole else [],
        cells=_cells(rows, classes) if whole else [],
        tall=max(map(len, classes)) > LONG,
        pairs=pairs(rows, SHOWN if whole else MOST),
    )


def markdown(run: Run) -> str | None:
    """The pairs that are confused most often."""
    found = pairs(known(run), CARD)
    if not found:
        return None
    cells = [(md(pair.truth), md(pair.guess), md(pair.told)) for pair in found]
    return f"Most often confused, with all labels:\n\n{say.grid(('true class', 'taken for', 'rows'), cells, left=2)}"


def known(run: Run) -> list[dict[str, Any]]:
    """Rows of the table that are whole."""
    found = []
    for row in run.tables.get(TABLES[0], []):
        count, of = number(row.get("count")), number(row.get("of"))
        if count is not None and of is not None and 0 < count <= of:
            found.append(
                {"truth": plain(row.get("truth")), "guess": plain(row.get("guess")), "count": int(count), "of": int(of)}
            )
    return found


def pairs(rows: Sequence[dict[str, Any]], most: int) -> list[Pair]:
    """The most confused pairs, as words."""
    return [
        Pair(
            say.word(row["truth"]),
            say.word(row["guess"]),
            f"{short(row['count'])} of {short(row['of'])} ({percent(row['count'] / row['of'], 0)} %)",
        )
        for row in worst(rows)[:most]
    ]


def _what(run: Run) -> str:
    """Whose guesses these are."""
    if run.taught:
        return "Its guesses of rows that it did not learn from."
    layer = run.verdict.get("because")
    named = say.mapping(layer).get("layer")
    return f"Guesses of a linear probe{f' of {plain(named)}' if named else ''}, learnt from all labels."


def _cells(rows: Sequence[dict[str, Any]], classes: Sequence[str]) -> list[list[Cell]]:
    found = {(row["truth"], row["guess"]): row for row in rows}
    zero = {"count": 0, "of": 1}
    return [
        [
            Cell(one["count"], max(4, round(STRONGEST * one["count"] / one["of"])))
            for one in (found.get((truth, guess), zero) for guess in classes)
        ]
        for truth in classes
    ]

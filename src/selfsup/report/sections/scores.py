"""Analogies and similarity of word vectors, on every file that they were measured on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

from selfsup.measures.words.analogies import error_of_share
from selfsup.measures.words.similarity import error_of_rank
from selfsup.report import say
from selfsup.report.run import Run
from selfsup.report.say import md, number, percent, plain, short

TABLES = ("analogies", "similarity")
MOST, LONGEST = 60, 100
FEWEST = 30  # covered questions of a part that is shown by itself: a share of fewer says nothing
HTML = """
<section>
  <h2>Measured</h2>
  {% if scores %}
  <div class="scroll" tabindex="0" role="region" aria-label="Scores">
  <table class="numbers">
    <thead><tr><th scope="col">what</th><th scope="col">score</th><th scope="col">covered</th><th scope="col">file</th></tr>\
</thead>
    <tbody>{% for title, value, covered, file in scores %}<tr><th scope="row">{{ title }}</th><td>{{ value }}</td>\
<td>{{ covered }}</td><td>{{ file }}</td></tr>{% endfor %}</tbody>
  </table>
  </div>
  <p class="hint">Covered: questions, or pairs, whose words are all known, of those in the file; the score is of these alone, \
± is one standard error. Compare it only with vectors that cover the same.</p>
  {% else %}
  <p>{% if not evaluated %}No neighbours were looked up after training (evaluate was off). {% endif %}No analogies and no \
similarity were measured yet: the first command under <em>Next</em> does it, and its figures will stand here.</p>
  {% endif %}
</section>"""


def html(run: Run) -> Markup | None:
    """The table, or how to come by it."""
    found = scores(run)
    return say.html(HTML, scores=found, evaluated=bool(run.verdict)) if found or run.words else None


def markdown(run: Run) -> str | None:
    """The same table."""
    found = scores(run)
    if not found:
        known = run.tables.get("neighbours") or not run.words
        return None if known else "## Evaluation\n\nNot measured. Nothing is known yet of how useful these vectors are."
    rows = [(title, value, covered, md(file)) for title, value, covered, file in found]
    table = say.grid(("what", "score", "covered", "file"), rows)
    return f"## Scores\n\nOf the questions and pairs whose words are all known:\n\n{table}"


def scores(run: Run) -> list[tuple[str, str, str, str]]:
    """What was measured, its value, how much of it was covered, and the file."""
    found = []
    for row in run.tables.get("analogies", []):
        part = plain(row.get("section", ""))
        few = part != "total" and (number(row.get("covered")) or 0) < FEWEST
        if row.get("sum") is True and number(row.get("accuracy")) is not None and not few:
            title = "Analogies" if part == "total" else f"Analogies, {part}"
            found.append((title, f"{percent(row['accuracy'])}{_share_error(row)} % right", _covered(row), _file(row)))
    for row in run.tables.get("similarity", []):
        known = number(row.get("spearman"))
        shown = "no correlation" if known is None else f"Spearman {known:.3f}{_rank_error(row)}"
        found.append(("Similarity", shown, _covered(row), _file(row)))
    return found[:MOST]


def _share_error(row: Mapping[str, Any]) -> str:
    """What stands behind a share in per cent, where the numbers make sense."""
    share, n = number(row.get("accuracy")), number(row.get("covered"))
    if share is None or n is None or not (0 <= share <= 1 and n >= 1):
        return ""
    return f" ± {percent(error_of_share(share, n) or 0)}"


def _rank_error(row: Mapping[str, Any]) -> str:
    """What stands behind a correlation, where the numbers make sense."""
    rho, n = number(row.get("spearman")), number(row.get("covered"))
    error = error_of_rank(rho, n) if rho is not None and n is not None and -1 <= rho <= 1 else None
    return "" if error is None else f" ± {error:.3f}"


def _covered(row: Mapping[str, Any]) -> str:
    return f"{short(row.get('covered'))} of {short(row.get('asked'))}"


def _file(row: Mapping[str, Any]) -> str:
    return plain(row.get("file", "unknown"))[:LONGEST]

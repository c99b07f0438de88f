"""Every setting, so that the run can be repeated."""

from __future__ import annotations

from typing import Any

from markupsafe import Markup

from selfsup.report import say
from selfsup.report.run import Run

TITLES = {
    "options": "Options of the method",
    "reading": "How data are read",
    "training": "Training",
    "form": "Form of the data",
    "facts": "Measured of the data",
    "data": "Data",
    "versions": "Versions",
}
CARD, OF_RUN = ("options", "reading", "training", "versions"), ("seed", "selfsup", "created")
HTML = """
<section>
  <details><summary>All settings</summary>
  {% for title, pairs in groups %}
  <h3>{{ title }}</h3>
  <dl class="pairs">{% for key, value in pairs %}<dt>{{ key }}</dt><dd>{{ value }}</dd>{% endfor %}</dl>
  {% endfor %}
  </details>
</section>"""


def html(run: Run) -> Markup:
    """All of the configuration, in groups."""
    groups = [(title, _pairs(run.config.get(key))) for key, title in TITLES.items()]
    rest = {key: value for key, value in run.config.items() if key not in TITLES}
    return say.html(HTML, groups=[(title, pairs) for title, pairs in [*groups, ("Run", _pairs(rest))] if pairs])


def markdown(run: Run) -> str | None:
    """A table of what was chosen."""
    rows = [(group, say.md(key), say.code(value)) for group in CARD for key, value in run.part(group).items()]
    rows += [("run", key, say.code(run.config[key])) for key in OF_RUN if run.config.get(key) is not None]
    return "## Settings\n\n" + say.grid(("", "setting", "value"), rows, left=3) if rows else None


def _pairs(value: Any) -> list[tuple[str, str]]:
    """A JSON object as rows of text; another value as one row, None as none."""
    if value is None or value == {}:
        return []
    pairs = say.mapping(value) or {"value": value}
    return [(key.replace("_", " "), say.plain(item)) for key, item in pairs.items()]

"""A note of caution: an attribute's direction in word vectors, the words farthest along it, measures, what is left, the cost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from selfsup.measures.words.bias.score import CAUTION
from selfsup.report import say
from selfsup.report.run import Run
from selfsup.report.say import md
from selfsup.report.sections import biastables, biaswords
from selfsup.report.sections.biastables import Cell, Part, Prose

TABLES = (
    "bias_scope",
    "bias_direction",
    "bias_extremes",
    "bias",
    "bias_residual",
    "bias_cost",
    "bias_analogies",
)
MACROS = """
{% macro text(cell) %}{% if cell is string %}{{ cell }}{% else %}{{ cell[0] }}<small>{{ cell[1] }}</small>{% endif %}\
{% endmacro %}
{% macro grid(one) %}
  <div class="scroll" tabindex="0" role="region" aria-label="{{ one.title }}">
  <table class="numbers told">
    <thead><tr>{% for name in one.head %}<th scope="col">{{ name }}</th>{% endfor %}</tr></thead>
    <tbody>{% for row in one.rows %}<tr><th scope="row">{{ text(row[0]) }}</th>{% for cell in row[1:] %}<td>{{ text(cell) }}</td>\
{% endfor %}</tr>
    {% endfor %}</tbody>
  </table>
  </div>
{% endmacro %}
{% macro folded(one) %}
  <details><summary>{{ one.title }}</summary>
  {% if one.terms is defined %}
  <dl class="prose">{% for term, text in one.terms %}<dt>{{ term }}</dt><dd>{{ text }}</dd>{% endfor %}</dl>
  {% else %}{{ grid(one) }}{% endif %}
  </details>
{% endmacro %}
{% macro content(part) %}
  {% if part.facts %}
  <dl class="health">{% for title, value, note in part.facts %}<div><dt>{{ title }}</dt><dd class="value">{{ value }}</dd>\
{% if note %}<dd>{{ note }}</dd>{% endif %}</div>{% endfor %}</dl>
  {% endif %}
  {{ part.picture }}
  {% for one in part.grids %}
  {% if one.title != part.title %}<p class="said">{{ one.title }}:</p>{% endif %}
  {{ grid(one) }}
  {% endfor %}
  {% for text in part.said %}<p class="said">{{ text }}</p>{% endfor %}
  <p class="hint">{{ part.hint }}</p>
  {% for one in part.folded %}{{ folded(one) }}{% endfor %}
  {% if part.caution %}<ul class="cautions"><li><span class="mark" aria-hidden="true">!</span> {{ caution }}</li></ul>{% endif %}
{% endmacro %}
{% macro top() %}
  <p class="sentence">{{ scope }}</p>
  <ul class="cautions"><li><span class="mark" aria-hidden="true">!</span> {{ caution }}</li>\
{% for note in notes %}<li><span class="mark" aria-hidden="true">!</span> {{ note | full }}</li>{% endfor %}</ul>
  {% for one in lists %}{{ folded(one) }}{% endfor %}
{% endmacro %}
"""
ALONE = (
    MACROS
    + """
<header class="verdict plain">
  <p class="kicker">selfsup report · {{ name }}</p>
  <h1>{{ title }}</h1>
  {{ top() }}
</header>
{% for part in parts %}
<section>
  <h2>{{ part.title }}</h2>
  {{ content(part) }}
</section>
{% endfor %}"""
)
WITHIN = (
    MACROS
    + """
<section>
  <h2>{{ title }}</h2>
  {{ top() }}
  {% for part in parts %}
  <h3>{{ part.title }}</h3>
  {{ content(part) }}
  {% endfor %}
</section>"""
)


@dataclass(frozen=True)
class Caution:
    """What page and card say: the attribute, what was looked at, and the parts that there are."""

    title: str
    scope: str
    lists: Sequence[Prose]
    parts: Sequence[Part]


def html(run: Run) -> Markup | None:
    """A page's head and sections of its own where it is about nothing else, or one section among those of a run."""
    found = caution(run)
    if found is None:
        return None
    alone = is_alone(run)
    return say.html(
        ALONE if alone else WITHIN,
        name=run.method,
        title=found.title,
        scope=found.scope,
        caution=CAUTION,
        notes=run.notes if alone else [],
        lists=found.lists,
        parts=found.parts,
    )


def markdown(run: Run) -> str | None:
    """The same without pictures and what is folded on the page."""
    found = caution(run)
    if found is None:
        return None
    parts = [f"## {md(found.title)}", md(found.scope), f"**{md(CAUTION)}**"]
    for part in found.parts:
        parts.append(f"### {md(part.title)}")
        parts += ["\n".join(f"- {md(title)}: {md(value)}{_bracketed(note)}" for title, value, note in part.facts)]
        parts += [md(text) for text in part.told]
        parts += [say.grid(map(md, one.head), [map(_cell, row) for row in one.rows]) for one in part.grids]
        parts += [*map(md, part.said), md(part.hint), *([f"**{md(CAUTION)}**"] if part.caution else [])]
    return "\n\n".join(part for part in parts if part)


def is_alone(run: Run) -> bool:
    """Whether an evaluation is about bias and nothing else: then its page has this section's head in place of a verdict's."""
    return not run.verdict and bool(run.tables) and set(run.tables) <= set(TABLES)


def caution(run: Run) -> Caution | None:
    """What a run's tables of bias say; None where it has none."""
    tables: dict[str, list[dict[str, Any]]] = {name: run.tables.get(name, []) for name in TABLES}
    if not any(tables.values()):
        return None
    parts = [
        biaswords.direction(tables["bias_direction"]),
        biaswords.extremes(tables["bias_extremes"], biaswords.reducer(tables["bias_scope"])),
        biastables.measures(tables["bias"]),
        biastables.residual(tables["bias_residual"]),
        biastables.cost(tables["bias_cost"]),
        biastables.analogies(tables["bias_analogies"]),
    ]
    return Caution(
        f"A note of caution: {biaswords.attribute(tables)} in these word vectors",
        biaswords.scope(tables),
        biaswords.lists(tables),
        [part for part in parts if part is not None],
    )


def _cell(cell: Cell) -> str:
    return md(cell if isinstance(cell, str) else " ".join(cell))


def _bracketed(note: str) -> str:
    return f" ({md(note)})" if note else ""

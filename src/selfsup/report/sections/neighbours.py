"""Is it better than counting: what words are nearest to, beside the neighbours that counts alone give."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from markupsafe import Markup

from selfsup.report import say
from selfsup.report.run import Run
from selfsup.report.say import md, number, short, word

TABLES = ("neighbours",)
MOST_ROWS, MOST_NEAR = 100, 20
SHOWN, NEAR = 12, 5  # words of the card's table, and neighbours of each: the page has more
HTML = """
{% macro near(words) %}{% for item in words %}<li{% if item.both %} class="both"{% endif %}><bdi>{{ item.word }}</bdi>&nbsp;\
<small>{{ item.cosine }}</small></li> {% else %}<li class="none">none</li>{% endfor %}{% endmacro %}
<section>
  <h2>Is it better than counting?</h2>
  <p>What each word is nearest to, and beside it what counting alone gives, with nothing learnt.{% if shared %} Among the words \
that were counted, the two agree on {{ shared }} neighbours on average; those in both lists are <b>bold</b>.{% endif %}</p>
  <div class="scroll" tabindex="0" role="region" aria-label="Neighbours">
  <table class="near">
    <thead><tr><th scope="col">word <small>times in the text</small></th><th scope="col">learnt vectors <small>nearest of \
{{ among }} words, with cosine</small></th><th scope="col">counts (PPMI + SVD) \
<small>nearest of the counted words</small></th></tr></thead>
    <tbody>
    {% for row in rows %}
    <tr><th scope="row"><bdi>{{ row.word }}</bdi>{% if row.times %}<small>{{ row.times }}</small>{% endif %}</th>\
<td><ul>{{ near(row.model) }}</ul></td><td><ul aria-label="by counting">{{ near(row.counts) }}</ul></td></tr>
    {% endfor %}
    </tbody>
  </table>
  </div>
  <p class="hint">The words above are taken over the range of frequencies by their counts alone, of four letters or more where \
there are such: nobody chose them.{% if counted %} Counted were {{ counted }}; positive pointwise mutual information, then \
singular vectors (Levy and Goldberg, 2014).{% endif %} Where the right column makes more sense, more text or more epochs are \
needed, or counting is enough.</p>
</section>"""


class Near(NamedTuple):
    """One neighbour."""

    word: str
    cosine: str
    both: bool  # the other list has it too


class Asked(NamedTuple):
    """A word and its neighbours, the learnt ones and those of the counts."""

    word: str
    times: str
    model: list[Near]
    counts: list[Near]


def html(run: Run) -> Markup | None:
    """The table."""
    rows, health = neighbours(run), say.mapping(run.evaluation.get("health"))
    shared, k = number(health.get("neighbours_shared")), number(health.get("neighbours"))
    agreed = f"{shared:.1f} of {short(k)}" if shared is not None and k else ""
    among = (
        "the counted" if any("among" in row for row in run.tables.get("neighbours", [])) else "all"
    )  # in earlier runs
    return say.html(HTML, rows=rows, shared=agreed, counted=_counted(health), among=among) if rows else None


def markdown(run: Run) -> str | None:
    """A shorter table."""
    rows = neighbours(run)
    if not rows:
        return None
    said = (
        "Nearest words, and beside them what counting alone gives (PPMI and its singular vectors; nothing is learnt). The "
        "words are taken by their counts; bold: in both lists of the report."
    )
    cells = [
        (md(row.word), row.times or "–", _list(row.model), _list(row.counts))
        for row in rows[:: max(1, len(rows) // SHOWN)][:SHOWN]
    ]
    head = ("word", "times", "nearest by the learnt vectors", "nearest by counting")
    return f"## Evaluation\n\n{said}\n\n{say.grid(head, cells, left=4)}"


def neighbours(run: Run) -> list[Asked]:
    """Rows of the table that are whole."""
    rows = []
    for row in run.tables.get("neighbours", [])[:MOST_ROWS]:
        own, other = _pairs(row.get("model")), _pairs(row.get("counts"))
        if isinstance(row.get("word"), str) and own:
            count = short(row["count"]) if number(row.get("count")) is not None else ""
            rows.append(Asked(word(row["word"]), count, _near(own, other), _near(other, own)))
    return rows


def _counted(health: Mapping[str, Any]) -> str:
    """What was counted for the baseline, as words."""
    keys = ("counted", "counted_window", "counted_words", "counted_contexts")
    if any(number(health.get(key)) is None for key in keys):
        return ""
    ids, window, words, contexts = (short(health[key]) for key in keys)
    return (
        f"{ids} words of the text, a window of {window}, the {words} most frequent words with the {contexts} most frequent \
around them"
    )


def _list(near: Sequence[Near]) -> str:
    """The first neighbours, those of both lists in bold."""
    shown = [f"**{md(item.word)}** {item.cosine}" if item.both else f"{md(item.word)} {item.cosine}" for item in near]
    return ", ".join(shown[:NEAR]) or "–"


def _pairs(value: Any) -> list[tuple[str, float]]:
    """Neighbours and their cosines, of a JSON list of pairs."""
    pairs = [item for item in value if isinstance(item, list) and len(item) == 2] if isinstance(value, list) else []
    known = [(name, number(cosine)) for name, cosine in pairs if isinstance(name, str)]
    return [(name, cosine) for name, cosine in known if cosine is not None][:MOST_NEAR]


def _near(pairs: list[tuple[str, float]], others: list[tuple[str, float]]) -> list[Near]:
    names = {name for name, _ in others}
    return [Near(word(name), f"{cosine:.2f}", name in names) for name, cosine in pairs]

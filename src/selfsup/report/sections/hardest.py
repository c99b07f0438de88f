"""The hardest samples: what a probe of the codes is most surely wrong about, and whether simpler codes are right."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from markupsafe import Markup

from selfsup.report import render, say
from selfsup.report.run import Run
from selfsup.report.say import number, percent, plain
from selfsup.report.values import columns_of

TABLES = ("hardest",)
MOST, COLUMNS = 24, 16  # samples, and columns of one
HTML = """
<section>
  <h2>The hardest samples</h2>
  <p>Tested {{ 'texts' if texts else 'samples' }} that a linear probe of the codes, learnt from all labels, is most surely wrong \
about. Look at them: some may be labelled wrong, some are hard for everybody, and where simpler codes are right something was \
lost.</p>
  <ul class="cards{{ ' wide' if wide }}">
  {% for card in cards %}
  <li>{{ card.shown }}<div class="said"><span>true <strong>{{ card.truth }}</strong></span> \
<span>guessed <strong>{{ card.guess }}</strong>{{ card.chance }}</span>\
{% for name, guess, right in card.beside %}<span>{{ name }}: <span class="choice {{ 'right' if right else 'wrong' }}">\
{{ guess }} <span class="mark" aria-hidden="true">{{ '✓' if right else '✗' }}</span>\
<span class="unseen">{{ 'right' if right else 'wrong' }}</span></span></span>{% endfor %}</div>\
{% if card.name %}<small>{{ card.name }}</small>{% endif %}</li>
  {% endfor %}
  </ul>
</section>"""
VALUES = """<dl class="values">{% for name, value in pairs %}<div><dt>{{ name }}</dt><dd>{{ value }}</dd></div>{% endfor %}\
</dl>{% if more %}<small>and {{ more }} columns more</small>{% endif %}"""


class Card(NamedTuple):
    """A sample, what it is, and what was guessed."""

    shown: Markup
    name: str
    truth: str
    guess: str
    chance: str
    beside: list[tuple[str, str, bool]]


def html(run: Run) -> Markup | None:
    """A card for each, with its picture, its values by the names of their columns, or its text."""
    rows = run.tables.get(TABLES[0], [])[:MOST]
    if not rows:
        return None
    samples = run.arrays.get("hardest")
    fit = samples is not None and len(samples) == len(run.tables[TABLES[0]])
    texts = run.words
    cards = [_card(run, row, samples[place] if fit and samples is not None else None) for place, row in enumerate(rows)]
    wide = texts or (fit and samples is not None and samples.ndim == 2)
    return say.html(HTML, cards=cards, wide=wide, texts=texts)


def _card(run: Run, row: dict[str, Any], sample: np.ndarray | None) -> Card:
    truth, chance = plain(row.get("truth")), number(row.get("chance"))
    name = plain(row.get("sample"))
    pairs = [pair for pair in held if isinstance(pair, list) and len(pair) == 2] if isinstance(
        held := row.get("beside"), list
    ) else []  # fmt: skip
    beside = [(say.word(plain(one)), say.word(plain(guess)), plain(guess) == truth) for one, guess in pairs]
    shown, named = picture(run, sample, f"{name}, truly {truth}"), say.word(name)
    if run.words:
        shown, named = Markup('<blockquote dir="auto">{}</blockquote>').format(say.TURNING.sub("\ufffd", name)), ""
    told = f" ({percent(chance, 0)} %)" if chance is not None else ""
    return Card(shown, named, say.word(truth), say.word(plain(row.get("guess"))), told, beside)


def picture(run: Run, sample: np.ndarray | None, alt: str) -> Markup:
    """A sample as a person reads it: an image, or a list of columns and values; nothing of what is neither."""
    if sample is None:
        return Markup("")
    if sample.ndim == 3 and sample.shape[0] in (1, 3) and sample.dtype == np.uint8 and sample.size:
        return render.small(sample, alt)
    if sample.ndim != 1 or sample.dtype.kind != "f":
        return Markup("")
    columns = columns_of(run, len(sample))
    pairs = [(say.word(column.name), say.word(column.read(sample))) for column in columns[:COLUMNS]]
    more = len(columns) - COLUMNS
    return say.html(VALUES, pairs=pairs, more=f"{more:,}" if more > 0 else "")

"""What is near what: a few samples and their nearest ones, by the codes and beside it by the values themselves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from markupsafe import Markup

from selfsup.report import say
from selfsup.report.run import Run
from selfsup.report.sections.codemap import class_name
from selfsup.report.sections.hardest import picture
from selfsup.report.values import columns_of

MOST, ROWS, COLUMNS, FEW = 12, 4, 10, 3  # samples; of rows of a table samples, columns and neighbours
WAYS = {"near_codes": "by the codes", "near_raw": "by the values themselves"}
HTML = """
{% macro mark(one) %}{% if one.label %}{{ one.label }}{% if one.same is not none %} \
<span class="mark {{ 'same' if one.same else 'other' }}" aria-hidden="true">{{ '✓' if one.same else '✗' }}</span>\
<span class="unseen">{{ 'the same label' if one.same else 'another label' }}</span>{% endif %}{% endif %}{% endmacro %}
<section>
  <h2>What is near what</h2>
  <p>A few samples that were held out, taken evenly from all over these, and their nearest among {{ among }}: by the codes, and \
beside it {{ 'pixel by pixel' if images else 'column by column' }}, with nothing learnt.{% if same %} {{ same }}{% endif %}</p>
  <div class="scroll" tabindex="0" role="region" aria-label="Nearest samples">
  {% if images %}
  <table class="grid nears">
    <thead><tr><th scope="col">sample</th>{% for way in ways %}<th scope="col">nearest {{ way }}</th>{% endfor %}</tr></thead>
    <tbody>
    {% for row in rows %}
    <tr><th scope="row"><figure>{{ row.asked.shown }}<figcaption>{{ row.asked.label }}</figcaption></figure></th>\
{% for near in row.near %}<td><div class="views">{% for one in near %}<figure>{{ one.shown }}<figcaption>{{ mark(one) }}\
<small>{{ one.alike }}</small></figcaption></figure>{% endfor %}</div></td>{% endfor %}</tr>
    {% endfor %}
    </tbody>
  </table>
  {% else %}
  <table class="numbers nearrows">
    <thead><tr><th scope="col">row</th>{% if rows[0].asked.label %}<th scope="col">label</th>{% endif %}\
{% for name in names %}<th scope="col">{{ name }}</th>{% endfor %}<th scope="col">cosine</th></tr></thead>
    {% for row in rows %}
    <tbody>
    <tr class="chosen"><th scope="row">sample {{ loop.index }}</th>{% if row.asked.label %}<td>{{ row.asked.label }}</td>\
{% endif %}{% for cell in row.asked.shown %}<td>{{ cell }}</td>{% endfor %}<td></td></tr>
    {% for near in row.near %}{% set way = ways[loop.index0] %}{% for one in near %}
    <tr><th scope="row">{{ way if loop.first }}<span class="unseen">{{ ' number ' ~ loop.index if loop.first \
else way ~ ' number ' ~ loop.index }}</span></th>{% if row.asked.label %}<td>{{ mark(one) }}</td>{% endif %}\
{% for cell in one.shown %}<td>{{ cell }}</td>{% endfor %}<td>{{ one.alike }}</td></tr>
    {% endfor %}{% endfor %}
    </tbody>
    {% endfor %}
  </table>
  {% endif %}
  </div>
  {% if more %}<p class="hint">{{ more }}</p>{% endif %}
</section>"""


class One(NamedTuple):
    """A sample: its picture, or its values; its label, and whether that is the label of the sample that was asked for."""

    shown: Any
    label: str
    same: bool | None
    alike: str


class Asked(NamedTuple):
    """A sample, and its nearest ones in each way."""

    asked: One
    near: list[list[One]]


def html(run: Run) -> Markup | None:
    """The table, where the run folder has such samples."""
    arrays = _fit(run)
    if not arrays:
        return None
    asked, images = arrays["near_asked"], arrays["near_asked"].ndim == 4
    k = arrays["near_codes"].shape[1] if images else min(FEW, arrays["near_codes"].shape[1])
    columns = [] if images else columns_of(run, asked.shape[1])
    labels, rows = arrays.get("near_labels"), list[Asked]()
    for place in range(min(len(asked), MOST if images else ROWS)):
        tags = None if labels is None else labels[place]
        near = []
        for number, name in enumerate(WAYS):
            alike = arrays[f"{name}_alike"][place]
            first = 1 + number * arrays["near_codes"].shape[1]
            near.append(
                [
                    _one(run, arrays[name][place, at], columns, tags, first + at, f"{float(alike[at]):.2f}")
                    for at in range(k)
                ]
            )
        rows.append(Asked(_one(run, asked[place], columns, tags, 0, ""), near))
    beyond = len(columns) - COLUMNS
    return say.html(
        HTML,
        rows=rows,
        images=images,
        ways=list(WAYS.values()),
        names=[say.word(column.name) for column in columns[:COLUMNS]],
        among=_among(run),
        same=_same(rows),
        more=f"The first {COLUMNS} columns; there are {beyond:,} more, which count as well." if beyond > 0 else "",
    )


def _fit(run: Run) -> dict[str, np.ndarray]:
    """The arrays, if their shapes fit together; a run of an earlier version has none."""
    found = {name: run.arrays[name] for name in run.arrays if name.startswith("near_")}
    needed = ("near_asked", *WAYS, *(f"{name}_alike" for name in WAYS))
    if not all(name in found for name in needed) or not found["near_asked"].size:
        return {}
    asked = found["near_asked"]
    shape, k = asked.shape[1:], found["near_codes"].shape[1] if found["near_codes"].ndim > 1 else 0
    image = len(shape) == 3 and shape[0] in (1, 3) and asked.dtype == np.uint8
    row = len(shape) == 1 and asked.dtype.kind == "f" and run.columns | bool(run.part("form").get("shape"))
    for name in WAYS:
        alike = found[f"{name}_alike"]
        if found[name].shape != (len(asked), k, *shape) or found[name].dtype != asked.dtype or not k:
            return {}
        if alike.shape != (len(asked), k) or alike.dtype.kind != "f":
            return {}
    labels = found.get("near_labels")
    if labels is not None and (labels.shape != (len(asked), 1 + 2 * k) or labels.dtype.kind not in "iuf"):
        del found["near_labels"]
    return found if image or row else {}


def _one(run: Run, sample: np.ndarray, columns: Sequence[Any], tags: np.ndarray | None, at: int, alike: str) -> One:
    label, same = "", None
    if tags is not None:
        classes = tags.dtype.kind != "f"
        label = class_name(run, int(tags[at])) if classes else say.short(float(tags[at]))
        same = bool(tags[at] == tags[0]) if classes and at else None
    label = say.word(label)
    if columns:
        return One([say.word(column.read(sample)) for column in columns[:COLUMNS]], label, same, alike)
    alt = (f"a near sample, {label}" if label else "a near sample") if at else "the sample"
    return One(picture(run, sample, alt), label, same, alike)


def _among(run: Run) -> str:
    codes = run.arrays.get("map_codes")
    return f"{len(codes):,} such" if codes is not None and codes.ndim == 2 else "the others"


def _same(rows: Sequence[Asked]) -> str:
    """How many neighbours have the label of their sample, in each way."""
    told = []
    for number, way in enumerate(WAYS.values()):
        known = [one.same for row in rows for one in row.near[number] if one.same is not None]
        told += [f"{sum(known)} of {len(known)} {way}"] if known else []
    return f"The label of the sample is also that of {' and '.join(told)}." if told else ""

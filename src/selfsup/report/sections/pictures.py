"""What it saw, what it guessed, what was true: arrays of a few samples as a grid of small pictures.

The shape of an array says how it is drawn, so that every method gets the grid for free:

- float (k, 1 or 3, H, W): an image, clipped to [0, 1]; (k, V, 1 or 3, H, W): V views in a row
- integer (k,) or (k, V): labels
- float (k, K) or (k, V, K) beside integer answers (k,) or (k, V): the guessed class, right or wrong
- other floats (k, d) or (k, V, d): sparklines; arrays of equal length d share the vertical range of a sample
- anything else with two axes a sample: the channels as grey images over their own range
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup

from selfsup.report import render, say
from selfsup.report.run import Run
from selfsup.report.sections.decoded import by_column, in_order

ROLES = {
    "input": "the sample",
    "seen": "what it saw",
    "guess": "what it guessed",
    "answer": "what was true",
}
SAMPLES, VIEWS = 8, 8
HTML = """
<section>
  <h2>What it saw, what it guessed, what was true</h2>
  <p>It saw {{ sees }}. Hidden from it: {{ hides }}.{% if grid.guesses %} Of the {{ grid.guesses }} guesses shown, \
<strong>{{ grid.right }}</strong> are right; blind guessing gets about {{ '%.1f' | format(grid.chance * grid.guesses) }} right.\
{% endif %}{% if columns %} Each bar or point is a column of the table, or one of its categories, over its own \
range. {{ columns }}{% endif %}</p>
  <div class="scroll" tabindex="0" role="region" aria-label="Samples">
  <table class="grid">
    <thead><tr><th scope="col"><span class="unseen">sample</span></th>\
{% for title in grid.titles %}<th scope="col">{{ title }}</th>{% endfor %}</tr></thead>
    <tbody>
    {% for row in grid.rows %}<tr><th scope="row">{{ loop.index }}</th>\
{% for cell in row %}<td>{{ cell }}</td>{% endfor %}</tr>
    {% endfor %}
    </tbody>
  </table>
  </div>
</section>"""
Arrays = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Grid:
    """Rows of ready HTML, one row a sample."""

    titles: list[str]
    rows: list[list[Markup]]
    right: int  # of the guessed classes shown
    guesses: int  # 0 where classes are not what is guessed
    chance: float  # share that blind guessing gets right


def html(run: Run) -> Markup | None:
    """The grid, with what the method sees and what it hides."""
    columns = in_order(run) if run.columns and run.config.get("decodes") is True else ""
    drawn = grid(by_column(run.arrays, list(ROLES)) if columns else run.arrays)
    sees, hides = say.sight(run.config)
    return say.html(HTML, grid=drawn, sees=sees, hides=hides, columns=columns) if drawn else None


def grid(arrays: Arrays) -> Grid | None:
    """Draw up to 8 samples, or return None where the run folder has no pictures."""
    known = {name: array for name, array in arrays.items() if name.split(".")[0] in ROLES and array.ndim >= 1}
    if "input" in known and any(_same(known["input"], array) for name, array in known.items() if name != "input"):
        del known["input"]  # it is in the grid already, as what was seen or what was true
    roles = [role for role in ROLES if any(name.split(".")[0] == role for name in known)]
    rows = min((len(array) for array in known.values()), default=0)
    if not rows or not set(roles) - {"input"}:
        return None
    drawn: list[list[Markup]] = []
    tally: list[bool] = []
    classes = 0
    for row in range(min(rows, SAMPLES)):
        cells = []
        for role in roles:
            names = [name for name in known if name.split(".")[0] == role]
            cells.append(Markup("").join(_field(known, name, row, tally) for name in names))
        drawn.append(cells)
    for name in known:
        if _answers(known, name) is not None:
            classes = max(classes, known[name].shape[-1])
    return Grid([ROLES[role] for role in roles], drawn, sum(tally), len(tally), 1 / classes if classes else 0.0)


def _same(a: np.ndarray, b: np.ndarray) -> bool:
    """Return whether two arrays show the same picture."""
    return a.shape == b.shape and bool(np.allclose(a, b, atol=1e-3, equal_nan=True))


def _field(arrays: Arrays, name: str, row: int, tally: list[bool]) -> Markup:
    """Return one array of one sample, under its field's name where it has one."""
    field = name.partition(".")[2]
    caption = Markup('<figcaption class="field">{}</figcaption>').format(field) if field else Markup("")
    return Markup('<figure class="field">{}<div class="views">{}</div></figure>').format(
        caption, _content(arrays, name, row, tally)
    )


def _content(arrays: Arrays, name: str, row: int, tally: list[bool]) -> Markup:
    """Return one array of one sample, drawn as its shape asks."""
    array = arrays[name]
    value = array[row]
    alt = f"sample {row + 1}, {ROLES[name.split('.')[0]]}{' ' + name.partition('.')[2] if '.' in name else ''}"
    answers = _answers(arrays, name)
    if answers is not None:
        return _choices(render.shares(value), np.atleast_1d(answers[row]), tally)
    if not np.issubdtype(array.dtype, np.number) and array.dtype != np.bool_:
        return _text(f"{array.dtype} values")
    whole = array.dtype == np.bool_ or np.issubdtype(array.dtype, np.integer)
    if value.ndim == 0 or (value.ndim == 1 and whole):
        texts = [str(item) if whole else f"{item:.3g}" for item in np.atleast_1d(value).tolist()]
        return _many([_text(text) for text in texts])
    if _is_image(array, value.shape):
        return render.image(_unit(value), alt)
    if value.ndim == 4 and _is_image(array, value.shape[1:]):
        return _many([render.image(_unit(view), f"{alt}, view {place + 1}") for place, view in enumerate(value)])
    if value.ndim <= 2 and not whole:
        low, high = _range(arrays, row, value.shape[-1])
        return _many([render.spark(view, low, high, f"{alt}, as a curve") for view in np.atleast_2d(value)])
    return _planes(arrays, name, row, alt)


def _answers(arrays: Arrays, name: str) -> np.ndarray | None:
    """Return the integer answers that belong to scores (k, K) or (k, V, K), or None if they are not scores."""
    scores = arrays[name]
    role, _, field = name.partition(".")
    if role != "guess" or scores.ndim not in (2, 3) or scores.shape[-1] < 2 or scores.dtype.kind != "f":
        return None
    fit = {
        key: array
        for key, array in arrays.items()
        if key.split(".")[0] == "answer" and array.dtype.kind in "iu" and array.shape == scores.shape[:-1]
    }
    if not fit:
        return None
    own = fit.get(f"answer.{field}", fit.get("answer"))
    return own if own is not None or len(fit) > 1 else next(iter(fit.values()))


def _choices(probabilities: np.ndarray, answers: np.ndarray, tally: list[bool]) -> Markup:
    """Return the guessed classes of one sample and count the right ones."""
    cells = []
    for shares, answer in zip(np.atleast_2d(probabilities), answers.tolist(), strict=True):
        cell, right = render.choice(shares, answer)
        tally.append(right)
        cells.append(cell)
    return _many(cells)


def _is_image(array: np.ndarray, shape: tuple[int, ...]) -> bool:
    """Return whether one sample or view is an image with grey or colour values."""
    return (
        len(shape) == 3 and shape[0] in (1, 3) and min(shape) > 0 and (array.dtype.kind == "f" or array.dtype == "u1")
    )


def _unit(value: np.ndarray) -> np.ndarray:
    """Return pixels in [0, 1]."""
    return value / np.float32(255) if value.dtype == np.uint8 else value


def _range(arrays: Arrays, row: int, length: int) -> tuple[float, float]:
    """Return the vertical range of all vectors of one length of a sample: they are there to be compared."""
    parts = [
        array[row].ravel()
        for name, array in arrays.items()
        if array.dtype.kind == "f"
        and array.ndim in (2, 3)
        and array.shape[-1] == length
        and _answers(arrays, name) is None
    ]
    values = np.concatenate(parts)
    values = values[np.isfinite(values)]
    return (float(values.min()), float(values.max())) if len(values) else (0.0, 1.0)


def _planes(arrays: Arrays, name: str, row: int, alt: str) -> Markup:
    """Return planes that are no picture (two colour channels, class maps) as grey images over a range of their own."""
    array = arrays[name]
    if array[row].ndim < 2 or not array[row].size:
        return _text("empty")
    role, dot, field = name.partition(".")
    pair = {"guess": f"answer{dot}{field}", "answer": f"guess{dot}{field}"}.get(role, name)
    same = [array[row]] + ([arrays[pair][row]] if pair in arrays and arrays[pair].shape == array.shape else [])
    values = np.concatenate([part.ravel() for part in same]).astype(np.float64)
    values = values[np.isfinite(values)]
    low, high = (float(values.min()), float(values.max())) if len(values) else (0.0, 1.0)
    planes = array[row].astype(np.float64).reshape(-1, *array[row].shape[-2:])
    grey = (planes - low) / (high - low or 1.0)
    return _many([render.image(plane[None], f"{alt}, plane {place + 1}") for place, plane in enumerate(grey[:VIEWS])])


def _text(text: str) -> Markup:
    """Return a label."""
    return Markup('<span class="label">{}</span>').format(text)


def _many(cells: list[Markup]) -> Markup:
    """Join the views of a sample; beyond a handful, say how many more there are."""
    rest = len(cells) - VIEWS
    more = Markup('<span class="more">and {} more</span>').format(rest) if rest > 0 else Markup("")
    return Markup("").join(cells[:VIEWS]) + more

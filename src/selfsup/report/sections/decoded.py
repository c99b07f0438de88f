"""What the code knows: pictures of what a decoder makes of codes, in strips of small pictures.

Arrays of a few samples in the scale that the method sees: ``samples`` (n, ...), ``interpolation`` and ``traversal``
(rows, steps, ...), ``atoms`` (n, ...), ``score_low`` and ``score_high`` (n, ...). Images (1 or 3, H, W) are shown as images;
vectors as sparklines with one vertical range, or, where they are rows of a table, each column over its own range.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup

from selfsup.report import render, say
from selfsup.report.run import Run
from selfsup.report.say import short

MOST, ROWS = 64, 8  # pictures of a strip, and strips under one title
NAMED, MOVED = 40, 3  # names of columns in their order, and beside a unit that moves them
ADDED = 2  # columns named below an atom
DIGITS = 2  # of what a column changes by
LEAST = 0.05  # of a column's range: a unit that moves less of it does not move it
NAMES = ("samples", "interpolation", "traversal", "atoms", "score_low", "score_high")
HTML = """
<section>
  <h2>What the code knows</h2>
  {% if columns %}<p>Each bar or point is a column of the table, or one of its categories, over its own range. \
{{ columns }}</p>{% endif %}
  {% for block in blocks %}
  <h3>{{ block.title }}</h3>
  <p class="hint">{{ block.hint }}</p>
  <div class="strips{{ (' told' if block.told else ' labelled') if block.strips[0].label }}">
  {% for strip in block.strips %}
  {% if strip.label %}<div class="label">{{ strip.label }}</div>{% endif %}
  <div class="strip{{ ' steps' if block.steps else ' many' if strip.cells | length > 16 }}">\
{% for cell, caption in strip.cells %}<figure>{{ cell }}{% if caption %}<figcaption>{{ caption }}</figcaption>{% endif %}\
</figure>{% endfor %}</div>
  {% endfor %}
  </div>
  {% endfor %}
</section>"""
Draw = Callable[[np.ndarray, str], Markup]


@dataclass(frozen=True)
class Strip:
    """Pictures in a row, each with a caption that may be empty."""

    label: str
    cells: list[tuple[Markup, str]]


@dataclass(frozen=True)
class Block:
    """Strips under one title."""

    title: str
    hint: str
    strips: list[Strip]
    steps: int  # pictures that stay side by side; 0 where the strip may wrap
    told: bool = False  # whether the labels are sentences, which stand above their strips


def html(run: Run) -> Markup | None:
    """The strips that there are."""
    found = blocks(run.arrays, columns=run.columns, names=run.column_names)
    return say.html(HTML, blocks=found, columns=in_order(run) if run.columns else "") if found else None


def in_order(run: Run) -> str:
    """Say which column each bar of a table's row is."""
    names = run.column_names
    if not names:
        return "The columns have no names."
    more = f" and {len(names) - NAMED:,} more" if len(names) > NAMED else ""
    return f"From left to right: {', '.join(names[:NAMED])}{more}."


def blocks(arrays: Mapping[str, np.ndarray], *, columns: bool, names: Sequence[str] = ()) -> list[Block]:
    """Draw what there is; what is missing, or of a shape that is no picture, is left out.

    Parameters
    ----------
    names
        Of a table's values (d,): those that a unit of the code moves most are named.
    """
    axes = {name: 2 if name in ("interpolation", "traversal") else 1 for name in NAMES}
    shape = next((arrays[name].shape[axis:] for name, axis in axes.items() if name in arrays), ())
    fit = {
        name: arrays[name]
        for name, axis in axes.items()
        if name in arrays
        and arrays[name].shape[axis:] == shape
        and arrays[name].dtype.kind == "f"
        and arrays[name].size
    }
    if not fit or not (len(shape) == 1 or (len(shape) == 3 and shape[0] in (1, 3))):
        return []
    if len(shape) == 1 and columns:
        fit = by_column(fit, [name for name in fit if name != "atoms"])
    names = names if columns and shape == (len(names),) else ()
    draw = _image if len(shape) == 3 else _sparks(fit)
    found = [
        _samples(fit, draw),
        _interpolation(fit, draw),
        _traversal(fit, arrays, draw, names),
        _atoms(fit, arrays, names),
        _extremes(fit, arrays, draw),
    ]
    return [block for block in found if block is not None]


def _samples(fit: Mapping[str, np.ndarray], draw: Draw) -> Block | None:
    if "samples" not in fit:
        return None
    hint = (
        "Drawn from the method's own distribution, where it has one; else decoded from codes that were drawn from a Gaussian, "
        "fitted to the codes after training."
    )
    cells = [(draw(x, f"new sample {place + 1}"), "") for place, x in enumerate(fit["samples"][:MOST])]
    return Block("New samples", hint, [Strip("", cells)], 0)


def _interpolation(fit: Mapping[str, np.ndarray], draw: Draw) -> Block | None:
    if "interpolation" not in fit:
        return None
    strips = [
        Strip(
            f"pair {row + 1}", [(draw(x, f"pair {row + 1}, step {step + 1}"), "") for step, x in enumerate(xs[:MOST])]
        )
        for row, xs in enumerate(fit["interpolation"][:ROWS])
    ]
    hint = "Codes on the straight line between those of two held-out samples (left and right), decoded."
    return Block("From one sample to another", hint, strips, len(strips[0].cells))


def _traversal(
    fit: Mapping[str, np.ndarray], arrays: Mapping[str, np.ndarray], draw: Draw, names: Sequence[str]
) -> Block | None:
    if "traversal" not in fit:
        return None
    units, sweeps = _beside(arrays, "traversal_units", len(fit["traversal"])), fit["traversal"][:ROWS]
    change = np.nan_to_num((sweeps[:, -1] - sweeps[:, 0]).astype(np.float64), posinf=0.0, neginf=0.0)
    top = float(np.abs(change).max()) or 1.0
    strips = []
    for row, xs in enumerate(sweeps):
        name = f"unit {short(units[row])}" if units else f"row {row + 1}"
        cells = [(draw(x, f"{name}, step {step + 1}"), "") for step, x in enumerate(xs[:MOST])]
        if xs.ndim == 4:
            cells.append((render.image(0.5 + 0.5 * change[row] / top, f"{name}, what changes"), "change"))
        strips.append(Strip(f"{name}{_moved(xs, arrays['traversal'][row], names)}", cells))
    hint = "One unit of the code goes from low to high, the others stay at their means; the units that vary most."
    if sweeps.ndim == 5:
        hint += (
            " The last picture of a row is what changes on the way: brighter is more, grey nothing, one scale for all."
        )
    return Block("What single units do", hint, strips, len(strips[0].cells), told=bool(names))


def _moved(shares: np.ndarray, steps: np.ndarray, names: Sequence[str]) -> str:
    """Columns that a unit moves most, and from where to where; "" where columns have no names.

    Parameters
    ----------
    shares
        The steps (n, d), in [0, 1] of the columns' range.
    steps
        The same as they are.
    """
    if not names:
        return ""
    change = np.nan_to_num(shares.max(0) - shares.min(0))
    most = [place for place in np.argsort(-change, kind="stable")[:MOVED].tolist() if change[place] >= LEAST]
    moved = [f"{names[place]} {_way(float(steps[0, place]), float(steps[-1, place]))}" for place in most]
    return f": {', '.join(moved)}" if moved else ": moves no column"


def _way(first: float, last: float) -> str:
    """Two numbers, in as many digits as what lies between them needs."""
    apart = abs(last - first)
    if math.isfinite(apart) and apart > 0:
        digits = DIGITS - 1 - math.floor(math.log10(apart))
        first, last = round(first, digits) + 0.0, round(last, digits) + 0.0  # no -0.0
    return f"{short(first)} to {short(last)}"


def _atoms(fit: Mapping[str, np.ndarray], arrays: Mapping[str, np.ndarray], names: Sequence[str]) -> Block | None:
    """Draw each atom over a range of its own that is even around zero: it has no scale and no place of its own."""
    if "atoms" not in fit:
        return None
    units, images = _beside(arrays, "atoms_units", len(fit["atoms"])), fit["atoms"].ndim == 4
    cells = []
    for place, atom in enumerate(fit["atoms"][:MOST]):
        name = f"unit {short(units[place])}" if units else f"atom {place + 1}"
        clean = np.nan_to_num(np.asarray(atom, np.float64), nan=0.0, posinf=0.0, neginf=0.0)
        top = float(np.abs(clean).max()) or 1.0
        shown = render.image(0.5 + 0.5 * clean / top, name) if images else render.spark(clean, -top, top, name)
        cells.append((shown, f"{name.removeprefix('unit ')}{_added(clean, names)}"))
    hint = "What a unit adds to a sample when it is active (grey or the line: nothing), under its number; the most active units."
    return Block("Atoms of the dictionary", hint, [Strip("", cells)], 0)


def _added(atom: np.ndarray, names: Sequence[str]) -> str:
    """The columns that an atom (d,) adds most to, or takes most from; "" where columns have no names."""
    if not names or not atom.any():
        return ""
    most = np.argsort(-np.abs(atom), kind="stable")[:ADDED].tolist()
    told = [f"{'+' if atom[place] > 0 else '−'} {names[place]}" for place in most if atom[place]]
    return f": {', '.join(told)}"


def _extremes(fit: Mapping[str, np.ndarray], arrays: Mapping[str, np.ndarray], draw: Draw) -> Block | None:
    strips = []
    for name, label in (("score_low", "least normal"), ("score_high", "most normal")):
        if name in fit:
            scores = _beside(arrays, f"{name}_values", len(fit[name]))
            cells = [
                (draw(x, f"{label}, number {place + 1}"), short(scores[place]) if scores else "")
                for place, x in enumerate(fit[name][:MOST])
            ]
            strips.append(Strip(label, cells))
    hint = "Held-out samples with their scores; higher is more normal. Errors and outliers are among the least normal."
    return Block("What is normal", hint, strips, max(len(strip.cells) for strip in strips)) if strips else None


def _beside(arrays: Mapping[str, np.ndarray], name: str, count: int) -> list[float]:
    """Return the numbers that belong to the pictures, or none where they do not fit."""
    array = arrays.get(name)
    if array is None or array.shape != (count,) or array.dtype.kind not in "iuf":
        return []
    return list(array.tolist())


def _image(x: np.ndarray, alt: str) -> Markup:
    return render.image(x, alt)


def by_column(arrays: Mapping[str, np.ndarray], names: Sequence[str]) -> dict[str, np.ndarray]:
    """Return the arrays, those named (n, d) brought to [0, 1] by each column's range over all of them."""
    width = next((arrays[name].shape[-1] for name in names if name in arrays and arrays[name].ndim > 1), 0)
    chosen = {
        name: arrays[name].astype(np.float64)
        for name in names
        if name in arrays
        and arrays[name].ndim > 1
        and arrays[name].shape[-1] == width
        and arrays[name].dtype.kind == "f"
    }
    if not chosen or not width:
        return dict(arrays)
    rows = np.concatenate([array.reshape(-1, width) for array in chosen.values()])
    low = np.where(np.isfinite(rows), rows, np.inf).min(0, initial=np.inf)
    high = np.where(np.isfinite(rows), rows, -np.inf).max(0, initial=-np.inf)
    low, high = np.where(np.isfinite(low), low, 0.0), np.where(np.isfinite(high), high, 0.0)
    span = np.where(high > low, high - low, 1.0)
    return {**arrays, **{name: (array - low) / span for name, array in chosen.items()}}


def _sparks(fit: Mapping[str, np.ndarray]) -> Draw:
    """Return what draws vectors over one range."""
    parts = [array.ravel() for name, array in fit.items() if name != "atoms"]
    values = np.concatenate(parts) if parts else np.zeros(1)
    values = values[np.isfinite(values)]
    low, high = (float(values.min()), float(values.max())) if len(values) else (0.0, 1.0)
    return lambda x, alt: render.spark(x, low, high, alt)

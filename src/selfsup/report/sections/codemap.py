"""A map of the codes of a few samples, coloured by label; it is drawn when the page is written."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from markupsafe import Markup

from selfsup.measures.map import flat_map
from selfsup.report import say, svg
from selfsup.report.run import Run

LEVELS = 5  # groups of labels that are numbers
MOST, CLASSES = 1_000, 50  # points, and classes that a legend can hold
SIZE = (760, 560)
HTML = """
<section>
  <h2>Map of the codes</h2>
  <figure class="chart"><figcaption>Each point is a sample; near points have similar codes\
{{ '; the colour is its label' if labelled }}</figcaption>{{ chart }}</figure>
  {% if legend %}<ul class="legend">{% for place, shape, name in legend %}<li><span style="color:var(--c{{ place }})" \
aria-hidden="true">{{ shape }}</span> {{ name }}</li>{% endfor %}</ul>{% endif %}
  <p class="hint">A map on a plane is for looking: it cannot keep all distances. Labels were not used to place the points.</p>
</section>"""


def html(run: Run) -> Markup | None:
    """The map, where the run folder has codes for it."""
    codes, labels = run.arrays.get("map_codes"), run.arrays.get("map_labels")
    if codes is None or codes.ndim != 2 or codes.dtype.kind != "f" or not codes.size:
        return None
    if labels is not None and (labels.shape != codes.shape[:1] or labels.dtype.kind not in "iuf"):
        labels = None
    keep = np.flatnonzero(np.isfinite(codes).all(1))
    if labels is not None and not np.isfinite(labels).all():
        labels = None
    if len(keep) > MOST:
        keep = keep[np.linspace(0, len(keep) - 1, MOST).round().astype(int)]
    if not len(keep):
        return None
    points, labels = flat_map(codes[keep], MOST), None if labels is None else labels[keep]
    classes = run.part("data").get("classes")
    groups = _groups(points, labels, [say.plain(name) for name in classes] if isinstance(classes, list) else [])
    chart = svg.cloud("map", groups, title="The codes of a few samples on a plane.", size=SIZE)
    marks = [(svg.mark(place), svg.name_of(name)) for place, (name, _) in enumerate(groups)]
    legend = [(colour, svg.SHAPES[shape], name) for (colour, shape), name in marks]
    shown = legend if labels is not None and len(legend) <= CLASSES else []
    return say.html(HTML, chart=chart, labelled=labels is not None, legend=shown)


def _groups(points: np.ndarray, labels: np.ndarray | None, names: Sequence[str]) -> list[tuple[str, np.ndarray]]:
    """Points by class, under its name."""
    if labels is None:
        return [("a sample", points)]
    if labels.dtype.kind == "f":
        return _levels(points, labels)
    return [(_name(label, names), points[labels == label]) for label in np.unique(labels).tolist()]


def _levels(points: np.ndarray, labels: np.ndarray) -> list[tuple[str, np.ndarray]]:
    """Points by a label that is a number, in groups of about equally many from low to high."""
    ends = np.unique(np.quantile(labels, np.linspace(0, 1, LEVELS + 1)[1:-1]))
    places = np.searchsorted(ends, labels)
    groups = [(labels[places == place], points[places == place]) for place in np.unique(places)]
    return [(f"{values.min():.3g} to {values.max():.3g}", some) for values, some in groups]


def _name(label: Any, names: Sequence[str]) -> str:
    """A class's name, or its number where it has none."""
    return names[label] if 0 <= label < len(names) else f"class {label}" if label >= 0 else "no label"

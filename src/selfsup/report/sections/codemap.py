"""A map of the codes of a few samples, coloured by label, with some of their pictures; drawn when the page is written."""

from __future__ import annotations

from typing import Any

import numpy as np
from markupsafe import Markup

from selfsup.measures.map import flat_map
from selfsup.report import plane, say, svg
from selfsup.report.run import Run

LEVELS = 5  # groups of labels that are numbers
MOST, CLASSES = 1_000, 50  # points, and classes that a legend can hold
SIZE = (760, 560)
HTML = """
<section>
  <h2>Map of the codes</h2>
  <figure class="chart"><figcaption>Each point is a sample; near points have similar codes\
{{ '; the colour is its label' if labelled }}{{ '. Some are shown as they are, moved a little so that none hides another' \
if pictured }}</figcaption>{{ chart }}</figure>
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
    groups, pictures = _groups(run, labels, len(points)), _pictures(run, keep)
    if pictures:
        chart = plane.draw(groups, points, pictures)
    else:
        title = "The codes of a few samples on a plane."
        chart = svg.cloud("map", [(name, points[some]) for name, some in groups], title=title, size=SIZE)
    marks = [(svg.mark(place), svg.name_of(name)) for place, (name, _) in enumerate(groups)]
    legend = [(colour, svg.SHAPES[shape], name) for (colour, shape), name in marks]
    shown = legend if labels is not None and len(legend) <= CLASSES else []
    return say.html(HTML, chart=chart, labelled=labels is not None, legend=shown, pictured=bool(pictures))


def _pictures(run: Run, keep: np.ndarray) -> dict[int, np.ndarray]:
    """Pictures of some of the points, by their places among those that are kept."""
    shown, rows = run.arrays.get("map_pictures"), run.arrays.get("map_pictured")
    if shown is None or rows is None or shown.ndim != 4 or shown.shape[1] not in (1, 3) or shown.dtype != np.uint8:
        return {}
    if rows.shape != shown.shape[:1] or rows.dtype.kind not in "iu" or not shown.size:
        return {}
    at = {row: place for place, row in enumerate(keep.tolist())}
    return {at[row]: picture for row, picture in zip(rows.tolist(), shown, strict=True) if row in at}


def _groups(run: Run, labels: np.ndarray | None, count: int) -> list[tuple[str, np.ndarray]]:
    """Places of points by class, under its name."""
    if labels is None:
        return [("a sample", np.arange(count))]
    if labels.dtype.kind == "f":
        return _levels(labels)
    return [(class_name(run, label), np.flatnonzero(labels == label)) for label in np.unique(labels).tolist()]


def _levels(labels: np.ndarray) -> list[tuple[str, np.ndarray]]:
    """Places of points by a label that is a number, in groups of about equally many from low to high."""
    ends = np.unique(np.quantile(labels, np.linspace(0, 1, LEVELS + 1)[1:-1]))
    places = np.searchsorted(ends, labels)
    groups = [np.flatnonzero(places == place) for place in np.unique(places)]
    return [(f"{labels[some].min():.3g} to {labels[some].max():.3g}", some) for some in groups]


def class_name(run: Run, label: Any) -> str:
    """A class's name, or its number where it has none."""
    classes = run.part("data").get("classes")
    if isinstance(classes, list) and 0 <= label < len(classes):
        return say.plain(classes[label])
    return f"class {label}" if label >= 0 else "no label"

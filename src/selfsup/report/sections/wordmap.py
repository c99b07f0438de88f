"""Words on a plane as inline SVG: labels where they have room, the other words in the tips of their dots."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup

from selfsup.report import say
from selfsup.report.run import Run
from selfsup.report.say import number, word

WIDE, HIGH, EDGE = 1060.0, 700.0, 12.0
SIZE = 13.0  # of the letters
LETTER, BROAD, FULL = 0.58, 0.95, 1.05  # width of a letter, an m, an ideogram or emoji, in sizes: enough for most fonts
LONGEST = 18  # letters of a label; the whole word is in the tip
DOT = 2.5
MOST = 1_000
TABLES = ("map",)
HTML = """
<section>
  <h2>Map of the words</h2>
  <div class="scroll" tabindex="0" role="region" aria-label="Map of the words">{{ map }}</div>
  <p class="hint">The most frequent content words; near ones have similar vectors. Words without a label have no room for one: \
their dot says which they are. A map on a plane is for looking: it cannot keep all distances.</p>
</section>"""


@dataclass(frozen=True)
class Label:
    """A text and the box that it takes."""

    text: str
    left: float
    top: float
    right: float
    bottom: float

    def meets(self, other: Label) -> bool:
        """Whether two boxes have a point in common."""
        apart = self.right <= other.left or other.right <= self.left
        return not apart and self.top < other.bottom and other.top < self.bottom


def html(run: Run) -> Markup | None:
    """The map."""
    rows = [(row.get("word"), number(row.get("x")), number(row.get("y"))) for row in run.tables.get("map", [])]
    known = [(name, x, y) for name, x, y in rows if isinstance(name, str) and x is not None and y is not None]
    points = np.array([(x, y) for _, x, y in known], np.float64)
    drawn = draw(points, [name for name, _, _ in known]) if known else None
    return say.html(HTML, map=drawn) if drawn else None


def draw(points: np.ndarray, names: Sequence[str]) -> Markup | None:
    """Draw words (n) at points (n, 2), the most important first: they get their labels first.

    Returns
    -------
    Markup or None
        One ``svg`` element; None where the points are no map of these words.
    """
    if points.dtype.kind != "f" or points.shape != (len(names), 2) or not len(names):
        return None
    keep = np.flatnonzero(np.isfinite(points).all(1))[:MOST]
    if not len(keep):
        return None
    names, places = [word(names[at]) for at in keep.tolist()], _on_paper(points[keep].astype(np.float64))
    labels = place(places, names)
    dot = Markup('<g><title>{}</title><circle class="{}" cx="{:.1f}" cy="{:.1f}" r="{}"/>{}</g>')
    text = Markup('<text x="{:.1f}" y="{:.1f}">{}</text>')
    drawn = []
    for name, (x, y), label in zip(names, places.tolist(), labels, strict=True):
        said = text.format(label.left, label.bottom - 0.27 * SIZE, label.text) if label else ""
        drawn.append(dot.format(name, "named" if label else "", x, y, DOT, said))
    return Markup('<svg class="wordmap" viewBox="0 0 {:.0f} {:.0f}" role="img" aria-label="{}">{}</svg>').format(
        WIDE, HIGH, f"Map of {len(names)} words; near words have similar vectors", Markup("\n").join(drawn)
    )


def place(places: np.ndarray, names: Sequence[str]) -> list[Label | None]:
    """Labels (n) right of, left of, above or below their points (n, 2), the first ones first; None where there is no room."""
    dots = [Label("", x - DOT, y - DOT, x + DOT, y + DOT) for x, y in places.tolist()]
    taken: list[Label] = []
    found: list[Label | None] = []
    for name, (x, y), own in zip(names, places.tolist(), dots, strict=True):
        text = name if len(name) <= LONGEST else name[: LONGEST - 1] + "…"
        wide, gap = width(text), 2 * DOT
        sides = [(x + gap, y - 0.65 * SIZE), (x - gap - wide, y - 0.65 * SIZE)]
        sides += [(x - wide / 2, y - gap - 1.3 * SIZE), (x - wide / 2, y + gap)]
        boxes = (Label(text, left, top, left + wide, top + 1.3 * SIZE) for left, top in sides)
        free = (box for box in boxes if _inside(box) and not any(map(box.meets, taken)))
        label = next((box for box in free if not any(box.meets(dot) for dot in dots if dot is not own)), None)
        found.append(label)
        taken += [label] if label else []
    return found


def width(text: str) -> float:
    """Room that a label needs, in the units of the drawing."""
    full = sum(unicodedata.east_asian_width(letter) in "WF" for letter in text)
    broad = sum(letter in "mwMW" or letter.isupper() for letter in text)
    return SIZE * (FULL * full + BROAD * broad + LETTER * (len(text) - full - broad))


def _inside(box: Label) -> bool:
    return box.left >= 0 and box.top >= 0 and box.right <= WIDE and box.bottom <= HIGH


def _on_paper(points: np.ndarray) -> np.ndarray:
    """Points (n, 2) on the paper; each axis fills it, for the distances of a map have no unit."""
    points = points / (np.abs(points).max() or 1.0)  # the difference of huge ones would overflow
    low, span = points.min(0), np.ptp(points, 0)
    unit = np.divide(points - low, span, out=np.full_like(points, 0.5), where=span > 0)
    placed: np.ndarray = EDGE + unit * (np.array([WIDE, HIGH]) - 2 * EDGE)
    return placed

"""A map as inline SVG: a dot each sample, and for some of them their pictures, which never overlap."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from markupsafe import Markup

from selfsup.report import render, svg

WIDE, HIGH, EDGE = 760, 560, 22  # units of the drawing, which may be less high
MOST = 150  # pictures: the page is to be mailed
SIDES = (28, 32, 36, 40, 46, 52, 60, 70, 82, 96, 120)  # of a cell of the grid that pictures snap to
GAP = 3  # between pictures
SHAPES = {  # of a dot, around (0, 0); the same as in a chart
    "o": "M-3 0a3 3 0 1 0 6 0a3 3 0 1 0 -6 0", "D": "M0 -4L4 0L0 4L-4 0Z", "s": "M-3 -3H3V3H-3Z",
    "P": "M-1 -4H1V-1H4V1H1V4H-1V1H-4V-1H-1Z", "^": "M0 -4L4 3H-4Z",
}  # fmt: skip
DASHES = ("", "6 2", "2 2", "8 2 2 2", "1 3")  # of frames, where colours repeat
HTML = Markup('<svg class="thumbmap" viewBox="0 0 {} {}" role="img" aria-label="{}">{}{}</svg>')
GROUP = Markup('<g fill="var(--c{})"><title>{}</title>{}</g>')
DOT = Markup('<path transform="translate({:.0f} {:.0f})" d="{}"/>')
THUMB = Markup(
    '<g><title>{}</title><image x="{x}" y="{y}" width="{side}" height="{side}" href="{uri}"/>'
    '<rect x="{x}" y="{y}" width="{side}" height="{side}" stroke="var(--c{colour})"{dash}/></g>'
)


def draw(groups: Sequence[tuple[str, np.ndarray]], points: np.ndarray, pictures: Mapping[int, np.ndarray]) -> Markup:
    """Draw samples on a plane, each by its picture where there is one and room for it, and else as a dot.

    Parameters
    ----------
    groups
        Names, and the samples (k,) of each, as places among the points: they have a colour of their own.
    points
        (n, 2), drawn with the same unit both ways.
    pictures
        Of some samples, by their places: (1 or 3, h, w) uint8.
    """
    at = _fitted(points)
    shown, side = snapped(at, np.asarray(sorted(pictures), np.int64))
    dots, thumbs = list[Markup](), list[Markup]()
    for place, (name, members) in enumerate(groups):
        (colour, shape), told = svg.mark(place), svg.name_of(name)
        mine = [DOT.format(*at[one], SHAPES[shape]) for one in members.tolist() if one not in shown]
        dots.append(GROUP.format(colour, told, Markup("").join(mine)))
        dash = DASHES[place // len(svg.COLOURS) % len(DASHES)]
        for one in (one for one in members.tolist() if one in shown):
            x, y = shown[one]
            kept = Markup(' stroke-dasharray="{}"').format(dash) if dash else ""
            uri = render.smallest(pictures[one])
            thumbs.append(THUMB.format(told, x=x, y=y, side=side - GAP, uri=uri, colour=colour, dash=kept))
    names = ", ".join(svg.name_of(name) for name, _ in groups[:10])
    alt = f"{len(points):,} samples on a plane, {len(thumbs):,} of them as pictures: {names}"
    right = max([WIDE, *(x + side for x, _ in shown.values())])
    below = max([math.ceil(at[:, 1].max()) + EDGE, *(y + side for _, y in shown.values())])
    return HTML.format(right, below, alt, Markup("").join(dots), Markup("").join(thumbs))


def _fitted(points: np.ndarray) -> np.ndarray:
    """Places (n, 2) in the drawing, from its upper edge on and in the middle of its width."""
    low, high = points.min(0).astype(np.float64), points.max(0).astype(np.float64)
    span = np.maximum(high - low, 1e-12)
    unit = min((WIDE - 2 * EDGE) / span[0], (HIGH - 2 * EDGE) / span[1])
    found: np.ndarray = (points - ((low[0] + high[0]) / 2, high[1])) * (unit, -unit) + (WIDE / 2, EDGE)
    return found


def snapped(at: np.ndarray, able: np.ndarray) -> tuple[dict[int, tuple[int, int]], int]:
    """Which samples are shown as pictures, each in a cell of a grid of its own, and the side of a cell.

    In each cell the sample nearest to the middle is shown; cells are as small as `MOST` pictures allow.

    Parameters
    ----------
    at
        Places (n, 2) in the drawing.
    able
        (m,) int64, samples that have a picture.
    """
    for side in SIDES:
        cells = np.floor(at[able] / side).astype(np.int64)
        if len(np.unique(cells, axis=0)) <= MOST:
            break
    away = np.abs(at[able] - (cells + 0.5) * side).max(1)
    found: dict[tuple[int, int], int] = {}
    for place in np.argsort(away, kind="stable").tolist():
        found.setdefault(tuple(cells[place].tolist()), place)
    return {
        int(able[place]): (x * side + GAP // 2, y * side + GAP // 2) for (x, y), place in list(found.items())[:MOST]
    }, side

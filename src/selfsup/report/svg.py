"""Charts as inline SVG: drawn by matplotlib, then made part of the page, whose stylesheet has the colours of light and dark."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree

import numpy as np
from markupsafe import Markup

from selfsup.errors import RunError
from selfsup.lazy import matplotlib
from selfsup.report import say
from selfsup.system.reading import said

# Okabe and Ito's colours, told apart by colour-blind readers too; shapes and dashes differ as well. The page calls them
# --c0 to --c9, and the ink --ink.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#8c6d31", "#7f7f7f", "#9467bd", "#b8a800")
INK, GRID = "#000000", "#b0b0b0"
ON_PAGE = {colour: f"var(--c{place})" for place, colour in enumerate(COLOURS)} | {
    INK: "var(--ink)",
    GRID: "var(--line)",
}
DASHES, SHAPES = ("-", "--", ":", "-."), {"o": "●", "D": "◆", "s": "■", "P": "✚", "^": "▲"}
SIZE, LOW = (480, 300), (360, 200)  # of a chart, and of a small one, in units of its letters' 12
LONGEST = 40  # letters of a name
CLOSE = 0.08  # of the width of an axis: names of places nearer than this run into each other
NOT_XML = re.compile("[\ufffe\uffff]")
STYLE: dict[Any, Any] = {
    "axes.axisbelow": True, "axes.formatter.limits": (-4, 9), "axes.formatter.useoffset": False,
    "axes.edgecolor": GRID, "axes.grid": True, "axes.spines.right": False, "axes.spines.top": False,
    "axes.xmargin": 0.02, "font.size": 12, "legend.frameon": False, "legend.fontsize": 11, "lines.linewidth": 2,
    "svg.fonttype": "none", "svg.hashsalt": "selfsup", "text.parse_math": False, "text.usetex": False,
}  # fmt: skip


@dataclass(frozen=True)
class Line:
    """One curve: points (x, y), and deviations (n,) where there are any."""

    name: str
    points: Sequence[tuple[float, float]]
    place: int = 0  # of its colour
    dash: str = "-"
    shape: str = "o"
    error: Sequence[float] | None = None


def name_of(text: str) -> str:
    """A name as it can stand in a chart: short, without what XML or a legend cannot hold."""
    shown = NOT_XML.sub("\ufffd", say.word(text))
    shown = shown if len(shown) <= LONGEST else shown[: LONGEST - 1] + "…"
    return f"\u200b{shown}" if shown.startswith("_") else shown


def lines(
    key: str,
    curves: Sequence[Line],
    *,
    title: str,
    x: str,
    y: str,
    ticks: Sequence[tuple[float, str]] = (),
    log: bool = False,
    bottom: float | None = None,
    most: float | None = None,
    size: tuple[int, int] = SIZE,
) -> Markup:
    """Draw curves.

    Parameters
    ----------
    key
        Of the chart, different for each on a page.
    title
        For those who cannot see it; the first and last value of each curve follow.
    x, y
        What is on the axes.
    ticks
        Places on a logarithmic horizontal axis with their names; without them it is one of epochs.
    log
        Whether the vertical axis is logarithmic.
    bottom
        Lowest value shown, where that is not the lowest of the curves.
    most
        Largest value that there can be: the axis ends there, though errors reach beyond.
    """
    tips = {}

    def fill(figure: Any) -> None:
        axes = figure.subplots()
        for place, curve in enumerate(curves):
            name, (xs, ys) = name_of(curve.name), zip(*curve.points, strict=True)
            shape = curve.shape if len(xs) <= 40 else ""
            (drawn,) = axes.plot(
                xs, ys, curve.dash, marker=shape, markersize=4.5, color=COLOURS[curve.place], label=name
            )
            drawn.set_gid(f"{key}-{place}")
            since = f"{say.short(ys[0])} to " if len(ys) > 1 else ""
            tips[f"{key}-{place}"] = f"{name}: {since}{say.short(ys[-1])}"
            if curve.error is not None:
                axes.errorbar(xs, ys, curve.error, fmt="none", ecolor=COLOURS[curve.place], elinewidth=1)
        _horizontal(axes, ticks, few=curves[0].points[-1][0] <= 10)
        axes.set_xlabel(x)
        axes.set_ylabel(y)
        if log:
            _decades(axes)
        if bottom is not None:
            axes.set_ylim(bottom=bottom)
        if most is not None and axes.get_ylim()[1] > most:
            axes.set_ylim(top=most)
        if len(curves) > 1:
            figure.legend(loc="outside upper left", ncols=2, handlelength=2.6)

    return _drawn(key, fill, size, title, tips)


def cloud(key: str, groups: Sequence[tuple[str, np.ndarray]], *, title: str, size: tuple[int, int]) -> Markup:
    """Draw points (n, 2) of named groups; the name is in the tip of a point. The same unit both ways: a map keeps its shape."""
    tips = {}

    def fill(figure: Any) -> None:
        axes = figure.subplots()
        axes.set_axis_off()
        axes.set_aspect("equal")
        for place, (name, points) in enumerate(groups):
            colour, shape = mark(place)
            (drawn,) = axes.plot(points[:, 0], points[:, 1], "", marker=shape, markersize=5, color=COLOURS[colour])
            drawn.set(gid=f"{key}-{place}", linestyle="none", markeredgewidth=0, alpha=0.75)
            tips[f"{key}-{place}"] = name_of(name)

    return _drawn(key, fill, size, title, tips)


def mark(place: int) -> tuple[int, str]:
    """Colour and shape of a group of points: after ten the colours repeat with another shape."""
    return place % len(COLOURS), list(SHAPES)[place // len(COLOURS) % len(SHAPES)]


def _horizontal(axes: Any, ticks: Sequence[tuple[float, str]], *, few: bool) -> None:
    """The horizontal axis: named places on a log scale, or epochs, which are whole numbers while they are few."""
    if ticks:
        axes.set_xscale("log")
        axes.set_xticks([place for place, _ in ticks], [name_of(name) for _, name in ticks])
        axes.minorticks_off()
        _apart(axes)
    else:
        axes.set_xlim(left=0)
        axes.xaxis.set_major_locator(matplotlib.ticker.MaxNLocator("auto", integer=few))


def _apart(axes: Any) -> None:
    """Names of two places that lie close together stand to the left and to the right of them."""
    low, high = np.log(axes.get_xlim())
    places, names = np.log(axes.get_xticks()), axes.get_xticklabels()
    for first in np.flatnonzero(np.diff(places) < CLOSE * (high - low)).tolist():
        names[first].set_horizontalalignment("right")
        names[first + 1].set_horizontalalignment("left")


def _decades(axes: Any) -> None:
    """A logarithmic axis whose ticks are numbers as people write them."""
    axes.set_yscale("log")
    low, high = axes.get_ylim()
    few = high < 200 * low
    axes.yaxis.set_major_locator(matplotlib.ticker.LogLocator(subs=(1, 2, 5) if few else (1,), numticks=12))
    axes.yaxis.set_major_formatter(matplotlib.ticker.FuncFormatter(lambda value, _: say.short(value)))
    axes.yaxis.set_minor_locator(matplotlib.ticker.NullLocator())


def _drawn(key: str, fill: Callable[[Any], None], size: tuple[int, int], title: str, tips: dict[str, str]) -> Markup:
    """One ``svg`` element; no setting of the user's own and no state of pyplot has a part in it."""
    written = io.StringIO()
    with matplotlib.rc_context(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of letters that its font lacks: the reader's browser has them
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(STYLE)
        figure = matplotlib.figure.Figure(figsize=(size[0] / 72, size[1] / 72), layout="constrained")
        try:
            fill(figure)
            figure.savefig(written, format="svg", transparent=True, metadata={"Date": None})
        except Exception as error:  # of what a stranger's run says, such as a deviation below 0
            raise RunError(f"the chart '{title}' cannot be drawn of the values in this run: {said(error)}") from error
    root = _plain(ElementTree.fromstring(written.getvalue()))
    for child in [child for child in root if child.tag in ("metadata", "defs") and not child.findall("clipPath")]:
        root.remove(child)
    ids = [
        element.attrib["id"]
        for element in root.iter()
        if element.tag in ("path", "clipPath") and "id" in element.attrib
    ]
    for element in root.iter():
        _settle(element, {name: f"{key}-{name}" for name in ids}, tips)
    for group in root.iter("g"):
        _share(group)
    label = f"{title} {'. '.join(tips.values()) if len(tips) <= 8 else ''}".strip()
    root.attrib = {"class": "plot", "viewBox": root.attrib["viewBox"], "role": "img", "aria-label": label}
    return Markup(ElementTree.tostring(root, "unicode"))


def _plain(element: ElementTree.Element) -> ElementTree.Element:
    """Take the names of XML's spaces away: inside a page they are known."""
    for one in element.iter():
        one.tag = one.tag.rpartition("}")[2]
        one.attrib = {name.rpartition("}")[2]: value for name, value in one.attrib.items()}
        one.tail = None
        if one.tag != "text":
            one.text = None
    return element


def _settle(element: ElementTree.Element, ids: Mapping[str, str], tips: Mapping[str, str]) -> None:
    """Give an element the page's colours and font, a name that no other chart has, short numbers, and its tip."""
    kept = {}
    for name, value in element.attrib.items():
        if name == "id":
            if value in tips:
                tip = ElementTree.Element("title")
                tip.text = tips[value]
                element.insert(0, tip)
            elif value in ids:
                kept[name] = ids[value]
        elif name == "href":
            kept[name] = f"#{ids[value[1:]]}"
        elif name == "clip-path":
            kept[name] = f"url(#{ids[value[5:-1]]})"
        elif name == "style":
            parts = [part.strip() for part in value.split(";") if "font-family" not in part]
            kept[name] = ";".join(_coloured(part) for part in parts).replace(": ", ":")
        else:
            kept[name] = " ".join(re.sub(r"-?\d+\.\d+", lambda found: f"{float(found[0]):.1f}", value).split())
    element.attrib = kept


def _share(group: ElementTree.Element) -> None:
    """Say the style of a cloud once for all its points."""
    styles = {child.attrib.get("style", "") for child in group if child.tag == "use"}
    if len(group) > 1 and len(styles) == 1 and all(child.tag == "use" for child in group):
        group.attrib["style"] = styles.pop()
        for child in group:
            child.attrib.pop("style", None)


def _coloured(part: str) -> str:
    name, _, value = part.partition(": ")
    return f"{name}: {ON_PAGE.get(value, value)}"

"""Charts as plotly JSON. Names are escaped here too: plotly reads tags in them, though it runs no script."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape
from typing import Any

import numpy as np

from selfsup.report.say import mapping, number
from selfsup.report.tables import Table

Figure = dict[str, Any]

# Okabe and Ito's colours, told apart by colour-blind readers too; shapes and dashes differ as well
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#8c6d31", "#7f7f7f", "#9467bd", "#b8a800")
ENCODERS = {
    "model": ("#0072b2", "solid", "circle"),
    "random init": ("#d55e00", "dash", "diamond"),
    "PCA": ("#009e73", "dot", "square"),
    "raw input": ("#7f7f7f", "dashdot", "x"),
}
SYMBOLS = ("circle", "diamond", "square", "cross", "triangle-up")
MOST_POINTS, MOST_CLASSES, MOST_MEASURES = 4000, 50, 8
DECADES = 5  # that a loss is shown over: one that starts at rounding error would flatten all else


def safe(text: str) -> str:
    """Return text that plotly shows as it is; plotly knows the entities of < > & only."""
    return escape(text, quote=False)


def accuracy(table: Table) -> Figure | None:
    """Accuracy over labels per class, log axis: the model's chosen layer and one line a baseline."""
    places = [place for place, column in enumerate(table.columns) if column.x]
    if len(places) < 2:
        return None
    data = []
    for line in table.picked():
        colour, dash, symbol = ENCODERS.get(line.encoder, ("#9467bd", "longdash", "star"))
        points = [(table.columns[place], cell) for place in places if (cell := line.cells[place])]
        name = f"{line.encoder}, {line.layer}" if line.layer and line.encoder == "model" else line.encoder
        data.append(
            {
                "type": "scatter",
                "mode": "lines+markers",
                "name": safe(name),
                "x": [column.x for column, _ in points],
                "y": [round(100 * cell.accuracy, 2) for _, cell in points],
                "error_y": {
                    "type": "data",
                    "array": [round(100 * (cell.sd or 0), 2) for _, cell in points],
                    "thickness": 1,
                },
                "line": {"color": colour, "dash": dash, "width": 3 if line.encoder == "model" else 2},
                "marker": {"symbol": symbol, "size": 9 if line.encoder == "model" else 7},
                "text": [safe(f"{name}: {cell.text} % with {column.title} labels a class") for column, cell in points],
                "hovertemplate": "%{text}<extra></extra>",
            }
        )
    shown = [table.columns[place] for place in places]
    ticks = {"tickmode": "array", "tickvals": [c.x for c in shown], "ticktext": [safe(c.title) for c in shown]}
    return {
        "data": data,
        "layout": {
            "xaxis": {"type": "log", "title": {"text": "labels per class (log scale)"}, **ticks},
            "yaxis": {"title": {"text": "accuracy of a linear probe, %"}},
        },
    }


def losses(history: Sequence[dict[str, Any]]) -> Figure | None:
    """Training loss, its terms where there are several, and held-out loss; epoch 0 is before training."""
    curves = {"training loss": _curve(history, "loss"), "held-out loss": _curve(history, "heldout")}
    terms = list(dict.fromkeys(name for record in history for name in mapping(record.get("terms"))))
    if len(terms) > 1:
        for term in terms:
            parts = [
                {"epoch": record.get("epoch"), "term": mapping(record.get("terms")).get(term)} for record in history
            ]
            curves[f"term: {term}"] = _curve(parts, "term")
    curves = {name: points for name, points in curves.items() if points}
    if not curves:
        return None
    values = [y for points in curves.values() for _, y in points]
    logarithmic = min(values) > 0 and max(values) > 20 * min(values)  # else the last epochs are one flat line
    title = "loss (log scale)" if logarithmic else "loss"
    yaxis: dict[str, Any] = {"title": {"text": title}, "type": "log" if logarithmic else "linear"}
    if logarithmic and max(values) > 10**DECADES * min(values):
        top = math.log10(max(values))
        yaxis["range"] = [top - DECADES, top + 0.2]
    return _over_epochs(curves, yaxis, clip="range" in yaxis)


def gaps(history: Sequence[dict[str, Any]]) -> Figure | None:
    """Shuffle gap over the epochs, on held-out rows."""
    points = _curve(history, "gap")
    if not points:
        return None
    return _over_epochs({"shuffle gap": points}, {"title": {"text": "shuffle gap"}, "rangemode": "tozero"})


def speed(history: Sequence[dict[str, Any]]) -> Figure | None:
    """Words a second over the epochs; the first record holds the compilation, and is left out where it trained nothing."""
    points = [(x, y) for x, y in _curve(history, "samples_per_second") if y > 0]
    if len(points) < 2:
        return None
    return _over_epochs({"words a second": points}, {"title": {"text": "words a second"}, "rangemode": "tozero"})


def measures(history: Sequence[dict[str, Any]]) -> dict[str, Figure]:
    """A small chart over the epochs for each of the method's own measures, by their names."""
    names = dict.fromkeys(name for record in history for name in mapping(record.get("measures")))
    found = {}
    for name in list(names)[:MOST_MEASURES]:
        own = [{"epoch": r.get("epoch"), "own": mapping(r.get("measures")).get(name)} for r in history]
        if points := _curve(own, "own"):
            figure = _over_epochs({name: points}, {"rangemode": "tozero"})
            figure["layout"] |= {"height": 220, "margin": {"l": 48, "r": 12, "t": 12, "b": 40}}
            found[name] = figure
    return found


def flat_map(points: np.ndarray, labels: np.ndarray | None, names: Sequence[str]) -> Figure | None:
    """Codes on a plane, coloured by label where there are labels."""
    if points.ndim != 2 or points.shape[1] != 2:
        return None
    if labels is not None and labels.shape != points.shape[:1]:
        labels = None
    keep = np.flatnonzero(np.isfinite(points).all(1))
    if len(keep) > MOST_POINTS:
        keep = keep[np.linspace(0, len(keep) - 1, MOST_POINTS).round().astype(int)]
    points, labels = points[keep], None if labels is None else labels[keep]
    hidden = {"visible": False, "zeroline": False}
    # a map keeps its shape: one unit is as long across as it is up
    layout = {"xaxis": hidden, "yaxis": {**hidden, "scaleanchor": "x"}, "hovermode": "closest", "height": 560}
    if not len(points):
        return None
    if labels is None:
        return {"data": [_cloud(points, "codes", "a sample", 0)], "layout": {**layout, "showlegend": False}}
    found = np.unique(labels).tolist()
    titles = {label: _class_name(label, names) for label in found}
    if len(found) > MOST_CLASSES:  # too many for a legend; the name is in the hover
        cloud = _cloud(points, "codes", [titles[label] for label in labels.tolist()], 0)
        cloud["marker"].update(color=labels.tolist(), colorscale="Viridis", symbol="circle")
        return {"data": [cloud], "layout": {**layout, "showlegend": False}}
    clouds = [_cloud(points[labels == label], titles[label], titles[label], place) for place, label in enumerate(found)]
    if len(found) > 12:  # a legend on the side can be scrolled
        layout["legend"] = {"x": 1.02, "y": 1, "yanchor": "top"}
    return {"data": clouds, "layout": layout}


def _class_name(label: Any, names: Sequence[str]) -> str:
    """Return a class's name, cut to what a legend can hold, or its number where it has none."""
    place = int(label)
    if 0 <= place < len(names) and len(names[place]) > 40:
        return safe(names[place][:40] + "…")
    return safe(names[place]) if 0 <= place < len(names) else f"class {place}" if place >= 0 else "no label"


def _cloud(points: np.ndarray, name: str, text: str | list[str], place: int) -> dict[str, Any]:
    """Return the points of one class; after ten classes the colours repeat with another shape."""
    return {
        "type": "scatter",
        "mode": "markers",
        "name": name,
        "x": np.round(points[:, 0].astype(float), 4).tolist(),
        "y": np.round(points[:, 1].astype(float), 4).tolist(),
        "text": text,
        "hovertemplate": "%{text}<extra></extra>",
        "marker": {
            "size": 6,
            "opacity": 0.75,
            "color": COLOURS[place % len(COLOURS)],
            "symbol": SYMBOLS[place // len(COLOURS) % len(SYMBOLS)],
        },
    }


def _curve(history: Sequence[dict[str, Any]], key: str) -> list[tuple[float, float]]:
    """Return the finite values of one key over the epochs."""
    pairs = [(number(record.get("epoch")), number(record.get(key))) for record in history]
    return [(x, y) for x, y in pairs if x is not None and y is not None]


def _over_epochs(curves: dict[str, list[tuple[float, float]]], yaxis: dict[str, Any], *, clip: bool = False) -> Figure:
    """Return curves over the epochs, of different colours and dashes."""
    dashes = ("solid", "dash", "dot", "dashdot")
    data = [
        {
            "type": "scatter",
            "mode": "lines+markers" if len(points) <= 40 else "lines",
            "name": safe(name),
            "x": [x for x, _ in points],
            "y": [float(f"{y:.6g}") for _, y in points],
            "line": {"color": COLOURS[place % len(COLOURS)], "dash": dashes[place % len(dashes)], "width": 2},
            "marker": {"size": 5},
            "cliponaxis": clip,  # epoch 0 lies on the axis
            "hovertemplate": "epoch %{x}: %{y:.4g}",
        }
        for place, (name, points) in enumerate(curves.items())
    ]
    last = max(x for points in curves.values() for x, _ in points)
    xaxis: dict[str, Any] = {"title": {"text": "epoch (0: before training)"}, "rangemode": "tozero"}
    if last <= 10:
        xaxis["dtick"] = 1
    return {"data": data, "layout": {"xaxis": xaxis, "yaxis": yaxis, "showlegend": len(data) > 1}}

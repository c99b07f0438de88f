"""How the pictures of the course look: dark on a white card, which can be read on a light page and on a dark one."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib import cycler
from matplotlib.figure import Figure

# Okabe and Ito's colours, which people who confuse red and green can tell apart; the dashes tell the lines apart in print
BLUE, ORANGE, GREEN, PURPLE, GREY = "#0072b2", "#d55e00", "#007a5a", "#a6508a", "#5f6368"
LOOK = {
    "figure.facecolor": "white", "savefig.facecolor": "white", "axes.facecolor": "white",
    "text.color": "#1f2328", "axes.labelcolor": "#1f2328", "xtick.color": "#1f2328", "ytick.color": "#1f2328",
    "axes.edgecolor": "#8c959f", "grid.color": "#e5e7eb", "axes.grid": True, "axes.axisbelow": True,
    "axes.spines.top": False, "axes.spines.right": False, "legend.frameon": False,
    "axes.titlesize": 10, "axes.labelsize": 10, "xtick.labelsize": 9, "ytick.labelsize": 9, "font.size": 10,
    "figure.figsize": (7.0, 3.2), "figure.dpi": 110, "figure.constrained_layout.use": True, "lines.linewidth": 2.0,
    "axes.prop_cycle": cycler(color=[BLUE, ORANGE, GREEN, PURPLE, GREY]) + cycler(linestyle=["-", "--", "-.", ":", "-"]),
}  # fmt: skip


def look() -> None:
    """Set the look for all pictures that follow."""
    plt.rcParams.update(LOOK)


def tiles(rows: dict[str, np.ndarray], *, signed: bool = False, side: float = 0.62) -> Figure:
    """Rows of small pictures, each row with its name to the left.

    Parameters
    ----------
    rows
        For each name pictures (n, H, W), or (n, H, W, 3) with values in [0, 1].
    signed
        Each picture on its own scale, with 0 in the middle: red is above, blue below.
    side
        Inches to a picture's side.
    """
    most = max(len(row) for row in rows.values())
    figure, axes = plt.subplots(
        len(rows), most, figsize=(side * most + 1.3, (side + 0.04) * len(rows)), squeeze=False, layout="none"
    )
    for (name, pictures), line in zip(rows.items(), axes, strict=True):
        for axis in line:
            axis.set_axis_off()
        for axis, picture in zip(line, pictures, strict=False):
            top = float(np.abs(picture).max()) or 1.0
            scale = (
                {"cmap": "RdBu_r", "vmin": -top, "vmax": top} if signed else {"cmap": "gray_r", "vmin": 0, "vmax": 1}
            )
            axis.imshow(picture, **({} if picture.ndim == 3 else scale), interpolation="nearest")
        line[0].text(-0.15, 0.5, name, transform=line[0].transAxes, ha="right", va="center", fontsize=9)
    figure.subplots_adjust(left=1.3 / (side * most + 1.3), right=1, top=1, bottom=0, wspace=0.06, hspace=0.06)
    return figure


def lines(ys: dict[str, Sequence[float]], xs: Sequence[float], across: str, up: str) -> Figure:
    """Lines over the same values, named in a legend."""
    figure, axis = plt.subplots()
    for name, values in ys.items():
        axis.plot(xs, values, marker="o", markersize=4, label=name)
    axis.set_xlabel(across)
    axis.set_ylabel(up)
    axis.legend()
    return figure

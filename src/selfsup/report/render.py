"""Small pictures as HTML: PNG data URIs, SVG sparklines, guessed classes. Values only, never markup from outside."""

from __future__ import annotations

import base64
import io

import numpy as np
from markupsafe import Markup
from PIL import Image

LARGEST = 160  # longer sides are scaled down: a report is mailed
QUALITY = 82  # of WebP
BARS = 32  # vectors up to this long are bars, longer ones a line
POINTS = 300
WIDE, HIGH = 120, 48


def png(image: np.ndarray) -> str:
    """Return an image (1 or 3, H, W) in [0, 1] as a PNG data URI; values outside are clipped."""
    clean = np.nan_to_num(np.asarray(image, np.float32), nan=0.0, posinf=1.0, neginf=0.0)
    pixels = np.rint(np.clip(clean, 0, 1) * 255).astype(np.uint8)
    picture = Image.fromarray(pixels[0] if pixels.shape[0] == 1 else np.ascontiguousarray(pixels.transpose(1, 2, 0)))
    picture.thumbnail((LARGEST, LARGEST))
    memory = io.BytesIO()
    picture.save(memory, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(memory.getvalue()).decode()


def smallest(image: np.ndarray) -> str:
    """Return a small image (1 or 3, H, W) uint8 as the shorter data URI of PNG and, of colours, WebP, which loses a little."""
    found = png(image / np.float32(255))
    if image.shape[0] == 1:
        return found
    memory = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(image.transpose(1, 2, 0))).save(memory, "WEBP", quality=QUALITY, method=6)
    other = "data:image/webp;base64," + base64.b64encode(memory.getvalue()).decode()
    return min(found, other, key=len)


def small(array: np.ndarray, alt: str) -> Markup:
    """Return an ``img`` of a small image (C, H, W) uint8, in as few bytes as it takes."""
    return Markup('<img class="sample pixels" alt="{}" src="{}">').format(alt, smallest(array))


def image(array: np.ndarray, alt: str) -> Markup:
    """Return an ``img`` of an image (C, H, W); the page scales it up without smoothing if it is small."""
    style = "sample pixels" if max(array.shape[1:]) <= 64 else "sample"
    return Markup('<img class="{}" alt="{}" src="{}">').format(style, alt, png(array))


def spark(values: np.ndarray, low: float, high: float, alt: str) -> Markup:
    """Return a vector as a small SVG: bars from zero if it is short, else a line.

    Parameters
    ----------
    values
        (d,)
    low, high
        Range of the vertical axis, shared with the pictures beside it.
    """
    clean = np.nan_to_num(np.asarray(values, np.float64), nan=0.0, posinf=high, neginf=low)
    if len(clean) <= BARS:
        low, high = min(low, 0.0), max(high, 0.0)
    if high <= low:
        low, high = low - 1.0, high + 1.0
    y = HIGH - 2 - (HIGH - 4) * (clean - low) / (high - low)
    zero = HIGH - 2 - (HIGH - 4) * (min(max(0.0, low), high) - low) / (high - low)
    shape = _bars(y, zero) if len(clean) <= BARS else _curve(y)
    axis = Markup('<line class="zero" x1="0" x2="{}" y1="{:.1f}" y2="{:.1f}"/>').format(WIDE, zero, zero)
    return Markup('<svg class="spark" viewBox="0 0 {} {}" role="img" aria-label="{}">{}{}</svg>').format(
        WIDE, HIGH, alt, axis if low <= 0 <= high else "", shape
    )


def _bars(y: np.ndarray, zero: float) -> Markup:
    """Return one bar an entry, up or down from zero."""
    step = WIDE / max(len(y), 1)
    bar = Markup('<rect x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}"/>')
    return Markup("").join(
        bar.format(place * step + 0.1 * step, min(top, zero), 0.8 * step, max(abs(top - zero), 0.5))
        for place, top in enumerate(y.tolist())
    )


def _curve(y: np.ndarray) -> Markup:
    """Return the entries as one line, thinned where there are more than can be seen."""
    if len(y) > POINTS:
        y = y[np.linspace(0, len(y) - 1, POINTS).round().astype(int)]
    x = np.linspace(0, WIDE, len(y))
    points = " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x.tolist(), y.tolist(), strict=True))
    return Markup('<polyline points="{}"/>').format(points)


def shares(scores: np.ndarray) -> np.ndarray:
    """Return probabilities (..., K) of scores: a softmax, unless they are probabilities already."""
    clean = np.nan_to_num(np.asarray(scores, np.float64), nan=0.0, posinf=1e30, neginf=-1e30)
    if (clean >= 0).all() and np.allclose(clean.sum(-1), 1, atol=1e-3):
        return clean
    raised: np.ndarray = np.exp(clean - clean.max(-1, keepdims=True))
    return np.asarray(raised / raised.sum(-1, keepdims=True))


def choice(probabilities: np.ndarray, answer: int) -> tuple[Markup, bool]:
    """Return the likeliest class with its probability, marked as right or wrong, and whether it is right."""
    best = int(probabilities.argmax())
    right = best == answer
    mark = Markup('<span class="mark" aria-hidden="true">{}</span><span class="unseen">{}</span>').format(
        "✓" if right else "✗", "right" if right else "wrong"
    )
    cell = Markup('<span class="choice {}">{} ({} %) {}</span>')
    return cell.format("right" if right else "wrong", best, f"{100 * float(probabilities[best]):.0f}", mark), right

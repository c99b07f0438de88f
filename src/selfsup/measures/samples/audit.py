"""The shortcut audit: can a linear map tell from a code of a patch where in its image the patch was cut?

A patch of the sky says "above" and a net may know that. But lenses tear colours apart towards the borders, and JPEG leaves a
grid of 8 pixels: an encoder that reads these has found a way round what it was to learn (Doersch et al. 2015, section 4.1,
where a net that was asked for the place had an error of 0.255 beside 0.371 by chance, and 0.321 without colours).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from threadpoolctl import threadpool_limits

from selfsup.measures.run import Evidence, Patches
from selfsup.measures.samples.leads import NAMES
from selfsup.measures.samples.probe import scale_features
from selfsup.measures.table import Look, Table

BORDERS = 5  # none, above, below, left, right
CELL = 8  # pixels to a side of a block of JPEG
PENALTIES = np.logspace(-4, 3, 15)  # of a ridge regression, as shares of the mean square of a code's dimensions
CHANCE = "chance"
COLUMNS = ("encoder", "layer", "width", "patch", "place", "place_se", "border", "border_se", "phase", "phase_se")
MOST = 2_000  # rows that a map is fitted on, where codes are wider: its cost grows with the cube of the lesser number
NAME, ACROSS = 26, 19  # characters of the columns on a terminal


class Found(NamedTuple):
    """A figure on patches of images that were held out, and its standard error over these images."""

    value: float
    error: float


def measure(evidence: Evidence) -> Table:
    """What every encoder tells of the place of a patch, below what always guessing the same would."""
    patches = evidence.patches
    assert patches is not None
    learnt = np.isin(patches.image, _half(patches.image, evidence.seed))
    rows = [_row(CHANCE, "", None, "", _by_chance(patches, learnt))]
    with threadpool_limits(1):
        for (encoder, layer), codes in patches.codes.items():
            found = asked(codes, patches, learnt, evidence.seed)
            rows.append(_row(encoder, layer, codes.shape[1], patches.sizes.get(encoder, ""), found))
    return Table.of("audit", rows)


def asked(codes: np.ndarray, patches: Patches, learnt: np.ndarray, seed: int = 0) -> dict[str, Found]:
    """What a linear map says of the patches that it was not fitted on.

    Parameters
    ----------
    codes
        (n, D) float32, of patches.
    patches
        Where they were cut.
    learnt
        (n,) whether the map is fitted on the patch: all patches of an image or none.

    Returns
    -------
    dict
        ``place``: root of the mean squared distance, in sides of the image. ``border`` and ``phase``: shares that are right, of
        `BORDERS` and (the mean of rows and columns) of `CELL`.
    """
    free = patches.border < 0
    found = {}
    rows, answers = _of(
        codes, patches, learnt, free, np.concatenate([patches.place, *map(one_hot, patches.phase.T)], 1), seed
    )
    far = np.square(answers[:, :2] - patches.place[rows]).sum(1)
    found["place"] = root(far, patches.image[rows])
    guessed = answers[:, 2:].reshape(-1, 2, CELL).argmax(2)
    found["phase"] = over_images((guessed == patches.phase[rows]).mean(1), patches.image[rows])
    rows, answers = _of(codes, patches, learnt, ~free, one_hot(patches.border.clip(0), BORDERS), seed)
    found["border"] = over_images(answers.argmax(1) == patches.border[rows], patches.image[rows])
    return found


def _of(
    codes: np.ndarray, patches: Patches, learnt: np.ndarray, which: np.ndarray, truth: np.ndarray, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Numbers of some of the patches that were held out, and what is guessed of them."""
    fit, test = np.flatnonzero(learnt & which), np.flatnonzero(~learnt & which)
    return test, ridge(codes[fit], truth[fit], codes[test], patches.image[fit], seed)


def ridge(train: np.ndarray, truth: np.ndarray, test: np.ndarray, groups: np.ndarray, seed: int = 0) -> np.ndarray:
    """Guesses (m, K) of linear regression with a penalty for each column of the truth, chosen on a quarter of the groups.

    Parameters
    ----------
    train, test
        (n, D) and (m, D) codes.
    truth
        (n, K) numbers.
    groups
        (n,) of rows that are held out together when the penalty is chosen.
    """
    known, asked = (part.astype(np.float64) for part in scale_features(train, train, test))
    names = np.random.default_rng(seed).permutation(np.unique(groups))
    held = np.isin(groups, names[: max(1, len(names) // 4)])
    tried = _solutions(known[~held], truth[~held], known[held])  # (penalties, rows, K)
    best = np.square(tried - truth[held]).mean(1).argmin(0)  # (K,)
    found = _solutions(known, truth, asked)
    return np.asarray(found[best, :, np.arange(truth.shape[1])].T)


def _solutions(x: np.ndarray, y: np.ndarray, asked: np.ndarray) -> np.ndarray:
    """Guesses (penalties, m, K) for every penalty, by one decomposition of the smaller of the two products of x (n, D)."""
    if min(x.shape) > MOST:
        some = slice(None, None, -(-len(x) // MOST))
        x, y = x[some], y[some]
    centre, mean = x.mean(0), y.mean(0)
    x, y, asked = x - centre, y - mean, asked - centre
    few = len(x) < x.shape[1]
    values, turns = np.linalg.eigh(x @ x.T if few else x.T @ x)
    inside = turns.T @ (y if few else x.T @ y)
    outside = (asked @ x.T if few else asked) @ turns
    unit = max(float(np.square(x).mean()), np.finfo(np.float64).tiny) * len(x)
    found: np.ndarray = mean + [outside @ (inside / (values.clip(0) + share * unit)[:, None]) for share in PENALTIES]
    return found


def over_images(right: np.ndarray, image: np.ndarray) -> Found:
    """The mean of what was found patch by patch (m,), and its error: patches of an image are alike, so images are counted."""
    means = _by_image(right, image)
    return Found(float(means.mean()), float(means.std(ddof=1) / np.sqrt(len(means))))


def root(squares: np.ndarray, image: np.ndarray) -> Found:
    """The root of the mean of squares (m,), with its error over images."""
    mean, error = over_images(squares, image)
    value = float(np.sqrt(mean))
    return Found(value, error / (2 * value) if value else 0.0)


def _by_image(values: np.ndarray, image: np.ndarray) -> np.ndarray:
    names, place, counts = np.unique(image, return_inverse=True, return_counts=True)
    means: np.ndarray = np.bincount(place, values, len(names)) / counts
    return means


def _half(image: np.ndarray, seed: int) -> np.ndarray:
    """Half of the images, on which maps are fitted."""
    names = np.unique(image)
    return np.random.default_rng([seed, 1]).permutation(names)[: len(names) // 2]


def _by_chance(patches: Patches, learnt: np.ndarray) -> dict[str, Found]:
    """Of always guessing the mean place, and any border or phase."""
    free = patches.border < 0
    far = np.square(patches.place[~learnt & free] - patches.place[learnt & free].mean(0)).sum(1)
    place = root(far, patches.image[~learnt & free])
    return {"place": place, "border": Found(1 / BORDERS, 0.0), "phase": Found(1 / CELL, 0.0)}


def one_hot(classes: np.ndarray, count: int = CELL) -> np.ndarray:
    """Classes (n,) as (n, count) of zeros and ones."""
    return np.asarray(classes[:, None] == np.arange(count), np.float64)


def _row(encoder: str, layer: str, width: int | None, patch: str, found: dict[str, Found]) -> dict[str, Any]:
    row: dict[str, Any] = {"encoder": encoder, "layer": layer, "width": width, "patch": patch}
    for name in ("place", "border", "phase"):
        row |= {name: found[name].value, f"{name}_se": found[name].error}
    return row


def lines(table: Table) -> list[str]:
    """The table on a terminal: encoders down, the three questions across."""
    heads = ("place, RMSE", "border, %", "JPEG phase, %")
    made = [f"{'place of a patch':<{NAME}}" + "".join(f"{head:>{ACROSS}}" for head in heads)]
    for row in table.rows:
        name = f"{row['encoder']}: {row['layer']}" if row["layer"] else str(row["encoder"])
        cells = [_cell(row, "place", 1, 3), _cell(row, "border", 100, 1), _cell(row, "phase", 100, 1)]
        made.append(f"{name[: NAME - 1]:<{NAME}}" + "".join(f"{cell:>{ACROSS}}" for cell in cells))
    return made


def _cell(row: dict[str, Any], name: str, unit: float, digits: int) -> str:
    value, error = unit * row[name], unit * row[f"{name}_se"]
    return f"{value:.{digits}f}" + (f" ±{error:.{digits}f}" if error else "")


LOOK = Look(
    "what a patch tells of its place",
    COLUMNS,
    (CHANCE, *NAMES),
    "A linear map is asked where in its image a patch was cut, from the code of the patch alone: place is the root of the mean "
    "squared distance in sides of the image; border is which of the four the patch touches, or none; phase is its offset to the "
    "8-pixel grid of JPEG (of images that were cropped or resized on the way in, that grid is not where it was). Fitted on half "
    "of the images, measured on the others; ± is the standard error over these. What a picture shows tells something of the "
    "place, above all of above and below; more than the same net untrained, or better in a run without counter-measures, is a "
    "shortcut that was found.",
    lines=lines,
)

"""What an explorer page shows, whatever it came from: points with names, values, pictures, and vectors to ask about."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from selfsup.lazy import PIL


@dataclass(frozen=True)
class Space:
    """Vectors of all n points, of which neighbours and axes are asked.

    Attributes
    ----------
    name
        As people read it: "codes", "before", "after debiasing".
    vectors
        (n, d) float32 or float16, not necessarily of unit length; neighbours are by cosine.
    """

    name: str
    vectors: np.ndarray


@dataclass(frozen=True)
class Plane:
    """Places of all n points on a plane.

    Attributes
    ----------
    name
        As people read it: "PCA", "t-SNE", "UMAP".
    points
        (n, 2) float32, finite; or None where they are still being computed (a server asks again).
    space
        Place of the `Space` that it shows.
    note
        What is to be known of it: "29 % of the variance".
    """

    name: str
    points: np.ndarray | None
    space: int = 0
    note: str = ""


@dataclass(frozen=True)
class Column:
    """A value of every point, to colour by, to search in and to read.

    Attributes
    ----------
    name
        Of the column; "label" of a label.
    kind
        class: places in ``classes``. number: measured. text: words to read and to search in.
    values
        (n,) int64 of classes (-1: none), float64 (NaN: missing), or str.
    classes
        Names of the classes.
    """

    name: str
    kind: Literal["class", "number", "text"]
    values: np.ndarray
    classes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Scene:
    """What a page shows.

    Attributes
    ----------
    title
        Of the page: what is shown, from where.
    sample, samples
        What a point is called: "word", "words"; "image", "images"; "row", "rows".
    names
        One a point: words, files, or numbers of rows.
    spaces
        One, or two that are shown side by side (before and after), of the same points.
    planes
        The first is shown first; of two spaces the planes come in pairs of the same name.
    columns
        Values to colour by and to search in.
    colour
        Name of the column that colours the points at first, or None.
    thumbnails
        Gives pictures (H, W, 3) or (H, W) uint8 of some points, of sides of at most ``tile``, or None where one cannot be read;
        None where points have none.
    tile
        Longest side of a thumbnail in pixels.
    original
        Gives the picture of one point in full, for a server; None where there is none.
    later
        Computes the points (n, 2) of a plane that has none yet, by its number; an error of ours is shown on the page.
    words
        Whether analogies and axes of word pairs make sense.
    pairs
        Axes of word pairs to begin with, such as ("he", "she"); of words that are there.
    notes
        Sentences to be read: what was sampled or left out.
    total
        Points that there were before some were sampled.
    """

    title: str
    sample: str
    samples: str
    names: Sequence[str]
    spaces: tuple[Space, ...]
    planes: tuple[Plane, ...]
    columns: tuple[Column, ...] = ()
    colour: str | None = None
    thumbnails: Callable[[Sequence[int]], list[np.ndarray | None]] | None = None
    tile: int = 48
    original: Callable[[int], PIL.Image.Image | None] | None = None
    later: Callable[[int], np.ndarray] | None = None
    words: bool = False
    pairs: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()
    total: int = field(default=0)

    def __len__(self) -> int:
        return len(self.names)

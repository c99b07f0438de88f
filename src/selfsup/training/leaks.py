"""Where the answer stands: part of what is seen is exchanged with another sample's, place by place, and the loss is watched.

A task whose answer stands in its input is solved without learning anything: a column that repeats another, a stamp in a
corner, a channel that tells what was done to an image. Then one place makes the loss rise when it is another sample's, and no
other does; or a few columns do, whose sum is the answer, and the loss stays where all others are another sample's. What was
hidden badly still shows where it was: then the loss rises where the hidden places are another sample's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from selfsup.measures.shortcuts import KEPT
from selfsup.method import Method, Terms, Tree, permute

GRID = 4  # cells to a side of an image
APART = 1.2  # times the second rise, and the first stands out
MOST = 64  # columns, positions or channels that are asked one by one; of more of them, groups are asked first
FEW = 4  # samples share each of the values of a place of categories, on average
FIFTH = 5  # of so many columns one may be among the few that give the answer together
HIDDEN = 0.5  # of a sample may be hidden, where it is asked whether that shows
SAME = 1e-4  # of the deviation, by which a value that is not hidden may differ
FLOOR = 0.01  # of the gap: a second place that raises the loss by less is counted as if it raised it by this much

Path = tuple[Any, ...]  # to a tensor of a tree: numbers or names
Where = tuple[Any, ...]  # index of a place in a tensor


class Place(NamedTuple):
    """A part of what is seen, and by how much the loss rises where it is another sample's.

    Attributes
    ----------
    cell
        Its row and column, and the rows and columns of the grid, where it is a cell of an image.
    halves
        Makes the parts of a group: both halves of columns, the cells of a quarter of an image.
    """

    name: str
    path: Path
    where: Where
    rise: float = 0.0
    cell: tuple[int, ...] = ()
    halves: Callable[[], list[Place]] = list


class Few(NamedTuple):
    """Columns that give the answer together.

    Attributes
    ----------
    names
        The fewest with which the loss stays, of a fifth of all; these, where it does not.
    kept, share
        Rise of the loss beside the gap where all others are another sample's, and where these are.
    """

    names: list[str]
    kept: float
    share: float


class Standing(NamedTuple):
    """Where the answer stands.

    Attributes
    ----------
    places
        Of one kind (cells, columns, positions; or channels), the one that raises the loss most first.
    gap
        Rise of the loss where the whole guess is another sample's.
    told
        Rise of the loss beside the gap where the guess is that of the sample that is nearest in the first place alone: about 0
        where the place gives the answer. None of a place of many values, in which no two samples are near.
    few
        Of columns, those that give the answer together; None of what lies side by side, where neighbours tell of each other.
    """

    places: list[Place]
    gap: float
    told: float | None = None
    few: Few | None = None

    @property
    def ratio(self) -> float:
        """Largest over second largest rise."""
        second = self.places[1].rise if len(self.places) > 1 else self.places[0].rise
        return float(self.places[0].rise / max(second, FLOOR * self.gap, 1e-30))

    @property
    def share(self) -> float:
        """Largest rise beside the gap."""
        return float(self.places[0].rise / max(self.gap, 1e-30))


@torch.no_grad()
def standing(method: Method, x: Tensor, names: Sequence[str] | None = None, seed: int = 0) -> list[Standing]:
    """Exchange each place of what a method sees with another sample's.

    Where both what is seen and what is hidden are the whole sample, both are exchanged, so that a place is not blamed for its own
    reconstruction. Many places are asked in groups: quarters of an image, or columns side by side. Where one of these stands out,
    it is taken apart, and the second as well, so that like is compared with like.

    Parameters
    ----------
    x
        Batch (B, ...) of the method's view, B >= 2.
    names
        Of the columns of a table.

    Returns
    -------
    list of Standing
        One of cells, columns and positions, and one of the channels of each image that is seen; empty where there are no two
        places to compare.
    """
    rng = torch.Generator(device=x.device).manual_seed(seed)
    seen, hidden = method.hide(x, rng)
    order = torch.randperm(len(x), generator=rng, device=x.device)
    other = torch.empty_like(order)
    other[order] = order.roll(1)  # no sample keeps its own
    guess, answer = method.predict(seen), method.target(hidden)
    loss = _mean(method.loss(guess, answer))
    gap = _mean(method.loss(permute(guess, other), answer)) - loss

    def risen(places: Sequence[Place]) -> float:
        changed = seen, hidden
        for place in places:
            like = _like(hidden, seen, place, x.shape)
            changed = _with(changed[0], place.path, place.where, other), _with(changed[1], like, place.where, other)
        return _mean(method.loss(method.predict(changed[0]), method.target(changed[1]))) - loss

    def asked(place: Place) -> Place:
        return place._replace(rise=risen([place]))

    made = []
    for family in _families(seen, names):
        if len(family) > 1:
            found = sorted(map(asked, family), key=lambda place: -place.rise)
            while found[0].rise > APART * max(found[1].rise, 0.0) and (group := _group(found[:2])) is not None:
                rest = [place for place in found if place is not group]
                found = sorted([*map(asked, group.halves()), *rest], key=lambda place: -place.rise)
            told = _told(method, seen, guess, answer, found[0])
            told = None if told is None else (told - loss) / max(gap, 1e-30)
            made.append(Standing(found, gap, told, _few(seen, found, lambda places: risen(places) / max(gap, 1e-30))))
    return made


def _few(seen: Tree, places: Sequence[Place], rise: Callable[[Sequence[Place]], float]) -> Few | None:
    """The fewest of some columns, sorted by their rises, with which the loss stays."""
    most = len(places) // FIFTH
    if most < 2 or any(leaf.ndim != 2 or not leaf.is_floating_point() for _, leaf in leaves(seen)):
        return None
    count, kept = most, rise(places[most:])
    if kept <= KEPT:
        fewer = ((number, rise(places[number:])) for number in range(2, most))
        count, kept = next((one for one in fewer if one[1] <= KEPT), (count, kept))
    return Few([place.name for place in places[:count]], kept, rise(places[:count]))


@torch.no_grad()
def shines(method: Method, x: Tensor, seed: int = 0) -> float | None:
    """By how much the loss rises, beside the gap, where what is seen at the hidden places is another sample's.

    What is hidden is blanked, or stirred: then it tells nothing, and the loss stays. It is asked where a part of a sample is to
    be told from the rest of it, and what is seen has the sample's shape.

    Parameters
    ----------
    x
        Batch (B, ...) of the method's view, B >= 2.

    Returns
    -------
    float or None
        None where it is not known which places are hidden: those where what is seen is not the sample, nor its standardised form.
    """
    seen, hidden = method.hide(x, torch.Generator(device=x.device).manual_seed(seed))
    if (
        not isinstance(seen, Tensor)
        or seen.shape != x.shape
        or not (x.is_floating_point() and seen.is_floating_point())
    ):
        return None
    parts = [leaf for _, leaf in leaves(hidden)]
    if any(leaf.shape == x.shape or not leaf.is_floating_point() for leaf in parts):
        return None  # the whole sample is to be rebuilt, from what may be no more than noisy; or an answer that is no part of it
    places = changed_places(x, seen)
    if not 0 < float(places.float().mean()) < HIDDEN:
        return None
    guess, answer = method.predict(seen), method.target(hidden)
    loss = _mean(method.loss(guess, answer))
    gap = _mean(method.loss(permute(guess, torch.arange(len(x), device=x.device).roll(1)), answer)) - loss
    # as far as samples are hidden in the same places, each gets what the one before it has there
    moved, at = seen.movedim(0, -1).clone(), places.movedim(0, -1)
    moved[at] = moved[at].roll(1)
    return (_mean(method.loss(method.predict(moved.movedim(-1, 0)), answer)) - loss) / max(gap, 1e-30)


def changed_places(x: Tensor, seen: Tensor) -> Tensor:
    """Where what is seen (B, C, ...) is not the sample x, in the unit that most of each channel or column is given in."""
    was, now = (part.movedim(1, 0).flatten(1).double() for part in (x, seen))  # (C, n)
    half = was.shape[1] // 2 + 1
    apart = was - was.roll(half, 1)
    unit = (
        ((now - now.roll(half, 1)) / apart)
        .where(apart != 0, torch.nan)
        .nanmedian(1, keepdim=True)
        .values.nan_to_num(1.0)
    )
    off = (now - unit * was).median(1, keepdim=True).values
    found = (now - unit * was - off).abs() > SAME * now.std(1, keepdim=True)
    return found.view(x.movedim(1, 0).shape).movedim(0, 1)


def _group(places: Sequence[Place]) -> Place | None:
    """The first of some places that can be taken apart."""
    return next((place for place in places if place.halves()), None)


def _told(method: Method, seen: Tree, guess: Tree, answer: Tree, place: Place) -> float | None:
    """The loss where each sample is given the guess of the one that is nearest to it in a single value of what is seen.

    Where that value gives the answer, samples that have it in common have the answer in common.
    """
    values = dict(leaves(seen))[place.path][place.where]
    values = values.reshape(len(values), -1).double().nan_to_num()  # (B, d)
    if values.shape[1] > 1 and FEW * len(values.unique(dim=0)) > len(values):
        return None
    apart = torch.cdist(values, values).fill_diagonal_(torch.inf)
    return _mean(method.loss(permute(guess, apart.argmin(1)), answer))


def _families(seen: Tree, names: Sequence[str] | None) -> Iterator[list[Place]]:
    """Places that can be compared: all cells, columns and positions; the channels of each image."""
    parts = dict(leaves(seen))
    fine: list[Place] = []
    for path, leaf in parts.items():
        of = _of(seen, path) if len(parts) > 1 else ""
        if leaf.ndim >= 4 and leaf.is_floating_point():
            fine += _cells(path, leaf, of)
            if 1 < leaf.shape[-3] <= MOST:
                yield [Place(f"channel {n + 1}{of}", path, (..., [n], slice(None), slice(None)))
                       for n in range(leaf.shape[-3])]  # fmt: skip
        elif leaf.ndim == 3 and leaf.is_floating_point():
            fine += _along(path, leaf, of, None, "position")
        elif leaf.ndim <= 2:
            known = names if names is not None and leaf.ndim == 2 and leaf.shape[1] == len(names) else None
            fine += _along(path, leaf, of, known, "column" if leaf.is_floating_point() else "position")
    yield fine


def _cells(path: Path, leaf: Tensor, of: str) -> list[Place]:
    """Quarters of images (..., H, W), which have the cells of a grid."""
    down, across = (_groups(size, GRID) for size in leaf.shape[-2:])

    def placed(
        high: list[list[slice]], wide: list[list[slice]], first: tuple[int, int], of_all: tuple[int, int]
    ) -> list[Place]:
        found = []
        for row, rows in enumerate(high, first[0]):
            for column, columns in enumerate(wide, first[1]):
                name = f"the cell in row {row + 1}, column {column + 1} of a grid of {of_all[0]} x {of_all[1]}{of}"
                where = (..., slice(rows[0].start, rows[-1].stop), slice(columns[0].start, columns[-1].stop))
                halves: Callable[[], list[Place]] = list
                if len(rows) > 1 or len(columns) > 1:
                    corner = down.index(rows[0]), across.index(columns[0])
                    single = [[one] for one in rows], [[one] for one in columns]
                    halves = partial(placed, *single, corner, (len(down), len(across)))
                found.append(Place(name, path, where, cell=(row, column, *of_all), halves=halves))
        return found

    high, wide = ([part[group] for group in _groups(len(part), 2)] for part in (down, across))
    return placed(high, wide, (0, 0), (len(high), len(wide)))


def _along(path: Path, leaf: Tensor, of: str, names: Sequence[str] | None, kind: str) -> list[Place]:
    """Columns or positions of (B, d, ...), in groups where there are many; a column of categories as a whole."""
    if leaf.ndim == 1:
        return [Place(of.removeprefix(" of ") or kind, path, (...,))]
    if names is not None and len(set(names)) <= MOST:
        named: dict[str, list[int]] = {}
        for number, name in enumerate(names):
            named.setdefault(name, []).append(number)
        return [Place(f"{kind} '{name}'{of}", path, (slice(None), numbers)) for name, numbers in named.items()]
    return _groups_of(range(leaf.shape[1]), MOST, path, of, names, kind)


def _groups_of(columns: range, most: int, path: Path, of: str, names: Sequence[str] | None, kind: str) -> list[Place]:
    """Columns or positions in at most so many groups that lie together; a group of several can be halved."""
    found = []
    for part in _groups(len(columns), most):
        group = columns[part]
        first, last = (repr(names[n]) if names is not None else str(n + 1) for n in (group[0], group[-1]))
        name = f"{kind} {first}" if first == last else f"{kind}s {first} to {last}"
        halves = partial(_groups_of, group, 2, path, of, names, kind) if len(group) > 1 else list
        found.append(Place(name + of, path, (slice(None), slice(group[0], group[-1] + 1)), halves=halves))
    return found


def _groups(size: int, most: int) -> list[slice]:
    """So many numbers in at most so many groups that lie together."""
    ends = np.linspace(0, size, min(size, most) + 1).round().astype(int).tolist()
    return [slice(first, last) for first, last in pairwise(ends)]


def leaves(tree: Tree, path: Path = ()) -> Iterator[tuple[Path, Tensor]]:
    """The tensors of a tree of tuples and mappings, each with the way to it."""
    if isinstance(tree, Tensor):
        yield path, tree
    elif isinstance(tree, Mapping):
        for key, part in tree.items():
            yield from leaves(part, (*path, key))
    elif isinstance(tree, tuple | list):
        for number, part in enumerate(tree):
            yield from leaves(part, (*path, number))


def _of(tree: Tree, path: Path) -> str:
    """What a tensor of several is called."""
    words = []
    for step in path:
        words.append(str(getattr(tree, "_fields", {}).__getitem__(step) if hasattr(tree, "_fields") else step))
        tree = tree[step]
    return f" of {'.'.join(words)}"


def _with(tree: Tree, path: Path | None, where: Where, other: Tensor) -> Tree:
    """The tree with a place of one of its tensors taken from other samples (B,); as it is without a path."""
    if path is None:
        return tree
    if not path:
        changed = tree.clone()
        changed[where] = tree[other][where]
        return changed
    part = _with(tree[path[0]], path[1:], where, other)
    if isinstance(tree, Mapping):
        return {**tree, path[0]: part}
    parts = [*tree[: path[0]], part, *tree[path[0] + 1 :]]
    return type(tree)(*parts) if hasattr(tree, "_fields") else type(tree)(parts)


def _like(hidden: Tree, seen: Tree, place: Place, shape: torch.Size) -> Path | None:
    """The first tensor of what is hidden that is a sample, as the one that is exchanged is."""
    if dict(leaves(seen))[place.path].shape != shape:
        return None
    return next((path for path, leaf in leaves(hidden) if leaf.shape == shape and leaf.is_floating_point()), None)


def _mean(terms: Terms) -> float:
    """The loss, in float64: beside a large constant a rise would be lost in the rounding of float32."""
    return sum(float(term.detach().double().mean()) for term in terms.values())

"""Pictures of a run: what the method saw, guessed and should have guessed, and what a decoder makes of codes."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from selfsup.errors import OptionError
from selfsup.measures.samples.knn import nearest, unit_rows
from selfsup.method import Method, Samples
from selfsup.model.encode import codes_of, encode_batches
from selfsup.model.latent import between, deviations, draw, sweep
from selfsup.training.baselines import Units

MAP_ROWS = 1_000
MADE = 256  # rows that are looked at together
SHOWN, FEW = 8, 4  # samples in the picture of seen / guessed / true; fewer where one has more values than LARGE
LARGE = 3 * 64 * 64
SIDE = 48  # larger images are made smaller for the pictures of what a decoder gives
ROOM = 160_000  # float32 values that those pictures may take in all
STEPS, UNITS, ATOMS, DRAWN, EXTREMES = 8, 6, 64, 16, 8
THUMB, THUMBS = 28, 1_200_000  # longest side of the pictures on a map, and bytes that these may take in all
ASKED, NEAR = 6, 5  # samples whose nearest are looked for, and how many of these
SCORED, DRAWS = 512, 8  # rows that are scored for a picture, and how often what is random is drawn


class Look(NamedTuple):
    """What is looked at: a trained method, samples that it was not trained on, and the statistics of its codes."""

    method: Method
    samples: Samples
    latent: dict[str, np.ndarray]
    device: torch.device

    def batch(self, rows: np.ndarray) -> Tensor:
        """Some samples (n, ...) on the device."""
        return self.samples[torch.from_numpy(rows)].to(self.device)


def pictures(
    method: Method, part: Any, latent: dict[str, np.ndarray], device: torch.device, seed: int = 0
) -> dict[str, np.ndarray]:
    """What the method saw, guessed and should have guessed for a few samples, and codes for a map.

    Parameters
    ----------
    part
        Held-out data (`selfsup.data.dataset.Part`).
    latent
        Statistics of the codes, where the method decodes.

    Returns
    -------
    dict
        ``input``, ``seen``, ``guess`` and ``answer`` of a few samples (a NamedTuple's fields as ``seen.field``); ``map_codes``
        (n, D) with ``map_labels`` (n,) where there are labels, which the report draws a map of, with pictures of some of its rows
        (`thumbnails`) and their nearest ones (`nearest_of`); and what `decoded` gives.
    """
    part = part.some(MAP_ROWS, np.random.default_rng(seed))
    look = Look(method, method.view(part), latent, device)
    rows = len(look.samples)  # of a text its views, which are fewer than its words
    few = min(rows, FEW if part.form.size > LARGE else SHOWN)
    # from all over the part, as folders of classes lie one after another
    x = look.batch(np.linspace(0, rows - 1, few).round().astype(np.int64))
    rng = torch.Generator(device=device).manual_seed(seed)
    with torch.no_grad():  # not inference mode: a guess may take a derivative of its own
        seen, hidden = method.hide(x, rng)
        guess, show = method.predict(seen), method.show
        shown = {
            "input": getattr(method, "bare", lambda x: x)(x),  # some views have labels behind the samples
            "seen": show(seen),
            "guess": show(guess),
            "answer": show(method.target(hidden)),
        }
    arrays = {name: array for key, tree in shown.items() for name, array in _flatten(key, tree)}
    if len(part) >= 3:
        arrays["map_codes"] = codes = codes_of(method, look.samples, device)
        if part.labels is not None and part.labels.ndim == 1:
            arrays["map_labels"] = part.labels
        if callable(getattr(part, "rows", None)) and len(codes) == len(part):  # a text has views, and no rows
            arrays |= thumbnails(part) | nearest_of(part, codes, device)
    return arrays | (decoded(look, np.arange(len(part)), part.form.shape, seed) if method.decodes() else {})


def as_shown(part: Any, places: np.ndarray, side: int = SIDE) -> np.ndarray:
    """Some rows of a part as a page shows them: images (n, C, h, w) uint8, made smaller; rows of a table (n, d) float32."""
    x = _small(part.rows()[torch.from_numpy(places)], side)
    return np.rint(255 * x.clip(0, 1)).astype(np.uint8) if x.ndim == 4 else x


def thumbnails(part: Any) -> dict[str, np.ndarray]:
    """Small pictures of as many rows as there is room for, from all over the part, where rows are pictures.

    Returns
    -------
    dict
        ``map_pictures`` (m, C, h, w) uint8 of the rows ``map_pictured`` (m,) int64.
    """
    if len(part.form.shape) != 3:
        return {}
    channels, *sides = part.form.shape
    share = min(1.0, THUMB / max(sides))
    most = int(THUMBS / (channels * max(1.0, share * sides[0]) * max(1.0, share * sides[1])))
    places = np.unique(np.linspace(0, len(part) - 1, min(len(part), most)).round().astype(np.int64))
    made = [as_shown(part, some, THUMB) for some in np.array_split(places, -(-len(places) // MADE))]
    return {"map_pictures": np.concatenate(made), "map_pictured": places}


def nearest_of(part: Any, codes: np.ndarray, device: torch.device) -> dict[str, np.ndarray]:
    """For a few rows from all over a part the nearest others, by codes and by the values themselves.

    Parameters
    ----------
    codes
        (n, D), of all rows.

    Returns
    -------
    dict
        ``near_asked`` (q, ...) the rows that are asked for, ``near_codes`` and ``near_raw`` (q, k, ...) their nearest ones, the
        nearest first; ``near_codes_alike`` and ``near_raw_alike`` (q, k) cosines; and where there are labels, one a sample,
        ``near_labels`` (q, 1 + 2 k) of all of them in this order. Values are what kNN takes for "raw input" (`Units`).
    """
    asked = np.unique(np.linspace(0, len(part) - 1, min(ASKED, len(part))).round().astype(np.int64))
    k, units, rows = min(NEAR, len(part) - 1), Units(part, device), part.rows()

    def raw(places: np.ndarray) -> np.ndarray:
        found: np.ndarray = units.raw(rows[torch.from_numpy(places)].to(device))["raw"].cpu().numpy()
        return found

    def cosines(values: Callable[[np.ndarray], np.ndarray]) -> Tensor:
        questions = unit_rows(values(asked))
        parts = np.array_split(np.arange(len(part)), -(-len(part) // MADE))
        alike = torch.cat([questions @ unit_rows(values(some)).T for some in parts], dim=1)  # (q, n)
        return alike.scatter(1, torch.from_numpy(asked)[:, None], -torch.inf)  # no row is its own neighbour

    found = {"near_asked": as_shown(part, asked)}
    places = [asked[:, None]]
    with torch.inference_mode():
        for name, values in (("codes", lambda some: codes[some]), ("raw", raw)):
            alike, near = nearest(cosines(values), k)
            places.append(near.numpy())
            shown = as_shown(part, near.numpy().ravel())
            found |= {
                f"near_{name}": shown.reshape(len(asked), k, *shown.shape[1:]),
                f"near_{name}_alike": alike.numpy(),
            }
    if part.labels is not None and part.labels.ndim == 1:
        found["near_labels"] = part.labels[np.concatenate(places, axis=1)]
    return found


def decoded(look: Look, rows: np.ndarray, shape: tuple[int, ...], seed: int = 0) -> dict[str, np.ndarray]:
    """What a decoder makes of codes, as small float32 arrays of samples in the scale that the method sees.

    Parameters
    ----------
    rows
        Numbers of held-out samples.
    shape
        Of one sample.

    Returns
    -------
    dict
        ``samples`` (n, ...) new ones; ``interpolation`` (pairs, steps, ...) between held-out samples; ``traversal`` (units,
        steps, ...) of the ``traversal_units`` with the largest deviations; ``atoms`` (n, ...) of the ``atoms_units`` that are
        active most often; ``score_low`` and ``score_high`` (n, ...), the least and the most normal samples, with
        ``score_low_values`` and ``score_high_values``. What the method or the data cannot give is left out.
    """
    counts = _counts(_small(look.samples[torch.from_numpy(rows[:1])]).size, hasattr(look.method, "atoms"))
    if not counts:
        return {}
    found: dict[str, np.ndarray] = {}
    some = rows[np.unique(np.linspace(0, len(rows) - 1, min(len(rows), SCORED)).astype(int))]
    with torch.inference_mode():
        with contextlib.suppress(OptionError):  # nothing to draw from
            rng = torch.Generator(device=look.device).manual_seed(seed)
            found["samples"] = _small(draw(look.method, look.latent, counts["samples"], rng))
        found |= _ways(look, rows, counts)
        found |= _atoms(look, some, counts["atoms"], shape)
        found |= _extremes(look, some, counts["extremes"], seed)
    return found


def _ways(look: Look, rows: np.ndarray, counts: dict[str, int]) -> dict[str, np.ndarray]:
    """What lies on the way from one code to another, and along single units."""

    def back(z: np.ndarray) -> np.ndarray:
        return _small(look.method.decode(torch.from_numpy(z).to(look.device)))

    found: dict[str, np.ndarray] = {}
    if len(rows) > 3:
        places = rows[np.linspace(0, len(rows) - 1, 4).astype(int)]  # apart, should the data be sorted
        ends = look.method.encode(look.batch(places)).float().cpu().numpy()
        pairs = [(ends[0], ends[2]), (ends[1], ends[3])][: counts["pairs"]]
        found["interpolation"] = np.stack([back(between(a, b, counts["steps"])) for a, b in pairs])
    if "mean" in look.latent:
        spread = deviations(look.latent)
        units = np.argsort(-spread, kind="stable")[: counts["units"]]
        units = units[spread[units] > 0]
        if len(units):
            found["traversal"] = np.stack([back(sweep(look.latent, unit, counts["steps"])) for unit in units.tolist()])
            found["traversal_units"] = units.astype(np.int64)
    return found


def _counts(size: int, atoms: bool) -> dict[str, int]:
    """How many of each picture there is room for; none where a sample is very large."""
    most = {"samples": DRAWN, "units": UNITS, "steps": STEPS, "atoms": ATOMS, "extremes": EXTREMES}
    share = ROOM / (size * (DRAWN + (UNITS + 2) * STEPS + ATOMS * atoms + 2 * EXTREMES))
    if share >= 1:
        return most | {"pairs": 2}
    least = {"samples": 4, "units": 2, "steps": 5, "atoms": 4, "extremes": 3}
    fit = {name: max(least[name], int(count * share)) for name, count in most.items()} | {"pairs": 1}
    return fit if size * (fit["samples"] + fit["steps"] * (fit["units"] + 1)) <= ROOM else {}


def _small(x: Tensor, most: int = SIDE) -> np.ndarray:
    """Samples (n, ...) float32; large images (n, C, H, W) made smaller by averaging."""
    x = x.float()
    if x.ndim == 4 and max(x.shape[2:]) > most:
        share = most / max(x.shape[2:])
        height, width = (max(1, round(share * side)) for side in x.shape[2:])
        x = torch.nn.functional.adaptive_avg_pool2d(x, (height, width))
    array: np.ndarray = x.cpu().numpy()
    return array


def _atoms(look: Look, rows: np.ndarray, most: int, shape: tuple[int, ...]) -> dict[str, np.ndarray]:
    """Atoms of the units that are active most often, of a method that has atoms."""
    atoms = getattr(look.method, "atoms", None)
    if not callable(atoms):
        return {}
    codes = encode_batches(
        lambda x: {"on": (look.method.encode(x) != 0)}, look.samples, look.device, torch.from_numpy(rows)
    )
    share = codes["on"].mean(0)
    units = np.argsort(-share, kind="stable")[:most]
    units = units[share[units] > 0]
    if not len(units):
        return {}
    chosen = atoms()[torch.from_numpy(units).to(look.device)].unflatten(1, shape)
    return {"atoms": _small(chosen), "atoms_units": units.astype(np.int64)}


def _extremes(look: Look, rows: np.ndarray, most: int, seed: int) -> dict[str, np.ndarray]:
    """The least and the most normal samples with their scores, lowest and highest first."""
    scores = np.concatenate([_scores(look, part, seed) for part in np.array_split(rows, -(-len(rows) // 64))])
    rows, scores = rows[np.isfinite(scores)], scores[np.isfinite(scores)]
    order = np.argsort(scores, kind="stable")
    count = min(most, len(order) // 2)
    found: dict[str, np.ndarray] = {}
    for name, places in (("score_low", order[:count]), ("score_high", order[::-1][:count])):
        if count:
            found[name] = _small(look.samples[torch.from_numpy(rows[places])])
            found[f"{name}_values"] = scores[places]
    return found


def _scores(look: Look, rows: np.ndarray, seed: int) -> np.ndarray:
    """Scores (n,) of a few rows; the same noise serves every call."""
    rng = torch.Generator(device=look.device).manual_seed(seed)
    scores: np.ndarray = look.method.score(look.batch(rows), rng, DRAWS).float().cpu().numpy()
    return scores


def _flatten(name: str, tree: Any) -> list[tuple[str, np.ndarray]]:
    """Named arrays of a tensor, or of a NamedTuple's fields."""
    if isinstance(tree, Tensor):
        return [(name, tree.cpu().numpy())]
    return [pair for field, part in zip(tree._fields, tree, strict=True) for pair in _flatten(f"{name}.{field}", part)]

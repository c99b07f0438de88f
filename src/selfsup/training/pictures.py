"""Pictures of a run: what the method saw, guessed and should have guessed, and what a decoder makes of codes."""

from __future__ import annotations

import contextlib
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from selfsup.errors import OptionError
from selfsup.method import Method, Samples
from selfsup.model.encode import codes_of, encode_batches
from selfsup.model.latent import between, deviations, draw, sweep

MAP_ROWS = 1_000
SHOWN, FEW = 8, 4  # samples in the picture of seen / guessed / true; fewer where one has more values than LARGE
LARGE = 3 * 64 * 64
SIDE = 48  # larger images are made smaller for the pictures of what a decoder gives
ROOM = 160_000  # float32 values that those pictures may take in all
STEPS, UNITS, ATOMS, DRAWN, EXTREMES = 8, 6, 64, 16, 8
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
        (n, D) with ``map_labels`` (n,) where there are labels, which the report draws a map of; and what `decoded` gives.
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
        arrays["map_codes"] = codes_of(method, look.samples, device)
        if part.labels is not None and part.labels.ndim == 1:
            arrays["map_labels"] = part.labels
    return arrays | (decoded(look, np.arange(len(part)), part.form.shape, seed) if method.decodes() else {})


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


def _small(x: Tensor) -> np.ndarray:
    """Samples (n, ...) float32; large images (n, C, H, W) made smaller by averaging."""
    x = x.float()
    if x.ndim == 4 and max(x.shape[2:]) > SIDE:
        share = SIDE / max(x.shape[2:])
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

"""What a code's space can be asked: samples from it, ways through it, and what one unit does."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from selfsup.data.tables.missing import ends
from selfsup.errors import DataError, OptionError
from selfsup.method import Method, Samples
from selfsup.system import memory

ROWS = 4_096  # of the training part, from which the codes' mean and covariance are measured
FIRST = 512  # rows encoded at once
VALUES = 1 << 22  # in all: of a wide code fewer rows are taken
WIDEST = 1_024  # a wider code keeps its deviations only
SPARSE = 0.5  # and so does one with more exact zeros: a Gaussian has none
REACH = 2.5  # deviations to either side that a traversal covers


def statistics(method: Method, samples: Samples, device: torch.device, *, whole: bool = True) -> dict[str, np.ndarray]:
    """Mean (D,) and covariance (D, D) of the first rows' codes, float32; a wide or sparse code has ``std`` (D,) instead.

    Of rows of a table also ``low`` and ``high`` (d,), the ends of each column, where the samples are all of the rows (`whole`).
    """
    with torch.inference_mode():
        first = method.encode(samples[torch.arange(min(len(samples), FIRST))].to(device))
        most = min(len(samples), max(FIRST, min(ROWS, VALUES // first.shape[1])))
        places = range(FIRST, most, FIRST)
        parts = [method.encode(samples[torch.arange(p, min(p + FIRST, most))].to(device)) for p in places]
    codes = torch.cat([part.double().cpu() for part in (first, *parts)])
    mean = codes.mean(0)
    centred = codes - mean
    if codes.shape[1] > WIDEST or bool((codes == 0).double().mean() > SPARSE):
        spread = {"std": centred.square().mean(0).sqrt()}
    else:
        spread = {"covariance": centred.T @ centred / len(codes)}
    return {name: value.float().numpy() for name, value in {"mean": mean, **spread}.items()} | (
        _ends(samples) if whole else {}
    )


def _ends(samples: Samples) -> dict[str, np.ndarray]:
    """Least and largest value (d,) of each column of a table, float32; missing ones do not count."""
    part = samples[torch.arange(min(len(samples), 1))]
    if part.ndim != 2 or not part.is_floating_point():
        return {}
    low, high = np.full((2, part.shape[1]), np.nan, np.float32)
    rows = max(1, VALUES // part.shape[1])
    for start in range(0, len(samples), rows):
        least, largest = ends(samples[slice(start, start + rows)].float().cpu().numpy())
        low, high = np.fmin(low, least), np.fmax(high, largest)
    limit = float(np.finfo(np.float32).max)  # of a column without any value
    return {"low": np.nan_to_num(low, nan=-limit), "high": np.nan_to_num(high, nan=limit)}


def within(x: np.ndarray, form: Any, codes: dict[str, np.ndarray]) -> np.ndarray:
    """Rebuilt rows (n, d) of a table, numbers held within the ends of their columns in training, where these are known."""
    low, high = codes.get("low"), codes.get("high")
    if low is None or high is None or x.shape[1:] != low.shape:
        return x
    if form.fields is not None:  # of a category the largest value decides, whatever it is
        number = np.concatenate([np.full(field.width, field.kind == "number") for field in form.fields])
        low, high = np.where(number, low, -np.inf), np.where(number, high, np.inf)
    held: np.ndarray = np.clip(x, low, high).astype(x.dtype)
    return held


def draw(method: Method, codes: dict[str, np.ndarray], n: int, rng: torch.Generator) -> Tensor:
    """New samples (n, ...): from the method's own distribution, else decoded from a Gaussian fitted to its codes.

    The Gaussian is fitted after training (ex-post density estimation, Ghosh et al. 2020).

    Raises
    ------
    OptionError
        If the method has neither.
    """
    if method.samples():
        return method.sample(n, rng)
    if not method.decodes():
        raise OptionError(f"{type(method).__name__} has nothing to draw samples from: it has no decoder")
    if "covariance" not in codes:
        raise OptionError(
            f"no Gaussian was fitted to this code of {len(codes.get('mean', ()))} values, which is very wide or sparse; "
            "use the method variational"
        )
    covariance = torch.from_numpy(codes["covariance"]).double()
    values, axes = torch.linalg.eigh(covariance)
    noise = torch.randn((n, len(values)), generator=rng, device=rng.device).double().cpu()
    z = noise * values.clamp(min=0).sqrt() @ axes.T + torch.from_numpy(codes["mean"])
    return method.decode(z.float().to(rng.device))


def deviations(codes: dict[str, np.ndarray]) -> np.ndarray:
    """Standard deviation (D,) of each unit."""
    if "std" in codes:
        return codes["std"]
    spread: np.ndarray = np.sqrt(np.clip(np.diag(codes["covariance"]), 0, None))
    return spread


def between(a: np.ndarray, b: np.ndarray, n: int) -> np.ndarray:
    """Codes (n, D) on the straight line from a (D,) to b (D,), both included."""
    if n < 2:
        raise OptionError(f"option 'n' must be at least 2, both ends; got {n}")
    _room(n, len(a))
    return np.linspace(a, b, n, dtype=np.float32)


def sweep(codes: dict[str, np.ndarray], unit: int, n: int, at: np.ndarray | None = None) -> np.ndarray:
    """Codes (n, D) in which one unit goes from low to high while the others stay at `at` (D,), or at their mean.

    Raises
    ------
    OptionError
        If there is no such unit.
    """
    mean = codes["mean"]
    if not 0 <= unit < len(mean):
        raise OptionError(f"option 'unit' must be from 0 to {len(mean) - 1}, the units of the code; got {unit}")
    if n < 2:
        raise OptionError(f"option 'n' must be at least 2, both ends; got {n}")
    _room(n, len(mean))
    found = np.tile(mean if at is None else at, (n, 1)).astype(np.float32)
    found[:, unit] = mean[unit] + np.linspace(-REACH, REACH, n) * deviations(codes)[unit]
    return found


def _room(n: int, width: int) -> None:
    """Say before they are made that so many codes do not fit in memory."""
    memory.check(12 * n * width, f"{n:,} codes of {width:,} values", "choose a smaller n")


def one(codes: np.ndarray, what: Any) -> np.ndarray:
    """The single code (D,) of a single sample."""
    if len(codes) != 1:
        raise DataError(f"{what} must be one sample; got {len(codes)}")
    row: np.ndarray = codes[0]
    return row

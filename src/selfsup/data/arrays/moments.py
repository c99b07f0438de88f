"""Statistics of the rows that are learnt from, in one pass, exact or in float64."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import torch
from torch import Tensor

from selfsup.data.arrays.rows import Rows
from selfsup.data.facts import Covariance, Moments
from selfsup.errors import DataError

ROWS = 8192  # of a product: large enough for the matrix product, small enough to stay near the cache
CHUNK = 1 << 17  # values at a time: a chunk in float64 stays in the processor's cache


def measure(samples: Rows) -> Moments:
    """Mean and deviation (divided by n) of every channel (C,) or column (d,), of the values as batches give them."""
    if samples.data.dtype == torch.uint8:
        return _of_bytes(samples)
    return _of_floats(samples)


def _chunks(samples: Rows) -> Iterator[np.ndarray]:
    """Raw rows in chunks: (b, C, H * W) of images, (b, d, 1) of vectors."""
    width = samples.data.shape[1]
    step = max(1, CHUNK // max(1, samples.data[0].numel()))
    for start in range(0, len(samples), step):
        part = slice(start, start + step)
        raw = samples.data[part] if samples.rows is None else samples.data.index_select(0, samples.rows[part])
        yield raw.cpu().numpy().reshape(len(raw), width, -1)


def _of_bytes(samples: Rows) -> Moments:
    """Count the 256 values of each channel: exact."""
    counts = np.zeros((samples.data.shape[1], 256), np.int64)
    for raw in _chunks(samples):
        for channel, count in enumerate(counts):
            count += np.bincount(raw[:, channel].reshape(-1), minlength=256)
    values = (np.arange(256) - samples.low) / (samples.high - samples.low)
    total = np.maximum(counts.sum(1), 1)
    mean = counts @ values / total
    spread = (counts * (values - mean[:, None]) ** 2).sum(1) / total
    there = values[counts.sum(0) > 0]
    unit = bool(there.min(initial=0.0) >= 0.0 and there.max(initial=0.0) <= 1.0)
    return Moments(mean.astype(np.float32), np.sqrt(spread).astype(np.float32), unit)


def _of_floats(samples: Rows) -> Moments:
    """Merge the chunks by their means and squared deviations, so that a large mean costs no digits.

    Missing values do not count; a column that has no others gets 0 and 0.
    """
    mean = squares = count = np.zeros(samples.data.shape[1])
    low, high = np.inf, -np.inf
    for raw in _chunks(samples):
        values = raw.astype(np.float64)
        part: np.ndarray = np.full(len(mean), float(values.shape[0] * values.shape[2]))
        centre = values.mean((0, 2))
        if np.isnan(centre).any():  # the mean has looked at every value: complete data are not looked at again
            there = ~np.isnan(values)
            part = there.sum((0, 2)).astype(np.float64)
            centre = np.where(there, values, 0.0).sum((0, 2)) / np.maximum(part, 1.0)
            low, high = min(low, np.where(there, raw, np.inf).min()), max(high, np.where(there, raw, -np.inf).max())
            values = np.where(there, values - centre[:, None], 0.0)
        else:
            low, high = min(low, raw.min()), max(high, raw.max())
            values -= centre[:, None]
        apart, total = centre - mean, count + part
        squares = squares + np.einsum("bcp,bcp->c", values, values) + apart**2 * (count * part / np.maximum(total, 1))
        mean = mean + apart * (part / np.maximum(total, 1))
        count = total
    scale = samples.high - samples.low
    deviation = np.sqrt(squares / np.maximum(count, 1)) / scale
    unit = (low - samples.low) / scale >= 0.0 and (high - samples.low) / scale <= 1.0
    return Moments(((mean - samples.low) / scale).astype(np.float32), deviation.astype(np.float32), bool(unit))


def covariance(samples: Rows) -> Covariance:
    """Mean (d,) and covariance (d, d) of the flattened samples, float64, divisor n, in one pass, where the samples are."""
    starts = range(0, len(samples), ROWS)
    return covariance_of_chunks(samples[slice(start, start + ROWS)].flatten(1) for start in starts)


def covariance_of_chunks(chunks: Iterable[Tensor]) -> Covariance:
    """Mean (d,), covariance (d, d) and number of the rows of chunks (b, d) that need not fit in memory together.

    Products are formed in float32 around a pivot (the mean of the first chunk), so that a large offset costs no
    digits, and summed over chunks in float64.

    Raises
    ------
    DataError
        If there is no chunk.
    """
    pivot = total = products = centred = None
    rows = 0
    for x in chunks:
        if pivot is None or total is None or products is None or centred is None:
            pivot = x.mean(0)  # (d,)
            total = torch.zeros_like(pivot, dtype=torch.float64)
            products = torch.zeros(len(pivot), len(pivot), dtype=torch.float64, device=pivot.device)
            centred = torch.empty_like(x)  # one buffer for all chunks: fresh memory costs more than the subtraction
        if len(x) > len(centred):
            centred = torch.empty_like(x)
        part = torch.sub(x, pivot, out=centred[: len(x)])
        total += part.sum(0)
        products += _gram(part)
        rows += len(x)
    if pivot is None or total is None or products is None:
        raise DataError("the data are empty: there is no row to learn from")
    offset = total / rows
    return Covariance(pivot.double() + offset, products / rows - torch.outer(offset, offset), rows)


def _gram(x: Tensor) -> Tensor:
    if x.device.type == "cpu":
        rows = x.numpy()
        return torch.from_numpy(np.matmul(rows.T, rows))  # NumPy sees the symmetry and does half the work (syrk)
    return x.T @ x

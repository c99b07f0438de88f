"""Statistics of the rows that are learnt from, in one pass, exact or in float64."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import torch
from torch import Tensor

from selfsup.data.arrays.passes import Chunks, Passes
from selfsup.data.arrays.rows import Rows
from selfsup.data.facts import Covariance, Moments, room_for_matrix
from selfsup.errors import DataError
from selfsup.system import memory
from selfsup.system.signals import heard

ROWS = 8192  # of a product: large enough for the matrix product, small enough to stay near the cache
LONG = 1e9  # multiplications of a product from which on it must not keep a signal waiting
CHUNK = 1 << 17  # values at a time: a chunk in float64 stays in the processor's cache
MANY = 4096  # of both rows and values, from which on the rows are gone through again and again instead
PASSED = 1 << 22  # values at a time of such a pass


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
    """Mean (d,) and covariance (d, d) of the flattened samples, float64, divisor n, where the samples are; in one pass if they
    are few or narrow.
    """

    def chunks(step: int) -> Iterator[Tensor]:
        return (samples[slice(start, start + step)].flatten(1) for start in range(0, len(samples), step))

    size = samples.data[:1].flatten(1).shape[1]
    if min(len(samples), size) <= MANY:
        return covariance_of_chunks(chunks(ROWS))
    step = max(1, PASSED // size)
    sums = _Spread(samples[slice(0, step)].flatten(1), lambda: chunks(step))
    for x in chunks(step):
        sums.add(x)
    return sums.found(len(samples))


def covariance_of_chunks(chunks: Iterable[Tensor], again: Chunks | None = None) -> Covariance:
    """Mean, covariance and number of the rows of chunks (b, d) that need not fit in memory together.

    Products are formed in float32 around a pivot (the mean of the first chunk), so that a large offset costs no
    digits, and summed over chunks in float64. Rows that stay fewer than their values are kept instead, in float64.

    Parameters
    ----------
    again
        Begins another pass over the same rows. Then many wide ones are not kept, nor are products formed now: the rows are
        gone through once for each product that is needed (`selfsup.data.arrays.passes`).

    Raises
    ------
    DataError
        If there is no chunk, or the products do not fit in memory.
    """
    few: list[Tensor] = []  # chunks, as long as the rows are fewer than the values
    sums: _Sums | _Spread | None = None
    rows = 0
    for x in chunks:
        rows += len(x)
        many = again is not None and min(rows, x.shape[1]) > MANY
        if sums is None and rows < x.shape[1] and not many:
            few.append(x.clone())  # its memory may be the caller's
            continue
        if sums is None:
            first = few[0] if few else x
            sums = _Spread(first, again) if many and again is not None else _Sums(first)
            while few:
                sums.add(few.pop(0))
        sums.add(x)
    if sums is not None:
        return sums.found(rows)
    if not rows:
        raise DataError("the data are empty: there is no row to learn from")
    return _of_few(few, rows)


class _Spread:
    """Sums over chunks of what lies around a pivot, and of its squares."""

    def __init__(self, first: Tensor, again: Chunks) -> None:
        self.again = again
        self.pivot = first.mean(0)  # (d,)
        self.buffer = torch.empty_like(first)
        self.total, self.squares = torch.zeros(2, len(self.pivot), dtype=torch.float64, device=first.device)

    def add(self, x: Tensor) -> None:
        if len(x) > len(self.buffer):
            self.buffer = torch.empty_like(x)
        part = torch.sub(x, self.pivot, out=self.buffer[: len(x)])
        self.total += part.sum(0)
        self.squares += part.square_().sum(0)

    def found(self, rows: int) -> Covariance:
        offset = (self.total / rows).cpu()
        spread = (self.squares.cpu() / rows - offset.square()).clamp(min=0)
        mean = self.pivot.cpu().double() + offset
        return Passes(mean, spread, rows, self.again, lambda: covariance_of_chunks(self.again()))


class _Sums:
    """Sums over chunks of what lies around a pivot, and of its products."""

    def __init__(self, first: Tensor) -> None:
        room_for_matrix(first.shape[1])
        self.pivot = first.mean(0)  # (d,)
        self.total = torch.zeros_like(self.pivot, dtype=torch.float64)
        self.products = self.total.new_zeros(len(self.pivot), len(self.pivot))
        self.buffer = torch.empty_like(first)  # one for all chunks: fresh memory costs more than the subtraction

    def add(self, x: Tensor) -> None:
        if len(x) > len(self.buffer):
            self.buffer = torch.empty_like(x)
        part = torch.sub(x, self.pivot, out=self.buffer[: len(x)])
        self.total += part.sum(0)
        self.products += heard(_gram, part) if len(x) * x.shape[1] ** 2 > LONG else _gram(part)

    def found(self, rows: int) -> Covariance:
        offset = self.total / rows
        return Covariance(
            self.pivot.double() + offset, self.products.div_(rows).sub_(torch.outer(offset, offset)), rows
        )


def _of_few(chunks: list[Tensor], rows: int) -> Covariance:
    """Of fewer rows than values: the rows themselves, centred."""
    size = chunks[0].shape[1]
    what = f"{rows:,} rows of {size:,} values, and their products with each other,"
    memory.check(16 * rows * size + 24 * rows * rows, what, "use fewer rows (limit) or smaller images")
    x = torch.cat([chunk.double() for chunk in chunks])
    mean = x.mean(0)
    return Covariance(mean, None, rows, centred=x.sub_(mean))


def _gram(x: Tensor) -> Tensor:
    if x.device.type == "cpu":
        rows = x.numpy()
        return torch.from_numpy(np.matmul(rows.T, rows))  # NumPy sees the symmetry and does half the work (syrk)
    return x.T @ x

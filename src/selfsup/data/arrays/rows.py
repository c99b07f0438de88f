"""Rows in memory, indexed by a tensor of row numbers."""

from __future__ import annotations

import warnings

import numpy as np
import torch
from torch import Tensor

SHARE = 0.5  # of an accelerator's free memory that the data may take; the rest is for training
PROBED, LEAST_PROBED = 512, 64  # held-out rows on which loss and gap are measured after every epoch
PROBED_SHARE = 0.1  # of the rows learnt from, between the two: on small data measuring would cost as much as training
CHUNK = 1 << 24  # values at a time on the way to an accelerator


def as_tensor(array: np.ndarray) -> Tensor:
    """View the array as a tensor without a copy; a read-only array is fine, nobody writes into it."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*not writable.*", category=UserWarning)
        return torch.from_numpy(array)


class Rows:
    """Rows of a data set as solvers see them (`selfsup.method.Samples`).

    Parameters
    ----------
    data
        All rows, (n, ...) uint8 or float32; kept as it is, without a copy.
    low, high
        A float32 batch is (data - low) / (high - low); 0 and 1 leave it as it is.
    rows
        Row numbers (m,) int64 to select; None for all. On the CPU the selection copies nothing.
    device
        Where batches come out.
    """

    def __init__(
        self,
        data: Tensor,
        low: float = 0.0,
        high: float = 1.0,
        rows: Tensor | None = None,
        device: torch.device | None = None,
    ) -> None:
        self.data = data
        self.low = low
        self.high = high
        self.rows = rows
        self.device = device if device is not None else data.device

    def __len__(self) -> int:
        return len(self.data) if self.rows is None else len(self.rows)

    def __getitem__(self, rows: Tensor | slice) -> Tensor:
        """Batch (B, ...) float32 of the rows (B,) int64, on the device; a slice of float32 vectors may be a view."""
        if isinstance(rows, slice):
            raw = self.data[rows] if self.rows is None else self.data.index_select(0, self.rows[rows])
        else:
            # on the way to a GPU nobody waits for what it has still to do
            rows = rows.to(self.data.device, non_blocking=self.data.is_cuda)
            raw = self.data.index_select(0, rows if self.rows is None else self.rows.index_select(0, rows))
        if raw.device != self.device:
            raw = self._move(raw)
        if self.low == 0.0 and self.high == 1.0:
            return raw.float()
        batch = raw.float()
        if batch.data_ptr() == raw.data_ptr() and isinstance(rows, slice):
            batch = batch.clone()  # a view of the user's data: never written into
        if self.low != 0.0:
            batch.sub_(self.low)
        return batch.div_(self.high - self.low)

    def probe(self, learnt: int) -> Tensor:
        """Numbers of the rows on which loss and gap are measured where so many are learnt from: the first, in their order."""
        return torch.arange(min(len(self), PROBED, max(LEAST_PROBED, int(PROBED_SHARE * learnt))))

    def _move(self, raw: Tensor) -> Tensor:
        """Move a batch that is still raw: uint8 is a quarter of the bytes."""
        if self.device.type == "cuda":
            return raw.pin_memory().to(self.device, non_blocking=True)
        return raw.to(self.device)

    def to(self, device: torch.device) -> Rows:
        """Give the same rows on the device: moved at once where they fit, else batch by batch."""
        device = torch.device(device)
        if device == self.device or (device.type == self.device.type and device.index is None):
            return self
        if device.type == "cpu" or not _fits(self.data, len(self), device):
            return Rows(self.data, self.low, self.high, self.rows, device)
        moved = torch.empty((len(self), *self.data.shape[1:]), dtype=self.data.dtype, device=device)
        step = max(1, CHUNK // max(1, self.data[0].numel()))
        for start in range(0, len(self), step):  # in chunks: a selection is never copied as a whole on the CPU
            part = slice(start, start + step)
            moved[part] = self.data[part] if self.rows is None else self.data.index_select(0, self.rows[part])
        return Rows(moved, self.low, self.high, None, moved.device)


def _fits(data: Tensor, rows: int, device: torch.device) -> bool:
    """Whether the rows leave enough of the accelerator's memory for training."""
    if device.type != "cuda":
        return True
    free, _ = torch.cuda.mem_get_info(device)
    return rows * data[0].numel() * data.element_size() <= SHARE * free

"""Windows of a numbered text as samples, and which of them loss and gap are measured on."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

PROBE = 1_000  # windows on which loss and gap are measured


class Windows:
    """Windows (B, 2 w + 1) of word numbers around every word, -1 beyond its sentence (`selfsup.method.Samples`)."""

    def __init__(self, ids: np.ndarray, window: int) -> None:
        self.ids, self.window = ids, window
        self.places = np.flatnonzero(ids >= 0)

    def __len__(self) -> int:
        return len(self.places)

    def __getitem__(self, rows: Tensor | slice) -> Tensor:
        """Windows of the rows (B,)."""
        middle = self.places[rows.cpu().numpy() if isinstance(rows, Tensor) else rows]
        at = middle[:, None] + np.arange(-self.window, self.window + 1)
        found = np.where((at >= 0) & (at < len(self.ids)), self.ids[at.clip(0, len(self.ids) - 1)], -1)
        inside = found >= 0
        left = np.logical_and.accumulate(inside[:, self.window :: -1], 1)[:, ::-1]  # up to the sentence's border
        right = np.logical_and.accumulate(inside[:, self.window :], 1)
        found[~np.hstack([left[:, :-1], right])] = -1
        return torch.from_numpy(found.astype(np.int64))

    def to(self, device: torch.device) -> Windows:
        """The same: look-ups stay where the text is."""
        return self


def probed(window: int) -> int:
    """On how many windows loss and gap are measured: fewer of large ones, as it is the words in them that count."""
    return max(PROBE // 20, min(PROBE, 10 * PROBE // window))


def spread(rows: int, most: int) -> np.ndarray:
    """At most so many row numbers, evenly spread."""
    return np.unique(np.linspace(0, rows - 1, min(rows, most)).astype(np.int64))

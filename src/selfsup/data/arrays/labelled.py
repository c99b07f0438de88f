"""Rows with their labels: the view of a method that learns from them."""

from __future__ import annotations

import torch
from torch import Tensor

from selfsup.data.arrays.rows import Rows


class Labelled:
    """Rows of a data set, flat, with one value more: the place of the label (`selfsup.method.Samples`).

    Parameters
    ----------
    rows
        The samples.
    places
        Of the labels among the classes, (m,) float32: whole numbers, exact below 2**24.
    """

    def __init__(self, rows: Rows, places: Tensor) -> None:
        self.rows, self.places = rows, places

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, rows: Tensor | slice) -> Tensor:
        """Batch (B, d + 1) float32."""
        numbers = rows if isinstance(rows, slice) else rows.to(self.places.device)
        x, places = self.rows[rows].flatten(1), self.places[numbers]
        return torch.cat([x, places[:, None].to(x.device)], 1)

    def probe(self, learnt: int) -> Tensor:
        """Numbers of the rows on which loss and gap are measured; see `Rows.probe`."""
        return self.rows.probe(learnt)

    def to(self, device: torch.device) -> Labelled:
        """The same rows on the device, where they fit."""
        return Labelled(self.rows.to(device), self.places.to(device))

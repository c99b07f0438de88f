"""Views of a numbered text as samples (`selfsup.method.Samples`), and which of them loss and gap are measured on.

Look-ups stay where the text is, which may be larger than memory; each batch is moved to the device.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np

from selfsup.data.text.cooccurrence import Cooccurrence
from selfsup.lazy import torch

PROBE = 1_000  # windows on which loss and gap are measured


class _View:
    """Samples that are looked up on the CPU."""

    device: torch.device | None = None  # where batches come out; None is the CPU
    most = PROBE  # samples on which loss and gap are measured

    def __len__(self) -> int:
        raise NotImplementedError

    def look_up(self, rows: np.ndarray | slice) -> np.ndarray:
        """The batch of some rows (B,)."""
        raise NotImplementedError

    def __getitem__(self, rows: torch.Tensor | slice) -> torch.Tensor:
        """The batch of the rows (B,) int64, on the device."""
        found = torch.from_numpy(self.look_up(rows if isinstance(rows, slice) else rows.cpu().numpy()))
        return found if self.device is None else found.to(self.device)

    def moved(self, device: torch.device | None) -> None:
        """Let batches come out on the device."""
        self.device = None if device is None or torch.device(device).type == "cpu" else torch.device(device)

    def probe(self, learnt: int) -> torch.Tensor:
        """Numbers (m,) int64 of the samples on which loss and gap are measured: evenly spread, however many are learnt from."""
        return torch.from_numpy(spread(len(self), self.most))


class Windows(_View):
    """Windows (B, 2 w + 1) int64 of word numbers around every word, -1 beyond its sentence."""

    def __init__(self, ids: np.ndarray, window: int, device: torch.device | None = None) -> None:
        self.ids, self.window = ids, window
        self.most = probed(window)
        self.moved(device)

    def __len__(self) -> int:
        return int(np.count_nonzero(self.ids >= 0))

    @cached_property
    def places(self) -> np.ndarray:
        """Where the words are (n,): eight bytes a word, so of a text that is only counted they are not found."""
        return np.flatnonzero(self.ids >= 0)

    def look_up(self, rows: np.ndarray | slice) -> np.ndarray:
        """Windows of the rows (B,)."""
        middle = self.places[rows]
        at = middle[:, None] + np.arange(-self.window, self.window + 1)
        found = np.where((at >= 0) & (at < len(self.ids)), self.ids[at.clip(0, len(self.ids) - 1)], -1)
        inside = found >= 0
        left = np.logical_and.accumulate(inside[:, self.window :: -1], 1)[:, ::-1]  # up to the sentence's border
        right = np.logical_and.accumulate(inside[:, self.window :], 1)
        found[~np.hstack([left[:, :-1], right])] = -1
        return found.astype(np.int64)

    def to(self, device: torch.device) -> Windows:
        """The same windows, on the device."""
        return Windows(self.ids, self.window, device)


class Sequences(_View):
    """Sentences (B, n) int64 of word numbers, -1 after their end; a longer sentence is cut into pieces of n words."""

    def __init__(self, ids: np.ndarray, length: int, device: torch.device | None = None) -> None:
        self.ids, self.length = ids, length
        borders = np.flatnonzero(ids < 0)
        begins, ends = np.append(0, borders + 1), np.append(borders, len(ids))
        pieces = -(-(ends - begins) // length)  # none of a sentence without words
        within = np.arange(pieces.sum()) - np.repeat(np.cumsum(pieces) - pieces, pieces)
        self.begins = np.repeat(begins, pieces) + length * within
        self.sizes = np.minimum(np.repeat(ends, pieces) - self.begins, length)
        self.most = probed(length)
        self.moved(device)

    def __len__(self) -> int:
        return len(self.begins)

    def look_up(self, rows: np.ndarray | slice) -> np.ndarray:
        """Sentences of the rows (B,)."""
        place = np.arange(self.length)
        at = self.begins[rows][:, None] + place
        inside = place < self.sizes[rows][:, None]
        return np.where(inside, self.ids[at.clip(max=len(self.ids) - 1)], -1).astype(np.int64)

    def to(self, device: torch.device) -> Sequences:
        """The same sentences, on the device."""
        return Sequences(self.ids, self.length, device)


class Passages(_View):
    """Pieces (B, n) int64 of the text, one after another and of about one length: word numbers, and -1 between sentences.

    Parameters
    ----------
    across
        Whether they run on over the ends of sentences. Otherwise each lies within one, and one of a single word is none; None:
        they do where sentences are shorter than a piece, on average.
    """

    def __init__(
        self, ids: np.ndarray, length: int, across: bool | None = None, device: torch.device | None = None
    ) -> None:
        self.ids, self.length = ids, length
        borders = np.flatnonzero(ids < 0)
        self.across = len(ids) < length * (len(borders) + 1) if across is None else across
        begins, ends = np.zeros(1, np.int64), np.array([len(ids)])
        if not self.across:
            begins, ends = np.append(0, borders + 1), np.append(borders, len(ids))
            begins, ends = (part[ends - begins > 1] for part in (begins, ends))
        pieces = -(-(ends - begins) // length)
        within = np.arange(pieces.sum()) - np.repeat(np.cumsum(pieces) - pieces, pieces)
        whole = np.repeat(ends - begins, pieces), np.repeat(pieces, pieces), np.repeat(begins, pieces)
        self.begins, self.ends = (whole[2] + (within + k) * whole[0] // whole[1] for k in (0, 1))
        self.most = probed(length)
        self.moved(device)

    def __len__(self) -> int:
        return len(self.begins)

    def look_up(self, rows: np.ndarray | slice) -> np.ndarray:
        """Pieces of the rows (B,), filled with -1."""
        at = self.begins[rows][:, None] + np.arange(self.length)
        inside = at < self.ends[rows][:, None]
        return np.where(inside, self.ids[at.clip(max=len(self.ids) - 1)], -1).astype(np.int64)

    def to(self, device: torch.device) -> Passages:
        """The same pieces, on the device."""
        return Passages(self.ids, self.length, self.across, device)


class Pairs(_View):
    """Pairs of words (B, 3) float32: row, column, and how often they stand near each other, nearer ones counting more."""

    def __init__(self, counted: Cooccurrence, device: torch.device | None = None) -> None:
        self.counted = counted
        self.moved(device)

    def __len__(self) -> int:
        return len(self.counted.rows)

    def look_up(self, rows: np.ndarray | slice) -> np.ndarray:
        """Pairs of the rows (B,)."""
        return np.stack([part[rows].astype(np.float32) for part in self.counted], 1)

    def to(self, device: torch.device) -> Pairs:
        """The same pairs, on the device."""
        return Pairs(self.counted, device)


def probed(window: int) -> int:
    """On how many windows loss and gap are measured: fewer of large ones, as it is the words in them that count."""
    return max(PROBE // 20, min(PROBE, 10 * PROBE // window))


def spread(rows: int, most: int) -> np.ndarray:
    """At most so many row numbers, evenly spread; none of none."""
    return np.unique(np.linspace(0, rows - 1, min(rows, most)).astype(np.int64))

"""Jigsaw puzzles: in which order do these patches make the picture?"""

from __future__ import annotations

import math
from functools import lru_cache
from itertools import permutations as all_orders
from typing import Annotated, Any, ClassVar, Literal, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from selfsup.errors import OptionError
from selfsup.method import About, Recipe, Terms, Tree
from selfsup.methods.patchwise import EMBEDDED, Patchwise
from selfsup.options import Range

USUAL = 100  # orders to tell apart, where the grid has so many
DEEP = 256  # hidden units of the head


class Puzzles(NamedTuple):
    """Patches of a grid (B, N, C, P, P), and orders of them (B, M, N): the number of the patch that lies in each cell."""

    patches: Tensor
    orders: Tensor


class Jigsaw(Patchwise):
    """Predict in which of a set of orders the patches of an image were laid out.

    Hides where the parts of an image belong (Noroozi & Favaro 2016). The patches of a grid are cut with gaps and jitter and each
    is encoded once; several orders of them are drawn from a set whose members differ in as many cells as can be. All patches are
    seen at once, so what single ones cannot tell others may.

    Parameters
    ----------
    cells
        Cells to a side of the grid: 3, or 2 for small images.
    permutations
        Orders in the set; by default 100, or the 24 that there are of 2 x 2 cells.
    puzzles
        Orders that are drawn for each image.
    """

    sees = "the patches of the image in another order"
    hides = "which order it is"
    recipe: ClassVar[Recipe] = {"steps": 3000, "batch_size": 64, "lr": 2e-3, "weight_decay": 1e-2}

    orders: Tensor

    def __init__(
        self,
        cells: Literal[2, 3] = 3,
        permutations: Annotated[int, Range(2)] | None = None,
        puzzles: Annotated[int, Range(1)] = 8,
        **shared: Any,
    ) -> None:
        super().__init__(**shared)
        self.grid, self.permutations, self.puzzles = cells, permutations, puzzles

    def build(self, about: About) -> None:
        """Make the encoder, the set of orders and a head that takes all patches of a grid."""
        super().build(about)
        cells = self.grid**2
        count = self.permutations or min(USUAL, math.factorial(cells))
        self.register_buffer("orders", torch.tensor(far_apart(cells, count)), persistent=False)  # (K, N)
        self.head = nn.Sequential(
            nn.Linear(cells * EMBEDDED, DEEP, bias=False), nn.BatchNorm1d(DEEP), nn.ReLU(), nn.Linear(DEEP, count)
        )

    def hide(self, x: Tensor, rng: torch.Generator) -> tuple[Puzzles, Tensor]:
        """X (B, C, H, W) to patches with orders of them, and which orders these are (B, M)."""
        patches = self.patches(x, rng)
        which = torch.randint(0, len(self.orders), (len(x), self.puzzles), generator=rng, device=x.device)
        return Puzzles(patches, self.orders[which]), which

    def predict(self, seen: Puzzles) -> Tensor:
        """Scores (B, M puzzles, K orders)."""
        codes = self.embed(seen.patches)  # (B, N, E)
        row = torch.arange(len(codes), device=codes.device)[:, None, None]
        laid = codes[row, seen.orders].flatten(2)  # (B, M, N * E)
        guess: Tensor = self.head(laid.flatten(0, 1)).unflatten(0, laid.shape[:2])
        return guess

    def loss(self, guess: Tensor, answer: Tensor) -> Terms:
        """Cross-entropy in nats, mean over an image's puzzles: (B,)."""
        each = F.cross_entropy(guess.flatten(0, 1), answer.flatten(), reduction="none")
        return {"order": each.view(answer.shape).mean(1)}

    def show(self, part: Tree) -> Tree:
        """Of what is seen the patches as the first puzzle lays them out."""
        if not isinstance(part, Puzzles):
            return part
        return part.patches[torch.arange(len(part.patches), device=part.patches.device)[:, None], part.orders[:, 0]]

    def measures(self, x: Tensor) -> dict[str, float]:
        """Share of the puzzles whose order is guessed right; by chance one in as many as there are orders."""
        seen, hidden = self.hide(x, torch.Generator(device=x.device).manual_seed(0))
        return {"accuracy": float((self.predict(seen).argmax(2) == hidden).float().mean())}


@lru_cache(maxsize=8)
def far_apart(cells: int, count: int, seed: int = 0) -> np.ndarray:
    """Orders of so many cells that differ from each other in as many of them as a greedy choice finds.

    The first is drawn; each next one has the largest least Hamming distance to those before, of equals the largest mean one (the
    paper's algorithm 1, sections 3.2 and 4.2, goes by the mean alone, which may take an order that is close to an earlier one).

    Parameters
    ----------
    cells
        At most 9.
    count
        Of orders.

    Returns
    -------
    numpy.ndarray
        (count, cells) int64.

    Raises
    ------
    OptionError
        If there are not so many.
    """
    if count > math.factorial(cells):
        raise OptionError(
            f"option 'permutations' must be at most {math.factorial(cells)}, the orders of {cells} cells; got {count}"
        )
    every = np.array(
        list(all_orders(range(cells))), np.uint8
    ).T.copy()  # (cells, cells!): whole rows are compared at once
    place = int(np.random.default_rng(seed).integers(every.shape[1]))
    least, whole = np.full(every.shape[1], cells, np.uint8), np.zeros(every.shape[1], np.int32)
    chosen = []
    for _ in range(count):
        chosen.append(place)
        distance = np.zeros_like(least)
        for cell in every:
            distance += cell != cell[place]
        np.minimum(least, distance, out=least)
        whole += distance
        place = int(np.argmax(np.where(least == least.max(), whole, -1)))
    found = every.T[chosen].astype(np.int64)
    found.flags.writeable = False
    return found

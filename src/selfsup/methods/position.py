"""Relative position: where does this patch lie beside that one?"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from selfsup.method import About, Recipe, Terms, Tree
from selfsup.methods.patchwise import EMBEDDED, Patchwise
from selfsup.options import Range

STEPS = ((-1, -1), (-1, 0), (-1, 1), (0, -1), (0, 1), (1, -1), (1, 0), (1, 1))  # class -> rows down, columns right
DEEP = 256  # hidden units of the head


class Pairs(NamedTuple):
    """Patches of a grid (B, 9, C, P, P), and the numbers of the first and the second of each pair (B, M, 2)."""

    patches: Tensor
    pairs: Tensor


class Position(Patchwise):
    """Predict in which of eight directions one patch of an image lies beside another.

    Hides how the parts of an image lie to each other (Doersch, Gupta & Efros 2015). Nine patches are cut from a grid in each
    image, with gaps and jitter, and each is encoded once; many pairs of neighbours are drawn of them. It helps where pictures
    show things whose parts have their places: photographs, best of 64 pixels and more.

    Parameters
    ----------
    pairs
        Pairs of neighbours that are drawn in each image.
    """

    sees = "two patches of the image"
    hides = "in which direction the second lies beside the first"
    recipe: ClassVar[Recipe] = {"steps": 3000, "batch_size": 64, "lr": 2e-3, "weight_decay": 1e-2}

    starts: Tensor

    def __init__(self, pairs: Annotated[int, Range(1)] = 32, **shared: Any) -> None:
        super().__init__(**shared)
        self.pairs = pairs

    def build(self, about: About) -> None:
        """Make the encoder and a head that takes two patches."""
        super().build(about)
        self.first, self.second = (nn.Linear(EMBEDDED, DEEP, bias=False) for _ in range(2))
        self.head = nn.Sequential(nn.BatchNorm1d(DEEP), nn.ReLU(), nn.Linear(DEEP, len(STEPS)))
        self.register_buffer("starts", first_cells(self.grid), persistent=False)

    def hide(self, x: Tensor, rng: torch.Generator) -> tuple[Pairs, Tensor]:
        """X (B, C, H, W) to patches with pairs of them, and the directions (B, M), drawn for each pair."""
        patches = self.patches(x, rng)
        shape = (len(x), self.pairs)
        direction = torch.randint(0, len(STEPS), shape, generator=rng, device=x.device)
        many = (self.starts >= 0).sum(1)[direction]  # (B, M): first patches that have such a neighbour
        place = (torch.rand(shape, generator=rng, device=x.device) * many).long()
        first = self.starts[direction, place]
        steps = torch.tensor([down * self.grid + right for down, right in STEPS], device=x.device)
        return Pairs(patches, torch.stack([first, first + steps[direction]], dim=2)), direction

    def predict(self, seen: Pairs) -> Tensor:
        """Scores (B, M pairs, 8 directions)."""
        codes = self.embed(seen.patches)  # (B, 9, E)
        row = torch.arange(len(codes), device=codes.device)[:, None]
        first, second = self.first(codes), self.second(codes)  # the layer on both beside each other, taken apart
        fused = first[row, seen.pairs[..., 0]] + second[row, seen.pairs[..., 1]]  # (B, M, DEEP)
        guess: Tensor = self.head(fused.flatten(0, 1)).unflatten(0, fused.shape[:2])
        return guess

    def loss(self, guess: Tensor, answer: Tensor) -> Terms:
        """Cross-entropy in nats, mean over an image's pairs: (B,)."""
        each = F.cross_entropy(guess.flatten(0, 1), answer.flatten(), reduction="none")
        return {"direction": each.view(answer.shape).mean(1)}

    def show(self, part: Tree) -> Tree:
        """Of what is seen the patches; the pairs are numbers of them."""
        return part.patches if isinstance(part, Pairs) else part

    def measures(self, x: Tensor) -> dict[str, float]:
        """Share of the pairs whose direction is guessed right; by chance an eighth."""
        seen, hidden = self.hide(x, torch.Generator(device=x.device).manual_seed(0))
        return {"accuracy": float((self.predict(seen).argmax(2) == hidden).float().mean())}


def first_cells(grid: int) -> Tensor:
    """Numbers of the patches of a grid that have a neighbour in each direction (8, most), filled up with -1."""
    found = [
        [r * grid + c for r in range(grid) for c in range(grid) if 0 <= r + down < grid and 0 <= c + right < grid]
        for down, right in STEPS
    ]
    most = max(map(len, found))
    return torch.tensor([row + [-1] * (most - len(row)) for row in found])

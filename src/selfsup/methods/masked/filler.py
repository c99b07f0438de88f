"""A narrow transformer that guesses patches from those that were seen: MAE's decoder and I-JEPA's predictor."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from selfsup.nets.vit import Block, waves


class Filler(nn.Module):
    """Tokens that were seen, and one that is the same for all patches that are asked for, each with its place.

    Parameters
    ----------
    fan_in, fan_out
        Values of a token that was seen, and of a guess.
    grid
        Rows and columns of patches.
    width
        Of the tokens within, a multiple of 4.
    depth
        Transformer blocks.
    """

    places: Tensor

    def __init__(self, fan_in: int, fan_out: int, grid: tuple[int, int], width: int, depth: int) -> None:
        super().__init__()
        self.into, self.out = nn.Linear(fan_in, width), nn.Linear(width, fan_out)
        self.blocks = nn.Sequential(*(Block(width) for _ in range(depth)))
        self.norm = nn.LayerNorm(width, 1e-6)
        # by their fans, as in MAE's code: a narrow net that begins at 0.02 hardly moves at first
        for part in self.modules():
            if isinstance(part, nn.Linear):
                nn.init.xavier_uniform_(part.weight)
                nn.init.zeros_(part.bias)
        nn.init.trunc_normal_(self.out.weight, std=0.02)  # first guesses are near 0, the mean
        self.asked = nn.Parameter(0.02 * torch.randn(width))
        self.register_buffer("places", waves(width, *grid)[0].flatten(1).T.contiguous(), persistent=False)  # (N, width)

    def forward(self, seen: Tensor, at: Tensor, wanted: Tensor) -> Tensor:
        """Tokens (B, K, fan_in) at places (B, K) to guesses (B, M, fan_out) of what is at places (B, M)."""
        given = self.into(seen) + F.embedding(at, self.places)
        asked = self.asked + F.embedding(wanted, self.places)
        tokens = self.blocks(torch.cat([given, asked], 1))[:, at.shape[1] :]
        guess: Tensor = self.out(self.norm(tokens))
        return guess

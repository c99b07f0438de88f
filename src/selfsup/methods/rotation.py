"""Rotation prediction: which way up was the picture?"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from selfsup.errors import OptionError
from selfsup.hide import quarter_turns, random_crop
from selfsup.method import About, Method, Recipe, Terms
from selfsup.nets import NetName, Standardize, make_backbone, pooled
from selfsup.options import Range


class Rotation(Method):
    """Predict by which quarter turn each image was turned (RotNet).

    Hides a fact about the image: its turn (Gidaris, Singh & Komodakis 2018). All four turns of an image are in the batch,
    in an order drawn for each image, so that an answer belongs to its own guess only. It helps where pictures have an
    upright that takes understanding to see, and the middle blocks carry more than the last (their table 1).

    Parameters
    ----------
    net
        Backbone: auto (nin), conv, nin, resnet18, mlp, FILE.py:function of (shape, hidden), or a module.
    hidden
        Channels of the backbone's blocks, from the image on.
    block
        Which block gives the code, averaged over all places: its number from 1, or "middle".
    shift
        Largest random shift in pixels before turning. It helps in long runs (the paper's 200 epochs have 4 pixels) and slows
        down short ones.
    mirror
        Draw mirror images before turning.
    """

    kinds = ("image",)
    sees = "the turned image"
    hides = "which turn it was"
    # optimiser, rate and decay as published; 64 images are a batch of 256
    recipe: ClassVar[Recipe] = {"steps": 1500, "batch_size": 64, "lr": 0.1, "weight_decay": 5e-4, "optimizer": "sgd"}

    def __init__(
        self,
        net: NetName | nn.Module = "auto",
        hidden: tuple[Annotated[int, Range(1)], ...] | None = None,
        block: Annotated[int, Range(1)] | Literal["middle"] = "middle",
        shift: Annotated[int, Range(0)] = 0,
        mirror: bool = True,
    ) -> None:
        super().__init__()
        self.net, self.hidden, self.block, self.shift, self.mirror = net, hidden, block, shift, mirror

    def build(self, about: About) -> None:
        """Make the backbone and a linear classifier of four turns on its last block."""
        channels, *sides = about.form.shape
        side, moments = min(sides), about.fact("moments")
        self.scale = Standardize(moments.mean, moments.std, axes=3)
        self.backbone = make_backbone(self.net, (channels, side, side), self.hidden, for_images="nin")
        blocks = len(self.backbone.blocks)
        if self.block != "middle" and self.block > blocks:
            raise OptionError(f"option 'block' must be at most {blocks}, the blocks of the net; got {self.block}")
        self.code_block = (blocks + 1) // 2 if self.block == "middle" else self.block
        self.classify = nn.Linear(self.backbone.maps[-1][0], 4)

    def hide(self, x: Tensor, rng: torch.Generator) -> tuple[Tensor, Tensor]:
        """X (B, C, H, W) to its four turns (B, 4, C, S, S) in a random order, and the turns (B, 4)."""
        if self.shift or self.mirror:
            x = random_crop(x, self.shift, rng, mirror=self.mirror)
        start = torch.randint(0, 4, (len(x), 1), generator=rng, device=x.device)
        turns = (start + torch.arange(4, device=x.device)) % 4  # (B, 4)
        return quarter_turns(x)[torch.arange(len(x), device=x.device)[:, None], turns], turns

    def predict(self, seen: Tensor) -> Tensor:
        """Scores (B, 4 images, 4 turns)."""
        last = self.backbone(self.scale(seen.flatten(0, 1)))
        scores: Tensor = self.classify(pooled(last))  # (4 B, 4)
        guess: Tensor = scores.unflatten(0, (-1, 4))
        return guess

    def loss(self, guess: Tensor, answer: Tensor) -> Terms:
        """Cross-entropy in nats, mean over the four turns: (B,)."""
        return {"turn": F.cross_entropy(guess.flatten(0, 1), answer.flatten(), reduction="none").view(-1, 4).mean(1)}

    def layers(self, x: Tensor) -> dict[str, Tensor]:
        """Averages over all places of every block."""
        outputs = self.backbone.outputs(self.scale(x))
        return {f"block{number}": pooled(out) for number, out in enumerate(outputs, start=1)}

    def encode(self, x: Tensor) -> Tensor:
        """Codes (B, D): the chosen block's average."""
        x = self.scale(x)
        for block in self.backbone.blocks[: self.code_block]:
            x = block(x)
        return pooled(x)

"""Rotation prediction: which way up is the picture?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from selfsup.errors import OptionError
from selfsup.hide import random_crop, turned
from selfsup.method import About, Method, Recipe, Terms
from selfsup.nets import NetName, Standardize, make_backbone
from selfsup.options import Range


class Rotation(Method):
    """Predict by which turn each image was turned (RotNet).

    Hides a fact about the image: its turn (Gidaris, Singh & Komodakis 2018). All turns of an image are in the batch,
    in an order drawn for each image, so that an answer belongs to its own guess only. It helps where pictures have an
    upright that takes understanding to see, and the middle blocks carry more than the last (their table 1).

    Parameters
    ----------
    net
        Backbone: auto (bottleneck, for CPUs), nin (as published), resnet18, conv, mlp, FILE.py:function of (shape, hidden), or a
        module.
    hidden
        Channels of the backbone's blocks, from the image on.
    block
        Which block gives the code, averaged over all places: its number from 1, or "middle".
    cells
        Into how many by how many cells a map is cut, each of which is averaged for the code. More of them tell where something
        is, and are worth some points to a linear probe (published ones read about 9,000 values), but make the code longer.
    turns
        Turns that are told apart: 2 (upright and upside down), 4 (quarters), or 8 (eighths, which have to be interpolated: what
        that leaves in the pixels gives away one of the three bits).
    shift
        Largest random shift in pixels before turning. It helps in long runs (the paper's 200 epochs have 4 pixels) and slows
        down short ones.
    mirror
        Draw mirror images before turning.
    """

    kinds = ("image",)
    sees = "the turned image"
    hides = "which turn it was"
    # muon is worth more than any other choice in runs of minutes (docs/methods/rotation.md); 32 images are a batch of 128
    recipe: ClassVar[Recipe] = {"steps": 1100, "batch_size": 32, "lr": 0.02, "weight_decay": 5e-4, "optimizer": "muon"}

    def __init__(
        self,
        net: NetName | nn.Module = "auto",
        hidden: tuple[Annotated[int, Range(1)], ...] | None = None,
        block: Annotated[int, Range(1)] | Literal["middle"] = "middle",
        cells: Annotated[int, Range(1, 16)] = 1,
        turns: Literal[2, 4, 8] = 4,
        shift: Annotated[int, Range(0)] = 0,
        mirror: bool = True,
    ) -> None:
        super().__init__()
        self.net, self.hidden, self.block, self.cells = net, hidden, block, cells
        self.turns, self.shift, self.mirror = turns, shift, mirror

    def build(self, about: About) -> None:
        """Make the backbone and a linear classifier of the turns on its last block."""
        channels, *sides = about.form.shape
        side, moments = min(sides), about.fact("moments")
        self.scale = Standardize(moments.mean, moments.std, axes=3)
        self.backbone = make_backbone(self.net, (channels, side, side), self.hidden, for_images="bottleneck")
        blocks = len(self.backbone.blocks)
        if self.block != "middle" and self.block > blocks:
            raise OptionError(f"option 'block' must be at most {blocks}, the blocks of the net; got {self.block}")
        self.code_block = (blocks + 1) // 2 if self.block == "middle" else self.block
        self.head = nn.Linear(self.backbone.widths[-1], self.turns)

    def hide(self, x: Tensor, rng: torch.Generator) -> tuple[Tensor, Tensor]:
        """X (B, C, H, W) to its T turns (B, T, C, S, S), beginning with one that is drawn, and which they are (B, T)."""
        if self.shift or self.mirror:
            x = random_crop(x, self.shift, rng, mirror=self.mirror)
        first = torch.randint(0, self.turns, (len(x), 1), generator=rng, device=x.device)
        turns = (first + torch.arange(self.turns, device=x.device)) % self.turns  # (B, T)
        return turned(x, turns, self.turns), turns

    def predict(self, seen: Tensor) -> Tensor:
        """Scores (B, T images, T turns)."""
        last = self.backbone(self.scale(seen.flatten(0, 1)))
        scores: Tensor = self.head(self.backbone.pooled(last))  # (B T, T)
        return scores.view(-1, self.turns, self.turns)

    def loss(self, guess: Tensor, answer: Tensor) -> Terms:
        """Cross-entropy in nats, mean over the turns of an image: (B,)."""
        each = F.cross_entropy(guess.flatten(0, 1), answer.flatten(), reduction="none")  # (B T,)
        return {"turn": each.unflatten(0, (-1, self.turns)).mean(1)}

    def layers(self, x: Tensor) -> dict[str, Tensor]:
        """Averages of every block, over all places or over cells."""
        outputs = self.backbone.outputs(self.scale(x))
        return {f"block{number}": self._code(out) for number, out in enumerate(outputs, start=1)}

    def encode(self, x: Tensor) -> Tensor:
        """Codes (B, D): the averages of the chosen block."""
        x = self.scale(x)
        for block in self.backbone.blocks[: self.code_block]:
            x = block(x)
        return self._code(x)

    def _code(self, out: Tensor) -> Tensor:
        """A block's output to (B, C), or (B, C cells cells)."""
        if self.cells == 1 or out.ndim != 4:
            return self.backbone.pooled(out)
        return F.adaptive_avg_pool2d(out, self.cells).flatten(1)

    def remarks(self, measures: Mapping[str, float]) -> list[str]:
        """Of eight turns: how much of the task needs no look at the picture."""
        if self.turns < 8:
            return []
        return [
            "of eight turns every second one is interpolated, which shows: a loss of 1.39 (2.08 is chance) takes no look "
            "at the picture; four turns (option turns) leave no such trace"
        ]

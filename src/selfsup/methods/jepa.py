"""I-JEPA: see a part of an image and guess what a slow copy of the net makes of other parts."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from selfsup.hide import at_places, draw_blocks, outside
from selfsup.method import About, Recipe, Terms, Tree
from selfsup.methods.joint.teacher import Teacher, check_momentum, momentum_at
from selfsup.methods.masked import Masked, Seen
from selfsup.options import Range, Shares

TINY = 1e-4  # added to the variance of latents


class Blocks(NamedTuple):
    """What holds the answers, the whole image or the teacher's latents of all its patches, and the places of those asked for."""

    of: Tensor  # (B, C, H, W) or (B, N, D)
    asked: Tensor  # (B, blocks, size) int64


class Jepa(Masked):
    """Guess what a slow copy of the net makes of blocks of patches that are not seen (I-JEPA).

    Hides blocks of patches (Assran et al. 2023, "Self-Supervised Learning from Images with a Joint-Embedding Predictive
    Architecture"), and guesses not their pixels but their latents, which a teacher makes of the whole image: the moving
    average of the encoder. In evaluation all images of a batch lose the same patches, so that a guess for another image is
    worse by what it says of the image, and not by its place.

    Parameters
    ----------
    blocks
        Blocks of an image that are guessed, each by itself.
    area
        Least and greatest share of the patches in a block.
    momentum
        Of the teacher's average at the start; it rises to 1.
    standardize
        Take the mean over the batch from the latents of every place, and divide by the deviation of all. Without it, as
        published, most of an answer is told by its place alone, and in short runs the latents become the same for all images.
    """

    sees, hides = "some patches of the image, and where they are", "what a slow copy of the net makes of other patches"
    recipe: ClassVar[Recipe] = {"steps": 800, "batch_size": 64, "lr": 0.02, "weight_decay": 0.05, "optimizer": "muon"}

    def __init__(
        self,
        blocks: Annotated[int, Range(1)] = 4,
        area: Shares = (0.15, 0.2),
        momentum: Annotated[float, Range(0, 1)] = 0.998,
        standardize: bool = True,
        **shared: Any,
    ) -> None:
        super().__init__(**shared)
        self.blocks, self.area, self.momentum = blocks, area, check_momentum(momentum)
        self.standardize = self.coupled = standardize

    def build(self, about: About) -> None:
        """Make the encoder, its teacher, and a predictor of latents."""
        super().build(about)
        draw_blocks(1, self.grid, self.blocks, torch.Generator(), area=self.area)  # says why if it cannot
        self.filler = self.make_filler(self.backbone.widths[-1])
        self.teacher = Teacher(self, ["backbone"])

    def hide(self, x: Tensor, rng: torch.Generator) -> tuple[Seen, Blocks]:
        """X (B, C, H, W) to patches outside of all blocks, and the blocks (section 3, "targets", "context")."""
        asked = draw_blocks(self.drawn(x), self.grid, self.blocks, rng, area=self.area)
        kept = outside(asked, self.places, rng).expand(len(x), -1)
        asked = asked.expand(len(x), -1, -1)
        return Seen(*self.cut(x, kept), asked), Blocks(x, asked)

    def predict(self, seen: Seen) -> Tensor:
        """Latents (B, blocks, size, D) as guessed of every block by itself, from the context (section 3, "prediction")."""
        tokens = self.tokens(seen)  # (B, K, D)
        each = [of.repeat_interleave(self.blocks, 0) for of in (tokens, seen.places)]
        found: Tensor = self.filler(*each, seen.asked.flatten(0, 1)).unflatten(0, seen.asked.shape[:2])
        return found

    @torch.no_grad()
    def target(self, hidden: Blocks) -> Blocks:
        """What the teacher makes of the whole image (section 3, "targets"), with layer norm as in the paper's code."""
        backbone = self.teacher.get_submodule("backbone")
        tokens = backbone(self.scale(hidden.of)).flatten(2).mT  # (B, N, D)
        return Blocks(F.layer_norm(tokens, tokens.shape[-1:]), hidden.asked)

    def loss(self, guess: Tensor, answer: Blocks) -> Terms:
        """Squared distance, mean over blocks, patches and values: (B,) (section 3, "loss")."""
        tokens = answer.of
        if self.standardize:
            tokens = tokens - tokens.mean(0)
            tokens = tokens / (tokens.square().mean() + TINY).sqrt()
        return {"latents": (guess - at_places(tokens, answer.asked)).square().flatten(1).mean(1)}

    def after_step(self, answer: Tree) -> None:
        """Move the teacher towards the encoder."""
        self.teacher.follow(self, momentum_at(self.momentum, self.progress))

    def show(self, part: Tree) -> Tree:
        """What is seen as a picture, and latents (B, blocks, D) as the mean over a block."""
        if isinstance(part, Seen):
            return self.painted(self.scale.inverse(part.pixels.flatten(0, 1)).view_as(part.pixels), part.places)
        return at_places(*part).mean(2) if isinstance(part, Blocks) else part.mean(2)

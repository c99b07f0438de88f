"""Masked auto-encoder: see a quarter of an image's patches and paint the others."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, NamedTuple

import torch
from torch import Tensor

from selfsup.errors import OptionError
from selfsup.hide import parted, random_mask
from selfsup.method import About, Recipe, Terms, Tree
from selfsup.methods.masked import GREY, Cut, Masked, Seen
from selfsup.options import Range

STEP = 0.2  # of a picture's range for a deviation of a patch
TINY = 1e-6  # added to the variance of a patch, as in the paper's code: what is even stays 0


class Painted(NamedTuple):
    """The patches that were dropped as they are guessed, and those that were kept."""

    pixels: Tensor  # (B, M, C, P, P)
    places: Tensor  # (B, M) int64
    kept: Tensor  # (B, K, C, P, P)
    kept_places: Tensor  # (B, K) int64


class Mae(Masked):
    """Paint the patches of an image that were dropped (masked auto-encoder).

    Hides most patches (He et al. 2022, "Masked Autoencoders Are Scalable Vision Learners"): a vision transformer encodes those
    that are kept and nothing else, and a small one guesses the pixels of the others from that. The decoder is for training only,
    the code is the mean over all patches of the whole image. In evaluation all images of a batch lose the same patches, so that a
    guess for another image is worse by what it says of the image, and not by its place.

    Parameters
    ----------
    ratio
        Share of the patches that is dropped.
    normalize
        Guess every patch in units of its own mean and deviation (section 4.1, "reconstruction target").
    """

    sees, hides = "some patches of the image, and where they are", "the other patches"
    recipe: ClassVar[Recipe] = {"steps": 1500, "batch_size": 64, "lr": 0.02, "weight_decay": 0.05, "optimizer": "muon"}

    def __init__(
        self,
        ratio: Annotated[float, Range(0, 1, open_low=True, open_high=True)] = 0.75,
        normalize: bool = False,
        **shared: Any,
    ) -> None:
        super().__init__(**shared)
        self.ratio, self.normalize = ratio, normalize

    def build(self, about: About) -> None:
        """Make the encoder, and a decoder to the pixels of a patch."""
        super().build(about)
        if not 0 < round(self.places * self.ratio) < self.places:
            raise OptionError(
                f"option 'ratio' of {self.ratio:g} must keep and drop at least one of the {self.places} patches of an image: "
                "choose another, or a smaller patch"
            )
        self.filler = self.make_filler(self.shape[0] * self.side**2)

    def hide(self, x: Tensor, rng: torch.Generator) -> tuple[Seen, Cut]:
        """X (B, C, H, W) to the patches that are kept and those that are dropped, evenly at random (section 3, "masking")."""
        mask = random_mask(self.drawn(x), self.places, self.ratio, rng)
        kept, dropped = (places.expand(len(x), -1) for places in parted(mask))
        return Seen(*self.cut(x, kept), dropped), self.cut(x, dropped)

    def predict(self, seen: Seen) -> Painted:
        """Encode what is kept, and decode it with a mask token at every other place (section 3, "MAE encoder", "MAE decoder")."""
        guess = self.filler(self.tokens(seen), seen.places, seen.asked)  # (B, M, C P P)
        return Painted(guess.unflatten(2, seen.pixels.shape[2:]), seen.asked, seen.pixels, seen.places)

    def target(self, hidden: Cut) -> Cut:
        """The pixels, or those of every patch in its own units."""
        if not self.normalize:
            return hidden
        var, mean = torch.var_mean(hidden.pixels, (2, 3, 4), keepdim=True)
        return Cut((hidden.pixels - mean) / (var + TINY).sqrt(), hidden.places)

    def loss(self, guess: Painted, answer: Cut) -> Terms:
        """Squared error on the dropped patches only, mean over their pixels: (B,) (section 3, "reconstruction target")."""
        return {"pixels": (guess.pixels - answer.pixels).square().flatten(1).mean(1)}

    def show(self, part: Tree) -> Tree:
        """A picture (B, C, H, W): of a guess the image as it is completed; grey is what there is not, or a patch's own mean."""
        if self.normalize and not isinstance(part, Seen):
            return self.painted(GREY + STEP * part.pixels, part.places)
        if isinstance(part, Painted):
            part = Cut(torch.cat([part.pixels, part.kept], 1), torch.cat([part.places, part.kept_places], 1))
        return self.painted(self.scale.inverse(part.pixels.flatten(0, 1)).view_as(part.pixels), part.places)

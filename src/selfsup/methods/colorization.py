"""Colorization: which colours has the grey picture?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from selfsup.data.images.colours import Colours
from selfsup.errors import DataError, OptionError
from selfsup.hide import random_crop
from selfsup.hide.lab import coloured, lightness, to_lab, to_rgb
from selfsup.method import About, Method, Recipe, Terms, Tree
from selfsup.methods.colour import Bins, Head, annealed_mean, bins_of, gamut, prior_of, rebalanced
from selfsup.nets import Backbone, NetName, make_backbone, pooled
from selfsup.options import Range

SHARE = 4  # pixels of the image to a guess, in each direction
WIDTH = 128  # of the head
MIDDLE, LIGHT, AB = 50.0, 25.0, 15.0  # of L the middle, of L and of ab about the deviation in photographs
LEVELS = 50  # classes of lightness, of 2 each, where it is guessed from the colours


class Seen(NamedTuple):
    """What a split brain sees: its halves see one each."""

    light: Tensor  # (B, 1, H, W)
    ab: Tensor  # (B, 2, H, W)


class Guess(NamedTuple):
    """Colours at every place."""

    scores: Tensor  # (B, Q, h, w) of bins; in regression ab (B, 2, h, w) in units of `AB`
    light: Tensor  # (B, 1, H, W) what they belong to, for people


class SplitGuess(NamedTuple):
    """Of each half what the other sees."""

    colour: Guess
    level: Tensor  # (B, 50, h, w) scores; in regression (B, 1, h, w) in units of `LIGHT`


class Answer(NamedTuple):
    """What was hidden."""

    image: Tensor  # (B, 3, H, W) for people
    ab: Tensor  # (B, 2, h, w) mean colours
    light: Tensor  # (B, 1, h, w) mean lightness
    bins: Tensor  # (B, 5, h, w) int64 nearest bins, the nearest first
    shares: Tensor  # (B, 5, h, w) of the colour
    counts: Tensor  # (B,) 1, or 0 of a grey image: it has no colours to learn from


class Lightness(nn.Module):
    """Images (B, 3, H, W) to what the net sees: their lightness (B, 1, H, W) in standard units."""

    def forward(self, x: Tensor) -> Tensor:
        """Images in [0, 1]."""
        return _standard(lightness(x))


class Colorization(Method):
    """Predict the colours of an image from its lightness.

    Hides two of three channels of CIE Lab (Zhang, Isola & Efros 2016). At every fourth pixel one of 313 colours is guessed, with
    more weight on the rare ones, as the mean of many possible colours would be grey. Grey images are left out. It helps where
    colours follow from what a thing is: photographs. The result also paints grey photos.

    Parameters
    ----------
    mode
        classification among colours, or regression of a and b (squared error, for comparison).
    rebalance
        Give rare colours more weight, in classification: the pictures become more colourful.
    gamut
        The colours that are guessed among: srgb, all that a screen can show, or data, those that occur in the data.
    split_brain
        Two nets of half the width, of which one predicts the colours from the lightness and the other the lightness from the
        colours; the code has both (Zhang et al. 2017).
    net
        Backbone: auto (conv), conv, nin, resnet18, resnet50, vit-tiny, vit-small, timm:NAME, FILE.py:function of (shape, hidden),
        or a module.
    hidden
        Channels of the backbone's blocks, from the image on.
    block
        Which block gives the code, averaged over all places: its number from 1, or "middle".
    mirror
        Draw mirror images.
    """

    kinds = ("image",)
    sees = "the lightness of the image"
    hides = "its colours"
    recipe: ClassVar[Recipe] = {"steps": 2400, "batch_size": 64, "lr": 3e-3, "weight_decay": 1e-2}

    def __init__(
        self,
        mode: Literal["classification", "regression"] = "classification",
        rebalance: bool = True,
        gamut: Literal["srgb", "data"] = "srgb",
        split_brain: bool = False,
        net: NetName | nn.Module = "auto",
        hidden: tuple[Annotated[int, Range(1)], ...] | None = None,
        block: Annotated[int, Range(1)] | Literal["middle"] = "middle",
        mirror: bool = True,
    ) -> None:
        super().__init__()
        if split_brain and isinstance(net, nn.Module):
            raise OptionError("option 'split_brain' makes two nets; give net a name or a function, not a module")
        self.mode, self.rebalance, self.gamut, self.split_brain = mode, rebalance, gamut, split_brain
        self.net, self.hidden, self.block, self.mirror = net, hidden, block, mirror

    def refuses(self, form: Any) -> str | None:
        """Images without red, green and blue have no colours to hide."""
        if form.shape[0] == 3:
            return None
        return (
            f"it hides the colours of images with 3 channels, red, green and blue; these are {form.describe()}: "
            "use method rotation or denoising"
        )

    def build(self, about: About) -> None:
        """Make the net, the bins of the gamut with their weights, and a head that guesses from all blocks."""
        found: Colours | None = about.fact("colours")
        self.images, self.grey = (0, 0) if found is None else (found.images, found.grey)
        if found is not None and found.grey == found.images:
            raise DataError(
                f"none of the {found.images:,} images has a colour to learn from: use method rotation or denoising"
            )
        self.bins = self._bins(found)
        sides = about.form.shape[1:]
        self.scale = Lightness()
        self.backbone, self.other = self._nets(sides)
        self.sides, self.elastic = sides, _takes(self.backbone, (sides[0] + SHARE, 2 * sides[1]))
        blocks = len(self.backbone.blocks)
        if self.block != "middle" and self.block > blocks:
            raise OptionError(f"option 'block' must be at most {blocks}, the blocks of the net; got {self.block}")
        self.code_block = (blocks + 1) // 2 if self.block == "middle" else self.block
        regression = self.mode == "regression"
        self.head = Head(self.backbone.widths, WIDTH, 2 if regression else len(self.bins))
        if self.other is not None:
            self.other_head = Head(self.other.widths, WIDTH, 1 if regression else LEVELS)

    def _bins(self, found: Colours | None) -> Bins:
        """The colours to guess among, and their weights."""
        points = gamut()
        if self.gamut == "data":
            if found is None or not found.counts.any():
                raise DataError("the colours of the data are not known: option 'gamut' must be srgb")
            points = bins_of(found.counts)
        weights = torch.ones(len(points)).numpy()
        if self.rebalance and found is not None:
            weights = rebalanced(prior_of(found.counts, points))
        return Bins(points, weights)

    def _nets(self, sides: tuple[int, int]) -> tuple[Backbone, Backbone | None]:
        """The net that sees lightness, and in a split brain the one that sees colours, of half the width each."""
        whole = make_backbone(self.net, (1, *sides), self.hidden)
        flat = next((shape for shape in whole.maps if len(shape) != 3), None)
        if flat is not None:
            raise OptionError(
                "option 'net' must keep the places of an image, as conv, nin, resnet18 or vit-tiny do; a block of this one "
                f"gives {flat}"
            )
        if not self.split_brain:
            return whole, None
        half = tuple(max(1, width // 2) for width in self.hidden or whole.widths)
        return make_backbone(self.net, (1, *sides), half), make_backbone(self.net, (2, *sides), half)

    def hide(self, x: Tensor, rng: torch.Generator) -> tuple[Tree, Answer]:
        """X (B, 3, H, W) to its lightness (B, 1, H, W), and its colours at a quarter of the size."""
        if self.mirror:
            x = random_crop(x, 0, rng, mirror=True)
        lab = to_lab(x)
        small = F.adaptive_avg_pool2d(lab, _size(lab))  # (B, 3, h, w)
        light, ab = small[:, :1], small[:, 1:]
        bins, shares = self.bins.share(ab)
        seen = Seen(lab[:, :1], lab[:, 1:]) if self.split_brain else lab[:, :1]
        return seen, Answer(x, ab, light, bins, shares, coloured(x).float())

    def predict(self, seen: Tree) -> Tree:
        """Scores of the bins at every fourth pixel, or colours; in a split brain those of lightness, too."""
        light = seen.light if isinstance(seen, Seen) else seen
        guess = Guess(self.head(self.backbone.outputs(_standard(light)), _size(light)), light)
        if not isinstance(seen, Seen):
            return guess
        assert self.other is not None
        return SplitGuess(guess, self.other_head(self.other.outputs(seen.ab / AB), _size(light)))

    def loss(self, guess: Tree, answer: Answer) -> Terms:
        """Of an image the mean over its places, (B,): of the weighted divergence in nats, or of the squared error."""
        colour, level = (guess.colour, guess.level) if isinstance(guess, SplitGuess) else (guess, None)
        regression, places = self.mode == "regression", {}
        if regression:
            places["colour"] = (colour.scores - answer.ab / AB).square().sum(1)  # each (B, h, w)
        else:
            places["colour"] = self._divergence(colour.scores, answer) * self.bins.weights[answer.bins[:, 0]]
        if level is not None and regression:
            places["lightness"] = (level - _standard(answer.light)).square().sum(1)
        elif level is not None:
            places["lightness"] = F.cross_entropy(level, _level(answer.light), reduction="none")
        return {name: loss.flatten(1).mean(1) * answer.counts for name, loss in places.items()}

    @staticmethod
    def _divergence(scores: Tensor, answer: Answer) -> Tensor:
        """From the soft answer to the guess (B, h, w): its cross-entropy without what it has itself, so that 0 is perfect."""
        guessed = scores.log_softmax(1).gather(1, answer.bins)  # (B, 5, h, w)
        return (torch.xlogy(answer.shares, answer.shares) - answer.shares * guessed).sum(1)

    def outputs(self, x: Tensor) -> list[Tensor]:
        """Maps (B, C, H, W) of every block, of a split brain those of both halves, of images (B, 3, H, W)."""
        if self.other is None:
            return self.backbone.outputs(self.scale(x))
        lab = to_lab(x)
        halves = self.backbone.outputs(_standard(lab[:, :1])), self.other.outputs(lab[:, 1:] / AB)
        return [torch.cat(pair, 1) for pair in zip(*halves, strict=True)]

    def maps(self, x: Tensor) -> dict[str, Tensor]:
        """Maps (B, C, H, W) of every block."""
        return {f"block{number}": out for number, out in enumerate(self.outputs(x), start=1)}

    def layers(self, x: Tensor) -> dict[str, Tensor]:
        """Averages over all places of every block."""
        return {name: pooled(out) for name, out in self.maps(x).items()}

    def encode(self, x: Tensor) -> Tensor:
        """Codes (B, D): the chosen block's average."""
        return pooled(self.outputs(x)[self.code_block - 1])

    def colorize(self, light: Tensor) -> Tensor:
        """Guess a and b (B, 2, h, w) of lightness (B, 1, H, W) in [0, 100], at a quarter of the size, rounded up.

        H and W may be others than in training; a net that takes but one size has the image brought to that.
        """
        if not self.elastic and light.shape[2:] != self.sides:
            light = F.interpolate(light, self.sides, mode="bilinear", antialias=True, align_corners=False)
        return self._colours(self.head(self.backbone.outputs(_standard(light)), _size(light)))

    def _colours(self, scores: Tensor) -> Tensor:
        """A and b (B, 2, h, w) of what is guessed."""
        return scores * AB if self.mode == "regression" else annealed_mean(scores, self.bins.points)

    def show(self, part: Tree) -> Tree:
        """The grey picture that is seen, its guessed colours, its true ones."""
        if isinstance(part, Answer):
            return part.image
        if isinstance(part, SplitGuess):
            part = part.colour
        if isinstance(part, Guess):
            return painted(part.light, self._colours(part.scores))
        if isinstance(part, Seen):
            return Seen(_grey(part.light), painted(torch.full_like(part.light, MIDDLE), part.ab))
        return _grey(part)

    def measures(self, x: Tensor) -> dict[str, float]:
        """Mean distance from guessed to true colours in ab, beside that from grey to them; images without colour do not count."""
        lab = to_lab(x[coloured(x)])
        if not len(lab):
            return {}
        true = F.adaptive_avg_pool2d(lab[:, 1:], _size(lab))
        guess = self.colorize(lab[:, :1])
        return {
            "ab_error": float((guess - true).norm(dim=1).mean()),
            "ab_error_of_grey": float(true.norm(dim=1).mean()),
        }

    def remarks(self, measures: Mapping[str, float]) -> list[str]:
        """Say which images were left out."""
        if not self.grey:
            return []
        return [
            f"{self.grey:,} of the {self.images:,} images are grey and were left out: they have no colours to learn from"
        ]


@torch.no_grad()
def _takes(backbone: Backbone, sides: tuple[int, int]) -> bool:
    """Whether a net takes images of another size than it was made for."""
    was_training = backbone.training
    backbone.eval()
    try:
        return all(out.ndim == 4 for out in backbone.outputs(torch.zeros(1, 1, *sides)))
    except (RuntimeError, ValueError, TypeError, AssertionError):
        return False
    finally:
        backbone.train(was_training)


def painted(light: Tensor, ab: Tensor) -> Tensor:
    """Images (B, 3, H, W) in [0, 1] of lightness (B, 1, H, W) and colours (B, 2, h, w) of any size."""
    wide = F.interpolate(ab, light.shape[2:], mode="bilinear", align_corners=False)
    return to_rgb(torch.cat([light, wide], 1))


def _grey(light: Tensor) -> Tensor:
    """Lightness (B, 1, H, W) as grey pictures in [0, 1]."""
    return to_rgb(torch.cat([light, torch.zeros_like(light).expand(-1, 2, -1, -1)], 1))[:, :1]


def _standard(light: Tensor) -> Tensor:
    return (light - MIDDLE) / LIGHT


def _size(x: Tensor) -> tuple[int, int]:
    """Of the guesses for images (B, ., H, W)."""
    return -(-x.shape[2] // SHARE), -(-x.shape[3] // SHARE)


def _level(light: Tensor) -> Tensor:
    """The class (B, h, w) of lightness (B, 1, h, w)."""
    return (light[:, 0] * (LEVELS / 100)).long().clamp_(0, LEVELS - 1)

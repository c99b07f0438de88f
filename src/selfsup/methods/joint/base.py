"""Several views of a sample, embedded by one net: the base of the contrastive, decorrelating and distilling methods."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from selfsup.errors import OptionError
from selfsup.hide import swap_columns, views
from selfsup.method import About, Method, Recipe, Tree
from selfsup.methods.autoencoder.base import scaling
from selfsup.methods.joint.heads import make_projector, on_views
from selfsup.nets import Backbone, NetName, Standardize, make_backbone
from selfsup.options import Range, Shares, options_of

FOR_IMAGES, FOR_TABLES = ("px", "scale", "colour", "mirror", "blur", "solarize", "cells"), ("swap",)
JITTER, HUE, GREY = 0.4, 0.1, 0.2  # of SimCLR's views of small images at strength 1, but for half its jitter


class Joint(Method):
    """Base of the methods that embed several views of a sample alike."""

    kinds: ClassVar[tuple[str, ...]] = ("image", "table")
    sees, hides = "one half of a sample's views", "the embeddings of the other half"
    takes_missing = True
    coupled = True
    last_norm: ClassVar[bool] = False  # whether the projector ends in batch norm
    recipe: ClassVar[Recipe] = {"steps": 1000, "batch_size": 128, "lr": 0.02, "weight_decay": 0.01, "optimizer": "muon"}

    backbone: Backbone
    projector: nn.Module
    scale: nn.Module
    fields: Tensor | None

    def __init__(
        self,
        net: NetName | nn.Module = "auto",
        hidden: tuple[Annotated[int, Range(1)], ...] | None = None,
        projector: tuple[Annotated[int, Range(1)], ...] = (512, 128),
        views: Annotated[int, Range(2)] = 2,
        px: tuple[Annotated[int, Range(4)], ...] | None = None,
        scale: Shares = (0.2, 1.0),
        colour: Annotated[float, Range(0, 2)] = 1.0,
        mirror: Annotated[float, Range(0, 1)] | None = None,
        blur: Annotated[float, Range(0, 1)] = 0.0,
        solarize: Annotated[float, Range(0, 1)] = 0.0,
        swap: Annotated[float, Range(0, 1, open_low=True, open_high=True)] = 0.3,
        blocks: Annotated[int, Range(1)] = 1,
        cells: Annotated[int, Range(1, 16)] = 1,
    ) -> None:
        """Take the options that all methods of views have.

        Parameters
        ----------
        net
            Backbone: auto (bottleneck for images, mlp for tables), resnet18, conv, FILE.py:function of (shape, hidden), or a
            module.
        hidden
            Widths of its blocks (channels for images), from the input on.
        projector
            Widths of the layers between the pooled backbone and the embedding that the loss reads; batch norm and ReLU lie
            between them.
        views
            Of a sample in a step, an even number.
        px
            Side of a view in pixels. Several are taken one after the other, in equal parts of the training: low resolution
            first is faster. By default the shorter side of the images.
        scale
            Least and greatest share of an image's area in a view.
        colour
            Strength of the changes of colour in views, beside 1 for brightness, contrast and saturation 0.4, hue 0.1 and a
            fifth grey. Images that have not three channels change in brightness and contrast only.
        mirror
            Probability of a mirror image; by default 0.5 for images of three channels, and 0 for others, which are often signs.
        blur
            Probability of a Gaussian blur.
        solarize
            Probability that bright values are inverted.
        swap
            Of tables: share of the columns that takes its value from another row. SCARF has 0.6 in one view of two; here every
            view has it, so the default is half as much.
        blocks
            How many of the last blocks make the code, side by side.
        cells
            Into how many by how many cells a map is cut, each of which is averaged for the code.
        """
        super().__init__()
        if views % 2:
            raise OptionError(f"option 'views' must be even, as one half is predicted from the other; got {views}")
        if scale[0] > scale[1]:
            raise OptionError(
                f"option 'scale' must be the least share, then the greatest; got {scale[0]:g} and {scale[1]:g}"
            )
        if px is not None and not px:
            raise OptionError("option 'px' needs at least one side in pixels; got none")
        self.net, self.hidden, self.widths, self.views, self.px = net, hidden, projector, views, px
        self.area, self.colour, self.mirror, self.blur, self.solarize = scale, colour, mirror, blur, solarize
        self.swap, self.blocks, self.cells = swap, blocks, cells

    def build(self, about: About) -> None:
        """Make the backbone and the projector on its last block."""
        form = about.form
        self.shape, self.side = form.shape, min(form.shape[1:], default=0)
        self._check_given()
        self.scale = self._scale(about)
        shape = (form.shape[0], self.side, self.side) if self.side else form.shape
        self.backbone = make_backbone(self.net, shape, self.hidden, for_images="bottleneck")
        if self.blocks > len(self.backbone.blocks):
            raise OptionError(
                f"option 'blocks' must be at most {len(self.backbone.blocks)}, the blocks of the net; got {self.blocks}"
            )
        if self.side:
            self._check_sizes(form.shape)
        self.register_buffer("fields", None if form.fields is None else _numbers(form.fields), persistent=False)
        self.projector = make_projector(self.backbone.widths[-1], self.widths, last_norm=self.last_norm)

    def _check_given(self) -> None:
        """Raise `OptionError` where an option was set that data of the other kind have."""
        others, kind, other = (FOR_TABLES, "images", "tables") if self.side else (FOR_IMAGES, "tables", "images")
        known = options_of(type(self))
        for name in others:
            if name in known and getattr(self, "area" if name == "scale" else name) != known[name].default:
                raise OptionError(f"option '{name}' is for {other}, and would do nothing to {kind}: leave it out")

    @torch.no_grad()
    def _check_sizes(self, shape: tuple[int, ...]) -> None:
        """Raise `OptionError` where the net, which was made for square images, does not take the views, or the images whole."""
        self.backbone.eval()
        for size in ({(side, side) for side in self.sides()} | {shape[1:]}) - {(self.side, self.side)}:
            try:
                self.backbone(torch.zeros(1, shape[0], *size))
            except (RuntimeError, ValueError, AssertionError) as error:
                raise OptionError(
                    f"the net takes images of {self.side} x {self.side} pixels, and not of {size[0]} x {size[1]}: set option "
                    f"'px' to {self.side} and give square images (option 'size'), or take a net of convolutions, as auto is"
                ) from error
        self.backbone.train()

    def _scale(self, about: About) -> nn.Module:
        """Standard units of each channel, or of each column that holds numbers."""
        moments = about.fact("moments")
        if self.side:
            return Standardize(moments.mean, moments.std, axes=3)
        return scaling(about.form, moments)

    def hide(self, x: Tensor, rng: torch.Generator) -> tuple[Tree, Tree]:
        """X (B, ...) to views of it, one half (B, V / 2, ...) and the other."""
        made = self.make_views(x, self.views, rng)
        half = self.views // 2
        return made[:, :half], made[:, half:]

    def make_views(self, x: Tensor, n: int, rng: torch.Generator) -> Tensor:
        """Views (B, n, ...) of x (B, ...), in the units of the data."""
        if not self.side:
            return swap_columns(x, n, rng, self.swap, self.fields)
        return views(x, n, self.pixels(), rng, self.area, **self.changes())

    def changes(self) -> dict[str, Any]:
        """What is changed in a view of an image, besides the crop."""
        coloured = self.shape[0] == 3
        strength: dict[str, Any] = dict.fromkeys(("brightness", "contrast"), JITTER * self.colour)
        if coloured:
            strength |= {
                "saturation": JITTER * self.colour,
                "hue": HUE * self.colour,
                "grey": min(1.0, GREY * self.colour),
            }
        mirror = (0.5 if coloured else 0.0) if self.mirror is None else self.mirror
        return {**strength, "mirror": mirror, "blur": self.blur, "solarize": self.solarize}

    def sides(self) -> tuple[int, ...]:
        """Sides of a view in pixels, in the order in which they are taken."""
        return self.px or (self.side,)

    def pixels(self) -> int:
        """Side of a view at this moment of the training."""
        sides = self.sides()
        return sides[min(int(self.progress * len(sides)), len(sides) - 1)]

    def embed(self, made: Tensor) -> Tensor:
        """Views (B, n, ...) to embeddings (B, n, d)."""
        return on_views(lambda x: self.projector(self.features(x)), made)

    def features(self, x: Tensor) -> Tensor:
        """Samples (B, ...) to the pooled last block (B, D)."""
        found: Tensor = self.backbone.pooled(self.backbone(self.ready(x)))
        return found

    def ready(self, x: Tensor) -> Tensor:
        """Samples in standard units; what is missing becomes 0, the mean of a column of numbers."""
        scaled: Tensor = self.scale(x)
        return scaled if self.side else scaled.nan_to_num(0.0)

    def predict(self, seen: Tree) -> Tree:
        """Embeddings (B, V / 2, d) of what is seen."""
        return self.embed(seen)

    def target(self, hidden: Tree) -> Tree:
        """Embeddings (B, V / 2, d) of what is hidden, by the same net and with gradient."""
        return self.embed(hidden)

    def layers(self, x: Tensor) -> dict[str, Tensor]:
        """Averages of every block, over all places or over cells; and the code, where it is of several blocks."""
        outputs = self.backbone.outputs(self.ready(x))
        found = {f"block{number}": self._code(out) for number, out in enumerate(outputs, start=1)}
        if self.blocks > 1:
            found["code"] = torch.cat([self._code(out) for out in outputs[-self.blocks :]], 1)
        return found

    def encode(self, x: Tensor) -> Tensor:
        """Codes (B, D): averages of the last block, or of the last few."""
        return torch.cat([self._code(out) for out in self.backbone.outputs(self.ready(x))[-self.blocks :]], 1)

    def _code(self, out: Tensor) -> Tensor:
        """A block's output to (B, C), or (B, C cells cells)."""
        if self.cells == 1 or out.ndim != 4:
            return self.backbone.pooled(out)
        return F.adaptive_avg_pool2d(out, self.cells).flatten(1)


def _numbers(fields: Any) -> Tensor:
    """The number of the field that each column (d,) belongs to."""
    return torch.repeat_interleave(torch.arange(len(fields)), torch.tensor([field.width for field in fields]))

"""Which net: by the shape of the data, by name, by the path of a function of one's own, or given as a module."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal

from torch import nn

from selfsup.errors import OptionError, unknown
from selfsup.nets.backbone import Backbone
from selfsup.nets.mlp import Activation
from selfsup.nets.of_timm import timm_backbone
from selfsup.options import ImportPath
from selfsup.system import imports

NETS = {  # name -> function of the shape of a sample and the widths (None: the net's own) that gives the blocks
    "mlp": "selfsup.nets.mlp:mlp_blocks",
    "conv": "selfsup.nets.conv:conv_blocks",
    "bottleneck": "selfsup.nets.conv:bottleneck_blocks",
    "nin": "selfsup.nets.conv:nin_blocks",
    "resnet18": "selfsup.nets.resnet:resnet18_blocks",
    "resnet50": "selfsup.nets.resnet:resnet50_blocks",
    "vit-tiny": "selfsup.nets.vit:vit_tiny_blocks",
    "vit-small": "selfsup.nets.vit:vit_small_blocks",
}
if TYPE_CHECKING:
    NetName = str | Callable[..., Any]
else:
    NetName = Literal[("auto", *NETS)] | ImportPath | Callable[..., Any]


def make_backbone(
    net: NetName | nn.Module,
    shape: tuple[int, ...],
    hidden: tuple[int, ...] | None = None,
    for_images: str = "conv",
    activation: Activation = "relu",
    patch: int | None = None,
) -> Backbone:
    """Choose and build a backbone.

    Parameters
    ----------
    net
        ``"auto"`` (vectors: mlp; images: `for_images`); a name of `NETS`; ``"timm:NAME"``, a net of timm; a function like
        those of `NETS`, ``f(shape, hidden)`` that gives a list of blocks, or its path ``"FILE.py:f"``; or any module that
        takes (B, *shape), of which a `torch.nn.Sequential` is probed block by block.
    shape
        Of one sample: (C, H, W) or (d,).
    hidden
        Widths of the blocks, from the input on; None is the net's default.
    for_images
        What ``"auto"`` means for images.
    activation
        Between the layers, for nets that take one.
    patch
        Side of a patch in pixels, for nets that cut images into patches; None is the net's own.

    Raises
    ------
    OptionError
        If there is no such net, or it does not take such samples or widths.
    """
    if isinstance(net, nn.Module):
        blocks = list(net) if isinstance(net, nn.Sequential) else [net]
        return Backbone(blocks, shape, f"{type(net).__name__} as given")
    if isinstance(net, str):
        name = (for_images if len(shape) == 3 else "mlp") if net == "auto" else net
        if name.startswith(imports.TIMM):
            return timm_backbone(name, shape, hidden)
        if name not in NETS and not imports.is_path(name):
            more = " (a net of timm: 'timm:NAME'; a net of your own: 'FILE.py:function')"
            raise OptionError(unknown("net", name, ["auto", *NETS]) + more)
        make = imports.find(NETS.get(name, name), "net")
    else:
        make, name = net, getattr(net, "__name__", type(net).__name__)
    if not callable(make):
        raise OptionError(f"the net '{name}' is not a function of (shape, hidden)")
    asked = {"activation": activation, "patch": patch}
    made = make(shape, hidden, **{name: asked[name] for name in inspect.signature(make).parameters if name in asked})
    if not isinstance(made, list) or not made or not all(isinstance(block, nn.Module) for block in made):
        raise OptionError(f"the net '{name}' must give a list of modules; it gave {made!r}")
    backbone = Backbone(made, shape, "")
    backbone.words = _describe(name.rpartition(":")[2], backbone)
    return backbone


def _describe(name: str, backbone: Backbone) -> str:
    """The net in words: ``conv of 3 blocks, 32-64-128 channels``, ``mlp of 256-64``."""
    widths = "-".join(map(str, backbone.widths))
    if [type(block) for block in backbone.blocks] == [nn.Flatten]:
        return f"{name} of no hidden layer"
    if len(backbone.maps[-1]) == 1:
        return f"{name} of {widths}"
    return f"{name} of {len(backbone.maps)} blocks, {widths} channels" + getattr(backbone.blocks[0], "words", "")

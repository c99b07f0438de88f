"""The backbone of a trained model as a plain module, and the maps of its blocks."""

from __future__ import annotations

import copy

import numpy as np
import torch
from torch import Tensor, nn

from selfsup.errors import OptionError, unknown
from selfsup.method import Method, Samples
from selfsup.model.encode import encode_batches
from selfsup.nets import Backbone
from selfsup.nets.backbone import find_backbone

CLOSE = 1e-4  # largest difference between the plain module and the method, as a share of the largest value


class PlainBackbone(nn.Module):
    """Standardisation, blocks, pooling: images (B, C, H, W) in [0, 1], or vectors (B, d), to codes (B, D).

    Attributes
    ----------
    scale
        To standard units.
    backbone
        ``backbone.blocks`` in sequence.
    """

    def __init__(self, scale: nn.Module, backbone: Backbone) -> None:
        super().__init__()
        self.scale, self.backbone = scale, backbone

    def forward(self, x: Tensor) -> Tensor:
        """Codes (B, D) of the last block, averaged over all places or as the net has it."""
        return self.backbone.pooled(self.backbone(self.scale(x)))


def plain_backbone(method: Method, shape: tuple[int, ...]) -> PlainBackbone:
    """A copy of a method's backbone as a plain module, in evaluation mode; see `Model.backbone`.

    Parameters
    ----------
    shape
        Of a sample.
    """
    backbone = need_backbone(method)
    scale = getattr(method, "scale", None)
    plain = PlainBackbone(scale if isinstance(scale, nn.Module) else nn.Identity(), backbone)
    if len(shape) == 3:
        _check_same(plain, method, shape)
    return copy.deepcopy(plain).eval().requires_grad_(True)


def need_backbone(method: Method) -> Backbone:
    """A method's backbone.

    Raises
    ------
    OptionError
        If it has none.
    """
    if (backbone := find_backbone(method)) is None:
        raise OptionError(
            f"{type(method).__name__} has no backbone that stands alone; its codes come from model.encode"
        )
    return backbone


@torch.inference_mode()
def _check_same(plain: PlainBackbone, method: Method, shape: tuple[int, ...]) -> None:
    """Raise `OptionError` where a method makes images ready in a way of its own before its backbone sees them."""
    device = next(plain.backbone.parameters()).device
    x = torch.from_numpy(np.random.default_rng(0).random((2, *shape), np.float32)).to(device)
    theirs = list(method.maps(x).values())
    try:
        ours = plain.backbone.outputs(plain.scale(x))
    except RuntimeError:  # of other channels, say
        ours = []
    last = plain.backbone.mapped(ours[-1]) if ours else None
    if not theirs:
        return
    if last is None or last.shape != theirs[-1].shape or (last - theirs[-1]).abs().max() > CLOSE * last.abs().max():
        raise OptionError(
            f"{type(method).__name__} makes images ready in a way of its own, which a plain backbone lacks: use model.encode, or "
            "export the whole encoder as ONNX"
        )


def patches_of(method: Method, samples: Samples, device: torch.device, layer: str | None) -> np.ndarray:
    """Codes of the patches, or places, of images: (n, H', W', D) float32.

    Parameters
    ----------
    layer
        A block; None is that of the code, or else the last.

    Raises
    ------
    OptionError
        If there are no maps, or no such layer.
    """
    known = method.maps(samples[torch.arange(1)].to(device)) if len(samples) else {}
    if not known:
        raise OptionError(
            f"{type(method).__name__} has no maps here: option 'patches' is for images, and nets whose blocks give maps (not mlp)"
        )
    code = f"block{getattr(method, 'code_block', '')}"
    chosen = layer or (code if code in known else list(known)[-1])
    if chosen not in known:
        raise OptionError(unknown("layer", chosen, known))
    found = encode_batches(lambda x: {chosen: method.maps(x)[chosen]}, samples, device)[chosen]
    return np.ascontiguousarray(found.transpose(0, 2, 3, 1))

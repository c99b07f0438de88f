"""The weights of a backbone as one safetensors file, with our names or with those of torchvision and timm."""

from __future__ import annotations

import json
from importlib.metadata import version
from pathlib import Path
from typing import Literal

from torch import nn

from selfsup.errors import OptionError
from selfsup.lazy import safetensors
from selfsup.model.backbone import need_backbone
from selfsup.model.model import Model
from selfsup.nets import Standardize
from selfsup.system.files import check_free, write_bytes

Names = Literal["selfsup", "torchvision", "timm"]


def export_weights(model: Model, path: str | Path, *, names: Names = "selfsup", overwrite: bool = False) -> Path:
    """Write the state dict of the backbone as a safetensors file.

    Its metadata (each a word or JSON) tell what the weights need: the ``shape`` of a sample, and ``mean`` and ``std`` of each
    channel of images in [0, 1], by which they are standardised first; and ``net``, ``method`` and the version that made it.

    Parameters
    ----------
    model
        A trained model whose method has a backbone.
    path
        File to write.
    names
        ``"selfsup"``: as `selfsup.nets.make_backbone` has them, and as option start reads them. ``"torchvision"`` or
        ``"timm"``: theirs, of a ResNet or of a net of timm; all but the classifier (``fc``).
    overwrite
        Replace the file if it exists.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    OptionError
        If the method has no backbone, or the net has no such names.
    RunError
        If the file exists or cannot be written.
    """
    check_free(file := Path(path), overwrite=overwrite)
    backbone = need_backbone(model.method)
    if names != "selfsup" and not backbone.names:
        raise OptionError(
            f"option 'names': the net '{backbone.words}' is not one of {names}'s (a resnet is); leave the option out"
        )
    theirs = {} if names == "selfsup" else backbone.names
    tensors = {theirs.get(key, key): one.detach().cpu().contiguous() for key, one in backbone.state_dict().items()}
    about = {
        "format": "pt",
        "selfsup": version("selfsup"),
        "method": str(model.config["method"]),
        "net": backbone.words,
    }
    about |= {"names": names, "shape": json.dumps(list(model.form.shape)), **_scale(model.method)}
    write_bytes(file, safetensors.torch.save(tensors, about))
    return file


def _scale(method: nn.Module) -> dict[str, str]:
    """Mean and deviation that samples are standardised by; none where they are taken as they are."""
    scale = getattr(method, "scale", None)
    if not isinstance(scale, Standardize):
        return {}
    return {key: json.dumps(one.flatten().tolist()) for key, one in (("mean", scale.mean), ("std", scale.std))}

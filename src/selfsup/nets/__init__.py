"""Networks that know nothing of methods: backbones of blocks, and decoders that mirror them."""

from selfsup.nets.backbone import Backbone, pooled
from selfsup.nets.choose import NETS, NetName, make_backbone
from selfsup.nets.decoder import ConvDecoder, mirrored
from selfsup.nets.mlp import Activation, mlp
from selfsup.nets.scale import Standardize

__all__ = [
    "NETS",
    "Activation",
    "Backbone",
    "ConvDecoder",
    "NetName",
    "Standardize",
    "make_backbone",
    "mirrored",
    "mlp",
    "pooled",
]

"""Networks that know nothing of methods: trunks of blocks, and decoders that mirror them."""

from selfsup.nets.backbone import NetName, Trunk, make_trunk, pooled
from selfsup.nets.decoder import ConvDecoder, mirrored
from selfsup.nets.mlp import Activation, mlp
from selfsup.nets.scale import Standardize

__all__ = [
    "Activation",
    "ConvDecoder",
    "NetName",
    "Standardize",
    "Trunk",
    "make_trunk",
    "mirrored",
    "mlp",
    "pooled",
]

"""Networks that know nothing of methods: trunks of blocks, and decoders that mirror them."""

from selfsup.nets.decoder import ConvDecoder
from selfsup.nets.mlp import mlp
from selfsup.nets.scale import Standardize
from selfsup.nets.trunk import NetName, Trunk, make_trunk, pooled

__all__ = ["ConvDecoder", "NetName", "Standardize", "Trunk", "make_trunk", "mlp", "pooled"]

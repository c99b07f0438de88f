"""What the methods of masked patches share: a vision transformer on some patches of an image, and a narrow one that fills in."""

from selfsup.methods.masked.base import GREY, Cut, Masked, Seen
from selfsup.methods.masked.filler import Filler

__all__ = ["GREY", "Cut", "Filler", "Masked", "Seen"]

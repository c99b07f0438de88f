"""Ways of hiding: pure functions on whole batches, on the device, random only through the generator they are given."""

from selfsup.hide.crop import shifted
from selfsup.hide.noise import corrupt, corrupt_places
from selfsup.hide.turn import four_turns

__all__ = ["corrupt", "corrupt_places", "four_turns", "shifted"]

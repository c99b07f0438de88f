"""Ways of hiding: pure functions on whole batches, on the device, random only through the generator they are given."""

from selfsup.hide.crop import random_crop
from selfsup.hide.noise import corrupt, corrupt_places
from selfsup.hide.turn import quarter_turns

__all__ = ["corrupt", "corrupt_places", "quarter_turns", "random_crop"]

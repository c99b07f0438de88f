"""Ways of hiding: pure functions on whole batches, on the device, random only through the generator they are given."""

from selfsup.hide.blur import blur, solarize
from selfsup.hide.colour import Change, colour_matrix, draw_change, recolour
from selfsup.hide.columns import changed_columns, swap_columns
from selfsup.hide.crop import random_crop
from selfsup.hide.mask import block_mask, random_mask
from selfsup.hide.noise import corrupt, corrupt_places
from selfsup.hide.patches import drop_colours, grid_patches, normalize_patches, project_colours, resample_patches
from selfsup.hide.tokens import at_places, draw_blocks, outside, parted, patchify, unpatchify
from selfsup.hide.turn import quarter_turns, turned
from selfsup.hide.views import ViewOptions, draw_views, make_views, multicrop, views
from selfsup.hide.warp import Boxes, crops, draw_boxes, warp

__all__ = [
    "Boxes",
    "Change",
    "ViewOptions",
    "at_places",
    "block_mask",
    "blur",
    "changed_columns",
    "colour_matrix",
    "corrupt",
    "corrupt_places",
    "crops",
    "draw_blocks",
    "draw_boxes",
    "draw_change",
    "draw_views",
    "drop_colours",
    "grid_patches",
    "make_views",
    "multicrop",
    "normalize_patches",
    "outside",
    "parted",
    "patchify",
    "project_colours",
    "quarter_turns",
    "random_crop",
    "random_mask",
    "recolour",
    "resample_patches",
    "solarize",
    "swap_columns",
    "turned",
    "unpatchify",
    "views",
    "warp",
]

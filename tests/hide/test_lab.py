"""CIE Lab: published values, the formula pixel by pixel, and the way back."""

import numpy as np
import pytest
import torch

from selfsup.data.images.colours import COUNTED, Colours, measure
from selfsup.data.open import open_data
from selfsup.errors import DataError
from selfsup.hide.lab import coloured, lightness, to_lab, to_rgb

# D65, as scikit-image and the tables of CSS Color 4's ancestors have them
KNOWN = {
    (0, 0, 0): (0, 0, 0),
    (1, 1, 1): (100, 0, 0),
    (1, 0, 0): (53.2408, 80.0925, 67.2032),
    (0, 1, 0): (87.7347, -86.1827, 83.1793),
    (0, 0, 1): (32.2970, 79.1875, -107.8602),
    (0, 1, 1): (91.1132, -48.0875, -14.1312),
    (1, 0, 1): (60.3242, 98.2343, -60.8249),
    (1, 1, 0): (97.1393, -21.5537, 94.4780),
    (0.5, 0.5, 0.5): (53.3890, 0, 0),
}


def images(n=3, height=5, width=4, seed=0):
    return torch.rand(n, 3, height, width, generator=torch.Generator().manual_seed(seed))


def slowly(red, green, blue):
    """One pixel, as the standards write it."""
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in (red, green, blue))
    x = (0.4124564 * red + 0.3575761 * green + 0.1804375 * blue) / 0.95047
    y = 0.2126729 * red + 0.7151522 * green + 0.0721750 * blue
    z = (0.0193339 * red + 0.1191920 * green + 0.9503041 * blue) / 1.08883
    x, y, z = (t ** (1 / 3) if t > (6 / 29) ** 3 else t * (29 / 6) ** 2 / 3 + 4 / 29 for t in (x, y, z))
    return 116 * y - 16, 500 * (x - y), 200 * (y - z)


def test_published_values():
    x = torch.tensor(list(KNOWN), dtype=torch.float32)[:, :, None, None]
    assert torch.allclose(to_lab(x)[:, :, 0, 0], torch.tensor(list(KNOWN.values())), atol=5e-3)


def test_the_formula_pixel_by_pixel():
    x = torch.cat([images(), images() * 0.04])  # dark ones lie in the linear feet of both curves
    lab = to_lab(x)
    for i, row, column in np.ndindex(len(x), *x.shape[2:]):
        assert np.allclose(lab[i, :, row, column], slowly(*x[i, :, row, column].double().tolist()), atol=2e-3)


def test_there_and_back():
    x = torch.cat([images(8), images(8) * 0.05])
    assert torch.allclose(to_rgb(to_lab(x)), x, atol=2e-5)
    lab = to_lab(x.double())
    assert torch.allclose(to_rgb(lab), x.double(), atol=1e-7)


def test_lightness_is_that_of_lab():
    x = images(4)
    assert torch.allclose(lightness(x), to_lab(x)[:, :1], atol=1e-4)
    grey = images(4)[:, :1]
    assert torch.allclose(lightness(grey), lightness(grey.expand(-1, 3, -1, -1)), atol=1e-4)
    assert to_lab(grey.expand(-1, 3, -1, -1))[:, 1:].abs().max() < 1e-3


def test_what_no_screen_shows_is_clipped():
    lab = torch.tensor([(50.0, 120.0, -120.0), (100.0, 60.0, 60.0), (0.0, -90.0, 90.0), (-20.0, 0.0, 0.0)])[
        :, :, None, None
    ]
    rgb = to_rgb(lab)
    assert rgb.isfinite().all()
    assert rgb.min() >= 0
    assert rgb.max() <= 1


def test_autocast_costs_no_digits():
    x = images(4, 16, 16)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(to_lab(x), to_lab(x.clone()))
        mixed = to_lab(x)
    assert mixed.dtype == torch.float32
    assert torch.equal(mixed, to_lab(x))
    assert to_lab(x.bfloat16()).dtype == torch.float32


def test_a_grey_image_is_one_without_any_colour():
    x = images(1).mean(1, keepdim=True).repeat(4, 3, 1, 1)
    x[1, 0] += 4 / 255  # what JPEG leaves
    x[2, 0, 0, 0] += 6 / 255  # one pixel that has a colour
    x[3] = images(1, seed=1)[0]
    assert coloured(x).tolist() == [False, False, True, True]


def test_colours_are_counted():
    x = np.zeros((3, 3, 4, 4), np.uint8)
    x[0, 0] = 255  # red: a 80, b 67
    x[1, :, :2] = np.array([0, 0, 255], np.uint8)[:, None, None]  # half of it blue: a 79, b -108
    x[1, :, 2:] = 128
    found = open_data(x).whole().fact("colours")
    assert (found.images, found.grey) == (3, 1)
    assert found.counts.sum() == 32
    assert found.counts[(110 + 80) // 5, (110 + 67) // 5] == 16
    assert found.counts[(110 + 79) // 5, (110 - 108) // 5] == 8
    assert found.counts[22, 22] + found.counts[21, 21] + found.counts[21, 22] + found.counts[22, 21] == 8
    mean = (16 * np.array([80.0925, 67.2032]) + 8 * np.array([79.1875, -107.8602])) / 32
    assert np.allclose(found.mean, mean, atol=1e-2)


def test_of_many_images_some_are_counted_and_all_looked_at():
    x = np.random.default_rng(0).integers(0, 256, (COUNTED + 500, 3, 2, 2), np.uint8)
    x[::10] = 7
    found = measure(open_data(x).rows())
    assert found.grey == len(x[::10])
    assert found.counts.sum() == 4 * COUNTED


def test_colours_are_kept_as_text_and_read_strictly():
    found = open_data(np.random.default_rng(0).integers(0, 256, (5, 3, 4, 4), np.uint8)).whole().fact("colours")
    plain = found.to_dict()
    again = Colours.from_dict(plain)
    assert np.array_equal(again.counts, found.counts)
    assert np.allclose(again.mean, found.mean)
    assert (again.images, again.grey) == (5, 0)
    for name, wrong in [
        ("counts", ["1 2"]), ("counts", None), ("counts", ["x"] * 44), ("mean", [1.0]), ("mean", [float("nan"), 0.0]),
        ("grey", 6), ("images", "many"),
    ]:  # fmt: skip
        with pytest.raises(DataError, match="colours of the data"):
            Colours.from_dict({**plain, name: wrong})
    assert open_data(np.zeros((5, 8, 8), np.uint8)).whole().fact("colours") is None

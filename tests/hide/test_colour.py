"""Changes of colour, blur and solarization beside PIL, and beside the formula image by image."""

from itertools import permutations

import numpy as np
import pytest
import torch
from PIL import Image, ImageEnhance, ImageFilter, ImageOps

from selfsup.hide import blur, colour_matrix, draw_change, recolour, solarize
from selfsup.hide.colour import LUMA, Change


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def photo(count=1, channels=3, side=24, low=0.3, high=0.6, seed=0):
    """Smooth noise whose levels stay between two: no change below leaves the range."""
    x = torch.rand(count, channels, side // 4, side // 4, generator=seeded(seed))
    x = torch.nn.functional.interpolate(x, (side, side), mode="bilinear") * (high - low) + low
    return (x * 255).round() / 255


def change(count=1, brightness=1.0, contrast=1.0, saturation=1.0, hue=0.0):
    return Change(*(torch.full((count,), value) for value in (brightness, contrast, saturation, hue)))


def as_pil(x):
    return Image.fromarray((x[0].permute(1, 2, 0) * 255).round().to(torch.uint8).numpy())


def from_pil(image):
    return torch.from_numpy(np.array(image)).permute(2, 0, 1)[None].float() / 255


@pytest.mark.parametrize("factor", [0.6, 1.0, 1.4])
@pytest.mark.parametrize(
    ("name", "pil"), [("brightness", "Brightness"), ("contrast", "Contrast"), ("saturation", "Color")]
)
def test_an_operation_is_what_pil_does(name, pil, factor):
    x = photo()
    expected = from_pil(getattr(ImageEnhance, pil)(as_pil(x)).enhance(factor))
    found = recolour(x, colour_matrix(change(**{name: factor})))
    assert (found - expected).abs().max() < 1.5 / 255  # PIL rounds the grey and cuts the result to whole levels


def test_grey_is_what_pil_does():
    x = photo()
    expected = from_pil(as_pil(x).convert("L").convert("RGB"))
    assert (recolour(x, colour_matrix(change(saturation=0.0))) - expected).abs().max() < 1 / 255


def grey_of(pixels):
    return pixels @ np.array(LUMA)


def one_operation(pixels, name, value):
    """(P, 3) float64 pixels of an image after one operation, by its definition."""
    if name == "brightness":
        return pixels * value
    if name == "contrast":
        return value * pixels + (1 - value) * grey_of(pixels).mean()
    if name == "saturation":
        return value * pixels + (1 - value) * grey_of(pixels)[:, None]
    there = np.array([LUMA, (0.596, -0.274, -0.322), (0.211, -0.523, 0.312)])
    luma, i, q = there @ pixels.T
    colour = (i + 1j * q) * np.exp(-2j * np.pi * value)
    return np.linalg.solve(there, np.stack([luma, colour.real, colour.imag])).T


@pytest.mark.parametrize("order", list(permutations(["brightness", "contrast", "saturation", "hue"])))
def test_the_matrix_is_one_operation_after_the_other_in_any_order(order):
    x = photo(2)
    values = {"brightness": 1.2, "contrast": 0.7, "saturation": 1.3, "hue": 0.08}
    found = recolour(x, colour_matrix(change(2, **values)))
    for image, result in zip(x, found, strict=True):
        pixels = image.flatten(1).T.double().numpy()
        for name in order:
            pixels = one_operation(pixels, name, values[name])
        assert 0 < pixels.min() < pixels.max() < 1, "the reference is of images that stay in the range"
        np.testing.assert_allclose(result.flatten(1).T.numpy(), pixels, atol=2e-6)


def test_hue_keeps_luma_and_comes_back_after_a_whole_turn():
    x = photo(seed=3)
    luma = torch.tensor(LUMA)[:, None, None]
    turned = recolour(x, colour_matrix(change(hue=0.25)))
    torch.testing.assert_close((turned * luma).sum(1), (x * luma).sum(1), rtol=0, atol=1e-6)
    assert (turned - x).abs().max() > 0.02
    torch.testing.assert_close(recolour(x, colour_matrix(change(hue=1.0))), x, rtol=0, atol=1e-5)


def test_a_third_of_a_turn_makes_green_of_red_and_blue_of_green():
    red, green = (torch.full((1, 3, 1, 1), 0.3) for _ in range(2))
    red[:, 0], green[:, 1] = 0.5, 0.5
    third = colour_matrix(change(hue=1 / 3))
    assert recolour(red, third).flatten().argmax() == 1
    assert recolour(green, third).flatten().argmax() == 2


def test_it_is_cut_once_at_the_end():
    """Brighter and darker again gives the image back, where cutting between would lose the bright parts."""
    x = photo(low=0.6, high=0.95)
    brighter = colour_matrix(change(brightness=1.5, contrast=0.5))
    expected = 0.5 * (1.5 * x) + 0.5 * (1.5 * x * torch.tensor(LUMA)[:, None, None]).sum(1).mean()
    assert (1.5 * x).max() > 1.2
    torch.testing.assert_close(recolour(x, brighter), expected.clamp(0, 1), rtol=0, atol=1e-6)
    assert recolour(x, colour_matrix(change(brightness=9.0))).max() == 1


@pytest.mark.parametrize("channels", [1, 2, 13])
def test_brightness_and_contrast_of_any_channels(channels):
    x = photo(channels=channels)
    found = recolour(x, colour_matrix(change(brightness=1.1, contrast=0.5), channels))
    torch.testing.assert_close(found, 0.5 * 1.1 * x + 0.5 * 1.1 * x.mean(), rtol=0, atol=1e-6)


def test_what_is_drawn():
    drawn = draw_change(4000, seeded(), brightness=0.4, contrast=2.0, saturation=0.1, hue=0.1, jitter=0.8, grey=0.2)
    still = (drawn.brightness == 1) & (drawn.contrast == 1) & (drawn.hue == 0)
    grey = drawn.saturation == 0
    assert abs(still.float().mean() - 0.2) < 0.03
    assert abs(grey.float().mean() - 0.2) < 0.03
    assert abs(grey[still].float().mean() - 0.2) < 0.06
    assert (drawn.saturation[still & ~grey] == 1).all()
    ranges = {"brightness": (0.6, 1.4), "contrast": (0, 3), "saturation": (0.9, 1.1), "hue": (-0.1, 0.1)}
    for name, (low, high) in ranges.items():
        moved = getattr(drawn, name)[~still & ~grey]
        assert low <= moved.min() < low + 0.05 * (high - low)
        assert high - 0.05 * (high - low) < moved.max() <= high
        assert abs(moved.mean() - (low + high) / 2) < 0.03 * (high - low)


def test_blur_is_the_gaussian_of_each_image():
    x = torch.rand(3, 2, 15, 18, generator=seeded())
    sigma = torch.tensor([0.0, 0.7, 2.0])
    found = blur(x, sigma, 2.0)
    assert torch.equal(found[0], x[0])
    for image, deviation, result in zip(x[1:], sigma[1:], found[1:], strict=True):
        padded = np.pad(image.numpy(), ((0, 0), (6, 6), (6, 6)), mode="reflect")
        line = np.exp(-0.5 * (np.arange(-6, 7) / float(deviation)) ** 2)
        kernel = np.outer(line, line) / line.sum() ** 2
        expected = [
            [[(plane[r : r + 13, c : c + 13] * kernel).sum() for c in range(18)] for r in range(15)] for plane in padded
        ]
        np.testing.assert_allclose(result.numpy(), expected, atol=1e-6)


def test_blur_is_near_that_of_pil():
    x = photo(side=48, low=0.0, high=1.0)
    expected = from_pil(as_pil(x).filter(ImageFilter.GaussianBlur(1.5)))
    found = blur(x, torch.tensor([1.5]), 1.5)
    assert (found - expected)[..., 6:-6, 6:-6].abs().max() < 3 / 255  # PIL's is made of boxes


def test_blur_of_an_image_smaller_than_its_kernel():
    x = torch.rand(1, 1, 1, 3, generator=seeded())
    assert torch.equal(blur(x, torch.tensor([2.0]), 2.0), x)  # one line: nothing to mirror, and no kernel wider than it
    flat = torch.full((1, 3, 4, 4), 0.25)
    torch.testing.assert_close(blur(flat, torch.tensor([50.0]), 50.0), flat)


def test_solarize_is_what_pil_does_to_those_chosen():
    x = photo(2, low=0.0, high=1.0)
    found = solarize(x, torch.tensor([True, False]), 128 / 255)
    torch.testing.assert_close(found[:1], from_pil(ImageOps.solarize(as_pil(x[:1]), 128)), rtol=0, atol=1e-6)
    assert torch.equal(found[1], x[1])

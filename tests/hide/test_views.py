"""Views beside a slow reference of one image after the other: PIL, or the formula."""

from importlib import import_module

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings, strategies as st
from PIL import Image

from conftest import pictures
from selfsup.errors import DataError, OptionError
from selfsup.hide import ViewOptions, crops, draw_boxes, draw_views, make_views, multicrop, views, warp
from selfsup.hide.warp import Boxes, taps

COLOURS = {"brightness": 0.4, "contrast": 0.4, "saturation": 0.4, "hue": 0.1, "grey": 0.2}


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def images(count=3, channels=3, height=40, width=48, seed=0):
    return torch.from_numpy(pictures(count, channels, height, width, seed=seed)).float()


def levels(x):
    return (x * 255).round().to(torch.uint8)


def by_pil(image, box, mirror, size):
    """One crop (C, size, size) of levels (C, H, W) by PIL."""
    top, left, height, width = box
    planes = []
    for plane in image.numpy():
        cut = Image.fromarray(plane).crop((left, top, left + width, top + height))
        planes.append(np.asarray(cut.resize((size, size), Image.Resampling.BILINEAR)))
    cut = torch.from_numpy(np.stack(planes)).float() / 255
    return cut.flip(-1) if mirror else cut


def boxes_of(rows):
    table = torch.tensor(rows)
    return Boxes(*table[:, :4].T, table[:, 4].bool())


@pytest.mark.parametrize("size", [16, 40, 96, 130])  # shrinking and growing
@pytest.mark.parametrize("as_levels", [True, False])
def test_a_crop_is_what_pil_cuts_and_resizes(size, as_levels):
    x = levels(images(2))
    boxes = boxes_of([[0, 0, 40, 48, 0], [3, 5, 11, 17, 1], [30, 40, 10, 8, 0], [8, 0, 32, 48, 1]])
    found = warp(x if as_levels else x / 255, boxes, size)
    table = torch.stack(boxes, 1).tolist()
    for view, (*box, mirror) in enumerate(table):
        apart = (found[view] - by_pil(x[view // 2], box, mirror, size)).abs()
        assert apart.max() < 1.6 / 255  # PIL rounds once after the columns and once after the rows


@pytest.mark.parametrize(("extent", "size"), [(24, 24), (50, 16), (16, 50), (64, 5)])
def test_a_crop_is_what_torch_resizes(extent, size):
    x = torch.rand(4, 2, extent, extent + 3, generator=seeded())
    boxes = draw_boxes(8, x.shape[-2:], seeded(), (0.05, 1.0))
    found = warp(x, boxes, size)
    for view, (top, left, rows, columns, mirror) in enumerate(torch.stack(boxes, 1).tolist()):
        image = x[view // 2, None, :, top : top + rows, left : left + columns]
        expected = F.interpolate(image, (size, size), mode="bilinear", antialias=True)[0]
        torch.testing.assert_close(found[view], expected.flip(-1) if mirror else expected, rtol=0, atol=2e-6)


def test_the_whole_image_at_its_own_size_is_the_image():
    x = images(2, height=32, width=32)
    found = crops(x, 2, 32, seeded(), scale=(1.0, 1.0), ratio=(1.0, 1.0), mirror=0)
    torch.testing.assert_close(found, x[:, None].expand(-1, 2, -1, -1, -1), rtol=0, atol=1e-6)
    mirrored = crops(x, 1, 32, seeded(), scale=(1.0, 1.0), ratio=(1.0, 1.0), mirror=1)
    torch.testing.assert_close(mirrored[:, 0], x.flip(-1), rtol=0, atol=1e-6)


@given(
    height=st.integers(1, 60), width=st.integers(1, 60), low=st.floats(0.01, 1), high=st.floats(0.01, 1),
    ratio=st.floats(0.05, 20), seed=st.integers(0, 9),
)  # fmt: skip
@settings(max_examples=60, deadline=None)
def test_boxes_lie_in_the_image(height, width, low, high, ratio, seed):
    scale = min(low, high), max(low, high)
    boxes = draw_boxes(50, (height, width), seeded(seed), scale, (min(ratio, 1), max(ratio, 1)))
    assert (boxes.top >= 0).all()
    assert (boxes.left >= 0).all()
    assert (boxes.height >= 1).all()
    assert (boxes.width >= 1).all()
    assert (boxes.top + boxes.height <= height).all()
    assert (boxes.left + boxes.width <= width).all()


def test_boxes_have_the_scale_and_ratio_asked_for():
    boxes = draw_boxes(4000, (200, 200), seeded(), (0.2, 0.5))
    area = boxes.height * boxes.width / 200**2
    assert area.min() > 0.195
    assert area.max() < 0.505
    assert abs(area.float().mean() - 0.35) < 0.005  # even between the two, as all of them fit
    ratio = boxes.width / boxes.height
    assert ratio.min() > 0.74
    assert ratio.max() < 1.35
    assert abs(ratio.log().mean()) < 0.01
    assert abs(boxes.mirror.float().mean() - 0.5) < 0.03
    room = boxes.left / (200 - boxes.width)
    assert abs(room.mean() - 0.5) < 0.02


def test_where_no_box_fits_the_middle_is_taken():
    boxes = draw_boxes(5, (10, 100), seeded(), (1.0, 1.0), (0.5, 2.0))
    assert set(zip(*(part.tolist() for part in boxes[:4]), strict=True)) == {(0, 40, 10, 20)}


@given(extent=st.integers(1, 40), size=st.integers(1, 40), start=st.integers(0, 39), length=st.integers(1, 40))
@settings(max_examples=60, deadline=None)
def test_weights_sum_to_one_and_stay_in_the_box(extent, size, start, length):
    start = min(start, extent - 1)
    length = min(length, extent - start)
    index, weight = taps(torch.tensor([start]), torch.tensor([length]), size, extent)
    torch.testing.assert_close(weight.sum(2), torch.ones(1, size), rtol=0, atol=1e-5)
    assert weight.min() >= 0
    assert index.min() >= start
    assert index.max() < start + length


@given(
    channels=st.sampled_from([1, 3, 13]), n=st.integers(1, 4), size=st.integers(1, 70), as_levels=st.booleans(),
    blur=st.sampled_from([0.0, 0.5]), seed=st.integers(0, 99),
)  # fmt: skip
@settings(max_examples=30, deadline=None)
def test_shape_range_and_seed(channels, n, size, as_levels, blur, seed):
    x = images(2, channels, 20, 24, seed=seed)
    x = levels(x) if as_levels else x
    before = x.clone()
    options = {"brightness": 0.8, "contrast": 0.8, "blur": blur, "solarize": 0.3} | (COLOURS if channels == 3 else {})
    found = views(x, n, size, seeded(seed), (0.1, 1.0), **options)
    assert found.shape == (2, n, channels, size, size)
    assert found.dtype == torch.float32
    assert found.min() >= 0
    assert found.max() <= 1
    assert torch.equal(x, before)
    assert torch.equal(found, views(x, n, size, seeded(seed), (0.1, 1.0), **options))


def test_every_view_has_its_own_parameters():
    x = images(1).expand(6, -1, -1, -1)
    for options in ({}, {"scale": (1.0, 1.0), "ratio": (1.2, 1.2), "mirror": 0, "jitter": 1, **COLOURS, "grey": 0}):
        found = views(x, 2, 24, seeded(), **options).flatten(0, 1)
        apart = torch.cdist(found.flatten(1), found.flatten(1)) + torch.eye(12)
        assert apart.min() > 1e-3


def test_views_follow_their_images():
    """Images in another order with their parameters in that order give the same views in that order."""
    x = images(5)
    drawn = draw_views(x, 2, seeded(), ViewOptions(**COLOURS, blur=0.5, solarize=0.5))
    order = torch.tensor([3, 0, 4, 1, 2])
    rows = (order[:, None] * 2 + torch.arange(2)).flatten()
    moved = drawn._replace(
        boxes=Boxes(*(part[rows] for part in drawn.boxes)),
        change=type(drawn.change)(*(part[rows] for part in drawn.change)),
        sigma=drawn.sigma[rows],
        solarized=drawn.solarized[rows],
    )
    torch.testing.assert_close(make_views(x, drawn, 32)[order], make_views(x[order], moved, 32), rtol=0, atol=2e-6)


def test_chunks_leave_no_trace(monkeypatch):
    x = images(7)
    drawn = draw_views(x, 3, seeded(), ViewOptions(**COLOURS, blur=0.5, solarize=0.5))
    whole = make_views(x, drawn, 32)
    monkeypatch.setattr(import_module("selfsup.hide.views"), "CHUNK_ON_PROCESSOR", 2 * 3 * 3 * 32 * 32)
    torch.testing.assert_close(make_views(x, drawn, 32), whole, rtol=0, atol=2e-6)


def test_several_resolutions():
    large, small = multicrop(images(2), (2, 4), (48, 16), seeded(), ((0.4, 1.0), (0.05, 0.4)), **COLOURS)
    assert large.shape == (2, 2, 3, 48, 48)
    assert small.shape == (2, 4, 3, 16, 16)
    with pytest.raises(OptionError, match="as many entries each; got 2, 1 and 2"):
        multicrop(images(2), (2, 4), (48,), seeded(), ((0.4, 1.0), (0.05, 0.4)))


@pytest.mark.parametrize("backend", ["eager", "aot_eager"])
@pytest.mark.parametrize("options", [{}, {**COLOURS, "blur": 0.5, "solarize": 0.5}])
def test_views_compile_without_a_break(backend, options):
    torch._dynamo.reset()
    x = images(2, height=24, width=24)
    drawn = draw_views(x, 2, seeded(), ViewOptions(**options))
    compiled = torch.compile(make_views, fullgraph=True, backend=backend)
    torch.testing.assert_close(compiled(x, drawn, 16), make_views(x, drawn, 16), rtol=0, atol=1e-5)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.bfloat16])
def test_other_floating_images(dtype):
    x = images(2).to(dtype)
    torch.testing.assert_close(views(x, 1, 16, seeded()), views(x.float(), 1, 16, seeded()), rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"scale": (0.5, 0.2)}, "'scale' must be two numbers above 0 and at most 1"),
        ({"scale": (0.0, 0.2)}, "'scale' must"),
        ({"scale": 0.5}, "'scale' must be two numbers"),
        ({"ratio": (0.0, 1.0)}, "'ratio' must"),
        ({"sigma": (2.0, 1.0)}, "'sigma' must"),
        ({"mirror": 1.5}, "'mirror' must be between 0 and 1; got 1.5"),
        ({"hue": 0.6}, "'hue' must be between 0 and 0.5"),
        ({"brightness": -1}, "'brightness' must be at least 0"),
        ({"contrast": float("nan")}, "'contrast' must"),
        ({"n": 0}, "'n' must be at least 1"),
        ({"size": 0}, "'size' must be at least 1"),
    ],
)
def test_options_out_of_range(options, said):
    with pytest.raises(OptionError, match=said):
        views(images(), **({"n": 1, "size": 8, "rng": seeded()} | options))


@pytest.mark.parametrize("name", ["saturation", "hue", "grey"])
@pytest.mark.parametrize("channels", [1, 4])
def test_colour_is_of_three_channels(name, channels):
    with pytest.raises(OptionError, match=f"'{name}' changes colours.* have {channels} channels?, not 3"):
        views(images(channels=channels), 1, 8, seeded(), **{name: 0.1})


@pytest.mark.parametrize(
    "x",
    [torch.rand(3, 8, 8), torch.rand(0, 3, 8, 8), torch.zeros(1, 3, 8, 8, dtype=torch.int64), torch.rand(1, 3, 0, 8)],
)
def test_images_that_are_none(x):
    with pytest.raises(DataError, match=r"\(B, C, H, W\)"):
        views(x, 1, 8, seeded())
    with pytest.raises(DataError, match=r"\(B, C, H, W\)"):
        crops(x, 1, 8, seeded())


def test_antialiasing_takes_the_mean_where_a_crop_shrinks():
    x = torch.rand(1, 1, 64, 64, generator=seeded())
    boxes = boxes_of([[0, 0, 64, 64, 0]])
    expected = F.interpolate(x, (8, 8), mode="bilinear", antialias=True)
    torch.testing.assert_close(warp(x, boxes, 8), expected, rtol=0, atol=1e-6)
    assert warp(x, boxes, 8).std() < 0.3 * x.std()


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")
def test_on_a_gpu_the_same_parameters_give_the_same_views():
    x = images(4)
    drawn = draw_views(x, 2, seeded(), ViewOptions(**COLOURS, blur=0.5, solarize=0.5))
    there = torch.utils._pytree.tree_map(lambda part: part.cuda() if isinstance(part, torch.Tensor) else part, drawn)
    found = make_views(x.cuda(), there, 32).cpu()
    torch.testing.assert_close(found, make_views(x, drawn, 32), rtol=0, atol=1e-4)
    fresh = views(x.cuda(), 2, 224, torch.Generator("cuda").manual_seed(0), **COLOURS, blur=0.5, solarize=0.5)
    assert fresh.shape == (4, 2, 3, 224, 224)

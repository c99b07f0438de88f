"""Patches and counter-measures against slow references, patch by patch."""

import pytest
import torch
import torch.nn.functional as F

from selfsup.errors import DataError, OptionError
from selfsup.hide.patches import (
    cut,
    drop_colours,
    each_alone,
    extent,
    grid_patches,
    normalize_patches,
    overlapping,
    project_colours,
    resample_patches,
)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def images(*shape, seed=0):
    return torch.rand(shape, generator=generator(seed))


@pytest.mark.parametrize(
    ("shape", "rows", "columns", "patch", "gap", "jitter"),
    [
        ((4, 3, 96, 96), 3, 3, 24, 8, 3),
        ((3, 13, 40, 33), 2, 3, 8, 2, 1),
        ((2, 1, 5, 5), 3, 3, 1, 0, 0),
        ((1, 1, 9, 20), 1, 2, 9, 2, 4),
    ],
)
def test_patches_are_those_of_the_images_at_their_corners(shape, rows, columns, patch, gap, jitter):
    x = images(*shape)
    before = x.clone()
    found, corners = grid_patches(x, rows, columns, patch, gap, jitter, generator())
    assert torch.equal(x, before)
    assert found.shape == (shape[0], rows * columns, shape[1], patch, patch)
    for image in range(shape[0]):
        for number, (top, left) in enumerate(corners[image].tolist()):
            assert torch.equal(found[image, number], x[image, :, top : top + patch, left : left + patch])
    again, same = grid_patches(x, rows, columns, patch, gap, jitter, generator())
    assert torch.equal(found, again)
    assert torch.equal(corners, same)


def test_without_jitter_the_corners_are_a_grid_and_begin_anywhere():
    corners = grid_patches(images(400, 1, 20, 26), 2, 3, 5, 3, 0, generator())[1].view(400, 2, 3, 2)
    steps = corners - corners[:, :1, :1]
    assert (steps[:, :, :, 0] == torch.tensor([0, 8])[:, None]).all()
    assert (steps[:, :, :, 1] == torch.tensor([0, 8, 16])).all()
    assert set(corners[:, 0, 0, 0].tolist()) == set(range(20 - extent(2, 5, 3) + 1))
    assert set(corners[:, 0, 0, 1].tolist()) == set(range(26 - extent(3, 5, 3) + 1))


def test_jitter_is_drawn_for_each_patch_and_keeps_inside():
    x = images(300, 1, 20, 20)
    corners = grid_patches(x, 3, 3, 4, 3, 2, generator())[1]
    assert corners.min() == 0
    assert corners.max() == 16
    steps = (corners[:, 1] - corners[:, 0])[:, 1]
    assert set(steps.tolist()) == set(range(7 - 4, 7 + 5))
    assert not torch.equal(corners[:, 0, 0], corners[:, 1, 0])


def test_what_does_not_fit_is_refused():
    with pytest.raises(DataError, match="need images of 88 x 88; these are 32 x 96"):
        grid_patches(images(1, 3, 32, 96), 3, 3, 24, 8, 0, generator())
    with pytest.raises(DataError, match="at least 9 x 9; these are 8 x 20"):
        overlapping(8, 20, 9)


def test_overlapping_patches_reach_every_border():
    x = images(2, 3, 17, 30)
    corners = overlapping(17, 30, 8)
    assert corners.shape == (4, 7, 2)
    assert corners[0, 0].tolist() == [0, 0]
    assert corners[-1, -1].tolist() == [9, 22]
    assert (corners.diff(dim=0)[..., 0] <= 4).all()
    assert (corners.diff(dim=1)[..., 1] <= 4).all()
    found = cut(x, corners[1].expand(2, -1, -1), 8)
    assert torch.equal(found[1, 2], x[1, :, 3:11, 7:15])
    assert overlapping(8, 8, 8).tolist() == [[[0, 0]]]  # an image as large as a patch is one


def test_one_channel_is_kept_and_the_others_are_noise_about_its_mean():
    x = images(60, 9, 3, 16, 16)
    found = drop_colours(x, generator(), noise=0.5)
    same = (found == x).flatten(-2).all(-1)  # (60, 9, 3)
    assert (same.sum(-1) == 1).all()
    assert (same.sum((0, 1)) > 100).all()  # each of 540 patches keeps a channel of its own, any as often
    for patch, before, kept in zip(found.flatten(0, 1), x.flatten(0, 1), same.flatten(0, 1), strict=True):
        only, other = before[kept][0], patch[~kept]
        assert abs(float(other.mean() - only.mean())) < 0.05
        assert 0.4 < float(other.std() / only.std()) < 0.6
    assert not torch.equal(found[0, 0, ~same[0, 0]][0], found[0, 0, ~same[0, 0]][1])


def test_each_channel_alone_is_what_dropping_gives_without_noise():
    x = images(4, 2, 3, 5, 5)
    found = each_alone(x)
    assert found.shape == (4, 2, 3, 3, 5, 5)
    for seed in range(5):
        dropped = drop_colours(x, generator(seed), noise=0.0)
        near = (found - dropped.unsqueeze(2)).abs().amax((-3, -2, -1))  # (4, 2, 3)
        assert (near.amin(-1) < 1e-6).all()


def test_projection_is_the_matrix_of_the_paper():
    x = images(5, 9, 3, 4, 4)
    a = torch.tensor([[-1.0, 2.0, -1.0]])
    b = torch.eye(3) - a.T @ a / (a @ a.T)
    expected = torch.einsum("ij,...jhw->...ihw", b, x)
    found = project_colours(x)
    assert torch.allclose(found, expected, atol=1e-6)
    assert torch.allclose(project_colours(found), found, atol=1e-6)  # nothing of the axis is left
    with pytest.raises(OptionError, match="3 channels; these patches have 13"):
        project_colours(images(2, 13, 4, 4))


@pytest.mark.parametrize(("side", "smallest"), [(24, 10), (9, 10), (12, 3)])
def test_a_third_is_resampled_as_interpolation_does_it(side, smallest):
    x = images(30, 3, side, side)
    found = resample_patches(x, generator(), smallest=smallest)
    least, changed = min(smallest, side), 0
    for patch, before in zip(found, x, strict=True):
        if torch.equal(patch, before):
            continue
        changed += 1
        ways = [
            F.interpolate(F.interpolate(before[None], (size, size), mode="bilinear"), (side, side), mode="bilinear")[0]
            for size in range(least, side + 1)
        ]
        assert min(float((patch - way).abs().max()) for way in ways) < 1e-5
    assert changed <= 10
    assert side <= smallest or changed >= 8  # a third, but for those drawn to be as large as they were
    assert torch.equal(resample_patches(x[:2], generator()), x[:2])
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(resample_patches(x, generator(), smallest=smallest), found)


def test_normalized_patches_have_no_mean_and_the_deviation_one():
    x = images(7, 4, 3, 6, 6) * 9 + torch.arange(3)[:, None, None]
    found = normalize_patches(x)
    for patch, before in zip(found.flatten(0, 1), x.flatten(0, 1), strict=True):
        centred = before - torch.stack([channel.mean() for channel in before])[:, None, None]
        assert torch.allclose(patch, centred / centred.square().mean().sqrt(), atol=1e-5)
    assert torch.equal(normalize_patches(torch.ones(2, 1, 4, 4)), torch.zeros(2, 1, 4, 4))  # an even patch stays finite
    assert torch.allclose(normalize_patches(5 * x), found, atol=1e-5)  # brightness and contrast tell nothing


def test_what_draws_nothing_compiles_as_one_graph():
    x = images(3, 3, 20, 24)
    corners = grid_patches(x, 2, 2, 8, 2, 1, generator())[1]

    def ready(x, corners):
        return normalize_patches(project_colours(cut(x, corners, 8)))

    compiled = torch.compile(ready, backend="eager", fullgraph=True)
    assert torch.allclose(compiled(x, corners), ready(x, corners), atol=1e-6)

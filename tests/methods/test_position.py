"""Relative position: what it hides, what it refuses, how its sizes follow the images, and that it learns."""

import numpy as np
import pytest
import torch

import selfsup
from selfsup.data import open_data
from selfsup.errors import OptionError
from selfsup.hide.patches import normalize_patches, project_colours
from selfsup.methods.position import STEPS, Position, first_cells
from selfsup.model.encode import build
from selfsup.nets import pooled


def built(shape, n=8, **options):
    x = np.random.default_rng(0).random((n, *shape)).astype(np.float32)
    part = open_data(x, progress=False).whole()
    return build(Position(**{"hidden": (8, 8), **options}), part, 0), part.rows()[:]


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def test_every_pair_lies_as_its_answer_says():
    method, x = built((3, 40, 40), pairs=50)
    seen, direction = method.hide(x, generator())
    first, second = seen.pairs.unbind(2)
    steps = torch.stack([second // 3 - first // 3, second % 3 - first % 3], 2)
    assert torch.equal(steps, torch.tensor(STEPS)[direction])
    assert set(direction.flatten().tolist()) == set(range(8))
    assert set(first.flatten().tolist()) == set(range(9))
    assert not torch.equal(direction[0], direction[1])  # else permuted guesses would be right answers


def test_first_patches_are_all_that_have_such_a_neighbour():
    found = first_cells(3)
    for row, (down, right) in zip(found.tolist(), STEPS, strict=True):
        some = [cell for cell in row if cell >= 0]
        assert len(some) == (3 - abs(down)) * (3 - abs(right))
        assert all(0 <= cell // 3 + down < 3 and 0 <= cell % 3 + right < 3 for cell in some)


def test_the_fused_head_is_a_layer_on_both_patches_beside_each_other():
    method, x = built((3, 40, 40), pairs=4)
    method.eval()
    seen, _ = method.hide(x, generator())
    guess, codes = method.predict(seen), method.embed(seen.patches)
    whole = torch.cat([method.first.weight, method.second.weight], 1)
    for image in range(len(x)):
        for number, (one, two) in enumerate(seen.pairs[image].tolist()):
            alone = method.head((torch.cat([codes[image, one], codes[image, two]]) @ whole.T)[None])[0]
            assert torch.allclose(alone, guess[image, number], atol=1e-5)


@pytest.mark.parametrize(
    ("side", "sizes"),
    [(96, (24, 8, 3)), (64, (16, 5, 2)), (32, (8, 2, 0)), (224, (56, 18, 8)), (12, (3, 1, 0)), (3, (1, 0, 0))],
)
def test_sizes_follow_the_images_and_are_said(side, sizes):
    method, x = built((1, side, side + 5), n=2, hidden=(4,))
    assert method.sizes == sizes
    assert f"patches of {sizes[0]} pixels, gap {sizes[1]}, jitter {sizes[2]}" in method.net_words()
    assert bool(method.remarks({})) == (side < 32)
    assert method.hide(x, generator())[0].patches.shape == (2, 9, 1, sizes[0], sizes[0])


def test_sizes_can_be_named_and_what_does_not_fit_is_refused():
    assert built((3, 60, 60), patch=12, gap=4, jitter=1)[0].sizes == (12, 4, 1)
    with pytest.raises(OptionError, match="at least 88 pixels; the shorter side of these is 40"):
        built((3, 40, 96), patch=24, gap=8)
    with pytest.raises(OptionError, match="at least 3 pixels; the shorter side of these is 2"):
        built((1, 2, 40))
    with pytest.raises(OptionError, match="3 channels; these have 1: use keep"):
        built((1, 40, 40), colour="project")
    with pytest.raises(OptionError, match="3 channels; these have 13: use keep"):
        built((13, 40, 40), colour="drop")
    with pytest.raises(OptionError, match="at most 2, the blocks of the net; got 5"):
        built((1, 40, 40), block=5)


@pytest.mark.parametrize(
    ("channels", "colour", "done"),
    [(3, "auto", "project"), (1, "auto", "keep"), (13, "auto", "keep"), (3, "drop", "drop")],
)
def test_any_number_of_channels_trains(channels, colour, done):
    x = np.random.default_rng(0).random((30, channels, 33, 40)).astype(np.float32)
    model = selfsup.fit(x, "position", epochs=1, hidden=(4, 4), colour=colour, evaluate=False, progress=False)
    assert model.method.against == done
    assert "of patches of 8 pixels" in model.config["net"]
    assert 0 <= model.history[-1]["measures"]["accuracy"] <= 1
    assert model.encode(x).shape == (30, 4)


def test_a_code_is_the_mean_over_patches_all_over_the_image_made_ready_as_in_training():
    method, x = built((3, 32, 32))
    method.eval()
    corners = [(top, left) for top in range(0, 25, 4) for left in range(0, 25, 4)]
    patches = torch.stack([x[:, :, top : top + 8, left : left + 8] for top, left in corners], 1).flatten(0, 1)
    made = normalize_patches(project_colours((patches - method.scale.mean) / method.scale.std))
    expected = [pooled(out).unflatten(0, (len(x), -1)).mean(1) for out in method.backbone.outputs(made)]
    for (name, found), wanted in zip(method.layers(x).items(), expected, strict=True):
        assert torch.allclose(found, wanted, atol=1e-5), name
    assert torch.equal(method.encode(x), method.layers(x)["block2"])
    assert torch.allclose(
        method.encode(x), method.encode(0.5 * x + 0.2), atol=1e-4
    )  # brightness and contrast tell nothing


def test_counter_measures_are_applied_and_can_be_switched_off():
    plain, x = built((3, 40, 40), colour="keep", resample=False, normalize=False)
    seen = plain.hide(x, generator())[0].patches
    assert torch.isin(seen, x).all()  # pixels of the images, and nothing else
    assert torch.equal(plain.ready(seen[0]), plain.scale(seen[0]))
    assert not torch.isin(built((3, 40, 40), colour="keep")[0].hide(x, generator())[0].patches, x).all()
    dropped = built((3, 40, 40), colour="drop", resample=False)[0].hide(x, generator())[0].patches
    assert abs(float(torch.isin(dropped, x).float().mean()) - 1 / 3) < 0.01


def test_it_learns_where_parts_have_their_places():
    """Images whose rows get lighter and whose columns get busier: the place of a patch can be seen in it."""
    rng = np.random.default_rng(0)
    ramp = np.linspace(0, 1, 36)
    x = 0.3 * rng.random((160, 1, 36, 36)) * ramp + 0.7 * np.sin(np.arange(36) * ramp * 2)[:, None]
    model = selfsup.fit(
        x.clip(0, 1).astype(np.float32),
        "position",
        epochs=12,
        hidden=(16, 16),
        batch_size=16,
        lr=5e-3,
        evaluate=False,
        progress=False,
    )
    assert model.start["measures"]["accuracy"] < 0.2
    assert model.history[-1]["measures"]["accuracy"] > 0.3
    assert model.history[-1]["gap"] > 0.2


@pytest.mark.parametrize("colour", ["project", "drop"])
def test_maps_are_codes_of_patches_where_they_lie(colour):
    method, x = built((3, 20, 28), colour=colour)
    method.eval()
    patch = method.sizes[0]
    for name, found in method.maps(x).items():
        assert found.shape == (8, 8, 9, 13), name
        alone = method.layers(x[:, :, -patch:, :patch])[name]
        assert torch.allclose(found[:, :, -1, 0], alone, atol=1e-5)
        assert torch.allclose(found.mean((2, 3)), method.layers(x)[name], atol=1e-5)

"""Masked patches: masks and blocks by their properties, MAE and I-JEPA against plain references, and what is refused."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st

import selfsup
from selfsup.data import open_data
from selfsup.errors import OptionError
from selfsup.hide import at_places, draw_blocks, outside, parted, patchify, random_mask, unpatchify
from selfsup.method import step
from selfsup.methods import find
from selfsup.model.encode import build
from selfsup.nets import make_backbone
from selfsup.nets.vit import tokens_of
from selfsup.report.sections.pictures import grid
from selfsup.testing import pictures
from selfsup.testing.made import made
from selfsup.training.pictures import pictures as drawn_pictures

SMALL = {"hidden": (16,), "narrow": 16, "depth": 1}
METHODS = ("mae", "jepa")
sides = st.integers(1, 9)


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


def method_of(name, data="square image", **options):
    return build(find(name)[1](**{**SMALL, **options}), made(data).whole(), 0)


@settings(max_examples=30, deadline=None)
@given(height=sides, width=sides, channels=st.integers(1, 3), patch=st.integers(1, 5))
def test_patches_are_those_of_a_loop_and_go_back(height, width, channels, patch):
    x = torch.rand(2, channels, height, width)
    patches = patchify(x, patch)
    rows, columns = -(-height // patch), -(-width // patch)
    whole = np.zeros((2, channels, rows * patch, columns * patch), np.float32)
    whole[:, :, :height, :width] = x
    plain = [
        whole[:, :, r * patch : (r + 1) * patch, c * patch : (c + 1) * patch]
        for r in range(rows)
        for c in range(columns)
    ]
    assert np.array_equal(patches, np.stack(plain, 1))
    assert torch.equal(unpatchify(patches, height, width), x)


@settings(max_examples=30, deadline=None)
@given(batch=st.integers(1, 4), total=st.integers(1, 40), ratio=st.floats(0, 1), seed=st.integers(0, 99))
def test_kept_and_dropped_are_a_partition_with_the_right_share(batch, total, ratio, seed):
    mask = random_mask(batch, total, ratio, rng(seed))
    kept, dropped = parted(mask)
    assert dropped.shape == (batch, round(total * ratio))
    assert torch.equal(torch.cat([kept, dropped], 1).sort(1).values, torch.arange(total).expand(batch, -1))
    assert torch.equal(mask.gather(1, dropped), torch.ones_like(dropped, dtype=torch.bool))
    assert (kept.diff() > 0).all()
    assert (dropped.diff() > 0).all()


@settings(max_examples=40, deadline=None)
@given(rows=st.integers(2, 9), columns=st.integers(3, 9), count=st.integers(1, 4), seed=st.integers(0, 99))
def test_blocks_are_whole_rectangles_and_the_context_lies_outside(rows, columns, count, seed):
    total = rows * columns
    blocks = draw_blocks(3, (rows, columns), count, rng(seed))
    size = blocks.shape[2]
    assert blocks.shape[:2] == (3, count)
    assert count * size <= 0.8 * total
    for block in blocks.flatten(0, 1):
        row, column = block // columns, block % columns
        high, wide = row.max() - row.min() + 1, column.max() - column.min() + 1
        assert high * wide == size == len(block.unique())
        assert (block >= 0).all()
        assert (block < total).all()
    context = outside(blocks, total, rng(seed))
    assert context.shape == (3, total - count * size)
    for some, asked in zip(context.tolist(), blocks.flatten(1).tolist(), strict=True):
        assert len(set(some)) == len(some)
        assert not set(some) & set(asked)


def test_blocks_have_the_share_and_the_shape_that_are_asked_for():
    sizes = [draw_blocks(1, (20, 20), 2, rng(seed)).shape[2] / 400 for seed in range(40)]
    assert 0.13 < min(sizes) < 0.16
    assert 0.19 < max(sizes) < 0.22
    wide = draw_blocks(1, (20, 20), 1, rng(), area=(0.1, 0.1), aspect=(0.4, 0.4))[0, 0]
    assert (int((wide // 20).unique().numel()), int((wide % 20).unique().numel())) == (4, 10)
    starts = draw_blocks(2_000, (5, 5), 1, rng(), area=(0.16, 0.16), aspect=(1.0, 1.0))[:, 0, 0]
    assert len(starts.unique()) == 16  # every corner of a block of 2 x 2


def test_a_transformer_on_all_patches_is_the_one_on_the_image():
    backbone = make_backbone("vit-tiny", (3, 14, 16), (16, 16), patch=4).eval()
    assert backbone.words.endswith("patches of 4 pixels (images filled up to 16 x 16)")
    x, places = torch.randn(2, 3, 14, 16), torch.arange(16).expand(2, -1)
    pixels = patchify(x, 4)
    assert torch.allclose(tokens_of(backbone.blocks, pixels, places), backbone(x).flatten(2).mT, atol=1e-5)
    turned = torch.randperm(16, generator=rng()).expand(2, -1)  # the order of tokens says nothing, their places do
    again = tokens_of(backbone.blocks, at_places(pixels, turned), turned)
    assert torch.allclose(again, at_places(backbone(x).flatten(2).mT, turned), atol=1e-5)


@pytest.mark.parametrize("normalize", [False, True])
def test_the_loss_of_mae_is_that_of_a_loop(normalize):
    method = method_of("mae", "odd colour image", normalize=normalize).train()
    x = torch.from_numpy(made("odd colour image").whole().rows()[:5].numpy())
    seen, hidden = method.hide(x, rng())
    guess = method.predict(seen)
    found = method.loss(guess, method.target(hidden))["pixels"]
    image = np.zeros((5, 3, 12, 10))
    image[:, :, :11, :9] = method.scale(x)
    for b in range(5):
        errors = []
        for place, pixels in zip(hidden.places[b].tolist(), guess.pixels[b].detach().numpy(), strict=True):
            top, left = 2 * (place // 5), 2 * (place % 5)
            true = image[b, :, top : top + 2, left : left + 2]
            if normalize:  # the deviation of a sample, as in the paper's code
                true = (true - true.mean()) / (true.std(ddof=1) ** 2 + 1e-6) ** 0.5
            errors.append(((pixels - true) ** 2).mean())
        assert float(found[b].detach()) == pytest.approx(np.mean(errors), rel=1e-4)
    assert not set(seen.places[0].tolist()) & set(hidden.places[0].tolist())


@pytest.mark.parametrize("name", METHODS)
def test_the_guess_never_sees_what_is_hidden(name):
    """Other values there change the answer and not the guess."""
    method = method_of(name).eval()
    x = made("square image").whole().rows()[:6]
    seen, hidden = method.hide(x, rng())
    places = hidden.places if name == "mae" else hidden.asked.flatten(1)
    patches = patchify(x, 2)
    index = places[:, :, None, None, None].expand(-1, -1, *patches.shape[2:])
    other = unpatchify(patches.scatter(1, index, torch.rand(index.shape, generator=rng(5))), 12, 12)
    assert not torch.equal(other, x)
    again, differing = method.hide(other, rng())
    for one, two in ((method.predict(seen), method.predict(again)), (seen, again)):
        pairs = zip(one, two, strict=True) if isinstance(one, tuple) else [(one, two)]
        assert all(torch.equal(a, b) for a, b in pairs)
    assert not torch.allclose(method.target(hidden)[0], method.target(differing)[0])


@pytest.mark.parametrize("name", METHODS)
def test_masks_differ_in_training_and_are_one_in_evaluation(name):
    method = method_of(name)
    x = made("square image").whole().rows()[:8]
    places = method.train().hide(x, rng())[0].places
    assert len(places.unique(dim=0)) > 1
    assert len(method.eval().hide(x, rng())[0].places.unique(dim=0)) == 1


@pytest.mark.parametrize("standardize", [False, True])
def test_the_loss_of_jepa_is_that_of_a_loop(standardize):
    method = method_of("jepa", standardize=standardize).train()
    assert method.coupled == standardize
    with torch.no_grad():
        for weight in method.teacher.parameters():
            weight.add_(0.1 * torch.randn(weight.shape, generator=rng()))
        x = made("square image").whole().rows()[:5]
        seen, hidden = method.hide(x, rng())
        found = method.loss(guess := method.predict(seen), method.target(hidden))["latents"]
        latents = method.teacher.backbone(method.scale(x)).flatten(2).mT.double().numpy()  # (5, N, D)
        tokens = method.tokens(seen)
    for token in latents.reshape(-1, latents.shape[2]):
        token[:] = (token - token.mean()) / (token.var() + 1e-5) ** 0.5
    if standardize:
        latents = latents - latents.mean(0)
        latents = latents / np.sqrt((latents**2).mean() + 1e-4)
    for b in range(5):
        errors = [
            (guess[b, block, k].numpy() - latents[b, place]) ** 2
            for block in range(4)
            for k, place in enumerate(hidden.asked[b, block].tolist())
        ]
        assert float(found[b].detach()) == pytest.approx(np.mean(errors), rel=1e-3)
    alone = method.filler(tokens[1:2], seen.places[1:2], seen.asked[1:2, 2])[0]  # a block is guessed by itself
    assert torch.allclose(alone, guess[1, 2], atol=1e-5)


def test_the_teacher_is_the_average_of_the_encoder():
    method = method_of("jepa", momentum=0.9)
    with torch.no_grad():
        slow = {name: weight.clone() for name, weight in method.teacher.backbone.named_parameters()}
        for weight in method.backbone.parameters():
            weight.add_(1.0)
    method.after_step(None)
    for name, weight in method.backbone.named_parameters():
        wanted = 0.9 * slow[name] + 0.1 * weight.detach()
        assert torch.allclose(dict(method.teacher.backbone.named_parameters())[name], wanted, atol=1e-6)
    assert not any(weight.requires_grad for weight in method.teacher.parameters())


@pytest.mark.parametrize("name", METHODS)
def test_the_code_is_the_mean_over_all_patches(name):
    method = method_of(name, hidden=(16, 16)).eval()
    x = made("square image").whole().rows()[:4]
    last = method.backbone(method.scale(x))
    assert torch.equal(method.encode(x), last.flatten(2).mean(2))
    assert list(method.layers(x)) == ["block1", "block2"]


@pytest.mark.parametrize("normalize", [False, True])
def test_pictures_show_what_was_seen_guessed_and_true(normalize):
    method = method_of("mae", normalize=normalize).eval()
    arrays = drawn_pictures(method, made("square image").whole(), {}, torch.device("cpu"))
    for role in ("seen", "guess", "answer"):
        assert arrays[role].shape == (8, 1, 12, 12), role
    cells = arrays["seen"].reshape(8, 1, 6, 2, 6, 2)
    grey = (cells == 0.5).all((1, 3, 5))  # (8, 6, 6)
    assert grey.sum() == 8 * 27
    assert np.allclose(arrays["seen"][0][:, ~grey[0].repeat(2, 0).repeat(2, 1)],
                       arrays["input"][0][:, ~grey[0].repeat(2, 0).repeat(2, 1)], atol=1e-5)  # fmt: skip
    if not normalize:
        assert np.allclose(
            np.where(arrays["seen"] == 0.5, arrays["answer"], arrays["seen"]), arrays["input"], atol=1e-5
        )
    assert grid(arrays) is not None


def test_pictures_of_latents_are_curves():
    arrays = drawn_pictures(
        method_of("jepa", "odd colour image").eval(), made("odd colour image").whole(), {}, torch.device("cpu")
    )
    assert arrays["seen"].shape == (8, 3, 11, 9)
    assert arrays["guess"].shape == arrays["answer"].shape == (8, 4, 16)
    assert grid(arrays) is not None


@pytest.mark.parametrize(
    ("name", "options", "said"),
    [
        ("mae", {"patch": 13}, "'patch' must be at most 12, the shorter side of the images; got 13"),
        ("mae", {"patch": 12}, "the 1 patches"),
        ("mae", {"ratio": 0.999}, "must keep and drop at least one of the 36 patches"),
        ("mae", {"ratio": 1.0}, "ratio"),
        ("mae", {"narrow": 18}, "'narrow' must be a multiple of 4"),
        ("mae", {"hidden": (16, 32)}, "one width"),
        ("mae", {"net": "conv"}, "net"),
        ("jepa", {"patch": 6}, "leave less than a fifth of 2 x 2 patches over"),
        ("jepa", {"area": (0.3, 0.2)}, "area"),
        ("jepa", {"momentum": 1.0}, "momentum"),
        ("jepa", {"momentum": 0.0}, "momentum"),
    ],
)
def test_what_does_not_fit_is_said(name, options, said):
    with pytest.raises(OptionError, match=said.replace("(", "\\(")):
        selfsup.fit(pictures(12), name, epochs=1, progress=False, evaluate=False, **{**SMALL, **options})


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("shape", [(2, 2), (3, 3), (1, 24), (13, 7)])
def test_images_of_any_size_are_learnt_or_refused(name, shape):
    x = pictures(6, 1, *shape) if min(shape) > 1 else np.random.default_rng(0).random((6, 1, *shape), np.float32)
    try:
        method = build(find(name)[1](**SMALL), open_data(x).whole(), 0)
    except OptionError as refused:
        said = str(refused)
        if "patch" not in said:
            pytest.fail(said)
        return
    terms = step(method.train(), torch.from_numpy(x), rng())[0]
    assert all(bool(term.isfinite().all()) for term in terms.values())

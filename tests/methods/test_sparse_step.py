"""The sparse step equals the dense one: what it rebuilds, what it chooses, and every gradient."""

import warnings

import pytest
import torch
from hypothesis import given, settings, strategies as st

from selfsup.errors import SelfsupError
from selfsup.methods.autoencoder import largest, sparse_step
from selfsup.methods.autoencoder.sparse_step import batch_topk_step, decode_sparse, sparse_codes, topk_step

NAMES = ("x", "encoder_weight", "encoder_bias", "decoder_weight", "decoder_bias")


def inputs(batch, width, latents, seed=0, dtype=torch.float32, bias=0.1):
    """x and the four parameters, each wanting a gradient."""
    rng = torch.Generator().manual_seed(seed)
    shapes = ((batch, width), (latents, width), (latents,), (latents, width), (width,))
    parts = [torch.randn(shape, generator=rng, dtype=dtype) for shape in shapes]
    parts[2] = parts[2] * 0.1 + bias
    return [part.requires_grad_() for part in parts]


def dense(x, weight, bias, atoms, shift, k, relu, whole_batch, mask=None):
    """The same with every tensor written out: reconstruction (B, d), codes (B, M), chosen (B, M) bool."""
    pre = (x - shift) @ weight.T + bias
    if mask is None:
        flat = pre.detach().reshape(1, -1) if whole_batch else pre.detach()
        best = flat.topk(k * len(x) if whole_batch else k, dim=1).indices
        mask = torch.zeros_like(flat, dtype=torch.bool).scatter_(1, best, True).view_as(pre)
    codes = torch.where(mask, pre.relu() if relu else pre, torch.zeros_like(pre))
    return codes @ atoms + shift, codes, mask


def written_out(step, parts, k, relu, whole_batch):
    """Ours: reconstruction, codes (B, M), chosen (B, M)."""
    latents = len(parts[1])
    if whole_batch:
        found = step(*parts, k, relu=relu)
        at = found.rows, found.ids
        codes = torch.zeros(len(parts[0]), latents, dtype=parts[0].dtype).index_put(at, found.values)
        chosen = torch.zeros(len(parts[0]), latents, dtype=torch.bool).index_put(at, torch.tensor(True))
        assert (found.rows.diff() >= 0).all()
        assert found.values.shape == found.ids.shape == found.rows.shape == (len(parts[0]) * k,)
    else:
        found = step(*parts, k, relu=relu)
        assert found.values.shape == found.indices.shape == (len(parts[0]), k)
        codes = sparse_codes(found.values, found.indices, latents)
        chosen = torch.zeros_like(codes, dtype=torch.bool).scatter(1, found.indices, True)
    return found.reconstruction, codes, chosen


def close(ours, theirs, tolerance, name=""):
    ours, theirs = ours.detach(), theirs.detach()
    scale = max(float(theirs.abs().max()), 1e-6)
    assert float((ours - theirs).abs().max()) <= tolerance * scale, name


def agree(parts, k, relu=True, whole_batch=False, penalty=0.0, tolerance=1e-5, same_choice=True):
    """Forward and all five gradients beside dense autograd."""
    step = batch_topk_step if whole_batch else topk_step
    rebuilt, codes, chosen = written_out(step, parts, k, relu, whole_batch)
    expected, dense_codes, mask = dense(*parts, k, relu, whole_batch)
    assert int(chosen.sum()) == k * len(parts[0])
    if same_choice:
        assert torch.equal(chosen, mask)
    else:  # ties: another choice of equal worth
        close(codes.sort(1).values, dense_codes.sort(1).values, tolerance, "codes")
        expected, dense_codes, _ = dense(*parts, k, relu, whole_batch, chosen)
    close(rebuilt, expected, tolerance, "reconstruction")
    close(codes, dense_codes, tolerance, "codes")
    target = torch.linspace(-1, 1, rebuilt.numel(), dtype=rebuilt.dtype).view_as(rebuilt)
    grads = []
    for guess, code in ((rebuilt, codes), (expected, dense_codes)):
        loss = (guess - target).square().sum() + penalty * (code.square().sum() + code.sum())
        grads.append(torch.autograd.grad(loss, parts))
    for name, ours, theirs in zip(NAMES, *grads, strict=True):
        close(ours, theirs, tolerance, name)


SHAPES = [(7, 5, 9, 3), (7, 5, 9, 1), (7, 5, 9, 9), (1, 4, 6, 2), (1, 1, 1, 1), (33, 16, 128, 2), (20, 8, 1024, 8)]


@pytest.mark.parametrize("whole_batch", [False, True], ids=["rows", "batch"])
@pytest.mark.parametrize("relu", [True, False], ids=["relu", "signed"])
@pytest.mark.parametrize("penalty", [0.0, 0.3])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_every_gradient_equals_dense_autograd(shape, penalty, relu, whole_batch):
    batch, width, latents, k = shape
    agree(inputs(batch, width, latents), k, relu, whole_batch, penalty)


@pytest.mark.parametrize("whole_batch", [False, True], ids=["rows", "batch"])
@settings(max_examples=40, deadline=None)
@given(
    batch=st.integers(1, 20), width=st.integers(1, 12), latents=st.integers(1, 300),
    share=st.floats(0, 1), penalty=st.sampled_from([0.0, 1.0]), seed=st.integers(0, 10**6), rough=st.booleans(),
)  # fmt: skip
def test_any_shape(whole_batch, batch, width, latents, share, penalty, seed, rough):
    k = max(1, round(share**4 * latents))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sparse_step, "has_fast_bfloat16", lambda device: rough)
        agree(inputs(batch, width, latents, seed, torch.float64), k, True, whole_batch, penalty, 1e-9)


@pytest.mark.parametrize("whole_batch", [False, True], ids=["rows", "batch"])
def test_gradcheck(whole_batch):
    parts = inputs(3, 4, 7, dtype=torch.float64)

    def function(*parts):
        found = (batch_topk_step if whole_batch else topk_step)(*parts, 2)
        return found.reconstruction, found.values

    assert torch.autograd.gradcheck(function, parts)


@pytest.mark.parametrize("whole_batch", [False, True], ids=["rows", "batch"])
@pytest.mark.parametrize("latents", [12, 256])
def test_ties(latents, whole_batch):
    """Latents that are copies of each other, and rows of nothing but zeros."""
    parts = inputs(6, 4, latents, bias=0.0)
    with torch.no_grad():
        parts[0][:3] = parts[4]  # x - shift = 0
        parts[2].zero_()
        parts[1][latents // 2 :] = parts[1][: latents // 2]
    agree(parts, 3, whole_batch=whole_batch, same_choice=False, penalty=0.1)


@pytest.mark.parametrize("whole_batch", [False, True], ids=["rows", "batch"])
@pytest.mark.parametrize("latents", [12, 256])
def test_all_negative_is_the_bias_alone_and_learns_nothing(latents, whole_batch):
    parts = inputs(6, 4, latents, bias=-100.0)
    found = (batch_topk_step if whole_batch else topk_step)(*parts, 3)
    assert not found.values.any()
    assert torch.equal(found.reconstruction, parts[4].expand(6, 4))
    gradients = torch.autograd.grad(found.reconstruction.sum() + found.values.sum(), parts)
    for name, gradient in zip(NAMES[:4], gradients[:4], strict=True):
        assert not gradient.any(), name
    assert torch.equal(gradients[4], torch.full((4,), 6.0))


def chosen_by(parts, k, whole_batch, rough):
    x, weight, bias, _, shift = (part.detach() for part in parts)
    return largest.choose(x - shift, weight, bias, k, whole_batch, rough)


@pytest.mark.parametrize("whole_batch", [False, True], ids=["rows", "batch"])
@pytest.mark.parametrize("case", ["plain", "one long latent", "big biases", "far from the origin", "copies", "tiny"])
@pytest.mark.parametrize("rough", [False, True], ids=["float32", "bfloat16"])
def test_the_short_search_finds_the_largest(case, rough, whole_batch, monkeypatch):
    """What bfloat16 lets through, and what groups let through, holds the exact k largest, in whatever scale."""
    monkeypatch.setattr(largest, "BLOCK", 5 * 1024)
    parts = inputs(37, 48, 1024, seed=3)
    with torch.no_grad():
        if case == "one long latent":
            parts[1][5] *= 100
        elif case == "big biases":
            parts[2] += 30 * torch.randn(1024, generator=torch.Generator().manual_seed(1))
        elif case == "far from the origin":
            parts[0] += 50
        elif case == "copies":
            parts[1][1:] = parts[1][:1] + 1e-4 * parts[1][1:]
        elif case == "tiny":
            parts[1] *= 1e-6
            parts[2] *= 1e-6
    found = chosen_by(parts, 6, whole_batch, rough)
    x, weight, bias, _, shift = (part.detach().double() for part in parts)
    pre = (x - shift) @ weight.T + bias
    values = pre[found.rows, found.ids]
    near = 1e-5 * float(pre.abs().max())  # as exact as float32 is
    assert torch.unique(found.rows * 1024 + found.ids).numel() == 37 * 6
    assert float((found.values - values).abs().max()) <= near
    if whole_batch:
        best = pre.flatten().topk(37 * 6).values
        assert float((values.sort(descending=True).values - best).abs().max()) <= near
    else:
        best = pre.topk(6, dim=1).values
        assert torch.equal(found.rows, torch.arange(37).repeat_interleave(6))
        assert float((values.view(37, 6).sort(1, descending=True).values - best).abs().max()) <= near


@pytest.mark.parametrize("whole_batch", [False, True], ids=["rows", "batch"])
@pytest.mark.parametrize("rough", [False, True], ids=["float32", "bfloat16"])
@pytest.mark.parametrize("latents", [12, 256])
def test_what_is_not_finite_comes_out_not_finite(latents, rough, whole_batch):
    """So that the solver can name it: never an error from inside, never a silent number."""
    for bad in (float("nan"), float("inf")):
        parts = inputs(6, 4, latents)
        with torch.no_grad():
            parts[0][2, 1] = bad
        assert not chosen_by(parts, 3, whole_batch, rough).values.isfinite().all()


def test_no_gradient_where_none_is_wanted():
    parts = [part.detach() for part in inputs(6, 4, 12)]
    assert not topk_step(*parts, 3).reconstruction.requires_grad
    parts[3].requires_grad_()  # the atoms alone
    found = topk_step(*parts, 3)
    assert not found.values.requires_grad
    found.reconstruction.sum().backward()
    assert parts[3].grad is not None
    parts[1].requires_grad_()  # a penalty alone, which never meets the decoder
    topk_step(*parts, 3).values.sum().backward()
    assert parts[1].grad is not None


def test_decode_sparse_equals_the_step():
    x, weight, bias, atoms, shift = inputs(6, 4, 12)
    found = topk_step(x, weight, bias, atoms, shift, 3)
    values = found.values.detach().requires_grad_()
    rebuilt = decode_sparse(values, found.indices, atoms, shift)
    assert torch.allclose(rebuilt, found.reconstruction, atol=1e-6)
    full = sparse_codes(values, found.indices, 12) @ atoms + shift
    wanted = values, atoms, shift
    pairs = zip(
        *(torch.autograd.grad(y.square().sum(), wanted, retain_graph=True) for y in (rebuilt, full)), strict=True
    )
    for ours, theirs in pairs:
        close(ours, theirs, 1e-5)


def test_under_autocast_and_with_views_of_the_data():
    parts = inputs(8, 6, 64)
    plain = topk_step(*parts, 3)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        cast = topk_step(*parts, 3)
        cast.reconstruction.square().sum().backward()
    assert torch.equal(cast.reconstruction, plain.reconstruction)
    turned = parts[0].detach().t().contiguous().t()
    found = topk_step(turned, *parts[1:], 3)
    assert torch.allclose(found.reconstruction, plain.reconstruction, atol=1e-6)
    found.reconstruction.sum().backward()  # a gradient of stride 0


@pytest.mark.parametrize("k", [0, -1, 13])
def test_k_out_of_range(k):
    with pytest.raises(SelfsupError, match="k must be 1 to the number of latents, 12"):
        topk_step(*inputs(6, 4, 12), k)


def test_shapes_that_do_not_fit_are_named():
    x, weight, bias, atoms, shift = inputs(6, 4, 12)
    with pytest.raises(SelfsupError, match=r"x must be \(rows, 4\)"):
        topk_step(x[:, :3], weight, bias, atoms, shift, 2)
    with pytest.raises(SelfsupError, match=r"x must be \(rows, 4\)"):
        batch_topk_step(x[:0], weight, bias, atoms, shift, 2)
    with pytest.raises(SelfsupError, match="decoder_weight"):
        topk_step(x, weight, bias, atoms.T, shift, 2)


def test_the_step_is_silent():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        topk_step(*inputs(6, 4, 256), 2).reconstruction.sum().backward()

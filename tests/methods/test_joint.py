"""The methods of several views: their losses beside plain loops in float64, closed cases, views, sizes and codes."""

import inspect
import json
import math

import numpy as np
import pytest
import torch

import selfsup
from conftest import pictures, table
from selfsup.data.dataset import Dataset
from selfsup.data.form import Form
from selfsup.errors import OptionError
from selfsup.methods import find
from selfsup.methods.emp import coding_rate
from selfsup.methods.joint import make_projector
from selfsup.methods.lejepa import FARTHEST, epps_pulley
from selfsup.model.encode import build

NAMES = ("simclr", "vicreg", "barlow", "emp", "lejepa")
TINY = {"hidden": (8, 8), "projector": (8, 4)}


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


def method(name, **options):
    return find(name)[1](**options)


def built(name, x, **options):
    form = Form("image" if x.ndim == 4 else "table", x.shape[1:], missing=bool(np.isnan(x).any()))
    return build(method(name, **{**TINY, **options}), Dataset(x, form, "made", "made").whole(), 0)


def embeddings(batch, half, width, seed=0):
    drawn = torch.randn(2, batch, half, width, generator=rng(seed))
    return drawn[0], 0.5 * drawn[0] + drawn[1]


def plain(guess, answer):
    """All views (B, V, d) in float64."""
    return np.concatenate([guess.numpy(), answer.numpy()], 1).astype(np.float64)


def terms_of(one, guess, answer):
    return {name: term.double().numpy() for name, term in one.loss(guess, answer).items()}


def unit(v):
    return v / np.linalg.norm(v)


# plain references, term by term


def plain_simclr(guess, answer, temperature):
    z = plain(guess, answer)
    batch, count = z.shape[:2]
    found = np.zeros(batch)
    for i in range(batch):
        for v in range(count):
            for w in range(count):
                if v == w:
                    continue
                own = math.exp(unit(z[i, v]) @ unit(z[i, w]) / temperature)
                others = sum(
                    math.exp(unit(z[i, v]) @ unit(z[k, u]) / temperature)
                    for k in range(batch)
                    for u in range(count)
                    if k != i
                )
                found[i] -= math.log(own / (own + others)) / (count * (count - 1))
    return {"contrast": found}


def plain_vicreg(guess, answer, invariance, variance, covariance):
    one, two = guess.double().numpy(), answer.double().numpy()
    batch, half, width = one.shape
    distance = np.zeros(batch)
    for i in range(batch):
        for v in range(half):
            for w in range(half):
                distance[i] += ((one[i, v] - two[i, w]) ** 2).sum() / width / half**2
    lacking = shared = 0.0
    for views in (one, two):
        for v in range(half):
            matrix = np.cov(views[:, v].T)
            for j in range(width):
                lacking += max(0.0, 1 - math.sqrt(matrix[j, j] + 1e-4)) / width / half
                shared += sum(matrix[j, k] ** 2 for k in range(width) if k != j) / width / half
    return {"invariance": invariance * distance, "variance": variance * lacking, "covariance": covariance * shared}


def plain_barlow(guess, answer, redundancy):
    one, two = guess.double().numpy(), answer.double().numpy()
    _, half, width = one.shape
    same = others = 0.0
    for v in range(half):
        for w in range(half):
            for j in range(width):
                for k in range(width):
                    a, b = one[:, v, j] - one[:, v, j].mean(), two[:, w, k] - two[:, w, k].mean()
                    found = (a * b).mean() / math.sqrt((a.var() + 1e-5) * (b.var() + 1e-5))
                    same += (1 - found) ** 2 / half**2 if j == k else 0.0
                    others += found**2 / half**2 if j != k else 0.0
    return {"same": same, "others": redundancy * others}


def plain_rate(z, distortion):
    count, width = z.shape
    sign, value = np.linalg.slogdet(np.eye(width) + width / (count * distortion) * z.T @ z)
    assert sign == 1
    return 0.5 * value


def plain_emp(guess, answer, similarity, distortion):
    """The paper's objective, over the largest rate, which is that of embeddings that fill their space evenly."""
    z = plain(guess, answer)
    z /= np.linalg.norm(z, axis=2, keepdims=True)
    batch, count, width = z.shape
    few = min(batch, width)
    most = 0.5 * sum(math.log(1 + width / (batch * distortion) * batch / few) for _ in range(few))
    cosines = [sum(z[i, v] @ unit(z[i].mean(0)) for v in range(count)) / count for i in range(batch)]
    rate = sum(plain_rate(z[:, v], distortion) for v in range(count)) / count
    return {"similarity": similarity * (1 - np.array(cosines)), "rate": 1 - rate / most}


def plain_lejepa(guess, answer, weight, directions, knots):
    z = plain(guess, answer)
    batch, count, width = z.shape
    distance = [sum(((z[i, v] - z[i].mean(0)) ** 2).sum() for v in range(count)) / count / width for i in range(batch)]
    normality, gap = 0.0, FARTHEST / (knots - 1)
    for v in range(count):
        for a in directions.T:
            for k in range(knots):
                t = k * gap
                found = sum(complex(math.cos(t * (a @ s)), math.sin(t * (a @ s))) for s in z[:, v]) / batch
                share = gap * (0.5 if k in (0, knots - 1) else 1.0)
                apart = abs(found - math.exp(-t * t / 2)) ** 2 * math.exp(-t * t / 2)
                normality += 2 * batch * share * apart / count / directions.shape[1]
    return {"distance": (1 - weight) * np.array(distance), "normality": weight * normality}


@pytest.mark.parametrize("half", [1, 2])
@pytest.mark.parametrize(("batch", "width"), [(7, 4), (4, 7)])  # fewer values than samples, and more
def test_losses_are_those_of_plain_loops(batch, width, half):
    guess, answer = embeddings(batch, half, width)
    lejepa = method("lejepa", directions=5, knots=6, weight=0.2)
    expected = {
        "simclr": plain_simclr(guess, answer, 0.5),
        "vicreg": plain_vicreg(guess, answer, 20.0, 15.0, 2.0),
        "barlow": plain_barlow(guess, answer, 0.01),
        "emp": plain_emp(guess, answer, 1.5, 0.3),
        "lejepa": plain_lejepa(guess, answer, 0.2, lejepa.draw_directions(width).double().numpy(), 6),
    }
    ours = {
        "simclr": method("simclr", temperature=0.5),
        "vicreg": method("vicreg", invariance=20.0, variance=15.0, covariance=2.0),
        "barlow": method("barlow", redundancy=0.01),
        "emp": method("emp", similarity=1.5, distortion=0.3),
        "lejepa": lejepa,
    }
    for name, terms in expected.items():
        found = terms_of(ours[name], guess, answer)
        assert found.keys() == terms.keys()
        for term, value in terms.items():
            np.testing.assert_allclose(found[term], value, rtol=1e-5, atol=1e-5, err_msg=f"{name}: {term}")


def test_alike_views_of_samples_at_right_angles_have_the_losses_of_paper_and_pencil():
    z = torch.eye(8)[:, None]  # (B, 1, d)
    assert float(method("simclr", temperature=0.5).loss(z, z)["contrast"][0]) == pytest.approx(
        math.log(1 + 14 * math.exp(-2)), abs=1e-6
    )
    perfect = method("emp").loss(z, z)
    assert float(perfect["similarity"].abs().max()) < 1e-6
    assert abs(float(perfect["rate"])) < 1e-6
    alike = torch.ones(8, 1, 8)
    assert float(method("emp").loss(alike, alike)["rate"]) == pytest.approx(
        1 - math.log(1 + 8 / 0.2) / (8 * math.log(1 + 1 / 0.2)), abs=1e-6
    )
    assert float(method("lejepa").loss(z, z)["distance"].abs().max()) == 0
    signs = torch.tensor([[(-1.0) ** (k >> j & 1) for j in range(3)] for k in range(8)])[:, None]  # uncorrelated
    assert sum(float(term.mean()) for term in method("barlow").loss(signs, signs).values()) < 1e-4
    spread = signs * math.sqrt(7 / 8)  # of variance 1 where seven count
    assert sum(float(term.mean()) for term in method("vicreg").loss(spread, spread).values()) < 1e-6


def test_the_paper_s_weight_of_similarity_is_one_here():
    """EMP-SSL has 200 at 100 images and 1024 values."""
    _, most = coding_rate(torch.nn.functional.normalize(torch.randn(100, 1024, generator=rng()), dim=1), 0.2)
    assert 200 / most == pytest.approx(1.0, abs=0.02)


@pytest.mark.parametrize("name", NAMES)
def test_one_embedding_for_all_costs_more_than_its_own_for_each(name):
    guess, _ = embeddings(16, 1, 8)
    one = method(name)
    same = torch.zeros_like(guess) + guess[:1]
    collapsed, apart = ({n: float(t.mean()) for n, t in one.loss(z, z).items()} for z in (same, guess))
    assert all(math.isfinite(value) for value in collapsed.values())
    assert sum(collapsed.values()) > 1.2 * sum(apart.values())


@pytest.mark.parametrize("name", NAMES)
def test_gradients_are_finite_where_embeddings_are_all_alike_or_zero(name):
    for z in (torch.zeros(4, 1, 6), torch.ones(4, 1, 6)):
        guess = z.clone().requires_grad_()
        sum(term.mean() for term in method(name).loss(guess, z).values()).backward()
        assert guess.grad.isfinite().all()


def test_normal_samples_have_a_small_statistic_and_others_a_large_one():
    normal = torch.randn(4000, 3, generator=rng())
    drawn = epps_pulley(normal, 17)
    assert drawn.shape == (3,)
    assert float(drawn.max()) < 2
    assert float(epps_pulley(2 * normal, 17).min()) > 100
    assert float(epps_pulley(normal + 1, 17).min()) > 100
    assert float(epps_pulley(normal.sign(), 17).min()) > 50


def test_directions_follow_from_the_progress_alone():
    one, other = method("lejepa"), method("lejepa")
    one.progress = other.progress = 0.25
    torch.rand(3)
    assert torch.equal(one.draw_directions(8), other.draw_directions(8))
    torch.testing.assert_close(one.draw_directions(8).norm(dim=0), torch.ones(one.directions))
    drawn = []
    for step in range(1024):  # of a power of two the shares have few digits
        one.progress = step / 1024
        drawn.append(float(one.draw_directions(2)[0, 0]))
    assert len(set(drawn)) == 1024


# views and codes


def test_views_follow_the_data_and_low_resolution_comes_first():
    x = torch.from_numpy(pictures(6, 3, 12, 10))
    one = built("simclr", x.numpy(), views=4, px=(5, 8, 10))
    for progress, side in ((0.0, 5), (0.34, 8), (0.99, 10), (1.0, 10)):
        one.progress = progress
        seen, hidden = one.hide(x, rng())
        assert seen.shape == hidden.shape == (6, 2, 3, side, side)
    assert one.predict(seen).shape == (6, 2, 4)
    crops = built("emp", x.numpy())
    assert crops.hide(x, rng())[0].shape == (6, 4, 3, 8, 8)  # three quarters of 10, rounded
    assert one.changes()["mirror"] == 0.5
    assert one.changes()["hue"] == 0.1
    grey = built("simclr", pictures(6, 1, 8, 8))
    assert grey.changes()["mirror"] == 0
    assert "hue" not in grey.changes()


def test_rows_with_gaps_are_seen_and_coded():
    x = table(12, 6)
    x[::3, 2] = np.nan
    one = built("vicreg", x, swap=0.5)
    batch = torch.from_numpy(x)
    seen, hidden = one.hide(batch, rng())
    assert seen.shape == (12, 1, 6)
    assert not torch.equal(seen.nan_to_num(0), hidden.nan_to_num(0))
    assert one.eval().encode(batch).isfinite().all()
    assert one.predict(seen).isfinite().all()


def test_codes_are_of_the_last_blocks_and_cells():
    x = torch.from_numpy(pictures(5, 3, 24, 24))
    one = built("simclr", x.numpy(), blocks=2, cells=2).eval()
    with torch.no_grad():
        maps = one.maps(x)
        last = [torch.nn.functional.adaptive_avg_pool2d(maps[f"block{k}"], 2).flatten(1) for k in (1, 2)]
        torch.testing.assert_close(one.encode(x), torch.cat(last, 1))
        torch.testing.assert_close(one.layers(x)["code"], torch.cat(last, 1))
        one.blocks = one.cells = 1
        torch.testing.assert_close(one.encode(x), maps["block2"].mean((2, 3)))


def test_a_projector_ends_in_a_plain_layer_or_a_norm():
    names = [type(layer).__name__ for layer in make_projector(3, (5, 4))]
    assert names == ["Linear", "BatchNorm1d", "ReLU", "Linear"]
    z = make_projector(3, (5, 4), last_norm=True)(torch.randn(50, 3, generator=rng()))
    torch.testing.assert_close(z.std(0, correction=0), torch.ones(4), rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"views": 3}, "'views' must be even"),
        ({"scale": (0.9, 0.5)}, "'scale' must be the least share"),
        ({"blocks": 3}, "'blocks' must be at most 2"),
        ({"projector": ()}, "at least one layer"),
        ({"net": "mlp", "px": (6,)}, "takes images of 8 x 8 pixels, and not of 6 x 6"),
    ],
)
def test_what_does_not_fit_is_said(options, said):
    with pytest.raises(OptionError, match=said):
        built("simclr", pictures(6, 1, 8, 8), **options)


@pytest.mark.parametrize("name", [*NAMES, "byol", "simsiam", "dino", "mae", "jepa", "scarf", "vime"])
def test_a_method_file_is_short(name):
    """At most 60 lines beyond docstrings and blank lines (CONTRIBUTING.md)."""
    source = inspect.getsource(inspect.getmodule(find(name)[1]))
    lines, quoted = 0, False
    for line in map(str.strip, source.splitlines()):
        ends = line.count('"""')
        lines += bool(line) and not quoted and not ends
        quoted ^= ends == 1
    assert lines <= 60


def test_a_short_training_lowers_the_loss_and_is_found_again(tmp_path):
    rows = np.random.default_rng(0).normal(size=(120, 2)) @ np.random.default_rng(1).normal(size=(2, 8))
    x = np.concatenate([rows, rows + 0.1], 1).astype(np.float32)
    model = selfsup.fit(x, method="simclr", hidden=(16,), projector=(16, 8), epochs=10, batch_size=30, out=tmp_path / "run",
                        evaluate=False, progress=False)  # fmt: skip
    records = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    assert records[-1]["heldout"] < 0.95 * records[0]["heldout"]
    assert records[-1]["gap"] > 0.5
    np.testing.assert_array_equal(selfsup.load(tmp_path / "run").encode(x), model.encode(x))

"""Colorization: bins, soft targets, weights and decoding against slow references; what is learnt, left out and refused."""

import numpy as np
import pytest
import scipy.spatial
import torch

import selfsup
from selfsup.data.facts import Facts
from selfsup.data.form import Form
from selfsup.data.images.colours import Colours
from selfsup.data.open import open_data
from selfsup.errors import DataError, OptionError
from selfsup.hide.lab import to_lab, to_rgb
from selfsup.measures.run import Evidence, Painted
from selfsup.measures.samples.colour import area, measure
from selfsup.method import shuffle_gap, step
from selfsup.methods.colorization import Colorization, Guess
from selfsup.methods.colour import Bins, annealed_mean, bins_of, gamut, prior_of, rebalanced
from selfsup.methods.colour.head import Head
from selfsup.model.backbone import plain_backbone
from selfsup.model.encode import build
from selfsup.training.painted import painted_of

RNG = np.random.default_rng


def photos(n, side=16, seed=0):
    """Images (n, 3, H, W) uint8 whose colours follow their lightness: dark parts are blue, light ones orange."""
    rng = RNG(seed)
    light = np.repeat(np.repeat(rng.choice([35.0, 70.0], (n, 1, side // 8, side // 8)), 8, 2), 8, 3)
    light = light + rng.normal(0, 2, light.shape)
    ab = np.where(light < 50, np.array([20.0, -50.0])[:, None, None], np.array([25.0, 55.0])[:, None, None])
    rgb = to_rgb(torch.from_numpy(np.concatenate([light, ab], 1)).float())
    return (rgb * 255).round().byte().numpy()


def counts_of(ab, times=1):
    counts = np.zeros((44, 44), np.int64)
    for a, b in np.atleast_2d(ab):
        counts[int((a + 110) // 5), int((b + 110) // 5)] += times
    return counts


def made(x=None, seed=0, **options):
    x = photos(40) if x is None else x
    return build(Colorization(**{"hidden": (12, 12), **options}), open_data(x).whole(), seed)


# bins


def test_all_of_srgb_has_313_bins():
    """All 256^3 colours lie among four of them; they are the corners of the cells that the convex hull meets."""
    points = gamut()
    assert points.shape == (313, 2)
    assert (points % 10 == 0).all()
    held = {tuple(point) for point in points.tolist()}
    values = torch.arange(256) / 255
    green, blue = torch.meshgrid(values, values, indexing="ij")
    reached = torch.zeros(22 * 22, dtype=torch.bool)
    for red in values.tolist():
        a, b = to_lab(torch.stack([torch.full_like(green, red), green, blue])[None])[0, 1:]
        reached[((a + 110) / 10).long() * 22 + ((b + 110) / 10).long()] = True
    assert reached.sum() == 268
    met = {
        (10.0 * (n // 22 + i) - 110, 10.0 * (n % 22 + j) - 110)
        for n in reached.nonzero()[:, 0].tolist()
        for i in (0, 1)
        for j in (0, 1)
    }
    assert len(met) == 309
    assert met < held
    # the hull, of every fifth value, and its cells by a fine grid of points instead of by their sides
    every = torch.cartesian_prod(*[values[::5]] * 3)[:, :, None, None]
    hull = scipy.spatial.ConvexHull(to_lab(every)[:, 1:, 0, 0].double().numpy()).equations
    fine = np.stack(np.meshgrid(np.arange(-110, 110, 0.25), np.arange(-110, 110, 0.25), indexing="ij"), -1) + 0.125
    within = np.ones(fine.shape[:2], bool)
    for x, y, offset in hull:
        within &= fine[..., 0] * x + fine[..., 1] * y + offset <= 0
    cells = {(int(i) // 40, int(j) // 40) for i, j in np.argwhere(within)}
    assert held == {(10.0 * (i + di) - 110, 10.0 * (j + dj) - 110) for i, j in cells for di in (0, 1) for dj in (0, 1)}


def test_bins_of_the_data_are_the_corners_of_what_occurs():
    assert bins_of(counts_of([(3, 4)])).tolist() == [[0, 0], [0, 10], [10, 0], [10, 10]]
    assert bins_of(counts_of([(-3, 14)])).tolist() == [[-10, 10], [-10, 20], [0, 10], [0, 20]]
    both = bins_of(counts_of([(3, 4), (13, 4)]))
    assert len(both) == 6
    x = photos(20)
    method = made(x, gamut="data")
    assert 4 <= len(method.bins) < 60
    held = {tuple(point) for point in method.bins.points.tolist()}
    assert held <= {tuple(point) for point in gamut().tolist()}


def test_soft_targets_are_the_five_nearest_bins():
    points = gamut()
    ab = (torch.rand(2, 2, 9, 9, generator=torch.Generator().manual_seed(0)) - 0.5) * 200
    bins, shares = Bins(points, np.ones(313)).share(ab)
    assert bins.shape == shares.shape == (2, 5, 9, 9)
    assert torch.allclose(shares.sum(1), torch.ones(2, 9, 9))
    for i, row, column in np.ndindex(2, 9, 9):
        apart = np.square(points.astype(float) - ab[i, :, row, column].double().numpy()).sum(1)
        nearest = np.argsort(apart, kind="stable")[:5]
        height = np.exp(-apart[nearest] / 50)
        assert np.allclose(apart[bins[i, :, row, column]], apart[nearest], atol=1e-2)
        assert np.allclose(shares[i, :, row, column], height / height.sum(), atol=1e-4)


def test_a_colour_on_a_bin_is_mostly_that_bin():
    bins, shares = Bins(gamut(), np.ones(313)).share(torch.tensor([20.0, 30.0])[None, :, None, None])
    assert gamut()[bins[0, 0, 0, 0]].tolist() == [20, 30]
    assert torch.allclose(shares[0, :, 0, 0], torch.tensor([1.0] + [0.1353353] * 4) / 1.5413411)


def test_few_bins_share_among_themselves():
    bins, shares = Bins(gamut()[:3], np.ones(3)).share(torch.zeros(1, 2, 2, 2))
    assert bins.shape == (1, 3, 2, 2)
    assert torch.allclose(shares.sum(1), torch.ones(1, 2, 2))


def test_the_prior_is_counted_and_smoothed():
    points = gamut()
    counts = counts_of([(1, 1)], 300) + counts_of([(51, 29)], 100)
    sharp = prior_of(counts, points, sigma=1e-3)
    assert sharp[(points == (0, 0)).all(1)] == pytest.approx(0.75)
    assert sharp[(points == (50, 30)).all(1)] == pytest.approx(0.25)
    smooth = prior_of(counts, points)
    assert smooth.sum() == pytest.approx(1)
    kernel = np.exp(-np.square(points - (0, 0)).sum(1) / 50)
    other = np.exp(-np.square(points - (50, 30)).sum(1) / 50)
    assert np.allclose(smooth, 0.75 * kernel / kernel.sum() + 0.25 * other / other.sum())
    assert np.allclose(prior_of(np.zeros((44, 44), np.int64), points).sum(), 1)


def test_weights_have_mean_one_and_favour_the_rare():
    prior = prior_of(counts_of([(1, 1)], 300) + counts_of([(51, 29)], 3), gamut())
    weights = rebalanced(prior)
    assert (prior * weights).sum() == pytest.approx(1)
    assert (np.diff(weights[np.argsort(prior)]) <= 1e-9).all()
    assert np.allclose(weights / weights[0], ((prior[0] + 1 / 313) / (prior + 1 / 313)))  # lambda 0.5
    assert np.allclose(rebalanced(prior, mix=1.0), 1)


def test_the_annealed_mean_lies_between_mean_and_mode():
    scores = torch.randn(2, 313, 3, 3, generator=torch.Generator().manual_seed(0))
    points = torch.from_numpy(gamut())
    mean = torch.einsum("bqhw,qc->bchw", scores.softmax(1), points)
    mode = points[scores.argmax(1)].movedim(-1, 1)
    assert torch.allclose(annealed_mean(scores, points, 1.0), mean, atol=1e-3)
    assert torch.allclose(annealed_mean(scores, points, 1e-3), mode, atol=1e-3)
    powered = scores.softmax(1) ** (1 / 0.38)
    assert torch.allclose(
        annealed_mean(scores, points),
        torch.einsum("bqhw,qc->bchw", powered / powered.sum(1, keepdim=True), points),
        atol=1e-3,
    )


# the task


def test_the_loss_is_the_weighted_divergence():
    method = made()
    x = method.view(open_data(photos(6)).whole())[:]
    seen, answer = method.hide(x, torch.Generator().manual_seed(0))
    guess = method.predict(seen)
    found = method.loss(guess, answer)["colour"].detach()
    for i in range(6):
        total = 0.0
        for row, column in np.ndindex(4, 4):
            logs = guess.scores[i, :, row, column].detach().double().log_softmax(0)
            bins, shares = answer.bins[i, :, row, column], answer.shares[i, :, row, column].double()
            total += float(method.bins.weights[bins[0]]) * float((shares * (shares.log() - logs[bins])).sum())
        assert float(found[i]) == pytest.approx(total / 16, rel=1e-4)


def test_a_perfect_guess_costs_nothing():
    method = made()
    x = method.view(open_data(photos(4)).whole())[:]
    seen, answer = method.hide(x, torch.Generator().manual_seed(0))
    scores = torch.full((4, 313, 4, 4), -1e4).scatter(1, answer.bins, answer.shares.log())
    loss = method.loss(Guess(scores, seen), answer)["colour"]
    assert loss.abs().max() < 1e-4


def test_answers_are_mean_colours_of_four_by_four_pixels():
    x = torch.from_numpy(photos(3)).float() / 255
    _, answer = made(mirror=False).hide(x, torch.Generator())
    assert torch.allclose(answer.ab[1, :, 2, 3], to_lab(x)[1, 1:, 8:12, 12:16].mean((1, 2)), atol=1e-3)


@pytest.mark.parametrize(
    "options", [{}, {"mode": "regression"}, {"split_brain": True}, {"split_brain": True, "mode": "regression"}]
)
def test_grey_images_teach_nothing(options):
    x = photos(8)
    x[2] = x[2].mean(0, keepdims=True).astype(np.uint8)
    method = made(x, **options).train()
    terms = step(method, torch.from_numpy(x).float() / 255, torch.Generator().manual_seed(0))[0]
    assert set(terms) == ({"colour", "lightness"} if options.get("split_brain") else {"colour"})
    for loss in terms.values():
        assert loss[2] == 0
        assert (loss[[0, 1, 3, 4, 5, 6, 7]] > 0).all()
    assert method.remarks({}) == ["1 of the 8 images are grey and were left out: they have no colours to learn from"]
    assert made(photos(8), **options).remarks({}) == []


def test_what_has_no_colour_is_refused_at_the_start():
    with pytest.raises(OptionError, match=r"grey images of 16x16: use method rotation or denoising"):
        selfsup.fit(photos(20)[:, 0], "colorization", progress=False)
    with pytest.raises(OptionError, match="images with 4 channels"):
        selfsup.fit(RNG(0).random((20, 4, 16, 16)), "colorization", progress=False)
    grey = np.repeat(photos(20)[:, :1], 3, 1)
    with pytest.raises(DataError, match=r"none of the 16 images has a colour to learn from: use method rotation"):
        selfsup.fit(grey, "colorization", progress=False)
    with pytest.raises(OptionError, match="must keep the places of an image"):
        made(net="mlp", hidden=None)
    with pytest.raises(OptionError, match="makes two nets"):
        Colorization(split_brain=True, net=torch.nn.Conv2d(1, 4, 3))
    with pytest.raises(OptionError, match="must be at most 2"):
        made(block=3)


def test_colours_that_follow_lightness_are_learnt():
    for options in ({}, {"mode": "regression"}):
        model = selfsup.fit(
            photos(160), "colorization", epochs=20, hidden=(16, 16), lr=1e-2, progress=False, evaluate=True, **options
        )
        rows = {row["colours"]: row for row in model.evaluation.rows("colour")}
        assert list(rows) == ["model", "grey", "mean colour"]
        assert rows["model"]["auc"] > 85
        assert rows["model"]["auc"] > max(rows["grey"]["auc"], rows["mean colour"]["auc"]) + 10
        assert (
            rows["model"]["rebalanced_auc"]
            > max(rows["grey"]["rebalanced_auc"], rows["mean colour"]["rebalanced_auc"]) + 10
        )
        last = model.history[-1]["measures"]
        assert last["ab_error"] < 0.3 * last["ab_error_of_grey"]
        assert "mean colour" in str(model.evaluation)
        assert "colours of images not trained on" in model.evaluation.short()
        # the picture of the report: grey, guessed, true
        seen, guess, answer = (model.pictures[name] for name in ("seen", "guess", "answer"))
        assert seen.shape[1:] == (1, 16, 16)
        assert guess.shape == answer.shape == (len(seen), 3, 16, 16)
        assert np.abs(guess - answer).mean() < 0.1
        assert guess.min() >= 0
        assert guess.max() <= 1


def test_a_split_brain_codes_both_halves():
    method = made(split_brain=True, hidden=(12, 20))
    x = method.view(open_data(photos(5)).whole())[:]
    assert method.encode(x).shape == (5, 12)  # block 1: half of 12 channels, twice
    assert method.layers(x)["block2"].shape == (5, 20)
    seen, _ = method.hide(x, torch.Generator().manual_seed(0))
    guess = method.predict(seen)
    assert method.show(guess).requires_grad  # nothing is cut off
    assert guess.level.shape == (5, 50, 4, 4)
    shown = method.show(seen)
    assert shown.light.shape == (5, 1, 16, 16)
    assert shown.ab.shape == (5, 3, 16, 16)
    assert method.show(guess).shape == (5, 3, 16, 16)
    # no half sees what it predicts
    other = seen._replace(ab=seen.ab.flip(0))
    assert torch.equal(method.eval().predict(other).colour.scores, method.predict(seen).colour.scores)
    other = seen._replace(light=seen.light.flip(0))
    assert torch.equal(method.predict(other).level, method.predict(seen).level)


def test_the_colours_do_not_leak_into_what_is_seen():
    method = made(mirror=False).eval()
    x = torch.from_numpy(photos(4)).float() / 255
    grey = to_rgb(to_lab(x) * torch.tensor([1.0, 0, 0])[:, None, None])
    rng = torch.Generator()
    a, b = (method.predict(method.hide(one, rng)[0]).scores for one in (x, grey))
    assert torch.allclose(a, b, atol=1e-2)
    assert torch.allclose(method.encode(x), method.encode(grey), atol=1e-3)


def test_a_saved_model_is_built_from_the_same_colours(tmp_path):
    run = tmp_path / "run"
    x = photos(60)
    model = selfsup.fit(
        x, "colorization", out=run, epochs=1, gamut="data", hidden=(8, 8), evaluate=False, progress=False
    )
    again = selfsup.load(run)
    assert torch.equal(again.method.bins.points, model.method.bins.points)
    assert torch.equal(again.method.bins.weights, model.method.bins.weights)
    assert np.array_equal(again.encode(x), model.encode(x))
    # the untrained net of an evaluation has them, too
    facts = Facts.from_dict(again.form, again.config["facts"])
    assert np.array_equal(build(again.unbuilt(), facts, 0).bins.weights, model.method.bins.weights)


def test_the_backbone_stands_alone_with_its_lightness():
    x = torch.from_numpy(photos(4)).float() / 255
    method = made().eval()
    plain = plain_backbone(method, (3, 16, 16))
    assert torch.allclose(plain(x), method.layers(x)["block2"], atol=1e-5)
    with pytest.raises(OptionError, match="in a way of its own"):
        plain_backbone(made(split_brain=True).eval(), (3, 16, 16))


def test_pieces_of_any_size_and_depth():
    head = Head([4, 6, 8], 5, 7)
    maps = [torch.rand(2, 4, 20, 12), torch.rand(2, 6, 5, 3), torch.rand(2, 8, 3, 2)]
    assert head(maps, (5, 3)).shape == (2, 7, 5, 3)
    assert Head([4], 5, 7)(maps[:1], (5, 3)).shape == (2, 7, 5, 3)
    for net in ("resnet18", "vit-tiny"):
        method = build(Colorization(net=net), Facts(Form("image", (3, 32, 40)), {}), 0)
        assert method.colorize(torch.rand(1, 1, 32, 40) * 100).shape == (1, 2, 8, 10)
        assert method.colorize(torch.rand(1, 1, 48, 40) * 100).shape[2] in (8, 12)


# evidence


def test_auc_by_hand():
    apart, even = np.array([[0.0, 75.0], [150.0, 300.0]]), np.ones((2, 2))
    assert area(apart, even, apart) == (pytest.approx(100 * (1 + 0.5 + 0 + 0) / 4), 0)
    assert area(apart, np.array([[1.0, 3.0], [0.0, 0.0]]), apart)[0] == pytest.approx(100 * (1 + 1.5) / 4)
    # the curve itself, swept
    errors = RNG(0).uniform(0, 200, (50, 4))
    steps = np.linspace(0, 150, 3_001)
    swept = np.trapezoid([(errors <= t).mean() for t in steps], steps) / 150
    assert area(errors, np.ones((50, 4)), errors)[0] == pytest.approx(100 * swept, abs=1e-1)


def test_the_error_of_a_lead_is_that_of_other_images():
    rng = RNG(0)

    def drawn():
        hard = rng.uniform(0, 60, (200, 1))  # what makes an image hard for both is no error of the lead
        return hard + rng.uniform(0, 20, (200, 5)), hard + rng.uniform(0, 30, (200, 5)), rng.uniform(0, 3, (200, 5))

    found = []
    for _ in range(300):
        apart, beside, weights = drawn()
        (auc, error), (other, _) = area(apart, weights, beside), area(beside, weights, beside)
        found.append((auc - other, error))
    leads, errors = np.array(found).T
    assert errors.mean() == pytest.approx(leads.std(), rel=0.15)


def test_the_table_holds_the_model_against_constants():
    true = np.array([[[0.0, 0.0], [30.0, 40.0]]], np.float32)
    guesses = {"model": true, "grey": np.zeros(2), "mean colour": np.array([15.0, 20.0])}
    table = measure(Evidence(painted=Painted(true, guesses, np.array([[1.0, 3.0]]))))
    rows = {row["colours"]: row for row in table.rows}
    assert rows["model"]["auc"] == 100
    assert rows["grey"]["auc"] == pytest.approx(100 * (1 + 2 / 3) / 2)
    assert rows["grey"]["rebalanced_auc"] == pytest.approx(100 * (1 + 2) / 4)
    assert rows["mean colour"]["distance"] == pytest.approx(25)


def test_evidence_leaves_grey_images_out_and_weights_by_training():
    x = photos(12)
    x[3] = x[3].mean(0, keepdims=True).astype(np.uint8)
    data = open_data(x)
    found = painted_of(made(x), torch.device("cpu"), data.part(np.arange(6)), data.part(np.arange(2, 8)))
    assert found.true.shape == (5, 256, 2)
    assert found.guesses["model"].shape == (5, 256, 2)
    assert found.weights.shape == (5, 256)
    assert painted_of(build(find_rotation(), data.whole(), 0), torch.device("cpu"), data.whole(), data.whole()) is None


def find_rotation():
    from selfsup.methods import find

    return find("rotation")[1](hidden=(8, 8))


def test_without_known_colours_nothing_is_weighted():
    method = build(Colorization(hidden=(8, 8)), Facts(Form("image", (3, 16, 16)), {}), 0)
    assert torch.equal(method.bins.weights, torch.ones(313))
    with pytest.raises(DataError, match="not known"):
        build(Colorization(gamut="data"), Facts(Form("image", (3, 16, 16)), {}), 0)
    blank = Colours(np.zeros((44, 44), np.int64), np.zeros(2, np.float32), 0, 0)
    assert blank.wrong(Form("image", (1, 8, 8)))
    assert shuffle_gap(method, torch.rand(4, 3, 16, 16))["loss"] > 0

"""Rotation whole: turns by 2, 4 and 8, the published net, and the probes of whole maps."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st

import selfsup
from conftest import pictures
from selfsup.data import open_data
from selfsup.errors import DataError, OptionError
from selfsup.hide import quarter_turns, turned
from selfsup.measures import Evidence, Maps, run
from selfsup.measures.samples import maps as probing
from selfsup.methods import find
from selfsup.model.encode import build
from selfsup.nets import make_backbone


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


def upright(images, side=12):
    """Pictures whose upper half is bright: which way up they are can be seen anywhere."""
    x = 0.2 * np.random.default_rng(0).random((images, 3, side, side), np.float32)
    x[:, :, : side // 2] += 0.7
    return x


@given(st.integers(1, 7), st.integers(1, 7), st.sampled_from([2, 4]), st.integers(0, 99))
def test_turns_without_interpolation_are_numpys_in_the_order_asked_for(height, width, of, seed):
    x = torch.arange(3 * 2 * height * width, dtype=torch.float32).view(3, 2, height, width)
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    middle = x[..., top : top + side, left : left + side].numpy()
    turns = torch.randint(0, of, (3, 5), generator=rng(seed))
    found = turned(x, turns, of)
    assert found.shape == (3, 5, 2, side, side)
    for image in range(3):
        for view in range(5):
            quarters = int(turns[image, view]) * (4 // of)
            np.testing.assert_array_equal(found[image, view], np.rot90(middle[image], quarters, axes=(1, 2)))
    np.testing.assert_array_equal(quarter_turns(x)[:, 1], np.rot90(middle, 1, axes=(2, 3)))


@settings(deadline=None, max_examples=15)
@given(st.integers(2, 20), st.integers(0, 99))
def test_eighths_are_quarters_of_two_pictures_on_a_disc(side, seed):
    x = torch.rand(2, 3, side, side, generator=rng(seed))
    found = turned(x, torch.arange(8).expand(2, 8), 8)
    for start in (0, 1):  # upright, and turned by an eighth
        for quarters in range(4):
            expected = torch.rot90(found[:, start], quarters, (2, 3))
            torch.testing.assert_close(found[:, start + 2 * quarters], expected, rtol=0, atol=0)
    places = (torch.arange(side) + 0.5) * 2 / side - 1
    disc = places[:, None] ** 2 + places**2 <= 1
    assert (found[..., ~disc] == 0).all()
    torch.testing.assert_close(found[:, 0][..., disc], x[..., disc], rtol=0, atol=0)


def test_eighths_are_bilinear_looks_at_turned_places():
    side = 9
    x = torch.rand(1, 1, side, side, generator=rng())
    found = turned(x, torch.tensor([[1]]), 8)[0, 0, 0].numpy()
    picture, middle = x[0, 0].numpy(), (side - 1) / 2
    for row in range(side):
        for column in range(side):
            down, right = row - middle, column - middle
            if down**2 + right**2 > (side / 2) ** 2:
                continue
            # counter-clockwise by 45 degrees: what is seen at (down, right) was 45 degrees further clockwise
            y = (down + right) * np.sqrt(0.5) + middle
            z = (right - down) * np.sqrt(0.5) + middle
            y, z = np.clip(y, 0, side - 1), np.clip(z, 0, side - 1)
            top, left = min(int(y), side - 2), min(int(z), side - 2)
            a, b = y - top, z - left
            look = picture[top : top + 2, left : left + 2]
            assert found[row, column] == pytest.approx(
                float(np.array([1 - a, a]) @ look @ np.array([1 - b, b])), abs=1e-5
            )


@pytest.mark.parametrize("turns", [2, 4, 8])
def test_every_image_is_hidden_in_all_its_turns_and_they_are_learnt(turns):
    x = upright(96)
    model = selfsup.fit(
        x, "rotation", turns=turns, hidden=(8, 24), epochs=12, batch_size=16, evaluate=False, progress=False
    )
    method, batch = model.method, torch.from_numpy(x[:32])
    seen, hidden = method.hide(batch, rng())
    assert seen.shape == (32, turns, 3, 12, 12)
    assert (hidden.sort(1).values == torch.arange(turns)).all()
    assert len(hidden[:, 0].unique()) == min(turns, 8)
    with torch.no_grad():
        guess = method.predict(seen)
        assert guess.shape == (32, turns, turns)
        assert float((guess.argmax(2) == hidden).float().mean()) > (0.9 if turns < 8 else 0.6)
        torch.testing.assert_close(
            method.loss(guess, hidden)["turn"],
            -guess.log_softmax(2).gather(2, hidden[..., None])[..., 0].mean(1),
        )


def test_what_interpolation_gives_away_is_said():
    rotation = find("rotation")[1]
    assert "2.08 is chance" in rotation(turns=8).remarks({})[0]
    assert rotation().remarks({}) == rotation(turns=2).remarks({}) == []


def test_other_numbers_of_turns_are_refused():
    with pytest.raises(OptionError, match="'turns' must be one of 2, 4, 8; got 3"):
        selfsup.fit(upright(8), "rotation", turns=3)


def test_nin_is_the_published_net():
    backbone = make_backbone("nin", (3, 32, 32))
    assert backbone.maps == [(96, 16, 16), (192, 8, 8), (192, 8, 8), (192, 8, 8)]
    convolutions = [
        [(m.in_channels, m.out_channels, m.kernel_size[0]) for m in block if isinstance(m, torch.nn.Conv2d)]
        for block in backbone.blocks
    ]
    assert convolutions == [
        [(3, 192, 5), (192, 160, 1), (160, 96, 1)],
        [(96, 192, 5), (192, 192, 1), (192, 192, 1)],
        [(192, 192, 3), (192, 192, 1), (192, 192, 1)],
        [(192, 192, 3), (192, 192, 1), (192, 192, 1)],
    ]
    weights = sum(
        a * b * k * k + 2 * b for block in convolutions for a, b, k in block
    )  # with gain and bias of each norm
    assert sum(p.numel() for p in backbone.parameters()) == weights == 1_410_368
    pools = [m for block in backbone.blocks for m in block if "Pool" in type(m).__name__]
    assert [type(m).__name__ for m in pools] == ["MaxPool2d", "AvgPool2d"]
    assert make_backbone("nin", (3, 32, 32), (6, 8, 10)).maps == [(6, 16, 16), (8, 8, 8), (10, 8, 8)]
    with pytest.raises(OptionError, match="at least one width"):
        make_backbone("nin", (3, 32, 32), ())


@pytest.mark.parametrize("net", ["nin", "resnet18", "bottleneck"])
def test_maps_and_layers_are_of_the_same_blocks(net):
    hidden = (4, 6, 8, 10)
    method = build(find("rotation")[1](net=net, hidden=hidden), open_data(upright(8, 16)).whole(), 0).eval()
    x = torch.from_numpy(upright(4, 16))
    with torch.no_grad():
        maps, layers = method.maps(x), method.layers(x)
        assert list(maps) == list(layers) == ["block1", "block2", "block3", "block4"]
        for name, made in maps.items():
            torch.testing.assert_close(made.mean((2, 3)), layers[name])
        torch.testing.assert_close(layers["block2"], method.encode(x))
        method.cells = 2
        height, width = (side // 2 for side in maps["block1"].shape[2:])
        for place, cell in enumerate([(0, 0), (0, 1), (1, 0), (1, 1)]):
            rows, columns = (slice(k * side, (k + 1) * side) for k, side in zip(cell, (height, width), strict=True))
            expected = maps["block1"][:, :, rows, columns].mean((2, 3))
            torch.testing.assert_close(method.layers(x)["block1"].unflatten(1, (-1, 4))[..., place], expected)
        assert method.encode(x).shape == (4, 4 * hidden[1])


def placed(rows, seed):
    """Maps of which only the place of a bright spot says the class: a mean over the places says nothing."""
    random = np.random.default_rng(seed)
    labels = random.integers(0, 2, rows)
    maps = 0.1 * random.standard_normal((rows, 2, 4, 4)).astype(np.float32)
    maps[np.arange(rows), 0, 3 * labels, 1] += 3
    return torch.from_numpy(maps), labels


def test_probes_of_maps_read_what_a_mean_has_lost():
    (train, known), (test, asked) = placed(160, 0), placed(200, 1)
    blind = Maps(*[lambda rows: torch.rand(len(rows), 2, 4, 4, generator=rng())] * 2)
    told = Maps(train.__getitem__, test.__getitem__)
    evidence = Evidence(
        features={}, y_train=known, y_test=asked, maps={("model", "block1"): told, ("random init", "block1"): blind}
    )
    before = torch.get_rng_state()
    (table,) = run(evidence, ["maps"])
    assert torch.equal(before, torch.get_rng_state())
    found = {(row["encoder"], row["probe"]): row for row in table.rows}
    assert [row["probe"] for row in table.rows[:3]] == ["linear", "non-linear", "conv"]
    assert found["model", "non-linear"]["accuracy"] > 0.97
    assert found["model", "conv"]["accuracy"] > 0.9  # zeros around the map tell its border from its middle
    assert found["model", "linear"]["accuracy"] < 0.7
    assert found["random init", "non-linear"]["accuracy"] < 0.65
    for row in table.rows:
        p = (200 * row["accuracy"] + 1) / 202
        assert row["error"] == pytest.approx((p * (1 - p) / 200) ** 0.5)
        assert row["tested"] == 200
    assert run(evidence, ["maps"])[0].rows == table.rows  # the seed decides


def test_maps_are_measured_only_where_they_are_asked_for(monkeypatch):
    monkeypatch.setattr(probing, "STEPS", 8)
    monkeypatch.setattr(probing, "FEWEST", 2)
    x, y = pictures(80, 3, 12, 12), np.arange(80) % 3
    model = selfsup.fit((x, y), "rotation", hidden=(4, 6), epochs=1, evaluate=False, progress=False)
    evaluation = selfsup.evaluate(model, (x, y), measures=("probe", "maps"), progress=False)
    rows = evaluation.rows("maps")
    assert [(row["encoder"], row["layer"], row["probe"]) for row in rows] == [
        (encoder, layer, probe)
        for encoder in ("model", "random init")
        for layer in ("block1", "block2")
        for probe in ("linear", "non-linear", "conv")
    ]
    assert "\nmaps\n" in str(evaluation)
    assert type(evaluation).from_dict(evaluation.to_dict()) == evaluation
    assert not selfsup.evaluate(model, (x, y), progress=False).rows("maps")


def test_maps_that_there_are_not_are_said():
    x, y = pictures(60, 1, 8, 8), np.arange(60) % 2
    model = selfsup.fit((x, y), "rotation", net="mlp", hidden=(8, 8), epochs=1, evaluate=False, progress=False)
    with pytest.raises(OptionError, match="the measure 'maps' needs maps"):
        selfsup.evaluate(model, (x, y), measures=("maps",), progress=False)
    broken = Maps(*[lambda rows: torch.full((len(rows), 2, 3, 3), torch.nan)] * 2)
    labels = np.arange(20) % 2
    with pytest.raises(DataError, match="not finite"):
        run(Evidence(features={}, y_train=labels, y_test=labels, maps={("model", "block1"): broken}), ["maps"])


def test_large_maps_are_averaged_down_and_too_many_are_refused(monkeypatch):
    large = Maps(*[lambda rows: rows[:, None, None, None].float().expand(-1, 2, 16, 12)] * 2)
    train, test = probing._held(large, 6, 4)
    assert train.shape == (6, 2, 8, 8)
    assert test.shape == (4, 2, 8, 8)
    monkeypatch.setattr("selfsup.system.memory.available", lambda: 1000)
    with pytest.raises(DataError, match="the maps of 10 samples need"):
        probing._held(large, 6, 4)

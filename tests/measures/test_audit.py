"""The shortcut audit: against closed forms, on codes that know and codes that do not, and a colour shift that was planted."""

import json

import numpy as np
import pytest
import torch
from sklearn.linear_model import Ridge

import selfsup
from selfsup.cli.main import main
from selfsup.data import open_data
from selfsup.errors import DataError
from selfsup.measures import Evidence, run
from selfsup.measures.run import Patches
from selfsup.measures.samples.audit import PENALTIES, _solutions, over_images, ridge, root
from selfsup.training.placed import ANYWHERE, placed_patches

CPU = torch.device("cpu")


def textures(n, side=40, shift=0.0, seed=0):
    """Images (n, 3, S, S) of grey noise that is alike everywhere; red and blue grow from the middle by a share, as of a lens."""
    rng = torch.Generator().manual_seed(seed)
    wide = torch.nn.functional.avg_pool2d(torch.rand((n, 1, side + 8, side + 8), generator=rng), 3, 1)
    wide = (wide - wide.mean()) / wide.std() * 0.15 + 0.5
    axis = torch.linspace(-1, 1, side) * side / (side + 6)
    grid = torch.stack(torch.meshgrid(axis, axis, indexing="ij"), -1).flip(-1)
    found = [
        torch.nn.functional.grid_sample(wide, (factor * grid).expand(n, -1, -1, -1), align_corners=True)
        for factor in (1 + shift, 1.0, 1 + shift)
    ]
    return torch.cat(found, 1).clamp(0, 1).numpy()


def patches(n=400, seed=0, **codes):
    """Places of made patches, and codes of them."""
    rng = np.random.default_rng(seed)
    border = np.tile([-1] * 8 + [0, 1, 2, 3, 4], n)
    place, phase = rng.random((len(border), 2)), rng.integers(0, 8, (len(border), 2))
    found = {("model", name): make(rng, place, border, phase) for name, make in codes.items()}
    return Patches(found, np.repeat(np.arange(n), 13), place, border, phase)


def rows_of(table):
    return {(row["encoder"], row["layer"]): row for row in table.rows}


def test_codes_that_know_the_place_are_found_out_and_noise_is_not():
    def noise(rng, place, border, phase):
        return rng.normal(size=(len(place), 6)).astype(np.float32)

    def place_(rng, place, border, phase):
        return (noise(rng, place, border, phase) * 0.01 + place @ rng.normal(size=(2, 6))).astype(np.float32)

    def border_(rng, place, border, phase):
        return np.eye(6, dtype=np.float32)[border] + 0.01 * noise(rng, place, border, phase)

    def phase_(rng, place, border, phase):
        return np.concatenate([np.eye(8)[phase[:, 0]], np.eye(8)[phase[:, 1]]], 1).astype(np.float32)

    evidence = Evidence(patches=patches(noise=noise, place=place_, border=border_, phase=phase_))
    found = rows_of(run(evidence, ("audit",))[0])
    chance = found["chance", ""]
    assert chance["place"] == pytest.approx(np.sqrt(2 / 12), abs=0.01)  # of a uniform place in a square
    assert (chance["border"], chance["phase"]) == (1 / 5, 1 / 8)
    for layer, name in [("place", "place"), ("border", "border"), ("phase", "phase")]:
        told, none = found["model", layer], found["model", "noise"]
        assert told["place"] < 0.02 if name == "place" else told[name] > 0.99
        better = chance["place"] - none["place"] if name == "place" else none[name] - chance[name]
        assert abs(better) < 3 * max(none[f"{name}_se"], 0.003)


@pytest.mark.parametrize("shape", [(60, 7), (20, 50)])
def test_the_map_is_ridge_regression_whichever_product_is_smaller(shape):
    rng = np.random.default_rng(0)
    x, y, asked = rng.normal(size=shape), rng.normal(size=(shape[0], 3)), rng.normal(size=(9, shape[1]))
    unit = np.square(x - x.mean(0)).mean() * len(x)
    for share, found in zip(PENALTIES, _solutions(x, y, asked), strict=True):
        assert np.allclose(found, Ridge(alpha=share * unit).fit(x, y).predict(asked), atol=1e-6)


def test_the_penalty_is_chosen_for_each_question_and_flat_codes_guess_the_mean():
    rng = np.random.default_rng(1)
    x = rng.normal(size=(300, 40)).astype(np.float32)
    y = np.stack([x[:, 0], rng.normal(size=300)], 1)
    groups = np.repeat(np.arange(100), 3)
    found = ridge(x[:240], y[:240], x[240:], groups[:240])
    assert np.corrcoef(found[:, 0], y[240:, 0])[0, 1] > 0.99
    assert found[:, 1].std() < 0.3
    flat = ridge(np.ones((30, 4), np.float32), y[:30], np.ones((5, 4), np.float32), groups[:30])
    assert np.allclose(flat, y[:30].mean(0))


def test_errors_count_images_and_not_patches():
    image = np.repeat(np.arange(50), 8)
    right = np.random.default_rng(0).integers(0, 2, 50)[image]  # all patches of an image alike
    value, error = over_images(right, image)
    means = right.reshape(50, 8).mean(1)
    assert value == pytest.approx(means.mean())
    assert error == pytest.approx(means.std(ddof=1) / np.sqrt(50))
    assert root(right * 4.0, image).value == pytest.approx(2 * np.sqrt(value))
    assert root(right * 4.0, image).error == pytest.approx(error * 4 / (2 * 2 * np.sqrt(value)))


def test_patches_lie_where_they_are_said_to_lie():
    class Raw:
        def to(self, device):
            return self

        def eval(self):
            return self

        def layers(self, x):
            return {"pixels": x.flatten(1)}

    x = textures(24, 30)
    part = open_data(x, progress=False).whole()
    found = placed_patches({"model": Raw()}, part, CPU, patch=9)
    count = ANYWHERE + 5
    assert len(found.image) == 24 * count
    corners = (found.place * 30 - 4.5).round().astype(int)
    for k in range(len(corners)):
        top, left = corners[k]
        cut = x[found.image[k], :, top : top + 9, left : left + 9]
        assert np.allclose(found.codes["model", "pixels"][k], cut.ravel(), atol=1e-6)
        edges = [None, top == 0, top == 21, left == 0, left == 21]
        if found.border[k] > 0:
            assert edges[found.border[k]]
            assert sum(map(bool, edges[1:])) == 1
        elif found.border[k] == 0:
            assert not any(edges[1:])
    assert (found.phase == corners % 8).all()
    assert np.bincount(found.border + 1).tolist() == [24 * ANYWHERE, 24, 24, 24, 24, 24]
    assert found.sizes == {"model": "9 px", "raw input": "9 px"}


def test_a_planted_colour_shift_is_found_and_the_counter_measures_take_it_away():
    """The chromatic-aberration test: by nothing else do patches of these textures differ with their place."""
    ahead = {}
    for shift, colour in [(0.0, "keep"), (0.1, "keep"), (0.1, "project"), (0.1, "drop")]:
        x = textures(120, shift=shift)
        model = selfsup.fit(x, "position", epochs=1, hidden=(16, 16), evaluate=False, progress=False, colour=colour)
        found = rows_of(selfsup.audit(model, x, progress=False))
        best = min((row for key, row in found.items() if key[0] == "model"), key=lambda row: row["place"])
        ahead[shift, colour] = 1 - best["place"] / found["chance", ""]["place"]
    assert ahead[0.1, "keep"] > 0.4
    assert max(ahead[0.0, "keep"], ahead[0.1, "project"], ahead[0.1, "drop"]) < 0.05


def test_any_image_method_can_be_audited_and_the_run_keeps_it(tmp_path, capsys):
    x = textures(60, 32)
    np.save(tmp_path / "x.npy", x)
    for method, options in [("rotation", {"hidden": (8, 8)}), ("denoising", {"net": "mlp", "hidden": (16,)})]:
        out = tmp_path / method
        model = selfsup.fit(
            str(tmp_path / "x.npy"), method, out=out, epochs=1, progress=False, evaluate=False, **options
        )
        assert main(["audit", str(out), "--data", str(tmp_path / "x.npy")]) == 0
        assert "place, RMSE" in capsys.readouterr().out
        kept = json.loads((out / "evaluation.json").read_text())["tables"]["audit"]
        again = selfsup.load(out).evaluation.rows("audit")
        assert kept == again == selfsup.audit(model, x, progress=False).rows
        sizes = {row["encoder"]: row["patch"] for row in kept}
        assert sizes["model"] == ("8 px" if method == "rotation" else "8 px, enlarged to 32 x 32")
        assert "what a patch tells of its place" in (out / "report.html").read_text().lower()
        assert main(["verify", str(out)]) == 0


def test_what_cannot_be_audited_is_said(tmp_path):
    model = selfsup.fit(textures(40, 32), "rotation", epochs=1, hidden=(4, 4), progress=False, evaluate=False)
    with pytest.raises(DataError, match=r"at least 20 images.*these are 7"):
        selfsup.audit(model, textures(7, 32), progress=False)
    with pytest.raises(DataError, match="patches of 31"):
        selfsup.audit(model, textures(40, 32, seed=1), patch=31, progress=False)
    table = selfsup.fit(np.random.default_rng(0).normal(size=(30, 4)), "linear", progress=False)
    with pytest.raises(DataError, match="patches of images"):
        selfsup.audit(table, np.zeros((30, 4)), progress=False)


def test_methods_of_patches_have_the_audit_in_their_evidence():
    x = textures(100, 16)
    labels = (np.arange(100) % 2).tolist()
    with_labels = selfsup.fit((x, labels), "position", epochs=1, hidden=(8, 8), progress=False)
    assert {row["encoder"] for row in with_labels.evaluation.rows("audit")} == {
        "chance",
        "model",
        "random init",
        "raw input",
    }
    without = selfsup.fit(x, "position", epochs=1, hidden=(8, 8), progress=False)
    assert {row["encoder"] for row in without.evaluation.rows("audit")} == {"chance", "model", "raw input"}

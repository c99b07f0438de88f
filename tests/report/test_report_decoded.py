"""What the code knows: pictures of what a decoder makes of codes, gathered by fit and shown in the report."""

from __future__ import annotations

import numpy as np
import pytest

import selfsup
from conftest import pictures, table
from selfsup import store
from selfsup.cli.summary import summary
from selfsup.report import page
from selfsup.report.sections import decoded
from selfsup.training import pictures as showing
from test_report_runs import EVIL, Reader, config, evaluation, history, write

RNG = np.random.default_rng(0)
FIT = {"epochs": 2, "progress": False}


def noise(*shape):
    return RNG.random(shape).astype(np.float32)


def images(shape=(1, 8, 8)):
    return {
        "samples": noise(16, *shape),
        "interpolation": noise(2, 8, *shape),
        "traversal": noise(6, 8, *shape),
        "traversal_units": np.arange(6) * 7,
        "atoms": noise(20, *shape) - 0.5,
        "atoms_units": np.arange(20) * 3,
        "score_low": noise(8, *shape),
        "score_low_values": -np.arange(8, dtype=np.float32)[::-1] - 10.5,
        "score_high": noise(8, *shape),
        "score_high_values": -np.arange(8, dtype=np.float32),
    }


def section(html):
    return html.split("<h2>What the code knows</h2>")[1].split("</section>")[0]


# Gathered by fit


@pytest.fixture(scope="module")
def sparse():
    return selfsup.fit(pictures(120), "sparse", n_components=32, net="mlp", **FIT)


def test_fit_gathers_small_float32_pictures(sparse):
    held = sparse.pictures
    shape = (1, 12, 12)
    assert held["interpolation"].shape == (2, 8, *shape)
    assert held["traversal"].shape[1:] == (8, *shape)
    assert len(held["traversal"]) == len(held["traversal_units"]) <= 6
    assert held["atoms"].shape == (len(held["atoms_units"]), *shape)
    for name in ("score_low", "score_high"):
        assert held[name].shape == (8, *shape)
        assert held[f"{name}_values"].shape == (8,)
    for name in ("interpolation", "traversal", "atoms", "score_low", "score_high"):
        assert held[name].dtype == np.float32
    assert sum(array.nbytes for array in held.values()) < 2**20


def test_scores_are_sorted_and_are_those_of_the_samples(sparse):
    held = sparse.pictures
    assert (np.diff(held["score_low_values"]) >= 0).all()
    assert (np.diff(held["score_high_values"]) <= 0).all()
    assert held["score_low_values"].max() <= held["score_high_values"].min()
    np.testing.assert_allclose(sparse.score_samples(held["score_low"]), held["score_low_values"], rtol=1e-4, atol=1e-6)


def test_the_units_of_the_largest_deviations_are_walked_along(sparse):
    from selfsup.model.latent import deviations

    spread = deviations(sparse.latent)
    units = sparse.pictures["traversal_units"]
    assert spread[units].min() >= np.sort(spread)[-len(units)]
    np.testing.assert_allclose(sparse.traverse(int(units[0])), sparse.pictures["traversal"][0], atol=1e-5)


def shown(model, rows, latent):
    samples = model.samples(pictures(rows, seed=1))
    look = showing.Look(model.method, samples, latent, model.device)
    return showing.decoded(look, np.arange(rows), model.form.shape)


def test_samples_are_left_out_where_there_is_nothing_to_draw_from(sparse):
    mean = sparse.latent["mean"]
    assert "samples" not in shown(sparse, 40, {"mean": mean, "std": np.ones_like(mean)})
    assert "traversal" not in shown(sparse, 40, {})


def test_few_rows_and_methods_without_a_decoder(sparse):
    few = shown(sparse, 1, sparse.latent)
    assert "interpolation" not in few
    assert "score_low" not in few
    turned = selfsup.fit(pictures(40), "rotation", net="mlp", epochs=1, progress=False)
    assert not set(decoded.NAMES) & set(turned.pictures)


@pytest.mark.parametrize("size", [64, 784, 3 * 32 * 32, 3 * 48 * 48])
@pytest.mark.parametrize("atoms", [False, True])
def test_there_is_room_for_every_size(size, atoms):
    count = showing._counts(size, atoms)
    shown = count["samples"] + count["steps"] * (count["pairs"] + count["units"]) + 2 * count["extremes"]
    assert 4 * size * (shown + atoms * count["atoms"]) < 2**20
    assert not showing._counts(10**6, atoms)


def test_large_images_are_made_smaller():
    import torch

    assert showing._small(torch.rand(2, 3, 96, 64)).shape == (2, 3, 48, 32)
    assert showing._small(torch.rand(2, 3, 48, 48)).shape == (2, 3, 48, 48)


def test_a_table_with_words_and_gaps(tmp_path):
    import pandas as pd

    frame = pd.DataFrame(table(80, 3), columns=["a", "b", "c"])
    frame["town"] = np.where(frame["a"] > 0, "Rome", "Oslo")
    frame.loc[::7, "b"] = np.nan
    frame.to_csv(tmp_path / "t.csv", index=False)
    model = selfsup.fit(tmp_path / "t.csv", "variational", n_components=2, out=tmp_path / "run", **FIT)
    assert model.pictures["samples"].shape == (16, 5)
    html = (tmp_path / "run" / "report.html").read_text()
    assert section(html).count('<svg class="spark"') == 16 + 16 + 2 * 8 + 16
    assert "over its own range" in html
    assert "nan" not in section(html)


# Shown by the report


def test_every_picture_is_shown_with_its_label(tmp_path):
    own = config("sparse", form={"kind": "image", "shape": [1, 8, 8]}, decodes=True)
    html = page(write(tmp_path / "run", own, history(), evaluation(), images()))
    part = section(html)
    assert part.count("<img") == 16 + 2 * 8 + 6 * (8 + 1) + 20 + 16  # a unit has a picture of what changes, too
    seen = Reader(html)
    for words in ("New samples", "pair 2", "unit 35", "Atoms of the dictionary", "least normal", "-17.5", "-10.5"):
        assert words in seen.words
    assert "selfsup score" in seen.words
    assert "rebuilt.png" in seen.words


def test_vectors_are_curves_and_columns_have_their_own_range():
    arrays = {"samples": np.array([[0, 1000], [1, 2000]], np.float32)}
    (plain,) = decoded.blocks(arrays, columns=False)
    (columns,) = decoded.blocks(arrays, columns=True)
    assert 'height="44.0"' in str(plain.strips[0].cells[1][0])
    assert str(plain.strips[0].cells[1][0]) != str(columns.strips[0].cells[1][0])
    assert str(columns.strips[0].cells[1][0]).count('height="44.0"') == 2


def test_nothing_is_shown_of_what_is_missing(tmp_path):
    html = page(write(tmp_path / "run", config(), history(), evaluation(), {"map_codes": noise(9, 2)}))
    assert "What the code knows" not in html
    for name in decoded.NAMES:
        shown = decoded.blocks({name: images()[name]}, columns=False)
        assert len(shown) == 1, name


@pytest.mark.parametrize(
    "arrays",
    [
        {"samples": noise(3, 2, 8, 8)},
        {"samples": noise(3)},
        {"samples": noise(0, 4)},
        {"samples": np.ones((3, 4), np.int64)},
        {"interpolation": noise(2, 8)},
        {"traversal": np.zeros(())},
        {"score_low_values": noise(3)},
    ],
)
def test_shapes_that_are_no_pictures_are_left_out(arrays):
    assert decoded.blocks(arrays, columns=False) == []


def test_values_and_labels_that_do_not_fit_are_left_out():
    odd = images() | {"traversal_units": noise(2), "score_low_values": np.full(8, np.nan), "atoms": noise(4, 3)}
    blocks = {block.title: block for block in decoded.blocks(odd, columns=False)}
    assert blocks["What single units do"].strips[0].label == "row 1"
    assert "Atoms of the dictionary" not in blocks
    samples = np.full((2, 4), np.nan, np.float32)
    assert "nan" not in str(decoded.blocks({"samples": samples}, columns=True))


# Notes and measures


def test_notes_stand_by_the_verdict(tmp_path):
    noted = config(notes=["overfitting: stop earlier", EVIL])
    fair = evaluation(notes=["overfitting: stop earlier", "the test part is small"])
    html = page(write(tmp_path / "run", noted, history(), fair))
    header = html.split("</header>")[0]
    assert "Overfitting: stop earlier." in header
    assert html.count("verfitting: stop earlier") == 1 + html.split("All settings")[1].count("overfitting")
    assert "the test part is small" not in header
    assert "onerror" not in [name for _, attrs in Reader(html).elements for name in attrs]


def test_measures_are_charts_with_first_and_last(tmp_path):
    records = history(3)
    for record in records:
        record["measures"] = {"active units": 8 - 2 * record["epoch"], EVIL: 0.5, "broken": None}
    seen = Reader(page(write(tmp_path / "run", config(), records, evaluation())))
    assert "active units: 8 before training, 2 at the end" in seen.words
    assert f"{EVIL}: 0.5" in seen.words
    assert len([attrs for attrs in seen.charts if attrs.startswith("Over the epochs")]) == 3, (
        "the gap, and two measures"
    )


def test_a_loss_that_starts_at_rounding_error_does_not_flatten_the_rest(tmp_path):
    records = history(3)
    records[0]["heldout"] = 1e-13
    words = Reader(page(write(tmp_path / "run", config(), records))).words
    assert "loss (log scale)" in words
    assert "0.001 " in words
    assert "1e-06" not in words


@pytest.mark.parametrize("evaluate", [True, False])
def test_the_summary_prints_each_note_once(evaluate):
    model = selfsup.fit(table(60), "undercomplete", n_components=6, evaluate=evaluate, net="mlp", **FIT)
    lines = [line for line in summary(model, "x.npy").splitlines() if line.startswith("note")]
    assert len(lines) == len(set(lines)) >= 1
    assert any("copying its input" in line for line in lines)


def test_the_pictures_are_kept_in_the_run_folder(sparse, tmp_path):
    sparse.save(tmp_path / "run")
    held = store.read_arrays(tmp_path / "run", store.PICTURES)
    np.testing.assert_array_equal(held["atoms"], sparse.pictures["atoms"])
    assert "What the code knows" in (tmp_path / "run" / store.REPORT).read_text()

"""`compare`: which run is better, on the same rows, with errors of pairs that keep what they promise."""

import math
from functools import cache

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits

import selfsup
from selfsup.data.open import open_data
from selfsup.errors import DataError, OptionError, RunError
from selfsup.measures import Evaluation
from selfsup.measures.samples.paired import lead, leads
from selfsup.measures.table import Table

QUIET = {"progress": False}


def fit(data, method="linear", **options):
    usual = {"holdout": 0.2, "evaluate": False, "progress": False}
    return selfsup.fit(data, method=method, **usual | options)


@cache
def digits():
    x, y = load_digits(return_X_y=True)
    few = np.flatnonzero(y < 4)[:250]
    return x[few].astype(np.float32) / 16, y[few]


@cache
def runs():
    """Two runs of the same method and split, and one of another method."""
    return fit(digits(), n_components=16), fit(digits(), n_components=1), fit(digits(), "undercomplete", epochs=1)


# The paired error.


def two_way(rng, draws, rows, own=0.6, of_draws=0.15, rest=0.8):
    """What two encoders have right, (draws, rows) each: rows and draws have effects of their own; and their true lead."""
    skill, base = np.array([0.6, 0.4]), rng.normal(size=rows)
    effects = [
        (own * rng.normal(size=rows), of_draws * rng.normal(size=(draws, 1)), rest * rng.normal(size=(draws, rows)))
        for _ in skill
    ]
    right = [s + base + sum(parts) > 0 for s, parts in zip(skill, effects, strict=True)]
    spread = math.sqrt(2 * (1 + own**2 + of_draws**2 + rest**2))
    chance = [(1 + math.erf(s / spread)) / 2 for s in skill]
    return right, chance[0] - chance[1]


@pytest.mark.parametrize(("draws", "rows"), [(1, 359), (3, 300), (5, 300)])
def test_the_error_holds_the_lead_on_fresh_rows_and_draws(draws, rows):
    rng, held = np.random.default_rng(draws + rows), 0
    for _ in range(200):
        (one, two), true = two_way(rng, draws, rows, of_draws=0.15 if draws > 1 else 0.0)
        found = leads([one.astype(float) - two], times=400)[0]
        held += abs(found.size - true) <= 2 * found.error
    assert 180 <= held <= 196


def test_of_one_draw_it_is_the_deviation_of_the_rows_over_their_root():
    apart = np.random.default_rng(0).integers(-1, 2, (1, 400)).astype(float)
    found = leads([apart], times=4000)[0]
    assert found.size == pytest.approx(apart.mean(), abs=1e-12)
    assert found.error == pytest.approx(apart.std(ddof=1) / 20, rel=0.04)


def test_of_several_draws_it_is_the_components_of_variance():
    rng = np.random.default_rng(1)
    apart = rng.normal(size=500) + rng.normal(size=(20, 1)) + rng.normal(size=(20, 500))
    rows, draws = apart.mean(0), apart.mean(1)
    rest = apart - rows - draws[:, None] + apart.mean()
    square = (rest**2).sum() / (19 * 499)
    exact = rows.var(ddof=1) / 500 + draws.var(ddof=1) / 20 - square / (20 * 500)
    found = leads([apart], times=4000)[0]
    widened = 2.12 / 2  # Student's t of about 20 degrees of freedom at 95.45 %
    assert found.error == pytest.approx(math.sqrt(exact) * widened, rel=0.05)


def test_pairs_have_smaller_errors_than_rows_of_their_own():
    (one, two), _ = two_way(np.random.default_rng(3), 1, 1000, own=0.1, rest=0.1)
    paired = lead(one, two).error
    alone = math.hypot(*(lead(right, np.zeros_like(right, float)).error for right in (one, two)))
    assert paired < 0.6 * alone


def test_what_is_equal_has_no_lead_and_no_error():
    right = np.random.default_rng(0).random((3, 50)) < 0.7
    assert lead(right, right) == (0.0, 0.0, 0)
    assert not lead(right, right).clear


def test_a_handful_of_rows_proves_nothing():
    one, two = np.ones((1, 5)), np.zeros((1, 5))
    assert lead(one, two).size == 1
    assert not lead(one, two).clear  # all five may be chance: 1 in 16
    assert lead(np.ones((1, 8)), np.zeros((1, 8))).clear


def test_it_is_the_same_for_the_same_seed_and_for_the_others_beside_it():
    rng = np.random.default_rng(0)
    some = [rng.integers(-1, 2, (3, 90)).astype(float) for _ in range(3)]
    assert leads(some, 7) == leads(some, 7)
    assert leads(some[:1], 7)[0].size == leads(some, 7)[0].size
    assert leads(some, 7)[0].error != leads(some, 8)[0].error


def test_leads_of_other_rows_are_refused():
    with pytest.raises(DataError, match="same test rows"):
        leads([np.zeros((1, 3)), np.zeros((1, 4))])


# Runs.


def test_runs_side_by_side_on_the_rows_all_held_out():
    found = selfsup.compare(runs(), digits(), draws=2, **QUIET)
    assert found.verdict["sentence"].startswith("On the 50 rows that were held out in training")
    rows = found.rows("compare")
    names = [row["encoder"] for row in rows if row["by"] == "linear probe" and row["count"] == "all"]
    assert names == ["linear (1)", "linear (2)", "undercomplete", "raw input", "PCA"]
    assert {row["tested"] for row in rows} == {50}
    assert all(0 <= row["error"] < 0.5 for row in rows)
    pairs = [row for row in found.rows("compare_leads") if row["by"] == "linear probe" and row["count"] == "mean"]
    assert len(pairs) == 3 + 3 * 2
    narrower = next(row for row in pairs if (row["first"], row["second"]) == ("linear (1)", "linear (2)"))
    assert narrower["clear"]
    assert narrower["lead"] > 2 * narrower["lead_error"] > 0
    assert Evaluation.from_dict(found.to_dict()) == found
    assert "±" in str(found)
    accuracies = {(r["by"], r["encoder"], r["count"]): r["accuracy"] for r in rows}
    for pair in found.rows("compare_leads"):
        if pair["count"] != "mean":
            one, two = (accuracies[pair["by"], pair[end], pair["count"]] for end in ("first", "second"))
            assert pair["lead"] == pytest.approx(one - two, abs=1e-12)


def test_the_same_run_twice_has_a_lead_of_exactly_nothing():
    one = runs()[0]
    found = selfsup.compare([one, one], digits(), draws=2, **QUIET)
    assert found.verdict["kind"] == "undecided"
    twice = [row for row in found.rows("compare_leads") if row["second"].startswith("linear")]
    assert twice
    assert all((row["lead"], row["lead_error"], row["clear"]) == (0.0, 0.0, False) for row in twice)


def probed(accuracies, baselines, tested=50):
    """An evaluation that holds the accuracy of a run and of the baselines, at two numbers of labels."""
    own = [("model", "code", 16, accuracies), *((name, "", 64, two) for name, two in baselines.items())]
    rows = [
        {"encoder": name, "layer": layer, "width": width, "labels_per_class": count, "labels": labels, "accuracy": accuracy,
         "sd": sd, "draws": draws, "tested": tested, "validation": None}
        for name, layer, width, pair in own
        for accuracy, (count, labels, sd, draws) in zip(pair, ((5, 20, 0.03, 3), ("all", 200, 0.0, 1)), strict=True)
    ]  # fmt: skip
    shape = {"rank": 3.0, "width": 16, "spread": 1.0}
    return Evaluation(health=shape, tables=[Table.of("probe", rows)])


def test_without_data_what_the_evaluations_hold_is_compared():
    others = {"raw input": (0.6, 0.8), "PCA": (0.5, 0.7)}
    one, two = runs()[:2]
    one.evaluation, two.evaluation = probed((0.9, 0.96), others), probed((0.4, 0.5), others)
    found = selfsup.compare([one, two])
    assert "50 rows held out by seed 0" in found.notes[0]
    assert any("paired" in note for note in found.notes)
    assert found.verdict["kind"] == "better"
    assert "linear (1) is better than linear (2) (by 48.0 ± " in found.verdict["sentence"]
    assert [row["encoder"] for row in found.rows("compare") if row["count"] == "all"] == [
        "linear (1)", "linear (2)", "raw input", "PCA"
    ]  # fmt: skip
    leads_ = {(row["second"], row["count"]): row for row in found.rows("compare_leads") if row["first"] == "linear (1)"}
    assert leads_["linear (2)", "all"]["lead"] == pytest.approx(0.46)
    variance = (0.96 * 0.04 + 0.5 * 0.5) / 50  # as of rows of their own: no guess of a row is kept
    assert leads_["linear (2)", "all"]["lead_error"] == pytest.approx(math.sqrt(variance))
    few = (0.9 * 0.1 + 0.4 * 0.6) / 50 + 2 * 0.03**2 / 3  # and of three draws
    assert leads_["linear (2)", 5]["lead_error"] == pytest.approx(math.sqrt(few))
    two.evaluation = probed((0.4, 0.5), others, tested=40)
    with pytest.raises(RunError, match="other numbers of labels or test rows"):
        selfsup.compare([one, two])
    two.evaluation = Evaluation(health=one.evaluation.health)
    with pytest.raises(RunError, match=r"linear \(1\) was evaluated by linear probe and linear \(2\) was not"):
        selfsup.compare([one, two])
    one.evaluation = two.evaluation = None
    with pytest.raises(RunError, match="were not evaluated"):
        selfsup.compare([one, two])


def test_other_splits_are_refused_and_what_differs_is_named():
    x, y = digits()
    one, other = runs()[0], fit((x, y), seed=1)
    with pytest.raises(RunError, match=r"differ in the seed \(linear \(1\): 0, linear \(2\): 1\).*give data"):
        selfsup.compare([one, other])
    with pytest.raises(RunError, match=r"linear \(1\) 50 by seed 0 and linear \(2\) 50 by seed 1.*same seed"):
        selfsup.compare([one, other], (x, y), **QUIET)
    with pytest.raises(RunError, match="differ in the data and they differ in the held-out rows"):
        selfsup.compare([one, fit((x[:200], y[:200]))])
    fresh = tuple(part[600:800] for part in load_digits(return_X_y=True))
    found = selfsup.compare([one, other], (fresh[0].astype(np.float32) / 16, fresh[1]), draws=2, **QUIET)
    assert found.verdict["sentence"].startswith("On 40 rows of the data given")


def test_runs_that_saw_all_rows_say_so():
    x, y = digits()
    all_seen = [fit((x, y), n_components=n, holdout=None) for n in (3, 20)]
    found = selfsup.compare(all_seen, (x, y), draws=2, **QUIET)
    assert any("learnt from, without labels" in note for note in found.notes)
    with pytest.raises(RunError, match=r"linear \(1\) none and linear \(2\) 50 by seed 0"):
        selfsup.compare([all_seen[0], runs()[0]], (x, y), **QUIET)


def test_without_labels_nothing_is_better_and_losses_stand_where_the_task_is_the_same():
    x, _ = digits()
    longer, shorter = (fit(x, "undercomplete", epochs=n, start="random", evaluate=True) for n in (3, 1))
    other = fit(x, evaluate=True)
    for found in (selfsup.compare([longer, shorter, other], x, **QUIET), selfsup.compare([longer, shorter, other])):
        assert found.verdict["kind"] == "undecided"
        assert "only labels tell" in found.verdict["sentence"]
        (rows,) = [table.rows for table in found.tables]
        assert [row["loss"] is None for row in rows] == [False, False, True]
        assert all(row["rank"] >= 1 for row in rows)
        assert rows[0]["loss"] < rows[1]["loss"]
        assert "without labels" in str(found)


def test_numbers_as_labels_are_read_by_ridge_regression():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(300, 6)).astype(np.float32)
    y = x[:, 0] * 2 + rng.normal(size=300) * 0.1
    wide, narrow = (fit((x, y), n_components=n) for n in (6, 1))
    found = selfsup.compare([wide, narrow], (x, y), draws=2, **QUIET)
    rows = found.rows("compare")
    assert {row["by"] for row in rows} == {"ridge regression"}
    assert rows[0]["count"] == 10
    assert next(row for row in rows if row["count"] == "all")["r2"] > 0.9
    assert found.verdict["kind"] == "better"
    assert "of R2" in found.verdict["sentence"]
    assert "linear (1)" in str(found)


def test_two_sizes_of_the_same_photos(tmp_path):
    rng = np.random.default_rng(0)
    for number in range(60):
        folder = tmp_path / "photos" / ("dark" if number % 2 else "light")
        folder.mkdir(parents=True, exist_ok=True)
        pixels = rng.integers(0, 120, (24, 24, 3)) + (0 if number % 2 else 130)
        Image.fromarray(pixels.astype(np.uint8)).save(folder / f"{number}.png")
    photos = str(tmp_path / "photos")
    small, large = (fit(photos, n_components=4, size=side) for side in (8, 16))
    found = selfsup.compare([small, large], photos, draws=2, **QUIET)
    assert found.verdict["sentence"].startswith("On the 12 rows that were held out")
    assert any("as linear (2) reads them" in note for note in found.notes)


def test_photos_are_known_again_by_the_model_that_learnt_from_them(tmp_path):
    (tmp_path / "p").mkdir()
    for number in range(12):
        pixels = np.random.default_rng(number).integers(0, 255, (16, 16, 3)).astype(np.uint8)
        Image.fromarray(pixels).save(tmp_path / "p" / f"{number}.png")
    for side in (None, 8):
        first = open_data(str(tmp_path / "p"), size=side, progress=False)
        assert open_data(str(tmp_path / "p"), like=first.form, progress=False).fingerprint == first.fingerprint


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (lambda: [runs()[0]], "2 to 20 runs; got 1"),
        (lambda: runs()[0], "a list of runs"),
        (lambda: "runs/a", "a list of runs"),
        (lambda: [runs()[0]] * 21, "got 21"),
    ],
)
def test_what_is_no_list_of_runs_is_refused(given, said):
    with pytest.raises(OptionError, match=said):
        selfsup.compare(given())


def test_runs_of_different_kinds_and_word_vectors_are_refused():
    images = fit(digits()[0].reshape(-1, 8, 8)[:100])
    with pytest.raises(RunError, match=r"different kinds.*linear \(1\) from tables and linear \(2\) from images"):
        selfsup.compare([runs()[0], images])
    vectors = selfsup.fit(["sea ship wave town street house"] * 40, method="skipgram", min_count=1, dim=4, epochs=1, threads=1,
                          sample=0, progress=False)  # fmt: skip
    with pytest.raises(RunError, match="words evaluate"):
        selfsup.compare([vectors, vectors])


def test_bad_data_are_one_sentence():
    x, y = digits()
    both = runs()[:2]
    with pytest.raises(DataError, match="at least 2 classes"):
        selfsup.compare(both, (x[:50], np.zeros(50, int)), **QUIET)
    with pytest.raises(DataError, match="at least 4 rows"):
        selfsup.compare(both, (x[:3], y[:3]), **QUIET)
    with pytest.raises(DataError, match="labels"):
        selfsup.compare(both, x, labels=y[:5], **QUIET)
    with pytest.raises(DataError, match="no label of the test rows"):
        selfsup.compare(both, (x[:40], np.arange(40)), labels_are="classes", **QUIET)
    with pytest.raises(OptionError, match="option 'labels' is of data"):
        selfsup.compare(both, labels=y)

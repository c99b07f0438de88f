"""Which classes are taken for which, and the hardest samples: what is counted, what is kept with a run, what its page shows."""

from __future__ import annotations

import json

import numpy as np
import pytest

import selfsup
from selfsup import store
from selfsup.cli import main as cli
from selfsup.measures.run import Evidence, Features, run
from selfsup.measures.samples import compare, confusion, probe
from selfsup.report import card, page
from selfsup.report.run import Run
from selfsup.report.sections import confusion as section
from test_report_runs import EVIL, Reader, config, evaluation, history, write

RNG = np.random.default_rng(0)


def codes(n=240, classes=3, apart=1.5):
    labels = RNG.integers(0, classes, n)
    centres = np.random.default_rng(3).normal(size=(classes, 5))
    return (apart * centres[labels] + RNG.normal(size=(n, 5))).astype(np.float32), labels


def evidence(apart=1.5, **more):
    x, y = codes(apart=apart)
    other = np.random.default_rng(1).normal(size=x.shape).astype(np.float32)
    features = {("model", "code"): Features(x[:160], x[160:]), ("PCA", ""): Features(other[:160], other[160:])}
    return Evidence(features, y[:160], y[160:], classes=("ant", "bee", "cat"), named=lambda place: f"p{place}", **more)


def test_guesses_are_those_that_the_probe_was_scored_by():
    given = evidence(kept={})
    table, found, _ = run(given, ["probe", "confusion", "hardest"])
    right = sum(row["count"] for row in found.rows if row["truth"] == row["guess"])
    (scored,) = [row for row in table.rows if row["encoder"] == "model" and row["labels_per_class"] == "all"]
    assert right / 80 == pytest.approx(scored["accuracy"])
    assert sum(row["count"] for row in found.rows) == 80
    sizes = {row["truth"]: row["of"] for row in found.rows}
    assert sizes == {
        name: int((given.y_test == place).sum()) for place, name in enumerate(given.classes) if name in sizes
    }


def test_nothing_is_fitted_for_them(monkeypatch):
    fits = []
    fitted = probe.fitted
    monkeypatch.setattr(probe, "fitted", lambda *args: (fits.append(1), fitted(*args))[1])
    run(evidence(kept={}), ["probe"])
    alone = len(fits)
    run(evidence(kept={}), ["probe", "confusion", "hardest"])
    assert len(fits) == 2 * alone > 0
    run(evidence(kept=None), ["hardest"])  # alone it takes the probe once
    assert len(fits) == 3 * alone


def test_the_hardest_are_the_most_certain_of_the_wrong_ones():
    given = evidence(apart=0.5, kept={})
    (found,) = run(given, ["hardest"])
    chances = [row["chance"] for row in found.rows]
    assert len(chances) == 12
    assert chances == sorted(chances, reverse=True)
    assert all(1 / 3 <= chance <= 1 for chance in chances)
    assert all(row["truth"] != row["guess"] for row in found.rows)
    places = given.kept["hardest"]
    assert [row["sample"] for row in found.rows] == [f"p{place}" for place in places]
    assert [row["truth"] for row in found.rows] == [given.classes[given.y_test[place]] for place in places]
    assert {name for row in found.rows for name, _ in row["beside"]} == {"PCA"}


def test_of_many_classes_the_most_confused_pairs_are_kept():
    truth = np.repeat(np.arange(30), 40)
    guess = np.where(np.arange(len(truth)) % 40 < truth, (truth + 1) % 30, truth)
    rows = confusion.counted(truth, guess).rows
    assert len(rows) == 29
    assert rows[0] == {"truth": "29", "guess": "0", "count": 29, "of": 40}
    assert [row["count"] for row in rows] == sorted((row["count"] for row in rows), reverse=True)
    assert confusion.counted(truth, truth).rows == []
    assert confusion.counted(np.array([0, -1]), np.array([0, 0]), ["a"]).rows[0]["truth"] == "another class"


def test_knn_keeps_no_chances_and_a_class_without_training_labels_is_no_guess():
    x, y = codes()
    kept: dict = {}
    compare.scored({("model", "code"): Features(x, x)}, y, y + 7, probe.judge, kept=kept)
    assert set(kept["model", "code"].classes) <= {0, 1, 2}
    assert kept["model", "code"].chances().shape == (240,)


def told(*pairs):
    return [dict(zip(("truth", "guess", "count", "of"), pair, strict=True)) for pair in pairs]


def shown(tmp_path, rows, **arrays):
    tables = {**evaluation()["tables"], **rows}
    own = {**evaluation(), "tables": tables}
    return page(write(tmp_path / "run", config(), history(), own, arrays))


def test_a_real_table_with_the_counts_and_the_worst_pairs_beside_it(tmp_path):
    rows = told(("a", "a", 8, 10), ("a", EVIL, 2, 10), (EVIL, EVIL, 5, 5))
    html = shown(tmp_path, {"confusion": rows})
    seen = Reader(html)
    assert "Of 15 rows tested, 13 (86.7 %) are guessed right" in seen.words
    assert f"a {EVIL} 2 of 10 (20 %)" in seen.words
    assert "<script" not in html
    assert "onerror=alert(1)>" not in html.replace("onerror=alert(1)&gt;", "")
    cells = [attrs for tag, attrs in seen.elements if tag == "td" and "--heat" in attrs.get("style", "")]
    assert [cell["class"] for cell in cells] == ["same", "other", "same"]
    assert [attrs for tag, attrs in seen.elements if tag == "th" and attrs.get("scope") == "row"]


def test_of_many_classes_there_are_pairs_and_no_table(tmp_path):
    rows = told(*((f"class {n}", f"class {n + 1}", 3, 9) for n in range(30)))
    seen = Reader(shown(tmp_path, {"confusion": rows}))
    assert "class 29 class 30 3 of 9 (33 %)" in seen.words
    assert "rows tested," not in seen.words
    assert not [attrs for tag, attrs in seen.elements if tag == "table" and attrs.get("class") == "heat"]


@pytest.mark.parametrize(
    "rows", [[{"truth": 1}], [{"truth": "a", "guess": "b", "count": "x", "of": None}], [{}], ["a"]]
)
def test_rows_that_are_none_are_left_out(tmp_path, rows):
    assert "taken for which" not in shown(tmp_path, {"confusion": rows})


def test_the_card_names_the_most_confused_pairs():
    own = {**evaluation(), "tables": {"confusion": told(("a", "b|", 2, 10))}}
    assert "| a | b\\| | 2 of 10 (20 %) |" in card(config(), own, history())
    assert section.markdown(Run({}, [], {})) is None


def test_hard_samples_have_their_pictures(tmp_path):
    row = {"sample": EVIL, "truth": "3", "guess": EVIL, "chance": 0.97, "beside": [["raw input", "3"], ["PCA", EVIL]]}
    pictures = RNG.integers(0, 255, (2, 1, 8, 8)).astype(np.uint8)
    html = shown(tmp_path, {"hardest": [row, row]}, hardest=pictures)
    seen = Reader(html)
    part = html[html.index("The hardest samples") :].partition("</section>")[0]
    assert part.count("<img") == 2
    assert part.count("✓") == 2  # raw input is right
    assert part.count("✗") == 2
    assert "(97 %)" in seen.words
    assert "<script" not in html


@pytest.mark.parametrize(
    "array",
    [np.zeros((1, 1, 8, 8), np.uint8), np.zeros((2, 4, 8, 8), np.uint8), np.zeros((2, 3), np.int64), np.zeros(2)],
)
def test_pictures_that_do_not_fit_are_left_out(tmp_path, array):
    rows = [{"sample": "x", "truth": "3", "guess": "4", "chance": None, "beside": "raw"}] * 2
    html = shown(tmp_path, {"hardest": rows}, hardest=array)
    assert "<img" not in html[html.index("The hardest samples") :].partition("</section>")[0]


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hard")
    rng = np.random.default_rng(0)
    kind = rng.integers(0, 3, 150)
    lines = ["age,colour,kind"]
    for k in kind.tolist():
        colour = ["red", "green", "<b>blue</b>"][(k + rng.integers(0, 2)) % 3]
        lines.append(f"{20 + 5 * k + 6 * rng.normal():.2f},{colour},{'abc'[k]}")
    (folder / "t.csv").write_text("\n".join(lines) + "\n")
    how = {"method": "linear", "n_components": 2, "label_column": "kind", "holdout": 0.3, "progress": False}
    selfsup.fit(str(folder / "t.csv"), out=str(folder / "run"), **how)
    return folder


def test_a_run_keeps_them_and_shows_values_by_the_names_of_columns(table):
    saved = json.loads((table / "run" / store.EVALUATION).read_text())
    rows = saved["tables"]["hardest"]
    assert saved["tables"]["confusion"]
    assert rows
    assert rows[0]["sample"].startswith("row ")
    arrays = store.read_arrays(table / "run", store.PICTURES)
    assert arrays["hardest"].shape == (len(rows), 4)
    html = (table / "run" / store.REPORT).read_text()
    part = Reader(html[html.index("The hardest samples") :].partition("</section>")[0]).words
    assert " age " in part
    assert "<b>blue</b>" in part or "green" in part or "red" in part
    assert "<b>blue" not in html
    (first,) = [float(line.split(",")[0]) for line in [(table / "t.csv").read_text().splitlines()[1:][_row(rows[0])]]]
    assert arrays["hardest"][0][0] == pytest.approx(first)


def _row(row):
    return int(row["sample"].removeprefix("row ").replace(",", ""))


def test_an_evaluation_of_the_same_data_takes_its_place(table, capsys, monkeypatch):
    monkeypatch.chdir(table)
    words = ["evaluate", "run", "--data", "t.csv", "--no-progress"]
    before = (table / "run" / store.EVALUATION).read_bytes()
    assert cli.main([*words]) == 0  # without its labels it has less to say
    assert "kept in" not in capsys.readouterr().out
    assert (table / "run" / store.EVALUATION).read_bytes() == before
    assert cli.main([*words, "--label-column", "kind", "--seed", "3"]) == 0
    out = capsys.readouterr().out
    assert "most often confused" in out
    assert "hardest samples" in out
    assert out.endswith("kept in run: see its report.html\n")
    assert (table / "run" / store.EVALUATION).read_bytes() != before
    rows = json.loads((table / "run" / store.EVALUATION).read_text())["tables"]["hardest"]
    assert len(store.read_arrays(table / "run", store.PICTURES)["hardest"]) == len(rows)
    assert cli.main(["verify", "run"]) == 0
    assert selfsup.load("run").evaluation.rows("hardest") == rows

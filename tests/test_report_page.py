"""The HTML report: what it says and what it leaves out."""

from __future__ import annotations

import numpy as np
import pytest

from selfsup import store
from selfsup.errors import RunError
from selfsup.report import page
from test_report_runs import Reader, cloud, config, evaluation, history, rotation_arrays, rotation_report, write


@pytest.fixture(scope="module")
def rotation(tmp_path_factory):
    return rotation_report(tmp_path_factory.mktemp("runs") / "rotation")


def test_says_the_verdict_as_a_word_and_a_sentence(rotation):
    assert "learning" in rotation.words
    assert "Block 2 beats PCA" in rotation.words
    assert ("header", {"class": "verdict good"}) in rotation.elements


@pytest.mark.parametrize(
    ("kind", "tone"),
    [
        ("learning", "good"),
        ("not learning", "bad"),
        ("not_learning", "bad"),
        ("collapsed", "bad"),
        ("no better than PCA", "warn"),
        ("no-better-than-pca", "warn"),
        ("something new", "plain"),
    ],
)
def test_colours_the_verdict_by_its_kind(tmp_path, kind, tone):
    seen = Reader(page(write(tmp_path / "run", config(), history(), evaluation(kind))))
    assert ("header", {"class": f"verdict {tone}"}) in seen.elements


def test_shows_facts_tables_health_and_settings(rotation):
    for word in (
        "93,188",
        "1 min 23 s, 12 epochs",
        "2 cores of a CPU",
        "1,437 × grey images of 8 × 8",
        "a3f1c2d4e5b60718",
    ):
        assert word in rotation.words
    for word in ("random init, block2", "PCA", "raw input", "5 a class", "50 labels", "70.0 ± 2.0", "chosen layer"):
        assert word in rotation.words
    for word in (
        "21.3 of 64",
        "4.7 %",
        "Surprise",
        "Shuffle gap, before training",
        "The test part is small",
        "torch",
        "2.9.0",
    ):
        assert word in rotation.words


def test_bold_is_the_best_of_its_column(tmp_path):
    html = page(write(tmp_path / "run", config(), history(), evaluation()))
    assert "<strong>70.0 ± 2.0</strong>" in html
    assert "<strong>62.0 ± 2.0</strong>" not in html


def test_marks_right_and_wrong_guesses(rotation):
    cells = [attrs["class"] for tag, attrs in rotation.elements if tag == "span" and "choice" in attrs.get("class", "")]
    arrays = rotation_arrays()
    right = int((arrays["guess"].argmax(-1) == arrays["answer"]).sum())
    assert cells.count("choice right") == right
    assert cells.count("choice wrong") == 32 - right > 0
    assert f"Of the 32 guesses shown, {right} are right; blind guessing gets about 8.0 right" in rotation.words


def test_charts_are_valid_plotly_and_hold_the_numbers(rotation):
    import plotly.graph_objects as go

    figures = rotation.figures()
    assert set(figures) == {"accuracy", "losses", "gaps", "map"}
    for figure in figures.values():
        go.Figure(figure)
    accuracy = {trace["name"]: trace for trace in figures["accuracy"]["data"]}
    assert set(accuracy) == {"model, block2", "random init", "PCA", "raw input"}
    assert accuracy["model, block2"]["x"] == [1, 5, 20, 100, 143.7]
    assert accuracy["model, block2"]["y"][0] == 70
    losses = {trace["name"]: trace["x"] for trace in figures["losses"]["data"]}
    assert losses["held-out loss"][0] == 0  # before training
    assert losses["training loss"][0] == 1
    assert sum(len(trace["x"]) for trace in figures["map"]["data"]) == 600
    ids = {attrs.get("id") for _, attrs in rotation.elements}
    assert {f"chart-{name}" for name in figures} <= ids


def test_several_terms_get_a_curve_each(tmp_path):
    run = write(tmp_path / "run", config(), history(terms=("fit", "<b>")))
    names = [trace["name"] for trace in Reader(page(run)).figures()["losses"]["data"]]
    assert names == ["training loss", "held-out loss", "term: fit", "term: &lt;b&gt;"]


def test_without_labels_map_and_pictures(tmp_path):
    bare = {**evaluation(), "probe": [], "knn": []}
    plain = config("linear", data={"source": "table.csv", "rows": 90, "classes": None})
    seen = Reader(page(write(tmp_path / "run", plain, history(1), bare)))
    assert "The data had no labels" in seen.words
    assert set(seen.figures()) == {"losses", "gaps"}
    assert "what it guessed" not in seen.words
    assert "Map of the codes" not in seen.words


def test_map_without_labels(tmp_path):
    points, _ = cloud()
    points[0] = np.nan
    seen = Reader(page(write(tmp_path / "run", config(), history(), None, {"map": points})))
    (trace,) = seen.figures()["map"]["data"]
    assert len(trace["x"]) == 599
    assert "not been evaluated" in seen.words


def test_map_of_very_many_classes_and_points(tmp_path):
    arrays = {"map": np.random.default_rng(0).normal(size=(5000, 2)), "map_labels": np.arange(5000) % 70}
    (trace,) = Reader(page(write(tmp_path / "run", config(), history(), evaluation(), arrays))).figures()["map"]["data"]
    assert len(trace["x"]) == len(trace["text"]) == 4000


def test_long_names_of_classes_are_cut_before_they_are_escaped(tmp_path):
    arrays = {"map": np.zeros((2, 2), np.float32), "map_labels": np.array([0, 1])}
    named = config(data={"classes": ["<" * 50, "b"]})
    data = Reader(page(write(tmp_path / "run", named, history(), evaluation(), arrays))).figures()["map"]["data"]
    assert [trace["name"] for trace in data] == ["&lt;" * 40 + "…", "b"]


def test_commands_name_the_finished_run(tmp_path):
    folder = write(tmp_path / "my run.partial", config("mine.py:Mine"), history())
    words = Reader(page(folder)).words
    assert f"selfsup encode '{tmp_path}/my run' DATA --out z.npy --method mine.py:Mine" in words
    assert ".partial" not in words


def test_skipped_files_are_told(tmp_path):
    folder = write(tmp_path / "run", config(), history())
    store.write_json(folder / store.BAD, [{"name": "a.png", "reason": "broken"}, {"name": "b.png", "reason": "empty"}])
    assert "2; bad_files.json says which and why" in Reader(page(folder)).words


def test_no_folder_and_no_settings(tmp_path):
    with pytest.raises(RunError, match="no run folder"):
        page(tmp_path / "none")
    folder = write(tmp_path / "run", [1], history())
    with pytest.raises(RunError, match="holds no settings"):
        page(folder)

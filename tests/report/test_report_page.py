"""The HTML report: what it says and what it leaves out."""

from __future__ import annotations

import numpy as np
import pytest

from selfsup import store
from selfsup.errors import OptionError, RunError
from selfsup.report import card, page
from test_report_runs import EVIL, Reader, cloud, config, evaluation, history, rotation_arrays, rotation_report, write


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


def test_charts_tell_their_numbers_to_those_who_cannot_see_them(rotation):
    accuracy = rotation.chart("Accuracy")
    for name in ("model, block2: 70 to 94", "random init: ", "PCA: ", "raw input: "):
        assert name in accuracy
    assert "training loss: 1.08 to 0.28" in rotation.chart("Loss")
    assert "held-out loss: 1.46 to 0.33" in rotation.chart("Loss")
    assert rotation.charts[rotation.chart("The codes of a few samples")].count("use") == 600
    labels = [attrs["viewbox"] for tag, attrs in rotation.elements if tag == "svg" and attrs["class"] == "plot"]
    assert len(labels) == 4
    for title in ("labels a class (log scale)", "epoch (0: before training)", "Shuffle gap on held-out samples"):
        assert title in rotation.words


def test_a_page_is_small_and_the_same_each_time(tmp_path):
    arrays = rotation_arrays()
    bare = {name: arrays[name] for name in ("map_codes", "map_labels")}
    run = write(tmp_path / "run", config(), history(60), evaluation(), bare)
    assert page(run) == page(run)
    assert len(page(run).encode()) < 200_000
    assert "plotly" not in page(run)


def test_charts_have_the_colours_of_the_page_and_no_name_twice(rotation):
    drawn = [attrs for tag, attrs in rotation.elements if tag in ("path", "use", "g", "text") and "style" in attrs]
    assert any("var(--c0)" in attrs["style"] for attrs in drawn)
    assert any("var(--ink)" in attrs["style"] for attrs in drawn)
    assert not any("#" in attrs["style"] or "font-family" in attrs["style"] for attrs in drawn)
    names = [attrs["id"] for _, attrs in rotation.elements if "id" in attrs]
    assert len(names) == len(set(names)) > 4
    asked = {attrs["href"][1:] for tag, attrs in rotation.elements if tag == "use"}
    asked |= {attrs["clip-path"][5:-1] for _, attrs in rotation.elements if "clip-path" in attrs}
    assert asked == set(names)


def test_a_users_own_matplotlib_settings_have_no_part(tmp_path, monkeypatch):
    import matplotlib

    run = write(tmp_path / "run", config(), history(), evaluation())
    before = page(run)
    monkeypatch.setitem(matplotlib.rcParams, "axes.grid", False)
    monkeypatch.setitem(matplotlib.rcParams, "font.size", 30)
    assert page(run) == before
    assert matplotlib.rcParams["font.size"] == 30


def test_a_logarithmic_axis_has_numbers(tmp_path):
    records = [{"epoch": place, "heldout": 10.0 ** (2 - place)} for place in range(5)]
    words = Reader(page(write(tmp_path / "run", config(), records))).words
    for number in ("0.01", "0.1", "10", "100"):
        assert f" {number} " in words
    assert "mathdefault" not in words


def test_several_terms_get_a_curve_each(tmp_path):
    run = write(tmp_path / "run", config(), history(terms=("fit", "<b>", "$x$", "_hidden")))
    seen = Reader(page(run))
    for name in ("training loss", "held-out loss", "term: fit", "term: <b>", "term: $x$", "term: _hidden"):
        assert f"{name}: " in seen.chart("Loss")
        assert name in seen.words


def test_without_labels_map_and_pictures(tmp_path):
    bare = {**evaluation(), "tables": {}}
    plain = config("linear", data={"source": "table.csv", "rows": 90, "classes": None})
    seen = Reader(page(write(tmp_path / "run", plain, history(1), bare)))
    assert "The data had no labels" in seen.words
    assert len(seen.charts) == 2
    assert "what it guessed" not in seen.words
    assert "Map of the codes" not in seen.words


def test_map_without_labels(tmp_path):
    codes, _ = cloud()
    codes[0] = np.nan
    seen = Reader(page(write(tmp_path / "run", config(), history(), None, {"map_codes": codes})))
    assert seen.charts[seen.chart("The codes of a few samples")].count("use") == 599
    assert "not been evaluated" in seen.words


def test_map_of_very_many_classes_and_points(tmp_path):
    arrays = {"map_codes": np.random.default_rng(0).normal(size=(3000, 3)), "map_labels": np.arange(3000) % 70}
    seen = Reader(page(write(tmp_path / "run", config(), history(), evaluation(), arrays)))
    assert seen.charts[seen.chart("The codes of a few samples")].count("use") == 1000
    assert "class 69" in seen.words, "in the tip of its points"
    assert ("ul", {"class": "legend"}) not in seen.elements


@pytest.mark.parametrize(
    "arrays",
    [
        {"map_codes": np.zeros(5, np.float32)},
        {"map_codes": np.zeros((5, 2), np.int64)},
        {"map_codes": np.full((5, 2), np.nan)},
        {"map_codes": np.zeros((0, 2))},
        {"map_labels": np.zeros(5, np.int64)},
    ],
)
def test_codes_that_are_no_map_are_left_out(tmp_path, arrays):
    assert "Map of the codes" not in page(write(tmp_path / "run", config(), history(), evaluation(), arrays))


def test_long_names_of_classes_are_cut(tmp_path):
    arrays = {"map_codes": np.zeros((2, 2), np.float32), "map_labels": np.array([0, 1])}
    named = config(data={"classes": ["<" * 50, "b"]})
    html = page(write(tmp_path / "run", named, history(), evaluation(), arrays))
    legend = html.split('<ul class="legend">')[1].split("</ul>")[0]
    assert "&lt;" * 39 + "…" in legend
    assert legend.count("<li>") == 2


def test_the_numbers_behind_the_verdict_have_names(tmp_path):
    because = {
        "gap_sd": 0.00546565,
        "gap_share": 0.83,
        "lead_PCA": 0.08,
        "noise_random_init": 0.011,
        "knn_lead_PCA": 0.5,
    }
    fair = evaluation()
    fair["verdict"] |= {"because": because}
    words = Reader(page(write(tmp_path / "run", config(), history(), fair))).words
    for said in (
        "Shuffle gap, deviation 0.00547", "Gap, beside the largest of", "over samples 83.0 %", "Lead over PCA 8.0 %",
        "Standard error of the lead over random init 1.1 %", "Lead over PCA, nearest neighbours 50.0 %",
    ):  # fmt: skip
        assert said in words, said


def test_a_table_that_no_section_knows_has_a_plain_one(tmp_path):
    fair = evaluation()
    fair["tables"]["my_bias"] = [{"group": EVIL, "gap": 0.25, "n": 1000}, {"group": "b", "gap": None}]
    seen = Reader(page(write(tmp_path / "run", config(), history(), fair)))
    assert "My bias" in seen.words
    assert f"{EVIL} 0.25 1,000" in seen.words
    text = card(config(), fair, history())
    assert "| b | – | – |" in text
    assert "<img" not in text


class Own:
    """A section of a user's own."""

    TABLES = ("my_bias",)

    def html(self, run):
        return f"<b>{len(run.tables['my_bias'])}</b>"

    def markdown(self, run):
        return f"## Mine\n\n{run.method}"


def test_a_section_of_a_users_own(tmp_path):
    fair = evaluation()
    fair["tables"]["my_bias"] = [{"group": "a"}]
    run = write(tmp_path / "run", config(), history(), fair)
    html = page(run, sections=[Own()])
    assert "&lt;b&gt;1&lt;/b&gt;" in html, "a plain string is text"
    assert "Measured besides" not in html
    assert "## Mine\n\nrotation" in card(config(), fair, history(), sections=[Own()])
    file = tmp_path / "mine.py"
    file.write_text("class mine:\n    html = staticmethod(lambda run: 'of ' + run.method)\n")
    assert "of rotation" in page(run, sections=[f"{file}:mine"])
    with pytest.raises(OptionError, match="has neither"):
        page(run, sections=[3])


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
    folder = write(tmp_path / "run", config(), history())
    (folder / store.CONFIG).write_text("[1]")
    with pytest.raises(RunError, match="is not a configuration of selfsup"):
        page(folder)

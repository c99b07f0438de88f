"""What the page says of evidence: errors on every row, the model's leads, boosting, several labels, folded numbers."""

from __future__ import annotations

import math
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from selfsup.cli.main import main
from selfsup.measures.evaluation import Evaluation
from selfsup.measures.samples.efficiency import as_encoders
from selfsup.measures.verdict import KINDS, beside_pca, verdict, where_ahead
from selfsup.report import card, page, svg
from selfsup.report.sections import boosting
from selfsup.report.sections.accuracy import lead_of
from selfsup.training.evaluate import _of_training
from test_report_runs import EVIL, Reader, config, evaluation, history, rows, write


def scored(key="accuracy", model=(0.7, 0.8), other=(0.6, 0.75), counts=(5, "all"), **more):
    """Rows of a model and of PCA, with errors as a measure gives them."""
    made = []
    for encoder, scores in (("model", model), ("PCA", other)):
        for count, score in zip(counts, scores, strict=True):
            row = {"encoder": encoder, "layer": "code" if encoder == "model" else "", "width": 8, key: score}
            row |= {"labels": 100 if count == "all" else count * 10, "sd": 0.05, "draws": 1 if count == "all" else 3}
            row |= {"labels_per_class": count} if key == "accuracy" else {}
            row |= {"validation": 0.8, "error": 0.021, "tested": 200}
            row |= {} if encoder == "model" else {"lead_error": 0.02, "mean_lead_error": 0.013}
            made.append(row | more)
    return made


def said_of(tables, **more):
    said = evaluation(tables=tables, **more)
    said["verdict"]["because"] = {"layer": "code"}
    return said


def run_of(tmp_path, tables, **more):
    return write(tmp_path / "run", config(), history(), said_of(tables, **more))


def card_of(tables):
    return card(config(), said_of(tables), history())


def seen(tmp_path, tables, **more):
    return Reader(page(run_of(tmp_path, tables, **more)))


def test_every_row_has_its_error_and_each_baseline_the_models_lead(tmp_path):
    folder = run_of(tmp_path, {"probe": scored()})
    words = Reader(page(folder)).words
    for cell in (
        "70.0 ± 2.1",
        "80.0 ± 2.1",
        "60.0 ± 2.1",
        "75.0 ± 2.1",
    ):  # those of all labels, drawn once, have one too
        assert cell in words
    assert "model's lead" in words
    assert "+7.5 ± 1.3" in words  # the mean of 10 and 5 points, paired
    assert "+7.5 ± 1.3 |" in card_of({"probe": scored()})


def test_without_paired_errors_there_is_no_lead(tmp_path):
    words = seen(tmp_path, {"probe": rows()}).words
    assert "on average" not in words  # the column's head
    assert "70.0 ± 2.0" in words  # of such a run the deviation over the draws is all that is known


@pytest.mark.parametrize("bad", [None, "much", math.nan, True])
def test_a_lead_of_what_is_no_number_is_not_shown(bad):
    some = scored()
    some[-1]["mean_lead_error"] = bad
    assert lead_of(some[2:], some[:2]) == ""
    some = scored()
    some[0]["accuracy"] = bad
    assert lead_of(some[2:], some[:2]) == ""


def test_a_label_efficiency_curve_has_the_errors_of_rows_and_of_draws():
    way = {"way": "fine-tuned", "labels_per_class": 5, "accuracy": 0.7, "spread": 0.06, "draws": 4, "error": 0.04}
    found = as_encoders([way, {**way, "draws": 1}, {**way, "spread": "evil"}])
    assert [row["error"] for row in found] == [pytest.approx(math.hypot(0.04, 0.03)), 0.04, 0.04]


def boosted(lead, error, key="accuracy"):
    about = {"width": 8, key: 0.8, "error": 0.03, "labels": 100, "tested": 50, "draws": 1}
    return [
        {"encoder": "boosting", **about, "lead": None, "lead_error": None},
        {"encoder": "boosting + codes", **about, "width": 16, "lead": lead, "lead_error": error},
    ]


@pytest.mark.parametrize(
    ("lead", "said"),
    [
        (0.09, "Yes: "),
        (-0.09, "No: the codes cost"),
        (0.03, "Not clearly: "),
        (-0.00001, "changes by +0.0 ± 2.0 points"),
    ],
)
def test_boosting_is_answered_beside_its_rows(tmp_path, lead, said):
    tables = {"probe": scored(), "boosting": boosted(lead, 0.02)}
    words = seen(tmp_path, tables).words
    assert "Does it help against boosting on the columns?" in words
    assert said in words
    assert "80.0 ± 3.0" in words
    assert "Measured besides" not in words
    assert "## Boosting on the columns" in card_of(tables)


def test_boosting_of_a_strangers_run_is_escaped_and_makes_no_error(tmp_path):
    strange = [{"encoder": EVIL, "lead": EVIL, "accuracy": [1]}, {"encoder": "boosting + codes", "lead": None}]
    assert EVIL not in page(run_of(tmp_path, {"boosting": strange}))
    assert boosting.answer(strange) == ""


@pytest.mark.parametrize(
    ("table", "key", "cells"),
    [
        ("probe_numbers", "r2", ("0.700 ± 0.021", "+0.075 ± 0.013", "Ridge regression: R2", "50 labels")),
        ("probe_several", "map", ("70.0 ± 2.1", "+7.5 ± 1.3", "mean average precision in %", "50 rows")),
    ],
)
def test_labels_that_are_numbers_or_several_have_a_table_with_errors_and_leads(tmp_path, table, key, cells):
    found = seen(tmp_path, {table: scored(key)})
    for cell in cells:
        assert cell in found.words
    assert "The data had no labels" not in found.words
    assert "Measured besides" not in found.words
    assert found.chart("mAP over" if key == "map" else "R2 over")
    assert cells[0] in card_of({table: scored(key)})


def test_what_other_numbers_are_made_of_is_folded(tmp_path):
    html = page(run_of(tmp_path, {}, health={"gap": 2.0, "gap_sd": 0.1, "rank": 3.0, "surprise": 7.0}))
    shown, _, folded = html.partition("<details><summary>The other numbers</summary>")
    assert "Shuffle gap, deviation" in folded
    assert "Surprise" in shown
    assert "Shuffle gap, deviation" not in shown


def test_an_axis_of_accuracies_ends_at_a_hundred_and_near_names_stand_apart(monkeypatch):
    drawn = []
    monkeypatch.setattr(svg, "_drawn", lambda key, fill, size, title, tips: drawn.append(fill))
    line = svg.Line("model", [(1, 90.0), (100, 97.0), (120, 98.0)], error=[30.0, 1.0, 1.0])
    svg.lines("a", [line], title="", x="", y="", ticks=[(1, "1"), (100, "100"), (120, "all")], most=101.0)
    figure = svg.matplotlib.figure.Figure()
    drawn[0](figure)
    axes = figure.axes[0]
    assert axes.get_ylim()[1] == 101.0
    assert [name.get_horizontalalignment() for name in axes.get_xticklabels()] == ["center", "right", "left"]


def test_a_sentence_claims_only_what_passes_two_errors_at_that_number_of_labels():
    said = where_ahead(scored(model=(0.7, 0.78)), "code")
    assert said == (
        "the codes beat PCA with 5 labels a class (70.0 % beside 60.0), on average by 6.5 ± 1.3 points; PCA is not clearly "
        "behind with all labels (75.0 % beside 78.0)"
    )
    nowhere = where_ahead(scored(model=(0.63, 0.78)), "code")
    assert "beat PCA on average, by 3.0 ± 1.3 points, but at no number of labels clearly every baseline" in nowhere


def test_a_run_that_learnt_by_heart_may_still_be_ahead_and_says_so():
    health = dict.fromkeys(("gap_start", "gap_sd", "loss_sd"), 0.001) | {"gap": 2.0, "loss": 1.0, "loss_start": 1.4}
    health |= {"spread": 0.5, "stir": 2.0, "shuffled": 3.0, "rank": 5.0, "width": 8.0}
    health |= {"trained": 0.01, "trained_gap": 4.0, "fresh": 1.0}
    found = verdict(health, scored())
    assert found["kind"] == "memorised"
    assert "all the same the codes beat PCA" in found["sentence"]
    assert "all the same" not in verdict(health, scored(model=(0.6, 0.7)))["sentence"]


def test_without_labels_a_wide_code_and_what_pca_leaves_are_said():
    health = {"width": 5.0, "values": 5.0}
    assert "as wide as a sample (5 values beside 5)" in beside_pca(health)
    health |= {"width": 2.0, "unexplained": 0.3, "unexplained_pca": 0.25, "unexplained_lead_error": 0.02}
    assert beside_pca(health).endswith("PCA of as many components 25.0 % (a lead of -5.0 ± 2.0)")
    assert beside_pca({"width": 2.0}) == ""


def test_learning_by_heart_is_known_of_new_rows_by_the_runs_own_evaluation():
    own = {"trained": 0.1, "trained_gap": 2.0, "fresh": 1.0}
    model = SimpleNamespace(evaluation=Evaluation(health=own))
    assert _of_training(model, {"heldout": 1.7}) == own
    assert _of_training(model, {"heldout": 0.4})["fresh"] == 0.4
    assert _of_training(SimpleNamespace(evaluation=None), {"heldout": 1.0}) == {}


def test_data_in_second_place_are_answered_with_the_flag(capsys):
    assert main(["evaluate", "runs/photos", "fresh"]) != 0
    assert "did you mean '--data fresh'?" in capsys.readouterr().err


def test_the_page_of_the_verdict_explains_every_word_and_row():
    text = (Path(__file__).resolve().parents[2] / "docs" / "verdict.md").read_text()
    for word in (*KINDS, "raw input", "PCA", "random init", "boosting", "boosting + codes", "lead_error"):
        assert word in text
    assert np.char.count(text, "\n") <= 150

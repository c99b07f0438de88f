"""Planted runs of the first panel (`benchmarks/_panels.py`) get their word without labels; which words are right by the truth."""

import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
RUNS = {  # name in the first panel -> words that are right without labels
    "undercomplete digits": {"learning"},
    "sparse digits": {"learning"},
    "column curved": {"learning"},
    "linear cancer": {"learning"},
    "twins at a constant": {"collapsed"},
    "twins in one dimension, digits": {"collapsed"},
    "pressed denoising": {"collapsed"},
    "copied column": {"leaky"},
    "label in a column": {"leaky"},
    "square copied": {"leaky"},
    "rotation lit from above": {"shortcut"},
    "denoising at no rate": {"not learning"},
    "columns that say nothing": {"not learning"},
}
TEXTS = {"skipgram": "undecided", "skipgram at no rate": "not learning"}


@pytest.fixture(scope="module")
def benchmarks():
    sys.path.insert(0, str(BENCHMARKS))
    try:
        import _planted_texts
        import _truth
        import verdict_panel

        yield SimpleNamespace(panel=verdict_panel, truth=_truth, texts=_planted_texts)
    finally:
        sys.path.remove(str(BENCHMARKS))


@pytest.fixture(scope="module")
def panel(benchmarks):
    return {run.name: run for run in benchmarks.panel.runs_of("first")}


@pytest.mark.parametrize("name", RUNS)
def test_the_word_without_labels(panel, name):
    run = panel[name]
    found = run.fit(run.rows().x).evaluation.verdict
    assert found["kind"] in RUNS[name], found["sentence"]


@pytest.mark.parametrize("name", TEXTS)
def test_the_word_of_a_text(panel, name, tmp_path):
    run = panel[name]
    assert run.fit(run.rows(tmp_path / "text.txt")).evaluation.verdict["kind"] == TEXTS[name]


def test_the_panels_have_no_run_in_common(benchmarks):
    panels = [benchmarks.panel.runs_of(what) for what in ("first", "second", "third", "fourth")]
    assert min(map(len, panels)) >= 48
    assert len({run.key for runs in panels for run in runs}) == sum(map(len, panels))
    mades = [{run.rows for run in runs} for runs in panels]
    assert not mades[2] & (mades[0] | mades[1])  # no data of the third are those of another
    assert not mades[3] & (mades[0] | mades[1] | mades[2])  # nor of the fourth


def found(pca, random, error=0.004, spread=0.0, held=500, fresh=2000):
    leads = {"PCA": pca, "random init": random}
    return {"held": held, "fresh": fresh} | {
        f"{key} {name}": value
        for name, lead in leads.items()
        for key, value in (("lead", lead), ("error", error), ("spread", spread))
    }


@pytest.mark.parametrize(
    ("leads", "words"),
    [  # an evaluation on a quarter of the rows has twice the error: .008, and three of them are .024
        ((0.05, 0.05), {"learning"}),
        ((0.022, 0.05), {"learning", "undecided"}),
        ((0.015, 0.05), {"learning", "no better than PCA", "undecided"}),
        ((0.0, 0.05), {"no better than PCA", "undecided"}),
        ((-0.01, 0.05), {"no better than PCA"}),
        ((0.0, -0.05), {"no better than PCA"}),
    ],
)
def test_which_words_are_right_with_labels(benchmarks, panel, leads, words):
    assert benchmarks.truth.allowed(panel["denoising digits"], found(*leads), labelled=True) == words


def test_where_the_truth_is_unsure_only_undecided_is_right(benchmarks, panel):
    unsure = found(0.03, 0.05, spread=0.02)
    assert benchmarks.truth.allowed(panel["denoising digits"], unsure, labelled=True) == {"undecided"}


def test_words_that_belong_together(benchmarks):
    row = benchmarks.texts.in_a_row(np.array([0, 4, 5, 98]))
    assert row.tolist() == [
        [True, True, False, True],
        [True, True, True, False],
        [False, True, True, False],
        [True, False, False, True],
    ]
    assert benchmarks.texts.of_ten(np.array([9, 10, 19]))[1].tolist() == [False, True, True]

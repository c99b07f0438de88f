"""A dozen and more planted runs of the first panel in `benchmarks/_panels.py`: the word of the verdict without labels."""

import sys
from pathlib import Path

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
TEXTS = {"skipgram": "learning", "skipgram at no rate": "not learning"}


@pytest.fixture(scope="module")
def panel():
    sys.path.insert(0, str(BENCHMARKS))
    try:
        import _panels

        yield {run.name: run for run in _panels.first()}
    finally:
        sys.path.remove(str(BENCHMARKS))


@pytest.mark.parametrize("name", RUNS)
def test_the_word_without_labels(panel, name):
    run = panel[name]
    found = run.fit(run.rows().x).evaluation.verdict
    assert found["kind"] in RUNS[name], found["sentence"]


@pytest.mark.parametrize("name", TEXTS)
def test_the_word_of_a_text(panel, name, tmp_path):
    run = panel[name]
    assert run.fit(run.rows(tmp_path / "text.txt")).evaluation.verdict["kind"] == TEXTS[name]

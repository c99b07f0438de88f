"""Several runs in one page: beside each other, compared where they can be, and said where they cannot."""

from __future__ import annotations

import numpy as np
import pytest

import selfsup
from selfsup import store
from selfsup.cli import main as cli
from selfsup.errors import OptionError, RunError
from selfsup.measures.evaluation import Evaluation
from selfsup.measures.verdict import KINDS
from selfsup.report import write_several
from selfsup.report.run import Run
from selfsup.report.sections import verdict
from selfsup.report.sections.verdict import STEPS, next_step
from selfsup.report.several import curves, differences, link
from selfsup.training.several import compared
from test_report_runs import EVIL, Reader, config, evaluation, history, rotation_arrays, write

HARMLESS = {"method": "linear", "evaluate": True, "progress": False, "holdout": 0.2}


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("several")
    rng = np.random.default_rng(0)
    y = np.arange(120) % 3
    x = (rng.normal(size=(120, 5)) + np.outer(y, [0, 0, 0, 0, 2])).astype("float32")
    for n, name in ((1, "one"), (4, "four")):
        selfsup.fit((x, y), n_components=n, out=str(folder / name), **HARMLESS)
    store.write_text(made(folder, "other") / store.REPORT, "its page")
    return folder


def made(tmp_path, name, own=None, records=None, found=None):
    return write(tmp_path / name, own or config(), records or history(), found or evaluation(), rotation_arrays())


def test_one_page_of_runs_that_can_be_compared(runs, capsys, monkeypatch):
    monkeypatch.chdir(runs)
    assert cli.main(["report", "one", "four", "other", "--out", "page.html"]) == 0
    assert capsys.readouterr().out == "report in page.html\n"
    seen = Reader((runs / "page.html").read_text())
    assert "Which run is better?" in seen.words
    assert "one over four" in seen.words
    assert "Not compared, as measured on other rows: other." in seen.words
    assert "options: n components 1 4 –" in seen.words
    links = [attrs["href"] for tag, attrs in seen.elements if tag == "a"]
    assert links == ["one/report.html", "four/report.html", "other/report.html"]
    assert all((runs / address).is_file() for address in links)
    assert not [1 for tag, _ in seen.elements if tag in ("script", "link", "iframe")]
    assert all(name in seen.chart("Held-out loss") for name in ("one: ", "four: ", "other: "))
    assert all(name in seen.chart("Effective rank of the codes") for name in ("one: ", "four: "))


def test_by_default_it_lies_beside_the_runs_and_an_old_page_stays(runs, capsys):
    assert cli.main(["report", str(runs / "one"), str(runs / "four")]) == 0
    assert (runs / "report.html").is_file()
    assert cli.main(["report", str(runs / "one"), str(runs / "four")]) == 1
    assert "exists" in capsys.readouterr().err
    assert cli.main(["report", str(runs / "one"), str(runs / "four"), "--overwrite"]) == 0


def test_one_run_is_as_before(runs, capsys):
    assert cli.main(["report", str(runs / "one")]) == 0
    assert capsys.readouterr().out == f"report in {runs / 'one' / 'report.html'}\n"


@pytest.mark.parametrize(
    ("words", "said"),
    [(["one", "none"], "there is no run folder none"), (["one", "four", "--sections", "x.py:y"], "one run")],
)
def test_what_is_wrong_is_said(runs, monkeypatch, capsys, words, said):
    monkeypatch.chdir(runs)
    assert cli.main(["report", *words, "--out", "never.html"]) in (1, 2)
    assert said in capsys.readouterr().err
    assert not (runs / "never.html").exists()


def test_runs_of_other_data_are_shown_and_not_compared(runs, tmp_path):
    other = made(tmp_path, "other")
    found, notes = compared([runs / "one", other])
    assert found is None
    assert "no two of these runs were measured on the same rows" in notes[0]
    seen = Reader(write_several([runs / "one", other], tmp_path / "p.html", found, notes).read_text())
    assert "2 runs side by side" in seen.words
    assert "were not compared" in seen.words
    assert "each begins at 1 here" in seen.words
    assert "Which run is better?" not in seen.words
    assert "94.3 ± 0.5 %" in seen.words or "accuracy, all labels" in seen.words


def test_in_python_a_comparison_may_be_given(runs, tmp_path):
    folders = [runs / "one", runs / "four"]
    words = Reader(write_several(folders, tmp_path / "p.html", selfsup.compare(folders)).read_text()).words
    assert "one over four" in words
    with pytest.raises(OptionError, match="2 to 20"):
        write_several(folders[:1], tmp_path / "p.html")
    with pytest.raises(RunError, match="no run folder"):
        write_several([*folders, tmp_path / "no"], tmp_path / "q.html")
    assert not (tmp_path / "q.html").exists()


def test_strings_of_strangers_are_escaped(tmp_path):
    evil = config(EVIL, net=EVIL, options={EVIL: EVIL}, data={"description": EVIL, "classes": [EVIL]})
    judged = evaluation()
    judged["verdict"]["sentence"] = EVIL
    runs = [made(tmp_path, name, own, found=judged) for name, own in (("javascript:alert(1)", evil), ("b", config()))]
    for run in runs:
        store.write_text(run / store.REPORT, "x")
    found = Evaluation({"kind": "undecided", "sentence": EVIL, "because": {}}, {}, [], [EVIL])
    html = write_several(runs, tmp_path / "p.html", found, [EVIL]).read_text()
    seen = Reader(html)
    assert not [1 for tag, _ in seen.elements if tag in ("script", "img")]
    assert [attrs["href"] for tag, attrs in seen.elements if tag == "a"] == [
        "javascript%3Aalert%281%29/report.html",
        "b/report.html",
    ]
    assert html.count("default-src 'none'") == 1


def test_a_run_without_a_report_has_no_link(tmp_path):
    run = made(tmp_path, "bare")
    assert link(run, tmp_path) == ""
    words = write_several([run, made(tmp_path, "second")], tmp_path / "p.html").read_text()
    assert "<a " not in words


def test_damaged_and_missing_parts_do_not_matter(tmp_path):
    empty = write(tmp_path / "empty", {"method": "", "options": [1], "form": "x"}, [])
    odd = write(
        tmp_path / "odd", config(), [{"epoch": 0, "heldout": None}], {"verdict": 3, "tables": [], "health": "x"}
    )
    words = Reader(write_several([empty, odd], tmp_path / "p.html").read_text()).words
    assert "empty" in words
    assert "unknown method" in words


def test_losses_of_one_task_are_shown_as_they_are():
    same = {name: Run(config(), history(), {}) for name in "ab"}
    assert "beside that before training" not in curves(same)
    assert "a: 1.4" in curves(same)
    other = same | {"c": Run(config("denoising"), [{"epoch": 0, "heldout": -1.0}, {"epoch": 1, "heldout": -3.0}], {})}
    assert "Left out, as their loss has no such unit: c" in curves(other)
    assert curves({"a": Run(config(), [], {})}) is None


def test_settings_that_differ_are_found():
    other = config(options={"net": "auto", "hidden": 3, "block": "middle", "shift": 2}, seed=1)
    assert differences([Run(config(), [], {}), Run(other, [], {})]) == [
        ("seed", ["0", "1"]),
        ("options: hidden", ["–", "3"]),
    ]
    assert differences([Run(config(), [], {}), Run(config(), [], {})]) == []


@pytest.mark.parametrize("kind", [*KINDS, None])
def test_every_verdict_has_its_next_step(kind):
    judged = {"kind": kind, "sentence": "So it is.", "because": {"lead_PCA": 0.021, "noise_PCA": 0.004}}
    found = {"verdict": judged if kind else {}, "tables": {"probe": [{"encoder": "model"}]}}
    html = verdict.html(Run(config(), [], found))
    assert "<strong>Next:</strong> " in html
    assert ("<strong>+2.1 ± 0.4</strong>" in html) == bool(kind)
    assert next_step(Run(config(), [], found)) in STEPS.values()
    assert set(KINDS) < set(STEPS)

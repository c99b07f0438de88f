"""The verb compare."""

import json
import re

import numpy as np
import pytest

import selfsup
from selfsup.cli.main import USAGE, main
from selfsup.measures import Evaluation
from selfsup.report.run import Run
from selfsup.report.sections import compare


def run(*words):
    return main([str(word) for word in words])


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two runs of the same table with labels, and one of images."""
    root = tmp_path_factory.mktemp("compare")
    rng, y = np.random.default_rng(0), np.arange(150) % 2
    x = rng.normal(size=(150, 8)).astype(np.float32)
    x[:, :4] += 3 * x[:, 4:5]  # the first component, and nothing to do with the classes
    x[:, 5:] += 2 * y[:, None]
    lines = [",".join([*"abcdefgh", "label"])]
    lines += [",".join([*map(str, row), ["no", "yes"][kind]]) for row, kind in zip(x, y, strict=True)]
    (root / "table.csv").write_text("\n".join(lines))
    for components in (6, 1):
        selfsup.fit(root / "table.csv", method="linear", n_components=components, holdout=0.2, evaluate=False,
                    out=root / f"wide{components}", progress=False)  # fmt: skip
    selfsup.fit(
        rng.random((40, 8, 8)), method="linear", holdout=0.2, evaluate=False, out=root / "images", progress=False
    )
    return root


def test_a_table_a_page_and_a_file(folder, tmp_path, capsys):
    words = (
        "compare",
        folder / "wide6",
        folder / "wide1",
        "--data",
        folder / "table.csv",
        "--draws",
        2,
        "--no-progress",
    )
    assert run(*words, "--out", tmp_path / "c.json", "--report", tmp_path / "c.html") == 0
    said = capsys.readouterr().out
    for part in ("linear probe, %", "\nwide6 ", "\nwide1 ", "\nraw input(8)", "\nPCA(6)", "lead, linear probe"):
        assert part in said
    assert "BETTER. On the 30 rows that were held out in training" in " ".join(said.split())
    assert re.search(r"wide6 is better than wide1 \(by \d+\.\d ± \d+\.\d\s+points\)", " ".join(said.split()))
    held = json.loads((tmp_path / "c.json").read_text())
    assert set(held["tables"]) == {"compare", "compare_leads", "compare_health"}
    assert Evaluation.from_dict(held).verdict["kind"] == "better"
    page = (tmp_path / "c.html").read_text()
    for part in ("<svg", "Which run is better?", "wide6 over wide1", "Without labels", "comparison of wide6, wide1"):
        assert part in page
    assert "Measured besides" not in page
    assert run(*words, "--out", tmp_path / "c.json") == 1
    assert "overwrite" in capsys.readouterr().err


def test_json_and_nothing_else(folder, capsys):
    assert run("compare", folder / "wide6", folder / "wide6", "--data", folder / "table.csv", "--draws", 1, "--no-progress",
               "--json") == 0  # fmt: skip
    found = json.loads(capsys.readouterr().out)
    assert found["verdict"]["kind"] == "undecided"
    assert next(iter(found["verdict"]["because"].values())) == 0


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ((), 2, "missing: RUNS"),
        (("wide6",), 2, "2 to 20 runs; got 1"),
        (("wide6", "wide2"), 1, "wide2"),
        (
            ("wide6", "images"),
            1,
            "different kinds of data cannot be compared: wide6 from tables and images from images",
        ),
        (("wide6", "wide1"), 1, "were not evaluated"),
        (("wide6", "wide1", "--label-column", "label"), 2, "none were given"),
        (("wide6", "wide1", "--data", "nothing.csv"), 1, "nothing.csv"),
        (("wide6", "wide1", "--data", "table.csv", "--label-column", "lable"), 1, "label"),
        (("wide6", "wide1", "--dta", "table.csv"), 2, "--data"),
        (("wide6", "wide1", "--data", "table.csv", "--draws", "0"), 2, "draws"),
    ],
)
def test_wrong_words(folder, words, code, said, capsys, monkeypatch):
    monkeypatch.chdir(folder)
    assert run("compare", *words, *(["--no-progress"] if words else [])) == code
    assert said in capsys.readouterr().err


def test_it_is_among_the_verbs(capsys):
    assert "selfsup compare RUN RUN" in USAGE
    with pytest.raises(SystemExit):
        run("compare", "--help")
    said = capsys.readouterr().out
    for flag in ("--data", "--label-column", "--draws", "--report", "--json"):
        assert flag in said


def test_the_page_trusts_no_type_and_no_string(tmp_path):
    row = {"by": "<b>", "encoder": "<script>", "width": None, "count": ["x"], "labels": -3, "accuracy": 0.5, "error": None,
           "lead": None, "lead_error": "?"}  # fmt: skip
    odd = [row, {**row, "accuracy": "high"}, {**row, "by": 3, "labels": 10**30}, {**row, "encoder": None, "labels": 5}]
    found = {
        "compare": odd,
        "compare_leads": [{"first": 1, "lead": True, "clear": "yes"}],
        "compare_health": [{"rank": "?"}],
    }
    run_ = Run({"method": "<i>"}, [], {"tables": found, "notes": ["<u>"]})
    page = str(compare.html(run_))
    for mark in ("<script>", "<b>", "<u>"):
        assert mark not in page
    assert "&lt;script&gt;" in page
    assert "&lt;script&gt;" in compare.markdown(run_)
    assert compare.html(Run({}, [], {})) is None
    assert compare.markdown(Run({}, [], {})) is None

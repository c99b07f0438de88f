"""Several labels a sample on the command line: what --label-column and --labels-are take them for."""

import json

import numpy as np
import pandas as pd
import pytest

from selfsup.cli.main import main


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    """A table with two columns of yes and no, and the same as words in one."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(60, 3))
    y = x[:, :2] + 0.5 * rng.normal(size=(60, 2)) > 0
    words = [";".join(name for name, has in zip(("cat", "dog"), row, strict=True) if has) for row in y]
    path = tmp_path_factory.mktemp("table") / "t.csv"
    frame = pd.DataFrame(x, columns=["a", "b", "c"]).assign(
        cat=y[:, 0].astype(int), dog=y[:, 1].astype(int), tags=words
    )
    frame.to_csv(path, index=False)
    return path


FIT = ["--method", "linear", "--n-components", "2", "--columns", "a,b,c"]


def test_columns_and_cells(table, tmp_path, capsys):
    out = str(tmp_path / "run")
    assert main(["fit", str(table), *FIT, "--label-column", "cat", "--label-column", "dog", "--out", out]) == 0
    said = capsys.readouterr().out
    assert "2 labels a sample, each yes or no" in said
    assert "multi-label probe, mAP %" in said
    for place, given in enumerate((["cat,dog"], ["tags", "--labels-are", "several"])):
        file = tmp_path / f"{place}.json"
        words = ["--data", str(table), "--measures", "probe_several", "--out", str(file), "--label-column", *given]
        assert main(["evaluate", out, *words]) == 0
        found = json.loads(file.read_text())
        assert "2 labels a sample" in " ".join(found["notes"])
        assert "mean average precision" in found["verdict"]["sentence"]
        rows = found["tables"]["probe_several"]
        assert max(row["map"] for row in rows if row["encoder"] == "model") > 0.6


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["cat", "--label-column", "cow"], "unknown column 'cow'"),
        (["cat,tags"], "label column 'tags'"),
        (["cat", "--label-column", "a"], "holds labels"),
        (["tags", "--labels-are", "many"], "'several'"),
        (["cat,dog", "--labels-are", "numbers"], "numbers are in one column"),
    ],
)
def test_what_is_refused(table, tmp_path, capsys, given, said):
    assert main(["fit", str(table), *FIT, "--label-column", *given, "--out", str(tmp_path / "run")]) in (1, 2)
    assert said in capsys.readouterr().err
    assert not list(tmp_path.iterdir())

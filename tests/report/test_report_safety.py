"""The HTML report of a folder from a stranger: nothing is fetched, run or trusted."""

from __future__ import annotations

import json

import numpy as np
import pytest

from conftest import reseal
from selfsup import store
from selfsup.errors import RunError
from selfsup.report import page
from test_report_runs import EVIL, Reader, config, evaluation, history, rotation_arrays, rotation_report, write


@pytest.fixture(scope="module")
def rotation(tmp_path_factory):
    return rotation_report(tmp_path_factory.mktemp("runs") / "rotation")


def test_fetches_nothing(rotation):
    for tag, attrs in rotation.elements:
        assert tag not in ("link", "iframe", "object", "embed", "base", "a")
        assert not any(name.startswith("on") for name in attrs)
        for name in ("src", "href", "srcset", "data", "action"):
            inside = tag == "use" and name == "href" and attrs.get(name, "").startswith("#")
            assert inside or attrs.get(name, "data:").startswith("data:image/png;base64,") or name not in attrs
        for name in ("style", "fill", "stroke", "clip-path", "filter", "mask"):
            assert "url(" not in attrs.get(name, "") or attrs[name].startswith("url(#")
    (policy,) = [attrs["content"] for tag, attrs in rotation.elements if attrs.get("http-equiv")]
    assert "default-src 'none'" in policy
    assert "script-src" not in policy
    assert "'unsafe-inline'" not in policy.replace("style-src 'unsafe-inline'", "")


def test_there_is_no_script(rotation):
    assert "script" not in [tag for tag, _ in rotation.elements]


def test_strings_of_the_folder_stay_text(tmp_path):
    fair = evaluation()
    fair["verdict"] |= {"sentence": EVIL, "kind": EVIL, "because": {EVIL: EVIL}}
    fair["notes"] = [EVIL]
    fair["health"] = {EVIL: 1, "gap": EVIL}
    fair["tables"]["probe"] = [{**row, "layer": EVIL} for row in fair["tables"]["probe"]]
    fair["tables"][EVIL] = [{EVIL: EVIL}]
    bad = config(
        method=EVIL, options={EVIL: [EVIL]}, hardware=EVIL, why=EVIL, net=EVIL, created=EVIL, versions=EVIL, sees=EVIL
    )
    bad["data"] |= {"description": EVIL, "source": EVIL}
    arrays = rotation_arrays()
    arrays[f"seen.{EVIL}"] = arrays.pop("seen")
    run = write(tmp_path / "run", bad, history(terms=(EVIL, "x")), fair, arrays)
    seen = Reader(page(run))
    assert "script" not in [tag for tag, _ in seen.elements]
    assert not [attrs for tag, attrs in seen.elements if tag == "img" and not attrs["src"].startswith("data:image/png")]
    assert not [attrs for _, attrs in seen.elements if "onerror" in attrs]
    assert EVIL in seen.words
    assert EVIL in seen.chart("The codes of a few samples") or f"term: {EVIL}"[:39] in seen.chart("Loss")


@pytest.mark.parametrize(
    "name", ["$\\frac{1}{2}$", "a\x00b\x1b", "\ud800", "\uffff", "_x", "</text></svg>" + EVIL, "&lt;", "水\u202e"]
)
def test_any_name_can_stand_in_a_chart(tmp_path, name):
    named = config()
    named["data"] |= {"classes": [name, "b"]}
    arrays = {"map_codes": np.zeros((2, 2), np.float32), "map_labels": np.array([0, 1])}
    run = write(tmp_path / "run", config(), history(), evaluation(), arrays)
    (run / store.CONFIG).write_text(json.dumps(named))
    records = [record | {"terms": {name: 1.0, "b": 2.0}, "measures": {name: 0.5}} for record in history()]
    (run / store.METRICS).write_text("\n".join(map(json.dumps, records)))
    reseal(run)
    seen = Reader(page(run))
    assert {"img", "script"}.isdisjoint(tag for tag, _ in seen.elements)
    assert len([tag for tag, _ in seen.elements if tag == "svg"]) == 5


def test_losses_that_are_not_numbers_are_left_out(tmp_path):
    broken = [{"epoch": 0, "heldout": None}, {"epoch": 1, "loss": "x", "terms": None}, {"epoch": 2, "loss": 0.5}]
    seen = Reader(page(write(tmp_path / "run", config(), broken, evaluation())))
    assert seen.chart("Loss").endswith("training loss: 0.5")
    assert "Shuffle gap on held-out" not in seen.words


def test_values_of_the_wrong_type_do_not_break_it(tmp_path):
    tables = {"probe": [{"accuracy": "high"}, 4, {"accuracy": 0.5}], "knn": {}, "map": 3, "mine": [3, {"a": {"b": []}}]}
    odd = {"verdict": [], "health": 3, "tables": tables, "notes": 5}
    strange = {"method": "x", "data": "x", "form": [], "training": None, "parameters": "many", "seconds": "long"}
    seen = Reader(page(write(tmp_path / "run", strange, [], odd)))
    assert "50.0" in seen.words


@pytest.mark.parametrize("name", [store.CONFIG, store.METRICS])
def test_a_missing_file_is_a_run_error(tmp_path, name):
    folder = write(tmp_path / "run", config(), history(), evaluation())
    (folder / name).unlink()
    with pytest.raises(RunError, match=name):
        page(folder)


@pytest.mark.parametrize("name", [store.CONFIG, store.EVALUATION, store.PICTURES])
def test_a_damaged_file_is_a_run_error(tmp_path, name):
    folder = write(tmp_path / "run", config(), history(), evaluation(), rotation_arrays())
    (folder / name).write_bytes(b"{")
    with pytest.raises(RunError, match="damaged"):
        page(folder)

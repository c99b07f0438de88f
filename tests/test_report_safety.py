"""The HTML report of a folder from a stranger: nothing is fetched, run or trusted."""

from __future__ import annotations

import base64
import hashlib

import pytest

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
            assert attrs.get(name, "data:").startswith("data:image/png;base64,") or name not in attrs
    (policy,) = [attrs["content"] for tag, attrs in rotation.elements if attrs.get("http-equiv")]
    assert "default-src 'none'" in policy
    assert "'unsafe-inline'" not in policy.split("script-src")[1]


def test_the_policy_allows_just_our_scripts(rotation):
    (policy,) = [attrs["content"] for tag, attrs in rotation.elements if attrs.get("http-equiv")]
    code = [
        s for s, e in zip(rotation.scripts, (e for e in rotation.elements if e[0] == "script"), strict=True) if not e[1]
    ]
    digests = [base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in code]
    assert len(digests) == 2
    assert all(f"'sha256-{digest}'" in policy for digest in digests)
    assert policy.count("sha256-") == 2


def test_strings_of_the_folder_stay_text(tmp_path):
    fair = evaluation()
    fair["verdict"] |= {"sentence": EVIL, "kind": EVIL, "because": {EVIL: EVIL}}
    fair["notes"] = [EVIL]
    fair["health"] = {EVIL: 1, "gap": EVIL}
    fair["probe"] = [{**row, "layer": EVIL} for row in fair["probe"]]
    bad = config(
        method=EVIL, options={EVIL: [EVIL]}, hardware=EVIL, why=EVIL, net=EVIL, created=EVIL, versions=EVIL, sees=EVIL
    )
    bad["data"] |= {"description": EVIL, "source": EVIL}
    arrays = rotation_arrays()
    arrays[f"seen.{EVIL}"] = arrays.pop("seen")
    run = write(tmp_path / "run", bad, history(terms=(EVIL, "x")), fair, arrays)
    seen = Reader(page(run))
    assert [tag for tag, _ in seen.elements].count("script") == 3
    assert not [attrs for tag, attrs in seen.elements if tag == "img" and not attrs["src"].startswith("data:image/png")]
    assert not [attrs for _, attrs in seen.elements if "onerror" in attrs]
    assert EVIL in seen.words
    assert "&lt;/script&gt;&lt;img src=x onerror=alert(1)&gt;" in [
        trace["name"] for trace in seen.figures()["map"]["data"]
    ]


def test_losses_that_are_not_numbers_are_left_out(tmp_path):
    broken = [{"epoch": 0, "heldout": None}, {"epoch": 1, "loss": "x", "terms": None}, {"epoch": 2, "loss": 0.5}]
    figures = Reader(page(write(tmp_path / "run", config(), broken, evaluation()))).figures()
    assert figures["losses"]["data"][0]["y"] == [0.5]
    assert "gaps" not in figures


def test_values_of_the_wrong_type_do_not_break_it(tmp_path):
    odd = {"verdict": [], "health": 3, "probe": [{"accuracy": "high"}, 4, {"accuracy": 0.5}], "knn": {}, "notes": 5}
    strange = {"method": 3, "data": "x", "intake": [], "training": None, "parameters": "many", "seconds": "long"}
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

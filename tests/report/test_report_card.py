"""The model card: the baselines are in it, and nothing in a name breaks its Markdown or YAML."""

from __future__ import annotations

import re

import yaml

from selfsup.report import card
from selfsup.report.sections import accuracy as tables
from test_report_runs import EVIL, config, evaluation, history, rows


def head(text):
    return yaml.safe_load(text.split("---\n")[1])


def test_holds_the_evidence_beside_the_baselines():
    text = card(config(summary="Predict the turn.", hides="the turn"), evaluation(), history())
    assert head(text)["library_name"] == "selfsup"
    assert head(text)["license"] == "unknown"
    assert "rotation" in head(text)["tags"]
    assert "> **Learning.** Block 2 beats PCA" in text
    assert "| model, block2 (chosen) | 64 | **70.0 ± 2.0** |" in text
    for name in ("random init, block2", "PCA", "raw input"):
        assert f"| {name} | 64 |" in text
    for words in ("rotation: Predict the turn.", "**Hidden:** the turn", "`a3f1c2d4e5b60718`", "1 min 23 s", "2 cores"):
        assert words in text
    assert "1.46 before training, 0.338 after" in text
    assert 'selfsup.load("RUN")' in text
    assert "The test part is small" in text.split("## Limits")[1]


def test_without_evaluation_and_labels():
    assert "not been evaluated" in card(config(), None, [])
    assert "no labels were given" in card(config(), {**evaluation(), "tables": {}}, history())


def test_method_of_the_users_own_is_named_by_the_caller():
    text = card(config("mine:Mine"), None, history())
    assert 'selfsup.load("RUN", method="mine:Mine")' in text
    assert "--method mine:Mine" in text
    assert "part of the sample" in text


def test_strings_stay_text():
    evil = f"a|b\n# title `tick` {EVIL} [link](http://x)"
    bad = config(evil, options={evil: evil}, hardware=evil, why=evil, net=evil)
    bad["data"] |= {"description": evil, "fingerprint": evil, "source": evil}
    fair = evaluation()
    fair["verdict"] |= {"kind": evil, "sentence": evil}
    fair["tables"]["probe"] = [{**row, "layer": evil} for row in fair["tables"]["probe"]]
    text = card(bad, fair, history())
    body = text.split("---\n", 2)[2]
    assert evil in head(text)["tags"]
    assert not re.search(r"(?m)^# title", body)
    assert "](http" not in re.sub(r"`+ .*? `+", "", body).replace("\\](http", "")
    assert "<img" not in re.sub(r"``+ .*? ``+", "", body)
    for line in body.splitlines():
        if line.startswith("| model"):
            assert len(re.findall(r"(?<!\\)\|", line)) in (4, 8)


def test_values_of_the_wrong_type_do_not_break_it():
    assert "unknown" in card({}, {"verdict": 1, "tables": 2, "notes": 3}, [])
    assert card({"data": 1, "training": "x", "form": {"shape": [None]}}, {}, [{"gap": "x"}])


def test_the_chosen_layer_follows_the_rule_of_the_verdict():
    found = [row | {"validation": {"block1": 0.9, "block2": 0.8, "block3": 0.9}.get(row["layer"])} for row in rows()]
    assert tables.chosen_layer({}, found) == "block3"
    assert tables.chosen_layer({"layer": "block1"}, found) == "block1"
    assert tables.chosen_layer(None, rows()) == "block3"
    assert tables.chosen_layer(None, []) is None


def test_columns_run_from_few_labels_to_many():
    table = tables.build(rows(("all", 20, 1)), "block2", 10)
    assert [(column.title, column.x) for column in table.columns] == [("1", 1), ("20", 20), ("all", 143.7)]
    assert [line.encoder for line in table.lines] == ["model"] * 3 + ["random init", "PCA", "raw input"]
    assert [line.layer for line in table.picked()] == ["block2", "block2", "", ""]
    unknown = tables.build(rows(("all", 20)), None, 0)  # without class names, the rows themselves say how many
    assert unknown.columns[-1].x == 143.7

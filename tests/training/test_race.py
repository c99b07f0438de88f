"""`race`: the planted best wins, whoever fails is out and said so, and nothing is chosen by a test part."""

import json
import textwrap
import time
from dataclasses import fields, replace

import numpy as np
import pytest

import selfsup
from selfsup.data.dataset import Dataset
from selfsup.data.open import open_data
from selfsup.errors import DataError, Interrupted, OptionError, TrainingError
from selfsup.measures.race import ByLabels, ByRank
from selfsup.measures.run import Features
from selfsup.report.run import Run
from selfsup.report.sections import race as race_section
from selfsup.training import clock, entrants, rounds
from selfsup.training.rounds import Fold, sizes

PLANTED = '''
import torch
from torch import nn
from selfsup import Method

class Planted(Method):
    """Codes are the signal, with as much noise as is planted."""
    kinds = ("table",)
    recipe = {"epochs": 2}
    noise = 0.0

    def build(self, about):
        self.wide = nn.Linear(about.form.shape[0], 8)
        self.width = about.form.shape[0]

    def hide(self, x, rng):
        return x, x[:, :8]

    def predict(self, seen):
        return self.wide(seen)

    def loss(self, guess, answer):
        return {"loss": (guess - answer).square().mean(1)}

    def encode(self, x):
        rough = torch.sin(1e4 * x.roll(1, 1))  # a function of the sample that tells nothing of its class
        return x + self.noise * rough + 0 * self.wide(x).sum()

class Best(Planted):
    noise = 0.0

class Same(Planted):
    """Planted, too."""
    noise = 0.0

class Middling(Planted):
    noise = 3.0

class Worst(Planted):
    noise = 30.0

class Crashing(Planted):
    def loss(self, guess, answer):
        raise RuntimeError("it broke\\nin two lines")

class Exploding(Planted):
    def loss(self, guess, answer):
        return {"loss": (guess - answer).square().mean(1) * float("nan")}

class Constant(Planted):
    def encode(self, x):
        return torch.ones(len(x), 4) + 0 * self.wide(x)[:, :4]

class Unbuilt(Planted):
    def build(self, about):
        raise ValueError("no net for this")
'''
QUICK = {"progress": False, "seed": 1}


@pytest.fixture(autouse=True)
def short(monkeypatch):
    """Planted methods have two epochs: no race takes its minute, unless rows are held out in turn, or there is evidence."""
    for module, name, value in ((clock, "LEAST", 0.05), (rounds, "FOLDS", 1), (clock, "MOST", 0.0)):
        monkeypatch.setattr(module, name, value)


@pytest.fixture(scope="module")
def planted(tmp_path_factory):
    file = tmp_path_factory.mktemp("race") / "planted.py"
    file.write_text(textwrap.dedent(PLANTED))
    return lambda *names: [f"{file}:{name}" for name in names]


def table(rows=200):
    """Rows (n, 10) float32 of two classes, and the classes (n,)."""
    rng, y = np.random.default_rng(0), np.arange(rows) % 2
    x = rng.normal(size=(rows, 10)).astype(np.float32)
    x[:, :5] += 1.5 * y[:, None]
    return x, y


def test_the_planted_best_wins_and_is_kept(planted, tmp_path, monkeypatch):
    monkeypatch.setattr(clock, "MOST", 1.0)
    x, y = table()
    found = selfsup.race(x, 1, planted("Worst", "Middling", "Best"), tmp_path / "run", labels=y, **QUICK)
    assert found.ranking[0] == found.winner == "Best"
    assert found.ranking[-1] == "Worst"
    assert found.evaluation.verdict["kind"] == "better"
    rows = {row["encoder"]: row for row in found.table.rows}
    assert {"raw input", "PCA", "untrained Best", "Best, the run kept"} <= set(rows)
    assert rows["Worst"]["clear"]
    assert rows["Worst"]["lead"] < -2 * rows["Worst"]["lead_error"] < 0
    for part in ("1.  Best", "raw input", "linear probe, %", "behind the best", "BETTER", "It took"):
        assert part in str(found)
    assert "planted.py:Best" in found.model.config["method"]
    assert found.model.config["why"] == "won a race of 3 methods"
    held = json.loads((tmp_path / "run" / "race.json").read_text())
    assert held["winner"] == "Best"
    assert set(held["tables"]) == {"race", "compare", "compare_leads"}
    assert "The race" in (tmp_path / "run" / "race.html").read_text()
    assert not (tmp_path / "run.partial").exists()
    own = selfsup.load(tmp_path / "run", method=planted("Best")[0])
    assert np.array_equal(own.encode(x[:3]), found.model.encode(x[:3]))
    assert "<details" in found._repr_html_()


def test_who_fails_is_out_with_the_reason_and_the_race_goes_on(planted):
    x, y = table()
    names = planted("Crashing", "Best", "Exploding", "Constant", "Unbuilt", "Middling")
    found = selfsup.race((x, y), 1, names, **QUICK)
    assert found.ranking == ["Best", "Middling"]
    why = {row["encoder"]: row["why"] for row in found.table.rows if row["why"]}
    assert why["Crashing"] == "RuntimeError: it broke"
    assert why["Unbuilt"] == "ValueError: no net for this"
    assert "one point" in why["Constant"]
    assert set(why) == {"Crashing", "Exploding", "Constant", "Unbuilt"}
    assert "out: Constant: " in str(found)


def test_where_all_fail_the_reasons_are_said(planted):
    x, y = table(60)
    with pytest.raises(TrainingError, match="no method came to an end: Crashing: RuntimeError: it broke; Constant"):
        selfsup.race((x, y), 1, planted("Crashing", "Constant"), **QUICK)
    with pytest.raises(DataError, match="no method can race: Unbuilt: ValueError"):
        selfsup.race((x, y), 1, planted("Unbuilt"), **QUICK)


def test_ties_are_said(planted):
    found = selfsup.race(table(), 1, planted("Same", "Best"), **QUICK)
    assert found.evaluation.verdict["kind"] == "undecided"
    assert "there is no clear difference" in found.evaluation.verdict["sentence"]
    assert any("the cut after round 1 was not clear" in note for note in found.evaluation.notes)


def test_without_labels_the_rank_decides_and_its_weakness_is_said(planted):
    x, _ = table()
    found = selfsup.race(x, 1, [*planted("Best"), "undercomplete:n_components=1"], **QUICK)
    assert found.ranking == ["Best", "undercomplete:n_components=1"]
    assert found.table.rows[0]["by"] == "effective rank"
    assert found.evaluation.verdict["kind"] == "undecided"
    assert any(".58 ± .28" in note for note in found.evaluation.notes)
    assert "effective rank" in str(found)


def test_labels_of_one_class_judge_nothing(planted):
    x, y = table(60)
    found = selfsup.race((x, np.zeros_like(y)), 1, planted("Best", "Worst"), **QUICK)
    assert found.table.rows[0]["by"] == "effective rank"
    assert any("all of one class" in note for note in found.evaluation.notes)


def test_numbers_as_labels(planted):
    x, _ = table()
    y = x[:, 0] + x[:, 1] + 0.5
    found = selfsup.race((x, y), 1, planted("Worst", "Best"), **QUICK)
    assert found.winner == "Best"
    assert found.table.rows[0]["by"] == "ridge regression"
    assert "ridge regression, R2" in str(found)


def test_the_time_is_kept(monkeypatch):
    began = time.perf_counter()
    found = selfsup.race(table(), 0.05, ["denoising", "undercomplete"], **QUICK)
    took = time.perf_counter() - began
    assert 0 < 60 * found.spent <= took
    assert found.minutes == 0.05
    assert took < 60  # of three seconds: a busy machine is no fault of the race


def test_where_no_time_is_left_the_run_of_the_round_before_is_kept(planted, monkeypatch):
    monkeypatch.setattr(clock.Clock, "left", lambda self: 0.0)
    found = selfsup.race(table(), 1, planted("Worst", "Best"), **QUICK)
    assert found.winner == "Best"
    assert any("no time was left to train Best for longer" in note for note in found.evaluation.notes)
    assert found.model.evaluation is None
    assert not any("kept" in row["encoder"] for row in found.table.rows)


def test_the_test_part_of_the_data_chooses_nothing(planted, tmp_path):
    """Its labels are turned round: by them the worst would be the best."""
    x, y = table()
    opened = open_data((x, y), progress=False)
    turned = replace(opened, test=replace(opened, labels=np.zeros_like(opened.labels)))
    kept = selfsup.race(opened, 1, planted("Worst", "Best"), **QUICK)
    other = selfsup.race(turned, 1, planted("Worst", "Best"), **QUICK)
    scores = [[(r["encoder"], r["score"]) for r in one.table.rows if r["place"]] for one in (kept, other)]
    assert scores[0] == scores[1]
    assert any("flatters" in note for note in kept.evaluation.notes)
    assert not any("flatters" in note for note in other.evaluation.notes)


def test_other_rows_are_held_out_in_turn_where_all_is_learnt_and_time_is_left(planted, monkeypatch):
    monkeypatch.setattr(rounds, "FOLDS", 5)
    found = selfsup.race(table(100), 1, planted("Worst", "Best"), **QUICK)
    assert "On the 100 rows that were held out in training (5 parts in turn)" in found.evaluation.verdict["sentence"]
    assert {row["tested"] for row in found.evaluation.rows("compare")} == {100}
    assert found.spent < 1


def test_folds_are_apart_and_split_as_fit_does(planted):
    opened = open_data(table(100), progress=False)
    first = opened.split(None, 3)[1].numbers
    facts = {one.name: getattr(opened, one.name) for one in fields(Dataset)}
    parts = [Fold(**facts, fold=fold, order=3).split(None, 8)[1].numbers for fold in range(5)]
    assert np.array_equal(parts[0], first)
    assert np.array_equal(np.sort(np.concatenate(parts)), np.arange(100))


def test_halving():
    assert sizes(12) == [12, 6, 3, 1]
    assert sizes(1) == [1]
    assert sizes(16, 16) == [16, 1]
    assert sizes(9, 4) == [9, 2, 1]


def test_one_method_races_alone(planted):
    found = selfsup.race(table(80), 1, planted("Best"), **QUICK)
    assert found.ranking == ["Best"]
    assert found.evaluation.verdict["sentence"]


def test_options_behind_a_name_and_what_is_wrong_with_them():
    (one,) = entrants.asked_for("denoising:hidden=(8,4),lr=0.01")
    assert one.options == {"hidden": (8, 4), "lr": 0.01}
    with pytest.raises(OptionError, match="did you mean 'lr'"):
        entrants.asked_for("denoising:lrr=0.01")
    with pytest.raises(OptionError, match="did you mean 'denoising'"):
        entrants.asked_for(["denoisin"])
    with pytest.raises(OptionError, match="twice"):
        entrants.asked_for(["denoising", "denoising"])
    with pytest.raises(OptionError, match="names and classes"):
        entrants.asked_for([3])


def test_the_data_choose_who_races_and_why_others_do_not():
    kept, left = entrants.suited(open_data(table()[0], progress=False).form)
    names, out = {one.name for one in kept}, {name for names in left.values() for name in names}
    assert {"denoising", "undercomplete"} <= names
    assert {"classifier", "linear"} <= out
    assert not {"rotation", "skipgram"} & (names | out)
    gaps = table()[0]
    gaps[0, 0] = np.nan
    form = open_data(gaps, progress=False).form
    assert all(one.made().takes_missing for one in entrants.suited(form)[0])


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"methods": "rotation"}, "cannot take part in this race: Rotation learns from images"),
        ({"methods": "classifier"}, "learns from labels|classifier"),
        ({"minutes": 0}, "minutes"),
        ({"minutes": "long"}, "minutes"),
        ({"sizes": 3}, "unknown option of race 'sizes'; did you mean 'size'"),
        ({"data": "a sentence. another one. " * 9, "methods": None}, "a race is for images and tables|.*"),
    ],
)
def test_what_cannot_race_is_said_before_anything_is_trained(given, said):
    whole = {"data": table(40)[0], "methods": "denoising", "minutes": 0.05, **QUICK} | given
    with pytest.raises((OptionError, DataError), match=said):
        selfsup.race(**whole)


def test_too_few_rows():
    with pytest.raises(DataError, match="at least 4"):
        selfsup.race(table(8)[0], 1, "denoising", **QUICK)


def test_an_interrupted_race_says_what_it_has_found_and_leaves_nothing(planted, tmp_path, monkeypatch):
    real = rounds.Course.train

    def train(self, one, *given, **more):
        if one.name == "Best" and self.kept:
            raise Interrupted("stopped at 40 % of the training")
        return real(self, one, *given, **more)

    monkeypatch.setattr(rounds.Course, "train", train)
    with pytest.raises(Interrupted, match="no run was kept; until then:\n.*codes from") as caught:
        selfsup.race(table(), 1, planted("Worst", "Best"), tmp_path / "run", **QUICK)
    assert "1.  Best" in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_where_the_last_training_fails_the_run_before_is_kept(planted, tmp_path, monkeypatch):
    real = rounds.Course.train

    def train(self, one, *given, **more):
        if self.kept:
            raise TrainingError("too long for it")
        return real(self, one, *given, **more)

    monkeypatch.setattr(rounds.Course, "train", train)
    found = selfsup.race(table(), 1, planted("Worst", "Best"), tmp_path / "run", **QUICK)
    assert found.winner == "Best"
    assert any("too long for it" in note for note in found.evaluation.notes)
    assert (tmp_path / "run" / "config.json").is_file()


def test_judges_pair_by_rows():
    rng, y = np.random.default_rng(0), np.arange(120) % 3
    x = rng.normal(size=(120, 6)).astype(np.float32)
    x[np.arange(120), y] += 3
    judge = ByLabels(y[:60], y[60:], draws=5, seed=0)
    for name, codes in (("good", x), ("noise", rng.normal(size=x.shape).astype(np.float32))):
        judge.add(name, Features(codes[:60], codes[60:]))
    lead, back = judge.lead("good", "noise"), judge.lead("noise", "good")
    assert lead.clear
    assert lead.size == -back.size
    assert lead.error == pytest.approx(back.error)
    assert lead.size == pytest.approx(judge.score("good").size - judge.score("noise").size)


def test_ranks_have_errors_of_pairs():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(400, 8)).astype(np.float32)
    judge = ByRank()
    for name, codes in (("all", x), ("again", x), ("few", x * np.float32([1, 1, 1, 0, 0, 0, 0, 0]))):
        judge.add(name, Features(codes[:1], codes))
    assert judge.score("all").size == pytest.approx(8, abs=0.1)
    assert judge.lead("all", "few").clear
    assert judge.lead("all", "again")[:2] == (0.0, 0.0)
    assert not judge.lead("all", "again").clear
    again = [ByRank() for _ in range(20)]
    for one in again:
        one.add("x", Features(x[:1], rng.normal(size=(400, 8)).astype(np.float32)))
    true = np.std([one.score("x").size for one in again])
    assert judge.score("all").error == pytest.approx(true, rel=0.9)


def test_what_probes_took_corrects_what_was_expected_and_what_entrants_took_replaces_it(monkeypatch):
    monkeypatch.setattr(clock, "MOST", 0.3)
    monkeypatch.setattr(clock, "LEAST", 1.0)
    ours = clock.Clock(60.0, time.perf_counter(), coding=[1.0, 3.0], probing=[4.0, 8.0], nets=2)
    assert ours.need() == pytest.approx(2 + 6)
    assert not ours.evident  # 9 times 8 seconds
    ours.slower = 0.1
    assert ours.need() == pytest.approx(2 + 0.6)
    ours.seen.append(0.5)
    assert ours.need() == 0.5
    assert ours.evidence() == pytest.approx(4.5)
    assert ours.evident
    assert ours.free() == pytest.approx(55.5, abs=1)
    assert ours.seconds(3, 5) == pytest.approx(55.5 / 15 - 0.5, abs=0.1)
    assert ours.seconds(100, 5) == clock.LEAST


def test_short_trainings_do_not_try_out_precisions(monkeypatch):
    asked, real = [], rounds.fit

    def fit(data, method, **how):
        asked.append(how.get("precision"))
        return real(data, method, **how)

    monkeypatch.setattr(rounds, "fit", fit)
    selfsup.race(table(), 0.02, ["denoising", "undercomplete"], **QUICK)
    assert set(asked) == {"float32"}
    monkeypatch.setattr(rounds, "TRIAL", 0.0)
    asked.clear()
    selfsup.race(table(), 0.02, ["denoising", "undercomplete"], **QUICK)
    assert asked[0] is None  # it may try
    assert asked[-1] == "float32"  # of a net without convolutions that is what was found


def test_the_page_begins_with_the_ranking(planted, tmp_path):
    x, y = table()
    found = selfsup.race(x, 1, planted("Worst", "Best", "Crashing"), tmp_path / "run", labels=y, **QUICK)
    page = (tmp_path / "run" / "race.html").read_text()
    assert page.index("The race") < page.index("Which run is better?")
    assert page.count("behind the best of the same round") == 1
    assert "Crashing is out: RuntimeError: it broke" in page
    assert "Measured besides" not in page
    assert f'<td>1.</td><th scope="row">{found.winner}</th>' in page
    run = Run({}, [], {"tables": {"race": [{"place": "x", "score": [1], "why": 3}, {}, {"score": 0.5, "unit": 7}]}})
    assert "The race" in race_section.html(run)  # whatever a file holds
    assert race_section.markdown(Run({}, [], {})) is None

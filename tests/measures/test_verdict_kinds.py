"""Every word of the verdict, from small runs that are sick in a known way, and from healthy ones."""

import re
from functools import cache

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from torch import nn

import selfsup
from selfsup.measures import health, verdict
from selfsup.measures.verdict import KINDS, judge_health
from selfsup.method import Method
from selfsup.methods import find
from selfsup.training.checks import hashes
from selfsup.training.measure import calibrated_gap

QUIET = {"progress": False}
SMALL = {"net": "mlp", "hidden": (32,), **QUIET}
Denoising = find("denoising")[1]


@cache
def digits(rows=400):
    images, labels = load_digits(return_X_y=True)
    return images[:rows].reshape(-1, 8, 8).astype(np.float32), labels[:rows]


@cache
def table(rows=400):
    """Nine columns of which the first follows from the four after it."""
    x = np.random.default_rng(0).standard_normal((rows, 9))
    x[:, 0] = np.tanh(x[:, 1:5]).sum(1) + 0.3 * np.random.default_rng(1).standard_normal(rows)
    return x.astype(np.float32)


class Column(Method):
    """Predict the first column of a table from the others."""

    kinds, by_heart = ("table",), 0.8
    recipe = {"lr": 5e-3, "steps": 300, "batch_size": 64}

    def build(self, about):
        self.net = nn.Sequential(nn.Linear(about.form.size - 1, 64), nn.ReLU(), nn.Linear(64, 32), nn.ReLU())
        self.head = nn.Linear(32, 1)

    def hide(self, x, rng):
        return x[:, 1:], x[:, 0]

    def predict(self, seen):
        return self.head(self.net(seen))[:, 0]

    def loss(self, guess, answer):
        return {"column": (guess - answer).square()}

    def encode(self, x):
        return self.net(x[:, 1:])


class Flat(find("rotation")[1]):
    """Its codes lose all dimensions but one while it learns."""

    def encode(self, x):
        codes = super().encode(x)
        return torch.cat([codes[:, :1], (1 - self.progress) * codes[:, 1:]], 1)


class Still(Denoising):
    """Whatever it sees, the code is the same."""

    def code_of(self, seen):
        return 0 * super().code_of(seen) + 1000.5


class Together(Denoising):
    """A code is beside the mean of the batch."""

    def encode(self, x):
        codes = super().encode(x)
        return codes - codes.mean(0)


class Far(Denoising):
    """Its codes lie a thousand further along every axis."""

    def encode(self, x):
        return super().encode(x) + 1000


def said_of(data, method, **how):
    return selfsup.fit(data, method, **how, **(SMALL if method is not Column and "hidden" not in how else QUIET))


def test_a_healthy_run_is_learning_and_says_what_was_asked():
    found = said_of(digits()[0], "denoising", epochs=15).evaluation
    assert found.verdict["kind"] == "learning"
    because = found.verdict["because"]
    assert because["fresh"] < 1.5 * because["trained"]
    assert because["alone"] < 1e-4
    assert because["copies"] == 0
    assert because["rank_end"] > 0.3 * because["rank_start"]
    assert said_of(table(1500), Column, epochs=12).evaluation.verdict["kind"] == "learning"
    assert said_of(digits()[0], Far, epochs=15).evaluation.verdict["kind"] == "learning"


@pytest.mark.parametrize(
    ("cls", "kind", "words"),
    [
        (Still, "collapsed", "the same for every sample"),
        (Flat, "collapsed", r"fell onto few dimensions \(effective rank \d\.\d, "),
        (Together, "undecided", "encode must look at each sample alone"),
    ],
)
def test_codes_that_are_no_good(cls, kind, words):
    how = {"hidden": (32, 32)} if cls is Flat else {}
    found = said_of(digits()[0], cls, epochs=8 if cls is Flat else 15, **how).evaluation.verdict
    assert found["kind"] == kind
    assert re.search(words, found["sentence"]), found["sentence"]


def test_a_column_that_gives_the_answer_is_named():
    pandas = pytest.importorskip("pandas")
    x = np.concatenate([table(), 3 * table()[:, :1]], 1)
    frame = pandas.DataFrame(x, columns=[*"abcdefghi", "price"])
    found = said_of(frame, Column).evaluation.verdict
    assert found["kind"] == "leaky"
    assert found["because"]["place"] == "column 9"  # of what is seen, which has lost its first column and the names
    assert found["because"]["leak"] > 10
    assert "with column 9 of another sample the loss rises" in found["sentence"]


def test_columns_that_give_the_answer_together_are_named():
    x = np.random.default_rng(0).standard_normal((400, 13)).astype(np.float32)
    x[:, 0] = x[:, 4] + x[:, 8]
    found = said_of(x, Column, epochs=100).evaluation.verdict
    assert found["kind"] == "leaky"
    assert set(found["because"]["place"].split(" and ")) == {"column 4", "column 8"}
    assert "and with all others of another sample the loss rises by" in found["sentence"]


def test_rows_that_are_known_by_heart():
    noise = np.random.default_rng(0).standard_normal((60, 9)).astype(np.float32)
    found = said_of(noise, Column).evaluation.verdict
    assert found["kind"] == "memorised"
    assert found["because"]["fresh"] > 3 * found["because"]["trained"]
    assert "use more data" in found["sentence"]


def test_a_bar_in_every_picture_is_a_shortcut():
    barred = digits()[0].copy()
    barred[:, -1] = 16
    found = selfsup.fit(barred, "rotation", hidden=(8, 16), epochs=12, **QUIET).evaluation.verdict
    assert found["kind"] == "shortcut"
    assert re.search(
        "all that is left of an image is (what all samples have in common|its border|its outer)", found["sentence"]
    )
    assert found["because"]["cue_left"] < 0.5
    plain = selfsup.fit(digits()[0], "rotation", hidden=(8, 16), epochs=12, **QUIET).evaluation.verdict
    assert plain["kind"] == "learning"


class Dimmed(Method):
    """The square in the middle, which is blanked, or made dimmer only."""

    kinds, by_heart = ("image",), 0.8
    recipe = {"lr": 5e-3, "steps": 500, "batch_size": 64}

    def build(self, about):
        self.net = nn.Sequential(nn.Flatten(), nn.Linear(64, 64), nn.ReLU())
        self.head = nn.Linear(64, 4)

    def hide(self, x, rng):
        seen = x.clone()
        seen[:, :, 3:5, 3:5] *= 0.3
        return seen, x[:, 0, 3:5, 3:5].flatten(1)

    def predict(self, seen):
        return self.head(self.net(seen))

    def loss(self, guess, answer):
        return {"square": (guess - answer).square().sum(1)}

    def encode(self, x):
        return self.net(x)


def test_what_is_hidden_and_still_shows_is_leaky():
    found = selfsup.fit(digits()[0], Dimmed, **QUIET).evaluation.verdict
    assert found["kind"] == "leaky"
    assert found["because"]["shines"] > 0.15
    assert "hat is hidden still shows" in found["sentence"]


def test_held_out_rows_that_are_copies_are_counted():
    twice = np.concatenate([digits()[0][:200]] * 2)
    found = said_of(twice, "denoising", epochs=2).evaluation
    assert 0.6 < found.health["copies"] <= 1
    assert any("held-out rows are copies of rows that were learnt from" in note for note in found.notes)


def test_equal_rows_have_equal_hashes_and_others_not():
    x = torch.from_numpy(digits()[0])[:, None]
    found = hashes(x)
    assert len(np.unique(found)) == 400
    changed = x.clone()
    changed[7, 0, 3, 3] += 1e-3
    assert (hashes(changed) != found).tolist() == [row == 7 for row in range(400)]
    assert (hashes(x, at_once=7) == found).all()


# Words from numbers

CODES = np.random.default_rng(0).standard_normal((300, 16)).astype(np.float32)
START = {"loss": 1.0, "shuffled": 1.01, "gap": 0.01, "gap_sd": 0.005, "loss_sd": 0.3, "rank": 14.0}
END = {"loss": 0.02, "shuffled": 1.8, "gap": 1.78, "gap_sd": 0.05, "loss_sd": 0.02, "rank": 13.0}
ASKED = {
    "trained": 0.015, "trained_gap": 1.8, "fresh": 0.02, "copies": 0.0, "leak": 1.4, "leak_share": 0.2,
    "alone": 1e-7, "stability": 0.01,
}  # fmt: skip
CUED = {
    "drawn": 1.0,
    **dict.fromkeys(("cue_grey", "cue_colour", "cue_light", "cue_border", "cue_least", "cue_most"), 0.9),
}


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ({}, "learning"),
        ({"leak": 4.0, "told": 0.01}, "leaky"),
        ({"leak": 4.0, "told": 0.2}, "learning"),  # the place matters more than others, and does not give the answer
        ({"leak": 1.5, "told": 0.01}, "learning"),  # it gives the answer, and so do others
        ({"leak": 4.0, "told": 0.01, "loss": 0.3}, "learning"),
        ({"leak": 4.0, "leak_share": 0.6}, "leaky"),
        ({"leak": 4.0, "leak_share": 0.3}, "learning"),
        ({"few_kept": 0.01, "few_share": 0.9}, "leaky"),
        (
            {"few_kept": 0.01, "few_share": 0.9, "loss": 0.1},
            "learning",
        ),  # a few tell the most, and do not give the answer
        ({"few_kept": 0.15, "few_share": 0.9}, "learning"),
        ({"few_kept": 0.01, "few_share": 0.2}, "learning"),  # what is rebuilt at its own place
        ({"shines": 0.3}, "leaky"),
        ({"shines": 0.01}, "learning"),
        ({"shines": 0.3, "loss": 0.3}, "learning"),
        ({**CUED, "cue_light": 0.1}, "shortcut"),
        ({**CUED, "cue_border": 0.0}, "shortcut"),
        ({**CUED, "cue_colour": 0.2}, "shortcut"),
        ({**CUED, "cue_least": 0.1}, "learning"),  # what all have in common is in the brightest image, too
        ({**CUED, "cue_least": 0.1, "cue_most": -0.05}, "shortcut"),
        ({**CUED, "cue_grey": 0.0}, "learning"),
        ({**CUED, "cue_light": 0.1, "drawn": 0.0}, "learning"),  # the light is a part of the answer
        ({**CUED, "cue_light": 0.1, "loss": 0.3}, "shortcut"),  # whatever is left
        ({**CUED, "cue_light": 0.1, "loss": 0.5}, "learning"),
        ({**CUED, "cue_light": 0.1, "gap": 9.0}, "learning"),  # with the light alone the loss is as before training
        ({**CUED, "cue_frame": 0.1, "cue_inside": 0.9}, "shortcut"),
        ({**CUED, "cue_frame": 0.1, "cue_inside": 0.2}, "learning"),  # what the frame tells is told without it, too
        ({**CUED, "cue_frame": 0.35, "cue_inside": 0.9}, "learning"),
        ({"trained": 0.001, "fresh": 0.2}, "memorised"),
        ({"trained": 0.001, "fresh": 0.004}, "learning"),  # four times, and next to nothing
        ({"trained": 0.001, "fresh": 0.2, "trained_gap": 0.01}, "learning"),  # no guess owes anything to its sample
        ({"alone": 0.2}, "undecided"),
        ({"rank_end": 2.0}, "collapsed"),
        ({"rank_end": 2.0, "rank_start": 3.0}, "learning"),
        ({"rank_end": 2.0, "decodes": 1.0, "unexplained": 0.6}, "learning"),  # few dimensions may do
        ({"rank_end": 2.0, "decodes": 1.0, "unexplained": 0.95}, "collapsed"),
        ({"gap": 0.04, "gap_sd": 0.02, "stir": 0.5}, "undecided"),
    ],
)
def test_each_word_has_its_number(change, kind):
    found = verdict(
        {**health(CODES, START, END), **ASKED, **change}, place={"place": "column 'price'", "places": "a and b"}
    )
    assert found["kind"] == kind
    assert found["kind"] in KINDS
    assert "{" not in found["sentence"]
    assert found["sentence"].endswith(".")


@pytest.mark.parametrize(
    ("lead", "error", "kind"),
    [
        (0.1, 0.01, "learning"),
        (0.015, 0.01, "undecided"),
        (-0.1, 0.01, "no better than PCA"),
        (0.001, 0.002, "no better than PCA"),
    ],
)
def test_a_lead_counts_where_it_passes_two_errors(lead, error, kind):
    def row(encoder, accuracy):
        return {
            "encoder": encoder, "layer": "code" if encoder in ("model", "random init") else "", "width": 16, "labels": 100,
            "labels_per_class": "all", "accuracy": accuracy, "sd": error, "draws": 1, "validation": None,
        }  # fmt: skip

    rows = [row("model", 0.7), row("PCA", 0.7 - lead) | {"sd": 0.0}, row("random init", 0.3)]
    found = verdict({**health(CODES, START, END), **ASKED}, rows)
    assert found["kind"] == kind
    if kind == "undecided":
        assert f"a lead of {100 * lead:.1f} ± {100 * error:.1f}" in found["sentence"]


def test_the_cell_is_drawn_in_the_report(tmp_path):
    class Square(Method):
        """The square in the middle, a copy of which stands in the corner."""

        kinds, by_heart = ("image",), 0.8
        recipe = {"lr": 5e-3, "steps": 300, "batch_size": 64}

        def build(self, about):
            self.net = nn.Sequential(nn.Flatten(), nn.Linear(64, 48), nn.ReLU())
            self.head = nn.Linear(48, 4)

        def hide(self, x, rng):
            seen = x.clone()
            seen[:, :, 3:5, 3:5] = 0
            seen[:, :, 6:, :2] = x[:, :, 3:5, 3:5]
            return seen, x[:, 0, 3:5, 3:5].flatten(1)

        def predict(self, seen):
            return self.head(self.net(seen))

        def loss(self, guess, answer):
            return {"square": (guess - answer).square().sum(1)}

        def encode(self, x):
            return self.net(x)

    model = selfsup.fit(digits()[0], Square, out=tmp_path / "run", **QUIET)
    assert model.evaluation.verdict["kind"] == "leaky"
    page = (tmp_path / "run" / "report.html").read_text()
    assert 'aria-label="The cell in row 4, column 1"' in page
    assert page.split('<svg class="place"')[1].split("</svg>")[0].count("<rect") == 16


def test_labels_of_one_class_are_said_and_leave_the_verdict_that_needs_none():
    images = digits()[0]
    one = selfsup.fit(images, "denoising", labels=np.zeros(len(images), int), epochs=15, **SMALL).evaluation
    none = selfsup.fit(images, "denoising", epochs=15, **SMALL).evaluation
    assert one.verdict["kind"] == none.verdict["kind"] == "learning"
    assert "only labels would tell" in one.verdict["sentence"]
    assert any("class" in note for note in one.notes)
    assert not {"probe", "knn"} & {table.name for table in one.tables}


def test_a_gap_that_batch_norm_makes_by_itself_is_no_progress():
    start = {**START, "loss": 1.4, "gap": 0.0001, "gap_sd": 0.0002, "loss_sd": 0.01}
    end = {**END, "loss": 1.3998, "gap": 0.0021, "gap_sd": 0.0002, "loss_sd": 0.01}
    assert verdict({**health(CODES, start, end)})["kind"] == "learning"
    found = health(CODES, {**start, "gap_calibrated": -0.0078}, end)
    assert found["gap_start"] == -0.0078
    assert verdict(found)["kind"] == "not learning"


def test_calibrating_batch_norm_leaves_a_net_as_it_is():
    how = {"net": "bottleneck", "hidden": (8, 16), **QUIET}
    model = selfsup.fit(digits()[0], "rotation", epochs=2, lr=1e-12, evaluate=False, **how)
    assert abs(model.start["gap_calibrated"]) > 0
    assert "gap_calibrated" not in model.history[-1]
    before = {name: part.clone() for name, part in model.method.state_dict().items()}
    x = torch.from_numpy(digits()[0][:32])[:, None]
    assert set(calibrated_gap(model.method, x)) == {"gap_calibrated"}
    assert all(torch.equal(part, before[name]) for name, part in model.method.state_dict().items())
    assert not any(module.training for module in model.method.modules())
    assert calibrated_gap(Column(), x) == {}


@pytest.mark.parametrize(
    ("way_back", "reason"),
    [({"decodes": 1.0, "unexplained": 1.01}, "blind"), ({"decodes": 1.0, "unexplained": 0.5}, "idle"), ({}, "idle")],
)
def test_a_posterior_without_code_is_told_from_a_task_that_is_not_learnt(way_back, reason):
    """The loss fell as far as the mean of all samples takes it; what is drawn from the prior stirs the guesses all the same."""
    found = {
        "spread": 1.0,
        "gap": 0.05,
        "gap_start": -0.2,
        "gap_sd": 0.03,
        "stir": 1.4,
        "loss": 97.0,
        "loss_start": 163.0,
    }
    assert judge_health({**found, "loss_sd": 88.0, **way_back}) == reason

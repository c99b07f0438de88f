"""Health and verdict: every kind of run gets its word, and the sentence carries the numbers."""

import json

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from selfsup.errors import DataError, RunError
from selfsup.measures import Evaluation, Table, best_layer, effective_rank, health, judged, verdict

CODES = np.random.default_rng(0).standard_normal((300, 16)).astype(np.float32)
START = {"loss": 1.0, "shuffled": 1.01, "gap": 0.01, "gap_sd": 0.005}
LEARNT = {"loss": 0.3, "shuffled": 3.0, "gap": 2.7, "gap_sd": 0.05}
COUNTS = (1, 5, "all")


def curve(encoder, layer, *accuracies, validation=None, width=16, tested=2000):
    return [
        {
            "encoder": encoder,
            "layer": layer,
            "width": width,
            "labels_per_class": count,
            "labels": 1000 if count == "all" else 10 * count,
            "accuracy": accuracy,
            "sd": 0.0 if count == "all" else 0.01,
            "draws": 1 if count == "all" else 3,
            "tested": tested,
            "validation": validation,
        }
        for count, accuracy in zip(COUNTS, accuracies, strict=True)
    ]


def rows(model=(0.7, 0.882, 0.975), raw=(0.6, 0.843, 0.982), pca=(0.5, 0.756, 0.95), random=(0.55, 0.8, 0.96)):
    return (
        curve("model", "code", *model)
        + curve("raw input", "", *raw)
        + curve("PCA", "", *pca)
        + curve("random init", "code", *random)
    )


def test_rank_of_equal_orthogonal_directions_is_their_number():
    for k in (1, 2, 5, 16):
        codes = np.zeros((2 * k, 16), np.float32)
        codes[np.arange(k), np.arange(k)], codes[k + np.arange(k), np.arange(k)] = 1, -1
        assert effective_rank(codes) == pytest.approx(k)
        assert effective_rank(codes + 5) == pytest.approx(k, rel=1e-4), "an offset says nothing"


def test_rank_has_the_closed_form_of_two_singular_values():
    codes = np.array([[3, 0], [-3, 0], [0, 1], [0, -1]], np.float32)
    shares = np.array([0.75, 0.25])
    assert effective_rank(codes) == pytest.approx(np.exp(-(shares * np.log(shares)).sum()))


@pytest.mark.parametrize("value", [0.0, 0.1, 1e6, 1e-20])
def test_a_constant_code_has_rank_1_and_is_collapsed(value):
    constant = np.full((5000, 64), value, np.float32) * np.linspace(1, 2, 64, dtype=np.float32)
    found = health(constant, START, LEARNT)
    assert found["rank"] == 1.0
    assert found["spread"] < 1e-6
    assert found["dead_dims"] == 1.0
    assert verdict(found)["kind"] == "collapsed"
    noisy = constant * (1 + 1e-7 * np.random.default_rng(0).standard_normal(constant.shape)).astype(np.float32)
    assert effective_rank(noisy) < 2, "rounding noise is no direction"


@settings(max_examples=60, deadline=None)
@given(
    n=st.integers(1, 30),
    width=st.integers(1, 12),
    seed=st.integers(0, 1000),
    power=st.floats(0, 4),
    scale=st.sampled_from([1e-12, 0.25, 1.0, 1024.0, 1e12]),
)
def test_rank_lies_between_1_and_the_width_and_has_no_unit(n, width, seed, power, scale):
    rng = np.random.default_rng(seed)
    codes = (rng.standard_normal((n, width)) * np.arange(1, width + 1.0) ** -power).astype(np.float32)
    rank = effective_rank(codes)
    assert 1 - 1e-9 <= rank <= min(n, width) + 1e-6
    assert effective_rank(codes * np.float32(scale)) == pytest.approx(rank, rel=1e-3)


def test_health_is_flat_and_json_ready():
    codes = np.concatenate([CODES, np.full((300, 4), 0.5, np.float32)], 1)
    found = health(codes, START, LEARNT)
    assert json.loads(json.dumps(found)) == found
    names = "gap gap_start gap_sd stir loss loss_sd loss_start shuffled rank width spread dead_dims rows"
    assert set(found) == set(names.split())
    assert found["dead_dims"] == 0.2
    assert (found["width"], found["rows"]) == (20, 300)
    assert health(CODES - CODES.mean(0), START, LEARNT)["spread"] == pytest.approx(1)


def test_health_reads_records_of_metrics():
    first = {"epoch": 0, "heldout": 1.0, "gap": 0.01, "shuffled": 1.01}
    last = {"epoch": 9, "loss": 0.1, "heldout": 0.3, "gap": 2.7, "shuffled": 3.0}
    found = health(CODES, first, last)
    assert (found["loss"], found["loss_start"], found["gap_sd"]) == (0.3, 1.0, 0.0)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_codes_that_are_not_finite_are_an_error(value):
    bad = CODES.copy()
    bad[7, 2] = value
    with pytest.raises(DataError, match=r"1 of 300 codes .* row 7"):
        health(bad, START, LEARNT)


@pytest.mark.parametrize(
    ("start", "end", "words"),
    [
        ({}, LEARNT, "shuffle_gap"),
        (START, LEARNT | {"loss": float("nan")}, "not finite"),
        (START, {"gap": 1}, "needs gap"),
    ],
)
def test_losses_that_are_missing_or_not_finite_are_an_error(start, end, words):
    with pytest.raises(DataError, match=words):
        health(CODES, start, end)


def test_codes_must_be_a_table():
    with pytest.raises(DataError, match=r"\(n, D\)"):
        health(CODES[0], START, LEARNT)


def test_learning_without_labels_says_what_labels_would_tell():
    found = verdict(health(CODES, START, LEARNT))
    assert found["kind"] == "learning"
    assert "only labels would tell whether the codes beat PCA" in found["sentence"]
    assert "gap 2.7000" in found["sentence"]
    assert json.loads(json.dumps(found)) == found


@pytest.mark.parametrize(
    ("start", "end"),
    [
        ((0.9, 0.0004), (0.0003, 0.0000)),  # SimSiam without stop-gradient, 1 - cosine
        ((-0.05, 0.002), (-1.0, 0.0)),  # the same as a negative cosine
        ((0.25, 0.0001), (0.08, 0.0001)),  # an autoencoder that knows the mean image only
    ],
)
def test_a_fallen_loss_without_a_gap_is_collapse(start, end):
    first, last = ({"loss": loss, "gap": gap, "shuffled": loss + gap, "gap_sd": 1e-5} for loss, gap in (start, end))
    found = verdict(health(CODES, first, last), rows())
    assert found["kind"] == "collapsed"
    assert "no longer depends on what was seen" in found["sentence"]


@pytest.mark.parametrize(
    ("start", "end"),
    [
        ((1.386, 0.001, 0.002), (1.386, 0.001, 0.002)),  # untrained
        ((4.160, 0.013, 0.001), (4.166, 0.010, 0.001)),  # untuned distillation, docs of the trials
        ((2.0, 0.0, 0.01), (1.95, 0.03, 0.02)),  # within the noise of the shuffles
        ((5.6, 0.4, 0.01), (5.58, 0.41, 0.01)),  # a net whose views are alike from the start
        ((1.0, -0.01, 0.01), (1.2, -0.05, 0.01)),  # worse than shuffled
    ],
)
def test_no_gap_and_no_fall_is_not_learning(start, end):
    first, last = ({"loss": loss, "gap": gap, "shuffled": loss + gap, "gap_sd": sd} for loss, gap, sd in (start, end))
    found = verdict(health(CODES, first, last), rows())
    assert found["kind"] == "not learning"


def test_learning_with_labels_says_where_it_is_ahead_and_where_not():
    found = verdict(health(CODES, START, LEARNT), rows())
    assert found["kind"] == "learning"
    assert found["sentence"] == (
        "The codes beat raw input, PCA and a random network with 1 and 5 labels a class (with 1 label a class: 70.0 % "
        "beside 60.0, 50.0 and 55.0), on average by 4.4 ± 0.9, 11.7 ± 0.9 and 8.2 ± 0.9 points; raw input is ahead with all "
        "labels (98.2 % beside 97.5)."
    )
    assert found["because"]["lead_PCA"] == pytest.approx((0.2 + 0.126 + 0.025) / 3)
    assert found["because"]["layer"] == "code"


def test_ahead_of_pca_and_random_but_never_of_raw_input():
    found = verdict(health(CODES, START, LEARNT), rows(raw=(0.8, 0.9, 0.99)))
    assert found["kind"] == "learning"
    assert "beat PCA and a random network on average" in found["sentence"]
    assert "raw input is ahead with 1 and 5 labels a class and with all labels" in found["sentence"]


def test_ahead_everywhere():
    found = verdict(health(CODES, START, LEARNT), rows(raw=(0.5, 0.5, 0.5)))
    assert found["sentence"].startswith(
        "The codes beat raw input, PCA and a random network with 1 and 5 labels a class"
    )
    assert ";" not in found["sentence"]


def test_worse_than_a_random_network_is_no_better_than_pca():
    found = verdict(health(CODES, START, LEARNT), rows(random=(0.8, 0.9, 0.99)))
    assert found["kind"] == "no better than PCA"
    assert found["sentence"] == (
        "The task is learnt (gap 2.7000), but on average over all numbers of labels the codes are worse than a random "
        "network (85.2 % beside 89.7, a lead of -4.4 ± 0.8); train longer, use more data, or try another method."
    )


def test_worse_than_pca_is_no_better_than_pca():
    found = verdict(health(CODES, START, LEARNT), rows(pca=(0.8, 0.9, 0.99)), rows(pca=(0.8, 0.9, 0.99)))
    assert found["kind"] == "no better than PCA"
    assert "are worse than PCA (85.2 % beside 89.7, a lead of -4.4 ± " in found["sentence"]
    assert found["because"]["knn_lead_PCA"] < 0


def test_a_lead_within_noise_is_not_a_lead():
    close = rows(model=(0.7, 0.8, 0.9), pca=(0.699, 0.799, 0.899))
    found = verdict(health(CODES, START, LEARNT), close)
    assert found["kind"] == "undecided", "nor is it a lag: it does not pass two errors either way"
    assert "not clearly better than PCA (80.0 % beside 79.9, a lead of 0.1 ± " in found["sentence"]


def test_the_layer_is_chosen_by_validation_and_not_on_the_test_rows():
    layers = curve("model", "a", 0.2, 0.3, 0.4, validation=0.9) + curve("model", "b", 0.7, 0.8, 0.9, validation=0.8)
    assert best_layer(layers) == "a"
    even = curve("model", "code", 0, 0, 0, validation=0.8) + curve("model", "b", 1, 1, 1, validation=0.8)
    assert best_layer(even) == "code"
    few = curve("model", "code", 0, 0, 0) + curve("model", "b", 1, 1, 1)
    assert best_layer(few) == "code"
    assert best_layer([]) is None


def test_the_same_layer_of_the_random_network_is_the_rival():
    table = (
        curve("model", "block1", 0.6, 0.7, 0.8, validation=0.9)
        + curve("model", "code", 0.5, 0.6, 0.7, validation=0.5)
        + curve("PCA", "", 0.1, 0.1, 0.1)
        + curve("random init", "block1", 0.7, 0.8, 0.9)
        + curve("random init", "code", 0.1, 0.1, 0.1)
    )
    found = verdict(health(CODES, START, LEARNT), table)
    assert found["kind"] == "no better than PCA"
    assert "the codes of block1 are worse than a random network" in found["sentence"]


def test_without_baselines_there_is_still_a_sentence():
    found = verdict(health(CODES, START, LEARNT), curve("model", "code", 0.6, 0.7, 0.8))
    assert found["sentence"] == "The codes give 80.0 % with all labels, and there is no baseline beside them."


@pytest.fixture
def evaluation():
    found = health(CODES, START, LEARNT)
    tables = [Table.of("probe", rows()), Table.of("knn", rows())]
    return Evaluation(verdict(found, rows()), found, tables, ["probes were trained on 60 rows"])


def test_evaluation_goes_through_json(evaluation):
    saved = json.loads(json.dumps(evaluation.to_dict()))
    assert list(saved) == ["verdict", "health", "tables", "notes"]
    assert Evaluation.from_dict(saved) == evaluation


def test_evaluation_as_text(evaluation):
    lines = str(evaluation).splitlines()
    assert max(map(len, lines)) <= 100
    assert lines[0].split() == ["linear", "probe,", "%", "1", "a", "class", "5", "a", "class", "all", "labels"]
    assert lines[1] == "model: code                  70.0 ±1.0*   88.2 ±1.0*        97.5"
    assert lines[2] == "raw input                    60.0 ±1.0    84.3 ±1.0         98.2*"
    assert lines[3].startswith("PCA(16) ")
    assert lines[5] == "(*: best of its column; ±: standard error)"
    assert lines[7].startswith("nearest neighbours, %")
    assert any(line.startswith("LEARNING. The codes beat") for line in lines)
    assert lines[-1] == "Note: probes were trained on 60 rows"


def test_many_counts_go_into_two_tables(evaluation):
    many = [
        {**evaluation.rows("probe")[0], "labels_per_class": 10**k, "layer": "a very long name of a block"}
        for k in range(9)
    ]
    text = str(Evaluation(evaluation.verdict, evaluation.health, [Table.of("probe", many)]))
    assert max(map(len, text.splitlines())) <= 100
    assert text.count("linear probe") == 2


def test_without_labels_the_text_is_health_and_verdict(evaluation):
    lines = str(Evaluation(evaluation.verdict, evaluation.health)).splitlines()
    assert lines[0].startswith("gap 2.7 (0.01 before), loss 0.3 (1 before), effective rank")
    assert len(lines) <= 5


def test_evaluation_as_a_frame(evaluation):
    frame = evaluation.to_pandas()
    assert len(frame) == 24
    assert set(frame["measure"]) == {"probe", "knn"}
    best = frame[(frame.measure == "probe") & (frame.labels_per_class == "all")].sort_values("accuracy").iloc[-1]
    assert best.encoder == "raw input"
    assert Evaluation(evaluation.verdict, evaluation.health).to_pandas().empty


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"extra": 1}, "has the keys"),
        ({"notes": None}, "'notes' must be a list"),
        ({"verdict": {"kind": "fine", "sentence": "", "because": {}}}, "a verdict has kind"),
        ({"verdict": {"kind": "learning"}}, "a verdict has kind"),
        ({"tables": {"probe": [{"encoder": "model"}]}}, "a row of 'probe' has"),
        ({"tables": []}, "'tables' must be a dict"),
        ({"tables": {"mine": 3}}, "the table 'mine' must be a list"),
        ({"tables": {"mine": [3]}}, "a row of 'mine' is an object"),
        ({"tables": {"mine": [{"a": {}}]}}, "'a' of a row of 'mine' is a word or a number"),
    ],
)
def test_a_foreign_evaluation_is_refused(evaluation, change, words):
    with pytest.raises(RunError, match=words):
        Evaluation.from_dict(evaluation.to_dict() | change)
    with pytest.raises(RunError, match="has the keys"):
        Evaluation.from_dict([])


def test_a_table_of_a_users_own_is_kept_and_shown(evaluation):
    own = Table(
        "my_bias",
        [{"group": "a", "gap": 0.25, "n": 3}, {"group": "b" * 40, "gap": None, "n": 10}],
        health={"bias": 0.5},
    )
    found = judged(evaluation.verdict, evaluation.health, [*evaluation.tables, own], evaluation.notes)
    assert found.health["bias"] == 0.5
    assert Evaluation.from_dict(json.loads(json.dumps(found.to_dict()))) == found
    text = str(found)
    assert "my bias" in text
    assert "a                         0.25  3" in text
    assert set(found.to_pandas()["measure"]) == {"probe", "knn", "my_bias"}
    assert "my bias" not in found.short()


def test_what_is_measured_again_on_a_file_takes_the_place_of_what_was():
    old = Table(
        "similarity", [{"file": name, "spearman": 0.1, "pearson": 0.1, "covered": 3, "asked": 3} for name in "ab"]
    )
    new = Table("similarity", [{"file": "b", "spearman": 0.2, "pearson": 0.1, "covered": 3, "asked": 3}])
    found = Evaluation().with_table(old).with_table(new)
    assert [(row["file"], row["spearman"]) for row in found.rows("similarity")] == [("a", 0.1), ("b", 0.2)]
    assert Evaluation.from_dict(found.to_dict()) == found
    assert found.with_table(Table("mine", [{"a": 1}])).with_table(Table("mine", [{"a": 2}])).rows("mine") == [{"a": 2}]
    assert "word similarity" not in found.short()
    assert "0.2" in str(found)
    assert Evaluation().short() == ""


def test_a_tiny_gap_is_not_minus_nothing():
    bad = START | {"gap": -2.87e-05, "shuffled": 1.0 - 2.87e-05}
    assert "gap -2.9e-05 beside" in verdict(health(CODES, START, bad))["sentence"]

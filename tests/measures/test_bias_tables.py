"""Bias as evidence: tables by name, kept with a run and shown on its page and card; `selfsup.bias` as a room of names."""

import json
import subprocess
import sys

import numpy as np
import pytest

import selfsup
from biased import SHE, biased_vectors
from selfsup.cli.main import main
from selfsup.errors import DataError, OptionError
from selfsup.measures.evaluation import Evaluation
from selfsup.measures.registry import REGISTERED
from selfsup.measures.run import Evidence, run
from selfsup.measures.table import Table, look_of, wrong
from selfsup.measures.words.bias.evidence import Asked, before_and_after, read_tests, scores, sides
from selfsup.measures.words.bias.scope import direction_table
from selfsup.measures.words.bias.score import CAUTION
from selfsup.words import WordVectors
from selfsup.words.bias import lists
from selfsup.words.bias.direction import direction

TAKEN = ("bias_direction", "bias_extremes", "bias")
MADE = ("bias_scope", "bias_indirect", "bias_analogies", "bias_residual", "bias_cost")  # with others only


@pytest.fixture(scope="module")
def vectors():
    return biased_vectors()


@pytest.fixture(scope="module")
def found(vectors):
    return selfsup.evaluate(vectors, bias="gender")


def test_an_attribute_gives_the_tables_and_each_has_its_look(vectors, found):
    assert tuple(table.name for table in found.tables) == TAKEN
    assert all(wrong(table) is None for table in found.tables)
    text = str(found)
    assert CAUTION in text
    assert "binary" in text
    assert "words farthest" not in text, "the terminal has lines of its own"
    assert {row["word"] for row in found.rows("bias_extremes") if row["side"] == "she"} >= set(SHE)
    row = found.rows("bias_direction")[0]
    way = direction(vectors)
    assert (row["share"], row["toward"], row["attribute"]) == (way.share, "she", "gender")
    assert row["low"] < row["chance"] < row["high"] < row["share"]
    assert len(row["without"]) == len(row["pairs"]) == 10


def test_the_tables_are_written_and_read_again(found):
    again = Evaluation.from_dict(json.loads(json.dumps(found.to_dict(), allow_nan=False)))
    assert again == found
    assert set(found.to_pandas()["measure"]) & set(TAKEN)  # the scores have a column of that name, which wins


def test_two_evaluations_are_one_and_another_seed_draws_anew(vectors, found):
    assert selfsup.evaluate(vectors, bias="gender") == found
    other = selfsup.evaluate(vectors, bias="gender", seed=1)
    values = [[(row["of"], row["value"]) for row in one.rows("bias")] for one in (found, other)]
    assert values[0] == values[1]
    assert [row["low"] for row in found.rows("bias")] != [row["low"] for row in other.rows("bias")]


def test_tables_that_are_made_with_others_are_no_measures(vectors):
    evidence = Evidence(words=vectors, options={"bias": "gender"})
    for name in MADE:
        with pytest.raises(OptionError, match="no measure of its own"):
            run(evidence, [name])
        assert look_of(name).columns
    taken = {name for name, entry in REGISTERED.items() if "bias" in entry.needs}
    assert taken == set(TAKEN)
    assert not {table.name for table in run(Evidence(words=vectors))} & {*TAKEN, *MADE}


def test_an_attribute_of_ones_own_and_what_is_wrong_with_it(vectors, tmp_path):
    own = tmp_path / "kin.json"
    own.write_text(json.dumps({"name": "kin", "pairs": [["mother", "father"], ["aunt", "uncle"]]}))
    for path in (own, str(own)):
        assert selfsup.evaluate(vectors, bias=path).rows("bias_direction")[0]["attribute"] == "kin"
    with pytest.raises(OptionError, match="did you mean 'gender'"):
        selfsup.evaluate(vectors, bias="gendr")
    with pytest.raises(OptionError, match="is for analogies and similarity"):
        selfsup.evaluate(vectors, np.zeros((4, 2)), bias="gender")
    with pytest.raises(OptionError, match="bias='gender'"):
        selfsup.evaluate(vectors)
    with pytest.raises(DataError, match="at least 2 pairs"):
        selfsup.evaluate(WordVectors(["she", "he", "sea"], np.eye(3)), bias="gender")


def test_of_few_words_there_is_no_null_and_all_else_is_told():
    words = ["she", "he", "woman", "man", "nurse"]
    few = WordVectors(words, np.random.default_rng(0).normal(size=(5, 8)))
    table = direction_table(direction(few, [("she", "he"), ("woman", "man")]))
    assert table.rows[0]["chance"] is not None  # two pairs need four words
    table = direction_table(direction(few, [("she", "he"), ("woman", "man"), ("nurse", "he")]))
    assert (table.rows[0]["chance"], table.rows[0]["p"]) == (None, None)
    assert wrong(table) is None
    assert "too few words" in " ".join(look_of("bias_direction").lines(table))


def test_sides_follow_the_sign_of_the_direction(vectors):
    way = direction(vectors)
    first, second = sides(way)
    assert ("she" in first, "he" in second) == (True, True)
    other = sides(direction(vectors, positive="he"))
    assert other == (second, first)
    assert way.project(first).mean() > 0 > way.project(second).mean()


def test_before_and_after_stand_in_one_table(vectors):
    way, asked = direction(vectors), Asked(tests=read_tests("age"))
    table = before_and_after(vectors, WordVectors(vectors.words, vectors.unit, vectors.counts), way, asked)
    stages = [[row | {"stage": ""} for row in table.rows if row["stage"] == stage] for stage in ("before", "after")]
    assert stages[0] == stages[1]
    lines = look_of("bias").lines(table)
    assert lines[0].split()[:3] == ["bias", "before", "after"]
    assert len([line for line in lines if line.startswith("DirectBias")]) == 1


def test_scores_say_what_is_missing_of_a_list(vectors):
    words = ["nurse", "boss", "captain", "zzone"]
    for score in scores(vectors, direction(vectors), Asked(words)):
        assert score.value is not None
        assert ("zzone" in score.missing) == score.of.startswith("words"), score.measure


@pytest.mark.parametrize(
    ("given", "error", "said"),
    [
        ("agee", OptionError, "did you mean 'age'"),
        ({"X": ["a"]}, DataError, "X, Y, A, B"),
        (dict.fromkeys("XYAB", "flowers"), OptionError, "one long string"),
        ([["a"]], DataError, "X, Y, A, B"),
        ("none.json", DataError, "none.json"),
    ],
)
def test_tests_of_another_shape_are_errors(given, error, said):
    with pytest.raises(error, match=said):
        read_tests(given)


def test_tests_by_name_by_sets_and_all():
    assert read_tests(None) == list(lists.weat().values())
    assert read_tests("age") == read_tests(["age"]) == [lists.weat()["age"]]
    sets = {side: [side.lower()] for side in "XYAB"}
    (own,) = read_tests(sets | {"name": "mine", "x_name": "ex"})
    assert (own.name, own.X, own.x_name, own.y_name) == ("mine", ("x",), "ex", "Y")
    assert read_tests([own]) == [own]


def test_the_scores_of_a_run_are_kept_and_shown(vectors, tmp_path, capsys):
    words = [word for pair in direction(vectors).about.pairs for word in pair]
    jobs = [one.word for one in lists.occupations() if "_" not in one.word][:60]
    rng = np.random.default_rng(0)
    text = tmp_path / "t.txt"
    lines = (" ".join([*rng.choice(words, 4), *rng.choice(jobs, 4)]).lower() for _ in range(300))
    text.write_text("\n".join(lines))
    folder = tmp_path / "run"
    selfsup.fit(
        text, "skipgram", out=folder, dim=12, epochs=1, min_count=1, sample=0, threads=1, progress=False, seed=0
    )
    assert main(["evaluate", str(folder), "--bias", "gender"]) == 0
    out = capsys.readouterr().out
    assert "kept in" in out
    assert CAUTION in out
    kept = json.loads((folder / "evaluation.json").read_text())["tables"]
    assert set(TAKEN) <= set(kept)
    for name in ("report.html", "README.md"):
        shown = (folder / name).read_text(encoding="utf-8")
        assert CAUTION.split(";")[0] in shown
        assert "DirectBias" in shown
    assert main(["evaluate", str(folder), "--bias", "religon"]) == 2
    assert "religion" in capsys.readouterr().err


# The room


def test_every_public_name_is_there_and_is_what_it_says():
    from selfsup import bias

    assert selfsup.bias is bias
    for name in bias.__all__:
        assert getattr(bias, name) is getattr(bias, name)
        assert callable(getattr(bias, name)) or name.isupper()
    listed = {name for names in bias._HOMES.values() for name in names.split()}
    assert listed == set(bias.__all__) == set(dir(bias))
    with pytest.raises(AttributeError, match="no attribute 'harddebias'"):
        _ = bias.harddebias


@pytest.mark.parametrize(
    ("code", "unwanted"),
    [
        ("import selfsup.bias", {"torch", "sklearn", "scipy", "numpy", "pandas"}),
        ("import selfsup; selfsup.bias", {"torch", "sklearn", "scipy", "numpy", "pandas"}),
        ("import selfsup; [getattr(selfsup.bias, name) for name in selfsup.bias.__all__]", {"torch", "sklearn", "numba"}),
        ("from selfsup.bias.reporting import caution; from selfsup.bias import caution as c; assert c is caution", {"torch"}),
    ],
)  # fmt: skip
def test_names_load_only_what_they_need(code, unwanted):
    told = f"import sys; {code}; loaded = {unwanted!r} & set(sys.modules); assert not loaded, loaded"
    done = subprocess.run([sys.executable, "-c", told], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr.strip().splitlines()[-1]


def test_a_table_of_a_users_own_keeps_its_plain_look():
    assert look_of("bias_of_mine").columns == ()
    assert wrong(Table("bias_of_mine", [{"a": [1]}]))


def test_a_frame_names_the_table_of_every_row():
    found = Evaluation(tables=[Table("bias", [{"stage": "before", "measure": "WEAT", "value": 1.5}])])
    frame = found.to_pandas()
    assert (frame["measure"].tolist(), frame["score"].tolist()) == (["bias"], ["WEAT"])

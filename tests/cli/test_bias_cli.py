"""`selfsup bias`: what it prints and writes, the order of its words, and bad input as a sentence."""

import csv
import io
import json
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from biased import SHE, biased_vectors
from selfsup.bias import CAUTION, Transform, direct_bias, direction, extremes, indirect_bias, ratings, sc_weat, weat
from selfsup.bias.reducing import REDUCERS
from selfsup.cli.bias import VERBS
from selfsup.cli.bias.debias import Method
from selfsup.cli.bias.order import NAMES, in_order
from selfsup.cli.main import main
from selfsup.cli.parser import UsageError
from selfsup.measures.words.bias.evidence import sides
from selfsup.words import WordVectors
from selfsup.words.bias import lists

FILE = "v.safetensors"


@pytest.fixture(scope="module")
def vectors():
    return biased_vectors()


@pytest.fixture
def here(vectors, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    vectors.save(FILE)
    return tmp_path


@pytest.fixture
def few(vectors, here):
    """Vectors of 500 words, for verbs that measure everything twice."""
    gender = [word for pair in direction(vectors).about.pairs for word in pair]
    words = list(dict.fromkeys([*gender, *(one.word for one in lists.occupations()), *vectors.words]))[:700]
    WordVectors(words, vectors.vectors_of(words)).save("few.safetensors")
    return "few.safetensors"


def run(capsys, *words):
    """Exit code, standard output and standard error of a command."""
    code = main(["bias", *map(str, words)])
    return code, *capsys.readouterr()


# The order of the words


@pytest.mark.parametrize(
    ("words", "verb", "rest"),
    [
        (["v", "measure", "--seed", "1"], "measure", ["v", "--seed", "1"]),
        (["measure", "v"], "measure", ["v"]),
        (["measure", "measure"], "measure", ["measure"]),  # a file of that name
        (["measure", "--help"], "measure", ["--help"]),
        (["v"], "extremes", ["v"]),
        (["v", "-n", "3"], "extremes", ["v", "-n", "3"]),
        (["v", "--report", "a.html", "--seed", "2"], "report", ["v", "--out", "a.html", "--seed", "2"]),
        (["v", "--report=a.html"], "report", ["v", "--out=a.html"]),
    ],
)
def test_the_verb_stands_after_the_vectors(words, verb, rest):
    assert in_order(words) == (verb, rest)


def test_another_order_is_answered_with_the_right_one(capsys):
    with pytest.raises(UsageError, match="did you mean 'measure'"):
        in_order(["v", "mesure"])
    code, out, err = run(capsys, "--attribute", "gender", "extremes")
    assert (code, out) == (2, "")
    assert "selfsup bias VECTORS extremes" in err


def test_help_names_every_verb_and_each_says_what_it_takes(capsys):
    code, out, _ = run(capsys, "--help")
    assert code == 0
    assert all(f"VECTORS {name}" in out for name in NAMES)
    assert set(NAMES) == set(VERBS)
    code, _, err = run(capsys)
    assert code == 2
    assert "no word vectors" in err
    for name in NAMES:
        with pytest.raises(SystemExit) as done:
            run(capsys, "v", name, "--help")
        assert not done.value.code
        out = capsys.readouterr().out
        assert out.startswith(f"usage: selfsup bias VECTORS {name} [options]")
        assert "--pairs" in out


def test_the_methods_are_the_reducers():
    assert set(Method.__args__) == set(REDUCERS)


# What they say


def test_extremes_says_what_was_looked_at_and_lists_what_python_gives(vectors, here, capsys):
    code, out, err = run(capsys, FILE, "extremes", "-n", 5)
    assert (code, err) == (0, "")
    way = direction(vectors)
    found = extremes(vectors, way, n=5)
    text = " ".join(out.split())
    assert text.startswith("gender (binary, English")
    assert "10 of 10 pairs found" in text
    assert f"Share of the pairs' variance along it {way.share:.3f}; of as many pairs of random words" in text
    assert f"{found.found} of {found.asked} occupations compared" in text
    for word, projection in (*found.positive, *found.negative):
        assert f"{word} {projection:+.3f}" in text
    assert {word for word, _ in found.positive} <= set(SHE)
    assert out.rstrip().endswith(CAUTION)
    assert run(capsys, "extremes", FILE, "-n", 5)[1] == out
    assert run(capsys, FILE, "-n", 5)[1] == out


def test_extremes_as_files(vectors, here, capsys):
    code, out, _ = run(capsys, FILE, "extremes", "-n", 2, "--json")
    assert code == 0
    rows = json.loads(out)
    assert [(row["side"], row["rank"]) for row in rows] == [("she", 1), ("she", 2), ("he", 1), ("he", 2)]
    code, out, _ = run(capsys, FILE, "extremes", "-n", 2, "--out", "e.csv")
    assert code == 0
    assert out.rstrip().endswith("4 rows in e.csv")
    with open("e.csv", encoding="utf-8") as file:
        assert [row["word"] for row in csv.DictReader(file)] == [row["word"] for row in rows]
    assert run(capsys, FILE, "extremes", "--out", "e.csv")[0] == 1
    assert run(capsys, FILE, "extremes", "--out", "e.csv", "--overwrite")[0] == 0
    code, _, err = run(capsys, FILE, "extremes", "--out", "e.txt")
    assert code == 2
    assert ".csv" in err


def test_own_pairs_and_own_words(vectors, here, capsys):
    (here / "words.txt").write_text("nurse\nboss\nno_such_word\n")
    (here / "own.json").write_text(json.dumps({"name": "kin", "pairs": [["mother", "father"], ["aunt", "uncle"]]}))
    out = run(capsys, FILE, "--pairs", "she:he,woman:man", "--words", "words.txt")[1]
    assert "from he to she: 2 of 2 pairs found (she - he, woman - man)" in " ".join(out.split())
    assert "2 of 3 words compared" in out
    assert "no_such_word" in out
    assert "kin (binary), from father to mother" in run(capsys, FILE, "--attribute", "own.json")[1]
    assert run(capsys, FILE, "--pairs", "own.json")[1].startswith("kin")
    code, _, err = run(capsys, FILE, "--pairs", "she:he,woman")
    assert code == 2
    assert "she:he,woman:man; got 'woman'" in err
    code, _, err = run(capsys, FILE, "--pairs", "she:he", "--attribute", "religion")
    assert code == 2
    assert "give one of them" in err


def test_classes_alone_are_measured_along_the_first_two(vectors, here, capsys):
    sets = [list(one) for one in lists.bundled("religion")["classes"]]
    (here / "faith.json").write_text(json.dumps({"name": "faith", "classes": sets}))
    code, out, _ = run(capsys, FILE, "measure", "--attribute", "faith.json", "--weat", "age")
    assert code == 0
    assert f"{sets[0][0]} - {sets[0][1]}" in " ".join(out.split())
    assert "MAC" in out


def test_measure_gives_what_python_gives(vectors, here, capsys):
    test = lists.weat()["career_family"]
    (here / "own.json").write_text(json.dumps({side: list(getattr(test, side)) for side in "XYAB"}))
    (here / "shares.tsv").write_text("word\twomen\nnurse\t90\nboss\t20\nnanny\t95\ncaptain\t5\nlibrarian\t80\n")
    asked = ("--weat", "career_family,own.json", "--ratings", "shares.tsv", "--permutations", 500)
    code, out, err = run(capsys, FILE, "measure", *asked, "--json")
    assert (code, err) == (0, "")
    rows = {(row["measure"], row["of"].split(":")[0]): row for row in json.loads(out)}
    score = weat(vectors, test.X, test.Y, test.A, test.B, permutations=500)
    for name in ("career_family", "own"):
        row = rows["WEAT", name]
        assert (row["value"], row["p"]) == (score.effect, score.p)
        assert row["low"] < row["value"] < row["high"]
    assert rows["DirectBias", "occupations"]["value"] == direct_bias(vectors, direction(vectors)).value
    assert {"RIPA", "RND", "ECT", "MAC", "SAME"} <= {measure for measure, _ in rows}
    rated = next(row for (measure, _), row in rows.items() if "ratings" in measure)
    assert rated["value"] == ratings(vectors, direction(vectors), "shares.tsv").value > 0
    text = run(capsys, FILE, "measure", *asked)[1]
    assert "career_family: male names / female names" in text
    assert text.rstrip().endswith(CAUTION)
    assert run(capsys, FILE, "measure", *asked)[1] == text  # for the same seed


def test_single_words_pairs_of_words_and_generated_analogies(vectors, here, capsys):
    asked = ("--weat", "age", "--sc-weat", "nurse,boss,zzone", "--indirect", "nurse:nanny,boss", "--generated", 3)
    code, out, err = run(capsys, FILE, "measure", *asked, "--json")
    assert (code, err) == (0, "")
    rows = json.loads(out)
    way = direction(vectors)
    first, second = sides(way)
    single = [row for row in rows if row.get("measure") == "SC-WEAT"]
    assert [row["value"] for row in single[:2]] == [
        score.value for score in sc_weat(vectors, ["nurse", "boss"], first, second)
    ]
    assert (single[2]["value"], single[2]["missing"]) == (None, ["zzone"])
    owed = [row for row in rows if row["table"] == "bias_indirect"]
    assert owed[0]["beta"] == indirect_bias(vectors, way, ("nurse", "nanny")).beta
    assert {row["word"] for row in owed[1:]} == {"boss"}
    assert len([row for row in rows if row["table"] == "bias_analogies"]) == 3
    for name in ("m.csv", "m.parquet"):
        assert run(capsys, FILE, "measure", *asked, "--out", name)[0] == 0
    assert len(pd.read_parquet("m.parquet")) == len(pd.read_csv("m.csv")) == len(rows)
    code, _, err = run(capsys, FILE, "measure", "--indirect", "a:b:c")
    assert code == 2
    assert "softball:receptionist" in err


def test_sets_that_lost_words_are_withheld_and_named_unless_asked_for(vectors, here, capsys):
    test = lists.weat()["flowers_insects"]
    sets = {side: list(getattr(test, side)) for side in "XYAB"}
    (here / "own.json").write_text(json.dumps(sets | {"X": [*sets["X"][:4], "zzone", "zztwo"]}))
    row = json.loads(run(capsys, FILE, "measure", "--weat", "own.json", "--json")[1])[-1]
    assert row["value"] is None
    assert row["missing"] == ["zzone", "zztwo"]
    text = run(capsys, FILE, "measure", "--weat", "own.json")[1]
    assert "withheld" in text
    assert "'zzone', 'zztwo'" in text
    assert "--allow-missing" in text
    row = json.loads(run(capsys, FILE, "measure", "--weat", "own.json", "--json", "--allow-missing")[1])[-1]
    assert row["value"] is not None


def test_debias_shows_what_was_removed_left_and_lost_and_writes_both_files(vectors, few, here, capsys):
    (here / "pairs.tsv").write_text("nurse\tnanny\t9\nboss\tcaptain\t8\nnurse\tcaptain\t1\nboss\tnanny\t2\n")
    files = ("--out", "n.safetensors", "--transform", "t.safetensors", "--similarity", "pairs.tsv", "--weat", "age")
    code, out, err = run(capsys, few, "debias", *files)
    assert (code, err) == (0, "")
    head = out.index("before"), out.index("what is left"), out.index("what it cost"), out.index(CAUTION)
    assert list(head) == sorted(head)
    assert out.count(CAUTION) == 1
    assert "pairs.tsv" in out
    before, after = WordVectors.load(few), WordVectors.load("n.safetensors")
    assert list(after.words) == list(before.words)
    way = direction(before)
    neutral = [one.word for one in lists.occupations() if not one.specific and one.word in after][:50]
    assert np.abs(after.vectors_of(neutral) @ way.vector).max() < 1e-6
    assert np.array_equal(Transform.load("t.safetensors").apply(before).vectors, after.vectors)
    code, again, _ = run(capsys, few, "debias", "--apply", "t.safetensors", "--out", "m.safetensors", "--weat", "age")
    assert code == 0
    assert "hard: gender" in again.splitlines()[0]
    assert np.array_equal(WordVectors.load("m.safetensors").vectors, after.vectors)
    assert run(capsys, few, "debias", *files)[0] == 1  # both are there


def test_debias_as_json_and_without_a_file(few, here, capsys):
    code, out, _ = run(capsys, few, "debias", "--method", "leace", "--weat", "age", "--json")
    assert code == 0
    rows = json.loads(out)
    assert {"bias_direction", "bias", "bias_residual", "bias_cost"} == {row["table"] for row in rows}
    assert {row["stage"] for row in rows if row["table"] == "bias"} == {"before", "after"}
    assert [file.name for file in here.iterdir() if file.suffix == ".safetensors" and "leace" in file.name] == []


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["nowhere.bin"], 1, "nowhere.bin"),
        ([FILE, "extremes", "--words", "ocupations"], 2, "did you mean 'occupations'"),
        ([FILE, "extremes", "--attribute", "gendr"], 2, "did you mean 'gender'"),
        ([FILE, "extremes", "--pairs", "she:he,qq1:qq2,qq3:man"], 1, "qq1"),
        ([FILE, "extremes", "-n", "0"], 2, "at least 1"),
        ([FILE, "extremes", "extra"], 2, "one word too many"),
        ([FILE, "measure", "--weat", "carer_family"], 2, "did you mean 'career_family'"),
        ([FILE, "measure", "--weat", "list.json"], 1, "X, Y, A, B"),
        ([FILE, "measure", "--weat", "text.json"], 2, "one long string"),
        ([FILE, "measure", "--ratings", "nowhere.tsv"], 1, "nowhere.tsv"),
        ([FILE, "measure", "--attribute", "list.json"], 2, "pairs"),
        ([FILE, "debias", "--method", "hrad"], 2, "did you mean 'hard'"),
        ([FILE, "debias", "--tuning", "1"], 2, "'hard' has no option 'tuning'"),
        ([FILE, "debias", "--apply", FILE], 1, FILE),
        ([FILE, "debias", "--apply", "t.safetensors", "--method", "hard"], 2, "--apply does what its file says"),
        ([FILE, "debias", "--out", FILE], 1, "exists"),
        ([FILE, "debias", "--out", "n.html"], 2, "n.html"),
        ([FILE, "debias", "--out", "n.bin", "--similarity", "none.tsv"], 1, "none.tsv"),
        ([FILE, "debias", "--out", "n.safetensors", "--transform", "n.safetensors"], 2, "two files"),
        ([FILE, "report", "--out", "there.html"], 1, "exists"),
        ([FILE, "report", "--analogies", "none.txt"], 1, "none.txt"),
    ],
)
def test_bad_input_is_a_sentence(here, capsys, words, code, said):
    (here / "list.json").write_text('["she", "he"]')
    (here / "text.json").write_text('{"X": "flowers", "Y": ["a"], "A": ["b"], "B": ["c"]}')
    (here / "there.html").write_text("mine")
    before = sorted(here.iterdir())
    got, out, err = run(capsys, *words)
    assert (got, out) == (code, ""), err
    assert said in err
    assert "Traceback" not in err
    assert err.startswith("selfsup: ")
    assert sorted(here.iterdir()) == before


def test_the_report_is_one_page(few, here, capsys):
    code, out, err = run(capsys, few, "--report", "bias.html", "--weat", "age")
    assert (code, err) == (0, "")
    assert out == "the page is in bias.html\n"
    page = (here / "bias.html").read_text(encoding="utf-8")
    assert CAUTION in page
    assert few in page
    assert "<script" not in page


def test_the_verbs_need_no_torch(here):
    code = (
        "import sys; from selfsup.cli.main import main; "
        f"assert main(['bias', '{FILE}', '-n', '2']) == 0; assert 'torch' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "extreme she" in io.StringIO(done.stdout).read()

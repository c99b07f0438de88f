"""`selfsup words`: what one asks word vectors on the command line, and bad input as a sentence."""

import csv
import io
import itertools
import json
import subprocess
import sys

import numpy as np
import pytest

from selfsup.cli.main import main
from selfsup.cli.words import VERBS
from selfsup.words import WordVectors

PLACES = ["Athens", "Oslo", "Rome", "Paris"]
LANDS = ["Greece", "Norway", "Italy", "France"]
WORDS = [*PLACES, *LANDS, "the", "=sum", "New York"]


@pytest.fixture(scope="module")
def vectors():
    """Countries are their capitals and one direction more; other words are anywhere."""
    rng = np.random.default_rng(0)
    capitals = rng.normal(size=(4, 12))
    rest = rng.normal(size=(3, 12))
    rows = np.concatenate([capitals, capitals + 3 * rng.normal(size=12), rest])
    return WordVectors(WORDS, rows, np.arange(len(WORDS), 0, -1))


@pytest.fixture
def file(vectors, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    vectors.save("v.safetensors")
    return "v.safetensors"


def run(capsys, *words):
    """Exit code, standard output and standard error of a command."""
    code = main(["words", *map(str, words)])
    return code, *capsys.readouterr()


def test_nearest_lists_what_python_gives(vectors, file, capsys):
    code, out, err = run(capsys, "nearest", file, "Athens", "-k", 3, "Oslo")
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[0] == "Athens: the 3 nearest of 11 words"
    assert [line.split() for line in lines[1:4]] == [
        [f"{cosine:.4f}", *word.split()] for word, cosine in vectors.most_similar("Athens", 3)
    ]
    assert lines[4].startswith("Oslo: the 3 nearest")
    code, out, _ = run(capsys, "nearest", file, "--positive", "Oslo,Greece", "--negative", "Athens", "--json")
    found = json.loads(out)
    expected = vectors.most_similar(positive=["Oslo", "Greece"], negative=["Athens"])
    assert [(row["word"], row["rank"]) for row in found] == [(word, n) for n, (word, _) in enumerate(expected, 1)]
    assert {row["query"] for row in found} == {"Oslo + Greece - Athens"}
    assert (
        run(capsys, "nearest", file, "--positive", "Oslo", "--positive", "Greece", "--negative", "Athens", "--json")[1]
        == out
    )


def test_nearest_among_some(file, capsys):
    with open("some.txt", "w", encoding="utf-8") as some:
        some.write("Rome\nNew York\n\nnobody\nRome\n")
    code, out, err = run(capsys, "nearest", file, "Athens", "--among", "some.txt")
    assert code == 0
    assert out.startswith("Athens: the 2 nearest of the 2 words of the list\n")
    assert err == "selfsup: 1 of the 3 words of some.txt have no vector: nobody\n"
    assert "of the 5 most frequent words" in run(capsys, "nearest", file, "Athens", "--restrict", 5)[1]
    with open("none.txt", "w", encoding="utf-8") as none:
        none.write("nobody\n")
    code, out, err = run(capsys, "nearest", file, "Athens", "--among", "none.txt")
    assert (code, out) == (1, "")
    assert "none of the 1 words of none.txt has a vector, not even 'nobody'" in err


def test_answers_as_files(file, capsys):
    for name in ("a.csv", "a.json", "a.parquet"):
        code, out, _ = run(capsys, "nearest", file, "the", "-k", 10, "--out", name)
        assert code == 0
        assert out.endswith(f"10 rows in {name}\n")
    with open("a.csv", encoding="utf-8") as made:
        rows = list(csv.DictReader(made))
    with open("a.json", encoding="utf-8") as made:
        same = json.load(made)
    assert [row["word"].lstrip("'") for row in rows] == [row["word"] for row in same]
    assert "'=sum" in [row["word"] for row in rows], "no formula in a spreadsheet"
    assert run(capsys, "nearest", file, "the", "--out", "a.csv")[0] == 1
    assert run(capsys, "nearest", file, "the", "--out", "a.csv", "--overwrite")[0] == 0
    assert run(capsys, "nearest", file, "the", "--out", "a.txt")[0] == 2


def test_an_analogy_says_whether_its_own_words_may_answer(vectors, file, capsys):
    _, out, _ = run(capsys, "analogy", file, "Athens", "Greece", "Oslo", "-k", 5)
    lines = out.splitlines()
    assert (
        lines[0] == "Athens is to Greece as Oslo is to (3CosAdd, of 11 words; the words of the question are left out)"
    )
    assert lines[1].split()[1] == "Norway"
    assert len(lines) == 7
    assert lines[6].startswith("left out, and would stand there: ")
    assert "Greece" in lines[6]
    _, out, _ = run(capsys, "analogy", file, "Athens", "Greece", "Oslo", "--unrestricted", "--method", "mul", "--json")
    rows = json.loads(out)
    assert len(rows) == 5
    assert {row["word"] for row in rows if row["of the question"]} == {"Greece", "Oslo"} & {row["word"] for row in rows}
    expected = vectors.analogy("Athens", "Greece", "Oslo", k=5, method="mul", exclude_query=False)
    assert [row["word"] for row in rows] == [word for word, _ in expected]


def test_the_odd_one_out(file, capsys):
    code, out, _ = run(capsys, "odd-one-out", file, "Greece", "Norway", "Athens", "Italy", "Italy")
    assert code == 0
    assert out.startswith("Athens is the odd one out; cosines with the mean of all 4:")
    assert len(out.splitlines()) == 5
    rows = json.loads(run(capsys, "odd-one-out", file, "Greece", "Norway", "Athens", "--json")[1])
    assert [row["word"] for row in rows if row["odd"]] == [rows[0]["word"]]
    assert run(capsys, "odd-one-out", file, "Greece", "Greece", "Norway")[0] == 2


def test_convert_and_back(vectors, file, capsys):
    code, out, err = run(capsys, "convert", file, "v.bin", "--among", _list("Athens", "Oslo", "nobody"))
    assert code == 0
    assert out.startswith("2 words of 12 values in v.bin (")
    assert "1 of the 3 words of list.txt have no vector" in err
    assert "v.bin has no room for counts, which v.safetensors has" in err
    part = WordVectors.load("v.bin")
    assert list(part.words) == ["Athens", "Oslo"]
    np.testing.assert_array_equal(part.vectors, vectors.vectors[:2])
    assert run(capsys, "convert", file, "half.safetensors", "--dtype", "float16", "--limit", 5)[0] == 0
    half = WordVectors.load("half.safetensors")
    assert half.vectors.dtype == np.float16
    assert list(half.words) == WORDS[:5]
    assert run(capsys, "convert", file, "folder")[0] == 0
    assert run(capsys, "convert", "folder", "again.safetensors")[0] == 0
    np.testing.assert_array_equal(WordVectors.load("again.safetensors").counts, vectors.counts)
    code, out, err = run(capsys, "convert", file, "folder")
    assert (code, out) == (1, "")
    assert "folder exists" in err
    assert run(capsys, "convert", file, "folder", "--overwrite")[0] == 0
    code, _, err = run(capsys, "convert", file, "v.txt")
    assert code == 1
    assert "'New York' cannot be written" in err


def _list(*words):
    with open("list.txt", "w", encoding="utf-8") as made:
        made.write("\n".join(words))
    return "list.txt"


def test_info(vectors, file, capsys):
    code, out, _ = run(capsys, "info", file)
    assert code == 0
    lengths = np.linalg.norm(vectors.vectors, axis=1)
    assert "(safetensors, " in out
    assert "11: Athens, Oslo, Rome, Paris, Greece, ..." in out
    assert "12 values of float32" in out
    assert "66 in all, the most frequent first" in out
    assert (
        f"{lengths.min():.4g} to {lengths.max():.4g}, median {np.median(lengths):.4g}; 0 of zeros, 0 not finite" in out
    )
    with open("twice.txt", "w", encoding="utf-8") as made:
        made.write("a 1 0\nb 0 1\na 1 1\nc 0 0\n")
    (facts,) = json.loads(run(capsys, "info", "twice.txt", "--json")[1])
    assert (facts["words"], facts["dimensions"], facts["format"], facts["zero vectors"]) == (3, 2, "text", 1)
    assert "repeat a word ('a' is the first)" in facts["notes"]
    code, out, err = run(capsys, "info", "twice.txt")
    assert "note     " in out
    assert err == ""


def test_several_vectors_are_measured_side_by_side(vectors, file, capsys):
    WordVectors(WORDS[:8], vectors.vectors[:8]).save("small.bin")
    with open("q.txt", "w", encoding="utf-8") as made:
        pairs = list(itertools.permutations(zip(PLACES, LANDS, strict=True), 2))
        made.write(": lands\n" + "".join(f"{' '.join(one)} {' '.join(other)}\n" for one, other in pairs))
    for name, pairs in (("p.tsv", "Athens\tthe\t1\n"), ("r.tsv", "")):
        with open(name, "w", encoding="utf-8") as made:
            made.write(pairs + "".join(f"{PLACES[n]}\t\t{LANDS[n]}\t\t{n}\n" for n in range(4)))
    code, out, _ = run(capsys, "evaluate", file, "small.bin", "--analogies", "q.txt", "--similarity", "p.tsv", "r.tsv")
    assert code == 0
    lines = out.splitlines()
    assert lines[0].split() == ["v.safetensors", "small.bin", "covered"]
    assert [line for line in lines if line and not line.startswith(" ")][:3] == ["q.txt", "p.tsv", "r.tsv"]
    assert "100.00 ± " in out
    assert "12 of 12" in out
    assert "see --common" in out
    rows = json.loads(run(capsys, "evaluate", file, "small.bin", "--similarity", "p.tsv", "--json")[1])
    assert [(row["vectors"], row["covered"], row["asked"]) for row in rows] == [
        ("v.safetensors", 5, 5),
        ("small.bin", 4, 5),
    ]
    _, out, _ = run(capsys, "evaluate", file, "small.bin", "--similarity", "p.tsv", "--common", "--out", "s.csv")
    assert "see --common" not in out
    with open("s.csv", encoding="utf-8") as made:
        assert [row["covered"] for row in csv.DictReader(io.StringIO(made.read()))] == ["4", "4"]
    assert run(capsys, "evaluate", file)[0] == 2


def test_selfsup_evaluate_takes_several_files_and_harmless_flags(vectors, file, capsys):
    for name in ("one.tsv", "two.tsv"):
        with open(name, "w", encoding="utf-8") as made:
            made.write("Athens\tGreece\t1\nOslo\tNorway\t2\nRome\tItaly\t3\nRome\tthe\t0\n")
    words = ["evaluate", file, "--similarity", "one.tsv", "--similarity", "two.tsv", "--no-progress", "--seed", "4"]
    assert main([*words, "--out", "found.json"]) == 0
    out = capsys.readouterr().out
    assert "one.tsv" in out
    assert "two.tsv" in out
    with open("found.json", encoding="utf-8") as made:
        assert [row["file"] for row in json.load(made)["tables"]["similarity"]] == ["one.tsv", "two.tsv"]
    vectors.save("folder")
    assert main(["evaluate", "folder", "--similarity", "one.tsv"]) == 0, "a folder of vectors alone is no run"


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ([], 2, "no verb was given"),
        (["nearst"], 2, "did you mean 'nearest'?"),
        (["nearest"], 2, "missing: file"),
        (["nearest", "v.safetensors"], 2, "give words, or --positive and --negative"),
        (["nearest", "v.safetensors", "Athens", "--positive", "Oslo"], 2, "give words, or --positive"),
        (["nearest", "v.safetensors", "Athen"], 1, "did you mean 'Athens'?"),
        (["nearest", "v.safetensors", "Athens", "-k", "0"], 2, "at least 1"),
        (["nearest", "v.safetensors", "Athens", "--positiv", "a"], 2, "did you mean '--positive'?"),
        (["nearest", "none.bin", "Athens"], 1, "none.bin"),
        (["nearest", "broken.bin", "Athens"], 1, "broken.bin"),
        (["analogy", "v.safetensors", "Athens", "Greece"], 2, "missing: c"),
        (["analogy", "v.safetensors", "Athens", "Greece", "Osl"], 1, "did you mean 'Oslo'?"),
        (["analogy", "v.safetensors", "Athens", "Greece", "Oslo", "--method", "plus"], 2, "one of 'add', 'mul'"),
        (["odd-one-out", "v.safetensors", "Athens", "Greece", "Osl"], 1, "did you mean 'Oslo'?"),
        (["convert", "v.safetensors", "x.doc"], 2, "x.doc"),
        (["convert", "broken.bin", "x.bin"], 1, "broken.bin"),
        (["info", "none.bin"], 1, "none.bin"),
        (["info", "empty.txt"], 1, "is empty"),
        (["evaluate", "v.safetensors", "--similarity", "none.tsv"], 1, "none.tsv"),
        (["evaluate", "--similarity", "none.tsv", "v.safetensors"], 2, "missing: files (before the options)"),
        (["evaluate", "v.safetensors", "--similarity", "broken.bin"], 1, "broken.bin"),
        (["evaluate", "v.safetensors", "none.bin", "--similarity", "none.tsv"], 1, "none."),
    ],
)  # fmt: skip
def test_bad_input_is_a_sentence(file, capsys, words, code, said):
    with open("broken.bin", "wb") as made:
        made.write(b"3 4\nabc \x00\x00\x80?\x00\x00")
    open("empty.txt", "w", encoding="utf-8").close()
    got, out, err = run(capsys, *words)
    assert (got, out) == (code, "")
    assert err.startswith("selfsup: ")
    assert said.lower() in err.lower()
    assert "unexpected" not in err
    assert "Traceback" not in err


def test_help_of_every_verb(capsys):
    assert run(capsys, "--help")[1].startswith("selfsup words: ")
    for verb in VERBS:
        with pytest.raises(SystemExit) as left:
            main(["words", verb, "--help"])
        out = capsys.readouterr().out
        assert left.value.code == 0
        assert out.startswith(f"usage: selfsup words {verb} ")
        assert "(default ())" not in out


def test_control_characters_of_words_do_not_reach_the_terminal(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    WordVectors(["a", "b\x1b[2J", "c\nd"], np.eye(3) + 0.1).save("odd")
    code, out, _ = run(capsys, "nearest", "odd", "a")
    assert code == 0
    assert "\x1b" not in out
    assert "c\\nd" in out


def test_asking_needs_neither_torch_nor_pandas(file):
    code = (
        "import sys; from selfsup.cli.main import main; main(sys.argv[1:]); "
        "print([m for m in ('torch', 'numba', 'pandas', 'scipy', 'sklearn', 'pyarrow') if m in sys.modules])"
    )
    command = [sys.executable, "-c", code, "words", "nearest", file, "Athens"]
    told = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    assert told.splitlines()[-1] == "[]"

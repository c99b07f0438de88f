"""Files of questions as they are published, several at once, and the error beside each score."""

import json
import math

import numpy as np
import pytest
import scipy.stats

import selfsup
from selfsup.errors import DataError, OptionError
from selfsup.measures.table import Table, wrong
from selfsup.measures.words import analogies, similarity
from selfsup.measures.words.analogies import error_of_share
from selfsup.measures.words.evidence import left_out
from selfsup.measures.words.files import listed, named_apart
from selfsup.measures.words.neighbours import neighbours
from selfsup.measures.words.pairs import read_pairs
from selfsup.measures.words.side import names_of, scores, side_by_side
from selfsup.measures.words.similarity import error_of_rank, ranks
from selfsup.measures.words.verdict import measured_nothing, telling
from selfsup.words import WordVectors

WORDS = ["cord", "smile", "cushion", "pillow", "car", "automobile", "Sun", "sunlight"]
PAIRS = [("cord", "smile", 0.02), ("cushion", "pillow", 3.84), ("automobile", "car", 3.92)]
PUBLISHED = {  # layout of a pair, what stands above, and the heading of the judgement
    "RG-65, double tabs": ("{}\t\t{}\t\t{}", "", ""),
    "RG-65, semicolons": ("{};{};{}", "", ""),
    "WordSim-353, csv": ("{},{},{}", "Word 1,Word 2,Human (mean)\n", "Human (mean)"),
    "WordSim-353, set 1": ("{}\t{}\t{}\t9\t1", "Word 1\tWord 2\tHuman (mean)\t1\t2\n", "Human (mean)"),
    "SimLex-999": ("{}\t{}\tN\t{}\t5\t1", "word1\tword2\tPOS\tSimLex999\tconc(w1)\tSD\n", "SimLex999"),
    "SimVerb-3500": ("{}\t{}\tV\t{}\tSYNONYMS", "", ""),
    "MEN": ("{} {} {}", "", ""),
    "MEN, lemmas": ("{}-n {}-v {}", "", ""),
    "RareWords": ("{}\t{}\t{}\t6\t10\t6", "", ""),
    "quoted, of Windows": ('"{}","{}","{}"\r', '# licence\r\n"w1","w2","score"\r\n\r\n', "score"),
}


def some(words, dim=8, seed=0) -> WordVectors:
    return WordVectors(words, np.random.default_rng(seed).normal(size=(len(words), dim)))


@pytest.mark.parametrize("name", PUBLISHED)
def test_pairs_as_they_are_published(tmp_path, name):
    layout, above, judgement = PUBLISHED[name]
    path = tmp_path / "pairs.txt"
    path.write_bytes((above + "\n".join(layout.format(*pair) for pair in PAIRS) + "\n").encode())
    source, found, heading = read_pairs(path)
    assert source == str(path)
    assert found == PAIRS
    assert heading == judgement
    assert similarity(some(WORDS), path).judgement == judgement


def test_the_judgement_is_one_column_of_the_whole_file():
    lines = ["w1\tw2\tPOS\tscore\tother", "a\tb\tN\t1\t7", "b\tc\tV\t\t8", "c\td\tN\t3\t9"]
    with pytest.raises(DataError, match="line 3: two words and a number expected"):
        read_pairs(lines)  # and not the 8 of another column


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (["1\ttiger\tcat\t7.3", "2\tlove\tsex\t6.8"], "the first column holds numbers"),
        ([",word1,word2,score", "0,cord,smile,0.02", "1,car,sun,3"], "the first column holds numbers"),
        (["w1\tw2\tscore"], "has no pairs"),
        (["w1\tw2\tscore", "a\tb"], "line 2"),
        (["a,b,1", ",c,2"], "line 2"),
    ],
)
def test_files_that_are_no_pairs_are_refused(lines, words):
    with pytest.raises(DataError, match=words):
        read_pairs(lines)


def test_a_pair_that_stands_there_twice_counts_twice():
    once, twice = ["a b 1", "b c 2", "c d 3"], ["a b 1", "b c 2", "c d 3", "b a 1.5"]
    vectors = some(["a", "b", "c", "d"])
    assert (similarity(vectors, once).covered, similarity(vectors, twice).covered) == (3, 4)


def test_ranks_are_scipys():
    values = np.random.default_rng(0).integers(0, 20, 100).astype(np.float32)
    np.testing.assert_array_equal(ranks(values), scipy.stats.rankdata(values))


def test_the_error_of_a_correlation_is_that_of_many_draws():
    """Spearman's correlations of samples of a normal distribution spread as the error says."""
    rng, n, rho = np.random.default_rng(0), 150, 0.6
    found = []
    for _ in range(300):
        x = rng.normal(size=n)
        found.append(scipy.stats.spearmanr(x, rho * x + math.sqrt(1 - rho**2) * rng.normal(size=n)).statistic)
    assert error_of_rank(float(np.mean(found)), n) == pytest.approx(np.std(found), rel=0.15)
    assert error_of_rank(None, 100) is None
    assert error_of_rank(0.5, 3) is None


def test_the_error_of_a_share_is_the_binomial_one_and_never_0():
    assert error_of_share(0.6, 10_000) == pytest.approx(math.sqrt(0.6 * 0.4 / 10_000), rel=1e-3)
    assert 0 < error_of_share(1, 3) < 0.2
    assert error_of_share(0, 0) is None


def test_questions_without_sections_of_grammar_are_not_called_semantic():
    """MSR's syntax, as it is passed on: four words a line and no sections, or sections of its own."""
    vectors = some(["good", "better", "rough", "rougher"])
    for lines in (["good better rough rougher"], [": JJ_JJR", "good better rough rougher"]):
        found = analogies(vectors, lines)
        assert [part.name for part in found.sums] == ["total"]
        assert found.semantic.asked == found.syntactic.asked == 0
        assert "semantic" not in str(found)


def test_each_answer_is_kept():
    capitals, step = np.random.default_rng(0).normal(size=(4, 30)), 2 * np.random.default_rng(1).normal(size=30)
    words = [f"City{n}" for n in range(4)] + [f"Land{n}" for n in range(4)]
    vectors = WordVectors(words, np.concatenate([capitals, capitals + step]))
    found = analogies(vectors, ["city0 land0 city1 land1", "city0 land0 nowhere land1", "city2 land2 city3 land0"])
    assert found.answers == ["Land1", None, "Land3"]
    assert [part.correct for part in found.sections] == [1]


@pytest.mark.parametrize("dtype", ["float16", "int8"])
def test_scores_of_quantised_vectors_are_those_of_their_rows(dtype):
    words = [f"w{n}" for n in range(60)]
    stored = some(words, 20).astype(dtype)
    plain = WordVectors(words, stored.rows(slice(None)))
    lines = [f"w{a} w{a + 1} w{a + 2} w{a + 3}" for a in range(50)]
    pairs = [f"w{a} w{59 - a} {a}" for a in range(25)]
    assert analogies(stored, lines).answers == analogies(plain, lines).answers
    assert similarity(stored, pairs).spearman == pytest.approx(similarity(plain, pairs).spearman, abs=1e-6)


def questions(tmp_path):
    one, two = tmp_path / "one.tsv", tmp_path / "deep" / "one.tsv"
    two.parent.mkdir()
    one.write_text("a\tb\t1\nb\tc\t2\nc\td\t3\nd\te\t4\n")
    two.write_text("a\tb\t4\nb\tc\t3\nc\td\t2\nd\te\t1\n")
    asked = tmp_path / "q.txt"
    asked.write_text(": family\na b c d\n: gram1\nb c d e\n")
    return one, two, asked


def test_several_files_are_all_taken(tmp_path):
    one, two, asked = questions(tmp_path)
    vectors = some(list("abcdef"))
    found = selfsup.evaluate(vectors, similarity=[one, two, str(one)], analogies=asked)
    rows = found.rows("similarity")
    assert [row["file"] for row in rows] == [f"{tmp_path.name}/one.tsv", "deep/one.tsv"]
    assert rows[0]["spearman"] == pytest.approx(-rows[1]["spearman"])
    assert [row["section"] for row in found.rows("analogies")] == ["family", "gram1", "semantic", "syntactic", "total"]
    assert "one.tsv" in str(found)
    assert "±" in str(found)
    vectors.save(tmp_path / "vectors.bin")
    vectors.save(tmp_path / "vectors")
    for name in ("vectors.bin", "vectors"):
        again = selfsup.evaluate(tmp_path / name, similarity=str(one), seed=3, progress=False)
        assert again.rows("similarity")[0]["spearman"] == pytest.approx(rows[0]["spearman"], abs=1e-6)
    with pytest.raises(OptionError, match="nothing to measure"):
        selfsup.evaluate(vectors, similarity=[])


def test_names_of_files():
    assert listed(None) == listed(()) == []
    assert listed("a") == ["a"]
    assert listed(["a", "b", "a"]) == ["a", "b"]
    rows = named_apart([("x/f.txt", [{"file": "f.txt"}]), ("y/f.txt", [{"file": "f.txt"}]), ("y/g.txt", [{}])])
    assert [row["file"] for row in rows] == ["x/f.txt", "y/f.txt", "g.txt"]
    assert names_of(["x/a.bin", "y/a.bin", "y/b.bin/"]) == ["x/a.bin", "y/a.bin", "b.bin"]


def test_the_tables_of_one_run_are_whole(tmp_path):
    one, two, asked = questions(tmp_path)
    found = selfsup.evaluate(some(list("abcdef")), similarity=(str(one), str(two)), analogies=str(asked))
    again = selfsup.measures.Evaluation.from_dict(json.loads(json.dumps(found.to_dict(), allow_nan=False)))
    assert all(wrong(table) is None for table in again.tables)
    assert str(again) == str(found)


def test_vectors_stand_side_by_side(tmp_path):
    one, _, asked = questions(tmp_path)
    rows = []
    for name, words in (("first.bin", "abcdef"), ("second.bin", "abcde"), ("third.bin", "abcd")):
        rows += [{"vectors": name, **row} for row in scores(some(list(words)), [str(asked)], [str(one)])]
    lines = side_by_side(rows)
    assert lines[0].split() == ["first.bin", "second.bin", "third.bin", "covered"]
    text = "\n".join(lines)
    assert "family" not in text
    assert "  semantic" in text
    assert "cover" in text
    assert "--common" in text
    assert "family" in "\n".join(side_by_side(rows, sections=True))
    same = side_by_side([row for row in rows if row["vectors"] != "third.bin"])
    assert "--common" not in "\n".join(same)
    assert sum(line.strip().startswith("covered") for line in same[1:]) == 0
    many = side_by_side(
        [{**row, "vectors": f"v{n}.bin"} for n in range(9) for row in rows if row["vectors"] == "first.bin"]
    )
    assert max(map(len, many)) <= 110
    assert sum("covered" in line for line in many) > 1


# The evidence on a run of words


def test_learnt_and_counted_neighbours_are_of_the_same_words():
    rng = np.random.default_rng(0)
    words = [f"word{chr(97 + n // 26)}{chr(97 + n % 26)}" for n in range(200)]
    vectors = WordVectors(words, rng.normal(size=(200, 10)), np.arange(200, 0, -1))
    table = neighbours(vectors, rng.normal(size=(50, 6)))
    assert table.rows
    for row in table.rows:
        own = vectors.most_similar(row["word"], 8, among=words[:50])
        assert [pair[0] for pair in row["model"]] == [pair[0] for pair in own]
        assert row["among"] == 50
        assert {name for side in ("model", "counts") for name, _ in row[side]} <= set(words[:50])
        assert row["shared"] == len({name for name, _ in row["model"]} & {name for name, _ in row["counts"]})
    from selfsup.measures.words.neighbours import beside

    assert beside(table)[0] == "nearest words of the 50 most frequent, and by counting alone"
    earlier = Table.of("neighbours", [{key: row[key] for key in row if key != "among"} for row in table.rows])
    assert beside(earlier)[0] == "nearest words, and by counting alone"


HEALTH = {"gap": 0.25, "gap_start": 0.26, "gap_sd": 0.0, "loss": 2.6, "loss_start": 2.7, "shuffled": 2.87}


def test_a_warm_start_is_not_told_that_other_words_guess_as_well():
    """Nothing was gained, but a word's own vector does say what stands around it: both are said as they are."""
    said = telling(1000, "", held_out=True)("as before", HEALTH | {"spread": 1.0, "rank": 9.0, "width": 10})
    assert "guesses as well" not in said
    assert "no more of what stands around it than before training (gap 0.25, it was 0.26)" in said


def test_where_nothing_was_there_to_guess_no_loss_is_told():
    nothing = dict.fromkeys(("gap", "gap_start", "gap_sd", "loss", "loss_start", "shuffled"), 0.0)
    assert measured_nothing(nothing)
    assert not measured_nothing(HEALTH)
    said = telling(166, "", held_out=False)("idle", nothing)
    assert "nothing could be measured" in said
    assert "went from" not in said
    assert left_out(900, 1000) == []
    assert left_out(166, 523) == [
        "357 of 523 words of the text are too rare for a vector: a lower min_count takes them in"
    ]

"""Analogies and word similarity: equal to plain loops that follow the papers, and to figures that gensim 4.4 gave."""

import json

import numpy as np
import pytest
import scipy.stats

from selfsup.errors import DataError, OptionError
from selfsup.measures.table import wrong
from selfsup.measures.words import analogies, similarity
from selfsup.words import WordVectors

EPSILON = 1e-3


def some(words: list[str], dim=6, seed=0) -> WordVectors:
    return WordVectors(words, np.random.default_rng(seed).normal(size=(len(words), dim)))


def plain(
    vectors: WordVectors, questions: list[tuple[str, ...]], restrict: int | None, method: str, fold: bool
) -> list[bool | None]:
    """One question after the other, as gensim's ``evaluate_word_analogies`` does it; None where a word is not known."""
    words = vectors.words[:restrict]
    unit = vectors.vectors[:restrict].astype(np.float64)
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    same = str.upper if fold else str
    known = {same(word): row for row, word in reversed(list(enumerate(words)))}
    found: list[bool | None] = []
    for question in questions:
        a, b, c, d = map(same, question)
        if any(word not in known for word in (a, b, c, d)):
            found.append(None)
            continue
        u, v, w = (unit @ unit[known[word]] for word in (a, b, c))
        scores = v - u + w if method == "add" else (1 + v) / 2 * (1 + w) / 2 / ((1 + u) / 2 + EPSILON)
        best = max((row for row in range(len(words)) if same(words[row]) not in (a, b, c)), key=lambda row: scores[row])
        found.append(same(words[best]) == d)
    return found


def lines(questions: list[tuple[str, ...]]) -> list[str]:
    return [": one", *map(" ".join, questions[:100]), ": gram two", *map(" ".join, questions[100:])]


@pytest.mark.parametrize("method", ["add", "mul"])
@pytest.mark.parametrize("restrict", [None, 25, 1000])
@pytest.mark.parametrize("fold", [True, False])
@pytest.mark.parametrize("columns", [7, 1 << 15])
def test_analogies_are_the_plain_loop(monkeypatch, method, restrict, fold, columns):
    monkeypatch.setitem(analogies.__globals__, "COLUMNS", columns)
    rng = np.random.default_rng(3)
    names = [f"{head}{tail}" for head in "aAbBcC" for tail in ("x", "X", "y", "z", "w", "v")]
    vectors = some([names[row] for row in rng.permutation(len(names))], dim=3)
    questions = [tuple(rng.choice([*names, "unknown"], 4)) for _ in range(300)]
    expected = plain(vectors, questions, restrict, method, fold)
    scores = analogies(vectors, lines(questions), restrict=restrict, method=method, fold_case=fold)
    for section, part in zip(scores.sections, (expected[:100], expected[100:]), strict=True):
        assert section.correct == sum(1 for right in part if right)
        assert section.covered == sum(1 for right in part if right is not None)
        assert section.asked == len(part)
    assert scores.total.correct == scores.semantic.correct + scores.syntactic.correct > 0


def test_a_space_made_of_analogies():
    """Countries are their capitals plus one direction: all right; what breaks the rule is wrong."""
    rng = np.random.default_rng(0)
    capitals, step = rng.normal(size=(6, 40)), 2 * rng.normal(size=40)
    words = [f"city{n}" for n in range(6)] + [f"land{n}" for n in range(6)]
    vectors = WordVectors(words, np.concatenate([capitals, capitals + step]))
    questions = [f"city{a} land{a} city{b} land{b}" for a in range(6) for b in range(6) if a != b]
    for method in ("add", "mul"):
        scores = analogies(
            vectors, [": capitals", *questions, ": gram1-wrong", "city0 land0 city1 land2"], method=method
        )
        assert scores.semantic.accuracy == 1
        assert scores.syntactic.accuracy == 0
        assert scores.total.covered == 31


def test_a_word_in_another_case_may_neither_answer_for_itself_nor_be_refused():
    vectors = WordVectors(
        ["a", "b", "c", "C", "D", "d"],
        np.array([[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [-1, 1, 1, 0], [0.5, 0, 0, 1], [-1, 1, 0.9, 0]]),
    )  # b - a + c is C; after it d, which is D in another case
    question = ["A B C D"]
    assert analogies(vectors, question).total.correct == 1
    assert analogies(vectors, question, fold_case=False).total.covered == 0
    assert analogies(vectors, question, restrict=5).total.correct == 1
    assert analogies(vectors, question, restrict=4).total.covered == 0


def test_the_most_frequent_words_are_found_by_count():
    vectors = some(["rare", "a", "b", "c", "d"])
    vectors.counts = np.array([1, 5, 4, 3, 2])
    assert analogies(vectors, ["a b c d"], restrict=4).total.covered == 1
    assert analogies(vectors, ["a b c rare"], restrict=4).total.covered == 0


def test_scores_can_be_shown_and_kept():
    vectors = some(["a", "b", "c", "d"])
    scores = analogies(vectors, [": family", "a b c d", "b a d c", "a b c x", ": gram1-none", "x x x x"])
    text = str(scores)
    assert "3CosAdd, among the 30,000 most frequent words" in text
    assert text.splitlines()[2].split() == [
        "family",
        "100.00",
        "±",
        "16.67",
        "2",
        "3",
    ]  # only one word is left to answer with
    assert text.splitlines()[3].split() == ["gram1-none", "-", "0", "1"]
    assert text.splitlines()[-1].split() == ["total", "100.00", "±", "16.67", "2", "4"]
    table = scores.table()
    assert wrong(table) is None
    assert json.loads(json.dumps(table.rows, allow_nan=False)) == table.rows
    parts = {row["section"]: row for row in table.rows}
    assert list(parts) == ["family", "gram1-none", "semantic", "syntactic", "total"]
    assert [row["sum"] for row in table.rows] == [False, False, True, True, True]
    assert (parts["total"]["correct"], parts["total"]["covered"], parts["total"]["asked"]) == (2, 2, 4)
    assert parts["syntactic"]["accuracy"] is None
    alone = analogies(vectors, [": family", "a b c d"])
    assert "semantic" not in str(alone), "a file without sections of both kinds has only a total"
    assert [row["section"] for row in alone.table().rows] == ["family", "total"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b": only\n: names\n", "has no questions"),
        (b": a\na b c d\na b c\n", "line 3: ': section' or four words expected; got 'a b c'"),
        (b": a\na b c d\n\xff b c d\n", "line 3: byte 12 is not UTF-8"),
    ],
)
def test_faults_of_analogies(tmp_path, content, words):
    path = tmp_path / "questions.txt"
    path.write_bytes(content)
    with pytest.raises(DataError, match=words):
        analogies(some(["a", "b", "c", "d"]), path)


def test_faults_of_options():
    with pytest.raises(OptionError, match="did you mean 'mul'"):
        analogies(some(["a"]), ["a b c d"], method="mull")
    with pytest.raises(OptionError, match="restrict"):
        analogies(some(["a"]), ["a b c d"], restrict=0)
    with pytest.raises(DataError, match="cannot read"):
        analogies(some(["a"]), "no/such/file")


def test_comments_and_questions_without_a_section(tmp_path):
    path = tmp_path / "questions.txt"
    path.write_text("// a licence\na b c d\r\n\n: next\na b c d\n")
    scores = analogies(some(["a", "b", "c", "d"]), path)
    assert [(section.name, section.covered) for section in scores.sections] == [("questions", 1), ("next", 1)]


def test_the_files_of_google_and_wordsim(shared_data):
    folder = shared_data / "words"
    if not (folder / "questions-words.txt").is_file():
        pytest.skip(f"no {folder / 'questions-words.txt'}")
    vectors = WordVectors.load(folder / "google_news_347.txt")
    scores = analogies(vectors, folder / "questions-words.txt")
    assert len(scores.sections) == 14
    assert (scores.total.asked, scores.semantic.asked, scores.syntactic.asked) == (19544, 8869, 10675)
    assert similarity(vectors, folder / "wordsim353.tsv").asked == 353


# Similarity


def test_similarity_is_scipys(tmp_path):
    words = [f"w{row}" for row in range(40)]
    vectors = some(words)
    rng = np.random.default_rng(1)
    pairs = [(*rng.choice(words, 2), round(float(rng.uniform(0, 10)), 1)) for _ in range(60)]
    path = tmp_path / "pairs.tsv"
    path.write_text(
        "# a comment\nWord 1\tWord 2\tHuman\n"
        + "".join(f"{a.upper()}\t{b}\t{n}\n" for a, b, n in pairs)
        + "w1\tnone\t3\n"
    )
    scores = similarity(vectors, path)
    cosines = [vectors.similarity(a, b) for a, b, _ in pairs]
    judged = [n for _, _, n in pairs]
    assert scores.spearman == pytest.approx(scipy.stats.spearmanr(cosines, judged).statistic, abs=1e-6)
    assert scores.pearson == pytest.approx(scipy.stats.pearsonr(cosines, judged).statistic, abs=1e-6)
    assert (scores.covered, scores.asked) == (60, 61)
    assert str(scores).startswith(f"pairs.tsv: Spearman {scores.spearman:.4f} ± {scores.error:.4f}, Pearson")
    assert scores.table().rows[0]["spearman"] == scores.spearman
    assert similarity(vectors, path, fold_case=False).covered < 60
    assert similarity(vectors, path, restrict=20).covered < 60


@pytest.mark.parametrize(
    "text",
    [
        "a,b,1\nb,c,2\nc,d,3\n",
        "Word 1;Word 2;mean\na;b;1\nb;c;2\nc;d;3\n",
        "a b 1\nb c 2\n\n# more\nc d 3",
        "word1\tword2\tPOS\tscore\tmore\na\tb\tN\t1\t9\nb\tc\tV\t2\t8\nc\td\tA\t3\t7\n",
    ],
)
def test_layouts_of_pairs(text):
    scores = similarity(some(["a", "b", "c", "d"]), text.split("\n"))
    assert (scores.covered, scores.asked) == (3, 3)
    assert scores.spearman is not None
    assert scores.spearman == similarity(some(["a", "b", "c", "d"]), ["a b 1", "b c 2", "c d 3"]).spearman


def test_no_correlation_is_none():
    vectors = some(["a", "b", "c", "d"])
    (row,) = similarity(vectors, ["x y 1"]).table().rows
    assert row == {
        "file": "the lines given",
        "spearman": None,
        "pearson": None,
        "covered": 0,
        "asked": 1,
        "judgement": "",
    }
    assert similarity(vectors, ["a b 1", "b c 2"]).spearman is None
    assert similarity(vectors, ["a b 1", "b c 1", "c d 1"]).pearson is None
    assert "no correlation; 0 of 1 pairs" in str(similarity(vectors, ["x y 1"]))


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (["a b 1", "c d x"], "line 2: two words and a number expected; got 'c d x'"),
        (["one", "two", "a b 1"], "line 2"),
        (["a b"], "has no pairs"),
        ([], "has no pairs"),
        (["a b nan", "a b 1", "a b inf"], "line 3"),
    ],
)
def test_faults_of_pairs(rows, words):
    with pytest.raises(DataError, match=words):
        similarity(some(["a", "b", "c", "d"]), rows)

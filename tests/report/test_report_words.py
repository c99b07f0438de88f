"""The report and the card of word vectors: what stands in them, that strangers' words stay text, that they can be made anew."""

from __future__ import annotations

import itertools
import json

import numpy as np
import pytest

import selfsup
from selfsup import store
from selfsup.cli.main import main
from selfsup.cli.summary import summary
from selfsup.errors import RunError
from selfsup.report import card, page
from selfsup.report.say import word
from selfsup.report.sections import wordmap
from test_report_runs import EVIL, Reader, write

HOSTILE = [
    EVIL,
    '"><b onmouseover="x',
    "\u202eرفع",
    "łódź|`*_",
    "👩‍👩‍👧",
    "w" * 5_000,
    "\ud800",
    "a\x00b\nc",
    "{{ 7*7 }}",
    "&amp;",
]
QUIET = {"dim": 16, "min_count": 1, "sample": 0.0, "progress": False, "deterministic": True, "threads": 1}


def config(**more):
    return {
        "selfsup": "0.1.0",
        "method": "skipgram",
        "summary": "Predict the words around a word.",
        "options": {"dim": 16},
        "training": {"solver": "hogwild", "epochs": 3, "rows": 9_000, "heldout_rows": 90, "lr": 0.05},
        "seed": 0,
        "form": {"kind": "text", "shape": [1234]},
        "data": {
            "source": "corpus.txt",
            "rows": 9_090,
            "fingerprint": "a3",
            "classes": [],
            "description": "9,090 words",
        },
        "width": 16,
        "parameters": 39_488,
        "sees": "a word",
        "hides": "the words around a word",
        "words": True,
        "decodes": False,
        "notes": [],
        "seconds": 12.0,
        **more,
    }


def history():
    losses = zip((0, 0.5, 1.25, 3.0), (6.7, 5.0, 4.5, 4.2), strict=True)
    return [
        {"epoch": epoch, "heldout": loss, "gap": 6.7 - loss, "shuffled": 6.7, "samples_per_second": 1e6 * epoch}
        for epoch, loss in losses
    ]


def evaluation(names=("sea", "ship", "wave", "town"), scores=None, **more):
    places = np.random.default_rng(0).normal(size=(len(names), 2)).tolist()
    rows = [
        {
            "word": name, "rank": place + 1, "count": 1000 - place, "shared": 1,
            "model": [[other, 0.75] for other in names if other != name],
            "counts": [[other, 0.5] for other in names[:2] if other != name],
        }
        for place, name in enumerate(names)
    ]  # fmt: skip
    return {
        "verdict": {"kind": "learning", "sentence": "Learnt from 9,000 words.", "because": {"gap": 2.5}},
        "health": {
            "gap": 2.5, "rank": 12.3, "width": 16, "alike": 0.21, "first": 0.11, "frequency": 0.4, "short": 0.002, "unseen": 0.0,
            "neighbours": 8, "neighbours_shared": 2.25,
            "counted": 9000, "counted_words": 1234, "counted_contexts": 1234, "counted_window": 5,
        },
        "tables": {
            "neighbours": rows,
            "map": [{"word": name, "x": x, "y": y} for name, (x, y) in zip(names, places, strict=True)],
            **(scores or {}),
        },
        "notes": ["two random words have a cosine of 0.9"],
        **more,
    }  # fmt: skip


ANALOGIES = {"file": "questions.txt", "correct": 1, "asked": 10, "sum": True, "method": "add", "restrict": None}
SCORES = {
    "analogies": [
        ANALOGIES | {"section": "semantic", "covered": 3, "accuracy": 0.0},
        ANALOGIES | {"section": "total", "covered": 4, "accuracy": 0.25},
        ANALOGIES | {"section": "capitals", "covered": 400, "accuracy": 0.25, "sum": False},
    ],
    "similarity": [{"file": "pairs.tsv", "spearman": 0.4567, "pearson": 0.4, "covered": 104, "asked": 353}],
}


@pytest.fixture
def whole(tmp_path):
    return write(tmp_path / "run", config(), history(), evaluation(scores=SCORES))


def test_a_page_says_what_was_learnt_beside_what_counting_gives(whole):
    seen = Reader(page(whole))
    for said in (
        "Learnt from 9,000 words.", "Is it better than counting?", "agree on 2.2 of 8 neighbours", "9,000 words of the text",
        "1,234 words, vectors of 16 numbers", "25.0 ± 20.0 % right", "4 of 10", "questions.txt", "Spearman 0.457 ± 0.083",
        "104 of 353",
        "Map of the words", "Health of the vectors", "12.3 of 16", "Two random words have a cosine of 0.9.", "0.2 %",
        "Words a second",
    ):  # fmt: skip
        assert said in seen.words, said
    assert "semantic" not in seen.words, "of three questions"
    assert "capitals" not in seen.words, "a section is for evaluation.json"
    for other in ("sample", "random init", "raw input", "the net before", "labels"):
        assert other not in seen.words.lower().replace("most random", "")
    assert "held-out loss: 6.7 to 4.2" in seen.chart("Loss")
    tags = [tag for tag, _ in seen.elements]
    assert tags.count("svg") == 4
    assert tags.count("circle") == 4
    both = [attrs for tag, attrs in seen.elements if tag == "li" and attrs.get("class") == "both"]
    assert len(both) == 2 * (1 + 1 + 2 + 2)


def test_a_card_has_the_neighbours_and_nothing_of_images():
    text = card(config(), evaluation(scores=SCORES), history())
    assert "| sea | 1,000 | **ship** 0.75, wave 0.75, town 0.75 | **ship** 0.50 |" in text
    assert "| Similarity | Spearman 0.457 ± 0.083 | 104 of 353 | pairs.tsv |" in text
    assert 'model.most_similar("word")' in text
    assert "| Vocabulary | 1,234 words, vectors of 16 numbers |" in text
    for other in ("samples", "model.encode", "no labels were given", "random init"):
        assert other not in text
    assert "Not measured" in card(config(), None, history())


def test_words_of_a_stranger_stay_text(tmp_path):
    bad = evaluation(
        HOSTILE, {"similarity": [{"file": EVIL, "spearman": 0.5, "covered": EVIL, "asked": []}]}, notes=[EVIL]
    )
    # a lone surrogate can be in JSON, and nowhere else
    run = write(tmp_path / "run", config(), history())
    (run / store.EVALUATION).write_text(json.dumps(bad))
    text = page(run)
    store.write_text(tmp_path / "page.html", text)
    seen = Reader(text)
    tags = [tag for tag, _ in seen.elements]
    assert not {"img", "script", "b onmouseover"} & set(tags)
    assert not [attrs for _, attrs in seen.elements if any(name.startswith("on") for name in attrs)]
    assert EVIL in seen.words
    assert "{{ 7*7 }}" in seen.words
    assert "\u202e" not in text
    assert "w" * 100 not in text
    assert "👩‍👩‍👧" in text
    made = card(config(), json.loads(json.dumps(bad)), history())
    store.write_text(tmp_path / "README.md", made)
    assert "<img" not in made
    assert "łódź\\|\\`\\*" in made
    assert not [line for line in made.splitlines() if line.startswith("| ") and line.count(" | ") not in (1, 2, 3)]


@pytest.mark.parametrize(
    "odd",
    [
        {},
        {"tables": 3, "health": [], "notes": 1, "verdict": 4},
        {"tables": {"neighbours": [1, {"word": 3}, {"word": "a", "model": [["b"], ["c", "x"], [1, 2], "d"]}], "map": "abc"}},
        {"tables": {"map": [{"word": 3, "x": 1, "y": 2}, {"word": "a", "x": "b"}], "analogies": {"f": 3}}, "health": {"gap": ""}},
        {"tables": {"neighbours": {"word": "a"}, "similarity": [{}], "analogies": [{"sum": True}]}, "health": {"counted": {}}},
    ],
)  # fmt: skip
def test_what_is_missing_or_of_another_type_is_left_out(tmp_path, odd):
    seen = Reader(page(write(tmp_path / "run", config(), [], odd)))
    assert "skipgram" in seen.words
    assert "svg" not in [tag for tag, _ in seen.elements]
    assert card(config(), odd, []).startswith("---")


def test_a_run_without_evidence_says_so(tmp_path):
    seen = Reader(page(write(tmp_path / "run", config(), history())))
    assert "evaluate was off" in seen.words
    assert "Is it better than counting?" not in seen.words


def test_labels_of_a_map_never_meet_and_the_first_words_come_first():
    rng = np.random.default_rng(5)
    points = rng.normal(size=(300, 2)) * 120 + np.array([wordmap.WIDE, wordmap.HIGH]) / 2
    names = ["".join(rng.choice(list("abmW水"), rng.integers(2, 25))) for _ in range(300)]
    labels = wordmap.place(points, names)
    shown = [label for label in labels if label]
    assert 20 < len(shown) < 300
    assert not any(a.meets(b) for a, b in itertools.combinations(shown, 2))
    assert all(label.left >= 0 and label.right <= wordmap.WIDE and label.bottom <= wordmap.HIGH for label in shown)
    assert all(len(label.text) <= wordmap.LONGEST for label in shown)
    crowd = wordmap.place(np.full((9, 2), 300.0), ["word"] * 9)
    assert [label is not None for label in crowd] == [True] * 2 + [False] * 7, "right and left; then there is no room"
    assert wordmap.width("水" * 3) > wordmap.width("m" * 3) > wordmap.width("i" * 3)


def test_a_map_of_points_that_are_none_is_left_out():
    assert wordmap.draw(np.zeros((2, 3), np.float32), ["a", "b"]) is None
    assert wordmap.draw(np.zeros((2, 2), np.int64), ["a", "b"]) is None
    assert wordmap.draw(np.full((1, 2), np.nan, np.float32), ["a"]) is None
    drawn = wordmap.draw(np.array([[np.inf, 0], [1e38, -1e38], [-1e38, 1e38]], np.float32), ["a", "b", "c"])
    assert str(drawn).count("<circle") == 2
    assert "nan" not in str(drawn)
    assert str(wordmap.draw(np.zeros((2, 2), np.float32), ["a", "b"])).count("<circle") == 2


def test_a_word_is_cut_and_cannot_turn_its_neighbours():
    assert word("plain") == "plain"
    assert word("a\u202eb\x00\ud800") == "a\ufffdb\ufffd\ufffd"
    assert len(word("x" * 1_000)) == 60


@pytest.fixture(scope="module")
def text(tmp_path_factory):
    rng = np.random.default_rng(0)
    topics = [[f"{name}{letter}" for letter in "abcdefghij"] for name in ("sea", "city")]
    path = tmp_path_factory.mktemp("text") / "corpus.txt"
    path.write_text("\n".join(" ".join(rng.choice(topics[number % 2], 12)) for number in range(600)))
    return path


def test_a_run_gathers_its_evidence_and_makes_the_same_page_again(text, tmp_path, capsys):
    model = selfsup.fit(text, "skipgram", epochs=5, out=tmp_path / "run", **QUIET)
    again = selfsup.fit(text, "skipgram", epochs=5, **QUIET)
    assert model.evaluation == again.evaluation
    assert model.evaluation.verdict["kind"] == "undecided"
    for row in model.evaluation.rows("neighbours"):
        assert {other[:3] for other, _ in [*row["model"], *row["counts"]]} == {row["word"][:3]}, "both find the topics"
    assert selfsup.load(tmp_path / "run").evaluation == model.evaluation
    lines = summary(model, "x.txt").splitlines()
    assert [line.split()[0] for line in lines[:6]] == ["data", "method", "hides", "net", "trained", "loss"]
    assert any(line.startswith("near     sea") for line in lines)
    assert any(line.startswith("UNDECIDED. Learnt from ") for line in lines)
    assert lines[-2].startswith("next     selfsup evaluate ")
    assert lines[-1].startswith("         selfsup words nearest ")
    report = tmp_path / "run" / "report.html"
    before = report.read_text()
    report.unlink()
    assert main(["report", str(tmp_path / "run")]) == 0
    assert report.read_text() == before
    bare = selfsup.fit(text, "skipgram", epochs=1, evaluate=False, out=tmp_path / "bare", **QUIET)
    assert bare.evaluation is None
    assert not (tmp_path / "bare" / store.EVALUATION).exists()
    assert "evaluate was off" in (tmp_path / "bare" / store.REPORT).read_text()


def test_scores_are_kept_with_the_run(text, tmp_path, capsys):
    run, files = tmp_path / "run", tmp_path / "a place"
    files.mkdir()
    selfsup.fit(text, "skipgram", epochs=2, out=run, evaluate=False, **QUIET)
    (files / "pairs.tsv").write_text("seaa\tseab\t9\nseaa\tcityb\t1\ncitya\tcityb\t8\n")
    (files / "more.tsv").write_text("seaa\tseab\t9\nseaa\tnone\t1\ncitya\tcityb\t8\nseac\tcityb\t2\n")
    (files / "questions.txt").write_text(": topic\nseaa seab citya cityb\n")
    for arguments in (["--similarity", "pairs.tsv", "--analogies", "questions.txt"], ["--similarity", "more.tsv"]):
        given = [a if a.startswith("--") else str(files / a) for a in arguments]
        assert main(["evaluate", str(run), *given]) == 0
    assert "kept in" in capsys.readouterr().out
    found = selfsup.load(run).evaluation
    assert found.verdict == {}
    assert [(row["file"], row["covered"]) for row in found.rows("similarity")] == [("pairs.tsv", 3), ("more.tsv", 3)]
    assert [row["file"] for row in found.rows("analogies")] == ["questions.txt"] * 2
    for name in (store.REPORT, store.CARD, store.EVALUATION):
        content = (run / name).read_text()
        assert "pairs.tsv" in content
        assert str(files) not in content
    (run / store.REPORT).unlink()
    (run / store.REPORT).mkdir()
    assert main(["evaluate", str(run), "--similarity", str(files / "pairs.tsv")]) == 0, "the scores are not lost"
    assert "not kept in the run folder" in capsys.readouterr().out
    (run / store.EVALUATION).write_text("[]")
    with pytest.raises(RunError, match="is damaged"):
        selfsup.load(run)

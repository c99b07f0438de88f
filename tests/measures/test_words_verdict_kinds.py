"""The word of the verdict on word vectors: beside counting and untrained vectors, on text that was held out."""

import json
from types import SimpleNamespace

import numpy as np
import pytest

import selfsup
from selfsup.cli.main import main
from selfsup.errors import OptionError
from selfsup.measures import Evaluation
from selfsup.measures.verdict import KINDS
from selfsup.measures.words.counting import counted_vectors
from selfsup.measures.words.evidence import evidence
from selfsup.measures.words.leads import HELD_OUT
from selfsup.report.sections import counting as section
from selfsup.words import WordVectors

SIZE = 100
WORDS = [first + second for first in "abcdefghij" for second in "klmnopqrst"]
START, END = ({"heldout": loss, "shuffled": loss + gap, "gap": gap, "gap_sd": 0.001} for loss, gap in ((5, 0), (3, 1)))
QUIET = {"dim": 12, "min_count": 1, "sample": 0.0, "threads": 1, "progress": False}


def ring(lines, seed):
    """Ids of sentences in which a word is followed by one near it on a ring; -1 between them."""
    rng = np.random.default_rng(seed)
    steps = np.cumsum(rng.integers(-2, 3, (lines, 12)), 1) + rng.integers(0, SIZE, (lines, 1))
    return np.concatenate([steps % SIZE, np.full((lines, 1), -1)], 1).ravel().astype(np.int32)


def written(path, lines, seed=0, chance=False):
    ids = ring(lines, seed)
    if chance:
        some = ids >= 0
        ids[some] = np.random.default_rng(1).permutation(ids[some])
    text = " ".join(WORDS[one] if one >= 0 else "\n" for one in ids.tolist())
    path.write_text(text.replace(" \n ", "\n"))
    return path


def circle(noise=0.0, seed=0):
    """Vectors of words on a circle, as the text has them."""
    angles = 2 * np.pi * np.arange(SIZE)[:, None] * np.arange(1, 4) / SIZE
    true = np.concatenate([np.cos(angles), np.sin(angles)], 1)
    return (true + noise * np.random.default_rng(seed).normal(size=true.shape)).astype(np.float32)


def judged(vectors, lines, fresh=400, **more):
    own = ring(lines, 0)
    counts = np.bincount(own[own >= 0], minlength=SIZE)
    held = ring(fresh, 1) if fresh else None
    return evidence(WordVectors(WORDS, vectors, counts), own, 5, START, END, held_out=fresh > 0, fresh=held, **more)


@pytest.mark.parametrize(
    ("noise", "lines", "fresh", "kind", "said"),
    [
        (0.0, 30, 400, "learning", "its neighbours are ahead of those of counting (+"),
        (None, 600, 400, "undecided", "not clearly ahead of those of counting ("),
        (1.5, 600, 400, "no better than PCA", "behind those of counting (-"),
        (0.0, 30, 0, "undecided", "as no text was held out; more text, or a larger share"),
        (0.0, 30, 1, "undecided", "as too little text was held out; more text, or a larger"),
    ],
)
def test_the_word_and_the_next_step(noise, lines, fresh, kind, said):
    counted = counted_vectors(ring(lines, 0), SIZE, 5, 6).vectors
    found = judged(counted if noise is None else circle(noise), lines, fresh)
    assert found.verdict["kind"] == kind, found.verdict["sentence"]
    assert said in found.verdict["sentence"]
    assert kind in KINDS
    assert kind == "learning" or "more text" in found.verdict["sentence"]
    whole = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert Evaluation.from_dict(whole) == found
    for row in found.rows("counting"):
        assert row["what"] == HELD_OUT
        assert (row["lead_error"] is None) == (row["encoder"] == "model")


def test_vectors_that_lost_what_they_had_are_not_learning():
    chance = np.random.default_rng(0).normal(size=(SIZE, 6)).astype(np.float32)
    found = judged(chance, 600, untrained=circle())
    assert found.verdict["kind"] == "not learning"
    assert "worse than those of untrained vectors (-" in found.verdict["sentence"]
    assert found.verdict["because"]["lead_random_init"] < 0 < found.verdict["because"]["noise_random_init"]


def test_random_vectors_are_never_called_learning():
    kinds = {
        judged(np.random.default_rng(seed).normal(size=(SIZE, 6)).astype(np.float32), 100).verdict["kind"]
        for seed in range(20)
    }
    assert "learning" not in kinds


def test_a_run_is_held_against_its_own_first_vectors_and_counting(tmp_path):
    text = written(tmp_path / "text.txt", 600)
    model = selfsup.fit(text, "skipgram", epochs=12, holdout=0.2, seed=1, **QUIET)
    rows = {row["encoder"]: row for row in model.evaluation.rows("counting")}
    assert set(rows) == {"model", "counting", "random init"}
    assert rows["random init"]["lead"] > 10 * rows["random init"]["lead_error"]
    assert model.evaluation.verdict["kind"] in ("learning", "undecided")
    chance = selfsup.fit(written(tmp_path / "chance.txt", 300, chance=True), "skipgram", epochs=8, holdout=0.2, **QUIET)
    assert chance.evaluation.verdict["kind"] in ("not learning", "undecided", "no better than PCA")


def test_questions_are_asked_of_counting_where_the_text_is_given(tmp_path, capsys):
    text, pairs, run = written(tmp_path / "text.txt", 300), tmp_path / "pairs.tsv", str(tmp_path / "run")
    near = [f"{WORDS[n]}\t{WORDS[(n + step) % SIZE]}\t{9 - step}\n" for n in range(0, SIZE, 5) for step in (1, 3, 7)]
    pairs.write_text("".join(near))
    model = selfsup.fit(text, "skipgram", epochs=8, out=run, **QUIET)
    asked = ["evaluate", run, "--similarity", str(pairs), "--no-progress"]
    assert main(asked) == 0
    said = capsys.readouterr().out
    assert "counting stand beside these where the text" in " ".join(said.split())
    assert [row["encoder"] for row in selfsup.load(run).evaluation.rows("counting")][-2:] == ["model", "random init"]
    assert main([*asked, "--data", str(text)]) == 0
    said = capsys.readouterr().out
    assert "stand beside these where the text" not in " ".join(said.split())
    assert "another text" not in said
    found = selfsup.load(run).evaluation
    rows = {row["encoder"]: row for row in found.rows("counting") if row["what"] == "similarity, pairs.tsv"}
    assert set(rows) == {"model", "counting", "random init"}
    assert rows["model"]["score"] == pytest.approx(found.rows("similarity")[0]["spearman"])
    assert found.verdict == model.evaluation.verdict
    other = written(tmp_path / "other.txt", 100, seed=5)
    again = selfsup.evaluate(model, other, similarity=pairs)
    assert any("another text" in note for note in again.notes)
    bare = selfsup.evaluate(model.word_vectors, text, similarity=pairs)
    assert {row["encoder"] for row in bare.rows("counting")} == {"model", "counting"}
    assert "measured" not in capsys.readouterr().err
    for page in ("report.html", "README.md"):
        assert "Beside counting and untrained vectors" in (tmp_path / "run" / page).read_text()


def test_what_a_text_is_not_for(tmp_path):
    model = WordVectors(WORDS, circle())
    text, pairs = ["ak al am"], [str(tmp_path / "pairs.tsv")]
    for more, said in (
        ({"bias": "gender"}, "is for analogies and similarity"),
        (
            {"similarity": pairs, "label_column": "label"},
            "option 'label_column' is for codes, and 'similarity' for word",
        ),
        ({"similarity": pairs, "measures": (lambda evidence: None,)}, "leave it out, or the measures"),
    ):
        with pytest.raises(OptionError, match=said):
            selfsup.evaluate(model, text, **more)


def test_a_page_shows_no_row_that_is_none():
    good = {
        "what": "similarity, x.tsv",
        "encoder": "counting",
        "score": 0.5,
        "error": 0.1,
        "lead": 0.2,
        "lead_error": 0.1,
    }
    bad = [
        good | change for change in ({"what": 3}, {"what": "x"}, {"score": "high"}, {"error": None}, {"score": [1.0]})
    ]
    rows = section.shown(SimpleNamespace(tables={"counting": [*bad, good | {"covered": 12}]}))
    assert rows == [("similarity, x.tsv", "by counting", "0.500 ± 0.100", "+0.200 ± 0.100", "12")]

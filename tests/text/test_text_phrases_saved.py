"""Phrases that are kept: joined in new text as they were in the text they come from, saved with a run and alone."""

import json

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import selfsup
from selfsup.data.text import joining
from selfsup.data.text.corpus import open_text
from selfsup.data.text.joining import Phrases
from selfsup.errors import DataError, OptionError, RunError
from selfsup.store import seal

TEXTS = [
    "He lives in New York City.",
    "new york is large",
    "the city of new york",
    "york is old and new",
    "a new city",
] * 8
SMALL = {"dim": 4, "min_count": 1, "sample": 0.0, "epochs": 1, "threads": 1, "progress": False, "evaluate": False}
SENTENCES = st.lists(
    st.lists(st.sampled_from(["a", "b", "c", "d", "a_b", "e"]), min_size=1, max_size=12), min_size=1, max_size=12
)


def rows_of(made):
    words = " ".join(made.vocabulary.words[one] if one >= 0 else "|" for one in made.ids.tolist())
    return [row.split() for row in words.split("|")]


@settings(max_examples=100, deadline=None)
@given(SENTENCES, st.sampled_from(["npmi", "original"]), st.floats(-0.5, 2), st.integers(1, 3))
def test_the_same_text_is_joined_the_same_way(sentences, score, threshold, passes):
    made = open_text(
        sentences, min_count=1, phrases=passes, phrase_score=score, phrase_threshold=threshold, progress=False
    )
    found = made.reading["phrases"]
    assert found.join(sentences) == rows_of(made)
    assert len(found.passes) == passes
    again = Phrases.read(found.content(), "it")
    assert again == found
    ids = made.form.encode(sentences)
    assert np.array_equal(ids, made.ids)
    known = [word for row in rows_of(made) for word in row if "_" in word and word != "a_b"]
    assert set(known) <= set(found.scores)


def test_phrases_alone(tmp_path):
    found = selfsup.phrases(TEXTS, min_count=5, threshold=0.3, progress=False)
    assert isinstance(found, selfsup.Phrases)
    assert "new_york" in found
    assert len(found) == len(found.scores)
    assert list(found.scores.values()) == sorted(found.scores.values(), reverse=True)
    assert 0.3 < found.scores["new_york"] <= 1
    texts = ["We saw NEW\nYork, but new york!", ["The", "New", "York", "times"]]
    assert found.join(texts) == [["we", "saw", "new", "york", "but", "new_york"], ["the", "new_york", "times"]]
    found.save(tmp_path / "p.json")
    again = Phrases.load(tmp_path / "p.json")
    assert again == found
    assert again.join(texts) == found.join(texts)
    with pytest.raises(RunError, match=r"p.json exists; .* option 'overwrite'"):
        found.save(tmp_path / "p.json")
    twice = selfsup.phrases(
        found.join(TEXTS), min_count=5, threshold=0.3, progress=False
    )  # what they give is text again
    assert "new_york" not in twice
    with pytest.raises(DataError, match="put it in a list"):
        found.join("one text")
    with pytest.raises(OptionError, match="'passes' must be a whole number from 1 to 4"):
        selfsup.phrases(TEXTS, passes=0, progress=False)


def test_a_text_without_any():
    found = selfsup.phrases(["a b", "c d"], min_count=1, threshold=2.0, progress=False)
    assert len(found) == 0
    assert found
    assert found.join(["a b"]) == [["a", "b"]]


def test_how_texts_were_cut_goes_with_them(tmp_path):
    texts = ["New-York IS", "New-York is"] * 9
    found = selfsup.phrases(texts, tokens="[A-Za-z]+", lower=False, threshold=0.1, progress=False)
    found.save(tmp_path / "p.json")
    assert Phrases.load(tmp_path / "p.json").join(["New-York"]) == [["New_York"]]
    own = selfsup.phrases(texts, tokens=lambda line: line.split("-"), progress=False)
    with pytest.raises(OptionError, match="cut .* which no file holds"):
        own.save(tmp_path / "q.json")


@pytest.mark.parametrize(
    "content",
    [
        b"", b"\xff", b"[]", b"3", b"{}", b'{"tokens": "words", "lower": true}', b'{"tokens": 1, "lower": true, "phrases": []}',
        b'{"tokens": "words", "lower": 1, "phrases": []}', b'{"tokens": "words", "lower": true, "phrases": {}}',
        b'{"tokens": "words", "lower": true, "phrases": [[["a", "b"]]]}',
        b'{"tokens": "words", "lower": true, "phrases": [[["a", 2, 0.5]]]}',
        b'{"tokens": "words", "lower": true, "phrases": [[["a", "", 0.5]]]}',
        b'{"tokens": "words", "lower": true, "phrases": [[["a", "b", NaN]]]}',
        b'{"tokens": "words", "lower": true, "phrases": [[["a", "b", true]]]}', b"[" * 100_000,
    ],
)  # fmt: skip
def test_files_that_hold_something_else(tmp_path, content):
    (tmp_path / "p.json").write_bytes(content)
    with pytest.raises(DataError, match="p.json holds no phrases of selfsup"):
        Phrases.load(tmp_path / "p.json")
    with pytest.raises(DataError, match="cannot read"):
        Phrases.load(tmp_path / "nothing.json")


def test_a_run_joins_what_its_text_joined(tmp_path):
    """Also phrases that are no word of the vocabulary: joined in the text, they were too rare in the end."""
    options = {**SMALL, "phrases": 2, "phrase_threshold": 0.2, "max_vocab": 6, "out": tmp_path / "run"}
    model = selfsup.fit(TEXTS, "skipgram", **options)
    assert json.loads((tmp_path / "run" / "config.json").read_text())["form"]["phrases"] == 2
    assert (tmp_path / "run" / joining.FILE).is_file()
    loaded = selfsup.load(tmp_path / "run")
    assert loaded.form == model.form
    data = open_text(TEXTS, min_count=1, phrases=2, phrase_threshold=0.2, max_vocab=6, progress=False)
    for form in (model.form, loaded.form):
        assert form.words == data.vocabulary.words
        assert np.array_equal(np.delete(form.encode(TEXTS), np.s_[:0]), form.encode(TEXTS))
        joined = [word for text in TEXTS[:5] for word in form.cut(text)]
        assert joined == [word for row in data.reading["phrases"].join(TEXTS[:5]) for word in row]
    again = open_text(TEXTS, like=loaded.form, progress=False)
    assert np.array_equal(again.ids, data.ids)
    assert np.array_equal(loaded.encode(TEXTS[:5]), model.encode(TEXTS[:5]))


def test_phrases_come_from_the_cache(tmp_path):
    path = tmp_path / "t.txt"
    path.write_text("\n".join(TEXTS))
    first, again = (open_text(path, min_count=1, phrases=1, phrase_threshold=0.2, progress=False) for _ in range(2))
    assert first.reading == again.reading
    assert "new_york" in again.reading["phrases"]
    assert open_text(path, like=again.form, progress=False).fingerprint != first.fingerprint


def test_a_run_of_an_earlier_version_joins_by_its_vocabulary(tmp_path):
    selfsup.fit(TEXTS, "skipgram", phrases=1, phrase_threshold=0.2, out=tmp_path / "run", **SMALL)
    (tmp_path / "run" / joining.FILE).unlink()
    seal(tmp_path / "run", json.loads((tmp_path / "run" / "config.json").read_text()))
    model = selfsup.load(tmp_path / "run")
    assert model.form.reading["phrases"] == 1
    assert "new_york" in model.form.cut("see new york")


def test_a_run_whose_phrases_are_damaged(tmp_path):
    selfsup.fit(TEXTS, "skipgram", phrases=1, out=tmp_path / "run", **SMALL)
    for content, said in ((b"{}", "holds no phrases"), (Phrases([{}, {}]).content(), "it has 2 passes, its form 1")):
        (tmp_path / "run" / joining.FILE).write_bytes(content)
        with pytest.raises(RunError, match=r"phrases\.json"):
            selfsup.load(tmp_path / "run")
        seal(tmp_path / "run", json.loads((tmp_path / "run" / "config.json").read_text()))
        with pytest.raises(RunError, match=f"phrases.json is damaged: .*{said}"):
            selfsup.load(tmp_path / "run")

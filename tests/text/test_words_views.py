"""Text as data: views, facts and parts, equal to plain Python; its form in JSON and back; texts as a model numbers them."""

import gzip
import json
from collections import defaultdict

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings, strategies as st

from selfsup.data.form import read_form
from selfsup.data.open import reader_of, reading_options
from selfsup.data.text import corpus as corpus_module, numbered
from selfsup.data.text.cooccurrence import cooccurrence
from selfsup.data.text.corpus import open_text
from selfsup.data.text.form import READING, TextForm
from selfsup.data.text.kind import reads
from selfsup.data.text.numbered import Corpus
from selfsup.data.text.vocabulary import VOCABULARY, Vocabulary, vocabulary_blocks
from selfsup.data.text.windows import PROBE, Sequences, Windows
from selfsup.errors import DataError, OptionError, RunError

IDS = st.lists(st.integers(-1, 6), max_size=60).map(lambda ids: np.array(ids, np.int32))
CPU = torch.device("cpu")


def sentences(ids):
    rows = [[]]
    for one in ids.tolist():
        rows.append([]) if one < 0 else rows[-1].append(one)
    return [row for row in rows if row]


def opened(source, **options):
    return open_text(source, **{"progress": False, "min_count": 1, **options})


def words_of(made):
    return [[made.vocabulary.words[one] for one in row] for row in sentences(made.ids)]


def made(ids, words=7):
    ids = np.asarray(ids, np.int32)
    vocabulary = Vocabulary(
        [f"w{number}" for number in range(words)], np.bincount(ids[ids >= 0], minlength=words), 2 * len(ids)
    )
    return Corpus(ids, vocabulary, 2 * len(ids), 1, "print", "memory")


@settings(max_examples=100, deadline=None)
@given(IDS, st.integers(1, 8), st.integers(1, 3))
def test_words_that_stand_near_each_other_are_counted(ids, width, threads):
    expected = defaultdict(float)
    for row in sentences(ids):
        for at, word in enumerate(row):
            for place in range(max(at - width, 0), min(at + width + 1, len(row))):
                if place != at:
                    expected[word, row[place]] += 1 / abs(place - at)
    found = cooccurrence(ids, 8, width, threads)
    assert [part.dtype for part in found] == [np.int32, np.int32, np.float32]
    pairs = list(zip(found.rows.tolist(), found.columns.tolist(), strict=True))
    assert pairs == sorted(expected)
    np.testing.assert_allclose(found.counts, [expected[pair] for pair in pairs], rtol=1e-5)
    view = made(ids, 8).pairs(width)
    assert len(view) == len(pairs)
    assert view[torch.arange(len(view))].tolist() == [
        [*pair, count] for pair, count in zip(pairs, found.counts.tolist(), strict=True)
    ]


@settings(max_examples=100, deadline=None)
@given(IDS, st.integers(1, 9))
def test_sentences_are_cut_and_filled(ids, length):
    expected = [row[at : at + length] for row in sentences(ids) for at in range(0, len(row), length)]
    view = Sequences(ids, length)
    assert len(view) == len(expected)
    found = view[torch.arange(len(view))]
    assert found.dtype == torch.int64
    assert found.tolist() == [row + [-1] * (length - len(row)) for row in expected]


@settings(max_examples=50, deadline=None)
@given(IDS, st.integers(1, 5))
def test_windows_end_with_their_sentence(ids, width):
    expected = []
    for row in sentences(ids):
        padded = [-1] * width + row + [-1] * width
        expected += [padded[at : at + 2 * width + 1] for at in range(len(row))]
    view = Windows(ids, width)
    assert view[: len(view)].tolist() == expected


VIEWS = {
    "windows": lambda data: data.windows(2),
    "sequences": lambda data: data.sequences(4),
    "pairs": lambda data: data.pairs(2),
}


@pytest.mark.parametrize("name", VIEWS)
def test_every_view_keeps_the_protocol(name):
    data = made(np.random.default_rng(0).integers(-1, 30, 5000), 30)
    view = VIEWS[name](data)
    rows = view.probe(100)
    assert rows.dtype == torch.int64
    assert 50 <= len(rows) <= PROBE
    assert (int(rows[0]), int(rows[-1])) == (0, len(view) - 1)
    assert torch.equal(view[rows], view.to(CPU)[rows])
    assert torch.equal(view[3:9], view[torch.arange(3, 9)])
    there = view.to(torch.device("meta"))[torch.arange(4)]  # a device that is not the CPU, on every machine
    assert (there.device.type, there.shape) == ("meta", view[:4].shape)
    assert torch.equal(view.to(torch.device("meta")).to(CPU)[rows], view[rows])
    nothing = VIEWS[name](made([]))
    assert len(nothing) == len(nothing.probe(1)) == 0
    assert len(nothing[torch.arange(0)]) == 0


def test_a_text_is_split_at_its_end():
    ids = np.arange(30_000) % 7
    ids[::50] = -1
    data = made(ids)
    learnt, held = data.split(None, 0)
    assert (len(learnt.ids), len(held.ids)) == (29_700, 300)
    assert len(learnt) + len(held) == len(data) == int((ids >= 0).sum())
    np.testing.assert_array_equal(np.concatenate([learnt.ids, held.ids]), ids)
    assert learnt.raw_share == held.raw_share == data.raw_share == 2.0
    assert [len(part.ids) for part in data.split(0.5, 1)] == [15_000, 15_000]
    assert [len(part.ids) for part in data.split(0.0, 1)] == [30_000, 0]
    assert [len(part.ids) for part in made(ids[:10_000]).split(None, 0)] == [10_000, 0]  # 98 words are too few
    assert [len(part.ids) for part in made(np.zeros(3_000_000), 2).split(None, 0)] == [2_980_000, 20_000]
    piece = data.some(100, np.random.default_rng(0))
    assert len(piece.ids) == 100
    assert data.some(10**6, np.random.default_rng(0)) is data
    with pytest.raises(DataError, match="no word has neighbours"):
        made([0, -1, 1, -1, 2]).split(None, 0)
    with pytest.raises(DataError, match="a vocabulary of one word, 'w0'"):
        made([0, 0], 1).split(None, 0)


def test_pairs_are_held_out_of_the_text_that_is_learnt_from():
    rng = np.random.default_rng(0)
    corpus = opened([[f"w{k}" for k in rng.integers(0, 60, 8)] for _ in range(400)])
    learnt, held = corpus.split(0.05)
    counted = learnt.fact("cooccurrence", width=3)
    kept, out = (part.pairs(3)[:].tolist() for part in (learnt, held))
    assert sorted(kept + out) == [list(pair) for pair in zip(*(part.tolist() for part in counted), strict=True)]
    assert {(i, j) for i, j, _ in out} == {(j, i) for i, j, _ in out}
    assert 0.03 < len(out) / len(counted.rows) < 0.07
    assert len(corpus.pairs(3)) == len(corpus.fact("cooccurrence", width=3).rows)
    assert len(corpus.split(0.0)[0].pairs(3)) == len(corpus.pairs(3))


def test_facts_are_measured_of_a_part_and_once(monkeypatch):
    data = made(np.arange(1000) % 7)
    assert data.fact("counts").tolist() == np.bincount(np.arange(1000) % 7).tolist()
    assert data.fact("moments") is None
    learnt, held = data.split(0.5, 0)
    whole, part = data.fact("cooccurrence", width=3), learnt.fact("cooccurrence", width=3)
    assert 1.9 < whole.counts.sum() / part.counts.sum() < 2.1
    monkeypatch.setattr(numbered, "cooccurrence", None)
    assert data.fact("cooccurrence", width=3) is whole
    assert learnt.fact("counts") is data.fact("counts")  # the vocabulary is one
    with pytest.raises(DataError, match=r"rows are a view of images and tables; these data are text .*windows"):
        held.rows()


def written(form, folder):
    (folder / VOCABULARY).write_bytes(b"".join(vocabulary_blocks(form.words, form.counts)))
    return json.loads(json.dumps(form.to_dict()))


def cut(line):
    return line.split("-")


def test_a_form_in_json_and_back(tmp_path):
    form = opened(["the cat's the ü"], tokens="space", lower=False).form
    assert (form.kind, form.shape, form.size) == ("text", (3,), 3)
    assert form.describe() == "3 words"
    plain = written(form, tmp_path)
    assert plain == {"kind": "text", "shape": [3], "tokens": "space", "lower": False, "phrases": 0}
    again = read_form(plain, tmp_path)
    assert again == form
    assert again.counts.tolist() == [2, 1, 1]
    assert again.index["ü"] == 2
    wider = again.extended(["a", "b"], np.array([1, 2]))
    assert (wider.shape, wider.words, wider.reading) == ((2,), ["a", "b"], form.reading)
    (tmp_path / VOCABULARY).write_bytes(b'["the", 2]\n')
    assert read_form(plain, tmp_path).size == 3  # nothing is read before it is asked for
    with pytest.raises(RunError, match="its form has 3 words, its vocabulary 1"):
        read_form(plain, tmp_path).words  # noqa: B018
    with pytest.raises(RunError, match=r"vocabulary.jsonl is missing"):
        read_form(plain, tmp_path / "..").words  # noqa: B018
    with pytest.raises(DataError, match="needs the run folder"):
        read_form(plain, None)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"more": 1}, "unknown key of the form 'more'"),
        ({"lower": 1}, "'lower' cannot be 1"),
        ({"shape": [0]}, r"'shape' cannot be \[0\]"),
        ({"shape": [3, 4]}, "'shape' cannot be"),
        ({"tokens": {"module": "x"}}, "'tokens' cannot be"),
        ({"phrases": -1}, "'phrases' cannot be -1"),
        ({"tokens": None}, "'tokens' cannot be None"),
    ],
)
def test_a_form_that_is_none(tmp_path, change, said):
    plain = TextForm.of(["a", "b", "c"]).to_dict()
    with pytest.raises(DataError, match=said):
        read_form(plain | change, tmp_path)
    del plain["lower"]
    with pytest.raises(DataError, match="lacks 'lower'"):
        read_form(plain, tmp_path)


def test_a_function_that_cuts_text_is_given_again(tmp_path):
    form = opened(["a-b a", "b-c"], tokens=cut).form
    assert form.words == ["a", "b a", "b", "c"]
    plain = written(form, tmp_path)
    assert plain["tokens"] == {"function": f"{__name__}:cut"}
    again = read_form(plain, tmp_path)
    for use in (again.cut, lambda text: again.encode([text]), lambda text: opened([text], like=again)):
        with pytest.raises(OptionError, match=r"by the function test_words_views:cut.*given=\{\"tokens\": cut\}"):
            use("a-b")
    assert again.with_tokens(cut).cut("a-x\nB-c") == ["a", "x", "b", "c"]
    assert again.with_tokens(cut).encode(["a-x", "B-c"]).tolist() == [0, -1, 2, 3]
    assert opened(["a-x"], tokens=str.split).form.to_dict()["tokens"]["function"].endswith(":str.split")


TEXT = st.text(st.sampled_from("abAB_1' \u2019\n\t.\u00e9e\u0301\u00a0\u03a3\u4f60=\u200d"), max_size=60)


@settings(max_examples=100, deadline=None)
@given(st.lists(TEXT, min_size=1, max_size=4), st.sampled_from(["words", "space", r"\w+"]), st.booleans())
def test_texts_are_numbered_as_the_corpus_was(texts, tokens, lower):
    data = opened([*texts, "end"], tokens=tokens, lower=lower)
    joined = [word for text in texts for word in data.form.cut(text)]
    assert [*joined, "end"] == [word for row in words_of(data) for word in row]
    ids = data.form.encode(texts)
    assert ids.dtype == np.int32
    assert (ids == -1).sum() == len(texts) - 1
    assert [data.vocabulary.words[one] for one in ids if one >= 0] == joined
    small = TextForm.of(data.form.words[:2], reading=data.form.reading)
    assert ids[ids < 2].tolist() == small.encode(texts).tolist()


def test_texts_of_tokens_and_phrases():
    form = TextForm.of(["a", "new_york", "new_york_times"], reading={**READING, "phrases": 2})
    assert form.cut("New York Times new, york a new") == ["new_york_times", "new_york", "a", "new"]
    assert form.cut("A New York new, York") == ["a", "new_york", "new_york"]
    found = form.encode([["New", "York"], "new york", "", "zebra"]).tolist()
    assert found == [form.index["new_york"], -1, form.index["new_york"], -1, -1]
    for source in (["a New York", "zebra", "york"], [["A", "New", "York"], ["zebra"], ["york"]]):
        again = opened(source, like=form)
        assert again.form == form
        assert words_of(again) == [["a", "new_york"]]
    with pytest.raises(DataError, match="put it in a list"):
        form.encode("new york")


@pytest.mark.parametrize("tokens", ["words", r"\w+"])
def test_a_text_is_numbered_as_a_models_was(tmp_path, tokens):
    form = opened(["The cat sat", "the mat"], tokens=tokens).form
    path = tmp_path / "new.txt"
    path.write_text("A mat\nTHE dog the\n\nnothing known\ncat")
    for source in (path, path, path.read_text().split("\n"), opened(path)):  # the second time from the cache
        data = open_text(source, like=form, progress=False)
        assert data.vocabulary.words == form.words
        assert words_of(data) == [["mat"], ["the", "the"], ["cat"]]
        assert data.vocabulary.counts.tolist() == [2, 1, 0, 1]
        assert data.sentences == 3
        assert data.form == form
    assert open_text(path, like=opened(["dog"]).form, progress=False).fingerprint != data.fingerprint
    with pytest.raises(DataError, match="no word of iterable .* is among the 4 of the model"):
        open_text(["xyz"], like=form, progress=False)


LINES = ["a b", "c d", "e f", "g h"]


def tables(folder):
    frame = pd.DataFrame({"text": LINES, "n": range(4)})
    frame.to_parquet(folder / "t.parquet")
    frame.to_csv(folder / "t.csv", index=False)
    frame.to_csv(folder / "t.tsv", index=False, sep="\t")
    frame.to_json(folder / "t.jsonl", orient="records", lines=True)
    frame.to_json(folder / "t.json", orient="records")
    (folder / "c.json").write_text(json.dumps({"text": LINES, "n": [1, 2, 3, 4]}))
    (folder / "t.csv.gz").write_bytes(gzip.compress((folder / "t.csv").read_bytes()))
    (folder / "t.jsonl.gz").write_bytes(gzip.compress((folder / "t.jsonl").read_bytes()))
    (folder / "t.txt").write_text("\n".join(LINES))
    return sorted(folder.iterdir())


def test_a_limit_means_lines_texts_and_rows(tmp_path, monkeypatch):
    sources = [*tables(tmp_path), LINES, [line.split() for line in LINES], pd.DataFrame({"text": LINES})]
    for size in (4 << 20, 5):
        monkeypatch.setattr(corpus_module, "SIZE", size)
        for source in sources:
            for limit in (1, 3, 4, 9):
                expected = [line.split() for line in LINES[:limit]]
                assert words_of(opened(source, limit=limit, cache=False)) == expected, (source, limit)
    both = [tmp_path / "t.txt", tmp_path / "t.csv"]
    assert words_of(opened(both, limit=6)) == [line.split() for line in [*LINES, *LINES[:2]]]
    assert opened(both, limit=6).fingerprint != opened(both).fingerprint
    assert words_of(opened(opened(tmp_path / "t.txt"), limit=2)) == [["a", "b"], ["c", "d"]]
    assert words_of(opened(["a\nb", "c"], limit=1)) == [["a"], ["b"]]  # one text of two lines


def test_a_limited_hub_data_set():
    datasets = pytest.importorskip("datasets")
    table = datasets.Dataset.from_dict({"text": LINES})
    for source in (table, table.to_iterable_dataset()):
        assert words_of(opened(source, limit=3, cache=False)) == [line.split() for line in LINES[:3]]


def test_columns_of_tables(tmp_path):
    for path in tables(tmp_path):
        if path.suffix != ".txt":
            assert words_of(opened(path)) == [line.split() for line in LINES], path
            assert words_of(opened(path, column="text")) == [line.split() for line in LINES]
            with pytest.raises(DataError, match=r"column 'n' holds \w+|column 'n' holds values of type int"):
                opened(path, column="n")
            with pytest.raises(DataError, match="unknown column 'txt'; did you mean 'text'"):
                opened(path, column="txt")
    path = tmp_path / "reviews.csv"
    path.write_text('id;review;mood\n1;"a ""b""\nc";good\n2;1984;bad\n3;;bad\n4;NA;good\n')
    with pytest.raises(DataError, match=r"has 2 columns of text \(review, mood\); choose one by column="):
        opened(path)
    assert words_of(opened(path, column="review")) == [["a", "b"], ["c"], ["1984"], ["na"]]
    path.write_bytes("text\ncaf\u00e9\n".encode("latin-1"))
    assert words_of(opened(path, encoding="latin-1")) == [["caf\u00e9"]]
    with pytest.raises(DataError, match=r"reviews.csv is not utf-8 .*; give another encoding"):
        opened(path)
    path = tmp_path / "lists.jsonl"
    path.write_text('{"text": null}\n{"text": ["A", "b c"], "more": 1}\n')
    assert words_of(opened(path)) == [["a", "b c"]]
    for content in (b"", b'{"text": "a"', b"[1, 2]", b'{"text": "a"}\n{"text": 3}\n'):
        path.write_bytes(content)
        with pytest.raises(DataError, match="lists.jsonl"):
            opened(path)


def test_a_column_alone_may_have_gaps():
    polars = pytest.importorskip("polars")
    texts = ["a b", None, "c"]
    for series in (pd.Series(texts), polars.Series(texts), pd.Series([["a", "b"], None, ["c"]])):
        assert words_of(opened(series)) == [["a", "b"], ["c"]]
        assert words_of(opened(series, limit=2)) == [["a", "b"]]


def test_a_text_in_place_of_a_path():
    for text in ("one line\nanother", "word " * 1000):
        with pytest.raises(
            DataError, match=r"^a string is a path, and this one of [\d,]+ characters is none; put a text in a list$"
        ):
            opened(text)


def test_what_looks_like_text(tmp_path):
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "1.txt").write_text("a")
    (tmp_path / "texts" / "2.txt.gz").write_text("a")
    (tmp_path / "texts" / "notes.md").write_text("a")
    (tmp_path / "pictures").mkdir()
    for name in ("1.png", "2.png", "classes.txt"):
        (tmp_path / "pictures" / name).write_text("a")
    text = [
        "x.txt",
        "x.TXT.zst",
        "docstrings",
        tmp_path / "texts",
        f"{tmp_path}/texts/*",
        ["a b", "c"],
        ("a", "b", "c"),
    ]
    text += [[["a", "b"]], np.array(["a b"]), pd.Series(["a b"]), [tmp_path / "x.txt"], made([0, 1])]
    other = ["digits", "x.csv", "hub:x", tmp_path / "pictures", tmp_path / "none", np.zeros((3, 3)), np.float32(1), 3]
    other += [
        iter(["a"]),
        (line for line in "ab"),
        {"a": 1},
        pd.DataFrame({"text": ["a"]}),
        [],
        [[1, 2]],
        "",
        torch.ones(2),
    ]
    other += [([[1.0]], ["label"]), ([["a", "b"], ["c", "d"]], ["label", "label"]), [tmp_path / "x.npy"], None]
    assert [one for one in text if not reads(one)] == []
    assert [one for one in other if reads(one)] == []
    assert [reader_of(one) for one in ("x.txt", "digits")] == ["text", "samples"]


def test_the_options_are_those_of_the_reader():
    known = reading_options("text")
    assert list(known) == [
        "column", "lower", "tokens", "encoding", "errors", "min_count", "max_vocab", "keep", "phrases", "phrase_threshold",
        "phrase_score", "stream",
    ]  # fmt: skip
    assert all(option.help for option in known.values())
    assert READING.keys() < {*known}

"""Word vectors: what is near to what, and every format there and back; each fault says what to do."""

import gzip
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st
from hypothesis.extra import numpy as hnp

from selfsup import store
from selfsup.errors import DataError, OptionError, RunError
from selfsup.words import WordVectors
from selfsup.words.search import best, spellings

RUN = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def some(n=50, dim=8, seed=0, counts=True):
    rng = np.random.default_rng(seed)
    words = [f"w{row}" for row in range(n)]
    return WordVectors(words, rng.normal(size=(n, dim)).astype(np.float32), np.arange(n, 0, -1) if counts else None)


def same(a: WordVectors, b: WordVectors, counts: bool) -> None:
    assert a.words == b.words
    assert b.vectors.dtype == np.float32
    np.testing.assert_array_equal(a.vectors.view(np.uint32), b.vectors.view(np.uint32))
    if counts and a.counts is not None:
        np.testing.assert_array_equal(a.counts, b.counts)
    else:
        assert b.counts is None


def tables(alphabet: st.SearchStrategy[str]) -> st.SearchStrategy[WordVectors]:
    words = st.lists(st.text(alphabet, min_size=1, max_size=8), min_size=1, max_size=12, unique=True)
    numbers = st.floats(width=32, allow_nan=False, allow_infinity=False)

    @st.composite
    def table(draw):
        drawn = draw(words)
        dim = draw(st.integers(1, 5))
        vectors = draw(hnp.arrays(np.float32, (len(drawn), dim), elements=numbers))
        counts = draw(st.none() | st.lists(st.integers(0, 2**62), min_size=len(drawn), max_size=len(drawn)))
        return WordVectors(drawn, vectors, counts)

    return table()


ANY = st.characters(exclude_categories=["Cs"])
NO_SPACE = ANY.filter(lambda letter: not letter.isspace())
PRINTED = NO_SPACE.filter(lambda letter: ord(letter) >= 32 and ord(letter) != 127)


@RUN
@given(table=tables(ANY))
def test_a_folder_keeps_everything(tmp_path, table):
    table.save(tmp_path / "words", overwrite=True)
    again = WordVectors.load(tmp_path / "words")
    same(table, again, counts=True)
    assert {file.name for file in (tmp_path / "words").iterdir()} == {
        "vectors.safetensors",
        "vocabulary.jsonl",
        "config.json",
    }


@RUN
@given(table=tables(NO_SPACE), name=st.sampled_from(["words.txt", "words.vec.gz"]))
def test_text_keeps_words_and_every_float(tmp_path, table, name):
    table.save(tmp_path / name, overwrite=True)
    same(table, WordVectors.load(tmp_path / name), counts=False)


@RUN
@given(table=tables(PRINTED), name=st.sampled_from(["words.bin", "words.bin.gz"]))
def test_binary_keeps_words_and_every_bit(tmp_path, table, name):
    table.save(tmp_path / name, overwrite=True)
    same(table, WordVectors.load(tmp_path / name), counts=False)


@pytest.mark.parametrize("name", ["words", "words.txt", "words.bin", "words.vec.gz", "words.bin.gz"])
def test_many_blocks(tmp_path, monkeypatch, name):
    """Rows that lie across the borders of blocks."""
    from selfsup.words.formats import binary as vectors_binary, io as vectors_io

    monkeypatch.setattr(vectors_io.blocks_of, "__defaults__", (1000,))
    monkeypatch.setattr(vectors_binary, "BLOCK", 1000)
    table = some(n=9000, dim=7)
    table.save(tmp_path / name)
    same(table, WordVectors.load(tmp_path / name), counts=True and name == "words")


def test_real_vectors(shared_data):
    path = shared_data / "words" / "google_news_347.txt"
    if not path.is_file():
        pytest.skip(f"no {path}")
    vectors = WordVectors.load(path)
    assert vectors.vectors.shape == (347, 300)
    assert vectors.words[0] == "management"
    assert np.isclose(vectors["management"][0], -0.15332031)
    assert vectors.most_similar("she", 2)[0][0] == "her"


def test_text_of_other_tools(tmp_path):
    glove = tmp_path / "glove.txt"
    glove.write_text("the 0.1 -2e-3 .5\n. . . 1 2 3\nat name 4 5 6\n\nend +7 8. 9")  # no header, words with spaces
    vectors = WordVectors.load(glove)
    assert vectors.words == ["the", ". . .", "at name", "end"]
    np.testing.assert_array_equal(vectors["the"], np.float32([0.1, -2e-3, 0.5]))
    np.testing.assert_array_equal(vectors["end"], [7, 8, 9])
    fasttext = tmp_path / "fasttext.vec"
    fasttext.write_bytes("2 2\r\nà\u00a0b 1 2 \r\nz\t3\t4 \r\n".encode())  # spaces and carriage returns at the ends
    assert WordVectors.load(fasttext).words == ["à\u00a0b", "z"]


def test_binary_of_other_tools(tmp_path):
    path = tmp_path / "c.bin"  # word2vec.c ends each entry with a line feed
    path.write_bytes(
        b"2 2\n" + b"".join(word + b" " + np.float32([1, 2]).tobytes() + b"\n" for word in (b"a", b"\xc3\xa9"))
    )
    vectors = WordVectors.load(path)
    assert vectors.words == ["a", "é"]
    np.testing.assert_array_equal(vectors.vectors, [[1, 2], [1, 2]])


def test_what_is_mended_is_logged(tmp_path, caplog):
    path = tmp_path / "words.txt"
    path.write_bytes(b"4 1\na 1\nb 2\na 3\n\xff\xe9 4\n")
    vectors = WordVectors.load(path)
    assert vectors.words == ["a", "b", "\ufffd\ufffd"]
    np.testing.assert_array_equal(vectors.vectors[:, 0], [1, 2, 4])
    assert "'a' is the first" in caplog.text
    assert "1 words were not UTF-8" in caplog.text


def entry(word: bytes, *numbers: float) -> bytes:
    return word + b" " + np.float32(numbers).tobytes()


FAULTS = {
    "empty": (b"", "is empty"),
    "only space": (b" \n\n", "is empty"),
    "prose": (b"Once upon a time\nthere was", "line 1: neither"),
    "only a header": (b"3 2\n", "0 words where line 1 says 3"),
    "no words": (b"0 2\n", "holds no words"),
    "no dimensions": (b"1 0\nword\n", "vectors have 1 to"),
    "too few words": (b"3 2\na 1 2\nb 1 2\n", "2 words where line 1 says 3"),
    "too many words": (b"1 2\na 1 2\nb 1 2\n", "2 words where line 1 says 1"),
    "a line cut short": (b"a 1 2\nb 1\n", "line 2: 2 fields"),
    "a line cut short below blank ones": (b"2 2\na 1 2\n\n\nb 1\n", "line 5: 2 fields"),
    "NaN": (b"2 2\na 1 2\nb nan 2\n", "line 3: 'nan' is not a finite number"),
    "infinity": (b"a 1 2\nb 1e99 2\n", "line 2: '1e99'"),
    "no number": (b"2 2\na 1 2\nb 1 2,5\n", "line 3: '2,5'"),
    "truncated binary": (
        b"2 2\n" + entry(b"a", 1, 2) + entry(b"b", 1),
        "truncated: it ends at byte 20, in word 2 of 2",
    ),
    "binary with too many": (b"1 2\n" + entry(b"a", 1, 2) + entry(b"b", 1, 2), "byte 14: bytes left after the 1 words"),
    "binary NaN": (b"2 2\n" + entry(b"a", 1, 2) + entry(b"b", np.nan, 2), "byte 14: the vector of 'b' is not finite"),
    "binary without a word": (b"2 2\n" + entry(b"a", 1, 2) + entry(b"", 1, 2), "makes no sense"),
    "binary, a word with a space": (
        b"3 4\n" + entry(b"San Jose", *[0.1] * 4) + entry(b"b", *[0.1] * 4) + entry(b"c", *[0.1] * 4),
        "byte 4: what follows the word 'San' makes no sense; it has a space in it",
    ),
    "binary, the last word with a space": (b"1 2\n" + entry(b"San Jose", 1, 2), "bytes left after the 1 words"),
    "binary without spaces": (b"2 1\n" + entry(b"a", 1) + b"\x01" * 9000, "no word ends within"),
    "pickle": (b"\x80\x04\x95gensim", "is a pickle, perhaps gensim's.*save_word2vec_format"),
    "fastText model": (b"\xba\x16\x4f\x2f\x0c\x00", "is damaged or truncated: it has 6 bytes"),
    "zip": (b"PK\x03\x04...", "unpack it"),
    "numpy": (b"\x93NUMPY\x01", "without its words"),
    "truncated gzip": (gzip.compress(b"1 2\n" + b"a 1 2\n" * 1000)[:-20], "truncated or damaged"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_faults_of_files(tmp_path, fault):
    content, words = FAULTS[fault]
    path = tmp_path / "file.dat"
    path.write_bytes(content)
    with pytest.raises(DataError, match=words) as caught:
        WordVectors.load(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("cut", range(1, 60, 7))
def test_a_binary_file_cut_anywhere(tmp_path, cut):
    path = tmp_path / "words.bin"
    some(n=20).save(path)
    path.write_bytes(path.read_bytes()[:-cut])
    with pytest.raises(DataError, match="truncated"):
        WordVectors.load(path)


def test_faults_of_paths(tmp_path):
    with pytest.raises(DataError, match="cannot read .*nothing.bin: No such file"):
        WordVectors.load(tmp_path / "nothing.bin")
    with pytest.raises(RunError, match="holds no word vectors: vectors.safetensors is missing"):
        WordVectors.load(tmp_path)
    with pytest.raises(OptionError, match="did you mean 'binary'"):
        WordVectors.load(tmp_path, format="binaries")
    with pytest.raises(DataError, match="is a folder"):
        WordVectors.load(tmp_path, format="text")


def damage(folder: Path, name: str, content: bytes) -> None:
    (folder / name).write_bytes(content)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("vocabulary.jsonl", b'["a", 1]\n', "has 1 words"),
        ("vocabulary.jsonl", b'["a", 1]\n["b", 2', "truncated"),
        ("vocabulary.jsonl", b"", "truncated"),
        ("vocabulary.jsonl", b'["a", 1]\n["b"]\n', "line 2: .* expected"),
        ("vocabulary.jsonl", b'["a", 1]\n\n', "line 2"),
        ("vocabulary.jsonl", b'["a", 1], ["b", 2]\n["c", 1]\n', "line 1"),
        ("vocabulary.jsonl", b'["a", -1]\n["b", 2]\n', "line 1"),
        ("vocabulary.jsonl", b'["a", true]\n["b", 2]\n', "line 1"),
        ("vocabulary.jsonl", b'["a", 1]\n["\xff", 2]\n', "line 2"),
        ("vocabulary.jsonl", b'["a", 1]\n["b", null]\n', "either all words"),
        ("vectors.safetensors", b"nonsense", "damaged or truncated"),
    ],
)  # fmt: skip
def test_faults_of_folders(tmp_path, name, content, words):
    folder = tmp_path / "words"
    some(n=2).save(folder)
    damage(folder, name, content)
    with pytest.raises(RunError, match="damaged"):
        WordVectors.load(folder)
    with pytest.raises(RunError, match=words):
        WordVectors.load(folder, verify=False)


def test_a_cut_or_foreign_safetensors_file(tmp_path):
    from safetensors.numpy import save_file

    folder = tmp_path / "words"
    some(n=2).save(folder)
    path = folder / "vectors.safetensors"
    path.write_bytes(path.read_bytes()[:-3])
    with pytest.raises(RunError, match="damaged or truncated"):
        WordVectors.load(folder)
    for arrays, words in (
        ({"weights": np.zeros((2, 8), np.float32)}, "no array 'vectors'; it has weights"),
        ({"vectors": np.zeros((2, 8))}, "float32"),
        ({"vectors": np.zeros(2, np.float32)}, "float32"),
    ):
        save_file(arrays, path)
        with pytest.raises(RunError, match=words):
            WordVectors.load(folder, verify=False)


def test_others_read_our_safetensors(tmp_path):
    from safetensors.numpy import load_file

    table = some()
    table.save(tmp_path / "words")
    np.testing.assert_array_equal(load_file(tmp_path / "words" / "vectors.safetensors")["vectors"], table.vectors)
    lines = (tmp_path / "words" / "vocabulary.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines] == [
        [word, count] for word, count in zip(table.words, table.counts.tolist(), strict=True)
    ]


def test_a_folder_is_a_memory_map(tmp_path):
    some().save(tmp_path / "words")
    vectors = WordVectors.load(tmp_path / "words").vectors
    base = vectors
    while not isinstance(base, np.memmap):
        base = base.base
    assert not vectors.flags.writeable


def test_saving_replaces_only_what_is_meant(tmp_path):
    table = some()
    for name in ("words", "words.txt"):
        table.save(tmp_path / name)
        with pytest.raises(RunError, match="exists"):
            table.save(tmp_path / name)
        table.save(tmp_path / name, overwrite=True)
    (tmp_path / "words" / "config.json").write_text("{}")
    with pytest.raises(RunError, match="not a folder of word vectors only"):
        table.save(tmp_path / "words", overwrite=True)
    with pytest.raises(RunError, match="is a folder"):
        table.save(tmp_path / "words", format="binary", overwrite=True)
    with pytest.raises(OptionError, match="suffix"):
        table.save(tmp_path / "words.csv")


def test_a_failed_save_leaves_nothing_and_the_old_file(tmp_path):
    path = tmp_path / "words.txt"
    path.write_text("old")
    table = WordVectors(["fine", "not fine"], np.zeros((2, 2)))
    for format in ("text", "binary"):
        with pytest.raises(DataError, match="'not fine' cannot be written"):
            table.save(path, format=format, overwrite=True)
    with pytest.raises(DataError, match="surrogate"):
        WordVectors(["\ud800"], np.zeros((1, 2))).save(tmp_path / "folder")
    with pytest.raises(DataError, match="longer than"):
        WordVectors(["x" * 5000], np.zeros((1, 2))).save(tmp_path / "words.bin")
    with pytest.raises(DataError, match="vector of 'b' is not finite"):
        WordVectors(["a", "b"], np.array([[1.0], [np.nan]])).save(tmp_path / "words.bin")
    with pytest.raises(DataError, match="'a' occurs more than once"):
        WordVectors(["a", "a"], np.zeros((2, 2))).save(tmp_path / "words.bin")
    assert path.read_text() == "old"
    assert [file.name for file in tmp_path.iterdir()] == ["words.txt"]


def test_a_full_disk(tmp_path, monkeypatch):
    import errno

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(RunError, match="No space left on device; free some space"):
        some().save(tmp_path / "words")
    assert list(tmp_path.iterdir()) == []


def test_a_run_folder_may_hold_vectors(tmp_path):
    table = some()
    table.write(tmp_path)
    store.seal(tmp_path, {"method": "skipgram", "words": True})
    same(table, WordVectors.load(tmp_path), counts=True)


@pytest.mark.parametrize(
    ("words", "vectors", "counts"),
    [
        (["a"], np.zeros((2, 2)), None),
        (["a"], np.zeros(2), None),
        ([], np.zeros((0, 2)), None),
        (["a"], np.zeros((1, 0)), None),
        (["a"], np.array([["x"]]), None),
        (["a"], np.zeros((1, 2)), [1, 2]),
        (["a"], np.zeros((1, 2)), [-1]),
        (["a"], np.zeros((1, 2)), [1.5]),
    ],
)
def test_vectors_that_do_not_fit(words, vectors, counts):
    with pytest.raises(DataError):
        WordVectors(words, vectors, counts)


def reference(vectors: WordVectors, aim: np.ndarray, given: set[str], among: list[str]) -> list[tuple[str, float]]:
    found = []
    for word in among:
        if word not in given:
            row = vectors[word].astype(np.float64)
            found.append((word, float(row @ aim / np.linalg.norm(row) / np.linalg.norm(aim))))
    return sorted(found, key=lambda pair: -pair[1])


@pytest.mark.parametrize(("n", "restrict"), [(50, None), (50, 20), (3000, None), (3000, 2500)])
def test_most_similar_is_the_plain_loop(n, restrict):
    vectors = some(n=n)
    vectors.counts = np.random.default_rng(1).permutation(n)
    among = [vectors.words[row] for row in np.argsort(-vectors.counts, kind="stable")[:restrict]]
    unit = {word: vectors[word] / np.linalg.norm(vectors[word].astype(float)) for word in ("w1", "w2", "w3")}
    cases = [
        ({"query": "w1"}, unit["w1"], {"w1"}),
        ({"query": vectors["w2"]}, unit["w2"], set()),
        ({"positive": ["w1", "w2"], "negative": ["w3"]}, unit["w1"] + unit["w2"] - unit["w3"], {"w1", "w2", "w3"}),
        ({"query": "w1", "negative": "w2"}, unit["w1"] - unit["w2"], {"w1", "w2"}),
        ({"positive": [vectors["w1"], "w3"]}, unit["w1"] + unit["w3"], {"w3"}),
        ({"negative": ["w1"]}, -unit["w1"], {"w1"}),
    ]
    for query, aim, given_words in cases:
        found = vectors.most_similar(**query, k=7, restrict=restrict)
        expected = reference(vectors, aim, given_words, among)[:7]
        assert [word for word, _ in found] == [word for word, _ in expected]
        np.testing.assert_allclose([cosine for _, cosine in found], [cosine for _, cosine in expected], atol=1e-6)


def test_nearest_is_most_similar_for_many(monkeypatch):
    monkeypatch.setattr("selfsup.words.search.QUESTIONS", 4)  # four questions at once
    vectors = some(n=1000)
    rows, cosines = vectors.nearest(vectors.vectors[:9], 5)
    assert rows.shape == cosines.shape == (9, 5)
    assert rows[:, 0].tolist() == list(range(9))
    for row in range(9):
        assert [vectors.words[near] for near in rows[row, 1:]] == [
            word for word, _ in vectors.most_similar(f"w{row}", 4)
        ]
    assert vectors.nearest(vectors.vectors[:0], 5).rows.shape == (0, 5)
    assert vectors.nearest(vectors.vectors[:1], 5000).rows.shape == (1, 1000)


@RUN
@given(
    scores=hnp.arrays(np.float32, st.tuples(st.integers(1, 3), st.integers(1, 400)), elements=st.integers(-9, 9)),
    k=st.integers(1, 12),
)
def test_best_has_the_largest_scores(scores, k):
    places = best(scores, k)
    found = np.take_along_axis(scores, places, axis=1)
    np.testing.assert_array_equal(found, -np.sort(-scores, axis=1)[:, :k])
    assert all(len(set(row)) == len(row) for row in places.tolist())


def test_looking_up():
    vectors = some(n=5, dim=3)
    assert len(vectors) == 5
    assert "w1" in vectors
    assert "x" not in vectors
    assert list(vectors) == vectors.words
    np.testing.assert_array_equal(vectors.vectors_of(["w3", "w1"]), vectors.vectors[[3, 1]])
    assert vectors.similarity("w1", "w1") == pytest.approx(1)
    a, b = vectors["w1"], vectors["w2"]
    assert vectors.similarity("w1", "w2") == pytest.approx(
        float(a @ b / np.linalg.norm(a) / np.linalg.norm(b)), abs=1e-6
    )
    assert vectors.dim == 3
    assert repr(vectors) == "WordVectors(5 words, 3-d: w0, w1, w2, w3, …)"
    assert vectors.frequent(2).tolist() == [0, 1]


def test_zeros_are_near_to_nothing():
    vectors = WordVectors(["zero", "one"], np.array([[0.0, 0.0], [1.0, 0.0]]))
    with pytest.raises(DataError, match="'zero' is all zeros: it has no direction"):
        vectors.most_similar("zero")
    assert vectors.most_similar("one") == []


def test_faults_of_questions():
    vectors = WordVectors(["London", "management", "loyal", "apple"], np.eye(4))
    for word, near in (("london", "'London'"), ("managment", "'management'"), ("loyl", "'loyal'"), ("pple", "'apple'")):
        with pytest.raises(DataError, match=f"unknown word '{word}' .*did you mean {near}"):
            vectors[word]
    with pytest.raises(DataError, match="no word is spelled like it"):
        vectors.most_similar("zzzzzzzz")
    with pytest.raises(DataError, match=r"has the shape \(4,\)"):
        vectors.most_similar(np.zeros(3))
    with pytest.raises(DataError, match=r"\(m, 4\)"):
        vectors.nearest(np.zeros(4))
    for wrong in ({}, {"query": "London", "k": 0}, {"query": "London", "restrict": 0}):
        with pytest.raises(OptionError):
            vectors.most_similar(**wrong)
    with pytest.raises(DataError, match="row 1 is not finite"):
        WordVectors(["a", "b"], np.array([[1.0], [np.inf]])).most_similar("a")


def test_spellings_of_a_large_vocabulary_are_few():
    assert spellings("word77", [f"word{row}" for row in range(100_000)])[0] == "word77"


def test_import_needs_neither_torch_nor_numba():
    heavy = "{'torch', 'numba', 'pyarrow', 'scipy', 'pandas'}"
    code = f"import sys, selfsup.words; found = {heavy} & set(sys.modules); assert not found, found"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0

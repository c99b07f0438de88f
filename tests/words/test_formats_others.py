"""Formats beside text and binary: our own file, .npz, fastText's models, static folders; whole, damaged and of other tools."""

import json
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings, strategies as st

from selfsup.data.text.subwords import Subwords
from selfsup.errors import DataError, OptionError, RunError
from selfsup.store.arrays import write_arrays
from selfsup.words import WordVectors
from selfsup.words.formats import safetensors as own
from selfsup.words.ngrams import NgramVectors
from selfsup.words.vocabulary import Words

RUN = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
WORDS = ["the", "sea", "new york", "naïve", "漢字"]
DTYPES = ("float32", "float16", "int8")
TEXTS = st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=9), min_size=1, max_size=12, unique=True)


def some(dtype="float32", words=WORDS, dim=3, counts=True) -> WordVectors:
    vectors = np.random.default_rng(len(words)).normal(size=(len(words), dim)).astype(np.float32)
    return WordVectors(words, vectors, np.arange(len(words), 0, -1) if counts else None).astype(dtype)


def same(a: WordVectors, b: WordVectors, counts=True) -> None:
    assert list(a.words) == list(b.words)
    assert a.vectors.dtype == b.vectors.dtype
    np.testing.assert_array_equal(a.vectors, b.vectors)
    for mine, theirs in ((a.scale, b.scale), *([(a.counts, b.counts)] if counts else [])):
        assert (mine is None) == (theirs is None)
        assert mine is None or np.array_equal(mine, theirs)
    for row, word in enumerate(a.words):
        assert word in b
        assert b.index[word] == row


@RUN
@given(words=TEXTS, dtype=st.sampled_from(DTYPES), counts=st.booleans())
@example(words=[""], dtype="int8", counts=False)
def test_every_word_and_type_survives(tmp_path, words, dtype, counts):
    table = some(dtype, words, counts=counts)
    for name, format in (("words.safetensors", None), ("folder", None), ("static", "static"), ("words.npz", None)):
        path = tmp_path / name
        if format is None and path.suffix == ".npz" and any(word.endswith("\0") for word in words):
            with pytest.raises(DataError, match="no room for NULs at its end"):
                table.save(path, overwrite=True)
            continue
        table.save(path, format, overwrite=True)
        same(table, WordVectors.load(path), counts=name != "static")


def base_of(array: np.ndarray) -> np.ndarray:
    while isinstance(array.base, np.ndarray):
        array = array.base
    return array


@pytest.mark.parametrize("dtype", DTYPES)
def test_our_file_is_a_memory_map_that_others_read(tmp_path, dtype):
    from safetensors.numpy import load_file

    table = some(dtype)
    table.save(tmp_path / "words.safetensors")
    again = WordVectors.load(tmp_path / "words.safetensors")
    assert isinstance(again.words, Words)
    for array in (again.vectors, again.words.blob, again.words.offsets, again.words.slots, again.counts):
        assert isinstance(base_of(array), np.memmap)
        assert array.flags.aligned
        assert not array.flags.writeable
    theirs = load_file(tmp_path / "words.safetensors")
    np.testing.assert_array_equal(theirs["vectors"], table.vectors)
    assert bytes(theirs["words"]).decode() == "".join(WORDS)


def test_part_of_our_file(tmp_path):
    table = some(words=[f"w{row}" for row in range(50)])
    table.save(tmp_path / "words.safetensors", dtype="float16")
    part = WordVectors.load(tmp_path / "words.safetensors", limit=20, among=["w19", "w3", "w30"])
    assert list(part.words) == ["w3", "w19"]
    np.testing.assert_array_equal(part.rows([0, 1]), table.astype("float16").rows([3, 19]))
    assert part.counts.tolist() == [47, 31]


def test_our_file_has_the_ngrams(tmp_path):
    subwords = Subwords(2, 4, 50)
    buckets = np.unique(subwords.hashed(WORDS)[1]).astype(np.int32)
    ngrams = NgramVectors(subwords, buckets, np.random.default_rng(0).normal(size=(len(buckets), 3)).astype(np.float32))
    table = WordVectors(WORDS, some().vectors, None, ngrams)
    table.save(tmp_path / "words.safetensors")
    again = WordVectors.load(tmp_path / "words.safetensors")
    np.testing.assert_array_equal(again["seas"], table["seas"])
    assert "seas" not in again


def outcome(load, table: WordVectors) -> str:
    """Whether loading says that something is wrong, or gives what was saved; lookups never do anything else."""
    try:
        found = load()
        for word in [*WORDS, "other"]:
            if word in found:
                assert found[word].shape == (found.dim,)
        words = list(found.words)
    except (DataError, RunError):
        return "error"
    alike = words == list(table.words) and np.array_equal(found.rows(slice(None)), table.rows(slice(None)))
    return "equal" if alike and (found.counts is None) == (table.counts is None) else "other"


def damages(content: bytes, step: int):
    """Contents with a byte changed, or cut short, at every `step`-th place."""
    for place in range(0, len(content), step):
        yield content[:place] + bytes([content[place] ^ (1 << place % 8)]) + content[place + 1 :]
        yield content[:place]


@pytest.mark.parametrize(("name", "step"), [("words.safetensors", 9), ("words.npz", 9)])
@pytest.mark.parametrize("dtype", ["float32", "int8"])
def test_a_damaged_file_is_an_error_or_the_same(tmp_path, name, step, dtype):
    table, path = some(dtype), tmp_path / name
    table.save(path)
    for content in damages(path.read_bytes(), step):
        path.write_bytes(content)
        assert outcome(lambda: WordVectors.load(path), table) in ("error", "equal")


def test_a_damaged_static_folder_is_an_error(tmp_path):
    table, path = some(), tmp_path / "static"
    table.save(path, "static")
    for file in path.iterdir():
        whole = file.read_bytes()
        for content in damages(whole, 41):
            file.write_bytes(content)
            assert outcome(lambda: WordVectors.load(path), WordVectors(WORDS, table.vectors)) in ("error", "equal")
        file.write_bytes(whole)


@pytest.mark.parametrize("verify", [True, False])
def test_lookups_of_a_damaged_large_file_never_hang_or_crash(tmp_path, monkeypatch, verify):
    """A large file is not compared with its digests: what its numbers point to is looked at when it is used."""
    monkeypatch.setattr(own, "COMPARED", 0)
    table, path = some(words=[f"wörd{row}" for row in range(40)]), tmp_path / "words.safetensors"
    table.save(path)
    whole = path.read_bytes()
    start = 8 + int.from_bytes(whole[:8], "little")
    rng = np.random.default_rng(0)
    for _ in range(150):
        content = bytearray(whole)
        for place in rng.integers(start, len(whole), 12):
            content[place] = rng.integers(256)
        path.write_bytes(content)
        outcome(lambda: WordVectors.load(path, verify=verify), table)
    with pytest.raises(DataError, match="not what was written"):
        WordVectors.load(path, verify="all")


def test_a_hash_table_without_an_end(tmp_path):
    words = Words.of(["a", "b"])
    full = Words(words.blob, words.offsets, np.zeros(8, np.int32))  # every place is taken, by "a"
    assert full.find("zzz") is None
    with pytest.raises(DataError, match="names row 9 of 2"):
        Words(words.blob, words.offsets, np.full(8, 9, np.int32)).find("a")
    with pytest.raises(DataError, match="2, 4, 8"):
        Words(words.blob, words.offsets, np.zeros(6, np.int32))


def test_headers_that_lie(tmp_path):
    path = tmp_path / "words.safetensors"
    header = {"vectors": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}}
    for change, told in (
        ({"data_offsets": [0, 25]}, "does not say what is in it"),
        ({"data_offsets": [8, 24]}, "does not say what is in it"),
        ({"shape": [-2, -3]}, "does not say what is in it"),
        ({"shape": [1 << 62, 1 << 62]}, "does not say what is in it"),
        ({"dtype": "F31"}, "does not say what is in it"),
        ({"shape": None}, "does not say what is in it"),
        ({}, "has no words in it; give its folder"),
    ):
        head = json.dumps({"vectors": {**header["vectors"], **change}}).encode()
        path.write_bytes(len(head).to_bytes(8, "little") + head + bytes(24))
        with pytest.raises(DataError, match=told):
            WordVectors.load(path)
    faults = {
        b"\xff" * 8 + b"{" + bytes(50): "cannot have",
        b"[" * 9999: "cannot have",
        b"\x05" + bytes(7) + b"[[[[[": "no JSON",
    }
    for content, told in faults.items():
        path.write_bytes(content)
        with pytest.raises(DataError, match=told):
            WordVectors.load(path)


# --- words as one text


@RUN
@given(words=st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=5), max_size=60, unique=True))
def test_words_are_a_list_and_a_dict(words):
    made = Words.of(words)
    assert made == words
    assert list(made) == words
    assert made[:] == words
    assert [made[row] for row in range(len(words))] == words
    assert made[1:7:2] == words[1:7:2]
    assert [made.find(word) for word in words] == list(range(len(words)))
    assert made.find("never there") is None
    assert made.find(7) is None
    assert made.find("\ud800") is None


def test_words_that_occur_twice():
    made = Words.of(["b", "a", "b", "c", "a", "b"])
    assert [made.find(word) for word in "abc"] == [1, 0, 3]
    with pytest.raises(DataError, match="lone surrogate"):
        Words.of(["\ud800"])
    with pytest.raises(IndexError):
        made[6]


def test_words_made_to_collide_are_refused(monkeypatch):
    from selfsup.words import vocabulary

    monkeypatch.setattr(vocabulary, "PROBES", 4)
    monkeypatch.setattr(vocabulary, "crc32", lambda _: 7)
    with pytest.raises(DataError, match="same CRC-32"):
        Words.of(["a", "b", "c", "d", "e"]).find("a")


def test_a_hundred_thousand_words_have_few_collisions():
    words = Words.of([f"w{row}" for row in range(100_000)])
    assert [words.find(f"w{row}") for row in range(0, 100_000, 997)] == list(range(0, 100_000, 997))
    assert len(words.slots) == 1 << 18


@pytest.mark.parametrize(
    ("blob", "offsets", "told"),
    [
        (b"ab\xff", [0, 1, 3], "not UTF-8"),
        ("aé".encode(), [0, 2, 3], "within a character"),
        (b"abc", [0, 3, 2], "do not lie one after the other"),
        (b"abc", [0, 9, 3], "lies from|do not lie"),
    ],
)
def test_damaged_words(blob, offsets, told):
    words = Words(np.frombuffer(blob, np.uint8), np.array(offsets, np.int64), np.array([0, 1, -1, -1], np.int32))
    with pytest.raises(DataError, match=told):
        list(words)
    for word in ("a", "b", "é"):
        try:
            assert words.find(word) in (0, 1, None)
        except DataError:
            continue


# --- numpy's archives


def test_archives_of_others(tmp_path):
    words, vectors = np.array(["a b", "é"]), np.arange(4).reshape(2, 2)
    for number, arrays in enumerate(
        [
            {"words": words, "vectors": vectors},
            {"vocab": words, "embeddings": vectors.astype(np.float64)},
            {"labels": words, "x": vectors.astype(np.float32)},
            {"tokens": np.char.encode(words), "matrix": vectors},
        ]
    ):
        for save in (np.savez, np.savez_compressed):
            save(tmp_path / f"{number}.npz", **arrays)
            found = WordVectors.load(tmp_path / f"{number}.npz")
            assert found.words == ["a b", "é"]
            np.testing.assert_array_equal(found.vectors, np.float32([[0, 1], [2, 3]]))
    np.savez(tmp_path / "unnamed.npz", words, vectors)
    assert WordVectors.load(tmp_path / "unnamed.npz").words == ["a b", "é"]
    some("float16").save(tmp_path / "ours.npz")
    with np.load(tmp_path / "ours.npz", allow_pickle=False) as theirs:
        assert theirs["words"].tolist() == WORDS
        assert theirs["vectors"].dtype == np.float16


@pytest.mark.parametrize(
    ("arrays", "told"),
    [
        ({"words": np.array(["a", None], object), "vectors": np.eye(2)}, "never unpickled.*dtype=str"),
        ({"words": np.array(["a"]), "vectors": np.eye(2)}, "1 words and 2 vectors"),
        ({"vectors": np.eye(2)}, "unclear which are the words"),
        ({"words": np.array(["a", "b"]), "x": np.eye(2), "y": np.eye(2)}, "unclear which are the vectors"),
        ({"words": np.array(["a", "b"]), "vectors": np.array([[1], [np.nan]])}, "vector of 'b' is not finite"),
        ({"words": np.array(["a", "b"]), "vectors": np.array([[1], [1e300]])}, "vector of 'b' is not finite"),
        (
            {"words": np.array(["a", "b"]), "vectors": np.eye(2), "counts": np.array([1, 2, 3])},
            "counts must be 2 numbers",
        ),
        ({"words": np.array(["a", "b"]), "vectors": np.eye(2), "scale": np.ones(2)}, "int8 vectors have a scale"),
        ({"words": np.array([b"a", b"\xff"]), "vectors": np.eye(2)}, "not UTF-8"),
    ],
)
def test_faults_of_archives(tmp_path, arrays, told):
    np.savez(tmp_path / "words.npz", **arrays)
    with pytest.raises(DataError, match=told):
        WordVectors.load(tmp_path / "words.npz")


def test_an_archive_that_is_a_bomb(tmp_path, monkeypatch):
    monkeypatch.setattr("selfsup.data.arrays.archive.FLOOR", 1 << 20)
    path = tmp_path / "bomb.npz"
    np.savez_compressed(path, words=np.array(["a", "b"]), vectors=np.zeros((2, 1 << 20), np.float32))
    with pytest.raises(DataError, match="decompression bomb"):
        WordVectors.load(path)


def test_words_that_an_archive_cannot_hold(tmp_path):
    for word in ("end\0", "x" * 1001, "\ud800"):
        with pytest.raises(DataError, match="safetensors"):
            WordVectors([word], np.ones((1, 2))).save(tmp_path / "words.npz")
    assert not list(tmp_path.iterdir())


# --- fastText's models


def hashed(ngram: bytes) -> int:
    """Dictionary::hash of fastText, as its C++ has it."""
    state = 2166136261
    for octet in ngram:
        state = ((state ^ (octet - 256 if octet > 127 else octet)) & 0xFFFFFFFF) * 16777619 & 0xFFFFFFFF
    return state


def cut(word: bytes, shortest: int, longest: int) -> list[bytes]:
    """Dictionary::computeSubwords of fastText, line by line."""
    word, found = b"<" + word + b">", []
    for i in range(len(word)):
        if word[i] & 0xC0 == 0x80:
            continue
        j, n, ngram = i, 1, b""
        while j < len(word) and n <= longest:
            ngram += word[j : j + 1]
            j += 1
            while j < len(word) and word[j] & 0xC0 == 0x80:
                ngram += word[j : j + 1]
                j += 1
            if n >= shortest and not (n == 1 and (i == 0 or j == len(word))):
                found.append(ngram)
            n += 1
    return found


def model(
    words, dim=4, shortest=2, longest=4, buckets=30, labels=(), version=12, kind=2, quantised=0, pruned=-1, table=None
):
    """A model as fastText's saveModel writes it, and its table."""
    rows = len(words) + buckets
    table = np.random.default_rng(0).normal(size=(rows, dim)).astype("<f4") if table is None else table
    args = (dim, 5, 1, 1, 5, 1, 1, kind, buckets, shortest, longest, 100)
    head = struct.pack("<ii12id", 793712314, version, *args, 1e-4)
    entries = [(word, 0) for word in words] + [(label, 1) for label in labels]
    head += struct.pack("<iiiqq", len(entries), len(words), len(labels), 1000, pruned)
    for number, (entry, type_) in enumerate(entries):
        head += entry + b"\0" + struct.pack("<qb", 1000 - number, type_)
    return head + struct.pack("<?qq", quantised, rows, dim) + table.tobytes() + struct.pack("<?qq", 0, 1, dim) + bytes(
        4 * dim
    ), table


BYTES = [b"</s>", b"sailing", "naïve".encode(), "漢字".encode(), b"bad\xff\x80d", b"a"]


def expected(word: bytes, row: int | None, table, shortest: int, longest: int, buckets: int, words: int) -> np.ndarray:
    ngrams = [] if word == b"</s>" else cut(word, shortest, longest)
    rows = ([] if row is None else [row]) + [words + hashed(ngram) % buckets for ngram in ngrams]
    return table[rows].astype(np.float64).mean(0)


@pytest.mark.parametrize(("shortest", "longest"), [(2, 4), (1, 3), (3, 6), (0, 2)])
def test_a_model_of_fasttext(tmp_path, caplog, shortest, longest):
    content, table = model(BYTES, shortest=shortest, longest=longest)
    path = tmp_path / "model.bin"
    path.write_bytes(content)
    vectors = WordVectors.load(path)
    assert vectors.words == ["</s>", "sailing", "naïve", "漢字", "bad\ufffd\ufffdd", "a"]
    assert vectors.counts.tolist() == [1000, 999, 998, 997, 996, 995]
    for row, word in enumerate(BYTES):
        given_ = expected(word, row, table, shortest, longest, 30, len(BYTES))
        np.testing.assert_allclose(vectors.vectors[row], given_, rtol=1e-5, atol=1e-6)
    for word in ("sailings", "漢字典", "ï"):
        given_ = expected(word.encode(), None, table, shortest, longest, 30, len(BYTES))
        np.testing.assert_allclose(vectors[word], given_, rtol=1e-5, atol=1e-6)
        assert word not in vectors
    assert "1 words were not UTF-8" in caplog.text
    assert isinstance(base_of(vectors.ngrams.vectors), np.memmap)
    some_of_it = WordVectors.load(path, limit=4, among=["漢字", "a"])
    assert list(some_of_it.words) == ["漢字"]
    np.testing.assert_array_equal(some_of_it["漢字"], vectors["漢字"])
    with pytest.raises(DataError, match="no vector of any word asked for: 'sailin'; spelled like 'sailin': 'sailing'"):
        WordVectors.load(path, among=["sailin"])
    vectors.save(tmp_path / "model.safetensors")
    np.testing.assert_array_equal(WordVectors.load(tmp_path / "model.safetensors")["sailings"], vectors["sailings"])


def test_a_model_of_fasttext_with_many_words(tmp_path):
    """More letters than are taken at once, and n-grams that a word has twice."""
    words = [b"ababab%d" % row * 9 for row in range(400)]
    content, table = model(words, buckets=7)
    path = tmp_path / "model.bin"
    path.write_bytes(content)
    vectors = WordVectors.load(path)
    for row in (0, 7, 200, 399):
        given_ = expected(words[row], row, table, 2, 4, 7, 400)
        np.testing.assert_allclose(vectors.vectors[row], given_, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("number", [np.nan, 3e38])
def test_ngrams_that_are_not_finite(tmp_path, number):
    table = np.ones((1 + 5, 4), "<f4")
    table[1:] = number
    (tmp_path / "model.bin").write_bytes(model([b"</s>"], buckets=5, table=table)[0])
    vectors = WordVectors.load(tmp_path / "model.bin")
    with pytest.raises(DataError, match="vector of 'other', the mean of its n-grams', is not finite"):
        vectors["other"]


def test_hashes_that_are_known():
    """FNV-1a of ASCII is the standard's; bytes from 128 on have the sign of a char."""
    assert hashed(b"") == 0x811C9DC5
    assert hashed(b"a") == 0xE40C292C
    assert hashed(b"foobar") == 0xBF9CF968
    assert hashed("é".encode()) != (((2166136261 ^ 0xC3) * 16777619 & 0xFFFFFFFF) ^ 0xA9) * 16777619 & 0xFFFFFFFF


def test_models_of_fasttext_without_ngrams(tmp_path):
    path = tmp_path / "model.bin"
    for more in (
        {"longest": 0},
        {"kind": 3, "version": 11, "labels": [b"__label__a"]},
        {"longest": 0, "labels": [b"__label__a"]},
    ):
        content, table = model(BYTES[:4], **more)
        path.write_bytes(content)
        vectors = WordVectors.load(path)
        np.testing.assert_array_equal(vectors.vectors, table[:4])
        assert vectors.ngrams is None
        assert "__label__a" not in vectors


def test_faults_of_models_of_fasttext(tmp_path):
    path = tmp_path / "model.bin"
    bad = np.ones((36, 4), "<f4")
    bad[2, 1] = np.nan
    for more, told in (
        ({"quantised": 1}, r"compressed table \(.ftz\), which is not read: load the .bin"),
        ({"pruned": 3}, "compressed table"),
        ({"version": 9}, "version 9; versions 11 and 12"),
        ({"dim": 0}, "0 dimensions"),
        ({"longest": 500}, "n-grams of 2 to 500"),
        ({"table": bad}, "vector of 'naïve' is not finite"),
    ):
        path.write_bytes(model(BYTES, **more)[0])
        with pytest.raises(DataError, match=told):
            WordVectors.load(path)
    with pytest.raises(OptionError, match="read, not written; save with format 'text'"):
        some().save(tmp_path / "model2.bin", "fasttext")


def test_a_damaged_model_of_fasttext(tmp_path):
    """It has no digest: what is changed in its numbers cannot be known, what is cut off is."""
    content, table = model(BYTES, dim=2, buckets=5)
    path = tmp_path / "model.bin"
    for damaged in damages(content, 7):
        path.write_bytes(damaged)
        found = outcome(lambda: WordVectors.load(path), some())
        end = content.index(table.tobytes()) + table.nbytes
        if len(damaged) < end:
            assert found == "error"


# --- static folders


def tokenizer(path: Path, model_: dict, added=()) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"version": "1.0", "added_tokens": list(added), "model": model_}))


def test_static_folders_of_others(tmp_path):
    table = np.random.default_rng(0).normal(size=(3, 4)).astype(np.float32)
    plain = tmp_path / "model2vec"
    tokenizer(
        plain / "tokenizer.json", {"type": "WordPiece", "unk_token": "[UNK]", "vocab": {"sea": 1, "[UNK]": 0, "##s": 2}}
    )
    write_arrays(plain / "model.safetensors", {"embeddings": table})
    (plain / "config.json").write_text('{"normalize": true}')
    found = WordVectors.load(plain)
    assert found.words == ["[UNK]", "sea", "##s"]  # the unknown one has a vector
    np.testing.assert_array_equal(found.vectors, table)
    assert isinstance(base_of(found.vectors), np.memmap)

    nested = tmp_path / "st"
    inner = nested / "0_StaticEmbedding"
    added = [{"id": 2, "content": "[PAD]", "special": True}]
    tokenizer(
        inner / "tokenizer.json", {"type": "Unigram", "unk_id": 0, "vocab": [["<unk>", 0.0], ["▁sea", -1.5]]}, added
    )
    write_arrays(inner / "model.safetensors", {"embedding.weight": table * [[0], [1], [1]]})
    kind = "sentence_transformers.models.StaticEmbedding"
    (nested / "modules.json").write_text(json.dumps([{"idx": 0, "name": "0", "path": inner.name, "type": kind}]))
    found = WordVectors.load(nested)
    assert found.words == ["▁sea", "[PAD]"]  # the unknown one is zeros
    np.testing.assert_allclose(found.vectors, table[1:], rtol=1e-6)


def test_a_static_folder_with_shared_rows_and_factors(tmp_path):
    table = np.random.default_rng(0).integers(-127, 128, (2, 4)).astype(np.int8)
    mapping, weights = np.array([1, 0, 1], np.int64), np.array([0.5, 2, 1])
    tokenizer(tmp_path / "tokenizer.json", {"vocab": {"a": 0, "b": 1, "c": 2}})
    for name, kind in (("int8", np.int8), ("float32", np.float32), ("float64", np.float64)):
        arrays = {"mapping": mapping, "weights": weights, "embeddings": table.astype(kind)}
        write_arrays(tmp_path / "model.safetensors", arrays)
        found = WordVectors.load(tmp_path)
        assert found.vectors.dtype == (np.int8 if name == "int8" else np.float32)
        np.testing.assert_allclose(found.rows([0, 1, 2]), table[mapping] * weights[:, None])


@pytest.mark.parametrize(
    ("vocab", "arrays", "told"),
    [
        ({"a": 5}, {"embeddings": np.eye(2)}, "number 5, and embeddings has 2 rows"),
        ({"a": 0}, {"embeddings": np.eye(2), "mapping": np.array([7])}, "rows beyond its 2"),
        ({"a": -1}, {"embeddings": np.eye(2)}, "no text with a number"),
        ({"a": "0"}, {"embeddings": np.eye(2)}, "no text with a number"),
        ({}, {"embeddings": np.eye(2)}, "no text with a number"),
        (None, {"embeddings": np.eye(2)}, "has no vocabulary"),
        ({"a": 0}, {"weight": np.eye(2)}, "no array 'embeddings'"),
        ({"a": 0}, {"embeddings": np.arange(2)}, "must be .* not empty"),
    ],
)
def test_faults_of_static_folders(tmp_path, vocab, arrays, told):
    tokenizer(tmp_path / "tokenizer.json", {"vocab": vocab})
    write_arrays(tmp_path / "model.safetensors", arrays)
    with pytest.raises(DataError, match=told):
        WordVectors.load(tmp_path)


@pytest.mark.parametrize(
    ("modules", "told"),
    [
        ([{"type": "sentence_transformers.models.Transformer", "path": ""}], "begins with a Transformer"),
        ([{"type": "StaticEmbedding", "path": "../elsewhere"}], "names no modules"),
        ([{"type": "StaticEmbedding", "path": "/etc"}], "names no modules|is missing"),
        ([{"type": "StaticEmbedding", "path": "0"}], "is missing"),
        ({"a": 1}, "names no modules"),
        ([], "names no modules"),
    ],
)
def test_modules_that_are_something_else(tmp_path, modules, told):
    (tmp_path / "modules.json").write_text(json.dumps(modules))
    with pytest.raises(DataError, match=told):
        WordVectors.load(tmp_path)


def test_a_static_folder_replaces_only_one_of_ours(tmp_path):
    table = some()
    table.save(tmp_path / "static", "static")
    with pytest.raises(RunError, match="exists"):
        table.save(tmp_path / "static", "static")
    table.save(tmp_path / "static", "static", overwrite=True)
    (tmp_path / "static" / "notes.txt").write_text("mine")
    with pytest.raises(RunError, match="will not be overwritten"):
        table.save(tmp_path / "static", "static", overwrite=True)


def test_a_static_folder_cuts_texts_into_its_words(tmp_path):
    tokenizers = pytest.importorskip("tokenizers")
    words = ["the", "sea", "don't", "naïve", "."]
    some(words=words).save(tmp_path / "static", "static")
    cutter = tokenizers.Tokenizer.from_file(str(tmp_path / "static" / "tokenizer.json"))
    assert cutter.encode("The sea. DON\u2019T nai\u0308ve ship!").tokens == [
        "the",
        "sea",
        ".",
        "don't",
        "naïve",
        "[UNK]",
        "[UNK]",
    ]
    assert [cutter.token_to_id(word) for word in words] == list(range(5))
    some(words=["The", "sea"]).save(tmp_path / "cased", "static")
    cutter = tokenizers.Tokenizer.from_file(str(tmp_path / "cased" / "tokenizer.json"))
    assert cutter.encode("The the sea!").tokens == ["The", "[UNK]", "sea"]

"""Text to ids: equal to plain Python, whatever the threads, the blocks and the source; every bad input is named."""

import gzip
import logging
import os
import re
import threading
import time
import unicodedata
from collections import Counter

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, example, given, settings, strategies as st

from selfsup.data.text import blocks, corpus, docstrings, kept as stored, numbering
from selfsup.data.text.corpus import open_text
from selfsup.data.text.tokens import pattern
from selfsup.errors import DataError, MissingError, OptionError
from selfsup.system import cache

ENGLISH = "The cat sat on the mat.\nThe dog, the cat's friend, sat too!\n\nA cat; a dog... the end\n"


def reference(lines, min_count=1, most=10_000):
    """The same in plain Python: lines of words -> words of the vocabulary, their counts, ids."""
    counts, first = Counter(), {}
    for line in lines:
        for word in line:
            counts[word] += 1
            first.setdefault(word, len(first))
    words = sorted(
        (word for word in counts if counts[word] >= min_count), key=lambda word: (-counts[word], first[word])
    )
    index = {word: number for number, word in enumerate(words)}
    sentences = []
    for line in lines:
        for start in range(0, len(line), most):
            kept = [index[word] for word in line[start : start + most] if word in index]
            if kept:
                sentences.append(kept)
    ids = [number for sentence in sentences for number in [*sentence, -1]][:-1]
    return words, [counts[word] for word in words], ids


def nfc(text):
    return unicodedata.normalize("NFC", text)


def words_of(line, lower=True):
    found = pattern().findall(nfc(line))
    return [nfc(word.lower() if lower else word).replace("\u2019", "'") for word in found]


def agrees(made, lines, **options):
    words, counts, ids = reference(lines, **options)
    assert made.vocabulary.words == words
    assert made.vocabulary.counts.tolist() == counts
    assert made.ids.tolist() == ids
    assert made.ids.dtype == np.int32
    assert made.raw_words == made.vocabulary.total == sum(len(line) for line in lines)
    assert made.sentences == (np.asarray(ids) == -1).sum() + 1


def opened(source, threads=1, **options):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(corpus, "cores", lambda: threads)
        return open_text(source, **{"progress": False, "min_count": 1, **options})


def text_file(folder, content, name="text.txt"):
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def test_words_of_english():
    made = opened([ENGLISH])
    assert made.vocabulary.words[:3] == ["the", "cat", "sat"]
    assert "cat's" in made.vocabulary.words
    assert made.vocabulary.index["the"] == 0
    agrees(made, [words_of(line) for line in ENGLISH.split("\n")])
    assert made.describe().startswith(
        "19 words in 3 sentences, 19 words among the 11 of the vocabulary, 2 of 5 lines hold none"
    )
    assert open_text(made) is made


def test_what_a_word_is():
    cases = {
        "don't 'quoted' rock'n'roll dogs' ''x''": ["don't", "quoted", "rock'n'roll", "dogs", "x"],
        "don\u2019t \u2018so\u2019": ["don't", "so"],
        "well-known e.g. 3.14 new_york x2": ["well", "known", "e", "g", "3", "14", "new_york", "x2"],
        "CAF\u00c9 cafe\u0301 STRASSE stra\u00dfe": ["caf\u00e9", "caf\u00e9", "strasse", "stra\u00dfe"],
        "ΟΔΟΣ мир, МИР": ["οδος", "мир", "мир"],
        "हिन्दी 你好。世界": ["हिन्दी", "你好", "世界"],
    }  # fmt: skip
    for text, words in cases.items():
        made = opened([text])
        assert [made.vocabulary.words[one] for one in made.ids] == words, text


ALPHABET = st.sampled_from(
    "aAbB_1' \u2019\n\t.-\u00e9\u00c9e\u0301\u0130I\u0307\u03a3\u03b1\u00df\u4f60\u3002\u00a0\u2003\u0338=\u200d\U0001f600"
)
ANY = st.characters(codec="utf-8", exclude_characters="\x00")


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@example("=\u0338a \u0301b\na'\u0338b'c", 7, 1, True)
@example("abcdefgh abcdefghi abcdefghij abcdefg Abcdefgh", 3, 2, False)
@given(st.text(ALPHABET | ANY, max_size=200), st.integers(1, 64), st.integers(1, 3), st.booleans())
def test_equals_plain_python(tmp_path, monkeypatch, text, size, threads, lower):
    monkeypatch.setattr(corpus, "SIZE", size)
    path = text_file(tmp_path, text + "\nend")
    lines = (text.removeprefix("\ufeff") + "\nend").split("\n")
    options = {"threads": threads, "lower": lower, "cache": False}
    agrees(opened(path, **options), [words_of(line, lower) for line in lines])
    agrees(
        opened(path, tokens="space", **options),
        [[nfc(nfc(word).lower()) if lower else nfc(word) for word in nfc(line).split()] for line in lines],
    )


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.lists(st.text(ANY.filter(lambda c: c != "\x01"), min_size=1, max_size=12), max_size=6), max_size=8),
    st.integers(1, 64),
    st.integers(1, 3),
)
def test_lists_of_tokens_stay_as_they_are_cut(sentences, size, threads):
    sentences = [*sentences, ["end"]]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(corpus, "SIZE", size)
        made = opened(sentences, threads=threads, lower=False)
    agrees(made, [[nfc(word) for word in sentence] for sentence in sentences])


def big_text(words=60_000, types=9000, seed=0):
    rng = np.random.default_rng(seed)
    names = [f"w{number}" if number % 7 else f"w\u00f6rt{number}lang" for number in range(types)]
    drawn = (rng.zipf(1.3, words) - 1) % types
    return [[names[one] for one in drawn[start : start + 23]] for start in range(0, words, 23)]


def test_a_vocabulary_that_grows(tmp_path, monkeypatch):
    lines = big_text(types=40_000, words=120_000)
    path = text_file(tmp_path, "\n".join(" ".join(line) for line in lines))
    made = opened(path, min_count=3, cache=False)
    agrees(made, lines, min_count=3)
    for threads, size in ((2, 5000), (3, 777), (1, 100_000)):
        monkeypatch.setattr(corpus, "SIZE", size)
        again = opened(path, min_count=3, threads=threads, cache=False)
        assert again.vocabulary.words == made.vocabulary.words
        np.testing.assert_array_equal(again.ids, made.ids)
        assert again.fingerprint == made.fingerprint


def test_one_huge_line_is_cut(tmp_path, monkeypatch):
    line = [word for one in big_text(30_500) for word in one]
    path = text_file(tmp_path, " ".join(line))
    for size in (1 << 20, 10_000):
        monkeypatch.setattr(corpus, "SIZE", size)
        made = opened(path, cache=False, min_count=2)
        agrees(made, [line], min_count=2)
    assert made.sentences == 4
    assert numbering.LONGEST_SENTENCE == 10_000


def test_every_kind_of_source_gives_the_same(tmp_path, monkeypatch):
    lines = big_text(3000, 300)
    texts = [" ".join(line) for line in lines]
    whole = "\n".join(texts)
    paths = [
        text_file(tmp_path, whole),
        text_file(tmp_path, gzip.compress(whole.encode()), "a.txt.gz"),
        text_file(tmp_path, "\ufeff" + whole, "bom.txt"),
        text_file(tmp_path, whole.replace("\n", "\r\n"), "windows.txt"),
    ]
    zstandard = pytest.importorskip("zstandard")
    half = len(whole) // 2
    packed = b"".join(zstandard.compress(part.encode()) for part in (whole[:half], whole[half:]))
    paths.append(text_file(tmp_path, packed, "b.txt.zst"))
    pq.write_table(pa.table({"text": [*texts, None], "label": [0] * (len(texts) + 1)}), tmp_path / "rows.parquet")
    pq.write_table(pa.table({"tokens": lines, "title": texts}), tmp_path / "lists.parquet")
    half = len(texts) // 2
    folder = tmp_path / "folder"
    folder.mkdir()
    text_file(folder, "\n".join(texts[:half]), "1.txt")
    text_file(folder, gzip.compress("\n".join(texts[half:]).encode()), "2.txt.gz")
    text_file(folder, b"\x00\x01", "picture.png")
    sources = [(path, {}) for path in [*paths, tmp_path / "rows.parquet", folder, str(folder / "*.txt*")]]
    sources += [(tmp_path / "lists.parquet", {"column": "tokens"}), (tmp_path / "lists.parquet", {"column": "title"})]
    sources += [(sorted(folder.glob("*.txt*")), {}), ([str(folder / "1.txt"), str(folder / "2.txt.gz")], {})]
    sources += [(texts, {}), (iter(texts), {}), (lines, {}), ((line for line in lines), {}), (lambda: iter(lines), {})]
    sources += [(map(tuple, lines), {}), (pa.table({"text": texts}).to_pandas(), {})]
    datasets = pytest.importorskip("datasets")
    sources.append((datasets.Dataset.from_dict({"text": texts}), {}))
    sources.append((datasets.DatasetDict({"train": datasets.Dataset.from_dict({"tokens": lines})}), {}))
    sources.append((datasets.Dataset.from_dict({"text": texts}).to_iterable_dataset(), {"column": "text"}))
    for size in (2000, 1 << 22):
        monkeypatch.setattr(corpus, "SIZE", size)
        for source, options in sources if size == 2000 else sources[:10]:
            agrees(opened(source, threads=2, cache=False, **options), lines)


def test_documents_end_where_files_end(tmp_path):
    text_file(tmp_path, "a b", "1.txt")
    text_file(tmp_path, "a b", "2.txt")
    assert opened(tmp_path).ids.tolist() == [0, 1, -1, 0, 1]


def test_other_encodings(tmp_path):
    text = "caf\u00e9 na\u00efve caf\u00e9\n\u00fcber" * 50
    for encoding in ("latin-1", "utf-16", "cp1252"):
        path = text_file(tmp_path, text.encode(encoding), f"{encoding}.txt")
        agrees(opened(path, encoding=encoding), [words_of(line) for line in text.split("\n")])
    with pytest.raises(OptionError, match="'encoding': there is none called 'klingon'"):
        opened(path, encoding="klingon")
    with pytest.raises(DataError, match=r"near byte 3.*not cp932|near byte 3.*not ascii.*|byte 3"):
        opened(text_file(tmp_path, "caf\u00e9".encode("latin-1"), "x.txt"))


def test_the_users_own_tokens():
    text = "A-b c1 d\ne f-g a-B"
    lines = [["a-b", "c", "d"], ["e", "f-g", "a-b"]]
    agrees(opened([text], tokens=r"[A-Za-z-]+"), lines)
    agrees(opened([text], tokens=r"([A-Za-z])(-[A-Za-z])?"), lines)
    agrees(
        opened([text], tokens=lambda line: (word for word in line.split() if len(word) != 2)),
        [["a-b", "d"], ["e", "f-g", "a-b"]],
    )
    with pytest.raises(OptionError, match="'tokens' is no regular expression"):
        opened([text], tokens="(")
    with pytest.raises(OptionError, match="'tokens' must be a word or a function"):
        opened([text], tokens=3)
    with pytest.raises(DataError, match="it returned one string"):
        opened([text], tokens=str.strip)
    with pytest.raises(DataError, match=r"lambda> in tokens= raised ZeroDivisionError: .*; the line is 'A-b c1 d'"):
        opened([text], tokens=lambda line: [1 / 0])


def test_vocabulary_by_size_and_words_that_stay():
    text = "a a a a b b b c c d e"
    made = opened([text], max_vocab=2)
    assert made.vocabulary.words == ["a", "b"]
    assert made.ids.tolist() == [0, 0, 0, 0, 1, 1, 1]
    made = opened([text], max_vocab=3, keep=["E", "zebra"])
    assert made.vocabulary.words == ["a", "e"]
    assert made.vocabulary.counts.tolist() == [4, 1]
    made = opened([text], min_count=3, keep=["d"])
    assert made.vocabulary.words == ["a", "b", "d"]
    assert made.raw_words == 11
    with pytest.raises(OptionError, match="'max_vocab' must leave room for the 3 words that stay; got 2"):
        opened([text], max_vocab=2, keep=["a", "b", "c"])
    with pytest.raises(OptionError, match="'keep' must be a list of values, each a word; got 'abc'"):
        opened([text], keep="abc")


def test_words_that_never_occur_are_told_if_they_were_asked_for(tmp_path, caplog):
    path = text_file(tmp_path, "a a b")
    for _ in range(2):  # the second time from the cache
        caplog.clear()
        made = opened(path, keep=["B", "Zebra"], known=["Yak", "b"])
        assert made.vocabulary.words == ["a", "b"]
        assert "does not hold 'zebra', which option 'keep' names" in caplog.text
        assert "yak" not in caplog.text
    caplog.clear()
    assert opened(path, min_count=2, known=["B", "yak"]).vocabulary.words == ["a", "b"]
    assert not caplog.text


@pytest.mark.parametrize(
    ("option", "value"),
    [("min_count", 0), ("max_vocab", 1), ("phrases", -1), ("phrases", 5), ("limit", 0), ("tokens", 3)],
)
def test_options_out_of_range(option, value):
    with pytest.raises(OptionError, match=rf"'{option}' must be .*(at least|from 0 to 4|a word or a function).*; got"):
        open_text(["a b"], **{option: value})


def test_the_second_time_comes_from_the_cache(tmp_path, monkeypatch, caplog):
    path = text_file(tmp_path, ENGLISH * 20)
    first = opened(path)
    monkeypatch.setattr(blocks, "of_file", None)  # reading it again would fail
    second = opened(path)
    np.testing.assert_array_equal(first.ids, second.ids)
    assert second.vocabulary.words == first.vocabulary.words
    assert (second.fingerprint, second.sentences, second.raw_words) == (
        first.fingerprint,
        first.sentences,
        first.raw_words,
    )
    second.ids[0] = 99  # memory only
    assert opened(path).ids[0] == first.ids[0]
    monkeypatch.undo()
    monkeypatch.setenv("SELFSUP_CACHE", str(tmp_path / "cache"))
    made = opened(path)
    assert sorted(one.suffix for one in (tmp_path / "cache").iterdir()) == [".json", ".npy"]
    assert opened(path, min_count=2).fingerprint != made.fingerprint
    os.utime(path, ns=(1, 1))
    assert opened(path).fingerprint != made.fingerprint


@pytest.mark.parametrize("damage", ["ids", "short", "words", "json"])
def test_a_damaged_cache_is_made_anew(tmp_path, monkeypatch, caplog, damage):
    monkeypatch.setenv("SELFSUP_CACHE", str(tmp_path / "cache"))
    path = text_file(tmp_path, ENGLISH * 20)
    made = opened(path).ids.tolist()
    ids = cache.place(stored._name(opened(path).fingerprint))
    about = ids.with_suffix(".json")
    held = bytearray(ids.read_bytes())
    if damage == "ids":
        held[200] ^= 0x40
        ids.write_bytes(held)
    elif damage == "short":
        ids.write_bytes(held[:-8])
    elif damage == "words":
        about.write_text(about.read_text().replace('"the"', '"teh"'))
    else:
        about.write_text("{")
    with caplog.at_level(logging.WARNING):
        assert opened(path).ids.tolist() == made
    assert "are damaged" in caplog.text
    caplog.clear()
    assert opened(path).ids.tolist() == made
    assert not caplog.text


def test_a_cache_folder_that_cannot_be_written(tmp_path, monkeypatch, caplog):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("SELFSUP_CACHE", str(tmp_path / "file" / "cache"))
    path = text_file(tmp_path, ENGLISH)
    agrees(opened(path), [words_of(line) for line in ENGLISH.split("\n")])
    assert "cannot write to the cache folder" in caplog.text


def test_two_processes_at_once(tmp_path, monkeypatch):
    import subprocess
    import sys

    cache = tmp_path / "cache"
    monkeypatch.setenv("SELFSUP_CACHE", str(cache))
    path = text_file(tmp_path, "\n".join(" ".join(line) for line in big_text()))
    code = (
        "import sys; from selfsup.data.text.corpus import open_text; "
        "made = open_text(sys.argv[1], progress=False); print(made.ids.astype('int64').sum(), len(made))"
    )
    running = [
        subprocess.Popen([sys.executable, "-c", code, path], stdout=subprocess.PIPE, text=True) for _ in range(2)
    ]
    said = {one.communicate()[0] for one in running}
    made = open_text(path, progress=False)
    assert said == {f"{made.ids.astype('int64').sum()} {len(made)}\n"}
    assert len(list(cache.iterdir())) == 2


def test_interrupted_while_reading(tmp_path, monkeypatch):
    monkeypatch.setenv("SELFSUP_CACHE", str(tmp_path / "cache"))

    def sentences():
        yield from big_text(5000)
        raise KeyboardInterrupt

    monkeypatch.setattr(corpus, "SIZE", 1000)
    before = threading.active_count()
    with pytest.raises(KeyboardInterrupt):
        opened(sentences(), threads=2)
    assert not list((tmp_path / "cache").iterdir())
    end = time.monotonic() + 20
    while threading.active_count() > before and time.monotonic() < end:  # nobody waits for them: each ends its block
        time.sleep(0.01)
    assert threading.active_count() == before


def test_wide_runs_are_forgotten_when_they_are_many(monkeypatch):
    from selfsup.data.text import scan as encode

    lines = [[f"w\u00f6rt{number % 700}" for number in range(start, start + 9)] for start in range(0, 9000, 7)]
    monkeypatch.setattr(corpus, "SIZE", 3000)
    monkeypatch.setattr(encode, "KNOWN", 100)
    agrees(opened([" ".join(line) for line in lines], threads=2), lines)


def test_a_vocabulary_that_does_not_fit(monkeypatch):
    from selfsup.system import memory

    monkeypatch.setattr(memory, "available", lambda: 2 << 20)
    with pytest.raises(DataError, match=r"different words need .* are available; read less text"):
        opened([[f"w{number}" for number in range(40_000)]])
    monkeypatch.setattr(memory, "available", lambda: 1000)
    with pytest.raises(DataError, match=r"9 words of the vocabulary need .* raise min_count, or set max_vocab"):
        opened([[f"w{number}" for number in range(9)]])


def test_large_ids_without_a_cache(monkeypatch):
    monkeypatch.setattr(stored, "IN_MEMORY", 10)
    agrees(opened([ENGLISH]), [words_of(line) for line in ENGLISH.split("\n")])


def test_a_full_disk(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(stored, "_write", full)
    with pytest.raises(DataError, match=r"No space left on device; free some space, or set SELFSUP_CACHE"):
        opened(text_file(tmp_path, ENGLISH), cache=True)


def test_long_words_are_skipped_and_said(caplog):
    long, wide = "x" * 1001, "\u00e9" * 1001
    made = opened([f"a {long} b {wide} {'y' * 1000} \u00e9"])
    assert made.vocabulary.words == ["a", "b", "y" * 1000, "\u00e9"]
    assert (made.skipped, made.raw_words) == (2, 6)
    assert "2 longer than 1,000 characters skipped" in made.describe()
    assert "2 words of more than 1,000 characters were skipped" in caplog.text


BAD = {
    "no words": (b"", "holds no words"),
    "only marks": (b"... !!\n", "holds no words"),
    "rare": (b"a b a\n", r"occurs min_count=5 times: the most frequent, 'a', occurs 2 times; .*min_count=1"),
    "not utf-8": (b"hello\ncaf\xe9 au lait\n" * 9, r"text.txt, byte 9: not UTF-8 \(byte 0xe9\).*encoding='latin-1'"),
    "cut character": (b"abc \xc3", r"text.txt, byte 4: not UTF-8"),
    "nul": (b"hello\x00world", r"text.txt, byte 5: a NUL byte.*utf-16"),
    "utf-16": ("hello".encode("utf-16"), r"text.txt, byte \d: .*encoding='utf-16'"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_text(tmp_path, name):
    content, message = BAD[name]
    with pytest.raises(DataError, match=message):
        opened(text_file(tmp_path, content), threads=2, min_count=5)


def test_the_first_fault_of_a_file_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(corpus, "SIZE", 16)
    path = text_file(tmp_path, b"good words here\n" * 20 + b"bad \xff word\n" + b"good words here\n" * 20 + b"\x00")
    for tokens in ("words", "space", r"\w+"):
        with pytest.raises(DataError, match=r"text.txt, byte 324: not UTF-8"):
            opened(path, threads=3, tokens=tokens)
    with pytest.raises(DataError, match=r"byte 3: a NUL byte"):
        opened(text_file(tmp_path, b"a b\x00c"), tokens=r"\w+")


def test_packed_files_that_are_cut_or_damaged(tmp_path):
    whole = "\n".join(" ".join(line) for line in big_text(5000)).encode()
    packed = gzip.compress(whole)
    with pytest.raises(DataError, match="a.txt.gz is cut short"):
        opened(text_file(tmp_path, packed[: len(packed) // 2], "a.txt.gz"))
    with pytest.raises(DataError, match=r"a.txt.gz is damaged or not compressed as its name says"):
        opened(text_file(tmp_path, b"plain text", "a.txt.gz"))
    zstandard = pytest.importorskip("zstandard")
    packed = zstandard.compress(whole)
    with pytest.raises(DataError, match="b.txt.zst is cut short"):
        opened(text_file(tmp_path, packed[: len(packed) // 2], "b.txt.zst"))
    with pytest.raises(DataError, match="b.txt.zst is damaged"):
        opened(text_file(tmp_path, b"plain text", "b.txt.zst"))


def test_zst_without_its_package(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "zstandard", None)
    with pytest.raises(MissingError, match=r"pip install (-e )?'.*\[words\]'"):
        opened(text_file(tmp_path, b"", "b.txt.zst"))


def test_a_file_that_changes_while_it_is_read(tmp_path, monkeypatch):
    path = text_file(tmp_path, ENGLISH)
    cut = blocks._cut

    def and_written(*arguments):
        yield from cut(*arguments)
        path.write_text(ENGLISH + "more")

    monkeypatch.setattr(blocks, "_cut", and_written)
    with pytest.raises(DataError, match="has changed while it was read"):
        opened(path)


def test_sources_that_are_not_there(tmp_path):
    text_file(tmp_path, ENGLISH, "novel.txt")
    text_file(tmp_path, b"", "data.bin")
    (tmp_path / "empty").mkdir()
    cases = {
        str(tmp_path / "novle.txt"): r"did you mean '.*novel.txt'",
        "docstring": "did you mean 'docstrings'",
        str(tmp_path / "*.text"): "no file matches",
        str(tmp_path / "empty"): r"has neither .txt files \(also .gz, .zst\) nor tables \(no files\)",
        str(tmp_path / "data.bin"): "is no plain text",
        "": "the path is empty",
    }
    for source, message in cases.items():
        with pytest.raises(DataError, match=message):
            opened(source)
    text_file(tmp_path / "empty", b"", "x.md")
    with pytest.raises(DataError, match=r"1 other files, e.g. x.md.*\*.md"):
        opened(tmp_path / "empty")
    with pytest.raises(DataError, match="cannot read a int as text"):
        opened(3)
    with pytest.raises(DataError, match="column='x' is for tables; .*novel.txt is text"):
        opened(tmp_path / "novel.txt", column="x")
    with pytest.raises(DataError, match="there is no data at 'b.txt'"):
        opened([str(tmp_path / "novel.txt"), "b.txt"])


def test_tables_without_a_clear_column(tmp_path):
    path = tmp_path / "t.parquet"
    pq.write_table(pa.table({"a": ["x"], "b": ["y"], "n": [1]}), path)
    with pytest.raises(DataError, match=r"has 2 columns of text \(a, b\); choose one by column="):
        opened(path)
    with pytest.raises(DataError, match="column 'n' holds int64"):
        opened(path, column="n")
    with pytest.raises(DataError, match="unknown column 'c'"):
        opened(path, column="c")
    assert opened(path, column="b").vocabulary.words == ["y"]
    pq.write_table(pa.table({"text": ["fine", "also", "bad\x00text"]}), path)
    with pytest.raises(DataError, match="column 'text', row 2: a NUL byte"):
        opened(path)
    path.write_bytes(b"PAR1nothing")
    with pytest.raises(DataError, match="as parquet"):
        opened(path)


def test_iterables_that_are_not_text():
    for source, message in (
        ([1, 2], "item 0 of the iterable is a int"),
        (["a", ["b"]], "item 1 of the iterable is a list of tokens, and those before it are texts"),
        ([["a", 3]], r"tokens must be strings"),
        ([["a\x00b"]], "the character NUL"),
        (["\ud800"], "items 0 to 0 of the iterable"),
        ([["a", "\ud800"]], "half of a character"),
        ([], "holds no words"),
        ([[], []], "holds no words"),
    ):
        with pytest.raises(DataError, match=message):
            opened(source)


def test_documentation_strings(tmp_path, monkeypatch):
    package = tmp_path / "lib" / "pkg"
    (package / "tests").mkdir(parents=True)
    text_file(
        package, '"""First line\nwrapped.\n\nSecond part."""\nx = "no string"  # a comment\n# one\n# two\n', "a.py"
    )
    text_file(package, b"def f(:\n    r'''Broken code \\d'''\n    y = \"\"\"no text\"\"\"\n", "b.py")
    text_file(package, b"'''caf\xe9'''", "latin.py")
    text_file(package, '"""never"""', "test_c.py")
    text_file(package / "tests", '"""never"""', "d.py")
    text_file(package, "# " + "x " * (1 << 20), "huge.py")
    text_file(package, '"""First line wrapped."""\n', "z_copy.py")
    monkeypatch.setattr(docstrings, "roots", lambda: [tmp_path / "lib"])
    made = opened("docstrings")
    words = [made.vocabulary.words[one] if one >= 0 else "|" for one in made.ids]
    assert " ".join(words) == "first line wrapped | second part | a comment | one two | broken code d"
    assert made.source == "docstrings"
    assert [path.name for path in docstrings.files([tmp_path / "lib"])] == ["a.py", "b.py", "latin.py", "z_copy.py"]


def test_this_machine_has_documentation():
    paths = docstrings.files(docstrings.roots())
    assert len(paths) > 500
    made = opened(re.sub(r"\s+", " ", next(docstrings.blocks(paths[::40])).data.tobytes().decode()).split(". "))
    assert {"the", "returns", "function"} <= set(made.vocabulary.words)


def test_nothing_heavy_is_imported_with_the_package():
    import subprocess
    import sys

    code = "import sys, selfsup; assert 'numba' not in sys.modules"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0

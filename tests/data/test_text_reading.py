"""Text as people have it: tables, missing values, bad bytes, scripts without spaces, and what is said of it."""

import contextlib
import io
import json
import sys
import tarfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings, strategies as st

import selfsup
from selfsup.cli.main import main
from selfsup.data.open import reader_of
from selfsup.data.text.corpus import open_text
from selfsup.data.text.seen import MARK, Seen
from selfsup.data.text.sources import find
from selfsup.errors import DataError, MissingError, OptionError
from selfsup.lazy import Late, install
from selfsup.methods.skipgram import Skipgram
from selfsup.store.checkpoint import _differing
from selfsup.system import compiling
from selfsup.system.progress import Progress
from selfsup.words.before import Before
from selfsup.words.vectors import WordVectors

LINES = ["the cat sat on the mat", "a dog and the cat", "1984", "NA", "the sea"]
SMALL = {"dim": 4, "min_count": 1, "sample": 0.0, "epochs": 1, "threads": 1, "progress": False, "evaluate": False}


def opened(source, **options):
    return open_text(source, **({"min_count": 1, "progress": False, "cache": False} | options))


def words_of(made):
    rows = " ".join(made.vocabulary.words[one] if one >= 0 else "|" for one in made.ids.tolist())
    return [row.split() for row in rows.split("|")]


def tables(folder, values):
    frame = pd.DataFrame({"n": range(len(values)), "review": values})
    frame.to_csv(folder / "t.csv", index=False)
    frame.to_csv(folder / "t.tsv", index=False, sep="\t")
    frame.to_csv(folder / "t.csv.gz", index=False)
    frame.to_json(folder / "t.jsonl", orient="records", lines=True)
    frame.to_json(folder / "t.json", orient="records")
    frame.to_parquet(folder / "t.parquet")
    return sorted(folder.glob("t.*"))


def test_a_column_of_every_table_is_read_and_nothing_else(tmp_path):
    for path in tables(tmp_path, LINES):
        made = opened(path)
        assert words_of(made) == [line.lower().split() for line in LINES], path
        assert (made.lines, made.blank, made.missing) == (5, 0, 0), path


def test_what_is_missing_is_left_out_and_said_once(tmp_path, caplog):
    values = [LINES[0], None, LINES[1], None, LINES[4]]
    there = [line for line in values if line is not None]
    nan = [np.nan if one is None else one for one in values]
    sources = [
        values, nan, tuple(nan), np.array(values, object), pd.Series(values), pl.Series(values),
        pd.Series(values, dtype="string"),
        pd.DataFrame({"text": values}), pl.DataFrame({"text": values}), *tables(tmp_path, values),
    ]  # fmt: skip
    for source in sources:
        caplog.clear()
        made = opened(source)
        assert words_of(made) == [line.split() for line in there], type(source)
        assert made.missing == 2
        assert [record.message.rpartition(": ")[2] for record in caplog.records] == [
            "2 missing values (None, NaN), left out"
        ]
        assert "2 missing left out" in made.describe()
    assert opened([None, *LINES]).missing == 1
    assert opened([["a", "b"], None, ["c"]]).missing == 1
    assert reader_of([None, *LINES]) == "text"  # as `fit` finds out
    assert words_of(opened(pd.Series(values), limit=2)) == [LINES[0].split()]  # a limit is of what is there or not
    with pytest.raises(DataError, match="holds no words"):
        opened([None, None])


def test_what_is_said_of_missing_values_comes_from_the_cache_too(tmp_path, caplog):
    path = tables(tmp_path, [*LINES, None])[0]
    first = opened(path, cache=True)
    caplog.clear()
    again = opened(path, cache=True)
    assert again.missing == first.missing == 1
    assert "1 missing value (None, NaN), left out" in caplog.text


def test_every_line_is_accounted_for():
    made = opened("\n".join(["a b", "", "rare", "a b c", "  ", "a"]).split("\n") * 2, min_count=2)
    assert made.lines == 12
    assert made.blank == 12 - made.sentences == 4  # "rare" occurs twice
    made = opened(["a b a b", "x", "", "a a"], min_count=2)
    assert (made.lines, made.sentences, made.blank) == (4, 2, 2)
    assert "2 of 4 lines hold none" in made.describe()


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(["", "a b", "a", "rare", "b b  a"]), min_size=1, max_size=30), st.booleans())
def test_lines_of_a_file_add_up(tmp_path_factory, lines, ended):
    lines = ["a a b b", *lines, "a b a b"]
    path = tmp_path_factory.mktemp("lines") / "t.txt"
    path.write_text("\n".join(lines) + "\n" * ended)
    for source in (path, lines):
        made = opened(source, min_count=2)
        assert made.lines == len(lines)
        assert made.lines - made.blank == made.sentences


def test_a_line_that_is_cut_counts_once(monkeypatch):
    monkeypatch.setattr("selfsup.data.text.numbering.LONGEST_SENTENCE", 3)
    for phrases in (0, 1):
        made = opened(["a b c d e f g", "a b", ""], phrases=phrases, phrase_threshold=2.0)
        assert made.sentences == 4
        assert (made.lines, made.blank) == (3, 1)


BAD = "the caf\u00e9 is open\n".encode("latin-1") + "caf\u00e9 caf\u00e9\n".encode() + b"cut \xe2\x82\nthe end"


def test_bytes_that_are_no_text(tmp_path, caplog):
    path = tmp_path / "t.txt"
    path.write_bytes(BAD)
    with pytest.raises(DataError, match=r"byte 7: not UTF-8 .* errors='replace' or errors='skip'"):
        opened(path)
    made = opened(path, errors="replace", tokens="space")
    expected = BAD.decode(errors="replace")
    assert words_of(made) == [line.split() for line in expected.split("\n")]
    assert made.bad == expected.count("\ufffd") == 2
    assert "t.txt: 2 places with bytes that are no text, each U+FFFD now" in caplog.text
    made = opened(path, errors="skip")
    assert words_of(made) == [["caf\u00e9", "caf\u00e9"], ["the", "end"]]
    assert made.bad == 2
    assert "2 lines or rows with bytes that are no text, left out" in caplog.text
    with pytest.raises(OptionError, match="'errors' must be one of 'stop', 'replace', 'skip'"):
        opened(path, errors="ignore")
    assert opened(LINES, errors="skip").bad == 0


@settings(max_examples=100, deadline=None)
@given(st.lists(st.binary(max_size=8).filter(lambda part: b"\x00" not in part), max_size=8), st.integers(1, 9))
def test_replaced_and_skipped_as_python_does(tmp_path_factory, parts, size):
    content = b"word\n" + b"\n".join(parts)
    path = tmp_path_factory.mktemp("bad") / "t.txt"
    path.write_bytes(content)
    source = find(path, None, "utf-8", errors="replace")
    seen, blocks = source.read(size)
    assert b"".join(block.data.tobytes() for block in blocks).decode() == content.decode(errors="replace")
    assert seen.bad == content.decode(errors="replace").count("\ufffd") - content.count(b"\xef\xbf\xbd")
    kept = []
    for line in content.split(b"\n"):
        with contextlib.suppress(UnicodeDecodeError):
            kept += line.decode().split()
    seen, blocks = find(path, None, "utf-8", errors="skip").read(1 << 20)
    assert b"".join(block.data.tobytes() for block in blocks).decode().split() == kept


def test_bad_bytes_of_other_encodings_and_tables(tmp_path):
    path = tmp_path / "u16.txt"
    path.write_bytes("fine here\nbad ".encode("utf-16") + b"\x00\xd8" + "\nlast".encode("utf-16-le"))
    with pytest.raises(DataError, match=r"not utf-16 .* errors='replace'"):
        opened(path, encoding="utf-16")
    assert words_of(opened(path, encoding="utf-16", errors="skip")) == [["fine", "here"], ["last"]]
    assert opened(path, encoding="utf-16", errors="replace").bad == 1
    for name, content in (
        ("t.csv", b"n,text\n1,good words\n2,bad \xff\n3,more\n"),
        ("t.tsv", b'n\ttext\n1\t"good words"\n2\tbad \xff\n3\tmore\n'),
        ("t.jsonl", b'{"text": "good words"}\n{"text": "bad \xff"}\n{"text": "more"}\n'),
    ):
        path = tmp_path / name
        path.write_bytes(content)
        with pytest.raises(DataError, match=r"is not utf-8 .* errors='replace' or errors='skip'"):
            opened(path)
        assert words_of(opened(path, errors="skip")) == [["good", "words"], ["more"]]
        made = opened(path, errors="replace", tokens="space")
        assert (words_of(made)[1], made.bad) == (["bad", "\ufffd"], 1)
    assert opened(["half \ud800", "whole"], errors="skip").vocabulary.words == ["whole"]
    assert opened(["half \ud800", "whole"], errors="replace").bad == 1


def test_a_text_that_holds_the_mark_stays_as_it_is():
    assert Seen().text(f"a{MARK}".encode()) is not None
    assert words_of(opened([f"a {MARK}b"], tokens="space")) == [["a", f"{MARK}b"]]


def test_tables_with_tabs_and_lone_quotation_marks(tmp_path):
    path = tmp_path / "t.tsv"
    path.write_text('n\ttext\n1\t"so she said\n2\tand, "then" he\n3\tleft "\n')
    assert words_of(opened(path)) == [["so", "she", "said"], ["and", "then", "he"], ["left"]]
    path.write_text('n\ttext, or so\n1\t"two\nlines"\n')
    assert words_of(opened(path)) == [["two"], ["lines"]]


def test_a_string_is_a_path(tmp_path):
    text = "The cat sat on the mat. " * 20_000
    for source in (text, text[:300], "one\ntwo"):
        for method in ("skipgram", None):
            with pytest.raises(DataError, match=r"a string is a path.* put a text in a list") as told:
                selfsup.fit(source, method)
            assert len(str(told.value)) < 200
    with pytest.raises(
        DataError, match="there is no data at 'the cat sat on the mat': a string is a path; put a text in a list"
    ):
        opened("the cat sat on the mat")


def test_archives_say_what_they_are(tmp_path):
    inner = b"some words"
    with tarfile.open(tmp_path / "t.tar.gz", "w:gz") as archive:
        about = tarfile.TarInfo("a.txt")
        about.size = len(inner)
        archive.addfile(about, io.BytesIO(inner))
    for name in ("t.tar.gz", "t.zip", "t.tar"):
        (tmp_path / name).touch()
        with pytest.raises(DataError, match="is an archive of files: unpack it"):
            opened(tmp_path / name)


CHINESE = ["\u6211\u7231\u81ea\u7136\u8bed\u8a00\u5904\u7406", "\u6211\u4eec\u5b66\u4e60\u8bed\u8a00\u548c\u6587\u5b57"]


def test_scripts_without_spaces(caplog):
    made = opened(CHINESE * 5)
    assert "its script puts no spaces between words" in caplog.text
    assert "tokens='.'" in caplog.text
    with pytest.raises(
        DataError, match=r"occurs 1 times; its script puts no spaces between words, .* tokens='unigram:8000'"
    ):
        opened(CHINESE, min_count=5)
    caplog.clear()
    made = opened(CHINESE, tokens=".")
    assert words_of(made) == [list(line) for line in CHINESE]
    assert words_of(opened(["a b"], tokens=".")) == [["a", "b"]]  # white space is no word
    opened(["the \u6771\u4eac of the east"] * 3)  # a word here and there
    opened(LINES)
    assert not caplog.records
    assert made.form.encode([CHINESE[0][:3]]).tolist() == [made.vocabulary.index[one] for one in CHINESE[0][:3]]


def test_an_emoji_is_a_word():
    made = opened(["love\U0001f600it \u2764\ufe0f \u2764 \U0001f44d\U0001f3fd\U0001f1e9\U0001f1ea, ok?"])
    assert words_of(made) == [
        ["love", "\U0001f600", "it", "\u2764", "\u2764", "\U0001f44d\U0001f3fd", "\U0001f1e9\U0001f1ea", "ok"]
    ]
    family = "\U0001f469\u200d\U0001f467"
    assert words_of(opened([f"a {family} b"])) == [["a", family, "b"]]
    assert made.form.cut("\u2764\ufe0f!") == ["\u2764"]


def test_a_function_that_fails_says_where(tmp_path):
    def cut(line):
        if "bad" in line:
            raise ValueError("no such word")
        return line.split()

    path = tmp_path / "t.txt"
    path.write_text("fine\n\u00e9t\u00e9 bad one\n")
    with pytest.raises(
        DataError, match=r"t.txt, byte 5: the function .*cut in tokens= raised ValueError: no such word; the line is"
    ):
        opened(path, tokens=cut)
    made = opened(["fine words"], tokens=cut)
    with pytest.raises(DataError, match=r"raised ValueError: no such word; the line is 'b.*\.\.\.'"):
        made.form.encode(["bad " * 1000])


def test_a_function_of_a_file_on_the_command_line(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("own.py").write_text("def cut(line):\n    return line.split('-')\n")
    Path("t.txt").write_text("a b-c d\n" * 20)
    common = ["--min-count", "1", "--sample", "0", "--dim", "4", "--epochs", "1", "--no-progress", "--no-evaluate"]
    assert main(["fit", "t.txt", "--tokens", "own.py:cut", "--out", "run", *common]) == 0
    assert set(selfsup.load("run").words) == {"a b", "c d"}
    assert json.loads(Path("run/config.json").read_text())["form"]["tokens"]["function"].endswith(":cut")
    Path("t.csv").write_text("n,text\n" + "1,some words here\n" * 20)
    assert (
        main(["fit", "t.csv", "--column", "text", "--threads", "1", "--out", "table", *common]) == 0
    )  # a table as text
    assert set(selfsup.load("table").words) == {"some", "words", "here"}
    assert main(["fit", "t.txt", "own.py", "--out", "two"]) == 2
    assert "give their folder, or a 'PATTERN*' in quotation marks" in capsys.readouterr().err


def test_options_of_text_make_a_table_text(tmp_path):
    frame = pd.DataFrame({"text": LINES})
    assert reader_of(frame) == reader_of("t.jsonl") == reader_of("t.csv", None, ["size"]) == "samples"
    assert reader_of(frame, None, ["column"]) == reader_of("t.csv.gz", None, ["min_count"]) == "text"
    assert reader_of("photos", None, ["min_count"]) == "samples"


class Nothing(Skipgram):
    def loss(self, guess, answer):
        return {name: 0 * term for name, term in super().loss(guess, answer).items()}


def test_a_subclass_with_its_own_loss_is_not_learnt_as_if_it_had_none():
    texts = ["the cat sat on the mat", "the dog sat on the cat"] * 20
    options = {name: value for name, value in SMALL.items() if name != "threads"}
    model = selfsup.fit(texts, Nothing, **options)
    assert model.config["solver"] == "sgd"
    assert model.history[-1]["loss"] == 0
    with pytest.raises(OptionError, match=r"its own loss\(\) would be ignored; use sgd"):
        selfsup.fit(texts, Nothing, solver="hogwild", **options)


def test_a_finished_run_holds_no_state_to_go_on_from(tmp_path, caplog):
    texts = ["the cat sat on the mat", "the dog sat on the cat"] * 20
    model = selfsup.fit(texts, "skipgram", out=tmp_path / "run", checkpoint_every=0.0, **SMALL)
    assert not (tmp_path / "run" / "resume").exists()
    again = selfsup.fit(texts, "skipgram", out=tmp_path / "run", resume=True, **SMALL)
    assert np.array_equal(again.vectors, model.vectors)
    assert "is finished and returned as it is" in caplog.text


def test_what_differs_is_said_value_by_value():
    was = {"method": "skipgram", "options": {"dim": 100, "window": 5}, "data": "ab", "dim": 100, "seed": 0}
    now = {"method": "skipgram", "options": {"dim": 50, "window": 5}, "data": "cd", "dim": 50, "seed": 1}
    assert (
        _differing(was, now) == "dim was 100, now 50; seed was 0, now 1; the data are others, or are read another way"
    )
    assert _differing(now, now) == ""


def test_capitals_of_a_warm_start(tmp_path, caplog):
    vectors = np.arange(12, dtype=np.float32).reshape(4, 3) + 1
    before = Before(WordVectors(["Kate", "KATE", "the", "NASA"], vectors), None)
    table = np.zeros((3, 3), np.float32)
    assert before.fill(["the", "kate", "new"], table, None, lower=True) == (1, {"kate": "Kate"})
    assert table.tolist() == [vectors[2].tolist(), vectors[0].tolist(), [0, 0, 0]]
    table[:] = 0
    assert before.fill(["the", "kate", "new"], table, None) == (1, {})
    before.vectors.save(tmp_path / "old.txt")
    texts = ["the cat and kate", "kate and the dog"] * 10
    model = selfsup.fit(texts, "skipgram", warm_start=tmp_path / "old.txt", **{**SMALL, "dim": 3})
    assert "begin with the vectors of capitalised ones" in caplog.text
    assert "'kate' of 'Kate'" in caplog.text
    assert "option 'keep'" not in caplog.text  # an option that was not given
    assert {"Kate", "KATE", "NASA", "kate"} <= set(model.words)
    assert model["Kate"].tolist() == vectors[0].tolist()
    caplog.clear()
    selfsup.fit(texts, "skipgram", keep=("Kate",), **SMALL)
    assert not [record for record in caplog.records if "does not hold" in record.message]


def test_the_clock_stands_still_while_kernels_are_compiled():
    stream = io.StringIO()
    shown = Progress(stream=stream)
    before, began = compiling.spent(), compiling.clock()
    with compiling.told(shown):
        for _ in range(2):
            with compiling.compiling(), compiling.compiling():
                assert compiling.clock() - began < 0.05
                time.sleep(0.06)
                assert compiling.clock() - began < 0.05
    assert 0.12 <= compiling.spent() - before < 1
    assert stream.getvalue().count("compiling for this machine, once") == 1


def test_the_install_line_of_an_extra(monkeypatch, tmp_path):
    class Installed:
        def __init__(self, told):
            self.told = told

        def read_text(self, name):
            assert name == "direct_url.json"
            return self.told

    for told, line in (
        (None, "pip install 'selfsup[words]'"),  # from an index
        ({"url": tmp_path.as_uri(), "dir_info": {"editable": True}}, f"pip install -e '{tmp_path}[words]'"),
        ({"url": tmp_path.as_uri(), "dir_info": {}}, f"pip install '{tmp_path}[words]'"),
        ({"url": "file:///gone/away", "dir_info": {}}, "pip install 'selfsup[words]'"),
        ({"url": "https://x.org/a.whl", "archive_info": {}}, "pip install 'selfsup[words]'"),
    ):
        content = None if told is None else json.dumps(told)
        monkeypatch.setattr("importlib.metadata.distribution", lambda name, content=content: Installed(content))
        assert install("words") == line
    monkeypatch.chdir(tmp_path)
    told = json.dumps({"url": tmp_path.as_uri(), "dir_info": {"editable": True}})
    monkeypatch.setattr("importlib.metadata.distribution", lambda name: Installed(told))
    assert install("words") == "pip install -e '.[words]'"
    monkeypatch.setitem(sys.modules, "no_such_package", None)
    with pytest.raises(MissingError, match=r"needs the package no_such_package: pip install -e '\.\[words\]'"):
        _ = Late("no_such_package", "words").anything

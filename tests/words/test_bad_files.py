"""Files of vectors that are damaged, cut short or made to harm: a clear error, and a part only where it is asked for."""

import gzip
import subprocess
import sys
import zlib

import numpy as np
import pytest
import zstandard
from hypothesis import HealthCheck, given, settings, strategies as st

from selfsup.errors import DataError, SelfsupError
from selfsup.words.formats import lines
from selfsup.words.formats.files import read, write
from selfsup.words.formats.io import Table

RUN = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(params=[0, 1 << 60], ids=["compiled", "plain"])
def way(request, monkeypatch):
    monkeypatch.setattr(lines, "LARGE", request.param)


def some(n=50, dim=8):
    rng = np.random.default_rng(0)
    return Table([f"w{row}" for row in range(n)], rng.normal(size=(n, dim)).astype(np.float32))


def entry(word: bytes, *numbers: float) -> bytes:
    return word + b" " + np.float32(numbers).tobytes()


FAULTS = {
    "more words than the header says": (b"1 2\na 1 2\nb 1 2\n", "has 2 words where line 1 says 1"),
    "fewer": (b"3 2\na 1 2\nb 1 2\n", "has 2 words where line 1 says 3: it is truncated, .*allow_partial=True takes"),
    "fewer numbers than the header says": (b"2 3\na 1 2\nb 1 2\n", "line 2: 3 fields where a word and 3 numbers"),
    "more numbers than the header says": (b"2 2\na 1 2 3\nb 1 2 3\n", "line 2: 4 fields where a word and 2 numbers"),
    "a long line": (b"a 1 2\nb 1 2 3\n", "line 2: 4 fields"),
    "a short line": (b"a 1 2\nb 1\nc 1 2\n", "line 2: 2 fields"),
    "a short line below blank ones": (b"2 2\na 1 2\n\n\nb 1\n", "line 5: 2 fields"),
    "a line without a word": (b"a 1 2\n1 2\n", "line 2: 2 fields"),
    "nan after the word": (b"a 1 2\nb nan 1 2\n", "line 2: 4 fields"),
    "NaN": (b"2 2\na 1 2\nb nan 2\n", "line 3: 'nan' is not a finite number"),
    "infinity": (b"a 1 2\nb 1 -inf\n", "line 2: '-inf' is not a finite number"),
    "too large": (b"a 1 2\nb 1e99 2\n", "line 2: '1e99' is not a finite number"),
    "a comma": (b"2 2\na 1 2\nb 1 2,5\n", "line 3: '2,5'"),
    "no dimensions": (b"1 0\nword\n", "vectors have 1 to"),
    "too many dimensions": (b"1 99999999\na 1 2\n", "vectors have 1 to"),
    "binary, cut": (b"2 2\n" + entry(b"a", 1, 2) + entry(b"b", 1), "it ends at byte 20, in word 2 of 2; .*allow_partial"),
    "binary, cut in the first word": (b"2 2\nab", "it ends at byte 6, in word 1 of 2; fetch it again, or have it written"),
    "binary, more": (b"1 2\n" + entry(b"a", 1, 2) + entry(b"b", 1, 2), "byte 14: bytes left after the 1 words"),
    "binary, NaN": (b"2 2\n" + entry(b"a", 1, 2) + entry(b"b", np.nan, 2), "byte 14: the vector of 'b' is not finite"),
    "binary, infinity": (b"2 1\n" + entry(b"a", 1) + entry(b"b", -np.inf), "the vector of 'b' is not finite"),
    "binary, no word": (b"2 2\n" + entry(b"a", 1, 2) + entry(b"", 1, 2), "makes no sense"),
    "binary, a long word": (b"2 1\n" + entry(b"a", 1) + b"\x01" * 9000, "no word ends within"),
    "binary, a gap in a word": (b"1 2\n" + entry(b"San Jose", 1, 2), "bytes left after the 1 words"),
    "gzip, cut": (gzip.compress(b"1 2\n" + b"a 1 2\n" * 1000)[:-20], "truncated or damaged"),
    "Zstandard, cut": (zstandard.compress(b"1 2\n" + b"a 1 2\n" * 1000)[:-5], "truncated or damaged"),
    "Zstandard, changed": (zstandard.compress(b"a 1 2\n" * 1000)[:9] + b"\xff" * 30, "truncated or damaged"),
    "bzip2": (b"BZh91AY&SY", "is packed with bzip2, which is not read"),
    "xz": (b"\xfd7zXZ\0\0\4", "is packed with xz"),
    "a pickle": (b"\x80\x04\x95gensim", "is a pickle, perhaps gensim's.*save_word2vec_format"),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_is_said(tmp_path, way, fault):
    content, words = FAULTS[fault]
    path = tmp_path / "file.dat"
    path.write_bytes(content)
    with pytest.raises(DataError, match=words) as caught:
        read(path)
    assert str(path) in str(caught.value)
    assert len(str(caught.value)) < 400 + len(str(path))


@pytest.mark.parametrize("pack", [bytes, gzip.compress, zstandard.compress], ids=["plain", "gzip", "Zstandard"])
@pytest.mark.parametrize("name", ["v.txt", "v.bin"])
def test_a_part_of_what_is_cut_short(tmp_path, way, caplog, name, pack):
    """Wherever it is cut, what was before is taken to the bit, and nothing of the word that is cut."""
    table = some(300)
    write(tmp_path / name, table)
    whole = pack((tmp_path / name).read_bytes())
    for cut in (*range(len(whole) - 1, len(whole) - 40, -1), len(whole) // 2, len(whole) // 3):
        path = tmp_path / "cut"
        path.write_bytes(whole[:cut])
        caplog.clear()
        if pack is zstandard.compress:  # of which the first 128 KB come whole or not at all
            with pytest.raises(DataError, match="is empty"):
                read(path, allow_partial=True)
            continue
        found = read(path, allow_partial=True)
        n = len(found.words)
        assert list(found.words) == table.words[:n]
        np.testing.assert_array_equal(found.vectors, table.vectors[:n])
        assert n == 300 or f"{n} words" in caplog.text or "its last line has no end and is left out" in caplog.text
        last = whole[:cut].rsplit(b"\n", 1)[-1]
        if (
            pack is bytes and name == "v.txt" and last.count(b" ") == 8 and last[-1] in b"0123456789."
        ):  # cut in the last number, or after it
            read(path)
            assert "if the file was cut short, the last number is wrong" in caplog.text
        else:
            with pytest.raises(DataError, match=r"truncated|fields where|not a finite number"):
                read(path)
    if pack is bytes:
        assert n > 90


def test_a_line_that_may_be_cut_is_left_out(tmp_path, way, caplog):
    path = tmp_path / "v.txt"
    path.write_text("a 1 2\nb 1 2.5")  # of 2.57?
    assert list(read(path).words) == ["a", "b"]
    assert list(read(path, allow_partial=True).words) == ["a"]
    assert "its last line has no end; if the file was cut short, the last number is wrong" in caplog.text
    assert "its last line has no end and is left out" in caplog.text


def test_a_fault_inside_is_no_cut(tmp_path, way):
    path = tmp_path / "v.txt"
    path.write_text("3 2\na 1 2\nb nan 2\nc 1 2\n")
    with pytest.raises(DataError, match="line 3"):
        read(path, allow_partial=True)


def bomb(kind):
    if kind == "gzip":
        made = zlib.compressobj(9, wbits=31)
        return b"".join(made.compress(bytes(1 << 24)) for _ in range(64)) + made.flush()
    return zstandard.ZstdCompressor().compress(bytes(1 << 30))


LIMITED = """
import resource, sys
from pathlib import Path
from selfsup.errors import SelfsupError
from selfsup.words.formats.files import read
before = int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0])
try:
    read(Path(sys.argv[1]))
except SelfsupError as error:
    print(error)
print("MB", (int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]) - before) // 1024)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")
@pytest.mark.parametrize("kind", ["gzip", "Zstandard", "a line of 1 GB", "a line of numbers"])
def test_memory_is_bounded(tmp_path, kind):
    path = tmp_path / "v.txt"
    if kind == "a line of 1 GB":
        with path.open("wb") as file:
            file.write(b"a 1 2\nb ")
            file.truncate(1 << 30)  # zeros, without taking any of the disk
    elif kind == "a line of numbers":
        path.write_bytes(b"a" + b" 1" * 20_000_000)
    else:
        path.write_bytes(bomb(kind))
    done = subprocess.run([sys.executable, "-c", LIMITED, str(path)], capture_output=True, text=True, check=True)
    said, _, megabytes = done.stdout.rpartition("MB")
    assert "decompression bomb" in said or "is longer than" in said or "line 1" in said or "is empty" in said
    assert int(megabytes) < 250


@RUN
@given(data=st.data(), name=st.sampled_from(["v.txt", "v.bin"]))
def test_both_ways_say_the_same_of_any_change(tmp_path, monkeypatch, data, name):
    """Compiled and not: the same values, or both an error of ours; and a changed text is what a slow reader makes of it."""
    path = tmp_path / name
    write(path, some(6, 2), overwrite=True)
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(content) - 1))
        content[at : at + data.draw(st.integers(0, 2))] = data.draw(
            st.sampled_from([b"", b" ", b"\n", b"9", b"-", b".", b"e", b"nan", b"\xff", b"\0", b"\t\t", b"\r\n", b" a"])
        )
    path.write_bytes(content)
    found = []
    for large in (0, 1 << 60):
        monkeypatch.setattr(lines, "LARGE", large)
        try:
            found.append(read(path))
        except SelfsupError:
            found.append(None)
    assert (found[0] is None) == (found[1] is None)
    if found[0] is not None:
        assert list(found[0].words) == list(found[1].words)
        np.testing.assert_array_equal(found[0].vectors.view(np.uint32), found[1].vectors.view(np.uint32))

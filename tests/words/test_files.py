"""Files of text and binary vectors: every number to the bit, whole and in part, compiled code and not, plain and packed."""

import gzip
from decimal import Decimal

import numpy as np
import pytest
import zstandard
from hypothesis import HealthCheck, given, settings, strategies as st

from selfsup.errors import DataError, MissingError, OptionError
from selfsup.words import WordVectors
from selfsup.words.formats import binary, lines
from selfsup.words.formats.files import read, write
from selfsup.words.formats.io import Table

RUN = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
COMPILED, PLAIN = 0, 1 << 60


@pytest.fixture(params=[COMPILED, PLAIN], ids=["compiled", "plain"])
def way(request, monkeypatch):
    monkeypatch.setattr(lines, "LARGE", request.param)
    return request.param


@pytest.fixture
def small_blocks(monkeypatch):
    monkeypatch.setattr(lines, "BLOCK", 300)
    monkeypatch.setattr(binary, "BLOCK", 300)


def some(n=50, dim=8, seed=0):
    rng = np.random.default_rng(seed)
    words = [f"w{row}" if row % 7 else f"wört{row}" for row in range(n)]
    return Table(words, rng.normal(size=(n, dim)).astype(np.float32))


def same(a, b):
    assert list(a.words) == list(b.words)
    np.testing.assert_array_equal(np.asarray(a.vectors).view(np.uint32), np.asarray(b.vectors).view(np.uint32))


digits = st.text("0123456789", min_size=1, max_size=40)
exponents = st.builds("{}{}{}".format, st.sampled_from("eE"), st.sampled_from(["", "+", "-"]), st.integers(0, 60))
decimals = st.builds(
    "{}{}{}".format,
    st.sampled_from(["", "-", "+"]),
    digits | st.builds("{}.{}".format, digits, digits | st.just("")) | digits.map(".{}".format),
    st.just("") | exponents,
)
floats = st.floats(width=32, allow_nan=False, allow_infinity=False)
borders = floats.map(lambda x: (x + float(np.nextafter(np.float32(x), np.float32(9)))) / 2)  # of two float32
written = st.one_of(
    decimals,
    floats.map(repr),
    floats.map("{:.6f}".format),
    borders.map(lambda x: str(Decimal(x))),
    borders.map(lambda x: f"{Decimal(x):.60f}1"),
    st.floats(-1e38, 1e38).map(repr),
)
KNOWN = ["0", "-0", "+.5", "5.", "1e+05", "1E-05", "1e-45", "7e-46", "1.4e-45", "1.17549435e-38", "3.4028235e38", "1e-400",
         "0e999999999999999999999", "00000000000000000000001", "1.0000000596046447753906251", "1" + "0" * 30 + "e-30",
         "9007199254740993", "0.1234567890123456789", "123456789012345678901234567890",
         "-0.000000", "8.5", "1.00000017881393432617187499"]  # fmt: skip


def value(text):
    with np.errstate(over="ignore"):
        return np.float32(float(text))


def check_numbers(path, texts):
    path.write_text("".join(f"w{row} {text}\n" for row, text in enumerate(texts)))
    wanted = np.array([value(text) for text in texts])
    bad = [row for row, number in enumerate(wanted) if not np.isfinite(number)]
    if bad:
        with pytest.raises(DataError, match=f"line {bad[0] + 1}: .* is not a finite number"):
            read(path)
    else:
        found = read(path).vectors[:, 0]
        np.testing.assert_array_equal(found.view(np.uint32), wanted.view(np.uint32))


def test_known_numbers(tmp_path, way):
    check_numbers(tmp_path / "v.txt", KNOWN)


@RUN
@given(texts=st.lists(written, min_size=1, max_size=30))
def test_every_number_is_what_python_makes_of_it(tmp_path, way, texts):
    """To the bit, the two roundings that gensim has (to double, then to float32) included."""
    check_numbers(tmp_path / "v.txt", texts)


@pytest.mark.parametrize(
    "text", ["3.4028236e38", "1e39", "-1e400", "nan", "inf", "-Infinity", "1_0", "0x10", "1e", "1e+", "e5", ".", "-", "+-1",
             "1,5", "1.2.3", "--1", "1-", "５", "1e5.0", "１"]
)  # fmt: skip
def test_what_is_no_number(tmp_path, way, text):
    path = tmp_path / "v.txt"
    path.write_text(f"a 1 2\nb 1 2\nc {text} 2\n", "utf-8")
    with pytest.raises(DataError, match="line 3: .* is not a finite number"):
        read(path)


@pytest.mark.parametrize("name", ["v.txt", "v.vec.gz", "v.txt.zst", "v.bin", "v.bin.gz", "v.bin.zst"])
def test_there_and_back_and_in_part(tmp_path, way, small_blocks, name):
    table, path = some(400), tmp_path / name
    write(path, table)
    magic = path.read_bytes()[:4]
    assert magic.startswith({"gz": b"\x1f\x8b", "st": b"\x28\xb5\x2f\xfd"}.get(name[-2:], b"400"))
    same(read(path), table)
    for limit in (1, 7, 399, 400, 5000):
        same(read(path, limit=limit), Table(table.words[:limit], table.vectors[:limit]))
    among = [table.words[row] for row in (399, 3, 0, 70)]
    same(read(path, among=among), table.part(np.array([0, 3, 70, 399])))
    same(read(path, among=among, limit=71), table.part(np.array([0, 3, 70])))


def test_blank_lines_and_other_gaps(tmp_path, way, small_blocks):
    path = tmp_path / "v.txt"
    body = "".join(f"\n \r\n\t w{row}\t{row}  -{row}.5 \r\n\n" for row in range(60))
    path.write_text("60 2\n" + body, newline="")
    wanted = Table([f"w{row}" for row in range(60)], np.array([[row, -row - 0.5] for row in range(60)], np.float32))
    wanted.vectors[0, 1] = -0.5
    same(read(path), wanted)
    same(read(path, limit=11), wanted.part(slice(11)))
    same(read(path, among=["w59", "w30"]), wanted.part(np.array([30, 59])))
    path.write_text(body.rstrip(), newline="")  # no header, no end of the last line
    same(read(path), wanted)


def test_words_with_gaps(tmp_path, way):
    """GloVe has them; a word that ends with a number is not told from a vector of another width."""
    path = tmp_path / "v.txt"
    path.write_text(". . . 1 2\nat  name 3 4\nb 5 6\nto 7 me 7 8\n")
    table = read(path)
    assert list(table.words) == [". . .", "at  name", "b", "to 7 me"]
    np.testing.assert_array_equal(table.vectors, [[1, 2], [3, 4], [5, 6], [7, 8]])
    assert list(read(path, among=["at  name", "b"]).words) == ["at  name", "b"]
    path.write_text("a 1 2\nto 7 7 8\n")
    with pytest.raises(DataError, match="line 2: 4 fields where a word and 2 numbers"):
        read(path)


def test_a_part_is_read_from_the_beginning_only(tmp_path, way):
    """What is wrong later does not matter, nor does what the header says."""
    path = tmp_path / "v.txt"
    for packed in (bytes, gzip.compress, zstandard.compress):
        good = b"900000 2\n" + b"".join(b"w%d 1 2\n" % row for row in range(100))
        path.write_bytes(packed(good + b"b nan 2\n" + b"x 1\n" * 1000))
        assert len(read(path, limit=100).words) == 100
        with pytest.raises(DataError, match="line 10[23]"):
            read(path)
    raw = b"9 1\n" + b"".join(b"%d \0\0\0\0" % row for row in range(9)) + b"more"
    path.write_bytes(raw)
    assert len(read(path, limit=8).words) == 8
    with pytest.raises(DataError, match="bytes left"):
        read(path)


def test_words_that_are_not_there(tmp_path, way, caplog):
    path = tmp_path / "v.txt"
    write(path, some(20))
    assert list(read(path, among=["w4", "nothing"]).words) == ["w4"]
    assert "1 of the 2 words asked for: 'nothing'" in caplog.text
    with pytest.raises(DataError, match="no vector of any word asked for: 'w999'; spelled like 'w999': 'w9'"):
        read(path, among=["w999"])
    for among in ("word", [], [3]):
        with pytest.raises(OptionError, match="among must be a list of words"):
            read(path, among=among)
    for limit in (0, -1, True, 1.5):
        with pytest.raises(OptionError, match="limit must be a whole number"):
            read(path, limit=limit)


def test_many_words_are_found_and_repeated_ones_dropped(tmp_path, way, caplog):
    """More words than are kept as a list; the first vector of each stays, also of those that are not UTF-8."""
    n = 70_000
    path = tmp_path / "v.txt"
    path.write_text("".join(f"ü{row} {row}\n" for row in range(n)))
    table = read(path)
    assert len(table.words) == n
    assert table.words[69_999] == "ü69999"
    assert WordVectors(table.words, table.vectors)["ü12345"] == 12345
    with path.open("ab") as file:
        file.write("ü5 1\nü6 1\n".encode() + b"\xff 7\n\xff 8\n")
    table = read(path)
    assert list(table.words) == [*(f"ü{row}" for row in range(n)), "\ufffd"]
    np.testing.assert_array_equal(table.vectors[:, 0], [*range(n), 7])
    assert "3 rows repeat a word ('ü5' is the first)" in caplog.text
    assert "2 words were not UTF-8" in caplog.text


def test_zstandard_is_an_extra(tmp_path, monkeypatch):
    from selfsup import lazy

    write(tmp_path / "v.txt.zst", some())
    monkeypatch.setattr("selfsup.system.reading.zstandard", lazy.Late("zstandard_that_is_not_here", "words"))
    with pytest.raises(MissingError, match="words"):
        read(tmp_path / "v.txt.zst")


def test_floats_of_other_widths_are_written_as_numbers(tmp_path):
    table = Table(["a", "b"], np.array([[1, -2], [127, 3]], np.int8), scale=np.array([0.5, 0.25], np.float32))
    for name in ("v.txt", "v.bin"):
        write(tmp_path / name, table)
        np.testing.assert_array_equal(read(tmp_path / name).vectors, [[0.5, -1], [31.75, 0.75]])


def test_the_matrix_is_made_once(tmp_path, monkeypatch):
    """What a header or a guess says makes no more memory than the file can fill, and what is left over is given back."""
    monkeypatch.setattr(lines, "LARGE", 0)
    path = tmp_path / "v.txt"
    path.write_text("99999999999999999 3\na 1 2 3\n")
    with pytest.raises(DataError, match="1 words where line 1 says 99999999999999999"):
        read(path)
    table = some(3000)
    write(path, table, overwrite=True)
    path.write_bytes(path.read_bytes().split(b"\n", 1)[1] + b"x 1 1 1 1 1 1 1 1\n" * 3)  # the guess is too low
    found = read(path).vectors
    assert found.shape == (3001, 8)

"""Damaged files end as one error of ours, before memory is taken; of an archive only what is needed is unpacked."""

import gzip
import io
import json
import resource
import subprocess
import sys
import time
import zipfile

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from selfsup import WordVectors
from selfsup.data.arrays.stream import Stream
from selfsup.data.images.decode import Canvas, decode
from selfsup.data.open import open_data
from selfsup.errors import DataError, RunError
from selfsup.measures.evaluation import Evaluation
from selfsup.measures.words.similarity import similarity
from selfsup.model.words import texts_of
from selfsup.words.ngrams import NgramVectors

X = np.arange(40, dtype=np.float32).reshape(20, 2)
BYTES = X.tobytes()


def npy(header, data=b"", version=(1, 0)):
    text = header if isinstance(header, bytes) else header.encode()
    size = len(text).to_bytes(2 if version == (1, 0) else 4, "little")
    return b"\x93NUMPY" + bytes(version) + size + text + data


def said(descr="'<f4'", shape="(20, 2)", data=BYTES, **more):
    return npy(f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}\n", data, **more)


ARRAYS = {
    "brackets": npy(b"{'descr': (((((\n"),
    "46 TiB": said(shape="(10000000000000, 5)"),
    "over 64 bits": said(shape=f"({2**64}, 1)"),
    "below nothing": said(shape="(-1, 2)"),
    "no bytes a value": said(descr="'|V0'", shape=f"({10**15}, 2)"),
    "strings of no length": said(descr="'<U0'", shape=f"({10**15}, 2)"),
    "objects": said(descr="'|O'"),
    "an object in a structure": said(descr="[('a', '<f4'), ('b', '|O')]"),
    "a version for structures": said(version=(3, 0)),
    "a header of 4 GB": b"\x93NUMPY\x02\x00\xff\xff\xff\xff{",
    "one byte less": said()[:-1],
    "no header": b"\x93NUMPY",
    "nothing": b"",
    "a pickle": b"\x80\x04.",
    "no array": b"\x93NUMPY\x01\x00\x01\x00\n",
    "deep": npy(b"{'descr': " + b"-" * 9000 + b"1}\n"),
}


@pytest.mark.parametrize("kind", ARRAYS)
def test_a_damaged_array_is_one_error(tmp_path, kind):
    (tmp_path / "x.npy").write_bytes(ARRAYS[kind])
    for read in (
        lambda path: open_data(path),
        lambda path: open_data(X, labels=path),
        lambda path: list(Stream(path).chunks()),
    ):
        with pytest.raises(DataError, match=r"x\.npy"):
            read(tmp_path / "x.npy")
    with zipfile.ZipFile(tmp_path / "x.npz", "w") as archive:
        archive.writestr("x.npy", ARRAYS[kind])
    with pytest.raises(DataError, match=r"x\.npz"):
        open_data(tmp_path / "x.npz")


def bomb(path, names, size, whole=True):
    """An archive with arrays that claim `size` bytes of zeros; `whole`: which are there, packed a thousandfold."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, array in names.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as file:
                np.lib.format.write_array(file, array)
        with archive.open("y_test.npy", "w", force_zip64=True) as file:
            file.write(said(descr="'|u1'", shape=f"({size},)", data=b""))
            for _ in range(size >> 20 if whole else 0):
                file.write(bytes(1 << 20))


MEASURED = """
import resource, sys, time
import numpy, torch
from selfsup.data.open import open_data
from selfsup.errors import SelfsupError
before, begun = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
try:
    print(open_data(sys.argv[1]).describe())
except SelfsupError as error:
    print(error)
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) >> 10, time.process_time() - begun)
"""


def measured(path):
    """What opening a file says, and how many MB and seconds it takes."""
    done = subprocess.run([sys.executable, "-c", MEASURED, str(path)], capture_output=True, text=True, check=True)
    told, figures = done.stdout.strip().split("\n")
    return told, *map(float, figures.split())


def test_an_array_that_is_not_needed_costs_nothing(tmp_path):
    bomb(tmp_path / "x.npz", {"x": X}, 600 << 20)
    told, memory, seconds = measured(tmp_path / "x.npz")
    assert told == "20 vectors of 2 values (x.npz)"
    assert memory < 60
    assert seconds < 2


def test_an_array_that_unpacks_a_thousandfold_is_refused(tmp_path):
    bomb(tmp_path / "x.npz", {"x": X, "x_test": X}, 600 << 20)
    told, memory, seconds = measured(tmp_path / "x.npz")
    assert "the array 'y_test'" in told
    assert "a decompression bomb?" in told
    assert memory < 60
    assert seconds < 2


def test_an_array_larger_than_memory_is_refused(tmp_path, monkeypatch):
    np.savez(tmp_path / "x.npz", x=np.random.default_rng(0).random((2000, 5)))
    monkeypatch.setattr("selfsup.system.memory.available", lambda: 50_000)
    with pytest.raises(DataError, match=r"the array 'x' in .*x\.npz need 80 KB of memory and 50 KB are available"):
        open_data(tmp_path / "x.npz")


def test_zeros_that_are_data_are_taken(tmp_path):
    np.savez_compressed(tmp_path / "x.npz", x=np.zeros((300, 1000), np.float32), y=np.zeros(300, int))
    assert len(open_data(tmp_path / "x.npz")) == 300


def test_an_archive_of_very_many_files_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "x.npz", "w") as archive:
        for number in range(1001):
            archive.writestr(f"{number}.npy", b"")
    with pytest.raises(DataError, match="holds 1,001 files"):
        open_data(tmp_path / "x.npz")


def picture(mode, kind):
    values = np.random.default_rng(0).integers(0, 256, (60, 40, 4)).astype(np.uint8)
    image = Image.fromarray(values)
    if mode in ("I", "F", "I;16", "I;16B"):
        numbers = values[..., 0].astype({"I": np.int32, "F": np.float32}.get(mode, np.uint16)) * 200
        image = Image.fromarray(numbers.astype(">u2") if mode == "I;16B" else numbers)
    elif mode == "P":
        image = image.convert("RGB").quantize(9)
        image.info["transparency"] = 3
    elif mode != "RGBA":
        image = image.convert(mode)
    made = io.BytesIO()
    image.save(made, kind)
    return made.getvalue()


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(
    ("mode", "kind"),
    [
        ("RGBA", "PNG"), ("LA", "PNG"), ("P", "PNG"), ("P", "GIF"), ("I;16", "PNG"), ("I;16B", "TIFF"), ("I", "TIFF"),
        ("F", "TIFF"),
    ],
)  # fmt: skip
def test_an_image_in_bands_is_the_image(monkeypatch, mode, kind, channels):
    """A large one takes a few bytes a pixel, not thirty: 12 kB that claimed 98 million pixels took 1.6 GB."""
    content, made = picture(mode, kind), []
    for band in (1 << 20, 300):
        monkeypatch.setattr("selfsup.data.images.decode.BAND", band)
        made.append(np.zeros((channels, 24, 16), np.uint8))
        decode(content, Canvas(channels, 24, 16), made[-1])
    assert made[0].any()
    np.testing.assert_array_equal(*made)


def packed(path, piece, times):
    with gzip.open(path, "wb", compresslevel=1) as file:
        for _ in range(times):
            file.write(piece)


@pytest.mark.parametrize("piece", [bytes(1 << 20), b"\n" * (1 << 20)], ids=["zeros", "empty lines"])
def test_packed_questions_are_read_in_a_stream(tmp_path, piece):
    packed(tmp_path / "q.gz", piece, 20)
    vectors = WordVectors(["a", "b"], np.eye(2))
    before, begun = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    for ask in (similarity, lambda _, path: texts_of(path)):
        with pytest.raises(DataError, match=r"a line of more than 16,777,216 bytes|a decompression bomb\?"):
            ask(vectors, tmp_path / "q.gz")
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) >> 10 < 700
    assert time.process_time() - begun < 30


@pytest.mark.parametrize("suffix", ["gz", "zst"])
def test_packed_text_has_a_ceiling(tmp_path, suffix):
    path = tmp_path / f"t.txt.{suffix}"
    if suffix == "gz":
        packed(path, b"\n" * (1 << 20), 40)
    else:
        zstandard = pytest.importorskip("zstandard")
        path.write_bytes(zstandard.compress(b"\n" * (40 << 20)))
    with pytest.raises(DataError, match=r"a decompression bomb\?"):
        open_data(path, "text", cache=False, progress=False)


def arrow(table):
    made = io.BytesIO()
    with pa.ipc.new_stream(made, table.schema) as writer:
        writer.write_table(table)
    return made.getvalue()


def parquet(table):
    made = io.BytesIO()
    pq.write_table(table, made)
    return made.getvalue()


TABLE = pa.table({"words": ["one", "two", "three"] * 5, "numbers": np.arange(15.0)})
SHIFT = bytes([3, 0, 0, 0, 6, 0, 0, 0])  # where the first words end
TABLES = {
    "json of many brackets": ("x.json", b"[" * 100_000),
    "json of a large number": ("x.json", b'[{"a": 1' + b"0" * 30 + b"}]"),
    "json of a number of 5,000 digits": ("x.json", b'[{"a": ' + b"1" * 5000 + b"}]"),
    "json of a number": ("x.json", b"3"),
    "json lines of null": ("x.jsonl", b"null\n"),
    "json lines with a block of null": ("x.jsonl", b'{"a": 1}\n' * (1 << 17) + b"\rnull\n" * (1 << 18)),
    "json lines of brackets": ("x.jsonl", b"[" * 100_000),
    "json of two columns of one name": ("x.jsonl", b'{"a": 1, "a": 2}\n'),
    "parquet without its end": ("x.parquet", parquet(TABLE)[:-5]),
    "parquet, its schema not UTF-8": ("x.parquet", parquet(TABLE).replace(b"words", b"w\xffrds")),
    "arrow, its schema not UTF-8": ("x.arrow", arrow(TABLE).replace(b"words", b"w\xffrds")),
    "arrow, its values not UTF-8": ("x.arrow", arrow(TABLE).replace(b"three", b"thr\xffe")),
    "arrow, an offset beyond its values": ("x.arrow", arrow(TABLE).replace(SHIFT, b"\xff\xff\xff\x7f" * 2)),
    "csv not UTF-8": ("x.csv", b"a,b\n1,\xff\n"),
}  # fmt: skip


@pytest.mark.parametrize("kind", TABLES)
def test_a_damaged_table_is_one_error(tmp_path, kind):
    name, content = TABLES[kind]
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=name):
        open_data(tmp_path / name, cache=False, progress=False)


def test_a_damaged_column_of_text_is_one_error(tmp_path):
    (tmp_path / "t.parquet").write_bytes(parquet(TABLE)[:-5])
    with pytest.raises(DataError, match=r"t\.parquet"):
        open_data(tmp_path / "t.parquet", "text", cache=False, progress=False)


@pytest.mark.parametrize(
    ("content", "classes"),
    [(b"--3\n1\n", ("--3", "1")), (b"9" * 5000 + b"\n1\n", ("1", "9" * 5000)), ("٣\n٤\n".encode(), ("٣", "٤"))],
)
def test_what_only_looks_like_a_number_is_a_word(tmp_path, content, classes):
    (tmp_path / "y.txt").write_bytes(content)
    assert open_data(X[:2], labels=tmp_path / "y.txt").classes == classes


@pytest.mark.parametrize(
    ("labels", "match"),
    [
        (np.array([b"a", b"\xff"]), "not UTF-8"),
        ([2**70, 1], "at most 64 bits"),
        ([float("inf"), 1.0], "infinite"),
        (np.array([0x20FFFFFF, 65], np.uint32).view("<U1"), "no characters"),
    ],
)
def test_labels_that_are_none(labels, match):
    with pytest.raises(DataError, match=match):
        open_data(X[:2], labels=labels)


def test_labels_that_are_not_utf8(tmp_path):
    (tmp_path / "y.txt").write_bytes(b"a\n\xff\n")
    with pytest.raises(DataError, match=r"cannot read the labels in .*y\.txt"):
        open_data(X[:2], labels=tmp_path / "y.txt")


def test_a_text_of_one_long_word(tmp_path):
    (tmp_path / "t.txt").write_text("a" * 1500)
    with pytest.raises(DataError, match="holds no words"):
        open_data(tmp_path / "t.txt", cache=False, progress=False)


def test_a_judgement_is_a_number(tmp_path):
    for value in ("1e999", "1e40", "nan"):
        with pytest.raises(DataError, match="two words and a number expected|has no pairs"):
            similarity(WordVectors(["a", "b"], np.eye(2)), ["a b 1", f"a b {value}"])


GOOD = {
    "verdict": {"kind": "learning", "sentence": "It learns.", "because": {"gap": 1.0}},
    "health": {
        "gap": 1.0, "gap_start": 0.0, "loss": 1.0, "loss_start": 2.0, "rank": 2.0, "width": 3, "spread": 0.5,
    },
    "tables": {"mine": [{"a": 1, "b": "x"}]},
    "notes": ["a note"],
}  # fmt: skip


ANALOGIES = ("file", "section", "accuracy", "correct", "covered", "asked", "sum", "method", "restrict")
NEIGHBOURS = {"word": 1, "rank": "x", "count": [], "model": 3, "counts": None, "shared": {}}


def without(key):
    return lambda e: e["health"].pop(key)


@pytest.mark.parametrize(
    "change",
    [
        *(without(key) for key in GOOD["health"]),
        lambda e: e["health"].update(gap="much"),
        lambda e: e["health"].update(gap=None),
        lambda e: e["health"].update(loss=float("nan")),
        lambda e: e["health"].update(width=10**400),
        lambda e: e["verdict"].update(kind=["learning"]),
        lambda e: e["verdict"].update(sentence=None),
        lambda e: e["verdict"].update(because=[]),
        lambda e: e["verdict"].update(because={"gap": [1]}),
        lambda e: e.update(notes=[3]),
        lambda e: e.update(notes=[None]),
        lambda e: e["tables"].update(mine={"a": 1}),
        lambda e: e["tables"].update(mine=[{"a": float("inf")}]),
        lambda e: e["tables"].update(analogies=[dict.fromkeys(ANALOGIES)]),
        lambda e: e["tables"].update(neighbours=[NEIGHBOURS]),
        lambda e: e["tables"].update(probe=[{"features": 1}]),
    ],
)  # fmt: skip
def test_an_evaluation_is_checked_when_it_is_read_or_shown(change):
    str(Evaluation.from_dict(GOOD))
    made = json.loads(json.dumps(GOOD))
    change(made)
    with pytest.raises(RunError, match="evaluation"):
        str(Evaluation.from_dict(made))  # what rows must hold is known where they are shown


def test_ngrams_of_a_length_that_nobody_has(tmp_path):
    from selfsup.data.text.subwords import Subwords

    made = NgramVectors(Subwords(3, 10**9, 8), np.arange(8, dtype=np.int32), np.zeros((8, 2), np.float32))
    made.write(tmp_path)
    with pytest.raises(RunError, match="there are no n-grams"):
        NgramVectors.read(tmp_path, 2)

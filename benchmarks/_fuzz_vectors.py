"""Files of word vectors of every format, for `fuzz.py`: what is read of a changed one must be what a slow reader makes of it.

Also a part (`limit`, `among`, `allow_partial`) must be that part of the whole, and where only a part can be read, all of it true.
"""

from __future__ import annotations

import gzip
import io
import json
import re
import struct
import tempfile
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import zstandard

from _fuzz_readers import WORDS, Changed, Reader
from selfsup.errors import SelfsupError
from selfsup.words.formats import binary, lines
from selfsup.words.formats.files import read
from selfsup.words.vectors import WordVectors

Rows = tuple[list[str], np.ndarray, bool]  # words, vectors (n, D), and whether that is all and nothing is wrong
Slow = Callable[[bytes], Rows | None]
HEADER = re.compile(rb"\s*(\d{1,18})[ \t]+(\d{1,18})[ \t]*\r?\n")
DECIMAL = re.compile(rb"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
NO_END = re.compile(rb"[+-]?(nan|inf|infinity)", re.IGNORECASE)
COMPILED, PLAIN = 0, 1 << 60
FASTTEXT = b"\xba\x16\x4f\x2f"
UNPACKED = 1 << 26  # bytes


def slow_text(content: bytes) -> Rows | None:
    """Line by line, by Python's own `float`."""
    header = HEADER.match(content)
    body = content[header.end() :] if header else content
    split = [line.strip(b" \t\r") for line in body.split(b"\n")]
    split = [line for line in split if line]
    if header is None and split:
        fields = re.split(rb"[ \t\r]+", split[0])
        dim = 0
        while dim < len(fields) - 1 and _is_number(fields[-1 - dim]):
            dim += 1
    else:
        dim = int(header[2]) if header else 0
    if not 1 <= dim <= 1 << 20:
        return None
    words: list[bytes] = []
    values: list[list[np.float32]] = []
    for line in split:
        numbers: list[bytes] = []
        while len(numbers) < dim and (cut := re.search(rb"[ \t\r]+([^ \t\r]+)\Z", line)):
            numbers.insert(0, cut[1])
            line = line[: cut.start()]
        last = re.split(rb"[ \t\r]+", line)
        if len(numbers) < dim or not all(map(DECIMAL.fullmatch, numbers)) or (len(last) > 1 and _is_number(last[-1])):
            return _first(words, values, dim, False)
        with np.errstate(over="ignore"):
            row = [np.float32(float(number)) for number in numbers]
        if not np.isfinite(row).all():
            return _first(words, values, dim, False)
        words.append(line)
        values.append(row)
    return _first(words, values, dim, header is None or len(words) == int(header[1]))


def _is_number(field: bytes) -> bool:
    return bool(DECIMAL.fullmatch(field) or NO_END.fullmatch(field))


def slow_binary(content: bytes) -> Rows | None:
    """Entry by entry."""
    header = HEADER.match(content)
    if header is None or not 1 <= int(header[2]) <= 1 << 20:
        return None
    at, dim = header.end(), int(header[2])
    words: list[bytes] = []
    values: list[np.ndarray] = []
    while len(words) < int(header[1]):
        space = content.find(b" ", at)
        row = np.frombuffer(content[space + 1 : space + 1 + 4 * dim].ljust(4 * dim, b"\xff"), "<f4")
        word = content[at:space].lstrip(b"\n")
        if space < 0 or not word or not np.isfinite(row).all():
            return _first(words, values, dim, False)
        words.append(word)
        values.append(row)
        at = space + 1 + 4 * dim
    return _first(words, values, dim, not content[at:].strip(b"\n"))


def _first(words: list[bytes], values: list, dim: int, whole: bool) -> Rows:
    """The first vector of each word."""
    rows: dict[str, int] = {}
    for row, word in enumerate(words):
        rows.setdefault(word.decode("utf-8", "replace"), row)
    vectors = np.array(values, np.float32).reshape(len(values), dim)
    return list(rows), vectors[list(rows.values())], whole


def _unpacked(slow: Slow) -> Slow:
    """Of a packed file, what could be unpacked of it."""

    def unpacked(content: bytes) -> Rows | None:
        try:
            if content[:4] == b"\x28\xb5\x2f\xfd":
                inner = zstandard.ZstdDecompressor().stream_reader(content, read_across_frames=True).read(UNPACKED)
            elif content[:2] != b"\x1f\x8b":
                inner = content
            else:
                inner = gzip.GzipFile(fileobj=io.BytesIO(content)).read(UNPACKED)
        except (OSError, EOFError, zstandard.ZstdError, struct.error, ValueError):
            return None
        except Exception as error:
            if type(error).__module__ != "zlib":
                raise
            return None
        return slow(inner)

    return unpacked


def slow_npz(content: bytes) -> Rows | None:
    """By NumPy; arrays of other names are known by what they hold."""
    with np.load(io.BytesIO(content), allow_pickle=False) as file:
        named = {"words", "vectors"} <= {*file.files}
        arrays = {name: file[name] for name in file.files if not named or name in ("words", "vectors", "scale")}
    words = arrays.get(
        "words", next((one for one in arrays.values() if one.ndim == 1 and one.dtype.kind in "US"), None)
    )
    vectors = arrays.get("vectors", next((one for one in arrays.values() if one.ndim == 2), None))
    texts = [word if isinstance(word, bytes) else str(word).encode() for word in words.tolist()]
    return _first(texts, list(_rows(vectors, arrays.get("scale"))), vectors.shape[1], True)


def slow_own(content: bytes) -> Rows | None:
    """Arrays where the header says, words by where they begin."""
    start = 8 + int.from_bytes(content[:8], "little")
    kinds = {"F32": "<f4", "F16": "<f2", "I8": "i1", "U8": "u1", "I64": "<i8", "I32": "<i4"}
    arrays = {}
    for name, about in json.loads(content[8:start]).items():
        if name != "__metadata__":
            first, last = about["data_offsets"]
            held = content[start + first : start + last]
            arrays[name] = np.frombuffer(held, kinds[about["dtype"]]).reshape(about["shape"])
    text, offsets = arrays["words"].tobytes(), arrays["offsets"].tolist()
    words = [text[a:b].decode() for a, b in pairwise(offsets)]
    return words, _rows(arrays["vectors"], arrays.get("scale")), True


def _of(seed: bytes) -> Slow:
    """What is sealed is read as it was written, whatever the content."""
    return lambda _: slow_own(seed)


def _rows(vectors: np.ndarray, scale: np.ndarray | None) -> np.ndarray:
    return vectors.astype(np.float32) if scale is None else vectors.astype(np.float32) * scale[:, None]


def _same(found: WordVectors, words: list[str], vectors: np.ndarray, what: str) -> None:
    if list(found.words) != words or not np.array_equal(
        found.rows(np.arange(len(found))).view(np.uint32), np.ascontiguousarray(vectors, np.float32).view(np.uint32)
    ):
        raise Changed(f"{what}: {list(found.words)} {found.rows(np.arange(len(found)))}, not {words} {vectors}")


def _checked(*slow: Slow, large: int = PLAIN, **options: bool) -> Callable[[Path], None]:
    """A reader that compares with slow ones, of which the first that accepts a content counts."""

    def check(path: Path) -> None:
        lines.LARGE, lines.BLOCK, binary.BLOCK = large, 1 << 9, 1 << 12  # so that there are several
        place = path if path.name.startswith("v.") else path.parent
        content = path.read_bytes() if slow else b""
        try:
            found = WordVectors.load(place, **options)
            words, vectors = list(found.words), found.rows(np.arange(len(found)))
            if not np.isfinite(vectors).all() and "verify" not in options:
                raise Changed("a vector that is not finite")
        except SelfsupError:
            if slow:
                _check_part(place, [made for one in slow if (made := _tried(one, content)) is not None])
            raise
        if slow and not content.startswith(FASTTEXT):  # which has no slow reader
            truths = [made for one in slow if (made := _tried(one, content)) is not None and made[2]]
            if not truths:
                raise Changed(f"what no slow reader reads: {words} {vectors}")
            with np.errstate(all="ignore"):
                apart = [np.abs(one[1] - vectors).max() if one[1].shape == vectors.shape else np.inf for one in truths]
            truth = truths[int(np.argmin(apart))]  # the one that it is most like
            _same(found, truth[0], truth[1], "other values")
        _check_parts(place, words, vectors, options)
        if len(content) % 4 == 0:
            found.most_similar(words[-1], 3)
            repr(found)
            if found.ngrams is not None:
                found.vectors_of(["wx1", words[-1]])

    return check


def _tried(slow: Slow, content: bytes) -> Rows | None:
    try:
        return slow(content)
    except Exception:
        if slow.__name__ == "unpacked":
            raise
        return None


def _check_part(path: Path, truths: list[Rows]) -> None:
    """Of what is refused as a whole, a part is read at most as far as it is right."""
    try:
        found = WordVectors.load(path, allow_partial=True)
    except SelfsupError:
        return
    words, vectors = list(found.words), found.rows(np.arange(len(found)))
    for truth in truths:
        n = len(words)
        if truth[0][:n] == words and np.array_equal(
            truth[1][:n].view(np.uint32), np.ascontiguousarray(vectors).view(np.uint32)
        ):
            return
    if truths:
        raise Changed(f"a part that is not so: {words} {vectors}")


def _check_parts(path: Path, words: list[str], vectors: np.ndarray, options: dict[str, bool]) -> None:
    """The first words, and words by name, are those of the whole."""
    some = WordVectors.load(path, limit=2, **options)
    n = len(some)
    if n > 2:
        raise Changed(f"{n} words of a limit of 2")
    _same(some, words[:n], vectors[:n], "a limit")
    named = [words[-1], words[0]]
    if "verify" not in options:  # nor the hash table compared
        _same(
            WordVectors.load(path, among=named),
            words if len(words) == 1 else named[::-1],
            vectors[[0]] if len(words) == 1 else vectors[[0, -1]],
            "among",
        )
    part = read(path, allow_partial=True)
    n = len(part.words)
    if n not in (len(words), len(words) - 1) or list(part.words) != words[:n]:
        raise Changed(f"a part: {list(part.words)} of {words}")


def fasttext_model(words: list[bytes], dim: int = 4, buckets: int = 7) -> bytes:
    """A model as fastText writes it."""
    rng = np.random.default_rng(0)
    head = struct.pack("<ii12id", 793712314, 12, dim, 5, 1, 1, 5, 1, 1, 2, buckets, 2, 4, 100, 1e-4)
    head += struct.pack("<iiiqq", len(words), len(words), 0, 1000, -1)
    for number, word in enumerate(words):
        head += word + b"\0" + struct.pack("<qb", 100 - number, 0)
    rows = len(words) + buckets
    table = rng.normal(size=(rows, dim)).astype("<f4").tobytes()
    return head + struct.pack("<?qq", 0, rows, dim) + table + struct.pack("<?qq", 0, 1, dim) + bytes(4 * dim)


def vector_readers(folder: Path) -> dict[str, Reader]:
    """All formats, by name; folders of good files lie in a folder."""
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(len(WORDS), 4)).astype(np.float32)
    vectors = WordVectors(WORDS, rows, np.arange(len(WORDS), 0, -1))
    made: dict[str, bytes] = {}
    with tempfile.TemporaryDirectory() as place:
        for name in ("v.txt", "v.bin", "v.txt.gz", "v.bin.gz", "v.txt.zst", "v.bin.zst", "v.npz", "v.safetensors"):
            vectors.save(Path(place) / name)
            made[name] = (Path(place) / name).read_bytes()
        for kind in ("float16", "int8"):
            for name in ("v.npz", "v.safetensors"):
                vectors.save(Path(place) / f"{kind}.{name}", dtype=kind)
                made[f"{kind}.{name}"] = (Path(place) / f"{kind}.{name}").read_bytes()
    vectors.save(folder / "static", format="static")
    bare = made["v.txt"].split(b"\n", 1)[1]
    glove = bare + b". . . 1 -2e-3 .5 4\r\nat name 0 0 0 1e5\n\n"
    short = "".join(f"{word} {abs(a):.6f} -{abs(b):.6f} 1 0\n" for word, (a, b, *_) in zip(WORDS, rows, strict=True))
    texts = [made["v.txt"], bare, glove, short.encode()]
    old = b"5 4\n" + b"".join(b"w%d " % row + rows[row].tobytes() + b"\n" for row in range(5))  # of word2vec.c
    binaries, any_ = [made["v.bin"], old], (_unpacked(slow_text), _unpacked(slow_binary), slow_npz)
    models = [fasttext_model([b"a", "día".encode(), b"</s>", b"long-word"]), fasttext_model([b"x"], buckets=0)]
    owns = [made[f"{kind}v.safetensors"] for kind in ("", "float16.", "int8.")]
    readers = {
        "vectors text": Reader("v.txt", texts, "text", _checked(*any_)),
        "vectors text compiled": Reader("v.txt", texts, "text", _checked(*any_, large=COMPILED)),
        "vectors binary": Reader("v.bin", binaries, "bytes", _checked(*any_)),
        "vectors gz": Reader("v.gz", [made["v.txt.gz"], made["v.bin.gz"]], "gz", _checked(*any_)),
        "vectors zst": Reader("v.zst", [made["v.txt.zst"], made["v.bin.zst"]], "zst", _checked(*any_)),
        "vectors npz": Reader(
            "v.npz", [made[f"{kind}v.npz"] for kind in ("", "float16.", "int8.")], "npz", _checked(*any_)
        ),
        "vectors own": Reader("v.safetensors", owns, "safetensors", _checked(slow_own, verify=False)),
        "vectors own sealed": Reader("v.safetensors", owns, "safetensors", _checked(*(_of(seed) for seed in owns))),
        "vectors fasttext": Reader("v.bin", models, "bytes", _checked()),
    }
    for name, form in (("tokenizer.json", "json"), ("model.safetensors", "safetensors"), ("modules.json", "json")):
        seeds = [(folder / "static" / name).read_bytes()]
        readers[f"vectors static {name}"] = Reader(name, seeds, form, _checked(verify=False), folder / "static")
    return readers

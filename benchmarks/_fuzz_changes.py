"""Changes of small good files, for `fuzz.py`: of their bytes, and of what JSON, arrays, archives and safetensors say."""

from __future__ import annotations

import gzip
import io
import json
import random
import struct
import zipfile
from collections.abc import Callable
from typing import Any

INTEGERS = (
    0, 1, 2, 7, 8, 127, 128, 255, 256, 1000, 32767, 32768, 65535, 65536, 2**31 - 1, 2**31, 2**32 - 1, 2**63 - 1, -1, -2,
)  # fmt: skip
TOKENS = (
    b"\x00", b"\n", b"\r\n", b",", b"\t", b" ", b'"', b"{", b"}", b"[", b"]", b"(", b")", b":", b"-", b"--", b"--3",
    b"nan", b"NaN", b"inf", b"-Infinity", b"1e999", b"1e38", b"9" * 30, b"-1", b"0", b"null", b"true", b"\xff\xfe",
    b"\xef\xbb\xbf", b"\xff", b"\xf4\x90\x80\x80", b"\xed\xa0\x80", b"a" * 1500, b"(" * 300, b"[" * 100_000,
    b"PK\x03\x04", b"PAR1", b"\x93NUMPY", b"\x80\x04.", b"%s%n", b"../../x", "\u202e".encode(), "é".encode(), b"0x10",
    b"1_0", b"=1+1",
)  # fmt: skip
VALUES: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 2, 1.5, -0.5, 1e308, 1e-320, float("nan"), float("inf"), float("-inf"), 2**31, 2**53,
    2**63, 2**64, 2**70, -(2**63), 10**40, 10**400, "", "x", "0", "1", "nan", "\ud800", "\x00", "../x", "module:Name",
    "a" * 2000, [], {}, [[]], [None], [0], ["x"], [1, "x"], [[1], [1, 2]], {"": None}, {"x": 1}, [1] * 1000, "table",
    "image", "text", "linear",
)  # fmt: skip
DTYPES = (
    "'<f4'", "'<f8'", "'|u1'", "'<i8'", "'|b1'", "'<c8'", "'|O'", "'O8'", "'<U0'", "'<U5'", "'|S4'", "'|V4'", "'|S0'",
    "'<M8[s]'", "'<f2'", "'>f4'", "'f'", "''", "None", "3", "('<f4', (3,))", "[('a', '<f4'), ('b', '|O')]",
    "[('a', '<f4')]", "'<f4,<i4'", "'<U1000000000'", "'float128'", "['<f4']", "{'names': ['a'], 'formats': ['O']}",
    "'|V0'",
)  # fmt: skip
SHAPES = (
    "()", "(0,)", "(0, 5)", "(-1, 6)", "(20, -6)", "(2**40,)", f"({2**63},)", f"({2**64}, 1)", f"({10**30}, {10**30})",
    "(True, 6)", "(20, 6.0)", "(20, 6, 1)", "(2, 10, 6)", "(1, 1, 1, 1, 1)", "20", "[20, 6]", "('20', 6)", "(120,)",
    "(6, 20)", "(20, 6, 0)", "None", f"({10**18}, 0)", "(1,) * 40", "(" + "1, " * 70 + ")", "(10,)", "(4, 6)",
)  # fmt: skip
NAMES = ("dtype", "shape", "data_offsets", "__metadata__")


def change(content: bytes, form: str, rng: random.Random) -> bytes:
    """The content, changed once or a few times."""
    for _ in range(1 if rng.random() < 0.75 else rng.randint(2, 5)):
        aware = FORMS.get(form)
        try:
            content = aware(content, rng) if aware is not None and rng.random() < 0.6 else of_bytes(content, rng)
        except Exception:  # what was changed before is not of the form any more
            content = of_bytes(content, rng)
    return content


def of_bytes(content: bytes, rng: random.Random) -> bytes:
    """Bits, ranges, integers, tokens."""
    made = bytearray(content)
    start = rng.randrange(len(made) + 1)
    # short ranges near the ends are where headers are
    start = min(start, rng.randrange(64)) if rng.random() < 0.25 else start
    size = min(int(2 ** rng.uniform(0, rng.choice((3, 6, 10)))), len(made) - start)
    kind = rng.choice((0, 0, 0, 1, 2, 3, 4, 5, 5, 6, 6, 7, 8))
    if kind == 0:
        for _ in range(rng.choice((1, 1, 1, 2, 8))):
            if made:
                made[rng.randrange(len(made))] ^= 1 << rng.randrange(8)
    elif kind == 1:
        made[start : start + size] = bytes([rng.choice((0, 255, 32, 48))]) * size
    elif kind == 2:
        del made[start : start + size]
    elif kind == 3:
        made[start:start] = made[start : start + size] * rng.choice((1, 1, 2, 50))
    elif kind == 4:
        del made[start:]
    elif kind == 5:
        number = rng.choice(INTEGERS)
        packed = (number % 2**64).to_bytes(8, rng.choice(("little", "big")))
        width = rng.choice((1, 2, 4, 8))
        part = packed[:width] if number >= 0 and packed[:1] != b"\x00" else packed[-width:]
        made[start : start + width] = part
    elif kind == 6:
        made[start : start + rng.choice((0, 0, size))] = rng.choice(TOKENS)
    elif kind == 7:
        other = rng.randrange(len(made) + 1)
        made[start : start + size] = made[other : other + size]
    else:
        made[start : start + size] = rng.randbytes(size)
    return bytes(made)


def of_json(content: bytes, rng: random.Random) -> bytes:
    """One value of a JSON text: of another type, huge, deep, missing or twice."""
    return json.dumps(_json(json.loads(content), rng)).encode()


def of_lines(content: bytes, rng: random.Random) -> bytes:
    """One line of JSON lines."""
    lines = content.split(b"\n")
    place = rng.randrange(len(lines))
    kind = rng.randrange(5)
    if kind == 0:
        lines.insert(place, lines[rng.randrange(len(lines))])
    elif kind == 1:
        del lines[place]
    else:
        lines[place] = of_json(lines[place], rng)
    return b"\n".join(lines)


def _json(value: Any, rng: random.Random) -> Any:
    holders = [(value, None)] if not isinstance(value, dict | list) or not value else []
    stack = [value]
    while stack:
        held = stack.pop()
        for key in list(held) if isinstance(held, dict) else range(len(held)) if isinstance(held, list) else ():
            holders.append((held, key))
            stack.append(held[key])
    held, key = rng.choice(holders)
    if key is None or rng.random() < 0.02:
        return rng.choice(VALUES)
    old, kind = held[key], rng.randrange(12)
    if kind == 0:
        del held[key]
    elif kind == 1 and isinstance(held, dict):
        held[rng.choice(("x", "", key.upper(), f"{key} "))] = held.pop(key)
    elif kind == 2:
        other, place = rng.choice(holders)
        if place is not None and (place in other if isinstance(other, dict) else place < len(other)):
            held[key] = json.loads(json.dumps(other[place]))
    elif kind == 3:
        for _ in range(rng.choice((2, 100, 600))):
            old = [old]
        held[key] = old
    elif kind == 4 and isinstance(old, int | float) and not isinstance(old, bool):
        held[key] = rng.choice((old + 1, -old, old * 1000, old * 10**9, old / 2, str(old), [old]))
    elif kind == 5 and isinstance(old, list):
        held[key] = rng.choice((old * 2, old[:-1], old[::-1], [*old, None], dict.fromkeys(map(str, old), 1)))
    elif kind == 6 and isinstance(old, str):
        held[key] = rng.choice((old[:-1], old * 3, old.upper(), [old], old.encode().hex()))
    else:
        held[key] = rng.choice(VALUES)
    return value


def of_npy(content: bytes, rng: random.Random) -> bytes:
    """The header of an array: its type, its shape, its order."""
    length = int.from_bytes(content[8:10], "little")
    dtype, shape = "'<f4'", "(20, 6)"
    try:
        held = eval(content[10 : 10 + length].decode(), {"__builtins__": {}})  # of our own seed
        dtype, shape = repr(held["descr"]), repr(held["shape"])
    except Exception:
        pass
    kind = rng.randrange(4)
    dtype = rng.choice(DTYPES) if kind in (0, 2) else dtype
    shape = rng.choice(SHAPES) if kind in (1, 2) else shape
    order = rng.choice(("True", "False", "1", "None", "False, 'x': 1"))
    text = f"{{'descr': {dtype}, 'fortran_order': {order}, 'shape': {shape}, }}".encode()
    text = of_bytes(text, rng) if kind == 3 else text
    version = rng.choice(((1, 0), (1, 0), (2, 0), (3, 0), (9, 9)))
    head = b"\x93NUMPY" + bytes(version) + struct.pack("<H" if version == (1, 0) else "<I", (len(text) + 1) % 65536)
    return head + text + b"\n" + content[10 + length :]


def of_npz(content: bytes, rng: random.Random) -> bytes:
    """One array of an archive, or its name."""
    old = zipfile.ZipFile(io.BytesIO(content))
    names = old.namelist()
    chosen, made = rng.choice(names), io.BytesIO()
    with zipfile.ZipFile(made, "w", rng.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2))) as new:
        for name in names:
            held = old.read(name)
            if name == chosen:
                held = of_npy(held, rng) if rng.random() < 0.6 else of_bytes(held, rng)
                name = (
                    name
                    if rng.random() < 0.8
                    else rng.choice(("y.npy", "x_test.npy", "z.npy", "x", "../x.npy", ".npy"))
                )
            new.writestr(name, held)
    return made.getvalue()


def of_gz(content: bytes, rng: random.Random) -> bytes:
    """What is in a packed file."""
    return gzip.compress(of_bytes(gzip.decompress(content), rng), 1)


def of_zst(content: bytes, rng: random.Random) -> bytes:
    """What is in a packed file."""
    import zstandard

    return zstandard.compress(of_bytes(zstandard.ZstdDecompressor().decompressobj().decompress(content), rng))


def of_safetensors(content: bytes, rng: random.Random) -> bytes:
    """The header, or numbers that are none."""
    size = int.from_bytes(content[:8], "little")
    header, data = content[8 : 8 + size], bytearray(content[8 + size :])
    if rng.random() < 0.35 and len(data) >= 4:
        place = rng.randrange(len(data) // 4) * 4
        number = rng.choice((float("nan"), float("inf"), 1e38, -1e38, 1e-40, 0.0))
        data[place : place + 4] = struct.pack("<f", number)
    else:
        header = of_json(header, rng)
    return len(header).to_bytes(8, "little") + header + bytes(data)


FORMS: dict[str, Callable[[bytes, random.Random], bytes]] = {
    "json": of_json,
    "lines": of_lines,
    "npy": of_npy,
    "npz": of_npz,
    "gz": of_gz,
    "zst": of_zst,
    "safetensors": of_safetensors,
}

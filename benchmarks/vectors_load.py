"""Loading word vectors: ours beside gensim, polars and a bare read; text, binary and our own format.

    python benchmarks/vectors_load.py [--peers PYTHON] [--words 1000000] [--dim 100] [--rounds 3] [--folder FOLDER]
        [--files text binary own] [--systems selfsup polars read]

Each load has a process of its own, in turn. On the clock is what comes after the import of the package that is measured: with
ours also that of what it imports late, and the loading of its compiled code (compiled before; `--compile` says what that takes).
``CPU s`` are of all threads; ``peak MB`` is the process's, and ``grown`` what it grew by in the load, over the size of the
matrix. Ratios are to a bare read of the file. `--peers` is a Python that has gensim and polars (pip install gensim polars);
gensim reads a text once however many rounds there are, as it takes a minute. Values are compared to the bit by a checksum.

The data are made in a temporary folder: words of 2 to 14 letters, numbers of a normal distribution with six decimals, as word2vec
writes them, and a second text with nine significant digits.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from _timing import table
from selfsup import WordVectors

CLOCK = """
import hashlib, json, sys, time
from pathlib import Path
def memory(name):
    return int(Path("/proc/self/status").read_text().split(name)[1].split()[0]) / 1024
def told(words, vectors):
    if vectors is None:
        return ""
    digest = hashlib.sha256(vectors.tobytes())
    for first in range(0, len(words), 100000):
        digest.update("\\n".join(words[first:first + 100000]).encode())
    return digest.hexdigest()
path = sys.argv[1]
{start}
before, cpu, wall = memory("VmRSS:"), time.process_time(), time.perf_counter()
{load}
cpu, wall, peak = time.process_time() - cpu, time.perf_counter() - wall, memory("VmHWM:")
{use}
print(json.dumps(dict(cpu=cpu, wall=wall, peak=peak, before=before, digest=told(words, vectors))))
"""
GENSIM = "from gensim.models import KeyedVectors"
READ = "buffer = bytearray(1 << 20)\nwith open(path, 'rb', buffering=0) as file:\n    while file.readinto(buffer): pass"
KEYED = "words, vectors = made.index_to_key, made.vectors"
OURS = (
    "import numpy, selfsup; selfsup.WordVectors",
    "made = selfsup.WordVectors.load(path)",
    "words, vectors = made.words, made.vectors",
)
FLOOR = ("", READ, "words = vectors = None")
POLARS = (
    "import polars, numpy",
    "frame = polars.read_csv(path, separator=' ', has_header=False, skip_rows=1, quote_char=None, "
    "schema_overrides={'column_1': polars.String} | "
    "{f'column_{n}': polars.Float32 for n in range(2, int(open(path).readline().split()[1]) + 2)})\n"
    "words, vectors = frame['column_1'].to_list(), numpy.ascontiguousarray(frame[:, 1:].to_numpy())",
    "",
)
SYSTEMS = {  # file -> system -> what is imported, what is on the clock, what comes
    "text": {
        "selfsup": OURS,
        "polars": POLARS,
        "gensim": (GENSIM, "made = KeyedVectors.load_word2vec_format(path)", KEYED),
        "read": FLOOR,
    },
    "binary": {
        "selfsup": OURS,
        "gensim": (GENSIM, "made = KeyedVectors.load_word2vec_format(path, binary=True)", KEYED),
        "read": FLOOR,
    },
    "own": {
        "selfsup": (OURS[0], OURS[1] + "\nmade[made.words[12345]].sum()", "words = vectors = None"),
        "gensim, mmap": (
            GENSIM, "made = KeyedVectors.load(path + '.gensim', mmap='r')\nmade[made.index_to_key[12345]].sum()",
            "words = vectors = None",
        ),
    },
}  # fmt: skip
SYSTEMS["text, nine digits"] = SYSTEMS["text"]
BARS = {"text": "at most 2.5 CPU s", "binary": "at most 0.6 CPU s", "own": "at most 0.02 s", "text, nine digits": ""}
SAVE = GENSIM + "; import sys; KeyedVectors.load_word2vec_format(sys.argv[1], binary=True).save(sys.argv[2])"


def names(n: int) -> list[str]:
    """Different words, the first ones short."""
    letters = "etaoinshrdlucmfwypvbgkjqxz"
    rng = np.random.default_rng(1)
    made: list[str] = []
    for number in range(n):
        word, left = "", number + 1
        while left:
            left, letter = divmod(left - 1, 26)
            word += letters[letter]
        made.append(word + "-" + "".join(letters[at] for at in rng.integers(0, 26, rng.integers(0, 9))))
    return made


def files(folder: Path, n: int, dim: int) -> dict[str, Path]:
    """The same vectors in every format; those of the texts are rounded."""
    places = {"text": "v.txt", "text, nine digits": "v9.txt", "binary": "v.bin", "own": "v.safetensors"}
    paths = {name: folder / file for name, file in places.items()}
    words, rng = names(n), np.random.default_rng(0)
    vectors = rng.normal(scale=0.4, size=(n, dim)).astype(np.float32)
    for name, form in (("text", "%.6f"), ("text, nine digits", "%.9g")):
        with paths[name].open("w") as file:
            file.writelines(_lines(words, vectors, " ".join([form] * dim)))
    made = WordVectors(words, vectors)
    made.save(paths["binary"])
    made.save(paths["own"])
    return paths


def _lines(words: list[str], vectors: np.ndarray, form: str) -> Iterator[str]:
    yield f"{len(words)} {vectors.shape[1]}\n"
    for first in range(0, len(words), 10_000):
        rows = vectors[first : first + 10_000].tolist()
        yield "".join(f"{words[first + at]} {form % tuple(row)}\n" for at, row in enumerate(rows))


def run(python: str, parts: tuple[str, str, str], path: Path, **more: str) -> dict[str, float | str]:
    """Figures of one load, in a process of its own."""
    code = CLOCK.format(start=parts[0], load=parts[1], use=parts[2])
    done = subprocess.run(
        [python, "-c", code, str(path)], capture_output=True, text=True, check=False, env={**os.environ, **more}
    )
    if done.returncode:
        raise SystemExit(f"{python} failed:\n{done.stderr[-3000:]}")
    found: dict[str, float | str] = json.loads(done.stdout)
    return found


def has(python: str, package: str) -> bool:
    """Whether an interpreter has a package."""
    return subprocess.run([python, "-c", f"import {package}"], capture_output=True, check=False).returncode == 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peers", default=sys.executable, help="a Python with gensim and polars")
    parser.add_argument("--words", type=int, default=1_000_000)
    parser.add_argument("--dim", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--files", nargs="+", default=list(SYSTEMS), choices=list(SYSTEMS))
    parser.add_argument("--systems", nargs="+", default=["selfsup", "polars", "gensim", "read"])
    parser.add_argument("--compile", action="store_true", help="also a first load, with no compiled code kept")
    parser.add_argument("--folder", type=Path, help="where to make the data, and keep them")
    given = parser.parse_args()
    peers = {name for name in ("gensim", "polars") if has(given.peers, name)}
    for name in sorted({"gensim", "polars"} - peers):
        print(f"left out: {name}, which {given.peers} does not have (--peers PYTHON)")
    with tempfile.TemporaryDirectory(dir=given.folder) as temporary:
        folder = given.folder or Path(temporary)
        paths = {name: folder / file for name, file in (("text", "v.txt"), ("text, nine digits", "v9.txt"))}
        paths |= {"binary": folder / "v.bin", "own": folder / "v.safetensors"}
        if not all(path.is_file() for path in paths.values()):
            paths = files(folder, given.words, given.dim)
        if "gensim" in peers and "gensim" in given.systems and "own" in given.files:
            kept = f"{paths['own']}.gensim"
            subprocess.run([given.peers, "-c", SAVE, str(paths["binary"]), kept], check=True)
        matrix = given.words * given.dim * 4 / (1 << 20)
        if given.compile:
            with tempfile.TemporaryDirectory() as empty:
                first = run(sys.executable, OURS, paths["text"], SELFSUP_CACHE=empty, NUMBA_CACHE_DIR=empty)
            print(f"first load of the text, with nothing compiled: {first['cpu']:.2f} CPU s, {first['wall']:.2f} s")
        for name in given.files:
            compare(name, paths[name], given, peers, matrix)


def compare(name: str, path: Path, given: argparse.Namespace, peers: set[str], matrix: float) -> None:
    """The systems that load one file, in turn, and a table of medians."""
    rows, digests = [], {}
    run(sys.executable, OURS, path)  # the file is in the page cache, our code is compiled
    for turn in range(given.rounds):
        for system, parts in SYSTEMS[name].items():
            peer = system.partition(",")[0]
            if peer not in given.systems:
                continue
            if peer in ("gensim", "polars") and (peer not in peers or (turn and peer == "gensim" and "text" in name)):
                continue
            found = run(given.peers if peer in peers else sys.executable, parts, path)
            digests[system] = found["digest"]
            grown = (found["peak"] - found["before"]) / matrix
            figures = {"CPU s": found["cpu"], "s": found["wall"], "peak MB": found["peak"], "grown": grown}
            rows.append({"system": system, **figures})
    size = path.stat().st_size / (1 << 20)
    print(f"\n{name}: {given.words:,} x {given.dim}, {size:,.0f} MB; bar: {BARS[name] or '-'}")
    print(table(rows, "read" if any(row["system"] == "read" for row in rows) else rows[0]["system"], "CPU s"))
    same = [system for system in digests if digests[system] and digests[system] == digests["selfsup"]]
    other = [system for system in digests if digests[system] and system not in same]
    if same:
        print(f"the same words and bits: {', '.join(same)}" + (f"; others: {', '.join(other)}" if other else ""))


if __name__ == "__main__":
    main()

"""Nearest words: ours for tables of float32, float16 and int8 beside gensim and the floor, one product of table and vector.

    python benchmarks/vectors_search.py [--peers PYTHON] [--vectors FILE] [--words 1000000] [--dim 100] [--rounds 3]
    python benchmarks/vectors_search.py --approximate [--words 200000]

Two made tables, one clustered as words are (clusters of 200, lengths log-normal), one Gaussian, where no word is near to another
and neighbours of ranks 10 and 11 hardly differ; or the vectors of a file. Systems run in turn, each in a process of its own.
Figures are CPU milliseconds: of the first question, which takes the lengths of all rows (and compiles, unless the code is kept);
of one question of 16, median; and of one of 64 asked at once; then recall@10 of these 64 against exact search in float64, and the
peak memory in MB beside the table. PYTHON is another environment's, where gensim is.
`--approximate` shows time and recall of an index by usearch, for several settings, with words that are not their own neighbours.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import numpy as np

ONE, MANY, K = 16, 64, 10
SYSTEMS = ("float32", "float16", "int8")


def made(kind, n, dim, seed=0):
    """A table (n, dim) float32."""
    rng = np.random.default_rng(seed)
    table = rng.standard_normal((n, dim), dtype=np.float32)
    if kind == "clustered":
        centres = rng.standard_normal((max(1, n // 200), dim), dtype=np.float32)
        table = (centres[rng.integers(0, len(centres), n)] + 0.6 * table) * rng.lognormal(0, 0.5, (n, 1))
    return table.astype(np.float32)


def write(folder, table):
    """The table in three types, the rows asked, and their exact neighbours."""
    scale = np.abs(table).max(axis=1) / 127
    np.save(folder / "float32.npy", table)
    np.save(folder / "float16.npy", table.astype(np.float16))
    np.save(folder / "int8.npy", np.rint(table / np.maximum(scale, 1e-30)[:, None]).astype(np.int8))
    np.save(folder / "scale.npy", scale)
    rows = np.random.default_rng(1).choice(len(table), ONE + MANY, replace=False)
    best = np.full((MANY, K), -1)
    top = np.full((MANY, K), -np.inf)
    aims = table[rows[ONE:]].astype(np.float64)
    aims /= np.linalg.norm(aims, axis=1, keepdims=True)
    for first in range(0, len(table), 1 << 15):
        block = table[first : first + (1 << 15)].astype(np.float64)
        cosines = aims @ (block / np.linalg.norm(block, axis=1, keepdims=True)).T
        for question, row in enumerate(rows[ONE:].tolist()):
            if first <= row < first + len(block):
                cosines[question, row - first] = -np.inf
        both = np.concatenate([top, cosines], axis=1)
        numbers = np.concatenate([best, np.broadcast_to(np.arange(first, first + len(block)), cosines.shape)], axis=1)
        chosen = np.argpartition(-both, K, axis=1)[:, :K]
        top, best = np.take_along_axis(both, chosen, 1), np.take_along_axis(numbers, chosen, 1)
    np.savez(folder / "asked.npz", rows=rows, best=best)


def timed(function):
    start = time.process_time()
    result = function()
    return 1000 * (time.process_time() - start), result


def work(system, folder):
    """Figures of one system; runs in a process of its own."""
    sys.path.insert(0, str(Path(__file__).parent))
    from _timing import peak_memory

    asked = np.load(folder / "asked.npz")
    words = [f"w{row}" for row in asked["rows"]]
    one, many = words[:ONE], words[ONE:]
    ask, ask_many = {"floor": floor, "gensim": gensim}.get(system, ours)(system, folder)
    before = peak_memory()
    first, _ = timed(lambda: ask(one[0]))
    singles = [timed(lambda word=word: ask(word))[0] for word in one]
    ask_many(many[:2])
    together = [timed(lambda: ask_many(many)) for _ in range(2)]
    found = together[0][1]
    recall = np.mean([len(set(a) & set(b)) / K for a, b in zip(found, asked["best"].tolist(), strict=True)])
    figures = {"first": first, "one": median(singles), "one of 64": median(cpu for cpu, _ in together) / MANY}
    return figures | {"recall": recall, "MB beside": peak_memory() - before}


def numbers_of(pairs):
    return [int(word[1:]) for word, _ in pairs]


def ours(system, folder):
    from selfsup.words import WordVectors

    table = np.load(folder / f"{system}.npy")
    scale = np.load(folder / "scale.npy") if system == "int8" else None
    vectors = WordVectors([f"w{row}" for row in range(len(table))], table, scale=scale)
    _ = vectors.index
    return lambda word: vectors.most_similar(word, K), lambda many: vectors.nearest(many, K).rows.tolist()


def gensim(_, folder):
    from gensim.models import KeyedVectors

    table = np.load(folder / "float32.npy")
    vectors = KeyedVectors(table.shape[1])
    vectors.index_to_key = [f"w{row}" for row in range(len(table))]
    vectors.key_to_index = {word: row for row, word in enumerate(vectors.index_to_key)}
    vectors.vectors = table
    ask = lambda word: vectors.most_similar(word, topn=K)  # noqa: E731
    return ask, lambda many: [numbers_of(ask(word)) for word in many]


def floor(_, folder):
    """The product alone, of a table of unit rows."""
    table = np.load(folder / "float32.npy")
    table /= np.linalg.norm(table, axis=1, keepdims=True)
    row = lambda word: table[int(word[1:])]  # noqa: E731

    def many(words):
        scores = np.stack([row(word) for word in words]) @ table.T
        return [np.argsort(-one)[1 : K + 1].tolist() for one in scores] if len(table) <= 1000 else [[]] * len(words)

    return lambda word: table @ row(word), many


def run(python, system, folder):
    environment = {**os.environ, "PYTHONPATH": os.environ.get("PYTHONPATH", "")}
    command = [python, __file__, "--work", system, "--folder", str(folder)]
    done = subprocess.run(command, check=False, capture_output=True, text=True, env=environment)
    if done.returncode:
        raise SystemExit(f"{system} failed: {done.stderr[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def compare(kind, table, arguments):
    from _timing import table as laid_out

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write(folder, table)
        systems = dict.fromkeys(SYSTEMS, sys.executable)
        systems |= {"floor": sys.executable} | ({"gensim": arguments.peers} if arguments.peers else {})
        rows = []
        for _ in range(arguments.rounds):
            for system, python in systems.items():
                rows.append({"system": system, **run(python, system, folder)})
                print(json.dumps(rows[-1]), file=sys.stderr, flush=True)
        print(f"\n{kind}: {len(table):,} x {table.shape[1]}, CPU ms, median of {arguments.rounds} rounds")
        print(laid_out(rows, "gensim" if arguments.peers else "float32", "one"), flush=True)


def approximate(kind, table):
    from selfsup.words import WordVectors

    vectors = WordVectors([f"w{row}" for row in range(len(table))], table)
    asked = [f"w{row}" for row in np.random.default_rng(2).choice(len(table), 500, replace=False)]
    exact, rows = timed(lambda: vectors.nearest(asked, K).rows.tolist())
    print(
        f"\n{kind}: {len(table):,} x {table.shape[1]}; exact {exact / len(asked):.2f} CPU ms a question, {len(asked)} at once"
    )
    for links, build in ((16, 64), (16, 128)):
        cpu, index = timed(lambda links=links, build=build: vectors.approximate(links=links, build=build))
        for search in (32, 64, 128):
            index._graph.expansion_search = search
            took, found = timed(lambda index=index: index.nearest(asked, K).rows.tolist())
            recall = np.mean([len(set(a) & set(b)) / K for a, b in zip(found, rows, strict=True)])
            settings = f"links {links}, build {build}, search {search}"
            figures = f"built in {cpu / 1000:.1f} CPU s, {took / len(asked):.3f} ms, recall@10 {recall:.4f}"
            print(f"{settings:<36}{figures}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--words", type=int, default=1_000_000)
    parser.add_argument("--dim", type=int, default=100)
    parser.add_argument("--vectors", help="a file of word vectors to use in the place of made ones")
    parser.add_argument("--kinds", nargs="+", default=["clustered", "gaussian"])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--peers", metavar="PYTHON")
    parser.add_argument("--approximate", action="store_true")
    parser.add_argument("--work", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.work:
        print(json.dumps(work(arguments.work, arguments.folder)))
        return
    if arguments.vectors:
        from selfsup.words import WordVectors

        tables = {arguments.vectors: lambda: WordVectors.load(arguments.vectors).rows(slice(None))}
    else:
        tables = {kind: lambda kind=kind: made(kind, arguments.words, arguments.dim) for kind in arguments.kinds}
    for kind, table in tables.items():
        approximate(kind, table()) if arguments.approximate else compare(kind, table(), arguments)


if __name__ == "__main__":
    main()

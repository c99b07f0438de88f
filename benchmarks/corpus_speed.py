"""Text to ids: how long we and gensim take to cut, count and number the words of IMDB reviews, and to join phrases.

python benchmarks/corpus_speed.py [--peers PYTHON] [--rounds 3] [--phrases] [--docstrings]

`--peers` is a Python that has gensim (python -m venv ENV; ENV/bin/pip install gensim); without it only ours run. The text
(train and unsupervised, one review a line) is written to a temporary file. Systems run in turn, each in a process of its own
with a thread for each core, imports and compilation apart (`import` is their CPU seconds; kernels are compiled once a machine).
gensim only counts in this pass and cuts the text again in every epoch; ours writes the numbered text, too. gensim cuts at
white space in both of its ways, so "white space" is the like-for-like row of ours.
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
from typing import Any

from _timing import Clock, apart, data_folder, table

GENSIM = """
import json, resource, sys, time
path, what = sys.argv[1:]
begin = time.process_time()
from gensim.models import Word2Vec
from gensim.models.phrases import Phrases, FrozenPhrases
from gensim.models.word2vec import LineSentence
imported = time.process_time() - begin
cpu, wall = time.process_time(), time.perf_counter()
if what == "phrases":
    made = Phrases(LineSentence(path), min_count=5, threshold=0.5, scoring="npmi")
    words = sum(len(row) for row in FrozenPhrases(made)[LineSentence(path)])
else:
    model = Word2Vec(min_count=5)
    model.build_vocab(**({"corpus_file": path} if what == "file" else {"corpus_iterable": LineSentence(path)}))
    words = model.corpus_total_words
cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps({"cpu": cpu, "wall": wall, "peak MB": peak, "import": imported, "M words": words / 1e6}))
"""


def write_text(path: Path) -> None:
    """One review a line."""
    import pyarrow.parquet as pq

    found = sorted((data_folder() / "imdb").glob("*.parquet"))
    with path.open("w", encoding="utf-8") as file:
        for part in (one for one in found if one.name.startswith(("train", "unsupervised"))):
            for text in pq.read_table(part, columns=["text"]).column(0).to_pylist():
                file.write(" ".join(text.split()) + "\n")


def ours(path: str, options: dict[str, Any]) -> dict[str, float]:
    """One corpus, opened without a cache entry; the kernels are loaded before."""
    begin = time.process_time()
    from selfsup.system import cache

    os.environ.setdefault("NUMBA_CACHE_DIR", str(cache.folder()))  # compiled kernels stay when the cache changes
    from selfsup.data.text.corpus import open_text

    with tempfile.TemporaryDirectory() as folder:
        os.environ["SELFSUP_CACHE"] = folder
        open_text([["caf\u00e9", "a", "a"]] * 9, progress=False, phrases=options.get("phrases", 0))
        imported = time.process_time() - begin
        with Clock() as clock:
            made = open_text(path, progress=False, **options)
        with Clock() as again:
            open_text(path, progress=False, **options)
    figures = {"cpu": clock.cpu, "wall": clock.wall, "peak MB": clock.peak, "import": imported}
    return {**figures, "M words": made.raw_words / 1e6, "again": again.cpu}


def gensim(python: str, path: str, what: str) -> dict[str, float]:
    """The same work by gensim, in its own environment."""
    done = subprocess.run([python, "-c", GENSIM, path, what], check=True, capture_output=True, text=True)
    return {**json.loads(done.stdout), "again": float("nan")}


def plain(path: str) -> dict[str, float]:
    """The like of ours in plain Python, as a floor for what a dictionary can do."""
    from collections import Counter

    with Clock() as clock, Path(path).open(encoding="utf-8") as file:
        counts: Counter[str] = Counter()
        for line in file:
            counts.update(line.split())
    figures = {"cpu": clock.cpu, "wall": clock.wall, "peak MB": clock.peak, "import": 0.0}
    return {**figures, "M words": sum(counts.values()) / 1e6, "again": float("nan")}


def documentation() -> None:
    """The lexer of docstrings against `ast` and `tokenize`, on every fortieth file of this machine."""
    import ast
    import io
    import tokenize

    from selfsup.data.text import docstrings

    sources = [path.read_text("utf-8", "replace") for path in docstrings.files(docstrings.roots())[::40]]
    print(f"{len(sources)} Python files, {sum(map(len, sources)) / 1e6:.1f} MB")
    readers = {
        "ours": lambda source: sum(1 for _ in docstrings.paragraphs(source)),
        "ast.parse": ast.parse,
        "tokenize": lambda source: sum(1 for _ in tokenize.generate_tokens(io.StringIO(source).readline)),
    }
    for name, reader in readers.items():
        with Clock() as clock:
            for source in sources:
                try:
                    reader(source)
                except (SyntaxError, ValueError, tokenize.TokenError):
                    continue
        print(f"{name:<12} {clock.cpu:.2f} CPU s")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peers", help="a Python that has gensim")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--phrases", action="store_true", help="join phrases, too (gensim takes a minute)")
    parser.add_argument("--docstrings", action="store_true", help="only the reading of documentation strings")
    given = parser.parse_args()
    if given.docstrings:
        documentation()
        return
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "imdb.txt")
        apart(write_text, Path(path))  # memory that this process had once would count as the peers' peak
        print(f"{Path(path).stat().st_size / 1e6:.1f} MB of text")
        rows = []
        for _ in range(given.rounds):
            for tokens, kind in (("words", "words"), ("space", "white space")):
                options = {"tokens": tokens}
                rows.append({"system": f"selfsup, {kind}", **apart(ours, path, options)})
                if given.phrases:
                    rows.append({"system": f"selfsup, {kind}, phrases", **apart(ours, path, {**options, "phrases": 1})})
            rows.append({"system": "plain Python: Counter of str.split", **apart(plain, path)})
            for what in ("iterable", "file", *(["phrases"] if given.phrases else [])) if given.peers else ():
                rows.append({"system": f"gensim, {what}", **gensim(given.peers, path, what)})
        print(table(rows, "gensim, iterable" if given.peers else rows[0]["system"]))


if __name__ == "__main__":
    sys.exit(main())

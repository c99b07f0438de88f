"""The whole job of word vectors, from a text file to saved vectors: ours beside gensim and fastText.

    python benchmarks/words_job.py [--peers PYTHON] [--epochs 5] [--dim 100] [--threads 2] [--words 4000000] [--rounds 1]
                                   [--systems ours gensim fasttext]

IMDB reviews (train and unsupervised: 17.5 M words), skip-gram, window 5, 5 negatives, sample 1e-4, min_count 5, lr .05. Every
system is a process of its own, from its start to its end: imports, reading, counting, training, saving. Wall and CPU seconds
and peak memory are those that the operating system counts for it. Ours is the command line (`selfsup fit`), with an empty cache
of texts; its kernels are compiled once on a machine, before the clock starts (the first line says how long a first run took).
`--peers` is a Python that has gensim and fastText.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import _words
from _timing import table

# A process begins with the peak memory of the one that started it: so it is started by a small one.
LAUNCH = """
import os, subprocess, sys
process = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL)
_, status, usage = os.wait4(process.pid, 0)
print(usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)
sys.exit(1 if status else 0)
"""
GENSIM = """
import sys
from gensim.models import Word2Vec
path, out, dim, epochs, threads = sys.argv[1], sys.argv[2], *map(int, sys.argv[3:])
model = Word2Vec(corpus_file=path, vector_size=dim, window=5, negative=5, sample=1e-4, min_count=5, alpha=.05, min_alpha=5e-6,
                 sg=1, epochs=epochs, workers=threads)
model.wv.save_word2vec_format(out, binary=True)
"""
FASTTEXT = """
import sys, fasttext
path, out, dim, epochs, threads = sys.argv[1], sys.argv[2], *map(int, sys.argv[3:])
model = fasttext.train_unsupervised(path, model="skipgram", dim=dim, ws=5, neg=5, t=1e-4, minCount=5, lr=.05, epoch=epochs,
                                    thread=threads, minn=0, maxn=0, verbose=0)
model.save_model(out)
"""


def ours(path: str, out: str, dim: int, epochs: int, threads: int) -> list[str]:
    """The command of a user."""
    options = {"method": "skipgram", "dim": dim, "epochs": epochs, "threads": threads, "out": out}
    words = [word for name, value in options.items() for word in (f"--{name}", str(value))]
    return [sys.executable, "-m", "selfsup", "fit", path, *words, "--no-progress"]


def watched(command: list[str], environment: dict[str, str], words: int) -> dict[str, float]:
    """Run a process to its end: its wall and CPU seconds and its peak memory."""
    began = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", LAUNCH, *command], env=environment, capture_output=True, text=True)
    wall = time.perf_counter() - began
    if done.returncode:
        raise SystemExit(f"{command[:4]} failed: {done.stderr}")
    cpu, peak = map(float, done.stdout.split())
    return {"wall s": wall, "CPU s": cpu, "peak MB": peak, "M words/s": words / wall / 1e6}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peers", help="a Python that has gensim and fastText")
    parser.add_argument("--systems", nargs="+", default=["ours", "gensim", "fasttext"])
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--dim", type=int, default=100)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--words", type=int, help="use only the first so many words")
    parser.add_argument("--rounds", type=int, default=1)
    chosen = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        path, words = _words.imdb_text(folder, chosen.words)
        numbers = [str(number) for number in (chosen.dim, chosen.epochs, chosen.threads)]
        commands = {}
        for name, code in (("gensim", GENSIM), ("fasttext", FASTTEXT)) if chosen.peers else ():
            commands[name] = [chosen.peers, "-c", code, str(path), f"{folder}/{name}", *numbers]
        plain = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": ""}
        small = Path(folder) / "small.txt"
        small.write_text("a b c d e f g h\n" * 500)
        with_source = plain | {"PYTHONPATH": os.environ.get("PYTHONPATH", ""), "SELFSUP_CACHE": f"{folder}/cache-0"}
        with_source["NUMBA_CACHE_DIR"] = f"{folder}/kernels"  # which the first run compiles
        first = watched(ours(str(small), f"{folder}/warm", chosen.dim, 1, chosen.threads), with_source, 0)
        print(f"{words:,} words, {chosen.epochs} epochs, {chosen.dim}-d, {chosen.threads} threads; ", end="")
        print(f"a first run on {small.stat().st_size:,} bytes took {first['wall s']:.1f} s", flush=True)
        for turn in range(chosen.rounds):
            source = with_source | {"SELFSUP_CACHE": f"{folder}/cache-{turn + 1}"}
            commands["ours"] = ours(str(path), f"{folder}/run-{turn}", chosen.dim, chosen.epochs, chosen.threads)
            for name in [name for name in chosen.systems if name in commands]:
                result = watched(commands[name], source if name == "ours" else plain, words * chosen.epochs)
                rows.append({"system": name, **result})
                print(f"{name:<10}" + "  ".join(f"{key} {value:.4g}" for key, value in result.items()), flush=True)
    print(table(rows, "gensim" if chosen.peers and "gensim" in chosen.systems else rows[0]["system"], "wall s"))


if __name__ == "__main__":
    main()

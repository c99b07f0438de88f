"""Quality of word vectors: ours beside gensim, same text, same settings; analogies and word similarity.

    python benchmarks/words_quality.py [--seeds 0 1 2] [--systems ours gensim glove] [--words 4000000]

IMDB reviews (train and unsupervised: 17.5 M words), 100-d, window 5, 5 negatives, sample 1e-4, min_count 5, 5 epochs, lr .05.
Analogies: Google's set, 3CosAdd among the 30,000 most frequent words, lower-cased; WS-353: Spearman's correlation.
GloVe is the method of examples/glove.py, with its own window (10) and rate; its epochs are over the pairs of words.
Each run has a process of its own. `--systems` takes any of the rows' names (or their beginnings).
"""

from __future__ import annotations

import argparse
import os
import tempfile
from pathlib import Path

import _words
import selfsup
from _timing import Clock, apart, table

SETTINGS = {"dim": 100, "window": 5, "negative": 5, "sample": 1e-4, "lr": 0.05}
SYSTEMS = {
    f"{system} {architecture} {mode}": (system, architecture, threads, deterministic)
    for architecture in ("skipgram", "cbow")
    for system, mode, threads, deterministic in (
        ("ours", "1 thread", 1, False),
        ("ours", "2 threads", 2, False),
        ("ours", "deterministic", 2, True),
        ("gensim", "2 threads", 2, False),
    )
} | {"glove": ("glove", "glove", 1, False)}
GLOVE = f"{Path(__file__).resolve().parents[1] / 'examples' / 'glove.py'}:Glove"


def train_glove(path, words, settings, epochs):
    """One run of the example -> (figures, words, vectors); reading and counting are on the clock."""
    how = {"dim": settings["dim"], "tokens": "space", "min_count": _words.MIN_COUNT}
    with Clock() as clock:
        model = selfsup.fit(path, GLOVE, epochs=epochs, seed=settings["seed"], evaluate=False, progress=False, **how)
    vectors = model.word_vectors
    return _words.figures(clock, words, epochs), vectors.words, vectors.vectors


def run(system, path, words, settings, threads, epochs, deterministic):
    if system == "glove":
        result, vocabulary, vectors = train_glove(path, words, settings, epochs)
    elif system == "gensim":
        result, vocabulary, vectors = _words.train_gensim(path, words, settings, threads, epochs)
    else:
        plan = {"deterministic": deterministic}
        result, vocabulary, vectors = _words.train_ours(path, words, settings, threads, epochs, plan)
    return _words.quality(vocabulary, vectors) | result


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--systems", nargs="+", default=list(SYSTEMS))
    parser.add_argument("--words", type=int, help="use only the first so many words")
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--lr", type=float, default=SETTINGS["lr"])
    arguments = parser.parse_args()
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # for the processes that are started: BLAS is not what is measured
    chosen = {name: system for name, system in SYSTEMS.items() if name.startswith(tuple(arguments.systems))}
    if why := _words.missing("gensim"):
        print(f"gensim left out: {why}")
        chosen = {name: system for name, system in chosen.items() if system[0] != "gensim"}
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        path, words = _words.imdb_text(folder, arguments.words)
        print(f"{words:,} words, {arguments.epochs} epochs, lr {arguments.lr}", flush=True)
        for seed in arguments.seeds:
            for name, (system, architecture, threads, deterministic) in chosen.items():
                settings = SETTINGS | {"seed": seed, "architecture": architecture, "lr": arguments.lr}
                result = apart(run, system, path, words, settings, threads, arguments.epochs, deterministic)
                rows.append({"system": name, **result})
                print(f"seed {seed}  {name:<32}" + "  ".join(f"{k} {v:.4g}" for k, v in result.items()), flush=True)
    print("\nmedians over the seeds")
    print(table(rows, next(iter(chosen)), "CPU s"))


if __name__ == "__main__":
    main()

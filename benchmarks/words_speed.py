"""Training speed of word vectors: ours beside gensim and fastText, same text, same settings.

    python benchmarks/words_speed.py [--dims 100 300] [--threads 1 2] [--epochs 1] [--words 4000000] [--peers] [--rounds 1]

IMDB reviews (train and unsupervised: 17.5 M words), skip-gram, window 5, 5 negatives, sample 1e-4, min_count 5, lr .05. Figures
are of training alone: raw words of the text per CPU second and per second; the vocabulary pass is left out for every system.
Systems run in turn, each in a process of its own. `--peers` adds gensim and fastText (without subwords) where they can be
imported, for instance from another environment through PYTHONPATH. `--deterministic` adds our deterministic mode.
"""

from __future__ import annotations

import argparse
import os
import tempfile

import _words
from _timing import apart, table

SETTINGS = {"window": 5, "negative": 5, "sample": 1e-4, "lr": 0.05, "seed": 0, "architecture": "skipgram"}


def ours(path, words, settings, threads, epochs):
    return _words.train_ours(path, words, settings, threads, epochs)[0]


def ours_deterministic(path, words, settings, threads, epochs):
    return _words.train_ours(path, words, settings, threads, epochs, {"deterministic": True})[0]


def gensim(path, words, settings, threads, epochs):
    return _words.train_gensim(path, words, settings, threads, epochs)[0]


def fasttext(path, words, settings, threads, epochs):
    return _words.train_fasttext(path, words, settings, threads, epochs)[0]


def chosen(arguments):
    """Systems to run, by name; says why a peer is left out."""
    systems = {"ours": ours}
    if arguments.deterministic:
        systems["ours, deterministic"] = ours_deterministic
    for peer in (gensim, fasttext) if arguments.peers else ():
        why = _words.missing(peer.__name__)
        if why:
            print(f"{peer.__name__} left out: {why}")
        else:
            systems[peer.__name__] = peer
    return systems


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dims", type=int, nargs="+", default=[100, 300])
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--words", type=int, help="use only the first so many words")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--peers", action="store_true")
    parser.add_argument("--deterministic", action="store_true")
    arguments = parser.parse_args()
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # for the processes that are started: BLAS is not what is measured
    systems = chosen(arguments)
    with tempfile.TemporaryDirectory() as folder:
        path, words = _words.imdb_text(folder, arguments.words)
        print(f"{words:,} words, {arguments.epochs} epochs, median of {arguments.rounds}", flush=True)
        for dim in arguments.dims:
            for threads in arguments.threads:
                rows = []
                for _ in range(arguments.rounds):
                    for name, system in systems.items():
                        result = apart(system, path, words, SETTINGS | {"dim": dim}, threads, arguments.epochs)
                        rows.append({"system": name, **result})
                print(f"\n{dim} dimensions, {threads} threads")
                print(table(rows, "gensim" if "gensim" in systems else "ours", "M words/CPU s"), flush=True)


if __name__ == "__main__":
    main()

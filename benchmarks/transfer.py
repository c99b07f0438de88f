"""Transfer of word vectors to labelled texts: frozen, fine-tuned, from scratch, beside tuned TF-IDF; 10, 100, 1,000, all labels.

    python benchmarks/transfer.py --vectors VECTORS [--sets imdb sst2 trec newsgroups] [--draws 3] [--dev]

VECTORS: a file or run of word vectors; measured with skip-gram (300-d, window 5, 5 epochs) on IMDB's
unlabelled part, which `--make OUT` writes, a review a line. With `--dev` a fifth of the training part stands for the test part:
for choosing anything. Each set has a process of its own, on one thread; CPU seconds are those of `selfsup.transfer` alone.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from _timing import Clock, apart, data_folder

SETS = ("imdb", "sst2", "trec", "newsgroups")
FILES = {"sst2": ("stsa.binary.train", "stsa.binary.test"), "trec": ("TREC.train.all", "TREC.test.all")}


def labelled(name):
    """What is learnt from, and the test part."""
    from selfsup.data.text.labelled import open_labelled

    if name in FILES:
        encoding = "latin-1" if name == "trec" else "utf-8"
        train, test = (data_folder() / "sentences" / file for file in FILES[name])
        train = open_labelled(train, encoding=encoding)
        return train, open_labelled(test, classes=train.classes, encoding=encoding)
    train, test = (open_labelled(data_folder() / name / f"{part}.parquet") for part in ("train", "test"))
    if name == "imdb":
        train, test = (part._replace(texts=[t.replace("<br />", " ") for t in part.texts]) for part in (train, test))
    return train, test


def one(name, vectors, draws, dev):
    import torch

    torch.set_num_threads(1)
    import selfsup

    train, test = labelled(name)
    with Clock() as clock:
        found = selfsup.transfer(vectors, train, test=None if dev else test, draws=draws, progress=False)
    return str(found), clock.cpu, clock.peak


def make(out):
    """IMDB's unlabelled part, a review a line."""
    import pyarrow.parquet as pq

    texts = pq.read_table(data_folder() / "imdb" / "unsupervised.parquet", columns=["text"])["text"].to_pylist()
    Path(out).write_text("\n".join(" ".join(text.replace("<br />", " ").split()) for text in texts), encoding="utf8")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--vectors")
    parser.add_argument("--sets", nargs="+", default=list(SETS), choices=SETS)
    parser.add_argument("--draws", type=int, default=3)
    parser.add_argument("--dev", action="store_true")
    parser.add_argument("--make")
    arguments = parser.parse_args()
    if arguments.make:
        make(arguments.make)
    elif not arguments.vectors:
        parser.error("--vectors is missing")
    else:
        for name in arguments.sets:
            text, cpu, peak = apart(one, name, arguments.vectors, arguments.draws, arguments.dev)
            print(f"{name}: {cpu:.0f} CPU s, peak {peak:,.0f} MB\n{text}\n", flush=True)


if __name__ == "__main__":
    main()

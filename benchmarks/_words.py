"""What the benchmarks of word vectors share: the text, its ids, the peers, and the two measures of quality."""

from __future__ import annotations

import importlib
import re
from collections import Counter
from pathlib import Path

import numpy as np

from _timing import Clock, data_folder

MIN_COUNT = 5
RESTRICT = 30_000  # analogies are asked among the most frequent words, as gensim does


def imdb_text(folder, words=None):
    """Write the reviews (train and unsupervised), one a line, lower-cased words; returns the file and its words."""
    import pyarrow.parquet as pq

    target = Path(folder) / f"imdb-{words or 'all'}.txt"
    counted = 0
    with target.open("w", encoding="utf8") as out:
        for part in ("train", "unsupervised"):
            for text in pq.read_table(data_folder() / "imdb" / f"{part}.parquet", columns=["text"])["text"].to_pylist():
                line = re.findall(r"[a-z0-9']+", text.lower().replace("<br />", " "))
                line = line[: words - counted] if words else line
                counted += len(line)
                out.write(" ".join(line) + "\n")
                if words and counted >= words:
                    return target, counted
    return target, counted


def encode(path):
    """Text file -> ids (N,) int32 with -1 between lines, counts (V,) int64, words by falling count."""
    counter: Counter[str] = Counter()
    with Path(path).open(encoding="utf8") as lines:
        for line in lines:
            counter.update(line.split())
    words = [word for word, count in counter.most_common() if count >= MIN_COUNT]
    number = {word: i for i, word in enumerate(words)}
    parts = []
    with Path(path).open(encoding="utf8") as lines:
        for line in lines:
            parts.append(np.array([number[word] for word in line.split() if word in number] + [-1], np.int32))
    return np.concatenate(parts), np.array([counter[word] for word in words], np.int64), words


def missing(module):
    """Why a peer cannot be run, or None."""
    try:
        importlib.import_module(module)
    except ImportError as error:
        return f"{module} is not there: {error}"
    return None


def train_ours(path, words, settings, threads, epochs, plan=None):
    """One run of ours -> (figures, words, vectors)."""
    from selfsup.solvers.hogwild import hogwild
    from selfsup.solvers.words import WordPlan

    ids, counts, vocabulary = encode(path)
    plan = WordPlan(epochs=epochs, threads=threads, **{**settings, **(plan or {})})
    hogwild(ids[:200], counts, WordPlan(**{**plan.__dict__, "epochs": 1, "threads": 1}))  # compiles, or loads the cache
    with Clock() as clock:
        state = hogwild(ids, counts, plan)
    return figures(clock, words, epochs), vocabulary, np.array(state.input)


def train_gensim(path, words, settings, threads, epochs):
    """One run of gensim's Word2Vec from the same file; the vocabulary pass stays outside the clock."""
    from gensim.models import Word2Vec

    model = Word2Vec(
        vector_size=settings["dim"],
        window=settings["window"],
        negative=settings["negative"],
        sample=settings["sample"],
        alpha=settings["lr"],
        min_alpha=settings["lr"] * 1e-4,
        sg=int(settings["architecture"] == "skipgram"),
        seed=settings["seed"] + 1,
        min_count=MIN_COUNT,
        workers=threads,
    )
    model.build_vocab(corpus_file=str(path))
    with Clock() as clock:
        model.train(
            corpus_file=str(path),
            total_words=model.corpus_total_words,
            total_examples=model.corpus_count,
            epochs=epochs,
        )
    return figures(clock, words, epochs), list(model.wv.index_to_key), np.array(model.wv.vectors)


def train_fasttext(path, words, settings, threads, epochs):
    """One run of fastText without subwords; the time of a run of 0 epochs (reading, vocabulary) is taken off."""
    import fasttext

    def run(rounds):
        return fasttext.train_unsupervised(
            str(path),
            model="skipgram" if settings["architecture"] == "skipgram" else "cbow",
            dim=settings["dim"],
            ws=settings["window"],
            neg=settings["negative"],
            t=settings["sample"],
            lr=settings["lr"],
            epoch=rounds,
            minCount=MIN_COUNT,
            minn=0,
            maxn=0,
            thread=threads,
            verbose=0,
        )

    with Clock() as before:
        run(0)
    with Clock() as clock:
        model = run(epochs)
    clock.cpu, clock.wall = clock.cpu - before.cpu, clock.wall - before.wall
    vocabulary = model.get_words()
    return figures(clock, words, epochs), vocabulary, np.stack([model.get_word_vector(word) for word in vocabulary])


def figures(clock, words, epochs):
    """Figures of one training run."""
    return {
        "M words/CPU s": words * epochs / clock.cpu / 1e6,
        "M words/s": words * epochs / clock.wall / 1e6,
        "CPU s": clock.cpu,
        "wall s": clock.wall,
        "peak MB": clock.peak,
    }


def quality(words, vectors):
    """Share of analogies answered (3CosAdd among RESTRICT words) and Spearman's correlation with WordSim-353."""
    from selfsup.measures.words.analogies import analogies
    from selfsup.measures.words.similarity import similarity
    from selfsup.words.vectors import WordVectors

    folder, model = data_folder() / "words", WordVectors(words, vectors)
    right = analogies(model, folder / "questions-words.txt", restrict=RESTRICT).total.accuracy
    return {"analogies %": 100 * (right or 0), "WS-353": similarity(model, folder / "wordsim353.tsv").spearman}

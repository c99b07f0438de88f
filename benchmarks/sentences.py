"""Vectors of sentences from one's own raw text: SemEval's STS 2012 to 2015, Spearman's correlation with people's scores.

    python benchmarks/sentences.py                      # trains 300-d skip-gram first: 21 M words, 5 epochs, 2 threads
    python benchmarks/sentences.py --run RUN            # of a run of words that is there
    python benchmarks/sentences.py --method spans       # its vectors instead

Learnt from IMDB (train and unsupervised) and 20 Newsgroups (train), cut into sentences. A score is the cosine of two
sentences; the correlation is the mean over each year's sets, then over the four years. 2012 is the development year. Of the
defaults of `Model.encode` the number of components was chosen on it, the weights after all years had been seen (docs/texts.md).
"""

from __future__ import annotations

import argparse
import re
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from scipy.stats import spearmanr

import selfsup
from _timing import Clock, data_folder
from selfsup.words.texts import tfidf_weights

CUT = re.compile(r"(?<=[.!?])[\"')\]]*\s+|\n{2,}")
SOURCES = ("imdb/train", "imdb/unsupervised", "newsgroups/train")
YEARS = ("2012", "2013", "2014", "2015")
Encoder = Callable[[list[str]], np.ndarray]  # of the sentences of one set: (n, D)


def write_text(target: Path) -> int:
    """Write the training text, a sentence a line; returns its words."""
    import pyarrow.parquet as pq

    words = 0
    with target.open("w", encoding="utf8") as out:
        for name in SOURCES:
            for text in pq.read_table(data_folder() / f"{name}.parquet", columns=["text"])["text"].to_pylist():
                for sentence in CUT.split(text.replace("<br />", "\n\n")):
                    if found := sentence.split():
                        out.write(" ".join(found) + "\n")
                        words += len(found)
                out.write("\n")
    return words


def sets() -> dict[str, tuple[np.ndarray, list[str], list[str]]]:
    """Name of a set -> people's scores (n,), and the sentences of each pair."""
    rows: dict[str, list[tuple[float, str, str]]] = {}
    for line in (data_folder() / "sts" / "sts12-15.tsv").read_text(encoding="utf8").split("\n")[1:]:
        if line:
            name, score, one, two = line.split("\t")
            rows.setdefault(name, []).append((float(score), one, two))
    return {
        name: (np.array([r[0] for r in held]), [r[1] for r in held], [r[2] for r in held])
        for name, held in rows.items()
    }


def by_year(encoder: Encoder) -> dict[str, float]:
    """Spearman's correlation (in per cent) for each year, the mean over its sets."""
    found: dict[str, list[float]] = {}
    for name, (people, one, two) in sets().items():
        codes = encoder(one + two)
        a, b = codes[: len(one)], codes[len(one) :]
        if isinstance(codes, np.ndarray):
            sizes = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
            cosines = (a * b).sum(1) / np.maximum(sizes, 1e-12)
        else:  # sparse rows of length 1
            cosines = np.asarray(a.multiply(b).sum(1)).ravel()
        found.setdefault(name[:4], []).append(100 * float(spearmanr(cosines, people)[0]))
    return {year: float(np.mean(found[year])) for year in YEARS}


def tfidf(model: selfsup.Model | None = None) -> Encoder:
    """TF-IDF (sublinear) of words of two sentences or more: of all sentences of the sets, or of the model's training text."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    if model is None:
        given = [sentence for _, one, two in sets().values() for sentence in one + two]
        return TfidfVectorizer(sublinear_tf=True, min_df=2).fit(given).transform
    made = TfidfVectorizer(
        sublinear_tf=True, vocabulary=list(model.words), tokenizer=model.form.cut, token_pattern=None
    )
    made.idf_ = tfidf_weights(model.texts.frequencies, model.texts.sentences)
    return made.transform


def encoders(model: selfsup.Model) -> dict[str, Encoder]:
    """What is compared, by name."""

    def by(**how: object) -> Encoder:
        return lambda texts: model.encode(texts, **how)

    rows: dict[str, Encoder] = {"TF-IDF of the sets' sentences": tfidf(), "TF-IDF of the training text": tfidf(model)}
    rows |= {"mean": by(weights="mean", remove=0, unit=False)}
    for weights in ("sif", "tfidf"):
        rows[f"{weights}"] = by(weights=weights, remove=0, unit=False)
        rows[f"{weights}, first component (own text)"] = by(weights=weights, remove=1, unit=False)
        rows[f"{weights}, first component (given texts)"] = by(
            weights=weights, remove=1, unit=False, components="given"
        )
    for weights in ("mean", "sif", "tfidf"):
        rows[f"unit, {weights}"] = by(weights=weights, remove=0)
        for remove in (1, 5):
            rows[f"unit, {weights}, {remove} of own text"] = by(weights=weights, remove=remove)
            rows[f"unit, {weights}, {remove} of given texts"] = by(weights=weights, remove=remove, components="given")
    rows["default"] = by()
    rows["default, 1 of given texts"] = by(remove=1, components="given")
    return rows


def compare(rows: dict[str, Encoder]) -> list[tuple[str, dict[str, float], float]]:
    """Each encoder's correlations and CPU seconds, printed as they come."""
    found = []
    print(f"{'encoder':<44}{'mean':>8}" + "".join(f"{year:>8}" for year in YEARS) + f"{'CPU s':>8}")
    for name, encoder in rows.items():
        with Clock() as clock:
            years = by_year(encoder)
        mean = np.mean(list(years.values()))
        print(
            f"{name:<44}{mean:>8.1f}" + "".join(f"{years[year]:>8.1f}" for year in YEARS) + f"{clock.cpu:>8.1f}",
            flush=True,
        )
        found.append((name, years, clock.cpu))
    return found


def train(folder: Path, method: str, **how: object) -> selfsup.Model:
    """Word vectors of the three sources."""
    words = write_text(folder / "text.txt")
    with Clock() as clock:
        model = selfsup.fit(folder / "text.txt", method, evaluate=False, progress=False, **how)
    print(f"{method} on {words:,} words: {clock.cpu:.0f} CPU s, {clock.wall:.0f} s, reading and components included")
    return model


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", help="a run of words; by default one is trained")
    parser.add_argument("--method", default="skipgram", choices=("skipgram", "spans"))
    parser.add_argument("--dim", type=int, default=300)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", help="keep the run that is trained here")
    asked = parser.parse_args()
    if asked.run:
        compare(encoders(selfsup.load(asked.run)))
        return
    with tempfile.TemporaryDirectory() as folder:
        epochs = "epochs" if asked.method == "skipgram" else "priming"  # of skip-gram, in either case
        how = {"dim": asked.dim, epochs: asked.epochs, "threads": asked.threads, "seed": asked.seed}
        model = train(Path(folder), asked.method, **how, **({"out": asked.out} if asked.out else {}))
    compare(encoders(model))


if __name__ == "__main__":
    main()

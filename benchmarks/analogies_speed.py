"""How long all analogies of a file take, beside gensim's `evaluate_word_analogies`, and whether the answers are the same.

python benchmarks/analogies_speed.py [--vectors FILE] [--peers PYTHON] [--rounds 3]

Without --vectors they are asked of a table of 30,000 words that is made so: the pairs of a section differ by one direction, and
by noise that makes about two thirds of the answers right. PYTHON is one that has gensim; it runs once, for it takes minutes.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from _timing import Clock, data_folder, table

SIZE, DIM, NOISE, RESTRICT = 30_000, 300, 1.6, 30_000
OURS, PEER = "selfsup", "gensim"


def made(questions: Path) -> tuple[list[str], np.ndarray]:
    """The words of the questions and others to fill up, and vectors (n, D) float32."""
    rng = np.random.default_rng(0)
    vectors: dict[str, np.ndarray] = {}
    step = np.zeros(DIM)
    for line in questions.read_text("utf-8").splitlines():
        if line.startswith(":"):
            step = rng.normal(size=DIM)
            continue
        a, b, c, d = line.split()
        for one, other in ((a, b), (c, d)):
            vectors.setdefault(one, rng.normal(size=DIM))
            vectors.setdefault(other, vectors[one] + step + NOISE * rng.normal(size=DIM))
    words = [*vectors, *(f"filler{number}" for number in range(SIZE - len(vectors)))]
    rows = np.concatenate([np.array(list(vectors.values())), rng.normal(size=(SIZE - len(vectors), DIM))])
    order = rng.permutation(SIZE)
    return [words[row] for row in order.tolist()], rows[order].astype(np.float32)


def ours(folder: Path, questions: Path) -> dict[str, object]:
    """Figures of ours, and the answer to each question."""
    from selfsup.measures.words import analogies
    from selfsup.words import WordVectors

    words = WordVectors(json.loads((folder / "words.json").read_text()), np.load(folder / "vectors.npy"))
    with Clock() as clock:
        scores = analogies(words, questions, restrict=RESTRICT)
    answers = [None if answer is None else answer.upper() for answer in scores.answers]
    return figures(clock, 100 * (scores.total.accuracy or 0)) | {"answers": answers}


def peer(folder: Path, questions: Path) -> dict[str, object]:
    """Figures of gensim; what its `most_similar` gives while it works is kept, as its scores do not say the answers."""
    from gensim.models import KeyedVectors

    vectors = np.load(folder / "vectors.npy")
    words = KeyedVectors(vectors.shape[1])
    words.add_vectors(json.loads((folder / "words.json").read_text()), vectors)
    asked, search = {}, words.most_similar

    def most_similar(positive, negative, **more):
        found = search(positive=positive, negative=negative, **more)
        question = tuple(word.upper() for word in (*negative, *positive))
        asked[question] = next((word.upper() for word, _ in found if word.upper() not in question), None)
        return found

    words.most_similar = most_similar
    with Clock() as clock:
        accuracy, _ = words.evaluate_word_analogies(str(questions), restrict_vocab=RESTRICT)
    lines = [line.upper().split() for line in questions.read_text("utf-8").splitlines() if not line.startswith(":")]
    return figures(clock, 100 * accuracy) | {"answers": [asked.get(tuple(line[:3])) for line in lines]}


def figures(clock: Clock, accuracy: float) -> dict[str, object]:
    return {"CPU s": clock.cpu, "wall s": clock.wall, "peak MB": clock.peak, "right %": accuracy}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--vectors", help="a file of word vectors; the first 30,000 of them")
    parser.add_argument("--peers", help="a Python that has gensim")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--alone", nargs=3, metavar=("SYSTEM", "FOLDER", "QUESTIONS"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.alone:
        system, folder, questions = given.alone
        json.dump({OURS: ours, PEER: peer}[system](Path(folder), Path(questions)), sys.stdout)
        return
    questions = data_folder() / "words" / "questions-words.txt"
    with tempfile.TemporaryDirectory() as folder:
        if given.vectors:
            from selfsup.words import WordVectors

            loaded = WordVectors.load(given.vectors, limit=SIZE)
            words, vectors = list(loaded.words), loaded.rows(slice(None))
        else:
            words, vectors = made(questions)
        (Path(folder) / "words.json").write_text(json.dumps(words))
        np.save(Path(folder) / "vectors.npy", vectors)
        runs = [(OURS, sys.executable)] * given.rounds + [(PEER, given.peers)] * bool(given.peers)
        rows, answers = [], {}
        for system, python in runs:
            command = [python, __file__, "--alone", system, folder, str(questions)]
            found = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)
            answers[system] = found.pop("answers")
            rows.append({"system": system} | found)
    print(f"{len(answers[OURS]):,} questions of {len(words):,} words of {vectors.shape[1]} values\n")
    print(table(rows, OURS, "CPU s"))
    if given.peers:
        same = sum(a == b for a, b in zip(answers[OURS], answers[PEER], strict=True))
        print(f"\nthe same answer to {same:,} of {len(answers[OURS]):,}")


if __name__ == "__main__":
    main()

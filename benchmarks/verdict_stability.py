"""Does the word change? Kept runs of a panel judged with other draws of labels, and trained again from other seeds.

The held-out rows stay the same, only the labels that are drawn from the others change (`selfsup.evaluate(seed=...)`); then the
run is trained from other seeds, each judged with the same draws. Of all pairs of words of a run: how many contradict each other
("learning" and any other decided word), how many are "undecided" beside a decided one, how many are the same.

    SELFSUP_DATA=FOLDER python benchmarks/verdict_stability.py second --keep DIR [--draws 6] [--seeds 5] [--only waves]
"""

from __future__ import annotations

import argparse
import os
import sys
import time
import warnings
from collections import Counter
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
sys.path.insert(0, str(Path(__file__).resolve().parent))

UNDECIDED = "undecided"


def words_of_draws(model: Any, rows: Any, seeds: int) -> list[str]:
    """The words on one model, by other draws of labels."""
    return [word(model, rows, seed) for seed in range(seeds)]


def words_of_seeds(planted: Any, rows: Any, model: Any, seeds: int) -> list[str]:
    """The words on the same training from other seeds, by the same draws of labels."""
    first = planted.how.get("seed", 0)
    models = [model, *(planted.fit(rows.x, evaluate=False, seed=first + 1000 + more) for more in range(1, seeds))]
    return [word(one, rows, 0) for one in models]


def word(model: Any, rows: Any, seed: int) -> str:
    """The word of an evaluation with labels."""
    import selfsup

    found = selfsup.evaluate(model, (rows.x, rows.labels), measures=("probe",), seed=seed, progress=False)
    return str(found.verdict["kind"])


def compared(words: Sequence[str]) -> Counter[str]:
    """How all pairs of words compare."""
    kinds = Counter[str]()
    for one, two in combinations(words, 2):
        kinds["same" if one == two else "undecided" if UNDECIDED in (one, two) else "contradicting"] += 1
    return kinds


def said(words: Sequence[str]) -> str:
    return ", ".join(f"{kind} {number}" for kind, number in Counter(words).most_common())


def main() -> None:
    """Print a line a run, and the sums."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("panel", choices=["first", "second", "third", "fourth"])
    parser.add_argument("--keep", type=Path, required=True, help="folder of the runs and their truth")
    parser.add_argument("--draws", type=int, default=6)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--only", nargs="*", default=[""], help="runs whose name holds one of these")
    given = parser.parse_args()
    warnings.filterwarnings("ignore")
    import torch

    import _panels
    from verdict_panel import kept, runs_of

    torch.set_num_threads(1)
    sums = {"label draws": Counter[str](), "training seeds": Counter[str]()}
    for planted in runs_of(given.panel):
        known = (given.keep / f"{planted.key}.json").is_file()
        if (
            planted.text
            or planted.meant != _panels.HEALTHY
            or not known
            or not any(map(planted.name.count, given.only))
        ):
            continue
        began = time.process_time()
        model, rows = kept(planted, given.keep)[1], planted.rows()
        found = {"label draws": words_of_draws(model, rows, given.draws)}
        found["training seeds"] = words_of_seeds(planted, rows, model, given.seeds)
        for way, words in found.items():
            sums[way] += compared(words)
            print(f"{planted.name[:28]:<30}{way:<16}{said(words)}", flush=True)
        print(f"{'':<30}{time.process_time() - began:.0f} CPU seconds", flush=True)
    for way, kinds in sums.items():
        pairs = max(1, sum(kinds.values()))
        shares = ", ".join(
            f"{kind} {kinds[kind]} ({kinds[kind] / pairs:.1%})" for kind in ("contradicting", "undecided", "same")
        )
        print(f"{way}: of {pairs} pairs of words {shares}")


if __name__ == "__main__":
    main()

"""Are learnt word vectors better than counting? The same text both ways, asked the same questions, several seeds.

    python benchmarks/words_counting.py TEXT [--method skipgram] [--seeds 0 1 2] [--epochs 5]

Prints of each seed the verdict and how far the model is ahead of vectors by counting and of untrained ones: by what neighbours
foretell of text that was held out, by Mikolov's analogies and by WordSim-353 (``SELFSUP_DATA``, or ../shared/data). One thread.
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path

import torch

WORDS = Path(os.environ.get("SELFSUP_DATA", Path(__file__).resolve().parents[2] / "shared" / "data")) / "words"


def main() -> None:
    import selfsup
    from selfsup.measures.words.leads import pair

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("text")
    parser.add_argument("--method", default="skipgram")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--epochs", type=int, default=5)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    for seed in asked.seeds:
        spent = [time.process_time()]
        how = {"seed": seed, "epochs": asked.epochs, "threads": 1, "progress": False}
        model = selfsup.fit(asked.text, asked.method, **how)
        spent.append(time.process_time())
        files = {"analogies": WORDS / "questions-words.txt", "similarity": WORDS / "wordsim353.tsv"}
        found = selfsup.evaluate(model, asked.text, progress=False, **files)
        spent.append(time.process_time())
        trained, rest = spent[1] - spent[0], spent[2] - spent[1]
        print(f"seed {seed}: {found.verdict['kind']}; {trained:.1f} CPU s with evidence, {rest:.1f} for the questions")
        for row in found.rows("counting"):
            lead = "" if row["lead"] is None else pair(row["what"], row["lead"], row["lead_error"], signed=True)
            score = pair(row["what"], row["score"], row["error"])
            print(f"  {row['what']:<34}{row['encoder']:<13}{score:>20}{lead:>22}", flush=True)


if __name__ == "__main__":
    main()

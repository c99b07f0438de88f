"""Word vectors on a GPU: speed and quality of the solver `batched` at several sizes of block, beside `hogwild`.

    python benchmarks/words_gpu.py [--dims 100 300] [--blocks 1024 8192 32768 65536 262144] [--words 4000000] [--epochs 5]
    python benchmarks/words_gpu.py --device cpu --words 200000 --epochs 1 --blocks 1024 8192     # a check without a GPU

IMDB reviews (train and unsupervised: 17.5 M words), window 5, 5 negatives, sample 1e-4, min_count 5, lr .05. M words/s are words
of the text over the wall time of training, with the tables' way to the device and back, without reading and numbering the text; a
short run before it, with the same settings, warms up. Analogies: Google's set, 3CosAdd among the 30,000 most frequent words;
WS-353: Spearman's correlation. `block 0` is the default, chosen from the text. Without CUDA, and no --device, nothing is run.
"""

from __future__ import annotations

import argparse
import tempfile

import numpy as np
import torch

import _words
from _timing import Clock

SETTINGS = {"window": 5, "negative": 5, "sample": 1e-4, "lr": 0.05}


def timed(train, ids, counts, plan):
    """Train after a warm-up on the first ids -> (wall seconds, vectors)."""
    from selfsup.solvers.words import WordPlan

    train(np.array(ids[:50_000]), counts, WordPlan(**{**plan.__dict__, "epochs": 1}))
    with Clock() as clock:  # the vectors are on the CPU at the end: nothing is still under way
        state = train(ids, counts, plan)
    return clock.wall, np.array(state.input)


def systems(device, blocks, threads):
    """Name -> (how it trains, its threads)."""
    from selfsup.solvers.batched import batched
    from selfsup.solvers.hogwild import hogwild

    found = {f"hogwild, {threads} threads": (hogwild, threads)}
    for block in blocks:

        def train(ids, counts, plan, block=block):
            return batched(ids, counts, plan, device=device, block=block or None)

        found[f"batched on {device}, block {block or 'default'}"] = (train, 1)
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", help="by default cuda")
    parser.add_argument("--dims", type=int, nargs="+", default=[100, 300])
    parser.add_argument("--blocks", type=int, nargs="+", default=[0, 1024, 8192, 32_768, 65_536, 262_144])
    parser.add_argument("--architecture", choices=["skipgram", "cbow"], default="skipgram")
    parser.add_argument("--words", type=int, help="use only the first so many words")
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--threads", type=int, default=2, help="of hogwild")
    arguments = parser.parse_args()
    if arguments.device is None and not torch.cuda.is_available():
        print("no CUDA here: nothing was run; --device cpu --words 200000 --epochs 1 is a check without a GPU")
        return
    from selfsup.errors import TrainingError
    from selfsup.solvers.words import WordPlan

    device = torch.device(arguments.device or "cuda")
    print(torch.cuda.get_device_name(device) if device.type == "cuda" else device.type, f"torch {torch.__version__}")
    with tempfile.TemporaryDirectory() as folder:
        path, words = _words.imdb_text(folder, arguments.words)
        ids, counts, vocabulary = _words.encode(path)
    print(
        f"{words:,} words, {len(vocabulary):,} in the vocabulary, {arguments.epochs} epochs, {arguments.architecture}"
    )
    print(
        f"{'system':<40}{'dim':>5}{'seed':>6}{'wall s':>10}{'M words/s':>11}{'analogies %':>13}{'WS-353':>9}",
        flush=True,
    )
    for dim in arguments.dims:
        for name, (train, threads) in systems(device, arguments.blocks, arguments.threads).items():
            for seed in arguments.seeds:
                settings = SETTINGS | {"epochs": arguments.epochs, "architecture": arguments.architecture}
                plan = WordPlan(dim=dim, seed=seed, threads=threads, **settings)
                try:
                    wall, vectors = timed(train, ids, counts, plan)
                except TrainingError as error:
                    print(f"{name:<40}{dim:>5}{seed:>6}  {error}", flush=True)
                    continue
                found, speed = _words.quality(vocabulary, vectors), words * arguments.epochs / wall / 1e6
                score = f"{found['analogies %']:>13.2f}{found['WS-353'] or 0:>9.3f}"
                print(f"{name:<40}{dim:>5}{seed:>6}{wall:>10.2f}{speed:>11.3f}{score}", flush=True)


if __name__ == "__main__":
    main()

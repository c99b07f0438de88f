"""The importance-weighted bound: VAE and IWAE on statically binarised MNIST, test log-likelihood in nats.

    python benchmarks/importance_bound.py [--importance 1 5 50] [--epochs 100 25 3] [--draws 5000] [--test-rows 1000]
    python benchmarks/importance_bound.py --validation --importance 1 --epochs 20 --lr 1e-3 2e-3 --batch-size 128
    python benchmarks/importance_bound.py --curve 10 30 100 --importance 1 --draws 500 --test-rows 10000
    python benchmarks/importance_bound.py --device cuda --epochs 3280 --importance 1 5 50 --test-rows 10000

Every pixel is drawn once as Bernoulli of its grey value (seed 0 of NumPy's default_rng; training part first, then test
part). Net 784-200-200-50, one stochastic layer, ReLU (the published net has tanh), Bernoulli likelihood. NLL is minus
`score_samples` of the test rows (the first so many), with so many importance samples. Training is on all 60,000 rows; with
`--validation` it is on the first 55,000 of a seeded shuffle, and the NLL is that of `--test-rows` of the other 5,000, so
that batch size, rate and warm-up of the KL can be chosen there. The defaults are the method's own, and not tuned.

Published, static, 5,000 importance samples, 3,280 epochs: VAE 88.71 to 89.93, IWAE with 5 samples 87.63 to 87.65, with 50
samples 86.71 to 87.10 (Burda et al. 2015, appendix D, and two reproductions).
"""

from __future__ import annotations

import argparse
import itertools
import os
import sys

BINARISED = 0  # seed
VALIDATION = 5_000
PUBLISHED = {1: "88.7 to 89.9", 5: "87.6", 50: "86.7 to 87.1"}


def load():
    """Both parts, (n, 784) float32 of 0 and 1."""
    import numpy as np

    from _timing import data_folder
    from selfsup.data import open_data

    data = open_data(data_folder() / "mnist", progress=False)
    rng = np.random.default_rng(BINARISED)
    grey = [part.x.reshape(len(part), 784).astype(np.float32) / 255 for part in (data, data.test)]
    return [(rng.random(x.shape, np.float32) < x).astype(np.float32) for x in grey]


def trained(x, importance, epochs, given, batch_size, lr):
    import selfsup

    return selfsup.fit(
        x, "variational", hidden=(200, 200), n_components=50, likelihood="bernoulli", importance=importance,
        kl_warmup=given.kl_warmup, epochs=epochs, batch_size=batch_size, lr=lr, weight_decay=given.weight_decay,
        holdout=0.0, seed=given.seed, device=given.device, precision="float32", evaluate=False, progress=given.progress,
    )  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--importance", type=int, nargs="+", default=[1, 5, 50])
    parser.add_argument("--epochs", type=int, nargs="+", default=[100, 25, 3], help="one, or one for each --importance")
    parser.add_argument("--curve", type=int, nargs="+", help="runs of so many epochs, each with a schedule of its own")
    parser.add_argument("--batch-size", type=int, nargs="+", default=[128])
    parser.add_argument("--lr", type=float, nargs="+", default=[2e-3])
    parser.add_argument("--kl-warmup", type=float, default=0.0)
    parser.add_argument("--weight-decay", type=float, default=0.0)
    parser.add_argument("--draws", type=int, default=5000)
    parser.add_argument("--test-rows", type=int, default=1000)
    parser.add_argument("--validation", action="store_true")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--progress", action="store_true")
    given = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = str(given.threads)
    import numpy as np
    import torch

    from _timing import Clock

    torch.set_num_threads(given.threads)
    x, test = load()
    part = "test"
    if given.validation:
        order = np.random.default_rng(given.seed).permutation(len(x))
        x, test, part = x[order[:-VALIDATION]], x[order[-VALIDATION:]], "validation"
    test = test[: given.test_rows]
    epochs = given.epochs * len(given.importance) if len(given.epochs) == 1 else given.epochs
    if len(epochs) != len(given.importance):
        parser.error("give one number of epochs, or one for each --importance")
    runs = (
        [(k, e) for k in given.importance for e in given.curve]
        if given.curve
        else list(zip(given.importance, epochs, strict=True))
    )
    print(
        f"static MNIST, 784-200-200-50, {len(x):,} training rows, {len(test):,} {part} rows, {given.draws:,} draws, "
        f"seed {given.seed}, {given.device}, {given.threads} threads"
    )
    print(
        f"{'importance':>10}{'epochs':>8}{'batch':>7}{'lr':>9}{'NLL':>9}{'± s.e.':>8}{'active':>8}"
        f"{'train CPU s':>13}{'wall':>8}{'score CPU s':>13}   published",
        flush=True,
    )
    for (importance, count), batch_size, lr in itertools.product(runs, given.batch_size, given.lr):
        with Clock() as training:
            model = trained(x, importance, count, given, batch_size, lr)
        with Clock() as scoring:
            nll = -model.score_samples(test, draws=given.draws).astype(np.float64)
        active = model.history[-1]["measures"]["active units"]
        print(
            f"{importance:>10}{count:>8}{batch_size:>7}{lr:>9.2g}{nll.mean():>9.2f}"
            f"{nll.std() / len(nll) ** 0.5:>8.2f}{active:>8.0f}{training.cpu:>13.0f}{training.wall:>8.0f}"
            f"{scoring.cpu:>13.0f}   {PUBLISHED.get(importance, '')}",
            flush=True,
        )


if __name__ == "__main__":
    sys.exit(main())

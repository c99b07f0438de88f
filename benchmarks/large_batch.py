"""Optimisers at a large batch: adamw, sgd, muon and lars on digits, each at a few rates.

    python benchmarks/large_batch.py [--method simclr] [--batch-size 512] [--epochs 40] [--seeds 0]

scikit-learn's digits, 1,437 rows to learn from, so that an epoch is three steps of 512; a net of two linear layers. The rate of
an optimiser is chosen by the loss on rows held out of these, without labels; the accuracy is that of a linear probe on the other
360, on which nothing is chosen. CPU seconds are those of `fit`.
"""

from __future__ import annotations

import argparse
import time
from functools import partial
from itertools import product

RATES = {
    "adamw": (1e-3, 3e-3, 1e-2),
    "sgd": (0.05, 0.2, 0.8),
    "muon": (0.01, 0.03, 0.1),
    "lars": (0.25, 0.5, 1.0),
}


def digits():
    """Images to learn from and to test on, and their labels."""
    import numpy as np
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    images, labels = load_digits(return_X_y=True)
    x = (images / 16).astype(np.float32).reshape(-1, 1, 8, 8)
    return train_test_split(x, labels, test_size=0.2, random_state=0, stratify=labels)


def trained(method: str, **how) -> tuple[float, float, float]:
    """CPU seconds, held-out loss, and accuracy of a probe in per cent."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    import selfsup

    train, test, of_train, of_test = digits()
    began = time.process_time()
    model = selfsup.fit(train, method, net="mlp", hidden=(128, 64), evaluate=False, progress=False, **how)
    seconds = time.process_time() - began
    probe = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)).fit(model.encode(train), of_train)
    return seconds, model.history[-1]["heldout"], 100 * probe.score(model.encode(test), of_test)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--method", default="simclr")
    parser.add_argument("--batch-size", type=int, default=512)
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    asked = parser.parse_args()
    import torch

    from selfsup.errors import TrainingError

    torch.set_num_threads(1)
    say = partial(print, flush=True)
    say(f"{asked.method}, batch {asked.batch_size}, {asked.epochs} epochs of digits")
    say("optimizer    lr  seed  CPU s  held-out loss  probe %")
    for optimizer, rates in RATES.items():
        best = {}
        for seed, lr in product(asked.seeds, rates):
            how = {
                "epochs": asked.epochs,
                "batch_size": asked.batch_size,
                "seed": seed,
                "optimizer": optimizer,
                "lr": lr,
            }
            try:
                seconds, loss, accuracy = trained(asked.method, **how)
            except TrainingError as error:
                say(f"{optimizer:9} {lr:5g}  {seed:4}  {error}")
                continue
            say(f"{optimizer:9} {lr:5g}  {seed:4}  {seconds:5.1f}  {loss:13.4f}  {accuracy:7.1f}")
            best[seed] = min(best.get(seed, (loss, lr, accuracy)), (loss, lr, accuracy))
        for seed, (_, lr, accuracy) in best.items():
            say(f"{optimizer}, seed {seed}: {accuracy:.1f} % at {lr:g}, the rate of the lowest held-out loss")


if __name__ == "__main__":
    main()

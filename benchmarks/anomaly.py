"""Anomaly scores: train on one digit's images, tell it from the nine others by `score_samples`.

    python benchmarks/anomaly.py [--digits 0 1 2 3 4 5 6 7 8 9] [--seeds 0]

MNIST one-class: the training images of one digit are all that is seen, without any label; every one of the 10,000 test
images is scored, that digit's being the normal ones, and the area under the ROC curve (AUC, %) is printed for each digit
and its mean. Nothing is chosen: every method has its defaults but for `n_components=32` and `holdout=0.0` (all rows are
trained on), images are vectors of 784 values in [0, 1], so that the net is an mlp. Beside them PCA(32)'s reconstruction
error and scikit-learn's IsolationForest with its defaults. PPCA is the log-likelihood of `linear`, the variational score
the bound of 100 importance samples.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections import defaultdict

WIDTH = 32


def load():
    """Vectors in [0, 1] and labels of both parts."""
    import numpy as np

    from _timing import data_folder
    from selfsup.data import open_data

    data = open_data(data_folder() / "mnist", progress=False)
    return [(part.x.reshape(len(part), 784).astype(np.float32) / 255, part.labels) for part in (data, data.test)]


def ours(method: str):
    def scores(x, test, seed):
        import selfsup

        model = selfsup.fit(
            x, method, n_components=WIDTH, holdout=0.0, seed=seed, evaluate=False, progress=False, device="cpu"
        )
        return model.score_samples(test)

    return scores


def pca(x, test, seed):
    from sklearn.decomposition import PCA

    model = PCA(WIDTH, random_state=seed).fit(x)
    return -((model.inverse_transform(model.transform(test)) - test) ** 2).sum(1)


def forest(x, test, seed):
    from sklearn.ensemble import IsolationForest

    return IsolationForest(random_state=seed).fit(x).score_samples(test)


SYSTEMS = {
    "undercomplete": ours("undercomplete"),
    "denoising": ours("denoising"),
    "variational": ours("variational"),
    "linear (PPCA)": ours("linear"),
    "PCA error": pca,
    "IsolationForest": forest,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--digits", type=int, nargs="+", default=list(range(10)), choices=range(10), metavar="DIGIT")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = str(given.threads)
    import numpy as np
    import torch
    from sklearn.metrics import roc_auc_score

    from _timing import Clock

    torch.set_num_threads(given.threads)
    (x, y), (test, y_test) = load()
    found, seconds = defaultdict(list), defaultdict(float)
    print(f"MNIST one-class, AUC %, seeds {given.seeds}; code of {WIDTH} values")
    print(f"{'normal digit':<16}" + "".join(f"{system:>18}" for system in SYSTEMS), flush=True)
    for digit in given.digits:
        for seed in given.seeds:
            for system, scores in SYSTEMS.items():
                with Clock() as clock:
                    score = scores(np.ascontiguousarray(x[y == digit]), test, seed)
                found[system, digit].append(100 * roc_auc_score(y_test == digit, score))
                seconds[system] += clock.cpu
        print(f"{digit:<16}" + "".join(f"{np.mean(found[s, digit]):>18.2f}" for s in SYSTEMS), flush=True)
    means = {s: np.mean([found[s, digit] for digit in given.digits], axis=0) for s in SYSTEMS}  # (seeds,)
    print(f"{'mean':<16}" + "".join(f"{means[s].mean():>18.2f}" for s in SYSTEMS))
    print(f"{'sd over seeds':<16}" + "".join(f"{means[s].std():>18.2f}" for s in SYSTEMS))
    runs = len(given.digits) * len(given.seeds)
    print(f"{'CPU s a digit':<16}" + "".join(f"{seconds[s] / runs:>18.1f}" for s in SYSTEMS))


if __name__ == "__main__":
    sys.exit(main())

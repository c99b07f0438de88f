"""`linear` beside scikit-learn's PCA and IncrementalPCA: the same subspace, the same error, time and memory.

    python benchmarks/linear_vs_pca.py [--rounds 5] [--threads 1]

On the digits (1,797 x 64) and MNIST (60,000 x 784, float32 in [0, 1]), 32 components.
"""

from __future__ import annotations

import argparse
import os
import sys


def load(name: str):
    import numpy as np

    if name == "digits":
        from sklearn.datasets import load_digits

        return load_digits().data.astype(np.float32)
    from _timing import data_folder
    from selfsup.data import open_data

    return open_data(data_folder() / "mnist", progress=False).x.reshape(60000, 784).astype(np.float32) / 255


def one(system: str, name: str):
    import numpy as np
    from sklearn.decomposition import PCA, IncrementalPCA

    import selfsup
    from _timing import Clock

    x = load(name)
    selfsup.fit(x[:100], "linear", evaluate=False, progress=False)  # imports and first calls are not what is compared
    PCA(2, svd_solver="covariance_eigh").fit(x[:100])
    with Clock() as clock:
        if system.startswith("selfsup"):
            model = selfsup.fit(x, "linear", n_components=32, evaluate=False, progress=False)
        elif system.startswith("PCA"):
            model = PCA(32, svd_solver="covariance_eigh").fit(x)
        else:
            model = IncrementalPCA(32, batch_size=1024).fit(x)
    if system.startswith("selfsup"):
        axes, rebuilt = model.method.encoder.weight.detach().numpy(), model.decode(model.encode(x))
    else:
        axes, rebuilt = model.components_, model.inverse_transform(model.transform(x))
    error = float(np.square(rebuilt.astype(np.float64) - x).mean())
    return {"system": system, "cpu": clock.cpu, "wall": clock.wall, "peak MB": clock.peak, "MSE": error}, axes


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args()
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = str(given.threads)
    import numpy as np
    from scipy.linalg import subspace_angles
    from sklearn.decomposition import PCA

    from _timing import apart, table

    systems = ["PCA, covariance_eigh", "selfsup linear", "IncrementalPCA, batch 1024"]
    for name in ("digits", "mnist"):
        rows, axes = [], {}
        for round_ in range(given.rounds):
            for system in systems:
                if system.startswith("Incremental") and round_ >= 2:
                    continue  # slow, and far from the bar
                row, axes[system] = apart(one, system, name)
                rows.append(row)
        print(f"\n{name}, {given.threads} thread(s), median of {given.rounds} rounds")
        print(table(rows, systems[0]))
        angle = subspace_angles(*(axes[s].T.astype(np.float64) for s in systems[:2])).max()
        truth = PCA(32, svd_solver="covariance_eigh").fit(load(name).astype(np.float64)).components_
        for system in systems[:2]:
            error = subspace_angles(axes[system].T.astype(np.float64), truth.T).max()
            print(f"  {system} to PCA in float64: {error:.1e} rad")
        mse = [np.median([row["MSE"] for row in rows if row["system"] == s]) for s in systems]
        cpu = [np.median([row["cpu"] for row in rows if row["system"] == s]) for s in systems]
        print(f"largest angle between the subspaces of PCA and linear: {angle:.2e} rad (bar 1e-4)")
        print(f"relative difference of the reconstruction MSE: {abs(mse[1] / mse[0] - 1):.2e} (bar 1e-6)")
        print(
            f"CPU: linear / PCA {cpu[1] / cpu[0]:.2f} (bar 1.5); IncrementalPCA / linear {cpu[2] / cpu[1]:.1f} (bar 20)"
        )


if __name__ == "__main__":
    sys.exit(main())

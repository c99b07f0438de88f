"""`linear` on few wide rows, beside scikit-learn's PCA: CPU seconds, memory beyond the imports, and how far they are apart.

python benchmarks/wide_rows.py [--rows 30] [--columns 12288] [--rounds 5] [--threads 1]
"""

from __future__ import annotations

import argparse
import os

WIDTH = 10
SYSTEMS = ("PCA, full", "selfsup linear")


def one(system: str, rows: int, columns: int):
    import numpy as np
    from sklearn.decomposition import PCA

    import selfsup
    from _timing import Clock, peak_memory

    rng = np.random.default_rng(0)
    x = rng.normal(size=(rows, 20)) @ rng.normal(size=(20, columns)) + 0.3 * rng.normal(size=(rows, columns)) + 5
    x = x.astype(np.float32)
    selfsup.fit(x[:, :40], "linear", n_components=4, evaluate=False, progress=False)  # imports are not what is compared
    PCA(2, svd_solver="full").fit(x[:, :40])
    before = peak_memory()
    with Clock() as clock:
        if system.startswith("selfsup"):
            found = selfsup.fit(x, "linear", n_components=WIDTH, evaluate=False, progress=False).method
            axes, variance, noise = found.axes.numpy(), found.explained_variance.numpy(), float(found.noise_variance)
        else:
            model = PCA(WIDTH, svd_solver="full").fit(x.astype(np.float64))
            axes, variance, noise = model.components_, model.explained_variance_, model.noise_variance_
    return clock.cpu, peak_memory() - before, axes, variance, noise


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, value in (("rows", 30), ("columns", 12288), ("rounds", 5), ("threads", 1)):
        parser.add_argument(f"--{name}", type=int, default=value)
    given = parser.parse_args()
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = str(given.threads)
    from statistics import median

    import numpy as np

    from _timing import apart

    runs = {system: [] for system in SYSTEMS}
    for _ in range(given.rounds):
        for system in SYSTEMS:
            runs[system].append(apart(one, system, given.rows, given.columns))
    print(
        f"{given.rows} x {given.columns:,}, {WIDTH} components, {given.threads} thread(s), median of {given.rounds} rounds"
    )
    for system, found in runs.items():
        cpu, megabytes = (median(run[place] for run in found) for place in (0, 1))
        print(f"  {system:16} {cpu:.2f} CPU s, {megabytes:.0f} MB beyond the imports")
    (_, _, axes, variance, noise), (_, _, ours, own, rest) = (runs[system][0] for system in SYSTEMS)
    apart_by = np.abs(ours * np.sign((ours * axes).sum(1, keepdims=True)) - axes).max()
    print(
        f"largest difference of an axis {apart_by:.1e}, of a variance {np.abs(own / variance - 1).max():.1e} (relative), ",
        end="",
    )
    print(f"of the noise {abs(rest / noise - 1):.1e}")


if __name__ == "__main__":
    main()

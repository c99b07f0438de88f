"""`linear` where rows and columns are both many, beside scikit-learn's randomised PCA: CPU seconds, memory, error.

    python benchmarks/linear_wide.py [--rows 10000] [--columns 27648] [--components 64] [--rounds 3] [--threads 1] [--stream]

The data are made from orthonormal factors, so that their axes and variances are known: variances fall as place ** -DECAY and
end at place 512. They lie in a .npy file that each process reads before its clock starts; memory is what is taken beyond them.
With --stream only `linear` runs, on the file in passes, and memory is all that it takes.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from pathlib import Path

RANK, DECAY = 512, 1.5
MORE = 40  # iterations of the randomised PCA after which it comes as near
SYSTEMS = ("PCA, randomized", "selfsup linear", f"PCA, randomized, {MORE} iterations")


def make(folder: str, rows: int, columns: int) -> None:
    import numpy as np

    rng = np.random.default_rng(0)
    scores = rng.normal(size=(rows, RANK))
    scores = np.linalg.qr(scores - scores.mean(0))[0] * np.sqrt(rows - 1)  # of variance 1, and of mean 0
    axes = np.linalg.qr(rng.normal(size=(columns, RANK)))[0].T
    variances = 1000 * np.arange(1.0, RANK + 1) ** -DECAY
    np.savez(f"{folder}/known.npz", axes=axes, variances=variances)
    scores *= np.sqrt(variances)
    x = np.lib.format.open_memmap(f"{folder}/x.npy", "w+", np.float32, (rows, columns))
    for start in range(0, rows, 1000):
        x[start : start + 1000] = 0.5 + scores[start : start + 1000] @ axes
    x.flush()


def one(system: str, folder: str, width: int, stream: bool):
    import numpy as np
    from sklearn.decomposition import PCA

    import selfsup
    from _timing import Clock, peak_memory

    small = np.random.default_rng(0).normal(size=(100, 40)).astype(np.float32)
    selfsup.fit(small, "linear", n_components=4, evaluate=False, progress=False)  # imports are not what is compared
    PCA(2, svd_solver="randomized").fit(small)
    x = None if stream else np.load(f"{folder}/x.npy")
    before = peak_memory()
    with Clock() as clock:
        if system.startswith("selfsup"):
            given, how = (x, {}) if not stream else (f"{folder}/x.npy", {"stream": True})
            found = selfsup.fit(given, "linear", n_components=width, evaluate=False, progress=False, **how).method
            axes, variance, noise = found.axes.numpy(), found.explained_variance.numpy(), float(found.noise_variance)
        else:
            model = PCA(
                width, svd_solver="randomized", iterated_power=MORE if "iter" in system else "auto", random_state=0
            ).fit(x)
            axes, variance, noise = model.components_, model.explained_variance_, model.noise_variance_
    figures = {"system": system, "cpu": clock.cpu, "wall": clock.wall, "MB beyond": clock.peak - before}
    return figures, axes, variance, noise


def errors(folder: str, axes, variance, noise, least: int) -> str:
    import numpy as np
    from scipy.linalg import subspace_angles

    known, width = np.load(f"{folder}/known.npz"), len(axes)
    rest = known["variances"][width:].sum() / (least - width)
    angle = subspace_angles(axes.T.astype(np.float64), known["axes"][:width].T).max()
    share = np.abs(variance / known["variances"][:width] - 1).max()
    return f"subspace {angle:.1e} rad, variances {share:.1e}, noise variance {abs(noise / rest - 1):.1e} from the truth"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, value in (("rows", 10_000), ("columns", 27_648), ("components", 64), ("rounds", 3), ("threads", 1)):
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--stream", action="store_true")
    given = parser.parse_args()
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = str(given.threads)
    from _timing import apart, table

    systems = SYSTEMS[1:2] if given.stream else SYSTEMS
    with tempfile.TemporaryDirectory(dir=os.environ.get("SCRATCH")) as folder:
        apart(make, folder, given.rows, given.columns)
        size = Path(folder, "x.npy").stat().st_size / 1e6
        print(f"{given.rows:,} x {given.columns:,} float32 ({size:,.0f} MB), {given.components} components, ", end="")
        print(f"{given.threads} thread(s), median of {given.rounds} rounds", flush=True)
        rows, said = [], {}
        for round_ in range(given.rounds):
            for system in systems[: 3 if round_ == 0 else 2]:  # the last takes long
                figures, *found = apart(one, system, folder, given.components, given.stream)
                rows.append(figures)
                said[system] = errors(folder, *found, min(given.rows, given.columns))
        print(table(rows, systems[0]))
        for system, line in said.items():
            print(f"  {system}: {line}")


if __name__ == "__main__":
    main()

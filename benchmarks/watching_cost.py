"""What it costs to look at the codes after every epoch: its share of the training of a one-minute run.

    python benchmarks/watching_cost.py                   # digits, 5,000 images of CIFAR-10, a table of 10,000 rows, docstrings
    python benchmarks/watching_cost.py --share 0.2 digits table     # runs of twelve seconds

In CPU seconds of one thread: of the looks (`training.watching.shape`), and of the training with all that is measured in it.
The images lie in the folder that SELFSUP_DATA names. The bar: 5 %.
"""

from __future__ import annotations

import os

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_name] = "1"

import argparse  # noqa: E402
import time  # noqa: E402
from collections.abc import Callable  # noqa: E402
from typing import Any  # noqa: E402

import numpy as np  # noqa: E402
import torch  # noqa: E402

import selfsup  # noqa: E402
from _timing import data_folder  # noqa: E402
from selfsup.training import measure  # noqa: E402
from selfsup.training.loop import Loop  # noqa: E402

IMAGES = 5_000


def table() -> np.ndarray:
    """Rows (10000, 30) of ten hidden causes."""
    rng = np.random.default_rng(0)
    return (rng.normal(size=(10_000, 10)) @ rng.normal(size=(10, 30)) + rng.normal(size=(10_000, 30))).astype(
        np.float32
    )


RUNS: dict[
    str, tuple[Callable[[], Any], str, float, dict[str, Any]]
] = {  # data, method, epochs of about a minute, options
    "digits": (lambda: "digits", "denoising", 140, {}),
    "table": (table, "denoising", 300, {}),
    "cifar": (lambda: data_folder() / "cifar10" / "train.parquet", "rotation", 5, {"limit": IMAGES}),
    "words": (lambda: "docstrings", "skipgram", 4, {"dim": 100, "threads": 1}),
}


class Clock:
    """CPU seconds of the calls of a function."""

    def __init__(self, function: Any) -> None:
        self.function, self.seconds, self.calls = function, 0.0, 0

    def __call__(self, *given: Any, **named: Any) -> Any:
        """Call the function, and count."""
        began = time.process_time()
        found = self.function(*given, **named)
        self.seconds, self.calls = self.seconds + time.process_time() - began, self.calls + 1
        return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="*", default=list(RUNS), help=", ".join(RUNS))
    parser.add_argument("--share", type=float, default=1.0, help="of the epochs of about a minute")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    print(f"{'run':<10}{'epochs':>8}{'looks':>7}{'looks, s':>10}{'all, s':>9}{'share, %':>10}")
    shape, run = measure.shape, Loop.run
    for name in asked.runs:
        data, method, epochs, options = RUNS[name]
        many = max(1, round(asked.share * epochs))
        looks = measure.shape = Clock(shape)
        whole = Clock(run)
        Loop.run = lambda self, task, whole=whole: whole(self, task)  # type: ignore[method-assign, misc]
        selfsup.fit(data(), method, epochs=many, evaluate=False, progress=False, **options)
        share = 100 * looks.seconds / whole.seconds
        print(
            f"{name:<10}{many:>8}{looks.calls:>7}{looks.seconds:>10.3f}{whole.seconds:>9.1f}{share:>10.2f}", flush=True
        )
    measure.shape, Loop.run = shape, run  # type: ignore[method-assign]


if __name__ == "__main__":
    main()

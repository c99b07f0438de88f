"""What the verdict without labels costs, beside a training of one minute.

    python benchmarks/verdict_cost.py                          # all runs, each trained for some ten seconds
    python benchmarks/verdict_cost.py --share 1 rotation leak  # these, trained for a minute

In CPU seconds of one thread. Counted is what the codes are asked while training goes on (their dimensions, as a share of the
training), and once after it the evaluation without labels: codes, checks, leaks, cues, and what PCA leaves unexplained. The bar:
5 % of 60 s. Beside it stands the same with the held-out loss after every epoch, by which any training is watched. Images lie in
the folder that SELFSUP_DATA names.
"""

from __future__ import annotations

import os

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_name] = "1"

import argparse  # noqa: E402
import time  # noqa: E402
import warnings  # noqa: E402
from collections.abc import Callable  # noqa: E402
from typing import Any  # noqa: E402

import numpy as np  # noqa: E402
import torch  # noqa: E402

import selfsup  # noqa: E402
from _planted import Column, changed, digits, marked, photos  # noqa: E402
from selfsup.training import checks, efficiency, evidence, job, loop, measure  # noqa: E402

MINUTE, BAR = 60.0, 5.0


def leaking() -> np.ndarray:
    """Rows (10000, 31) of ten hidden causes; the last column is the first again, in other units."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(10_000, 10)) @ rng.normal(size=(10, 30)) + 0.3 * rng.normal(size=(10_000, 30))
    return np.concatenate([x, 3 * x[:, :1] + 7], 1).astype(np.float32)


def barred() -> np.ndarray:
    """MNIST (5000, 28, 28) with a mark, which gives the answer of a rotation: next to nothing is left of its loss."""
    return changed(photos("mnist", 3_000, 100, of=4_000), marked).x


def pictures(name: str, rows: int) -> np.ndarray:
    """Images of MNIST or CIFAR-10, without their labels."""
    return photos(name, rows, 100, of=rows + 100).x


def small() -> np.ndarray:
    return digits(1_500).x


RUNS: dict[str, tuple[Callable[[], Any], Any, float, dict[str, Any]]] = {  # data, method, epochs of a minute, options
    "rotation": (lambda: pictures("mnist", 3_800), "rotation", 1, {}),
    "rotation of a mark": (barred, "rotation", 1.3, {}),
    "denoising": (lambda: pictures("mnist", 10_000), "denoising", 20, {}),
    "digits": (small, "denoising", 300, {}),
    "leak": (leaking, Column, 160, {}),
    "position": (lambda: pictures("cifar10", 4_000), "position", 8, {}),
}
PARTS: dict[str, tuple[Any, str]] = {  # column -> module and name of the function
    "codes": (evidence, "encode_batches"),
    "checks": (evidence, "checks"),
    "leaks": (checks, "standing"),
    "cues": (checks, "cues"),
    "rebuilt": (evidence, "rebuilt"),
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


def clocked(module: Any, name: str) -> Clock:
    clock = Clock(getattr(module, name))
    setattr(module, name, clock)
    return clock


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="*", default=list(RUNS), help=", ".join(RUNS))
    parser.add_argument("--share", type=float, default=0.2, help="of the epochs of about a minute")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    warnings.filterwarnings("ignore")
    parts = {column: clocked(*place) for column, place in PARTS.items()}
    looks, shape = clocked(loop, "measure"), clocked(measure, "shape")
    whole, after = Clock(job.Loop.run), clocked(efficiency, "judge")
    job.Loop.run = lambda self, task: whole(self, task)  # type: ignore[method-assign]
    columns = ["training", "held-out", "shape", "after", *parts]
    print(f"{'run':<20}" + "".join(f"{name:>10}" for name in columns) + f"{'of 60 s':>10}{'with it':>10}  verdict")
    for name in asked.runs:
        data, method, epochs, options = RUNS[name]
        for clock in (*parts.values(), looks, shape, whole, after):
            clock.seconds = 0.0
        shares = {"epochs": max(1, round(asked.share * epochs)), **options}
        found = selfsup.fit(data(), method, progress=False, **shares).evaluation
        training, heldout = max(whole.seconds - looks.seconds, 1e-9), looks.seconds - shape.seconds
        share = 100 * (shape.seconds / training + after.seconds / MINUTE)
        every = share + 100 * heldout / training
        seconds = [training, heldout, shape.seconds, after.seconds, *(clock.seconds for clock in parts.values())]
        said = "".join(f"{second:>10.2f}" for second in seconds)
        print(
            f"{name:<20}{said}{share:>8.1f} %{every:>8.1f} %  {found.verdict['kind']}{'' if share < BAR else '  over the bar'}",
            flush=True,
        )


if __name__ == "__main__":
    main()

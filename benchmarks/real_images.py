"""Real images: does pretraining help, beside raw input, PCA and the same network untrained?

    python benchmarks/real_images.py mnist-denoising | mnist-rotation | digits-denoising | digits-rotation [--seeds 0 1 2]

`fit` as a user calls it (defaults of the method, the seed aside), then its own evaluation: a linear probe on at most 5,000
labelled rows, tested on rows that were never trained on: MNIST's test part, the held-out fifth of the digits (CIFAR-10 is in
`rotation_quality.py`). The layer in the verdict is chosen by validation on training labels. Prints the table of every seed,
then means over the seeds.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import defaultdict


def runs():
    from _timing import data_folder

    data = data_folder()
    return {
        "mnist-denoising": (data / "mnist", "denoising", {}),
        "mnist-rotation": (data / "mnist", "rotation", {"precision": "bfloat16", "epochs": 1}),
        "digits-denoising": ("digits", "denoising", {}),
        "digits-rotation": ("digits", "rotation", {}),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", choices=list(runs()))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    given = parser.parse_args()
    import numpy as np

    import selfsup

    data, method, options = runs()[given.run]
    found = defaultdict(list)
    for seed in given.seeds:
        wall, cpu = time.perf_counter(), time.process_time()
        model = selfsup.fit(data, method, seed=seed, evaluate=False, **options)
        trained = f"{time.perf_counter() - wall:.0f} s wall, {time.process_time() - cpu:.0f} s CPU"
        evaluation = selfsup.evaluate(model, data, seed=seed, progress=False)
        print(
            f"\n{given.run}, seed {seed}: {len(model.history)} epochs, trained in {trained}\n{evaluation}\n", flush=True
        )
        for row in evaluation.rows("probe"):
            found[row["encoder"], row["layer"], row["labels_per_class"]].append(100 * row["accuracy"])
    counts = list(dict.fromkeys(count for _, _, count in found))
    print(f"{given.run}, linear probe, mean ± sd over seeds {given.seeds}")
    print(f"{'':<24}" + "".join(f"{count!s:>14}" for count in counts))
    for encoder, layer in dict.fromkeys((encoder, layer) for encoder, layer, _ in found):
        cells = [found[encoder, layer, count] for count in counts]
        print(f"{encoder + ' ' + layer:<24}" + "".join(f"{np.mean(c):>8.1f} ±{np.std(c):>4.1f}" for c in cells))


if __name__ == "__main__":
    sys.exit(main())

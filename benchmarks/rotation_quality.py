"""What `rotation` learns in five CPU minutes: a linear probe beside the same net untrained, PCA and raw input.

    python benchmarks/rotation_quality.py [--seeds 0 1 2] [--epochs 2] [--net auto] [--threads 1]
    python benchmarks/rotation_quality.py --develop           # tested on the rows by which the recipe was chosen

CIFAR-10, the files of ../shared/data (JPEG re-encodings). Trained on the first 20,000 images of the training file without labels
by `fit` with the method's defaults; the probe reads each block, averaged over all places and over 2 x 2 cells (option cells),
from 5,000 labels of these images, and is tested on rows 35,000 to 40,000 of that file, on which nothing was ever chosen (with
--develop: on rows 30,000 to 35,000). Raw input and PCA are measured with the first seed only. CPU seconds are those of `fit`,
held-out loss included, without evaluation and without the decoding of the images.
"""

from __future__ import annotations

import argparse
import logging
import sys
import time
from collections import defaultdict
from dataclasses import replace

TRAINED, LABELS = 20_000, 5_000
TESTED = {False: slice(35_000, 40_000), True: slice(30_000, 35_000)}


def probed(model, train, test, seed: int, simple: bool) -> dict[tuple[str, str, int], float]:
    """(Encoder, layer, width) -> accuracy in per cent with all labels."""
    import numpy as np

    from selfsup.measures import Features
    from selfsup.measures.samples.compare import compare
    from selfsup.measures.samples.probe import judge
    from selfsup.model.encode import encode_batches
    from selfsup.training.evaluate import untrained_of
    from selfsup.training.evidence import Units, baselines

    learnt, asked = train.whole().some(LABELS, np.random.default_rng(seed)), test.whole()
    untrained, features = untrained_of(model), {}
    for cells in (1, 2):  # the code's own reading of a map: weights have nothing to do with it
        model.method.cells = untrained.cells = cells
        made = [encode_batches(model.method.layers, part.rows(), model.device) for part in (learnt, asked)]
        here = {("model", name): Features(codes, made[1][name]) for name, codes in made[0].items()}
        width = model.method.encode(learnt.rows()[:1]).shape[1]
        others = baselines(untrained, model.device, learnt, asked, width, Units(learnt, model.device))
        # raw input and PCA have nothing to do with the weights, and take as long as all the rest: once will do
        here |= {key: codes for key, codes in others.items() if key[1] or (simple and cells == 1)}
        features |= {
            (name, f"{layer}, {cells}x{cells}" if layer else ""): codes for (name, layer), codes in here.items()
        }
    rows = compare(features, learnt.labels, asked.labels, judge, counts=("all",), seed=seed)
    return {(row["encoder"], row["layer"], row["width"]): 100 * row["accuracy"] for row in rows}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--net", default="auto")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", metavar="FOLDER", help="keep the run folders here")
    parser.add_argument("--develop", action="store_true")
    parser.add_argument("--set", nargs="*", default=[], metavar="NAME=VALUE", help="options of fit, such as lr=0.05")
    given = parser.parse_args()
    import numpy as np
    import torch

    import selfsup
    from _timing import data_folder
    from selfsup.data import open_data

    torch.set_num_threads(given.threads)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    whole = open_data(data_folder() / "cifar10", progress=False)
    train, test = (
        replace(whole, x=whole.x[rows], labels=whole.labels[rows], names=None, test=None)
        for rows in (slice(0, TRAINED), TESTED[given.develop])
    )
    options = {name: float(value) if "." in value else int(value) for name, value in (o.split("=") for o in given.set)}
    found = defaultdict(list)
    for seed in given.seeds:
        wall, cpu = time.perf_counter(), time.process_time()
        model = selfsup.fit(
            whole.x[:TRAINED], "rotation", net=given.net, epochs=given.epochs, seed=seed, evaluate=False, progress=False,
            out=f"{given.out}/{seed}" if given.out else None,
            **options,
        )  # fmt: skip
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        last = model.history[-1]
        precision = model.config["training"]["precision"]
        print(f"seed {seed}: {cpu:.0f} CPU s ({wall:.0f} s wall) of training, {model.method.net_words()}, {precision}, "
              f"loss {last['loss']:.3f}, held out {last['heldout']:.3f}", flush=True)  # fmt: skip
        for key, accuracy in probed(model, train, test, seed, seed == given.seeds[0]).items():
            found[key].append(accuracy)
            print(f"  {key[0]} {key[1]} ({key[2]}): {accuracy:.1f} %", flush=True)
    print(f"\nlinear probe on {LABELS:,} labels, tested on rows {TESTED[given.develop]}, seeds {given.seeds}")
    for (encoder, layer, width), values in found.items():
        each = ", ".join(f"{value:.1f}" for value in values)
        print(f"{f'{encoder} {layer} ({width})':<28}{np.mean(values):>6.1f} %   ({each})")


if __name__ == "__main__":
    sys.exit(main())

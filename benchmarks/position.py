"""Patches of imagenette96: does guessing where they lie help, and do patches give their places away?

    python benchmarks/position.py [--method position|jigsaw] [--seeds 0 1] [--epochs 40 | --minutes 10] [--no-counter-measures]

Trains on the training file without its labels (``--rows`` of it), and prints for every seed: CPU seconds; the pretext accuracy
on rows held out of training; a linear probe (that of `evaluate`) on the codes of every block, of the same net untrained and of
PCA; and the shortcut audit. Probes are trained on ``--labels`` rows of the training file (0: none) and tested on its last
1,469 rows, which are then not trained on, where recipes are compared (the default), or on the validation file (``--test``), which
is for the end. ``--no-counter-measures`` keeps colours, and neither resamples nor normalises. ``--lens 0.03`` makes red and
blue of every image larger by that share, as a lens does, where the images themselves have lost what theirs did. Further options
of the method: ``--set hidden=32,64,128 pairs=16``.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import defaultdict
from dataclasses import replace

HELD = 1_469  # last rows of the training file, on which recipes are compared
OFF = {"colour": "keep", "resample": False, "normalize": False}


def parts(test: bool, rows: int | None):
    """What is trained on, and what probes are tested on."""
    from _timing import data_folder
    from selfsup.data import open_data

    folder = data_folder() / "imagenette96"
    whole = open_data(folder / "train.parquet", progress=False)

    def some(data, which):
        return replace(data, x=data.x[which], labels=data.labels[which], names=None, test=None)

    if test:
        return some(whole, slice(0, rows)), open_data(folder / "val.parquet", progress=False)
    return some(whole, slice(0, min(rows or len(whole), len(whole) - HELD))), some(
        whole, slice(len(whole) - HELD, None)
    )


def lens(data, share: float):
    """The images with red and blue enlarged about the middle."""
    import torch
    import torch.nn.functional as F

    axis = torch.linspace(-1, 1, data.x.shape[-1]) / (1 + share)
    grid = torch.stack(torch.meshgrid(axis, axis, indexing="ij"), -1).flip(-1)
    x = torch.tensor(data.x)
    for channel in (0, 2):
        for some in torch.arange(len(x)).split(512):
            wide = x[some, channel : channel + 1].float()
            made = F.grid_sample(wide, grid.expand(len(some), -1, -1, -1), padding_mode="border", align_corners=True)
            x[some, channel] = made[:, 0].round().to(x.dtype)
    return replace(data, x=x.numpy(), fingerprint=f"{data.fingerprint} lens {share}")


def options(given) -> dict:
    """Of the method, as they were named."""
    from selfsup.methods import find
    from selfsup.options import options_of, parse

    known = options_of(find(given.method)[1])
    named = dict(pair.split("=", 1) for pair in given.set)
    return (OFF if given.no_counter_measures else {}) | {
        name: parse(known[name], value) for name, value in named.items()
    }


def probed(model, train, test, labels: int) -> list[dict]:
    """Rows of the probe: every block, trained and untrained, and PCA as wide as the widest."""
    import numpy as np
    import torch

    from selfsup.measures.run import Features
    from selfsup.measures.samples import probe
    from selfsup.measures.samples.baselines import pca
    from selfsup.measures.samples.compare import compare
    from selfsup.model.encode import encode_batches
    from selfsup.training.evaluate import untrained_of

    device, few = torch.device("cpu"), train.part(np.arange(min(labels, len(train))))
    found = {}
    for name, method in (("model", model.method), ("random init", untrained_of(model).eval())):
        known, asked = (encode_batches(method.layers, part.rows(), device) for part in (few, test.whole()))
        found |= {(name, layer): Features(known[layer], asked[layer]) for layer in known}
    width = max(features.train.shape[1] for features in found.values())
    flat = [part.rows()[:].flatten(1).numpy() for part in (few, test.whole())]
    found["PCA", ""] = pca(*flat, width)
    return compare(found, few.labels, test.labels, probe.judge, counts=(20, 100, "all"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--method", choices=["position", "jigsaw"], default="position")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1])
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--minutes", type=float)
    parser.add_argument("--rows", type=int)
    parser.add_argument("--labels", type=int, default=5_000)
    parser.add_argument("--test", action="store_true")
    parser.add_argument("--no-counter-measures", action="store_true")
    parser.add_argument("--lens", type=float, default=0.0)
    parser.add_argument("--set", nargs="*", default=[], metavar="NAME=VALUE")
    given = parser.parse_args()
    import numpy as np

    import selfsup
    from selfsup.measures.table import look_of

    train, test = parts(given.test, given.rows)
    if given.lens:
        train, test = lens(train, given.lens), lens(test, given.lens)
    chosen, found, pretext = options(given), defaultdict(list), []
    length = {
        name: value for name, value in (("epochs", given.epochs), ("minutes", given.minutes)) if value is not None
    }
    for seed in given.seeds:
        wall, cpu = time.perf_counter(), time.process_time()
        model = selfsup.fit(train, given.method, seed=seed, evaluate=False, progress=False, **length, **chosen)
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        pretext.append(100 * model.history[-1]["measures"]["accuracy"])
        print(
            f"\n{given.method}, seed {seed}, {chosen or 'as by default'}: {model.config['net']}; {len(model.history)} epochs of "
            f"{model.config['training']['rows']:,} images in {cpu:.0f} CPU s ({wall:.0f} s wall); pretext accuracy on rows held "
            f"out {pretext[-1]:.1f} %, at the start {100 * model.start['measures']['accuracy']:.1f} %",
            flush=True,
        )
        for row in probed(model, train, test, given.labels) if given.labels else []:
            found[row["encoder"], row["layer"], row["labels_per_class"]].append(100 * row["accuracy"])
            print(
                f"{row['encoder']:<14}{row['layer']:<8}{row['width']:>5} {row['labels_per_class']!s:>5} a class  "
                f"{100 * row['accuracy']:.1f} ±{100 * row['sd']:.1f}",
                flush=True,
            )
        table = selfsup.audit(model, test, progress=False)
        print("\n".join(look_of(table.name).lines(table)), flush=True)
    counts = list(dict.fromkeys(count for _, _, count in found))
    print(
        f"\n{given.method}: pretext accuracy {np.mean(pretext):.1f} ±{np.std(pretext):.1f} %; probe, mean ± sd over the seeds"
    )
    for encoder, layer in dict.fromkeys((encoder, layer) for encoder, layer, _ in found):
        cells = [found[encoder, layer, count] for count in counts]
        line = "".join(f"{np.mean(c):>8.1f} ±{np.std(c):>4.1f}" for c in cells)
        print(f"{encoder + ' ' + layer:<22}{line}   ({', '.join(map(str, counts))})")


if __name__ == "__main__":
    sys.exit(main())

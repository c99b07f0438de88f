"""Colours of photos: AuC of the guesses beside grey and the mean colour, with and without rebalancing, and a probe of the codes.

    python benchmarks/colorization.py [--seeds 0 1] [--epochs 8] [--no-rebalance] [--regression] [--split-brain] [--probe]
    python benchmarks/colorization.py --validate ...            # measured on rows 7,500 and up of the training file
    python benchmarks/colorization.py --sheet colours.png       # grey, guessed and true, of the first arm and seed

imagenette96 at 64 pixels (`--size`), one thread. Each flag that names another way of training adds it beside the default
one, of the same seeds. AuC (Zhang et al. 2016, section 3.1) is measured on at most 2,000 coloured images of the validation
file, which nothing was chosen by; with `--probe` the linear probe of every block follows, beside raw input, PCA and the
untrained net, and the verdict.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import defaultdict
from dataclasses import replace

DEVELOP = 7_500  # rows of the training file that are learnt from with --validate; the others are measured on
SHOWN = 8


def photos(size: int, *, validate: bool):
    """Training part, and the part that is measured on as its test part."""
    from _timing import data_folder
    from selfsup.data import open_data

    folder = data_folder() / "imagenette96"
    train = open_data(folder / "train.parquet", size=size, progress=False)
    if not validate:
        return replace(train, test=open_data(folder / "val.parquet", size=size, progress=False))
    first, rest = (
        replace(train, x=train.x[rows], labels=train.labels[rows], names=None)
        for rows in (slice(DEVELOP), slice(DEVELOP, None))
    )
    return replace(first, test=rest)


def sheet(model, data, path: str) -> None:
    """Write what is seen, guessed and true of a few test images as one picture, a column an image."""
    import numpy as np
    from PIL import Image

    x = data.test.x[:: max(1, len(data.test) // SHOWN)][:SHOWN]
    guess = np.rint(model.colorize(x)).astype(np.uint8)
    grey = np.repeat(np.rint(model.method.show(model.method.hide(*_batch(x))[0]).numpy() * 255).astype(np.uint8), 3, 1)
    rows = [np.concatenate(list(one), axis=2) for one in (grey, guess, x)]
    picture = np.concatenate(rows, axis=1).transpose(1, 2, 0)
    Image.fromarray(picture).resize((2 * picture.shape[1], 2 * picture.shape[0])).save(path)


def _batch(x):
    import torch

    return torch.from_numpy(x.copy()).float() / 255, torch.Generator()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1])
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--size", type=int, default=64)
    for flag in ("no-rebalance", "regression", "split-brain", "probe", "validate"):
        parser.add_argument(f"--{flag}", action="store_true")
    parser.add_argument("--sheet")
    given = parser.parse_args()
    import numpy as np
    import torch

    import selfsup

    torch.set_num_threads(1)
    arms = {"rebalanced": {}}
    arms |= {"not rebalanced": {"rebalance": False}} if given.no_rebalance else {}
    arms |= {"regression": {"mode": "regression"}} if given.regression else {}
    arms |= {"split brain": {"split_brain": True}} if given.split_brain else {}
    data, found, sought = photos(given.size, validate=given.validate), defaultdict(list), given.sheet
    if not given.probe:  # labels are for that alone
        data = replace(data, labels=None, classes=(), test=replace(data.test, labels=None, classes=()))
    for seed in given.seeds:
        for arm, options in arms.items():
            cpu = time.process_time()
            model = selfsup.fit(
                data,
                "colorization",
                seed=seed,
                epochs=given.epochs,
                evaluate=False,
                progress=False,
                device="cpu",
                **options,
            )
            taken = time.process_time() - cpu
            evaluation = selfsup.evaluate(
                model, data, seed=seed, measures=None if given.probe else ("colour",), progress=False
            )
            print(f"\n{arm}, seed {seed}: {given.epochs} epochs in {taken:.0f} CPU s\n{evaluation}", flush=True)
            for row in evaluation.rows("colour"):
                name = arm if row["colours"] == "model" else row["colours"]
                found[name].append((row["auc"], row["rebalanced_auc"], row["distance"]))
            if sought:
                sheet(model, data, sought)
                sought = None
    print(f"\n{'seeds ' + ' '.join(map(str, given.seeds)):<18}{'AuC':>14}{'rebalanced':>14}{'distance':>14}")
    for name, values in found.items():
        mean, spread = np.mean(values, 0), np.std(values, 0)
        print(f"{name:<18}" + "".join(f"{m:>8.2f} ±{s:>4.2f}" for m, s in zip(mean, spread, strict=True)))


if __name__ == "__main__":
    sys.exit(main())

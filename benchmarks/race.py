"""A race nobody runs: images without labels, from the start of the process to codes, in a given number of minutes.

    python benchmarks/race.py cifar10 --minutes 30 --seeds 0 1 2            # two CPU cores
    python benchmarks/race.py cifar10 --minutes 1 --seeds 0 --data FILE     # a GPU; FILE from gpu_images.py --pack
    python benchmarks/race.py imagenette --minutes 30 --seeds 0             # 96 pixels here, published figures are at 128
    python benchmarks/race.py cifar10 --minutes 0.5 --limit 2000            # a small try, whose figures mean nothing

Every seed is a process of its own, and its clock starts before Python does: imports, decoding of all images (no cache), training
without labels, and the codes of all images of both parts are in the time. Only then are labels read: a linear probe (logistic
regression on all labelled rows, its strength chosen on a tenth of the training part) and weighted nearest neighbours (k = 200),
on codes of single, whole images; the test part is asked once, at the end. `bag` is the same on codes averaged over random crops,
with what it costs beside. `untrained` is the same net with its first weights and `pca` the principal components of the pixels, of
the same width; both are measured with the first seed. `--develop` tests on the last 5,000 training images instead, for choices.

The recipes below were chosen with `--develop`. Published figures are printed beneath; their hardware and protocols differ.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import defaultdict
from dataclasses import replace
from typing import Any

RECIPES: dict[tuple[str, bool], tuple[str, dict[str, Any]]] = {  # (data, on a GPU) -> method and options
    ("cifar10", False): ("emp", {"blocks": 2, "cells": 2, "px": (16, 24)}),
    ("cifar10", True): ("emp", {"net": "resnet18", "batch_size": 256, "px": (16, 24, 32)}),
    ("imagenette", False): ("emp", {"blocks": 2, "cells": 2, "px": (32, 48)}),
    ("imagenette", True): ("emp", {"net": "resnet18", "batch_size": 128, "px": (48, 64, 96)}),
}
FOLDERS = {"cifar10": "cifar10", "imagenette": "imagenette96"}
CROP = {"cifar10": (0.4, 1.0), "imagenette": (0.4, 1.0)}  # share of the area of a crop of a bag
SPARE = 3.0  # seconds that are left unused at the end
TIMED = 500  # images of which the codes are timed, before training
NEIGHBOURS = 200
DEVELOP = 5_000
ENDLESS = 100_000  # epochs, of which as many are planned as there is time for
PUBLISHED = """published, CIFAR-10 (accuracy in %; hardware and protocols differ):
  kNN 200, ResNet-18, 200 epochs, one GPU (lightly; largest of all epochs on the test part): SimCLR 84.8 in 87 min,
    BYOL 86.8 in 108 min
  linear, ResNet-18, SIGReg 91.0 and VICReg 90.1 in 300 epochs, "hours" (EB-JEPA); SimCLR kNN 91.4 in 3.3 h on an A100 (dkobak)
  EMP-SSL, codes averaged over 128 crops: 80.6 after one epoch of 20 crops, 90.7 after ten; time not given
  on a CPU: linear 75.3, kNN 73.1 in 18.5 h (H-JEPA, a hobby run)
published, Imagenette at 128 pixels: kNN 88.9 SimCLR in 194 min (lightly, A6000); linear 90.7 LeJEPA ViT-S in 200 min"""


def opened(name: str, path: str | None, limit: int | None, *, develop: bool) -> tuple[Any, Any]:
    """Training part and the part that is asked in the end, decoded now."""
    from selfsup.data import open_data

    if path is not None:
        from gpu_images import unpacked

        few = limit or sys.maxsize
        parts = [unpacked(path, part, many) for part, many in (("train", few), ("test", few))]
        train, test = (open_data(x, labels=y, progress=False) for x, y in parts)
    else:
        from _timing import data_folder

        whole = open_data(data_folder() / FOLDERS[name], cache=False, limit=limit, progress=False)
        train, test = replace(whole, test=None), whole.test
        test = test if limit is None else some(test, slice(limit))
    if not develop:
        return train, test
    few = min(DEVELOP, len(train) // 5)
    return some(train, slice(len(train) - few)), some(train, slice(len(train) - few, None))


def some(data: Any, rows: slice) -> Any:
    return replace(data, x=data.x[rows], labels=data.labels[rows], names=None)


def probed(train, labels, test, asked, seed: int) -> tuple[float, float]:
    """Accuracy in % of a linear probe and of nearest neighbours."""
    import numpy as np

    from selfsup.measures.samples import softmax
    from selfsup.measures.samples.knn import knn_predict
    from selfsup.measures.samples.probe import STRENGTHS, scale_features

    scaled, scaled_test = scale_features(train, train, test)
    order = np.random.default_rng(seed).permutation(len(labels))
    held, rest = order[: len(order) // 10], order[len(order) // 10 :]
    classes, best, start = int(labels.max()) + 1, (-1.0, 0.0), None
    for strength in STRENGTHS:  # ascending: each begins with the last one's weights
        start = softmax.fit(scaled[rest], labels[rest], classes, strength, start=start, steps=100)
        guesses = (scaled[held] @ start[0, :, :-1].T + start[0, :, -1]).argmax(1)
        right = float((guesses == labels[held]).mean())
        if right > best[0]:
            best = right, strength
    table = softmax.fit(scaled, labels, classes, best[1], steps=300)[0]
    linear = float(((scaled_test @ table[:, :-1].T + table[:, -1]).argmax(1) == asked).mean())
    near = float((knn_predict(train, labels, test, k=NEIGHBOURS) == asked).mean())
    return 100 * linear, 100 * near


def bag_codes(model, part, crops: int, scale: tuple[float, float], seed: int):
    """Codes averaged over random crops of each image, mirrored or not, resized to its own side."""
    import numpy as np
    import torch

    from selfsup.hide import crops as cut

    rows, rng = part.rows().to(model.device), torch.Generator(model.device).manual_seed(seed)
    found, side = [], min(part.data.form.shape[1:])
    with torch.no_grad():
        for numbers in torch.arange(len(rows)).split(max(1, 512 // crops)):
            x = cut(rows[numbers], crops, side, rng, scale).flatten(0, 1)  # (B crops, C, side, side)
            found.append(model.method.encode(x).view(len(numbers), crops, -1).mean(1).float().cpu().numpy())
    return np.concatenate(found)


def run(began: float, given: argparse.Namespace, seed: int) -> dict[str, Any]:
    """One seed, from the start of the process on: what it took, and accuracies by name."""
    import numpy as np
    import torch

    import selfsup
    from _timing import peak_memory
    from selfsup.model.encode import codes_of

    gpu = given.device != "cpu" and torch.cuda.is_available()
    method, options = RECIPES[given.data_set, gpu]
    method, options = given.method or method, {**options, **dict(setting(one) for one in given.set)}
    train, test = opened(given.data_set, given.data, given.limit, develop=given.develop)
    read = time.time() - began

    def fit(minutes: float | None, epochs: int | None = None):
        return selfsup.fit(
            train, method, seed=seed, device="cuda" if gpu else "cpu", minutes=minutes, epochs=epochs, holdout=0.0,
            evaluate=False, progress=given.progress, **options,
        )  # fmt: skip

    def codes(model, part):
        return codes_of(model.method, model.method.view(part), model.device)

    first = fit(None, 0)  # not trained: to know how long codes take, and the baseline
    few = train.whole().some(min(TIMED, len(train)), np.random.default_rng(0))
    codes(first, few)
    clock = time.time()
    codes(first, few)
    coding = (time.time() - clock) / len(few) * (len(train) + len(test))
    left = 60 * given.minutes - (time.time() - began) - 1.2 * coding - SPARE
    if left <= 0:
        raise SystemExit(
            f"--minutes {given.minutes:g} are over before training could start; codes alone take {coding:.0f} s"
        )
    model = fit(left / 60, given.epochs or ENDLESS)
    trained = time.time() - began
    learnt, asked = codes(model, train.whole()), codes(model, test.whole())
    took = {
        "reading": read, "trained at": trained, "codes at": time.time() - began, "CPU s": time.process_time(),
        "MB": peak_memory(), "epochs": model.history[-1]["epoch"],
    }  # fmt: skip
    y, truth = np.asarray(train.labels), np.asarray(test.labels)
    found = {"codes": probed(learnt, y, asked, truth, seed)}
    if given.bag:
        clock = time.time()
        bags = [bag_codes(model, part.whole(), given.bag, CROP[given.data_set], seed) for part in (train, test)]
        took["bag s"] = time.time() - clock
        found[f"bag of {given.bag}"] = probed(bags[0], y, bags[1], truth, seed)
    if seed == given.seeds[0] and not given.alone:
        found["untrained"] = probed(codes(first, train.whole()), y, codes(first, test.whole()), truth, seed)
        found["pca"] = probed(*pca_codes(train, y, test, truth, learnt.shape[1]), seed)
    print(f"seed {seed}: {method} {options}, {model.method.net_words()}, codes of {learnt.shape[1]}, on {model.device}")
    return {"took": took, "found": found}


def pca_codes(train, y, test, truth, width: int):
    """Principal components of the pixels, fitted on the training part, in the order in which `probed` takes them."""
    import numpy as np
    from sklearn.decomposition import PCA

    pixels = [np.asarray(part.x, np.float32).reshape(len(part), -1) / 255 for part in (train, test)]
    fitted = PCA(min(width, *pixels[0].shape), svd_solver="covariance_eigh").fit(pixels[0])
    learnt, asked = (fitted.transform(part).astype(np.float32) for part in pixels)
    return learnt, y, asked, truth


def setting(words: str) -> tuple[str, Any]:
    """NAME=VALUE: numbers, several of them joined by commas, or words."""
    name, _, value = words.partition("=")
    parts = [number(part) for part in value.split(",")]
    return name, tuple(parts) if len(parts) > 1 else parts[0]


def number(words: str) -> Any:
    for kind in (int, float):
        try:
            return kind(words)
        except ValueError:
            continue
    return words


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data_set", choices=list(FOLDERS))
    parser.add_argument("--minutes", type=float, default=30.0, help="from the start of the process to codes")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--device", choices=["auto", "cpu"], default="auto")
    parser.add_argument(
        "--data", metavar="FILE", help="packed images (gpu_images.py --pack), where there is no parquet reader"
    )
    parser.add_argument("--limit", type=int, help="use so many training images")
    parser.add_argument("--method", help="another than that of the recipe")
    parser.add_argument(
        "--set", nargs="*", default=[], metavar="NAME=VALUE", help="options of the method and the solver"
    )
    parser.add_argument("--epochs", type=int, help="at most so many; by default as many as there is time for")
    parser.add_argument("--bag", type=int, default=0, metavar="CROPS", help="also codes averaged over so many crops")
    parser.add_argument("--alone", action="store_true", help="without the baselines")
    parser.add_argument("--develop", action="store_true", help="test on the last of the training images")
    parser.add_argument("--progress", action="store_true")
    given = parser.parse_args()
    from _timing import apart

    every = defaultdict(list)
    for seed in given.seeds:
        result = apart(run, time.time(), given, seed)
        print("  " + ", ".join(f"{name} {value:,.1f}" for name, value in result["took"].items()))
        for name, (linear, near) in result["found"].items():
            every[name].append((linear, near))
            print(f"  {name:<12} linear {linear:6.2f}  kNN {near:6.2f}", flush=True)
    import numpy as np

    part = "training images set apart" if given.develop else "the test part"
    print(
        f"\n{given.data_set}, {given.minutes:g} minutes from process start to codes, on {part}, mean ± sd, seeds {given.seeds}"
    )
    for name, pairs in every.items():
        (linear, near), (sd, off) = np.mean(pairs, 0), np.std(pairs, 0)
        print(f"  {name:<12} linear {linear:5.2f} ± {sd:.2f}  kNN {near:5.2f} ± {off:.2f}  ({len(pairs)} seeds)")
    print(PUBLISHED)


if __name__ == "__main__":
    main()

"""Does `selfsup race` find the method that suits the data? Its order beside the truth, on data sets that have labels.

    python benchmarks/race_truth.py digits wine cancer photos cifar10 --minutes 3
    python benchmarks/race_truth.py wine --minutes 1 --out wine.json

Of each data set a test part is set aside, which the race never sees (`cifar10`: its own). The race has the given minutes. The
truth is then found without it: every method is trained alone for the same minutes, or `--alone`, on all rows but the test part,
and a linear probe with all labels is tested on the test part. The bar: the winner is among the two best of that order, in four of
five data sets. ``photos`` are 600 of CIFAR-10's images as files in folders, and ``cifar10`` are `--limit` rows of it.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

DATA = Path(os.environ.get("SELFSUP_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"))
PHOTOS, TESTED = 600, 2_000
SETS = ("digits", "wine", "cancer", "photos", "cifar10")


def of_sklearn(name: str, folder: Path) -> tuple[Any, Any]:
    """A table with its labels as a csv file, a fifth set aside; digits as images."""
    from sklearn import datasets

    load = {"digits": datasets.load_digits, "wine": datasets.load_wine, "cancer": datasets.load_breast_cancer}[name]
    x, y = load(return_X_y=True)
    order = np.random.default_rng(7).permutation(len(x))
    parts = []
    for part, rows in zip(("test", "train"), np.split(order, [len(x) // 5]), strict=True):
        if name == "digits":
            parts.append(((x[rows].reshape(-1, 8, 8) / 16).astype(np.float32), y[rows]))
            continue
        parts.append(folder / f"{name}-{part}.csv")
        names = ",".join([*(f"c{column}" for column in range(x.shape[1])), "label"])
        lines = [
            ",".join([*map(repr, row), f"class{kind}"]) for row, kind in zip(x[rows].tolist(), y[rows], strict=True)
        ]
        parts[-1].write_text("\n".join([names, *lines]) + "\n")
    return parts[1], parts[0]


def of_cifar(name: str, folder: Path, limit: int) -> tuple[Any, Any]:
    """Images of CIFAR-10: a few as files in folders by class, or so many rows as arrays."""
    import pyarrow.parquet as pq
    from PIL import Image

    found = []
    for part, rows in (("train", PHOTOS if name == "photos" else limit), ("test", TESTED)):
        table = pq.read_table(DATA / "cifar10" / f"{part}.parquet").slice(0, rows).to_pydict()
        files, y = [row["bytes"] for row in table["image"]], np.asarray(table["label"])
        if name == "photos":
            for number, (content, kind) in enumerate(zip(files, y.tolist(), strict=True)):
                (place := folder / part / f"class{kind}").mkdir(parents=True, exist_ok=True)
                (place / f"{number}.png").write_bytes(content)
            found.append(folder / part)
        else:
            x = np.stack([np.asarray(Image.open(io.BytesIO(content)).convert("RGB")) for content in files])
            found.append((x, y))
    return found[0], found[1]


def truth(train: Any, test: Any, method: str, minutes: float) -> float:
    """Accuracy of a linear probe with all labels on the test part, of a method that was trained alone."""
    import selfsup
    from selfsup.measures.run import Features
    from selfsup.measures.samples import runs

    model = selfsup.fit(train, method=method, minutes=minutes, holdout=0.0, evaluate=False, progress=False)
    parts = [model.open(part, progress=False) for part in (train, test)]
    codes = Features(*(model.encode(part) for part in parts))
    labels = [np.asarray(part.classes)[part.labels] for part in parts]
    places = np.unique(np.concatenate(labels), return_inverse=True)[1]
    known, asked = np.split(places, [len(labels[0])])
    found = runs.judged({"model": codes}, known, asked, draws=1)[0]
    return float(found.scores["model"][-1].mean())


def judged(name: str, args: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """The race, the truth, and whether they agree."""
    import selfsup

    small = name in ("digits", "wine", "cancer")
    train, test = of_sklearn(name, folder) if small else of_cifar(name, folder, args.limit)
    began = time.perf_counter()
    source = {"data": train[0], "labels": train[1]} if isinstance(train, tuple) else {"data": train}
    found = selfsup.race(**source, minutes=args.minutes, methods=args.methods, seed=args.seed, progress=False)
    took = time.perf_counter() - began
    print(f"\n{name}: a race of {args.minutes:g} min, which took {took / 60:.2f}\n{found}\n", flush=True)
    true = {}
    for method in found.ranking:
        true[method] = truth(train, test, method, args.alone or args.minutes)
        print(f"  {method:<16} true probe {100 * true[method]:.1f}", flush=True)
    order = sorted(true, key=true.__getitem__, reverse=True)
    second = true[order[min(1, len(order) - 1)]]
    hit = true[found.winner] >= second
    print(f"{name}: race  {' > '.join(found.ranking)}\n{name}: truth {' > '.join(order)}")
    print(f"{name}: the winner {found.winner} is {'' if hit else 'NOT '}among the two best by true probe", flush=True)
    return {"data": name, "minutes": args.minutes, "took": took, "race": found.ranking, "true": true, "hit": hit}


def main() -> None:
    """Race, find the truth, and count."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("sets", nargs="+", choices=SETS)
    parser.add_argument("--minutes", type=float, default=3.0)
    parser.add_argument("--alone", type=float, help="minutes of each training alone; by default those of the race")
    parser.add_argument("--methods", nargs="+")
    parser.add_argument("--limit", type=int, default=10_000, help="rows of cifar10")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    rows = []
    for name in args.sets:
        with tempfile.TemporaryDirectory() as folder:
            rows.append(judged(name, args, Path(folder)))
    print(
        f"\nthe winner is among the two best by true probe in {sum(row['hit'] for row in rows)} of {len(rows)} data sets"
    )
    if args.out:
        args.out.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()

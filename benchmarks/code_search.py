"""Searching by codes: which space serves, which copies are found, and where planted outliers come.

    python benchmarks/code_search.py [--data cifar10|imagenette96] [--method linear|denoising|rotation] [--epochs 6]

CIFAR-10, or Imagenette at 32 px; rows of the training file only: `rows` of a shuffle are learnt from, `asked` others are
searched. Prints, for every layer, how many of the 9 nearest have the query's label, by the cosine of the codes as they are,
centred, in the space of `selfsup search`, and whitened in full; then how many of 50 copies of each kind `selfsup duplicates`
finds by its default, how many other pairs it names, and the places of planted images in `selfsup outliers`.
"""

from __future__ import annotations

import argparse
import io
import sys


def agreement(placed, labels, k=9):
    """Share of the k nearest, the row itself left out, that have its label."""
    from selfsup.measures import search

    unit = search.units(placed)
    import numpy as np

    rows = search.neighbours(unit, unit, k, [np.array([row]) for row in range(len(unit))]).rows
    return 100 * (labels[rows] == labels[:, None]).mean()


def whitened(codes):
    """Codes of covariance I, nearly: a thousandth of the mean eigenvalue is added."""
    import numpy as np

    centred = codes - codes.mean(0)
    values, vectors = np.linalg.eigh(centred.T @ centred / len(codes))
    return (centred @ vectors / np.sqrt(np.maximum(values, 0) + 1e-3 * values.mean())).astype(np.float32)


def copies(x, rng):
    """Kinds of copies of images (n, 3, H, W) uint8."""
    import numpy as np
    from PIL import Image

    def saved(image, quality):
        buffer = io.BytesIO()
        Image.fromarray(image.transpose(1, 2, 0)).save(buffer, "JPEG", quality=quality)
        return np.asarray(Image.open(buffer)).transpose(2, 0, 1)

    def cropped(image):
        side = image.shape[-1]
        inner = Image.fromarray(image.transpose(1, 2, 0)).crop((1, 1, side - 1, side - 1))
        return np.asarray(inner.resize((side, side), Image.Resampling.BILINEAR)).transpose(2, 0, 1)

    kinds = {
        "same": lambda image: image, "JPEG 75": lambda image: saved(image, 75), "JPEG 40": lambda image: saved(image, 40),
        "shifted by 1": lambda image: np.roll(image, 1, 2), "cropped a little": cropped,
        "10 % brighter": lambda image: np.clip(image * 1.1, 0, 255).astype(np.uint8), "mirrored": lambda image: image[:, :, ::-1],
    }  # fmt: skip
    picked = rng.choice(len(x), 50 * len(kinds), replace=False).reshape(len(kinds), 50)
    return {
        kind: (rows, np.stack([kinds[kind](x[row]) for row in rows])) for kind, rows in zip(kinds, picked, strict=True)
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default="cifar10")
    parser.add_argument("--method", default="linear")
    parser.add_argument("--rows", type=int, default=2000)
    parser.add_argument("--asked", type=int, default=1500)
    parser.add_argument("--epochs", type=int, default=6)
    given = parser.parse_args()
    import numpy as np

    import selfsup
    from _timing import data_folder
    from selfsup.data import open_data
    from selfsup.measures.search import Space

    data = open_data(data_folder() / given.data / "train.parquet", size=32, progress=False)
    order = np.random.default_rng(0).permutation(len(data))
    learnt, asked = order[: given.rows], order[given.rows : given.rows + given.asked]
    small = {"net": "conv", "hidden": (32, 64, 128), "lr": 0.05} if given.method == "rotation" else {}
    how = {"evaluate": False, "progress": False, "epochs": given.epochs}
    model = selfsup.fit(data.x[learnt], given.method, **small, **how)
    x, labels, rng = data.x[asked], data.labels[asked], np.random.default_rng(1)

    print(f"{given.data}, {given.method}: % of the 9 nearest with the query's label")
    for layer, codes in model.layers(x).items():
        codes = codes.astype(np.float32)
        spaces = {"as they are": codes, "centred": codes - codes.mean(0), "with the ridge": Space(codes).place(codes)}
        spaces["whitened in full"] = whitened(codes)
        print(f"  {layer:<8}" + "  ".join(f"{name} {agreement(placed, labels):.1f}" for name, placed in spaces.items()))

    planted = copies(x, rng)
    found = model.duplicates(np.concatenate([x, *(images for _, images in planted.values())]))
    pairs = {frozenset(pair) for pair in found.rows.tolist()}
    others = sum(max(pair) < len(x) for pair in pairs)
    print("copies found, %: ", end="")
    for number, (kind, (rows, _)) in enumerate(planted.items()):
        first = len(x) + 50 * number
        print(
            f"{kind} {2 * sum(frozenset((row, first + i)) in pairs for i, row in enumerate(rows.tolist()))}", end="  "
        )
    print(f"; other pairs {others}; similarity {found.above:.4f}")

    shape = (4, *x.shape[1:])
    noise = [rng.integers(0, 256, shape), np.clip(rng.normal(128, 40, shape), 0, 255)]
    flat = np.stack([np.zeros(shape[1:]), np.full(shape[1:], 255)])
    odd = model.outliers(np.concatenate([x, *(part.astype(np.uint8) for part in (*noise, flat))])).rows.tolist()
    places = [odd.index(len(x) + number) for number in range(10)]
    print(
        f"places among {len(odd):,}: uniform noise {places[:4]}, soft noise {places[4:8]}, black and white {places[8:]}"
    )


if __name__ == "__main__":
    sys.exit(main())

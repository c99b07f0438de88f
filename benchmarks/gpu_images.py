"""Rotation on a GPU beside the published figures: CIFAR-10, Network in Network, four turns; under 10 minutes in all.

    python benchmarks/gpu_images.py --pack cifar10.npz              # beforehand: one file of 18 MB, JPEG bytes and labels
    python benchmarks/gpu_images.py --data cifar10.npz              # on a machine with a GPU
    python benchmarks/gpu_images.py --tiny --device cpu             # a check without one, of sizes that mean nothing

Published: Gidaris, Singh & Komodakis 2018 (tables 1 and 3, figure 4; rotation accuracy: a user's run of their code). Their
settings but for the number of epochs: batches of 128 images in four turns, shift 4, mirror, momentum, decay 5e-4; probes with
shift and mirror, rate .1 times .2 at 35, 70 and 85 % of the epochs, epochs of 50,000 samples also where labels are few. The
images are the JPEG re-encodings of ../shared/data, not the original files, so figures may lie a little lower than on those.
Probes are trained on the training part and read once on the test part; nothing is chosen by it.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import sys
import time
from types import SimpleNamespace

import numpy as np
import torch
from torch import nn

COUNTS = (20, 100, 400, 1000, 5000)
PUBLISHED = {"rotation + conv": (64.6, 75.3, 82.8, 86.4, 92.0), "supervised": (33.7, 47.3, 74.2, 83.5, 93.1)}
BARS = {"rotation accuracy": (93.0, "93.65 by a user's run"), "non-linear": (88.5, "89.06"), "conv": (90.5, "91.16")}


def pack(path: str) -> None:
    """Bytes of all images as they lie in the parquet files, with the labels, in one file."""
    import pyarrow.parquet as parquet

    from _timing import data_folder

    held = {}
    for part in ("train", "test"):
        table = parquet.read_table(data_folder() / "cifar10" / f"{part}.parquet")
        images = [image["bytes"] for image in table["image"].to_pylist()]
        held[f"{part}_bytes"] = np.frombuffer(b"".join(images), np.uint8)
        held[f"{part}_ends"] = np.cumsum([len(image) for image in images])
        held[f"{part}_labels"] = np.array(table["label"].to_pylist(), np.int64)
    with open(path, "wb") as file:
        np.savez_compressed(file, **held)


def unpacked(path: str, part: str, limit: int) -> tuple[np.ndarray, np.ndarray]:
    """Images (n, 3, 32, 32) uint8 and labels (n,)."""
    from PIL import Image

    with np.load(path, allow_pickle=False) as held:
        whole, ends, labels = (held[f"{part}_{name}"] for name in ("bytes", "ends", "labels"))
    starts = np.concatenate([[0], ends[:-1]])
    images = [
        np.asarray(Image.open(io.BytesIO(whole[a:b].tobytes())).convert("RGB"))
        for a, b in zip(starts[:limit], ends[:limit], strict=True)
    ]
    return np.ascontiguousarray(np.stack(images).transpose(0, 3, 1, 2)), labels[:limit]


class Half(nn.Module):
    """A net in bfloat16 where the device is a GPU; what it gives is float32."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, x):
        """Of images (B, 3, H, W), or maps, in float32."""
        with torch.autocast("cuda", torch.bfloat16) if x.is_cuda else contextlib.nullcontext():
            return self.net(x).float()


class Bench:
    """The data on the device, and what is trained on them."""

    def __init__(self, given) -> None:
        self.given, self.device = given, torch.device(given.device)
        parts = [unpacked(given.data, part, limit) for part, limit in (("train", given.train), ("test", given.test))]
        (self.x, self.y), (x_test, self.y_test) = parts
        self.train, self.test = (torch.from_numpy(x).to(self.device) for x in (self.x, x_test))
        self.rng = torch.Generator(self.device).manual_seed(given.seed)

    def pretrain(self):
        """Rotation through `fit`, with what it cost."""
        import selfsup

        given = self.given
        if self.device.type == "cuda":
            torch.cuda.reset_peak_memory_stats()
        began = time.perf_counter()
        model = selfsup.fit(
            self.x, "rotation", net="nin", hidden=given.hidden, shift=4, epochs=given.epochs, batch_size=given.batch, lr=0.1,
            weight_decay=5e-4, optimizer="sgd", seed=given.seed, device=given.device, evaluate=False, progress=False,
            holdout=0.01,
        )  # fmt: skip
        self.seconds = time.perf_counter() - began
        last = model.history[-1]
        print(f"trained {given.epochs} epochs of {len(self.x):,} images in {self.seconds:.0f} s, precision "
              f"{model.config['training']['precision']}: {4 * last['samples_per_second']:,.0f} turned images a second, "
              f"waiting for data {last['data_wait']:.1%}")  # fmt: skip
        if self.device.type == "cuda":
            print(
                f"peak memory {torch.cuda.max_memory_allocated() / 2**20:,.0f} MiB, {len(self.x):,} images held included"
            )
        self.method = model.method.to(self.device).eval()
        return model

    def floats(self, x, rows, *, augment: bool):
        """Images (B, 3, 32, 32) float32 in [0, 1]."""
        from selfsup.hide import random_crop

        batch = x[rows.to(self.device)].float() / 255
        return random_crop(batch, 4, self.rng, mirror=True) if augment else batch

    @torch.no_grad()
    def rotation_accuracy(self) -> float:
        """Share of the test images' turns that are told."""
        right = []
        for rows in torch.arange(len(self.test)).split(256):
            x = self.floats(self.test, rows, augment=False)
            seen, turns = self.method.hide(x, self.rng)
            right.append((self.method.predict(seen).argmax(2) == turns).float().mean(1))
        return 100 * float(torch.cat(right).mean())

    def block2(self, x, *, augment: bool):
        """A function of row numbers that gives the maps of block 2, of images drawn anew."""

        @torch.no_grad()
        def encode(rows):
            maps = self.method.scale(self.floats(x, rows, augment=augment))
            with torch.autocast("cuda", torch.bfloat16) if x.is_cuda else contextlib.nullcontext():
                for block in self.method.backbone.blocks[:2]:
                    maps = block(maps)
            return maps.float()

        return encode

    def pixels(self, x, *, augment: bool):
        """The same of the images themselves, for a supervised net."""
        return lambda rows: self.method.scale(self.floats(x, rows, augment=augment))

    def supervised(self, shape, classes):
        """Network in Network with a linear layer of the classes."""
        from selfsup.nets import make_backbone

        backbone = make_backbone("nin", shape, self.given.hidden)
        head = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(backbone.widths[-1], classes)]
        return nn.Sequential(*backbone.blocks, *head)

    def accuracy(self, make, source, rows: np.ndarray, epochs: int) -> float:
        """Of a net that is trained on labelled rows, repeated to a whole epoch, and read on the test part."""
        from selfsup.measures.samples.maps import fit_probe, guess

        epoch = rows[np.arange(max(len(rows), self.given.train)) % len(rows)]
        numbers, encode = torch.from_numpy(epoch), source(self.train, augment=True)
        made = lambda shape, classes: nn.Sequential(Half(make(shape, classes)))  # noqa: E731
        probe = fit_probe(
            made, lambda places: encode(numbers[places]), self.y[epoch], 10, epochs=epochs, seed=self.given.seed
        )
        return 100 * float(np.mean(guess(probe, source(self.test, augment=False), len(self.test)) == self.y_test))

    def few(self, count: int) -> np.ndarray:
        """The first so many rows of each class, in a drawn order."""
        order = np.random.default_rng(self.given.seed).permutation(len(self.y))
        return np.concatenate([order[self.y[order] == c][:count] for c in range(10)])


def costs(bench: Bench) -> None:
    """Share of a step that hiding takes, and the step beside the bare one."""
    from rotation_step import measured

    given, device = bench.given, bench.device
    x = bench.floats(bench.train, torch.arange(given.batch), augment=False)
    wait = torch.cuda.synchronize if device.type == "cuda" else bool

    def seconds(function, times=given.repeats) -> float:
        function()
        wait()
        began = time.perf_counter()
        for _ in range(times):
            function()
        wait()
        return (time.perf_counter() - began) / times

    hiding = seconds(lambda: bench.method.hide(x, bench.rng))
    precision = "bfloat16" if device.type == "cuda" else "float32"
    sizes = {"steps": given.repeats, "batch": given.batch, "precision": precision, "device": given.device, "net": "nin"}
    found = measured(SimpleNamespace(**sizes))
    print(f"hide {1e3 * hiding:.3f} ms, {hiding / found['solver'][0]:.1%} of a step; a step is "
          f"{found['solver'][0] / found['bare'][0]:.3f} times the bare forward, backward and step")  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pack", metavar="FILE", help="write the file of images and end")
    parser.add_argument("--data", default="cifar10.npz")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--epochs", type=int, default=60, help="of pretraining")
    parser.add_argument("--probe-epochs", type=int, default=50)
    parser.add_argument(
        "--curve-epochs", type=int, default=20, help="of each point of the curve, frozen and supervised"
    )
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--tiny", action="store_true", help="a few images, channels and epochs: only whether it runs")
    given = parser.parse_args()
    if given.pack:
        return pack(given.pack)
    given.train, given.test, given.hidden, given.counts, given.repeats = 50_000, 10_000, None, COUNTS, 20
    if given.tiny:
        given.train, given.test, given.hidden, given.counts, given.batch = 400, 200, (8, 12, 12, 12), (5, 20), 16
        given.epochs = given.probe_epochs = given.curve_epochs = given.repeats = 2
    elif given.device == "cuda" and not torch.cuda.is_available():
        return print("no CUDA here: nothing was run; --tiny --device cpu is a check without a GPU")
    print(torch.cuda.get_device_name() if given.device == "cuda" else given.device, f"torch {torch.__version__}")
    report(Bench(given))
    return None


def report(bench: Bench) -> None:
    """Train, probe, print."""
    from selfsup.measures.samples.maps import conv, nonlinear

    given, began = bench.given, time.perf_counter()
    bench.pretrain()
    every = np.arange(len(bench.y))
    found = {"rotation accuracy": bench.rotation_accuracy()}
    for name, make in (("non-linear", nonlinear), ("conv", conv)):
        found[name] = bench.accuracy(make, bench.block2, every, given.probe_epochs)
    for name, value in found.items():
        bar, published = BARS[name]
        what = name if name == "rotation accuracy" else f"{name} probe of block 2"
        print(f"{what:<30}{value:>7.2f} %   bar {bar}, published {published}")
    costs(bench)
    print(f"\n{'labels a class':<24}" + "".join(f"{count:>9}" for count in given.counts))
    for name, make, source in (
        ("rotation + conv", conv, bench.block2),
        ("supervised", bench.supervised, bench.pixels),
    ):
        values = [bench.accuracy(make, source, bench.few(count), given.curve_epochs) for count in given.counts]
        print(f"{name:<24}" + "".join(f"{value:>9.1f}" for value in values))
        if given.counts == COUNTS:
            print(f"{'  published':<24}" + "".join(f"{value:>9}" for value in PUBLISHED[name]))
    print(f"\n{time.perf_counter() - began:.0f} s in all, {bench.seconds:.0f} s of them pretraining (bar: 600)")


if __name__ == "__main__":
    sys.exit(main())

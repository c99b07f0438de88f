"""Two colour views of every image: ours beside PIL, kornia and torchvision, per CPU second of one thread.

    python benchmarks/views_speed.py [--peers FOLDER] [--sizes 32 96 224] [--rounds 3] [--seconds 1]
    python benchmarks/views_speed.py --differences

The chain is a crop of 0.2 to 1 of the area, resized to the side that the image had, a mirror image in half of the cases; in
8 of 10 brightness, contrast and saturation by 0.4 and hue by 0.1, by the peers in an order of their own; in 2 of 10 grey.
uint8 goes in, float32 in [0, 1] comes out ("float in": float images go in). Each system draws anew for every view, but for
"one set a batch", where torchvision's v2 draws once for a whole batch, as it does when it is handed one.

`--peers` is a folder with kornia and torchvision (pip install --no-deps --target FOLDER kornia kornia-rs torchvision).
torchvision's compiled part, which these transforms do not use, need not match the torch that is here: where it cannot be
loaded, the two operators that its import asks for are declared. Systems run in turn, each in a process of its own.
"""

from __future__ import annotations

import argparse
import importlib
import math
import os
import random
import sys
import time
from pathlib import Path

SCALE, RATIO, GREY, JITTER = (0.2, 1.0), (3 / 4, 4 / 3), 0.2, 0.8
COLOURS = {"brightness": 0.4, "contrast": 0.4, "saturation": 0.4, "hue": 0.1}
# images a batch; the views are 32 MB at most, which the allocator keeps: beyond that every system pays for fresh pages
BATCH = {32: 512, 96: 128, 224: 16}
OURS = "selfsup views"
PIL, ON_PIL = "PIL, bare", "torchvision v2 on PIL images"
KORNIA, BATCHED, BATCHED_FLOAT = (
    "kornia",
    "torchvision v2, one set a batch",
    "torchvision v2, one set a batch, float in",
)


def ours(x, size):
    import torch

    from selfsup.hide import views

    rng = torch.Generator().manual_seed(0)
    return lambda: views(x, 2, size, rng, SCALE, ratio=RATIO, **COLOURS, jitter=JITTER, grey=GREY)


def ours_float(x, size):
    return ours(x.float().div_(255), size)


def as_pil(x):
    from PIL import Image

    return [Image.fromarray(image.permute(1, 2, 0).contiguous().numpy()) for image in x]


def hue_by_pil(image, turn):
    import numpy as np
    from PIL import Image

    hue, *rest = image.convert("HSV").split()
    turned = np.asarray(hue) + np.uint8(int(turn * 255) % 256)
    return Image.merge("HSV", (Image.fromarray(turned), *rest)).convert("RGB")


def one_by_pil(image, size):
    """RandomResizedCrop, flip, ColorJitter and RandomGrayscale as torchvision words them, without its checks."""
    import numpy as np
    import torch
    from PIL import Image, ImageEnhance

    width, height = image.size
    for _ in range(10):
        area = width * height * random.uniform(*SCALE)
        ratio = math.exp(random.uniform(math.log(RATIO[0]), math.log(RATIO[1])))
        across, down = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
        if 0 < across <= width and 0 < down <= height:
            break
    else:
        across, down = width, height
    left, top = random.randint(0, width - across), random.randint(0, height - down)
    image = image.crop((left, top, left + across, top + down)).resize((size, size), Image.Resampling.BILINEAR)
    if random.random() < 0.5:
        image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    if random.random() < JITTER:
        makers = {"brightness": ImageEnhance.Brightness, "contrast": ImageEnhance.Contrast}
        makers["saturation"] = ImageEnhance.Color
        for name in random.sample(list(COLOURS), 4):
            value = COLOURS[name]
            if name == "hue":
                image = hue_by_pil(image, random.uniform(-value, value))
            else:
                image = makers[name](image).enhance(random.uniform(1 - value, 1 + value))
    if random.random() < GREY:
        image = image.convert("L").convert("RGB")
    return torch.from_numpy(np.array(image)).permute(2, 0, 1).float().div_(255)


def pil(x, size):
    import torch

    images = as_pil(x)
    return lambda: torch.stack([one_by_pil(image, size) for image in images for _ in range(2)]).unflatten(0, (-1, 2))


def torchvision_v2():
    """Its transforms; where the compiled part does not fit this torch, its import is given the names that it asks for."""
    import torch

    try:
        return importlib.import_module("torchvision.transforms.v2")
    except RuntimeError:
        for name in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
            del sys.modules[name]
        torchvision_v2.declared = torch.library.Library("torchvision", "FRAGMENT")
        for name in ("nms", "qnms"):
            torchvision_v2.declared.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        return importlib.import_module("torchvision.transforms.v2")


def torchvision_chain(size):
    v2 = torchvision_v2()
    return [
        v2.RandomResizedCrop(size, scale=SCALE, ratio=RATIO, antialias=True),
        v2.RandomHorizontalFlip(),
        v2.RandomApply([v2.ColorJitter(*COLOURS.values())], JITTER),
        v2.RandomGrayscale(GREY),
    ]


def torchvision_on_pil(x, size):
    import torch

    v2 = torchvision_v2()
    chain = v2.Compose([*torchvision_chain(size), v2.ToImage(), v2.ToDtype(torch.float32, scale=True)])
    images = as_pil(x)
    return lambda: torch.stack([chain(image) for image in images for _ in range(2)]).unflatten(0, (-1, 2))


def torchvision_batched(x, size):
    import torch

    v2 = torchvision_v2()
    chain = v2.Compose([*torchvision_chain(size), v2.ToDtype(torch.float32, scale=True)])
    return lambda: torch.stack([chain(x), chain(x)], 1)


def torchvision_batched_float(x, size):
    return torchvision_batched(x.float().div_(255), size)


def kornia(x, size):
    import kornia.augmentation as augment
    import torch

    chain = augment.AugmentationSequential(
        augment.RandomResizedCrop((size, size), scale=SCALE, ratio=RATIO),
        augment.RandomHorizontalFlip(),
        augment.ColorJitter(*COLOURS.values(), p=JITTER),
        augment.RandomGrayscale(p=GREY),
        data_keys=["input"],
    )

    def two():
        images = x.float().div_(255)
        return torch.stack([chain(images), chain(images)], 1)

    return two


SYSTEMS = {OURS: ours, f"{OURS}, float in": ours_float, PIL: pil}
PEERS = {
    ON_PIL: torchvision_on_pil, KORNIA: kornia, BATCHED: torchvision_batched, BATCHED_FLOAT: torchvision_batched_float,
}  # fmt: skip
BARS = [
    (PIL, 40, (32, 96)),
    (ON_PIL, 40, (32, 96)),
    (KORNIA, 10, (32, 96)),
    (BATCHED, 1, (224,)),
    (BATCHED_FLOAT, 1, (224,)),
]


def one(system, size, seconds, peers):
    """CPU microseconds a view, views a CPU second, and how far the peak of memory rose over the images and imports."""
    import torch

    from _timing import peak_memory

    if peers:
        sys.path.append(peers)  # after ours, so that nothing that is here is replaced
    torch.set_num_threads(1)
    torch.manual_seed(0)
    random.seed(0)
    x = torch.randint(0, 256, (BATCH.get(size, 64), 3, size, size), dtype=torch.uint8)
    make = {**SYSTEMS, **PEERS}[system](x, size)
    before = peak_memory()
    found = make()
    assert found.shape == (len(x), 2, 3, size, size), f"{system}: {tuple(found.shape)}"
    assert 0 <= found.min() <= found.max() <= 1.0001, f"{system}: {found.min():.3f} to {found.max():.3f}"
    peak, made, start = peak_memory(), 0, time.process_time()
    while time.process_time() - start < seconds:
        made += make().shape[0] * 2
    cpu = (time.process_time() - start) / made
    return {"system": system, "us/view": cpu * 1e6, "views/CPU s": 1 / cpu, "grown MB": peak - before}


def differences(photos=300):
    """How far one matrix, cut once, is from PIL, which cuts after each operation; without hue, which is another there."""
    import io

    import numpy as np
    import pyarrow.parquet as pq
    import torch
    from PIL import Image, ImageEnhance

    from _timing import data_folder
    from selfsup.hide import Change, colour_matrix, recolour

    random.seed(0)
    apart = []
    file = min((data_folder() / "imagenette96").glob("*.parquet"))
    for row in pq.read_table(file)["image"][:photos].to_pylist():
        image = Image.open(io.BytesIO(row["bytes"])).convert("RGB")
        factors = [random.uniform(0.6, 1.4) for _ in range(3)]
        change = Change(*(torch.tensor([factor]) for factor in (*factors, 0.0)))
        x = torch.from_numpy(np.array(image)).permute(2, 0, 1)[None] / 255
        steps = list(zip((ImageEnhance.Brightness, ImageEnhance.Contrast, ImageEnhance.Color), factors, strict=True))
        for make, factor in random.sample(steps, 3):
            image = make(image).enhance(factor)
        found = recolour(x, colour_matrix(change))[0].permute(1, 2, 0) * 255
        apart.append((found - torch.from_numpy(np.array(image))).abs().mean())
    return f"colours apart from PIL's, {photos} photos, mean: {float(torch.stack(apart).mean()):.1f} of 255 levels"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peers", help="a folder with kornia and torchvision")
    parser.add_argument("--sizes", type=int, nargs="+", default=list(BATCH))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=1.0, help="at least so long for each system, size and round")
    parser.add_argument(
        "--differences", action="store_true", help="only how far the colours are from PIL's, on imagenette96"
    )
    given = parser.parse_args()
    if given.differences:
        print(differences())
        return
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = "1"
    from _timing import apart, table

    systems = list(SYSTEMS)
    for name, needs in ((KORNIA, "kornia"), *((name, "torchvision") for name in PEERS if name != KORNIA)):
        if given.peers and (Path(given.peers) / needs).is_dir():
            systems.append(name)
        else:
            print(f"not here: {name} (--peers names a folder that holds {needs})")
    for size in given.sizes:
        rows = [apart(one, system, size, given.seconds, given.peers) for _ in range(given.rounds) for system in systems]
        print(f"\n{size} px, {BATCH.get(size, 64)} images a batch, one thread, median of {given.rounds} rounds in turn")
        print(table(rows, OURS, "us/view"))
        bars = [f"{name} {bar}" for name, bar, sizes in BARS if size in sizes and name in systems]
        if bars:
            print("bars, ratio to ours at least: " + ", ".join(bars), flush=True)


if __name__ == "__main__":
    sys.exit(main())

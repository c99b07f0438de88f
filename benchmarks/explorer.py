"""The explorer's page of a million words and of 100,000 photos: work, size, and what a browser makes of it without a GPU.

    python benchmarks/explorer.py [--words 1000000] [--photos 100000] [--html] [--chromium /usr/bin/chromium]

Word vectors (n, 100) are made, in 300 groups; `selfsup explore` makes the page of them in a process of its own. Photos are
crops of 64 x 64 at different places of those in SELFSUP_DATA/imagenette96, or else CIFAR-10's with their mirror images; their
thumbnails have 48 pixels (32). With playwright and Chromium the page of words is opened from file://, on software GL with every
host mapped away: seconds, and CPU seconds of all its processes, to the first picture, for the nearest words of a word, for a
search, and for a step of zoom to be drawn (medians of 9).

Bars: the page in 60 s of work, the first picture in 3 s, a query in 0.3 s, the thumbnails of 100,000 photos in 150 MB.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import numpy as np
import psutil

from _timing import data_folder

GROUPS, DIM, SPREAD = 300, 100, 0.8
SIDE, STEP = 64, 4  # pixels of a crop, and between crops
TIMES = 9
FLAGS = (
    "--no-sandbox", "--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader",
    "--host-resolver-rules=MAP * ~NOTFOUND",
)  # fmt: skip
STEPS = {  # what is timed -> how it is done; `i` counts
    "nearest words": "page.neighbours((i * 7919) % page.manifest.n)",
    "search": "page.search(`w${1234 + i}`)",
    "zoom": "page.zoom(1.3).then(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))))",
}
MEDIAN = """async () => {
  const page = window.selfsupExplorer, took = [];
  for (let i = 0; i < TIMES; i++) { const began = performance.now(); await STEP; took.push(performance.now() - began); }
  return took.sort((a, b) => a - b)[took.length >> 1] / 1000;
}"""


def make_words(n: int, file: Path) -> None:
    """Write word vectors (n, 100) in groups."""
    from selfsup import WordVectors

    rng = np.random.default_rng(0)
    centres = rng.normal(size=(GROUPS, DIM)).astype(np.float32)
    x = np.empty((n, DIM), np.float32)
    for first in range(0, n, 50_000):
        part = x[first : first + 50_000]
        part[:] = centres[rng.integers(0, GROUPS, len(part))] + SPREAD * rng.normal(size=part.shape)
    WordVectors([f"w{row}" for row in range(n)], x, np.arange(n, 0, -1)).save(file)


def make_photos(n: int, file: Path) -> str:
    """Write photos (n, 3, side, side) uint8; says what they are."""
    from selfsup.data.open import open_data

    data = data_folder()
    if (data / "imagenette96").is_dir():
        x = open_data(data / "imagenette96" / "train.parquet", progress=False).x
        places = [(top, left) for top in range(0, 96 - SIDE + 1, STEP) for left in range(0, 96 - SIDE + 1, STEP)]
        np.random.default_rng(0).shuffle(places)
        made = np.empty((n, 3, SIDE, SIDE), np.uint8)
        for first in range(0, n, len(x)):
            (top, left), part = places[first // len(x)], made[first : first + len(x)]
            part[:] = x[: len(part), :, top : top + SIDE, left : left + SIDE]
        told = f"crops of {SIDE} x {SIDE} of {len(x):,} photos"
    else:
        x = np.concatenate(
            [open_data(data / "cifar10" / f"{part}.parquet", progress=False).x for part in ("train", "test")]
        )
        made = np.concatenate([x, x[..., ::-1]])[:n]
        told = "CIFAR-10 and its mirror images"
    np.save(file, made)
    return told


def explore(what: Path, out: Path, *more: str) -> None:
    """Make a page in a process of its own, and say what it took."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run([sys.executable, "-m", "selfsup", "explore", str(what), "--out", str(out), *more], check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    files = [out] if out.is_file() else [file for file in out.rglob("*") if file.is_file()]
    size = sum(file.stat().st_size for file in files) / 1e6
    print(
        f"{out.name}: {spent:.1f} s of work in {time.perf_counter() - began:.1f} s, peak {after.ru_maxrss / 1e6:.2f} GB of any "
        f"page so far, {size:.1f} MB in {len(files):,} files"
    )
    if sheets := [file for file in files if file.suffix == ".webp"]:
        print(
            f"  of which thumbnails: {sum(file.stat().st_size for file in sheets) / 1e6:.1f} MB in {len(sheets):,} sheets"
        )


def work() -> float:
    """CPU seconds of all processes that this one has started and that still run: the browser's."""
    spent = 0.0
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):
            spent += sum(process.cpu_times()[:2])
    return spent


def look(page: Path, chromium: str) -> None:
    """Open a page in a browser, and say how long it takes to answer."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        print("no browser: playwright is not installed")
        return
    if not os.path.exists(chromium):
        print(f"no browser: there is none at {chromium}")
        return
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=chromium, args=list(FLAGS))
        tab = browser.new_page(viewport={"width": 1200, "height": 800})
        tab.set_default_timeout(300_000)
        errors: list[str] = []
        tab.on("pageerror", lambda error: errors.append(str(error)))
        before = work()
        tab.goto((page / "index.html" if page.is_dir() else page).as_uri(), wait_until="commit")
        tab.wait_for_function("window.selfsupExplorer !== undefined")
        tab.evaluate("window.selfsupExplorer.drawn.then(() => 0)")
        painted = tab.evaluate("window.selfsupExplorer.firstPaint") / 1000
        told = [f"first picture {painted:.2f} ({work() - before:.2f})"]
        tab.evaluate("window.selfsupExplorer.ready.then(() => 0)")
        for name, step in STEPS.items():
            before = work()
            took = tab.evaluate(MEDIAN.replace("TIMES", str(TIMES)).replace("STEP", step))
            told.append(f"{name} {took:.3f} ({(work() - before) / TIMES:.3f})")
        renderer = tab.evaluate("window.selfsupExplorer.state().renderer")
        browser.close()
    print(f"  in Chromium ({renderer}), seconds (and of work): {', '.join(told)}; load {os.getloadavg()[0]:.1f}")
    for error in errors:
        print(f"  error: {error}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--words", type=int, default=1_000_000)
    parser.add_argument("--photos", type=int, default=100_000)
    parser.add_argument("--html", action="store_true", help="the words in one file too")
    parser.add_argument("--chromium", default="/usr/bin/chromium")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        if arguments.words:
            make_words(arguments.words, folder / "words.safetensors")
            for name in ("words", "words.html")[: 1 + arguments.html]:
                explore(folder / "words.safetensors", folder / name)
                look(folder / name, arguments.chromium)
        if arguments.photos:
            print(make_photos(arguments.photos, folder / "photos.npy"))
            explore(folder / "photos.npy", folder / "photos", "--map", "pca")


if __name__ == "__main__":
    main()

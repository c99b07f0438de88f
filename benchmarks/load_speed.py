"""What checking the digests of a run costs when it is loaded: small runs of three kinds, and one of a gigabyte.

    python benchmarks/load_speed.py                 # medians of many loads in one process, files in the page cache
    python benchmarks/load_speed.py --big 0         # small ones only
    python benchmarks/load_speed.py --before OLD/src    # also another checkout, of before there were digests, on its own runs

With and without ``verify`` in turn; ``% more`` is what verify takes beyond the line. Small runs by CPU time, the large one by the
clock. The bars: small runs at most 5 % slower than before, a run of 1 GB at most 0.6 s.
"""

from __future__ import annotations

import os

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_name] = "1"

import argparse  # noqa: E402
import json  # noqa: E402
import subprocess  # noqa: E402
import sys  # noqa: E402
import tempfile  # noqa: E402
import time  # noqa: E402
from pathlib import Path  # noqa: E402
from statistics import median  # noqa: E402

import numpy as np  # noqa: E402

import selfsup  # noqa: E402


def small(folder: Path) -> dict[str, Path]:
    """Runs of a few kilobytes: a net, a closed form on images, word vectors."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(300, 20)).astype(np.float32)
    images = rng.random((100, 8, 8)).astype(np.float32)
    text = folder / "text.txt"
    text.write_text("\n".join(" ".join(f"w{one}" for one in rng.integers(0, 300, 20)) for _ in range(500)))
    options = {"progress": False, "overwrite": True}
    selfsup.fit(x, "denoising", epochs=2, labels=rng.integers(0, 3, 300), out=folder / "rows", **options)
    selfsup.fit(images, "linear", out=folder / "images", **options)
    selfsup.fit(text, "skipgram", dim=16, min_count=1, epochs=2, threads=1, out=folder / "words", **options)
    return {name: folder / name for name in ("rows", "images", "words")}


def big(folder: Path, gigabytes: float) -> Path:
    """A run whose weights are so many gigabytes, of two wide layers."""
    wide = int((gigabytes * 1e9 / 4 / 2) ** 0.5)
    x = np.random.default_rng(0).normal(size=(8, wide)).astype(np.float32)
    options = {"evaluate": False, "progress": False, "overwrite": True}
    selfsup.fit(x, "linear", n_components=2, out=folder / "probe", **options)
    selfsup.fit(x, "undercomplete", hidden=(wide,), n_components=2, epochs=0, out=folder / "big", **options)
    return folder / "big"


def timed(path: Path, times: int, clock: str, ways: dict[str, dict[str, bool]]) -> dict[str, list[float]]:
    """Seconds of loads in different ways, in turn."""
    took: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(times + 3):
        for name, how in ways.items():
            began = getattr(time, clock)()
            selfsup.load(path, **how)
            took[name].append(getattr(time, clock)() - began)
    return took


def measured(
    gigabytes: float, times: int, ways: dict[str, dict[str, bool]]
) -> dict[str, tuple[float, dict[str, list[float]]]]:
    """Megabytes of each run, which this checkout makes, and seconds of loads."""
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        runs = [(name, path, times, "process_time") for name, path in small(Path(folder)).items()]
        if gigabytes:  # in seconds of a clock: its files are compared while others are read
            runs.append((f"{gigabytes:g} GB", big(Path(folder), gigabytes), 5, "perf_counter"))
        for name, path, many, clock in runs:
            size = sum(file.stat().st_size for file in path.rglob("*") if file.is_file()) / 1e6
            found[name] = size, timed(path, many, clock, ways)
    return found


def before(asked: argparse.Namespace) -> dict[str, list[float]]:
    """Seconds of loads by another checkout, of the runs that it makes itself: it does not know those of this one."""
    own = dict(os.environ, PYTHONPATH=str(asked.before.resolve()))
    command = [sys.executable, __file__, "--plain", "--big", str(asked.big), "--times", str(asked.times)]
    told = subprocess.run(command, env=own, check=True, stdout=subprocess.PIPE, text=True).stdout
    source, _, found = told.strip().splitlines()[-1].partition(" ")
    if not Path(source).is_relative_to(asked.before.resolve()):
        raise SystemExit(f"{asked.before} holds no package selfsup: {source} was imported")
    return json.loads(found)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--big", type=float, default=1.0, help="gigabytes of the large run; 0 leaves it out")
    parser.add_argument("--times", type=int, default=200)
    parser.add_argument("--before", type=Path, help="src folder of another checkout")
    parser.add_argument(
        "--plain", action="store_true", help="print the seconds of plain loads as JSON (what --before asks)"
    )
    asked = parser.parse_args()
    if asked.plain:
        found = {name: took["load"] for name, (_, took) in measured(asked.big, asked.times, {"load": {}}).items()}
        print(selfsup.__file__, json.dumps(found))
        return
    old = before(asked) if asked.before else {}
    ways = {"verify": {"verify": True}, "verify=False": {"verify": False}}
    print(f"{'run':<8}{'MB':>9}  {'':<14}{'median, ms':>12}{'least':>10}{'% more':>9}{'least':>8}")
    for name, (size, took) in measured(asked.big, asked.times, ways).items():
        took |= {"before": old[name]} if name in old else {}
        figures = {way: (1e3 * median(seconds[3:]), 1e3 * min(seconds[3:])) for way, seconds in took.items()}
        full = figures["verify"]
        for way, (middle, least) in figures.items():
            more = f"{100 * (full[0] / middle - 1):>9.1f}{100 * (full[1] / least - 1):>8.1f}" if way != "verify" else ""
            print(f"{name:<8}{size:>9.2f}  {way:<14}{middle:>12.3f}{least:>10.3f}{more}")


if __name__ == "__main__":
    main()

"""Run folders from strangers: fifty configurations that ask for too much, or for what cannot be, are refused with a sentence.

A process of its own reads all of them, one after the other, and says how long the slowest took and how much memory the whole
lot: 2 seconds and 500 MB are the bar of each.
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import selfsup
from selfsup import SelfsupError, store

HUGE, QUIET = 10**9, {"progress": False, "evaluate": False}
COUNTED = 10**30  # more than any computer counts to
MOMENTS = ("facts", "moments")
# run, keys that lead to a value of its config.json, and what stands there instead
CASES = [
    ("undercomplete", ("options", "n_components"), HUGE),
    ("undercomplete", ("options", "n_components"), 10**18),
    ("undercomplete", ("options", "n_components"), COUNTED),
    ("undercomplete", ("options", "n_components"), 0),
    ("undercomplete", ("options", "n_components"), -1),
    ("undercomplete", ("options", "n_components"), "32"),
    ("undercomplete", ("options", "n_components"), 1e9),
    ("undercomplete", ("options", "n_components"), 10**6),
    ("undercomplete", ("options", "hidden"), [100_000, 100_000]),
    ("undercomplete", ("options", "hidden"), [10**6, 10**6]),
    ("undercomplete", ("options", "hidden"), [20_000] * 50),
    ("undercomplete", ("options", "hidden"), [8] * 100_000),
    ("undercomplete", ("options", "hidden"), [HUGE]),
    ("undercomplete", ("options", "hidden"), [COUNTED]),
    ("undercomplete", ("options", "hidden"), [[8], [8]]),
    ("undercomplete", ("options", "hidden"), {"8": 8}),
    ("undercomplete", ("options", "net"), "conv"),
    ("undercomplete", ("options", "net"), "/etc/passwd:f"),
    ("undercomplete", ("options", "likelihood"), "cauchy"),
    ("undercomplete", ("options", "factor"), HUGE),
    ("undercomplete", ("options",), [HUGE]),
    ("undercomplete", ("form", "shape"), [10**8]),
    ("undercomplete", ("form", "shape"), [10**12]),
    ("undercomplete", ("form", "shape"), [COUNTED]),
    ("undercomplete", ("form", "shape"), [-8]),
    ("undercomplete", ("form", "shape"), []),
    ("undercomplete", ("form", "shape"), [8.0]),
    ("undercomplete", ("form", "kind"), "video"),
    ("undercomplete", ("form",), None),
    ("undercomplete", ("seed",), 2**70),
    ("undercomplete", ("seed",), "x"),
    ("undercomplete", ("seed",), -1),
    ("undercomplete", ("seed",), None),
    ("undercomplete", ("seed",), 1.5),
    ("undercomplete", (*MOMENTS, "mean"), [[1.0], [1.0, 2.0]]),
    ("undercomplete", (*MOMENTS, "mean"), [1.0, 2.0]),
    ("undercomplete", (*MOMENTS, "std"), ["a"] * 8),
    ("undercomplete", (*MOMENTS, "std"), [-1.0] * 8),
    ("undercomplete", MOMENTS, None),
    ("undercomplete", ("facts", "covariance"), [HUGE]),
    ("undercomplete", ("method",), "os:system"),
    ("variational", ("options", "n_components"), HUGE),
    ("variational", ("options", "hidden"), [100_000, 100_000]),
    ("sparse", ("options", "n_components"), HUGE),
    ("sparse", ("options", "n_components"), 10**8),
    ("sparse", ("options", "k"), 0),
    ("linear", ("options", "n_components"), HUGE),
    ("linear", ("form", "shape"), [10**8]),
    ("linear", ("form", "shape"), [10**6]),
    ("denoising", ("options", "hidden"), [30_000, 30_000]),
    ("denoising", ("options", "level"), "much"),
    ("rotation", ("options", "hidden"), [HUGE, 8]),
    ("rotation", ("options", "hidden"), [4096] * 20),
    ("rotation", ("options", "hidden"), [8] * 20_000),
    ("rotation", ("options", "block"), HUGE),
    ("rotation", ("form", "shape"), [10**6, 8, 8]),
    ("rotation", ("form", "shape"), [3, 10**6, 10**6]),
    ("rotation", ("form", "shape"), [3, 8, 0]),
    ("skipgram", ("options", "dim"), HUGE),
    ("skipgram", ("options", "dim"), COUNTED),
    ("skipgram", ("options", "window"), HUGE),
    ("skipgram", ("options", "context"), HUGE),
    ("skipgram", ("options", "buckets"), 2**60),
    ("skipgram", ("options", "ngrams"), [1, HUGE]),
    ("skipgram", ("form", "shape"), [10**8]),
    ("skipgram", ("form", "shape"), [10**12]),
    ("skipgram", ("form", "phrases"), 10**12),
]


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A small good run of each method."""
    folder, rng = tmp_path_factory.mktemp("runs"), np.random.default_rng(0)
    table = rng.normal(size=(60, 8)).astype(np.float32)
    images = rng.integers(0, 256, (40, 8, 8, 3), dtype=np.uint8)
    text = folder / "text.txt"
    text.write_text("\n".join(" ".join(rng.choice(list("abcdefghij"), 20)) for _ in range(40)))
    for name in ("undercomplete", "variational", "sparse", "linear", "denoising"):
        selfsup.fit(
            table, name, n_components=4, out=folder / name, **({} if name == "linear" else {"epochs": 1}), **QUIET
        )
    selfsup.fit(images, "rotation", hidden=(8, 8), epochs=1, out=folder / "rotation", **QUIET)
    selfsup.fit(str(text), "skipgram", dim=4, min_count=1, epochs=1, out=folder / "skipgram", **QUIET)
    return folder


def changed(run: Path, keys: tuple[str, ...], value: object) -> None:
    """Put a value into the configuration of a run, and seal it again, as a stranger can."""
    config = part = json.loads((run / store.CONFIG).read_text())
    for key in keys[:-1]:
        part = part[key]
    part[keys[-1]] = value
    store.seal(run, config)


def peak() -> float:
    """Peak memory (MB) of this process."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def read_all(folder: Path) -> None:
    """Read the run of every case; print what was said, how long it took, and the peak of memory."""
    for name in {name for name, *_ in CASES}:
        assert selfsup.load(folder / name).method is not None  # it is good, and all that is imported once is imported
    for number, (name, keys, value) in enumerate(CASES):
        run = folder / name
        before = (run / store.CONFIG).read_bytes()
        changed(run, keys, value)
        began, said = time.process_time(), None
        try:
            _ = selfsup.load(run).method
        except SelfsupError as error:
            said = f"{type(error).__name__}: {error}"
        except Exception as error:
            print(json.dumps({"case": number, "foreign": repr(error)}))
        seconds = time.process_time() - began
        (run / store.CONFIG).write_bytes(before)
        print(json.dumps({"case": number, "said": said, "seconds": seconds, "peak": peak()}), flush=True)


def test_fifty_configurations_are_refused_in_two_seconds_and_500_mb(runs):
    assert len(CASES) >= 50
    settings = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, __file__, str(runs)], check=False, capture_output=True, text=True, env=settings
    )
    assert done.returncode == 0, done.stderr[-2000:]
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(CASES[one["case"]], one) for one in found if not one.get("said")] == []
    assert len(found) == len(CASES)
    worst, most = max(one["seconds"] for one in found), max(one["peak"] for one in found)
    print(f"{len(found)} refused, the slowest in {worst:.2f} s of CPU, the peak of memory {most:.0f} MB")
    assert worst < 2
    assert most < 500


if __name__ == "__main__":
    read_all(Path(sys.argv[1]))

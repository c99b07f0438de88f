"""Changes to files of runs, states and caches (bits flipped, zeros, cut short, bytes more), and who notices.

    python benchmarks/flips.py                  # 2,000 changes, with the seed of the day
    python benchmarks/flips.py --count 300 --seed 7

A line a file; no change may be silent (other values are read) or foreign (an exception that is not ours): status 1 if one is.
``not by verify`` counts the changes that ``selfsup verify`` does not notice: those that change no value, such as a blank in JSON.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests/tools"))

from crash import Server
from flipped import PLACES, READY, Flips, table
from today import SEED


def tried(name: str, count: int, seed: str, folder: Path) -> Flips:
    with Server(READY) as server:
        flips = Flips(server, name, folder / name)
        flips.run(count, seed)
        return flips


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--seed", default=str(SEED))
    parser.add_argument("--jobs", type=int, default=2)
    asked = parser.parse_args()
    each = -(-asked.count // len(PLACES))
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(asked.jobs) as threads:
        done = list(threads.map(lambda name: tried(name, each, asked.seed, Path(folder)), PLACES))
    print(f"seed {asked.seed}")
    print(table({flips.name: flips.tallies for flips in done}))
    faults = [fault for flips in done for fault in flips.faults]
    print("\n".join(faults))
    return bool(faults)


if __name__ == "__main__":
    sys.exit(main())

"""Every kind of run, killed at every file-system call and in the middle of every write, then gone on with.

    python benchmarks/kill_everywhere.py                       # all kinds, two at a time
    python benchmarks/kill_everywhere.py --every 10 images     # a tenth of the points of one

What must hold is said in tests/tools/kills.py: a whole run or none, the same result to the bit, nothing left over. One line a
kind; every fault is told; status 1 if there is one.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests/tools"))

from crash import Server
from kills import BEFORE, KINDS, Campaign, Found


def tried(name: str, every: int, folder: Path) -> tuple[str, Found, float]:
    began = time.perf_counter()
    with Server(BEFORE) as server:
        campaign = Campaign(server, name, folder / name)
        return name, campaign.run(campaign.points[::every]), time.perf_counter() - began


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kinds", nargs="*", default=list(KINDS), metavar="KIND", help=", ".join(KINDS))
    parser.add_argument("--every", type=int, default=1, help="try one of so many points")
    parser.add_argument("--jobs", type=int, default=2)
    asked = parser.parse_args()
    print(f"{'kind':<22}{'calls':>8}{'points':>8}{'killed':>8}{'faults':>8}{'seconds':>9}")
    sums, faults = [0, 0, 0], []
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(asked.jobs) as threads:
        for name, found, seconds in threads.map(lambda name: tried(name, asked.every, Path(folder)), asked.kinds):
            row = [found.calls, found.points, found.tried]
            print(
                f"{name:<22}" + "".join(f"{n:>8,}" for n in (*row, len(found.faults))) + f"{seconds:>9.0f}", flush=True
            )
            sums = [a + b for a, b in zip(sums, row, strict=True)]
            faults += found.faults
    print(f"{'all':<22}" + "".join(f"{number:>8,}" for number in (*sums, len(faults))))
    print("\n".join(faults))
    return bool(faults)


if __name__ == "__main__":
    sys.exit(main())

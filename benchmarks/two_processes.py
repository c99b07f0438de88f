"""Two processes on one run folder, by the installed command: a fit, and the same with --resume while the first lives.

    python benchmarks/two_processes.py                # 20 tries, 200 epochs each
    python benchmarks/two_processes.py --tries 5 --epochs 60

The second starts at times spread from the first's first state to beyond its end. One must go on and the other be refused with
who holds the folder (or, where it came after the end, get the finished run), and the result equal that of an undisturbed run to
the bit. A line a try; status 1 if one fails.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests/tools"))

from pairs import FIT, STATE, finish, fresh, resumed_beside, rows, start, wait_for


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tries", type=int, default=20)
    parser.add_argument("--epochs", type=int, default=200)
    asked = parser.parse_args()
    bad = 0
    with tempfile.TemporaryDirectory() as folder:
        whole = rows(Path(folder) / "whole")
        process = start(whole, [*FIT, "--epochs", str(asked.epochs)])
        wait_for((whole / STATE).exists, process)
        began = time.perf_counter()
        if (left := finish(process)).code:
            raise SystemExit(left.err)
        seconds = time.perf_counter() - began
        print(f"an undisturbed run takes {seconds:.1f} s from its first state to its end")
        for number in range(asked.tries):
            later = seconds * number / max(1, asked.tries - 1)
            here = fresh(whole, Path(folder) / "here", "x.npy")
            how, faults = resumed_beside(here, whole, asked.epochs, later)
            print(
                f"try {number + 1:>2}: {later:5.1f} s later, the second {how}: {'; '.join(faults) or 'equal to the bit'}",
                flush=True,
            )
            bad += bool(faults)
            shutil.rmtree(here)
    print(f"{asked.tries - bad} of {asked.tries} hold")
    return bool(bad)


if __name__ == "__main__":
    sys.exit(main())

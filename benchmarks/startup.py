"""How long `selfsup --help` and `import selfsup` take, as whole processes, beside an empty Python.

python benchmarks/startup.py [--rounds 9]
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

COMMANDS = {
    "python -c pass": [sys.executable, "-c", "pass"],
    "import selfsup (bar 0.15 s)": [sys.executable, "-c", "import selfsup"],
    "selfsup --help (bar 0.4 s)": [str(Path(sys.executable).with_name("selfsup")), "--help"],
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9)
    given = parser.parse_args()
    seconds: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for _ in range(given.rounds):
        for name, words in COMMANDS.items():
            clock = time.perf_counter()
            subprocess.run(words, check=True, stdout=subprocess.DEVNULL)
            seconds[name].append(time.perf_counter() - clock)
    for name, found in seconds.items():
        print(f"{name:<32} median {median(found):.3f} s, most {max(found):.3f} s")


if __name__ == "__main__":
    sys.exit(main())

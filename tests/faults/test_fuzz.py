"""The fuzzer over every reader: the faults that it found once stay mended, and 12,000 cases with the seed of the day."""

import subprocess
import sys
from pathlib import Path

import pytest

from today import SEED

FUZZ = Path(__file__).resolve().parents[2] / "benchmarks" / "fuzz.py"
CASES = Path(__file__).parent / "cases"


@pytest.mark.skipif(sys.platform != "linux", reason="memory and time are watched by /proc")
def test_whatever_is_read_is_read_or_refused(tmp_path):
    """In a process of its own: it forks, and what crashes must not take the tests along."""
    call = [str(FUZZ), "--replay", str(CASES), "--cases", "12000", "--seed", str(SEED), "--keep", str(tmp_path)]
    done = subprocess.run([sys.executable, *call], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(call)}\n{done.stderr[-20_000:]}\n{done.stdout}"

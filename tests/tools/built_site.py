"""The documentation site, built once for all processes of a test session."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from filelock import FileLock

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def site(tmp_path_factory) -> Path:
    """Folder of the pages, by what `make docs` calls, with the chapters of the course as they are."""
    for package in ("myst_nb", "furo"):
        pytest.importorskip(package, reason="the extra docs is not installed")
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "site"
    failed = folder.with_suffix(".failed")
    with FileLock(f"{folder}.lock"):
        assert not failed.exists(), failed.read_text()
        if not (folder / "index.html").exists():
            command = [sys.executable, str(ROOT / "docs" / "make.py"), "--no-course", "--out", str(folder)]
            built = subprocess.run(command, capture_output=True, text=True, timeout=280)
            if built.returncode or "WARNING:" in built.stderr:
                failed.write_text(built.stdout + built.stderr[-4000:])
                pytest.fail(failed.read_text())
            assert built.stdout == f"open {folder / 'index.html'}\n"
    return folder

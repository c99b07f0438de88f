"""The committed page is what its committed sources build."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCES, PAGE = ROOT / "web" / "explorer", ROOT / "src" / "selfsup" / "explorer" / "page"


def test_the_bundle_was_built_of_these_sources() -> None:
    paths = [path.relative_to(SOURCES).as_posix() for path in (SOURCES / "src").rglob("*") if path.is_file()]
    digest = hashlib.sha256()
    for path in sorted([*paths, "package-lock.json"]):
        digest.update(path.encode() + b"\0" + (SOURCES / path).read_bytes() + b"\0")
    banner = (PAGE / "explorer.js").read_text(encoding="utf-8").split("\n", 1)[0]
    assert f"sha256 {digest.hexdigest()};" in banner, "run: cd web/explorer && npm ci && npm run build"


def test_the_lock_names_no_registry_and_every_licence_is_there() -> None:
    lock = (SOURCES / "package-lock.json").read_text(encoding="utf-8")
    assert "resolved" not in lock
    assert "http" not in re.sub(r'"url": "[^"]*"', "", lock)  # addresses to give money to are no registries
    licences = (PAGE / "LICENSES.txt").read_text(encoding="utf-8")
    for name in ("regl-scatterplot 1.16.0", "regl 2.1.1", "gl-matrix", "earcut", "KDBush"):
        assert name in licences

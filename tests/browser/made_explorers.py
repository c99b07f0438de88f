"""Explorers of every kind of data, and their pages as one file, as a folder and served."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from browsing import opened
from made_pages import EVIL, photos, table

import selfsup
from biased import biased_vectors
from selfsup import bias
from selfsup.explorer import document
from selfsup.explorer.explorer import Explorer
from selfsup.explorer.scene import Scene
from selfsup.explorer.server import Server
from selfsup.words import WordVectors

WORDS = 1_500
FILES = ("<img src=x onerror=alert(1)>.png", '"><b id=injected>.png', "\u202egnp.exe.png", "=1+1,x.png")


def _photos(folder: Path) -> Explorer:
    made = photos(folder, 600, 16)
    for name in FILES:
        shutil.copy(made / "negative" / "1.png", made / "negative" / name)
    return selfsup.explore(made, map="pca")


def _table(folder: Path) -> Explorer:
    table().to_csv(folder / "table.csv", index=False)
    return selfsup.explore(folder / "table.csv", map="tsne")


def _words(folder: Path) -> Explorer:
    known = biased_vectors()
    rows = np.vstack([known.vectors_of(known.words[:WORDS]), np.eye(len(EVIL), known.dim)])
    before = WordVectors([*known.words[:WORDS], *EVIL], rows.astype(np.float32))
    after, _ = bias.hard_debias(before, bias.direction(before, "gender"))
    return selfsup.explore(before, beside=after, map="pca")


MAKERS: dict[str, Callable[[Path], Explorer]] = {
    "photos": _photos,
    "table": _table,
    "words": _words,
}


@dataclass
class Explored:
    """A scene, and where its page is."""

    scene: Scene
    file: Path
    folder: Path

    @cache  # noqa: B019
    def unit(self, space: int = 0) -> np.ndarray:
        """Vectors (n, d) of length 1, in full precision."""
        rows = np.asarray(self.scene.spaces[space].vectors, np.float64)
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)

    __hash__ = object.__hash__

    def at(self, name: str) -> int:
        return list(self.scene.names).index(name)

    @contextmanager
    def on(self, browser, delivery: str = "file", more: str = "", **how):
        """The page, ready to be asked, with all that is heard from it."""
        server = Server(self.scene) if delivery == "server" else None
        try:
            if server:
                server.start()
            address = server.address if server else {"file": self.file, "folder": self.folder}[delivery].as_uri()
            with opened(browser, address + more, **how) as heard:
                heard.page.evaluate("selfsupExplorer.ready")
                yield heard
        finally:
            if server:
                server.stop()


@pytest.fixture(scope="session")
def explored(tmp_path_factory):
    """Gives the `Explored` of a name of `MAKERS`."""

    @cache
    def make(name: str) -> Explored:
        root = tmp_path_factory.mktemp(name)
        scene = document.settled(MAKERS[name](root).scene)
        file, folder = (document.write(scene, root / place) for place in ("page.html", "page"))
        return Explored(scene, file, folder / "index.html")

    return make

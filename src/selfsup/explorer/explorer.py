"""What `selfsup.explore` gives: a page that is saved, served, or shown in a notebook."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from html import escape
from pathlib import Path

from selfsup.explorer import document, server
from selfsup.explorer.scene import Scene

HIGH = 640  # pixels of the frame in a notebook
LARGE = 20_000_000  # bytes of vectors from which on a notebook is told that it grows
log = logging.getLogger("selfsup")


class Explorer:
    """A page on vectors of words, images, rows or texts: a map, neighbours, axes of one's own.

    Attributes
    ----------
    scene : Scene
        What the page shows: points, their names, vectors, columns and planes.
    path : Path or None
        Where it was saved.
    """

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.path: Path | None = None

    def __len__(self) -> int:
        return len(self.scene)

    def __repr__(self) -> str:
        planes = ", ".join(dict.fromkeys(plane.name for plane in self.scene.planes))
        points = f"{len(self):,} {self.scene.sample if len(self) == 1 else self.scene.samples}"
        return f"<selfsup.Explorer {self.scene.title}: {points}, {planes}>"

    def save(self, path: str | Path, *, overwrite: bool = False) -> Path:
        """Write the page: one file that ends in .html, or else a folder with an ``index.html``; both open without a server.

        Parameters
        ----------
        path
            File or folder.
        overwrite
            Replace it, where it is such a page.

        Returns
        -------
        Path
            What was written.

        Raises
        ------
        RunError
            If it is there and may not be replaced, or cannot be written.
        """
        self.path = document.write(self.scene, Path(path), overwrite=overwrite)
        return self.path

    def serve(self, port: int = 0, *, open_browser: bool = True, ready: Callable[[str], object] | None = None) -> None:
        """Serve the page to this computer alone until Ctrl-C; what takes long to place is computed meanwhile.

        Parameters
        ----------
        port
            From 0 (any that is free) to 65535.
        open_browser
            Open the page in the browser.
        ready
            Is told the address; by default it is logged.

        Raises
        ------
        RunError
            If the port is in use.
        """
        server.serve(self.scene, port, open_browser, ready or partial(log.info, "%s"))

    def _repr_html_(self) -> str:
        """The page in a frame, which reaches nothing around it."""
        if (size := sum(space.vectors.size for space in self.scene.spaces)) > LARGE:
            log.warning(
                "the page adds %.0f MB to this notebook; give limit=, or save it beside: .save('page.html')",
                size / 7.5e5,
            )
        page = escape(document.html(self.scene), quote=True)
        return (
            f'<iframe title="{escape(self.scene.title, quote=True)}" sandbox="allow-scripts allow-downloads" srcdoc="{page}" '
            f'style="width: 100%; height: {HIGH}px; border: 0"></iframe>'
        )

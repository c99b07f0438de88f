"""What a chapter of the course is made of: its notebook, its exercise, its solution. `run.py` and the tests read it here."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import NamedTuple

import matplotlib.font_manager  # noqa: F401, makes its list of fonts before the kernels do, two at a time and loudly
import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbformat import NotebookNode

COURSE = Path(__file__).resolve().parent
BROKEN = (CellExecutionError, CellTimeoutError, DeadKernelError)
KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}
LONGEST = 300  # seconds that a cell may take
COLOURS = re.compile(r"\x1b\[[0-9;]*m")


class Chapter(NamedTuple):
    """A notebook ``NN-name.ipynb`` of the folder."""

    path: Path

    @property
    def name(self) -> str:
        """NN-name."""
        return self.path.stem

    @property
    def number(self) -> str:
        """NN."""
        return self.name[:2]

    @property
    def solution(self) -> str:
        """The cell that solves the exercise."""
        return (COURSE / "solutions" / f"{self.name}.py").read_text(encoding="utf-8").rstrip("\n")

    def read(self) -> NotebookNode:
        """The notebook, as the student gets it."""
        return nbformat.read(self.path, as_version=4)


def chapters(only: str = "") -> list[Chapter]:
    """All chapters in their order, or those whose name begins so."""
    found = [Chapter(path) for path in sorted(COURSE.glob("[0-9][0-9]-*.ipynb"))]
    return [chapter for chapter in found if chapter.name.startswith(only)]


def tagged(book: NotebookNode, tag: str) -> list[int]:
    """Places of the cells with this tag."""
    return [place for place, cell in enumerate(book.cells) if tag in cell.metadata.get("tags", [])]


def client(book: NotebookNode) -> NotebookClient:
    """Who executes a notebook: in the folder of the course, on one thread."""
    # the kernel is a process of its own and inherits this; with more threads two chapters would wait for each other
    os.environ.update(OMP_NUM_THREADS="1", PYDEVD_DISABLE_FILE_VALIDATION="1")
    return NotebookClient(
        book,
        timeout=LONGEST,
        kernel_name="python3",
        resources={"metadata": {"path": str(COURSE)}},
        extra_arguments=["--IPKernelApp.log_level=40"],  # errors only
    )


def tidy(book: NotebookNode, number: str) -> NotebookNode:
    """Without outputs and what an editor leaves behind, with ids that follow from the place of a cell."""
    book.metadata = NotebookNode(kernelspec=KERNEL, language_info={"name": "python"})
    book.nbformat, book.nbformat_minor = 4, 5
    for place, cell in enumerate(book.cells):
        tags = cell.metadata.get("tags", [])
        cell.id, cell.metadata = f"c{number}-{place:02d}", NotebookNode({"tags": tags} if tags else {})
        cell.source = cell.source.rstrip("\n")
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    return book


def write(book: NotebookNode, path: Path) -> None:
    """As JSON with an indent of one, UTF-8, and a line's end at the end."""
    nbformat.validate(book)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(nbformat.writes(book, version=4, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")

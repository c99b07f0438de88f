"""Run the course: every chapter, with its solution in the place of the exercise. `make course` calls this.

python course/run.py              all chapters, two at a time; executed copies in build/course
python course/run.py --only 03    one of them
python course/run.py --tidy       take outputs and an editor's traces out of the notebooks; nothing is run
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from pathlib import Path

from chapters import BROKEN, COLOURS, COURSE, Chapter, chapters, client, tagged, tidy, write
from nbformat import NotebookNode

AT_ONCE = 2
SEEN = "**To be seen.**"  # begins the description below a picture


def main(arguments: list[str] | None = None) -> int:
    """Run what is asked for; 0 if nothing failed."""
    parser = argparse.ArgumentParser(prog="course/run.py", description="Run the chapters of the course.")
    parser.add_argument("--only", default="", metavar="NN", help="only the chapters whose name begins so")
    parser.add_argument("--out", type=Path, default=COURSE.parent / "build" / "course", help="where executed copies go")
    parser.add_argument("--tidy", action="store_true", help="clean the notebooks instead of running them")
    options = parser.parse_args(arguments)
    found = chapters(options.only)
    if not found:
        names = ", ".join(chapter.name for chapter in chapters())
        print(f"no chapter begins with '{options.only}'; there are {names or 'none'}", file=sys.stderr)
        return 2
    if options.tidy:
        for chapter in found:
            write(tidy(chapter.read(), chapter.number), chapter.path)
        return 0
    return asyncio.run(run_all(found, options.out))


async def run_all(found: list[Chapter], out: Path) -> int:
    """Two at a time, a line each as it ends."""
    start, gate = time.monotonic(), asyncio.Semaphore(AT_ONCE)

    async def one(chapter: Chapter) -> str:
        async with gate:
            began = time.monotonic()
            words = await run(chapter, out)
            print(f"{chapter.name:<28} {time.monotonic() - began:6.1f} s  {words}", flush=True)
            return words

    said = await asyncio.gather(*(one(chapter) for chapter in found))
    failed, skipped = (sum(words.startswith(word) for words in said) for word in ("FAILED", "skipped"))
    ran = len(said) - failed - skipped
    print(f"{ran} ran, {skipped} skipped, {failed} failed, {time.monotonic() - start:.0f} s; copies in {out}")
    return int(failed > 0)


async def run(chapter: Chapter, out: Path) -> str:
    """Execute a chapter with its solution, write the copy, and say how it went."""
    book = chapter.read()
    exercise = tagged(book, "exercise")[0]
    starter, book.cells[exercise].source = book.cells[exercise].source, chapter.solution
    try:
        await client(book).async_execute()
    except BROKEN as error:
        return failure(book, error)
    write(copy(book, exercise, starter), out / chapter.path.name)
    return "ok"


def failure(book: NotebookNode, error: Exception) -> str:
    """The cell and the error in short; data that are missing are no failure."""
    kind, words = getattr(error, "ename", type(error).__name__), getattr(error, "evalue", str(error))
    words = COLOURS.sub("", words).strip()
    if kind == "Missing":
        return f"skipped: {words}"
    begun = [place for place, cell in enumerate(book.cells) if cell.get("execution_count")]
    last = begun[-1] if begun else 0
    line = next((line for line in book.cells[last].source.splitlines() if line.strip()), "")
    return f"FAILED in cell {last + 1} ({line.strip()[:70]}): {kind}: {words[:600]}"


def copy(book: NotebookNode, exercise: int, starter: str) -> NotebookNode:
    """For the documentation: the exercise open again, and each picture with the description below it as its text."""
    book.cells[exercise].source = starter
    for place in (exercise, *tagged(book, "check")):
        book.cells[place].outputs = []
    for place in tagged(book, "picture"):
        below = book.cells[place + 1].source.removeprefix(SEEN)
        book.cells[place].metadata["mystnb"] = {"image": {"alt": " ".join(below.split())}}
    for cell in book.cells:
        cell.metadata.pop("execution", None)  # times of the day
    return book


if __name__ == "__main__":
    raise SystemExit(main())

"""Build the documentation site: `make docs` calls this.

python docs/make.py                     build/site/index.html; runs the course before, if it has changed since it was run
python docs/make.py --no-course         the same, with the course as it is: executed chapters where there are some
python docs/make.py --links             ask whether the addresses of other sites still answer (needs a network)
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DOCS, COURSE = ROOT / "docs", ROOT / "course"
LONGEST = 200  # seconds that the course may take
NOT_RUN = "**Not executed.** The outputs of this chapter are missing here: no data, or it was not run (`make course`)."
CHAPTERS = "\n```{toctree}\n:glob:\n:maxdepth: 1\n:caption: Chapters\n\n*\n```\n"  # below the course's own page


def main(arguments: list[str] | None = None) -> int:
    """Gather the sources and let Sphinx build the pages; 0 if there was no warning."""
    parser = argparse.ArgumentParser(prog="docs/make.py", description="Build the documentation site.")
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "site", help="folder of the pages")
    parser.add_argument("--no-course", action="store_true", help="do not run the course")
    parser.add_argument("--links", action="store_true", help="check the addresses of other sites instead")
    options = parser.parse_args(arguments)
    ran = ROOT / "build" / "course"
    if not options.no_course and not options.links:
        run_course(ran)
    sources = options.out.with_name(options.out.name + "-source")
    gather(sources, ran)
    builder = "linkcheck" if options.links else "html"
    out = options.out.with_name("links") if options.links else options.out
    strict = [] if options.links else ["-n", "-W", "--keep-going"]
    doctrees = ["-d", str(options.out.with_name(options.out.name + "-doctrees"))]
    command = ["-m", "sphinx", "-b", builder, "-c", str(DOCS), *strict, *doctrees, "-q", str(sources), str(out)]
    code = subprocess.run([sys.executable, *command], cwd=ROOT, check=False).returncode
    if code == 0 and not options.links:
        print(f"open {out / 'index.html'}")
    return code


def run_course(ran: Path) -> None:
    """Execute the chapters if one of their sources is newer than the last time; what cannot be run is shown as it is."""
    stamp = ran / "ran"
    newest = max((file.stat().st_mtime for file in COURSE.rglob("*") if file.is_file()), default=0.0)
    if stamp.exists() and stamp.stat().st_mtime >= newest:
        return
    try:
        subprocess.run([sys.executable, str(COURSE / "run.py")], cwd=ROOT, timeout=LONGEST, check=False)
    except subprocess.TimeoutExpired:
        print(
            f"the course took more than {LONGEST} s: the chapters that are missing are shown unexecuted",
            file=sys.stderr,
        )
        return
    ran.mkdir(parents=True, exist_ok=True)
    stamp.touch()


def gather(sources: Path, ran: Path) -> None:
    """Lay out what Sphinx reads: the pages of docs/, the two of the root, the course, and the help of the command line."""
    pages = {file: file.relative_to(DOCS) for file in DOCS.rglob("*") if file.suffix in (".md", ".png", ".svg")}
    pages[DOCS / "search.md"] = Path("searching.md")  # search.html is Sphinx's own
    pages |= {ROOT / f"{name.upper()}.md": Path(f"{name}.md") for name in ("contributing", "changelog")}
    pages |= {file: Path("course") / file.name for file in COURSE.glob("[0-9][0-9]-*.ipynb")}
    pages |= {file: Path("course") / file.name for file in COURSE.glob("*.md")}
    pages |= {COURSE / "README.md": Path("course/index.md")}
    made = {Path(name): text.encode() for name, text in command_line().items()}
    for file, place in pages.items():
        if file.suffix == ".ipynb":
            made[place] = chapter(file, ran / file.name).encode()
        elif file.suffix == ".md":
            made[place] = linked(file, sources / place, {f: sources / p for f, p in pages.items()}).encode()
        else:
            made[place] = file.read_bytes()
    made[Path("course/index.md")] += CHAPTERS.encode()
    for old in sources.rglob("*"):
        if old.is_file() and old.relative_to(sources) not in made:
            old.unlink()
    for place, content in made.items():
        if not (sources / place).exists() or (sources / place).read_bytes() != content:  # Sphinx looks at the time
            (sources / place).parent.mkdir(parents=True, exist_ok=True)
            (sources / place).write_bytes(content)


def linked(file: Path, place: Path, pages: dict[Path, Path]) -> str:
    """Text of a page whose links lead from its new place to the same pages, or to files of the repository."""

    def lead(found: re.Match[str]) -> str:
        target, anchor = found["target"], found["anchor"] or ""
        there = (file.parent / target).resolve()
        if ":" in target or not there.exists():
            return found.group()
        if there == ROOT / "README.md":
            there = DOCS / "index.md"
        return f"]({os.path.relpath(pages.get(there, there), place.parent)}{anchor})"

    return re.sub(r"\]\((?P<target>[^)#\s]+)(?P<anchor>#[^)\s]*)?\)", lead, file.read_text(encoding="utf-8"))


def chapter(source: Path, executed: Path) -> str:
    """A chapter with its outputs; without them, where it was not run since it was written, and that is said."""
    if executed.exists() and executed.stat().st_mtime >= source.stat().st_mtime:
        return executed.read_text(encoding="utf-8")
    book = json.loads(source.read_text(encoding="utf-8"))
    book["cells"].insert(1, {"cell_type": "markdown", "id": "not-run", "metadata": {}, "source": NOT_RUN})
    return json.dumps(book)


def command_line() -> dict[str, str]:
    """A page for every verb, with its help as the parser writes it."""
    os.environ["COLUMNS"] = "100"
    from selfsup.cli.bias import USAGE as BIAS, VERBS as BIAS_VERBS
    from selfsup.cli.bias.order import Second
    from selfsup.cli.main import USAGE, VERBS
    from selfsup.cli.parser import Parser
    from selfsup.cli.words import USAGE as WORDS, VERBS as WORDS_VERBS
    from selfsup.methods import REGISTERED

    helps = {name: Parser(name, verb, more([])).format_help() for name, (verb, more) in VERBS.items()}
    helps |= {f"words {name}": Parser(f"words {name}", verb, []).format_help() for name, verb in WORDS_VERBS.items()}
    helps |= {f"bias {name}": Second(name, verb).format_help() for name, verb in BIAS_VERBS.items()}
    pages = {f"cli/{name.replace(' ', '-')}.md": f"# selfsup {name}\n\n{block(text)}" for name, text in helps.items()}
    fit, options = VERBS["fit"]
    for method in sorted(REGISTERED):
        text = Parser("fit", fit, options(["--method", method])).format_help()
        own = text[text.index(f"\nmethod {method}:") : text.index("\nrun:")]  # data and run are the same for all
        pages["cli/fit.md"] += f"\n## `--method {method}`\n\n{block(own.strip())}"
    return pages | {"cli/usage.txt": "\n\n".join([USAGE, WORDS, BIAS]) + "\n"}


def block(text: str) -> str:
    """What a terminal shows."""
    return f"```text\n{text.rstrip()}\n```\n"


if __name__ == "__main__":
    raise SystemExit(main())

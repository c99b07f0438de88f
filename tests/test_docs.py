"""Every example that is printed in the README and the docs runs, in the order of the page."""

import re
import shlex
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from biased import biased_vectors
from conftest import pictures
from selfsup.cli.main import main
from selfsup.words import WordVectors

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(), re.S | re.M)


@pytest.fixture
def users_folder(tmp_path, monkeypatch):
    """What the README's user has: photos in folders by class, a table, a text, word vectors, and the repository's examples."""
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    for number, image in enumerate(pictures(40, 3, 20, 24)):
        folder = tmp_path / "photos" / ("cats" if number % 2 else "dogs")
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray((image.transpose(1, 2, 0) * 255).astype(np.uint8)).save(folder / f"{number}.png")
    np.savetxt(
        tmp_path / "table.csv",
        np.random.default_rng(0).normal(size=(60, 5)),
        delimiter=",",
        header="a,b,c,d,e",
        comments="",
    )
    rng = np.random.default_rng(0)
    lines = [" ".join(rng.choice(["sea", "ship", "wave", "town", "street", "house"], 12)) for _ in range(200)]
    (tmp_path / "corpus.txt").write_text("\n".join(lines))
    (tmp_path / "pairs.tsv").write_text("sea\tship\t9\nsea\thouse\t1\ntown\tstreet\t8\n")
    opinions = [
        f"{word} {other}"
        for word in ("sea", "ship", "wave", "town", "street", "house")
        for other in ("sea", "town") * 8
    ]
    kinds = ["water" if text.split()[0] in ("sea", "ship", "wave") else "land" for text in opinions]
    rows = [f"{text},{kind}" for text, kind in zip(opinions, kinds, strict=True)]
    (tmp_path / "opinions.csv").write_text("\n".join(["text,label", *rows]))
    some = biased_vectors()
    WordVectors(some.words[:1500], some.vectors[:1500]).save(tmp_path / "vectors.txt")
    (tmp_path / "royalty.json").write_text(blocks(ROOT / "docs" / "bias.md", "json")[0])
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_python_examples_run(users_folder):
    examples = [(page.name, code) for page in PAGES for code in blocks(page, "python")]
    assert examples
    space: dict = {}
    for page, code in examples:
        exec(compile(code, f"<{page}>", "exec"), space)


def test_the_commands_run(users_folder, capsys):
    lines = [line for page in PAGES for block in blocks(page, "sh") for line in block.splitlines()]
    commands = [shlex.split(line, comments=True) for line in lines if line.startswith("selfsup ")]
    assert len(commands) >= 5
    for words in commands:
        assert main([*words[1:]]) == 0, f"{words}: {capsys.readouterr().err}"


def test_the_makefile_has_the_two_commands():
    rules = (ROOT / "Makefile").read_text()
    assert "\ndemo:" in rules
    assert "\ntest:" in rules
    assert "make test" in (ROOT / ".ci" / "run").read_text()


def test_links_between_pages_lead_somewhere():
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#\s]+)\)", page.read_text()):
            if "://" not in target:
                assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_numbers_name_their_command():
    """A table of figures in the README stands under the command that prints it."""
    text = (ROOT / "README.md").read_text()
    for table in re.finditer(r"(?:^\|.*\|\n)+", text, re.M):
        if re.search(r"\d\.\d", table.group()):
            before = text[max(0, table.start() - 400) : table.start()]
            assert "benchmarks/" in before or "make demo" in before, table.group()[:80]

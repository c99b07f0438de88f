"""The course: every chapter runs, its claim holds, its check takes the solution and nothing else."""

import ast
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("nbclient", reason="the course needs pip install -e '.[course]'")
pytest.importorskip("ipykernel", reason="the course needs pip install -e '.[course]'")

COURSE = Path(__file__).resolve().parents[1] / "course"
WRONG = Path(__file__).resolve().parent / "course_wrong"
sys.path.append(str(COURSE))

import nbformat  # noqa: E402
from chapters import BROKEN, Chapter, chapters, client, tagged, tidy, write  # noqa: E402
from run import SEEN, copy, failure, main  # noqa: E402

CHAPTERS = chapters()
each_chapter = pytest.mark.parametrize("chapter", CHAPTERS, ids=[chapter.name for chapter in CHAPTERS])


def wrong_ones(chapter: Chapter) -> list[tuple[str, str]]:
    """What the check must say of a wrong solution, and the solution."""
    text = (WRONG / f"{chapter.number}.py").read_text(encoding="utf-8")
    parts = re.split(r"^# wrong: (.*)$", text, flags=re.M)
    return list(zip(parts[1::2], parts[2::2], strict=True))


def attempt(source: str, check: str) -> list:
    """Two cells, a try at the exercise and its check, which are let fail."""
    cells = [nbformat.v4.new_code_cell(text) for text in (source, check)]
    cells[1].metadata["tags"] = ["raises-exception"]
    return cells


@pytest.mark.timeout(600)
@each_chapter
def test_chapter_runs_and_its_check_refuses_what_is_wrong(chapter, tmp_path):
    book = chapter.read()
    (exercise,), (check,) = tagged(book, "exercise"), tagged(book, "check")
    starter, checked = book.cells[exercise].source, book.cells[check].source
    book.cells[exercise].source = chapter.solution
    tries = [("not solved yet", starter), *wrong_ones(chapter)]
    assert len(tries) >= 3, "at least two wrong solutions"
    extra = [cell for _, source in tries for cell in attempt(source, checked)]
    book.cells[exercise:exercise] = extra
    try:
        client(book).execute()
    except BROKEN as error:
        said = failure(book, error)
        if said.startswith("skipped"):
            pytest.skip(said)
        pytest.fail(f"{chapter.name}: {said}", pytrace=False)
    for (words, source), cell in zip(tries, extra[1::2], strict=True):
        errors = [out for out in cell.outputs if out.output_type == "error"]
        assert errors, f"the check of {chapter.name} takes this for right:\n{source}"
        assert errors[0].ename in ("AssertionError", "NotImplementedError"), (words, errors[0])
        assert words.strip() in errors[0].evalue, f"it says: {errors[0].evalue}"
    del book.cells[exercise : exercise + len(extra)]
    pictures = [book.cells[place] for place in tagged(book, "picture")]
    assert all(any("image/png" in out.get("data", {}) for out in cell.outputs) for cell in pictures)
    assert not any(
        out.output_type == "error" or out.get("name") == "stderr"
        for cell in book.cells
        for out in cell.get("outputs", [])
    )
    made = copy(book, exercise, starter)
    assert made.cells[exercise].source == starter
    assert all(cell.metadata["mystnb"]["image"]["alt"] for cell in pictures)
    write(made, tmp_path / "copy.ipynb")
    assert str(COURSE.parent) not in (tmp_path / "copy.ipynb").read_text(encoding="utf-8"), "a path of this machine"


@each_chapter
def test_chapter_has_its_parts(chapter):
    book = chapter.read()
    assert chapter.path.read_text(encoding="utf-8") == rendered(book, chapter), "run `python course/run.py --tidy`"
    words = [cell.source for cell in book.cells if cell.cell_type == "markdown"]
    assert re.match(rf"# {int(chapter.number)}\. ", words[0])
    assert "?**" in words[0], "the first cell asks a question, in bold"
    assert any(text.count("$$") >= 2 for text in words), "a formula"
    (exercise,), (check,), (claim,) = (tagged(book, tag) for tag in ("exercise", "check", "claim"))
    assert check == exercise + 1
    assert claim == len(book.cells) - 1
    assert tagged(book, "setup")[0] < exercise
    assert f"from checks.c{chapter.number} import check" in book.cells[check].source
    assert any(isinstance(node, ast.Assert) for node in ast.walk(ast.parse(book.cells[claim].source)))
    pictures = tagged(book, "picture")
    assert pictures
    for place in pictures:
        below = book.cells[place + 1]
        assert below.cell_type == "markdown"
        assert below.source.startswith(SEEN)
        assert len(below.source) > 80, "the text of a picture says what is to be seen"
    assert not re.search(
        r"\.fit\(", "".join(cell.source for cell in book.cells[:exercise] if cell.cell_type == "code")
    ) or any("loss(" in cell.source or "def hide" in cell.source for cell in book.cells if cell.cell_type == "code"), (
        "the contract is not hidden behind fit"
    )


def rendered(book, chapter: Chapter) -> str:
    """The text of a tidy notebook."""
    return nbformat.writes(tidy(book, chapter.number), version=4, indent=1, ensure_ascii=False) + "\n"


def test_solutions_and_checks_belong_to_chapters():
    names = {chapter.name for chapter in CHAPTERS}
    numbers = {chapter.number for chapter in CHAPTERS}
    assert len(numbers) == len(CHAPTERS)
    assert {path.stem for path in (COURSE / "solutions").glob("*.py")} == names
    assert {path.stem[1:] for path in (COURSE / "checks").glob("c[0-9][0-9].py")} == numbers
    assert {path.stem for path in WRONG.glob("*.py")} == numbers
    guide = (COURSE / "TEACHING.md").read_text(encoding="utf-8")
    assert all(f"## {int(number)}. " in guide for number in numbers), (
        "the teacher's page has a paragraph for each chapter"
    )


def test_a_chapter_that_fails_or_lacks_data_is_told(tmp_path):
    book = nbformat.v4.new_notebook()
    book.cells = [nbformat.v4.new_code_cell(text) for text in ("a = 1", "\nassert a == 2, 'a is one'")]
    with pytest.raises(BROKEN) as caught:
        client(book).execute()
    assert failure(book, caught.value) == "FAILED in cell 2 (assert a == 2, 'a is one'): AssertionError: a is one"
    book.cells = [nbformat.v4.new_code_cell("from checks import Missing\nraise Missing('no photographs')")]
    with pytest.raises(BROKEN) as caught:
        client(book).execute()
    assert failure(book, caught.value) == "skipped: no photographs"


def test_an_unknown_chapter_is_named(capsys):
    assert main(["--only", "99"]) == 2
    assert "no chapter begins with '99'" in capsys.readouterr().err


def test_run_py_writes_an_executed_copy_with_the_exercise_open(tmp_path):
    command = [sys.executable, str(COURSE / "run.py"), "--only", "01", "--out", str(tmp_path)]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stdout + found.stderr
    assert "1 ran, 0 skipped, 0 failed" in found.stdout
    book = json.loads((tmp_path / CHAPTERS[0].path.name).read_text(encoding="utf-8"))
    by_tag = {tag: cell for cell in book["cells"] for tag in cell["metadata"].get("tags", [])}
    assert "not solved yet" in "".join(by_tag["exercise"]["source"])
    assert by_tag["exercise"]["outputs"] == by_tag["check"]["outputs"] == []
    assert by_tag["claim"]["execution_count"]

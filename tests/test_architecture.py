"""Who may import whom: the table of docs/architecture.md, read from there, so that the two cannot drift apart."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "src" / "selfsup"


def allowed() -> dict[str, set[str] | None]:
    """Room -> rooms it may import; None is everything."""
    rooms: dict[str, set[str] | None] = {}
    for line in (ROOT / "docs" / "architecture.md").read_text().splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if len(cells) != 3 or not cells[0].startswith("`"):
            continue
        names = [name.removesuffix(".py").rstrip("/") for name in re.findall(r"`([^`]+)`", cells[0])]
        may = None if cells[2].startswith("everything") else set(re.findall(r"`([^`]+)`", cells[2]))
        for name in names:
            rooms[name] = may
    return rooms


def room(path: Path) -> str:
    return path.relative_to(SOURCE).parts[0].removesuffix(".py")


def imports(path: Path) -> set[str]:
    """Rooms of selfsup that a file imports, in a function or at its top; what is for type checking only does not count."""
    found: set[str] = set()
    tree = ast.parse(path.read_text("utf8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and getattr(node.test, "id", "") == "TYPE_CHECKING":
            node.body = []
    for node in ast.walk(tree):
        names = []
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "selfsup":
            names = [node.module] if "." in node.module else [f"selfsup.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names if alias.name.startswith("selfsup.")]
        found |= {name.split(".")[1] for name in names}
    return found


FILES = [path for path in sorted(SOURCE.rglob("*.py")) if path.name != "__init__.py" or path.parent != SOURCE]


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_a_room_imports_only_what_the_table_allows(path):
    rooms = allowed()
    here = room(path)
    assert here in rooms, f"{here} is not in the table of docs/architecture.md"
    may = rooms[here]
    if may is not None:
        beyond = imports(path) - may - {here, "errors", "__version__"}
        assert not beyond, f"{here} may not import {', '.join(sorted(beyond))}"
    assert here == "__main__" or "cli" not in imports(path) - {here}, "nobody imports the command line"


def test_the_table_names_only_rooms_that_exist():
    there = {room(path) for path in FILES}
    assert set(allowed()) == there


def test_evaluation_never_names_a_method():
    for path in (SOURCE / "evaluation").rglob("*.py"):
        assert "method" not in imports(path) | {"methods"} & imports(path)


def test_import_does_nothing():
    code = (
        "import sys, threading, logging; before = len(logging.root.handlers); import selfsup; "
        "heavy = {'torch', 'numpy', 'sklearn', 'datasets', 'accelerate', 'pandas'} & set(sys.modules); "
        "assert not heavy, heavy; assert threading.active_count() == 1; assert len(logging.root.handlers) == before"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_library_never_prints():
    for path in FILES:
        if room(path) == "cli":
            continue
        calls = [node for node in ast.walk(ast.parse(path.read_text("utf8"))) if isinstance(node, ast.Call)]
        assert not [call for call in calls if getattr(call.func, "id", "") == "print"], path


def test_nothing_is_unpickled():
    """Files from strangers are never unpickled or executed."""
    bad = {"pickle", "dill", "cloudpickle", "joblib", "marshal", "shelve"}
    for path in FILES:
        text = path.read_text("utf8")
        for node in ast.walk(ast.parse(text)):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not bad & {name.split(".")[0] for name in names}, path
            if isinstance(node, ast.Call):
                called = ast.unparse(node.func)
                assert called not in ("eval", "exec", "torch.load"), f"{path}: {called}"
                if called.endswith("np.load"):
                    assert "allow_pickle=False" in ast.unparse(node), path

"""How the house is built, file by file. The order of its rooms is read from docs/architecture.md: the two cannot drift apart."""

import ast
import re
import subprocess
import sys
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from selfsup.methods import REGISTERED
from selfsup.solvers import REGISTERED as SOLVERS

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "src" / "selfsup"
FILES = sorted(SOURCE.rglob("*.py"))
REGISTRIES = (
    "methods",
    "solvers",
    "measures",
    "report/sections",
    "words/formats",
)  # whose __init__ holds more than names
HEAVY = {
    "PIL", "datasets", "huggingface_hub", "jinja2", "matplotlib", "numba", "onnx", "onnxruntime", "pandas", "pyarrow", "scipy",
    "sklearn", "torch",
}  # fmt: skip


def name_of(path: Path) -> str:
    return path.relative_to(SOURCE).as_posix()


def room(path: Path) -> str:
    return path.relative_to(SOURCE).parts[0].removesuffix(".py")


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf8"))


@cache
def allowed() -> dict[str, set[str]]:
    """Room -> rooms that its files may import."""
    block = re.search(r"```rooms\n(.*?)```", (ROOT / "docs" / "architecture.md").read_text("utf8"), re.DOTALL)
    assert block, "docs/architecture.md has no block of rooms"
    above: set[str] = set()
    found: dict[str, set[str]] = {}
    for line in block[1].splitlines():
        rooms, _, exceptions = re.sub(r"  +", "\t", line).partition("\t")
        here = re.split(r"[ ,+]+", rooms.strip())
        for each in here:
            found[each] = above | (set(here) if "+" in rooms else {each})
        for exception in filter(None, exceptions.strip().split("; ")):
            who, never = exception.split(" never: ")
            found[who] -= set(never.split(", "))
        above |= set(here)
    return found


def module_file(module: str) -> Path | None:
    """The file of a module of selfsup, or None if there is none of that name."""
    path = SOURCE.joinpath(*module.split(".")[1:])
    for file in (path.with_name(path.name + ".py"), path / "__init__.py"):
        if module.split(".")[0] == "selfsup" and file.is_file():
            return file
    return None


def imported(node: ast.AST) -> list[Path]:
    """Files of selfsup that an import names: of ``from selfsup.data import hub`` the module, not the room."""
    if isinstance(node, ast.Import):
        found = [module_file(alias.name) for alias in node.names]
    elif isinstance(node, ast.ImportFrom):
        found = [module_file(f"{node.module}.{alias.name}") or module_file(str(node.module)) for alias in node.names]
    else:
        found = []
    return [file for file in found if file is not None]


@cache
def edges(path: Path) -> set[Path]:
    """Files that a file imports: at its top, in functions, and for annotations."""
    return {file for node in ast.walk(tree(path)) for file in imported(node)} - {path}


def late(path: Path) -> list[ast.Import | ast.ImportFrom]:
    """Imports inside functions."""
    functions = [n for n in ast.walk(tree(path)) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)]
    return [n for f in functions for n in ast.walk(f) if isinstance(n, ast.Import | ast.ImportFrom)]


def code_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of a function without its docstring."""
    body = function.body[1:] if ast.get_docstring(function) else function.body
    return (function.end_lineno or 0) - body[0].lineno + 1 if body else 0


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_a_file_imports_only_leftward(path):
    assert room(path) in allowed(), f"{room(path)} is not among the rooms of docs/architecture.md"
    beyond = sorted(name_of(file) for file in edges(path) if room(file) not in allowed()[room(path)])
    assert not beyond, f"{name_of(path)} may not import {', '.join(beyond)}"


def test_the_rooms_are_those_of_the_document():
    assert set(allowed()) == {room(path) for path in FILES}


def test_no_circles_between_files():
    try:
        TopologicalSorter({path: edges(path) for path in FILES}).prepare()
    except CycleError as error:
        pytest.fail(" <- ".join(map(name_of, error.args[1])))


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_imports_inside_functions(path):
    """Of our own only in `__init__`, at the door of the data and in the command line; of others nowhere: `lazy` has them."""
    ours = [ast.unparse(node) for node in late(path) if imported(node)]
    if path.name != "__init__.py" and name_of(path) != "data/open.py" and room(path) != "cli":
        assert not ours
    names = [alias.name for node in late(path) if isinstance(node, ast.Import) for alias in node.names]
    names += [str(node.module) for node in late(path) if isinstance(node, ast.ImportFrom)]
    foreign = {name.split(".")[0] for name in names} - sys.stdlib_module_names - {"selfsup"}
    assert not foreign, f"{name_of(path)}: import {', '.join(sorted(foreign))} by selfsup.lazy"


def test_a_room_hands_on_names_and_nothing_else():
    for path in FILES:
        if path.name == "__init__.py" and path.parent != SOURCE and name_of(path.parent) not in REGISTRIES:
            made = [n.name for n in tree(path).body if isinstance(n, ast.FunctionDef | ast.ClassDef)]
            assert set(made) <= {"__getattr__", "__dir__"}, name_of(path)


def test_every_folder_is_a_package_and_few_files_are_loose():
    assert all((path.parent / "__init__.py").is_file() for path in FILES)
    assert len(list(SOURCE.glob("*.py"))) <= 8


def test_no_class_of_a_method_is_named_outside_its_room():
    classes = {path.split(":")[1] for path in REGISTERED.values()} | {"AutoEncoder"}
    for path in FILES:
        if room(path) != "methods":
            names = {n.id for n in ast.walk(tree(path)) if isinstance(n, ast.Name)}
            names |= {n.name for n in ast.walk(tree(path)) if isinstance(n, ast.alias)}
            assert not names & classes, name_of(path)


@pytest.mark.parametrize(
    "path", [p for p in FILES if room(p) in ("training", "model", "report", "measures", "cli")], ids=name_of
)
def test_no_kind_method_or_solver_is_known_by_name(path):
    """No comparison with one, in a tuple or a match neither; none is the key of a table, nor are kinds its keys."""
    kinds, words = {"image", "table", "text"}, {*REGISTERED, *SOLVERS}
    if path.name == "svg.py":
        kinds = kinds - {"text"}  # an element of SVG is called so
    found = []
    for node in ast.walk(tree(path)):
        parts: list[ast.expr | None] = []
        if isinstance(node, ast.Compare):
            parts = [node.left, *node.comparators]
        elif isinstance(node, ast.MatchValue):
            parts = [node.value]
        elif isinstance(node, ast.Dict):
            parts = list(node.keys)
        parts = [e for p in parts for e in (p.elts if isinstance(p, ast.Tuple | ast.List | ast.Set) else [p])]
        said = {p.value for p in parts if isinstance(p, ast.Constant) and isinstance(p.value, str)}
        if said & words or len(said & kinds) > isinstance(node, ast.Dict):  # one kind may be the key of something else
            found.append(f"line {getattr(node, 'lineno', '?')}: {ast.unparse(node)[:90]}")
    assert not found, f"{name_of(path)} knows by name: {found}"


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_files_and_functions_are_short(path):
    assert len(path.read_text("utf8").splitlines()) <= 400
    functions = [n for n in ast.walk(tree(path)) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)]
    long = {f"{f.name}: {code_lines(f)} lines" for f in functions if code_lines(f) > 60}
    assert not long


NEEDS = {  # public name -> heavy packages that it may load
    "": set(),
    "SelfsupError": set(),
    "WordVectors": set(),
    "Evaluation": set(),
    "methods": set(),
    "Method": {"torch"},
    "Model": {"torch"},
    "load": {"torch"},
    "fit": {"torch"},
    "evaluate": {"torch"},
}


@pytest.mark.parametrize("name", NEEDS)
def test_a_public_name_loads_only_what_it_needs(name):
    unwanted = HEAVY - NEEDS[name]
    numpy = "'numpy'" if name in ("", "SelfsupError") else ""
    code = (
        "import sys, threading, logging; before = len(logging.root.handlers); import selfsup; "
        f"{f'selfsup.{name}' if name else 'pass'}; loaded = ({unwanted!r} | {{{numpy}}}) & set(sys.modules); "
        "assert not loaded, loaded; assert threading.active_count() == 1; assert len(logging.root.handlers) == before"
    ).replace("{}", "set()")
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr.strip().splitlines()[-1]


def test_the_library_never_prints():
    for path in FILES:
        if room(path) != "cli":
            calls = [node for node in ast.walk(tree(path)) if isinstance(node, ast.Call)]
            assert not [call for call in calls if getattr(call.func, "id", "") == "print"], name_of(path)


def test_nothing_is_unpickled():
    """Files from strangers are never unpickled or executed."""
    bad = {"pickle", "dill", "cloudpickle", "joblib", "marshal", "shelve"}
    for path in FILES:
        for node in ast.walk(tree(path)):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not bad & {name.split(".")[0] for name in names}, name_of(path)
            if isinstance(node, ast.Call):
                called = ast.unparse(node.func)
                assert called not in ("eval", "exec", "torch.load"), f"{name_of(path)}: {called}"
                if called.endswith("np.load"):
                    assert "allow_pickle=False" in ast.unparse(node), name_of(path)

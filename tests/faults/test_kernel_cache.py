"""Compiled kernels on disk: what is damaged is compiled anew with one line, and nobody but the user can write there."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

MODULE = """
import logging
logging.basicConfig(format="%(message)s")
from selfsup.system import kernels

@kernels.compiled()
def twice(x):
    return {factor} * x

@kernels.compiled()
def more(x):
    return twice(x) + 1

def main():  # not while it is imported: another thread compiles, and asks for the module
    print(more(3), more(1.5))
"""


@pytest.fixture
def run(tmp_path):
    """Runs a module with two small kernels, each for two types, in a process and a cache of its own.

    Gives what it printed, what was said of the cache, how many files were loaded and how many written.
    """
    module, before = tmp_path / "kernel.py", {}

    def call(factor=2, **env):
        module.write_text(MODULE.format(factor=factor))
        own = {"SELFSUP_CACHE": str(tmp_path / "cache"), "NUMBA_CACHE_DIR": "", "NUMBA_DEBUG_CACHE": "1", **env}
        code = [sys.executable, "-c", "import kernel; kernel.main()"]
        done = subprocess.run(code, cwd=tmp_path, env=os.environ | own, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        lines = done.stdout.splitlines()
        now = {path: path.stat().st_mtime_ns for path in call.files()}
        written = sum(before.get(path) != changed for path, changed in now.items())
        before.update(now)
        told = [line for line in done.stderr.splitlines() if "compiled" in line]
        return lines[-1], told, sum("data loaded" in line for line in lines), written

    call.files = lambda: sorted((tmp_path / "cache" / "kernels").glob("*.nbc"))
    return call


def flipped(content, rng):
    made = bytearray(content)
    for place in rng.integers(0, len(made), 6):
        made[place] ^= 1 << int(rng.integers(8))
    return bytes(made)


DAMAGE = {
    "empty": lambda content, rng: b"",
    "halved": lambda content, rng: content[: len(content) // 2],
    "flipped": flipped,
    "zeroed": lambda content, rng: bytes(len(content)),
    "longer": lambda content, rng: content + b"x",
}


def test_damaged_code_is_compiled_anew_with_one_line(run):
    assert run() == ("7 4.0", [], 0, 4)
    assert run() == ("7 4.0", [], 2, 0)  # a kernel that is called by another one only is part of that one's code
    for turn in range(2):
        for number, path in enumerate(run.files()):
            damage = [*DAMAGE.values()][(2 * turn + number) % len(DAMAGE)]
            path.write_bytes(damage(path.read_bytes(), np.random.default_rng(number)))
        result, told, loaded, _ = run()
        assert (result, loaded, len(told)) == ("7 4.0", 0, 1)
        assert "is damaged; it is compiled anew" in told[0]
    assert run()[:3] == ("7 4.0", [], 2)


def test_code_of_another_function_is_not_taken_for_ones_own(run):
    run()
    files = run.files()
    contents = [path.read_bytes() for path in files]
    for path, content in zip(files, contents[1:] + contents[:1], strict=True):
        path.write_bytes(content)
    assert run()[0] == "7 4.0"


def test_changed_source_ends_what_was_kept(run):
    assert run()[0] == "7 4.0"
    old = {path.name for path in run.files()}
    assert run(factor=5)[0] == "16 8.5"
    assert len(run.files()) == 4
    assert not old & {path.name for path in run.files()}


def test_only_the_user_can_write_where_the_code_lies(run, tmp_path):
    run()
    folder = tmp_path / "cache" / "kernels"
    assert folder.stat().st_mode & 0o777 == 0o700
    folder.chmod(0o770)
    for path in run.files():
        path.write_bytes(b"cos\nsystem\n(S'touch owned'\ntR.")
    result, told, loaded, _ = run()
    assert (result, loaded) == ("7 4.0", 0)
    assert len(told) == 1
    assert "others can write to it" in told[0]
    assert not (tmp_path / "owned").exists()


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can give a folder away")
def test_a_folder_of_another_user_is_not_used(run, tmp_path):
    run()
    os.chown(tmp_path / "cache" / "kernels", 12345, 12345)
    result, told, loaded, _ = run()
    assert (result, loaded, len(told)) == ("7 4.0", 0, 1)
    assert "belongs to another user" in told[0]


def test_a_folder_that_cannot_be_made_is_a_warning(run, tmp_path):
    (tmp_path / "file").write_text("")
    result, told, _, _ = run(SELFSUP_CACHE=str(tmp_path / "file"))
    assert result == "7 4.0"
    assert len(told) == 1
    assert "it is compiled each time" in told[0]


def test_the_folder_that_numba_is_told_is_used(run, tmp_path):
    run(NUMBA_CACHE_DIR=str(tmp_path / "own"))
    assert len(list((tmp_path / "own" / "selfsup" / "kernels").glob("*.nbc"))) == 4
    assert not (tmp_path / "cache").exists()


def test_processes_that_compile_at_once(tmp_path):
    module = tmp_path / "kernel.py"
    module.write_text(MODULE.format(factor=2))
    env = os.environ | {"SELFSUP_CACHE": str(tmp_path / "cache"), "NUMBA_CACHE_DIR": ""}
    for _ in range(2):
        both = [
            subprocess.Popen(
                [sys.executable, "-c", "import kernel; kernel.main()"], cwd=tmp_path, env=env, stdout=-1, stderr=-1
            )
            for _ in range(3)
        ]
        for one in both:
            out, err = one.communicate(timeout=120)
            assert (one.returncode, out, err) == (0, b"7 4.0\n", b"")
    names = [path.name for path in (tmp_path / "cache" / "kernels").iterdir()]
    assert len(names) == 4
    assert all(name.endswith(".nbc") for name in names)


def test_without_compilation_there_is_a_sentence(tmp_path):
    code = "import selfsup; selfsup.fit(['a b c d'] * 50, 'skipgram', min_count=1, out=None, progress=False)"
    env = os.environ | {"SELFSUP_CACHE": str(tmp_path), "NUMBA_DISABLE_JIT": "1"}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=False)
    assert "OptionError: text is read and learnt from by compiled code only" in done.stderr


def test_all_kernels_go_through_one_place():
    source = Path(__file__).resolve().parents[2] / "src" / "selfsup"
    others = [path.name for path in source.rglob("*.py") if "njit(" in path.read_text("utf8")]
    assert others == ["kernels.py"]

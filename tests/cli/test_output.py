"""What the command line prints: on streams that are full, closed or of another encoding, with names of any length and letter."""

import os
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from conftest import table
from selfsup.cli import main as cli
from selfsup.system.progress import Progress
from selfsup.system.screen import pasted, printable

LONG = "a" * 300
FIT = ["fit", "x.npy", "--method", "linear", "--no-progress", "--no-evaluate"]


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.save("x.npy", table(40))
    return tmp_path


def shell(line, **around):
    """A line of the shell, with the installed command as $S: exit code, output, errors."""
    environment = {**os.environ, "S": f"{shlex.quote(sys.executable)} -m selfsup", "OMP_NUM_THREADS": "1", **around}
    done = subprocess.run(
        ["sh", "-c", line.replace("selfsup ", "$S ", 1)], env=environment, capture_output=True, timeout=100
    )
    return done.returncode, done.stdout, done.stderr.decode()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
@pytest.mark.parametrize(
    ("line", "code", "said"),
    [
        ("selfsup methods > /dev/full", 1, "selfsup: cannot write to standard output: No space left on device\n"),
        ("selfsup --version > /dev/full", 1, "selfsup: cannot write to standard output: No space left on device\n"),
        ("selfsup methods >&-", 1, "selfsup: cannot write to standard output: it is closed\n"),
        ("selfsup methodz 2> /dev/full", 2, ""),
        ("selfsup methodz 2>&-", 2, ""),
        ("selfsup methods <&- | head -1", 0, ""),
    ],
)
def test_streams_that_cannot_be_written(here, line, code, said):
    found, _, err = shell(line)
    assert (found, err) == (code, said)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
def test_a_run_is_whole_though_nothing_can_be_said(here):
    fit = "selfsup fit x.npy --method undercomplete --epochs 3 --no-evaluate"
    code, _, err = shell(f"{fit} --out full > /dev/full")
    assert code == 1
    assert err.endswith("selfsup: cannot write to standard output: No space left on device\n")
    assert shell(f"{fit} --out quiet 2> /dev/full")[0] == 0
    assert shell(f"{fit} --out shut >&- 2>&- <&-")[0] == 1
    assert all(cli.main(["report", run]) == 0 for run in ("full", "quiet", "shut"))


def test_progress_that_nobody_can_see_is_no_reason_to_stop():
    class Gone:
        def write(self, text):
            raise OSError(5, "Input/output error")

    shown = Progress(stream=Gone())
    shown.show("one", force=True)
    assert not shown.enabled
    shown.close("two")


def test_an_encoding_that_lacks_letters(here):
    around = {"PYTHONIOENCODING": "ascii", "LC_ALL": "C"}
    code, out, err = shell("selfsup fit digits --limit 300 --method linear --out höme --no-progress", **around)
    assert (code, err) == (0, "")
    assert b"?" in out
    assert out.isascii()


@pytest.mark.parametrize(
    "words",
    [
        [*FIT, "--out", LONG], ["fit", "none.npy", "--out", LONG], [*FIT, "--out", f"new/{LONG}/r"],
        ["encode", "r", "none.npy", "--out", f"{LONG}.npy"], ["score", "r", "none.npy", "--out", f"{LONG}.csv"],
        ["sample", "r", "--out", f"{LONG}.csv"], ["export", "r", "--out", f"{LONG}.onnx"], ["report", "r", "--out", LONG],
        ["evaluate", "r", "--data", "x.npy", "--out", LONG],
    ],
    ids=lambda words: " ".join(words)[:30],
)  # fmt: skip
def test_a_name_that_is_too_long_to_be_written(here, capsys, words):
    cli.main([*FIT, "--out", "r"])
    capsys.readouterr()
    assert cli.main(words) == 1
    assert capsys.readouterr().err.endswith(": File name too long; choose another place\n")
    assert not (here / "new").exists()


@pytest.mark.parametrize(
    "words",
    [["fit", LONG], ["fit", f"{LONG}/{LONG}"], ["fit", f"{LONG}.csv"], ["encode", LONG, "x.npy", "--out", "c.npy"],
     ["evaluate", LONG, "--data", "x.npy"], ["evaluate", LONG, "--analogies", LONG], ["report", LONG], ["verify", LONG],
     ["fit", "x.npy", "--warm-start", LONG], ["fit", LONG, "--method", "skipgram"], ["fit", LONG, "--stream"]],
    ids=lambda words: " ".join(words)[:30],
)  # fmt: skip
def test_a_name_that_is_too_long_to_be_read(here, capsys, words):
    assert cli.main(words) in (1, 2)
    assert "unexpected" not in capsys.readouterr().err


def test_long_names_that_are_not_too_long(here, capsys):
    for letters in (255 - len(".partial"), 200):
        assert cli.main([*FIT, "--out", "b" * letters]) == 0
    assert cli.main(["encode", "b" * 200, "x.npy", "--out", "c" * 251 + ".npy"]) == 0
    np.save("ö" * 100 + ".npy", table(40))
    assert cli.main(["fit", "ö" * 100 + ".npy", *FIT[2:]]) == 0


def test_a_name_that_looks_like_an_option(here, capsys):
    assert cli.main([*FIT, "--out=-dash"]) == 0
    line = capsys.readouterr().out.splitlines()[-1]
    assert line.startswith("next     selfsup encode ./-dash x.npy")
    assert cli.main(shlex.split(line.removeprefix("next     selfsup "))) == 0
    assert "./-dash" in Path("-dash/report.html").read_text()
    assert pasted("a b") == "'a b'"
    assert pasted("-a b") == "'./-a b'"
    assert pasted(Path("x")) == "x"


def test_what_steers_a_terminal_is_shown_as_its_code(here, capsys):
    assert printable("\x1b[31mred\n\u202e\udce9 ü 漢\u3000字 £") == "\\x1b[31mred\\n\\u202e\\udce9 ü 漢\u3000字 £"
    assert printable("a\n\tb\r", lines=True) == "a\n\tb\\r"
    assert cli.main(["fit", "\x1b[2Jnone.npy"]) == 1
    assert "'\\x1b[2Jnone.npy'" in capsys.readouterr().err
    assert cli.main([*FIT, "--out", "\x1b[2J"]) == 0
    assert "\x1b" not in capsys.readouterr().out

"""The command line as a user meets it: verbs, flags, words on the screen, exit codes."""

import io
import json
import os
import re
import subprocess
import sys
import time
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from conftest import pictures, table
from selfsup.cli import main as cli
from selfsup.methods import REGISTERED
from selfsup.system.progress import Progress, duration

QUICK = ["--epochs", "1", "--no-progress"]


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A folder with a table, arrays, photographs in classes, and a run of each kind of data."""
    here = tmp_path_factory.mktemp("a user's höme")
    rows = table(60)
    text = "a,b,c,d,e,f,kind\n" + "".join(
        ",".join(f"{value:.4f}" for value in row) + (",yes\n" if row[0] > 0 else ",no\n") for row in rows
    )
    (here / "table.csv").write_text(text)
    np.save(here / "x.npy", rows)
    np.savez(here / "x.npz", x=rows, y=rows[:, 0] > 0)
    for number, image in enumerate((pictures(40, 3) * 255).astype(np.uint8)):
        folder = here / "my photos" / f"class {number % 2}"
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image.transpose(1, 2, 0)).save(folder / f"bïld {number:02d}.png")
    before = os.getcwd()
    os.chdir(here)
    try:
        assert cli.main(["fit", "table.csv", "--label-column", "kind", "--out", "runs/table", *QUICK]) == 0
        assert cli.main(["fit", "my photos", "--method", "rotation", "--out", "runs/my photos", *QUICK]) == 0
    finally:
        os.chdir(before)
    return here


@pytest.fixture
def run(home, monkeypatch, capsys):
    """Run a command in the user's folder: exit code, output, errors."""
    monkeypatch.chdir(home)

    def command(*words):
        code = cli.main(list(words))
        told = capsys.readouterr()
        return code, told.out, told.err

    return command


def sentence(found, code, *parts):
    """The error is one of ours: its exit code, nothing on the output, its words, and no traceback."""
    assert found[0] == code, found
    assert found[1] == ""
    assert found[2].startswith("selfsup: ")
    assert "Traceback" not in found[2]
    for part in parts:
        assert part in found[2], found[2]


# What works


def test_help_needs_no_torch_and_is_quick():
    code = (
        "import sys; from selfsup.cli.main import main; assert main(['--help']) == 0; "
        "heavy = {'torch', 'numpy', 'docstring_parser'} & set(sys.modules); assert not heavy, heavy"
    )
    begun = time.perf_counter()
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stderr
    assert time.perf_counter() - begun < 2  # 0.05 s, on a machine that has other things to do
    assert "selfsup fit DATA" in found.stdout


def test_version_and_help(run):
    assert run("--version") == (0, "selfsup 0.1.0\n", "")
    assert run("--help")[1] == run("help")[1] == run("-h")[1] == cli.USAGE + "\n"


@pytest.mark.parametrize("verb", list(cli.VERBS))
def test_every_verb_explains_every_word(run, capsys, verb):
    with pytest.raises(SystemExit) as caught:
        run(verb, "--help")
    told = capsys.readouterr().out
    assert caught.value.code == 0
    assert told.startswith(f"usage: selfsup {verb}")
    lines = told.splitlines()
    bare = [line for line in lines if re.fullmatch(r"  (--\S+|[A-Z]+)( \S+)?", line)]
    for line in bare:  # a long flag has its words on the line below
        assert lines[lines.index(line) + 1].startswith("   "), line
    assert "None" not in told
    assert "VALUE" not in told


def test_help_of_a_method_shows_its_own_options(run, capsys):
    with pytest.raises(SystemExit):
        run("fit", "digits", "--method", "rotation", "--help")
    told = capsys.readouterr().out
    assert "method rotation:" in told
    assert re.search(r"--block N\|middle .*", told)
    assert "--corruption" not in told
    assert "--optimizer {adamw,sgd,muon,lars,sparse-adam}" in told
    assert "--no-progress" in told
    assert "--no-resume" not in told  # what changes nothing is not shown
    with pytest.raises(SystemExit):
        run("fit", "--help")
    assert "--method denoising --help" in capsys.readouterr().out


def test_methods_lists_each_in_one_line(run):
    code, out, _ = run("methods")
    assert code == 0
    assert [line.split()[0] for line in out.splitlines()] == sorted(REGISTERED)


def test_a_reader_that_leaves_is_no_error():
    command = f"{sys.executable} -m selfsup.cli.main methods | head -c 1; echo ${{PIPESTATUS[0]}}"
    found = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert found.stdout == f"{min(REGISTERED)[0]}0\n"
    assert found.stderr == ""


def test_fit_tells_the_story_in_order(run, home):
    code, out, err = run("fit", "my photos", "--method", "rotation", "--seed", "1", *QUICK)
    assert (code, err) == (0, "")
    words = [line.split()[0] for line in out.splitlines() if line and line.split()[0].islower()]
    assert [w for w in words if w in ("data", "method", "hides", "net", "trained", "loss", "folder", "next")] == [
        "data", "method", "hides", "net", "trained", "loss", "folder", "next",
    ]  # fmt: skip
    assert "rotation (as asked)" in out
    assert "selfsup encode 'runs/rotation-my photos' 'my photos' --out codes.npy" in out
    assert (home / "runs" / "rotation-my photos" / "report.html").is_file()
    assert (home / "runs" / "rotation-my photos" / "evaluation.json").is_file()


def test_fit_without_a_method_says_why(run, home):
    code, out, _ = run("fit", "x.npy", "--no-evaluate", *QUICK)
    assert code == 0
    assert "denoising (chosen: " in out
    assert "runs/auto-x" in out
    assert "runs/auto-x-2" in run("fit", "x.npy", "--no-evaluate", *QUICK)[1]
    assert "runs/linear-x" in run("fit", "x.npz", "--method", "linear", "--no-evaluate", *QUICK)[1]


def test_options_of_the_chosen_method_can_be_given_without_naming_it(run, home):
    code, out, _ = run(
        "fit", "x.npy", "--n-components", "3", "--hidden", "16,8", "--level", "0.1", "--out", "runs/options", *QUICK
    )
    assert code == 0
    assert "codes of 3 values" in out
    options = json.loads((home / "runs/options/config.json").read_text())["options"]
    assert (options["hidden"], options["level"]) == ([16, 8], 0.1)


def test_encode_writes_rows_in_order(run, home):
    assert run("encode", "runs/my photos", "my photos", "--out", "z.npy")[0] == 0
    assert run("encode", "runs/my photos", "my photos", "--out", "sub/z.parquet")[0] == 0
    import pyarrow.parquet as parquet

    held = parquet.read_table(home / "sub/z.parquet").to_pydict()
    assert held["name"][0] == "class 0/bïld 00.png"
    codes = np.load(home / "z.npy")
    assert codes.dtype == np.float32
    np.testing.assert_array_equal(codes, np.asarray(held["code"], np.float32))


def test_encode_of_a_block_and_again(run, home):
    assert run("encode", "runs/my photos", "my photos", "--out", "block.npy", "--layer", "block1")[0] == 0
    sentence(run("encode", "runs/my photos", "my photos", "--out", "block.npy"), 1, "block.npy exists", "'overwrite'")
    assert run("encode", "runs/my photos", "my photos", "--out", "block.npy", "--overwrite")[0] == 0
    sentence(
        run("encode", "runs/my photos", "my photos", "--out", "q.npy", "--layer", "blok1"), 2, "did you mean 'block1'?"
    )
    assert not (home / "q.npy").exists()


def test_encode_needs_no_label_column(run):
    code, out, _ = run("encode", "runs/table", "table.csv", "--out", "t.npy")
    assert code == 0
    assert out.startswith("60 codes of ")


def test_evaluate_prints_and_writes(run, home):
    code, out, err = run("evaluate", "runs/my photos", "--data", "my photos", "--out", "e.json", "--no-progress")
    assert (code, err) == (0, "")
    assert "raw input" in out
    held = json.loads((home / "e.json").read_text())
    assert set(held) == {"verdict", "health", "tables", "notes"}
    assert held["tables"]["probe"]
    assert held["tables"]["knn"]
    assert held["verdict"]["sentence"][:40] in out.replace("\n", " ")
    sentence(run("evaluate", "runs/my photos", "--data", "my photos", "--out", "e.json"), 1, "e.json exists")
    assert run("evaluate", "runs/table", "--data", "table.csv", "--label-column", "kind", "--no-progress")[0] == 0


def test_report_is_written_anew(run, home):
    (home / "runs/table/report.html").unlink()
    assert run("report", "runs/table") == (0, "report in runs/table/report.html\n", "")
    assert (home / "runs/table/report.html").read_text().startswith("<!")
    assert run("report", "runs/table", "--out", "räport/r.html")[0] == 0
    assert (home / "räport/r.html").is_file()


def test_overwrite_and_existing_folders(run, home):
    sentence(run("fit", "x.npy", "--out", "runs/table", *QUICK), 1, "runs/table exists", "'overwrite'")
    sentence(run("fit", "x.npy", "--out", "my photos", "--overwrite", *QUICK), 1, "not a run folder of selfsup")
    for _ in range(2):
        assert run("fit", "x.npy", "--out", "runs/again", "--overwrite", "--no-evaluate", *QUICK)[0] == 0
    assert not list((home / "runs").glob("again?*"))


# Wrong usage: exit code 2, with the nearest word

USAGE = [
    ([], "no verb was given", "selfsup fit DATA"),
    (["fti", "digits"], "unknown verb 'fti'", "did you mean 'fit'?"),
    (["zzz"], "unknown verb 'zzz'", "encode, evaluate, explore, export, f"),
    (["--versoin"], "unknown option '--versoin'", "did you mean '--version'?"),
    (["fit"], "missing: DATA", "selfsup fit --help"),
    (["encode", "runs/table"], "missing: DATA, --out"),
    (["evaluate", "runs/table"], "--data is missing"),
    (["report"], "missing: RUN"),
    (["methods", "all"], "'all' is one word too many"),
    (["fit", "x.npy", "y.npy"], "'y.npy' is one word too many"),
    (["fit", "x.npy", "--epoch", "3"], "unknown option '--epoch'", "did you mean '--epochs'?"),
    (["fit", "x.npy", "--epoch=3"], "did you mean '--epochs'?"),
    (["fit", "x.npy", "--xyzzy"], "unknown option '--xyzzy'", "selfsup fit --help"),
    (["fit", "x.npy", "--epochs"], "--epochs needs a value"),
    (["fit", "x.npy", "--resume=yes"], "--resume takes no value"),
    (["fit", "x.npy", "--epochs", "three"], "'--epochs' must be a whole number at least 0; got 'three'"),
    (["fit", "x.npy", "--epochs", "-1"], "'--epochs'", "got '-1'"),
    (["fit", "x.npy", "--epochs", ""], "'--epochs'", "got ''"),
    (["fit", "x.npy", "--batch-size", "1"], "'--batch-size' must be a whole number at least 2"),
    (["fit", "x.npy", "--lr", "0"], "'--lr' must be a number greater than 0; got '0'"),
    (["fit", "x.npy", "--lr", "nan"], "'--lr'", "got 'nan'"),
    (["fit", "x.npy", "--holdout", "1"], "'--holdout' must be a number at least 0 and less than 1; got '1'"),
    (["fit", "x.npy", "--seed", "9" * 30], "'--seed' must be a whole number from 0 to 4294967295"),
    (["fit", "x.npy", "--hidden", "8,x"], "'--hidden' must be a list of values, each a whole number at least 1"),
    (["fit", "x.npy", "--hidden", ""], "'--hidden'"),
    (["fit", "x.npy", "--solver", "exat"], "unknown solver 'exat'", "did you mean 'exact'?"),
    (["fit", "x.npy", "--solver", "none"], "unknown solver 'none'; known: batched, exact, hogwild, primed, sgd"),
    (["fit", "x.npy", "--threads", "2"], "unknown option '--threads'"),
    (["fit", "x.npy", "--min-count", "2"], "unknown option '--min-count'"),
    (["fit", "x.npy", "--on-bad", "ignore"], "'--on-bad' must be one of 'stop', 'skip'"),
    (["fit", "x.npy", "--device", "gpu9"], "there is no 'gpu9' here; use auto"),
    (["fit", "x.npy", "--resume"], "--resume needs the --out"),
    (["fit", "x.npy", "--method", "rotaton"], "unknown method 'rotaton'", "did you mean 'rotation'?"),
    (["fit", "x.npy", "--method"], "--method needs a value"),
    (["fit", "x.npy", "--method", "nowhere:Nothing"], "cannot import the method 'nowhere:Nothing'"),
    (["fit", "x.npy", "--method", "os:path"], "not a subclass of selfsup.Method"),
    (["fit", "x.npy", "--method", "linear", "--n-component", "2"], "did you mean '--n-components'?"),
    (["fit", "x.npy", "--method", "rotation"], "learns from images; these data are tables"),
    (["fit", "my photos", "--method", "rotation", "--solver", "exact"], "has no closed form"),
    (["encode", "runs/table", "x.npy", "--out", "z.txt"], "--out must end in .npy or .parquet; got 'z.txt'"),
    (["evaluate", "runs/table", "--data", "x.npz", "--max-labels", "1"], "'--max-labels'"),
]


@pytest.mark.parametrize(("words", "parts"), [(case[0], case[1:]) for case in USAGE], ids=lambda v: " ".join(v)[:40])
def test_wrong_usage_exits_2(run, home, words, parts):
    before = {path.name for path in (home / "runs").iterdir()}
    sentence(run(*words), 2, *parts)
    assert {path.name for path in (home / "runs").iterdir()} == before


# Errors of data and runs: exit code 1

ERRORS = [
    (["fit", "tabel.csv"], "there is no data at 'tabel.csv'", "did you mean 'table.csv'?"),
    (["fit", "nowhere/x.csv"], "no 'nowhere' in the current folder", "hub:NAME"),
    (["fit", ""], "the path is empty"),
    (["fit", "x.npy", "--out", "x.npy/run"], "cannot write x.npy/run.partial: Not a directory"),
    (["fit", "table.csv", "--label-column", "kin"], "table.csv: unknown column 'kin'", "did you mean 'kind'?"),
    (["encode", "runs/tabel", "x.npy", "--out", "n.npy"], "no run folder runs/tabel", "did you mean runs/table?"),
    (["encode", "nowhere", "x.npy", "--out", "n.npy"], "no run folder nowhere", "selfsup fit DATA --out RUN"),
    (["report", "x.npy"], "no run folder x.npy: it is a file"),
    (["encode", "my photos", "x.npy", "--out", "n.npy"], "not a whole run folder: config.json is missing"),
    (["encode", "runs/table", "my photos", "--out", "n.npy"], "the model takes vectors of 6 values"),
    (["encode", "runs/my photos", "x.npy", "--out", "n.npy"], "the model takes colour images of 12x12"),
    (["evaluate", "runs/my photos", "--data", "x.npy"], "the model takes colour images of 12x12"),
]


@pytest.mark.parametrize(("words", "parts"), [(case[0], case[1:]) for case in ERRORS], ids=lambda v: " ".join(v)[:40])
def test_errors_exit_1(run, home, words, parts):
    sentence(run(*words), 1, *parts)
    assert not (home / "n.npy").exists()
    assert not list((home / "runs").glob("*.partial"))


def test_a_failed_run_does_not_block_the_next(run, home):
    words = ["fit", "x.npy", "--out", "runs/second try", "--no-evaluate", "--epochs", "2", "--no-progress"]
    found = run(*words, "--lr", "1e30", "--optimizer", "sgd")
    sentence(found, 1, "the loss went up from", "to nan", "try lr 0.002 instead of 1e+30")
    assert run(*words)[0] == 0


def test_debug_shows_the_traceback(run):
    code, _, err = run("fit", "nowhere.csv", "--debug")
    assert code == 1
    assert "Traceback" in err
    assert err.splitlines()[-1].startswith("selfsup: there is no data")


def test_what_nobody_foresaw_is_still_a_sentence(run, monkeypatch):
    monkeypatch.setattr("selfsup.training.fit.open_data", lambda *_, **options: 1 / 0)
    sentence(run("fit", "x.npy"), 1, "unexpected ZeroDivisionError: division by zero; repeat with --debug")
    monkeypatch.setattr("selfsup.training.fit.open_data", lambda *_, **options: np.empty(10**15))
    sentence(run("fit", "x.npy"), 1, "not enough memory", "--limit")


# Progress


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_terminal_gets_one_line_that_is_redrawn():
    stream = Terminal()
    bar = Progress(stream=stream)
    bar.show("epoch 1  " + "x" * 200, force=True)
    bar.show("epoch 2", force=True)
    bar.close()
    text = stream.getvalue()
    assert text.count("\n") == 1
    first, second = text.removesuffix("\n").split("\r")[1:]
    assert len(first) == 79  # it would wrap, and could not be redrawn
    assert second == "epoch 2".ljust(79)


def test_a_file_gets_plain_lines_every_few_seconds(monkeypatch):
    stream, clock = io.StringIO(), [100.0]
    monkeypatch.setattr("selfsup.system.progress.time", SimpleNamespace(monotonic=lambda: clock[0]))
    bar = Progress(stream=stream)
    clock[0] += 4
    bar.show("too early")
    clock[0] += 1
    bar.show("epoch 1")
    clock[0] += 4
    bar.show("too early")
    bar.close()
    assert stream.getvalue() == "epoch 1\n"


def test_silence():
    stream = io.StringIO()
    bar = Progress(False, stream=stream)
    bar.show("x", force=True)
    bar.close("x")
    assert stream.getvalue() == ""


@pytest.mark.parametrize(("seconds", "words"), [(0.2, "0 s"), (41, "41 s"), (185, "3 min 05 s"), (7800, "2 h 10 min")])
def test_durations(seconds, words):
    assert duration(seconds) == words

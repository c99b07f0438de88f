"""Word vectors when things go wrong outside: killed, interrupted, a full disk, a text or a cache that changes, rates too high."""

import contextlib
import gc
import gzip
import json
import os
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from safetensors import safe_open

import selfsup
from selfsup.cli.main import main
from selfsup.errors import DataError, OptionError, RunError, TrainingError
from selfsup.training import loop

STATE = "run.partial/resume/state.safetensors"
FIT = ["fit", "text.txt", "--dim", "64", "--sample", "0", "--epochs", "60", "--threads", "1", "--min-count", "1"]
FIT += ["--seed", "3", "--out", "run", "--no-progress", "--checkpoint-every", "0"]
SLICES = """
import sys
from functools import partial
from selfsup.cli.main import main
from selfsup.data.text import windows
from selfsup.solvers import hogwild
from selfsup.training import job, loop
job.Loop, windows.PROBE, hogwild.TICK = partial(loop.Loop, first=0.0), 100, 0.05  # a state twenty times a second
sys.exit(main())
"""
SLOW = {"dim": 8, "min_count": 1, "sample": 0.0, "epochs": 1, "progress": False}
SMALL = SLOW | {"threads": 1}


def words(n, seed=0):
    rng = np.random.default_rng(seed)
    return "\n".join(" ".join(f"w{one}" for one in rng.integers(0, 300, 20)) for _ in range(n))


def start(folder, *more, **environment):
    """Start the fit as a user does, in a process of its own."""
    own = dict(os.environ, OMP_NUM_THREADS="1", SELFSUP_CACHE=str(folder / "cache"), **environment)
    return subprocess.Popen(
        [sys.executable, "-c", SLICES, *FIT, *more], cwd=folder, env=own, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def finish(process):
    """Exit code and errors; a traceback is never among them."""
    _, err = process.communicate(timeout=100)
    assert "Traceback" not in err, err
    return process.returncode, err


def done(folder):
    """Words of all epochs that the state on disk has behind it; 0 where there is none."""
    if not (folder / STATE).exists():
        return 0
    with safe_open(folder / STATE, framework="np") as file:
        return json.loads(file.metadata()["facts"])["solver"]["done"]


def wait_for_state(folder, process, beyond=0):
    end = time.monotonic() + 60
    while done(folder) <= beyond:
        assert process.poll() is None, f"it ended before there was a state: {process.communicate()}"
        assert time.monotonic() < end
        time.sleep(0.005)


def vectors(folder):
    return (folder / "run/vectors.safetensors").read_bytes()


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A text, and a run on it that nothing disturbed."""
    folder = tmp_path_factory.mktemp("whole")
    (folder / "text.txt").write_text(words(2500))
    with contextlib.chdir(folder):
        assert main(FIT) == 0
    return folder


@pytest.fixture
def here(whole, tmp_path, monkeypatch):
    """A folder of its own with the same text, as old; in it we are."""
    shutil.copy2(whole / "text.txt", tmp_path / "text.txt")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_killed_then_resumed_to_the_same_bit(whole, here):
    process = start(here)
    wait_for_state(here, process)
    process.kill()
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    assert not (here / "run").exists()
    assert main([*FIT, "--resume"]) == 0
    assert vectors(here) == vectors(whole)
    assert not (here / "run.partial").exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_then_resumed_with_the_same_text_only(whole, here, capsys, number):
    process = start(here)
    wait_for_state(here, process)
    with (here / "text.txt").open("a") as file:
        file.write("\nmore words")  # the run has its own numbered copy
    process.send_signal(number)
    code, err = finish(process)
    assert code == 130
    assert err.startswith("selfsup: stopped at ")
    assert err.endswith("to go on, repeat the command with --out run --resume\n")
    assert not (here / "run").exists()
    assert main([*FIT, "--resume"]) == 1
    told = capsys.readouterr().err
    assert "cannot resume run.partial: the data are others" in told
    assert "option 'overwrite'" in told
    shutil.copy2(whole / "text.txt", here / "text.txt")
    assert main([*FIT, "--resume"]) == 0
    assert vectors(here) == vectors(whole)


def test_numbered_words_deleted_while_training(whole, here):
    process = start(here)
    wait_for_state(here, process)
    for file in (here / "cache").glob("words-*"):
        file.unlink()
    assert finish(process) == (0, "")  # what is open stays readable
    assert vectors(here) == vectors(whole)


def test_numbered_words_cut_short_while_training(whole, here, monkeypatch, capsys):
    process = start(here)
    wait_for_state(here, process)
    for file in (here / "cache").glob("words-*.npy"):
        os.truncate(file, 4096)
    process.communicate(timeout=100)
    assert process.returncode == -signal.SIGBUS  # the system ends a process whose memory is gone ...
    monkeypatch.setenv("SELFSUP_CACHE", str(here / "cache"))
    assert main([*FIT, "--resume"]) == 0
    assert "are damaged" in capsys.readouterr().err
    assert vectors(here) == vectors(whole)  # ... and the run goes on from its state


@pytest.fixture
def small_disk(tmp_path):
    """A disk of 32 megabytes, where we may make one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=32m", "tmpfs", folder], capture_output=True, check=False)
    if made.returncode != 0:
        pytest.skip("mounting a small disk needs root")
    yield folder
    gc.collect()  # a nameless file of a failed run may be open still
    subprocess.run(["umount", folder], check=True)


def fill(disk):
    with (disk / "filler").open("wb", buffering=0) as file:
        for size in (1 << 20, 1 << 12, 1):
            with contextlib.suppress(OSError):
                while True:
                    file.write(bytes(size))


def test_a_full_disk_keeps_the_last_state(whole, here, small_disk):
    out = str(small_disk / "run")
    process = start(here, "--out", out)
    wait_for_state(small_disk, process)
    fill(small_disk)
    code, err = finish(process)
    assert code == 1
    assert "No space left on device; free some space, or choose another place" in err
    assert not (small_disk / "run").exists()
    assert done(small_disk) > 0
    (small_disk / "filler").unlink()
    assert main([*FIT, "--out", out, "--resume"]) == 0
    assert vectors(small_disk) == vectors(whole)


def test_no_room_for_the_numbered_words(here, small_disk, monkeypatch, capsys):
    fill(small_disk)
    monkeypatch.setenv("SELFSUP_CACHE", str(small_disk))
    assert main(FIT) == 1
    assert "free some space, or set SELFSUP_CACHE to a folder on another disk" in capsys.readouterr().err
    assert [path.name for path in small_disk.iterdir()] == ["filler"]
    assert not list(here.glob("run*"))


# Rates that are too high

RATES = [
    ({"lr": 50.0}, "try lr 0.05 instead of 50"),
    ({"lr": 1e3, "deterministic": True}, "try lr 0.05 instead of 1000"),
    ({"lr": 1e39}, "try lr 0.05 instead of 1e[+]39"),
    ({"lr": 50.0, "solver": "sgd"}, "try lr 0.005 instead of 50"),
    ({"lr": 100.0, "solver": "sgd", "objective": "softmax"}, "try lr 0.005 instead of 100"),
]


@pytest.mark.parametrize(("options", "said"), RATES)
@pytest.mark.parametrize("method", ["skipgram", "cbow"])
def test_a_rate_that_is_too_high_is_said(here, method, options, said, tmp_path):
    options = (SLOW if "solver" in options else SMALL) | options
    with pytest.raises(TrainingError, match=said):
        selfsup.fit(here / "text.txt", method, out=tmp_path / "run", **options)
    assert not list(tmp_path.glob("run*"))


def test_vectors_that_blow_up_do_not_replace_the_state_before(whole, tmp_path, monkeypatch, in_slices):
    measured, true = [], loop.measure

    def measure(*arguments, **more):
        measured.append(true(*arguments, **more))
        return measured[-1] | ({"heldout": float("nan")} if len(measured) == 4 else {})

    monkeypatch.setattr(loop, "measure", measure)
    arguments = SMALL | {"epochs": 2000, "checkpoint_every": 0.0, "out": tmp_path / "run"}
    with pytest.raises(TrainingError, match="the loss went up from .* to nan: .* try lr 0.01[23] instead of 0.05"):
        selfsup.fit(whole / "text.txt", "skipgram", **arguments)
    with safe_open(tmp_path / STATE, framework="np") as file:
        facts = json.loads(file.metadata()["facts"])
        assert np.isfinite(file.get_tensor("solver.input")).all()
    assert len(facts["records"]) == 3
    assert np.isfinite([record["heldout"] for record in facts["records"]]).all()
    with pytest.raises(RunError, match="holds an unfinished run"):
        selfsup.fit(whole / "text.txt", "skipgram", **arguments)


def test_a_loss_above_its_start_is_noted_and_no_error(whole, monkeypatch):
    model = selfsup.fit(whole / "text.txt", "skipgram", **SMALL)
    assert not model.config["notes"]
    said = "the loss is higher than before training; train at a lower rate (lr), on more text, or for fewer epochs"
    assert said not in model.evaluation.notes
    losses, true = iter([1.0, 1.5]), loop.measure
    monkeypatch.setattr(loop, "measure", lambda *a, **more: true(*a, **more) | {"heldout": next(losses)})
    model = selfsup.fit(whole / "text.txt", "skipgram", **SMALL)
    assert said in model.evaluation.notes


# Texts and options that cannot be learnt from

HOPELESS = {
    "one word": ("same " * 500, {}, "a vocabulary of one word, 'same'"),
    "lone words": (
        "\n".join(["a", "b", "c"] * 50),
        {},
        "no sentence with two words of the vocabulary beside each other",
    ),
    "only rare ones": ("a b c", {"min_count": 5}, "min_count=5"),
    "too wide": (
        "a b c d " * 50,
        {"dim": 10**12},
        r"4 words, .* with dim=1000000000000, .* TB of memory .* smaller options, or fewer words",
    ),
}


@pytest.mark.parametrize("name", HOPELESS)
def test_what_cannot_be_learnt_is_said_before_training(tmp_path, name):
    text, options, said = HOPELESS[name]
    (tmp_path / "text.txt").write_text(text)
    with pytest.raises(DataError, match=said):
        selfsup.fit(tmp_path / "text.txt", "skipgram", out=tmp_path / "run", **(SMALL | options))
    assert not list(tmp_path.glob("run*"))


@pytest.mark.parametrize("options", [{}, {"solver": "sgd"}, {"deterministic": True}, {"threads": 4}])
def test_memory_is_asked_for_before_it_is_taken(whole, monkeypatch, options):
    """The estimate is at least what must be there: the tables, and for descent gradients and averages."""
    options = (SLOW if "solver" in options else SMALL) | {"dim": 512} | options
    asked = []
    monkeypatch.setattr("selfsup.system.memory.check", lambda size, *_: asked.append(size))
    selfsup.fit(whole / "text.txt", "skipgram", **options)
    tables = 2 * 300 * 512 * 4
    most = max(asked)  # what the vectors are held against is counted after training, and asks for its own
    assert most >= (4 if "solver" in options else 2) * tables
    assert most < 100e6
    monkeypatch.undo()
    monkeypatch.setattr("selfsup.system.memory.available", lambda: most - 1)
    said = "300 words, .* with dim=512.* are available; use smaller options, or fewer words"
    with pytest.raises(DataError, match=said):
        selfsup.fit(whole / "text.txt", "skipgram", **options)


FILES = [
    "config.json",
    "vectors.safetensors",
    "vocabulary.jsonl",
    "metrics.jsonl",
    "evaluation.json",
    "model.safetensors",
]


@pytest.mark.parametrize("name", FILES)
def test_a_damaged_run_is_named(whole, tmp_path, name):
    file = shutil.copytree(whole / "run", tmp_path / "run") / name
    content = file.read_bytes()
    for damaged in (content[: len(content) // 2], b"", b"\x00\xff\x00", b'{"hello": 1}\n'):
        file.write_bytes(damaged)
        with pytest.raises(RunError, match=f"run/{name}|run is damaged: vocabulary.jsonl|run/vectors.safetensors"):
            _ = selfsup.load(tmp_path / "run").method  # the weights of word vectors are read when they are asked for
    if name != "evaluation.json":
        file.unlink()
        with pytest.raises(RunError, match=f"{name} is missing"):
            _ = selfsup.load(tmp_path / "run").method


def test_two_words_and_a_text_shorter_than_the_window_are_learnt(tmp_path):
    (tmp_path / "two.txt").write_text("a b\n" * 500)
    model = selfsup.fit(tmp_path / "two.txt", "skipgram", **(SMALL | {"epochs": 20}))
    assert model.words == ["a", "b"]
    assert np.isfinite(model.vectors).all()
    assert model.history[-1]["heldout"] < model.start["heldout"]
    (tmp_path / "short.txt").write_text("a b c")
    assert len(selfsup.fit(tmp_path / "short.txt", "cbow", window=50, **SMALL)) == 3


def test_a_small_text_that_is_all_but_sampled_away_says_so(whole):
    model = selfsup.fit(whole / "text.txt", "skipgram", **(SMALL | {"sample": 1e-6}))
    assert any("are left by sample 1e-06; sample 0 learns from all" in note for note in model.config["notes"])


def test_options_that_mean_nothing_or_too_much(whole):
    for options, said in (
        ({"epochs": 0}, "'epochs' must be at least 1 for hogwild"),
        ({"on_bad": "skip"}, "'on_bad' means nothing for text"),
        ({"labels": [1, 2]}, "'labels' means nothing for text"),
        ({"label_column": "class"}, "'label_column' means nothing for text"),
        ({"window": 10**6}, "'window' must be a whole number from 1 to 1000"),
        ({"negative": 10**6}, "'negative' must be a whole number from 1 to 100"),
        ({"threads": 10**6}, "'threads' must be"),
        ({"encoding": "rot13"}, "'encoding': there is none called 'rot13'"),
        ({"encoding": "hex"}, "'encoding': there is none called 'hex'"),
    ):
        with pytest.raises(OptionError, match=said):
            selfsup.fit(whole / "text.txt", "skipgram", **(SMALL | options))


def test_paths_that_lead_nowhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    os.symlink("gone", "link.txt")
    os.symlink("/proc/self/mem", "device.txt")
    os.mkfifo("pipe.txt")
    os.mkdir("folder.txt")
    for path, said in (
        ("link.txt", "'link.txt': it is a link to 'gone', which leads nowhere"),
        ("pipe.txt", "is a pipe or a device"),
        ("folder.txt", r"has neither .txt files \(also .gz, .zst\) nor tables \(no files\)"),
        ("x" * 300 + ".txt", "a string is a path, and this one of 304 characters is none"),
        ("a\0b.txt", "there is no"),
    ):
        with pytest.raises(DataError, match=said):
            selfsup.fit(path, "skipgram", **SMALL)
    if os.path.exists("/proc/self/mem"):
        with pytest.raises(DataError, match="cannot read device.txt: Input/output error"):
            selfsup.fit("device.txt", "skipgram", **SMALL)


def test_files_of_a_folder_of_many_kinds(tmp_path):
    (tmp_path / "a.txt").write_text("one two three\n" * 50)
    (tmp_path / "b.png").write_bytes(b"\x89PNG\x00")
    (tmp_path / "c.csv").write_text("1,2")
    assert len(selfsup.fit(tmp_path, "skipgram", **SMALL)) == 3
    whole = gzip.compress(b"one two three\n" * 5000)
    (tmp_path / "d.txt.gz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match=r"d.txt.gz is cut short: it ends at byte \d+ .*; copy or download it again"):
        selfsup.fit(tmp_path, "skipgram", **SMALL)
    (tmp_path / "d.txt.gz").write_bytes(whole)
    (tmp_path / "e.txt").write_bytes("one caf\u00e9".encode("latin-1"))
    with pytest.raises(DataError, match=r"e.txt, byte 7: not UTF-8 .* encoding='latin-1'"):
        selfsup.fit(tmp_path, "skipgram", **SMALL)


def test_tables_with_missing_texts_or_none(tmp_path):
    texts = [None, "one two three", None] * 20
    pq.write_table(pa.table({"text": texts, "n": range(60)}), tmp_path / "t.parquet")
    assert len(selfsup.fit(tmp_path / "t.parquet", "skipgram", **SMALL)) == 3
    for column, said in (
        (pa.array([None, None], pa.string()), "holds no words"),
        (pa.array([1, 2]), r"has no columns of text \(x\)"),
    ):
        pq.write_table(pa.table({"x": column}), tmp_path / "t.parquet")
        with pytest.raises(DataError, match=said):
            selfsup.fit(tmp_path / "t.parquet", "skipgram", **SMALL)


@pytest.mark.parametrize(
    ("content", "options", "code", "said"),
    [
        (b"", [], 1, "holds no words"),
        (b"a b\0c", [], 1, "text.txt, byte 3: a NUL byte"),
        (b"caf\xe9 " * 9, [], 1, "name the encoding, e.g. encoding='latin-1'"),
        (b"a b " * 99, ["--dim", "1000000000"], 1, "2 words, and learning from them by method"),
        (b"a b " * 99, ["--lr", "1000", "--sample", "0"], 1, "try lr 0.05 instead of 1000"),
        (b"a b " * 99, ["--window", "0"], 2, "'--window' must be a whole number from 1 to 1000; got '0'"),
        (b"a b " * 99, ["--dim", "0"], 2, "'--dim' must be a whole number at least 1; got '0'"),
        (b"a b " * 99, ["--encoding", "klingon"], 2, "there is none called 'klingon'"),
        (b"a b " * 99, ["--tokens", "["], 2, "'tokens' is no regular expression"),
    ],
)
def test_on_the_command_line_too(tmp_path, monkeypatch, capsys, content, options, code, said):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "text.txt").write_bytes(content)
    assert main(["fit", "text.txt", "--out", "run", "--no-progress", *options]) == code
    told = capsys.readouterr()
    assert told.out == ""
    assert said in told.err
    assert told.err.startswith("selfsup: ")
    assert told.err.count("\n") == 1
    assert not list(tmp_path.glob("run*"))

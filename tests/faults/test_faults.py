"""What goes wrong outside the program: killed, interrupted, a full disk, broken files. Nothing is lost, nothing half-written."""

import contextlib
import json
import os
import resource
import shutil
import signal
import struct
import subprocess
import sys
import time
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from safetensors import safe_open

from conftest import pictures, table
from selfsup.cli import main as cli

STATE = "run.partial/resume/state.safetensors"
FIT = ["fit", "x.npy", "--method", "denoising", "--hidden", "64", "--epochs", "12", "--batch-size", "8", "--seed", "3"]
FIT += ["--out", "run", "--no-evaluate", "--no-progress"]
OFTEN = ["--checkpoint-every", "0"]


def start(folder, *words, code=None, limit=None):
    """Start a command as a user does, in a process of its own."""
    environment = dict(os.environ, OMP_NUM_THREADS="1", SELFSUP_CACHE=str(folder / "cache"), COLUMNS="100")
    program = ["-m", "selfsup"] if code is None else ["-c", code]
    return subprocess.Popen(
        [sys.executable, *program, *words],
        cwd=folder,
        env=environment,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=limit,
    )


def finish(process):
    """Exit code, output and errors; a traceback is never among them."""
    out, err = process.communicate(timeout=100)
    assert "Traceback" not in err, err
    return process.returncode, out, err


def run(folder, *words, **options):
    return finish(start(folder, *words, **options))


def wait_for(found, process, what):
    end = time.monotonic() + 60
    while not found():
        assert process.poll() is None, f"it ended before {what}: {process.communicate()}"
        assert time.monotonic() < end, f"no {what}"
        time.sleep(0.002)


def facts(folder):
    """Where the solver's state on disk stands."""
    with safe_open(folder / STATE, framework="np") as file:
        return json.loads(file.metadata()["facts"])["solver"]


def in_the_middle(folder, epoch):
    """Whether the state on disk lies within an epoch, this one or later."""
    if not (folder / STATE).exists():
        return False
    at = facts(folder)
    return at["epoch"] >= epoch and 0 < at["batch"] < 20


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Data, and the weights of a run that nothing disturbed."""
    folder = tmp_path_factory.mktemp("whole")
    np.save(folder / "x.npy", table(200))
    code, _, err = run(folder, *FIT)
    assert code == 0, err
    return folder


@pytest.fixture
def here(whole, tmp_path):
    """A folder of its own with the same data."""
    shutil.copy2(whole / "x.npy", tmp_path / "x.npy")
    return tmp_path


def same_weights(a, b):
    return (a / "run/model.safetensors").read_bytes() == (b / "run/model.safetensors").read_bytes()


@pytest.fixture
def command(tmp_path, monkeypatch, capsys):
    """Run a command in an empty folder, in this process: exit code, output, errors."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])

    def go(*words):
        code = cli.main([*words, "--no-progress"])
        told = capsys.readouterr()
        return code, told.out, told.err

    return go


# Killed and interrupted


def test_killed_in_the_middle_of_an_epoch_resumes_to_the_same_bit(whole, here, command):
    process = start(here, *FIT, *OFTEN)
    wait_for(lambda: in_the_middle(here, 2), process, "state in the middle of an epoch")
    process.kill()
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    assert not (here / "run").exists()
    at = facts(here)
    assert at["epoch"] < 12
    code, _, err = command(*FIT)
    assert code == 1
    said = "run.partial holds an unfinished run; continue it with option 'resume', or set option 'overwrite'"
    assert err == f"selfsup: {said}\n"
    code, _, err = run(here, *FIT, "--resume")
    assert code == 0, err
    assert same_weights(whole, here)
    assert not (here / "run.partial").exists()
    records = [json.loads(line) for line in (here / "run/metrics.jsonl").read_text().splitlines()]
    assert [record["epoch"] for record in records] == list(range(13))
    undisturbed = [json.loads(line) for line in (whole / "run/metrics.jsonl").read_text().splitlines()]
    assert [record.get("loss") for record in records] == [record.get("loss") for record in undisturbed]


def test_ctrl_c_and_sigterm_save_exit_130_and_resume_to_the_same_bit(whole, here):
    for epoch, number in ((2, signal.SIGINT), (4, signal.SIGTERM)):
        process = start(here, *FIT, *OFTEN, *(["--resume"] if epoch > 2 else []))
        wait_for(lambda epoch=epoch: in_the_middle(here, epoch), process, f"state in epoch {epoch}")
        process.send_signal(number)
        code, out, err = finish(process)
        assert (code, out) == (130, "")
        assert err.startswith("selfsup: stopped ")
        assert "of 12" in err
        assert err.endswith("to go on, repeat the command with --out run --resume\n")
        assert not (here / "run").exists()
    code, _, err = run(here, *FIT, "--resume")
    assert code == 0, err
    assert same_weights(whole, here)


SLOW_DECODING = """
import sys, time
from selfsup.cli.main import main
from selfsup.data.images import images
true = images.decode
def slow(*args):
    open("decoding", "w").close()
    time.sleep(0.05)
    return true(*args)
images.decode = slow
sys.exit(main())
"""


def test_ctrl_c_while_decoding_leaves_nothing_behind(tmp_path):
    photos(tmp_path / "photos", 200)
    process = start(tmp_path, "fit", "photos", "--out", "run", "--no-progress", code=SLOW_DECODING)
    wait_for((tmp_path / "decoding").exists, process, "decoding")
    process.send_signal(signal.SIGINT)
    assert finish(process) == (130, "", "selfsup: interrupted\n")
    assert {path.name for path in tmp_path.iterdir()} - {"cache"} == {"photos", "decoding"}
    assert not list((tmp_path / "cache").glob("**/*.npy"))


def test_sigterm_outside_training_is_as_clean_as_ctrl_c(command, tmp_path, monkeypatch):
    np.save(tmp_path / "x.npy", table(30))
    before = signal.getsignal(signal.SIGTERM)
    monkeypatch.setattr("selfsup.training.efficiency.of_codes", lambda *_, **__: os.kill(os.getpid(), signal.SIGTERM))
    assert command("fit", "x.npy", "--epochs", "1", "--out", "run") == (130, "", "selfsup: terminated\n")
    assert not list(tmp_path.glob("run*"))  # there was no state yet to go on from
    code, _, err = command("fit", "x.npy", "--epochs", "1", "--checkpoint-every", "0", "--out", "run")
    assert (code, err) == (130, "selfsup: terminated; to go on, repeat the command with --out run --resume\n")
    monkeypatch.undo()
    assert signal.getsignal(signal.SIGTERM) is before
    monkeypatch.chdir(tmp_path)
    assert command("fit", "x.npy", "--epochs", "1", "--out", "run", "--resume")[0] == 0


# A full disk


def no_file_over(size):
    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

    return limit


def test_a_file_that_cannot_grow_is_named_and_nothing_is_half_written(here):
    code, out, err = run(here, *FIT, *OFTEN, limit=no_file_over(4_000))
    assert (code, out) == (1, "")
    name = "run.partial/resume/state.safetensors"
    assert err == f"selfsup: cannot write {name}: File too large; free some space, or choose another place\n"
    assert not (here / "run").exists()
    assert not [path for path in here.rglob(".*") if path.is_file()], "a temporary file was left"


@pytest.fixture
def small_disk(tmp_path):
    """A disk of 32 megabytes, where we may make one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=32m", "tmpfs", folder], capture_output=True, check=False)
    if done.returncode != 0:
        pytest.skip("mounting a small disk needs root")
    yield folder
    subprocess.run(["umount", folder], check=True)


def test_a_full_disk_keeps_what_was_there_and_the_run_goes_on_when_there_is_room(whole, small_disk):
    shutil.copy2(whole / "x.npy", small_disk / "x.npy")
    filler = small_disk / "filler"
    process = start(small_disk, *FIT, *OFTEN)
    wait_for((small_disk / STATE).exists, process, "state")
    with filler.open("wb", buffering=0) as file:
        for size in (1 << 20, 1 << 12, 1):
            with contextlib.suppress(OSError):
                while True:
                    file.write(bytes(size))
    code, _, err = finish(process)
    assert code == 1
    assert "No space left on device; free some space, or choose another place" in err
    assert not (small_disk / "run").exists()
    assert facts(small_disk)["epoch"] >= 1  # the last state that could be written is whole
    filler.unlink()
    code, _, err = run(small_disk, *FIT, "--resume")
    assert code == 0, err
    assert same_weights(whole, small_disk)


# A method of one's own, outside the package

OWN = '''
import torch
from torch import nn
from selfsup import Method

class Fill(Method):
    """Fill in blanked columns."""

    hides = "half of the columns"

    def __init__(self, width: int = 8):
        super().__init__()
        self.width = width

    def build(self, about):
        size = about.form.size
        self.net, self.guess = nn.Linear(size, self.width), nn.Linear(self.width, size)

    def hide(self, x, rng):
        return x * (torch.rand(x.shape, generator=rng, device=x.device) < 0.5), x

    def predict(self, seen):
        return self.guess(torch.relu(self.net(seen)))

    def loss(self, guess, answer):
        return {"error": (guess - answer).square().mean(1)}

    def encode(self, x):
        return self.net(x)
'''


def test_a_method_in_a_file_of_thirty_lines(command, tmp_path):
    assert len(OWN.strip().splitlines()) <= 30
    (tmp_path / "ownmethod.py").write_text(OWN)
    x = table(120)
    np.savez(tmp_path / "x.npz", x=x, y=x[:, 0] > 0)
    fit = ["fit", "x.npz", "--method", "ownmethod:Fill", "--width", "5", "--epochs", "3"]
    code, out, err = command(*fit)
    assert code == 0, err
    assert "method   ownmethod:Fill (as asked)" in out
    assert "codes of 5 values" in out
    assert "model: code" in out  # evaluated beside the baselines
    assert "raw input" in out
    assert "x.npz --out codes.npy --method ownmethod:Fill" in out  # the next command is one that works
    folder = tmp_path / "runs/fill-x"
    assert {"model.safetensors", "report.html", "evaluation.json", "README.md"} <= {p.name for p in folder.iterdir()}
    assert "Fill in blanked columns" in (folder / "report.html").read_text()

    del sys.modules["ownmethod"]
    (tmp_path / "ownmethod.py").write_text(OWN + '\nopen("ran", "w").close()\n')
    code, _, err = command("encode", "runs/fill-x", "x.npz", "--out", "z.npy")
    assert code == 1
    assert "a method that is not selfsup's own; if you trust it" in err
    assert "--method ownmethod:Fill" in err
    assert not (tmp_path / "ran").exists()  # what a folder names is not imported
    code, _, err = command("encode", "runs/fill-x", "x.npz", "--out", "z.npy", "--method", "ownmethod:Fill")
    assert code == 0, err
    assert np.load(tmp_path / "z.npy").shape == (120, 5)


def test_modules_in_the_current_folder_shadow_nothing(tmp_path):
    for name in ("torch", "numpy", "random", "accelerate", "json"):
        (tmp_path / f"{name}.py").write_text("open('ran', 'w').close()\n")
    (tmp_path / "mymethod.py").write_text(OWN)
    np.save(tmp_path / "x.npy", table(30))
    selfsup = Path(sys.executable).with_name("selfsup")  # as installed: without the current folder on the path
    if not selfsup.exists():
        pytest.skip("the command is not installed beside this Python")
    words = ["fit", "x.npy", "--method", "mymethod:Fill", "--epochs", "1", "--no-evaluate", "--no-progress"]
    done = subprocess.run([selfsup, *words], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert not (tmp_path / "ran").exists()


# Broken input, through the command line


def photos(folder, n=12):
    folder.mkdir(parents=True)
    for number, image in enumerate((pictures(n, 3) * 255).astype(np.uint8)):
        Image.fromarray(image.transpose(1, 2, 0)).save(folder / f"{number:03d}.png")
    return folder


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def bomb():
    """A PNG of a hundred bytes that claims 60,000 x 60,000 pixels."""
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 60_000, 60_000, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")


def test_broken_images_stop_before_training_or_are_skipped_and_listed(command, tmp_path):
    folder = photos(tmp_path / "ünsere photos")
    (folder / "zero.jpg").write_bytes(b"")
    (folder / "words.jpg").write_text("not an image")
    (folder / "cut.png").write_bytes((folder / "000.png").read_bytes()[:150])
    (folder / "bomb.png").write_bytes(bomb())
    fit = ["fit", "ünsere photos", "--epochs", "1", "--no-evaluate", "--out", "run"]
    code, out, err = command(*fit)
    assert (code, out) == (1, "")
    assert "4 of 16 images cannot be read; mend or remove them, or leave them out with --on-bad skip" in err
    for name in ("zero.jpg: empty", "words.jpg: not an image", "cut.png: ", "bomb.png: more than 100 million pixels"):
        assert name in err
    assert not list(tmp_path.glob("run*"))
    code, out, err = command(*fit, "--on-bad", "skip")
    assert (code, err) == (0, "")
    assert "skipped  4 files" in out
    listed = json.loads((tmp_path / "run/bad_files.json").read_text())
    assert sorted(file["name"] for file in listed) == ["bomb.png", "cut.png", "words.jpg", "zero.jpg"]
    assert all(file["reason"] for file in listed)
    assert json.loads((tmp_path / "run/config.json").read_text())["data"]["rows"] == 12
    assert "--on-bad skip" in out.splitlines()[-1]  # the next command is one that works
    assert command("encode", "run", "ünsere photos", "--out", "z.npy")[0] == 1
    code, out, err = command("encode", "run", "ünsere photos", "--out", "z.npy", "--on-bad", "skip")
    assert (code, err) == (0, "")
    assert "4 files could not be read and have no row: bomb.png, cut.png, words.jpg, zero.jpg" in out
    assert len(np.load(tmp_path / "z.npy")) == 12


def objects(path):
    np.save(path, np.array([{"a": 1}, None], dtype=object), allow_pickle=True)


def not_finite(path, value):
    x = table(20)
    x[7, 3] = value
    np.save(path, x)


def csv(path, value):
    lines = [f"{row},{row * 2},{value if row == 5 else row}" for row in range(9)]
    path.write_text("a,b,price\n" + "\n".join(lines))


BROKEN = {
    "empty": (lambda p: p.mkdir(), "empty holds no image", "it is empty"),
    "papers": (lambda p: (p.mkdir(), (p / "a.pdf").write_text("x")), "papers holds no image", "it holds a.pdf"),
    "texts": (lambda p: (p.mkdir(), (p / "a.txt").write_text("x")), "no word of texts occurs min_count=5 times", "'x'"),
    "none": (lambda p: (p.mkdir(), (p / "a.jpg").write_bytes(b"")), "1 of 1 images cannot be read; none is left"),
    "one": (lambda p: photos(p, 1), "learning needs at least 2 samples; got 1"),
    "one.npy": (lambda p: np.save(p, table(1)), "learning needs at least 2 samples; got 1"),
    "nan.npy": (lambda p: not_finite(p, np.nan), "nan.npy", "row 7, column 3", "NaN"),
    "inf.npy": (lambda p: not_finite(p, np.inf), "inf.npy", "row 7, column 3", "infinite"),
    "nan.csv": (lambda p: csv(p, "nan"), "nan.csv", "row 5", "'price'"),
    "gap.csv": (lambda p: csv(p, ""), "gap.csv", "row 5", "'price'"),
    "word.csv": (lambda p: csv(p, "cheap"), "word.csv", "'price'", "'cheap'"),
    "objects.npy": (objects, "objects.npy holds Python objects, which are never unpickled"),
    "pickle.npy": (lambda p: p.write_bytes(b"\x80\x04]\x94."), "pickle.npy", "never unpickled"),
    "cut.npy": (lambda p: (np.save(p, table(20)), p.write_bytes(p.read_bytes()[:300])), "cut.npy", "truncated"),
    "labels.npz": (lambda p: np.savez(p, x=table(20), y=np.arange(19)), "labels.npz: got 19 labels for 20 rows"),
    "none.npy": (lambda p: np.save(p, np.zeros((0, 4))), "none.npy", "empty"),
    "words.npy": (lambda p: np.save(p, np.array([["a"], ["b"]])), "words.npy", "must be numbers"),
    "bad.parquet": (lambda p: p.write_text("no"), "bad.parquet"),
    "photo.jpg": (lambda p: p.write_bytes(b"x"), "photo.jpg", "not an image"),
}


MISSING = ("nan.npy", "nan.csv", "gap.csv")  # most methods learn around what is missing; the closed form needs it all


@pytest.mark.parametrize("name", MISSING)
def test_missing_values_are_learnt_around(command, tmp_path, name):
    BROKEN[name][0](tmp_path / name)
    code, _, err = command("fit", name, "--epochs", "1", "--out", "run")
    assert (code, err) == (0, "")


@pytest.mark.parametrize("name", BROKEN)
def test_broken_data_is_named_and_nothing_is_written(command, tmp_path, name):
    make, *parts = BROKEN[name]
    make(tmp_path / name)
    needs_all = ("--method", "linear") if name in MISSING else ("--epochs", "1")
    code, out, err = command("fit", name, *needs_all, "--out", "run")
    assert (code, out) == (1, "")
    for part in parts:
        assert part in err, err
    assert "Traceback" not in err
    assert not list(tmp_path.glob("run*"))


def test_one_class_trains_and_is_told_and_constant_rows_are_refused(command, tmp_path):
    np.savez(tmp_path / "x.npz", x=table(30), y=np.zeros(30, int))
    code, out, err = command("fit", "x.npz", "--epochs", "1", "--out", "run")
    assert (code, err) == (0, "")
    assert "note     the labels are all of one class; a comparison needs at least 2 classes" in out
    code, _, err = command("evaluate", "run", "--data", "x.npz")
    assert code == 1
    assert "all of one class" in err
    np.save(tmp_path / "same.npy", np.ones((30, 4)))
    code, _, err = command("fit", "same.npy", "--epochs", "1", "--out", "same")
    assert code == 1
    assert "all 30 samples are the same, to the bit" in err
    assert not (tmp_path / "same").exists()


@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "metrics.jsonl", "evaluation.json"])
def test_a_damaged_run_folder_is_named(command, tmp_path, name):
    np.save(tmp_path / "x.npy", table(30))
    assert command("fit", "x.npy", "--epochs", "1", "--out", "run")[0] == 0
    file = tmp_path / "run" / name
    whole = file.read_bytes()
    for content in (whole[: len(whole) // 2], b"", b"\x00\xff\x00", b'{"hello": 1}\n'):
        file.write_bytes(content)
        code, out, err = command("encode", "run", "x.npy", "--out", "z.npy")
        assert (code, out) == (1, ""), (content, out)
        assert f"run/{name}" in err
        assert "unexpected" not in err
        assert not (tmp_path / "z.npy").exists()
    if name != "evaluation.json":
        file.unlink()
        assert command("encode", "run", "x.npy", "--out", "z.npy")[2] == (
            f"selfsup: run is not a whole run folder: {name} is missing\n"
        )


def test_a_state_that_is_damaged_is_named(command, tmp_path):
    np.save(tmp_path / "x.npy", table(30))
    state = tmp_path / STATE
    state.parent.mkdir(parents=True)
    state.write_bytes(b"rubbish")
    code, _, err = command("fit", "x.npy", "--epochs", "1", "--out", "run", "--resume")
    assert code == 1
    assert f"{STATE} is damaged" in err
    assert "option 'overwrite'" in err
    assert command("fit", "x.npy", "--epochs", "1", "--no-evaluate", "--out", "run", "--overwrite")[0] == 0

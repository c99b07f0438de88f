"""What a run folder promises: one writer, one whole folder at any moment, and no changed file that loads in silence."""

import errno
import json
import os
import re
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import selfsup
from conftest import reseal, table
from selfsup import store
from selfsup.cli.main import main
from selfsup.errors import RunError
from selfsup.store import claiming
from selfsup.system import files, lock
from selfsup.system.lock import LOCK, Lock
from selfsup.words import WordVectors

QUIET = {"progress": False, "evaluate": False}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    out = tmp_path_factory.mktemp("made") / "run"
    selfsup.fit(table(60), "linear", n_components=3, out=out, **QUIET)
    return out


@pytest.fixture
def run(made, tmp_path):
    return Path(shutil.copytree(made, tmp_path / "run"))


def names(folder):
    return sorted(path.name for path in folder.iterdir())


# The seal


def test_every_file_is_sealed_and_config_itself(run):
    config = json.loads((run / store.CONFIG).read_text())
    assert sorted(config["files"]) == [name for name in names(run) if name != store.CONFIG]
    assert re.fullmatch("[0-9a-f]{64}", config["digest"])
    assert {"files", "digest"}.isdisjoint(selfsup.load(run).config)


@pytest.mark.parametrize(
    "name", ["model.safetensors", "metrics.jsonl", "latent.safetensors", "config.json", "README.md"]
)
def test_a_flipped_bit_is_noticed_and_named(run, name, capsys):
    assert main(["verify", str(run)]) == 0
    assert re.search(r"run is whole: \d files, 0\.\d MB", capsys.readouterr().out)
    content = bytearray((run / name).read_bytes())
    content[-1 if name.endswith(".safetensors") else content.rindex(b"1")] ^= 1
    (run / name).write_bytes(content)
    assert main(["verify", str(run)]) == 1
    assert name in capsys.readouterr().err
    if name != "README.md":  # which no model is read from
        with pytest.raises(RunError, match=f"{name} is damaged"):
            selfsup.load(run)


def test_a_missing_or_longer_file_is_noticed(run):
    with (run / store.WEIGHTS).open("ab") as file:
        file.write(b"x")
    with pytest.raises(
        RunError, match=r"model.safetensors is damaged or truncated: it has [\d,]+ bytes, and [\d,]+ were"
    ):
        selfsup.load(run)
    (run / store.WEIGHTS).unlink()
    with pytest.raises(RunError, match="not a whole run folder: model.safetensors is missing"):
        selfsup.load(run)


def test_a_large_file_is_compared_while_it_is_read(tmp_path, monkeypatch):
    monkeypatch.setattr("selfsup.store.sealing.LARGE", 1)
    vectors = WordVectors(["a", "b"], np.eye(2, dtype=np.float32))
    vectors.save(tmp_path / "words")
    assert WordVectors.load(tmp_path / "words").words == ["a", "b"]
    path = tmp_path / "words" / "vectors.safetensors"
    path.write_bytes(path.read_bytes()[:-1] + b"\x01")
    with pytest.raises(RunError, match="vectors.safetensors is damaged: it has changed"):
        WordVectors.load(tmp_path / "words")
    WordVectors.load(tmp_path / "words", verify=False)


def test_whatever_the_reader_says_the_seal_has_the_last_word(run, monkeypatch):
    monkeypatch.setattr("selfsup.store.sealing.LARGE", 1)
    (run / store.METRICS).write_bytes(b"[" * (run / store.METRICS).stat().st_size)
    with pytest.raises(RunError, match="metrics.jsonl is damaged: it has changed since it was written"):
        selfsup.load(run)


def test_unsealed_runs_are_read_on_request_and_sealed_when_saved(run, tmp_path):
    config = json.loads((run / store.CONFIG).read_text())
    store.write_json(run / store.CONFIG, {key: config[key] for key in config if key not in ("files", "digest")})
    with pytest.raises(RunError, match="no digests of the run's files"):
        selfsup.load(run)
    selfsup.load(run, verify=False).save(tmp_path / "new")
    assert store.faults(tmp_path / "new") == []


@pytest.mark.parametrize("name", ["../secret", "/dev/zero", "a/b"])
def test_a_seal_names_files_of_its_own_folder_only(run, name):
    reseal(run)
    config = json.loads((run / store.CONFIG).read_text())
    config.pop("digest")
    config["files"][name] = {"sha256": "0" * 64, "bytes": 1}
    from selfsup.store.sealing import _digest

    store.write_json(run / store.CONFIG, {**config, "digest": _digest(config)})
    with pytest.raises(RunError, match="config.json is damaged"):
        selfsup.load(run)


def test_a_report_written_anew_is_sealed_anew(run, capsys):
    (run / store.REPORT).write_text("gone")
    assert len(store.faults(run)) == 1
    assert main(["report", str(run)]) == 0
    assert (run / store.REPORT).read_text().startswith("<!doctype html>")
    assert store.faults(run) == []
    assert LOCK not in names(run)


# One writer


def test_the_second_writer_is_told_who_the_first_is(tmp_path):
    with store.claim(tmp_path / "run", overwrite=False) as folder:
        with pytest.raises(
            RunError, match=rf"run\.partial is being written by process {os.getpid()} on \S+, since 20\S+ \S+"
        ):
            Lock(folder)
        store.seal(folder, {"method": "x"})
    assert names(tmp_path) == ["run"]
    assert names(tmp_path / "run") == [store.CONFIG]


def test_a_lock_ends_with_its_process(tmp_path):
    folder = tmp_path / "run.partial"
    code = f"import os; from pathlib import Path; from selfsup.system.lock import Lock; Lock(Path({str(folder)!r})); os._exit(9)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 9
    assert (folder / LOCK).exists()
    Lock(folder).release(folder)
    assert names(folder) == []


def test_who_waits_for_a_folder_that_is_renamed_does_not_hold_its_lock(tmp_path, monkeypatch):
    folder = tmp_path / "run.partial"
    take, calls = lock.take, []

    def late(handle, **how):
        if not calls:
            folder.rename(tmp_path / "run")  # between opening the file and locking it
        calls.append(handle)
        return take(handle, **how)

    monkeypatch.setattr("selfsup.system.lock.take", late)
    held = Lock(folder)
    assert len(calls) == 2
    assert (folder / LOCK).exists()
    held.release(folder)


def test_a_run_never_takes_the_place_of_one_that_came_meanwhile(run, tmp_path):
    out = tmp_path / "other"

    def write():
        with store.claim(out, overwrite=False) as folder:
            store.seal(folder, {"method": "x"})
            shutil.copytree(run, out)

    with pytest.raises(RunError, match="other was made by another while this run was trained; the run is whole in"):
        write()
    assert store.faults(out) == []
    assert store.faults(store.partial(out)) == []


def test_a_folder_that_is_not_whole_never_becomes_a_run(run):
    with pytest.raises(RunError, match=r"cannot finish .*run: files of .*run\.partial are missing"), \
            store.claim(run, overwrite=True) as folder:  # fmt: skip
        store.write_text(folder / store.REPORT, "alone")
    assert store.faults(run) == []
    assert names(run.parent) == ["run"]


def test_a_folder_called_old_is_nobodys_to_remove(run):
    kept = run.with_name("run.old")
    kept.mkdir()
    (kept / "mine").write_text("x")
    selfsup.load(run).save(run, overwrite=True)
    assert names(kept) == ["mine"]


# Killed between the renames


class Killed(BaseException):
    """Stands for a process that ends here."""


@pytest.mark.parametrize("step", [0, 1, 2])
def test_between_the_renames_the_next_command_finds_a_whole_run(run, monkeypatch, step):
    """0: before the old run is moved, 1: before the new one takes its place, 2: before the old one is removed."""
    old, steps = selfsup.load(run), iter(range(3))
    rename, remove = Path.rename, claiming._remove

    def may_die(function, path):
        if path.name in ("run", "run.partial", claiming.REPLACED) and path.exists() and next(steps) == step:
            raise Killed
        return function

    monkeypatch.setattr(Path, "rename", lambda path, to: may_die(rename, path)(path, to))
    monkeypatch.setattr(claiming, "_remove", lambda path: may_die(remove, path)(path))
    old.config["notes"] = ["new"]
    with pytest.raises(Killed):
        old.save(run, overwrite=True)
    monkeypatch.undo()
    found = selfsup.load(run).config["notes"]
    assert found == (["new"] if step else selfsup.load(run).config["notes"])
    assert store.finished(run, overwrite=True)
    assert selfsup.load(run).config["notes"] == ["new"]
    assert names(run.parent) == ["run"]
    assert not {name for name in names(run) if name.startswith(".") or name == LOCK}


# Files


def test_the_umask_is_respected(tmp_path):
    before = os.umask(0o027)
    try:
        files.write_bytes(tmp_path / "a", b"x")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o640


def test_temporary_files_of_the_dead_go_and_those_of_the_living_stay(tmp_path):
    (tmp_path / ".a.0123abcd.tmp").write_text("dead")
    (tmp_path / ".b.0123abcd.tmp").write_text("dead, of another name")
    (tmp_path / ".a.mine.tmp").write_text("not ours")
    with files.whole(tmp_path / "a") as first:
        first.write(b"1")
        files.write_bytes(tmp_path / "a", b"2")
        assert len([name for name in names(tmp_path) if name.startswith(".a.")]) == 2
    assert (tmp_path / "a").read_bytes() == b"1"
    assert names(tmp_path) == [".a.mine.tmp", ".b.0123abcd.tmp", "a"]
    files.sweep(tmp_path)
    assert names(tmp_path) == [".a.mine.tmp", "a"]


@pytest.mark.parametrize("name", ["x" * 255, "\u00e9" * 127, "a[b]*?", "\udce9.npy"])
def test_any_name_that_a_file_can_have_can_be_written(tmp_path, name):
    files.write_bytes(tmp_path / name, b"x")
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("name", [store.REPORT, store.CARD])
def test_a_page_that_cannot_be_written_is_a_warning(tmp_path, monkeypatch, caplog, name):
    write = store.write_text

    def full(path, text):
        if path.name == name:
            raise RunError(
                f"cannot write {path}: {os.strerror(errno.ENOSPC)}; free some space, or choose another place"
            )
        write(path, text)

    monkeypatch.setattr(store, "write_text", full)
    model = selfsup.fit(table(60), "linear", out=tmp_path / "run", **QUIET)
    assert f"{name}: No space left on device" in caplog.text
    assert "the run is whole without it" in caplog.text
    assert store.faults(tmp_path / "run") == []
    np.testing.assert_array_equal(selfsup.load(tmp_path / "run").encode(table(9)), model.encode(table(9)))

"""What comes from strangers: tables that name files, words that are formulas, odd names, an environment of another program's."""

import csv
import ctypes
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet
import pytest
from PIL import Image

import selfsup
from conftest import table
from selfsup.cli import main as cli
from selfsup.cli.writing import to_csv
from selfsup.data.open import open_data
from selfsup.errors import DataError, OptionError

QUIET = {"progress": False}
ROOT_RIGHTS, DROP = 1, 24  # of Linux: the right to write everywhere, and how a process gives it up


def picture(path, value=120):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((8, 8), value, np.uint8)).save(path)
    return path


@pytest.fixture
def place(tmp_path):
    """A folder of a stranger's, with two images of his own, beside a secret."""
    for number in range(2):
        picture(tmp_path / "theirs" / "images" / f"{number}.png", number * 50)
    picture(tmp_path / "secret" / "s.png", 255)
    (tmp_path / "theirs" / "link.png").symlink_to(tmp_path / "secret" / "s.png")
    (tmp_path / "theirs" / "way").symlink_to(tmp_path / "secret")
    return tmp_path


def write(folder, kind, paths):
    """A table of images that are named by their paths."""
    rows = [{"image": {"bytes": None, "path": path}, "label": number % 2} for number, path in enumerate(paths)]
    file = folder / f"t.{kind}"
    if kind == "jsonl":
        file.write_text("".join(json.dumps(row) + "\n" for row in rows))
        return file
    made = pa.schema([("image", pa.struct([("bytes", pa.binary()), ("path", pa.string())])), ("label", pa.int64())])
    whole = pa.Table.from_pylist(rows, schema=made)
    if kind == "parquet":
        pa.parquet.write_table(whole, file)
    else:
        with pa.OSFile(str(file), "wb") as sink, pa.ipc.new_stream(sink, whole.schema) as writer:
            writer.write_table(whole)
    return file


OUTSIDE = {
    "upwards": "../secret/s.png",
    "round about": "images/../../secret/s.png",
    "absolute": "{}/secret/s.png",
    "a link": "link.png",
    "through a link": "way/s.png",
    "a device": "/dev/zero",
}


@pytest.mark.parametrize("path", OUTSIDE.values(), ids=OUTSIDE)
def test_a_table_tells_of_no_file_outside_its_folder(place, path, monkeypatch):
    outside = path.format(place)
    file = write(place / "theirs", "parquet", ["images/0.png", "images/1.png", outside])
    touched = []
    usual = Path.open
    monkeypatch.setattr(Path, "open", lambda self, *how, **more: touched.append(self) or usual(self, *how, **more))
    with pytest.raises(DataError) as caught:
        open_data(file, **QUIET)
    assert f"row 2 ({outside}): the path leads out of the folder of the table" in str(caught.value)
    made = open_data(file, on_bad="skip", **QUIET)
    assert len(made) == 2
    assert [one.name for one in made.bad] == [f"row 2 ({outside})"]
    assert made.x.max() < 255
    assert touched
    assert all(one.suffix != ".png" or "images" in one.parts for one in touched)


@pytest.mark.parametrize("kind", ["jsonl", "arrow", "parquet"])
def test_in_every_kind_of_table(place, kind):
    file = write(place / "theirs", kind, ["../secret/s.png", "../secret/s.png"])
    with pytest.raises(DataError, match=r"none is left\n  row 0 \(../secret/s.png\): the path leads out"):
        open_data(file, on_bad="skip", **QUIET)
    inside = write(place / "theirs", kind, ["images/0.png", str(place / "theirs" / "images" / "1.png")])
    assert len(open_data(inside, **QUIET)) == 2


def test_a_path_that_is_none(place):
    file = write(place / "theirs", "parquet", ["images/0.png", "a\0b.png", "x" * 300 + ".png", "images"])
    with pytest.raises(DataError, match="3 of 4 images cannot be read") as caught:
        open_data(file, **QUIET)
    assert "row 1 (a\\x00b.png): no path of a file" in str(caught.value)


def test_a_data_set_of_the_hub(place, monkeypatch):
    import datasets
    import huggingface_hub

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(place / "hub"))
    own = place / "hub" / "datasets--owner--name"
    picture(own / "blobs" / "abc.png", 10)
    (own / "snapshots").mkdir()
    (own / "snapshots" / "0.png").symlink_to("../blobs/abc.png")

    def given(*paths):
        features = datasets.Features({"image": datasets.Image()})
        made = datasets.Dataset.from_dict({"image": [{"bytes": None, "path": str(path)} for path in paths]}, features)
        monkeypatch.setattr(datasets, "load_dataset", lambda *_: datasets.DatasetDict({"train": made}))
        return made

    given(own / "snapshots" / "0.png", own / "snapshots" / "0.png")
    assert len(open_data("hub:owner/name", **QUIET)) == 2
    made = given(place / "secret" / "s.png", own / "snapshots" / "0.png")
    with pytest.raises(DataError, match="row 0 .*the path leads out of the folder"):
        open_data("hub:owner/name", **QUIET)
    assert len(open_data(made, **QUIET)) == 2  # the caller has loaded it himself


def test_links_in_a_folder_of_the_users_own_are_followed(place):
    assert len(open_data(place / "theirs", **QUIET)) == 4


def test_a_link_to_itself_is_one_bad_file(place):
    folder = place / "theirs" / "images"
    (folder / "a.png").symlink_to("a.png")
    (folder / "loop").symlink_to("loop")
    with pytest.raises(DataError, match=r"1 of 3 images cannot be read.*\n  a.png: damaged: Too many levels"):
        open_data(folder, **QUIET)
    made = open_data(folder, on_bad="skip", **QUIET)
    assert len(made) == 2
    assert [one.name for one in made.bad] == ["a.png"]


HARMFUL = ["=1+1", "+cmd", "-cmd|x", "@SUM(A1)", "\tx", "\r=x", "\n=x", "=HYPERLINK(1)"]


def test_no_cell_of_a_csv_is_a_formula():
    words = [*HARMFUL, "plain", "-1.5", "+2e3", "a;=b", "x\r=y", None]
    frame = pd.DataFrame({"=name": words, "value": np.linspace(-6, 6, len(words)), "flag": [True] * len(words)})
    text = to_csv(frame).decode()
    back = pd.read_csv(io.StringIO(text, newline=""), dtype={"'=name": object}, lineterminator=None)
    assert back.columns.tolist() == ["'=name", "value", "flag"]
    found = [row[0] for row in csv.reader(io.StringIO(text, newline=""))][1:]
    assert found == ["'" + word for word in HARMFUL] + ["plain", "-1.5", "+2e3", "a;=b", "x\r=y", ""]
    np.testing.assert_allclose(back["value"], frame["value"])
    assert "'-" not in text.replace("'-cmd", "")


def test_scores_of_files_with_odd_names(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for number, name in enumerate(
        ["=HYPERLINK(1)", "b\x1b[31m", "c\nd", os.fsdecode(b"\xe9t\xe9"), *map(str, range(8))]
    ):
        picture(tmp_path / "photos" / f"{name}.png", number * 20)
    fit = ["fit", "photos", "--method", "undercomplete", "--epochs", "1", "--no-progress", "--no-evaluate", "--out"]
    assert cli.main([*fit, "r"]) == 0
    assert cli.main(["score", "r", "photos", "--out", "s.csv"]) == 0
    told = capsys.readouterr()
    assert "\x1b" not in told.out + told.err
    rows = [row[0] for row in csv.reader((tmp_path / "s.csv").open(newline="", encoding="utf-8"))]
    assert "'=HYPERLINK(1).png" in rows
    assert "c\nd.png" in rows
    assert "\\udce9t\\udce9.png" in rows
    assert cli.main(["encode", "r", "photos", "--out", "c.parquet"]) == 0
    assert "\\udce9t\\udce9.png" in pd.read_parquet("c.parquet")["name"].tolist()
    for name in ("c\nd", os.fsdecode(b"\xe9t\xe9")):
        (tmp_path / "photos" / f"{name}.png").write_bytes(b"x")
    assert cli.main([*fit, "r2"]) == 1
    assert "  c\\nd.png: " in capsys.readouterr().err
    assert cli.main([*fit, "r2", "--on-bad", "skip"]) == 0
    assert {"c\\nd.png", "\\udce9t\\udce9.png"} == {
        bad["name"] for bad in json.loads(Path("r2/bad_files.json").read_text())
    }


def test_tables_that_are_written(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    frame = pd.DataFrame(table(60), columns=["=a", *"bcdef"]).assign(kind=["=x", "-y", "z"] * 20)
    frame.to_csv("t.csv", index=False)
    assert cli.main(["fit", "t.csv", "--method", "undercomplete", "--epochs", "1", "--out", "r", "--no-progress"]) == 0
    assert cli.main(["sample", "r", "--out", "s.csv", "--n", "40"]) == 0
    assert cli.main(["reconstruct", "r", "t.csv", "--fill", "--out", "f.csv"]) == 0
    for name in ("s.csv", "f.csv"):
        back = pd.read_csv(name)
        assert back.columns[0] == "'=a"
        assert back["kind"].isin(["'=x", "'-y", "z"]).all()
        assert all(back[name].dtype.kind == "f" for name in "bcdef")


def test_a_process_of_a_launcher(monkeypatch, tmp_path):
    cases = [
        ({"RANK": "1"}, "RANK in the environment is 1, but WORLD_SIZE is not set"),
        ({"RANK": "abc"}, "RANK in the environment must be a whole number; got 'abc'"),
        ({"RANK": "-1"}, "RANK in the environment is -1"),
        ({"RANK": "2", "WORLD_SIZE": "2"}, "RANK in the environment is 2, but WORLD_SIZE is 2.* from 0 to 1"),
        ({"WORLD_SIZE": "2"}, "WORLD_SIZE in the environment is 2, but RANK is not set"),
        ({"WORLD_SIZE": "2", "RANK": "0"}, "but MASTER_ADDR is not set"),
        ({"WORLD_SIZE": "0"}, "WORLD_SIZE in the environment is 0, and must be at least 1"),
        ({"WORLD_SIZE": "x"}, "WORLD_SIZE in the environment must be a whole number"),
    ]
    for environment, said in cases:
        with monkeypatch.context() as patch:
            for name in ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT"):
                patch.delenv(name, raising=False)
            for name, value in environment.items():
                patch.setenv(name, value)
            if "MASTER" not in said:
                patch.setenv("MASTER_ADDR", "localhost")
                patch.setenv("MASTER_PORT", "1")
            with pytest.raises(OptionError, match=said):
                selfsup.fit(table(40), "linear", out=tmp_path / "r", evaluate=False, progress=False)
    monkeypatch.setenv("RANK", "0")
    monkeypatch.setenv("WORLD_SIZE", "1")
    selfsup.fit(table(40), "linear", out=tmp_path / "r", evaluate=False, progress=False)
    assert (tmp_path / "r" / "config.json").is_file()


def as_user(folder, *words, cache="cache"):
    """A command of a user who may not write everywhere: exit code and errors."""

    def ordinary():
        if os.geteuid() == 0:
            ctypes.CDLL(None).prctl(DROP, ROOT_RIGHTS, 0, 0, 0)

    around = dict(os.environ, HOME=str(folder / "work"), SELFSUP_CACHE=str(folder / cache), OMP_NUM_THREADS="1")
    done = subprocess.run(
        [sys.executable, "-m", "selfsup", *words], cwd=folder / "work", env=around, preexec_fn=ordinary,
        capture_output=True, text=True, timeout=200,
    )  # fmt: skip
    assert "Traceback" not in done.stderr
    return done.returncode, done.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="rights are given up as Linux has them")
def test_a_folder_that_may_only_be_read(tmp_path):
    for name in ("work", "cache"):
        (tmp_path / name).mkdir()
    for name in ("kept", "no cache"):
        (tmp_path / name).mkdir(mode=0o555)
    np.save(tmp_path / "work" / "x.npy", table(60))
    (tmp_path / "work" / "t.txt").write_text("the cat sat on the mat\n" * 200)
    if as_user(tmp_path, "fit", "x.npy", "--out", "../kept/r", "--epochs", "1")[0] == 0:
        pytest.skip("this user may write everywhere")
    before = {"fit": ["fit", "none.npy", "--out", "../kept/r"]}  # the data are not even looked for
    assert as_user(tmp_path, "fit", "x.npy", "--out", "r", "--epochs", "1", "--no-evaluate", cache="no cache") == (
        0,
        "",
    )
    before["encode"] = ["encode", "r", "x.npy", "--out", "../kept/c.npy"]
    before["score"] = ["score", "r", "none.npy", "--out", "../kept/new/s.csv"]
    for words in before.values():
        code, said = as_user(tmp_path, *words)
        assert code == 1
        assert "may not write to the folder" in said
    code, said = as_user(tmp_path, "fit", "t.txt", "--method", "skipgram", "--dim", "5", "--min-count", "1", "--epochs", "1",
                         "--no-evaluate", "--no-progress", "--out", "w", cache="no cache")  # fmt: skip
    assert code == 0
    assert "cannot write to the cache folder" in said


def test_what_is_written_has_the_rights_of_the_users_mask(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SELFSUP_CACHE", str(tmp_path / "cache"))
    for number in range(12):
        picture(tmp_path / "photos" / f"{number}.png", number * 20)
    before = os.umask(0o077)
    try:
        fit = ["fit", "photos", "--method", "undercomplete", "--epochs", "1", "--out", "r", "--no-progress"]
        assert cli.main(fit) == 0
        for words in (["encode", "r", "photos", "--out", "c.npy"], ["score", "r", "photos", "--out", "s.csv"],
                      ["sample", "r", "--out", "s.png"], ["export", "r", "--out", "m.onnx"]):  # fmt: skip
            assert cli.main(words) == 0
    finally:
        os.umask(before)
    made = [path for path in tmp_path.rglob("*") if "photos" not in path.parts]
    assert any("cache" in path.parts for path in made)
    assert not [path for path in made if path.stat().st_mode & 0o077]

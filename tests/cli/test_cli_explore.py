"""selfsup explore: a page of a run, of word vectors and of data, or its address; and a sentence where there is none."""

import http.client
import os
import re
import signal
import socket
import subprocess
import sys
from urllib.parse import urlsplit

import numpy as np
import pytest
from PIL import Image

import selfsup
from conftest import table
from scenes import Page
from selfsup.cli.main import main
from selfsup.words import WordVectors


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def vectors(here):
    words = [f"word{number}" for number in range(60)]
    WordVectors(words, np.random.default_rng(0).normal(size=(60, 8)).astype(np.float32)).save("vectors.txt")
    return "vectors.txt"


@pytest.fixture
def command(capsys):
    def run(*words):
        code = main(["explore", *map(str, words)])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


def test_word_vectors_as_one_page_and_as_a_folder(here, vectors, command):
    code, out, err = command(vectors, "--map", "pca", "--out", "page.html")
    assert (code, err) == (0, "")
    assert re.search(r"^60 words in page.html \(\d+\.\d MB\)$", out, re.M)
    seen = Page((here / "page.html").read_text("utf8"))
    assert seen.names() == [f"word{number}" for number in range(60)]
    assert seen.manifest["words"] is True
    code, out, _ = command(vectors, "--map", "pca", "--limit", 20, "--out", "page")
    assert code == 0
    assert "20 words in page/index.html" in out
    assert "60" in out.splitlines()[0]  # of how many
    assert Page((here / "page" / "index.html").read_text("utf8")).manifest["n"] == 20
    assert sorted(path.name for path in here.iterdir()) == ["page", "page.html", "vectors.txt"]


def test_data_and_a_run(here, command):
    for number in range(12):
        (here / "photos" / "cats").mkdir(parents=True, exist_ok=True)
        pixels = np.random.default_rng(number).integers(0, 256, (20, 20, 3)).astype(np.uint8)
        Image.fromarray(pixels).save(here / "photos" / "cats" / f"{number}.png")
    assert command("photos", "--out", "photos.html")[0] == 0
    seen = Page((here / "photos.html").read_text("utf8"))
    assert seen.manifest["sprites"]["tile"] == 20
    np.save("x.npy", table(80))
    selfsup.fit("x.npy", "linear", out="run", progress=False)
    code, _, err = command("run", "--out", "run.html")
    assert (code, err) == (0, "")
    assert Page((here / "run.html").read_text("utf8")).manifest["n"] == 80
    assert command("run", "--data", "x.npy", "--limit", 30, "--out", "few.html")[0] == 0


def test_before_and_after_and_what_is_sampled(here, vectors, command):
    before = WordVectors.load(vectors)
    WordVectors(before.words, before.vectors[:, ::-1].copy()).save("after.txt")
    assert command(vectors, "--beside", "after.txt", "--map", "pca", "--out", "both.html")[0] == 0
    manifest = Page((here / "both.html").read_text("utf8")).manifest
    assert [plane["space"] for plane in manifest["planes"]] == [0, 1]
    assert len(manifest["spaces"]) == 2


@pytest.mark.parametrize("name", ["page.html", "page"])
def test_what_is_there_stays_unless_asked(here, vectors, command, name):
    assert command(vectors, "--out", name)[0] == 0
    code, out, err = command(vectors, "--out", name)
    assert (code, out) == (1, "")
    assert err == f"selfsup: {name} exists; choose another place, or set option 'overwrite'\n"
    assert command(vectors, "--out", name, "--overwrite")[0] == 0


def test_bad_input_is_a_sentence(here, vectors, command):
    (here / "mine").mkdir()
    (here / "mine" / "thesis.txt").write_text("mine")
    for words, code, sentence in [
        ((vectors, "--out", "mine", "--overwrite"), 1, "mine exists and is not a page of selfsup"),
        ((vectors, "--out", "page.html", "--port", 80), 2, "--port is for the server"),
        ((vectors, "--port", 70_000), 2, "port"),
        ((vectors, "--limt", 3), 2, "did you mean '--limit'?"),
        (("vectors.npy", "--out", "page.html"), 1, "did you mean 'vectors.txt'?"),
        ((vectors, "--map", "map", "--out", "page.html"), 2, "map"),
        ((), 2, "missing: WHAT"),
    ]:
        found = command(*words)
        assert found[0] == code, (words, found)
        assert sentence in found[2], (words, found)
        assert "Traceback" not in found[2]
        assert found[2].count("\n") == 1
    assert not (here / "page.html").exists()
    assert [path.name for path in (here / "mine").iterdir()] == ["thesis.txt"]


def test_a_port_in_use_is_said_before_anything_is_computed(here, command):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        code, out, err = command("there-is-none", "--port", taken.getsockname()[1])
    assert (code, out) == (1, "")
    assert "in use; port 0 (--port 0) takes a free one" in err


def test_open_opens_the_page(here, vectors, command, monkeypatch):
    opened = []
    monkeypatch.setattr("webbrowser.open", lambda address: opened.append(address) or True)
    assert command(vectors, "--out", "page.html")[0] == 0
    assert not opened
    assert command(vectors, "--out", "page", "--open")[0] == 0
    assert opened == [(here / "page" / "index.html").as_uri()]


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_without_out_it_is_served_until_ctrl_c(here, vectors, number):
    process = subprocess.Popen(
        [sys.executable, "-m", "selfsup", "explore", vectors, "--map", "pca"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    line = next(line for line in process.stdout if "http" in line)
    address = re.fullmatch(r"(http://127\.0\.0\.1:\d+/[\w-]{32}/) \(Ctrl-C ends it\)\n", line)[1]
    connection = http.client.HTTPConnection("127.0.0.1", urlsplit(address).port)
    connection.request("GET", urlsplit(address).path)
    assert Page(connection.getresponse().read().decode()).manifest["n"] == 60
    connection.close()
    os.kill(process.pid, number)
    assert process.communicate(timeout=20) == ("", "")
    assert process.returncode == 0

"""Two processes on one run folder, or on one cache: one does the work, the other is refused, and nothing is lost."""

import random
import signal
import sys
import time

import pytest

from crash import Server, listing, same_files
from kills import BEFORE, VALUES, data
from pairs import (
    FIT,
    HELD,
    RACE,
    RACES,
    STATE,
    Left,
    both,
    finish,
    fresh,
    one_of_two,
    raced,
    resumed_beside,
    rows,
    start,
    wait_for,
    whole_in_the_end,
)  # fmt: skip
from today import ALL, SEED

EPOCHS = 20
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the harness forks, and reads /proc")


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Data, and a run that nothing disturbed; how many seconds it took from its first state to its end."""
    folder = rows(tmp_path_factory.mktemp("whole"))
    process = start(folder, [*FIT, "--epochs", str(EPOCHS)])
    wait_for((folder / STATE).exists, process)
    began = time.monotonic()
    assert finish(process).code == 0
    return folder, time.monotonic() - began


@pytest.mark.parametrize("share", [0.0, 0.4, 0.8])
def test_resumed_while_the_first_lives(whole, tmp_path, share):
    folder, seconds = whole
    _, faults = resumed_beside(fresh(folder, tmp_path / "here", "x.npy"), folder, EPOCHS, share * seconds)
    assert not faults


def test_a_killed_one_holds_nothing(whole, tmp_path):
    folder = fresh(whole[0], tmp_path / "here", "x.npy")
    process = start(folder, [*FIT, "--epochs", str(EPOCHS)])
    wait_for((folder / STATE).exists, process)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert not (folder / "run").exists()
    assert finish(start(folder, [*FIT, "--epochs", str(EPOCHS), "--resume"])).code == 0
    assert not whole_in_the_end(folder, whole[0])


@pytest.fixture(scope="module")
def servers():
    with Server(BEFORE) as one, Server(BEFORE) as other:
        yield one, other


@pytest.mark.parametrize("more", [["--overwrite"], ["--resume"], ["--resume", "--overwrite"]])
def test_what_lives_is_neither_resumed_nor_overwritten(servers, tmp_path, more):
    data(tmp_path)
    servers[0].warm(tmp_path, [*RACE, "--overwrite"])
    long = [{"2": "300", "0": "60"}.get(word, word) for word in RACE]  # more epochs, and no state of each
    first, second = both(servers, tmp_path, [[*long, "--overwrite"], [*RACE, *more]], 0.5)
    assert (first.code, first.err) == (0, "")
    assert HELD.match(second.err)
    assert not one_of_two(Left.of(first), Left.of(second), held=True)
    assert servers[0].run(tmp_path, ["verify", "run"]).code == 0


@pytest.mark.parametrize("name", RACES)
def test_two_that_begin_at_once_make_one_run(servers, tmp_path, name):
    assert not raced(servers, name, tmp_path / "race", 200 if ALL else 6, str(SEED))


CACHED = {
    "images": ("photos", ["fit", "photos", "--epochs", "1", "--on-bad", "skip"]),
    "words": ("text.txt", ["fit", "text.txt", "--dim", "8", "--min-count", "1", "--threads", "1", "--epochs", "2"]),
}


@pytest.mark.parametrize("name", CACHED)
def test_two_that_fill_one_cache(servers, tmp_path, name):
    source, words = CACHED[name]
    words = [*words, "--no-evaluate", "--no-progress", "--out"]
    (tmp_path / "whole").mkdir()
    data(tmp_path / "whole")
    for server in servers:
        server.warm(tmp_path / "whole", [*words, "run", "--overwrite"])
    rng = random.Random(f"{SEED} {name}")
    for number in range(100 if ALL else 5):
        told = f"seed {SEED}, try {number}"
        here = fresh(tmp_path / "whole", tmp_path / str(number), source)
        ended = both(servers, here, [[*words, "one"], [*words, "other"]], rng.uniform(-0.1, 0.1) if number else 0.0)
        assert [(one.code, one.err) for one in ended] == [(0, ""), (0, "")], told
        again = servers[0].run(here, [*words, "third"])
        assert (again.code, again.err) == (0, ""), told
        assert not [call for call in again.calls if call.startswith("write cache/")], told  # it is good as it is
        assert sorted(name[-4:] for name in listing(here / "cache")) == [".npy", "json"], told
        for run in ("one", "other", "third"):
            assert not same_files(here / run, tmp_path / "whole/run", VALUES), (told, run)

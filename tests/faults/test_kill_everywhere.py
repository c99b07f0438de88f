"""Every kind of run, killed at its file-system calls: what is there is whole and goes on to the same bit, without junk."""

import random
import sys

import pytest

from crash import Point, Server, listing
from kills import BEFORE, KINDS, Campaign
from today import ALL, SEED

COUNT = 14  # points of a kind that are tried; all of them with SELFSUP_TEST_ALL=1, or by benchmarks/kill_everywhere.py
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the harness forks, and reads /proc")


@pytest.fixture(scope="module")
def server():
    with Server(BEFORE) as one:
        yield one


def some(points, name):
    """An even sample of the points, another one each day."""
    if ALL:
        return points
    step = max(1.0, len(points) / COUNT)
    first = random.Random(f"{SEED} {name}").random() * step
    return [points[int(first + number * step)] for number in range(COUNT) if first + number * step < len(points)]


@pytest.mark.timeout(3600 if ALL else 300)
@pytest.mark.parametrize("name", KINDS)
def test_killed_at_a_call_nothing_is_lost(server, tmp_path, name):
    campaign = Campaign(server, name, tmp_path / "campaign")
    found = campaign.run(some(campaign.points, name))
    assert not found.faults, f"seed {SEED}:\n" + "\n".join(found.faults)
    assert found.tried > COUNT // 2


ONCE_WRONG = {  # a kind, and a call before which it was killed
    "descent": "open run.partial/.README.md.*.tmp",  # was resumed as finished, without card and report
    "closed form": "read run.partial/config.json",
    "vectors over": "unlink table/.replaced",  # a lock was left, and the folder taken for a stranger's
}


@pytest.mark.parametrize("name", ONCE_WRONG)
def test_killed_where_it_once_was_wrong(server, tmp_path, name):
    campaign = Campaign(server, name, tmp_path / "campaign")
    point = Point(campaign.undisturbed.calls.index(ONCE_WRONG[name]) + 1)
    found = campaign.run([point])
    assert found.tried == 1
    assert not found.faults


# The harness itself

WRITE = """
import os
with open("a", "wb") as file:
    file.write(b"x" * 10)
    file.flush()
    os.fsync(file.fileno())
os.replace("a", "b")
with open("/dev/null", "w") as file:
    file.write("not below the folder")
"""


def test_a_process_ends_where_it_is_told_to(server, tmp_path):
    whole = tmp_path / "whole"
    whole.mkdir()
    ended = server.run(whole, WRITE)
    assert (ended.code, ended.err) == (0, "")
    assert ended.calls == ["open a", "write a", "fsync a", "replace a to b"]
    assert ended.points() == [Point(1), Point(2), Point(2, half=True), Point(3), Point(4)]
    left = []
    for number, point in enumerate(ended.points()):
        here = tmp_path / str(number)
        here.mkdir()
        assert server.run(here, WRITE, kill=point).code == -9
        left.append({name: (here / name).stat().st_size for name in listing(here)})
    assert left == [{}, {"a": 0}, {"a": 5}, {"a": 10}, {"a": 10}]

"""Something has changed in a file of ours: in a run, a state to go on from, or a cache. It is noticed, or it changes nothing."""

import sys

import pytest

from crash import Server
from flipped import PLACES, READY, Flips
from today import ALL, SEED

COUNT = 2000 if ALL else 300  # in all
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the harness forks, and reads /proc")


@pytest.fixture(scope="module")
def server():
    with Server(READY) as one:
        yield one


@pytest.mark.parametrize("name", PLACES)
def test_no_change_is_read_as_if_it_had_been_written(server, tmp_path, name):
    flips = Flips(server, name, tmp_path / "place")
    flips.run(COUNT // len(PLACES), str(SEED))
    assert not flips.faults, f"seed {SEED}:\n" + "\n".join(flips.faults)
    assert any(tally.results["noticed"] for tally in flips.tallies.values())

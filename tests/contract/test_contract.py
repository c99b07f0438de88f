"""The contract, checked on every registered method: tomorrow's methods are checked by being registered."""

import pytest

from selfsup.methods import REGISTERED
from selfsup.testing import checks_of

OPTIONS = {
    "skipgram": {"sample": 0.0},
    "cbow": {"sample": 0.0},
    "spans": {"sample": 0.0, "length": 6, "temperature": 0.5},
}  # of words in a few sentences none may be left out
PROCESSES = ("denoising",)  # every method in one start of two: tests/solvers/test_world_sizes.py


def cases():
    for name in sorted(REGISTERED):
        for check in checks_of(name, processes=name in PROCESSES, **OPTIONS.get(name, {})):
            yield pytest.param(check, id=f"{name}-{check.case}-{check.name}".replace(" ", "_"))


@pytest.mark.parametrize("check", list(cases()))
def test_a_method_keeps_the_contract(check):
    check.run()

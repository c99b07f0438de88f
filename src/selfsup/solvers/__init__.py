"""Ways to solve the problem a method declares. To add one: its file, and one line here."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from selfsup.errors import OptionError, unknown

if TYPE_CHECKING:
    from selfsup.solvers.task import Solver

REGISTERED = {
    "sgd": "selfsup.solvers.sgd:Sgd",
    "exact": "selfsup.solvers.exact:Exact",
    "hogwild": "selfsup.solvers.hogwild:Hogwild",
    "batched": "selfsup.solvers.batched:Batched",
    "primed": "selfsup.solvers.primed:Primed",
}


def find(name: str) -> type[Solver]:
    """The solver of a name.

    Raises
    ------
    OptionError
        If there is none, with the nearest.
    """
    if name not in REGISTERED:
        raise OptionError(unknown("solver", name, REGISTERED))
    module, _, cls = REGISTERED[name].partition(":")
    found: type[Solver] = getattr(importlib.import_module(module), cls)
    return found

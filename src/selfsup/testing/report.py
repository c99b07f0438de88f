"""The suite: which checks apply to a method, and what came of them."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple

from selfsup.errors import OptionError, SelfsupError
from selfsup.method import Method
from selfsup.methods import find
from selfsup.testing import apart, learning, verbs
from selfsup.testing.case import Case
from selfsup.testing.made import MADE, made


class Failure(NamedTuple):
    """A check that a method has not passed."""

    check: str
    case: str
    message: str


@dataclass
class Report:
    """What came of the checks."""

    method: str
    ran: int = 0
    failures: list[Failure] = field(default_factory=list)

    @property
    def failed(self) -> int:
        """How many checks have failed."""
        return len(self.failures)

    def __str__(self) -> str:
        told = [f"{self.method}: {self.ran} checks, {self.failed} failed"]
        return "\n".join(told + [f"  {check} ({case}): {message}" for check, case, message in self.failures])

    def print(self) -> None:
        """Say it on standard output."""
        sys.stdout.write(f"{self}\n")


class Check(NamedTuple):
    """One check of one case; `run` raises an error where it is not passed."""

    name: str
    case: str
    run: Callable[[], None]


def check_method(
    method: str | type[Method], /, *, kinds: tuple[str, ...] | None = None, processes: bool = False, **options: Any
) -> Report:
    """Run every check of the contract that applies to a method.

    Parameters
    ----------
    method
        A class, a registered name, ``"module:Class"`` or ``"FILE.py:Class"``.
    kinds
        Of data to try it on; by default all that it learns from.
    processes
        Also train in two processes, which takes some seconds. The method must then be given by a name.
    **options
        Of the method. A width (``hidden``, ``dim``) that is not given is set to a small one, to be quick.

    Returns
    -------
    Report
        ``ran`` and ``failed`` count the checks; ``failures`` holds (check, case, message) of each one that failed.

    Raises
    ------
    OptionError
        If there is no such method, or it does not learn from one of the kinds.
    """
    found = checks_of(method, kinds=kinds, processes=processes, **options)
    report = Report(find(method)[0], len(found))
    for one in found:
        try:
            one.run()
        except Exception as error:  # a stranger's method may raise anything
            said = (
                str(error) if isinstance(error, AssertionError | SelfsupError) else f"{type(error).__name__}: {error}"
            )
            report.failures.append(Failure(one.name, one.case, said))
    return report


def checks_of(
    method: str | type[Method], /, *, kinds: tuple[str, ...] | None = None, processes: bool = False, **options: Any
) -> list[Check]:
    """The checks that `check_method` runs, one by one, for a test suite of one's own; the parameters are the same."""
    name, cls = find(method)
    for kind in kinds or ():
        if kind not in cls.kinds:
            raise OptionError(f"method '{name}' learns from {', '.join(cls.kinds)}; it cannot be checked on '{kind}'")
    found: list[Check] = []
    seen: set[str] = set()
    for made_name, (kind, _) in MADE.items():
        missing = getattr(made(made_name).form, "missing", False)
        if kind not in (kinds or cls.kinds) or (missing and not cls.takes_missing):
            continue
        case = Case(name, cls, options, made_name)
        if case.new().refuses(case.data.form) is not None:
            continue
        scopes = {"case"} | ({"kind"} if kind not in seen else set()) | ({"method"} if not seen else set())
        seen.add(kind)
        for rule in (*verbs.CHECKS, *learning.CHECKS, *(apart.CHECKS if processes else ())):
            if rule.scope in scopes and rule.when(case):
                found.append(Check(rule.name, made_name, partial(rule.run, case)))
    return found

"""Who takes part in a race: methods with their options, and why others are left out."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch

from selfsup.errors import DataError, OptionError, SelfsupError, unknown
from selfsup.method import Method
from selfsup.methods import REGISTERED, find
from selfsup.model.encode import check_kind
from selfsup.options import options_of, parse, resolve
from selfsup.solvers import find as find_solver
from selfsup.solvers.task import Solver
from selfsup.training.fit import method_options

MOST = 40  # that can be told from one another on a page, and in the time of a race


@dataclass(frozen=True)
class Entrant:
    """One method with its options, as `fit` takes them.

    Attributes
    ----------
    name
        What it is called in the table.
    method, cls
        As it was named, and its class.
    options
        Of the method and of its solver.
    """

    name: str
    method: str | type[Method]
    cls: type[Method]
    options: Mapping[str, Any]

    def made(self) -> Method:
        """The method, constructed and not built."""
        known = method_options(self.name, self.cls)
        own = {key: value for key, value in self.options.items() if key in known}
        return self.cls(**resolve(self.cls, own, f"method '{self.name}'"))

    @cached_property
    def solver(self) -> Solver:
        """What solves it: the first of its solvers that can."""
        made = self.made()
        known, refused = method_options(self.name, self.cls), "it names no solver"
        for name in self.cls.solvers:
            solver = find_solver(name)
            if (said := solver().refuses(made, "auto")) is None:
                own = {key: value for key, value in self.options.items() if key not in known}
                return solver(**resolve(solver, own, f"solver '{name}'"))
            refused = said
        raise OptionError(f"method '{self.name}' cannot take part: {refused}")

    def epochs(self, learnt: Any, device: torch.device) -> float:
        """How many passes over the data its training has where time does not end it."""
        return float(self.solver.plan(self.made(), learnt, None, 0, device)["epochs"])

    def why_not(self, form: Any) -> str | None:
        """Why it takes no part in a race for data of this form, in words; None if it does."""
        if callable(getattr(self.cls, "classify", None)):
            return "it learns from labels"
        try:
            check_kind(made := self.made(), form)
        except OptionError as error:
            return str(error)
        if form.missing and not made.takes_missing:
            return "it needs all values, and some are missing"
        if self.solver.closed:
            return "it has a closed form, which more time does not change; PCA stands in the table"
        return None if self.solver.paced else "how long it takes is not known ahead"


def asked_for(methods: str | type[Method] | Sequence[str | type[Method]] | None) -> list[Entrant]:
    """The entrants that were named; none where it is left to the data.

    Parameters
    ----------
    methods
        Names, import paths or classes; a name may have options behind it: ``"denoising:noise=0.3,lr=0.01"``.

    Raises
    ------
    OptionError
        If a method or an option of one is unknown, or one is named twice with the same options.
    """
    listed = [methods] if isinstance(methods, str | type) else list(methods or [])
    if len(listed) > MOST:
        raise OptionError(f"a race takes at most {MOST} methods; got {len(listed)}")
    for one in listed:
        if not isinstance(one, str | type):
            raise OptionError(f"option 'methods' takes names and classes of methods; got a {type(one).__name__}")
    said = [one if isinstance(one, str) else one.__name__ for one in listed]
    if twice := next((one for one in said if said.count(one) > 1), None):
        raise OptionError(
            f"option 'methods' names '{twice}' twice; give the second other options: '{twice}:NAME=VALUE'"
        )
    named = [_named(one) for one in listed]
    names = _short(said)
    return [Entrant(name, method, cls, options) for name, (method, cls, options) in zip(names, named, strict=True)]


def _named(one: str | type[Method]) -> tuple[str | type[Method], type[Method], dict[str, Any]]:
    """A method, its class, and the options that stand behind its name."""
    if not isinstance(one, str):
        return one, find(one)[1], {}
    word, _, given = one.rpartition(":") if "=" in one.rpartition(":")[2] else (one, "", "")
    name, cls = find(word)
    known = dict(method_options(name, cls))
    for solver in cls.solvers:
        known |= {key: option for key, option in options_of(find_solver(solver)).items() if key not in known}
    options = {}
    for part in re.split(r",(?=\w+=)", given) if given else []:
        key, _, value = part.partition("=")
        key = key.strip().replace("-", "_")
        if key not in known:
            raise OptionError(unknown(f"option of method '{word}'", key, known))
        options[key] = parse(known[key], value.strip())
    return word, cls, options


def _short(said: Sequence[str]) -> list[str]:
    """Names without the file that a method lies in, where these tell all apart."""
    bare = [
        one if one.split(":")[0] in REGISTERED else re.sub(r"^.*\.py:|^[\w.]+:(?=\w+($|:))", "", one) for one in said
    ]
    return bare if len(set(bare)) == len(bare) else list(said)


def suited(form: Any) -> tuple[list[Entrant], dict[str, list[str]]]:
    """Every registered method that may take part, and why which others are left out.

    Raises
    ------
    DataError
        If none may.
    """
    kept, left = list[Entrant](), dict[str, list[str]]()
    for name in REGISTERED:
        cls = find(name)[1]
        if form.kind not in cls.kinds:
            continue  # of other data
        one = Entrant(name, name, cls, {})
        try:
            why = one.why_not(form)
        except SelfsupError as error:
            why = str(error)
        if why is None:
            kept.append(one)
        else:
            left.setdefault(why, []).append(name)
    if not kept:
        raise DataError(f"no method can race for {form.describe()}: {'; '.join(left)}")
    return kept, left


def check_asked(entrants: Sequence[Entrant], form: Any) -> None:
    """Refuse those that were named and cannot learn from data of this form; a closed form may take part.

    Raises
    ------
    OptionError
        For the first that cannot.
    """
    for one in entrants:
        if (why := one.why_not(form)) is not None and not one.solver.closed:
            raise OptionError(f"method '{one.name}' cannot take part in this race: {why}")

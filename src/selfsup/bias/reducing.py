"""The reducers by name, as one call: to add one, its function and one line here."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from selfsup.errors import OptionError, unknown
from selfsup.measures.table import is_plain, shown
from selfsup.words.bias.direction import Direction
from selfsup.words.bias.double_hard import double_hard
from selfsup.words.bias.hard import hard_debias
from selfsup.words.bias.inlp import inlp
from selfsup.words.bias.leace import leace
from selfsup.words.bias.multiclass import multiclass_hard
from selfsup.words.bias.soft import soft_debias
from selfsup.words.bias.transform import Transform
from selfsup.words.vectors import WordVectors

Reducer = Callable[..., tuple[WordVectors, Transform]]  # (vectors, direction, **options)


def multiclass(vectors: WordVectors, direction: Direction, **options: Any) -> tuple[WordVectors, Transform]:
    """Hard debiasing of the subspace of the classes of the direction's attribute."""
    return multiclass_hard(vectors, direction.about, **options)


REDUCERS: dict[str, Reducer] = {
    "hard": hard_debias,
    "soft": soft_debias,
    "double-hard": double_hard,
    "inlp": inlp,
    "leace": leace,
    "multiclass": multiclass,
}


def reduced(
    vectors: WordVectors, direction: Direction, method: str = "hard", *, seed: int = 0, **options: Any
) -> tuple[WordVectors, Transform]:
    """Reduce an attribute in word vectors by a method's name.

    Parameters
    ----------
    vectors
        The words and their vectors.
    direction
        Of the attribute, in these vectors.
    method
        A name among `REDUCERS`.
    seed
        Of what the method draws, where it does.
    **options
        Of the method; None stands for its default.

    Raises
    ------
    OptionError
        If there is no such method, or it has no such option.
    """
    if not isinstance(method, str) or method not in REDUCERS:
        raise OptionError(unknown("method", str(method), REDUCERS))
    reducer = REDUCERS[method]
    given = {name: value for name, value in options.items() if value is not None}
    known = inspect.signature(reducer).parameters
    for name in given:
        if name not in known:
            raise OptionError(f"the method '{method}' has no option '{name}'")
    if "seed" in known:
        given["seed"] = seed
    return reducer(vectors, direction, **given)


def said(transform: Transform) -> str:
    """What a reducer says of what it did, in numbers and words."""
    told = [f"{key.replace('_', ' ')} {shown(value)}" for key, value in transform.facts.items() if is_plain(value)]
    return "; ".join(told)

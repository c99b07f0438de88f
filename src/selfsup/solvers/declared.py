"""What methods and data of word vectors have beside the contract, and what solvers ask them for."""

from __future__ import annotations

from typing import Protocol, cast

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from selfsup.data.text.problem import WordProblem
from selfsup.data.text.subwords import Bags
from selfsup.method import Method
from selfsup.solvers.task import Task


class WordMethod(Protocol):
    """What a method of word vectors needs beside the contract.

    Attributes
    ----------
    bags
        Rows of the input table that the vectors of words are means of, or None; once the method is built.
    """

    bags: Bags | None

    def problem(self) -> WordProblem | None:
        """Which loss is declared, where it is one that has a fast solver."""
        ...

    def tables(self) -> tuple[nn.Parameter, nn.Parameter]:
        """Vectors (V or more, D) of words, and (V, D) of targets, of the built method."""
        ...


class Text(Protocol):
    """What data need beside the contract.

    Attributes
    ----------
    ids
        (N,) int32, the text as numbers of words, -1 between sentences.
    raw_share
        Words of the text for each of the ids: rare words have none.
    """

    ids: npt.NDArray[np.int32]
    raw_share: float


def problem_of(method: Method) -> WordProblem | None:
    """What a method declares for the fast solvers, if anything."""
    return cast(WordMethod, method).problem() if hasattr(method, "problem") else None


def declared(method: Method) -> WordProblem:
    """What a method declares, once it is known to."""
    problem = problem_of(method)
    assert problem is not None
    return problem


def words_of(task: Task) -> tuple[WordMethod, Text]:
    """The method and the data, once they are known to have words."""
    return cast(WordMethod, task.method), cast(Text, task.data)


def warm(task: Task) -> None:
    """Put earlier vectors in the tables of a method, wherever they are."""
    assert task.warm is not None
    tables = words_of(task)[0].tables()
    arrays = [table.detach().cpu().numpy() for table in tables]
    task.warm(*arrays)
    for table, array in zip(tables, arrays, strict=True):
        table.data.copy_(torch.from_numpy(array))

"""Going on from an earlier training: its weights, or of words those that the new text knows too."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Any

import numpy as np
import torch

from selfsup import store
from selfsup.data.facts import Facts
from selfsup.errors import OptionError
from selfsup.method import Method, Start
from selfsup.methods import REGISTERED
from selfsup.model.encode import build
from selfsup.model.load import load
from selfsup.store.weights import read_weights
from selfsup.system import hashing
from selfsup.words.before import Before

NAMED = 5  # words in a warning
log = logging.getLogger("selfsup")


class Earlier:
    """An earlier run, or word vectors.

    Parameters
    ----------
    path
        Run folder, or a file of word vectors.
    name, cls
        The method that is to go on from it.
    method
        It, constructed.

    Raises
    ------
    OptionError
        If the method cannot go on from word vectors, or theirs are of another width.
    """

    same_loss = True  # as what goes on from it has

    def __init__(self, path: str, name: str, cls: type[Method], method: Method) -> None:
        self.path, self.words = path, None
        problem = getattr(method, "problem", lambda: None)()
        if problem is None:
            if not os.path.isfile(Path(path) / store.WEIGHTS):
                raise OptionError(f"option 'warm_start': {path} is no run folder that method '{name}' could go on from")
            return
        if problem.subwords:
            raise OptionError("option 'warm_start' goes on from vectors of words, not of n-grams; leave subwords out")
        self._targets = problem.objective != "hierarchical"  # those are nodes of a tree: they begin anew, with the tree
        self.words = Before.load(path, problem.dim, self._earlier_targets(name, cls))

    def _earlier_targets(self, name: str, cls: type[Method]) -> np.ndarray | None:
        """The words' vectors as targets (n, D), where an earlier run of such a method kept them."""
        folder = Path(self.path)
        if not os.path.isfile(folder / store.CONFIG):
            return None
        model = load(folder, method=cls if name not in REGISTERED else None)
        problem = getattr(model.method, "problem", lambda: None)()
        if problem is None or problem.objective == "hierarchical":
            return None
        found: np.ndarray = model.method.tables()[1].detach().numpy()  # type: ignore[operator]
        return found

    @property
    def fingerprint(self) -> str:
        """Of what is gone on from."""
        if self.words is not None:
            return hashing.of_array(self.words.vectors.vectors)
        return hashing.of_array(np.frombuffer(store.read_bytes(Path(self.path), store.WEIGHTS), np.uint8))

    def start(self) -> Start:
        """What the first weights are: the method's own start is passed over."""
        return Start(words=f"goes on from {self.path}")

    def begin(self, method: Method) -> None:
        """Set the weights of a method that was built to those of the earlier run; of words see `fill`."""
        if self.words is None:
            with store.sealed(Path(self.path), (store.WEIGHTS,)):
                read_weights(Path(self.path), store.WEIGHTS, method)

    def fill(self, words: list[str], input: np.ndarray, output: np.ndarray | None, *, lower: bool) -> None:
        """Put the vectors of known words into the two tables (V or more, D); `lower` says whether the text is in lower case."""
        assert self.words is not None
        known, other = self.words.fill(words, input, output if self._targets else None, lower=lower)
        log.info("%d of %d words begin with the vectors of %s", known + len(other), len(words), self.path)
        if other:
            shown = ", ".join(f"'{new}' of '{old}'" for new, old in list(other.items())[:NAMED])
            more = f" and {len(other) - NAMED:,} more" if len(other) > NAMED else ""
            log.warning(
                "the text is in lower case, so words begin with the vectors of capitalised ones of %s: %s%s. The capitalised "
                "ones stay beside them as they were; lower=False keeps the text's capitals", self.path, shown, more,
            )  # fmt: skip

    def joined(self, method: Method, form: Any, fresh: Method, seed: int) -> tuple[Method, Any]:
        """The method and the form with the earlier words that the new text lacks, as they were, after the new ones.

        Of a method that has learnt more than its tables they are left out: what it would need to know of them was not learnt.
        """
        assert self.words is not None
        tables = method.tables()  # type: ignore[operator]
        if {id(parameter) for parameter in method.parameters()} - {id(table) for table in tables}:
            log.info("words of %s that the new text lacks are left out", self.path)
            return method, form
        input, output = (table.detach().cpu().numpy() for table in tables)
        words, vectors, counts, targets = self.words.joined(
            form.words, input, form.counts, output if self._targets else None
        )
        form = form.extended(words, counts)
        device = tables[0].device
        method = build(fresh, Facts(form), seed).to(device)
        tables = method.tables()  # type: ignore[operator]
        with torch.no_grad():
            tables[0].copy_(torch.from_numpy(vectors))
            if targets is not None:  # a tree of more words is another one: its nodes begin anew
                tables[1].copy_(torch.from_numpy(targets))
        return method, form

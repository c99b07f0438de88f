"""A model of word vectors that come from elsewhere: a table that is not learnt here, but can be asked, judged and saved."""

from __future__ import annotations

import platform
from datetime import UTC, datetime
from importlib.metadata import version
from itertools import islice
from typing import Annotated, Any

import numpy as np
import torch
from torch import Tensor, nn

from selfsup.data.text.form import READING, TextForm
from selfsup.errors import OptionError
from selfsup.method import About, Data, Method, Samples, Tree
from selfsup.model.model import Model
from selfsup.options import Range
from selfsup.system import hashing
from selfsup.words.vectors import WordVectors

NAME = "pretrained"  # what such a model's configuration calls its method
LOOKED_AT = 10_000  # words, the first ones, that tell whether the vocabulary has capitals
HASHED = 1_000  # rows by which a table is told from another


class Pretrained(Method):
    """A table of word vectors that was learnt elsewhere.

    It has no task: it hides and predicts nothing. To go on from such vectors, fit a method of words with ``warm_start``.

    Parameters
    ----------
    dim
        Width of a word's vector.
    """

    kinds = ("text",)
    sees, hides = "a word", "nothing: it was learnt elsewhere"
    solvers = ()

    def __init__(self, dim: Annotated[int, Range(1)]) -> None:
        super().__init__()
        self.dim = dim

    def view(self, data: Data) -> Samples:
        """Windows (B, 3) around every word."""
        return data.windows(1)

    def build(self, about: About) -> None:
        """Make room for a vector of each word."""
        self.table = nn.Parameter(torch.zeros(about.form.shape[0], self.dim), requires_grad=False)

    def hide(self, x: Tensor, rng: torch.Generator) -> tuple[Tree, Tree]:
        """Nothing is hidden.

        Raises
        ------
        OptionError
            Always.
        """
        raise OptionError(
            "vectors from elsewhere have no task; to go on from them fit a method of words with warm_start=FILE"
        )

    def encode(self, x: Tensor) -> Tensor:
        """Vectors (B, D) of the words in the middle of windows (B, 2 w + 1)."""
        return self.table[x[:, x.shape[1] // 2]]

    def words(self) -> Tensor:
        """Vectors (V, D) of all words."""
        return self.table.detach()

    def net_words(self) -> str:
        """How large the table is."""
        return f"a table of {len(self.table):,} words x {self.dim}"


def model_of(vectors: WordVectors, source: str = "word vectors", device: str = "cpu") -> Model:
    """A model of word vectors: it encodes texts, is evaluated and saved like any other.

    Parameters
    ----------
    vectors
        The table. New text is cut into words of letters and digits, and lower-cased where the most frequent words have no
        capitals.
    source
        Where they come from, in words.
    device
        Where the table goes when the method itself is asked for.
    """
    first = list(islice(vectors.words, LOOKED_AT))
    reading = {**READING, "lower": all(word == word.lower() for word in first)}
    form = TextForm.of(vectors.words, vectors.counts, reading)

    def whole() -> Method:
        method = Pretrained(vectors.dim)
        table = vectors.rows(slice(None))
        method.table = nn.Parameter(torch.from_numpy(table if table.flags.writeable else table.copy()), False)
        return method.to(device)

    config = _configuration(vectors, form, source)
    return Model(whole, form, config, [], options={"dim": vectors.dim}, word_vectors=vectors)


def _configuration(vectors: WordVectors, form: TextForm, source: str) -> dict[str, Any]:
    """What ``config.json`` holds of a model that was not trained here."""
    net = f"a table of {len(vectors):,} words x {vectors.dim}"
    words = f"{form.describe()} with vectors of {vectors.dim} values"
    told = f"{len(vectors)}x{vectors.dim}:{hashing.of_array(np.ascontiguousarray(vectors.rows(slice(0, HASHED))))}"
    return {
        "selfsup": version("selfsup"), "method": NAME, "options": {"dim": vectors.dim}, "reading": {}, "solver": "none",
        "training": {"rows": 0, "heldout_rows": 0}, "seed": 0, "form": form.to_dict(), "facts": {},
        "data": {
            "source": source, "rows": len(vectors), "fingerprint": told, "classes": [], "bad": 0,
            "description": f"{words} ({source})",
        },
        "width": vectors.dim, "parameters": len(vectors) * vectors.dim, "net": net,
        "start": {"name": NAME, "words": "vectors from elsewhere"}, "warm_start": None, "why": "vectors from elsewhere",
        "summary": (Pretrained.__doc__ or "").split("\n")[0], "sees": Pretrained.sees, "hides": Pretrained.hides,
        "decodes": False, "words": True, "notes": [],
        "versions": {"python": platform.python_version(), "torch": torch.__version__, "numpy": np.__version__},
        "hardware": platform.processor() or platform.machine(), "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "seconds": 0.0,
    }  # fmt: skip

"""Undercomplete auto-encoder: a code too narrow to copy the sample through."""

from __future__ import annotations

from typing import Any, Literal

from selfsup.methods.autoencoder import AutoEncoder


class Undercomplete(AutoEncoder):
    """Squeeze a sample through a narrow code and rebuild it (undercomplete auto-encoder).

    Hides by capacity: the code has fewer values than the sample, and the nets are not linear (Hinton & Salakhutdinov 2006).
    It begins as PCA of the same width, which no linear auto-encoder surpasses, and improves on it.
    """

    def __init__(self, start: Literal["pca", "random"] = "pca", **shared: Any) -> None:
        super().__init__(start=start, **shared)

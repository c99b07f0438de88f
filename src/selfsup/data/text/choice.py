"""The options that change what ids a text gets."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Literal

from selfsup.data.text.tokens import Tokens

Score = Literal["npmi", "original"]


@dataclass(frozen=True)
class Choice:
    """What changes the ids besides the text; see `open_corpus`."""

    lower: bool
    tokens: Tokens
    min_count: int
    max_vocab: int | None
    keep: tuple[str, ...]
    phrases: int
    phrase_threshold: float
    phrase_score: Score

    def key(self) -> list[Any] | None:
        """For a fingerprint; None where the user's function decides, which cannot be told from another."""
        if callable(self.tokens):
            return None
        return [[field.name, getattr(self, field.name)] for field in fields(self)]

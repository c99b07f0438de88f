"""Made texts of 100 words of which it is known which belong together."""

from __future__ import annotations

import numpy as np

WORDS = [first + second for first in "abcdefghij" for second in "klmnopqrst"]


def sentences(path, lines: int = 300, seed: int = 0, random: bool = False):
    """A text of 100 words in a row, in which a word is followed by one near it, or by any."""
    rng = np.random.default_rng(seed)
    places = np.cumsum(rng.integers(-2, 3, (lines, 12)), 1) + rng.integers(0, 100, (lines, 1))
    places = rng.zipf(1.3, places.shape) if random else places
    return written(path, places % 100)


def written(path, places: np.ndarray):
    """The words at these places (lines, words of a line)."""
    path.write_text("\n".join(" ".join(WORDS[word] for word in row) for row in places.tolist()) + "\n")
    return path


def in_a_row(places: np.ndarray) -> np.ndarray:
    """Which of the words of `sentences` at these places (n,) belong together: (n, n)."""
    far = np.abs(places[:, None] - places)
    return np.minimum(far, 100 - far) <= 4


def topics(path, lines: int = 300, seed: int = 0, random: bool = False):
    """Lines of ten words, each of one of ten topics with ten words of its own; or all words in any order."""
    rng = np.random.default_rng([32, seed])
    places = 10 * rng.integers(0, 10, (lines, 1)) + rng.integers(0, 10, (lines, 10))
    return written(path, rng.permutation(places.ravel()).reshape(places.shape) if random else places)


def grammar(path, lines: int = 300, seed: int = 0, random: bool = False):
    """Lines of ten words, of ten kinds that follow each other in one order, from any of them on; or all in any order."""
    rng = np.random.default_rng([33, seed])
    kinds = (np.arange(10) + rng.integers(0, 10, (lines, 1))) % 10
    places = 10 * kinds + rng.integers(0, 10, (lines, 10))
    return written(path, rng.permutation(places.ravel()).reshape(places.shape) if random else places)


def of_ten(places: np.ndarray) -> np.ndarray:
    """Which words at these places (n,) are of one topic, or of one kind: (n, n)."""
    return places[:, None] // 10 == places // 10

"""How much memory learning word vectors takes at its height, known before any of it is taken."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from selfsup.solvers.words import WordPlan

FLOAT = 4  # bytes


def of_hogwild(words: int, plan: WordPlan, *, saved: bool) -> int:
    """Bytes that the fast solver takes: its two tables, the threads' own rows, and the copies that are made of the vectors.

    Parameters
    ----------
    words
        Of the vocabulary.
    plan
        The settings.
    saved
        Whether the state is saved on the way: then both tables are copied, and twice again as the bytes of a file.
    """
    from selfsup.solvers.words import SPARE, hot_rows

    pitch = -(-plan.dim // 16) * 16
    own = 0
    if plan.deterministic:
        from selfsup.solvers.kernels.rounds import VIRTUAL, capacity

        own = VIRTUAL * (capacity(words, 1) + capacity(words, plan.negative + 1))
    elif plan.threads > 1:
        own = 4 * plan.threads * min(hot_rows(plan.threads, pitch), words)
    tables = 2 * (words + SPARE) + own
    return FLOAT * (tables * pitch + (6 if saved else 2) * words * plan.dim)


def of_descent(words: int, dim: int, batch_size: int, *, softmax: bool, saved: bool) -> int:
    """Bytes that gradient descent takes: weights, gradients, two averages of them, a step's work, and what is saved.

    Parameters
    ----------
    words, dim
        Of the two tables.
    batch_size
        Windows a step.
    softmax
        Whether a window has a score for every word of the vocabulary.
    saved
        Whether the state is saved on the way: weights and averages are copied, and copied again as the bytes of a file.
    """
    tables = 2 * words * dim
    return FLOAT * (tables * (14 if saved else 6) + (3 * batch_size * words if softmax else 0))


def of_windows(windows: int, window: int, dim: int) -> int:
    """Bytes for the vectors of all the words in so many windows, twice: the declared loss is taken of them at once."""
    return FLOAT * 2 * windows * 2 * window * dim

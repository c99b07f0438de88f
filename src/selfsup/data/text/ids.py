"""Ids that are written anew: runs in the place of which come words, and the numbers of another vocabulary."""

from __future__ import annotations

import numpy as np

from selfsup.data.text import count
from selfsup.data.text.count import BORDER, FIRST_WIDE, SKIPPED
from selfsup.system.kernels import compiled

_compiled = compiled([str(count.__file__)], nogil=True)


@_compiled
def expand(ids: np.ndarray, starts: np.ndarray, flat: np.ndarray, out: np.ndarray) -> int:
    """Put in the place of every wide run k the numbers ``flat[starts[k] : starts[k + 1]]``; returns how many there are."""
    made = 0
    for one in ids:
        if one > FIRST_WIDE:
            out[made] = one
            made += 1
        else:
            run = FIRST_WIDE - one
            for k in range(starts[run], starts[run + 1]):
                out[made] = flat[k]
                made += 1
    return made


@_compiled
def expanded(ids: np.ndarray, starts: np.ndarray) -> int:
    """How many numbers `expand` writes."""
    size = 0
    for one in ids:
        size += 1 if one > FIRST_WIDE else starts[FIRST_WIDE - one + 1] - starts[FIRST_WIDE - one]
    return size


def fresh(pieces: int = 0) -> np.ndarray:
    """The state of `renumber` (5,) int64 before the first id, where so many sentences are known to be no line of their own."""
    return np.array([0, 1, 0, 0, pieces])


@_compiled
def renumber(ids: np.ndarray, numbers: np.ndarray, others: bool, most: int, state: np.ndarray, out: np.ndarray) -> int:
    """Write ids with their new numbers; negative ones (SKIPPED) are left out, or where `others`, kept as SKIPPED.

    A border comes before the first word of a sentence, so there are never two in a row, nor one at an end; a sentence of
    more than `most` words is cut. `state` goes from call to call: words since the border, whether a border is due, sentences,
    whether the line has begun one, and sentences that go on with a line that was cut.
    """
    since, due, sentences, begun, pieces = state[0], state[1], state[2], state[3], state[4]
    made = 0
    for one in ids:
        if one == BORDER:
            since, due, begun = 0, 1, 0
            continue
        if since == most:
            since, due = 0, 1
        since += 1
        new = numbers[one] if one >= 0 else SKIPPED
        if new < 0 and not others:
            continue
        if due:
            if sentences:
                out[made] = BORDER
                made += 1
            due = 0
            sentences += 1
            pieces += begun
            begun = 1
        out[made] = new if new >= 0 else SKIPPED
        made += 1
    state[0], state[1], state[2], state[3], state[4] = since, due, sentences, begun, pieces
    return made

"""Word vectors that hold every bundled word and a bias that is known, for fast tests of all that measures or reduces it."""

from functools import cache
from pathlib import Path

import numpy as np

from selfsup.words import WordVectors
from selfsup.words.bias import lists
from selfsup.words.bias.attribute import Attribute

DIM, FILLERS = 60, 2400  # filler words, for what needs more words than the lists have
SHE = ("homemaker", "nurse", "receptionist", "librarian", "socialite", "hairdresser", "nanny", "bookkeeper", "stylist",
       "housekeeper")  # fmt: skip
HE = ("maestro", "skipper", "philosopher", "captain", "architect", "financier", "warrior", "broadcaster", "magician",
      "boss")  # fmt: skip


def biased_vectors(path: Path | None = None) -> WordVectors:
    """60-d vectors of all bundled words and 2,400 fillers ``filler0`` .., seeded; the most frequent first, with counts.

    Their gender direction is the first axis, *she* positive (`planted`). Pairs stand 1 to either side of it; the occupations of
    `SHE` and `HE` 0.6, others up to about 0.3. Words that lean one way share the second axis too, which no pair has: what is
    left when the first one is gone. Of each WEAT test X and A lean one way, Y and B the other, by an axis of its own.

    Parameters
    ----------
    path
        Save them here too.
    """
    vectors = _made()
    if path is not None:
        vectors.save(path)
    return vectors


def planted() -> np.ndarray:
    """The gender direction (60,) of `biased_vectors`, toward *she*."""
    direction = np.zeros(DIM)
    direction[0] = 1
    return direction


@cache
def _made() -> WordVectors:
    rng = np.random.default_rng(0)
    gender, tests = Attribute.read("gender"), list(lists.weat().values())
    jobs = [one.word for one in lists.occupations()]
    pairs = [tuple(pair) for pair in (*gender.pairs, *gender.equalize)]
    groups = [group for name in ("gender", "religion") for group in Attribute.read(name).classes]
    words = [word for group in (*pairs, gender.specific, gender.neutral, jobs, *groups) for word in group]
    words += [word for test in tests for side in (test.X, test.Y, test.A, test.B) for word in side]
    words = list(dict.fromkeys(words)) + [f"filler{n}" for n in range(FILLERS)]
    at = {word: row for row, word in enumerate(words)}
    x = rng.normal(0, 1 / np.sqrt(DIM), (len(words), DIM))  # of about length 1
    x[:, 0] = rng.normal(0, 0.15, len(words))
    for pair in (p for p in pairs if len(p) == 2):
        x[at[pair[1]]] = x[at[pair[0]]] + rng.normal(0, 0.03, DIM)
    she = gender.positive or gender.pairs[0][0]
    flipped = any(she == pair[1] for pair in gender.pairs)
    for side, sign in ((0, -1.0 if flipped else 1.0), (1, 1.0 if flipped else -1.0)):
        x[[at[pair[side]] for pair in gender.pairs], 0] = sign
    for chosen, lean in ((SHE, 0.6), (HE, -0.6)):
        x[[at[word] for word in chosen if word in at], 0] = lean
    paired = {at[word] for pair in pairs for word in pair}
    others = np.array([row for row in range(len(words)) if row not in paired])
    x[others, 1] += 1.5 * x[others, 0]
    for number, test in enumerate(tests):
        for side, sign in ((test.X, 1), (test.A, 1), (test.Y, -1), (test.B, -1)):
            x[[at[word] for word in dict.fromkeys(side)], 2 + number] += 0.3 * sign
    return WordVectors(words, x.astype(np.float32), np.arange(len(words), 0, -1))

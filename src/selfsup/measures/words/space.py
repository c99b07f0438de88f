"""Known ways in which a table of word vectors goes wrong, each as one number, and a sentence where it is out of range."""

from __future__ import annotations

import numpy as np

from selfsup.words.search import unit_rows

ROWS = 20_000  # that principal components are taken from, evenly spread over the frequencies
SHORT = 0.1  # of the median length: a vector that short has hardly moved, its neighbours are chance
SHORT_SHARE = 0.01
# Mean cosine. That vectors share a direction which is better taken away is Mu, Bhat and Viswanath (2018). Skip-gram on 4 M words
# of documentation has 0.81 after 1 epoch and 0.32 after 3, when its neighbours begin to make sense.
ALIKE = 0.5
FREQUENCY = 0.8  # correlation: a judgement, runs that were looked at have 0.15 to 0.56
UNSEEN_SHARE = 0.01


def space(vectors: np.ndarray, counts: np.ndarray | None, seen: np.ndarray | None = None) -> dict[str, float]:
    """Numbers on word vectors.

    Parameters
    ----------
    vectors
        (n, D), finite, the most frequent words first.
    counts
        (n,) of the words, or None.
    seen
        (n,) how often each word stands in the text that was learnt from, or None.

    Returns
    -------
    dict
        ``short``: share of vectors shorter than `SHORT` times the median; ``alike``: mean cosine of two different words;
        ``first``: share of the variance in the first principal component; ``frequency``: size of its correlation with the
        logarithm of the counts; ``unseen``: share of words that were never learnt from. What cannot be known is left out.
    """
    lengths = np.linalg.norm(vectors, axis=1)
    found = {"short": float(np.mean(lengths < SHORT * np.median(lengths))), "alike": mean_cosine(vectors)}
    rows = np.unique(np.linspace(0, len(vectors) - 1, min(ROWS, len(vectors))).astype(np.int64))
    part = vectors[rows].astype(np.float64)
    values, axes = np.linalg.eigh(np.cov(part, rowvar=False, ddof=0).reshape(part.shape[1], -1))
    if values[-1] > 0:
        found["first"] = float(values[-1] / values.clip(0).sum())
        if counts is not None and np.ptp(logs := np.log(np.maximum(counts[rows], 1))) > 0:
            along = (part - part.mean(0)) @ axes[:, -1]
            found["frequency"] = float(abs(np.corrcoef(along, logs)[0, 1]))
    if seen is not None:
        found["unseen"] = float(np.mean(seen == 0))
    return found


def mean_cosine(vectors: np.ndarray) -> float:
    """Mean cosine over all pairs of different rows (n, D), without going through the pairs: 0 for a single row."""
    unit = unit_rows(vectors)
    n, total = len(unit), unit.sum(0, dtype=np.float64)
    own = float(np.einsum("nd,nd->", unit, unit, dtype=np.float64))  # n, less the rows of zeros
    return (float(total @ total) - own) / (n * (n - 1)) if n > 1 else 0.0


def cautions(found: dict[str, float]) -> list[str]:
    """A sentence for each number that is out of the usual range."""
    said = []
    if found.get("short", 0) > SHORT_SHARE:
        said.append(
            f"{100 * found['short']:.1f} % of the vectors are shorter than a tenth of the median: they have hardly moved and "
            "their neighbours are chance; more epochs, or a larger min_count"
        )
    if found.get("unseen", 0) > UNSEEN_SHARE:
        said.append(
            f"{100 * found['unseen']:.1f} % of the words stand only in the text that was held out: their vectors were never "
            "learnt; a larger min_count leaves them out"
        )
    if found.get("alike", 0) > ALIKE:
        said.append(
            f"two random words have a cosine of {found['alike']:.2f} on average: all vectors point one way, and cosines look "
            "larger than they are; more epochs or more text, or take away the mean of the vectors"
        )
    if found.get("frequency", 0) > FREQUENCY:
        said.append(
            f"the widest direction of the vectors goes with how frequent a word is (correlation {found['frequency']:.2f}): "
            "frequent words are near to frequent words whatever they mean; a smaller sample, or more text"
        )
    return said

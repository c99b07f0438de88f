"""Gathering the evidence on word vectors: neighbours beside those that counting gives, a map, and the health of the space."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from selfsup import measures as evaluation
from selfsup.measures.words.counting import counted_vectors
from selfsup.measures.words.space import cautions, space
from selfsup.measures.words.telling import over_frequencies, telling
from selfsup.system import memory
from selfsup.words import WordVectors
from selfsup.words.search import nearest

ASKED, NEIGHBOURS = 24, 8  # words whose neighbours are listed, and how many
MAPPED = 400  # words on the map: more cannot be read
COUNTED, CONTEXTS, WIDTH = 4_000, 1_000, 100  # words that are counted, words around them, and singular vectors kept
IDS = 4_000_000  # of the text that are counted: half a second, and enough for the first four thousand words
RANK_ROWS = 2_000
PART = 1 << 20  # ids counted at once


def gather(
    vectors: WordVectors,
    ids: np.ndarray,
    window: int,
    start: Mapping[str, Any],
    end: Mapping[str, Any],
    *,
    held_out: bool,
) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Evaluate word vectors on the text they come from.

    Parameters
    ----------
    vectors
        Words, the most frequent first, their vectors and counts.
    ids
        (N,) int32: the text that was learnt from, as places in the vocabulary, -1 between sentences.
    window
        Words to either side that were neighbours.
    start, end
        Records of the run before and after training.
    held_out
        Whether these were measured on text that was held out.

    Returns
    -------
    tuple
        What ``evaluation.json`` holds (verdict, health, neighbours, the map's words, notes), and arrays (the map).
    """
    learnt = np.zeros(len(vectors), np.int64)
    for first in range(0, len(ids), PART):  # a part at a time: the text may be larger than memory
        part = ids[first : first + PART]
        learnt += np.bincount(part[part >= 0], minlength=len(vectors))
    memory.let_go(ids)
    sampled = vectors.vectors[np.unique(np.linspace(0, len(vectors) - 1, RANK_ROWS).astype(np.int64))]
    found = evaluation.health(sampled, start, end)
    measured = space(vectors.vectors, vectors.counts, learnt)
    counted, used = counted_vectors(
        ids, len(vectors), window, min(WIDTH, vectors.dim), rows=COUNTED, contexts=CONTEXTS, most=IDS
    )
    good = telling(vectors.words, vectors.frequent(None))
    shown = good[:MAPPED]
    result = {
        "verdict": _verdict(found, int(learnt.sum()), held_out=held_out),
        "health": {key: found[key] for key in ("gap", "gap_sd", "shuffled", "loss", "rank", "width")} | measured,
        "neighbours": _neighbours(vectors, counted, over_frequencies(good[good < len(counted)], ASKED))
        | {"counted": {"ids": used, "words": len(counted), "contexts": min(CONTEXTS, len(vectors)), "window": window}},
        "map_words": [vectors.words[row] for row in shown.tolist()],
        "notes": cautions(measured),
    }
    return result, {"map": plane(vectors.unit[shown])}


def plane(vectors: np.ndarray) -> np.ndarray:
    """The first two principal components (n, 2) of vectors (n, D).

    t-SNE would spread the words better; scikit-learn, which has it, takes 150 MB of memory, and the whole training 500.
    """
    left, sizes, _ = np.linalg.svd(vectors - vectors.mean(0), full_matrices=False)
    found = np.zeros((len(vectors), 2), np.float32)
    found[:, : min(2, len(sizes))] = (left * sizes)[:, :2]
    return found


def _neighbours(vectors: WordVectors, counted: np.ndarray, asked: np.ndarray) -> dict[str, Any]:
    """Neighbours of the asked rows among all words, and by counting; and how many the two lists share.

    The share is taken among the same candidates, the words that were counted: the lists themselves are what a user gets.
    """
    among = WordVectors(vectors.words[: len(counted)], counted)
    fair = nearest(vectors.unit[: len(counted)], vectors.unit[asked], NEIGHBOURS + 1).rows
    rows, shared = [], []
    for row, near in zip(asked.tolist(), fair.tolist(), strict=True):
        word = vectors.words[row]
        other = [(name, cosine) for name, cosine in among.most_similar(word, NEIGHBOURS) if cosine > 0]
        own = vectors.most_similar(word, NEIGHBOURS)
        same = {vectors.words[place] for place in near if place != row}
        shared.append(len(same & {name for name, _ in other}))
        count = None if vectors.counts is None else int(vectors.counts[row])
        rows.append({"word": word, "rank": row + 1, "count": count, "model": _rounded(own), "counts": _rounded(other)})
    return {"k": NEIGHBOURS, "shared": float(np.mean(shared)) if shared else None, "rows": rows}


def _rounded(pairs: list[tuple[str, float]]) -> list[list[Any]]:
    return [[word, round(cosine, 4)] for word, cosine in pairs]


def _verdict(found: Mapping[str, float], words: int, *, held_out: bool) -> dict[str, Any]:
    """The kind as for every method; the sentence says words where the common one says samples."""
    judged = evaluation.verdict(found)
    where = "on text that was held out" if held_out else "on text that was learnt from (too little to hold any out)"
    fell = f"went from {found['loss_start']:.4g} to {found['loss']:.4g}"
    sentence = f"Learnt from {words:,} words: the declared loss {where} {fell}"
    if judged["kind"] == "learning":
        sentence += (
            f", and a word's own vector says what stands around it: with another word's vector it is {found['shuffled']:.4g} "
            f"(gap {found['gap']:.2g}, {found['gap_start']:.2g} before training). Whether that beats counting is for you to "
            "see in the neighbours."
        )
    else:
        sentence += (
            f", but another word's vector guesses as well (loss {found['shuffled']:.4g}, gap {found['gap']:.2g}): what was "
            "learnt is which words are frequent, at most; more epochs, or more text."
        )
    return judged | {"sentence": sentence}

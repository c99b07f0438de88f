"""The Huffman tree of a vocabulary: a word is the turns that lead to it, and frequent words are few turns away.

For the hierarchical softmax (Morin & Bengio 2005, "Hierarchical Probabilistic Neural Network Language Model"; Mikolov et al.
2013b, section 2.1): each inner node has a vector and decides between its two children, so a word costs its path and not the
whole vocabulary.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.int64]


class Paths(NamedTuple):
    """Every word's path from the root, one after another: word w's is the part offsets[w] : offsets[w + 1]."""

    offsets: Numbers  # (V + 1,)
    nodes: npt.NDArray[np.int32]  # (sum of lengths,) inner nodes in [0, V - 1), the root (0) first
    codes: npt.NDArray[np.uint8]  # (sum of lengths,) 0 or 1: the child that the path takes there

    @property
    def longest(self) -> int:
        """Most nodes on a path; 0 with one word, which needs no decision."""
        return int(np.diff(self.offsets).max(initial=0))


class _Parents(NamedTuple):
    """Where a node hangs, and as which child. Nodes: the words 0 to V - 1, then the inner ones as they were made."""

    parent: Numbers  # (2 V - 1,) number among the inner nodes as they were made; the root is its own
    code: npt.NDArray[np.uint8]  # (2 V - 1,)


NONE = Paths(np.zeros(1, np.int64), np.zeros(0, np.int32), np.zeros(0, np.uint8))  # of no words


def huffman(counts: npt.ArrayLike) -> Paths:
    """The paths of the Huffman tree: no tree has a shorter mean path under the counts.

    Inner nodes are numbered by falling count, so the most visited come first. Ties are broken one way, for the same tree
    everywhere: words before inner nodes, earlier ones first; that also makes the longest path as short as it can be.

    Parameters
    ----------
    counts
        (V,) integers of at least 0, how often each word occurs.

    Returns
    -------
    Paths
        offsets (V + 1,) int64, nodes int32, codes uint8.

    Notes
    -----
    O(V log V): about a second for a million words.
    """
    number = np.asarray(counts, np.int64)
    words = len(number)
    if words < 2:
        return Paths(np.zeros(words + 1, np.int64), NONE.nodes, NONE.codes)
    return _walk(_merge(number), words)


def _merge(counts: Numbers) -> _Parents:
    """Join the two rarest nodes until one is left.

    Words wait by count in one queue, inner nodes in another, where they arrive by count on their own. What is not above the
    sum of the first two is joined before that sum's turn comes, so all of it is joined pair by pair at once.
    """
    words = len(counts)
    order = np.argsort(counts, kind="stable")
    leaf, inner = counts[order], np.zeros(words - 1, np.int64)
    parent, code = np.zeros(2 * words - 1, np.int64), np.zeros(2 * words - 1, np.uint8)
    a = b = made = 0  # the first of each queue that waits; the end of the second
    while made < words - 1:
        first = np.sort(np.concatenate([leaf[a : a + 2], inner[b : min(b + 2, made)]]))
        most = first[0] + first[1]
        x = a + int(np.searchsorted(leaf[a:], most, "right"))
        y = b + int(np.searchsorted(inner[b:made], most, "right"))
        value = np.concatenate([leaf[a:x], inner[b:y]])
        node = np.concatenate([order[a:x], np.arange(words + b, words + y)])
        turn = np.argsort(value, kind="stable")[: len(value) // 2 * 2]  # of an odd number the last one waits
        pairs, new = len(turn) // 2, made + np.arange(len(turn) // 2)
        inner[new] = value[turn].reshape(pairs, 2).sum(1)
        parent[node[turn]], code[node[turn]] = np.repeat(new, 2), np.tile(np.array([0, 1], np.uint8), pairs)
        leaves = int((turn < x - a).sum())
        a, b, made = a + leaves, b + len(turn) - leaves, made + pairs
    parent[-1] = words - 2
    return _Parents(parent, code)


def _walk(tree: _Parents, words: int) -> Paths:
    """From every word up to the root, all words a step at a time."""
    parent = (words - 2 - tree.parent).astype(np.int32)  # the last one made is the root, and the most frequent
    up, turn = parent[words:][::-1], tree.code[words:][::-1]
    depth, hop = (np.arange(words - 1) > 0).astype(np.int64), up
    while hop.any():  # steps to where `hop` points, which is twice as far each time
        depth, hop = depth + depth[hop], hop[hop]
    offsets = np.concatenate([[0], np.cumsum(depth[parent[:words]] + 1)])
    nodes, codes = np.empty(offsets[-1], np.int32), np.empty(offsets[-1], np.uint8)
    at, node, code = offsets[1:] - 1, parent[:words], tree.code[:words]
    while len(at):
        nodes[at], codes[at] = node, code
        at, node = at[node > 0] - 1, node[node > 0]
        node, code = up[node], turn[node]
    return Paths(offsets, nodes, codes)

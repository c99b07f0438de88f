"""One step of word vectors on any device: a block of many windows, their moves taken at once, in a few dozen operations of torch.

The declared loss is that of `selfsup.solvers.kernels.windows`. Windows of neighbouring words share their contexts. So a
context's row is read once for the 2 window + 1 windows that hold it (they are overlapping views of one matrix), and its move is
summed over them before it is written: in rows, 1 + 1 + K are read and written for each word instead of 2 window + 1 + K.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from selfsup.solvers.blocks.pieces import Piece
from selfsup.solvers.blocks.saturation import curvature, saturated, second_moment

SAMPLE = 2048  # rows that the second moments of a block are taken from
BOTH = 2  # rows of a pair move at once, each towards all that the pair asks for: to each, it bends twice as much


class Rows:
    """One of the two tables on the device. Rows that a block meets often gather their moves in a place of their own.

    `table` is (V + 1 + R, D): the words' rows, a spare one that stays zero, and the gathering places of R rows.
    """

    def __init__(self, rows: npt.NDArray[np.float32], often: npt.NDArray[np.int64], device: torch.device) -> None:
        words = len(rows)
        self.first = words + 1  # of the gathering places
        self.table = torch.zeros((self.first + len(often), rows.shape[1]), device=device)
        self.table[:words] = torch.from_numpy(rows).to(device)
        self.often = torch.from_numpy(often).to(device)
        self.place = torch.arange(self.first, device=device)  # where a row's moves go
        self.place[self.often] = torch.arange(self.first, len(self.table), device=device)
        self.bend = torch.zeros(len(self.table), device=device)

    def add(self, rows: Tensor, moves: Tensor, bend: Tensor) -> None:
        """Add moves (M, D) of rows (M,), and the sums of their pairs' curvatures (M,)."""
        place = self.place[rows]
        self.table.index_add_(0, place, moves)
        if len(self.often):
            self.bend.index_add_(0, place, bend)

    def settle(self, rate: float, moment: Tensor) -> None:
        """Bring what was gathered to the rows, as far as each may go."""
        if len(self.often):
            gathered = self.table[self.first :]
            moves = saturated(gathered, BOTH * rate * self.bend[self.first :], moment)
            self.table.index_add_(0, self.often, moves)
            gathered.zero_()
            self.bend.zero_()


class Room:
    """Memory that every block uses again: coefficients and rows with a margin of zeros, for windows beyond the block."""

    def __init__(self, block: int, window: int, each: int, width: int, device: torch.device) -> None:
        self.window, self.each = window, each
        self.coefficient = torch.zeros((block + 4 * window, 2 * window + 1, each), device=device)
        self.rows = torch.zeros((block + 4 * window, each, width), device=device)

    def put(self, coefficient: Tensor, rows: Tensor) -> None:
        """Take coefficients (n, 2 w + 1, each) of the contexts of n windows, and rows (n, each, D) that they multiply."""
        n, edge = len(rows), 2 * self.window
        self.coefficient[edge : edge + n] = coefficient
        self.coefficient[edge + n : 2 * edge + n] = 0  # an earlier block may have been longer
        self.rows[edge : edge + n] = rows

    def gather(self, n: int) -> Tensor:
        """Sums (n + 2 w, D) for each place of the text over the windows that it is a context of.

        Place p is context 2 w - j of the window that is put at p + j: a view of both, whose rows overlap, and one product.
        """
        places, width, each = n + 2 * self.window, 2 * self.window + 1, self.each
        strides = (width * each, (width - 1) * each, 1)
        diagonal = self.coefficient.as_strided((places, width, each), strides, 2 * self.window * each)
        size = self.rows.shape[2]
        held = self.rows.as_strided((places, width * each, size), (each * size, size, 1))
        return torch.bmm(diagonal.reshape(places, 1, width * each), held)[:, 0]


def diagonal_sums(values: Tensor) -> Tensor:
    """Values (n, 2 w + 1) of the contexts of n windows to sums (n + 2 w,) for each place of the text."""
    n, width = values.shape
    padded = torch.nn.functional.pad(values, (0, 0, width - 1, width - 1))
    return padded.as_strided((n + width - 1, width), (width, width - 1), width - 1).sum(1)


class Moves(NamedTuple):
    """What a block of n windows asks for: the moves, and for each row the curvatures summed over its pairs."""

    words: Tensor  # (n + 2 w, D), of the contexts
    targets: Tensor  # (n, 1 + K, D)
    word_bend: Tensor  # (n + 2 w,), in units of the rate
    target_bend: Tensor  # (n, 1 + K)
    word_moment: Tensor  # (D, D), second moment of the rows that contexts meet: the targets'
    target_moment: Tensor  # (D, D), second moment of what the targets meet


def contexts(piece: Piece, a: int, b: int, window: int) -> Tensor:
    """Which places (b - a, 2 w + 1) around the words a to b of a piece are their contexts: 1 or 0, float32."""
    n, width = b - a, 2 * window + 1
    near = piece.sentence[a : b + 2 * window].as_strided((n, width), (1, 1))
    far = (torch.arange(width, device=near.device) - window).abs()
    return ((near == near[:, window : window + 1]) & (far <= piece.reach[a:b]) & (far > 0)).float()


def moves(seen: Tensor, target: Tensor, used: Tensor, weight: Tensor, rate: float, bag: float, room: Room) -> Moves:
    """Moves against the gradient of the declared loss of n windows.

    Parameters
    ----------
    seen
        (n + 2 w, D) rows of the words around and in the windows, contiguous.
    target
        (n, 1 + K, D) rows of their targets, the word's first.
    used
        (n, 2 w + 1) which of the places around a word are contexts, 1 or 0.
    weight
        (n, 1 + K) how often each target counts.
    rate
        The learning rate.
    bag
        0: skip-gram. Above: CBOW, whose contexts' number is so much on average (`kernels.windows`).
    room
        Memory to work in.
    """
    (n, width), size = used.shape, seen.shape[1]
    around = seen.as_strided((n, width, size), (size, size, 1))
    if bag:
        number = used.sum(1, keepdim=True)
        share = used / number.clamp(min=1)
        guess, pair = torch.bmm(share[:, None], around), (weight * (number > 0))[:, None]
    else:
        share, guess, pair = used, around, used[:, :, None] * weight[:, None]
    score = torch.bmm(guess, target.transpose(1, 2))  # (n, 2 w + 1 or 1, 1 + K)
    s = torch.sigmoid(score)
    bend = curvature(score, s) * pair
    gain = -s * pair * rate
    gain[:, :, 0] += pair[:, :, 0] * rate
    if bag:
        push = (bag * share + used) / 2  # of rates (bag + number) / 2, a share each
        room.put(push[:, :, None], torch.bmm(gain, target))
        word_bend = diagonal_sums(push * bend.sum(2))  # not share squared: the others of the bag move with it
        met, met_bend = guess[:, 0], bend.sum((1, 2))
    else:
        room.put(gain, target)
        word_bend = diagonal_sums(bend.sum(2))
        met, met_bend = seen, word_bend
    target_bend = bend.sum(1)
    return Moves(
        room.gather(n),
        torch.bmm(gain.transpose(1, 2), guess),
        word_bend,
        target_bend,
        _moment(target.view(-1, size), target_bend.view(-1)),
        _moment(met, met_bend),
    )


def _moment(rows: Tensor, weight: Tensor) -> Tensor:
    """Second moment (D, D) of evenly spread rows."""
    step = -(-len(rows) // SAMPLE)
    return second_moment(rows[::step], weight[::step])


def learn(words: Rows, targets: Rows, piece: Piece, a: int, b: int, rate: float, bag: float, room: Room) -> None:
    """Learn from the windows of the words a to b of a piece."""
    around, target = piece.word[a : b + 2 * room.window], piece.target[a:b]
    flat = target.reshape(-1)
    seen, hidden = words.table.index_select(0, around), targets.table.index_select(0, flat)
    found = moves(
        seen,
        hidden.view(*target.shape, -1),
        contexts(piece, a, b, room.window),
        piece.weight[a:b],
        rate,
        bag,
        room,
    )
    words.add(around, found.words, found.word_bend)
    targets.add(flat, found.targets.view(len(flat), -1), found.target_bend.view(-1))
    words.settle(rate, found.word_moment)
    targets.settle(rate, found.target_moment)

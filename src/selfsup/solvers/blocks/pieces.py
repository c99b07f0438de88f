"""What word vectors learn from, drawn on the device a piece of the text at a time: kept words, reaches of windows, negatives."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from selfsup.solvers.kernels.draws import alias_table, keep_share


class Odds(NamedTuple):
    """The draws of a vocabulary, on the device."""

    keep: Tensor  # (V,) float32: the probability that a word stays in the text
    accept: Tensor  # (V,) float32, alias method: the probability that column i is i itself ...
    alias: Tensor  # (V,) int64 ... or else this word


class Piece(NamedTuple):
    """The kept words of a piece, with `window` places beyond either end that belong to no sentence."""

    word: Tensor  # (n + 2 window,) int64, in the order of the text; beyond the ends the spare row
    sentence: Tensor  # (n + 2 window,) int32, the number of a word's sentence; beyond the ends -1
    reach: Tensor  # (n, 1) int64, how far each window reaches to either side
    target: Tensor  # (n, 1 + K) int64: the word, then its negatives
    weight: Tensor  # (n, 1 + K) float32: 0 for a negative that is the word

    def __len__(self) -> int:
        return len(self.target)


def make_odds(counts: npt.NDArray[np.int64], sample: float, exponent: float, device: torch.device) -> Odds:
    """The draws that `selfsup.solvers.kernels.draws.make_tables` makes, as probabilities on the device."""
    accept, alias = alias_table(counts.astype(np.float64) ** exponent)
    keep = keep_share(counts, sample)
    return Odds(
        torch.from_numpy(keep.astype(np.float32)).to(device),
        torch.from_numpy(accept.astype(np.float32)).to(device),
        torch.from_numpy(alias.astype(np.int64)).to(device),
    )


def generator(seed: int, number: int, device: torch.device) -> torch.Generator:
    """Draws of a piece depend on the seed and its number, never on what was done before."""
    mixed = int(np.random.SeedSequence([seed, number]).generate_state(1, np.uint64)[0])
    return torch.Generator(device).manual_seed(mixed >> 1)


def draw_piece(ids: Tensor, odds: Odds, window: int, fixed: bool, negative: int, rng: torch.Generator) -> Piece:
    """Draw a piece from ids (N,) int32, -1 between sentences. The number of kept words is waited for: once a piece."""
    device, spare = ids.device, len(odds.keep)
    chance = torch.where(ids < 0, torch.zeros((), device=device), odds.keep[ids.clamp(min=0).long()])
    kept = (torch.rand(len(ids), generator=rng, device=device) < chance).nonzero()[:, 0]
    n = len(kept)
    word = torch.full((n + 2 * window,), spare, dtype=torch.int64, device=device)
    sentence = torch.full((n + 2 * window,), -1, dtype=torch.int32, device=device)
    word[window : window + n] = ids[kept]
    sentence[window : window + n] = (ids < 0).cumsum(0, dtype=torch.int32)[kept]
    if fixed:
        reach = torch.full((n, 1), window, device=device)
    else:
        reach = torch.randint(1, window + 1, (n, 1), generator=rng, device=device)
    target = torch.cat([word[window : window + n, None], draw_negatives(n, odds, negative, rng)], 1)
    weight = torch.ones(target.shape, device=device)
    weight[:, 1:] = (target[:, 1:] != target[:, :1]).float()
    return Piece(word, sentence, reach, target, weight)


def draw_negatives(n: int, odds: Odds, negative: int, rng: torch.Generator) -> Tensor:
    """Words (n, negative) int64 by the alias method. One drawn twice stands there twice, and so counts twice."""
    device, size = odds.accept.device, (n, negative)
    column = torch.randint(0, len(odds.accept), size, generator=rng, device=device)
    own = torch.rand(size, generator=rng, device=device) < odds.accept[column]
    return torch.where(own, column, odds.alias[column])

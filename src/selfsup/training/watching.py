"""Watching a training without labels: how many dimensions the codes fill after every epoch, and a warning where they collapse."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from selfsup.measures.health import GAP_LEFT, effective_rank, spread
from selfsup.method import Method
from selfsup.model.encode import rows_at_once

ROWS, FEWEST = 512, 8  # of which codes are looked at, and of fewer they are not
FREE, BETWEEN = 4, 16 * ROWS  # looks that are free, and rows learnt from for each one after these: 2 % of the training
SHAPE = ("rank", "width", "spread", "dead_dims")  # what a record has of the codes
# Sound runs kept 0.38 or more of their first rank, and 0.08 of their first spread (docs/log.md); collapsing ones pass both limits
# within a few epochs.
RANK_LEFT, SPREAD_LEFT = 0.25, 0.02
GAP_SDS = 3.0  # deviations of a gap over the orders of guesses: its noise
GAP_SEEN = 0.01  # of the loss with others' guesses: a smaller gap has not begun to be one
Record = Mapping[str, Any]


def due(records: Sequence[Record], epoch: float, rows: int) -> bool:
    """Whether the codes are looked at after so many epochs of so many rows: from counts alone, so that a resumed run agrees."""
    looks = sum("rank" in record for record in records)
    return looks < FREE or (looks - FREE + 1) * BETWEEN <= epoch * rows


@torch.no_grad()
def shape(method: Method, probe: Tensor) -> dict[str, Any]:
    """What the codes of a probe (B, ...) look like: rank, width, spread and share of dead dimensions.

    Of a method of words these are the vectors of words, evenly spread over its vocabulary. Where a code is not finite, all but
    the width are None. Nothing of fewer than `FEWEST` rows, which may be alike by chance.
    """
    was_training = method.training
    method.eval()
    codes = _vectors(method) if callable(getattr(method, "words", None)) else _codes(method, probe)
    method.train(was_training)
    if len(codes) < FEWEST:
        return {}
    if not np.isfinite(codes).all():
        return dict.fromkeys(SHAPE) | {"width": codes.shape[1]}
    return dict(zip(SHAPE, (effective_rank(codes), codes.shape[1], *spread(codes)), strict=True))


def _codes(method: Method, probe: Tensor) -> np.ndarray:
    """Codes (m, D) of rows of a probe."""
    rows = probe[_some(len(probe)).to(probe.device)]
    return torch.cat([method.encode(part).float().cpu() for part in rows.split(rows_at_once(rows))]).numpy()


def _vectors(method: Any) -> np.ndarray:
    """Vectors (m, D) of words: a table is not made whole where a method knows the words of numbers."""
    of, tables = getattr(method, "vectors", None), getattr(method, "tables", None)
    if callable(of) and callable(tables):
        targets = tables()[1]  # (V, D): a row for each word
        found = of(_some(len(targets)).to(targets.device))
    else:
        every = method.words()  # (V, D)
        found = every[_some(len(every)).to(every.device)]
    return np.asarray(found.float().cpu().numpy())


def _some(rows: int) -> Tensor:
    """Numbers (m,) of rows, evenly spread."""
    return torch.linspace(0, rows - 1, min(rows, ROWS), dtype=torch.float64).long()


def watched(method: Method) -> dict[str, bool]:
    """What `alarm` may ask of a method: whether its codes are ``ranked``, and whether its answers are its ``own``.

    The dimensions before training are of the samples, but for vectors of words, which begin as noise that fills them all.
    """
    return {"ranked": not callable(getattr(method, "words", None)), "own": type(method).target is not Method.target}


def _gaps(record: Record) -> list[float]:
    """Its gap, and that with calibrated batch norm, whose running means lag behind where few steps were made."""
    return [gap for name in ("gap", "gap_calibrated") if (gap := record.get(name)) is not None]


def largest_gap(records: Sequence[Record]) -> float:
    """The largest gap of all records that is beyond its noise, also that with calibrated batch norm; 0 where there is none."""
    gaps = [
        (
            record.get(name) or 0.0,
            GAP_SDS * (record.get("gap_sd") or 0.0),
            GAP_SEEN * abs(record.get("shuffled") or 0.0),
        )
        for record in records
        for name in ("gap", "gap_calibrated")
    ]
    return max((gap for gap, noise, seen in gaps if gap > max(noise, seen)), default=0.0)


def alarm(records: Sequence[Record], *, ranked: bool = True, own: bool = False) -> str | None:
    """What is wrong with the codes of the last record beside those of the first, from before training: a sentence, or None.

    They are one point where they differ by rounding alone. They are collapsing where less than `RANK_LEFT` of the dimensions that
    they filled are left (where these are `ranked`), or less than `SPREAD_LEFT` of what they differed by, beside their size. Where
    a method makes its answers its `own`, these are collapsing where the gap is less than `GAP_LEFT` of the largest there was: a
    loss may fall to nothing as all samples are given the same answer.
    """
    first, last = records[0], records[-1]
    if len(records) < 2 or "rank" not in last or first.get("rank") is None:
        return None
    if last["rank"] is None:
        return "codes are not finite: lower the learning rate"
    if last["dead_dims"] == 1.0:
        return "codes are one point: they differ from sample to sample by rounding alone"
    if ranked and last["rank"] < RANK_LEFT * first["rank"]:
        return f"codes are collapsing: {last['rank']:.1f} dimensions of {last['width']}, were {first['rank']:.1f}"
    if last["spread"] < SPREAD_LEFT * first["spread"]:
        return f"codes are collapsing to one point: they differ by {last['spread']:.2g} of their size, was {first['spread']:.2g}"
    if own and (most := largest_gap(records)) * GAP_LEFT > (now := max(_gaps(last), default=most)):
        return f"answers are becoming the same for all samples: those of another cost {now:.2g} more, were {most:.2g}"
    return None


def began(records: Sequence[Record], *, ranked: bool = True, own: bool = False) -> str | None:
    """The alarm of the last record, where the one before it that was looked at gave none."""
    looked = [record for record in records if "rank" in record]
    found = alarm(records, ranked=ranked, own=own)
    return found if found is not None and alarm(looked[:-1] or records[:1], ranked=ranked, own=own) is None else None


def notes_of(records: Sequence[Record], *, ranked: bool = True, own: bool = False) -> list[str]:
    """What a user should know of the codes on the way: the first alarm, and whether it was one to the end."""
    looked = [record for record in records if "rank" in record]
    for place in range(1, len(looked)):
        if (found := alarm(looked[: place + 1], ranked=ranked, own=own)) is not None:
            now = alarm(looked, ranked=ranked, own=own)
            later = f"; at the end {now}" if now is not None else f"; at the end {looked[-1]['rank']:.1f} dimensions"
            return [f"at epoch {looked[place]['epoch']:g} {found}{'' if place + 1 == len(looked) else later}"]
    return []

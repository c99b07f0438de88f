"""Health of a run without labels: does a guess depend on its sample, and are the codes more than one point?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from selfsup.errors import DataError

RANK_ROWS = 2000  # enough for codes of a few hundred dimensions; a larger table costs seconds
DEAD = 1e-3  # a dimension that varies less than this share of a typical one says nothing of a sample
GAP_LEFT = 0.1  # of the gap there was: answers that a method makes itself have become one (docs/log.md)
ROUNDING = 1e-6  # of its size: what differs less from sample to sample is the rounding of float32


def effective_rank(codes: np.ndarray) -> float:
    """RankMe (Garrido et al. 2023, eq. 2) of centred codes: exp of the entropy of the normalised singular values.

    The paper takes raw embeddings. These are centred, because a common offset tells no sample from another and yet
    would count as one large direction and hide the others: raw codes with a large mean look like rank 1, healthy or
    not.
    Singular values that rounding alone can make count as 0, so a constant code has rank 1 and not that of its noise.

    Parameters
    ----------
    codes
        (n, D), finite.

    Returns
    -------
    float
        Between 1 (a point or a line) and min(n, D).
    """
    kept = rows_of(codes, RANK_ROWS).astype(np.float64)
    largest = np.abs(kept).max(initial=0.0)
    if largest == 0:
        return 1.0
    kept /= largest  # the rank has no unit; this keeps squares of tiny and huge codes within range
    kept, size = kept - kept.mean(0), np.linalg.norm(kept)
    # from the smaller Gram matrix: several times faster than an SVD, and exact enough for the cut that follows
    gram = kept.T @ kept if kept.shape[1] <= len(kept) else kept @ kept.T
    values = np.sqrt(np.maximum(np.linalg.eigvalsh(gram), 0.0))
    # rounding of float32 codes leaves about eps * size in each entry, so eps * |codes| in a singular value
    values = values[values > np.finfo(np.float32).eps * size]
    if len(values) == 0:
        return 1.0
    shares = values / values.sum()
    return float(np.exp(-(shares * np.log(shares)).sum()))


def rows_of(codes: np.ndarray, limit: int) -> np.ndarray:
    """At most ``limit`` rows, evenly spread, so that data sorted by class are all seen."""
    if len(codes) <= limit:
        return codes
    return codes[np.linspace(0, len(codes) - 1, limit).astype(np.int64)]


def spread(codes: np.ndarray) -> tuple[float, float]:
    """How much codes differ from sample to sample: deviation over size, and the share of dead dimensions.

    Parameters
    ----------
    codes
        (n, D), finite.

    Returns
    -------
    tuple of floats
        The root of (sum over dimensions of the variance / mean squared norm): 0 for a constant code, 1 for a centred
        one; and the share of dimensions whose deviation is below `DEAD` times the root mean square of all deviations, or is
        rounding.
    """
    scale = float(np.abs(codes).max(initial=0.0))
    if scale == 0:
        return 0.0, 1.0
    scaled = codes.astype(np.float64) / scale
    sizes, deviations = np.sqrt(np.mean(scaled**2, axis=0)), scaled.std(0)
    typical = np.sqrt(np.mean(deviations**2))
    dead = deviations <= np.maximum(DEAD * typical, ROUNDING * sizes)
    return float(typical / np.sqrt(np.mean(sizes**2))), float(np.mean(dead))


def health(codes: np.ndarray, start: Mapping[str, float], end: Mapping[str, float]) -> dict[str, float]:
    """What a run looks like without labels, as one flat JSON-ready dict.

    Parameters
    ----------
    codes
        (n, D) codes of held-out rows.
    start, end
        From ``method.shuffle_gap``, before and after training; or records of ``metrics.jsonl``, where ``loss`` is
        that of training and the held-out one is called ``heldout``.

    Returns
    -------
    dict
        ``gap``, ``gap_sd``, ``stir``, ``loss``, ``shuffled`` of the end, and ``gap_calibrated`` if it is known; ``loss_sd``,
        the larger of both; ``gap_start``, the larger of those with batch norm as it is and calibrated; ``loss_start``; ``rank``
        (`effective_rank`) of ``width``; ``spread`` and ``dead_dims``; ``rows``. Where the records have ranks, of the same rows
        before and after, ``rank_start`` and ``rank_end``.
    """
    if codes.ndim != 2 or codes.size == 0:
        raise DataError(f"codes must be (n, D) with at least one row and one column; got {codes.shape}")
    bad = ~np.isfinite(codes).all(1)
    if bad.any():
        raise DataError(
            f"{int(bad.sum())} of {len(codes)} codes hold NaN or infinity (first: row {int(bad.argmax())}); "
            "training may have diverged: try a smaller lr"
        )
    first, last = losses_of(start), losses_of(end)
    gaps = first["gap"], float(start.get("gap_calibrated") or 0.0)
    losses = last | {"gap_start": max(gaps, key=abs), "loss_start": first["loss"]}
    losses |= {} if end.get("gap_calibrated") is None else {"gap_calibrated": float(end["gap_calibrated"])}
    losses["loss_sd"] = max(first["loss_sd"], last["loss_sd"])
    if start.get("rank") is not None and end.get("rank") is not None:
        losses |= {"rank_start": float(start["rank"]), "rank_end": float(end["rank"])}
    return losses | shape_of(codes)


def shape_of(codes: np.ndarray) -> dict[str, float]:
    """What codes (n, D) look like by themselves: ``rank`` of ``width``, ``spread``, ``dead_dims``, ``rows``."""
    size, dead = spread(codes)
    rows, width = codes.shape
    return {"rank": effective_rank(codes), "width": width, "spread": size, "dead_dims": dead, "rows": rows}


def losses_of(record: Mapping[str, Any]) -> dict[str, float]:
    """Gap and losses on held-out rows, finite; deviations are 0, and the stir the gap's size, where they were not measured."""
    found = {"gap_sd": 0.0, "loss_sd": 0.0} | dict(record)
    found["loss"] = found.get("heldout", found.get("loss"))
    try:
        found.setdefault("stir", abs(found["gap"]))
        losses = {key: float(found[key]) for key in ("gap", "gap_sd", "stir", "loss", "loss_sd", "shuffled")}
    except (KeyError, TypeError) as error:
        raise DataError(f"health needs gap, loss and shuffled of method.shuffle_gap; got {dict(record)}") from error
    if not np.isfinite(list(losses.values())).all():
        raise DataError(f"the loss on held-out rows is not finite: {losses}; try a smaller lr")
    return losses

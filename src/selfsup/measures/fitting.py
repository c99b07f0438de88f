"""What the curves of the loss say: does the net learn by heart?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from selfsup.measures.wording import number

RISE = 1.05  # held-out loss at the end beside its least: a smaller rise is the noise of one epoch
APART = 1.5  # held-out loss beside the training loss, where both are of the same rows before training
EPOCHS = 3  # fewer points make no curve


def fitting(records: Sequence[Mapping[str, Any]]) -> list[str]:
    """Warn of overfitting, with the remedy; empty where there is nothing to warn of.

    Parameters
    ----------
    records
        One an epoch, the first from before training: ``heldout``, and from the second on ``loss``.
    """
    curve = [record for record in records[1:] if "loss" in record]
    if len(curve) < EPOCHS:
        return []
    heldout, losses = [float(r["heldout"]) for r in curve], [float(r["loss"]) for r in curve]
    best = min(range(len(curve)), key=heldout.__getitem__)
    least, last, trained = heldout[best], heldout[-1], losses[-1]
    remedy = "train fewer epochs, use more data, a narrower code or net, or hide more of each sample"
    if least > 0 and last > RISE * least and losses[-1] < losses[best]:
        return [
            f"overfitting: the held-out loss was least after epoch {best + 1} ({number(least)}) and has risen to {number(last)} "
            f"since, while the training loss fell on to {number(trained)}; {remedy}"
        ]
    if trained > 0 and last > APART * trained:
        return [
            f"the held-out loss ({number(last)}) is {last / trained:.1f} times the training loss ({number(trained)}): much of "
            f"what was learnt is of the training rows alone; {remedy}"
        ]
    return []

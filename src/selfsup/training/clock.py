"""The time of a race: what there is, what is left, and what all that is not training is expected to take."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

import numpy as np

LEAST = 1.0  # seconds of a training: of less nothing is learnt of a method
# The evidence of the run that is kept, beside judging one entrant: of each untrained net, and of all else that is asked of the
# trained one. Where it would take more than this share of the time, it is left out.
A_NET, ASKED, MOST = 1.5, 6.0, 0.3


@dataclass
class Clock:
    """The time there is, in seconds, and what an entrant needs of it beside its training.

    Attributes
    ----------
    total, began
        Seconds in all, and when the race began, by `time.perf_counter`.
    coding, probing
        Of each entrant as it was rehearsed: seconds that its codes are expected to take, and their probes.
    slower
        Times as long as was expected of probes, by that of PCA.
    seen
        Seconds beside the training that entrants did take; from the first of them on these are believed.
    nets
        Untrained nets that the evidence asks, none without labels.
    """

    total: float
    began: float
    coding: list[float] = field(default_factory=list)
    probing: list[float] = field(default_factory=list)
    slower: float = 1.0
    seen: list[float] = field(default_factory=list)
    nets: int = 0

    def spent(self) -> float:
        """Since the race began."""
        return time.perf_counter() - self.began

    def left(self) -> float:
        """None is less than none."""
        return max(0.0, self.total - self.spent())

    def need(self) -> float:
        """Seconds beside the training of an entrant, on average."""
        if self.seen:
            return float(np.mean(self.seen))
        each = [code + self.slower * probe for code, probe in zip(self.coding, self.probing, strict=True)]
        return float(np.mean(each)) if each else 0.0

    def evidence(self) -> float:
        """Seconds that the evidence of the run that is kept will take, about."""
        return (A_NET * self.nets + ASKED) * self.need()

    @property
    def evident(self) -> bool:
        """Whether there is time for it."""
        return self.evidence() <= MOST * self.total

    def free(self) -> float:
        """Seconds that are left without what is kept back for the evidence."""
        return max(0.0, self.left() - (self.evidence() if self.evident else 0.0))

    def seconds(self, entrants: int, rounds: int) -> float:
        """Of training for each of so many entrants, where so many rounds are left."""
        return max(LEAST, self.free() / rounds / entrants - self.need())

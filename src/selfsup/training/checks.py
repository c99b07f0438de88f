"""What the verdict asks without labels beyond loss and gap: by heart, by a leak, by the batch, by noise; and held-out copies."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from selfsup.data.text.form import TextForm
from selfsup.measures.shortcuts import fallen, solved
from selfsup.measures.wording import words
from selfsup.method import Method, Samples, shuffle_gap
from selfsup.solvers.devices import steady
from selfsup.training.cues import cues
from selfsup.training.leaks import Standing, shines, standing
from selfsup.training.measure import DRAWS

ROWS = 128  # learnt from, of which the loss is held against that of others
ASKED, IMAGES = 200, 32  # rows of which a place is exchanged; of images so many, since nets of these cost the most
NOISED = 64  # rows to which noise is given
ALONE = 8  # rows that are encoded alone
NOISE = 0.01  # of the deviation of the input
LOOKED = 50_000_000  # values of the rows learnt from that are searched for copies, at most


class Checks(NamedTuple):
    """Numbers for the health of a run, and where the answer stands.

    Attributes
    ----------
    numbers
        ``trained`` and ``fresh``: losses of rows learnt from and of held-out ones that are no copies of these, on equally many
        rows that are hidden alike; and their gaps, ``trained_gap`` and ``fresh_gap``. ``copies``: share of held-out rows that
        are learnt from. ``decodes``: 1 where codes have a way back; ``own``: where answers are
        made by the method. ``leak``, ``leak_share``, ``told``: ratio, share and told
        of `leaks.Standing`; ``few_kept``, ``few_share``: see `leaks.Few`; ``shines``: see `leaks.shines`. ``cue_NAME``,
        ``drawn``: see `cues.cues`. ``alone``: how much a code changes where its sample is encoded alone, and ``stability`` with
        noise of 1 % in the input, as shares of the deviation of the codes.
    standing
        Where the loss rises when it is another sample's; None where that was not asked, or there are no two places.
    copied, looked
        How many of the held-out rows are copies, of how many.
    """

    numbers: dict[str, float]
    standing: Standing | None
    copied: int
    looked: int

    @property
    def place(self) -> dict[str, Any]:
        """Where the answer stands if it stands in one place: its name, and of a cell of an image where that lies."""
        if self.standing is None:
            return {}
        first = self.standing.places[0]
        cell = zip(("place_row", "place_column", "place_rows", "place_columns"), first.cell, strict=False)
        few = {} if self.standing.few is None else {"places": words(self.standing.few.names)}
        return {"place": first.name, **dict(cell), **few}

    @property
    def notes(self) -> list[str]:
        """What a reader should know."""
        if not self.copied:
            return []
        return [
            f"{self.copied:,} of {self.looked:,} held-out rows are copies of rows that were learnt from, to the bit: what is "
            "measured on them says little of new ones; drop what occurs twice"
        ]


def checks(
    method: Method,
    learnt: Any,
    test: Any,
    device: torch.device,
    found: Mapping[str, float],
    *,
    trained: bool = True,
    seed: int = 0,
) -> Checks:
    """Ask a trained method.

    Parameters
    ----------
    learnt, test
        Parts of the data: learnt from, and held out.
    found
        The health of the run: held-out loss and gap, and what is left of the loss. Where that is little, it is asked where the
        answer stands, in a pass a place; and where a good part of it fell, which cues give it.
    trained
        Whether the first is what the method was trained on.
    """
    rng = np.random.default_rng([seed, 14])
    in_rows = trained and not isinstance(learnt.form, TextForm)  # which a text is not before a method cuts it
    copied = copies(learnt, test, rng) if in_rows else np.zeros(len(test), bool)
    numbers = {"copies": float(copied.mean()), "decodes": float(method.decodes())}
    numbers["own"] = float(type(method).target is not Method.target)
    fresh = test.part(np.flatnonzero(~copied)) if copied.any() else test
    with steady(device, exact=True):
        if trained and (rows := min(ROWS, len(learnt), len(fresh))) >= 2:
            parts = {"trained": learnt, "fresh": fresh}
            if not copied.any() and not method.coupled:  # a loss that compares samples needs as many of them
                del parts["fresh"]
                numbers |= {"fresh": found["loss"], "fresh_gap": found["gap"]}
            for name, part in parts.items():
                losses = shuffle_gap(method, _batch(method, part, rows, rng, device), draws=DRAWS)
                numbers |= {name: losses["loss"], f"{name}_gap": losses["gap"]}
        x, little = _batch(method, test, ASKED, rng, device), solved(found)
        numbers |= encoding(method, x[:NOISED], seed)
        if fallen(found) or callable(getattr(method, "patch_size", None)):
            numbers |= cues(method, x, seed, before=found["loss_start"], all_of=fallen(found))
        few = x[:IMAGES] if x.ndim >= 4 and not method.coupled else x
        most = _leak(method, few, getattr(test.form, "names", lambda: None)(), seed) if little else None
        if little and len(few) > 1 and (shown := shines(method, few, seed)) is not None:
            numbers["shines"] = shown
    if most is not None:
        numbers |= {} if most.few is None else {"few_kept": most.few.kept, "few_share": most.few.share}
        numbers |= {"leak": most.ratio, "leak_share": most.share}
        numbers |= {} if most.told is None else {"told": most.told}
    return Checks(numbers, most, int(copied.sum()), len(copied))


def _batch(method: Method, part: Any, rows: int, rng: np.random.Generator, device: torch.device) -> Tensor:
    view: Samples = method.view(part.some(rows, rng))
    return view[torch.arange(len(view))].to(device)


def _leak(method: Method, x: Tensor, names: Any, seed: int) -> Standing | None:
    """The places among which one is most by itself."""
    if len(x) < 2:
        return None
    return max(standing(method, x, names, seed), key=lambda one: min(one.share, 1.0) * one.ratio, default=None)


def copies(learnt: Any, test: Any, rng: np.random.Generator) -> np.ndarray:
    """Which of the held-out rows (m,) are rows that are learnt from, to the bit; of a large part some are looked at."""
    if not len(learnt) or not len(test):
        return np.zeros(len(test), bool)
    known = learnt.some(max(1, LOOKED // max(1, learnt.form.size)), rng)
    return np.isin(hashes(test.rows()), hashes(known.rows()))


def hashes(samples: Samples, at_once: int = 4096) -> np.ndarray:
    """A number (n,) int64 of each sample that equal samples share, and others by chance one in 2^64."""
    found, factors = [], None
    for first in range(0, len(samples), at_once):
        bits = samples[slice(first, first + at_once)].flatten(1).contiguous().cpu().view(torch.int32).long()
        if factors is None:
            rng = np.random.default_rng(0)
            factors = torch.from_numpy(rng.integers(-(2**62), 2**62, bits.shape[1]) * 2 + 1)
        found.append((bits * factors).sum(1).numpy())
    return np.concatenate(found)


@torch.no_grad()
def encoding(method: Method, x: Tensor, seed: int = 0) -> dict[str, float]:
    """How much codes of x (B, ...) change where a sample is encoded alone, and with a little noise in the input."""
    if not x.is_floating_point():
        return {}
    codes = method.encode(x).double()  # (B, D)
    deviation = float((codes - codes.mean(0)).square().mean().sqrt())
    if deviation <= 1e-6 * float(codes.square().mean().sqrt()) or not np.isfinite(deviation):
        return {}  # one point: there is nothing to change
    alone = torch.cat([method.encode(x[n : n + 1]) for n in range(min(ALONE, len(x)))]).double()
    flat = x.flatten(1)
    scale = flat.nan_to_num().std(0, correction=0) if x.ndim == 2 else flat.std(correction=0)
    noise = torch.randn(flat.shape, generator=torch.Generator().manual_seed(seed)).to(x) * NOISE * scale
    noisy = method.encode((flat + noise).view_as(x)).double()
    return {
        "alone": float((alone - codes[: len(alone)]).square().mean().sqrt()) / deviation,
        "stability": float((noisy - codes).square().mean().sqrt()) / deviation,
    }

"""Bringing guessed colours before their measure: what a method that colorizes makes of images it was not trained on."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from selfsup.hide.lab import coloured, to_lab
from selfsup.measures.run import Painted
from selfsup.method import Method
from selfsup.methods.colour import Bins, bins_of, prior_of
from selfsup.model.encode import rows_at_once
from selfsup.solvers.devices import steady

IMAGES, ACROSS = 2_000, 24  # at most so many images, and about so many pixels of each in both directions
RARE = 1e-5  # share of the pixels: colours that are rarer count as if they were so frequent


def painted_of(method: Method, device: torch.device, learnt: Any, test: Any, seed: int = 0) -> Painted | None:
    """True and guessed colours of some pixels of the test images; None where the method guesses none, or no image has one.

    Parameters
    ----------
    learnt, test
        Whose colours are counted, and whose are guessed (`selfsup.data.dataset.Part`).
    """
    colorize = getattr(method, "colorize", None)
    if not callable(colorize) or (known := learnt.fact("colours")) is None or not known.counts.any():
        return None
    points = bins_of(known.counts)
    prior = prior_of(known.counts, points).clip(RARE)
    bins = Bins(points, 1 / prior).to(device)
    samples, true, guessed, weights = test.some(IMAGES, np.random.default_rng(seed)).rows(), [], [], []
    with torch.inference_mode(), steady(device, exact=True):
        for rows in torch.arange(len(samples)).split(min(64, rows_at_once(samples[:1]))):
            x = samples[rows].to(device)
            lab = to_lab(x[coloured(x)])  # (b, 3, H, W)
            if not len(lab):
                continue
            step = max(1, min(lab.shape[2:]) // ACROSS)
            ab = lab[:, 1:, step // 2 :: step, step // 2 :: step]  # (b, 2, h, w)
            wide = F.interpolate(colorize(lab[:, :1]), lab.shape[2:], mode="bilinear", align_corners=False)
            true.append(ab.flatten(2).mT)
            guessed.append(wide[:, :, step // 2 :: step, step // 2 :: step].flatten(2).mT)
            weights.append(bins.weights[bins.share(ab)[0][:, 0]].flatten(1))
    if not true:
        return None
    found = [torch.cat(parts).cpu().numpy() for parts in (true, guessed, weights)]
    constants = {"grey": np.zeros(2, np.float32), "mean colour": known.mean}
    return Painted(found[0], {"model": found[1], **constants}, found[2])

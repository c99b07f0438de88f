"""Probes of whole maps, as RotNet was judged by: what a small net on a frozen block can read, beside a linear one.

Gidaris et al. 2018, section 4.1, and the settings of their code. Nothing is chosen on the test rows: every probe is trained
for a number of epochs that follows from the number of labels, and its last weights count.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterator

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from selfsup.errors import DataError
from selfsup.measures.run import Evidence, Features, Maps
from selfsup.measures.samples.compare import check
from selfsup.measures.samples.probe import judge
from selfsup.measures.table import Look, Table
from selfsup.system import memory

SIDE = 8  # places: the maps that were published; larger ones are averaged down to it, which also bounds what is held
BATCH = 128
EPOCHS = 100  # as published, for 50,000 labels
FEWEST = 25  # epochs where labels are so many that `STEPS` are soon done
STEPS = 1_000  # with fewer labels than those of 100 epochs there are more epochs, up to these steps
RATE, FALL, FALLS = 0.1, 0.2, (0.35, 0.7, 0.85)  # the learning rate, and at which shares of the epochs it falls by what
AT_ONCE = 512  # rows that are encoded together
LOOK = Look(
    "probes of maps",
    ("encoder", "layer", "probe", "labels", "accuracy", "error"),
    baselines=("random init",),
    note=(
        "Frozen blocks read by a linear probe of their mean over all places, by two hidden layers of 200 on the whole map "
        "(non-linear), and by a convolutional block (conv). Error: binomial, of the test rows. Random init is the network "
        "before training: the probes learn much by themselves, and only what is above it was learnt without labels."
    ),
)
log = logging.getLogger("selfsup")
Encode = Callable[[Tensor], Tensor]  # numbers of rows (B,) -> their maps (B, C, H, W)


def measure(evidence: Evidence) -> Table:
    """Accuracy of a linear, a non-linear and a convolutional probe on every block of the trained and the untrained net."""
    classes, known = np.unique(np.asarray(evidence.y_train), return_inverse=True)
    asked = np.asarray(evidence.y_test)
    place = np.minimum(np.searchsorted(classes, asked), len(classes) - 1)
    truth = np.where(classes[place] == asked, place, -1)  # a class that has no training label is never guessed
    rows = []
    for (encoder, layer), maps in (evidence.maps or {}).items():
        train, test = _held(maps, len(known), len(truth))
        about = {"encoder": encoder, "layer": layer, "labels": len(known)}
        check({(encoder, layer): Features(_means(train), _means(test))}, known, truth)
        for name, guesses in _guesses(train, known, test, evidence.seed):
            right = float(np.mean(guesses == truth))
            share = (right * len(truth) + 1) / (len(truth) + 2)  # of few rows none is known to be right for certain
            error = math.sqrt(share * (1 - share) / len(truth))
            rows.append({**about, "probe": name, "accuracy": right, "error": error, "tested": len(truth)})
            log.info("%s %s, %s probe: %.1f %%", encoder, layer, name, 100 * right)
    return Table.of("maps", rows)


def _guesses(train: Tensor, known: np.ndarray, test: Tensor, seed: int) -> Iterator[tuple[str, np.ndarray]]:
    """Name and guessed classes (m,) of each probe."""
    every, classes = np.arange(len(known)), int(known.max()) + 1
    means = Features(_means(train), _means(test))
    yield "linear", judge(means, every)(every, known, seed).classes
    for name, make in PROBES.items():
        probe = fit_probe(make, lambda rows: train[rows].float(), known, classes, seed=seed)
        yield name, guess(probe, lambda rows: test[rows].float(), len(test))


def nonlinear(shape: tuple[int, ...], classes: int) -> nn.Sequential:
    """Two hidden layers of 200 with batch norm on a flat map (C, H, W)."""
    layers: list[nn.Module] = [nn.Flatten()]
    width = math.prod(shape)
    for _ in range(2):
        layers += [nn.Linear(width, 200, bias=False), nn.BatchNorm1d(200), nn.ReLU()]
        width = 200
    return nn.Sequential(*layers, nn.Linear(width, classes))


def conv(shape: tuple[int, ...], classes: int) -> nn.Sequential:
    """Block 3 of Network in Network on a map (C, H, W), the mean over all places, a linear layer."""
    layers: list[nn.Module] = []
    width = shape[0]
    for kernel in (3, 1, 1):
        layers += [nn.Conv2d(width, 192, kernel, padding=kernel // 2, bias=False), nn.BatchNorm2d(192), nn.ReLU()]
        width = 192
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, classes))


PROBES: dict[str, Callable[[tuple[int, ...], int], nn.Sequential]] = {"non-linear": nonlinear, "conv": conv}


def fit_probe(
    make: Callable[[tuple[int, ...], int], nn.Sequential],
    maps: Encode,
    labels: np.ndarray,
    classes: int,
    *,
    epochs: int | None = None,
    seed: int = 0,
) -> nn.Sequential:
    """Train a probe on frozen maps by momentum, and give it in evaluation mode; other generators are left as they are.

    Parameters
    ----------
    make
        Of the shape of a map and the number of classes: `nonlinear` or `conv`.
    maps
        Maps (B, C, H, W) float32 of rows by their numbers (B,), on the device to train on; asked for in every epoch.
    labels
        (n,) from 0, n >= 2.
    epochs
        By default 25 to 100, about 1,000 steps.
    """
    batches = math.ceil(len(labels) / BATCH)
    epochs = epochs or min(EPOCHS, max(FEWEST, math.ceil(STEPS / batches)))
    first = maps(torch.arange(1))
    answers = torch.from_numpy(np.asarray(labels, np.int64)).to(first.device)
    rng = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        probe = make(tuple(first.shape[1:]), classes).to(first.device)
    for parameter in probe.parameters():
        if parameter.ndim == 4:
            parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)
    descent = torch.optim.SGD(probe.parameters(), RATE, momentum=0.9, nesterov=True, weight_decay=5e-4, fused=True)
    falls = [max(1, round(share * epochs)) for share in FALLS]
    rate = torch.optim.lr_scheduler.MultiStepLR(descent, falls, FALL)
    for _ in range(epochs):
        for rows in torch.tensor_split(torch.randperm(len(labels), generator=rng), batches):
            loss = F.cross_entropy(probe(maps(rows)), answers[rows.to(answers.device)])
            loss.backward()
            descent.step()
            descent.zero_grad()
        rate.step()
    probe.eval()
    return probe


@torch.no_grad()
def guess(probe: nn.Module, maps: Encode, rows: int) -> np.ndarray:
    """Classes (m,) int64 of so many rows, by a probe."""
    parts = [probe(maps(some)).argmax(1).cpu().numpy() for some in torch.arange(rows).split(AT_ONCE)]
    return np.concatenate(parts)


def _held(maps: Maps, train: int, test: int) -> tuple[Tensor, Tensor]:
    """Maps of the training and of the test rows in float16, in one unit: (n, C, H, W) and (m, C, H, W).

    Raises
    ------
    DataError
        If there is no memory for them, or a value is not finite.
    """
    channels, *sides = tuple(_small(maps.train(torch.arange(1))).shape[1:])
    size = 2 * (train + test) * channels * math.prod(sides)
    memory.check(
        2 * size, f"the maps of {train + test:,} samples", "give fewer rows (option limit), or lower max_labels"
    )
    first = maps.train(torch.arange(min(train, AT_ONCE)))
    centre, unit = first.mean(), first.std().clamp_min(1e-6)
    parts = []
    for encode, rows in ((maps.train, train), (maps.test, test)):
        made = [((_small(encode(some)) - centre) / unit).half() for some in torch.arange(rows).split(AT_ONCE)]
        parts.append(torch.cat(made))
        if not bool(parts[-1].isfinite().all()):
            raise DataError("a block's maps are not finite: the weights have diverged, or the input is out of range")
    return parts[0], parts[1]


def _small(maps: Tensor) -> Tensor:
    """Maps (B, C, H, W) with at most `SIDE` places a side, by averages over cells."""
    height, width = maps.shape[-2:]
    return F.adaptive_avg_pool2d(maps.float(), (min(height, SIDE), min(width, SIDE)))


def _means(maps: Tensor) -> np.ndarray:
    """Means (n, C) over all places, float32."""
    means: np.ndarray = maps.flatten(2).float().mean(2).cpu().numpy()
    return means

"""Two panels of planted runs: which fault, on which data. The first is for fitting thresholds, the second for confirmation."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import torch

import _planted as p
import _planted_texts as texts
from _planted import (
    Rows,
    changed,
    columns_apart,
    curved,
    digits,
    nearly_copied,
    noise_like,
    photos,
    rings,
    scaled,
    table,
    waves,
    with_copy,
    with_label,
)

HEALTHY, SICK = "healthy", ("collapsed", "not learning", "leaky", "shortcut", "memorised")
EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
Change = Callable[[np.ndarray, int], np.ndarray]


@dataclass(frozen=True)
class Planted:
    """One run.

    Attributes
    ----------
    meant
        What it is made to be: healthy, or a kind of the verdict. Whether its codes are worth having is measured, not meant.
    rows
        Samples to learn from and fresh ones; of text a function of a path that writes it.
    how
        Options of `fit`.
    cured
        Of a leak or a shortcut: fresh samples without it.
    related
        Of words at places (n,): which of them (n, n) belong together.
    """

    name: str
    meant: str
    method: str | type[Any]
    rows: Callable[[], Rows] | Callable[[Path], Path]
    how: Mapping[str, Any] = field(default_factory=dict)
    cured: Callable[[], np.ndarray] | None = None
    text: bool = False
    related: Callable[[np.ndarray], np.ndarray] = texts.in_a_row

    def fit(self, data: Any, **more: Any) -> Any:
        """Train it on these data."""
        import selfsup

        torch.set_num_threads(1)
        how = {"progress": False, "device": "cpu", **self.how, **more}
        if (steps := how.pop("steps", None)) is not None:
            how = {"epochs": -(-steps * how.get("batch_size", 64) // len(data)), "batch_size": 64, **how}
        return selfsup.fit(data, how.pop("method", self.method), **how)

    def before(self) -> Planted:
        """The same run that takes no step, or one of no length."""
        return replace(self, how={**self.how, **({"epochs": 1, "lr": 1e-12} if self.text else {"epochs": 0})})

    @property
    def key(self) -> str:
        """A name for its folder."""
        return self.name.replace(" ", "_").replace(",", "")


def run(name: str, meant: str, method: Any, rows: Any, cured: Any = None, **how: Any) -> Planted:
    return Planted(name, meant, method, rows, how, cured)


def text(
    name: str,
    meant: str,
    method: Any,
    random: bool = False,
    lines: int = 300,
    of: int = 0,
    write: Callable[..., Path] = texts.sentences,
    related: Callable[[np.ndarray], np.ndarray] = texts.in_a_row,
    **how: Any,
) -> Planted:
    """A run on a made text: so many lines of seed `of`, in an order that means something or at random."""

    def written(path: Path) -> Path:
        return write(path, lines, of, random)

    return Planted(name, meant, method, written, {"dim": 16, "min_count": 1, **how}, text=True, related=related)


def on(rows: Callable[[], Rows], change: Change) -> Callable[[], Rows]:
    return lambda: changed(rows(), change)


def bare(rows: Callable[[], Rows]) -> Callable[[], np.ndarray]:
    """The fresh samples as they were before a mark was put on them."""
    return lambda: rows().fresh


def mixed(rows: Callable[[], Rows], column: int = -1) -> Callable[[], np.ndarray]:
    """The fresh samples with one column in another order."""

    def made() -> np.ndarray:
        x = rows().fresh.copy()
        x[:, column] = np.random.default_rng(3).permutation(x[:, column])
        return x

    return made


def few(rows: Callable[[], Rows], count: int) -> Callable[[], Rows]:
    def cut() -> Rows:
        found = rows()
        return found._replace(x=found.x[:count], labels=found.labels[:count])

    return cut


def example(file: str, name: str) -> Any:
    """A method of `examples/`."""
    if str(EXAMPLES) not in sys.path:
        sys.path.insert(0, str(EXAMPLES))
    return getattr(import_module(file), name)


def masked_words() -> Any:
    return example("masked_words", "MaskedWords")


def wine() -> Rows:
    return table("wine", 120)


def cancer() -> Rows:
    return table("breast_cancer", 320)


def mnist() -> Rows:
    return photos("mnist")


def cifar() -> Rows:
    return photos("cifar10")


def first() -> list[Planted]:
    """The panel that thresholds may be fitted on."""
    mlp = {"net": "mlp", "hidden": (64,)}
    copied, labelled = on(wine, with_copy(0)), lambda: with_label(cancer())
    curved_copy = on(curved, with_copy(5))
    return [
        run("denoising digits", HEALTHY, "denoising", digits, **mlp, epochs=60),
        run("denoising mnist", HEALTHY, "denoising", mnist, **mlp, epochs=40),
        run("masking digits", HEALTHY, "denoising", digits, corruption="masking", level=0.4, **mlp, epochs=60),
        run("undercomplete digits", HEALTHY, "undercomplete", digits, n_components=16, hidden=(64,), epochs=40),
        run("undercomplete curved", HEALTHY, "undercomplete", curved, n_components=8, hidden=(128,), epochs=60),
        run("denoising curved", HEALTHY, "denoising", curved, hidden=(128,), epochs=60),
        run("denoising wine", HEALTHY, "denoising", wine, epochs=60),
        run("variational mnist", HEALTHY, "variational", mnist, hidden=(128,), net="mlp", n_components=16, epochs=60),
        run("sparse digits", HEALTHY, "sparse", digits, epochs=60),
        run("contractive cancer", HEALTHY, "contractive", cancer, epochs=40),
        run("linear digits", HEALTHY, "linear", digits, n_components=16),
        run("linear cancer", HEALTHY, "linear", lambda: scaled(cancer()), n_components=8),
        run("rotation mnist", HEALTHY, "rotation", mnist, hidden=(16, 32), epochs=6),
        run("rotation digits", HEALTHY, "rotation", digits, hidden=(16, 32), epochs=12),
        run("twins digits", HEALTHY, p.Twins, digits, variance=5.0, covariance=1.0),
        run("column curved", HEALTHY, p.Column, curved, column=3, steps=300),
        run("filled digits", HEALTHY, p.Filled, digits, steps=300),
        run("colorization cifar", HEALTHY, "colorization", cifar, epochs=3),
        run("twins at a constant", "collapsed", p.Twins, digits),
        run("twins at a constant, mnist", "collapsed", p.Twins, mnist, noise=0.3, seed=1),
        run("twins at a constant, wine", "collapsed", p.Twins, wine),
        run("twins in one dimension", "collapsed", p.Twins, mnist, variance=5.0, noise=2.0, steps=800),
        run("twins in one dimension, digits", "collapsed", p.Twins, digits, variance=5.0, noise=2.0, steps=800),
        run("pressed denoising", "collapsed", p.Still, digits, **mlp, epochs=40),
        run("one guess for all", "collapsed", p.OneWay, mnist, hidden=(8, 16), epochs=4),
        run("penalty too strong", "collapsed", "sparse", mnist, penalty=1e3, epochs=20),
        run("variational of no code", "collapsed", "variational", digits, beta=100.0, hidden=(64,), net="mlp", epochs=40),
        run("denoising at a rate too high", "collapsed", "denoising", mnist, **mlp, lr=0.3, epochs=10),
        run("copied column", "leaky", p.Column, copied, mixed(copied), column=0, steps=300),
        run("copied column, curved", "leaky", p.Column, curved_copy, mixed(curved_copy), column=5, steps=300),
        run("label in a column", "leaky", p.Column, labelled, mixed(labelled), column=0, steps=200),
        run("column not hidden", "leaky", p.Column, curved, column=7, forgets=True, steps=300),
        run("column not hidden, wine", "leaky", p.Column, wine, column=6, forgets=True, steps=300, seed=2),
        run("channel not hidden", "leaky", p.Filled, on(digits, p.tripled), forgets="channel"),
        run("square copied", "leaky", p.Filled, digits, forgets="copy"),
        run("square copied, mnist", "leaky", p.Filled, mnist, forgets="copy", steps=800),
        run("rotation with a mark", "shortcut", "rotation", on(mnist, p.marked), bare(mnist), hidden=(8, 16), epochs=12),
        run("rotation with a mark, digits", "shortcut", "rotation", on(digits, p.marked), bare(digits),
            hidden=(8, 16), epochs=12),
        run("rotation lit from above", "shortcut", "rotation", on(digits, p.lit), bare(digits), hidden=(8, 16), epochs=12),
        run("position by tint", "shortcut", "position", on(cifar, p.tinted), bare(cifar), colour="keep",
            normalize=False, hidden=(8, 16), epochs=6),
        run("fifty digits by heart", "memorised", "denoising", few(digits, 50), level=0.0, shift=0, net="mlp",
            hidden=(512,), epochs=600),
        run("forty wines by heart", "memorised", p.Column, few(wine, 40), column=2, hidden=256, steps=800),
        run("rotation by heart", "memorised", "rotation", few(mnist, 40), hidden=(16, 32), epochs=150, mirror=False),
        run("columns that say nothing, by heart", "memorised", p.Column, few(on(wine, columns_apart), 60), column=0,
            hidden=256, epochs=250, lr=5e-3),
        run("denoising at no rate", "not learning", "denoising", digits, lr=1e-12, epochs=3, **mlp),
        run("rotation at no rate", "not learning", "rotation", mnist, lr=1e-12, epochs=1, hidden=(8, 16)),
        run("rotation of noise", "not learning", "rotation", on(digits, noise_like), hidden=(8, 16), epochs=2),
        run("columns that say nothing", "not learning", p.Column, on(curved, columns_apart), column=0, steps=60, hidden=8),
        run("position of noise", "not learning", "position", on(cifar, noise_like), hidden=(8, 16), epochs=1),
        text("skipgram", HEALTHY, "skipgram", epochs=8, sample=0.0, threads=1),
        text("cbow", HEALTHY, "cbow", epochs=20, sample=0.0, threads=1, of=3),
        text("masked words", HEALTHY, masked_words(), epochs=10, of=1),
        text("skipgram at no rate", "not learning", "skipgram", epochs=1, lr=1e-4, sample=0.0, threads=1),
        text("skipgram of chance", "not learning", "skipgram", random=True, epochs=8, sample=0.0, threads=1),
    ]  # fmt: skip


def iris() -> Rows:
    return table("iris", 100, seed=5)


def diabetes() -> Rows:
    return table("diabetes", 260, seed=5)


def cancer2() -> Rows:
    return table("breast_cancer", 300, seed=6)


def digits2() -> Rows:
    return digits(800, seed=4)


def mnist2() -> Rows:
    return photos("mnist", 600, 600, seed=4, of=1300)


def cifar2() -> Rows:
    return photos("cifar10", 600, 600, seed=4, of=1300)


def grey_cifar() -> Rows:
    return changed(cifar2(), lambda x, seed: p.tripled(x.mean(3).astype(np.uint8), seed))


def second() -> list[Planted]:
    """The panel that nothing is fitted on."""
    mlp = {"net": "mlp", "hidden": (96,)}
    echoed, iris_label = on(waves, nearly_copied(23, 4)), lambda: with_label(iris())
    cancer_copy, ring_copy = on(cancer2, with_copy(3)), on(rings, nearly_copied(2, 9))
    return [
        run("sparse mnist", HEALTHY, "sparse", mnist2, epochs=80, seed=3),
        run("topk digits", HEALTHY, "sparse", digits2, activation="topk", k=12, epochs=80, seed=3),
        run("undercomplete rings", HEALTHY, "undercomplete", rings, n_components=6, hidden=(96,), epochs=60, seed=4),
        run("undercomplete waves", HEALTHY, "undercomplete", waves, n_components=8, hidden=(96,), epochs=60, seed=3),
        run("salted waves", HEALTHY, "denoising", waves, corruption="salt-and-pepper", level=0.2, epochs=60, seed=3),
        run("masking rings", HEALTHY, "denoising", rings, corruption="masking", level=0.3, hidden=(96,), epochs=60),
        run("contractive digits", HEALTHY, "contractive", digits2, epochs=40, n_components=64, seed=5),
        run("denoising iris", HEALTHY, "denoising", iris, epochs=80, hidden=(16,), seed=3),
        run("denoising diabetes", HEALTHY, "denoising", diabetes, epochs=40, hidden=(32,), seed=3),
        run("denoising cifar", HEALTHY, "denoising", cifar2, **mlp, epochs=20, seed=3),
        run("variational waves", HEALTHY, "variational", waves, n_components=6, hidden=(64,), epochs=60, seed=3),
        run("linear waves", HEALTHY, "linear", waves, n_components=6),
        run("linear cancer, ten", HEALTHY, "linear", lambda: scaled(cancer2()), n_components=10, seed=2),
        run("column waves", HEALTHY, p.Column, waves, column=12, steps=300, seed=6),
        run("column cancer", HEALTHY, p.Column, cancer2, column=5, hidden=16, steps=80, seed=6),
        run("filled mnist", HEALTHY, p.Filled, mnist2, steps=120, hidden=64, seed=6),
        run("twins rings", HEALTHY, p.Twins, rings, variance=5.0, covariance=1.0, dim=16, seed=6),
        run("position cifar", HEALTHY, "position", cifar2, hidden=(16, 32), epochs=8, seed=6),
        run("twins at a constant, cancer", "collapsed", p.Twins, cancer2, seed=7),
        run("twins at a constant, waves", "collapsed", p.Twins, waves, dim=64, noise=0.8, seed=7),
        run("twins at a constant, cifar", "collapsed", p.Twins, cifar2, seed=8, steps=300),
        run("twins in one dimension, cifar", "collapsed", p.Twins, cifar2, variance=5.0, noise=1.0, steps=400, seed=8),
        run("twins in one dimension, waves", "collapsed", p.Twins, waves, variance=8.0, noise=1.5, steps=900, seed=8),
        run("weights that decay to nothing", "collapsed", p.Still, mnist2, net="mlp", hidden=(96,), press=1e4,
            weight_decay=5.0, epochs=30, seed=8),
        run("pressed denoising, rings", "collapsed", p.Still, rings, hidden=(48,), press=1e3, epochs=40, seed=8),
        run("one guess for all, digits", "collapsed", p.OneWay, digits2, hidden=(8, 16), epochs=6, seed=8),
        run("contracted to a point", "collapsed", "contractive", waves, penalty=1e5, epochs=30, seed=8),
        run("echo of the last value", "leaky", p.Column, echoed, mixed(echoed, 4), column=23, steps=400, seed=9),
        run("copied column, cancer", "leaky", p.Column, cancer_copy, mixed(cancer_copy), column=3, steps=400, seed=9),
        run("copied column, rings", "leaky", p.Column, ring_copy, mixed(ring_copy, 9), column=2, steps=400, seed=9),
        run("label in a column, iris", "leaky", p.Column, iris_label, mixed(iris_label), column=0, steps=300, hidden=32),
        run("column not hidden, waves", "leaky", p.Column, waves, column=0, forgets=True, steps=400, hidden=32, seed=9),
        run("channel not hidden, cifar", "leaky", p.Filled, grey_cifar, forgets="channel", steps=600, seed=9),
        run("square copied, digits", "leaky", p.Filled, digits2, forgets="copy", hidden=64, steps=800, seed=9),
        run("rotation over a caption", "shortcut", "rotation", on(cifar2, p.barred), bare(cifar2), hidden=(8, 16),
            epochs=14, seed=10),
        run("rotation lit from above, mnist", "shortcut", "rotation", on(mnist2, p.lit), bare(mnist2), hidden=(8, 16),
            epochs=10, seed=10),
        run("jigsaw by tint", "shortcut", "jigsaw", on(cifar2, p.tinted), bare(cifar2), colour="keep", normalize=False,
            hidden=(8, 16), epochs=6, seed=10),
        run("forty mnist by heart", "memorised", "denoising", few(mnist2, 40), level=0.0, shift=0, net="mlp",
            hidden=(384,), n_components=32, epochs=250, lr=4e-3, seed=11),
        run("forty cancers by heart", "memorised", "undercomplete", few(cancer2, 40), hidden=(384,), n_components=16,
            start="random", epochs=300, lr=5e-3, seed=11),
        run("squares by heart", "memorised", p.Filled, few(digits2, 60), hidden=512, epochs=250, lr=5e-3, seed=11),
        run("waves by heart", "memorised", p.Column, few(waves, 50), column=20, hidden=384, epochs=250, lr=5e-3, seed=11),
        run("sparse at no rate", "not learning", "sparse", mnist2, lr=1e-12, epochs=3, seed=12),
        run("contractive at no rate", "not learning", "contractive", cancer2, lr=1e-12, epochs=2, seed=12),
        run("column at no rate", "not learning", p.Column, waves, lr=1e-12, steps=50, seed=12),
        run("rotation of noise, cifar", "not learning", "rotation", on(cifar2, noise_like), hidden=(8, 16), epochs=1, seed=12),
        run("columns of waves apart", "not learning", p.Column, on(waves, columns_apart), column=3, steps=60, hidden=8, seed=12),
        run("squares of noise", "not learning", p.Filled, on(digits2, noise_like), steps=40, hidden=8, seed=12),
        text("skipgram, longer", HEALTHY, "skipgram", lines=500, epochs=6, sample=0.0, threads=1, of=21, seed=13),
        text("masked words, longer", HEALTHY, masked_words(), lines=500, epochs=8, of=22, seed=13),
        text("cbow at no rate", "not learning", "cbow", epochs=1, lr=1e-4, sample=0.0, threads=1, of=23, seed=13),
        text("cbow of chance", "not learning", "cbow", random=True, epochs=8, sample=0.0, threads=1, of=24, seed=13),
    ]  # fmt: skip

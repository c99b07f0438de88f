"""The fourth panel: other data, other methods and other faults than in the first three; judged once, when limits are final."""

from __future__ import annotations

from functools import partial

import _fourth_methods as m
import _fourth_planted as f
import _planted as p
import _third_planted as t
from _fourth_planted import (
    cells,
    cropped,
    customers,
    greens,
    letters,
    middles,
    mixture,
    newsgroups,
    numbers,
    sensors,
    spectra,
    tiles,
    usage,
)
from _panels import HEALTHY, Planted, bare, few, masked_words, mixed, on, run, text
from _planted import columns_apart, noise_like, scaled

walk = partial(text, write=f.grid, related=f.next_to, lines=500)


def healthy() -> list[Planted]:
    """Runs that learn from 1,000 rows and more what is worth it or not, but are not sick."""
    mlp = {"net": "mlp", "hidden": (80,)}
    return [
        run("denoising mixture", HEALTHY, "denoising", mixture, level=0.5, hidden=(64,), epochs=20, seed=51),
        run("topk newsgroups", HEALTHY, "sparse", newsgroups, activation="topk", k=8, n_components=96, epochs=40, seed=51),
        run("variational usage", HEALTHY, "variational", usage, n_components=8, hidden=(64,), epochs=25, seed=51),
        run("undercomplete sensors", HEALTHY, "undercomplete", sensors, n_components=4, hidden=(64,), epochs=25, seed=51),
        run("linear spectra", HEALTHY, "linear", spectra, n_components=8, seed=51),
        run("linear tiles", HEALTHY, "linear", lambda: scaled(tiles()), n_components=12, seed=51),
        run("contractive tiles", HEALTHY, "contractive", tiles, n_components=64, epochs=15, seed=51),
        run("masking customers", HEALTHY, "denoising", customers, corruption="masking", level=0.3, hidden=(64,), epochs=20,
            seed=51),
        run("one detector", HEALTHY, p.Column, sensors, column=7, steps=600, seed=51),
        run("second half of a day", HEALTHY, t.Rest, usage, steps=500, seed=51),
        run("missing in customers", HEALTHY, m.Missing, customers, steps=700, seed=51),
        run("missing in spectra", HEALTHY, m.Missing, spectra, share=0.5, steps=600, seed=51),
        run("swapped mixture", HEALTHY, m.Swapped, mixture, steps=400, seed=51),
        run("twins spectra", HEALTHY, p.Twins, spectra, variance=5.0, covariance=2.0, noise=0.3, dim=16, seed=51),
        run("filled numbers", HEALTHY, p.Filled, numbers, steps=500, hidden=96, seed=51),
        run("denoising numbers", HEALTHY, "denoising", numbers, **mlp, level=0.3, epochs=15, seed=51),
        run("denoising middles", HEALTHY, "denoising", middles, **mlp, epochs=10, seed=51),
        run("rotation of letters", HEALTHY, "rotation", letters, hidden=(8, 16), epochs=5, seed=51),
        run("jigsaw of digits", HEALTHY, "jigsaw", cropped, cells=2, puzzles=2, hidden=(8, 16), epochs=4, seed=51),
        walk("skipgram of a walk", HEALTHY, "skipgram", epochs=8, sample=0.0, threads=1, of=60, seed=51),
        walk("masked words of a walk", HEALTHY, masked_words(), epochs=12, of=61, seed=51),
    ]  # fmt: skip


def collapsed() -> list[Planted]:
    """Codes that are one point, or in one dimension."""
    kind = "collapsed"
    return [
        run("no row pushed away, customers", kind, m.Swapped, customers, apart=False, lr=1e-2, steps=2500, seed=52),
        run("no row pushed away, newsgroups", kind, m.Swapped, newsgroups, apart=False, dim=12, lr=1e-2, steps=1500, seed=52),
        run("twins at a constant, letters", kind, p.Twins, letters, noise=0.3, dim=24, lr=1e-2, steps=900, seed=52),
        run("twins in one dimension, tiles", kind, p.Twins, tiles, variance=6.0, noise=1.5, dim=48, steps=900, seed=52),
        run("twins in one dimension, numbers", kind, p.Twins, numbers, variance=8.0, noise=2.0, dim=40, steps=1500, seed=52),
        run("no code of spectra", kind, "variational", spectra, beta=200.0, hidden=(48,), n_components=8, epochs=20, seed=52),
        run("dead units, middles", kind, "undercomplete", middles, hidden=(48, 48), n_components=12, net="mlp",
            start="random", lr=0.2, epochs=6, seed=52),
        run("contracted tiles", kind, "contractive", tiles, penalty=1e5, n_components=40, epochs=20, seed=52),
    ]  # fmt: skip


def leaky() -> list[Planted]:
    """What is hidden can be read off what is seen."""
    kind = "leaky"
    dear, gone = on(customers, t.put(f.abroad)), on(mixture, t.put(f.left, f.since))
    binary, bought = on(sensors, t.put(f.code, f.bits)), on(customers, t.put(f.pieces, f.paid))
    ranked = on(mixture, t.put(f.rank))
    meter = on(usage, t.put(f.standing(17, 19), f.standing(17, 20)))
    again = on(usage, f.echoed)
    return [
        run("price in another currency", kind, p.Column, dear, mixed(dear), column=2, steps=700, seed=53),
        run("known afterwards", kind, p.Column, gone, mixed(gone), column=-2, steps=1200, seed=53),
        run("code as bits", kind, p.Column, binary, mixed(binary, [-3, -2, -1]), column=-4, steps=600, seed=53),
        run("price times pieces", kind, p.Column, bought, mixed(bought, [2, -2]), column=-1, steps=900, seed=53),
        run("rank of a column", kind, p.Column, ranked, mixed(ranked), column=0, steps=900, seed=53),
        run("meter before and after", kind, p.Column, meter, mixed(meter, [-2, -1]), column=19, steps=1500, seed=53),
        run("a day beside itself", kind, t.Rest, again, mixed(again, list(range(20))), steps=800, seed=53),
        run("holes not made", kind, m.Missing, mixture, forgets=True, steps=1200, seed=53),
        run("holes not made, newsgroups", kind, m.Missing, newsgroups, forgets=True, hidden=192, steps=1500, seed=53),
        run("square upside down below", kind, m.Below, numbers, forgets="below", steps=1500, seed=53),
        run("red not taken out", kind, m.Red, middles, forgets=True, steps=400, seed=53),
    ]  # fmt: skip


def shortcut() -> list[Planted]:
    """A mark that is in every picture says the answer."""
    kind, small, thin = "shortcut", {"hidden": (8, 16), "seed": 54}, partial(f.mounted, width=4)
    return [
        run("rotation under a caption", kind, "rotation", on(middles, f.captioned), bare(middles), **small, epochs=8),
        run("rotation with a logo", kind, "rotation", on(middles, f.with_logo), bare(middles), **small, epochs=12,
            mirror=False),
        run("rotation lit from one side", kind, "rotation", on(greens, f.lit_aside), bare(greens), **small, epochs=8,
            mirror=False),
        run("rotation in the shade", kind, "rotation", on(cropped, f.shaded), bare(cropped), **small, epochs=8),
        run("rotation in a frame", kind, "rotation", on(middles, f.framed), bare(middles), **small, epochs=7),
        run("rotation with dust", kind, "rotation", on(greens, f.dusty), bare(greens), **small, epochs=10),
        run("jigsaw in a mount", kind, "jigsaw", on(greens, f.mounted), bare(greens), **small, cells=2, puzzles=4,
            jitter=0, normalize=False, epochs=8),
        run("position in a mount", kind, "position", on(greens, thin), bare(greens), **small, pairs=8, jitter=0,
            normalize=False, colour="keep", lr=5e-3, epochs=12),
    ]  # fmt: skip


def memorised() -> list[Planted]:
    """Few rows that are known by heart."""
    kind, numbered = "memorised", on(customers, t.put(f.number))
    return [
        run("half of forty customers", kind, t.Rest, few(customers, 40), hidden=300, epochs=250, lr=3e-3, seed=55),
        run("sixty numbers by heart", kind, p.Column, few(numbered, 60), column=-1, hidden=256, epochs=250, lr=4e-3, seed=55),
        run("half of fifty articles", kind, t.Rest, few(newsgroups, 50), hidden=300, epochs=250, lr=3e-3, seed=55),
        run("squares of numbers by heart", kind, p.Filled, few(numbers, 40), hidden=300, epochs=250, lr=3e-3, seed=55),
        run("rotation of noise by heart", kind, "rotation", few(on(letters, noise_like), 30), hidden=(16, 32), epochs=150,
            mirror=False, seed=55),
        run("forty articles by heart", kind, "denoising", few(newsgroups, 40), level=0.0, hidden=(300,), n_components=16,
            epochs=300, lr=3e-3, seed=55),
        run("days by heart", kind, t.Rest, few(usage, 45), hidden=256, epochs=300, lr=3e-3, seed=55),
    ]  # fmt: skip


def idle() -> list[Planted]:
    """Where there is nothing to learn, or no step is taken."""
    kind = "not learning"
    numbered = on(customers, t.put(f.number))
    return [
        run("rotation of cells", kind, "rotation", cells, hidden=(8, 16), epochs=2, seed=56),
        run("number of a customer", kind, p.Column, numbered, column=-1, hidden=16, steps=80, seed=56),
        run("missing in columns apart", kind, m.Missing, on(mixture, columns_apart), hidden=16, steps=100, seed=56),
        run("half of noise", kind, t.Rest, on(usage, f.hissing), hidden=16, steps=80, seed=56),
        run("swapped at no rate", kind, m.Swapped, mixture, lr=1e-12, steps=40, seed=56),
        run("denoising at no rate, numbers", kind, "denoising", numbers, lr=1e-12, net="mlp", hidden=(48,), epochs=1, seed=56),
        run("position of cells", kind, "position", on(cells, p.tripled), hidden=(8, 16), pairs=8, epochs=1, seed=56),
        walk("cbow of a walk, stirred", kind, "cbow", random=True, epochs=8, sample=0.0, threads=1, of=62, seed=56),
    ]  # fmt: skip


def fourth() -> list[Planted]:
    """The panel that confirms the final limits, and that was not looked at before."""
    return [*healthy(), *collapsed(), *leaky(), *shortcut(), *memorised(), *idle()]

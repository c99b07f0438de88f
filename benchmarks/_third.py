"""The third panel: other data, other methods and other faults than in the first two; judged once, when thresholds are frozen."""

from __future__ import annotations

from functools import partial

import _planted as p
import _third_planted as t
from _panels import HEALTHY, Planted, bare, example, few, masked_words, mixed, on, run, text
from _planted import columns_apart, noise_like, scaled
from _planted_texts import grammar, of_ten, topics
from _third_planted import factors, gratings, little, photographs, products, pulses, scenes, shapes, survey

topic, kind = (partial(text, write=write, related=of_ten) for write in (topics, grammar))


def third() -> list[Planted]:
    """The panel that nothing is fitted on, and that was not looked at before."""
    mlp, small = {"net": "mlp", "hidden": (80,)}, {"hidden": (8, 16)}
    grouped, counted = on(factors, t.put(t.group, t.one_hot)), on(factors, t.put(t.stamp, t.meter))
    steps, exponents, sums = (on(rows, t.put(made)) for rows, made in
                              ((factors, t.rounded), (factors, t.grown), (survey, t.total)))  # fmt: skip
    wide, turned = partial(scenes, 2), {"net": "conv", "hidden": (12, 24)}
    round_ones, toneless = on(few(photographs, 700), t.rounds), on(photographs, t.one_tone)
    patches = {"colour": "keep", "hidden": (8, 16), "batch_size": 64}
    return [
        run("denoising gratings", HEALTHY, "denoising", gratings, **mlp, level=0.1, shift=0, lr=3e-3, epochs=60, seed=31),
        run("topk gratings", HEALTHY, "sparse", gratings, activation="topk", k=8, n_components=128, epochs=40, seed=31),
        run("jumprelu mnist, 14", HEALTHY, "sparse", little, activation="jumprelu", n_components=196, epochs=25, seed=31),
        run("batchtopk survey", HEALTHY, "sparse", survey, activation="batchtopk", k=6, n_components=64, epochs=30, seed=31),
        run("variational factors", HEALTHY, "variational", factors, n_components=6, hidden=(48,), epochs=25, seed=31),
        run("variational mnist, 14", HEALTHY, "variational", little, **mlp, n_components=12, epochs=25, seed=32),
        run("linear factors", HEALTHY, "linear", lambda: scaled(factors()), n_components=6, seed=31),
        run("linear mnist, 14", HEALTHY, "linear", little, n_components=24, seed=31),
        run("linear survey", HEALTHY, "linear", lambda: scaled(survey()), n_components=8, seed=31),
        run("undercomplete factors", HEALTHY, "undercomplete", factors, n_components=6, hidden=(48,), epochs=20, seed=31),
        run("contractive survey", HEALTHY, "contractive", survey, n_components=48, epochs=20, seed=31),
        run("denoising pulses", HEALTHY, "denoising", pulses, hidden=(96,), level=0.5, epochs=30, seed=31),
        run("masking survey", HEALTHY, "denoising", survey, corruption="masking", level=0.3, hidden=(64,), epochs=20, seed=31),
        run("product of columns", HEALTHY, p.Column, products, column=-1, steps=1200, seed=31),
        run("rest of a factor's row", HEALTHY, t.Rest, factors, steps=500, seed=31),
        run("contrast of pulses", HEALTHY, t.Contrast, pulses, steps=700, seed=31),
        run("contrast of gratings", HEALTHY, t.Contrast, gratings, lr=5e-3, steps=1200, seed=31),
        run("twins survey", HEALTHY, p.Twins, survey, variance=4.0, covariance=2.0, noise=0.4, dim=24, seed=31),
        run("rotation mnist, 14", HEALTHY, "rotation", little, **turned, epochs=6, seed=31),
        run("jigsaw scenes", HEALTHY, "jigsaw", scenes, cells=2, puzzles=4, hidden=(8, 16), epochs=6, seed=31),
        run("position scenes", HEALTHY, "position", scenes, pairs=8, hidden=(12, 24), epochs=6, seed=31),
        run("colours of shapes", HEALTHY, "colorization", shapes, mode="regression", hidden=(8, 16), epochs=6, seed=31),
        run("split brain, photographs", HEALTHY, "colorization", photographs, split_brain=True, mode="regression",
            hidden=(8, 16), epochs=4, seed=31),
        run("filled shapes", HEALTHY, p.Filled, shapes, steps=500, hidden=96, seed=31),
        run("denoising photographs", HEALTHY, "denoising", photographs, **mlp, epochs=12, seed=31),
        run("twins at a constant, gratings", "collapsed", p.Twins, gratings, noise=0.2, steps=500, seed=33),
        run("twins at a constant, factors", "collapsed", p.Twins, factors, dim=8, lr=1e-2, steps=400, seed=33),
        run("twins in one dimension, mnist, 14", "collapsed", p.Twins, little, variance=10.0, noise=2.0, dim=64, steps=900,
            seed=33),
        run("twins in one dimension, survey", "collapsed", p.Twins, survey, variance=5.0, noise=1.5, steps=1000, seed=33),
        run("nothing pushed away, mnist", "collapsed", t.Contrast, little, apart=False, steps=500, seed=33),
        run("nothing pushed away, pulses", "collapsed", t.Contrast, pulses, apart=False, noise=0.6, dim=16, steps=1500,
            seed=34),
        run("all columns blanked", "collapsed", t.Blind, products, column=4, steps=300, seed=33),
        run("units that died", "collapsed", "undercomplete", little, hidden=(64, 64), n_components=16, net="mlp",
            start="random", lr=0.1, epochs=8, seed=33),
        run("decayed to nothing", "collapsed", "denoising", survey, hidden=(48,), weight_decay=300.0, epochs=20, seed=33),
        run("posterior of no code", "collapsed", "variational", pulses, hidden=(64,), beta=40.0, epochs=20, seed=33),
        run("exploded", "collapsed", p.Column, products, column=3, lr=0.5, steps=200, seed=39),
        run("rounded copy", "leaky", p.Column, steps, mixed(steps), column=2, steps=700, seed=35),
        run("grown copy", "leaky", p.Column, exponents, mixed(exponents), column=4, steps=900, seed=35),
        run("sum of two columns", "leaky", p.Column, sums, mixed(sums, [0, 1]), column=-1, steps=500, seed=35),
        run("time stamp", "leaky", p.Column, counted, mixed(counted, -2), column=-1, steps=500, seed=35),
        run("one-hot of the hidden one", "leaky", p.Column, grouped, mixed(grouped, [-5, -4, -3, -2, -1]), column=-6,
            steps=500, seed=35),
        run("column not hidden, survey", "leaky", p.Column, survey, column=30, forgets=True, steps=500, seed=35),
        run("dimmed square", "leaky", t.Dimmed, shapes, forgets="dimmed", steps=1500, seed=35),
        run("dimmed square, mnist, 14", "leaky", t.Dimmed, little, forgets="dimmed", hidden=96, steps=900, seed=36),
        run("channel not hidden, photographs", "leaky", p.Filled, on(photographs, t.greyed), forgets="channel", steps=800,
            seed=35),
        run("rotation over a copyright bar", "shortcut", "rotation", on(scenes, t.copyright_bar), bare(scenes), **small,
            epochs=8, seed=37),
        run("rotation with a date", "shortcut", "rotation", on(photographs, t.dated), bare(photographs), **small, epochs=10,
            seed=37),
        run("rotation under a vignette", "shortcut", "rotation", on(shapes, t.vignetted), bare(shapes), **small, epochs=14,
            seed=37),
        run("rotation of JPEG blocks", "shortcut", "rotation", on(round_ones, t.squeezed), bare(round_ones), **small,
            epochs=10, seed=37),
        run("position within a border", "shortcut", "position", on(scenes, t.bordered), bare(scenes), pairs=8, jitter=0,
            normalize=False, **patches, epochs=25, seed=37),
        run("position through a lens", "shortcut", "position", on(wide, t.lensed), bare(wide), pairs=8, normalize=False,
            resample=False, **patches, epochs=9, seed=37),
        run("jigsaw under a vignette", "shortcut", "jigsaw", on(scenes, t.vignetted), bare(scenes), cells=2, puzzles=4,
            normalize=False, **patches, epochs=6, seed=37),
        run("contrast by a cast", "shortcut", t.Contrast, on(photographs, t.cast), bare(toneless), steps=700, seed=37),
        run("sixty mnist by heart", "memorised", "denoising", few(little, 60), level=0.0, shift=0, net="mlp", hidden=(400,),
            epochs=300, lr=3e-3, seed=38),
        run("halves by heart", "memorised", t.Rest, few(pulses, 60), hidden=300, epochs=250, lr=4e-3, seed=38),
        run("products by heart", "memorised", p.Column, few(products, 70), column=-1, hidden=300, epochs=200, lr=4e-3, seed=38),
        run("rotation of forty shapes", "memorised", "rotation", few(shapes, 40), hidden=(16, 32), epochs=160, mirror=False,
            seed=38),
        run("shapes by heart", "memorised", p.Filled, few(shapes, 50), hidden=400, epochs=250, lr=4e-3, seed=38),
        run("fifty pulses by heart", "memorised", "undercomplete", few(pulses, 50), hidden=(300,), n_components=20,
            start="random", epochs=300, lr=5e-3, seed=38),
        run("jigsaw at no rate", "not learning", "jigsaw", scenes, cells=2, puzzles=4, lr=1e-12, epochs=1, hidden=(8, 16),
            seed=39),
        run("colours at no rate", "not learning", "colorization", shapes, mode="regression", lr=1e-12, epochs=1,
            hidden=(8, 16), seed=39),
        run("variational at no rate", "not learning", "variational", factors, lr=1e-12, epochs=1, hidden=(48,), seed=39),
        run("halves of chance", "not learning", t.Rest, on(pulses, columns_apart), steps=100, hidden=16, seed=39),
        run("rotation of rounds", "not learning", "rotation", on(shapes, t.rounds), **small, epochs=2, seed=39),
        run("contrast at no rate", "not learning", t.Contrast, gratings, lr=1e-12, steps=30, seed=39),
        run("jigsaw of noise", "not learning", "jigsaw", on(shapes, noise_like), cells=2, puzzles=4, **small, epochs=1, seed=39),
        topic("skipgram of topics", HEALTHY, "skipgram", epochs=8, sample=0.0, threads=1, of=40, seed=40),
        kind("cbow of a grammar", HEALTHY, "cbow", epochs=20, sample=0.0, threads=1, of=41, seed=40),
        topic("glove of topics", HEALTHY, example("glove", "Glove"), epochs=60, of=42, seed=40),
        topic("masked words of topics", HEALTHY, masked_words(), epochs=12, of=43, seed=40),
        topic("skipgram of topics, stirred", "not learning", "skipgram", random=True, epochs=8, sample=0.0, threads=1, of=44,
              seed=40),
        kind("masked words at no rate", "not learning", masked_words(), epochs=1, lr=1e-12, of=45, seed=40),
        topic("glove at no rate", "not learning", example("glove", "Glove"), epochs=1, lr=1e-12, of=46, seed=40),
    ]  # fmt: skip

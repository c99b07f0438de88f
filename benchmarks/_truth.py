"""What a planted run is in truth: measured on fresh rows by scikit-learn and by hand, without our evaluation."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch

from _panels import HEALTHY, Planted
from _planted import Rows
from _planted_texts import WORDS

COUNTS = {1: 4, 5: 4, 20: 3, 100: 1, "all": 1}  # labels a class that a probe learns from, and how often they are drawn
MOST = 700  # rows that a probe learns from, at most
LOOKED_AT = 256  # rows on which losses are measured
CLEAR = 2.0  # standard errors
LUCK = 3.0  # errors of an evaluation within which it may have to stay undecided: two to say it, and one for bad luck
NETS = 3  # untrained
HELD = 0.2  # of the rows, that an evaluation holds out where training held out none
WORTH = 0.02  # a lead below it may be called none
LEAST = 0.003  # standard error: there is some that rows, draws and nets do not show


def measured(planted: Planted, model: Any) -> dict[str, Any]:
    """Losses, codes and probes of a run of samples."""
    rows = planted.rows()
    seed = planted.how.get("seed", 0)
    nets = NETS if planted.meant == HEALTHY else 1
    untrained = [random_net(planted, rows.x, seed + n) for n in range(nets)]
    held = model.config["training"]["heldout_rows"] or round(HELD * len(rows.x))
    found: dict[str, Any] = {"rows": len(rows.x), "fresh": len(rows.fresh), "held": held}
    found |= losses(model, untrained[0], planted, rows)
    found |= shape(model.encode(rows.fresh))
    found |= {f"{key}_untrained": value for key, value in shape(untrained[0].encode(rows.fresh)).items()}
    return found | (leads(model, untrained, rows, beside=planted.meant == HEALTHY) if probed_at_all(planted) else {})


def probed_at_all(planted: Planted) -> bool:
    """Whether it is measured what its codes are worth, which is no part of the truth of a sick run of samples."""
    return planted.text or planted.meant in (HEALTHY, "any")


def random_net(planted: Planted, x: np.ndarray, seed: int) -> Any:
    """The same run before its first step; where it would begin as PCA, at random."""
    if planted.method == "linear":  # a closed form has no step: its net is a random map
        return planted.fit(
            x, evaluate=False, seed=seed, method="undercomplete", hidden=(), net="mlp", start="random", epochs=0
        )
    more = {"start": "random"} if planted.method == "undercomplete" else {}
    return planted.fit(x, evaluate=False, seed=seed, epochs=0, **more)


@torch.no_grad()
def loss_of(method: Any, x: torch.Tensor, strangers: bool = False) -> float:
    """The mean loss of samples, of their own guesses or of those of the next ones."""
    seen, hidden = method.eval().hide(x, torch.Generator().manual_seed(1))
    guess = method.predict(seen)
    if strangers:
        guess = turned(guess)
    return float(sum(term.double().mean() for term in method.loss(guess, method.target(hidden)).values()))


def turned(guess: Any) -> Any:
    if isinstance(guess, torch.Tensor):
        return guess.roll(1, 0)
    return type(guess)(*map(turned, guess))


def samples(model: Any, x: np.ndarray) -> torch.Tensor:
    data = model.open(x[:LOOKED_AT], progress=False).whole()
    return model.method.view(data)[torch.arange(len(data))]


def losses(model: Any, untrained: Any, planted: Planted, rows: Rows) -> dict[str, float]:
    """Of rows that were learnt from and of fresh ones, before and after; of strangers' guesses; without the leak."""
    fresh, learnt = samples(model, rows.fresh), samples(model, rows.x)
    found = {
        "loss": loss_of(model.method, fresh),
        "loss_learnt": loss_of(model.method, learnt),
        "loss_start": loss_of(untrained.method, fresh),
        "loss_strangers": loss_of(model.method, fresh, strangers=True),
        "strangers_start": loss_of(untrained.method, fresh, strangers=True),
    }
    if planted.cured is not None:
        found["loss_cured"] = loss_of(model.method, samples(model, planted.cured()))
    elif (forgets := planted.how.get("forgets")) is not None and forgets != "nothing":
        model.method.forgets = type(forgets)() if isinstance(forgets, bool) else "nothing"
        found["loss_cured"] = loss_of(model.method, fresh)
        model.method.forgets = forgets
    return found


def shape(codes: np.ndarray) -> dict[str, float]:
    """How much codes differ, of their size; and in how many dimensions: (sum of variances)^2 / sum of their squares."""
    codes = codes.astype(np.float64)
    size, centred = np.sqrt(np.square(codes).mean()), codes - codes.mean(0)
    if size == 0:
        return {"differ": 0.0, "dims": 0.0, "width": codes.shape[1]}
    values = np.square(np.linalg.svd(centred / size, compute_uv=False))
    total = values.sum()
    dims = float(total**2 / np.square(values).sum()) if total > 0 else 0.0
    return {"differ": float(np.sqrt(np.square(centred).mean()) / size), "dims": dims, "width": codes.shape[1]}


def leads(model: Any, untrained: list[Any], rows: Rows, *, beside: bool = True) -> dict[str, Any]:
    """Accuracy of a logistic regression on fresh rows, mean over the numbers of labels, and the leads with their errors."""
    raw = [part.reshape(len(part), -1).astype(np.float64) for part in (rows.x, rows.fresh)]
    if rows.x.ndim == 2:
        mean, std = raw[0].mean(0), raw[0].std(0)
        raw = [(part - mean) / np.where(std > 0, std, 1) for part in raw]
    draws = drawn(rows.labels)
    layer = best_layer(model, rows)
    codes = pair(model, rows, layer)
    found: dict[str, Any] = {"layer": layer}
    right = {"model": probed(codes, rows, draws)}
    if beside:
        right["raw input"] = probed(raw, rows, draws)
        right["PCA"] = probed(principal(raw, codes[0].shape[1]), rows, draws)
    others = [probed(pair(one, rows, best_layer(one, rows)), rows, draws) for one in untrained]
    right["random init"] = [np.mean(each, axis=0) for each in zip(*others, strict=True)]
    for name, one in right.items():
        found[f"counts {name}"] = [float(each.mean()) for each in one]
        found[f"probe {name}"] = float(np.mean(found[f"counts {name}"]))
    for name in [name for name in right if name != "model"]:
        each = [one - other for one, other in zip(right["model"], right[name], strict=True)]
        lead = np.mean([one.mean(0) for one in each], axis=0)  # (fresh rows,)
        found[f"lead {name}"] = float(lead.mean())
        found[f"error {name}"] = float(lead.std() / np.sqrt(len(lead)))
        drawn_anew = sum(one.mean(1).var(ddof=1) / len(one) for one in each if len(one) > 1) / len(each) ** 2
        found[f"spread {name}"] = float(np.sqrt(drawn_anew))
    if len(others) > 1:  # three nets are not all there are
        nets = [np.mean([each.mean() for each in one]) for one in others]
        found["spread random init"] = float(np.hypot(found["spread random init"], np.std(nets, ddof=1) / np.sqrt(NETS)))
    return found


def pair(model: Any, rows: Rows, layer: str | None) -> list[np.ndarray]:
    return [model.encode(part, layer=layer).astype(np.float64) for part in (rows.x, rows.fresh)]


def best_layer(model: Any, rows: Rows) -> str | None:
    """By leave-one-out ridge classification of the rows that were learnt from; None is the code."""
    from sklearn.linear_model import RidgeClassifier
    from sklearn.model_selection import cross_val_score

    x = samples(model, rows.x[:2])
    names = list(model.method.layers(x))
    if len(names) < 2 or len(rows.x) < 60:
        return None
    scores = {}
    for name in names:
        codes = model.encode(rows.x, layer=name)
        scores[name] = cross_val_score(RidgeClassifier(), codes / codes.std(), rows.labels, cv=3).mean()
    return max(scores, key=lambda name: scores[name])


def principal(raw: list[np.ndarray], width: int) -> list[np.ndarray]:
    """PCA by a singular value decomposition."""
    mean = raw[0].mean(0)
    axes = np.linalg.svd(raw[0] - mean, full_matrices=False)[2][:width]
    return [(part - mean) @ axes.T for part in raw]


def drawn(labels: np.ndarray) -> list[list[np.ndarray]]:
    """Rows of each draw, for each number of labels that there are enough rows for."""
    classes, found = np.unique(labels), []
    for count, times in COUNTS.items():
        rng = np.random.default_rng(17)
        if count == "all":
            found.append([rng.permutation(len(labels))[:MOST]])
        elif all((labels == one).sum() > count for one in classes):
            each = [
                np.concatenate([rng.permutation(np.flatnonzero(labels == one))[:count] for one in classes])
                for _ in range(times)
            ]
            found.append(each)
    return found


def probed(codes: list[np.ndarray], rows: Rows, draws: list[list[np.ndarray]]) -> list[np.ndarray]:
    """For each number of labels (draws, fresh rows): whether a row is classified rightly."""
    from sklearn.linear_model import LogisticRegression

    centre, size = codes[0].mean(0), codes[0].std() or 1.0
    train, test = ((part - centre) / size for part in codes)
    out = []
    for rows_of in draws:
        each = []
        for some in rows_of:
            c = 1.0 if len(some) < 200 else strength(train[some], rows.labels[some])
            probe = LogisticRegression(C=c, max_iter=200).fit(train[some], rows.labels[some])
            each.append(probe.predict(test) == rows.fresh_labels)
        out.append(np.array(each, dtype=float))
    return out


def strength(train: np.ndarray, labels: np.ndarray) -> float:
    """The best C on a third that is held out."""
    from sklearn.linear_model import LogisticRegression

    cut = 2 * len(train) // 3
    tried = {
        c: LogisticRegression(C=c, max_iter=60).fit(train[:cut], labels[:cut]).score(train[cut:], labels[cut:])
        for c in (0.1, 1.0, 10.0)
    }
    return max(tried, key=lambda c: tried[c])


def measured_text(planted: Planted, model: Any) -> dict[str, Any]:
    """How many of the five nearest words of each belong to it, and how many of all words do."""
    vectors = model.word_vectors
    places = np.array([place for place, name in enumerate(WORDS) if name in vectors.words])
    table = np.stack([vectors[WORDS[place]] for place in places]).astype(np.float64)
    table = table - table.mean(0)
    table /= np.maximum(np.linalg.norm(table, axis=1, keepdims=True), 1e-12)
    near = np.argsort(-(table @ table.T) + 9 * np.eye(len(table)), 1)[:, :5]
    related = planted.related(places) & ~np.eye(len(places), dtype=bool)  # (n, n)
    chance = related.sum() / (len(places) * (len(places) - 1))
    return {"related": float(np.take_along_axis(related, near, 1).mean()), "chance": float(chance), **shape(table)}


def holds(planted: Planted, found: dict[str, Any]) -> bool:
    """Whether a run became what it was made to be."""
    meant = planted.meant
    if meant == "any":
        return True
    if planted.text:
        return (found["related"] > 0.4) == (meant == HEALTHY)
    start, loss = found["loss_start"], found["loss"]
    fall, gap = start - loss, found["loss_strangers"] - loss
    before = found["strangers_start"] - start
    learnt = gap > max(0.05 * fall, 0.02 * abs(start)) and (gap > 1.3 * before or fall > 0.2 * before)
    alike = found["differ"] < 1e-3 * max(found["differ_untrained"], 1e-9)
    flat = found["dims"] < 2 and found["dims"] < 0.5 * found["dims_untrained"]
    learnt_loss = found["loss_learnt"]
    far = loss > 3 * learnt_loss > 0 and loss - learnt_loss > 0.05 * (start - learnt_loss)
    rise = found.get("loss_cured", loss) - loss
    # without the cue the loss is many times what it was, or next to nothing is left of what was learnt
    cue = fall > 0 and ((rise > 0.15 * fall and rise > 5 * abs(loss)) or rise > 0.8 * fall)
    return {
        HEALTHY: learnt and not alike and not flat and not far and not cue,
        "collapsed": alike or flat or (fall > 0 and gap < 0.01 * fall),
        "not learning": not learnt and not alike,
        "leaky": cue and learnt,
        "shortcut": cue and learnt,
        "memorised": far,
    }[meant]


def allowed(planted: Planted, found: dict[str, Any], labelled: bool) -> set[str]:
    """The words of the verdict that are right, with labels or without."""
    if planted.meant != HEALTHY:
        return {planted.meant}
    if not labelled or planted.text:
        return {"learning", "undecided", "no better than PCA"} if not planted.text else {"learning", "undecided"}
    known = []  # of each baseline: the lead, its error in truth, and that of an evaluation on the rows that it holds out
    for name in ("PCA", "random init"):
        of_rows, spread = found[f"error {name}"], found[f"spread {name}"]
        seen = of_rows * np.sqrt(found["fresh"] / found["held"])
        known.append((found[f"lead {name}"], max(np.hypot(of_rows, spread), LEAST), max(np.hypot(seen, spread), LEAST)))
    words = set()
    if all(lead > CLEAR * error for lead, error, _ in known):
        words.add("learning")
    if any(lead < WORTH for lead, _, _ in known):
        words.add("no better than PCA")
    ahead = all(lead > LUCK * seen for lead, _, seen in known)
    none = any(lead < -LUCK * seen or lead + LUCK * seen < WORTH for lead, _, seen in known)
    return words if ahead or none else words | {"undecided"}


def truth(planted: Planted, folder: Path) -> tuple[dict[str, Any], Any]:
    """Train a run, measure what it is, and give both."""
    if planted.text:
        with tempfile.TemporaryDirectory() as place:
            model = planted.fit(planted.rows(Path(place) / "text.txt"), out=folder)
        found = measured_text(planted, model)
    else:
        model = planted.fit(planted.rows().x, evaluate=False, out=folder)
        found = measured(planted, model)
    return found, model

"""Verdicts on tables beside those of a script of scikit-learn's own, and gradient boosting beside both.

    python benchmarks/table_verdicts.py [--seeds 3] [--method denoising] [--epochs 100] [NAME ...]

The script knows nothing of ours but the codes: it takes the rows that were held out and fits logistic regression (ridge where
labels are numbers) on standardised columns, on PCA of these of the codes' width, on the codes and on those of three untrained
nets, with 5 and 20 labels a class (50 and 200 in all of numbers), five draws each, and with all. It says "ahead" where the mean
lead over PCA and over the untrained nets is more than two paired standard errors, the nets' spread counted. It agrees with a
verdict of ours where "learning" is "ahead" and any other is not.
"""

import argparse
import logging
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from sklearn import datasets
from sklearn.decomposition import PCA
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.linear_model import LogisticRegression, RidgeCV
from sklearn.preprocessing import StandardScaler

import selfsup

DRAWS, NETS, SURE = 5, 3, 2.0
OPTIONS: dict[str, dict[str, Any]] = {"diabetes": {"labels_are": "numbers"}, "few causes": {"n_components": 3}}
Data = tuple[np.ndarray, np.ndarray]


def unequal_units(rows: int = 1500) -> Data:
    """Half of twelve columns tell the class; one of noise is ten thousand times as wide. Standardising is all that helps."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((rows, 13))
    labels = (x[:, :6].sum(1) > 0).astype(int)
    x[:, 12] *= 1e4
    return x, labels


def few_causes(rows: int = 1500) -> Data:
    """Thirty noisy columns that three hidden numbers bend; the class is an octant of these, which no line tells apart."""
    rng = np.random.default_rng(1)
    causes = rng.standard_normal((rows, 3))
    columns = np.tanh(causes @ rng.standard_normal((3, 30)) * 3.0 + rng.standard_normal(30))
    labels = (causes > 0).astype(int) @ np.array([1, 2, 4])
    return columns + 0.5 * rng.standard_normal((rows, 30)), labels


TABLES: dict[str, Callable[[], Data]] = {
    "wine": lambda: datasets.load_wine(return_X_y=True),
    "breast cancer": lambda: datasets.load_breast_cancer(return_X_y=True),
    "iris": lambda: datasets.load_iris(return_X_y=True),
    "diabetes": lambda: datasets.load_diabetes(return_X_y=True),
    "unequal units": unequal_units,
    "few causes": few_causes,
}


def shares(guesses: np.ndarray, asked: np.ndarray, numbers: bool) -> np.ndarray:
    """What each test row adds to the score."""
    return 1 - np.square(guesses - asked) / asked.var() if numbers else (guesses == asked).astype(float)


def scored(rows: dict[str, Data], y: Data, draws: list[np.ndarray], numbers: bool) -> dict[str, np.ndarray]:
    """Of each encoder what each test row adds to its score, a mean over the draws: (m,)."""
    found = {}
    for name, (train, test) in rows.items():
        parts = []
        for some in draws:
            last = RidgeCV(np.logspace(-3, 4, 15)) if numbers else LogisticRegression(max_iter=2000)
            parts.append(shares(last.fit(train[some], y[0][some]).predict(test), y[1], numbers))
        found[name] = np.mean(parts, axis=0)
    return found


def draws_of(y: np.ndarray, numbers: bool) -> list[list[np.ndarray]]:
    """Labelled rows: few of them five times, and all."""
    found = []
    for count in (50, 200) if numbers else (5, 20):
        drawn = []
        for draw in range(DRAWS):
            order = np.random.default_rng([draw, count]).permutation(len(y))
            classes = [order] if numbers else [order[y[order] == one] for one in np.unique(y)]
            drawn.append(np.concatenate([rows[:count] for rows in classes]))
        if len(drawn[0]) < len(y):
            found.append(drawn)
    return [*found, [np.arange(len(y))]]


def independent(
    x: np.ndarray, y: np.ndarray, codes: np.ndarray, nets: list[np.ndarray], seed: int, held: int
) -> dict[str, Any]:
    """The script's own word, the leads with their errors, and boosting on the columns without and with the codes."""
    order = np.random.default_rng(seed).permutation(len(x))
    test, train = np.sort(order[:held]), np.sort(order[held:])
    numbers, known, asked = y.dtype.kind == "f", y[train], y[test]
    scale = StandardScaler().fit(x[train])
    raw = scale.transform(x)
    pca = PCA(min(codes.shape[1], x.shape[1])).fit(raw[train]).transform(raw)
    encoders = {"raw": raw, "PCA": pca, "codes": codes} | {f"net {k}": net for k, net in enumerate(nets)}
    # divided by one number each, so that the penalty means the same for all and none is whitened
    unit = {name: one / (np.sqrt(one[train].var(0).mean()) or 1.0) for name, one in encoders.items()}
    rows = {name: (one[train], one[test]) for name, one in unit.items()}
    tables = [scored(rows, (known, asked), draws, numbers) for draws in draws_of(known, numbers)]
    mean = {name: np.mean([table[name] for table in tables], axis=0) for name in rows}
    untrained = np.array([mean[name].mean() for name in mean if name.startswith("net")])
    random = np.mean([mean[name] for name in mean if name.startswith("net")], axis=0)
    leads = {}
    for name, other, more in (("PCA", mean["PCA"], 0.0), ("random", random, untrained.var(ddof=1) * (1 + 1 / NETS))):
        apart = mean["codes"] - other
        leads[name] = (apart.mean(), float(np.sqrt(apart.var(ddof=1) / len(apart) + more)))
    boost = HistGradientBoostingRegressor if numbers else HistGradientBoostingClassifier
    both = [
        shares(boost(random_state=seed).fit(one[train], known).predict(one[test]), asked, numbers)
        for one in (x, np.hstack([x, codes]))
    ]
    ahead = all(lead > SURE * error for lead, error in leads.values())
    scores = {name: tables[-1][name].mean() for name in ("raw", "PCA", "codes")}
    return {"ahead": ahead, "leads": leads, "scores": scores, "boosting": [one.mean() for one in both]}


def judge(name: str, seed: int, method: str, epochs: int | None) -> bool:
    """One table, one seed: print a line, and whether the two agree."""
    x, y = TABLES[name]()
    began = time.process_time()
    options: dict[str, Any] = {"epochs": epochs, "seed": seed, "progress": False, **OPTIONS.get(name, {})}
    model = selfsup.fit(x, method, labels=y, **options)
    trained = time.process_time() - began
    nets = [
        selfsup.fit(x, method, evaluate=False, **{**options, "epochs": 0, "seed": 1000 + 10 * seed + k}).encode(x)
        for k in range(NETS)
    ]
    held = model.config["training"]["heldout_rows"]
    found = independent(x, y.astype(float) if name == "diabetes" else y, model.encode(x), nets, seed, held)
    kind = model.evaluation.verdict["kind"]
    boosted = [row.get("accuracy", row.get("r2")) for row in model.evaluation.rows("boosting")]
    agree = (kind == "learning") == found["ahead"]
    leads = [f"{100 * lead:+.1f} ± {100 * error:.1f}" for lead, error in found["leads"].values()]
    scores, theirs, ours = (
        " ".join(f"{100 * one:5.1f}" for one in each) for each in (found["scores"].values(), found["boosting"], boosted)
    )
    words = (
        f"{name:<14}{seed:>4}  {kind:<20}{'ahead' if found['ahead'] else 'not ahead':<11}{'yes' if agree else 'NO':<5}"
    )
    print(f"{words}{scores}   {theirs}  {ours}  {leads[0]:>12} {leads[1]:>12}  {trained:.0f}", flush=True)
    return agree


def main() -> None:
    """Judge all tables with each seed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(TABLES))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--method", default="denoising")
    parser.add_argument("--epochs", type=int, help="by default the method's own")
    given = parser.parse_args()
    logging.disable(logging.WARNING)
    warnings.filterwarnings("ignore")
    torch.set_num_threads(1)
    print(
        "table         seed  verdict             script     same   raw   PCA codes   boosting+codes   (and ours)     "
        "lead: PCA    untrained  CPU s"
    )
    agreed = [
        judge(name, seed, given.method, given.epochs) for name in given.names or TABLES for seed in range(given.seeds)
    ]
    print(f"{sum(agreed)} of {len(agreed)} agree")


if __name__ == "__main__":
    main()

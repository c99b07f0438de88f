"""Coverage of the errors that an evaluation prints: how often what is printed lies within two of them of the truth.

A small model, PCA and 16 untrained nets of the same kind are probed with 40 draws of labels on a population of fresh rows, once.
An evaluation is then drawn from that 200 times and more: some draws, some rows, three or more nets; its table is made by the
functions that `selfsup.evaluate` uses. The truth is the mean over the population and all draws; of a lead over untrained nets
that over one more of them, as the model began as one. The last lines of a case put an untrained net in place of the model: how
often it is "ahead" by two errors of the nets, which is what a verdict of "learning" asks, beside what it asks of PCA.

    SELFSUP_DATA=FOLDER python benchmarks/evidence_coverage.py [--only digits] [--evaluations 300] [--nets 3]
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

os.environ.setdefault("OMP_NUM_THREADS", "1")
sys.path.insert(0, str(Path(__file__).resolve().parent))

import numpy as np

DRAWN, NETS = 40, 16  # draws of labels and untrained nets of which an evaluation takes some
SURE = 2.0
BAR = (0.90, 0.98)


class Case(NamedTuple):
    """Rows that labels are drawn from, fresh rows, and how many of these an evaluation is tested on."""

    name: str
    rows: Callable[[], Any]
    tested: tuple[int, ...]
    counts: tuple[Any, ...]
    draws: int
    numbers: bool = False
    how: Mapping[str, Any] = {}


class Known(NamedTuple):
    """What is guessed of all fresh rows by all draws: (encoder, count) -> (draws, M); "net 0" and so on for untrained nets."""

    guesses: dict[tuple[str, Any], np.ndarray]
    labels: dict[Any, int]
    truth: np.ndarray
    numbers: bool

    def shares(self, encoder: str, count: Any, draws: np.ndarray, rows: Any) -> np.ndarray:
        """What each test row adds to the score, (draws, m)."""
        from selfsup.measures.samples.regression import shares_of

        guesses, asked = self.guesses[encoder, count], self.truth[rows]
        some = guesses[draws if len(guesses) > 1 else [0]][:, rows]
        return np.stack([shares_of(one, asked) if self.numbers else one == asked for one in some])


def codes_of(case: Case) -> tuple[Any, dict[str, Any]]:
    """Codes of the rows by the model, PCA of its width, the rows themselves, and untrained nets."""
    import torch
    from sklearn.decomposition import PCA

    import selfsup
    from selfsup.measures.run import Features

    torch.set_num_threads(1)
    rows = case.rows()
    how = {"net": "mlp", "hidden": (64,), "n_components": 16, "evaluate": False, "progress": False, **case.how}
    flat = [part.reshape(len(part), -1).astype(np.float32) for part in (rows.x, rows.fresh)]
    if rows.x.ndim == 2:
        mean, std = flat[0].mean(0), flat[0].std(0)
        flat = [(part - mean) / np.where(std > 0, std, 1) for part in flat]
    pca = PCA(min(how["n_components"], flat[0].shape[1]), random_state=0).fit(flat[0])
    found = {"raw input": Features(*flat), "PCA": Features(*(pca.transform(part).astype(np.float32) for part in flat))}
    for name, epochs, seed in [("model", 20, 0), *((f"net {net}", 0, 100 + net) for net in range(NETS))]:
        model = selfsup.fit(rows.x, "denoising", epochs=epochs, seed=seed, **how)
        found[name] = Features(model.encode(rows.x), model.encode(rows.fresh))
    return rows, found


def known(case: Case) -> Known:
    """All guesses."""
    from threadpoolctl import threadpool_limits

    from selfsup.measures.samples import compare, probe, regression

    rows, encoders = codes_of(case)
    guesses: dict[tuple[str, Any], np.ndarray] = {}
    labels = np.asarray(rows.labels, float if case.numbers else int)
    if case.numbers:
        drawn = regression.plan(len(labels), case.counts, DRAWN, 0)
        tasks = [(len(draws[0]), draws) for draws in drawn]
    else:
        plan = compare.plan(labels, (*case.counts, "all"), DRAWN, 0, len(labels))
        tasks = [(task.per_class, task.draws) for task in plan]
    with threadpool_limits(1):
        for name, codes in encoders.items():
            guess = None if case.numbers else probe.judge(codes, np.arange(len(labels)))
            train, test = probe.scale_features(codes.train, codes.train, codes.test)
            for count, draws in tasks:
                guesses[name, count] = np.stack(
                    [
                        regression.ridge(train[some], labels[some], test).guesses
                        if guess is None
                        else guess(some, labels[some], draw).classes
                        for draw, some in enumerate(draws)
                    ]
                )
    sizes = {count: len(draws[0]) for count, draws in tasks}
    return Known(guesses, sizes, np.asarray(rows.fresh_labels), case.numbers)


def evaluated(
    found: Known, model: str, nets: list[str], draws: np.ndarray, rows: np.ndarray, seed: int
) -> list[dict[str, Any]]:
    """The table of one evaluation, made as `selfsup.evaluate` makes it."""
    from selfsup.measures.samples.errors import finished

    table = []
    score = "r2" if found.numbers else "accuracy"
    for encoder, names in (("model", [model]), ("PCA", ["PCA"]), ("random init", nets)):
        for count, labels in found.labels.items():
            each = [found.shares(name, count, draws, rows) for name in names]
            table.append(
                {
                    "encoder": encoder,
                    "layer": "",
                    "labels": labels,
                    score: float(np.mean(each)),
                    "validation": 0.0,
                    "shares": np.stack(each) if len(each) > 1 else each[0],
                    **({} if found.numbers else {"labels_per_class": count}),
                }
            )
    return finished(table, seed)


def true_scores(found: Known) -> dict[tuple[str, Any], float]:
    """The score of each encoder at each number of labels, on all fresh rows, the mean over all draws."""
    every = np.arange(len(found.truth))
    return {
        (name, count): float(found.shares(name, count, np.arange(DRAWN), every).mean()) for name, count in found.guesses
    }


def claims(table: list[dict[str, Any]], counts: list[Any], true: Mapping[tuple[str, Any], float], model: str, one: str):
    """What a table says, with its error, and what is true: (claim, said, error, truth)."""
    from selfsup.measures.samples.leads import score

    rows = {(row["encoder"], place % len(counts)): row for place, row in enumerate(table)}
    for place, count in ((0, counts[0]), (len(counts) - 1, counts[-1])):
        at = f"{count} labels" if count == "all" or count == counts[-1] else f"{count} (fewest)"
        at = "all labels" if count == counts[-1] else at
        own = rows["model", place]
        yield f"score, {at}", score(own), own["error"], true[model, count]
        for other, name in (("PCA", "PCA"), ("random init", one)):
            row = rows[other, place]
            lead = true[model, count] - true[name, count]
            yield f"lead over {other}, {at}", score(own) - score(row), row["lead_error"], lead
    for other, name in (("PCA", "PCA"), ("random init", one)):
        leads = [score(rows["model", place]) - score(rows[other, place]) for place in range(len(counts))]
        truths = [true[model, count] - true[name, count] for count in counts]
        error = rows[other, 0]["mean_lead_error"]
        yield f"mean lead over {other}", float(np.mean(leads)), error, float(np.mean(truths))


def covered(case: Case, found: Known, tested: int, evaluations: int, nets: int) -> Iterator[str]:
    """Lines of one case at so many test rows."""
    rng, name = np.random.default_rng(1), f"{case.name}, {tested}"
    true, counts = true_scores(found), list(found.labels)
    seen: dict[str, list[tuple[float, float, float]]] = {}
    ahead = [0, 0, 0]
    for seed in range(evaluations):
        draws = rng.permutation(DRAWN)[: case.draws]
        rows = rng.integers(len(found.truth), size=tested)  # of a population: with replacement
        some = [f"net {net}" for net in rng.permutation(NETS)]
        table = evaluated(found, "model", some[:nets], draws, rows, seed)
        for claim, *numbers in claims(table, counts, true, "model", some[nets]):
            seen.setdefault(claim, []).append(tuple(numbers))
        table = evaluated(found, some[nets + 1], some[:nets], draws, rows, seed)
        leads = {}
        for claim, said, error, _ in claims(table, counts, true, some[nets + 1], some[nets]):
            if claim.startswith("mean lead"):
                leads[claim] = said > SURE * error
                if "random" in claim:
                    seen.setdefault("an untrained net: " + claim, []).append((said, error, 0.0))
        ahead[0] += leads["mean lead over random init"]
        ahead[1] += all(leads.values())
    for claim, numbers in seen.items():
        said, error, truth = np.array(numbers).T
        held = float(np.mean(np.abs(said - truth) <= SURE * error))
        mark = "" if BAR[0] <= held <= BAR[1] else "  low" if held < BAR[0] else "  high"
        off = float(np.sqrt(np.mean((said - truth) ** 2)))
        yield (
            f"{name:<18}{claim:<44}{100 * held:>7.1f} %{100 * truth.mean():>9.1f}"
            f"{100 * error.mean():>8.2f}{100 * off:>8.2f}{mark}"
        )
    yield (
        f"{name:<18}an untrained net ahead of {nets} others by two errors: {100 * ahead[0] / evaluations:.1f} %, "
        f"and of PCA too: {100 * ahead[1] / evaluations:.1f} %"
    )


def diabetes() -> Any:
    """Numbers as labels."""
    from sklearn.datasets import load_diabetes

    from _planted import parted

    x, y = load_diabetes(return_X_y=True)
    return parted(x.astype(np.float32), y, 200, 242, 0)


def heavy() -> Any:
    """A made table whose numbers have heavy tails."""
    from _planted import parted

    rng = np.random.default_rng(3)
    x = rng.standard_normal((2400, 20)).astype(np.float32)
    y = np.sin(x[:, 0]) + 0.5 * x[:, 1] * x[:, 2] + 0.3 * x[:, 3] + 0.4 * rng.standard_t(4, len(x))
    return parted(x, y, 400, 2000, 0)


def cases() -> list[Case]:
    """What is measured."""
    from _planted import digits, photos, table
    from selfsup.measures.samples.compare import MORE as DRAWS
    from selfsup.measures.samples.regression import DRAWS as OF_NUMBERS

    how = {"n_components": 8, "hidden": (16,)}
    return [
        Case("digits", lambda: digits(400), (160, 500), (1, 5, 20), DRAWS),
        Case("cancer", lambda: table("breast_cancer", 200), (60,), (1, 5, 20), DRAWS, how=how),
        Case("wine", lambda: table("wine", 89), (36,), (1, 5, 20), DRAWS, how={"n_components": 6, "hidden": (12,)}),
        Case("mnist", lambda: photos("mnist", 500, 1500), (120,), (1, 5, 20), DRAWS),
        Case("diabetes", diabetes, (88,), (10, 100), OF_NUMBERS, True, how=how),
        Case("heavy tails", heavy, (100, 400), (10, 100), OF_NUMBERS, True, how=how),
    ]


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--evaluations", type=int, default=300)
    parser.add_argument(
        "--nets", type=int, default=0, help="untrained nets of an evaluation; by default as many as ours"
    )
    parser.add_argument("--only", nargs="*", default=[])
    given = parser.parse_args()
    from selfsup.training.baselines import NETS as OURS

    print(f"{'case':<18}{'claim':<44}{'coverage':>9}{'truth':>9}{'error':>8}{'off by':>8}")
    for case in cases():
        if case.name in given.only or not given.only:
            began = time.process_time()
            found = known(case)
            for tested in case.tested:
                for line in covered(case, found, tested, given.evaluations, given.nets or OURS):
                    print(line, flush=True)
            print(f"{case.name:<18}{time.process_time() - began:.0f} CPU seconds", flush=True)


if __name__ == "__main__":
    main()

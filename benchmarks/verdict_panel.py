"""Is the verdict right? Planted runs whose truth is known, judged with labels and without; and what ranks runs without labels.

    python benchmarks/verdict_panel.py first --keep DIR      # thresholds may be fitted on it
    python benchmarks/verdict_panel.py second --keep DIR     # not on this one, as it was judged first
    python benchmarks/verdict_panel.py third --keep DIR      # nor on this one, when it was judged first
    python benchmarks/verdict_panel.py fourth --keep DIR     # nor on this one, which confirms the final limits
    python benchmarks/verdict_panel.py chance                # shuffled labels, and nets exchanged for random ones
    python benchmarks/verdict_panel.py ranking --keep DIR    # every measure beside a probe

Trains what is not in the folder yet and measures its truth (`_truth.py`, without our evaluation); then judges every run anew
by `selfsup.evaluate`. One thread; a panel takes some 4 CPU minutes. ``--out`` writes all numbers as JSON.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent))

CONDEMNED = ("not learning", "collapsed", "leaky", "shortcut", "memorised")
LABELS = 1000  # that a probe learns from, at most: all that are kept of most runs
Row = dict[str, Any]


def judged(model: Any, data: Any, **more: Any) -> Row:
    import selfsup

    return shown(selfsup.evaluate(model, data, progress=False, **more))


def shown(found: Any) -> Row:
    tables = {table.name: table.rows for table in found.tables if table.name in ("probe", "knn")}
    return {"verdict": found.verdict, "health": found.health, "notes": found.notes, **tables}


def kept(planted: Any, folder: Path) -> tuple[Row, Any]:
    """The truth of a run, and the run: as they were kept, or made now."""
    import selfsup
    from _truth import holds, truth

    path = folder / f"{planted.key}.json"
    if path.is_file():
        found = json.loads(path.read_text())
        own = planted.method if isinstance(planted.method, type) else None
        model = selfsup.load(folder / planted.key, method=own)
    else:
        began = time.process_time()
        found, model = truth(planted, folder / planted.key)
        found["cpu"] = round(time.process_time() - began, 2)
        path.write_text(json.dumps(found, default=float))
    return {**found, "holds": holds(planted, found)}, model


def one(planted: Any, folder: Path, labelled: bool) -> Row:
    """A run, what it is in truth, which words are right, and the verdicts."""
    from _truth import allowed

    found, model = kept(planted, folder)
    row: Row = {"name": planted.name, "meant": planted.meant, "truth": found}
    row["records"] = [model.start, *model.history]
    row["right without"] = sorted(allowed(planted, found, labelled=False))
    if planted.text:
        row["without"] = shown(again(planted).evaluation)
        return row
    rows = planted.rows()
    row["without"] = judged(model, rows.x)
    if labelled:
        row["with"] = row["without"]  # what is sick by its loss and codes is not asked for its labels
        if row["without"]["verdict"]["kind"] == "learning":
            row["with"] = judged(model, (rows.x, rows.labels), measures=("probe",), max_labels=LABELS)
        row["right with"] = sorted(allowed(planted, found, labelled=True))
    return row


def again(planted: Any) -> Any:
    """Word vectors are judged when they are trained: in a second or less."""
    import tempfile

    with tempfile.TemporaryDirectory() as place:
        return planted.fit(planted.rows(Path(place) / "text.txt"))


def line(row: Row) -> str:
    said = f"{row['name'][:36]:<37}{row['meant']:<13}{'' if row['truth']['holds'] else 'not so':<7}"
    for way in ("without", "with"):
        if way in row:
            kind = row[way]["verdict"]["kind"]
            said += f"{'' if kind in row[f'right {way}'] else '!! ' + '':<3}{kind:<20}"
    return said + (f"right: {', '.join(row['right with'])}" if "with" in row else "")


def summary(rows: Sequence[Row]) -> list[str]:
    """How often the verdict was right, of the runs that became what they were made to be."""
    from _panels import HEALTHY

    rows = [row for row in rows if row["truth"]["holds"]]
    labelled = [row for row in rows if "with" in row]
    sick, healthy = ([row for row in rows if (row["meant"] == HEALTHY) is well] for well in (False, True))
    lines = [f"{len(rows)} runs: {len(healthy)} healthy, {len(sick)} sick"]
    for way, those in (("with", labelled), ("without", rows)):
        right = [row for row in those if row[way]["verdict"]["kind"] in row[f"right {way}"]]
        learning = [row["name"] for row in sick if way in row and row[way]["verdict"]["kind"] == "learning"]
        condemned = [row["name"] for row in healthy if way in row and row[way]["verdict"]["kind"] in CONDEMNED]
        of = [sum(way in row for row in part) for part in (sick, healthy)]
        lines += [
            f"{way} labels: right {len(right)} of {len(those)} ({len(right) / max(len(those), 1):.1%})",
            f"  sick runs called learning: {len(learning)} of {of[0]} {', '.join(learning)}",
            f"  healthy runs condemned: {len(condemned)} of {of[1]} {', '.join(condemned)}",
        ]
    words = [row["with"]["verdict"]["kind"] for row in healthy if "with" in row]
    counts = ", ".join(f"{kind} {words.count(kind)}" for kind in sorted(set(words))) or "not asked"
    lines.append(f"healthy runs with labels: {counts}")
    for kind in CONDEMNED:
        those = [row for row in sick if row["meant"] == kind]
        named = sum(row["without"]["verdict"]["kind"] == kind for row in those)
        lines.append(f"  {kind}: named without labels {named} of {len(those)}")
    return lines


def each(runs: Sequence[Any], work: Callable[[Any], Row], out: Path | None) -> Iterator[Row]:
    """One row after another; a run that fails is said, and left out."""
    from selfsup.errors import Interrupted

    rows: list[Row] = []
    for planted in runs:
        try:
            rows.append(work(planted))
        except Interrupted:
            raise
        except Exception as error:
            print(f"FAILED {planted.name}: {type(error).__name__}: {error}", flush=True)
            continue
        if out:
            out.write_text(json.dumps(rows, default=float))
        yield rows[-1]


def runs_of(what: str) -> list[Any]:
    """The runs of a panel, or of the grid that is ranked."""
    import _fourth
    import _panels
    import _ranking
    import _third

    made = {
        "first": _panels.first,
        "second": _panels.second,
        "third": _third.third,
        "fourth": _fourth.fourth,
        "ranking": _ranking.grid,
    }
    return made[what]()


def panel(given: argparse.Namespace) -> None:
    """Judge a panel."""
    rows = []
    runs = [run for run in runs_of(given.what) if given.only in run.name]
    for row in each(runs, lambda run: one(run, given.keep, not given.unlabelled), given.out):
        print(line(row), flush=True)
        rows.append(row)
    print("\n".join(summary(rows)))


def truths(given: argparse.Namespace) -> None:
    """Train the runs of a panel and measure what they are; judge nothing."""
    runs = [run for run in runs_of(given.what) if given.only in run.name]

    def work(run: Any) -> Row:
        return {"name": run.name, "meant": run.meant, "truth": kept(run, given.keep)[0]}

    for row in each(runs, work, None):
        print(
            f"{row['name']:<40}{row['meant']:<14}{'' if row['truth']['holds'] else 'not so':<8}{row['truth']['cpu']} s",
            flush=True,
        )


def chance(given: argparse.Namespace) -> None:
    """How often a verdict is "learning" where there is nothing: labels shuffled; the net exchanged for a random one."""
    import selfsup
    from _planted import digits, rings
    from selfsup.store.weights import named_tensors, set_tensors

    how = {"net": "mlp", "hidden": (32,), "n_components": 16, "progress": False, "evaluate": False, "device": "cpu"}
    seen: dict[str, list[Row]] = {"labels shuffled": [], "net exchanged for a random one": []}
    for name, rows in (("digits", digits(300)), ("rings", rings(300))):
        model = selfsup.fit(rows.x, "denoising", epochs=40, **how)
        print(f"{name}, without labels: {judged(model, rows.x)['verdict']['kind']}", flush=True)
        began = time.process_time()

        more: Row = {"measures": ("probe",)}
        for seed in range(given.shuffles // 2):
            labels = np.random.default_rng(seed).permutation(rows.labels)
            seen["labels shuffled"].append(judged(model, (rows.x, labels), seed=seed, **more)["verdict"])
        for seed in range(given.nets // 2):
            other = selfsup.fit(rows.x, "denoising", epochs=0, seed=1000 + seed, **how)
            set_tensors(model.method, named_tensors(other.method))
            seen["net exchanged for a random one"].append(
                judged(model, (rows.x, rows.labels), seed=seed, **more)["verdict"]
            )
        count = given.shuffles // 2 + given.nets // 2
        print(f"{name}: {(time.process_time() - began) / count:.2f} CPU s for each of {count}", flush=True)
    for what, verdicts in seen.items():
        said(what, verdicts)
    if given.out:
        given.out.write_text(json.dumps(seen, default=float))


def said(what: str, verdicts: Sequence[Row]) -> None:
    """Count the words, and how often the leads alone would have said "learning" or "no better than PCA"."""
    kinds = [one["kind"] for one in verdicts]
    leads = [
        [(one["because"][f"lead_{name}"], one["because"][f"noise_{name}"]) for name in ("PCA", "random_init")]
        for one in verdicts
    ]
    both = sum(all(lead > 2 * noise for lead, noise in one) for one in leads)
    random, worse = (sum(sign * one[1][0] > 2 * one[1][1] for one in leads) for sign in (1, -1))
    counts = ", ".join(f"{kind} {kinds.count(kind)}" for kind in sorted(set(kinds)))
    print(
        f"{what}, {len(kinds)} evaluations: {counts}; by the probe alone ahead of PCA and of untrained nets by 2 errors: "
        f"{both}; of untrained nets alone: {random}, behind these: {worse}",
        flush=True,
    )


def ranking(given: argparse.Namespace) -> None:
    """Every measure beside the probe: of the runs of a grid, and of both panels, which are kept beside."""
    import _ranking
    from _truth import probed_at_all, random_net

    panels = {name: [run for run in runs_of(name) if probed_at_all(run)] for name in ("first", "second")}
    folders = {run.name: given.keep.parent / name for name, those in panels.items() for run in those}
    runs = [*runs_of("ranking"), *panels["first"], *panels["second"]]

    def work(run: Any) -> Row:
        truth, model = kept(run, folders.get(run.name, given.keep))
        if run.text:
            return _ranking.measured(run, truth, model, again(run.before()))
        return _ranking.measured(run, truth, model, random_net(run, run.rows().x, run.how.get("seed", 0)))

    if given.kept:
        runs = [run for run in runs if (folders.get(run.name, given.keep) / f"{run.key}.json").is_file()]
    rows = [row for row in each(runs, work, given.out) if row["probe"] is not None]
    print("\n".join(_ranking.listed(rows)))
    print(f"\n{len(rows)} runs: Spearman with the probe, mean ± deviation over groups (how many)")
    print("\n".join(_ranking.correlations(rows)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["first", "second", "third", "fourth", "chance", "ranking"])
    parser.add_argument("--keep", type=Path, help="folder for the runs and their truth")
    parser.add_argument("--only", default="", help="runs whose name holds this")
    parser.add_argument("--truth", action="store_true", help="train and measure the truth only")
    parser.add_argument("--kept", action="store_true", help="rank the runs that are kept, and train no more")
    parser.add_argument("--unlabelled", action="store_true", help="judge without labels only, which takes seconds")
    parser.add_argument("--shuffles", type=int, default=100)
    parser.add_argument("--nets", type=int, default=60)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    if given.what != "chance":
        if given.keep is None:
            parser.error("give a folder: --keep")
        given.keep.mkdir(parents=True, exist_ok=True)
    warnings.filterwarnings("ignore")
    import torch

    torch.set_num_threads(1)
    work = truths if given.truth else {"chance": chance, "ranking": ranking}.get(given.what, panel)
    work(given)


if __name__ == "__main__":
    main()

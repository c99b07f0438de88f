"""The modern methods on small data, at their defaults: each learns, or its verdict says that it does not.

    python benchmarks/modern.py --data digits wine cancer
    python benchmarks/modern.py --data mnist cifar10 --limit 5000 --minutes 1
    python benchmarks/modern.py simclr byol lr=1.0 --data digits              # options of `selfsup fit` go to every run

Every run is `selfsup fit DATA --method NAME` in a process of its own, one after the other. Printed are the seconds of the whole
process, and, on average over all numbers of labels, the accuracy of a linear probe of the codes (of the layer that the verdict
judges), of untrained nets, of PCA and of the raw input, all in %; then the kind of verdict, and its sentence. MNIST and CIFAR-10
are read from SELFSUP_DATA; wine and breast cancer are scikit-learn's, written as csv files.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from sklearn import datasets

import selfsup
from _timing import data_folder
from selfsup.measures.samples.leads import leads

MODERN = (
    "simclr", "vicreg", "barlow", "byol", "simsiam", "dino", "lejepa", "emp", "mae", "jepa", "scarf", "vime",
)  # fmt: skip
TABLES = {"wine": datasets.load_wine, "cancer": datasets.load_breast_cancer}
DATA = ("digits", *TABLES, "mnist", "cifar10")
BASELINES = ("random init", "PCA", "raw input")


def source(name: str, folder: Path) -> str:
    """What `selfsup fit` is given: a word, a file that is written for it, or a folder."""
    if name == "digits":
        return name
    if name not in TABLES:
        return str(data_folder() / name)
    file = folder / f"{name}.csv"
    if not file.exists():
        held = TABLES[name](as_frame=True)
        held.frame.assign(target=held.target_names[held.target]).rename(columns={"target": "label"}).to_csv(
            file, index=False
        )
    return str(file)


def ran(method: str, name: str, folder: Path, options: list[str]) -> tuple[float, dict | str]:
    """Seconds, and what `evaluation.json` holds, or the last line of what went wrong."""
    out = folder / f"{method}-{name}"
    command = [sys.executable, "-m", "selfsup", "fit", source(name, folder), "--method", method, "--out", str(out)]
    began = time.perf_counter()
    done = subprocess.run([*command, "--overwrite", *options], capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - began
    if done.returncode:
        return seconds, (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
    return seconds, json.loads((out / "evaluation.json").read_text())


def line(method: str, name: str, seconds: float, found: dict | str) -> str:
    """A row of the table, and the sentence beneath it."""
    if isinstance(found, str):
        return f"{method:9} {name:8} {seconds:6.0f}  failed: {found}"
    verdict, probe = found["verdict"], found["tables"].get("probe", [])
    ahead = leads(probe, verdict["because"].get("layer", ""))
    others = {lead.baseline: lead.other for lead in ahead}
    scores = [ahead[0].model if ahead else float("nan"), *(others.get(one, float("nan")) for one in BASELINES)]
    numbers = "".join(f"{100 * one:10.1f}" for one in scores)
    return f"{method:9} {name:8} {seconds:6.0f}{numbers}  {verdict['kind']}\n          {verdict['sentence']}"


def main() -> None:
    """Print the table, a row as soon as it is there."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("methods", nargs="*", metavar="NAME|OPTION=VALUE", help="of the methods, by default all")
    parser.add_argument("--data", nargs="+", choices=DATA, default=["digits", "wine", "cancer"])
    parser.add_argument("--limit", type=int, help="the first so many rows only")
    parser.add_argument("--minutes", type=float, help="of training in each run; by default as the method prefers")
    parser.add_argument("--out", type=Path, help="folder in which the runs are kept")
    asked = parser.parse_args()
    names = [one for one in asked.methods if "=" not in one] or [*MODERN]
    options = [
        f"--{one.partition('=')[0].replace('_', '-')}={one.partition('=')[2]}" for one in asked.methods if "=" in one
    ]
    for option, value in (("limit", asked.limit), ("minutes", asked.minutes)):
        options += [] if value is None else [f"--{option}={value}"]
    known = {info.name: info.kinds for info in selfsup.methods()}
    with tempfile.TemporaryDirectory() as scratch:
        folder = asked.out or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        print(f"{'method':9} {'data':8} {'s':>6}{'code':>10}{'untrained':>10}{'PCA':>10}{'raw':>10}  verdict")
        for name in asked.data:
            kind = "table" if name in TABLES else "image"
            for method in (one for one in names if kind in known.get(one, (kind,))):
                print(line(method, name, *ran(method, name, folder, options)), flush=True)


if __name__ == "__main__":
    main()

"""Every kind of run, ended at every file-system call, and what must hold then: the campaign of the tests and of the benchmark.

Whatever the call: what is in the run folder is whole, or the run that stood there before, or nothing yet; the command that a
user gives next ends well, with the same result to the bit; and nothing is left over, in the run, beside it, or in the cache.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from crash import KILLED, OTHER, Ended, Point, Server, listing, same_files

# Drawings are most of a small run's time and write nothing; states and records of words come at every look of the solver.
BEFORE = """
from functools import partial
from markupsafe import Markup
from selfsup.data.text import windows
from selfsup.report import svg
from selfsup.solvers import hogwild
from selfsup.training import job, loop
svg._drawn = lambda *_: Markup("<svg></svg>")
job.Loop, windows.PROBE, hogwild.TICK = partial(loop.Loop, first=0.0), 100, 0.01
"""
VALUES = ["model.safetensors", "vectors.safetensors", "ngrams.safetensors", "vocabulary.jsonl", "latent.safetensors"]
VALUES += ["pictures.safetensors", "bad_files.json"]
COLUMNS = ("epoch", "loss", "heldout", "gap")
NEW = ["--out", "run", "--no-progress"]
DENOISING = ["--method", "denoising", "--hidden", "8", "--batch-size", "24", "--checkpoint-every", "0", "--no-evaluate"]
WORDS = ["--method", "skipgram", "--dim", "8", "--min-count", "1", "--sample", "0", "--threads", "1", "--epochs", "40"]


@dataclass(frozen=True)
class Kind:
    """A command that is ended.

    Attributes
    ----------
    words
        The command, or Python.
    first
        Commands before it, undisturbed.
    resumes
        Whether ``--resume`` goes on with it; otherwise it is given again as it was.
    run
        Folder that it makes or changes, if it does.
    exact
        Files besides that are the same to the bit in the end.
    """

    words: list[str] | str
    first: tuple[list[str], ...] = ()
    resumes: bool = True
    run: str | None = "run"
    exact: tuple[str, ...] = ()


_OLD = ["fit", "x.npy", "--epochs", "1", *DENOISING, "--seed", "7", *NEW]
_LINEAR = ["fit", "x.npy", "--method", "linear", *NEW]
_TEXT = ["fit", "text.txt", *WORDS, "--checkpoint-every", "0", *NEW]
_SAVE = "import selfsup; selfsup.load('other').save('run', overwrite=True)"
_TABLE = "import selfsup; selfsup.load('run').word_vectors.save('table', overwrite=True)"
KINDS = {
    "descent": Kind(["fit", "x.npy", "--epochs", "3", *DENOISING, *NEW]),
    "closed form": Kind(_LINEAR),
    "images": Kind(["fit", "photos", "--epochs", "1", *DENOISING[2:], "--on-bad", "skip", *NEW]),
    "table": Kind(["fit", "x.csv", "--epochs", "1", *DENOISING, *NEW]),
    "words": Kind(_TEXT),
    "words with n-grams": Kind([*_TEXT, "--subwords", "--ngrams", "3,4", "--buckets", "200", "--no-evaluate"]),
    "overwrite": Kind(["fit", "x.npy", "--epochs", "2", *DENOISING, *NEW, "--overwrite"], (_OLD,)),
    "save over": Kind(_SAVE, (_OLD, [*_LINEAR, "--out", "other"]), resumes=False),
    "vectors over": Kind(_TABLE, (_TEXT,), resumes=False, run="table"),
    "report": Kind(["report", "run"], (_LINEAR,), resumes=False, exact=("run/report.html",)),
    "evaluate": Kind(
        ["evaluate", "run", "--analogies", "analogies.txt"], (_TEXT,), resumes=False,
        exact=("run/evaluation.json",),
    ),
    "encode": Kind(
        ["encode", "run", "photos", "--on-bad", "skip", "--out", "z.npy", "--overwrite", "--no-progress"],
        (["fit", "photos", "--epochs", "1", *DENOISING[2:], "--on-bad", "skip", *NEW],), resumes=False, run=None,
        exact=("z.npy",),
    ),
}  # fmt: skip


def data(folder: Path) -> None:
    """Small data of every kind, the same each time."""
    rng = np.random.default_rng(5)
    x = rng.normal(size=(60, 12)).astype(np.float32)
    np.save(folder / "x.npy", x)
    lines = [",".join(f"c{column}" for column in range(12)), *(",".join(f"{value:.3f}" for value in row) for row in x)]
    (folder / "x.csv").write_text("\n".join(lines))
    (folder / "photos").mkdir()
    for number in range(8):
        Image.fromarray(rng.integers(0, 256, (8, 8, 3), np.uint8)).save(folder / "photos" / f"{number}.png")
    (folder / "photos/bad.png").write_bytes(b"\x89PNG")
    sentences = (" ".join(f"w{one}" for one in rng.integers(0, 100, 20)) for _ in range(300))
    (folder / "text.txt").write_text("\n".join(sentences))
    (folder / "analogies.txt").write_text(": some\nw1 w2 w3 w4\nw5 w6 w7 w8\n")


@dataclass
class Found:
    """What came of the points of a kind."""

    calls: int = 0
    points: int = 0
    tried: int = 0
    faults: list[str] = field(default_factory=list)


class Campaign:
    """One kind, ended at many points, in folders below one folder."""

    def __init__(self, server: Server, name: str, folder: Path) -> None:
        self.server, self.name, self.kind, self.folder = server, name, KINDS[name], folder
        self.base, self.whole, self.there = folder / "base", folder / "whole", folder / "there"
        self.there.mkdir(parents=True)  # all is done in one place: a cache knows where the data lie
        data(self.there)
        shutil.copytree(self.there, folder / "warm")
        for words in self.kind.first:
            server.warm(folder / "warm", words)
            self._well(server.run(self.there, words))
        server.warm(folder / "warm", self.kind.words)
        shutil.rmtree(self.there / "cache", ignore_errors=True)
        self.there.rename(self.base)
        self._renew()
        self.undisturbed = server.run(self.there, self.kind.words)
        self._well(self.undisturbed)
        self.there.rename(self.whole)
        self.points = self.undisturbed.points()

    def _renew(self) -> None:
        shutil.rmtree(self.there, ignore_errors=True)
        shutil.copytree(self.base, self.there)

    def run(self, points: Sequence[Point]) -> Found:
        """Try points, and tell every fault."""
        found = Found(len(self.undisturbed.calls), len(self.points))
        for point in points:
            self._renew()
            ended = self.server.run(self.there, self.kind.words, kill=point)
            if ended.code != KILLED:  # how often a solver looks up depends on time
                continue
            found.tried += 1
            at = f"{self.name}, killed at call {point.number}, {ended.call(point)}"
            found.faults += [f"{at}: {fault}" for fault in (*self._after_kill(), *self._after_all(point))]
        return found

    def _after_kill(self) -> list[str]:
        """What is wrong at once: a run that is not whole, a file that is."""
        if self.kind.run is None:
            return [
                f"{name} is half there"
                for name in self.kind.exact
                if (self.there / name).exists() and same_files(self.there, self.whole, [name])
            ]
        if not any((folder / self.kind.run).exists() for folder in (self.base, self.there)):
            return []  # what stood there before is whole, or, between two renames, what takes its place
        return self._unless_well(self.server.run(self.there, ["verify", self.kind.run]))

    def _after_all(self, point: Point) -> list[str]:
        """What is wrong when the user has given the next command."""
        ended = self.server.run(self.there, self._next(point))
        faults = self._unless_well(ended)
        if self.kind.run is not None and not faults:
            faults += self._unless_well(self.server.run(self.there, ["verify", self.kind.run]))
            differing = same_files(self.there / self.kind.run, self.whole / self.kind.run, VALUES)
            faults += [f"{name} differs from that of a run that was not killed" for name in differing]
            for what, read in (("the records differ", _figures), ("other files are sealed", _sealed)):
                if read(self.there / self.kind.run) != read(self.whole / self.kind.run):
                    faults.append(f"{what}, beside a run that was not killed")
        faults += [f"{name} differs" for name in same_files(self.there, self.whole, self.kind.exact)]
        faults += [f"left over: {name}" for name in sorted(listing(self.there) - listing(self.whole))]
        return faults + [f"missing: {name}" for name in sorted(listing(self.whole) - listing(self.there))]

    def _next(self, point: Point) -> list[str] | str:
        """What a user gives next: the command again; with --resume where there is something to go on with, or by chance."""
        if not self.kind.resumes or isinstance(self.kind.words, str):
            return self.kind.words
        partial = self.there / f"{self.kind.run}.partial"
        begun = (partial / "resume").is_dir() or (partial / "config.json").is_file()
        done = (self.there / str(self.kind.run)).exists() and "--overwrite" not in self.kind.words
        by_chance = point.number % 2 == 0 and "--overwrite" not in self.kind.words
        return [*self.kind.words, "--resume"] if begun or done or by_chance else self.kind.words

    def _well(self, ended: Ended) -> None:
        if faults := self._unless_well(ended):
            raise AssertionError(f"{self.name}: {faults}")

    @staticmethod
    def _unless_well(ended: Ended) -> list[str]:
        bad = ended.code != 0 or "Traceback" in ended.err or OTHER in ended.err
        return [f"exit {ended.code}: {ended.err.strip()[-600:]}"] if bad else []


def _sealed(run: Path) -> set[str]:
    """Names of the files that a seal speaks of."""
    return set(json.loads((run / "config.json").read_text())["files"])


def _figures(run: Path) -> list[tuple[Any, ...]]:
    """The first and the last record of a run: how many are between them depends on time where a solver chooses."""
    if not (run / "metrics.jsonl").exists():
        return []
    lines = (run / "metrics.jsonl").read_text().splitlines()
    return [tuple(json.loads(line).get(column) for column in COLUMNS) for line in (lines[0], lines[-1])]

"""Files of ours with something changed in them, and whether anybody would notice: the campaign of the tests and of the benchmark.

A change is noticed (an error of ours, or a cache that is made anew), harmless (every value is what it was), or silent: something
is read that is not what was written. None may be silent, and none may end in an exception that is not ours.
"""

from __future__ import annotations

import hashlib
import json
import random
import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from crash import OTHER, Ended, Point, Server, same_files
from kills import BEFORE, DENOISING, NEW, VALUES, WORDS, data

HERE = Path(__file__).parent
READY = f"{BEFORE}\nimport sys\nsys.path.insert(0, {str(HERE)!r})\nimport flipped"
PEOPLE = ("report.html", "README.md", "log.txt")  # no model is read from them
NOTICED, HARMLESS, SILENT, FOREIGN = "noticed", "harmless", "silent", "foreign"


def changed(content: bytes, rng: random.Random) -> tuple[str, bytes]:
    """What was done to the bytes of a file, in words, and what they are then."""
    size = len(content)
    way = rng.choice(("bit", "bit", "bit", "zeros", "cut", "longer", "byte")) if size else "longer"
    at = rng.randrange(max(1, size))
    if way == "bit":
        bit = rng.randrange(8)
        return f"bit {bit} of byte {at} flipped", content[:at] + bytes([content[at] ^ 1 << bit]) + content[at + 1 :]
    if way == "byte":
        value = rng.randrange(256)
        return f"byte {at} set to {value}", content[:at] + bytes([value]) + content[at + 1 :]
    if way == "zeros":
        long = min(size - at, rng.choice((1, 4, 64, 512)))
        return f"{long} zeros at byte {at}", content[:at] + bytes(long) + content[at + long :]
    if way == "cut":
        return f"cut to {at} bytes", content[:at]
    more = rng.randbytes(rng.choice((1, 8, 100)))
    return f"{len(more)} bytes more", content + more


def digest(value: Any) -> str:
    """Of numbers, words, arrays and what holds them."""
    found = hashlib.sha256()

    def add(value: Any) -> None:
        if isinstance(value, Mapping):
            for key in sorted(value, key=str):
                found.update(f"{key}:".encode())
                add(value[key])
        elif isinstance(value, np.ndarray):
            found.update(f"{value.dtype}{value.shape}".encode() + np.ascontiguousarray(value).tobytes())
        elif isinstance(value, Sequence) and not isinstance(value, str):
            found.update(f"[{len(value)}".encode())
            for one in value:
                add(one)
        else:
            found.update(f"{value!r};".encode())

    add(value)
    return found.hexdigest()


def judge(run: str, rows: str | None) -> None:
    """In a child: print the digest of all that a run folder gives, or why it gives nothing; and what ``verify`` says."""
    from selfsup import WordVectors, load
    from selfsup.cli.main import main
    from selfsup.errors import SelfsupError

    said = {"verify": main(["verify", run])}
    try:
        model = load(run)
        found = [model.config, model.start, model.history, model.pictures, model.latent]
        found.append(None if model.evaluation is None else [str(model.evaluation), model.evaluation.to_dict()])
        found.append({name: one.detach().numpy() for name, one in model.method.state_dict().items()})
        if rows is not None:
            found.append(model.encode(rows, **({"on_bad": "skip"} if rows == "photos" else {})))
        else:
            vectors = WordVectors.load(run)
            found += [vectors.words, vectors.counts, np.asarray(vectors.vectors), vectors["w1w2w3w4"]]
        said["values"] = digest(found)
    except SelfsupError as error:
        said["refused"] = str(error)
    print(json.dumps(said))


@dataclass(frozen=True)
class Place:
    """What is changed: files below a folder that commands have made.

    Attributes
    ----------
    first
        Commands that make it; the last is killed at its last call of the kind `killed`, if that is given.
    files
        Pattern of the files that are changed.
    check
        Command whose result is compared, after which a change is noticed if it fails or warns; by default the run is judged.
    remove
        What is taken away before the check: it is made anew.
    rows
        Data that the run encodes.
    """

    first: tuple[list[str], ...]
    files: str
    check: list[str] | None = None
    killed: str | None = None
    remove: str | None = None
    rows: str | None = None


_DESCENT = ["fit", "x.npz", "--epochs", "3", *DENOISING[:-1], *NEW]
_UNFINISHED = ["fit", "x.npy", "--epochs", "3", *DENOISING, *NEW]
_PHOTOS = ["fit", "photos", "--method", "linear", "--on-bad", "skip", *NEW]
_WORDS = [
    "fit",
    "text.txt",
    *WORDS,
    "--subwords",
    "--ngrams",
    "3,4",
    "--buckets",
    "200",
    "--checkpoint-every",
    "0",
    *NEW,
]
_STATE = "replace run.partial/resume/.state.safetensors.*.tmp to run.partial/resume/state.safetensors"
PLACES = {
    "run of rows": Place((_DESCENT,), "run/**/*", rows="x.npy"),
    "run of photos, closed form": Place((_PHOTOS,), "run/**/*", rows="photos"),
    "run of words, n-grams": Place((_WORDS,), "run/**/*"),
    "state of descent": Place((_UNFINISHED,), "run.partial/resume/state*", [*_UNFINISHED, "--resume"], _STATE),
    "state of words": Place((_WORDS,), "run.partial/resume/state*", [*_WORDS, "--no-evaluate", "--resume"], _STATE),
    "cache of images": Place((_PHOTOS,), "cache/**/*", [*_PHOTOS, "--no-evaluate"], remove="run"),
    "cache of words": Place((_WORDS,), "cache/**/*", [*_WORDS, "--no-evaluate"], remove="run"),
}


@dataclass
class Tally:
    """What came of the changes to one file."""

    changes: int = 0
    results: Counter[str] = field(default_factory=Counter)
    unverified: int = 0  # changes that `selfsup verify` did not notice


class Flips:
    """One place, changed again and again."""

    def __init__(self, server: Server, name: str, folder: Path) -> None:
        self.server, self.name, self.place, self.folder = server, name, PLACES[name], folder
        self.base, self.whole, self.there = folder / "base", folder / "whole", folder / "there"
        self.there.mkdir(parents=True)  # made, and changed, in one place: a cache knows where the data lie
        data(self.there)
        np.savez(self.there / "x.npz", x=np.load(self.there / "x.npy"), y=np.arange(60) % 3)
        shutil.copytree(self.there, folder / "warm")
        for words in self.place.first:
            server.warm(folder / "warm", words)
            self._made(words)
        if self.place.remove is not None:
            shutil.rmtree(self.there / self.place.remove)
        self.there.rename(self.base)
        self._renew()
        found = (path for path in self.base.glob(self.place.files) if path.is_file())
        self.files = sorted(str(path.relative_to(self.base)) for path in found)
        self.undisturbed = self._judged()
        if self.undisturbed.code != 0 or self.undisturbed.err:
            raise AssertionError(f"{name}: exit {self.undisturbed.code}: {self.undisturbed.err}")
        self.there.rename(self.whole)
        self.tallies = {name: Tally() for name in self.files}
        self.faults: list[str] = []

    def run(self, count: int, seed: str) -> None:
        """Change each file in turn, so often in all."""
        rng = random.Random(f"{seed} {self.name}")
        for number in range(count):
            file = self.files[number % len(self.files)]
            self._renew()
            content = (self.there / file).read_bytes()
            way, other = changed(content, rng)
            while other == content:
                way, other = changed(content, rng)
            (self.there / file).write_bytes(other)
            self._one(file, f"{self.name}: {file}, {way}")

    def _renew(self) -> None:
        shutil.rmtree(self.there, ignore_errors=True)
        shutil.copytree(self.base, self.there)

    def _one(self, file: str, what: str) -> None:
        ended, tally = self._judged(), self.tallies[file]
        result = self._of_run(ended, tally, file, what) if self.place.check is None else self._of_check(ended)
        tally.changes += 1
        tally.results[result] += 1
        if result in (SILENT, FOREIGN):
            self.faults.append(f"{what}: {result}: exit {ended.code}: {(ended.err or ended.out)[-400:]}")

    def _of_run(self, ended: Ended, tally: Tally, file: str, what: str) -> str:
        """What a run folder said of itself."""
        try:
            said, right = (json.loads(one.out.splitlines()[-1]) for one in (ended, self.undisturbed))
        except (IndexError, ValueError):
            return FOREIGN
        if ended.code != 0 or OTHER in ended.err:
            return FOREIGN
        if said["verify"] == 0:
            tally.unverified += 1
            if file.endswith(PEOPLE):
                self.faults.append(f"{what}: verify does not notice it")
        if "refused" in said:
            return NOTICED
        return HARMLESS if said["values"] == right["values"] else SILENT

    def _of_check(self, ended: Ended) -> str:
        """What a command has made of a state, or of a cache."""
        if ended.code not in (0, 1) or OTHER in ended.err or "Traceback" in ended.err:
            return FOREIGN
        if ended.code == 1:
            return NOTICED if "damaged" in ended.err else FOREIGN
        if same_files(self.there / "run", self.whole / "run", VALUES):
            return SILENT
        return NOTICED if "damaged" in ended.err else HARMLESS

    def _judged(self) -> Ended:
        if self.place.check is not None:
            return self.server.run(self.there, self.place.check)
        return self.server.run(self.there, f"import flipped; flipped.judge('run', {self.place.rows!r})")

    def _made(self, words: list[str]) -> None:
        ended = self.server.run(self.there, words)
        if ended.code != 0:
            raise AssertionError(f"{self.name}: exit {ended.code}: {ended.err}")
        if self.place.killed is not None:
            states = [number for number, call in enumerate(ended.calls, 1) if call == self.place.killed]
            shutil.rmtree(self.there / "run")
            self.server.run(self.there, words, kill=Point(states[len(states) // 2] + 1))


def table(tallies: Mapping[str, Mapping[str, Tally]]) -> str:
    """A line a file: changes, and what came of them."""
    columns = ("changes", NOTICED, HARMLESS, SILENT, FOREIGN, "not by verify")
    lines = [f"{'file':<64}" + "".join(f"{name:>14}" for name in columns)]
    sums: Counter[str] = Counter()
    for place, files in tallies.items():
        for file, tally in files.items():
            if not tally.changes:
                continue
            row = Counter({"changes": tally.changes, "not by verify": tally.unverified}) + tally.results
            sums += row
            lines.append(f"{f'{place}: {file}'[:63]:<64}" + "".join(f"{row[name]:>14}" for name in columns))
    return "\n".join([*lines, f"{'all':<64}" + "".join(f"{sums[name]:>14}" for name in columns)])

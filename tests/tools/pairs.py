"""Two commands on one run folder, or on one cache, at the same time: how they end, and what must hold then."""

from __future__ import annotations

import os
import random
import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from crash import OTHER, Ended, Point, Server, listing, same_files
from kills import DENOISING, NEW, VALUES, data

STATE = "run.partial/resume/state.safetensors"
FIT = ["fit", "x.npy", "--method", "denoising", "--hidden", "64", "--checkpoint-every", "0.1", "--no-progress"]
FIT += ["--no-evaluate", "--out", "run"]
HELD = re.compile(
    r"^selfsup: run\.partial is being written by process (\d+) on \S+, since \d{4}-\d\d-\d\d \d\d:\d\d:\d\d\S*; "
)
THERE = ("run exists;", "run is finished and returned as it is", "run.partial holds an unfinished run;")
SECONDS = 120


@dataclass(frozen=True)
class Left:
    """What a command left."""

    code: int
    err: str
    process: int

    @classmethod
    def of(cls, ended: Ended) -> Left:
        """The same of a forked command."""
        return cls(ended.code, ended.err, ended.process)


def installed() -> list[str]:
    """The command as it is installed beside this Python, or the module where it is not."""
    command = Path(sys.executable).with_name("selfsup")
    return [str(command)] if command.exists() else [sys.executable, "-m", "selfsup"]


def start(folder: Path, words: Sequence[str]) -> subprocess.Popen[str]:
    """Start a command as a user does."""
    own = dict(os.environ, OMP_NUM_THREADS="1", SELFSUP_CACHE=str(folder / "cache"), COLUMNS="100")
    return subprocess.Popen(
        [*installed(), *words], cwd=folder, env=own, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


def finish(process: subprocess.Popen[str]) -> Left:
    """Wait for a command."""
    _, err = process.communicate(timeout=SECONDS)
    return Left(process.returncode, err, process.pid)


def wait_for(found: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    """Wait until something is there, or the process has ended."""
    end = time.monotonic() + SECONDS
    while not found() and process.poll() is None:
        if time.monotonic() > end:
            raise TimeoutError("nothing came")
        time.sleep(0.002)


def rows(folder: Path) -> Path:
    """A folder with rows to learn from."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(1)
    np.save(folder / "x.npy", rng.normal(size=(3000, 32)).astype(np.float32))
    return folder


def whole_in_the_end(folder: Path, whole: Path) -> list[str]:
    """What is wrong with a run that is done: its weights, its files, and what lies beside it."""
    faults = []
    if not (folder / "run/model.safetensors").exists():
        return ["there is no model"]
    if (folder / "run/model.safetensors").read_bytes() != (whole / "run/model.safetensors").read_bytes():
        faults.append("the weights differ from those of an undisturbed run")
    told = finish(start(folder, ["verify", "run"]))
    if told.code != 0:
        faults.append(f"verify: {told.err}")
    return faults + [f"left over: {name}" for name in sorted(listing(folder) ^ listing(whole))]


def one_of_two(first: Left, second: Left, *, held: bool) -> list[str]:
    """What is wrong with how two ended: one has done the work; the other was refused or, unless `held`, came afterwards."""
    codes = sorted((first.code, second.code))
    faults = [f"a traceback: {left.err}" for left in (first, second) if "Traceback" in left.err or OTHER in left.err]
    if codes == [0, 0] and not held and THERE[1] in first.err + second.err:
        return faults
    if codes != [0, 1]:
        return [*faults, f"exit {first.code} and {second.code}: {first.err!r} and {second.err!r}"]
    done, refused = (first, second) if first.code == 0 else (second, first)
    said = HELD.match(refused.err)
    if said is None and (held or not any(words in refused.err for words in THERE)):
        return [*faults, f"refused without a reason: {refused.err!r}"]
    if said is not None and int(said[1]) != done.process:
        return [*faults, f"it names process {said[1]}, and {done.process} holds it"]
    return faults


def resumed_beside(folder: Path, whole: Path, epochs: int, later: float) -> tuple[str, list[str]]:
    """A fit, and the same with --resume some seconds after its first state: how they ended in words, and every fault."""
    words = [*FIT, "--epochs", str(epochs)]
    first = start(folder, words)
    wait_for((folder / STATE).exists, first)
    time.sleep(later)
    second = start(folder, [*words, "--resume"])
    ended, other = finish(first), finish(second)
    how = "refused" if HELD.match(other.err) else "came when it was done" if THERE[1] in other.err else "neither"
    return how, one_of_two(ended, other, held=False) + whole_in_the_end(folder, whole)


def fresh(whole: Path, folder: Path, *names: str) -> Path:
    """A folder of its own with the same data."""
    folder.mkdir(parents=True)
    for name in names:
        (shutil.copytree if (whole / name).is_dir() else shutil.copy2)(whole / name, folder / name)
    return folder


# Races of forked processes, which begin within a tenth of a second

RACE = ["fit", "x.npy", "--epochs", "2", *DENOISING, *NEW]
RACES = {  # what is there before, and how the two go on
    "two fits": ("", [], []),
    "a fit and one that overwrites": ("", ["--overwrite"], []),
    "a fit and one that resumes": ("", [], ["--resume"]),
    "two that overwrite a run": ("run", ["--overwrite"], ["--overwrite"]),
    "one that overwrites and resumes": ("run", ["--overwrite", "--resume"], ["--overwrite"]),
    "two that resume a killed one": ("run.partial", ["--resume"], ["--resume"]),
    "a killed one overwritten and resumed": ("run.partial", ["--overwrite"], ["--resume"]),
}


def both(servers: Sequence[Server], folder: Path, words: Sequence[Any], later: float) -> list[Ended]:
    """Two commands at once, the second some seconds later (or the first, where that is below 0)."""
    ended: dict[int, Ended] = {}

    def run(number: int, wait: float) -> None:
        time.sleep(max(0.0, wait))
        ended[number] = servers[number].run(folder, words[number])

    threads = [threading.Thread(target=run, args=one) for one in ((0, -later), (1, later))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [ended[0], ended[1]]


def raced(servers: Sequence[Server], name: str, folder: Path, tries: int, seed: str) -> list[str]:
    """One race again and again: whoever comes first, in the end there is one whole run, and who did not make it says so."""
    there, *more = RACES[name]
    whole, here, rng, faults = folder / "whole", folder / "here", random.Random(f"{seed} {name}"), []
    whole.mkdir(parents=True)
    data(whole)
    for server in servers:
        server.warm(whole, [*RACE, "--overwrite"])
    calls = servers[0].run(fresh(whole, folder / "before", "x.npy"), RACE).calls
    shutil.rmtree(folder / "before")
    state = next(number for number, call in enumerate(calls, 1) if call.endswith(STATE))
    servers[0].run(fresh(whole, folder / "before", "x.npy"), RACE, kill=Point(state + 30))
    for number in range(tries):
        later = rng.uniform(-0.1, 0.1) if number else 0.0
        fresh(folder / "before" if there == "run.partial" else whole, here, "x.npy", *filter(None, [there]))
        ended = both(servers, here, [[*RACE, *words] for words in more], later)
        wrong = [f"exit {one.code}: {one.err}" for one in ended if one.code not in (0, 1) or OTHER in one.err]
        if not any(one.code == 0 for one in ended):
            wrong.append("neither has done it")
        if servers[0].run(here, ["verify", "run"]).code != 0:
            wrong.append("the run is not whole")
        wrong += [f"{name} differs" for name in same_files(here / "run", whole / "run", VALUES)]
        wrong += [f"left over: {name}" for name in sorted(listing(here) - listing(whole))]
        told = [(one.code, one.err) for one in ended]
        faults += [f"{name}, seed {seed}, try {number}, {later:.3f} s later: {fault}: {told}" for fault in wrong]
        shutil.rmtree(here)
    return faults

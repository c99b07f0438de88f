"""A mutational fuzzer over every reader: small good files, changed, read and used. What is refused must be refused by us.

python benchmarks/fuzz.py [--cases 20000] [--seed N] [--jobs 2] [--readers npy csv ...] [--keep FOLDER] [--replay FOLDER]

A case is bad if anything but an error of ours is raised, a sealed file that was changed is read without a word, the process dies,
10 s of processor time pass, or more than 1 GB is taken over the file's size. Bad cases are made smaller and written to
`--keep`, one of each kind, under names that tell the reader; `tests/faults/cases` has those that have been mended. The seed is
that of the day, and each case depends on it and on its number only: `--seed N --from CASE --cases 1` is that case again.
"""

from __future__ import annotations

import argparse
import datetime
import hashlib
import multiprocessing
import os
import random
import resource
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

import torch  # noqa: E402

torch.set_num_threads(1)

from _fuzz_changes import change  # noqa: E402
from _fuzz_readers import Changed, Reader, readers  # noqa: E402
from _fuzz_vectors import vector_readers  # noqa: E402

SECONDS = 10.0  # of the processor, for one case
MEMORY = 1 << 30  # bytes over the file's own size
CASE, BEGUN, HELD, SIZE = range(
    4
)  # of what a worker tells: CPU seconds and bytes of memory when a case began, and of its file
TRIES = 150  # to make a bad case smaller
PAGE = os.sysconf("SC_PAGE_SIZE")
TICKS = os.sysconf("SC_CLK_TCK")


class Bad(NamedTuple):
    """A case that must not be: of which reader, what happened and where, and the content that did it."""

    reader: str
    kind: str
    content: bytes
    case: int = -1
    told: str = ""


def make(seed: int, case: int, known: dict[str, Reader]) -> tuple[str, bytes]:
    """Reader and content of a case."""
    rng = random.Random(f"{seed} {case}")
    name = rng.choices([*known], [reader.share for reader in known.values()])[0]
    reader = known[name]
    return name, change(rng.choice(reader.seeds), reader.form, rng)


def judge(reader: Reader, content: bytes, folder: Path) -> tuple[str, str]:
    """What became of a content: "accepted", "refused" or the kind of what is bad; and the sentence, or the traceback."""
    before, peak = _resident(os.getpid()), _peak()
    try:
        said = reader.run(content, folder)
    except Changed as error:
        return "read though changed", str(error)
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt) and type(error) is KeyboardInterrupt:
            raise
        frames = [frame for frame in traceback.extract_tb(error.__traceback__) if "/selfsup/" in frame.filename]
        where = f"{Path(frames[-1].filename).name}:{frames[-1].name}" if frames else "fuzz"
        return f"{type(error).__name__} in {where}", traceback.format_exc()
    now = _peak()
    if now > peak and now - before > MEMORY + len(content):
        return "memory", f"{(now - before) >> 20} MB for {len(content)} bytes ({said})"
    return said.partition(":")[0], said


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10


def _resident(process: int) -> int:
    with open(f"/proc/{process}/statm") as file:
        return int(file.read().split()[1]) * PAGE


def _spent(process: int) -> float:
    with open(f"/proc/{process}/stat") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


class Worker:
    """A process that goes through cases, and is watched from here: what kills it is known by the case that it was at."""

    def __init__(self, cases: range, seed: int, known: dict[str, Reader], folder: Path) -> None:
        self.left, self.seed, self.known, self.folder = cases, seed, known, folder
        self.state = multiprocessing.RawArray("d", 4)
        self.start()

    def start(self) -> None:
        """Go on with the cases that are left."""
        self.state[CASE] = -1  # none
        self.here, there = multiprocessing.Pipe(duplex=False)
        self.process = multiprocessing.get_context("fork").Process(target=self._work, args=(there,))
        self.process.start()
        there.close()
        self.silent = False

    def _work(self, out: multiprocessing.connection.Connection) -> None:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        warnings.simplefilter("ignore")
        place = Path(tempfile.mkdtemp(dir=self.folder))
        found: Counter[tuple[str, str]] = Counter()
        for case in self.left:
            name, content = make(self.seed, case, self.known)
            self.state[CASE] = -1  # last and first: what is read in between is of one case
            self.state[BEGUN], self.state[HELD], self.state[SIZE] = (
                time.process_time(),
                _resident(os.getpid()),
                len(content),
            )
            self.state[CASE] = case
            verdict, told = judge(self.known[name], content, place)
            found[name, verdict if verdict in ("accepted", "refused") else "bad"] += 1
            if verdict not in ("accepted", "refused"):
                out.send(Bad(name, verdict, content, case, told))
            if len(found) and (case - self.left.start) % (200 * self.left.step) == 0:
                out.send(found)
                found = Counter()
        out.send(found)

    def look(self) -> list[Bad | Counter[tuple[str, str]]]:
        """What it has found since the last look; a worker that hangs or takes too much is ended, and the next begins."""
        found = self._heard()
        alive = self.process.is_alive()
        case, begun, held, size = int(self.state[CASE]), *self.state[BEGUN:]
        why = "" if alive or self.process.exitcode == 0 else f"crash ({self.process.exitcode})"
        if alive and case >= 0:
            try:
                hangs = _spent(self.process.pid) - begun > SECONDS
                why = "hangs" if hangs else "memory" if _resident(self.process.pid) - held > MEMORY + size else ""
            except (FileNotFoundError, ProcessLookupError):
                return found
            why = why if self.state[CASE] == case else ""
        if why:
            self.process.kill()
            self.process.join()
            found += self._heard()
            if case < 0:
                raise RuntimeError(f"a worker ended between two cases: {why}")
            name, content = make(self.seed, case, self.known)
            found += [Bad(name, why, content, case), Counter({(name, "bad"): 1})]
            self.left = range(case + self.left.step, self.left.stop, self.left.step)
            self.start()
        return found

    def _heard(self) -> list[Bad | Counter[tuple[str, str]]]:
        found = []
        try:
            while self.here.poll():
                found.append(self.here.recv())
        except EOFError:
            self.silent = True
        return found

    @property
    def done(self) -> bool:
        """Whether all cases are gone through."""
        return self.silent and self.process.exitcode == 0


def alone(reader: Reader, content: bytes, folder: Path) -> tuple[str, str]:
    """What becomes of a content in a process of its own, so that a crash is one answer among others."""
    here, there = multiprocessing.Pipe(duplex=False)

    def work() -> None:
        warnings.simplefilter("ignore")
        there.send(judge(reader, content, Path(tempfile.mkdtemp(dir=folder))))

    process = multiprocessing.get_context("fork").Process(target=work)
    before = _resident(os.getpid())
    process.start()
    there.close()
    answer = ("crash", "")
    while True:
        if here.poll(0.02):
            try:
                answer = here.recv()
            except EOFError:
                process.join()
                answer = (f"crash ({process.exitcode})", "")
            break
        try:
            why = "hangs" if _spent(process.pid) > SECONDS else ""
            why = why or ("memory" if _resident(process.pid) - before > MEMORY + len(content) else "")
        except (FileNotFoundError, ProcessLookupError):
            continue
        if why:
            answer = (why, "")
            process.kill()
            break
    process.join()
    return answer


def smaller(bad: Bad, known: dict[str, Reader], folder: Path) -> Bad:
    """The same fault from less: parts are left out as long as it stays."""
    content, tries, size = bad.content, TRIES if bad.kind != "hangs" else 6, len(bad.content) // 2
    while size and tries > 0:
        at = 0
        while at < len(content) and tries > 0:
            less = content[:at] + content[at + size :]
            tries -= 1
            if alone(known[bad.reader], less, folder)[0] == bad.kind:
                content = less
            else:
                at += size
        size //= 2
    return bad._replace(content=content)


def keep(bad: Bad, folder: Path) -> Path:
    """Write a bad case, under the name of its reader and what it holds."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{bad.reader.replace(' ', '_')}--{hashlib.sha256(bad.content).hexdigest()[:8]}"
    path.write_bytes(bad.content)
    return path


def replay(path: Path, known: dict[str, Reader], folder: Path) -> tuple[str, str]:
    """What becomes of a kept case."""
    return alone(known[path.name.partition("--")[0].replace("_", " ")], path.read_bytes(), folder)


def run(
    cases: range, seed: int, jobs: int, known: dict[str, Reader], folder: Path, kept: Path | None = None
) -> tuple[Counter[tuple[str, str]], list[Bad]]:
    """Go through the cases; how many of each reader were accepted, refused and bad, and one bad case of each kind."""
    found: Counter[tuple[str, str]] = Counter()
    bad: dict[tuple[str, str], Bad] = {}
    workers = [Worker(cases[job::jobs], seed, known, folder) for job in range(jobs)]
    while not all(worker.done for worker in workers):
        time.sleep(0.1)
        for one in (one for worker in workers for one in worker.look()):
            if isinstance(one, Counter):
                found += one
            elif (one.reader, one.kind) not in bad:
                bad[one.reader, one.kind] = one
                print(f"case {one.case}, {one.reader}: {one.kind}\n{one.told}", file=sys.stderr, flush=True)
                if kept is not None:
                    least = smaller(one, known, folder)
                    print(f"  {len(least.content)} bytes of it in {keep(least, kept)}", file=sys.stderr, flush=True)
    return found, list(bad.values())


def table(found: Counter[tuple[str, str]], names: Sequence[str]) -> str:
    """A line a reader."""
    lines = [f"{'reader':<32}{'cases':>9}{'accepted':>10}{'refused':>9}{'bad':>6}"]
    for name in [*names, "all"]:
        kinds = ("accepted", "refused", "bad")
        counts = [sum(n for (of, what), n in found.items() if name in (of, "all") and what == kind) for kind in kinds]
        lines.append(f"{name:<32}{sum(counts):>9}{counts[0]:>10}{counts[1]:>9}{counts[2]:>6}")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=int(datetime.datetime.now(datetime.UTC).strftime("%Y%m%d")))
    parser.add_argument("--from", type=int, default=0, dest="first")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--readers", nargs="+", help="only those whose names begin so")
    parser.add_argument("--keep", type=Path, help="a folder for bad cases, made small")
    parser.add_argument("--replay", type=Path, help="a folder of cases that were kept, which are looked at first")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(dir="/dev/shm" if os.path.isdir("/dev/shm") else None) as place:
        known = {**readers(Path(place)), **vector_readers(Path(place))}
        if chosen.readers:
            known = {name: one for name, one in known.items() if name.startswith(tuple(chosen.readers))}
        begun = time.monotonic()
        old = (
            [(path.name, *replay(path, known, Path(place))) for path in sorted(chosen.replay.iterdir())]
            if chosen.replay
            else []
        )
        old = [fault for fault in old if fault[1] not in ("accepted", "refused")]
        for name, kind, told in old:
            print(f"{name}, a case that was mended: {kind}\n{told}", file=sys.stderr)
        cases = range(chosen.first, chosen.first + chosen.cases)
        found, bad = run(cases, chosen.seed, chosen.jobs, known, Path(place), chosen.keep)
        print(table(found, [*known]))
        print(
            f"seed {chosen.seed}, {len(known)} readers, {time.monotonic() - begun:.0f} s, {len(bad)} kinds of bad cases"
        )
    sys.exit(1 if bad or old else 0)


if __name__ == "__main__":
    main()

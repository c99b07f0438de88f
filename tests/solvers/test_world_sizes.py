"""Several processes train what one trains: every registered method that descent solves, on every kind of data it takes."""

import multiprocessing
import os
import signal
import socket
import time

import numpy as np
import torch

import selfsup
from selfsup.methods import REGISTERED, find
from selfsup.solvers import sgd
from selfsup.testing.apart import differences
from selfsup.testing.case import Case
from selfsup.testing.made import MADE, made
from selfsup.training.loop import Loop

OPTIONS = {
    "skipgram": {"sample": 0.0},
    "cbow": {"sample": 0.0},
    "spans": {"sample": 0.0, "length": 6, "temperature": 0.5},
}  # of words in a few sentences none may be left out


def cases():
    """One of each method and kind of data."""
    for name in sorted(REGISTERED):
        cls, kinds = find(name)[1], set()
        for made_name, (kind, _) in MADE.items():
            case = Case(name, cls, OPTIONS.get(name, {}), made_name)
            missing = getattr(made(made_name).form, "missing", False)
            if kind not in cls.kinds or kind in kinds or (missing and not cls.takes_missing):
                continue
            if case.new().refuses(case.data.form) is None:
                kinds.add(kind)
                yield case


def test_two_processes_train_what_one_does_by_every_method():
    """Two starts of Python in all. Weights, running statistics, a teacher and its centre: all within 1e-5."""
    found = list(cases())
    assert {case.name for case in found if "sgd" in case.cls.solvers} == {
        name for name in REGISTERED if "sgd" in find(name)[1].solvers
    }
    assert not differences(found)


OPTIONS_OF_RUN = {
    "hidden": (16, 16), "projector": (16, 8), "optimizer": "sgd", "lr": 0.05, "epochs": 4, "batch_size": 26,
    "evaluate": False, "progress": False, "checkpoint_every": 0.0,
}  # fmt: skip
STEPS = 16


def one(rank, size, port, folder, options, ends, log):
    """One process of several; `ends` is at which pause it (the last one) is ended, and by which signal."""
    os.environ |= {"RANK": str(rank), "WORLD_SIZE": str(size), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    os.chdir(folder)
    torch.set_num_threads(1)
    step, pause, met = sgd._Run._step, Loop._pause, []

    def noted(run, samples, rows):
        met.append((run.epoch, run.batch, rows.tolist()))
        step(run, samples, rows)

    def ended(loop, *given):
        if ends is not None and rank == size - 1 and len(met) == ends[0]:
            os.kill(os.getpid(), ends[1])
        pause(loop, *given)

    sgd._Run._step, Loop._pause = noted, ended
    out, said = f"run{rank}" if rank else "run", ""  # only the first sees the folder
    try:
        model = selfsup.fit(np.load("x.npy"), "simclr", out=out, **OPTIONS_OF_RUN | options)
        said = [record["loss"] for record in model.history], len(model.encode(np.load("x.npy")))
    except (selfsup.errors.SelfsupError, KeyboardInterrupt) as error:
        said = f"{type(error).__name__}: {error}"
    log.put((rank, said, met))


def several(folder, size, ends=None, **options):
    """What each of some processes says, and the steps of the first; they are forked from one that has read the library."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["selfsup.training.job", "torch.nn.parallel.distributed", "selfsup.methods.simclr"])
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = context.Queue()
    ranks = [
        context.Process(target=one, args=(rank, size, port, str(folder), options, ends, log)) for rank in range(size)
    ]
    for each in ranks:
        each.start()
    killed = ends is not None and ends[1] == signal.SIGKILL
    said = sorted(log.get(timeout=120) for _ in range(size - killed))
    for each in ranks:
        each.join(60)
        assert each.exitcode is not None, "a process hangs"
    return [words for _, words, _ in said], said[0][2]


def table(folder):
    """Rows (100, 8), of which 20 are held out: four batches of 20 an epoch."""
    rng = np.random.default_rng(0)
    np.save(folder / "x.npy", (rng.normal(size=(100, 3)) @ rng.normal(size=(3, 8))).astype(np.float32))


def test_a_run_goes_on_with_any_number_of_processes(tmp_path):
    """Two, of which one is killed; then one; then four: the order is that of a run of one, and the loss ends within 1e-5."""
    (tmp_path / "whole").mkdir()
    (tmp_path / "cut").mkdir()
    table(tmp_path / "whole")
    table(tmp_path / "cut")
    ((whole, size),), order = several(tmp_path / "whole", 1)
    assert len(order) == STEPS
    began = time.monotonic()
    said, first = several(tmp_path / "cut", 2, (5, signal.SIGKILL))
    assert "another of the 2 processes has ended" in said[0]
    assert time.monotonic() - began < 60
    said, then = several(tmp_path / "cut", 1, (6, signal.SIGTERM), resume=True)
    assert said[0].startswith("Interrupted: stopped at")
    said, last = several(tmp_path / "cut", 4, resume=True)
    steps = {(epoch, batch): rows for epoch, batch, rows in order}
    assert {(epoch, batch) for epoch, batch, _ in first + then + last} == set(steps)
    assert all(steps[epoch, batch] == rows for epoch, batch, rows in first + then + last)
    assert len(then) == 6
    for records, codes in said:
        np.testing.assert_allclose(records, whole, rtol=1e-5)
        assert codes == size
    one, other = (
        selfsup.load(tmp_path / name / "run").encode(np.load(tmp_path / "cut/x.npy")) for name in ("whole", "cut")
    )
    np.testing.assert_allclose(other, one, rtol=1e-4, atol=1e-5)
    assert [path.name for path in (tmp_path / "cut").iterdir() if path.name.startswith("run")] == ["run"]


def test_several_processes_stop_together(tmp_path):
    """A signal that reaches one, patience, and the time that is over: each ends all of them at the same step."""
    table(tmp_path)
    said, _ = several(tmp_path, 2, (5, signal.SIGTERM))
    assert said[0] == said[1]
    assert said[0].startswith("Interrupted: stopped at 31% of the training")
    said, _ = several(tmp_path, 2, resume=True, lr=0.01)
    assert "lr was 0.05, now 0.01" in said[0]
    assert said[1].startswith("TrainingError: the first process has ended: cannot resume")
    said, _ = several(tmp_path, 2, resume=True, patience=1)
    assert said[0] == said[1]
    said, _ = several(tmp_path, 2, resume=True)  # it is finished: all are given the same model
    assert "there is no run folder" in said[1]  # which this one does not see
    said, _ = several(tmp_path, 2, overwrite=True, epochs=100_000, minutes=0.02)
    assert said[0] == said[1]
    said, _ = several(tmp_path, 3, overwrite=True, batch_size=2)
    assert {words.partition(":")[0] for words in said} == {"OptionError"}
    assert "a batch has 2 samples, too few for 3 processes, which need 3; raise option 'batch_size'" in said[0]

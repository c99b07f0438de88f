"""Ctrl-C and SIGTERM are heard within 2 seconds, also in the middle of a calculation that stays in C."""

import os
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

from selfsup.system.signals import heard, stop_flag

STUCK = """
import signal, sys, time
import numpy as np, torch
from selfsup.data.facts import Covariance
matrix = torch.from_numpy(np.random.default_rng(0).normal(size=(6000, 6000)))
found = Covariance(torch.zeros(6000, dtype=torch.float64), matrix + matrix.T, 9000)
found.trace = lambda: 1.0
print("ready", flush=True)
try:
    found.leading(32)
finally:
    print("heard", flush=True)
"""


def test_a_value_and_an_error_come_through():
    assert heard(lambda a, b: a + b, 1, 2) == 3
    with pytest.raises(ZeroDivisionError):
        heard(lambda: 1 // 0)
    threads = []
    threading.Thread(target=lambda: threads.append(heard(threading.current_thread))).start()
    while not threads:
        time.sleep(0.01)
    assert threads[0] is not threading.main_thread()  # only the main thread hears, so no other is started


def test_a_wait_is_ended_by_a_signal():
    began = time.monotonic()
    threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT)).start()
    with pytest.raises(KeyboardInterrupt):
        heard(time.sleep, 3)
    assert time.monotonic() - began < 2


def test_within_a_training_too_where_a_signal_only_sets_a_flag():
    threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGTERM)).start()
    with stop_flag() as stop:
        with pytest.raises(KeyboardInterrupt, match="in the middle of a calculation"):
            heard(time.sleep, 3)
        assert stop.is_set()
    assert heard(int) == 0  # and it is forgotten after it


def test_a_second_signal_ends_it_at_once():
    def twice():
        with stop_flag() as stop:
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(0.1)
            assert stop.is_set()
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(1)

    with pytest.raises(KeyboardInterrupt):
        twice()


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_a_process_ends_in_the_middle_of_eigenvectors():
    """LAPACK is not to be interrupted: the process leaves it behind, also in a user's own program, which has cleaned up."""
    process = subprocess.Popen(
        [sys.executable, "-c", STUCK], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert process.stdout.readline() == "ready\n"
    time.sleep(1)
    process.send_signal(signal.SIGINT)
    began = time.monotonic()
    assert process.wait(20) in (130, -signal.SIGINT)
    assert time.monotonic() - began < 2
    assert process.stdout.read() == "heard\n"


def test_a_closed_form_is_broken_off_by_the_installed_command_and_leaves_nothing(tmp_path):
    np.save(tmp_path / "x.npy", np.random.default_rng(0).normal(size=(4000, 3500)).astype(np.float32))
    process = subprocess.Popen(
        [sys.executable, "-m", "selfsup", "fit", "x.npy", "--method", "linear", "--no-progress", "--out", "r"],
        cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    log = tmp_path / "r.partial" / "metrics.jsonl"
    while not log.exists():  # measured before training; now it solves
        assert process.poll() is None
        time.sleep(0.05)
    time.sleep(0.5)
    process.send_signal(signal.SIGTERM)
    began = time.monotonic()
    assert process.wait(30) == 130
    assert time.monotonic() - began < 2
    assert process.stderr.read() == "selfsup: terminated\n"
    assert os.listdir(tmp_path) == ["x.npy"]

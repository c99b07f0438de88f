"""Nothing is made that does not fit: what is free is asked of the control groups too, and sizes are seen before they are made."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import selfsup
from selfsup import Method
from selfsup.data import open_data
from selfsup.data.facts import Facts, Moments
from selfsup.data.form import Form
from selfsup.errors import DataError, OptionError
from selfsup.methods import find
from selfsup.model import room
from selfsup.model.encode import build, encode_batches
from selfsup.nets import make_backbone
from selfsup.system import memory

QUIET = {"progress": False, "evaluate": False}
TABLE = np.random.default_rng(0).normal(size=(60, 8)).astype(np.float32)
ABOUT = Facts(Form("table", (8,)), {"moments": Moments(np.zeros(8, np.float32), np.ones(8, np.float32), False)})


def written(folder: Path, **files: object) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name.replace("__", ".")).write_text(f"{content}\n")


def groups(folder: Path, member: str, mount: str) -> list[int]:
    written(folder / "proc", cgroup=member, mountinfo=mount)
    return sorted(memory._of_groups(folder / "proc"))


def test_control_groups_of_version_2_up_to_the_root(tmp_path):
    written(
        tmp_path / "fs" / "a",
        memory__max=1000,
        memory__current=300,
        memory__stat="anon 9\ninactive_file 50\nactive_file 20",
    )
    written(tmp_path / "fs" / "a" / "b", memory__max="max", memory__current=200, memory__stat="inactive_file 0")
    mount = f"30 20 0:30 / {tmp_path}/fs rw,nosuid shared:9 - cgroup2 cgroup rw"
    assert groups(tmp_path, "0::/a/b", mount) == [770]
    (tmp_path / "fs" / "a" / "b" / "memory.max").write_text("250\n")
    assert groups(tmp_path, "0::/a/b", mount) == [50, 770]
    assert groups(tmp_path, "0::/elsewhere", mount) == []


def test_control_groups_of_version_1_in_a_container(tmp_path):
    for folder in ("fs", "fs/c"):
        written(
            tmp_path / folder,
            memory__limit_in_bytes=1000,
            memory__usage_in_bytes=400,
            memory__stat="total_inactive_file 1",
        )
    member = "5:cpu:/docker/7\n4:memory:/docker/7/c"
    inside = f"30 20 0:30 /docker/7 {tmp_path}/fs rw - cgroup cgroup rw,memory"
    assert groups(tmp_path, member, inside) == [601, 601]
    assert groups(tmp_path, member, inside.replace("rw,memory", "rw,cpu")) == []


def test_available_is_the_least(monkeypatch):
    monkeypatch.setattr(memory, "_of_groups", lambda proc: [1 << 40, 12_345])
    assert memory.available() == 12_345


@pytest.mark.skipif(sys.platform != "linux", reason="the limit of addresses is Linux's")
def test_a_limit_of_addresses_is_respected():
    code = (
        "import resource; from selfsup.system.memory import available; "
        "resource.setrlimit(resource.RLIMIT_AS, (3 << 30, 3 << 30)); print(available())"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert 0 < int(done.stdout) < 3 << 30


@pytest.mark.parametrize(
    ("method", "options"),
    [
        ("undercomplete", {"n_components": 10**9}),
        ("undercomplete", {"n_components": 10**30}),
        ("variational", {"n_components": 10**18}),
        ("sparse", {"n_components": 10**9}),
        ("undercomplete", {"hidden": (10**6, 10**6)}),
        ("undercomplete", {"hidden": (20_000,) * 500}),
        ("contractive", {"hidden": (10**5, 10**5), "penalty": 0.1}),
    ],
)
def test_a_fit_is_refused_with_the_sizes(method, options):
    with pytest.raises(
        selfsup.SelfsupError, match=r"need [\d.e+,]+ [GT]B of memory and .* are available|larger than any memory"
    ):
        selfsup.fit(TABLE, method, **options, **QUIET)


def test_thousands_of_layers_are_a_slip():
    with pytest.raises(selfsup.SelfsupError, match="fewer layers"):
        selfsup.fit(TABLE, "undercomplete", hidden=(8,) * 100_000, **QUIET)


def test_what_training_takes_is_counted_before_it_begins(monkeypatch):
    """Weights, gradients, two averages, and the net from before training: five times 135 MB, where 524 MB are free."""
    options = {"hidden": (4096, 4096), "epochs": 1}
    monkeypatch.setattr(memory, "available", lambda: 500 << 20)
    steps = []
    monkeypatch.setattr("selfsup.training.loop.Loop.run", lambda self, task: steps.append(task))
    with pytest.raises(
        DataError, match=r"weights of 13\d MB \(the largest 4,096 x 4,096\), held 5 times while .* 524 MB are"
    ):
        selfsup.fit(TABLE, "denoising", **options, **QUIET)
    assert not steps


class Hungry(Method):
    """Makes many tensors of one size, and knows not how many."""

    times, each = 10, 1 << 24
    built = 0

    def build(self, about):
        Hungry.built += 1
        self.parts = nn.ParameterList(nn.Parameter(torch.zeros(self.each)) for _ in range(self.times))
        float(self.parts[0].detach().sum())  # looks at a number


def test_a_method_that_looks_at_its_numbers_is_counted_too(monkeypatch):
    monkeypatch.setattr(memory, "available", lambda: 300 << 20)
    with pytest.raises(DataError, match=r"weights of 67\d MB"):
        build(Hungry(), ABOUT, 0)


def test_a_small_method_is_built_once_and_as_if_nobody_looked():
    Hungry.built, Hungry.each = 0, 10
    build(Hungry(), ABOUT, 0)
    assert Hungry.built == 1
    for name in ("undercomplete", "variational", "sparse", "linear"):
        seen = build(find(name)[1](), ABOUT, 3)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(3)
            bare = find(name)[1]()
            bare.build(ABOUT)
        assert all(torch.equal(one, other) for one, other in zip(seen.parameters(), bare.parameters(), strict=True))


@pytest.mark.parametrize(
    ("make", "size"),
    [
        (lambda: torch.zeros(10**9, 10**9), 4 * 10**18),
        (lambda: torch.full((10**10,), 1.0), 4 * 10**10),
        (lambda: torch.arange(0, 10**10, 2, dtype=torch.int64), 4 * 10**10),
        (lambda: torch.eye(10**6), 4 * 10**12),
        (lambda: torch.ones(1).repeat(10**6, 10**6), 4 * 10**12),
        (lambda: torch.ones(3).repeat_interleave(10**12), 12 * 10**12),
        (lambda: torch.ones(1).new_zeros(10**12), 4 * 10**12),
        (lambda: torch.empty(10**12, device="meta"), 0),
    ],
)
def test_every_way_to_make_a_large_tensor_is_seen(make, size):
    asked = [0]

    def check(found, largest):
        asked.append(found)
        raise OptionError("too large")

    if size:
        with pytest.raises(OptionError), room.Guard(check):
            make()
    else:
        with room.Guard(check):
            make()
    assert asked[-1] == pytest.approx(size, abs=16)


def test_what_could_not_be_had_after_all_is_an_error_of_ours():
    of_torch = RuntimeError("[x.cpp:1] . DefaultCPUAllocator: can't allocate memory: no")
    for error in (MemoryError("Unable to allocate 9 EiB"), of_torch):
        with pytest.raises(DataError, match="the codes ran out of memory"), memory.refused("the codes", "use fewer"):
            raise error
    with pytest.raises(RuntimeError, match="a bug"), memory.refused("the codes", "use fewer"):
        raise RuntimeError("a bug")


def test_a_net_for_large_images_is_measured_without_them():
    small = make_backbone("nin", (3, 32, 32), (8, 8))
    large = make_backbone("nin", (3, 40_000, 40_000), (8, 8))  # 38 GB, twice
    assert large.maps == [(8, 20_000, 20_000), (8, 10_000, 10_000)]
    assert small.maps == [(8, 16, 16), (8, 8, 8)]


def test_codes_and_samples_are_counted_before_they_are_made():
    model = selfsup.fit(TABLE, "linear", n_components=2, **QUIET)
    asks = (
        lambda: model.sample(10**12),
        lambda: model.interpolate(TABLE[:1], TABLE[1:2], n=10**12),
        lambda: model.traverse(0, n=10**12),
    )
    for ask in asks:
        with pytest.raises(DataError, match=r"1,000,000,000,000 (samples|codes) of . values need .* TB of memory"):
            ask()


def test_what_is_decoded_or_encoded_is_counted(monkeypatch):
    model = selfsup.fit(TABLE, "linear", n_components=2, **QUIET)
    monkeypatch.setattr(memory, "available", lambda: 100 << 20)
    with pytest.raises(DataError, match="1,200,000 decoded samples need 115 MB of memory and 105 MB"):
        model.decode(np.zeros((1_200_000, 2), np.float32))
    numbers = torch.arange(7_000_000)
    with pytest.raises(DataError, match="the codes of 7,000,000 samples need 112 MB"):
        encode_batches(lambda x: {"code": x[:, :2]}, open_data(TABLE).rows(), torch.device("cpu"), numbers % 60)


class Wasteful(find("undercomplete")[1]):
    """A step of it takes more than there is."""

    def loss(self, guess, answer):
        return {"all": (guess.output.flatten()[:, None] * torch.empty(1, 10**14)).mean()}


def test_a_step_that_does_not_fit_is_an_error_of_ours():
    with pytest.raises(DataError, match=r"training by method .* ran out of memory \(can't allocate memory.*batch_size"):
        selfsup.fit(TABLE, Wasteful, epochs=1, **QUIET)

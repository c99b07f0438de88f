"""The protocol of solvers: options, refusals, plans, pauses in a whole state; and gradient descent's groups and precision."""

import re

import numpy as np
import pytest
import torch
from torch import nn

from conftest import pictures, table
from selfsup.data import open_data
from selfsup.data.text.corpus import open_text
from selfsup.errors import OptionError, TrainingError
from selfsup.method import Method
from selfsup.methods.cbow import Cbow
from selfsup.methods.linear import Linear
from selfsup.methods.skipgram import Skipgram
from selfsup.methods.spans import Spans
from selfsup.options import options_of, resolve
from selfsup.solvers import REGISTERED, batched as blocks, find, hogwild as threads, precision
from selfsup.solvers.exact import Exact
from selfsup.solvers.optimizer import Rates, make_optimizer
from selfsup.solvers.plan import Plan
from selfsup.solvers.sgd import Sgd
from selfsup.solvers.task import Task

CPU = torch.device("cpu")


class Net(Method):
    """Noise is taken off rows of eight values; with dropout, a norm and a count of its own, which all have state."""

    recipe = {"steps": 40, "lr": 0.01, "warmup": 0.2}

    def __init__(self):
        super().__init__()
        self.finishes = 0

    def build(self, about):
        self.body = nn.Sequential(nn.Linear(8, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.1))
        self.head = nn.Linear(16, 8)
        self.register_buffer("steps", torch.zeros(()))

    def hide(self, x, rng):
        return x + torch.randn(x.shape, generator=rng), x

    def predict(self, seen):
        return self.head(self.body(seen))

    def loss(self, guess, answer):
        return {"error": (guess - answer).square().sum(1), "size": 0.1 * guess.abs().mean()}

    def encode(self, x):
        return self.body(x)

    def after_step(self, answer):
        self.steps += 1

    def finish(self, about):
        self.finishes += 1


class Slow(Net):
    factors = {"body": 0.5, "body.1": 0.0}

    def rates(self):
        return self.factors


class Own(Skipgram):
    def loss(self, guess, answer):
        return {"mine": super().loss(guess, answer)["neighbours"] * 2}


def rows(n=100):
    return open_data(table(n, 8), progress=False).split(0.0, 0)[0]


def words():
    rng = np.random.default_rng(0)
    texts = [" ".join(f"{'sea' if i % 2 else 'city'}{k}" for k in rng.integers(0, 10, 12)) for i in range(6000)]
    return open_text(texts, min_count=1, progress=False).split(None, 0)[0]


def prepared(solver, method, data, epochs=3, seed=1):
    plan = solver.plan(method, data, epochs, seed, CPU)
    torch.manual_seed(0)
    method.build(solver.about(data))
    return Task(method, data, plan, CPU)


@pytest.mark.parametrize("name", REGISTERED)
def test_a_solver_has_a_name_and_options_with_help(name):
    solver = find(name)
    assert solver.name == name
    for option in options_of(solver).values():
        assert option.help
        assert option.default is not option.default.__class__
    solver(**resolve(solver, {}, f"solver '{name}'"))


def test_an_unknown_solver_is_named_with_the_nearest():
    with pytest.raises(OptionError, match="unknown solver 'hogwold'; did you mean 'hogwild'"):
        find("hogwold")


@pytest.mark.parametrize(
    ("name", "method", "device", "said"),
    [
        ("sgd", Net(), "auto", None),
        ("exact", Linear(), "cpu", None),
        ("exact", Net(), "auto", "Net has no closed form, which exact needs; use sgd"),
        ("hogwild", Net(), "auto", "hogwild is for word vectors, and Net has no tables of them; use sgd"),
        ("batched", Net(), "auto", "batched is for word vectors, and Net has no tables of them; use sgd"),
        ("hogwild", Skipgram(), "auto", None),
        ("hogwild", Cbow(subwords=True), "cpu", None),
        ("batched", Cbow(), "cpu", None),
        ("hogwild", Skipgram(objective="softmax"), "auto", "hogwild has no objective 'softmax'; use sgd"),
        ("hogwild", Skipgram(), "cuda:1", "hogwild runs on the CPU, not on 'cuda:1'"),
        ("batched", Skipgram(subwords=True), "auto", "batched has neither subwords"),
        ("batched", Skipgram(objective="hierarchical"), "auto", "batched has neither subwords nor objective 'hierarch"),
        ("hogwild", Own(), "auto", "its own loss\\(\\) would be ignored"),
        ("sgd", Own(), "auto", None),
    ],
)
def test_a_solver_says_what_it_cannot_do(name, method, device, said):
    found = find(name)().refuses(method, device)
    assert (found is None) if said is None else re.search(said, found)


def test_what_several_processes_cannot_share_is_refused(monkeypatch):
    method = Net()
    method.coupled = True
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert Sgd().refuses(method, "cpu") is None
    assert "one process" in find("primed")().refuses(Spans(), "cpu")


def test_a_device_that_is_not_there_is_named():
    with pytest.raises(OptionError, match="option 'device': there is no 'cuda:99' here; use auto"):
        Sgd().device("cuda:99")
    assert find("hogwild")().device("auto") == CPU


CASES = {
    "sgd": (lambda: Sgd(batch_size=16), Net, rows),
    "sgd, momentum": (lambda: Sgd(batch_size=16, optimizer="sgd", weight_decay=0.1, clip=1.0), Slow, rows),
    "sgd, bfloat16": (lambda: Sgd(batch_size=16, precision="bfloat16"), Net, rows),
    "sgd, words": (lambda: Sgd(batch_size=4096), lambda: Skipgram(dim=8), words),
    "exact": (Exact, lambda: Linear(3), rows),
    "hogwild": (lambda: threads.Hogwild(threads=1), lambda: Skipgram(dim=50, sample=0.0), words),
    "hogwild, subwords": (lambda: threads.Hogwild(threads=1), lambda: Cbow(dim=50, subwords=True, buckets=100), words),
    "hogwild, deterministic": (
        lambda: threads.Hogwild(threads=2, deterministic=True),
        lambda: Cbow(dim=50, sample=0.0),
        words,
    ),
    "batched": (lambda: blocks.Batched(batch_size=300), lambda: Skipgram(dim=8, sample=0.0), words),
}


@pytest.mark.parametrize("case", CASES)
def test_stopping_at_a_pause_and_going_on_changes_no_bit(case, monkeypatch):
    monkeypatch.setattr(threads, "TICK", 0.0)
    monkeypatch.setattr(blocks, "TICK", 0.0)
    new, make, source = CASES[case]
    data = source()
    solver = new()
    task = prepared(solver, make(), data)
    outside = torch.get_rng_state()
    pauses = list(solver.run(task))
    assert torch.equal(outside, torch.get_rng_state())
    whole, epochs = {name: tensor.clone() for name, tensor in task.method.state_dict().items()}, task.plan["epochs"]
    assert pauses[0] == (0.0, None)
    assert pauses[-1].epoch == epochs
    assert pauses[-1].record["seconds"] > 0
    assert pauses[-1].record["samples_per_second"] > 0
    assert [pause.epoch for pause in pauses] == sorted({pause.epoch for pause in pauses})
    if solver.closed:
        return
    saved, stops, epoch = None, 0, 0.0
    while epoch < epochs:
        solver = new()
        task = prepared(solver, make(), data)
        task = Task(task.method, data, task.plan, CPU, saved, wanted=lambda: True)
        for number, pause in enumerate(solver.run(task)):
            epoch = pause.epoch
            assert solver.epoch == epoch
            solver.line()
            if number == 5 and epoch < epochs:  # also in the middle of an epoch
                saved, stops = solver.state(), stops + 1
                saved = type(saved)({name: tensor.clone() for name, tensor in saved.tensors.items()}, dict(saved.facts))
                break
    assert stops > 1 or "hogwild" in case  # its thread may be done before it is stopped
    for name, tensor in task.method.state_dict().items():
        assert torch.equal(tensor, whole[name]), name


def test_a_record_of_an_epoch_says_what_was_seen_in_it():
    solver = Sgd(batch_size=16)
    task = prepared(solver, Net(), rows(), epochs=2)
    pauses = list(solver.run(task))
    assert [pause.epoch for pause in pauses] == pytest.approx([number / 7 for number in range(15)])
    records = [pause.record for pause in pauses if pause.record]
    assert [pause.epoch for pause in pauses if pause.record] == [1.0, 2.0]
    assert records[0]["loss"] == pytest.approx(sum(records[0]["terms"].values()))
    assert records[0]["terms"].keys() == {"error", "size"}
    assert records[1]["lr"] == pytest.approx(0, abs=1e-8)
    assert 0 <= records[0]["data_wait"] < 1
    assert (task.method.finishes, task.method.progress, task.method.training) == (1, 1.0, False)


def test_enough_ends_a_run_early_and_finishes_it():
    solver, ends = Sgd(batch_size=16), []
    task = prepared(solver, Net(), rows(), epochs=9)
    for pause in solver.run(Task(task.method, task.data, task.plan, CPU, enough=lambda: bool(ends))):
        if pause.epoch == 2:
            ends.append(pause)
    assert pause.epoch == 2
    assert (task.method.finishes, int(task.method.steps)) == (1, 14)


def test_no_epoch_is_one_pause():
    solver = Sgd()
    task = prepared(solver, Net(), rows(), epochs=0)
    before = {name: tensor.clone() for name, tensor in task.method.state_dict().items()}
    assert list(solver.run(task)) == [(0.0, None)]
    assert all(torch.equal(tensor, before[name]) for name, tensor in task.method.state_dict().items())
    with pytest.raises(OptionError, match="option 'epochs' must be at least 1 for hogwild"):
        threads.Hogwild().plan(Skipgram(), words(), 0, 0, CPU)


def test_a_plan_is_what_was_asked_then_the_methods_recipe_then_the_default():
    plan = Sgd(lr=0.5).plan(Net(), rows(), None, 7, CPU)
    assert plan["epochs"] == 40  # 40 steps of one batch of 100
    assert (plan["lr"], plan["warmup"], plan["batch_size"], plan["clip"], plan["seed"]) == (0.5, 0.2, 128, None, 7)
    assert plan["optimizer"] == "adamw"
    plan = Sgd().plan(Skipgram(), words(), None, 0, CPU)
    assert (plan["epochs"], plan["batch_size"], plan["lr"]) == (5, 512, 5e-3)
    plan = threads.Hogwild(deterministic=True).plan(Cbow(dim=7, window=3), words(), None, 0, CPU)
    assert (plan["epochs"], plan["lr"], plan["dim"], plan["window"], plan["architecture"]) == (5, 0.05, 7, 3, "cbow")
    assert plan["deterministic"] is True


def test_what_words_take_is_known_before():
    data, method = words(), Skipgram(dim=100)
    for name in ("sgd", "hogwild", "batched"):
        solver = find(name)()
        plan = solver.plan(method, data, 1, 0, CPU)
        assert solver.memory(method, data, plan, saved=True) > solver.memory(method, data, plan, saved=False) > 16_000
    assert Sgd().memory(Net(), rows(), {}, saved=True) == 0


def test_earlier_vectors_are_in_the_tables_at_the_first_pause():
    def fill(input, output):
        input[3], output[3] = 7, 8

    for solver in (Sgd(), threads.Hogwild(threads=1), blocks.Batched()):
        task = prepared(solver, Skipgram(dim=8), words())
        pause = next(iter(solver.run(Task(task.method, task.data, task.plan, CPU, warm=fill))))
        assert pause.epoch == 0
        assert [set(found[3].tolist()) for found in task.method.tables()] == [{7.0}, {8.0}]


def test_a_closed_form_sees_a_few_rows_before_its_one_pass():
    data, solver = rows(3000), Exact()
    about = solver.about(data)
    assert about.fact("covariance") is None
    np.testing.assert_array_equal(about.fact("moments").mean, rows(3000).part(np.arange(1000)).fact("moments").mean)
    assert solver.plan(Linear(), data, 9, 0, CPU)["epochs"] == 1


def descent(method, **how):
    plan = {"epochs": 1, "batch_size": 16, "lr": 0.1, "weight_decay": 0.0, "optimizer": "adamw", "warmup": 0.0, "clip": None,
            "betas": [0.9, 0.999], "precision": "float32", "seed": 0}  # fmt: skip
    method.build(None)
    return make_optimizer(method, Plan.of(plan | how))


def named(method, optimizer):
    names = {id(parameter): name for name, parameter in method.named_parameters()}
    return [[names[id(parameter)] for parameter in group["params"]] for group in optimizer.param_groups]


def test_without_decay_and_rates_there_is_one_group_in_the_methods_order():
    method = Net()
    assert named(method, descent(method)) == [[name for name, _ in method.named_parameters()]]


def test_biases_and_norms_do_not_decay():
    method = Net()
    optimizer = descent(method, weight_decay=0.1)
    assert named(method, optimizer) == [
        ["body.0.weight", "head.weight"],
        ["body.0.bias", "body.1.weight", "body.1.bias", "head.bias"],
    ]
    assert [group["weight_decay"] for group in optimizer.param_groups] == [0.1, 0.0]


def test_the_longest_prefix_decides_the_rate():
    method = Slow()
    optimizer = descent(method)
    Rates(method, optimizer).set(0.2)
    assert named(method, optimizer) == [
        ["body.0.weight", "body.0.bias"],
        ["body.1.weight", "body.1.bias"],
        ["head.weight", "head.bias"],
    ]
    assert [group["lr"] for group in optimizer.param_groups] == pytest.approx([0.1, 0.0, 0.2])
    rates = Rates(method, optimizer)
    method.factors = {"body": 1.0}
    with pytest.raises(TrainingError, match="rates\\(\\) names 'body' now"):
        rates.set(0.2)
    method.factors = {"bod": 1.0}
    with pytest.raises(
        TrainingError, match="names 'bod', which no trainable parameter begins with; there are body, head"
    ):
        descent(method)


def test_a_factor_of_0_freezes():
    solver = Sgd(batch_size=16, weight_decay=0.1)
    task = prepared(solver, Slow(), rows())
    before = {name: tensor.detach().clone() for name, tensor in task.method.named_parameters()}
    list(solver.run(task))
    moved = {name for name, tensor in task.method.named_parameters() if not torch.equal(tensor, before[name])}
    assert moved == {"body.0.weight", "body.0.bias", "head.weight", "head.bias"}


def test_nothing_to_train_is_said():
    method = Net()
    method.build(None)
    for parameter in method.parameters():
        parameter.requires_grad = False
    method.build = lambda about: None
    with pytest.raises(TrainingError, match="Net has no trainable parameter"):
        descent(method)


@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
def test_what_is_not_finite_is_named(optimizer):
    solver = Sgd(lr=1e30, optimizer=optimizer)
    task = prepared(solver, Net(), rows(), epochs=20)
    with pytest.raises(TrainingError, match="loss term 'error' is not finite in epoch .* lower option 'lr' \\(now 1e"):
        list(solver.run(task))


class Pictures(Net):
    def build(self, about):
        self.body, self.head = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.Dropout(0.1)), nn.Conv2d(4, 1, 1)
        self.register_buffer("steps", torch.zeros(()))


@pytest.fixture
def fast(monkeypatch):
    """A processor with fast bfloat16, and steps that take as long as they are told to."""
    monkeypatch.setattr(precision, "has_fast_bfloat16", lambda: True)
    seconds, asked = {"float32": 0.02, "bfloat16": 0.01}, []
    real = precision._seconds

    def told(method, x, name):
        asked.append(name)
        real(method, x, name)
        return seconds[name]

    monkeypatch.setattr(precision, "_seconds", told)
    return seconds, asked


def trained(data, chosen="auto", epochs=100, saved=None, cls=Pictures, stop=None):
    solver = Sgd(batch_size=16, precision=chosen)
    task = prepared(solver, cls(), data, epochs)
    for number, _ in enumerate(solver.run(Task(task.method, data, task.plan, CPU, saved))):
        if number == stop:
            return solver.state()
    return task


def test_bfloat16_is_taken_where_a_few_steps_show_that_it_pays(fast, caplog):
    seconds, asked = fast
    data = open_data(pictures(40, 1, 8, 8), progress=False).split(0.0, 0)[0]
    with caplog.at_level("INFO", "selfsup"):
        auto = trained(data)
    assert auto.plan["precision"] == "bfloat16"
    assert "10 ms in bfloat16, 20 ms in float32" in caplog.text
    asked.clear()
    named = trained(data, "bfloat16")
    assert not asked
    for (name, one), other in zip(auto.method.state_dict().items(), named.method.state_dict().values(), strict=True):
        assert torch.equal(one, other), name  # the steps that were timed have left no trace
    seconds["float32"] = 0.0105
    assert trained(data).plan["precision"] == "float32"
    seconds["float32"] = 0.001  # such steps are too short to gain by it
    asked.clear()
    assert trained(data).plan["precision"] == "float32"
    assert "bfloat16" not in asked


def test_short_runs_and_nets_without_convolutions_are_not_timed(fast):
    data = open_data(pictures(40, 1, 8, 8), progress=False).split(0.0, 0)[0]
    assert trained(data, epochs=3).plan["precision"] == "float32"
    assert trained(rows(), cls=Net).plan["precision"] == "float32"
    assert not fast[1]


def test_a_run_goes_on_in_the_precision_that_it_began_with(fast):
    data = open_data(pictures(40, 1, 8, 8), progress=False).split(0.0, 0)[0]
    saved = trained(data, stop=5)
    fast[0]["bfloat16"] = 1.0  # now it would not be chosen
    resumed, whole = trained(data, saved=saved), trained(data, "bfloat16")
    assert resumed.plan["precision"] == "bfloat16"
    for (name, one), other in zip(resumed.method.state_dict().items(), whole.method.state_dict().values(), strict=True):
        assert torch.equal(one, other), name

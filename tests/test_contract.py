"""The contract, checked on every registered method: tomorrow's methods are checked by being registered."""

import copy

import numpy as np
import pytest
import torch

import selfsup
from conftest import pictures, table
from selfsup.method import Moments, Spec, permute, shuffle_gap, step, total
from selfsup.methods import REGISTERED, find
from selfsup.model.load import load
from selfsup.model.model import Model, build
from selfsup.options import options_of
from selfsup.solvers.exact import exact
from selfsup.solvers.plan import Plan
from selfsup.solvers.sgd import sgd
from selfsup.store.checkpoint import Checkpoint
from selfsup.system.progress import Progress

CPU = torch.device("cpu")
DATA = {
    "square image": lambda n: pictures(n),
    "odd colour image": lambda n: pictures(n, 3, 11, 9),
    "tiny image": lambda n: pictures(n, 1, 5, 5),
    "table": lambda n: table(n),
    "one column": lambda n: table(n, 1),
    "text": lambda n: windows(n),
}


def windows(n):
    """Windows (n, 7) of word numbers, -1 beyond a sentence: words of one half of the vocabulary stand together."""
    rng = np.random.default_rng(0)
    found = rng.integers(0, 6, (n, 7)) + 6 * (np.arange(n) % 2)[:, None]
    found[::5, 0] = -1
    return found


class Rows:
    """The least that solvers ask of data."""

    def __init__(self, x):
        self.x = x

    def __len__(self):
        return len(self.x)

    def __getitem__(self, rows):
        return self.x[rows]

    def to(self, device):
        return self


def make(name, x, seed=0, **options):
    if x.dtype == torch.int64:
        spec = Spec((12,), "text", counts=np.bincount(x[x >= 0].numpy(), minlength=12))
        return build(find(name)[1], {"sample": 0.0, "dim": 8} | options, spec, seed)
    axes = (0, 2, 3) if x.ndim == 4 else (0,)
    moments = Moments(
        x.numpy().mean(axes, dtype=np.float64).astype(np.float32),
        x.numpy().std(axes, dtype=np.float64).astype(np.float32),
        bool(x.min() >= 0 and x.max() <= 1),
    )
    spec = Spec(tuple(x.shape[1:]), "image" if x.ndim == 4 else "table", lambda: moments)
    return build(find(name)[1], options, spec, seed)


def small(name, x, seed=0):
    """The method with narrow layers where it has the option: what is trained here is trained in seconds."""
    return make(name, x, seed, **({"hidden": (16, 16)} if "hidden" in options_of(find(name)[1]) else {}))


def plan(**changes):
    settings = {
        "epochs": 30, "batch_size": 32, "lr": 3e-3, "weight_decay": 0.0, "optimizer": "adamw", "warmup": 0.05,
        "clip": None, "patience": None, "precision": "float32", "seed": 0,
    }  # fmt: skip
    return Plan(**(settings | changes))


def train(method, x, checkpoint=None, on_record=None, **changes):
    return sgd(method, Rows(x), Rows(x), plan(**changes), CPU, Progress(False), checkpoint, on_record)


def cases():
    for name in REGISTERED:
        for kind, data in DATA.items():
            if ("image" if "image" in kind else "text" if kind == "text" else "table") in find(name)[1].kinds:
                yield pytest.param(name, torch.from_numpy(data(40)), id=f"{name}-{kind}")


def first_case():
    """Every method once."""
    seen = {}
    for case in cases():
        seen.setdefault(case.values[0], case)
    return list(seen.values())


every_case = pytest.mark.parametrize(("name", "x"), list(cases()))
every_method = pytest.mark.parametrize(("name", "x"), first_case())


def generator(seed=1):
    return torch.Generator().manual_seed(seed)


def leaves(tree):
    return [tree] if isinstance(tree, torch.Tensor) else [leaf for part in tree for leaf in leaves(part)]


def same(a, b):
    return all(torch.equal(one, other) for one, other in zip(leaves(a), leaves(b), strict=True))


def test_every_method_has_a_case():
    assert {case.values[0] for case in cases()} == set(REGISTERED)


@every_case
def test_constructs_with_defaults_and_every_option_has_help(name, x):
    cls = find(name)[1]
    assert cls() is not None
    assert all(option.help for option in options_of(cls).values()), "an option without help"
    assert cls.__doc__


@every_case
def test_the_seed_decides_everything(name, x):
    one, other = make(name, x), make(name, x)
    assert all(torch.equal(a, b) for a, b in zip(one.state_dict().values(), other.state_dict().values(), strict=True))
    assert same(one.hide(x, generator(3)), other.hide(x, generator(3)))


@every_case
def test_hide_leaves_x_alone_and_keeps_the_batch_axis(name, x):
    method, before = make(name, x), x.clone()
    seen, hidden = method.hide(x, generator())
    assert torch.equal(x, before)
    assert all(len(leaf) == len(x) for leaf in leaves(seen) + leaves(hidden))
    for leaf in leaves(seen):  # writing into what was given must not reach the data
        assert leaf.dtype.is_floating_point or x.dtype == torch.int64
    guess = method.predict(seen)
    assert all(len(leaf) == len(x) for leaf in leaves(guess))


@every_case
def test_loss_is_finite_and_a_term_a_name(name, x):
    terms, _, _ = step(make(name, x), x, generator())
    assert terms
    for value in terms.values():
        assert value.shape in ((), (len(x),))
        assert value.isfinite().all()
    assert total(terms).ndim == 0


@every_case
def test_gradients_reach_every_trainable_parameter(name, x):
    method = make(name, x).train()
    total(step(method, x, generator())[0]).backward()
    without = [
        n for n, p in method.named_parameters() if p.requires_grad and (p.grad is None or not p.grad.isfinite().all())
    ]
    assert not without


@every_case
def test_predict_target_and_loss_are_pure(name, x):
    method = make(name, x).eval()
    seen, hidden = method.hide(x, generator())
    state = copy.deepcopy(method.state_dict())
    before = torch.get_rng_state()
    guess, answer = method.predict(seen), method.target(hidden)
    assert same(guess, method.predict(seen))
    assert same(answer, method.target(hidden))
    first, second = method.loss(guess, answer), method.loss(guess, answer)
    assert all(torch.equal(first[key], second[key]) for key in first)
    assert torch.equal(before, torch.get_rng_state()), "randomness outside hide"
    assert all(torch.equal(state[key], value) for key, value in method.state_dict().items())


@every_method
def test_learns_eight_samples_by_heart(name, x):
    method = small(name, x)
    records = train(method, x[:8], epochs=400, lr=1e-2)
    share = 0.35 if x.dtype.is_floating_point else 0.9  # what stands around a word is a distribution: its entropy stays
    assert records[-1]["heldout"] < share * records[0]["heldout"]


@every_method
def test_gap_is_none_before_and_some_after(name, x):
    method = small(name, x)
    before = shuffle_gap(method, x)
    assert abs(before["gap"]) < 0.02 * abs(before["shuffled"])
    train(method, x, epochs=60, lr=3e-3 if x.dtype.is_floating_point else 3e-2)  # a row of a table moves seldom
    after = shuffle_gap(method, x)
    assert after["gap"] > 0.05 * after["shuffled"]


@every_case
def test_codes_are_rows_and_do_not_depend_on_the_batch(name, x):
    method = make(name, x).eval()
    with torch.no_grad():
        whole = method.encode(x)
        parts = torch.cat([method.encode(part) for part in x.split(7)])
        alone = method.encode(x[:1])
    assert whole.ndim == 2
    assert len(whole) == len(x)
    torch.testing.assert_close(whole, parts, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(whole[:1], alone, rtol=1e-4, atol=1e-5)
    layers = method.layers(x)
    assert layers
    assert all(codes.ndim == 2 and len(codes) == len(x) for codes in layers.values())
    assert any(torch.equal(codes, method.encode(x)) for codes in layers.values()), "the code is none of the layers"


@every_case
def test_decode_gives_samples_where_there_is_a_way_back(name, x):
    method = make(name, x).eval()
    if not method.decodes():
        pytest.skip(f"{name} has no decoder")
    assert method.decode(method.encode(x)).shape == x.shape


@every_case
def test_two_samples_are_enough(name, x):
    records = train(small(name, x), x[:2], epochs=2)
    assert len(records) == 3
    assert all(np.isfinite(record["heldout"]) for record in records)


@every_method
def test_saved_and_loaded_gives_the_same_bits(name, x, tmp_path):
    from selfsup import fit

    if x.dtype == torch.int64:
        text = [[f"w{word}" for word in row if word >= 0] for row in x.tolist()]
        words = fit(text, method=name, epochs=1, out=tmp_path / "run", progress=False, min_count=1, dim=8)
        assert np.array_equal(words.vectors, selfsup.load(tmp_path / "run").vectors)
        return
    model = fit(x.numpy(), method=name, epochs=1, out=tmp_path / "run", progress=False, evaluate=False)
    again = load(tmp_path / "run")
    assert np.array_equal(model.encode(x.numpy()), again.encode(x.numpy()))
    assert isinstance(again, Model)


class Cut(Exception):
    """Stands for kill -9: nothing of ours runs after it."""


@every_method
@pytest.mark.parametrize("cut_at", [1, 3, 5])
def test_a_cut_run_goes_on_to_the_same_bits(name, x, tmp_path, cut_at, monkeypatch):
    whole = small(name, x)
    train(whole, x, epochs=3, batch_size=20)

    cut = small(name, x)
    checkpoint = Checkpoint(tmp_path, {"run": 1}, every=0.0)  # a state after every step
    saves = []

    def save_then_cut(tensors, facts):
        Checkpoint.save(checkpoint, tensors, facts)
        saves.append(facts)
        if len(saves) == cut_at:
            raise Cut

    monkeypatch.setattr(checkpoint, "save", save_then_cut)
    with pytest.raises(Cut):
        train(cut, x, checkpoint, epochs=3, batch_size=20)

    resumed = small(name, x, seed=99)  # its own weights do not matter
    torch.manual_seed(4321)
    train(resumed, x, Checkpoint(tmp_path, {"run": 1}), epochs=3, batch_size=20)
    for key, value in whole.state_dict().items():
        assert torch.equal(value, resumed.state_dict()[key]), key


@every_method
def test_permuted_guesses_are_other_guesses(name, x):
    """The answers of a batch differ, so that a permuted guess is a wrong one: else the gap could say nothing."""
    method = make(name, x)
    answer = method.target(method.hide(x, generator())[1])
    assert not same(permute(answer, torch.arange(len(x)).roll(1)), answer)


@pytest.mark.parametrize("name", [name for name in REGISTERED if find(name)[1].solver == "exact"])
def test_the_closed_form_is_the_minimum_of_the_declared_loss(name):
    x = torch.from_numpy(table(200))
    exactly, descended = make(name, x, n_components=2), make(name, x, n_components=2)
    exact(exactly, Rows(x), CPU)
    train(descended, x, epochs=300, lr=1e-2)
    assert shuffle_gap(exactly, x)["loss"] <= shuffle_gap(descended, x)["loss"] * (1 + 1e-5)

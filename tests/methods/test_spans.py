"""Spans: the loss against slow sums, what hide gives, what is learnt of two made topics, its solver, and codes of texts."""

import math

import numpy as np
import pytest
import torch

import selfsup
from selfsup.data.text.windows import Passages
from selfsup.errors import OptionError
from selfsup.method import step
from selfsup.methods.spans import EDGE, RARE, Spans
from selfsup.model.encode import build
from selfsup.solvers.primed import Primed
from selfsup.solvers.task import State, Task
from selfsup.testing import text

CPU = torch.device("cpu")


def made(**options):
    data = text(60)
    options = {"dim": 6, "length": 12, "sample": 0.0, **options}
    return build(Spans(**options), data, 0), data


def topics(lines=400, seed=0):
    """Lines of two topics in turns of twenty, which share only their frequent words."""
    rng = np.random.default_rng(seed)
    common = ["the", "of", "and"]
    subjects = [[f"{stem}{k}" for k in range(10)] for stem in ("sea", "law")]
    found = []
    for n in range(lines):
        own = subjects[n // 20 % 2]
        found.append(" ".join(rng.choice(own if rng.random() < 0.5 else common) for _ in range(12)))
    return found


def slow_vector(method, data, word):
    """Own row and mean of the n-grams', by the weight."""
    row = method.input[word].clone()
    name = data.form.words[word]
    _, buckets = method.subwords.hashed([name])
    rows = [method.grams[int(np.flatnonzero(method.buckets == bucket)[0])] for bucket in buckets]
    return (row + sum(rows) / len(rows)) * math.exp(float(method.log_weight[word]))


def test_the_loss_is_the_slow_one():
    method, data = made()
    x = method.view(data)[torch.arange(5)]
    seen, hidden = method.hide(x, torch.Generator().manual_seed(3))
    with torch.no_grad():
        found = method.loss(method.predict(seen), method.target(hidden))["spans"]
        one, two = (
            [sum(slow_vector(method, data, int(word)) for word in row if word >= 0) for row in part]
            for part in (seen, hidden)
        )
        near = [[float(torch.cosine_similarity(a, b, dim=0)) / method.temperature for b in two] for a in one]
    for i in range(5):
        across = sum(math.exp(near[i][j]) for j in range(5))
        down = sum(math.exp(near[j][i]) for j in range(5))
        slow = math.log(across) / 2 + math.log(down) / 2 - near[i][i]
        assert float(found[i]) == pytest.approx(slow, rel=1e-4, abs=1e-4)


def test_hide_cuts_a_passage_once_and_drops_words():
    method, _ = made(drop=0.4)
    x = torch.arange(4000).reshape(100, 40)
    x[:, 7] = -1
    before = x.clone()
    seen, hidden = method.hide(x, torch.Generator().manual_seed(0))
    assert torch.equal(x, before)
    for whole, one, two in zip(x, seen, hidden, strict=True):
        left, right = np.flatnonzero(one >= 0), np.flatnonzero(two >= 0)
        assert left.max() < right.min()
        assert left.min() < (1 - EDGE) * 40
        assert right.max() > EDGE * 40
        assert torch.equal(one[left], whole[left])
        assert torch.equal(two[right], whole[right])
    kept = float(((seen >= 0) | (hidden >= 0)).float().sum() / (x >= 0).sum())
    assert 0.42 < kept < 0.48  # .6 of a piece, which is .75 of the passage on average
    few = method.hide(x[:, :5], torch.Generator().manual_seed(0))
    assert all(bool((part >= 0).any(1).all()) for part in few)  # of few words all are taken


def test_a_passage_of_one_word_costs_no_nan():
    method, _ = made()
    x = torch.full((3, 12), -1)
    x[:, 0] = torch.tensor([1, 2, 3])
    x[0, :4] = torch.tensor([1, -1, 2, 3])
    terms, guess, _ = step(method, x, torch.Generator().manual_seed(0))
    terms["spans"].sum().backward()
    assert all(bool(p.grad.to_dense().isfinite().all()) for p in method.parameters() if p.grad is not None)
    assert bool((guess.norm(dim=1) > 0).all())


def test_words_carry_their_weights():
    method, data = made(ngrams=(0, 0))
    counts = data.fact("counts")
    length = method.words().norm(dim=1).numpy()
    np.testing.assert_allclose(length, RARE / (RARE + counts / counts.sum()), rtol=1e-4)
    x = torch.tensor([[3, -1, 5, 5], [-1, -1, -1, -1]])
    words = method.words()
    torch.testing.assert_close(method.encode(x), torch.stack([words[3] + 2 * words[5], torch.zeros(6)]))


def test_words_by_slow_sums_of_ngrams():
    method, data = made(ngrams=(2, 4))
    with torch.no_grad():
        slow = torch.stack([slow_vector(method, data, word) for word in range(16)])
    torch.testing.assert_close(method.words(), slow)


def test_passages_are_the_whole_text_in_pieces():
    ids = np.arange(47, dtype=np.int32)
    ids[[5, 20]] = -1
    view = Passages(ids, 10, across=True)
    every = view[:]
    assert every.shape == (5, 10)
    assert len(view) == 5
    filled = [row[: 9 if row[-1] < 0 else 10].tolist() for row in every]
    assert [word for row in filled for word in row] == ids.tolist()
    assert torch.equal(view[torch.tensor([3, 1])], every[[3, 1]])


def test_passages_lie_within_long_lines_and_are_of_about_one_length():
    ids = np.arange(47, dtype=np.int32)
    ids[[5, 7, 20]] = -1  # lines of 5, 1, 12 and 26 words
    pieces = [[int(word) for word in row if word >= 0] for row in Passages(ids, 10)[:]]
    assert [len(piece) for piece in pieces] == [5, 6, 6, 8, 9, 9]
    assert [word for piece in pieces for word in piece] == [k for k in range(47) if k not in (5, 6, 7, 20)]
    assert Passages(ids, 10).across is False
    assert Passages(ids, 20).across is True


def run(folder, **options):
    how = {"dim": 8, "length": 24, "sample": 0.0, "min_count": 1, "epochs": 30, "threads": 1, "batch_size": 16}
    return selfsup.fit(
        topics(), "spans", out=folder, progress=False, evaluate=False, device="cpu", **{**how, **options}
    )


def test_two_topics_are_told_apart_by_one_call(tmp_path):
    model = run(tmp_path / "run")
    assert model.config["solver"] == "primed"
    assert model.history[-1]["heldout"] < model.start["heldout"]
    codes = model.encode(["sea1 of sea2", "the sea3 and sea4", "law1 of law2", "the law3 and law4"])
    codes /= np.linalg.norm(codes, axis=1, keepdims=True)
    near = codes @ codes.T
    assert min(near[0, 1], near[2, 3]) > near[:2, 2:].max() + 0.1
    weight = dict(zip(model.words, np.linalg.norm(model.vectors, axis=1), strict=True))
    assert weight["the"] < weight["sea1"]
    again = selfsup.load(tmp_path / "run")
    np.testing.assert_array_equal(again.vectors, model.vectors)
    plain = model.vectors_of(["sea1", "of", "sea2"]).mean(0)
    np.testing.assert_allclose(again.encode(["sea1 of sea2"])[0], plain, rtol=1e-4, atol=1e-6)
    assert again.ngrams is not None


@pytest.mark.parametrize("stage", ["words", "descent"])
def test_a_run_that_was_cut_goes_on_to_the_same_bits(stage):
    data = text(60)

    def task(seed, saved=None):
        method = build(Spans(dim=6, length=12, sample=0.0), data, seed)
        solver = Primed(batch_size=8, threads=1, deterministic=True, precision="float32", priming=4000)
        plan = solver.plan(method, data, 3, 0, CPU)
        assert plan["epochs"] == 4003
        return solver, Task(method, data, plan, CPU, saved=saved, wanted=lambda: True)

    solver, whole = task(0)
    saved, epochs = None, []
    for pause in solver.run(whole):
        epochs.append(pause.epoch)
        state = solver.state() if pause.epoch < 4003 else None
        if state is not None and saved is None and pause.epoch > 0 and state.facts["stage"] == stage:
            saved = State({name: tensor.clone() for name, tensor in state.tensors.items()}, dict(state.facts))
    assert saved is not None
    assert epochs == sorted(epochs)
    assert epochs[-1] == 4003
    solver, again = task(99, saved)
    for _ in solver.run(again):
        pass
    assert torch.equal(whole.method.words(), again.method.words())


def test_it_goes_on_from_word_vectors(tmp_path):
    words = [f"sea{k}" for k in range(10)] + ["elsewhere"]
    rng = np.random.default_rng(1)
    given = selfsup.WordVectors(words, rng.normal(size=(11, 8)).astype(np.float32))
    given.save(tmp_path / "given.txt")
    model = run(tmp_path / "run", warm_start=str(tmp_path / "given.txt"), epochs=0)
    row = model.method.input[model.index["sea3"]].detach().numpy()
    np.testing.assert_allclose(row, given["sea3"] / np.linalg.norm(given["sea3"]), rtol=1e-4, atol=1e-6)
    assert "elsewhere" not in model  # its weight and n-grams were not learnt
    further = run(tmp_path / "further", warm_start=str(tmp_path / "given.txt"), epochs=3).method
    moved = (getattr(further, name) - getattr(model.method, name) for name in ("input", "log_weight", "grams"))
    assert all(bool(move.abs().max() > 1e-3) for move in moved)  # weights and n-grams began anew with the earlier words


def test_options_that_cannot_be():
    with pytest.raises(OptionError, match="ngrams"):
        Spans(ngrams=(4, 3))
    assert Primed().refuses(selfsup.methods.find("linear")[1](), "cpu") is not None

"""The hierarchical softmax: the tree against references, the declared loss as a distribution, the fast solver against both."""

import heapq
import math

import numpy as np
import pytest
import torch
from hypothesis import given, strategies as some

import selfsup
from selfsup.data.facts import Facts
from selfsup.data.text.form import TextForm
from selfsup.data.text.huffman import huffman
from selfsup.methods import find
from selfsup.methods.skipgram import Neighbours
from selfsup.model.encode import build
from selfsup.solvers.hogwild import hogwild
from selfsup.solvers.kernels.draws import make_batch, path_targets
from selfsup.solvers.words import SPARE, WordPlan, WordState
from test_hogwild import After, learn as learn_window, same, text

WORDS = 50
ZIPF = (1e4 / np.arange(1, WORDS + 1) ** 1.5).astype(np.int64) + 1


def shortest(counts):
    """Sum of count times length over the words, by the textbook's heap."""
    heap, total = [int(count) for count in counts], 0
    heapq.heapify(heap)
    while len(heap) > 1:
        joined = heapq.heappop(heap) + heapq.heappop(heap)
        total += joined
        heapq.heappush(heap, joined)
    return total


@given(some.lists(some.one_of(some.integers(1, 5), some.integers(0, 10**9)), min_size=2, max_size=120))
def test_the_tree_is_huffmans(counts):
    counts = np.array(counts)
    paths = huffman(counts)
    length = np.diff(paths.offsets)
    assert (counts * length).sum() == shortest(counts)
    assert sum(2.0**-n for n in length) == 1  # Kraft: the tree is full
    if counts.min() > 0:  # Shannon's bound is for words that occur
        p = counts / counts.sum()
        entropy, mean = -(p * np.log2(p)).sum(), (counts * length).sum() / counts.sum()
        assert entropy - 1e-9 <= mean < entropy + 1


@given(some.lists(some.integers(0, 9), min_size=2, max_size=60))
def test_paths_lead_through_one_tree_and_its_most_visited_nodes_come_first(counts):
    paths = huffman(counts)
    children, visits = {}, np.zeros(len(counts) - 1, int)
    for word, count in enumerate(counts):
        nodes = paths.nodes[paths.offsets[word] : paths.offsets[word + 1]]
        codes = paths.codes[paths.offsets[word] : paths.offsets[word + 1]]
        assert nodes[0] == 0
        visits[nodes] += count
        for node, code, child in zip(nodes, codes, [*nodes[1:], f"word {word}"], strict=True):
            assert children.setdefault((node, code), child) == child
    assert len(children) == 2 * (len(counts) - 1) == 2 * len({node for node, _ in children})
    assert len(set(children.values())) == len(children)
    assert (np.diff(visits) <= 0).all()


def test_ties_are_broken_one_way():
    paths = huffman([5, 2, 1, 1])
    assert paths.offsets.tolist() == [0, 1, 3, 6, 9]
    assert paths.nodes.tolist() == [0, 0, 1, 0, 1, 2, 0, 1, 2]
    assert paths.codes.tolist() == [1, 0, 0, 0, 1, 0, 0, 1, 1]
    assert (np.diff(huffman(np.full(64, 7)).offsets) == 6).all()


def test_the_smallest_and_the_deepest_trees():
    assert huffman([7]).longest == 0
    assert huffman([7]).offsets.tolist() == [0, 0]
    fibonacci = [1, 1]
    while len(fibonacci) < 80:
        fibonacci.append(fibonacci[-1] + fibonacci[-2])
    assert huffman(fibonacci).longest == 79


def declared(method, counts, dim=6, seed=0):
    """The declared problem with random vectors."""
    made = find(method)[1](dim=dim, objective="hierarchical", sample=0.0)
    found = build(made, Facts(TextForm.of([f"w{word}" for word in range(len(counts))], counts)), seed)
    generator = torch.Generator().manual_seed(seed)
    found.input.data = 0.4 * torch.randn(len(counts), dim, generator=generator)
    found.output.data = 0.4 * torch.randn(len(counts), dim, generator=generator)
    return found


@pytest.mark.parametrize("method", ["skipgram", "cbow"])
@pytest.mark.parametrize("words", [2, 3, 50])
def test_the_declared_loss_is_a_distribution_over_the_words(method, words):
    problem = declared(method, ZIPF[:words])
    guess = problem.predict(torch.tensor([0, 1, words - 1])) if method == "skipgram" else torch.randn(3, 6)
    every = torch.arange(words)
    for h in guess:
        answer = Neighbours(every[:, None], torch.ones(words, 1), every[:, None][:, :0])
        loss = problem.loss(h.expand(words, -1), answer)["neighbours"]
        assert (-loss).exp().sum().item() == pytest.approx(1, abs=1e-5)


def test_the_declared_loss_sums_over_the_neighbours_that_are_used():
    problem = declared("skipgram", ZIPF)
    words, used = torch.tensor([[3, 9, 4], [0, 7, 7]]), torch.tensor([[1.0, 0.0, 1.0], [0.0, 0.0, 0.0]])
    paths, found = huffman(ZIPF), problem.loss(problem.input[:2], Neighbours(words, used, words[:, :0]))["neighbours"]
    expected = 0.0
    for word in (3, 4):
        for at in range(paths.offsets[word], paths.offsets[word + 1]):
            score = (problem.output[paths.nodes[at]] @ problem.input[0]).item()
            expected += math.log1p(math.exp(score if paths.codes[at] else -score))
    assert found.tolist() == pytest.approx([expected, 0.0], rel=1e-5)


@pytest.mark.parametrize(("words", "dim"), [(50, 20), (50, 7), (50, 33), (5, 16), (2, 16)])
@pytest.mark.parametrize("method", ["skipgram", "cbow"])
@pytest.mark.parametrize("contexts", [1, 4])
def test_a_window_moves_by_the_gradient_of_the_declared_loss(words, dim, method, contexts):
    counts, rate, lift = ZIPF[:words], 0.05, 6.0 if method == "cbow" else 0.0
    problem, paths = declared(method, counts, dim), huffman(counts)
    for middle in {0, 1, words - 1}:  # the shortest path and the longest
        around = np.random.default_rng(contexts).permutation(np.delete(np.arange(words), middle))[:contexts]
        state = WordState.of(problem.input.detach(), problem.output.detach())
        batch = make_batch(max(paths.longest, 1) - 1)
        batch.word[: len(around) + 1], batch.high[0] = [middle, *around], len(around) + 1
        path_targets(1, paths, batch, words)
        learn_window(state, batch, rate, 5, lift)
        times = (lift + len(around)) / 2 if lift else 1.0
        problem.zero_grad()
        h = problem.input[torch.from_numpy(around)]
        h = h.mean(0, keepdim=True) if lift else h
        answer = Neighbours(torch.full((len(h), 1), middle), torch.ones(len(h), 1), torch.zeros(len(h), 0).long())
        problem.loss(h, answer)["neighbours"].sum().backward()
        for table, parameter, step in ((0, problem.input, rate * times), (1, problem.output, rate)):
            moved = (state.input, state.output)[table] - parameter.detach().numpy()
            assert np.abs(moved + step * parameter.grad.numpy()).max() < 1e-5
            assert np.abs(moved).max() > 1e-3  # something had to move
            assert not state.tables[table][:, dim:].any()
        assert not state.tables[1][words:].any()


def topics(n=60_000, words=20):
    """Two topics of ten words each, drawn evenly: every neighbour has probability 1 / 10."""
    rng = np.random.default_rng(0)
    ids = (rng.integers(0, words // 2, n) + words // 2 * (np.arange(n) // 20 % 2)).astype(np.int32)
    ids[::20] = -1
    return ids, np.bincount(ids[ids >= 0], minlength=words).astype(np.int64)


PLAN = {"dim": 20, "sample": 0.0, "epochs": 3, "lr": 0.05, "objective": "hierarchical"}


@pytest.mark.parametrize("more", [{}, {"threads": 2}, {"deterministic": True, "threads": 2}], ids=str)
def test_the_solver_reaches_the_entropy_of_the_text(more):
    ids, counts = topics()
    state = hogwild(ids, counts, WordPlan(**PLAN | more))
    problem = declared("skipgram", counts, 20)
    problem.input.data, problem.output.data = torch.tensor(state.input), torch.tensor(state.output)
    middle, word = torch.from_numpy(ids[:-1]).long(), torch.from_numpy(ids[1:]).long()
    pairs = (middle >= 0) & (word >= 0)
    answer = Neighbours(word[pairs][:, None], torch.ones(int(pairs.sum()), 1), word[pairs][:, None][:, :0])
    loss = problem.loss(problem.predict(middle[pairs]), answer)["neighbours"].mean().item()
    assert loss == pytest.approx(math.log(10), rel=0.03)
    assert not state.tables[1][len(counts) - 1 : len(counts) + SPARE].any()


@pytest.mark.parametrize("architecture", ["skipgram", "cbow"])
def test_deterministic_gives_the_same_vectors_with_any_number_of_threads(architecture):
    ids, counts = text(40_000)
    plan = PLAN | {"architecture": architecture, "deterministic": True, "sample": 1e-2}
    runs = [hogwild(ids, counts, WordPlan(**plan, threads=threads)) for threads in (1, 3)]
    assert same(*runs)
    assert np.isfinite(runs[0].input).all()


@pytest.mark.parametrize("more", [{}, {"deterministic": True, "threads": 2}], ids=str)
def test_training_that_stopped_and_went_on_equals_training_that_never_stopped(more):
    ids, counts = text(150_000)
    plan = WordPlan(**PLAN | {"dim": 100} | more)
    whole, state, stops = hogwild(ids, counts, plan), None, 0
    while state is None or state.done < plan.epochs * len(ids):
        before = state and WordState.of(state.input, state.output, state.done, state.kept)
        state = hogwild(ids, counts, plan, before, stop=After())
        stops += state.done < plan.epochs * len(ids)
        assert stops < 100
    assert stops > 0
    assert same(state, whole)


def test_the_tree_is_grown_once_for_a_training_in_slices_and_again_for_other_counts():
    ids, counts = text(150_000)
    state = hogwild(ids, counts, WordPlan(**PLAN), stop=After())
    tree = state.drawn[2].paths.nodes
    state = hogwild(ids, counts.copy(), WordPlan(**PLAN), state, stop=After())
    assert state.drawn[2].paths.nodes is tree
    state = hogwild(ids, counts**2, WordPlan(**PLAN), state, stop=After())
    assert (np.diff(state.drawn[2].paths.offsets) == np.diff(huffman(counts**2).offsets)).all()
    state = hogwild(ids, counts, WordPlan(**PLAN | {"objective": "negative"}), state)
    assert len(state.drawn[2].alias) == len(counts)


@pytest.mark.parametrize("more", [{}, {"architecture": "cbow"}, {"deterministic": True}], ids=str)
def test_one_word_alone_has_nothing_to_decide(more):
    state = hogwild(np.zeros(3000, np.int32), np.array([3000]), WordPlan(**PLAN | more))
    assert not state.output.any()
    assert np.array_equal(state.input, WordState.start(1, 20).input)


def test_both_solvers_solve_one_problem(tmp_path):
    ids, _ = topics(12_000)
    lines = " ".join("\n" if word < 0 else f"w{word}" for word in ids)
    (tmp_path / "corpus.txt").write_text(lines)
    options = {"objective": "hierarchical", "dim": 16, "min_count": 1, "sample": 0.0, "progress": False}
    fast = selfsup.fit(tmp_path / "corpus.txt", "skipgram", epochs=20, threads=1, **options)
    slow = selfsup.fit(tmp_path / "corpus.txt", "skipgram", epochs=20, lr=2e-2, solver="sgd", **options)
    assert [model.config["solver"] for model in (fast, slow)] == ["hogwild", "sgd"]
    losses = [model.history[-1]["heldout"] for model in (fast, slow)]
    assert losses[0] == pytest.approx(losses[1], rel=0.05)
    assert losses[0] < 0.8 * fast.start["heldout"]
    assert fast.start["heldout"] == pytest.approx(slow.start["heldout"], rel=1e-3)
    assert fast.history[-1]["gap"] > 0.1 > abs(fast.start["gap"])

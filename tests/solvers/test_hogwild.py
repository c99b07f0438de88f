"""The solver of word vectors: its kernels against autograd of the declared loss, its draws, and what a run must keep."""

import os
import subprocess
import sys
import threading

import numpy as np
import pytest
import torch
from scipy import stats

from selfsup.errors import DataError, OptionError, TrainingError
from selfsup.solvers.hogwild import hogwild
from selfsup.solvers.kernels.copies import borrow, exchange
from selfsup.solvers.kernels.draws import alias_table, draw, keep_share, make_batch, make_tables
from selfsup.solvers.words import SPARE, WordPlan, WordState

WORDS = 50


def text(n=30_000, words=WORDS, seed=0):
    """Ids with structure: a word is mostly followed by one of its neighbours; sentences of 5 to 60 words."""
    rng = np.random.default_rng(seed)
    steps = rng.integers(-2, 3, n)
    ids = (np.cumsum(steps) % words).astype(np.int32)
    borders = np.cumsum(rng.integers(6, 61, n // 30))
    ids[borders[borders < n]] = -1
    return ids, np.bincount(ids[ids >= 0], minlength=words).astype(np.int64)


def state(dim, seed=0, scale=1.0):
    rng = np.random.default_rng(seed)
    return WordState.of(scale * rng.normal(size=(WORDS, dim)), scale * rng.normal(size=(WORDS, dim)))


def window(words, centre, targets, negative):
    """A batch of one window over given words with given targets (the word, then negatives)."""
    batch = make_batch(negative)
    batch.word[: len(words)] = words
    batch.low[0], batch.high[0] = 0, len(words)
    batch.word[centre], batch.word[0] = batch.word[0], batch.word[centre]  # window i leaves word i out; here i is 0
    batch.target[0] = WORDS
    batch.target[0, : len(targets)] = targets
    for k in range(len(targets)):
        batch.weight[0, k // 6 * 8 + k % 6] = 1
    return batch


def flat(s):
    return s.tables[0].reshape(-1), s.tables[1].reshape(-1)


def learn(s, batch, rate, reach, lift):
    from selfsup.solvers.kernels.windows import learn

    learn(*flat(s), s.tables[0].shape[1], batch, 0, 1, rate, reach, lift)


def declared(s, contexts, targets, bag):
    """Gradients of the declared loss of one window: of the word vectors, and of the targets' vectors."""
    v = torch.tensor(np.array(s.input), dtype=torch.float64, requires_grad=True)
    u = torch.tensor(np.array(s.output), dtype=torch.float64, requires_grad=True)
    h = v[contexts].mean(0, keepdim=True) if bag else v[contexts]  # (C, D)
    scores = h @ u[targets].T  # (C, 1 + K)
    signs = torch.tensor([1.0] + [-1.0] * (len(targets) - 1), dtype=torch.float64)
    (-torch.nn.functional.logsigmoid(scores * signs).sum()).backward()
    return v.grad.numpy(), u.grad.numpy()


@pytest.mark.parametrize(
    ("negative", "dim", "bag"), [(5, 20, False), (5, 16, True), (1, 7, False), (14, 33, False), (8, 20, True)]
)
@pytest.mark.parametrize("contexts", [1, 4, 7])
def test_a_window_moves_by_the_gradient_of_the_declared_loss(negative, dim, bag, contexts):
    rng = np.random.default_rng(contexts)
    s, rate = state(dim, scale=0.4), 0.05
    chosen = rng.permutation(WORDS)
    words, targets = chosen[: contexts + 1], [chosen[0], *chosen[-negative:]]
    before = np.array(s.input, np.float64), np.array(s.output, np.float64)
    expected = declared(s, words[1:], targets, bag)
    lift = 6.0 if bag else 0.0  # contexts of a bag on average; a window's move at (6 + their number) / 2 times the rate
    learn(s, window(words, 0, targets, negative), rate, 5, lift)
    rates = rate * ((lift + contexts) / 2 if bag else 1.0), rate
    for table, start, gradient, step in zip((s.input, s.output), before, expected, rates, strict=True):
        assert np.abs(table - (start - step * gradient)).max() < 1e-6
        assert np.abs(step * gradient).max() > 1e-3  # something had to move
    assert not s.tables[0][:, dim:].any()
    assert not s.tables[1][:, dim:].any()
    assert not s.tables[1][WORDS:].any()


def drawn(ids, counts, plan, blocks=1):
    """Batches as training draws them, one for each block."""
    ids = ids.view()
    ids.flags.writeable = False
    tables, batch = make_tables(counts, plan.sample, plan.exponent), make_batch(plan.negative)
    position, seed, result = 0, np.uint64(3), []
    for _ in range(blocks):
        position, kept, seed = draw(
            ids,
            position,
            len(ids),
            np.uint64(seed),
            tables,
            plan.window,
            plan.fixed_window,
            plan.negative,
            len(counts),
            batch,
        )
        result.append(type(batch)(*[np.array(part[:kept]) for part in batch]))
        if position == len(ids):
            break
    return result


def test_negatives_follow_the_counts_to_the_power():
    counts = np.random.default_rng(0).zipf(1.3, WORDS).clip(1, 10_000)[::-1].astype(np.int64)
    accept, alias = alias_table(counts**0.75)
    share = np.bincount(alias, 1 - accept, WORDS) + accept
    assert np.allclose(share / WORDS, counts**0.75 / (counts**0.75).sum())
    ids = np.zeros(200_000, np.int32)
    batches = drawn(ids, counts, WordPlan(4, sample=0, negative=1), 200)
    negatives = np.concatenate([b.target[:, 1] for b in batches])
    seen = np.bincount(negatives[negatives < WORDS], minlength=WORDS)[
        1:
    ]  # word 0 is the centre: never its own negative
    assert (negatives == 0).sum() == 0
    expected = counts[1:] ** 0.75 / (counts[1:] ** 0.75).sum() * seen.sum()
    assert stats.chisquare(seen, expected).pvalue > 1e-4


def test_a_negative_that_is_the_word_is_left_out_and_one_drawn_twice_counts_twice():
    counts = np.full(3, 10, np.int64)
    (batch, *_) = drawn(np.arange(900, dtype=np.int32) % 3, counts, WordPlan(4, sample=0, negative=7))
    slots = [k // 6 * 8 + k % 6 for k in range(8)]
    weight = batch.weight[:, slots]
    for centre, targets, share in zip(batch.word, batch.target, weight, strict=True):
        assert targets[0] == centre
        used = targets[:8][share > 0]
        assert len(set(used)) == len(used)
        assert set(targets[:8][share == 0]) <= {3}
    assert (weight[:, 1:].sum(1) <= 7).all()
    assert weight[:, 1:].sum() / weight[:, 1:].size == pytest.approx(2 / 3, abs=0.03)


def test_subsampling_keeps_the_share_of_the_formula():
    ids, counts = (
        np.repeat(np.arange(4, dtype=np.int32), [40_000, 9_000, 900, 100]),
        np.array([40_000, 9_000, 900, 100]),
    )
    ids = np.random.default_rng(0).permutation(ids)
    plan = WordPlan(4, sample=1e-3)
    kept = np.bincount(np.concatenate([b.word for b in drawn(ids, counts, plan, 100)]), minlength=4)
    p = counts / counts.sum()
    share = np.minimum(1, np.sqrt(1e-3 / p) + 1e-3 / p)
    assert np.allclose(keep_share(counts, 1e-3), share)
    assert (np.abs(kept - counts * share) <= 4 * np.sqrt(counts * share * (1 - share) + 1e-9)).all()


@pytest.mark.parametrize("fixed", [False, True])
def test_windows_stay_in_their_sentence_and_reach_as_far_as_they_should(fixed):
    ids, counts = text()
    sentence = np.cumsum(ids < 0)[ids >= 0]
    batches = drawn(ids, counts, WordPlan(4, sample=0, window=5, fixed_window=fixed), 100)
    reaches, at = [], 0
    for batch in batches:
        where = sentence[at : at + len(batch.word)]
        assert (ids[ids >= 0][at : at + len(batch.word)] == batch.word).all()
        at += len(batch.word)
        i = np.arange(len(where))
        assert (batch.low <= i).all()
        assert (where[batch.low] == where).all()
        assert (where[batch.high - 1] == where).all()
        inner = (i - 5 >= 0) & (i + 5 < len(i))
        inner[inner] = (where[i[inner] - 5] == where[inner]) & (where[i[inner] + 5] == where[inner])
        assert (batch.high - 1 - i == i - batch.low)[inner].all()
        reaches.append((i - batch.low)[inner])
        if fixed:  # all that the sentence and the block allow
            assert (
                batch.high - batch.low == [((where == w) & (abs(i - j) <= 5)).sum() for j, w in enumerate(where)]
            ).all()
    assert at == len(sentence)
    seen = np.bincount(np.concatenate(reaches), minlength=6)[1:]
    assert (seen[:4].sum() == 0) if fixed else (stats.chisquare(seen).pvalue > 1e-4)


def loss(s, ids):
    """The declared loss of pairs of neighbours against random words."""
    rng = np.random.default_rng(1)
    a, b = ids[:-1], ids[1:]
    a, b = a[(a >= 0) & (b >= 0)], b[(a >= 0) & (b >= 0)]
    other = rng.integers(0, WORDS, (len(a), 5))
    true = (s.input[a] * s.output[b]).sum(1)
    false = np.einsum("nd,nkd->nk", s.input[a], s.output[other])
    return np.logaddexp(0, -true).mean() + np.logaddexp(0, false).sum(1).mean()


PLAN = {"dim": 20, "sample": 1e-2, "epochs": 2, "lr": 0.05}


@pytest.mark.parametrize(
    "more",
    [{}, {"architecture": "cbow", "lr": 0.2}, {"negative": 11}, {"deterministic": True}, {"threads": 2}],
    ids=str,
)
def test_the_loss_falls(more):
    ids, counts = text()
    start = loss(WordState.start(WORDS, 20), ids)
    s = hogwild(ids, counts, WordPlan(**PLAN | more))
    assert s.done == 2 * len(ids)
    assert 0.1 * s.done < s.kept < s.done
    assert loss(s, ids) < 0.8 * start
    for table in s.tables:
        assert not table[:, 20:].any()
        assert not table[WORDS : WORDS + SPARE].any()
        assert table.ctypes.data % 64 == 0


def same(a, b):
    return (a.input == b.input).all() and (a.output == b.output).all() and (a.done, a.kept) == (b.done, b.kept)


def test_one_thread_gives_the_same_vectors_twice_and_the_seed_decides():
    ids, counts = text()
    first = hogwild(ids, counts, WordPlan(**PLAN))
    assert same(first, hogwild(ids, counts, WordPlan(**PLAN)))
    assert not same(first, hogwild(ids, counts, WordPlan(**PLAN, seed=1)))


@pytest.mark.parametrize("architecture", ["skipgram", "cbow"])
def test_deterministic_gives_the_same_vectors_with_any_number_of_threads(architecture):
    ids, counts = text(60_000)
    runs = [
        hogwild(ids, counts, WordPlan(**PLAN, architecture=architecture, deterministic=True, threads=t))
        for t in (1, 2, 3, 9)
    ]
    assert all(same(runs[0], run) for run in runs[1:])


class After(threading.Event):
    """An event that is set from the first look on: training stops as soon as it can."""

    def is_set(self):
        return True


@pytest.mark.parametrize("more", [{}, {"deterministic": True, "threads": 2}], ids=str)
def test_training_that_stopped_and_went_on_equals_training_that_never_stopped(more):
    ids, counts = text(300_000)
    plan = WordPlan(**PLAN | {"dim": 100, "epochs": 3} | more)
    whole = hogwild(ids, counts, plan)
    s, stops = None, 0
    while s is None or s.done < plan.epochs * len(ids):
        earlier = s.done if s else 0
        s = hogwild(
            ids, counts, plan, s if s is None else WordState.of(s.input, s.output, s.done, s.kept), stop=After()
        )
        stops += s.done < plan.epochs * len(ids)
        assert s.done > earlier or stops < 50
    assert stops > 0
    assert same(s, whole)


def test_ids_may_be_a_memory_map_and_progress_is_told(tmp_path, monkeypatch):
    from selfsup.solvers import hogwild as module

    monkeypatch.setattr(module, "TICK", 0.001)
    ids, counts = text(300_000)
    np.save(tmp_path / "ids.npy", ids)
    told = []
    mapped = np.load(tmp_path / "ids.npy", mmap_mode="r")
    s = hogwild(
        mapped, counts, WordPlan(**PLAN), progress=lambda *state: told.append((*state, threading.current_thread()))
    )
    assert same(s, hogwild(ids, counts, WordPlan(**PLAN)))
    assert told
    assert {thread for *_, thread in told} == {threading.main_thread()}
    assert all(0 <= done <= total == 2 * len(ids) and kept <= done for done, total, kept, _ in told)


def test_a_failing_callback_leaves_a_state_that_can_go_on(monkeypatch):
    from selfsup.solvers import hogwild as module

    monkeypatch.setattr(module, "TICK", 0.001)
    ids, counts = text(300_000)
    plan = WordPlan(**PLAN)
    s = WordState.start(WORDS, 20)

    def interrupt(*_):
        raise KeyboardInterrupt

    before = threading.active_count()
    with pytest.raises(KeyboardInterrupt):
        hogwild(ids, counts, plan, s, progress=interrupt)
    assert s.done < 2 * len(ids)
    assert threading.active_count() == before
    assert same(hogwild(ids, counts, plan, s), hogwild(ids, counts, plan))


def test_vectors_that_blow_up_are_noticed():
    ids, counts = text()
    with pytest.raises(TrainingError, match="lr 0.05 instead of 200"):
        hogwild(ids, counts, WordPlan(20, lr=200.0, sample=0, epochs=5))


@pytest.mark.parametrize("option", ["dim", "window", "negative", "epochs", "threads"])
def test_what_a_kernel_relies_on_is_checked(option):
    with pytest.raises(OptionError, match=option):
        WordPlan(**{"dim": 4, option: 0})


def test_bad_data_are_named():
    ids, counts = text()
    plan = WordPlan(4)
    for bad, match in (
        ((np.array([0, WORDS], np.int32), counts), "0 to 49"),
        ((np.array([0, -2], np.int32), counts), "-2"),
        ((ids.astype(np.int64), counts), "int32"),
        ((ids[:0], counts), "empty"),
        ((ids, counts * 0), "at least 1"),
        ((ids, -counts), "at least 1"),
    ):
        with pytest.raises(DataError, match=match):
            hogwild(*bad, plan)
    with pytest.raises(DataError, match="50 words of 8"):
        hogwild(ids, counts, plan, WordState.start(WORDS, 8))
    with pytest.raises(DataError, match="position 7"):
        hogwild(ids, counts, plan, WordState.of(np.zeros((WORDS, 4)), np.zeros((WORDS, 4)), done=7))


def test_numba_is_imported_only_to_train():
    code = "import sys, selfsup.solvers.sgd; assert 'numba' not in sys.modules"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_processors_without_avx512_get_the_same_gradient(tmp_path):
    """The other width of the vectors, on the same machine; a cache of its own, as the width is chosen at import."""
    from llvmlite import binding

    if not binding.get_host_cpu_features().get("avx2"):
        pytest.skip("no AVX2 here")
    code = (
        "import test_hogwild as t; from selfsup.solvers.kernels import lanes, windows; assert lanes.LANES == 8;"
        "windows.learn = lambda *a: windows.skipgram(*a[:-1]);"  # the one kernel: to compile all three takes long
        "t.test_a_window_moves_by_the_gradient_of_the_declared_loss(5, 20, False, 4)"
    )
    root = os.path.dirname(os.path.abspath(__file__))
    env = os.environ | {
        "NUMBA_CPU_NAME": "haswell",
        "NUMBA_CPU_FEATURES": "+avx2,+fma",
        "NUMBA_CACHE_DIR": str(tmp_path),
    }
    assert subprocess.run([sys.executable, "-c", code], env=env, cwd=root, check=False).returncode == 0


def exchanged(moves, rows=4, pitch=16):
    """A table of ones after `moves` of one row by threads in turn, each on its own copies."""
    table = np.zeros((rows + 2 * rows * len(moves), pitch), np.float32)
    table[:rows] = 1
    flat = table.reshape(-1)
    places = [(rows * (1 + 2 * t), rows * (2 + 2 * t)) for t in range(len(moves))]
    for copy, before in places:
        borrow(flat, rows, copy, before, pitch)
    for (copy, _), move in zip(places, moves, strict=True):
        table[copy + 1] += move
    for copy, before in places:
        exchange(flat, rows, copy, before, pitch)
    for copy, before in places:  # so that the first ones hear of the last ones' moves
        exchange(flat, rows, copy, before, pitch)
    assert all((table[copy : copy + rows] == table[:rows]).all() for copy, _ in places)
    assert (np.delete(table[:rows], 1, 0) == 1).all()
    return table[1]


def test_small_moves_of_threads_own_copies_add_up():
    moves = 1e-3 * np.random.default_rng(0).normal(size=(3, 16)).astype(np.float32)
    np.testing.assert_allclose(exchanged(moves), 1 + moves.sum(0), rtol=0, atol=1e-6)


def test_large_moves_that_agree_are_averaged_and_those_that_do_not_are_summed():
    np.testing.assert_allclose(exchanged([np.full(16, 2.0), np.full(16, 2.0)]), np.full(16, 3.0), rtol=1e-6)
    up, down = np.repeat([2.0, 0.0], 8), np.repeat([0.0, 2.0], 8)
    np.testing.assert_allclose(exchanged([up, down]), np.full(16, 3.0), rtol=1e-6)


def test_threads_with_copies_of_a_few_words_learn_as_one_does(monkeypatch):
    monkeypatch.setattr("selfsup.solvers.words.HOT", 10 * 32 * 4)  # 10 of 50 words
    monkeypatch.setattr("selfsup.solvers.hogwild.EVERY", 500)
    ids, counts = text(60_000)
    plan = PLAN | {"epochs": 5}  # after 2, a thread that began late still shows: 5 % where it is 1 % after 5
    one = loss(hogwild(ids, counts, WordPlan(**plan, threads=1)), ids)
    for _ in range(3):  # where both cores are busy a thread may wait while the other goes through all
        two = loss(hogwild(ids, counts, WordPlan(**plan, threads=2)), ids)
        if abs(two - one) < 0.08 * one:
            break
    assert abs(two - one) < 0.08 * one


def test_many_threads_learn_from_a_short_text_what_one_does():
    """With exchanges as far apart at the beginning as later, eight threads ended at twice the loss of one."""
    ids, counts = text(60_000)
    one, many = (loss(hogwild(ids, counts, WordPlan(**PLAN | {"epochs": 5}, threads=t)), ids) for t in (1, 8))
    assert abs(many - one) < 0.2 * one


def test_a_cache_of_an_earlier_version_is_forgotten(tmp_path):
    """numba unpickles types by name: a name that is no more made every call fail."""
    module = tmp_path / "kernel.py"
    code = "from typing import NamedTuple\nfrom selfsup.solvers.kernels.lanes import compiled\n\n"
    code += "class {0}(NamedTuple):\n    a: int\n\n"
    code += "@compiled()\ndef first(x):\n    return x.a\n\ndef main():\n    print(first({0}(3)))\n"
    for name in ("Old", "New"):
        module.write_text(code.format(name))
        run = [sys.executable, "-c", "import kernel; kernel.main()"]
        done = subprocess.run(run, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout) == (0, "3\n"), done.stderr

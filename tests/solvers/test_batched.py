"""The solver of word vectors for GPUs, on the CPU: its step against autograd, its draws, what holds it back, whole runs."""

import threading

import numpy as np
import pytest
import torch
from hypothesis import given, strategies as some
from scipy import stats

import selfsup
from selfsup.cli.main import main
from selfsup.errors import DataError, OptionError, RunError, TrainingError
from selfsup.solvers import batched as solver
from selfsup.solvers.batched import batched, block_size, pairs
from selfsup.solvers.blocks.pieces import draw_negatives, draw_piece, generator, make_odds
from selfsup.solvers.blocks.saturation import curvature, phi, saturated, second_moment
from selfsup.solvers.blocks.step import Room, Rows, contexts, diagonal_sums, learn
from selfsup.solvers.hogwild import hogwild
from selfsup.solvers.words import WordPlan, WordState
from selfsup.store.checkpoint import Checkpoint
from selfsup.training.loop import Loop

WORDS, CPU = 50, torch.device("cpu")


def text(n=30_000, words=WORDS, seed=0):
    """Ids with structure: a word is mostly followed by one of its neighbours; sentences of 5 to 60 words."""
    rng = np.random.default_rng(seed)
    ids = (np.cumsum(rng.integers(-2, 3, n)) % words).astype(np.int32)
    borders = np.cumsum(rng.integers(6, 61, n // 30))
    ids[borders[borders < n]] = -1
    return ids, np.bincount(ids[ids >= 0], minlength=words).astype(np.int64)


def declared(v, u, piece, first, last, window, bag):
    """The declared loss of the windows of words first to last of a piece, window by window; its gradient as the solver steps."""
    total = torch.zeros((), dtype=torch.float64)
    word, sentence = piece.word[window:-window].tolist(), piece.sentence[window:-window].tolist()
    for i in range(first, last):
        reach = int(piece.reach[i])
        around = [
            j for j in range(max(0, i - reach), min(len(word), i + reach + 1)) if j != i and sentence[j] == sentence[i]
        ]
        if not around:
            continue
        rows = v[[word[j] for j in around]]
        seen = rows.mean(0, keepdim=True) if bag else rows
        if bag:  # the words' gradient alone times (bag + their number) / 2
            seen = seen.detach() + (bag + len(around)) / 2 * (seen - seen.detach())
        scores = seen @ u[piece.target[i]].T
        signs = torch.tensor([1.0] + [-1.0] * (scores.shape[1] - 1), dtype=torch.float64)
        each = torch.tensor([1.0] + [float(k != word[i]) for k in piece.target[i, 1:].tolist()], dtype=torch.float64)
        total = total - (torch.nn.functional.logsigmoid(scores * signs) * each).sum()
    return total


def drawn(n=200, window=4, negative=5, sample=0.0, fixed=False, seed=0):
    ids, counts = text(n)
    odds = make_odds(np.maximum(counts, 1), sample, 0.75, CPU)
    return draw_piece(torch.from_numpy(ids), odds, window, fixed, negative, generator(seed, 0, CPU))


def tables(often=(), dim=20, seed=0):
    rng = np.random.default_rng(seed)
    values = [0.4 * rng.normal(size=(WORDS, dim)).astype(np.float32) for _ in range(2)]
    return values, [Rows(value, np.array(often, np.int64), CPU) for value in values]


@pytest.mark.parametrize("bag", [0.0, 5.0])
@pytest.mark.parametrize(("first", "last", "negative"), [(0, 40, 5), (7, 8, 1), (100, 190, 9), (17, 60, 20)])
def test_a_block_moves_by_the_gradient_of_the_declared_loss(bag, first, last, negative):
    """Windows at the text's ends and at borders too, negatives that are the word, and negatives drawn twice."""
    piece, rate = drawn(negative=negative), 0.01
    values, rows = tables()
    v, u = (torch.tensor(value, dtype=torch.float64, requires_grad=True) for value in values)
    declared(v, u, piece, first, last, 4, bag).backward()
    room = Room(100, 4, 1 if bag else 1 + negative, 20, CPU)
    room.coefficient[:] = room.rows[:] = 7  # what an earlier block may have left behind the margin
    room.coefficient[:8] = room.rows[:8] = 0
    learn(*rows, piece, first, last, rate, bag, room)
    for table, leaf, step in zip(rows, (v, u), (rate, rate), strict=True):
        moved = table.table[:WORDS].double() - leaf.detach()
        torch.testing.assert_close(moved, -step * leaf.grad, rtol=1e-4, atol=2e-6)
        assert moved.abs().max() > 1e-4
        assert not table.table[WORDS:].any()


@pytest.mark.parametrize("bag", [0.0, 5.0])
def test_a_small_step_is_hardly_held_back_and_a_large_one_is(bag):
    piece, (values, _) = drawn(), tables()
    moved = {}
    for rate in (1e-5, 1.0):
        for often in ((), range(WORDS)):
            rows = tables(often)[1]
            learn(*rows, piece, 0, len(piece), rate, bag, Room(len(piece), 4, 1 if bag else 6, 20, CPU))
            moves = [table.table[:WORDS].numpy() - value for table, value in zip(rows, values, strict=True)]
            moved[rate, len(often)] = np.concatenate(moves)
            assert not any(table.table[WORDS:].any() for table in rows)
    np.testing.assert_allclose(moved[1e-5, WORDS], moved[1e-5, 0], rtol=0.02, atol=1e-6)
    length = [np.linalg.norm(moved[1.0, often], axis=1) for often in (0, WORDS)]
    assert (length[1] <= length[0]).all()
    assert np.median(length[1][length[0] > 0] / length[0][length[0] > 0]) < 0.7


def test_a_row_gathers_at_least_the_curvature_of_its_loss():
    piece, (values, rows) = drawn(n=40), tables(range(WORDS))
    row, n = int(piece.target[3, 0]), len(piece)
    v = torch.tensor(values[0], dtype=torch.float64)

    def one(vector):
        u = torch.tensor(values[1], dtype=torch.float64).index_copy(0, torch.tensor([row]), vector[None])
        return declared(v, u, piece, 0, n, 4, 0.0)

    whole = torch.autograd.functional.hessian(one, torch.tensor(values[1][row], dtype=torch.float64))
    seen = {}
    rows[1].settle = lambda rate, moment: seen.update(bend=rows[1].bend.clone(), moment=moment)
    learn(*rows, piece, 0, n, 0.01, 0.0, Room(n, 4, 6, 20, CPU))
    own = v[piece.word[4:-4]].square().sum(1)  # the Hessian's trace: the sum of s (1 - s) |x|^2
    bend = float(seen["bend"][WORDS + 1 + row])
    number = contexts(piece, 0, n, 4).sum(1, keepdim=True) * piece.weight
    assert float(whole.trace()) <= bend * float(own.max())
    assert 0.1 * bend <= float(0.25 * number[piece.target == row].sum()) <= 2 * bend
    assert torch.linalg.eigvalsh(seen["moment"]).min() > -1e-5


def test_the_parabola_touches_the_loss_and_lies_above():
    x, y = torch.linspace(-20, 20, 201, dtype=torch.float64)[:, None], torch.linspace(-30, 30, 301, dtype=torch.float64)
    for sign in (1, -1):
        near, there = torch.nn.functional.softplus(-sign * x), torch.nn.functional.softplus(-sign * y)
        slope = -sign * torch.sigmoid(-sign * x)
        parabola = near + slope * (y - x) + curvature(x, torch.sigmoid(x)) / 2 * (y - x) ** 2
        assert (parabola - there).min() > -1e-5
        mirrored = near + slope * -2 * x + curvature(x, torch.sigmoid(x)) / 2 * 4 * x**2  # it touches at -x too
        torch.testing.assert_close(mirrored, torch.nn.functional.softplus(sign * x), rtol=1e-6, atol=1e-6)


def exact(moves, bend, moment):
    values, vectors = torch.linalg.eigh(moment)
    return (moves @ vectors * phi(bend[:, None] * values.clamp(min=0))) @ vectors.T


def test_phi_is_what_it_says():
    z = torch.tensor([0.0, 1e-6, 1e-3, 1.0, 50.0, 1e6], dtype=torch.float64)
    expected = torch.tensor([1.0, 1 - 5e-7, (1 - np.exp(-1e-3)) / 1e-3, 1 - np.exp(-1.0), 0.02, 1e-6])
    torch.testing.assert_close(phi(z), expected.double(), rtol=1e-6, atol=0)


@given(some.integers(0, 10_000), some.floats(0, 1e4), some.integers(1, 9))
def test_saturation_shortens_and_never_turns_back(seed, strength, dim):
    rng = torch.Generator().manual_seed(seed)
    x = torch.randn((12, dim), generator=rng)
    moment, moves = x.T @ x / 12, torch.randn((5, dim), generator=rng)
    bend = torch.rand(5, generator=rng) * strength
    found = saturated(moves, bend, moment)
    assert found.isfinite().all()
    assert (found.norm(dim=1) <= moves.norm(dim=1) * (1 + 1e-4)).all()
    assert ((found * moves).sum(1) >= -1e-4 * moves.square().sum(1)).all()
    torch.testing.assert_close(saturated(moves, bend * 0, moment), moves)
    if dim <= 2:  # two steps of Lanczos are all there are
        torch.testing.assert_close(found, exact(moves, bend, moment), rtol=1e-2, atol=1e-3)


def test_saturation_is_the_exponential_of_one_common_direction():
    """One large eigenvalue among equal ones, as word vectors have it: two steps of Lanczos are exact."""
    common = torch.nn.functional.normalize(torch.randn(30, generator=torch.Generator().manual_seed(1)), dim=0)
    moment = 0.1 * torch.eye(30) + 5 * common[:, None] * common
    moves = torch.randn((8, 30), generator=torch.Generator().manual_seed(2)) + 3 * common
    bend = torch.logspace(-3, 3, 8)
    torch.testing.assert_close(saturated(moves, bend, moment), exact(moves, bend, moment), rtol=1e-3, atol=1e-4)


def test_moves_that_agree_go_as_far_as_they_would_one_after_another():
    """The gradient flow of 1000 equal quadratic losses, in small steps."""
    x, rate, start = torch.tensor([2.0, 1.0]), 0.05, torch.tensor([1.0, -3.0])
    row, far = start.clone(), start.clone()
    for _ in range(1000 * 100):
        row -= rate / 100 * (x @ row) * x
    moves = (-1000 * rate * (x @ far) * x)[None]
    found = saturated(moves, torch.tensor([1000 * rate]), second_moment(x[None], torch.ones(1)))
    torch.testing.assert_close(far + found[0], row, rtol=0, atol=1e-3)
    assert moves.norm() > 50 * found.norm()


def test_sums_over_the_windows_of_a_place():
    values = torch.randn((7, 5), generator=torch.Generator().manual_seed(0))
    expected = torch.zeros(11)
    for i in range(7):
        expected[i : i + 5] += values[i]
    torch.testing.assert_close(diagonal_sums(values), expected)


def test_negatives_follow_the_counts_to_the_power():
    counts = np.random.default_rng(0).zipf(1.3, WORDS).clip(1, 10_000).astype(np.int64)
    found = draw_negatives(40_000, make_odds(counts, 0, 0.75, CPU), 5, generator(1, 2, CPU)).reshape(-1)
    expected = counts**0.75 / (counts**0.75).sum() * len(found)
    assert stats.chisquare(np.bincount(found, minlength=WORDS), expected).pvalue > 1e-4


def test_subsampling_keeps_the_share_of_the_formula():
    counts = np.array([40_000, 9_000, 900, 100])
    ids = torch.from_numpy(np.random.default_rng(0).permutation(np.repeat(np.arange(4, dtype=np.int32), counts)))
    piece = draw_piece(ids, make_odds(counts, 1e-3, 0.75, CPU), 5, False, 2, generator(0, 0, CPU))
    kept, p = np.bincount(piece.word[5:-5], minlength=4), counts / counts.sum()
    share = np.minimum(1, np.sqrt(1e-3 / p) + 1e-3 / p)
    assert (np.abs(kept - counts * share) <= 4 * np.sqrt(counts * share * (1 - share) + 1e-9)).all()


@pytest.mark.parametrize("fixed", [False, True])
def test_windows_stay_in_their_sentence_and_reach_as_far_as_they_should(fixed):
    ids, _ = text(2000)
    piece, sentence = drawn(2000, 5, fixed=fixed), np.cumsum(ids < 0)[ids >= 0]
    assert (piece.word[5:-5].numpy() == ids[ids >= 0]).all()
    assert set(piece.word[:5].tolist() + piece.word[-5:].tolist()) == {WORDS}
    reach, used = piece.reach[:, 0].numpy(), contexts(piece, 0, len(piece), 5).numpy()
    for i, row in enumerate(used):
        near = [i + o for o in range(-5, 6) if o and abs(o) <= reach[i] and 0 <= i + o < len(sentence)]
        assert [j - 5 + i for j in np.flatnonzero(row)] == [j for j in near if sentence[j] == sentence[i]]
    assert (contexts(piece, 30, 90, 5).numpy() == used[30:90]).all()
    found = np.bincount(reach, minlength=6)[1:]
    assert (found[:4].sum() == 0) if fixed else (stats.chisquare(found).pvalue > 1e-4)
    own = piece.target[:, 1:] == piece.target[:, :1]
    assert ((piece.weight[:, 1:] == 0) == own).all()
    assert own.any()


def test_how_often_a_row_is_met_is_foreseen():
    ids, counts = text()
    counts, plan = np.bincount(ids[ids >= 0] ** 2 // 50, minlength=WORDS), WordPlan(4, sample=0, window=4)
    ids = np.where(ids < 0, 0, ids**2 // 50).astype(np.int32)  # one sentence, words of unlike frequency
    counts = np.maximum(np.bincount(ids, minlength=WORDS), 1).astype(np.int64)
    piece = draw_piece(torch.from_numpy(ids), make_odds(counts, 0, 0.75, CPU), 4, False, 5, generator(0, 0, CPU))
    number = contexts(piece, 0, len(piece), 4).sum(1).numpy()
    met = [
        np.bincount(piece.word[4:-4], minlength=WORDS) * number.mean(),
        np.bincount(piece.target.reshape(-1), np.repeat(number, 6), WORDS),
    ]
    for found, expected in zip(met, pairs(counts, plan, len(piece)), strict=True):
        np.testing.assert_allclose(found, expected, rtol=0.1, atol=60)


def loss(s, ids):
    """The declared loss of pairs of neighbours against random words."""
    rng = np.random.default_rng(1)
    a, b = ids[:-1], ids[1:]
    a, b = a[(a >= 0) & (b >= 0)], b[(a >= 0) & (b >= 0)]
    other = rng.integers(0, WORDS, (len(a), 5))
    false = np.einsum("nd,nkd->nk", s.input[a], s.output[other])
    return np.logaddexp(0, -(s.input[a] * s.output[b]).sum(1)).mean() + np.logaddexp(0, false).sum(1).mean()


PLAN = {"dim": 20, "sample": 1e-2, "epochs": 3, "lr": 0.05}


@pytest.mark.parametrize(
    "more", [{}, {"architecture": "cbow", "lr": 0.1}, {"negative": 11}, {"fixed_window": True, "sample": 0.0}], ids=str
)
def test_the_loss_falls_as_with_the_other_solver(more):
    ids, counts = text()
    plan = WordPlan(**PLAN | more)
    start, one, other = WordState.start(WORDS, 20), batched(ids, counts, plan), hogwild(ids, counts, plan)
    assert one.done == 3 * len(ids)
    assert abs(one.kept - other.kept) < 0.02 * other.kept
    assert loss(one, ids) < 0.8 * loss(start, ids)
    assert loss(one, ids) == pytest.approx(loss(other, ids), rel=0.05)
    for table in one.tables:
        assert not table[:, 20:].any()
        assert not table[WORDS:].any()


def test_large_blocks_learn_and_diverge_only_without_saturation(monkeypatch):
    ids, counts = text(100_000)
    plan = WordPlan(**PLAN | {"epochs": 3})
    assert loss(batched(ids, counts, plan, block=8192), ids) < 1.1 * loss(batched(ids, counts, plan, block=1024), ids)
    monkeypatch.setattr(solver, "OFTEN", np.inf)
    with pytest.raises(TrainingError, match="lr"):
        batched(ids, counts, plan, block=8192)


def same(a, b):
    return (a.input == b.input).all() and (a.output == b.output).all() and (a.done, a.kept) == (b.done, b.kept)


class After(threading.Event):
    """An event that is set from the first look on: training stops as soon as it can."""

    def is_set(self):
        return True


@pytest.mark.parametrize("architecture", ["skipgram", "cbow"])
def test_training_that_stopped_and_went_on_equals_training_that_never_stopped(architecture):
    ids, counts = text()
    plan = WordPlan(**PLAN, architecture=architecture)
    whole, s, stops = batched(ids, counts, plan), None, 0
    assert same(whole, batched(ids, counts, plan))
    assert not same(whole, batched(ids, counts, WordPlan(**PLAN, architecture=architecture, seed=1)))
    while s is None or s.done < 3 * len(ids):
        s = batched(
            ids, counts, plan, s if s is None else WordState.of(s.input, s.output, s.done, s.kept), stop=After()
        )
        stops += 1
    assert stops > 5
    assert same(s, whole)


def test_ids_may_be_a_memory_map_and_progress_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(solver, "TICK", 0.0)
    ids, counts = text()
    np.save(tmp_path / "ids.npy", ids)
    told = []
    mapped = np.load(tmp_path / "ids.npy", mmap_mode="r")
    s = batched(mapped, counts, WordPlan(**PLAN), progress=lambda *state: told.append(state))
    assert same(s, batched(ids, counts, WordPlan(**PLAN)))
    assert told[-1] == (3 * len(ids), 3 * len(ids), s.kept)
    assert [done for done, *_ in told] == sorted({done for done, *_ in told})


def test_a_failing_callback_leaves_a_state_that_can_go_on(monkeypatch):
    monkeypatch.setattr(solver, "TICK", 0.0)
    ids, counts = text()
    plan, s = WordPlan(**PLAN), WordState.start(WORDS, 20)

    def interrupt(*_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        batched(ids, counts, plan, s, progress=interrupt)
    assert 0 < s.done < 3 * len(ids)
    assert same(batched(ids, counts, plan, s), batched(ids, counts, plan))


def test_words_need_not_be_sorted():
    ids, counts = text()
    order = np.random.default_rng(3).permutation(WORDS)
    other = np.where(ids < 0, -1, order[ids]).astype(np.int32)
    s = batched(other, counts[np.argsort(order)], WordPlan(**PLAN))
    back = WordState.of(s.input[order], s.output[order])
    assert loss(back, ids) == pytest.approx(loss(batched(ids, counts, WordPlan(**PLAN)), ids), rel=0.05)


def test_the_block_shrinks_with_the_text():
    counts = np.full(1000, 10_000)
    assert block_size(counts, WordPlan(4, sample=0), 10_000) == solver.LEAST
    assert block_size(counts, WordPlan(4, sample=0), 4_000_000) == 10_000
    assert block_size(counts, WordPlan(4, sample=0), 10**9) == solver.BLOCK


def test_what_is_wrong_is_said():
    ids, counts = text()
    plan = WordPlan(**PLAN)
    with pytest.raises(OptionError, match="block must be at least 1, not 0"):
        batched(ids, counts, plan, block=0)
    with pytest.raises(OptionError, match="device cpu"):
        batched(ids, counts, WordPlan(**PLAN, deterministic=True), device="meta")
    with pytest.raises(DataError, match="int32"):
        batched(ids.astype(np.int64), counts, plan)
    with pytest.raises(DataError, match="position 7"):
        batched(ids, counts, plan, WordState.of(np.zeros((WORDS, 20)), np.zeros((WORDS, 20)), done=7))
    with pytest.raises(TrainingError, match="lr 5e\\+07 instead of 2e\\+08"):
        batched(ids, counts, WordPlan(20, lr=2e8, sample=0, epochs=5))
    nothing = np.array([-1, -1, -1], np.int32)
    assert batched(nothing, counts, plan).kept == 0


def corpus(tmp_path):
    """Two topics whose words never meet: neighbours must be of one topic."""
    rng = np.random.default_rng(0)
    topics = [[f"{name}{number}" for number in range(10)] for name in ("sea", "city")]
    (tmp_path / "corpus.txt").write_text("\n".join(" ".join(rng.choice(topics[i % 2], 12)) for i in range(600)))
    return tmp_path / "corpus.txt"


SMALL = {"dim": 16, "min_count": 1, "sample": 0.0, "progress": False, "solver": "batched"}


@pytest.mark.parametrize("method", ["skipgram", "cbow"])
def test_fit_learns_topics_with_it(tmp_path, method):
    path = corpus(tmp_path)
    model = selfsup.fit(path, method, epochs=12, out=tmp_path / "run", **SMALL)
    for word in ("sea3", "city7"):
        assert all(other[:3] == word[:3] for other, _ in model.most_similar(word, 5))
    assert model.history[-1]["heldout"] < 0.9 * model.start["heldout"]
    assert model.history[-1]["gap"] > 0.1
    config = selfsup.load(tmp_path / "run").config
    training = config["training"]
    assert (config["solver"], training["batch_size"], training["device"]) == ("batched", solver.LEAST, "cpu")
    assert selfsup.fit(path, method, epochs=1, batch_size=100, **SMALL).config["training"]["batch_size"] == 100


def test_an_interrupted_run_goes_on(tmp_path, monkeypatch):
    path = corpus(tmp_path)
    whole = selfsup.fit(path, "skipgram", epochs=6, **SMALL)
    monkeypatch.setattr(Loop, "_wanted", lambda self: True)  # a state after every tick
    monkeypatch.setattr(solver, "TICK", 0.0)
    save = Checkpoint.save

    def cut(self, tensors, facts):
        save(self, tensors, facts)
        raise KeyboardInterrupt

    monkeypatch.setattr(Checkpoint, "save", cut)
    arguments = {"epochs": 6, "out": tmp_path / "run", "checkpoint_every": 0.0, **SMALL}
    with pytest.raises(KeyboardInterrupt):
        selfsup.fit(path, "skipgram", **arguments)
    monkeypatch.setattr(Checkpoint, "save", save)
    with pytest.raises(RunError, match="batch_size"):
        selfsup.fit(path, "skipgram", resume=True, **arguments | {"batch_size": 999})
    resumed = selfsup.fit(path, "skipgram", resume=True, **arguments)
    np.testing.assert_array_equal(resumed.word_vectors.vectors, whole.word_vectors.vectors)


def test_the_command_line_and_the_choice_of_the_solver(tmp_path, monkeypatch, capsys):
    path = corpus(tmp_path)
    arguments = ["fit", str(path), "--solver", "batched", "--dim", "8", "--min-count", "1", "--epochs", "1"]
    assert main([*arguments, "--out", str(tmp_path / "run"), "--no-progress"]) == 0
    assert selfsup.load(tmp_path / "run").config["solver"] == "batched"
    assert main([*arguments[:2], "--solver", "hogwild", "--device", "meta", "--method", "skipgram"]) == 2
    assert "hogwild runs on the CPU, not on 'meta'" in capsys.readouterr().err
    monkeypatch.setattr("selfsup.training.job.Job.run", lambda job, folder: job.solver.name)
    more = {"min_count": 1, "progress": False}
    assert selfsup.fit(path, "skipgram", **more) == "hogwild"
    assert selfsup.fit(path, "cbow", device="meta", **more) == "batched"
    for what in (
        {"subwords": True},
        {"objective": "hierarchical"},
    ):  # no fast solver has them on a device that was named
        assert selfsup.fit(path, "skipgram", device="meta", **what, **more) == "sgd"
    with pytest.raises(OptionError, match="batched has neither subwords nor objective 'hierarchical'"):
        selfsup.fit(path, "skipgram", solver="batched", subwords=True, **more)
    with pytest.raises(OptionError, match="deterministic"):
        selfsup.fit(path, "skipgram", device="meta", deterministic=True, **more)
    assert selfsup.fit(path, "skipgram", device="meta", objective="softmax", **more) == "sgd"


def test_it_is_for_words():
    with pytest.raises(OptionError, match="batched is for word vectors"):
        selfsup.fit(np.zeros((20, 3)), "denoising", solver="batched")
    with pytest.raises(OptionError, match="batched has no objective 'softmax'; use sgd"):
        selfsup.fit([["a", "b"]] * 9, "skipgram", solver="batched", objective="softmax", min_count=1, progress=False)

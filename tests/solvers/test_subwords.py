"""Subwords: n-grams and their rows as fastText has them, the declared problem, the kernel against autograd, unseen words."""

import json
import threading

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st

import selfsup
from selfsup.cli.main import main
from selfsup.data.facts import Facts
from selfsup.data.text.form import TextForm
from selfsup.data.text.subwords import Subwords
from selfsup.errors import DataError, RunError
from selfsup.method import shuffle_gap, step, total
from selfsup.methods import find
from selfsup.methods.skipgram import Neighbours
from selfsup.model.encode import build
from selfsup.options import options_of, parse
from selfsup.solvers.hogwild import hogwild
from selfsup.solvers.kernels.draws import make_batch
from selfsup.solvers.words import WordPlan, WordState
from selfsup.words.ngrams import NGRAMS, NgramVectors

FASTTEXT = {  # `get_subwords` of the package fasttext 0.9, minn 3, maxn 6, bucket 2**19: rows less the size of its vocabulary
    "über": {"<üb": 259258, "<übe": 162573, "<über": 26861, "<über>": 328745, "übe": 460071, "über": 353487,
             "über>": 386915, "ber": 417014, "ber>": 265944, "er>": 515640},
    "東京都": {"<東京": 477373, "<東京都": 93232, "<東京都>": 334346, "東京都": 106746, "東京都>": 5260, "京都>": 372834},
    "of": {"<of": 362606, "<of>": 366064, "of>": 195426},
    "a": {"<a>": 315888},
}  # fmt: skip
SHORT = {
    "<ü": 388,
    "<üb": 82,
    "ü": 730,
    "üb": 928,
    "übe": 527,
    "b": 77,
    "be": 232,
    "ber": 366,
    "e": 744,
    "er": 446,
    "er>": 840,
    "r": 981,
    "r>": 353,
}  # fmt: skip  minn 1, maxn 3, bucket 1000


def test_rows_are_those_of_fasttext():
    words = list(FASTTEXT)
    offsets, buckets = Subwords().hashed(words)
    for word, first, end in zip(words, offsets, offsets[1:], strict=False):
        found = dict(zip(Subwords().ngrams(word), buckets[first:end].tolist(), strict=True))
        assert found == FASTTEXT[word]
        assert list(found) == list(FASTTEXT[word])
    short = Subwords(1, 3, 1000)
    assert dict(zip(short.ngrams("über"), short.hashed(["über"])[1].tolist(), strict=True)) == SHORT


def fnv(ngram: str) -> int:
    """As in fastText's dictionary.cc: a byte is a signed char before it becomes 32 bits."""
    h = 2166136261
    for byte in ngram.encode("utf-8", "surrogatepass"):
        h = ((h ^ (byte if byte < 128 else byte + 0xFFFFFF00)) * 16777619) % 2**32
    return h


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text(max_size=9), max_size=5), st.integers(1, 4), st.integers(0, 4), st.integers(1, 5000))
def test_every_ngram_of_any_text_is_hashed(words, shortest, more, buckets):
    subwords = Subwords(shortest, shortest + more, buckets)
    offsets, found = subwords.hashed(words)
    expected = [[fnv(ngram) % buckets for ngram in subwords.ngrams(word)] for word in words]
    assert [found[a:b].tolist() for a, b in zip(offsets, offsets[1:], strict=False)] == expected
    offsets, rows, size = subwords.bags(words)
    assert size == len(words) + buckets
    bags = [rows[a:b].tolist() for a, b in zip(offsets, offsets[1:], strict=False)]
    assert bags == [[i, *(len(words) + bucket for bucket in each)] for i, each in enumerate(expected)]


WORDS = ["sail", "sails", "sailor", "tail", "tails", "rail", "mail", "jail", "hailstorms", "a", "of", "quail"]
EVEN = [f"{a}ai{b}" for a in "stmr" for b in "lnd"]  # of one length: bags of one size


def bags_of(words, buckets=40):
    return Subwords(2, 4, buckets).bags(words)


def declared(name, words, dim=20, **options):
    """The method with random tables, large enough that all its sigmoids differ."""
    form = TextForm.of(words, np.arange(len(words), 0, -1) * 10)
    options = {"dim": dim, "subwords": True, "ngrams": (2, 4), "buckets": 40, "sample": 0.0} | options
    method = build(find(name)[1](**options), Facts(form), 0).double()
    torch.nn.init.normal_(method.input, std=0.5)
    torch.nn.init.normal_(method.output, std=0.5)
    return method


def test_the_vector_of_a_word_is_the_mean_of_its_rows():
    method, bags = declared("skipgram", WORDS), bags_of(WORDS)
    rows = method.input.detach().numpy()
    expected = np.stack([rows[bags.rows[a:b]].mean(0) for a, b in zip(bags.offsets, bags.offsets[1:], strict=False)])
    np.testing.assert_allclose(method.words().numpy(), expected)
    words = torch.tensor([[3, 0, 3], [9, 11, 8]])
    np.testing.assert_allclose(method.vectors(words).detach().numpy(), expected[words.numpy()])


@pytest.mark.parametrize("name", ["skipgram", "cbow"])
def test_the_declared_loss_reaches_all_rows_that_are_used(name):
    method = declared(name, WORDS).float()
    x = torch.from_numpy(np.random.default_rng(0).integers(0, len(WORDS), (60, 11)))
    total(step(method, x, torch.Generator().manual_seed(0))[0]).backward()
    used = np.unique(bags_of(WORDS).rows)
    assert method.input.grad[used].abs().sum(1).min() > 0
    assert method.input.grad.abs().sum(1).nonzero().flatten().tolist() == used.tolist()
    assert np.isfinite(shuffle_gap(method, x)["gap"])


@pytest.mark.parametrize("words", [WORDS, EVEN], ids=["bags of any size", "bags of one size"])
@pytest.mark.parametrize("name", ["skipgram", "cbow"])
def test_a_window_moves_by_the_gradient_of_the_declared_loss(name, words):
    from selfsup.solvers.kernels.windows import learn_bags

    dim, rate, lift = 20, 0.05, 6.0 if name == "cbow" else 0.0
    method, bags = declared(name, words, dim), bags_of(words)
    chosen, targets = [0, 3, 1, 4, 9], [0, 10, 7, 2]  # "sail", "tail", "sails" and "tails" share n-grams
    contexts = torch.tensor(chosen[1:])
    answers = len(contexts) if name == "skipgram" else 1
    answer = Neighbours(*(torch.tensor([each] * answers) for each in ([targets[0]], [1.0], targets[1:])))
    answer = answer._replace(used=answer.used.double())
    seen = contexts if name == "skipgram" else Neighbours(contexts[None], torch.ones(1, 4).double(), contexts[None, :0])
    composed: list = []
    vectors = method.vectors
    method.vectors = lambda w: composed.append(vectors(w)) or composed[-1]
    guess = method.predict(seen)
    composed[0].retain_grad()
    method.loss(guess, answer)["neighbours"].sum().backward()

    state = WordState.of(method.input.detach().numpy(), method.output.detach().numpy())
    before = np.array(state.input, np.float64), np.array(state.output, np.float64)
    batch = make_batch(len(targets) - 1)
    size = len(chosen)
    batch.word[:size], batch.low[:size], batch.high[:size] = chosen, range(size), range(1, size + 1)  # no contexts ...
    batch.high[0] = size  # ... but in the first window
    batch.target[0] = len(words)
    batch.target[0, : len(targets)], batch.weight[0, : len(targets)] = targets, 1
    flat = [table.reshape(-1) for table in state.tables]
    learn_bags(*flat, state.tables[0].shape[1], batch, size, rate, 5, lift, bags, np.empty(0, np.int32), 0)

    times = (lift + len(contexts)) / 2 if lift else 1.0
    sizes = np.diff(bags.offsets)[chosen[1:]]
    moves = np.zeros_like(before[0])
    for word, size, gradient in zip(chosen[1:], sizes, composed[0].grad.reshape(-1, dim).numpy(), strict=True):
        rows = bags.rows[bags.offsets[word] : bags.offsets[word + 1]]
        share = gradient / size  # of each row, which takes it at `size` times the rate
        np.add.at(moves, rows, rate * times * size * share)
    assert np.abs(state.input - (before[0] - moves)).max() < 1e-6
    assert np.abs(state.output - (before[1] - rate * method.output.grad.numpy())).max() < 1e-6
    assert np.abs(moves).max() > 1e-3
    if words is EVEN:  # with bags of one size, the move is the gradient that autograd gives the rows
        factor = rate * times * sizes[0]
        assert np.abs(state.input - (before[0] - factor * method.input.grad.numpy())).max() < 1e-6


def text(n=30_000, seed=0):
    """Ids with structure, and bags whose n-grams are shared by neighbours."""
    rng = np.random.default_rng(seed)
    ids = (np.cumsum(rng.integers(-1, 2, n)) % len(WORDS)).astype(np.int32)
    ids[rng.integers(0, n, n // 30)] = -1
    return ids, np.bincount(ids[ids >= 0], minlength=len(WORDS)).astype(np.int64), bags_of(WORDS)


def same(a, b):
    return (a.input == b.input).all() and (a.output == b.output).all() and (a.done, a.kept) == (b.done, b.kept)


PLAN = {"dim": 20, "sample": 1e-2, "epochs": 2}


@pytest.mark.parametrize("architecture", ["skipgram", "cbow"])
def test_deterministic_gives_the_same_vectors_with_any_number_of_threads(architecture):
    ids, counts, bags = text()
    plan = {**PLAN, "architecture": architecture, "deterministic": True}
    runs = [hogwild(ids, counts, WordPlan(**plan, threads=t), bags=bags) for t in (1, 2, 3)]
    assert all(same(runs[0], run) for run in runs[1:])
    start = WordState.start(len(WORDS), 20, 0, 40)
    used = np.isin(np.arange(len(WORDS) + 40), bags.rows)
    assert ((runs[0].input != start.input).any(1) == used).all()
    assert not runs[0].tables[0][:, 20:].any()


class After(threading.Event):
    """An event that is set from the first look on."""

    def is_set(self):
        return True


def test_training_that_stopped_and_went_on_equals_training_that_never_stopped():
    ids, counts, bags = text(300_000)
    plan = WordPlan(**PLAN | {"dim": 100})
    whole, state, stops = hogwild(ids, counts, plan, bags=bags), None, 0
    while state is None or state.done < 2 * len(ids):
        state = state and WordState.of(state.input, state.output, state.done, state.kept)
        state = hogwild(ids, counts, plan, state, bags=bags, stop=After())
        stops += 1
    assert stops > 1
    assert same(state, whole)


def test_bags_that_leave_the_table_are_refused():
    ids, counts, bags = text(1000)
    plan = WordPlan(4)
    with pytest.raises(DataError, match="rows in 0 to 51"):
        hogwild(ids, counts, plan, bags=bags._replace(rows=bags.rows + 40))
    with pytest.raises(DataError, match=r"offsets \(13,\)"):
        hogwild(ids, counts, plan, bags=bags._replace(offsets=bags.offsets[:-1]))
    with pytest.raises(DataError, match="needs 52 rows"):
        hogwild(ids, counts, plan, WordState.start(len(WORDS), 4), bags=bags)


STEMS = ["sail", "drift", "build", "paint"]
ENDS = ["ing", "er", "ed", "s", "able", ""]


def lines(n=500, seed=0):
    rng = np.random.default_rng(seed)
    topics = [[stem + end for end in ENDS] for stem in STEMS]
    return [list(rng.choice(topics[number % len(topics)], 12)) for number in range(n)]


SLOW = {"dim": 16, "min_count": 1, "sample": 0.0, "progress": False, "subwords": True, "buckets": 5000}
SMALL = SLOW | {"threads": 1}


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    path = tmp_path_factory.mktemp("subwords") / "corpus.txt"
    path.write_text("\n".join(" ".join(line) for line in lines()))
    return path


@pytest.fixture(scope="module")
def run(corpus, tmp_path_factory):
    out = tmp_path_factory.mktemp("run") / "run"
    selfsup.fit(corpus, "skipgram", epochs=15, out=out, **SMALL)
    return out


def test_an_unseen_word_is_near_its_inflections(run):
    vectors = selfsup.load(run)
    for word, stem in (("sailings", "sail"), ("painters", "paint"), ("rebuild", "build")):
        assert word not in vectors
        near = [other for other, _ in vectors.most_similar(word, 3)]
        assert all(other.startswith(stem) for other in near), (word, near)
    assert vectors.similarity("sailings", "sailing") > 0.8 > vectors.similarity("sailings", "painting")
    assert vectors.vectors_of(["sail", "sailings"]).shape == (2, 16)
    found = vectors.most_similar(positive=["sailings", "paints"], negative=["sails"], k=3)
    assert not {"paints", "sails"} & {word for word, _ in found}


def test_a_run_holds_the_composed_vectors_and_the_ngrams_that_are_used(run):
    model = selfsup.load(run)
    subwords = Subwords(3, 6, 5000)
    assert model.ngrams.subwords == subwords
    assert model.ngrams.buckets.tolist() == np.unique(subwords.hashed(model.words)[1]).tolist()
    assert json.loads((run / "config.json").read_text())["parameters"] == (2 * len(model) + 5000) * 16
    own = selfsup.WordVectors.load(run)
    assert (own["sailings"] == model["sailings"]).all()
    offsets, found = subwords.hashed(["sailings"])
    known = [row for row, bucket in enumerate(model.ngrams.buckets) if bucket in found]
    assert 0 < len(known) < offsets[-1]
    weights = (found[:, None] == model.ngrams.buckets[known]).sum(0)
    np.testing.assert_allclose(
        own["sailings"], np.average(model.ngrams.vectors[known], 0, weights), rtol=1e-4, atol=1e-6
    )


def test_saved_and_loaded_an_unseen_word_keeps_its_vector(run, tmp_path):
    vectors = selfsup.WordVectors.load(run)
    vectors.save(tmp_path / "folder")
    again = selfsup.WordVectors.load(tmp_path / "folder")
    assert (again["sailings"] == vectors["sailings"]).all()
    again.save(tmp_path / "folder", overwrite=True)
    assert "sailings" not in again
    assert (selfsup.WordVectors.load(tmp_path / "folder")["sailings"] == vectors["sailings"]).all()
    vectors.save(tmp_path / "words.txt")
    plain = selfsup.WordVectors.load(tmp_path / "words.txt")
    assert plain.words == vectors.words
    np.testing.assert_allclose(plain.vectors, vectors.vectors, rtol=1e-5)
    with pytest.raises(DataError, match="unknown word 'sailings'"):
        plain["sailings"]


def test_a_word_without_a_known_ngram_is_named(run):
    vectors = selfsup.load(run)
    for word in ("", "ж", "東京都"):
        with pytest.raises(DataError, match=r"none of its n-grams of 3 to 6 characters"):
            vectors.most_similar(word)
    with pytest.raises(DataError, match="a word is a string; got 7"):
        vectors[7]


def written(tmp_path, vectors=np.ones((3, 2), np.float32), buckets=(1, 4, 7), subwords=Subwords(3, 6, 9)):  # noqa: B008
    NgramVectors(subwords, np.array(buckets, np.int32), vectors).write(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"buckets": (1, 4)}, "2 buckets and vectors"),
        ({"buckets": (1, 7, 4)}, "must rise"),
        ({"buckets": (1, 4, 9)}, "within 0 to 8"),
        ({"subwords": Subwords(4, 3, 9)}, "no n-grams"),
        ({"vectors": np.ones((3, 5), np.float32)}, "beside word vectors of 2"),
    ],
)
def test_a_file_of_ngrams_that_cannot_be_is_refused(tmp_path, more, said):
    assert NgramVectors.read(tmp_path, 2) is None
    assert NgramVectors.read(written(tmp_path), 2).vectors.shape == (3, 2)
    with pytest.raises(RunError, match=said):
        NgramVectors.read(written(tmp_path, **more), 2)


def test_a_damaged_file_of_ngrams_is_refused(tmp_path):
    path = written(tmp_path) / NGRAMS
    content = path.read_bytes()
    path.write_bytes(content[:-4])
    with pytest.raises(RunError, match="damaged or truncated"):
        NgramVectors.read(tmp_path, 2)
    path.write_bytes(content.replace(b'"longest":"6"', b'"longest":"x"'))
    with pytest.raises(RunError, match="metadata"):
        NgramVectors.read(tmp_path, 2)
    path.write_bytes(content.replace(b'"vectors"', b'"victors"'))
    with pytest.raises(RunError, match="no array 'vectors'"):
        NgramVectors.read(tmp_path, 2)


def test_both_solvers_solve_one_problem(corpus):
    fast = selfsup.fit(corpus, "skipgram", epochs=15, **SMALL)
    slow = selfsup.fit(corpus, "skipgram", epochs=20, lr=2e-2, solver="sgd", **SLOW)
    assert fast.history[-1]["heldout"] == pytest.approx(slow.history[-1]["heldout"], rel=0.1)
    assert slow.most_similar("sailings", 1)[0][0].startswith("sail")


@pytest.mark.parametrize("more", [{"threads": 1}, {"deterministic": True, "threads": 2}], ids=str)
def test_an_interrupted_run_goes_on(corpus, tmp_path, in_slices, cut, more):
    arguments = SMALL | {"epochs": 40} | more
    whole = selfsup.fit(corpus, "cbow", **arguments)
    arguments |= {"out": tmp_path / "run", "checkpoint_every": 0.0}
    with pytest.raises(KeyboardInterrupt):
        selfsup.fit(corpus, "cbow", **arguments)
    cut()
    resumed = selfsup.fit(corpus, "cbow", resume=True, **arguments)
    assert np.array_equal(resumed.vectors, whole.vectors)
    assert np.array_equal(resumed.ngrams.vectors, whole.ngrams.vectors)


def test_the_options_on_the_command_line(corpus, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    fit = ["fit", str(corpus), "--method", "cbow", "--dim", "8", "--min-count", "1", "--epochs", "1", "--no-progress"]
    assert main([*fit, "--subwords", "--ngrams", "2,4", "--buckets", "700", "--out", "run"]) == 0
    model = selfsup.load("run")
    assert model.ngrams.subwords == Subwords(2, 4, 700)
    assert {name: model.config["options"][name] for name in ("subwords", "ngrams", "buckets")} == {
        "subwords": True, "ngrams": [2, 4], "buckets": 700,
    }  # fmt: skip
    capsys.readouterr()
    for wrong, said in (("6,3", "the shortest length, then the longest"), ("3", "2 values"), ("2,3,4", "2 values")):
        assert main([*fit, "--subwords", "--ngrams", wrong, "--out", "other"]) == 2
        assert said in capsys.readouterr().err
    assert main([*fit, "--subwords", "--buckets", "0", "--out", "other"]) == 2
    assert not (tmp_path / "other").exists()
    assert parse(options_of(find("skipgram")[1])["ngrams"], "3,6") == (3, 6)

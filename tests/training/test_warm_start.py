"""Going on from earlier word vectors: which words keep their vectors, which join, and what is refused."""

import shutil

import numpy as np
import pytest
import torch

import selfsup
from conftest import table
from selfsup import SelfsupError, WordVectors
from selfsup.cli.main import main
from selfsup.errors import OptionError, RunError
from selfsup.words.before import Before

FIRST, SECOND = "abcdefghij", "fghijklmno"  # words of the earlier text and of the new one: five are in both
SLOW = {"dim": 8, "min_count": 1, "sample": 0.0, "progress": False, "evaluate": False}
SMALL = SLOW | {"threads": 1}


def targets(model):
    """Vectors (n, D) of the words as targets."""
    return model.method.tables()[1].detach().numpy()


def text(path, words, lines=400, seed=0):
    """Sentences in which a word is followed by one near it."""
    rng = np.random.default_rng(seed)
    rows = (np.cumsum(rng.integers(-1, 2, (lines, 12)), 1) + rng.integers(0, len(words), (lines, 1))) % len(words)
    path.write_text("\n".join(" ".join(words[k] for k in row) for row in rows) + "\n")
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with an earlier run and a new text."""
    folder = tmp_path_factory.mktemp("warm")
    text(folder / "new.txt", SECOND, seed=1)
    selfsup.fit(text(folder / "old.txt", FIRST), "skipgram", epochs=3, out=folder / "old", **SMALL)
    return folder


def test_known_words_begin_where_they_were_and_new_ones_join(folder):
    """At a rate of next to nothing every vector is what it began as."""
    old = selfsup.load(folder / "old")
    new = selfsup.fit(folder / "new.txt", "skipgram", warm_start=str(folder / "old"), lr=1e-12, epochs=1, **SMALL)
    assert set(new.words) == set(FIRST) | set(SECOND)
    for word in FIRST:
        np.testing.assert_allclose(new[word], old[word], rtol=0, atol=1e-6)
        np.testing.assert_allclose(targets(new)[new.index[word]], targets(old)[old.index[word]], rtol=0, atol=1e-6)
    for word in set(SECOND) - set(FIRST):
        assert 0 < np.abs(new[word]).max() <= 0.5 / 8
        assert np.abs(targets(new)[new.index[word]]).max() < 1e-6
    counts = dict(zip(old.words, old.counts.tolist(), strict=True))
    fresh = selfsup.fit(folder / "new.txt", "skipgram", epochs=1, **SMALL)
    for word, count in zip(fresh.words, fresh.counts.tolist(), strict=True):
        counts[word] = counts.get(word, 0) + count
    assert dict(zip(new.words, new.counts.tolist(), strict=True)) == counts


@pytest.mark.parametrize("more", [{}, {"solver": "sgd", "batch_size": 64}, {"deterministic": True}], ids=str)
def test_words_that_the_new_text_lacks_stay_as_they_were(folder, more):
    old = selfsup.load(folder / "old")
    arguments = (SLOW if "solver" in more else SMALL) | {"warm_start": str(folder / "old"), "epochs": 2} | more
    new = selfsup.fit(folder / "new.txt", "skipgram", **arguments)
    for word in set(FIRST) - set(SECOND):
        assert (new[word] == old[word]).all()
    assert all(np.abs(new[word] - old[word]).max() > 1e-3 for word in set(FIRST) & set(SECOND))


def test_the_loss_begins_lower_than_from_nothing(folder):
    """Of the words that are known, by the same text."""
    cold, warm = (
        selfsup.fit(folder / "old.txt", "cbow", epochs=1, warm_start=start, **SMALL)
        for start in (None, str(folder / "old"))
    )
    assert warm.start["heldout"] < 0.9 * cold.start["heldout"]


def test_a_rare_word_stays_though_it_falls_below_min_count(folder, tmp_path):
    (tmp_path / "few.txt").write_text("a k l k l\n" + "k l m k l m\n" * 40)
    arguments = SMALL | {"min_count": 5, "epochs": 1, "warm_start": str(folder / "old")}
    new = selfsup.fit(tmp_path / "few.txt", "skipgram", **arguments)
    assert set(new.words) == set(FIRST) | set("klm")


def test_a_file_of_vectors_without_targets_will_do(folder, tmp_path):
    old = selfsup.load(folder / "old")
    WordVectors(old.words, old.vectors).save(tmp_path / "old.bin")
    before = Before.load(str(tmp_path / "old.bin"), 8)
    assert before.targets is None
    new = selfsup.fit(folder / "new.txt", "skipgram", warm_start=str(tmp_path / "old.bin"), epochs=1, **SMALL)
    assert (new["a"] == old["a"]).all()
    assert new.counts[new.index["a"]] == 0
    assert not targets(new)[new.index["a"]].any()


def test_a_tree_begins_anew_and_is_not_gone_on_from(folder, tmp_path):
    arguments = SMALL | {"objective": "hierarchical", "warm_start": str(folder / "old"), "lr": 1e-12, "epochs": 1}
    new = selfsup.fit(folder / "new.txt", "skipgram", out=tmp_path / "tree", **arguments)
    assert set(new.words) == set(FIRST) | set(SECOND)
    assert np.abs(targets(new)).max() < 1e-6  # nodes are no words: none has the target of an earlier one
    arguments |= {"objective": "negative", "warm_start": str(tmp_path / "tree")}
    again = selfsup.fit(folder / "old.txt", "skipgram", **arguments)
    assert np.abs(targets(again)).max() < 1e-6
    np.testing.assert_allclose(again["a"], new["a"], rtol=0, atol=1e-6)


def test_it_goes_on_from_its_own_run_on_the_command_line(folder, tmp_path, capsys):
    words = ["--dim", "8", "--min-count", "1", "--sample", "0", "--epochs", "1", "--no-progress"]
    start = ["--warm-start", str(folder / "old")]
    assert main(["fit", str(folder / "new.txt"), *words, *start, "--out", str(tmp_path / "new")]) == 0
    assert set(selfsup.load(tmp_path / "new").words) == set(FIRST) | set(SECOND)
    again = ["--warm-start", str(tmp_path / "new"), "--out", str(tmp_path / "again")]
    assert main(["fit", str(folder / "old.txt"), *words, *again]) == 0
    capsys.readouterr()


def test_samples_go_on_from_the_weights_of_a_run(tmp_path):
    x, how = table(60), {"epochs": 2, "hidden": (8,), "evaluate": False, "progress": False}
    old = selfsup.fit(x, "denoising", out=tmp_path / "old", **how)
    new = selfsup.fit(x, "denoising", warm_start=tmp_path / "old", lr=1e-12, **how | {"epochs": 1, "seed": 7})
    for name, tensor in old.method.state_dict().items():
        torch.testing.assert_close(new.method.state_dict()[name], tensor, rtol=0, atol=1e-6)
    assert new.start["heldout"] < 0.9 * old.start["heldout"]
    for options, said in (
        ({"warm_start": tmp_path}, "is no run folder that method 'denoising' could go on from"),
        ({"warm_start": tmp_path / "old", "hidden": (9,)}, "does not belong to this configuration"),
    ):
        with pytest.raises(SelfsupError, match=said):
            selfsup.fit(x, "denoising", **how | options)


def test_an_interrupted_run_goes_on_and_not_with_another_beginning(folder, tmp_path, in_slices, cut):
    arguments = SMALL | {"warm_start": str(folder / "old"), "epochs": 60}
    whole = selfsup.fit(folder / "new.txt", "skipgram", **arguments)
    arguments |= {"out": tmp_path / "run", "checkpoint_every": 0.0}
    with pytest.raises(KeyboardInterrupt):
        selfsup.fit(folder / "new.txt", "skipgram", **arguments)
    cut()
    other = arguments | {"warm_start": str(folder / "old.bin"), "resume": True}
    old = selfsup.load(folder / "old")
    WordVectors(old.words, 2 * old.vectors).save(folder / "old.bin")
    with pytest.raises(RunError, match="cannot resume .*: the warm start is another"):
        selfsup.fit(folder / "new.txt", "skipgram", **other)
    resumed = selfsup.fit(folder / "new.txt", "skipgram", resume=True, **arguments)
    assert resumed.words == whole.words
    np.testing.assert_array_equal(resumed.vectors, whole.vectors)


@pytest.mark.parametrize(
    ("more", "kind", "said"),
    [
        ({"dim": 9}, OptionError, "have 8 dimensions, and dim is 9; use dim=8"),
        ({"subwords": True}, OptionError, "not of n-grams; leave subwords out"),
        ({"warm_start": "nowhere"}, SelfsupError, "nowhere"),
    ],
    ids=str,
)
def test_what_does_not_fit_is_refused(folder, more, kind, said):
    arguments = SMALL | {"warm_start": str(folder / "old")} | more
    with pytest.raises(kind, match=said):
        selfsup.fit(folder / "new.txt", "skipgram", **arguments)


@pytest.mark.parametrize("name", ["model.safetensors", "vectors.safetensors"])
def test_a_damaged_run_is_refused(folder, tmp_path, name):
    run = shutil.copytree(folder / "old", tmp_path / "run")
    (run / name).write_bytes((run / name).read_bytes()[:-8])
    with pytest.raises(RunError, match=f"{name} is damaged"):
        selfsup.fit(folder / "new.txt", "skipgram", warm_start=str(run), epochs=1, **SMALL)


def test_vectors_that_are_not_finite_are_refused(folder, tmp_path):
    old = selfsup.load(folder / "old")
    vectors = np.array(old.vectors)
    vectors[1, 2] = np.nan
    path = tmp_path / "bad.txt"
    lines = (f"{word} " + " ".join(map(str, row)) for word, row in zip(old.words, vectors.tolist(), strict=True))
    path.write_text("\n".join(lines))
    with pytest.raises(SelfsupError):
        Before.load(str(path), 8)

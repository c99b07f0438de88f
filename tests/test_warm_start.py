"""Going on from earlier word vectors: which words keep their vectors, which join, and what is refused."""

import numpy as np
import pytest

import selfsup
from selfsup import SelfsupError, WordVectors
from selfsup.cli.main import main
from selfsup.errors import OptionError, RunError
from selfsup.words.before import TARGETS, Before

FIRST, SECOND = "abcdefghij", "fghijklmno"  # words of the earlier text and of the new one: five are in both
SMALL = {"dim": 8, "min_count": 1, "sample": 0.0, "threads": 1, "progress": False, "evaluate": False}


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
        np.testing.assert_allclose(new.targets[new.index[word]], old.targets[old.index[word]], rtol=0, atol=1e-6)
    for word in set(SECOND) - set(FIRST):
        assert 0 < np.abs(new[word]).max() <= 0.5 / 8
        assert np.abs(new.targets[new.index[word]]).max() < 1e-6
    counts = dict(zip(old.words, old.counts.tolist(), strict=True))
    fresh = selfsup.fit(folder / "new.txt", "skipgram", epochs=1, **SMALL)
    for word, count in zip(fresh.words, fresh.counts.tolist(), strict=True):
        counts[word] = counts.get(word, 0) + count
    assert dict(zip(new.words, new.counts.tolist(), strict=True)) == counts


@pytest.mark.parametrize("more", [{}, {"solver": "sgd", "batch_size": 64}, {"deterministic": True}], ids=str)
def test_words_that_the_new_text_lacks_stay_as_they_were(folder, more):
    old = selfsup.load(folder / "old")
    arguments = SMALL | {"warm_start": str(folder / "old"), "epochs": 2} | more
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
    assert not new.targets[new.index["a"]].any()


def test_a_tree_begins_anew_and_leaves_no_targets(folder, tmp_path):
    arguments = SMALL | {"objective": "hierarchical", "warm_start": str(folder / "old"), "epochs": 1}
    new = selfsup.fit(folder / "new.txt", "skipgram", out=tmp_path / "run", **arguments)
    assert new.targets is None
    assert not (tmp_path / "run" / TARGETS).exists()


def test_it_goes_on_from_its_own_run_on_the_command_line(folder, tmp_path, capsys):
    words = [
        "--method",
        "skipgram",
        "--dim",
        "8",
        "--min-count",
        "1",
        "--sample",
        "0",
        "--epochs",
        "1",
        "--no-progress",
    ]
    start = ["--warm-start", str(folder / "old")]
    assert main(["fit", str(folder / "new.txt"), *words, *start, "--out", str(tmp_path / "new")]) == 0
    assert set(selfsup.load(tmp_path / "new").words) == set(FIRST) | set(SECOND)
    again = ["--warm-start", str(tmp_path / "new"), "--out", str(tmp_path / "again")]
    assert main(["fit", str(folder / "old.txt"), *words, *again]) == 0
    capsys.readouterr()


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


def test_damaged_targets_and_vectors_that_are_not_finite_are_refused(folder, tmp_path):
    old = selfsup.load(folder / "old")
    run = tmp_path / "run"
    run.mkdir()
    for file in (folder / "old").iterdir():
        if file.is_file():
            (run / file.name).write_bytes(file.read_bytes())
    (run / TARGETS).write_bytes((run / TARGETS).read_bytes()[:-8])
    with pytest.raises(RunError, match="damaged"):
        Before.load(str(run), 8)
    vectors = np.array(old.vectors)
    vectors[1, 2] = np.nan
    path = tmp_path / "bad.txt"
    path.write_text(
        "\n".join(f"{w} " + " ".join(map(str, v)) for w, v in zip(old.words, vectors.tolist(), strict=True))
    )
    with pytest.raises(SelfsupError):
        Before.load(str(path), 8)

"""What is left of a bias, and what it cost: against closed forms, slow references, and vectors of which everything is known."""

import json

import numpy as np
import pytest
from sklearn.svm import SVC
from tests.tools.biased import biased_vectors

from selfsup.errors import DataError, OptionError
from selfsup.measures.table import is_plain, wrong
from selfsup.measures.words.bias import both, probes
from selfsup.measures.words.bias.cost import cost
from selfsup.measures.words.bias.residual import lines, residual
from selfsup.measures.words.bias.score import CAUTION
from selfsup.words import WordVectors
from selfsup.words.bias.direction import direction
from selfsup.words.bias.hard import hard_debias
from selfsup.words.bias.leace import leace
from selfsup.words.bias.transform import Transform

FEW = {"n": 100, "probed": 300, "splits": 2, "k": 20}


@pytest.fixture(scope="module")
def made():
    """Vectors, their direction, and what hard debiasing makes of them."""
    vectors = biased_vectors()
    gender = direction(vectors)
    return vectors, gender, *hard_debias(vectors, gender)


@pytest.fixture(scope="module")
def left(made):
    vectors, gender, after, transform = made
    return residual(vectors, after, gender, transform=transform, **FEW)


def sides(m=200, dim=6, apart=4.0, seed=0):
    """Two clouds of m vectors, so far apart along the first axis."""
    rows = np.random.default_rng(seed).normal(size=(2 * m, dim)).astype(np.float32)
    labels = np.arange(2 * m) < m
    rows[:, 0] += np.where(labels, apart / 2, -apart / 2)
    return rows, labels


def test_clusters_are_the_sides_where_these_are_apart_and_chance_where_not():
    far = probes.clusters(*sides(apart=12))
    near = probes.clusters(*sides(apart=0))
    assert far.share == 1
    assert far.high == 1
    assert 0.97 < far.low < 1
    assert 0.5 <= near.share < 0.6
    assert 0.5 <= near.chance < 0.55
    assert probes.clusters(*sides(apart=0), seed=0) == near


def test_the_interval_of_a_share_is_wilsons():
    assert probes._wilson(0.8, 10) == pytest.approx(
        (0.4902, 0.9433), abs=2e-4
    )  # statsmodels' proportion_confint, "wilson"
    assert probes._wilson(1.0, 10)[1] == pytest.approx(1)
    assert probes._wilson(0.0, 10)[0] == pytest.approx(0)


def test_the_machine_of_products_is_scikit_learns():
    rows, labels = sides(apart=1)
    ours, theirs = probes.RbfSvm().fit(rows[::2], labels[::2]), SVC().fit(rows[::2], labels[::2])
    assert ours.score(rows[1::2], labels[1::2]) == theirs.score(rows[1::2], labels[1::2])


def test_probes_tell_what_is_linear_from_what_is_not():
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(1500, 4)).astype(np.float32)
    crossed = rows[:, 0] * rows[:, 1] > 0  # as exclusive-or: no line tells the sides apart
    linear, svm, mlp = (probes.held_out(name, rows, crossed, splits=3) for name in probes.PROBES)
    assert abs(linear.share - 0.5) < 0.06
    assert svm.share > 0.8
    assert mlp.share > 0.7
    assert all(abs(one.chance - 0.5) < 0.06 and one.low <= one.share <= one.high for one in (linear, svm, mlp))
    assert probes.held_out("MLP", rows, crossed, splits=3) == mlp  # the seed says all


def test_a_probe_of_the_words_an_erasure_was_fitted_on_is_at_chance():
    rows, labels = sides(apart=3)
    erased = rows - np.where(labels[:, None], rows[labels].mean(0), rows[~labels].mean(0))
    assert probes.on_its_own(rows, labels).share > 0.9
    found = probes.on_its_own(erased, labels)
    assert abs(found.share - 0.5) < 0.06
    assert found.chance > 0.5


def test_what_hard_debiasing_leaves_of_a_bias_on_two_axes(made, left):
    rows = {(row["probe"], row["of"]): row for row in left.rows}
    assert [row["probe"] for row in left.rows] == [
        "k-means", "linear", "RBF-SVM", "MLP", "neighbours' bias (Spearman)", "neighbours' bias (Pearson)"
    ]  # fmt: skip
    for row in left.rows[1:4]:  # words that lean one way share the second axis too
        assert row["before"] > 0.85
        assert row["after"] > 0.75
        assert row["before"] >= row["after"]
        assert row["words"] == 600
        assert "; 120 words learnt from, 480 asked" in row["note"]
        assert abs(row["chance"] - 0.5) < 0.1
        assert abs(row["before_chance"] - 0.5) < 0.1
    spearman = rows["neighbours' bias (Spearman)", "occupations, their 20 nearest"]
    assert spearman["before"] > spearman["after"] > spearman["chance"]
    assert spearman["low"] > 0
    assert spearman["words"] >= 300
    assert residual(made[0], made[2], made[1], transform=made[3], **FEW) == left  # the seed says all
    assert left.ends == ("she", "he")


def test_the_sides_are_those_of_the_vectors_before(made):
    vectors, gender, _, _ = made
    noise = np.random.default_rng(1).normal(size=(len(vectors), 20)).astype(np.float32)
    found = residual(vectors, WordVectors(vectors.words, noise), gender, **FEW).rows  # of another length, too
    for row in found[:4]:
        assert row["before"] > 0.8
        assert row["after"] < 0.62
    for row in found[4:]:
        assert row["before"] > 0.5
        assert row["low"] < 0 < row["high"]


def test_words_that_say_what_the_attribute_is_are_left_out(made):
    vectors, gender, after, _ = made
    kept = Transform("hard", "gender", basis=gender.vector[None], kept=("filler3",))
    pair, left_out = both.pairwise(vectors, after, gender, restrict=None, transform=kept)
    about = gender.about
    named = {word for one in (*about.pairs, *about.equalize, about.specific) for word in one} | {"filler3"}
    assert not named & set(pair.words)
    assert {"nurse", "filler4"} <= set(pair.words)
    assert left_out == len(named & set(vectors.words)) == len(vectors) - len(pair.words)
    positive, negative = pair.sides(5)
    assert min(gender.project(positive)) >= max(np.delete(pair.bias, [pair.words.index(word) for word in positive]))
    assert max(gender.project(negative)) < 0


def test_the_neighbours_are_those_of_a_slow_search(made, left):
    vectors, gender, after, transform = made
    pair, _ = both.pairwise(vectors, after, gender, restrict=30_000, transform=transform)
    jobs = [at for at, word in enumerate(pair.words) if word in ("nurse", "boss", "captain", "nanny", "librarian")]
    nearest = {at: np.argsort(-np.delete(pair.after @ pair.after[at], at))[:20] for at in jobs}
    slow = {pair.words[at]: np.mean(np.delete(pair.bias, at)[found] > 0) for at, found in nearest.items()}
    found = residual(vectors, after, gender, transform=transform, words=list(slow) * 2, **FEW).rows[-1]
    assert found["after"] is None
    assert "withheld: words that are there, 5, are too few; 20 of the list" in found["note"]
    assert slow["nurse"] > slow["boss"]


def test_words_a_reducer_was_fitted_on_and_those_it_never_saw(made):
    vectors, gender, _, _ = made
    after, transform = leace(vectors, gender, n=300, restrict=None)
    rows = residual(vectors, after, gender, transform=transform, **(FEW | {"probed": 150})).rows
    found = {(row["probe"], row["of"]): row for row in rows}
    own = found["linear", "the words it was fitted on"]
    assert own["words"] == 420
    assert own["before"] > 0.9
    assert abs(own["after"] - 0.5) < 0.03
    assert found["MLP", "held-out words of those it was fitted on"]["words"] == 420
    assert found["linear", "held-out words it never saw"]["words"] == 300
    assert len(rows) == 13


def test_too_few_words_are_withheld_and_nothing_is_nan(made):
    vectors, gender, after, _ = made
    few = residual(vectors, after, gender, n=3, probed=10, words=["nurse", "boss"], splits=2)
    assert all(row["before"] is None and row["after"] is None and "too few" in row["note"] for row in few.rows)
    assert "withheld" in str(few)
    assert str(few).endswith(CAUTION)


def test_tables_are_json_and_lines_put_before_after_and_chance_side_by_side(made, left):
    vectors, _, after, _ = made
    for one in (left.table(), cost(vectors, after, sample=20).table()):
        assert wrong(one) is None
        json.dumps(one.rows, allow_nan=False)
    assert all(is_plain(value) for row in left.rows for value in row.values())
    shown = lines(left.table())
    assert shown[0].split() == ["what", "is", "left", "before", "after", "95", "%", "chance", "words"]
    assert shown[-1] == CAUTION == str(cost(vectors, after, sample=20)).splitlines()[-1]


def test_nothing_is_what_it_costs_to_change_nothing(made, tmp_path):
    vectors = made[0]
    (questions := tmp_path / "questions.txt").write_text(": family\nboy girl brother sister\nboy girl man nobody\n")
    (judged := tmp_path / "judged.tsv").write_text("boy\tgirl\t9\nnurse\tboss\t2\nman\tcaptain\t1\nnurse\tnobody\t3\n")
    same = cost(vectors, vectors, analogies=questions, similarity=[judged], sample=50)
    rows = {row["measure"]: row for row in same.rows}
    assert all(row["before"] == pytest.approx(row["after"]) for row in same.rows)
    assert (rows["analogies"]["covered"], rows["analogies"]["asked"]) == (1, 2)
    assert (rows["similarity"]["covered"], rows["similarity"]["asked"]) == (3, 4)
    assert rows["neighbours kept"]["after"] == 1
    assert rows["a word with itself"]["after"] == pytest.approx(1)
    assert [cosine for _, cosine in same.moved] == pytest.approx([1] * 10)


def test_what_a_change_costs_is_what_a_slow_count_says(made):
    vectors, _, after, _ = made
    found = cost(vectors, after, restrict=300, sample=40, k=5, moved=3, seed=2)
    x, y = (one.unit[:300].astype(float) for one in (vectors, after))
    cosines = (x * y).sum(1)
    worst = np.argsort(cosines)[:3]
    assert [word for word, _ in found.moved] == [vectors.words[at] for at in worst]
    assert [cosine for _, cosine in found.moved] == pytest.approx(cosines[worst].tolist(), abs=1e-6)
    rows = {row["measure"]: row for row in found.rows}
    assert rows["a word with itself"]["after"] == pytest.approx(cosines.mean(), abs=1e-6)
    assert rows["moved most"]["words"] == [list(one) for one in found.moved]
    drawn = np.random.default_rng(2).permutation(300)[:40]
    near = [[set((order := np.argsort(-(z @ z[at])))[order != at][:5].tolist()) for at in drawn] for z in (x, y)]
    kept = np.mean([len(a & b) / 5 for a, b in zip(*near, strict=True)])
    assert rows["neighbours kept"]["after"] == pytest.approx(kept)


def test_a_rotation_keeps_neighbours_and_no_word(made):
    vectors = made[0]
    turn = np.linalg.qr(np.random.default_rng(0).normal(size=(vectors.dim, vectors.dim)))[0]
    turned = WordVectors(vectors.words, (vectors.vectors @ turn).astype(np.float32), vectors.counts)
    rows = {row["measure"]: row for row in cost(vectors, turned, sample=50).rows}
    assert rows["neighbours kept"]["after"] > 0.99
    assert abs(rows["a word with itself"]["after"]) < 0.3


def test_the_section_that_changed_most_is_told_apart(made, tmp_path):
    """To equalize pairs answers questions that are made of such pairs."""
    vectors, _, after, _ = made
    pairs = [pair for pair in made[1].about.equalize if all(word in vectors for word in pair)][:8]
    family = [" ".join((*a, *b)) for a in pairs for b in pairs if a != b]
    (path := tmp_path / "q.txt").write_text(
        ": fillers\nfiller1 filler2 filler3 filler4\n: family\n" + "\n".join(family)
    )
    found = {row["of"]: row for row in cost(vectors, after, analogies=path, restrict=None, sample=20).rows}
    assert found["q.txt, family, changed most"]["covered"] == len(family)
    assert found["q.txt, all others"]["covered"] == 1
    assert found["q.txt, family, changed most"]["after"] > found["q.txt, family, changed most"]["before"]


def test_vectors_that_do_not_belong_together_are_refused(made):
    vectors, gender, after, _ = made
    half = WordVectors(vectors.words[::2], vectors.vectors[::2])
    with pytest.raises(DataError, match="are not in the vectors after: .*give what a reducer made"):
        residual(vectors, half, gender)
    with pytest.raises(DataError, match="not in the vectors after"):
        cost(vectors, half)
    short = WordVectors(vectors.words, vectors.vectors[:, :20])
    with pytest.raises(DataError, match="length 60; got 20 before"):
        residual(short, after, gender)
    with pytest.raises(OptionError, match="direction is what direction"):
        residual(vectors, after, gender.vector)
    for option in ({"n": 0}, {"splits": 1}, {"k": 2.5}, {"restrict": 0}, {"seed": -1}, {"probed": True}):
        with pytest.raises(OptionError, match=f"{next(iter(option))} must be a whole number"):
            residual(vectors, after, gender, **option)


def test_a_vector_of_zeros_is_on_no_side_and_one_that_is_not_finite_is_named(made):
    vectors, gender, after, _ = made
    changed = after.vectors.copy()
    changed[vectors.index["filler7"]] = 0
    pair, _ = both.pairwise(vectors, WordVectors(vectors.words, changed), gender, restrict=None, transform=None)
    assert "filler7" not in pair.words
    changed[vectors.index["filler7"]] = np.nan
    for measure in (lambda x: residual(vectors, x, gender), lambda x: cost(vectors, x)):
        with pytest.raises(DataError, match="'filler7' is not finite"):
            measure(WordVectors(vectors.words, changed))

"""The registry of methods, and what the methods of text declare."""

import numpy as np
import pytest
import torch

from selfsup.data.facts import Facts
from selfsup.data.form import Form
from selfsup.data.text.form import TextForm
from selfsup.data.text.subwords import Subwords
from selfsup.errors import OptionError
from selfsup.methods import DEFAULTS, REGISTERED, TEXT, default, find
from selfsup.model.encode import build
from selfsup.solvers import REGISTERED as SOLVERS

WORDS = ["sea", "ship", "ships", "harbour", "wind"]
COUNTS = np.array([50, 40, 30, 20, 10])
OWN = """
from selfsup.method import Method
class Mine(Method):
    kinds = {kinds}
"""


def made(name="skipgram", **options):
    return build(find(name)[1](dim=4, **options), Facts(TextForm.of(WORDS, COUNTS)), 0)


def test_every_method_says_what_it_sees_hides_and_is_solved_by():
    for name in REGISTERED:
        cls = find(name)[1]
        assert find(cls) == (name, cls)
        assert cls.sees
        assert cls.hides
        assert set(cls.solvers) <= set(SOLVERS)


def test_a_method_of_one_s_own_is_found_in_a_file(tmp_path):
    (tmp_path / "mine.py").write_text(OWN.format(kinds='("image", "text")'))
    path = f"{tmp_path / 'mine.py'}:Mine"
    name, cls = find(path)
    assert name == path
    assert cls.__name__ == "Mine"
    assert find(path)[1] is cls


@pytest.mark.parametrize("kinds", ['("vector",)', '"text"', "()"])
def test_kinds_that_there_are_not_are_refused(tmp_path, kinds):
    (tmp_path / "mine.py").write_text(OWN.format(kinds=kinds))
    with pytest.raises(OptionError, match="must be a tuple of image, table, text"):
        find(f"{tmp_path / 'mine.py'}:Mine")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("rotatoin", "did you mean 'rotation'"),
        ("no_such_module:Mine", "cannot import the method"),
        ("no_such_file.py:Mine", "there is no file"),
        ("collections:OrderedDict", "is not a subclass of selfsup.Method"),
        (dict, "is not a subclass of selfsup.Method"),
    ],
)
def test_what_is_no_method_is_named(name, said):
    with pytest.raises(OptionError, match=said):
        find(name)


def test_the_default_follows_from_the_form():
    forms = [Form("table", (3,)), Form("image", (3, 32, 32)), Form("image", (1, 32, 32)), Form("image", (3, 8, 8))]
    assert [default(form)[0] for form in forms] == ["denoising", "rotation", "denoising", "denoising"]
    assert {default(form)[0] for form in forms} == set(DEFAULTS)
    assert default(TextForm.of(WORDS))[0] == TEXT


@pytest.mark.parametrize("name", ["skipgram", "cbow"])
def test_word_methods_declare_their_problem_before_they_are_built(name):
    problem = find(name)[1](dim=7, window=3, sample=0.0, objective="hierarchical", fixed_window=True).problem()
    assert (problem.dim, problem.window, problem.sample, problem.architecture) == (7, 3, 0.0, name)
    assert (problem.objective, problem.fixed_window, problem.subwords) == ("hierarchical", True, False)
    assert find(name)[1](subwords=True).problem().subwords


def test_words_and_tables_are_what_is_trained():
    method = made()
    input, output = method.tables()
    assert input is method.input
    assert output is method.output
    assert torch.equal(method.words(), input)
    assert not method.words().requires_grad
    assert method.ngram_rows() is None
    assert method.net_words() == "two tables of 5 words x 4"
    assert made(subwords=True, buckets=1000).net_words() == "two tables of 5 words x 4, 1,000 rows of n-grams"


def test_subwords_are_made_of_the_vocabulary():
    method = made(subwords=True, ngrams=(2, 3), buckets=20)
    subwords, rows, table = method.ngram_rows()
    bags = Subwords(2, 3, 20).bags(WORDS)
    assert subwords == Subwords(2, 3, 20)
    assert np.array_equal(rows, bags.rows)
    assert table.shape == (len(WORDS) + 20, 4)
    expected = [table[bags.rows[a:b]].mean(0) for a, b in zip(bags.offsets, bags.offsets[1:], strict=False)]
    torch.testing.assert_close(method.words(), torch.stack(expected).detach())


def test_counts_that_are_not_known_are_alike():
    method = build(find("skipgram")[1](dim=4), Facts(TextForm.of(WORDS)), 0)
    torch.testing.assert_close(method.cumulated, torch.arange(1, 6) / 5)


def test_little_that_is_left_is_said():
    assert "sample 0 learns from all" in made(sample=1e-9).remarks({})[0]
    assert made(sample=0.0).remarks({}) == []

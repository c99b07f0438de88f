"""Methods that break the contract on purpose fail the check that is meant for it; an honest one passes them all."""

import pytest

import broken
from selfsup import Method
from selfsup.errors import OptionError
from selfsup.testing import check_method, checks_of

BREAKS = {  # method -> the check that it fails
    broken.Collapsing: "answers of its own do not become alike",
    broken.Diverging: "eight samples are learnt by heart",
    broken.Secretive: "every option and what is hidden is said",
    broken.Stubborn: "its solvers can solve it",
    broken.Early: "the seed decides everything",
    broken.Elsewhere: "the seed decides everything",
    broken.Scribbling: "hide leaves x alone and keeps the batch axis",
    broken.Sideways: "hide leaves x alone and keeps the batch axis",
    broken.Shapeless: "the loss is finite and a term has a name",
    broken.Idle: "gradients reach every trainable parameter",
    broken.Impure: "predict target and loss are pure",
    broken.Counting: "predict target and loss are pure",
    broken.Blind: "permuted guesses are wrong ones",
    broken.Comparing: "the loss of a batch is the mean of its halves",
    broken.Knowing: "the gap is none before training and some after",
    broken.Beside: "codes are rows and do not depend on the batch",
    broken.Double: "codes are rows and do not depend on the batch",
    broken.Boundless: "scores and figures are numbers",
    broken.Formless: "what comes out has the form of the data",
    broken.Unsaved: "saved and loaded it gives the same bits",
    broken.Forgetful: "a run that was cut goes on to the same bits",
    broken.Trusting: "the loss is finite and a term has a name",
    broken.Improper: "the closed form is the minimum of the declared loss",
}


@pytest.mark.parametrize("cls", BREAKS, ids=lambda cls: cls.__name__)
def test_what_is_broken_is_found(cls):
    failed = set()
    for check in checks_of(cls, kinds=("table",)):
        if check.name == BREAKS[cls]:
            try:
                check.run()
            except Exception:
                failed.add(check.name)
    assert failed == {BREAKS[cls]}


def test_an_honest_method_passes(capsys):
    report = check_method(broken.Honest, kinds=("table",))
    assert report.failures == []
    assert report.ran > 20
    report.print()
    assert capsys.readouterr().out == f"broken:Honest: {report.ran} checks, 0 failed\n"


def test_a_failure_says_where_and_what_to_do():
    report = check_method(broken.Idle, kinds=("table",), hidden=4)
    name = "gradients reach every trainable parameter"
    assert {failure.check for failure in report.failures} == {name}
    assert report.failed == len(report.failures) == 2
    said = "no gradient reaches 'unused.weight': use it in predict, or set requires_grad_(False)"
    assert report.failures[0] == (name, "table", said)
    assert f"{name} (table): {said}" in str(report)


def test_an_error_of_a_method_is_a_failure():
    class Unfinished(Method):
        """A method without verbs."""

        hides = "everything"

    report = check_method(Unfinished, kinds=("table",))
    assert any("NotImplementedError" in failure.message for failure in report.failures)


def test_a_kind_that_the_method_does_not_learn_from_is_refused():
    with pytest.raises(OptionError, match="learns from image, table; it cannot be checked on 'text'"):
        check_method(broken.Honest, kinds=("text",))


def test_coupled_methods_are_let_compare():
    report = check_method(broken.Coupled, kinds=("table",))
    assert report.failures == []

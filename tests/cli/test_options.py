"""One source for options: what a signature says is what is checked, typed, explained and refused."""

import inspect
import math
from collections.abc import Sequence
from typing import Annotated, Any, Literal

import numpy as np
import pytest
import torch
from hypothesis import given, strategies as st

from selfsup.data.samples import open_samples
from selfsup.data.text.corpus import open_text
from selfsup.errors import OptionError, unknown
from selfsup.method import Method
from selfsup.methods import REGISTERED, find
from selfsup.options import Option, Range, allowed, check, choices, limits, options_of, parse, resolve, summary
from selfsup.solvers import REGISTERED as SOLVERS, find as find_solver
from selfsup.training import fit as api
from selfsup.training.evaluate import evaluate

OWNERS = [api.fit, evaluate, open_samples, open_text]


def option(annotation: Any, name: str = "thing", default: Any = None) -> Option:
    return Option(name, annotation, default, "")


FORMS = {  # every form of type that the library's own signatures use, and values of it
    "whole": (Annotated[int, Range(1)], st.integers(1, 10**9)),
    "whole or none": (Annotated[int, Range(0)] | None, st.integers(0) | st.none()),
    "number": (Annotated[float, Range(0, open_low=True)], st.floats(0, exclude_min=True, allow_infinity=False)),
    "share": (Annotated[float, Range(0, 1, open_high=True)], st.floats(0, 1, exclude_max=True)),
    "word": (
        str | None,
        st.from_regex(r"[a-z]{1,8}", fullmatch=True).filter(lambda word: word not in ("none", "null")),
    ),
    "choice": (Literal["adamw", "sgd"] | None, st.sampled_from(["adamw", "sgd", None])),
    "choice or whole": (Annotated[int, Range(1)] | Literal["middle"], st.integers(1, 99) | st.just("middle")),
    "widths": (tuple[Annotated[int, Range(1)], ...] | None, st.lists(st.integers(1, 4096), min_size=1).map(tuple)),
    "numbers": (tuple[float, ...], st.lists(st.floats(-1e9, 1e9), min_size=1).map(tuple)),
    "words": (tuple[str, ...], st.lists(st.from_regex(r"[a-z]+", fullmatch=True), min_size=1).map(tuple)),
    "switch": (bool, st.booleans()),
}


def typed(value: Any) -> str:
    """The value as a user types it."""
    return ",".join(map(repr, value)).replace("'", "") if isinstance(value, tuple) else str(value)


@pytest.mark.parametrize("form", FORMS)
@given(data=st.data())
def test_what_is_typed_is_what_is_meant(form, data):
    annotation, values = FORMS[form]
    value = data.draw(values)
    found = parse(option(annotation), typed(value))
    assert found == value
    assert type(found) is type(value)
    assert check(option(annotation), found) == value


def attempt(function: Any, *given: Any) -> tuple[Any, str]:
    """What a function gives, or the words of its refusal."""
    try:
        return function(*given), ""
    except OptionError as error:
        return None, str(error)


@pytest.mark.parametrize("form", FORMS)
@given(text=st.text())
def test_any_text_is_parsed_or_refused_by_name(form, text):
    annotation, _ = FORMS[form]
    found, told = attempt(parse, option(annotation), text)
    if told:
        assert told.startswith("option '--thing' must be")
        assert f"got '{text}'" in told
    else:
        assert check(option(annotation), found) == found  # what can be typed can be said in Python


JUNK = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.complex_numbers() | st.binary()
    | st.lists(st.integers() | st.text()) | st.dictionaries(st.text(), st.integers())
    | st.sampled_from([int, object(), np.zeros(3), np.zeros(()), np.array([1, 2]), np.float32("nan"), np.str_("sgd"), np.True_,
                       torch.zeros(()), torch.zeros(2), 10**400, len])
)  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
@given(value=JUNK)
def test_any_value_is_checked_or_refused_by_name(form, value):
    annotation, _ = FORMS[form]
    found, told = attempt(check, option(annotation), value)
    if told:
        assert told.startswith("option 'thing' must be")
    else:
        assert check(option(annotation), found) == found


@given(low=st.integers(-5, 5), wide=st.integers(1, 9), value=st.floats(-20, 20), ends=st.tuples(*[st.booleans()] * 2))
def test_ranges(low, wide, value, ends):
    high = low + wide
    interval = Range(low, high, *ends)
    inside = (value > low if ends[0] else value >= low) and (value < high if ends[1] else value <= high)
    assert (value in interval) == inside
    number = option(Annotated[float, interval])
    if inside:
        assert check(number, value) == value
    else:
        with pytest.raises(OptionError, match="'thing' must be a number"):
            check(number, value)


@pytest.mark.parametrize(
    ("interval", "words"),
    [
        (Range(0), "at least 0"),
        (Range(0, open_low=True), "greater than 0"),
        (Range(high=3), "at most 3"),
        (Range(0, 1), "from 0 to 1"),
        (Range(0, 1, open_high=True), "at least 0 and less than 1"),
        (Range(0.5, 2, open_low=True), "greater than 0.5 and at most 2"),
        (Range(0, 2**32 - 1), "from 0 to 4294967295"),
        (Range(), ""),
    ],
)
def test_ranges_in_words(interval, words):
    assert str(interval) == words
    assert limits(Annotated[int, interval] | None) == words


@pytest.mark.parametrize(
    ("annotation", "words"),
    [
        (Annotated[int, Range(1)], "a whole number at least 1"),
        (Annotated[float, Range(0)] | None, "a number at least 0 or none"),
        (Literal["a", "b"], "one of 'a', 'b'"),
        (bool, "true or false"),
        (tuple[int, ...], "a list of values, each a whole number"),
        (Sequence[float], "a list of values, each a number"),
        (Literal["auto"] | torch.nn.Module, "one of 'auto' or Module"),
    ],
)
def test_types_in_words(annotation, words):
    assert allowed(annotation) == words


def test_the_command_line_is_told_only_what_can_be_typed():
    net = option(Literal["auto", "resnet18"] | torch.nn.Module | None, "net")
    with pytest.raises(
        OptionError, match="'--net' must be one of 'auto', 'resnet18'; got 'resnet'; did you mean 'resnet18'"
    ) as e:
        parse(net, "resnet")
    assert "Module" not in str(e.value)
    with pytest.raises(OptionError, match="'net' must be one of 'auto', 'resnet18' or Module or none; got 'resnet'"):
        check(net, "resnet")
    assert choices(net.annotation) == ("auto", "resnet18")


@pytest.mark.parametrize(
    ("annotation", "default", "metavar"),
    [
        (Annotated[int, Range(1)] | None, None, "N"),
        (float, 0.5, "X"),
        (tuple[int, ...] | None, None, "N,N,..."),
        (Literal["a", "b"], "a", "{a,b}"),
        (Annotated[int, Range(1)] | Literal["middle"], "middle", "N|middle"),
        (str | None, None, "COLUMN"),
    ],
)
def test_what_stands_for_a_value(annotation, default, metavar):
    assert option(annotation, "label_column", default).metavar == metavar


def test_help_in_the_manner_of_a_command_line():
    lr = Option("lr", Annotated[float, Range(0)], 0.1, "Peak learning rate.")
    assert lr.words == "peak learning rate (at least 0; default 0.1)"
    assert Option("out", str | None, None, "PCA is not a word to lower.").words == "PCA is not a word to lower"
    assert Option("progress", bool, True, "Show progress.").words == "do not show progress"
    assert lr.flag == "--lr"
    assert option(int, "batch_size").flag == "--batch-size"


def test_numbers_of_numpy_are_numbers():
    found = check(option(float), np.float32(0.5))
    assert (type(found), found) == (float, 0.5)
    found = check(option(int), np.int64(3))
    assert (type(found), found) == (int, 3)
    assert check(option(float), 2) == 2.0
    assert math.isclose(check(option(float), np.array(1.5)), 1.5)


@pytest.mark.parametrize("value", [True, 1.0, "1", None, np.array([1]), torch.zeros(2), int])
def test_no_whole_number(value):
    with pytest.raises(OptionError, match="'thing' must be a whole number"):
        check(option(int), value)


@pytest.mark.parametrize("value", [True, np.True_, "1", 1j, np.str_("1"), 10**400, float("inf"), float("nan"), [1.0]])
def test_no_number(value):
    with pytest.raises(OptionError, match="'thing' must be a number"):
        check(option(float), value)


class Example:
    """An example.

    Parameters
    ----------
    width
        Of the code.
    rate
        Of learning.
    """

    def __init__(self, width: Annotated[int, Range(1)], rate: Annotated[float, Range(0)] = 0.1) -> None: ...


def test_resolve_fills_in_and_refuses():
    assert resolve(Example, {"width": 3}, "example") == {"width": 3, "rate": 0.1}
    assert resolve(Example, {"width": np.int32(3), "rate": 1}, "example") == {"width": 3, "rate": 1.0}
    with pytest.raises(OptionError, match=r"example needs the option 'width' \(a whole number at least 1\)"):
        resolve(Example, {}, "example")
    with pytest.raises(OptionError, match="unknown option of example 'widht'; did you mean 'width'"):
        resolve(Example, {"widht": 3}, "example")
    with pytest.raises(OptionError, match="'rate' must be a number at least 0; got -1"):
        resolve(Example, {"width": 3, "rate": -1}, "example")
    assert summary(Example) == "An example"


def test_options_must_have_names():
    class Loose:
        def __init__(self, **anything: int) -> None: ...

    with pytest.raises(OptionError, match=r"Loose.__init__ takes \*args or \*\*kwargs"):
        options_of(Loose)


@pytest.mark.parametrize(
    "owner",
    [*OWNERS, *(find(name)[1] for name in REGISTERED), *(find_solver(name) for name in SOLVERS)],
    ids=lambda o: o.__name__,
)
def test_every_option_of_ours_is_typed_explained_and_has_a_legal_default(owner):
    for name, known in options_of(owner).items():
        assert known.help, f"{name} has no help"
        assert known.help.endswith("."), f"{name}: {known.help}"
        if name in ("data", "model", "labelled", "labels", "method", "source", "like", "known"):
            continue
        assert known.annotation is not Any, name
        if known.default is not inspect.Parameter.empty:
            assert check(known, known.default) == known.default
        if known.default is not None and not known.is_switch:
            assert parse(known, str(known.default)) == known.default


def test_no_method_takes_a_word_of_fit():
    for name in REGISTERED:
        assert api.method_options(*find(name))

    class Greedy(Method):
        def __init__(self, epochs: int = 1) -> None: ...

    class Quick(Method):
        def __init__(self, lr: float = 0.1) -> None: ...

    class Large(Method):
        def __init__(self, size: int = 1) -> None: ...

    class Reader(Large):
        kinds = ("text",)

        def __init__(self, size: int = 1, min_count: int = 1) -> None: ...

    for cls, name, owner in (
        (Greedy, "epochs", "fit"),
        (Quick, "lr", "the solver sgd"),
        (Large, "size", "the reader of its data"),
        (Reader, "min_count", "the reader of its data"),
    ):
        with pytest.raises(OptionError, match=f"method 'own' has an option '{name}', which is a word of {owner}"):
            api.method_options("own", cls)


@given(word=st.sampled_from(list(options_of(api.fit))), place=st.integers(0, 20), letter=st.sampled_from("aexz"))
def test_a_slip_of_the_finger_finds_the_nearest(word, place, letter):
    place = place % len(word)
    known = list(options_of(api.fit))
    for slip in (word[:place] + word[place + 1 :], word[:place] + letter + word[place:]):
        if len(word) > 3 and slip not in known:
            assert "did you mean" in unknown("option", slip, known)


def test_far_words_get_the_list():
    assert unknown("method", "xyzzy", ["b", "a"]) == "unknown method 'xyzzy'; known: a, b"
    assert unknown("column", "xyzzy", []) == "unknown column 'xyzzy'; known: none"

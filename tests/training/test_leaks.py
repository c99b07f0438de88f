"""Where the answer stands: the place, or the few columns, or where what is hidden still shows; and codes alone and with noise."""

from typing import NamedTuple

import pytest
import torch
from torch import Tensor

from selfsup.method import Method
from selfsup.training.checks import encoding
from selfsup.training.leaks import Standing, changed_places, leaves, shines, standing


class Parts(NamedTuple):
    image: Tensor
    hint: Tensor


class Given(Method):
    """The answer is the mean of some part of what is seen, as `cut` gives it."""

    def __init__(self, cut, form):
        super().__init__()
        self.cut, self.form = cut, form

    def hide(self, x, rng):
        seen = self.form(x)
        return seen, self.cut(seen)

    def predict(self, seen):
        return self.cut(seen)

    def loss(self, guess, answer):
        return {"error": (guess - answer).square() + 1e3}


IMAGES = torch.rand(64, 2, 8, 8, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(
    ("cut", "form", "place"),
    [
        (lambda x: x[:, :, 2, 7].mean(1), lambda x: x, "the cell in row 2, column 4 of a grid of 4 x 4"),
        (lambda x: x[:, 1].mean((1, 2)), lambda x: x, "channel 2"),
        (lambda x: x.hint, lambda x: Parts(x, x[:, 0, 0, 0]), "hint"),
        (lambda x: x["b"][:, 3], lambda x: {"a": x, "b": x[:, 0, 0]}, "column 4 of b"),
        (lambda x: x[1][:, 5].mean(1), lambda x: (x[:, 0, 0], x[:, 0]), "position 6 of 1"),
        (lambda x: x[:, 2].float(), lambda x: (9 * x[:, 0, 0]).long(), "position 3"),
    ],
)
def test_the_place_is_found_in_whatever_is_seen(cut, form, place):
    found = max(standing(Given(cut, form), IMAGES), key=lambda one: one.ratio)
    assert found.places[0].name == place
    assert found.ratio > 50
    assert found.share == pytest.approx(1, abs=0.6)


def test_what_is_rebuilt_at_its_own_place_is_no_leak():
    x = torch.randn(64, 6, generator=torch.Generator().manual_seed(0)) * torch.tensor([1e4, 1, 1, 1, 1, 1])

    class Copy(Given):
        def hide(self, x, rng):
            return x, x

        def loss(self, guess, answer):
            return {"error": (guess - answer).square().sum(1)}

    (found,) = standing(Copy(lambda seen: seen, None), x)
    assert found.share == 0


def test_many_columns_are_asked_in_groups_and_categories_whole():
    wide = torch.rand(32, 1000, generator=torch.Generator().manual_seed(0))
    (found,) = standing(Given(lambda x: x[:, 500], lambda x: x), wide)
    assert found.places[0].name == "column 501"
    assert found.places[0].where == (slice(None), slice(500, 501))
    assert sum(place.where[1].stop - place.where[1].start for place in found.places) == 1000
    assert len(found.places) < 70
    names = ["size", "colour", "colour", "colour", *["rest"] * 6]
    (found,) = standing(Given(lambda x: x[:, 2], lambda x: x), wide[:, :10], names)
    assert found.places[0].name == "column 'colour'"
    assert len(found.places) == 3


def test_samples_are_left_as_they_are_and_one_column_is_no_comparison():
    before = IMAGES.clone()
    standing(Given(lambda x: x.mean((1, 2, 3)), lambda x: x), IMAGES)
    assert torch.equal(IMAGES, before)
    assert standing(Given(lambda x: x[:, 0], lambda x: x), IMAGES[:, 0, 0, :1]) == []
    assert [path for path, _ in leaves({"a": (IMAGES, Parts(IMAGES, IMAGES))})] == [("a", 0), ("a", 1, 0), ("a", 1, 1)]
    assert Standing([], 1.0).places == []


def test_a_value_gives_the_answer_where_samples_near_in_it_are_near_in_the_answer():
    x = torch.randn(200, 6, generator=torch.Generator().manual_seed(0))

    def told(cut, seen=lambda x: x):
        (found,) = standing(Given(cut, seen), x)
        return found.told

    assert told(lambda x: 3 * x[:, 4] + 7) < 0.01
    assert told(lambda x: torch.tanh(x[:, 4])) < 0.01
    assert told(lambda x: x[:, 4] + x[:, 2]) == pytest.approx(0.5, abs=0.25)  # half of the answer
    assert told(lambda x: x[:, 3], lambda x: (x > 0).float()) == 0  # two values: the nearest has the same
    wide = [IMAGES, torch.rand(64, 8, 5, generator=torch.Generator().manual_seed(0))]
    assert all(
        one.told is None for part in wide for one in standing(Given(lambda x: x.flatten(1)[:, 3], lambda x: x), part)
    )


def test_encoding_alone_and_with_noise():
    x = torch.randn(40, 5, generator=torch.Generator().manual_seed(0))

    class Codes(Given):
        def encode(self, x):
            return self.cut(x)

    assert encoding(Codes(lambda x: x, None), x)["alone"] == 0
    assert encoding(Codes(lambda x: x, None), x)["stability"] == pytest.approx(0.01, rel=0.15)
    assert encoding(Codes(lambda x: x - x.mean(0), None), x)["alone"] > 0.1
    assert encoding(Codes(lambda x: 0 * x, None), x) == {}
    assert encoding(Codes(lambda x: x, None), x.long()) == {}


def test_columns_that_give_the_answer_together():
    x = torch.randn(200, 20, generator=torch.Generator().manual_seed(0))

    def few(cut, rows=x):
        (found,) = standing(Given(cut, lambda x: x), rows)
        return found.few

    found = few(lambda x: x[:, 3] + x[:, 11])
    assert set(found.names) == {"column 4", "column 12"}
    assert found.kept == 0
    assert found.share == pytest.approx(1, abs=0.01)
    assert len(few(lambda x: x[:, [2, 7, 9, 13]].sum(1)).names) == 4
    assert few(lambda x: x.sum(1)).kept > 0.5
    assert few(lambda x: x[:, 3], x[:, :9]) is None  # a fifth of nine is one
    (tokens,) = standing(Given(lambda x: x[:, 3].float(), lambda x: (9 * x).long()), x)
    assert tokens.few is None


class Square(Given):
    """The square in the middle, from what a function leaves of it."""

    def __init__(self, blank, cut=None, unit=1.0):
        super().__init__(cut or (lambda seen: 5 * seen[:, :, 3:5, 3:5]), None)
        self.blank, self.unit = blank, unit

    def hide(self, x, rng):
        seen = x.clone()
        seen[:, :, 3:5, 3:5] = self.blank(seen[:, :, 3:5, 3:5])
        return self.unit * (seen - 0.5), self.unit * (x - 0.5)[:, :, 3:5, 3:5]


@pytest.mark.parametrize("unit", [1.0, 7.0])
def test_what_is_dimmed_shines_through(unit):
    noise = torch.rand(64, 2, 2, 2, generator=torch.Generator().manual_seed(1))
    assert shines(Square(lambda x: 0.2 * x + 0.4, unit=unit), IMAGES) == pytest.approx(1, abs=0.05)

    for blank in (lambda x: 0 * x, lambda x: 0 * x + 0.3):
        assert shines(Square(blank, unit=unit, cut=lambda seen: seen[:, :, 1:3, 1:3]), IMAGES) == 0
    assert abs(shines(Square(lambda x: noise, lambda seen: seen[:, :, 1:3, 1:3], unit), IMAGES)) < 1e-6


def test_hidden_places_are_those_where_the_sample_is_not_seen():
    places = torch.zeros(IMAGES.shape, dtype=torch.bool)
    places[:, :, 3:5, 3:5] = True
    assert torch.equal(changed_places(IMAGES, torch.where(places, 0.2 * IMAGES + 0.1, IMAGES)), places)
    scale = torch.tensor([2.0, 30.0]).view(1, 2, 1, 1)
    assert torch.equal(changed_places(IMAGES, torch.where(places, 0.0, scale * IMAGES - 4)), places)
    table = IMAGES[:, 0, 0]
    blanked = table * (torch.arange(8) != 5)
    assert not changed_places(table, blanked).any()  # a column as a whole: its place is asked
    assert not changed_places(0 * IMAGES, 0 * IMAGES).any()


def test_it_is_not_asked_whether_it_shines_where_the_whole_is_rebuilt_or_told_by_a_number():
    class Whole(Square):
        def hide(self, x, rng):
            return super().hide(x, rng)[0], x

    class Which(Square):
        def hide(self, x, rng):
            return super().hide(x, rng)[0], torch.zeros(len(x), dtype=torch.long)

    for cls in (Whole, Which):
        assert shines(cls(lambda x: 0.2 * x), IMAGES) is None
    assert shines(Square(lambda x: x), IMAGES) is None  # nothing is hidden
    assert shines(Given(lambda x: x.mean((1, 2)), lambda x: x[:, 0]), IMAGES) is None

"""Columns of every type as numbers, booleans and categories, and back."""

import datetime
import decimal
import json

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings, strategies as st

from selfsup.data import Form, fill, open_data, to_frame
from selfsup.data.form import Field
from selfsup.errors import DataError

try:
    import polars
except ImportError:
    polars = None

NAN = float("nan")


def field(values, **options):
    """The only field of a table, and its values."""
    made = open_data(pd.DataFrame({"v": values, "other": np.linspace(0.1, 0.9, len(values))}), **options)
    return (made.form.fields or (Field("v", "number"),))[0], made.x[:, :-1]


@pytest.mark.parametrize(
    ("values", "kind", "words", "x"),
    [
        (pd.Series([1, 2, 3]), "number", (), [1, 2, 3]),
        (pd.Series([0, 1, 1]), "boolean", (), [0, 1, 1]),
        (pd.Series([0.0, 1.0, 1.0]), "number", (), [0, 1, 1]),
        (pd.Series([1, 1, 1]), "number", (), [1, 1, 1]),
        (pd.array([0, None, 1], "Int8"), "boolean", (), [0, NAN, 1]),
        (pd.array([3, None, 1], "Int64"), "number", (), [3, NAN, 1]),
        (pd.array([0.5, None], "Float32"), "number", (), [0.5, NAN]),
        (pd.array([True, None, False], "boolean"), "boolean", (), [1, NAN, 0]),
        (pd.Series([True, False]), "boolean", (), [1, 0]),
        (pd.Series([True, None, NAN, False], dtype=object), "boolean", (), [1, NAN, NAN, 0]),
        (pd.Series([1, None, 2.5], dtype=object), "number", (), [1, NAN, 2.5]),
        (pd.Series([0, None, 1], dtype=object), "boolean", (), [0, NAN, 1]),
        (pd.Series([decimal.Decimal("1.5"), None]), "number", (), [1.5, NAN]),
        (pd.Series([1, None, 2], dtype=pd.ArrowDtype(pa.int64())), "number", (), [1, NAN, 2]),
        (pd.Series(["no", "yes", None]), "boolean", ("no", "yes"), [0, 1, NAN]),
        (pd.Series(["YES", " ", "YES"]), "boolean", ("NO", "YES"), [1, NAN, 1]),
        (pd.Series(["True", "False", pd.NA], dtype=object), "boolean", ("False", "True"), [1, 0, NAN]),
        (pd.Series(pd.Categorical(["true", "false"])), "boolean", ("false", "true"), [1, 0]),
    ],
)
def test_numbers_and_booleans(values, kind, words, x):
    found, held = field(values)
    assert found == Field("v", kind, words)
    np.testing.assert_array_equal(held[:, 0], x)


@pytest.mark.parametrize(
    ("values", "words", "places"),
    [
        (pd.Series(["b", "a", "c", "a"]), ("a", "b", "c"), [1, 0, 2, 0]),
        (pd.Series(["b", None, "", "a"], dtype=object), ("a", "b"), [1, -1, -1, 0]),
        (pd.array(["b", pd.NA, "a"], "string"), ("a", "b"), [1, -1, 0]),
        (pd.Series(["b", "a", None], dtype=pd.ArrowDtype(pa.string())), ("a", "b"), [1, 0, -1]),
        (pd.Series(["b", "a", None], dtype="category"), ("a", "b"), [1, 0, -1]),
        (pd.Series(pd.Categorical(["m", "s", None], ["s", "m", "l"], ordered=True)), ("s", "m"), [1, 0, -1]),
        (pd.Series([10, 9, None, 10], dtype="category"), ("9", "10"), [1, 0, -1, 1]),
        (pd.cut(pd.Series([1.0, 5.0]), [0, 2, 9]), ("(0, 2]", "(2, 9]"), [0, 1]),
        (pd.Series(["Yes", "yes", "no"]), ("Yes", "no", "yes"), [0, 2, 1]),
        (pd.Series(["1", "2", "3+"]), ("1", "2", "3+"), [0, 1, 2]),
        (pd.Series(["only", "only"]), ("only",), [0, 0]),
    ],
)
def test_categories(values, words, places):
    found, held = field(values)
    assert found == Field("v", "category", words)
    for row, place in zip(held, places, strict=True):
        np.testing.assert_array_equal(row, np.full(len(words), NAN) if place < 0 else np.eye(len(words))[place])


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (pd.Series([pd.NaT, pd.NaT]), "every value is missing"),
        (pd.Series([1, "x"], dtype=object), r"column 'v' of table: .*row 0 holds int '1', row 1 holds str 'x'"),
        (pd.Series([1 + 2j]), "not numbers|complex"),
        (pd.Series([[1], [2, 3]]), "row 0 holds list"),
        (pd.Series([None, None], dtype=object), "'v': every value is missing"),
        (pd.Series(["", None], dtype=object), "'v': every value is missing"),
        (pd.Series([NAN, np.inf]), "1 value is not finite; the first, in row 1, column 'v', is infinite"),
    ],
)
def test_columns_that_are_refused(values, words):
    with pytest.raises(DataError, match=words):
        field(values)


def test_a_place_is_told_by_its_columns_name():
    frame = pd.DataFrame({"c": list("abc"), "n": [1.0, np.inf, 2]})
    with pytest.raises(DataError, match="row 1, column 'n', is infinite"):
        open_data(frame)
    frame = pd.DataFrame({"c": ["a", None, "c", None], "n": [1.0, 2, NAN, 3]})
    made = open_data(frame)
    assert made.missing_words() == "3 values are missing (NaN), the first in row 1, column 'c'"
    assert made.form.fields == (Field("c", "category", ("a", "c")), Field("n", "number"))
    assert made.describe() == "4 vectors of 3 values in 2 columns (table)"


def test_many_numbers_as_words_are_taken_as_categories_with_a_warning(caplog):
    assert field(pd.Series([f"{row % 25}" for row in range(50)]))[0].kind == "category"
    assert "column 'v' of table holds 25 different numbers written as words" in caplog.text


def test_numbers_with_a_word_among_them(caplog):
    values = [str(row) for row in range(9)] + ["?"]
    with pytest.raises(DataError, match=r"its values are numbers, but row 9 holds '\?'; leave a missing value empty"):
        field(pd.Series(values))
    assert field(pd.Series(values, dtype="category"))[0].width == 10  # declared


FRAME = pd.DataFrame(
    {
        "n": [1.5, NAN, 3, 4],
        "i": pd.array([7, 8, None, 9], "Int64"),
        "b": pd.array([True, None, False, True], "boolean"),
        "z": pd.array([0, 1, None, 1], "Int64"),
        "w": pd.Series(["yes", "no", None, "yes"], dtype=object),
        "c": pd.Series(["red", "blue", "red", None], dtype=object),
        "label": ["u", "v", "u", "v"],
    }
)


def sources(folder):
    FRAME.to_csv(folder / "t.csv", index=False)
    FRAME.to_parquet(folder / "t.parquet", index=False)
    FRAME.assign(c=FRAME.c.astype("category")).to_parquet(folder / "d.parquet", index=False)
    rows = FRAME.astype(object).where(FRAME.notna(), None).to_dict("records")
    (folder / "t.jsonl").write_text("\n".join(json.dumps(row) for row in rows))
    return [folder / "t.csv", folder / "t.parquet", folder / "d.parquet", folder / "t.jsonl", FRAME]


def test_every_source_gives_the_same(tmp_path):
    first, *others = [open_data(source) for source in sources(tmp_path)]
    assert first.x.shape == (4, 7)
    assert first.missing_words() == "6 values are missing (NaN), the first in row 1, column 'n'"
    for other in others:
        np.testing.assert_array_equal(other.x, first.x)
        assert other.form == first.form
        assert other.labels.tolist() == [0, 1, 0, 1]
        again = open_data(other, like=first.form)
        assert again is other


@pytest.mark.skipif(polars is None, reason="polars is not installed (pip install polars)")
def test_polars_gives_the_same(tmp_path):
    sources(tmp_path)
    made = open_data(FRAME)
    for frame in (polars.read_parquet(tmp_path / "t.parquet"), polars.read_csv(tmp_path / "t.csv")):
        other = open_data(frame)
        np.testing.assert_array_equal(other.x, made.x)
        assert other.form == made.form
        assert other.classes == ("u", "v")
    more = polars.DataFrame(
        {
            "e": polars.Series(["m", "s", None], dtype=polars.Enum(["s", "m", "l"])),
            "c": polars.Series(["y", "x", "y"], dtype=polars.Categorical),
            "l": [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]],
        }
    )
    other = open_data(more)
    assert [one.values for one in other.form.fields] == [("s", "m"), ("x", "y"), (), ()]
    np.testing.assert_array_equal(other.x[1:], [[1, 0, 1, 0, 3, 4], [NAN, NAN, 0, 1, 5, 6]])
    dated = open_data(polars.DataFrame({"d": [datetime.date(2020, 1, 1), datetime.date(2020, 2, 1)], "n": [1, 2]}))
    np.testing.assert_array_equal(dated.x, [[0, 1], [31, 2]])


def test_ordered_dictionaries_of_parquet(tmp_path):
    values = pa.DictionaryArray.from_arrays(pa.array([0, 2, None]), ["small", "middle", "large"], ordered=True)
    pq.write_table(pa.table({"size": values}), tmp_path / "t.parquet")
    assert open_data(tmp_path / "t.parquet").form.fields[0].values == ("small", "large")


LIKE = open_data(FRAME).form


def test_columns_of_a_model_in_any_order_and_form(tmp_path):
    turned = FRAME[list(FRAME.columns[::-1])].assign(more=1)
    np.testing.assert_array_equal(open_data(turned, like=LIKE).x, open_data(FRAME).x)
    (tmp_path / "t.csv").write_text("c,w,z,b,i,n\nblue,no,0,1,3,1\nred,YES,1.0,TRUE,,\n,,,,,\n")
    made = open_data(tmp_path / "t.csv", like=LIKE)
    np.testing.assert_array_equal(made.x, [[1, 3, 1, 0, 0, 1, 0], [NAN, NAN, 1, 1, 1, 0, 1], [NAN] * 7])
    assert made.form.missing
    assert made.form.fields == LIKE.fields
    few = open_data(FRAME.iloc[:1], like=LIKE)
    assert not few.form.missing
    assert few.x.tolist() == [[1.5, 7, 1, 0, 1, 0, 1]]
    words = FRAME.iloc[:1].assign(n="2.5", b="true")
    assert open_data(words, like=LIKE).x.tolist() == [[2.5, 7, 1, 0, 1, 0, 1]]
    assert open_data(few.x, like=LIKE).x.tolist() == few.x.tolist()  # values in the encoded form
    with pytest.raises(DataError, match="the model takes vectors of 7 values in 6 columns"):
        open_data(few.x[:, :6], like=LIKE)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            {"c": ["red", "rod", "red", None]},
            r"column 'c' of table: row 1 holds 'rod', .*did you mean 'red'\? Known: 'bl",
        ),
        ({"c": ["red", "red", 5, None]}, "column 'c' of table: row 2 holds '5', .*known: 'blue', 'red'"),
        ({"c": pd.to_datetime(["2020-01-01"] * 4)}, "the model learnt the words of a category"),
        ({"c": [[1], [2], [3], [4]]}, "the model learnt the words of a category"),
        ({"w": ["yes", "no", "perhaps", "no"]}, "column 'w' of table: row 2 holds 'perhaps'.*known: 'no', 'yes'"),
        ({"w": [True, False, True, True]}, "column 'w' of table: row 0 holds 'True'"),
        ({"b": [0, 1, 2, 0]}, "column 'b' of table: row 2 holds '2'.*'False', 'True'"),
        ({"n": ["1", "2", "dear", "4"]}, "column 'n' of table: row 2 holds 'dear', but the model learnt numbers"),
        ({"n": [True, "no", "yes", "no"]}, "column 'n' of table: not numbers"),
    ],
)
def test_values_that_a_model_never_saw(change, words):
    with pytest.raises(DataError, match=words):
        open_data(FRAME.assign(**change), like=LIKE)


def test_a_column_that_a_model_needs_is_named_with_its_nearest():
    with pytest.raises(DataError, match="lacks column 'n' .*unknown column 'n'; did you mean 'nn'"):
        open_data(FRAME.rename(columns={"n": "nn"}), like=LIKE)


def test_an_array_model_takes_tables_of_numbers_only():
    like = Form("table", (2,))
    assert open_data(pd.DataFrame({"a": [0, 1], "b": [True, False]}), like=like).x.tolist() == [[0, 1], [1, 0]]
    with pytest.raises(DataError, match="column 'b' of table: row 0 holds 'x', but the model learnt numbers"):
        open_data(pd.DataFrame({"a": [0, 1], "b": ["x", "y"]}), like=like)


def test_a_category_of_numbers_is_met_in_any_type():
    like = open_data(pd.DataFrame({"c": ["1", "2", None], "n": [1, 2, 3]})).form
    for values in ([2, 1, 2], [2.0, None, 1.0], ["2", "1", ""]):
        made = open_data(pd.DataFrame({"c": values, "n": 1}), like=like)
        assert made.x[0].tolist() == [0, 1, 1]


def test_frames_come_back():
    frame = FRAME.drop(columns="label")
    made = open_data(frame)
    back = to_frame(made.form, made.x)
    assert list(back.columns) == list(frame.columns)
    np.testing.assert_array_equal(back.n, frame.n)
    assert str(back.b.dtype) == "boolean"
    assert back.b.tolist() == [True, pd.NA, False, True]
    assert back.w.tolist()[:2] == ["yes", "no"]
    assert pd.isna(back.c[3])
    guess = np.asarray([[0.2, 3, 0.5, 0.4, 0.6, 0.1, 0.3]], np.float32)
    row = to_frame(made.form, guess).iloc[0]
    assert (row.b, row.z, row.w, row.c) == (True, False, "yes", "red")
    plain = open_data(np.asarray([[1, NAN], [2, 3]]))
    assert to_frame(plain.form, plain.x).columns.tolist() == [0, 1]
    for wrong in (guess[:, 1:], guess[0]):
        with pytest.raises(DataError, match=r"an array of shape \(n, 7\)"):
            to_frame(made.form, wrong)
    with pytest.raises(DataError, match="grey images"):
        to_frame(Form("image", (1, 2, 2)), guess)


def test_missing_values_are_filled_and_others_left():
    made = open_data(FRAME)
    guess = np.random.default_rng(0).random(made.x.shape, np.float32)
    before = made.x.copy()
    filled = fill(made.form, made.x, guess)
    np.testing.assert_array_equal(made.x, before)
    np.testing.assert_array_equal(filled, np.where(np.isnan(before), guess, before))
    torn = np.asarray([[1, NAN, 1, 0, 1, 0, NAN]], np.float32)  # half a category is none
    np.testing.assert_array_equal(fill(made.form, torn, guess[:1])[0, 5:], guess[0, 5:])
    with pytest.raises(DataError, match="of the shape of the data"):
        fill(made.form, made.x, guess[:1])


def columns(rows):
    """A column of some type with missing values, of which at least one is there."""
    whole = st.integers(-(2**20), 2**20)
    kinds = {
        "number": st.floats(-1e6, 1e6, width=32, allow_subnormal=False),
        "whole": whole,
        "truth": st.booleans(),
        "pair": st.sampled_from(["no", "yes"]),
        "words": st.sampled_from(["red", "green", "blue", "über", "3"]),
    }

    def listed(kind):
        some = st.lists(st.one_of(st.none(), kinds[kind]), min_size=rows, max_size=rows)
        return some.filter(lambda held: any(value is not None for value in held)).map(lambda held: (kind, held))

    return st.sampled_from(sorted(kinds)).flatmap(listed)


@settings(max_examples=80, deadline=None)
@given(st.integers(1, 6).flatmap(lambda rows: st.lists(columns(rows), min_size=1, max_size=5)))
def test_frame_to_values_to_frame_is_the_identity(held):
    types = {"number": "float32", "whole": "Int64", "truth": "boolean", "pair": object, "words": object}
    frame = pd.DataFrame(
        {f"c{place}": pd.Series(values, dtype=types[kind]) for place, (kind, values) in enumerate(held)}
    )
    made = open_data(frame)
    back = to_frame(made.form, made.x)
    assert list(back.columns) == list(frame.columns)
    for name, (_, values) in zip(frame.columns, held, strict=True):
        assert [None if pd.isna(value) else value for value in back[name].tolist()] == values
    again = open_data(back, like=made.form)
    np.testing.assert_array_equal(again.x, made.x)
    assert again.form == made.form
    assert Form.from_dict(json.loads(json.dumps(made.form.to_dict()))) == made.form
    np.testing.assert_array_equal(fill(made.form, made.x, made.x), made.x)

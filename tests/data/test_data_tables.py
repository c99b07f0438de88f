"""csv files and data frames as data."""

import numpy as np
import pandas as pd
import pytest

from selfsup.data import Form, open_data
from selfsup.errors import DataError


@pytest.fixture
def csv(tmp_path):
    def write(text, name="t.csv"):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


def test_numeric_columns_and_a_usual_label(csv):
    made = open_data(csv("a,b,Label\n1,2.5,cat\n3,4,dog\n5,6,cat\n"))
    assert made.x.tolist() == [[1, 2.5], [3, 4], [5, 6]]
    assert made.form == Form("table", (2,), columns=("a", "b"))
    assert made.classes == ("cat", "dog")
    assert made.labels.tolist() == [0, 1, 0]
    assert made.describe() == "3 vectors of 2 values (t.csv), 2 classes used for evaluation only"
    assert made.form.fields is None
    assert not made.form.missing
    assert len(open_data(csv("a,b,y\n1,2,0\n3,4,1\n"), limit=1)) == 1


def test_label_column_is_chosen(csv):
    path = csv("a,kind,y\n1,7,0\n2,8,1\n")
    made = open_data(path, label_column="kind")
    assert made.classes == ("7", "8")
    assert made.form.columns == ("a", "y")
    with pytest.raises(DataError, match="unknown column 'knd'; did you mean 'kind'"):
        open_data(path, label_column="knd")
    assert open_data(path, labels=["u", "v"]).classes == ("u", "v")


def test_fractions_are_data_whatever_their_name(csv):
    made = open_data(csv("x,y\n1,0.5\n2,0.25\n"))
    assert made.labels is None
    assert made.form.columns == ("x", "y")


def test_separators_marks_and_missing_headers(csv):
    assert open_data(csv("a\tb\n1\t2\n", "t.tsv")).form.columns == ("a", "b")
    assert open_data(csv("a;b\n1;2\n")).form.columns == ("a", "b")
    assert open_data(csv("\ufeffa,b\n1,2\n")).form.columns == ("a", "b")
    assert open_data(csv(",0,1\n0,5,6\n1,7,8\n")).form.columns == ("0", "1")  # row numbers of a data frame
    assert open_data(csv(",0,1\n4,5,6\n9,7,8\n")).form.columns == ("Unnamed: 0", "0", "1")
    np.testing.assert_array_equal(open_data(csv("1,,0\n3,4,1\n")).x, [[1, np.nan, 0], [3, 4, 1]])
    assert open_data(csv("1,0\n3,1\n")).form == Form("table", (2,))  # without names: as an array, no booleans
    mixed = open_data(csv("1,2\n3,x\n4,y\n"))
    assert (mixed.form.columns, mixed.x.shape) == (("0", "1"), (3, 4))
    plain = open_data(csv("1,2\n3,4\n"))
    assert plain.x.tolist() == [[1, 2], [3, 4]]
    assert plain.form.columns is None
    assert open_data(csv("5,5\n1,2\n")).x.tolist() == [[5, 5], [1, 2]]


def test_constant_columns_are_fine(csv):
    assert open_data(csv("a,b\n1,1\n1,2\n")).x.shape == (2, 2)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a,b\n1,2\n3,inf\n", r"1 value is not finite; the first, in row 1, column 'b', is infinite"),
        ("a,b\n1,\n3,\n", "column 'b': every value is missing; drop"),
        (
            "a,b,c\n1,,\n3,,\n",
            "2 troubles with t.csv:\n  column 'b': every value is missing.*\n  column 'c': every value",
        ),
        (
            "a,b\n1,2\n3,4,5\n",
            r"a row of t.csv has more or fewer values than the 2 of the first line; row 1 \(line 3\)",
        ),
        ("a,b\n1,2,3\n4,5,6\n", "2 rows of t.csv have more or fewer"),
        (
            "a,b\n" + "".join(f"{row},{row}\n" for row in range(9)) + "9,cheap\n",
            "column 'b' of t.csv: .*row 9.*'cheap'",
        ),
        (
            "a,day\n1,1/2/2020\n2,\n",
            "column 'day' of t.csv holds dates such as '1/2/2020', in which nothing tells the day",
        ),
        ("a,day\n1,2020-02-31\n", "column 'day' of t.csv holds dates, but '2020-02-31' is none"),
        (
            "a,id\n" + "".join(f"1,u{row}\n" for row in range(51)),
            "'id' of t.csv has 51 different values in 51 rows.*drop",
        ),
        (
            "a,id\n" + "".join(f"1,u{row // 2}\n" for row in range(2002)),
            "'id' of t.csv has 1,001 different.*in 2,002 rows",
        ),
        ("", "as a table"),
        ("a,b\n", "empty"),
        (b"a,b\n\xff\xfe,1\n", "as a table"),
        (b"\x00\x01\x02\x03", "as a table|not numbers|empty"),
        ("label\ncat\n", "no column besides the labels"),
        ("a,label\n1,cat\n2,\n", "row 1 is missing"),
        ("a,label\n1,0\n2,\n", "row 1 is missing"),
    ],
)
def test_tables_that_are_refused(csv, text, words):
    with pytest.raises(DataError, match=words):
        open_data(csv(text))


def test_size_is_for_images(csv):
    with pytest.raises(DataError, match="images"):
        open_data(csv("a\n1\n"), size=8)


def test_frames():
    frame = pd.DataFrame(
        {
            "a": pd.array([1, 2], dtype="Int64"),
            "b": [True, False],
            "c": np.asarray([1, 2], np.float16),
            "label": pd.Categorical(["u", "v"]),
        }
    )
    made = open_data(frame)
    assert made.x.tolist() == [[1, 1, 1], [2, 0, 2]]
    assert made.form.columns == ("a", "b", "c")
    assert made.classes == ("u", "v")
    assert made.describe() == "2 vectors of 3 values (table), 2 classes used for evaluation only"
    frame["a"] = pd.array([None, 2], dtype="Int64")
    made = open_data(frame)
    np.testing.assert_array_equal(made.x[:, 0], [np.nan, 2])
    assert made.form.missing
    assert made.missing_words() == "1 value is missing (NaN), in row 0, column 'a'"
    assert open_data((frame[["b", "c"]], [5, 6])).classes == ("5", "6")
    twice = pd.DataFrame([[1, 2]], columns=["a", "a"])
    with pytest.raises(DataError, match="more than one column called column 'a'|more than one"):
        open_data(twice)


def test_like_reorders_columns_by_name(csv):
    like = open_data(csv("a,b,label\n1,2,x\n")).form
    made = open_data(csv("note,b,extra,a\nhm,2,9,1\n"), like=like)
    assert made.x.tolist() == [[1, 2]]
    assert made.form == like
    with pytest.raises(DataError, match=r"lacks column 'b' .*unknown column 'b'"):
        open_data(csv("a,c\n1,2\n"), like=like)
    with pytest.raises(DataError, match="lacks columns 'a', 'b'"):
        open_data(csv("c,d\n1,2\n"), like=like)
    with pytest.raises(DataError, match="takes grey images"):
        open_data(csv("c,d\n1,2\n"), like=Form("image", (1, 2, 2)))
    assert open_data(csv("c,d\n1,2\n"), like=Form("table", (2,))).x.tolist() == [[1, 2]]
    with pytest.raises(DataError, match="takes vectors of 3 values"):
        open_data(csv("c,d\n1,2\n"), like=Form("table", (3,)))
    assert open_data(np.asarray([[1, 2]]), like=like).form == like


def test_a_trained_column_is_data_even_if_it_is_called_y(csv):
    like = open_data(csv("x,y\n1,0.5\n")).form
    assert open_data(csv("x,y\n1,2\n"), like=like).x.tolist() == [[1, 2]]


def test_a_limit_changes_no_field(csv):
    path = csv("a,b,c\n0,x,no\n5,x,no\n1,y,yes\n")
    whole, some = open_data(path), open_data(path, limit=2)
    assert some.form == whole.form
    np.testing.assert_array_equal(some.x, whole.x[:2])


def test_a_row_without_a_value_is_kept_with_a_warning(csv, caplog):
    made = open_data(csv("a,b\n1,x\n,\n2,y\n"))
    assert np.isnan(made.x[1]).all()
    assert "in 1 of 3 rows every value is missing" in caplog.text


def test_a_table_that_was_opened_alone_is_brought_to_a_models_form(csv):
    like = open_data(csv("a,b\n1,x\n2,y\n3,z\n")).form
    alone = open_data(csv("b,a,label\nz,7,u\n,8,v\n"))
    made = open_data(alone, like=like)
    np.testing.assert_array_equal(made.x, [[7, 0, 0, 1], [8, np.nan, np.nan, np.nan]])
    assert made.classes == ("u", "v")
    assert open_data(made, like=like) is made  # whether values are missing is a fact of the data, not of the form

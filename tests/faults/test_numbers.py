"""Numbers that float32 cannot hold: an error or a warning that names the column, never NaN and never digits lost in silence."""

import logging

import numpy as np
import pandas as pd
import pytest
import torch

import selfsup
from conftest import table
from selfsup.data.arrays.stream import Stream
from selfsup.data.open import open_data
from selfsup.data.tables.missing import LARGEST
from selfsup.errors import DataError
from selfsup.methods import REGISTERED, find
from selfsup.model.encode import finite

TABULAR = [name for name in REGISTERED if "table" in find(name)[1].kinds]
QUICK = {"evaluate": False, "progress": False}


def fitted(x, method, **more):
    epochs = {} if find(method)[1].solvers[0] == "exact" else {"epochs": 1}
    return selfsup.fit(x, method, **epochs, **QUICK, **more)


def told(caplog, source, **options):
    """What is warned of while data are opened."""
    with caplog.at_level(logging.WARNING, "selfsup"):
        caplog.clear()
        opened = open_data(source, **options)
    return opened, caplog.text


@pytest.mark.parametrize("method", TABULAR)
def test_too_large_is_an_error_that_names_the_column(method):
    x = table(60).astype(np.float64)
    x[:, 2] *= 1e30
    with pytest.raises(
        DataError, match=r"column 2: its largest value is .*e\+3. in size.*take up to 1e\+16; divide it"
    ):
        fitted(x, method)
    with pytest.raises(DataError, match="column 'c'"):
        fitted(pd.DataFrame(x, columns=list("abcdef")), method)


@pytest.mark.parametrize("method", TABULAR)
def test_what_is_allowed_works(method):
    x = table(60)
    x = (x / np.abs(x).max() * LARGEST * 0.99).astype(np.float32)
    model = fitted(x, method, labels=np.arange(60) % 2)  # for a method that learns from them
    made = [model.encode(x), model.score_samples(x)]
    if model.method.decodes():
        made += [model.reconstruct(x), model.traverse(0)]
    assert all(np.isfinite(one).all() for one in made)
    assert np.isfinite(model.history[-1]["heldout"] if model.history else model.start["heldout"])


@pytest.mark.parametrize("dtype", [np.int64, np.uint64])
@pytest.mark.parametrize("method", ["linear", "undercomplete"])
def test_whole_numbers_near_the_end_of_64_bits(dtype, method):
    x = np.random.default_rng(0).integers(2**62, 2**63, (50, 3)).astype(dtype)
    with pytest.raises(DataError, match=r"column \d: its largest value is 9.2\de\+18"):
        fitted(x, method)


def test_digits_that_are_lost_are_told_of(caplog, tmp_path):
    number = np.arange(200) * 3 + 2**24
    frame = pd.DataFrame({"a": table(200)[:, 0], "id": number})
    frame.to_csv(tmp_path / "t.csv", index=False)
    frame.to_parquet(tmp_path / "t.parquet")
    np.save(tmp_path / "t.npy", frame.to_numpy())
    np.save(tmp_path / "i.npy", np.stack([number, number], 1))
    for source, column in [("t.csv", "'id'"), ("t.parquet", "'id'"), ("t.npy", "1"), ("i.npy", "0")]:
        _, warned = told(caplog, tmp_path / source)
        assert f"column {column} holds whole numbers from 16,777,216 to 16,777,813" in warned
        assert "float32 keeps 7 digits: their last digits are lost; it seems to be an identifier" in warned
    _, warned = told(caplog, frame)
    assert "column 'id'" in warned
    assert "column 'a'" not in warned
    list(Stream(tmp_path / "t.parquet").chunks())
    assert caplog.text.count("column 'id'") == 2


def test_how_many_values_stay_apart(caplog):
    x = table(100).astype(np.float64)
    x[:, 1] = 2**53 + np.arange(100) // 2 * 2**26
    x[:, 3] = 1013 + np.random.default_rng(0).random(100) * 1e-3
    _, warned = told(caplog, x)
    assert "column 1 holds whole numbers from 9,007,199,254,740,992 to 9,007,202,543,075,328" in warned
    assert "of its 50 different values 4 stay apart; subtract a constant" in warned
    assert "column 3 holds values from 1013.0" in warned
    assert "of its 100 different values" in warned


def test_a_column_that_would_become_constant_is_an_error():
    x = table(50).astype(np.float64)
    x[:, 4] = 2**53 + np.arange(50) * 2
    said = r"column 4: its values differ, from 9,007,199,254,740,992 to 9,007,199,254,741,090, but they are one value in float32"
    with pytest.raises(DataError, match=said):
        open_data(x)
    with pytest.raises(DataError, match="column 'n': its values differ"):
        open_data(pd.DataFrame({"a": x[:, 0], "n": x[:, 4].astype(np.int64)}))


def test_what_loses_nothing_is_not_warned_of(caplog):
    x = table(100).astype(np.float64)
    x[:, 0], x[:, 1], x[:, 2] = 0.1, np.arange(100) % 2, np.arange(100) * 2.0**30  # a constant, two values, exact ones
    x[7, 3] = np.nan
    whole = np.random.default_rng(0).integers(0, 2**24, (100, 3))
    frame = pd.DataFrame({"a": x[:, 3], "flag": x[:, 1] > 0, "kind": ["x", "y"] * 50, "n": whole[:, 0]})
    for source in (x, x.astype(np.float32), whole, frame, np.ones((20, 3))):
        assert not told(caplog, source)[1]


def test_rows_in_reverse():
    x = table(5)
    for part in (x[::-1], x[:1][::-1], x[:, :1][:, ::-1]):
        np.testing.assert_array_equal(open_data(part).x, part)


def test_infinite_values_of_a_file_are_named(tmp_path):
    (tmp_path / "t.csv").write_text("a,b\n1,2\n3,-inf\n5,6\n")
    with pytest.raises(DataError, match="row 1, column 'b', is infinite"):
        open_data(tmp_path / "t.csv")
    (tmp_path / "t.csv").write_text("a,b\n1,2\n3,1e200\n5,6\n")
    with pytest.raises(DataError, match="row 1, column 'b', is infinite .or too large for float32"):
        open_data(tmp_path / "t.csv")


def test_decimal_commas(tmp_path, caplog):
    (tmp_path / "t.csv").write_text("a;b;c\n1.000,5;2;x\n-0,25;3,125;y\n;4,5;y\n7;1;x\n")
    opened, warned = told(caplog, tmp_path / "t.csv")
    assert opened.form.columns == ("a", "b", "c")
    np.testing.assert_array_equal(opened.x[:, 0], np.float32([1000.5, -0.25, np.nan, 7]))
    np.testing.assert_array_equal(opened.x[:, 1], np.float32([2, 3.125, 4.5, 1]))
    assert "t.csv: numbers with a decimal comma are read as such: 'a' ('1.000,5'), 'b' ('3,125')" in warned
    (tmp_path / "bare.csv").write_text("1,5;2,5\n3,5;1,0\n")
    np.testing.assert_array_equal(open_data(tmp_path / "bare.csv").x, np.float32([[1.5, 2.5], [3.5, 1]]))


def test_decimal_commas_where_a_comma_may_be_another_thing(tmp_path):
    (tmp_path / "t.csv").write_text('a,b\n"1,5",2\n"2,5",3\n"3,5",1\n')
    read = open_data(tmp_path / "t.csv")  # of a file it is said, and read so
    assert read.rows()[torch.arange(3)].tolist() == [[1.5, 2.0], [2.5, 3.0], [3.5, 1.0]]
    with pytest.raises(
        DataError, match="column 'a' .*numbers with a decimal comma, such as '1.*,5'; write them with a po"
    ):
        open_data(pd.DataFrame({"a": ["1,5", "1.000,5", "2"], "b": [1, 2, 3]}))
    kept = pd.DataFrame({"a": pd.Categorical(["1,5", "2,5", "1,5"]), "b": [1, 2, 3]})
    assert open_data(kept).form.fields[0].values == ("1,5", "2,5")


def test_what_a_model_makes_is_finite():
    x = table(60)
    model = fitted(pd.DataFrame(x, columns=list("abcdef")), "undercomplete", n_components=2)
    with torch.no_grad():
        model.method.state_dict()[next(name for name in model.method.state_dict() if "std" in name)][3] = np.inf
    for made in (lambda: model.decode(np.ones((3, 2))), lambda: model.sample(4), lambda: model.traverse(0)):
        with pytest.raises(DataError, match="(decoded values|samples) are not finite .row 0, column 'd'."):
            made()
    with pytest.raises(DataError, match="codes of 'x' are not finite .row 1, column 0.: the weights have diverged"):
        finite(np.float32([[1], [np.nan]]), "codes of 'x'")

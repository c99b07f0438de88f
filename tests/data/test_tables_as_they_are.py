"""Tables as people have them: which columns, dates, encodings, no header, packed, several files, all troubles at once."""

import gzip
import logging

import numpy as np
import pandas as pd
import pytest
import torch

import selfsup
from selfsup.cli.main import main
from selfsup.data import Form, open_data
from selfsup.data.form import Calendar, Field, read_form
from selfsup.data.tables import dates
from selfsup.data.text.kind import reads
from selfsup.errors import DataError, OptionError

TABLE = "day,size,colour,label\n31.01.2024,1.5,red,u\n01.02.2024,2.5,blue,v\n,4,red,u\n"


@pytest.fixture
def file(tmp_path):
    def write(content, name="t.csv", encoding="utf-8"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
        return path

    return write


@pytest.fixture
def said(monkeypatch):
    found = []
    monkeypatch.setattr(logging.getLogger("selfsup"), "warning", lambda text, *values: found.append(text % values))
    return found


@pytest.fixture(scope="module")
def frame():
    rng = np.random.default_rng(0)
    days = pd.date_range("2024-01-01", periods=40).strftime("%d/%m/%Y")
    return pd.DataFrame(
        {"day": days, "size": rng.uniform(0, 255, 40), "colour": rng.choice(["red", "green", "blue"], 40)}
    )


@pytest.fixture(scope="module")
def model(frame):
    return selfsup.fit(frame, method="linear", n_components=2, evaluate=False, progress=False)


def test_columns_are_chosen_and_dropped(file):
    path = file("a,b,c,label\n1,2,3,u\n4,5,6,v\n")
    assert open_data(path, columns=("c", "a")).form.columns == ("a", "c")
    assert open_data(path, columns=("a",)).classes == ("u", "v")
    made = open_data(path, drop=["b", "label"])
    assert (made.form.columns, made.labels) == (("a", "c"), None)
    assert open_data(path, columns=("a", "label")).form.columns == ("a", "label")  # asked for by name: no label
    assert open_data(open_data(path), drop=("a",)).form.columns == ("b", "c")
    assert open_data(pd.read_csv(path), drop=("a",)).x.tolist() == [[2, 3], [5, 6]]
    with pytest.raises(
        DataError, match=r"t.csv: unknown column 'zz'; known: .*; unknown column 'lable'; did you mean 'label'\?"
    ):
        open_data(path, drop=("lable",), columns=("zz",))
    with pytest.raises(OptionError, match="'a' is in option 'columns' and in option 'drop'"):
        open_data(path, columns=("a",), drop=("a",))
    with pytest.raises(OptionError, match="'c' holds labels"):
        open_data(path, label_column="c", drop=("c",))
    with pytest.raises(DataError, match="option 'drop' is for tables"):
        open_data(np.ones((2, 2)), drop=("a",))
    with pytest.raises(DataError, match="no column besides the labels"):
        open_data(path, drop=("a", "b", "c"))


def test_columns_of_parquet_and_of_a_table_without_names(tmp_path, file):
    pd.DataFrame({"a": [1, 2], "b": [3, 4]}).to_parquet(tmp_path / "t.parquet")
    assert open_data(tmp_path / "t.parquet", drop=("a",)).x.tolist() == [[3], [4]]
    path = file("0.5,7,9\n1.5,8,3\n")
    made = open_data(path, columns=("0", "2"))
    assert made.form.columns == ("0", "2")
    assert open_data(file("3.5,4,5\n", "u.csv"), like=made.form).x.tolist() == [[3.5, 5]]  # one row: no header either


def test_dates_are_days_since_the_first_of_them(file, said):
    made = open_data(file(TABLE))
    np.testing.assert_array_equal(made.x[:, 0], [0, 1, np.nan])
    assert made.form.fields[0] == Field("day", "number", (), Calendar("2024-01-31", "dmy", False))
    assert any("dates are read as days since the first of them: 'day' (since 2024-01-31)" in one for one in said)
    assert read_form(made.form.to_dict()) == made.form
    new = open_data(
        file("size,day,colour\n1,2024-02-10,red\n2,05/02/2024,\n"), like=made.form
    )  # the model's order decides
    assert new.x[:, 0].tolist() == [10, 5]
    back = selfsup.data.to_frame(made.form, made.x)
    assert back["day"].tolist()[:2] == [pd.Timestamp("2024-01-31"), pd.Timestamp("2024-02-01")]
    assert pd.isna(back["day"][2])
    with pytest.raises(DataError, match="row 0 holds 'soon', but the model learnt dates"):
        open_data(file("size,day,colour\n1,soon,red\n"), like=made.form)
    with pytest.raises(DataError, match="the model learnt dates there"):
        open_data(file("size,day,colour\n1,2,red\n"), like=made.form)
    with pytest.raises(DataError, match="holds dates, but the model learnt numbers"):
        open_data(file("a\n2024-01-01\n"), like=Form("table", (1,), columns=("a",)))


def test_dates_of_every_type_are_the_same():
    stamps = pd.to_datetime(["2024-01-01", "2024-01-02 12:00", None], format="ISO8601")
    column = {
        "pandas": stamps,
        "zone": stamps.tz_localize("UTC"),
        "words": ["2024-01-01T00:00", "2024-01-02 12:00:00", None],
        "american": ["1/1/2024", "1/2/2024 12:00", None],
    }
    for name in ("pandas", "zone", "words"):
        x = open_data(pd.DataFrame({"d": column[name], "n": [1.0, 2, 3]})).x
        np.testing.assert_array_equal(x[:, 0], [0, 1.5, np.nan])
    with pytest.raises(DataError, match="nothing tells the day from the month"):
        open_data(pd.DataFrame({"d": column["american"], "n": [1.0, 2, 3]}))
    found, order = dates.of_words(["1/31/2024", "2/1/2024 6:00"], "column 'd'")
    assert (order, (np.diff(found) / 3600).tolist()) == ("mdy", [30])
    times = pd.DataFrame({"d": stamps[:2], "n": [1.0, 2]})
    made = open_data(times)
    assert selfsup.data.to_frame(made.form, made.x)["d"].tolist() == list(stamps[:2])


def test_a_damaged_calendar_is_refused():
    plain = open_data(pd.DataFrame({"d": ["2024-01-01", "2024-01-05"]})).form.to_dict()
    for dates_ in ({"first": "2024-02-31", "order": "ymd", "times": False}, {"first": "x"}, 3):
        field = {**plain["fields"][0], "dates": dates_}
        with pytest.raises(DataError, match="cannot be counted in days"):
            read_form({**plain, "fields": [field]})


def test_a_first_line_that_is_a_row(file):
    made = open_data(file("0.5,red,yes\n1.5,blue,no\n2.5,red,yes\n"))
    assert (len(made), made.form.columns) == (3, ("0", "1", "2"))
    assert "the first line is a row" in made.describe()
    assert open_data(file("0.5,red\n1.5,blue\n2.5,green\n")).form.columns == ("0.5", "red")  # nothing tells
    assert len(open_data(file("0.5,red\n1.5,blue\n2.5,green\n"), header="none")) == 3
    assert open_data(file("1,2\n3,4\n"), header="first").form.columns == ("1", "2")
    assert open_data(file("year,2019,2020\nx,1,2\ny,3,4\n")).form.columns == ("year", "2019", "2020")
    assert len(open_data(file("u,v\nu,w\nz,v\n"))) == 3  # words that occur again below
    again = open_data(file("7.5,red,no\n", "u.csv"), like=made.form)
    assert again.x.shape == (1, 4)
    with pytest.raises(OptionError, match="header"):
        open_data(file("1,2\n"), header="second")


def test_row_numbers_of_a_data_frame_are_left_out(file, frame, said):
    made = open_data(file(frame.to_csv()))
    assert made.form.columns == ("day", "size", "colour")
    assert any("numbers the rows; it is left out" in one for one in said)
    open_data(file("a,b,a\n1,2,3\n4,5,6\n"))
    assert any("more than one column 'a'" in one for one in said)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32", "utf-8-sig"])
def test_an_encoding_that_a_mark_tells(file, encoding):
    text = "größe,farbe\n1,röt\n2,röt\n3,blau\n"
    made = open_data(file(text, encoding=encoding))
    assert made.form.columns == ("größe", "farbe")
    assert made.form.fields[1].values == ("blau", "röt")
    assert ("UTF" in made.describe()) == (encoding != "utf-8-sig")


def test_other_encodings_are_asked_for(file, tmp_path):
    path = file("größe,farbe\n1,röt\n2,blau\n", encoding="cp1252")
    with pytest.raises(DataError, match=r"t.csv as a table: it is not UTF-8.*--encoding cp1252"):
        open_data(path)
    assert open_data(path, encoding="cp1252").form.fields[1].values == ("blau", "röt")
    with pytest.raises(OptionError, match="there is none called 'cp9999'"):
        open_data(path, encoding="cp9999")
    little = file("a,b\n1,2\n", encoding="utf-16-le")
    with pytest.raises(DataError, match="--encoding utf-16-le"):
        open_data(little)
    assert open_data(little, encoding="utf-16-le").x.tolist() == [[1, 2]]
    text = "größe,farbe\n" + "".join(f"{row},{'röt' if row % 2 else 'blau'}\n" for row in range(20))
    model = selfsup.fit(
        str(file(text, encoding="cp1252")),
        method="linear",
        n_components=2,
        encoding="cp1252",
        evaluate=False,
        progress=False,
    )
    model.save(tmp_path / "run")
    known = selfsup.load(tmp_path / "run")
    codes = known.encode(str(file(text, "a.csv", "cp1252")))  # the run remembers
    np.testing.assert_array_equal(known.encode(str(file(text, "b.csv"))), codes)  # UTF-8 is told from it


def test_packed_tables(file, frame, tmp_path):
    packed = gzip.compress(frame.to_csv(index=False).encode())
    np.testing.assert_array_equal(open_data(file(packed, "t.csv.gz")).x, open_data(frame).x)
    assert open_data(file(gzip.compress(b"a\tb\n1\t2\n"), "t.tsv.gz")).x.tolist() == [[1, 2]]
    for broken in (packed[:-40], b"no gzip", packed[:60] + b"\0" * 40 + packed[100:]):
        with pytest.raises(DataError, match=r"cannot read .*t.csv.gz"):
            open_data(file(broken, "t.csv.gz"))
    with pytest.raises(DataError, match="decompression bomb"):
        open_data(file(gzip.compress(b"a\n" + b"1\n" * (20 << 20)), "t.csv.gz"))


def test_separators_and_decimal_commas_are_found_and_said(file, said):
    assert open_data(file("a|b\n1|2\n3|4\n")).describe().endswith("(t.csv; separated by '|')")
    assert open_data(file("a\tb\n1,5\t2\n3\t4\n", "t.tsv")).x.tolist() == [[1.5, 2], [3, 4]]
    assert open_data(file('a,b\n"1,5",2\n"1.003,25",4\n')).x.tolist() == [[1.5, 2], [1003.25, 4]]
    assert sum("decimal comma" in one for one in said) == 2
    with pytest.raises(DataError, match="numbers with a decimal comma, such as '1,500'"):  # or thousands
        open_data(file('a,b\n"1,500",2\n"3,250",4\n'))


def test_every_trouble_is_said_at_once(file, said):
    rows = range(60)
    frame = pd.DataFrame(
        {
            "id": [f"c{row}" for row in rows], "void": [None] * 60, "big": [1.0] * 59 + [np.inf], "size": np.arange(60) / 7,
            "far": [1e9] * 59 + [1e9 + 1], "odd": [*map(str, range(59)), "cheap"],
        }
    )  # fmt: skip
    path = file(frame.to_csv(index=False))
    with pytest.raises(DataError) as caught:
        open_data(path)
    text = str(caught.value)
    assert text.startswith("5 troubles with t.csv:")
    for part in (
        "'id' of t.csv has 60 different",
        "'void': every value",
        "column 'big', is infinite",
        "'far': its values",
    ):
        assert part in text
    assert "row 59 holds 'cheap'" in text
    hint = text.splitlines()[-1]
    assert hint == "To leave columns out: --drop id,odd,void,big,far (drop=('id', 'odd', 'void', 'big', 'far'))"
    assert open_data(path, drop=("id", "odd", "void", "big", "far")).form.columns == ("size",)
    assert open_data(path, on_bad="skip").form.columns == ("size",)
    assert any(one.startswith("left out, as asked (on_bad skip): column 'id'") for one in said)
    with pytest.raises(DataError, match="5 troubles with t.csv; no column of t.csv is left to learn from"):
        open_data(path, drop=("size",), on_bad="skip")
    with pytest.raises(DataError, match="seems to be an identifier.*to leave it out: --drop id"):
        open_data(frame[["id", "size"]])


def test_troubles_of_values_and_labels_are_said_together():
    with pytest.raises(DataError, match="2 troubles with table(.|\n)*every value is missing(.|\n)*row 1 is missing"):
        open_data(pd.DataFrame({"a": [1.0, 2.0], "void": [np.nan, np.nan], "label": ["u", None]}))


def test_what_training_never_saw(model, frame, said, tmp_path, capsys):
    new = frame.copy()
    new.loc[3, "colour"], new.loc[5, "day"] = "purple", "soon"
    with pytest.raises(
        DataError, match="2 troubles with table:\n.*row 5 holds 'soon'.*\n.*'purple', which training never saw"
    ):
        model.encode(new)
    opened = model.open(new, on_bad="skip")  # linear needs every value: the rows are left out and listed
    assert [one.name for one in opened.bad] == ["row 3", "row 5"]
    np.testing.assert_array_equal(model.encode(opened), np.delete(model.encode(frame), [3, 5], axis=0))
    assert any(
        "'colour' of table: 1 value that training never saw is taken as missing, the first 'purple'" in one
        for one in said
    )
    like = open_data(frame).form  # a method that takes missing values gets them so
    made = open_data(new, like=like, on_bad="skip")
    assert np.isnan(made.x[3, 2:]).all()
    assert np.isnan(made.x[5, 0])
    assert int(np.isnan(made.x).sum()) == 4
    assert made.form.missing
    model.save(tmp_path / "run")
    new.to_csv(tmp_path / "new.csv", index=False)
    words = [
        "encode",
        str(tmp_path / "run"),
        str(tmp_path / "new.csv"),
        "--out",
        str(tmp_path / "c.npy"),
        "--on-bad",
        "skip",
    ]
    assert main(words) == 0
    assert len(np.load(tmp_path / "c.npy")) == 38
    assert "2 rows could not be read and have no row: row 3, row 5" in capsys.readouterr().out
    with pytest.raises(DataError, match="every row has a value that is missing"):
        model.encode(new.iloc[[3, 5]], on_bad="skip")


def test_rebuilt_rows_stay_within_the_range_of_training(model, frame, tmp_path):
    assert float(model.decode(model.encode(frame))[:, 1].max()) > 0
    far = frame.assign(size=frame["size"] * 100)
    rebuilt = model.reconstruct(far)
    assert rebuilt["size"].max() <= np.float32(frame["size"].max())
    assert rebuilt["size"].min() >= np.float32(frame["size"].min())
    assert rebuilt["day"].between("2024-01-01", "2024-02-09").all()
    model.save(tmp_path / "run")
    pd.testing.assert_frame_equal(selfsup.load(tmp_path / "run").reconstruct(far), rebuilt)
    assert model.impute(frame)["size"].to_numpy() == pytest.approx(frame["size"].to_numpy(), rel=1e-6)


def test_several_files_are_one_table(file, frame, tmp_path):
    one = file(frame.iloc[:20].to_csv(index=False), "p1.csv")
    two = file(frame.iloc[20:][["size", "colour", "day"]].to_csv(index=False), "p2.csv")
    whole = open_data(frame)
    for source in ([one, two], [str(one), str(two)], str(tmp_path / "p?.csv")):
        made = open_data(source)
        np.testing.assert_array_equal(made.x, whole.x)
        assert made.form == whole.form
    for place in (1, 2):
        frame.to_parquet(tmp_path / f"q{place}.parquet")
        np.save(tmp_path / f"n{place}.npy", np.full((place, 3), place, np.float32))
    assert len(open_data(str(tmp_path / "q*.parquet"))) == 80
    assert open_data(str(tmp_path / "n*.npy")).x[:, 0].tolist() == [1, 2, 2]
    assert len(selfsup.fit([str(one), str(two)], method="linear", evaluate=False, progress=False).encode(frame)) == 40
    for source, words in (
        ([one, tmp_path / "n1.npy"], "of different kinds"),
        ([one, tmp_path / "p9.csv"], "no data at .*p9.csv"),
        (str(tmp_path / "z*.csv"), "no file is called as the pattern"),
        ([one, file("a,b\n1,2\n", "o.csv")], "different columns: columns 'a', 'b', 'colour'"),
        ([one, tmp_path], "is a folder"),
        ([tmp_path / "n1.npy", tmp_path / "p1.csv"], "of different kinds"),
    ):
        with pytest.raises(DataError, match=words):
            open_data(source, "samples")


def test_several_images(tmp_path):
    from PIL import Image

    for place in range(3):
        Image.new("L", (8, 8), place * 40).save(tmp_path / f"{place}.png")
    made = open_data([tmp_path / "2.png", tmp_path / "0.png"], labels=["u", "v"])
    assert made.x[:, 0, 0, 0].tolist() == [80, 0]
    assert made.classes == ("u", "v")
    assert len(open_data(str(tmp_path / "*.png"))) == 3


def test_a_list_of_words_is_text_still(tmp_path):
    assert reads(["the sea", "the ship"])
    assert reads(["a.csv", "b.csv"])  # no such files
    (tmp_path / "a.csv").write_text("a\n1\n")
    assert not reads([str(tmp_path / "a.csv")])
    assert reads([str(tmp_path / "a.txt")])


class Items(torch.utils.data.Dataset):
    """Whatever a function gives for a number."""

    def __init__(self, item, length=6):
        self.item, self.length = item, length

    def __len__(self):
        return self.length

    def __getitem__(self, row):
        return self.item(row)


class Endless(torch.utils.data.IterableDataset):
    """Has no length."""

    def __iter__(self):
        yield torch.ones(2)


def test_data_sets_of_pytorch():
    made = open_data(Items(lambda row: (torch.full((3,), float(row)), row % 2)))
    assert made.x.tolist() == [[row] * 3 for row in range(6)]
    assert made.labels.tolist() == [0, 1] * 3
    assert len(open_data(Items(lambda row: np.ones(2)), limit=4)) == 4
    assert open_data(torch.utils.data.TensorDataset(torch.ones(5, 2))).labels is None
    pictures = open_data(Items(lambda row: torch.full((1, 8, 8), row / 10)))
    assert pictures.form.describe() == "grey images of 8x8"
    assert selfsup.fit(
        Items(lambda row: torch.randn(4), 30), method="linear", evaluate=False, progress=False
    ).form.shape == (4,)


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (Items(lambda row: np.ones(2 + row)), "item 1 of Items is of shape \\(3,\\), the first of \\(2,\\)"),
        (Items(lambda row: {"image": 1}), "is a dict; an item must be"),
        (Items(lambda row: (np.ones(2), np.ones((3, 2)))), "the label of item 0 of Items is of shape"),
        (Items(lambda row: (np.ones(2), 1) if row else np.ones(2)), "5 items have a label and 1 have none"),
        (Items(lambda row: 1 / 0), "item 0 of Items cannot be read: ZeroDivisionError"),
        (Items(lambda row: np.ones(2), 0), "Items is empty"),
        (torch.utils.data.DataLoader(Items(lambda row: np.ones(2))), "loader.dataset"),
        (Endless(), "has no length"),
    ],
)
def test_data_sets_that_are_refused(source, words):
    with pytest.raises(DataError, match=words):
        open_data(source, "samples")


def test_the_command_line_has_them(file, tmp_path, capsys):
    rows = "".join(f"{row};{row % 7},5;2024-01-{row + 1:02};x{row}\n" for row in range(28))
    path = file("n;price;day;id\n" + rows, "ß.csv", "cp1252")
    run = str(tmp_path / "run")
    words = [
        "fit",
        str(path),
        "--method",
        "linear",
        "--encoding",
        "cp1252",
        "--no-evaluate",
        "--no-progress",
        "--out",
        run,
    ]
    assert main([*words, "--drop", "idd"]) == 1
    assert "unknown column 'idd'; did you mean 'id'?" in capsys.readouterr().err
    assert main([*words, "--drop", "id"]) == 0
    assert "3 vectors" not in capsys.readouterr().out
    assert selfsup.load(run).form.columns == ("n", "price", "day")
    assert selfsup.load(run).config["reading"]["drop"] == ["id"]
    assert main(["encode", run, str(path), "--out", str(tmp_path / "c.npy")]) == 0
    assert main(["reconstruct", run, str(path), "--out", str(tmp_path / "r.csv")]) == 0
    assert pd.read_csv(tmp_path / "r.csv")["day"][0].startswith("2024-01-0")

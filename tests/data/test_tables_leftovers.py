"""Times and durations as numbers, lines of another length, and several files or folders as one table."""

import datetime
import gzip
import json

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import selfsup
from selfsup.cli.main import main
from selfsup.data import open_data, to_frame
from selfsup.data.form import BadFile, read_form
from selfsup.data.tables import ragged, times
from selfsup.data.text.kind import reads
from selfsup.errors import DataError

QUIET = {"evaluate": False, "progress": False}
ROWS = 24


@pytest.fixture
def frame():
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "at": [f"{row:02}:{minute:02}" for row, minute in enumerate(rng.integers(0, 60, ROWS))],
            "took": pd.to_timedelta(rng.integers(0, 400_000, ROWS), unit="s"),
            "size": rng.normal(size=ROWS),
            "label": ["u", "v"] * (ROWS // 2),
        }
    )


@pytest.mark.parametrize(
    ("word", "hours"),
    [
        ("08:30", 8.5), ("8:30", 8.5), ("1:02:03", 1 + 2 / 60 + 3 / 3600), ("2 days 03:00:00", 51), ("3 days", 72),
        ("1 day, 2:00:00", 26), ("-1 days +22:30:00", -1.5), ("-1:30", -1.5), ("27:15:30.5", 27 + 15 / 60 + 30.5 / 3600),
        ("8:30 pm", 20.5), ("12:00 AM", 0), ("12:15p.m.", 12.25),
    ],
)  # fmt: skip
def test_times_are_hours(word, hours):
    assert times.looks([word])
    assert times.of_words([word], "x").tolist() == pytest.approx([hours])
    if word.count(":") == 2 or "days" in word:  # pandas reads these
        assert times.of_words([word], "x")[0] * 3600 == pytest.approx(pd.Timedelta(word).total_seconds())


@pytest.mark.parametrize(
    "word", ["", " ", "-", "+", "2:3", "08:61", "days", "5", "1:02:03:04", "16:9", "2024-01-31", "noon"]
)
def test_what_is_no_time(word):
    assert not times.looks([word])
    assert not times.looks(["08:30", word])


def test_an_hour_that_there_is_not():
    with pytest.raises(DataError, match=r"column 'at' holds times, but '13:00 pm' is none.*1 to 12"):
        times.of_words(["13:00 pm"], "column 'at'")


def test_times_of_every_type(frame, caplog):
    frame["clock"] = [datetime.time(row, 5, 6) for row in range(ROWS)]
    frame["month"] = pd.period_range("2020-01", periods=ROWS, freq="M")
    frame.loc[3, "at"] = None
    made = open_data(frame)
    assert "times of day and durations are read as hours: 'at', 'took', 'clock'" in caplog.text
    kinds = {field.name: (field.hours, field.dates is not None) for field in made.form.fields}
    assert kinds == {
        "at": (True, False),
        "took": (True, False),
        "size": (False, False),
        "clock": (True, False),
        "month": (False, True),
    }
    assert np.isnan(made.x[3, 0])
    np.testing.assert_allclose(made.x[:, 1], frame["took"].dt.total_seconds() / 3600, rtol=1e-6)
    np.testing.assert_allclose(made.x[:, 3], [row + 5 / 60 + 6 / 3600 for row in range(ROWS)], rtol=1e-6)
    assert read_form(json.loads(json.dumps(made.form.to_dict()))) == made.form
    back = to_frame(made.form, made.x)
    assert (back["took"] == frame["took"]).all()
    assert back["at"][0] == pd.Timedelta("00:" + frame["at"][0][3:] + ":00")
    assert pd.isna(back["at"][3])
    assert back["month"].tolist() == frame["month"].dt.to_timestamp().tolist()
    held = made.form.to_dict()
    held["fields"][0]["hours"] = 1
    with pytest.raises(DataError, match="cannot be in hours: 1"):
        read_form(held)


def test_new_times_are_read_as_the_model_learnt_them(frame, tmp_path):
    model = selfsup.fit(frame, method="linear", out=tmp_path / "run", **QUIET)
    codes = model.encode(frame)
    frame.to_csv(tmp_path / "t.csv", index=False)
    known = selfsup.load(tmp_path / "run")
    np.testing.assert_allclose(known.encode(str(tmp_path / "t.csv")), codes, atol=1e-4)
    known.reconstruct(frame).to_csv(tmp_path / "again.csv", index=False)
    np.testing.assert_allclose(known.encode(str(tmp_path / "again.csv")), codes, atol=1e-2)
    for changed, words in (
        ({"at": 3.0}, "holds float64 values; the model learnt times there"),
        ({"at": "soon"}, "row 0 holds 'soon', but the model learnt times there"),
        ({"took": "2020-01-01"}, "row 0 holds '2020-01-01', but the model learnt times"),
        ({"size": "08:30"}, "holds times, but the model learnt numbers there"),
    ):
        with pytest.raises(DataError, match=words):
            known.encode(frame.assign(**changed))
    assert len(known.encode(frame.assign(at=["soon", *frame["at"][1:]]), on_bad="skip")) == ROWS - 1
    with pytest.raises(DataError, match="its values are times, but row 2 holds 'soon'"):
        open_data(frame.assign(at=[*frame["at"][:2], "soon", *frame["at"][3:]]))


RAGGED = "a,b,c\n1,2,3\n4,5\n6,7,8,9\n\n10,11,12\n"


def test_lines_of_another_length_are_one_message(tmp_path, caplog):
    path = tmp_path / "t.csv"
    path.write_text(RAGGED)
    with pytest.raises(DataError) as caught:
        open_data(path)
    assert str(caught.value) == (
        "2 rows of t.csv have more or fewer values than the 3 of the first line; the first is row 1 (line 3): 2 values where 3 "
        "are expected: '4,5'. Mend them, or leave them out: --on-bad skip (on_bad='skip')"
    )
    made = open_data(path, on_bad="skip", labels=["u", "v", "w", "x"])
    assert made.x.tolist() == [[1, 2, 3], [10, 11, 12]]
    assert made.names == ["row 0", "row 3"]
    assert made.bad == [
        BadFile("row 1", "2 values where 3 are expected: '4,5'"), BadFile("row 2", "4 values where 3 are expected: '6,7,8,9'"),
    ]  # fmt: skip
    assert [made.classes[label] for label in made.labels] == ["u", "x"]
    assert "2 unreadable rows skipped" in made.describe()
    assert "2 rows are left out, as asked (on_bad skip): row 1" in caplog.text


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "cp1252"])
@pytest.mark.parametrize("packed", [False, True])
def test_lines_are_counted_in_any_encoding(tmp_path, encoding, packed):
    path = tmp_path / ("t.csv" + ".gz" * packed)
    content = RAGGED.replace("a,", "ä,").encode(encoding)
    path.write_bytes(gzip.compress(content) if packed else content)
    made = open_data(path, on_bad="skip", encoding=None if encoding == "utf-16" else encoding)
    assert (made.x[:, 0].tolist(), made.form.columns) == ([1, 10], ("ä", "b", "c"))


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("1,2,3\n4,5\n6,7,8\n", [[1, 2, 3], [6, 7, 8]]),  # without names
        ("a,b,c\n1,2,3,4\n5,6,7\n8,9,10\n", [[5, 6, 7], [8, 9, 10]]),
        ("a;b\n1,5;2\n3\n4;5\n", [[1.5, 2], [4, 5]]),
        ("a\tb\n1\t2\n\t\n3\n4\t5\n", [[1, 2], [np.nan, np.nan], [4, 5]]),
        ('a,b\n1,"2"\n"3"\n4,"5"\n', [[1, 2], [4, 5]]),
    ],
)
def test_rows_that_are_left(tmp_path, text, left):
    path = tmp_path / "t.csv"
    path.write_text(text)
    with pytest.raises(DataError, match="a row of t.csv has more or fewer values"):
        open_data(path)
    np.testing.assert_array_equal(open_data(path, on_bad="skip").x, left)


def test_records_go_over_lines_in_quotation_marks():
    lines = ["a,b\n", '1,"x\n', 'y,z"\n', "\n", '2,5" pipe\n', '"3\n', '",4,"5,6"\n']
    assert [(number, values) for number, _, values in ragged.records(lines, ",")] == [(1, 2), (2, 2), (5, 2), (6, 3)]
    assert "".join(text for _, text, _ in ragged.records(lines, ",")) == "".join(line for line in lines if line != "\n")


def test_missing_last_values_are_no_short_lines(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("a,b\n1,\n2,3\n,4\n")
    np.testing.assert_array_equal(open_data(path).x, [[1, np.nan], [2, 3], [np.nan, 4]])
    path.write_text("a,b,c\n1\n2\n")
    with pytest.raises(DataError, match="2 rows of t.csv have more or fewer"):
        open_data(path, on_bad="skip")  # nothing is left
    path.write_text("")
    with pytest.raises(DataError, match="it is empty"):
        open_data(path)


def test_short_lines_are_said_with_all_else(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("id,a\n" + "".join(f"k{row},{row}\n" for row in range(60)) + "x\n")
    with pytest.raises(DataError, match="2 troubles with t.csv:\n.*row 60(.|\n)*identifier(.|\n)*--drop id"):
        open_data(path)
    assert len(open_data(path, on_bad="skip")) == 60
    (tmp_path / "u.csv").write_text("id,a\nk0,1\nk1,2,3\n")
    made = open_data([path, tmp_path / "u.csv"], on_bad="skip", drop=("id",))
    assert (made.names[-1], made.bad[-1].name, len(made)) == ("u.csv: row 0", "u.csv: row 1", 61)


def test_the_command_lists_the_rows_that_it_left_out(tmp_path, capsys):
    path, run = tmp_path / "t.csv", str(tmp_path / "run")
    path.write_text("a,b\n" + "".join(f"{row},{row % 7}\n" for row in range(30)) + "8\n9,9\n")
    words = ["fit", str(path), "--method", "linear", "--no-evaluate", "--no-progress", "--out", run]
    assert main(words) == 1
    assert "row 30 (line 32)" in capsys.readouterr().err
    assert main([*words, "--on-bad", "skip"]) == 0
    assert json.loads((tmp_path / "run" / "bad_files.json").read_text())[0]["name"] == "row 30"
    assert main(["encode", run, str(path), "--out", str(tmp_path / "c.npy"), "--on-bad", "skip"]) == 0
    assert len(np.load(tmp_path / "c.npy")) == 31
    assert "row 30" in capsys.readouterr().out


def write(table, path):
    """A frame as a file of the kind that the path's name says."""
    kind = path.name.removesuffix(".gz").rpartition(".")[2]
    if kind == "arrow":
        held = pa.Table.from_pandas(table, preserve_index=False)
        with pa.OSFile(str(path), "wb") as file, pa.ipc.new_stream(file, held.schema) as out:
            out.write_table(held)
    elif kind == "csv":
        table.to_csv(path, index=False)
    else:
        table.to_json(path, orient="records", lines=kind == "jsonl")


@pytest.mark.parametrize("ending", ["csv", "csv.gz", "jsonl", "jsonl.gz", "json", "json.gz", "arrow"])
def test_files_of_a_kind_are_one_table(frame, tmp_path, ending):
    plain = frame.drop(columns=["at", "took"]).assign(whole=range(ROWS))
    whole = open_data(plain)
    first, second = (tmp_path / f"{place}.{ending}" for place in (1, 2))
    write(plain[:10], first)
    write(plain[10:][["label", "whole", "size"]], second)  # matched by name
    sources = [[first, second], [str(first), str(second)], str(tmp_path / f"*.{ending}")]
    for source in [*sources, tmp_path] if "json" not in ending or "l" in ending else sources:
        assert not reads(source)
        made = open_data(source)
        np.testing.assert_allclose(made.x, whole.x, rtol=1e-6)
        assert (made.form, made.labels.tolist()) == (whole.form, whole.labels.tolist())
    write(plain[10:].drop(columns="size"), second)
    with pytest.raises(DataError, match="have different columns: column 'size' in one of them only"):
        open_data([first, second])


def test_a_folder_with_a_test_part(frame, tmp_path):
    plain = frame[["size", "label"]]
    plain[:16].to_csv(tmp_path / "train.csv", index=False)
    plain[16:].assign(label="v").to_csv(tmp_path / "test.csv", index=False)
    made = open_data(tmp_path)
    assert (len(made), len(made.test), made.test.labels.tolist()) == (16, 8, [1] * 8)
    plain[16:].assign(label="w").to_csv(tmp_path / "test.csv", index=False)
    with pytest.raises(DataError, match="the test part has classes that the training part lacks: 'w'"):
        open_data(tmp_path)


def test_folders_that_are_no_table(tmp_path, frame):
    from PIL import Image

    frame.to_csv(tmp_path / "labels.csv")
    Image.new("L", (8, 8)).save(tmp_path / "a.png")
    assert open_data(tmp_path).form.kind == "image"
    (tmp_path / "a.png").unlink()
    frame[["size", "label"]].to_json(tmp_path / "b.jsonl", orient="records", lines=True)
    with pytest.raises(DataError, match="are of different kinds"):
        open_data(tmp_path)
    (tmp_path / "config.json").write_text("{}")  # of a run
    with pytest.raises(DataError, match="holds no image"):
        open_data(tmp_path)


def test_damaged_files_among_several(tmp_path):
    (tmp_path / "1.jsonl").write_text('{"a": 1}\n{"a": 2}\n')
    for content, words in (
        (b"nope", r"2.jsonl, line 1: an object expected"),
        (b'{"a": "x"}\n', "as one table.*incompatible types"),
    ):
        (tmp_path / "2.jsonl").write_bytes(content)
        with pytest.raises(DataError, match=words):
            open_data(tmp_path)
    (tmp_path / "2.jsonl.gz").write_bytes(b"nope")
    with pytest.raises(DataError, match="cannot read .*2.jsonl.gz"):
        open_data(tmp_path / "2.jsonl.gz")
    (tmp_path / "3.jsonl.gz").write_bytes(gzip.compress(b'{"a": 1}\n' * (1 << 21)))
    with pytest.raises(DataError, match="decompression bomb"):
        open_data(tmp_path / "3.jsonl.gz")

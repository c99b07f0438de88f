"""Parquet, Arrow, JSON and Hugging Face data sets; and real data, where they are there."""

import io
import json
import os
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from selfsup.data import Form, open_data
from selfsup.errors import DataError

REAL = Path(os.environ.get("SELFSUP_DATA", Path(__file__).parents[3] / "shared" / "data"))
real = pytest.mark.skipif(not (REAL / "mnist").is_dir(), reason=f"no real data in {REAL} (SELFSUP_DATA)")
RNG = np.random.default_rng(3)


@pytest.fixture(autouse=True)
def _own_folders(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("SELFSUP_CACHE", str(tmp_path_factory.mktemp("cache")))


def png(seed, height=8, width=8, grey=True):
    values = np.random.default_rng(seed).integers(0, 255, (height, width) if grey else (height, width, 3), np.uint8)
    file = io.BytesIO()
    Image.fromarray(values).save(file, "PNG")
    return file.getvalue()


def table(rows, first=0, labels=True, **more):
    held = {"image": [{"bytes": png(row + first), "path": f"{row + first}.png"} for row in range(rows)]}
    if labels:
        held["label"] = [row % 2 for row in range(rows)]
    return pa.table(held | more)


def _parquet(held, path):
    pq.write_table(held, path)
    return path


def opened(source, **options):
    return open_data(source, **{"progress": False, **options})


def test_parquet_of_images(tmp_path):
    pq.write_table(table(5), tmp_path / "x.parquet")
    for _ in range(2):
        made = opened(tmp_path / "x.parquet")
        assert made.x.shape == (5, 1, 8, 8)
        np.testing.assert_array_equal(made.x[3, 0], np.asarray(Image.open(io.BytesIO(png(3)))))
        assert made.labels.tolist() == [0, 1, 0, 1, 0]
        assert made.names[:2] == ["0.png", "1.png"]
        assert made.form == Form("image", (1, 8, 8), 0.0, 255.0)
    assert len(opened(tmp_path / "x.parquet", limit=2)) == 2
    (tmp_path / "classes.txt").write_text("odd\neven\nother\n")
    assert opened(tmp_path / "x.parquet").classes == ("odd", "even", "other")
    assert opened(tmp_path / "x.parquet", labels=list("abcde")).classes == tuple("abcde")
    with pytest.raises(DataError, match="did you mean 'label'"):
        opened(tmp_path / "x.parquet", label_column="lable")


def test_binary_and_missing_images(tmp_path):
    held = pa.table({"id": [1, 2, 3], "picture": [png(0), None, b"text"]})
    pq.write_table(held, tmp_path / "x.parquet")
    with pytest.raises(DataError, match=r"2 of 3 images(.|\n)*row 1: no image in this row(.|\n)*row 2: not an image"):
        opened(tmp_path / "x.parquet")
    made = opened(tmp_path / "x.parquet", on_bad="skip", label_column="id")
    assert made.labels.tolist() == [0]
    assert made.names is None


def test_images_by_path(tmp_path):
    (tmp_path / "a.png").write_bytes(png(0))
    rows = [{"bytes": None, "path": "a.png"}]
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    pq.write_table(pa.table({"image": pa.array(rows, kind)}), tmp_path / "x.parquet")
    assert opened(tmp_path / "x.parquet").x.shape == (1, 1, 8, 8)


def test_folder_of_splits(tmp_path):
    pq.write_table(table(4), tmp_path / "train-00000-of-00002.parquet")
    pq.write_table(table(4, 4), tmp_path / "train-00001-of-00002.parquet")
    pq.write_table(table(2, 8), tmp_path / "validation.parquet")
    pq.write_table(table(9, 8), tmp_path / "unsupervised.parquet")
    made = opened(tmp_path, limit=6)
    assert len(made) == 6
    assert made.names[-1] == "5.png"
    assert len(made.test) == 2
    assert made.test.classes == made.classes == ("0", "1")
    assert made.test.form == made.form
    pq.write_table(table(3, 0, labels=False), tmp_path / "test.parquet")
    made = opened(tmp_path)
    assert len(made.test) == 3
    assert made.test.labels is None
    pq.write_table(table(3).append_column("more", pa.array([1, 2, 3])), tmp_path / "train-x.parquet")
    with pytest.raises(DataError, match="have different columns"):
        opened(tmp_path)


def test_labels_of_the_test_part_follow_the_training_part(tmp_path):
    pq.write_table(pa.table({"a": [1.0, 2], "label": ["x", "z"]}), tmp_path / "train.parquet")
    pq.write_table(pa.table({"label": ["z"], "a": [3.0]}), tmp_path / "test.parquet")
    made = opened(tmp_path)
    assert made.test.labels.tolist() == [1]
    assert made.test.x.tolist() == [[3]]
    pq.write_table(pa.table({"label": ["q"], "a": [3.0]}), tmp_path / "test.parquet")
    with pytest.raises(DataError, match="the training part lacks: 'q'"):
        opened(tmp_path)
    pq.write_table(pa.table({"label": [-1], "a": [3.0]}), tmp_path / "test.parquet")
    assert opened(tmp_path).test.labels is None


def test_the_test_part_has_the_fields_of_the_training_part(tmp_path):
    pq.write_table(pa.table({"a": [1.0, 2.0, 3.0], "c": ["x", "y", "z"]}), tmp_path / "train.parquet")
    pq.write_table(pa.table({"a": [1.0, None], "c": ["z", None]}), tmp_path / "test.parquet")
    made = opened(tmp_path)
    np.testing.assert_array_equal(made.test.x, [[1, 0, 0, 1], [np.nan] * 4])
    assert (made.form.missing, made.test.form.missing) == (False, True)
    assert made.test.form.fields == made.form.fields
    pq.write_table(pa.table({"a": [1.0], "c": ["w"]}), tmp_path / "test.parquet")
    with pytest.raises(DataError, match="column 'c' of .*: row 0 holds 'w', which training never saw; known: 'x', 'y'"):
        opened(tmp_path)


def test_numbers_and_lists(tmp_path):
    held = pa.table({"a": [1, 2], "v": [[1.0, 2.0], [3.0, 4.0]], "target": [0, 1]})
    pq.write_table(held, tmp_path / "x.parquet")
    made = opened(tmp_path / "x.parquet")
    assert made.x.tolist() == [[1, 1, 2], [2, 3, 4]]
    assert made.form.columns == ("a", "v_0", "v_1")
    assert opened(tmp_path / "x.parquet", like=made.form).x.tolist() == made.x.tolist()
    pq.write_table(pa.table({"v": [[1.0], [3.0, 4.0]]}), tmp_path / "y.parquet")
    with pytest.raises(DataError, match=r"column 'v' of y.parquet: not numbers.*row 0 holds list '\[1.0\]'"):
        opened(tmp_path / "y.parquet")
    pq.write_table(pa.table({"text": [f"{row} words" for row in range(60)]}), tmp_path / "z.parquet")
    with pytest.raises(DataError, match="column 'text' of z.parquet has 60 different values in 60 rows.*drop"):
        opened(tmp_path / "z.parquet")
    pq.write_table(pa.table({"n": pa.array([1, None])}), tmp_path / "n.parquet")
    assert opened(tmp_path / "n.parquet").missing_words() == "1 value is missing (NaN), in row 1, column 'n'"
    more = pa.table({"v": [[5.0, 6.0]], "a": [0]})
    assert opened(_parquet(more, tmp_path / "m.parquet"), like=made.form).x.tolist() == [[0, 5, 6]]
    turned = pa.table({"v_1": [6.0], "a": [0], "v_0": [5]})
    assert opened(_parquet(turned, tmp_path / "m.parquet"), like=made.form).x.tolist() == [[0, 5, 6]]
    pq.write_table(pa.table({"n": pa.array([], pa.int64())}), tmp_path / "e.parquet")
    with pytest.raises(DataError, match="no rows"):
        opened(tmp_path / "e.parquet")


def test_damaged_files(tmp_path):
    pq.write_table(table(5), tmp_path / "x.parquet")
    whole = (tmp_path / "x.parquet").read_bytes()
    for content in (b"", b"text", whole[:-20]):
        (tmp_path / "x.parquet").write_bytes(content)
        with pytest.raises(DataError, match="cannot read .*x.parquet as parquet"):
            opened(tmp_path / "x.parquet")
    for name in ("x.arrow", "x.json", "x.jsonl"):
        (tmp_path / name).write_bytes(b"{ damaged")
        with pytest.raises(DataError, match=f"cannot read .*{name}"):
            opened(tmp_path / name)


def test_json(tmp_path):
    rows = [{"a": 1, "b": 2.5, "label": "u"}, {"a": 3, "b": 4, "label": "v"}]
    (tmp_path / "x.json").write_text(json.dumps(rows))
    (tmp_path / "x.jsonl").write_text("\n".join(json.dumps(row) for row in rows))
    (tmp_path / "y.json").write_text(json.dumps({"a": [1, 3], "b": [2.5, 4], "label": ["u", "v"]}))
    for name in ("x.json", "x.jsonl", "y.json"):
        made = opened(tmp_path / name)
        assert made.x.tolist() == [[1, 2.5], [3, 4]]
        assert made.classes == ("u", "v")
    (tmp_path / "x.json").write_text("3")
    with pytest.raises(DataError, match="as a table"):
        opened(tmp_path / "x.json")


@pytest.fixture
def hugging(tmp_path, monkeypatch):
    """Hugging Face data sets with named classes, and one of a saved folder."""
    import datasets

    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "hf")
    features = datasets.Features(
        {"image": datasets.Image(), "label": datasets.ClassLabel(names=["no", "yes", "never"])}
    )
    held = {"image": [{"bytes": png(row), "path": None} for row in range(4)], "label": [0, 1, 1, 0]}
    train = datasets.Dataset.from_dict(held, features=features)
    return datasets.DatasetDict({"train": train, "test": train.select([3, 1])})


def test_hugging_face_data_in_memory_and_on_disk(tmp_path, hugging):
    hugging.save_to_disk(tmp_path / "saved")
    hugging["train"].save_to_disk(tmp_path / "part")
    hugging["train"].to_parquet(tmp_path / "x.parquet")
    for source in (hugging, tmp_path / "saved"):
        made = opened(source)
        assert made.x.shape == (4, 1, 8, 8)
        assert made.classes == ("no", "yes", "never")
        assert made.labels.tolist() == [0, 1, 1, 0]
        assert made.test.labels.tolist() == [0, 1]
        np.testing.assert_array_equal(made.test.x[0], made.x[3])
    for source in (hugging["train"], tmp_path / "part", tmp_path / "x.parquet"):
        assert opened(source).classes == ("no", "yes", "never")
    arrow = next((tmp_path / "part").glob("*.arrow"))
    assert opened(arrow).classes == ("no", "yes", "never")
    shuffled = opened(hugging["train"].select([2, 0]))
    assert shuffled.labels.tolist() == [1, 0]
    (tmp_path / "part" / "state.json").write_text("{")
    with pytest.raises(DataError, match="saved by Hugging Face"):
        opened(tmp_path / "part")


def test_hub(monkeypatch, hugging):
    import datasets

    asked = []

    def load(path, config=None, **more):
        assert not more.get("trust_remote_code")
        asked.append((path, config, datasets.are_progress_bars_disabled()))
        return hugging

    monkeypatch.setattr(datasets, "load_dataset", load)
    made = opened("hub:owner/name:config")
    assert made.describe().startswith("4 grey images of 8x8 (hub:owner/name:config), 3 classes")
    assert asked == [("owner/name", "config", True)]
    assert not datasets.are_progress_bars_disabled()
    with pytest.raises(DataError, match="lacks a name"):
        opened("hub:")

    def offline(*given, **options):
        raise ConnectionError("Couldn't reach 'owner/name' on the Hub\nmore")

    monkeypatch.setattr(datasets, "load_dataset", offline)
    with pytest.raises(DataError, match="cannot load hub:owner/name: Couldn't reach 'owner/name' on the Hub. Is"):
        opened("hub:owner/name")
    assert not datasets.are_progress_bars_disabled()
    monkeypatch.setattr(datasets, "load_dataset", lambda *given: datasets.IterableDatasetDict())
    with pytest.raises(DataError, match="streams are not supported"):
        opened("hub:x")


@real
def test_mnist():
    start = time.perf_counter()
    made = opened(REAL / "mnist" / "train.parquet", limit=2000)
    first = time.perf_counter() - start
    assert made.x.shape == (2000, 1, 28, 28)
    assert len(made.classes) == 10
    start = time.perf_counter()
    opened(REAL / "mnist" / "train.parquet", limit=2000)
    assert time.perf_counter() - start < first
    moments = made.whole().fact("moments")
    assert abs(float(moments.mean[0]) - 0.1307) < 0.01
    assert moments.unit


@real
def test_cifar10_and_imagenette():
    made = opened(REAL / "cifar10" / "test.parquet", limit=500)
    assert made.x.shape == (500, 3, 32, 32)
    assert "airplane" in made.classes
    made = opened(REAL / "imagenette96" / "val.parquet", limit=200)
    assert made.x.shape == (200, 3, 96, 96)
    assert made.note == ""
    assert opened(REAL / "imagenette96" / "val.parquet", limit=20, size=32).x.shape == (20, 3, 32, 32)


@real
def test_text_is_refused():
    with pytest.raises(DataError, match="column 'text'.*free text"):
        opened(REAL / "newsgroups")

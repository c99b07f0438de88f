"""What the chapters 7 to 10 learn from: there with real data and without, the same each time."""

import io
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

sys.path.append(str(Path(__file__).resolve().parents[1] / "course"))

from checks.data import BAD, GOOD, PLAIN, photographs, reviews


@pytest.fixture
def without(tmp_path, monkeypatch):
    monkeypatch.setenv("SELFSUP_DATA", str(tmp_path))
    return tmp_path


def test_photographs_without_real_data_are_crops_of_two(without):
    found, again = photographs(24, 6, 4), photographs(24, 6, 4)
    assert found.train.shape == (6, 3, 24, 24)
    assert found.held.shape == (4, 3, 24, 24)
    assert found.train.dtype == np.float32
    assert 0 <= found.train.min() < 0.2 < 0.8 < found.train.max() <= 1
    assert np.array_equal(found.held, again.held)
    assert not np.array_equal(found.held, photographs(24, 6, 4, seed=1).held)
    assert "overlap" in found.source, "it is said that they are of the same two photographs"


def test_photographs_of_a_folder_are_taken_whole_and_no_two_alike(without):
    cells = []
    for shade in range(10):
        file = io.BytesIO()
        Image.new("RGB", (30, 20), (25 * shade,) * 3).save(file, "PNG")
        cells.append({"bytes": file.getvalue(), "path": None})
    (without / "imagenette96").mkdir()
    pq.write_table(pa.table({"image": cells}), without / "imagenette96" / "train.parquet")
    found = photographs(16, 6, 4)
    shades = np.concatenate([found.train, found.held])[:, 0, 0, 0]
    assert np.allclose(np.sort(shades) * 255, 25 * np.arange(10))
    assert found.source == "10 photographs of imagenette96"


def test_made_reviews_lean_to_their_side(without):
    found = reviews(5, 40, 20)
    assert (len(found.unlabelled), len(found.texts), len(found.test_texts)) == (5, 40, 20)
    assert not set(GOOD) & set(BAD)
    assert not set(PLAIN) & (set(GOOD) | set(BAD))
    praise = np.array([sum(word in GOOD for word in text.split()) for text in found.texts + found.test_texts])
    labels = np.concatenate([found.labels, found.test_labels])
    assert praise[labels == 1].mean() > praise[labels == 0].mean() + 4
    assert found.texts == reviews(5, 40, 20).texts


def test_real_reviews_are_taken_where_they_are(without):
    (without / "imdb").mkdir()
    texts = [f"review {row}" for row in range(8)]
    pq.write_table(pa.table({"text": texts, "label": [0, 1] * 4}), without / "imdb" / "train.parquet")
    pq.write_table(pa.table({"text": ["free"] * 5}), without / "imdb" / "unsupervised.parquet")
    found = reviews(3, 5, 3)
    assert found.unlabelled == ["free"] * 3
    assert sorted(found.texts + found.test_texts) == texts, "no text is both learnt from and tested on"
    asked = [int(text.split()[1]) % 2 for text in found.texts]
    assert asked == found.labels.tolist()

"""Small good files and the readers of them, for `fuzz.py`: every way in which a file from a stranger comes into the program."""

from __future__ import annotations

import gzip
import importlib.util
import json
import logging
import os
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import torch
import zstandard

import _fuzz_seeds as good
import selfsup
from selfsup import store
from selfsup.data.arrays.stream import Stream
from selfsup.data.images import cache as images
from selfsup.data.images.decode import Canvas, Unreadable, decode, head
from selfsup.data.open import open_data
from selfsup.data.text import kept
from selfsup.errors import SelfsupError
from selfsup.measures.words.analogies import analogies
from selfsup.measures.words.similarity import similarity
from selfsup.model.words import texts_of
from selfsup.report import page
from selfsup.store.checkpoint import Checkpoint
from selfsup.words.vectors import WordVectors

FACTS, TENSOR = {"records": [{"epoch": 0}]}, torch.arange(12.0).reshape(3, 4)
WORDS = [f"w{number}" for number in range(12)] + ["día", "Ünö", "naïve"]
RUN = (
    "config.json",
    "metrics.jsonl",
    "evaluation.json",
    "model.safetensors",
    "latent.safetensors",
    "pictures.safetensors",
)
TEXT_RUN = (
    "config.json",
    "metrics.jsonl",
    "evaluation.json",
    "model.safetensors",
    "vectors.safetensors",
    "ngrams.safetensors",
    "vocabulary.jsonl",
)


class Changed(Exception):
    """A file that has changed was read as if it had not."""


@dataclass
class Reader:
    """One way in.

    Attributes
    ----------
    file
        Name of the file that is changed.
    seeds
        Good contents of it.
    form
        What its changes know of it (`_fuzz_changes.FORMS`).
    read
        Reads the file in a folder, and uses what comes.
    beside
        Folder whose files lie beside it.
    sealed
        Whether every change must be noticed.
    share
        Of the cases: less for those that take long.
    """

    file: str
    seeds: list[bytes]
    form: str
    read: Callable[[Path], Any]
    beside: Path | None = None
    sealed: bool = False
    share: float = 1.0
    place: Path | None = field(default=None, init=False)

    def run(self, content: bytes, folder: Path) -> str:
        """Read one content: "accepted", or the sentence by which it was refused; whatever else is raised goes on."""
        if self.place is None or not self.place.is_dir():
            self.place = Path(tempfile.mkdtemp(dir=folder))
            if self.beside is not None:
                shutil.copytree(self.beside, self.place, dirs_exist_ok=True)
        path = self.place / self.file
        path.write_bytes(content)
        try:
            self.read(path)
        except (SelfsupError, Unreadable) as error:
            return f"refused: {error}"
        if self.sealed and not any(_same(content, seed) for seed in self.seeds):
            raise Changed(f"{self.file} was changed and nobody noticed")
        return "accepted"


def _same(content: bytes, seed: bytes) -> bool:
    """Whether two files say the same, perhaps as JSON of another layout."""
    try:
        return content == seed or json.loads(content) == json.loads(seed)
    except (ValueError, RecursionError):
        return False


def _data(path: Path, **options: Any) -> None:
    made = open_data(str(path), "samples", cache=False, progress=False, **options)
    made.describe()
    form = made.form.to_dict()
    json.dumps(form, allow_nan=False)
    open_data(str(path), like=made.form, cache=False, progress=False)


def _labels(path: Path) -> None:
    open_data(np.zeros((20, 2), np.float32), labels=str(path)).describe()


def _stream(path: Path) -> None:
    open_data(str(path), "samples", stream=True)
    for _ in Stream(path, chunk=7).chunks():
        pass


def _image(path: Path) -> None:
    content = path.read_bytes()
    seen = head(content)
    for channels in (1, 3):
        out = np.empty((channels, 8, 8), np.uint8)
        decode(content, Canvas(channels, 8, 8), out)
    assert seen.height > 0


def _text(path: Path, **options: Any) -> None:
    made = open_data(str(path), "text", cache=False, progress=False, min_count=1, **options)
    made.describe()
    assert len(made.ids) == 0 or made.ids.max() < len(made.vocabulary)


def _vectors(path: Path) -> None:
    folder = path.parent if path.name in ("vectors.safetensors", "vocabulary.jsonl", "ngrams.safetensors") else path
    made = WordVectors.load(folder, verify=False) if folder.is_dir() else WordVectors.load(folder)
    repr(made)
    made.most_similar(made.words[0], 3)
    made.frequent(5)
    if made.ngrams is not None:
        made.vectors_of(["wx1", made.words[-1]])


def _model(path: Path, verify: bool = False) -> None:
    model = selfsup.load(path.parent, verify=verify)
    f"{model!r} {model.evaluation} {model.evaluation.short() if model.evaluation else ''}"
    if model.word_vectors is not None:
        model.most_similar(model.words[0], 3)
        model.encode(["w1 w2", "nothing known"])
    else:
        codes = model.encode(np.zeros((2, *model.form.shape), np.float32))
        assert len(codes) == 2
        model.decode(codes)
        model.traverse(0, 3)
        model.sample(2)


def _report(path: Path) -> None:
    try:
        store.seal(path.parent, json.loads((path.parent / "config.json").read_bytes()))  # as a stranger can
    except (ValueError, RecursionError, AttributeError) as error:
        raise SelfsupError("no configuration") from error
    page(path.parent)
    selfsup.load(path.parent, verify=False).save(path.parent.with_name("again"), overwrite=True)


def _checkpoint(identity: dict[str, Any]) -> Callable[[Path], None]:
    def check(path: Path) -> None:
        tensors, facts = Checkpoint(path.parent, identity).load() or ({}, {})
        if facts != FACTS or [*tensors] != ["method.w"] or not torch.equal(tensors["method.w"], TENSOR):
            raise Changed("another state than was written")

    return check


def _entry(read: Callable[[str], Any], key: str, whole: np.ndarray) -> Callable[[Path], None]:
    def check(path: Path) -> None:
        os.environ["SELFSUP_CACHE"] = str(path.parent)
        found = read(key)
        if found is None:
            raise SelfsupError("made anew")
        if not np.array_equal(found[0], whole):
            raise Changed("another entry than was written")

    return check


def _asked(measure: Callable[..., Any]) -> Callable[[Path], None]:
    vectors = WordVectors(WORDS, np.random.default_rng(0).normal(size=(len(WORDS), 4)).astype(np.float32))

    def check(path: Path) -> None:
        made = measure(vectors, str(path))
        f"{made}"
        json.dumps(made.table().rows, allow_nan=False)

    return check


def _samples(rng: np.random.Generator, folder: Path) -> dict[str, Reader]:
    """Arrays, tables and images."""
    x = rng.normal(size=(20, 6)).astype(np.float32)
    arrays = [
        good.npy(x),
        good.npy(np.asfortranarray(x.astype(np.float64))),
        good.npy((x * 50).astype(np.int16)),
        good.npy(x.reshape(20, 2, 3) > 0),
    ]
    y = np.arange(20) % 3
    archives = [
        good.npz(np.savez, x=x, y=y, x_test=x[:4], y_test=y[:4]),
        good.npz(np.savez_compressed, x=x, y=y.astype(str), big=np.zeros(5000)),
    ]
    table = good.tables(rng)
    plain = table.select(["a", "b", "d", "label"]).to_pandas()
    frame = table.select(["a", "b", "c", "d", "label"]).to_pandas()
    pictures = good.pictures(rng)
    features = {"image": {"_type": "Image"}, "label": {"names": ["no", "yes"], "_type": "ClassLabel"}}
    about = {"huggingface": json.dumps({"info": {"features": features}})}
    encoded = pa.table(
        {
            "image": [{"bytes": one, "path": f"{n}.png"} for n, one in enumerate(pictures["png"][:4])],
            "label": [0, 1, 0, 1],
        }
    )
    numbers = table.select(["a", "b", "label"])
    stream = pa.ipc.new_stream
    packed = pa.ipc.IpcWriteOptions(compression="zstd")
    made = {
        "npy": Reader("x.npy", arrays, "npy", _data),
        "npy stream": Reader("x.npy", arrays[:2], "npy", _stream),
        "npz": Reader("x.npz", archives, "npz", _data),
        "csv": Reader(
            "x.csv",
            [frame.to_csv(index=False).encode(), plain.to_csv(header=False, index=False).encode()],
            "text",
            _data,
        ),
        "tsv": Reader("x.tsv", [frame.to_csv(sep="\t").encode()], "text", _data),
        "parquet": Reader(
            "x.parquet",
            [good.parquet(table), good.parquet(numbers, compression="zstd", use_dictionary=False)],
            "bytes",
            _data,
        ),
        "parquet stream": Reader("x.parquet", [good.parquet(numbers)], "bytes", _stream),
        "parquet images": Reader(
            "x.parquet",
            [good.parquet(encoded.replace_schema_metadata(about))],
            "bytes",
            lambda path: _data(path, on_bad="skip"),
        ),
        "arrow": Reader(
            "x.arrow",
            [
                good.arrow(table, stream),
                good.arrow(table, pa.ipc.new_file),
                good.arrow(numbers, stream, options=packed),
                good.arrow(encoded, stream),
            ],
            "bytes",
            lambda path: _data(path, on_bad="skip"),
        ),
        "json": Reader(
            "x.json",
            [json.dumps(table.slice(0, 6).to_pylist()).encode(), json.dumps(table.slice(0, 6).to_pydict()).encode()],
            "json",
            _data,
        ),
        "jsonl": Reader(
            "x.jsonl",
            ["".join(json.dumps(row) + "\n" for row in table.slice(0, 6).to_pylist()).encode()],
            "lines",
            _data,
        ),
        "labels npy": Reader(
            "y.npy",
            [good.npy(y), good.npy(y.astype(str)), good.npy(y.astype("S")), good.npy(y.astype(np.float64))],
            "npy",
            _labels,
        ),
        "labels text": Reader(
            "y.txt",
            ["".join(f"{one}\n" for one in y).encode(), "".join(f"c{one}\n" for one in y).encode()],
            "text",
            _labels,
        ),
    }
    for suffix, seeds in pictures.items():
        made[f"image {suffix}"] = Reader(f"x.{suffix}", seeds, "bytes", _image)
    both = folder / "pictures"
    (both / "a").mkdir(parents=True)
    (both / "b").mkdir()
    for name in ("a/1.png", "b/2.png"):
        (both / name).write_bytes(pictures["png"][0])
    made["image folder"] = Reader(
        "a/3.png", pictures["png"][:3], "bytes", lambda path: _data(path.parent.parent, on_bad="skip"), both
    )
    return made


def _saved(folder: Path) -> dict[str, Reader]:
    """A folder that Hugging Face's library wrote."""
    if importlib.util.find_spec("datasets") is None:
        return {}
    import datasets

    datasets.disable_progress_bars()
    place = folder / "saved"
    features = datasets.Features({"a": datasets.Value("float32"), "label": datasets.ClassLabel(names=["no", "yes"])})
    rows = {"a": np.arange(20.0), "label": [0, 1] * 10}
    datasets.Dataset.from_dict(rows, features).save_to_disk(str(place))
    forms = {"dataset_info.json": "json", "state.json": "json", "data-00000-of-00001.arrow": "bytes"}
    return {
        f"saved {name}": Reader(name, [(place / name).read_bytes()], form, lambda path: _data(path.parent), place)
        for name, form in forms.items()
    }


def _texts(rng: np.random.Generator) -> dict[str, Reader]:
    """Text of every kind, and questions about words."""
    lines = [" ".join(rng.choice(WORDS, 9)) + "." for _ in range(30)]
    text = "\n".join(lines).encode()
    column = pd.DataFrame({"n": range(30), "text": lines})
    pairs = "word1\tword2\tscore\n" + "".join(f"{a}\t{b}\t{rng.random():.2f}\n" for a in WORDS[:5] for b in WORDS[5:9])
    asked = ": capital\n" + "\n".join(" ".join(rng.choice(WORDS, 4)) for _ in range(9)) + "\n: gram1\nw1 w2 w3 w4\n"
    return {
        "text": Reader("t.txt", [text], "text", _text),
        "text utf-16": Reader(
            "t.txt", [text.decode().encode("utf-16")], "text", lambda path: _text(path, encoding="utf-16")
        ),
        "text rule": Reader("t.txt", [text], "text", lambda path: _text(path, tokens="[a-z]+", phrases=1)),
        "text gz": Reader("t.txt.gz", [gzip.compress(text)], "gz", _text),
        "text zst": Reader("t.txt.zst", [zstandard.compress(text)], "zst", _text),
        "text csv": Reader("t.csv", [column.to_csv(index=False).encode()], "text", _text),
        "text jsonl": Reader("t.jsonl", [column.to_json(orient="records", lines=True).encode()], "lines", _text),
        "text json": Reader("t.json", [column.head(5).to_json(orient="records").encode()], "json", _text),
        "text parquet": Reader(
            "t.parquet",
            [good.parquet(pa.table({"text": lines})), good.parquet(pa.table({"text": [x.split() for x in lines]}))],
            "bytes",
            _text,
        ),
        "texts of a file": Reader("t.txt", [text], "text", lambda path: texts_of(str(path)) and None),
        "similarity": Reader("p.tsv", [pairs.encode(), pairs.replace("\t", ",").encode()], "text", _asked(similarity)),
        "similarity gz": Reader("p.gz", [gzip.compress(pairs.encode())], "gz", _asked(similarity)),
        "analogies": Reader("q.txt", [asked.encode()], "text", _asked(analogies)),
        "analogies gz": Reader("q.gz", [gzip.compress(asked.encode())], "gz", _asked(analogies)),
    }


def _runs(folder: Path, rng: np.random.Generator) -> dict[str, Reader]:
    """Run folders, their reports, a checkpoint."""
    x, y = rng.random((40, 1, 8, 8)).astype(np.float32), np.arange(40) % 2
    selfsup.fit(x, "denoising", labels=y, n_components=3, hidden=(4,), epochs=1, out=folder / "run", progress=False)
    table = pd.DataFrame({"a": rng.normal(size=40), "b": ["x", "y"] * 20, "label": y})
    selfsup.fit(table, "linear", n_components=2, out=folder / "table", progress=False)
    texts = [" ".join(rng.choice(WORDS, 9)) for _ in range(60)]
    how = {"dim": 4, "epochs": 1, "min_count": 1, "subwords": True, "buckets": 64, "progress": False}
    selfsup.fit(texts, "skipgram", out=folder / "words", **how)
    form = {"json": "json", "jsonl": "lines", "safetensors": "safetensors"}
    made = {}
    for run, names in {"run": RUN, "table": RUN[:4], "words": TEXT_RUN}.items():
        for name in names:
            path = folder / run / name
            if not path.is_file():
                continue
            kind, seeds = form[name.rpartition(".")[2]], [path.read_bytes()]
            made[f"{run} {name}"] = Reader(name, seeds, kind, _model, folder / run)
            made[f"{run} {name} sealed"] = Reader(
                name, seeds, kind, lambda path: _model(path, verify=True), folder / run, sealed=True
            )
            if name in ("config.json", "metrics.jsonl", "evaluation.json", "pictures.safetensors"):
                made[f"{run} {name} report"] = Reader(name, seeds, kind, _report, folder / run, share=0.01)
            if name in ("vectors.safetensors", "ngrams.safetensors", "vocabulary.jsonl"):
                made[f"folder {name}"] = Reader(name, seeds, kind, _vectors, folder / run)
    identity = {"data": "x", "epochs": 3, "options": {"n_components": 3}}
    Checkpoint(folder / "resume", identity).save({"method.w": TENSOR}, FACTS)
    seeds = [(folder / "resume" / "state.safetensors").read_bytes()]
    made["checkpoint"] = Reader("state.safetensors", seeds, "safetensors", _checkpoint(identity), folder / "resume")
    return made


def _caches(folder: Path, rng: np.random.Generator) -> dict[str, Reader]:
    """Entries of the cache."""
    before = os.environ.get("SELFSUP_CACHE")
    os.environ["SELFSUP_CACHE"] = str(folder / "cache")
    key = "0123456789abcdef" * 4
    x = rng.integers(0, 256, (5, 1, 4, 4)).astype(np.uint8)
    images.write(key, images.Entry(x, [(2, "damaged")], "a note"))
    ids = np.array([0, 1, -1, 1, 2, 0], np.int32)
    about = {"words": ["a", "b", "c"], "counts": [2, 2, 1], "raw_words": 6, "skipped": 0, "sentences": 2}
    ids = kept.ids_of([ids], key, 5, folder / "cache")
    kept.write_about(key, ids, about)
    made = {}
    for what, read, whole in (("images", images.read, x), ("words", kept.read, np.array(ids))):
        stem = key[:32] if what == "images" else f"words-{key[:32]}"
        for suffix, form in ((".npy", "npy"), (".json", "json")):
            seeds = [(folder / "cache" / (stem + suffix)).read_bytes()]
            made[f"cached {what} {suffix[1:]}"] = Reader(
                stem + suffix, seeds, form, _entry(read, key, whole), folder / "cache"
            )
    os.environ.pop("SELFSUP_CACHE") if before is None else os.environ.update(SELFSUP_CACHE=before)
    return made


def readers(folder: Path) -> dict[str, Reader]:
    """All of them, by name; their good files lie in a folder."""
    logging.getLogger("selfsup").setLevel(logging.CRITICAL)
    rng = np.random.default_rng(0)
    return {**_samples(rng, folder), **_saved(folder), **_texts(rng), **_runs(folder, rng), **_caches(folder, rng)}

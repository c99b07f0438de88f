r"""Folders of static vectors that model2vec and sentence-transformers open.

Either is a tokenizer (``tokenizer.json``, of the package tokenizers) and a table in ``model.safetensors``: model2vec calls it
``embeddings``, with a factor for each token in ``weights`` and a row in ``mapping`` where many tokens share few rows;
sentence-transformers (``StaticEmbedding``, named in ``modules.json``) ``embedding.weight``, in a folder within. The tokens are
the words. What we write is model2vec's layout with a ``modules.json``, which both of them read: words stand for themselves, texts
are cut by ``\w+(?:'\w+)*``, and other words are ``[UNK]``, a vector of zeros. Our ``config.json`` also seals the folder.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np

from selfsup import store
from selfsup.errors import DataError, RunError
from selfsup.store.arrays import layout, map_array, write_arrays
from selfsup.system.files import write_bytes
from selfsup.words.formats.io import FileFormat, Table, Wanted, check_words, unique

WEIGHTS, TOKENIZER, MODULES = "model.safetensors", "tokenizer.json", "modules.json"
OURS = {WEIGHTS, TOKENIZER, MODULES, store.CONFIG}
TABLES = ("embeddings", "embedding.weight")
UNKNOWN = "[UNK]"
LARGEST = 1 << 30  # bytes of a file of JSON
ABOUT = {"model_type": "model2vec", "architectures": ["StaticModel"], "normalize": False, "max_length": None}
STATIC = "sentence_transformers.models.StaticEmbedding"
LETTERS = r"\w+(?:'\w+)*"
MARKS = r"|([^\w\s])\1*"  # one or several of the same mark


def read_static(folder: Path, *, verify: bool | str = True) -> Table:
    """Tokens and their vectors, which stay on disk until they are used where each token has its row and no factor.

    Raises
    ------
    DataError
        If the folder holds another model, or its files do not belong together.
    RunError
        If a file has changed since we wrote it.
    """
    inner = _inner(folder)
    if verify and inner == folder and _is_sealed(folder):
        with store.sealed(folder, OURS):
            return read_static(folder, verify=False)
    path = inner / WEIGHTS
    places, _ = layout(path)
    name = next((name for name in TABLES if name in places), None)
    if name is None:
        raise DataError(
            f"{path} has no array 'embeddings' (of model2vec) or 'embedding.weight' (of sentence-transformers)"
        )
    try:
        vectors = map_array(path, places, name, "F32 F16 F64 I8", 2)
        mapping = map_array(path, places, "mapping", "I32 I64", 1) if "mapping" in places else None
        weights = map_array(path, places, "weights", "F32 F16 F64", 1) if "weights" in places else None
    except RunError as error:
        raise DataError(str(error)) from error
    tokens, unknown = _tokens(inner / TOKENIZER)
    rows = np.array(list(tokens), np.int64)
    for array, what in ((mapping, "mapping"), (weights, "weights"), (vectors if mapping is None else None, name)):
        if array is not None and rows[-1] >= len(array):
            raise DataError(f"{inner} is damaged: a token has the number {rows[-1]}, and {what} has {len(array)} rows")
    if mapping is not None and not ((mapping[rows] >= 0) & (mapping[rows] < len(vectors))).all():
        raise DataError(f"{path} is damaged: its mapping points to rows beyond its {len(vectors)}")
    kept = [
        place for place, number in enumerate(rows.tolist()) if number != unknown or vectors[_row(mapping, number)].any()
    ]
    if not kept:
        raise DataError(f"{inner} has no token with a vector")
    words = list(tokens.values())
    return unique(folder, _table([words[place] for place in kept], vectors, rows[kept], mapping, weights))


def _row(mapping: np.ndarray | None, number: int) -> int:
    return number if mapping is None else int(mapping[number])


def _table(
    words: list[str], vectors: np.ndarray, rows: np.ndarray, mapping: np.ndarray | None, weights: np.ndarray | None
) -> Table:
    """The vectors of some tokens (m,), as they are where that can be; int8 ones have the factors as their scale."""
    scale = None
    if mapping is not None:
        vectors = vectors[mapping[rows]]
    elif (rows != np.arange(len(rows))).any():
        vectors = vectors[rows]
    else:
        vectors = vectors[: len(rows)]
    if vectors.dtype == np.int8:
        scale = np.ones(len(rows), np.float32) if weights is None else weights[rows].astype(np.float32)
    elif weights is not None or vectors.dtype == np.float64:
        with np.errstate(over="ignore", invalid="ignore"):
            vectors = np.asarray(vectors if weights is None else vectors * weights[rows, None], np.float32)
    return Table(words, vectors, None, None, scale)


def _inner(folder: Path) -> Path:
    """The folder with the table: that of the first module, where modules are named."""
    if not (folder / MODULES).is_file():
        return folder
    modules = _json(folder / MODULES)
    first = modules[0] if isinstance(modules, list) and modules else None
    kind, place = (first.get("type"), first.get("path")) if isinstance(first, dict) else (None, None)
    names = [name for name in place.split("/") if name not in ("", ".")] if isinstance(place, str) else [".."]
    if not isinstance(kind, str) or len(names) > 1 or ".." in names:
        raise DataError(f"{folder / MODULES} names no modules of sentence-transformers")
    if kind.split(".")[-1] != "StaticEmbedding":
        raise DataError(
            f"{folder} is a model of sentence-transformers that begins with a {kind.split('.')[-1]}: it has no vectors of words, "
            "only a StaticEmbedding has; distil it by model2vec"
        )
    inner = folder.joinpath(*names)
    if not os.path.isfile(inner / WEIGHTS):  # False, too, where the name is too long
        raise DataError(f"{folder} holds no static vectors: {inner / WEIGHTS} is missing")
    return inner


def _tokens(path: Path) -> tuple[dict[int, str], int | None]:
    """Tokens by number, rising, and the number of the unknown one."""
    made = _json(path)
    try:
        model, vocabulary = made["model"], made["model"]["vocab"]
        pairs = (
            vocabulary.items()
            if isinstance(vocabulary, dict)
            else ((entry[0], n) for n, entry in enumerate(vocabulary))
        )
        found = {number: token for token, number in pairs}
        found |= {entry["id"]: entry["content"] for entry in made.get("added_tokens") or []}
        fine = all(type(number) is int and number >= 0 and type(token) is str for number, token in found.items())
        unknown = model.get("unk_token")
        number = (
            model.get("unk_id")
            if unknown is None
            else next((n for n, token in found.items() if token == unknown), None)
        )
    except (KeyError, TypeError, AttributeError, IndexError) as error:
        raise DataError(f"{path} is no tokenizer of the package tokenizers: it has no vocabulary") from error
    if not found or not fine or max(found) > 1 << 31:
        raise DataError(f"{path} is no tokenizer of the package tokenizers: a token is no text with a number")
    return dict(sorted(found.items())), number if isinstance(number, int) else None


def _json(path: Path) -> Any:
    try:
        if path.stat().st_size > LARGEST:
            raise DataError(f"{path} is too large for a file of JSON: {path.stat().st_size:,} bytes")
        return json.loads(path.read_bytes())
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror or error}") from error
    except (ValueError, RecursionError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"{path} is damaged: it is no JSON") from error


def _is_sealed(folder: Path) -> bool:
    """Whether we wrote it, and no other tool since: model2vec keeps what it does not know, and says the type of the table."""
    path = folder / store.CONFIG
    config = _json(path) if path.is_file() else None
    return isinstance(config, dict) and {"files", "digest"} <= config.keys() and "embedding_dtype" not in config


def _written(table: Table) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """The arrays with a row of zeros for unknown words, and the tokenizer."""
    check_words((word for word in table.words if word), "", "it has a lone surrogate")
    unknown = UNKNOWN
    words = set(table.words)
    while unknown in words:
        unknown = f"[{unknown}]"
    arrays = {"embeddings": np.concatenate([table.vectors, np.zeros((1, table.vectors.shape[1]), table.vectors.dtype)])}
    if table.scale is not None:
        arrays = {"weights": np.append(table.scale, np.float32(1)), **arrays}
    marks = any(not any(letter.isalnum() or letter.isspace() for letter in word) for word in table.words)
    steps: list[dict[str, Any]] = [
        {"type": "NFC"},
        {"type": "Replace", "pattern": {"String": "\u2019"}, "content": "'"},
    ]
    if all(word == word.lower() for word in table.words):
        steps.append({"type": "Lowercase"})
    cut = {"Regex": LETTERS + (MARKS if marks else "")}
    vocabulary = {word: row for row, word in enumerate([*table.words, unknown])}
    return arrays, {
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": [],
        "normalizer": {"type": "Sequence", "normalizers": steps},
        "pre_tokenizer": {"type": "Split", "pattern": cut, "behavior": "Removed", "invert": True},
        "post_processor": None, "decoder": None,
        "model": {"type": "WordLevel", "vocab": vocabulary, "unk_token": unknown},
    }  # fmt: skip


class StaticFormat(FileFormat):
    """A folder of static vectors of model2vec, or of sentence-transformers."""

    folder = True

    def knows(self, path: Path, head: bytes) -> bool:
        """Whether there is a tokenizer and a table, or modules are named."""
        return (path / MODULES).is_file() or ((path / TOKENIZER).is_file() and (path / WEIGHTS).is_file())

    def read(self, path: Path, head: bytes, wanted: Wanted) -> Table:
        """Tokens and their vectors."""
        return read_static(path, verify=wanted.verify)

    def write(self, path: Path, table: Table, *, overwrite: bool) -> None:
        """Words and their vectors, no counts; replace nothing but such a folder of ours.

        Raises
        ------
        RunError
            If the path is taken, or cannot be written.
        """
        if os.path.exists(path) and not (overwrite and _is_ours(path)):
            told = "exists; choose another path" if not overwrite else (
                "is not a folder of static vectors that we wrote and will not be overwritten; choose another path"
            )  # fmt: skip
            raise RunError(f"{path} {told}")
        arrays, tokenizer = _written(table)
        with store.claim(path, overwrite=overwrite) as folder:
            write_arrays(folder / WEIGHTS, arrays)
            write_bytes(folder / TOKENIZER, json.dumps(tokenizer, ensure_ascii=False).encode())
            write_bytes(folder / MODULES, json.dumps([{"idx": 0, "name": "0", "path": ".", "type": STATIC}]).encode())
            store.seal(folder, ABOUT)


def _is_ours(folder: Path) -> bool:
    try:
        with store.sealed(folder, ()) as about:
            return about == ABOUT and {file.name for file in folder.iterdir()} <= OURS
    except (RunError, OSError):
        return False

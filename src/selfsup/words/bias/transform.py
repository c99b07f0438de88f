"""`Transform`: what a reducer of bias does to word vectors, saved and applied to others."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from selfsup.errors import DataError, RunError
from selfsup.store.arrays import array_blocks, bytes_of, layout, map_array
from selfsup.system.files import check_free, write_blocks
from selfsup.words.bias.given import all_units, named, units
from selfsup.words.vectors import WordVectors

log = logging.getLogger("selfsup")
FORMAT, VERSION = "selfsup.Transform", "1"
ARRAYS = {"matrix": 2, "shift": 1, "basis": 2}  # name -> axes
TOLD = ("method", "attribute", "kept", "equalize", "unit", "facts")  # in the header
MOST = float(np.finfo(np.float32).max)
NAMED = 60  # letters of what is no list of words that a message shows
NOTHING = 1e-6  # length of what is left of a vector of length 1, from which on it is rounding alone


@dataclass(frozen=True, eq=False)
class Transform:
    """What a reducer does to vectors of length 1, in this order.

    1. Every vector x becomes ``x @ matrix + shift``, where there are such.
    2. Where there is a basis B, x becomes ``x - (x @ B.T) @ B``, for every word that is neither kept nor to be equalized
       ("neutralize", Bolukbasi et al. 2016, sec. 6, step 2a).
    3. Where `unit` is set, x gets length 1 again.
    4. Each set of words E to be equalized gets, with m the mean of its vectors, m_B and w_B what lies in B, and n = m - m_B,
       ``w = n + sqrt(1 - |n|^2) (w_B - m_B) / |w_B - m_B|`` (step 2a, "equalize").

    Attributes
    ----------
    method, attribute
        What made it, and of what attribute: "hard", "gender".
    matrix, shift
        (D, D) and (D,) float64, or None. An erasure about a centre c is ``shift = c - c @ matrix``.
    basis
        (k, D) float64, orthonormal, or None.
    kept
        Words from which `basis` is not taken: their meaning has to do with the attribute.
    equalize
        Sets of two or more words, each word in one of them.
    unit
        Whether vectors come out with length 1. They always go in with it.
    facts
        What the reducer has to say of how it was made; goes into JSON.

    Raises
    ------
    DataError
        If the parts do not fit together, or a number is not finite.
    """

    method: str
    attribute: str
    matrix: np.ndarray | None = None
    shift: np.ndarray | None = None
    basis: np.ndarray | None = None
    kept: Sequence[str] = ()
    equalize: Sequence[Sequence[str]] = ()
    unit: bool = True
    facts: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, axes in ARRAYS.items():
            given = getattr(self, name)
            if given is not None:
                object.__setattr__(self, name, _array(name, given, axes))
        object.__setattr__(self, "kept", _words("kept", self.kept))
        object.__setattr__(self, "equalize", tuple(_words("equalize", words) for words in self.equalize))
        if not (isinstance(self.unit, bool) and isinstance(self.facts, Mapping)):
            _unfit("facts by name, and unit is true or false")
        _words("method and attribute", [self.method, self.attribute])
        dims = {array.shape[-1] for array in self._arrays().values()}
        if len(dims) != 1 or (self.matrix is not None and len(self.matrix) != self.matrix.shape[1]):
            shapes = ", ".join(f"{name} {array.shape}" for name, array in self._arrays().items())
            _unfit(f"a matrix (D, D), a shift (D,) and a basis (k, D), one of them at least; got {shapes or 'none'}")
        if self.basis is not None and not np.allclose(self.basis @ self.basis.T, np.eye(len(self.basis)), atol=1e-6):
            _unfit("a basis of k vectors of length 1 that are orthogonal to each other")
        if self.equalize and self.basis is None:
            _unfit("a basis where words are to be equalized")
        sets = [word for words in self.equalize for word in words]
        if len(set(sets)) < len(sets) or any(len(words) < 2 for words in self.equalize):
            _unfit("sets of two words or more to equalize, no word in two of them")

    @property
    def dim(self) -> int:
        """Length D of the vectors that it can be applied to."""
        return int(next(iter(self._arrays().values())).shape[-1])

    def apply(self, vectors: WordVectors) -> WordVectors:
        """The same words with vectors that went through it, float32 whatever they were stored as; counts are kept.

        Arithmetic is in float64, block by block; memory is needed for the new table alone. A vector of zeros stays one. Vectors
        of n-grams are left out, as the mean of some is not of length 1; all this, and words of the transform that are missing
        here, are logged.

        Raises
        ------
        DataError
            If vectors have another length D, or one is not finite, or nothing is left of one, or words to be equalized
            do not differ in the basis.
        """
        if vectors.dim != self.dim:
            told = f"this transform is for vectors of length {self.dim}; got {vectors.dim}"
            raise DataError(f"{told}; apply it to vectors of the same training")
        sets = self._sets(vectors)
        free = np.ones(len(vectors), bool)  # of the basis
        free[[vectors.index[word] for word in self.kept if word in vectors.index]] = False
        free[[row for rows in sets for row in rows]] = False
        made, without = np.empty((len(vectors), self.dim), np.float32), 0
        for part, given in all_units(vectors):
            moved = self._moved(given)
            if self.basis is not None:
                some = moved[free[part]]
                moved[free[part]] = some - (some @ self.basis.T) @ self.basis
            zeros = ~given.any(axis=1)
            moved[zeros] = 0  # which have no direction that could be taken out
            without += zeros.sum()
            made[part] = self._scaled(moved, vectors, part.start, zeros) if self.unit else moved
        for rows in sets:
            made[rows] = self._equal(vectors, rows)
        if without:
            log.warning("%d of %d vectors are all zeros, and stay so", without, len(vectors))
        if vectors.ngrams is not None:
            log.warning("vectors of n-grams are left out: only whole words went through the transform %s", self.method)
        return WordVectors(vectors.words, made, vectors.counts)

    def save(self, path: str | PathLike[str], *, overwrite: bool = False) -> None:
        """Write it as safetensors, whole or not at all, with a digest of all of it.

        Raises
        ------
        RunError
            If the path is taken or cannot be written.
        DataError
            If the facts cannot be written as JSON.
        """
        place = Path(path)
        check_free(place, overwrite=overwrite)
        told = {name: getattr(self, name) for name in TOLD}
        try:
            text = json.dumps(told, allow_nan=False)
        except (TypeError, ValueError) as error:
            raise DataError(f"the facts of a transform are what JSON can hold: {error}") from error
        arrays = self._arrays()
        about = {"format": FORMAT, "version": VERSION, "transform": text, "digest": _digest(text, arrays)}
        write_blocks(place, array_blocks(arrays, about))

    @classmethod
    def load(cls, path: str | PathLike[str]) -> Transform:
        """Read one; nothing is unpickled, and no array is larger than the file.

        Raises
        ------
        DataError
            If the file is missing, damaged or something else.
        """
        place = Path(path)
        places, about = layout(place)
        if about.get("format") != FORMAT:
            raise DataError(f"{place} is no transform of selfsup; save one with Transform.save")
        if about.get("version") != VERSION:
            told = f"{place} was written by a later version of selfsup ({about.get('version')!r})"
            raise DataError(f"{told}; update selfsup")
        try:
            arrays: dict[str, Any] = {
                name: np.array(map_array(place, places, name, "F64", axes))
                for name, axes in ARRAYS.items()
                if name in places
            }
            text = about.get("transform", "")
            if set(places) - set(ARRAYS) or about.get("digest") != _digest(text, arrays):
                raise DataError("it is not what was written")
            told = json.loads(text, parse_constant=_number)
            if not isinstance(told, dict) or set(told) != {*TOLD}:
                raise DataError("its header does not say what it does")
            return cls(**told, **arrays)
        except (RunError, ValueError, TypeError, RecursionError) as error:  # a DataError is a ValueError, too
            raise DataError(f"{place} is damaged: {error}; save it again") from error

    def __repr__(self) -> str:
        parts = ", ".join(f"{name} {array.shape}" for name, array in self._arrays().items())
        return f"Transform({self.method!r}, {self.attribute!r}: {parts}; {len(self.kept)} kept, {len(self.equalize)} equalized)"

    def _arrays(self) -> dict[str, np.ndarray]:
        return {name: getattr(self, name) for name in ARRAYS if getattr(self, name) is not None}

    def _sets(self, vectors: WordVectors) -> list[list[int]]:
        """Rows of the words to be equalized: of each set those that are here, where they are two or more."""
        words = {*self.kept, *(word for one in self.equalize for word in one)}
        missing = sorted(word for word in words if word not in vectors.index)
        if missing:
            told = f"{len(missing)} of the {len(words)} words that the transform keeps or equalizes are not here"
            log.warning("%s: %s", told, named(missing))
        known = ([vectors.index[word] for word in one if word in vectors.index] for one in self.equalize)
        return [rows for rows in known if len(rows) > 1]

    def _moved(self, given: np.ndarray) -> np.ndarray:
        """Vectors (b, D) after the matrix and the shift."""
        with np.errstate(over="ignore", invalid="ignore"):
            moved = given if self.matrix is None else given @ self.matrix
            moved = moved if self.shift is None else moved + self.shift
        if not np.abs(moved).max() <= MOST:
            raise DataError(f"the transform {self.method} makes numbers that are too large for float32; make it anew")
        return moved

    def _scaled(self, moved: np.ndarray, vectors: WordVectors, first: int, zeros: Any = False) -> np.ndarray:
        """Vectors (b, D) of length 1, of rows from `first` on; but for those (b,) that are zeros."""
        norms = np.linalg.norm(moved, axis=1, keepdims=True)  # (b, 1)
        norms[zeros] = 1
        if not (norms > NOTHING).all():
            word = vectors.words[first + int(np.argmin(norms))]
            told = f"nothing is left of the vector of {word!r} by the transform {self.method}"
            raise DataError(f"{told}; keep the word (specific=[...]), or leave it out of the vectors")
        scaled: np.ndarray = moved / norms
        return scaled

    def _equal(self, vectors: WordVectors, rows: list[int]) -> np.ndarray:
        """Vectors (m, D) of a set of words that is equalized, of length 1."""
        assert self.basis is not None
        moved = self._moved(units(vectors, np.array(rows)))
        moved = np.vstack([self._scaled(one[None], vectors, row) for one, row in zip(moved, rows, strict=True)])
        inside = moved @ self.basis.T  # (m, k)
        mean = moved.mean(axis=0)
        outside = mean - (mean @ self.basis.T) @ self.basis  # (D,)
        inside -= inside.mean(axis=0)
        lengths = np.linalg.norm(inside, axis=1, keepdims=True)  # (m, 1)
        if not (lengths > NOTHING).all():
            words = ", ".join(vectors.words[row] for row in rows)
            told = f"{words} cannot be equalized: along {self.attribute} they do not differ, or one is in the middle of them"
            raise DataError(f"{told}; leave the set out (equalize=[...])")
        equal: np.ndarray = outside + np.sqrt(1 - outside @ outside) * (inside / lengths) @ self.basis
        return equal


def _number(text: str) -> NoReturn:
    raise DataError(f"{text} is not a number of JSON")


def _unfit(expected: str) -> NoReturn:
    raise DataError(f"a transform has {expected}")


def _words(name: str, given: Any) -> tuple[str, ...]:
    if not isinstance(given, Sequence) or isinstance(given, str) or not all(isinstance(word, str) for word in given):
        _unfit(f"words in {name}, each a text; got {str(given)[:NAMED]!r}")
    return tuple(given)


def _array(name: str, given: Any, axes: int) -> np.ndarray:
    try:
        array = np.ascontiguousarray(given, np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(f"the {name} of a transform is an array of numbers: {error}") from error
    if array.ndim != axes or not array.size or not np.isfinite(array).all():
        raise DataError(f"the {name} of a transform is finite numbers with {axes} axes; got an array {array.shape}")
    return array


def _digest(text: str, arrays: Mapping[str, np.ndarray]) -> str:
    """SHA-256 of all that a transform is."""

    def parts() -> Iterator[bytes | memoryview]:
        yield text.encode()
        for name, array in sorted(arrays.items()):
            yield f"\n{name} {array.shape}\n".encode()
            yield bytes_of(array)

    made = hashlib.sha256()
    for part in parts():
        made.update(part)
    return made.hexdigest()

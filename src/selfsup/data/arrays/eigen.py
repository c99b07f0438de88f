"""The largest eigenvalues of a symmetric matrix, and their vectors, found without keeping the rest of Python waiting."""

from __future__ import annotations

import ctypes

import numpy as np
import torch
from torch import Tensor

from selfsup.lazy import scipy

SHORT = 1000  # rows of a matrix that SciPy takes well under a second for, in which nothing else of Python can run


def largest(matrix: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Eigenvalues (k,) from the largest on, and their vectors (k, d), of a symmetric float64 matrix (d, d)."""
    size, array = len(matrix), matrix.numpy()
    if size <= SHORT:
        values, vectors = scipy.linalg.eigh(array, subset_by_index=(size - count, size - 1))
    else:
        values, vectors = _syevr(array, count)
    return torch.from_numpy(values[::-1].copy()), torch.from_numpy(vectors.T[::-1].copy())


def _syevr(matrix: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """LAPACK's dsyevr, which `scipy.linalg.eigh` calls too, but with the interpreter's lock in its hands: minutes of it."""
    size = len(matrix)
    a = np.array(matrix, np.float64, order="F")  # is overwritten
    values, vectors, support = np.empty(size), np.empty((size, count), order="F"), np.empty(2 * size, np.int32)
    numbers = {name: ctypes.c_int(value) for name, value in (("n", size), ("il", size - count + 1), ("iu", size))}
    n, il, iu = (ctypes.byref(number) for number in numbers.values())
    found, status, nothing = ctypes.c_int(), ctypes.c_int(), ctypes.byref(ctypes.c_double(0.0))
    function = _lapack("dsyevr", 21)

    def call(work: np.ndarray, iwork: np.ndarray, sizes: tuple[int, int]) -> None:
        lwork, liwork = (ctypes.byref(ctypes.c_int(length)) for length in sizes)
        function(
            b"V", b"I", b"L", n, _at(a), n, nothing, nothing, il, iu, nothing, ctypes.byref(found), _at(values),
            _at(vectors), n, _at(support), _at(work), lwork, _at(iwork), liwork, ctypes.byref(status),
        )  # fmt: skip

    work, iwork = np.empty(1), np.empty(1, np.int32)
    call(work, iwork, (-1, -1))  # how much room it wants
    work, iwork = np.empty(int(work[0])), np.empty(int(iwork[0]), np.int32)
    call(work, iwork, (len(work), len(iwork)))
    if status.value or found.value != count:
        raise np.linalg.LinAlgError(f"the eigenvalues were not found (LAPACK says {status.value})")
    return values[:count], vectors


def _lapack(name: str, arguments: int) -> ctypes._FuncPointer:
    """A function of LAPACK as SciPy carries it; ctypes lets go of the interpreter's lock while it runs."""
    capsule = scipy.linalg.cython_lapack.__pyx_capi__[name]
    named, pointer = ctypes.pythonapi.PyCapsule_GetName, ctypes.pythonapi.PyCapsule_GetPointer
    named.restype, named.argtypes = ctypes.c_char_p, [ctypes.py_object]
    pointer.restype, pointer.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
    return ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * arguments)(pointer(capsule, named(capsule)))


def _at(array: np.ndarray) -> ctypes.c_void_p:
    return ctypes.c_void_p(array.ctypes.data)

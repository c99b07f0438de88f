"""The arrays in a ``.npz`` file: what they say they are, and what they unpack to, under a ceiling. Nothing is unpickled."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path
from typing import NamedTuple

import numpy as np

from selfsup.data.arrays.header import MOST, Header, header
from selfsup.errors import DataError
from selfsup.system import memory
from selfsup.system.reading import DAMAGED, check_unpacked, foreign

PACKED = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # what NumPy writes
MOST_MEMBERS = 1000
END = 22  # bytes of the record that ends an archive, before its comment
FLOOR = 512 << 20  # bytes that any array may unpack to


class Member(NamedTuple):
    """An array in a ``.npz`` file: where it is, and what it says it is."""

    info: zipfile.ZipInfo
    header: Header


def members(path: Path, archive: zipfile.ZipFile) -> dict[str, Member]:
    """The arrays of an archive by name; their headers are all that is unpacked.

    Raises
    ------
    DataError
        If it has more files than any archive of arrays, fewer than it says, or one of them is damaged or holds Python objects.
    """
    found: dict[str, Member] = {}
    if len(archive.infolist()) > MOST_MEMBERS:
        raise DataError(
            f"{path} holds {len(archive.infolist()):,} files; an archive of arrays has at most {MOST_MEMBERS:,}"
        )
    if archive.fp is not None:
        archive.fp.seek(-END - len(archive.comment), os.SEEK_END)
        said = int.from_bytes(archive.fp.read(END)[10:12], "little")
        if said != len(archive.infolist()):
            raise DataError(
                f"cannot read {path}: it says that it holds {said} files, and lists {len(archive.infolist())}"
            )
    for info in archive.infolist():
        if info.filename.endswith(".npy"):
            name = info.filename.removesuffix(".npy")
            what = f"the array '{name}' in {path}"
            if info.compress_type not in PACKED:
                raise DataError(
                    f"{what} is packed in a way that NumPy does not write; save it by numpy.savez_compressed"
                )
            with foreign(what, DAMAGED), archive.open(info) as file:
                found[name] = Member(info, header(file.read(MOST), info.file_size, what))
    return found


def unpacked(path: Path, archive: zipfile.ZipFile, member: Member) -> np.ndarray:
    """One array of an archive.

    Raises
    ------
    DataError
        If it is damaged, larger than memory, or unpacks to far more than its size.
    """
    info, size = member.info, member.header.nbytes
    what = f"the array '{info.filename.removesuffix('.npy')}' in {path}"
    check_unpacked(what, size, info.compress_size, FLOOR)
    memory.check(size, what, "save it as .npy, which is read as far as it is needed, or use fewer rows")
    with foreign(what, DAMAGED), archive.open(info) as file:
        return np.asarray(np.lib.format.read_array(file, allow_pickle=False))

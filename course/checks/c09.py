"""Exercise of chapter 9: word2vec's binary format."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

Read = Callable[[bytes], tuple[list[str], np.ndarray]]
WORDS = ["the", "café", "new_york", "東京", "end"]


def check(read_binary: Read) -> None:
    """Whether it reads files with and without newlines, words of any letters, and numbers whose bytes are spaces and newlines."""
    table = np.arange(15, dtype=np.float32).reshape(5, 3) / 7 - 1
    for newline, kind in (
        (b"", "without newlines after the numbers"),
        (b"\n", "with a newline after the numbers of each word"),
    ):
        words, found = _read(read_binary, _written(WORDS, table, newline), kind)
        assert len(words) == 5, f"of a file {kind}, 5 words were expected and {len(words)} came"
        assert not any(word != word.strip() for word in words), (
            f"of a file {kind}, words came with white space around: {words}; a newline before a word is no part of it"
        )
        assert list(words) == WORDS, (
            f"of a file {kind}, the words {WORDS} became {list(words)}; letters are UTF-8, of one to four bytes"
        )
        assert found.shape == (5, 3), f"vectors must be (V, D), (5, 3) here; they are {found.shape}"
        assert np.allclose(found, table), (
            f"numbers are wrong: the first row should be {table[0]}, it is {found[0]}; they are '<f4'"
        )
    bytes_of_words = np.frombuffer(b"\n\n\n    \n \n A", "<f4").reshape(
        1, 3
    )  # numbers that look like newlines, spaces and a letter
    tricky = np.concatenate([bytes_of_words, table[:1], bytes_of_words])
    words, found = _read(
        read_binary,
        _written(["one", "two", "three"], tricky, b"\n"),
        "in which the bytes of numbers are spaces and newlines",
    )
    assert list(words) == ["one", "two", "three"] and np.array_equal(found, tricky), (
        "a file in which the bytes of numbers are spaces and newlines is read wrongly: after the space take 4 D bytes as they "
        "are, "
        "and look for the next space only behind them"
    )
    print("right: 13 words of three files")


def _read(read_binary: Read, data: bytes, kind: str) -> tuple[list[str], np.ndarray]:
    """Words and vectors; what fails is said with the kind of the file."""
    try:
        words, found = read_binary(data)
    except NotImplementedError:
        raise
    except Exception as error:
        raise AssertionError(f"a file {kind} could not be read: {type(error).__name__}: {error}") from error
    return list(words), np.asarray(found)


def _written(words: list[str], table: np.ndarray, newline: bytes) -> bytes:
    """A file of the format."""
    head = f"{len(words)} {table.shape[1]}\n".encode()
    return head + b"".join(
        word.encode() + b" " + row.astype("<f4").tobytes() + newline for word, row in zip(words, table, strict=True)
    )

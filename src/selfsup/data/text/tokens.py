"""What a word is: by kinds of bytes where that is enough, by Python's Unicode rules elsewhere, or by the user's own rule."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from functools import cache, partial
from typing import NamedTuple

import numpy as np

from selfsup.errors import DataError, OptionError

SPACE, WORD, WIDE, APOSTROPHE, LINE, NUL = 0, 1, 2, 4, 8, 16  # kinds of bytes; WIDE is part of a character beyond ASCII
INSIDE = WORD | WIDE
SHOWN = 80  # characters of a line, in a message
BETWEEN_WORDS, BETWEEN_SENTENCES = "\x00", "\x01"  # of tokens that were given as lists, while they are bytes
LOOK = "\ufe0f"  # the character before is to be shown as a picture: with it and without it is the same word
_SIGN = "[\u2600-\u27bf\u2b50\U0001f300-\U0001f3fa\U0001f400-\U0001faff]\ufe0f?[\U0001f3fb-\U0001f3ff]?"
EMOJI = f"[\U0001f1e6-\U0001f1ff]{{2}}|{_SIGN}(?:\u200d{_SIGN})*"
Tokens = str | Callable[[str], Iterable[str]]


class OwnError(DataError):
    """A function in tokens= has raised something."""


class Rule(NamedTuple):
    """How to cut text.

    Attributes
    ----------
    fold
        (256,) uint16, for every byte 256 times its kind plus the byte in lower case.
    settle
        The final words of a run of bytes that are not all ASCII.
    cut
        The words of a line by a rule that only Python knows, or None.
    join
        What becomes of the words of a sentence that is cut already, phrases of which are to be joined; else None.
    """

    fold: np.ndarray
    settle: Callable[[str], list[str]]
    cut: Callable[[str], Sequence[str]] | None = None
    join: Callable[[Sequence[str]], Sequence[str]] | None = None


def rule(tokens: Tokens, lower: bool) -> Rule:
    """The rule for lines of text: "words", "space", a regular expression, or a function of a line.

    Raises
    ------
    OptionError
        If it is none of these.
    """
    if tokens == "space":
        return Rule(_fold(_space_kinds(), lower), lambda run: [_final(one, lower) for one in _nfc(run).split()])
    if tokens == "words":
        return Rule(_fold(_word_kinds(), lower), lambda run: _words(run, lower))
    return joined(lower)._replace(cut=_own(tokens))


def joined(lower: bool) -> Rule:
    """The rule for tokens that are cut already, joined by BETWEEN_WORDS and BETWEEN_SENTENCES."""
    kinds = np.full(256, WORD, np.uint16)
    kinds[128:] = WIDE
    kinds[ord(BETWEEN_WORDS)], kinds[ord(BETWEEN_SENTENCES)] = SPACE, LINE
    return Rule(_fold(kinds, lower), lambda run: [_final(run, lower)])


def all_wide(lower: bool) -> np.ndarray:
    """The fold by which every run between white space is brought to words by Python."""
    kinds = _space_kinds()
    kinds[kinds == WORD] = WIDE
    return _fold(kinds, lower)


@cache
def plain() -> np.ndarray:
    """The fold for joined tokens that are final as they stand."""
    kinds = np.full(256, WORD, np.uint16)
    kinds[ord(BETWEEN_WORDS)] = SPACE
    return _fold(kinds, False)


def join(sentences: Sequence[Sequence[str]]) -> bytes:
    """Tokens of sentences as bytes, for `joined`.

    Raises
    ------
    DataError
        If a token is no string, or holds one of the two characters that stand between tokens.
    """
    try:
        text = BETWEEN_SENTENCES.join([BETWEEN_WORDS.join(sentence) for sentence in sentences])
        content = text.encode()
    except TypeError as error:
        raise DataError(f"tokens must be strings: {error}") from error
    except UnicodeEncodeError as error:
        raise DataError(
            f"a token holds {error.object[error.start]!r}, half of a character; decode the text anew"
        ) from error
    between = sum(max(len(sentence) - 1, 0) for sentence in sentences)
    if content.count(b"\x00") != between or content.count(b"\x01") != max(len(sentences) - 1, 0):
        raise DataError("a token holds the character NUL or U+0001, which are no text; leave them out")
    return content


def final(word: str, lower: bool) -> str:
    """One word as the vocabulary has it: Unicode NFC, in lower case where asked."""
    return _final(word, lower)


def is_word(word: str) -> bool:
    """Whether a text could hold it as one token."""
    return bool(word) and BETWEEN_WORDS not in word and BETWEEN_SENTENCES not in word


def _final(word: str, lower: bool) -> str:
    return _nfc(_nfc(word).lower()) if lower else _nfc(word)


def _nfc(text: str) -> str:
    return unicodedata.normalize("NFC", text)


def _words(run: str, lower: bool) -> list[str]:
    found = pattern().findall(_nfc(run))
    return [_final(one, lower).replace("\u2019", "'").replace(LOOK, "") for one in found]


@cache
def pattern() -> re.Pattern[str]:
    r"""The pattern of "words": letters, digits, underscores and the marks that belong to them; apostrophes within.

    It is ``\w+(?:['’]\w+)*``, where ``\w`` also takes combining marks and joiners, without which Hindi, Thai or Persian
    words would fall to pieces. An emoji is a word too: one sign with its colour of skin, some joined to one, or a flag.
    """
    marks, start = [], -1
    for code in range(0x300, 0x20000):
        inside = unicodedata.category(chr(code))[0] == "M" or code in (0x200C, 0x200D)
        if inside and start < 0:
            start = code
        elif not inside and start >= 0:
            marks.append(f"{chr(start)}-{chr(code - 1)}")
            start = -1
    one = rf"\w[\w{''.join(marks)}\U000E0100-\U000E01EF]*"
    return re.compile(rf"{one}(?:['\u2019]{one})*|{EMOJI}")


def _word_kinds() -> np.ndarray:
    kinds = np.full(256, SPACE, np.uint16)
    for byte in range(128):
        if chr(byte).isalnum() or byte == ord("_"):
            kinds[byte] = WORD
    kinds[128:] = WIDE
    kinds[ord("'")], kinds[ord("\n")], kinds[0] = APOSTROPHE, LINE, NUL
    return kinds


def _space_kinds() -> np.ndarray:
    kinds = np.full(256, WORD, np.uint16)
    for byte in range(128):
        if chr(byte).isspace():
            kinds[byte] = SPACE
    kinds[128:] = WIDE
    kinds[ord("\n")], kinds[0] = LINE, NUL
    return kinds


def _fold(kinds: np.ndarray, lower: bool) -> np.ndarray:
    bytes_ = np.arange(256, dtype=np.uint16)
    if lower:
        bytes_[ord("A") : ord("Z") + 1] += 32
    return kinds * np.uint16(256) + bytes_


def _own(tokens: Tokens) -> Callable[[str], Sequence[str]]:
    if callable(tokens):
        return partial(_called, tokens)
    if not isinstance(tokens, str) or not tokens:
        raise OptionError(
            f'option \'tokens\' must be "words", "space", a regular expression or a function; got {tokens!r}'
        )
    try:
        compiled = re.compile(tokens)
    except re.error as error:
        raise OptionError(f"option 'tokens' is no regular expression: {error}; got {tokens!r}") from error
    if compiled.fullmatch(" ") or compiled.groups:  # such as ".": every character is a word, but not white space
        return lambda line: [one.group() for one in compiled.finditer(_nfc(line)) if not one.group().isspace()]
    return lambda line: compiled.findall(_nfc(line))


def _called(function: Callable[[str], Iterable[str]], line: str) -> Sequence[str]:
    """The words of a line by a function of the user's, whatever it raises told with the line."""
    try:
        return _listed(function(line))
    except DataError:
        raise
    except Exception as error:
        name = getattr(function, "__qualname__", type(function).__qualname__)
        shown = line if len(line) <= SHOWN else f"{line[:SHOWN]}..."
        raise OwnError(
            f"the function {name} in tokens= raised {type(error).__name__}: {error}; the line is {shown!r}"
        ) from error


def _listed(given: Iterable[str]) -> Sequence[str]:
    if isinstance(given, str) or not isinstance(given, Iterable):
        got = "one string" if isinstance(given, str) else f"a {type(given).__name__}"
        raise DataError(f"the function in tokens= must return a list of words; it returned {got}")
    return given if isinstance(given, list | tuple) else list(given)

"""Word pieces: a vocabulary of parts of words, learnt from a text or read from a ``tokenizer.json`` (Hugging Face tokenizers)."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from functools import cached_property
from pathlib import Path
from typing import Any

from selfsup.data.text import tokens as cutting
from selfsup.data.text.tokens import EMOJI, Rule
from selfsup.errors import DataError, OptionError, RunError, SelfsupError
from selfsup.lazy import tokenizers
from selfsup.system import hashing

FILE = "tokenizer.json"  # in a run folder
KINDS = ("wordpiece", "bpe", "unigram")
LEAST, MOST = 10, 1_000_000  # pieces
LARGEST = 256 << 20  # bytes of a file
LONGEST = 100_000  # characters of a clause that is cut into pieces
INSIDE = "##"  # stands before a piece that does not begin a word
UNKNOWN = "[UNK]"
WORD = rf"\w+(?:['\u2019]\w+)*|{EMOJI}"  # as for tokens "words"; marks are \w in the expressions of tokenizers
_ASKED = re.compile(rf"({'|'.join(KINDS)})(?::(.*))?", re.DOTALL)


class Pieces:
    """A tokenizer of word pieces.

    Parameters
    ----------
    content
        Its JSON, or a function that reads it when it is first asked for.
    name
        Where it comes from, for messages.
    """

    def __init__(self, content: str | Callable[[], str], name: str) -> None:
        self._given, self.name = content, name

    @cached_property
    def content(self) -> str:
        """Its JSON."""
        return self._given if isinstance(self._given, str) else self._given()

    @cached_property
    def key(self) -> str:
        """What tells it from others."""
        return hashing.of_values("pieces", self.content)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Pieces) and self.content == other.content

    __hash__ = None  # type: ignore[assignment]

    @classmethod
    def of_file(cls, path: str | Path) -> Pieces:
        """That of a file.

        Raises
        ------
        OptionError
            If it cannot be read.
        """
        try:
            if Path(path).stat().st_size > LARGEST:
                raise OptionError(f"option 'tokens': {path} has more than {LARGEST:,} bytes; it is no tokenizer")
            made = cls(Path(path).read_bytes().decode(), str(path))
        except UnicodeDecodeError as error:
            raise OptionError(f"option 'tokens': {path} is no JSON: {error}") from error
        except OSError as error:
            raise OptionError(f"option 'tokens': cannot read {path}: {error.strerror or error}") from error
        made._made  # noqa: B018  what is wrong with it is said before any text is read
        return made

    @classmethod
    def learn(cls, asked: str, lower: bool, lines: Iterable[str], name: str) -> Pieces:
        """Learn the pieces of a text.

        Parameters
        ----------
        asked
            "wordpiece:30000": the kind, and how many pieces at most.
        lines
            Of the text.

        Raises
        ------
        DataError
            If the text is too large, or is none.
        """
        kind, size = wanted(asked) or (asked, 0)
        model, trainer = _of_kind(kind, vocab_size=size, special_tokens=[UNKNOWN], show_progress=False)
        made = tokenizers.Tokenizer(model)
        steps = [tokenizers.normalizers.NFC(), *([tokenizers.normalizers.Lowercase()] if lower else [])]
        made.normalizer = tokenizers.normalizers.Sequence(steps)
        made.pre_tokenizer = tokenizers.pre_tokenizers.Split(tokenizers.Regex(WORD), "removed", invert=True)
        try:
            made.train_from_iterator(lines, trainer)
        except SelfsupError:
            raise
        except Exception as error:  # whatever tokenizers meets
            raise DataError(f"no word pieces can be learnt from {name}: {error}") from error
        return cls(made.to_str(), asked)

    @cached_property
    def _made(self) -> Any:
        """The tokenizer."""
        try:
            held = json.loads(self.content)
            if not isinstance(held, dict) or not isinstance(held.get("model"), dict):
                raise ValueError("it has no 'model'")
            return tokenizers.Tokenizer.from_str(self.content)
        except SelfsupError:
            raise
        except Exception as error:  # whatever tokenizers raises on what it cannot read
            raise OptionError(f"option 'tokens': {self.name} is no tokenizer.json: {error}") from error

    @cached_property
    def _unknown(self) -> int | None:
        """The number of what stands for unknown pieces, which are left out."""
        model = json.loads(self.content)["model"]
        found = model.get("unk_id")
        if found is not None:
            return int(found)
        number: int | None = self._made.token_to_id(model.get("unk_token") or UNKNOWN)
        return number

    def cut(self, text: str) -> list[str]:
        """The pieces of a line, without those that it does not know."""
        found = self._made.encode(text, add_special_tokens=False)
        return [token for token, number in zip(found.tokens, found.ids, strict=True) if number != self._unknown]

    def rule(self, lower: bool) -> Rule:
        """How text is cut: run by run, each once, where the tokenizer splits at white space as ours do; else line by line."""
        told = json.loads(self.content).get("pre_tokenizer") or {}
        if told.get("pattern") == {"Regex": WORD} and told.get("invert"):
            return Rule(cutting.all_wide(lower), self.cut)
        return cutting.joined(lower)._replace(cut=self.cut)


def _of_kind(kind: str, **told: Any) -> tuple[Any, Any]:
    """A model of tokenizers, and what trains it."""
    models, trainers = tokenizers.models, tokenizers.trainers
    if kind == "wordpiece":
        pieces = models.WordPiece(unk_token=UNKNOWN, max_input_chars_per_word=LONGEST)
        return pieces, trainers.WordPieceTrainer(continuing_subword_prefix=INSIDE, **told)
    if kind == "bpe":
        pairs = models.BPE(unk_token=UNKNOWN, continuing_subword_prefix=INSIDE)
        return pairs, trainers.BpeTrainer(continuing_subword_prefix=INSIDE, **told)
    return models.Unigram(), trainers.UnigramTrainer(unk_token=UNKNOWN, **told)


def wanted(tokens: Any) -> tuple[str, int] | None:
    """The kind and the number of word pieces that an option asks for; None where it asks for none.

    Raises
    ------
    OptionError
        If the number is missing, or out of its range.
    """
    found = _ASKED.fullmatch(tokens) if isinstance(tokens, str) else None
    if found is None:
        return None
    kind, number = found.groups()
    if number is None or not re.fullmatch("[0-9]{1,9}", number) or not LEAST <= int(number) <= MOST:
        raise OptionError(
            f"option 'tokens': how many pieces must follow, {LEAST} to {MOST:,}, as in '{kind}:30000'; got '{tokens}'"
        )
    return kind, int(number)


def in_folder(folder: Path, read: Callable[[Path, str], bytes]) -> Pieces:
    """That of a run folder, read when it is first asked for."""

    def content() -> str:
        try:
            return read(folder, FILE).decode()
        except UnicodeDecodeError as error:
            raise RunError(f"{folder / FILE} is damaged: {error}") from error

    return Pieces(content, str(folder / FILE))

"""Text to numbers, once: `open_text` reads anything that holds words and gives their ids, from the cache where it can."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Annotated, Any, ClassVar, Literal, NoReturn

import numpy as np

from selfsup.data.text import count, kept as stored, numbering, scan, sources, tokens as cutting
from selfsup.data.text.blocks import SIZE
from selfsup.data.text.checks import check_learnable
from selfsup.data.text.cooccurrence import Cooccurrence, cooccurrence, held_out
from selfsup.data.text.form import READING, TextForm
from selfsup.data.text.sources import Source
from selfsup.data.text.vocabulary import Vocabulary
from selfsup.data.text.windows import PROBE, Pairs, Sequences, Windows
from selfsup.errors import DataError, OptionError
from selfsup.options import Range, checked
from selfsup.system import hashing, memory
from selfsup.system.cores import cores
from selfsup.system.progress import Progress

HELD_SHARE, HELD_WORDS = 0.01, 20_000  # by default the end of the text is held out: so much of it, at most so many ids
LEAST_HELD = PROBE // 10  # words; what is measured on fewer says nothing
NAMED = 5  # words in a warning
DECIDING = ("lower", "tokens", "min_count", "max_vocab", "keep", "phrases", "phrase_threshold", "phrase_score")
log = logging.getLogger("selfsup")


@dataclass(frozen=True, eq=False)
class Corpus:
    """A text in numbers, or a part of one (`selfsup.method.Data`).

    Attributes
    ----------
    ids
        (N,) int32: words by their place in the vocabulary, and -1 between sentences (of a whole text never two in a row, nor at
        an end). Words without a vector are left out, so their neighbours move together, as in word2vec. Memory-mapped from
        the cache; what is written to it stays in memory.
    vocabulary
        The words that have a vector, and their counts in the whole text.
    raw_words
        Words of the whole text, before any was left out or joined.
    sentences
        Sentences of the whole text with at least one word of the vocabulary.
    fingerprint
        Of the text and of every option that changes the ids.
    source
        Where it came from, in words for people.
    skipped
        Words of more than 1,000 characters: they are no words, and have been left out.
    reading
        The options that cut the text into words: see `TextForm`.
    all_ids
        Ids of the whole text, where this is a part.
    held
        Share of the text that is held out, where this is what is learnt from, or held out.
    beside
        What is learnt from, where this is held out.
    """

    ids: np.ndarray
    vocabulary: Vocabulary
    raw_words: int
    sentences: int
    fingerprint: str
    source: str
    skipped: int = 0
    reading: Mapping[str, Any] = field(default_factory=lambda: dict(READING))
    all_ids: int | None = None
    held: float = 0.0
    beside: Corpus | None = None
    _facts: dict[Any, Any] = field(init=False, repr=False, default_factory=dict)
    labels: ClassVar[None] = None  # text has none, nor a test part
    classes: ClassVar[tuple[str, ...]] = ()
    test: ClassVar[None] = None

    def __len__(self) -> int:
        return self._words

    @cached_property
    def _words(self) -> int:
        """Words of the vocabulary that are here."""
        return int((self.ids >= 0).sum())

    @cached_property
    def form(self) -> TextForm:
        """The vocabulary, and how the text was cut."""
        return TextForm((len(self.vocabulary),), self.reading, self.vocabulary)

    @property
    def raw_share(self) -> float:
        """Words of the text for each id: more than 1 where words were left out."""
        return self.raw_words / max(len(self.ids) if self.all_ids is None else self.all_ids, 1)

    def describe(self) -> str:
        """Say in one line what is in it."""
        kept = int(self.vocabulary.counts.sum())
        long = f", {self.skipped:,} longer than 1,000 characters skipped" if self.skipped else ""
        return (f"{self.raw_words:,} words in {self.sentences:,} sentences, {kept:,} of them among the {len(self.vocabulary):,} "
                f"of the vocabulary{long} ({self.source})")  # fmt: skip

    def split(self, share: float | None, seed: int = 0) -> tuple[Corpus, Corpus]:
        """Text to learn from, and its end, which is held out.

        Parameters
        ----------
        share
            That is held out; None is a hundredth, at most 20,000 ids, and nothing where that is too little to measure on.
        seed
            Has no part in it: nothing is drawn.

        Raises
        ------
        DataError
            If no word that is to be learnt from has another one beside it.
        """
        ids = self.ids
        held = min(int(len(ids) * HELD_SHARE), HELD_WORDS) if share is None else int(len(ids) * share)
        if share is None and int((ids[len(ids) - held :] >= 0).sum()) < LEAST_HELD:
            held = 0
        learnt, heldout = self.cut(held)
        check_learnable(learnt.ids, self.vocabulary.words, self.source)
        return learnt, heldout

    def cut(self, count: int, seed: int = 0) -> tuple[Corpus, Corpus]:
        """All but the last so many ids, and those."""
        at, share = len(self.ids) - count, count / max(len(self.ids), 1)
        learnt, heldout = self._part(self.ids[:at]), self._part(self.ids[at:])
        return (
            (learnt, heldout)
            if count == 0
            else (replace(learnt, held=share), replace(heldout, held=share, beside=learnt))
        )

    def some(self, most: int, rng: np.random.Generator) -> Corpus:
        """A piece of at most so many ids, from a place that is drawn."""
        if len(self.ids) <= most:
            return self
        start = int(rng.integers(len(self.ids) - most + 1))
        return self._part(self.ids[start : start + most])

    def _part(self, ids: np.ndarray) -> Corpus:
        return replace(
            self, ids=ids, all_ids=len(self.ids) if self.all_ids is None else self.all_ids, held=0.0, beside=None
        )

    def learnt(self, words: int) -> int:
        """Words that so many here stand for: those."""
        return words

    @property
    def source_rows(self) -> int:
        """Words of the source, those without a vector included."""
        return self.raw_words

    def unreadable(self) -> list[Any]:
        """What could not be read: nothing, as text that cannot be read is an error."""
        return []

    def whole(self) -> Corpus:
        """All of it."""
        return self

    def windows(self, width: int) -> Windows:
        """Windows (B, 2 width + 1) around every word."""
        return Windows(self.ids, width)

    def sequences(self, length: int) -> Sequences:
        """Sentences (B, length), filled with -1; longer ones are cut into pieces."""
        return Sequences(self.ids, length)

    def pairs(self, width: int) -> Pairs:
        """Pairs of words (B, 3): row, column, count; both (i, j) and (j, i).

        Counts grow with the text: what is held out are pairs of the text that is learnt from, which are then not learnt.
        """
        counted = (self.beside or self).fact("cooccurrence", width=width)
        if not self.held:
            return Pairs(counted)
        out = held_out(counted, self.held)
        return Pairs(Cooccurrence(*(part[out if self.beside else ~out] for part in counted)))

    def rows(self) -> NoReturn:
        """Of samples only.

        Raises
        ------
        DataError
            Always.
        """
        raise DataError(
            f"rows are a view of images and tables; these data are text ({self.source}), whose views are windows(w), "
            "sequences(n) and pairs(w)"
        )

    def fact(self, name: str, **how: Any) -> Any:
        """Something measured when it is asked for, once.

        "counts": (V,) int64 of the whole text. "cooccurrence" (``width``): the `Cooccurrence` of this part. Else None.
        """
        if name == "counts":
            return self.vocabulary.counts
        if name != "cooccurrence":
            return None
        key = (name, how["width"])
        if key not in self._facts:
            self._facts[key] = cooccurrence(self.ids, len(self.vocabulary), how["width"], cores())
        return self._facts[key]


def open_text(
    source: Any,
    *,
    column: str | None = None,
    lower: bool = True,
    tokens: str | Callable[[str], Iterable[str]] = "words",
    encoding: str = "utf-8",
    min_count: Annotated[int, Range(1)] = 5,
    max_vocab: Annotated[int, Range(2)] | None = None,
    keep: tuple[str, ...] = (),
    phrases: Annotated[int, Range(0, 4)] = 0,
    phrase_threshold: float | None = None,
    phrase_score: Literal["npmi", "original"] = "npmi",
    stream: bool = False,
    like: TextForm | None = None,
    known: Sequence[str] = (),
    limit: Annotated[int, Range(1)] | None = None,
    cache: bool = True,
    progress: bool = True,
) -> Corpus:
    """Read text and number its words. A line is a sentence; words are brought to Unicode NFC.

    Parameters
    ----------
    source
        A text file (plain, ``.gz``, ``.zst``), a folder or a glob of them, a list of paths; tables (parquet, csv, tsv, json,
        jsonl); an iterable of texts (strings) or of sentences (lists of tokens, taken as they are cut); a Hugging Face data set;
        a data frame; ``"docstrings"``: the documentation of the installed Python packages; or a `Corpus`, which passes through.
    column
        Text column of a table; needed where there are several.
    lower
        Lower-case the text.
    tokens
        What a word is: words (letters, digits, underscores, apostrophes within), space (what stands between white space), a
        regular expression, or in Python a function from a line to its words.
    encoding
        Of text files.
    min_count
        Words that occur less often are left out.
    max_vocab
        Most frequent words that are kept, at most; by default all.
    keep
        Words that are always in, however rare; those that do not occur at all are left out.
    phrases
        Passes that join words which belong together: 1 gives pairs, 2 up to four words.
    phrase_threshold
        Score above which two words are joined; 0.5 of npmi and 100 of original where it is not given.
    phrase_score
        npmi: from -1 to 1. original: that of word2vec.
    stream
        Read in parts and never hold the whole, as text always is.
    like
        The form of a trained model: text is cut and numbered as its text was, and words that its vocabulary lacks are left out.
    known
        Words of a model that is gone on from: always in like those of `keep`, but nothing is said of those that do not occur.
    limit
        Use the first so many lines, texts or rows only.
    cache
        Keep the ids in the user's cache folder (or that of ``SELFSUP_CACHE``) and take them from there. Iterables, and a
        text that is cut by a function, are read anew each time.
    progress
        Show progress on standard error.

    Raises
    ------
    DataError
        If the text cannot be used; the message says where and what to do.
    OptionError
        If an option is out of its range.
    """
    given = dict(locals())
    if isinstance(source, Corpus):
        return _again(source, like, limit)
    how = _settled(checked(open_text, given))
    found = sources.find(source, column, encoding, limit)
    key: list[Any] | None = None if callable(how["tokens"]) else [[name, how[name]] for name in DECIDING]
    if key is not None and like is not None:
        key = [["like", *like.words], key[0], key[1], key[5]]
    fingerprint = None if key is None or found.key is None else hashing.of_values(stored.FORMAT, found.key, key)
    if cache and fingerprint is not None and (entry := stored.read(fingerprint)) is not None:
        return _rested(_corpus(*entry, fingerprint, found.name, how))
    shown = Progress(progress)
    try:
        return _rested(_built(found, how, key, fingerprint, cache=cache, progress=shown))
    finally:
        shown.close()


def _rested(corpus: Corpus) -> Corpus:
    """The corpus, whose pages and what reading took are not in memory until they are asked for."""
    memory.let_go(corpus.ids)
    memory.give_back()
    return corpus


def _settled(how: dict[str, Any]) -> dict[str, Any]:
    """The options as they are used: final words to keep, a threshold, and the model's own way of cutting."""
    if how["like"] is not None:
        how |= how["like"].reading
        how["like"].rule()  # says what to do where the model's function is not there
    asked, known = ([cutting.final(word, how["lower"]) for word in how[name]] for name in ("keep", "known"))
    if not all(map(cutting.is_word, asked)):
        raise OptionError("option 'keep' has an empty word or a NUL character in a word")
    how["asked"], how["keep"] = asked, tuple(dict.fromkeys([*asked, *filter(cutting.is_word, known)]))
    if how["phrase_threshold"] is None:
        how["phrase_threshold"] = 0.5 if how["phrase_score"] == "npmi" else 100.0
    return how


def _again(corpus: Corpus, like: TextForm | None, limit: int | None) -> Corpus:
    """A text that is numbered already, as a model's text was."""
    if limit is not None:
        ends = np.flatnonzero(corpus.ids < 0)
        corpus = corpus if len(ends) < limit else corpus._part(corpus.ids[: ends[limit - 1]])
    if like is None or like.words == corpus.vocabulary.words:
        return corpus
    numbers = np.array([like.index.get(word, count.SKIPPED) for word in corpus.vocabulary.words], np.int32)
    ids, state = numbering.renumbered(corpus.ids, numbers)
    counts = np.bincount(ids[ids >= 0], minlength=like.size)
    fingerprint = hashing.of_values(corpus.fingerprint, like.words)
    return replace(
        corpus, ids=ids, vocabulary=Vocabulary(like.words, counts, corpus.raw_words), sentences=int(state[2]),
        fingerprint=fingerprint, reading=like.reading, all_ids=None,
    )  # fmt: skip


def _corpus(ids: np.ndarray, about: dict[str, Any], fingerprint: str, name: str, how: Mapping[str, Any]) -> Corpus:
    counts, raw = np.array(about["counts"], np.int64), int(about["raw_words"])
    vocabulary = Vocabulary(list(about["words"]), counts, raw)
    if how["like"] is None:
        vocabulary = _present(vocabulary, how["asked"], name)
    reading = {key: how[key] for key in READING}
    return Corpus(ids, vocabulary, raw, int(about["sentences"]), fingerprint, name, int(about["skipped"]), reading)


def _present(vocabulary: Vocabulary, asked: Sequence[str], name: str) -> Vocabulary:
    """Without words that never occur, as nothing can be learnt of them; those that `keep` asked for are told."""
    size = int((vocabulary.counts > 0).sum())  # the most frequent come first, so these are the last
    absent = set(vocabulary.words[size:]).intersection(asked)
    told = [f"'{word}'" for word in vocabulary.words[size:] if word in absent]
    if told:
        more = f" and {len(told) - NAMED:,} more" if len(told) > NAMED else ""
        log.warning(
            "%s does not hold %s%s, which option 'keep' names; they get no vector", name, ", ".join(told[:NAMED]), more
        )
    return Vocabulary(vocabulary.words[:size], vocabulary.counts[:size], vocabulary.total)


def _built(
    source: Source, how: dict[str, Any], key: list[Any] | None, fingerprint: str | None, *, cache: bool, progress: Progress
) -> Corpus:  # fmt: skip
    """Read, number and keep; a source without a key has no place in the cache, its fingerprint is that of its content."""
    digest = None if fingerprint else hashlib.blake2b()
    like: TextForm | None = how["like"]
    rule = cutting.rule(how["tokens"], how["lower"])
    if like is not None and how["phrases"]:
        rule = rule._replace(cut=like.cut, join=like.join)
    folder, is_kept = stored.spool()
    is_kept = is_kept and cache and fingerprint is not None
    made = scan.encode(source, rule, cutting.joined(how["lower"]), folder, cores(), SIZE, progress, digest)
    try:
        if made.raw == made.skipped:  # which are too long to be words
            raise DataError(f"{source.name} holds no words; look at the text, or at the option 'tokens'")
        if like is not None:
            done = numbering.number_like(made, like.vocabulary, source.name)
        else:
            done = numbering.number(made, how, source.name, folder, progress)
        ids = stored.ids_of(done.parts, fingerprint if is_kept else None, int(done.counts.sum()), folder)
    except OSError as error:
        raise stored.full(error) from error
    finally:
        for file in made.files:
            file.close()
        memory.give_back()
    about = {"words": done.words, "counts": done.counts.tolist(), "raw_words": made.raw, "skipped": made.skipped,
             "sentences": int(done.state[2])}  # fmt: skip
    if is_kept:
        stored.write_about(str(fingerprint), ids, about)
    if digest is not None:
        told = key or [hashing.checksum(ids), *about["words"]]
        fingerprint = hashing.of_values(stored.FORMAT, digest.hexdigest(), told)
    if made.skipped:
        log.warning("%s: %s words of more than 1,000 characters were skipped", source.name, f"{made.skipped:,}")
    return _corpus(ids, about, str(fingerprint), source.name, how)

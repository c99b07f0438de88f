"""Text to numbers, once: `open_corpus` reads anything that holds words and gives their ids, from the cache where it can."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from selfsup.data.text import kept as stored
from selfsup.data.text import sources, tokens
from selfsup.data.text.blocks import SIZE
from selfsup.data.text.choice import Choice, Score
from selfsup.data.text.sources import Source
from selfsup.data.text.vocabulary import Vocabulary
from selfsup.errors import DataError, OptionError
from selfsup.system import hashing, memory
from selfsup.system.progress import Progress


@dataclass(frozen=True)
class Corpus:
    """A text in numbers.

    Attributes
    ----------
    ids
        (N,) int32: words by their place in the vocabulary, and -1 between sentences (never two in a row, nor at an end).
        Words without a vector are left out, so their neighbours move together, as in word2vec. Memory-mapped from the
        cache; what is written to it stays in memory.
    vocabulary
        The words that have a vector, and their counts in `ids`.
    raw_words
        Words of the text, before any was left out or joined.
    sentences
        Sentences with at least one word of the vocabulary.
    fingerprint
        Of the text and of every option that changes the ids.
    source
        Where it came from, in words for people.
    skipped
        Words of more than 1,000 characters: they are no words, and have been left out.
    """

    ids: np.ndarray
    vocabulary: Vocabulary
    raw_words: int
    sentences: int
    fingerprint: str
    source: str
    skipped: int = 0

    def __len__(self) -> int:
        return len(self.ids)

    def describe(self) -> str:
        """Say in one line what is in it."""
        kept = int(self.vocabulary.counts.sum())
        long = f", {self.skipped:,} longer than 1,000 characters skipped" if self.skipped else ""
        return (f"{self.raw_words:,} words in {self.sentences:,} sentences, {kept:,} of them among the {len(self.vocabulary):,} "
                f"of the vocabulary{long} ({self.source})")  # fmt: skip


def open_corpus(
    source: Any,
    *,
    column: str | None = None,
    lower: bool = True,
    tokens: str | Callable[[str], Iterable[str]] | None = "words",
    encoding: str = "utf-8",
    min_count: int = 5,
    max_vocab: int | None = None,
    keep: Iterable[str] = (),
    phrases: int = 0,
    phrase_threshold: float | None = None,
    phrase_score: Score = "npmi",
    threads: int | None = None,
    cache: bool = True,
    progress: bool = True,
) -> Corpus:
    """Read text and number its words. A line is a sentence; words are brought to Unicode NFC.

    Parameters
    ----------
    source
        A text file (plain, ``.gz``, ``.zst``), a folder or a glob of them, a list of paths; parquet files; an iterable of
        texts (strings) or of sentences (lists of tokens, taken as they are cut); a Hugging Face data set; a data frame;
        ``"docstrings"``: the documentation of the installed Python packages; or a `Corpus`, which passes through.
    column
        Of a table: the one that holds text or lists of tokens; needed where there are several.
    lower
        Bring words to lower case (tokens of lists too).
    tokens
        What a word is: "words" (letters, digits, underscores, apostrophes within), "space" or None (what stands between white
        space: for text that is cut already, as word2vec and gensim's LineSentence do), a regular expression, or a function from a
        line to its words. The first two are the fast ones.
    encoding
        Of text files.
    min_count
        Rarer words get no vector.
    max_vocab
        Most words that get a vector: the most frequent.
    keep
        Words that are always in, however rare.
    phrases
        Passes that join pairs of words by "_": 1 makes pairs, 2 phrases of up to four words.
    phrase_threshold
        Pairs that score higher are joined; 0.5 of "npmi" and 100 of "original" where it is not given.
    phrase_score
        "npmi", from -1 to 1, or "original", that of word2vec.
    threads
        To cut and count in; as many as there are processors where it is not given. The result is the same.
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
    if isinstance(source, Corpus):
        return source
    options = _options(lower, tokens, min_count, max_vocab, keep, phrases, phrase_threshold, phrase_score)
    if threads is not None and threads < 1:
        raise OptionError(f"option 'threads' must be at least 1; got {threads}")
    found = sources.find(source, column, encoding)
    key = options.key()
    fingerprint = None if key is None or found.key is None else hashing.of_values(stored.FORMAT, found.key, key)
    if cache and fingerprint is not None and (entry := stored.read(fingerprint)) is not None:
        return _corpus(*entry, fingerprint, found.name)
    shown = Progress(progress)
    try:
        return _built(found, options, fingerprint, threads, cache, shown)
    finally:
        shown.close()


def _options(
    lower: bool,
    tokens_: tokens.Tokens,
    min_count: int,
    max_vocab: int | None,
    keep: Iterable[str],
    phrases: int,
    threshold: float | None,
    score: Score,
) -> Choice:
    """The options, if every one is in its range."""
    for name, value, least in (("min_count", min_count, 1), ("max_vocab", max_vocab, 1), ("phrases", phrases, 0)):
        if value is not None and value < least:
            raise OptionError(f"option '{name}' must be at least {least}; got {value}")
    if score not in ("npmi", "original"):
        raise OptionError(f"option 'phrase_score' must be one of 'npmi', 'original'; got {score!r}")
    if isinstance(keep, str):
        raise OptionError(f"option 'keep' must be a list of words; got the string {keep!r}")
    always = tuple(dict.fromkeys(tokens.final(word, lower) for word in keep))
    if any(not word or "\x00" in word or "\x01" in word for word in always):
        raise OptionError("option 'keep' has an empty word or a NUL character in a word")
    if threshold is None:
        threshold = 0.5 if score == "npmi" else 100.0
    return Choice(
        lower, None if tokens_ == "space" else tokens_, min_count, max_vocab, always, phrases, float(threshold), score
    )


def _corpus(ids: np.ndarray, about: dict[str, Any], fingerprint: str, name: str) -> Corpus:
    counts = np.array(about["counts"], np.int64)
    vocabulary = Vocabulary(list(about["words"]), counts, int(about["raw_words"]))
    return Corpus(ids, vocabulary, vocabulary.total, int(about["sentences"]), fingerprint, name, int(about["skipped"]))


def _built(
    source: Source, options: Choice, fingerprint: str | None, threads: int | None, cache: bool, progress: Progress
) -> Corpus:
    """Read, number and keep; a source without a key has no place in the cache, its fingerprint is that of its content."""
    from selfsup.data.text import numbering
    from selfsup.data.text import scan as encode

    digest = None if fingerprint else hashlib.blake2b()
    rule, joined = tokens.rule(options.tokens, options.lower), tokens.joined(options.lower)
    folder, is_kept = stored.spool()
    is_kept = is_kept and cache and fingerprint is not None
    made = encode.encode(source, rule, joined, folder, threads or encode.cores(), SIZE, progress, digest)
    try:
        if made.raw == 0:
            raise DataError(f"{source.name} holds no words; look at the text, or at the option 'tokens'")
        done = numbering.number(made, options, source.name, folder, progress)
        ids = stored.ids_of(done.parts, fingerprint if is_kept else None, int(done.counts.sum()), folder)
    except OSError as error:
        raise stored.full(error) from error
    finally:
        for file in made.files:
            file.close()
        memory.give_back()
    about = {"words": done.words, "counts": done.counts.tolist(), "raw_words": made.raw, "skipped": made.skipped}
    about["sentences"] = int(done.state[2])
    if is_kept:
        stored.write_about(str(fingerprint), ids, about)
    if digest is not None:
        key = options.key() or [stored.print_of(ids), *about["words"]]
        fingerprint = hashing.of_values(stored.FORMAT, digest.hexdigest(), key)
    if made.skipped:
        stored.log.warning("%s: %s words of more than 1,000 characters were skipped", source.name, f"{made.skipped:,}")
    return _corpus(ids, about, str(fingerprint), source.name)

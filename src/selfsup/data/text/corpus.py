"""Text to numbers, once: `open_text` reads anything that holds words and gives their ids, from the cache where it can."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np

from selfsup.data.text import count, kept as stored, numbering, pieces, scan, sources, tokens as cutting
from selfsup.data.text.blocks import SIZE
from selfsup.data.text.checks import spaceless
from selfsup.data.text.form import READING, TextForm
from selfsup.data.text.joining import Phrases
from selfsup.data.text.numbered import Corpus
from selfsup.data.text.phrases import Score
from selfsup.data.text.pieces import Pieces
from selfsup.data.text.seen import Errors
from selfsup.data.text.sources import Source
from selfsup.data.text.vocabulary import Vocabulary
from selfsup.errors import DataError, OptionError
from selfsup.options import Range, checked
from selfsup.system import hashing, memory
from selfsup.system.compiling import told
from selfsup.system.cores import cores
from selfsup.system.progress import Progress

NAMED = 5  # words in a warning
DECIDING = ("lower", "tokens", "min_count", "max_vocab", "keep", "phrases", "phrase_threshold", "phrase_score")
MET = ("raw_words", "sentences", "skipped", "lines", "blank", "missing", "bad")  # what a corpus says of the whole text
log = logging.getLogger("selfsup")


def open_text(
    source: Any,
    *,
    column: str | None = None,
    lower: bool = True,
    tokens: str | Callable[[str], Iterable[str]] = "words",
    encoding: str = "utf-8",
    errors: Errors = "stop",
    min_count: Annotated[int, Range(1)] = 5,
    max_vocab: Annotated[int, Range(2)] | None = None,
    keep: tuple[str, ...] = (),
    phrases: Annotated[int, Range(0, 4)] = 0,
    phrase_threshold: float | None = None,
    phrase_score: Score = "npmi",
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
        What a word is: words (letters, digits, underscores, apostrophes within; an emoji), space (what stands between white
        space), a regular expression (such as . for each character), or a function of a line, also as FILE.py:NAME. Parts of
        words: wordpiece:30000 (also bpe: and unigram:) learns so many pieces from this text, FILE.json is a tokenizer of
        Hugging Face's that is there already.
    encoding
        Of text files.
    errors
        Bytes that are no text in that encoding: stop is an error, replace puts U+FFFD in their place, skip leaves their line
        (of a table: row) out; how many there are is said.
    min_count
        Words that occur less often are left out.
    max_vocab
        Most frequent words that are kept, at most; by default all.
    keep
        Words that are always in, however rare; those that do not occur at all are left out.
    phrases
        Passes that join words which belong together: 1 gives pairs, 2 up to four words. A run keeps which they are.
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
    found = sources.find(source, column, encoding, limit, errors)
    key: list[Any] | None = None if callable(how["tokens"]) else [[name, _plain(how[name])] for name in DECIDING]
    if key is not None and like is not None:
        key = [["like", *like.words], key[0], key[1], key[5]]
    fingerprint = None if key is None or found.key is None else hashing.of_values(stored.FORMAT, found.key, key)
    if cache and fingerprint is not None and (entry := stored.read(fingerprint)) is not None:
        return _rested(_corpus(*entry, fingerprint, found.name, how))
    shown = Progress(progress)
    try:
        with told(shown):
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
    elif isinstance(how["tokens"], str) and how["tokens"].endswith(".json"):
        how |= {"tokens": Pieces.of_file(Path(how["tokens"]).expanduser()), "lower": False}  # it says itself
    if how["phrases"] and (isinstance(how["tokens"], Pieces) or pieces.wanted(how["tokens"])):
        raise OptionError(
            "option 'phrases' joins words, and word pieces (option 'tokens') are none; leave one of them out"
        )
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


def _plain(value: Any) -> Any:
    """What tells the value of an option from another, for the cache."""
    return value.key if isinstance(value, Pieces | Phrases) else value


def _corpus(ids: np.ndarray, about: dict[str, Any], fingerprint: str, name: str, how: Mapping[str, Any]) -> Corpus:
    counts = np.array(about["counts"], np.int64)
    met: dict[str, Any] = {key: int(about[key]) for key in MET}
    vocabulary = Vocabulary(list(about["words"]), counts, met["raw_words"])
    reading = {key: how[key] for key in READING}
    if how["like"] is None:
        vocabulary = _present(vocabulary, how["asked"], name)
        if about["pieces"] is not None:
            reading["tokens"] = Pieces(about["pieces"], str(how["tokens"]))
        if about["phrases"] is not None:
            found = Phrases.read(about["phrases"].encode(), name)
            reading["phrases"] = Phrases(found.passes, how["tokens"], how["lower"])
    _tell(met, name, how["errors"])
    return Corpus(ids, vocabulary, fingerprint=fingerprint, source=name, reading=reading, **met)


def _tell(met: Mapping[str, int], name: str, errors: Errors) -> None:
    """Say what had to be left out."""
    for key, what in (
        ("missing", "missing value{} (None, NaN), left out"),
        ("bad", "place{} with bytes that are no text, each U+FFFD now" if errors == "replace" else
         "line{} or row{} with bytes that are no text, left out"),
    ):  # fmt: skip
        if met[key]:
            log.warning("%s: %s %s", name, f"{met[key]:,}", what.replace("{}", "s" * (met[key] > 1)))


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
    learnt = _learnt(source, how, progress) if pieces.wanted(how["tokens"]) else None
    cut = learnt or how["tokens"]
    rule = cut.rule(how["lower"]) if isinstance(cut, Pieces) else cutting.rule(cut, how["lower"])
    if like is not None and how["phrases"]:
        rule = rule._replace(cut=like.cut, join=like.join)
    folder, is_kept = stored.spool()
    is_kept = is_kept and cache and fingerprint is not None
    made = scan.encode(source, rule, cutting.joined(how["lower"]), folder, cores(), SIZE, progress, digest)
    try:
        if made.raw == made.skipped:  # which are too long to be words
            raise DataError(f"{source.name} holds no words; look at the text, or at the option 'tokens'")
        advice = "" if like is not None else spaceless(made.table, how["tokens"])
        if like is not None:
            done = numbering.number_like(made, like.vocabulary, source.name)
        else:
            done = numbering.number(made, how, source.name, folder, progress, advice)
        ids = stored.ids_of(done.parts, fingerprint if is_kept else None, int(done.counts.sum()), folder)
    except OSError as error:
        raise stored.full(error) from error
    finally:
        for file in made.files:
            file.close()
        memory.give_back()
    if advice:
        log.warning("%s: %s", source.name, advice)
    about = {
        "words": done.words, "counts": done.counts.tolist(), "raw_words": made.raw, "skipped": made.skipped,
        "sentences": int(done.state[2]), "lines": made.lines, "blank": max(made.lines - done.lines, 0),
        "missing": made.seen.missing, "bad": made.seen.bad, "pieces": None if learnt is None else learnt.content,
        "phrases": Phrases(done.passes).content().decode() if done.passes else None,
    }  # fmt: skip
    if is_kept:
        stored.write_about(str(fingerprint), ids, about)
    if digest is not None:
        found = key or [hashing.checksum(ids), *about["words"]]
        fingerprint = hashing.of_values(stored.FORMAT, digest.hexdigest(), found)
    if made.skipped:
        log.warning("%s: %s words of more than 1,000 characters were skipped", source.name, f"{made.skipped:,}")
    return _corpus(ids, about, str(fingerprint), source.name, how)


def _learnt(source: Source, how: Mapping[str, Any], progress: Progress) -> Pieces:
    """The word pieces of a text, which is read for them before it is cut into them."""
    if source.once:
        raise OptionError(f"option 'tokens': '{how['tokens']}' reads the text twice, and {source.name} can be read once; "
                          "give a list")  # fmt: skip

    def lines() -> Iterator[str]:
        for block in source.read(SIZE)[1]:
            if block.joined:
                raise OptionError(
                    f"option 'tokens': '{how['tokens']}' cuts texts, and {source.name} holds lists of tokens, cut already"
                )
            progress.show(f"reading {source.name}: {how['tokens']} is learnt from {block.done / 1e6:,.0f} MB")
            yield from scan.decoded(block).split("\n")

    return Pieces.learn(how["tokens"], how["lower"], lines(), source.name)


def phrases(
    data: Any,
    *,
    passes: Annotated[int, Range(1, 4)] = 1,
    min_count: Annotated[int, Range(1)] = 5,
    threshold: float | None = None,
    score: Score = "npmi",
    progress: bool = True,
    **reading: Any,
) -> Phrases:
    """Words that belong together in a text, such as "new york", to be kept and joined in any text.

    Parameters
    ----------
    data
        Text of any kind: see `open_text`.
    passes
        1 gives pairs, 2 up to four words.
    min_count
        Words and pairs that occur less often are no phrases.
    threshold
        Score above which two words are joined; 0.5 of npmi and 100 of original where it is not given.
    score
        npmi: from -1 to 1 (Bouma 2009). original: that of word2vec (Mikolov et al. 2013b, section 4).
    progress
        Show progress on standard error.
    **reading
        How the text is read: `column`, `lower`, `tokens`, `encoding`, `limit` and others of `open_text`.

    Returns
    -------
    Phrases
        ``join(texts)`` gives lists of tokens, ``save`` and ``load`` keep them as JSON.

    Raises
    ------
    DataError, OptionError
        As `open_text`.
    """
    how = checked(phrases, {"passes": passes, "min_count": min_count, "threshold": threshold, "score": score})
    found = open_text(
        data, phrases=how["passes"], min_count=how["min_count"], phrase_threshold=how["threshold"],
        phrase_score=how["score"], progress=progress, **reading,
    ).reading["phrases"]  # fmt: skip
    assert isinstance(found, Phrases)
    return found

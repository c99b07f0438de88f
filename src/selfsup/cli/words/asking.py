"""The verbs nearest, analogy and odd-one-out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from selfsup.cli.parser import UsageError
from selfsup.cli.words.giving import count, free, give, known, words_of
from selfsup.lazy import numpy as np
from selfsup.options import Range
from selfsup.system.screen import printable

if TYPE_CHECKING:
    from selfsup.words.vectors import WordVectors

SUMS = {"add": "3CosAdd", "mul": "3CosMul"}


def nearest(
    file: str,
    words: tuple[str, ...] = (),
    *,
    k: Annotated[int, Range(1)] = 10,
    positive: tuple[str, ...] = (),
    negative: tuple[str, ...] = (),
    among: str | None = None,
    restrict: Annotated[int, Range(1)] | None = None,
    format: str | None = None,
    json: bool = False,
    out: str | None = None,
    overwrite: bool = False,
) -> None:
    """List the words nearest to each word, by the cosine of their vectors.

    Parameters
    ----------
    file
        Word vectors: a file in any format, or a run.
    words
        Words, each with a list of its own.
    k
        How many to list for each.
    positive
        Instead of words: be near to all of these at once, each with length 1.
    negative
        And far from these.
    among
        A file of words, one a line: list none but these.
    restrict
        List none but the most frequent words.
    format
        Of the word vectors, where it cannot be known by their content.
    json
        Write JSON to standard output.
    out
        File to write the answers to: .csv, .json or .parquet.
    """
    from selfsup.words.vectors import WordVectors

    if bool(words) == bool(positive or negative):
        raise UsageError("give words, or --positive and --negative; see `selfsup words nearest --help`")
    place = free(out, overwrite)
    chosen = None if among is None else words_of(among)
    vectors = WordVectors.load(file, format)
    wanted = None if chosen is None else known(vectors, chosen, str(among))
    if words:
        names = list(words)
        found = vectors.nearest(names, k, among=wanted, restrict=restrict).named(vectors.words)
    else:
        names = [" ".join([" + ".join(positive), *(f"- {word}" for word in negative)]).strip()]
        found = [vectors.most_similar(k=k, positive=positive, negative=negative, among=wanted, restrict=restrict)]
    lines, rows = list[str](), list[dict[str, Any]]()
    for name, pairs in zip(names, found, strict=True):
        lines.append(f"{printable(name)}: the {len(pairs):,} nearest {_of(vectors, restrict, wanted)}")
        for rank, (word, cosine) in enumerate(pairs, 1):
            lines.append(f"  {cosine:>7.4f}  {printable(word)}")
            rows.append({"query": name, "rank": rank, "word": word, "cosine": round(cosine, 6)})
    give(lines, rows, place, as_json=json)


def analogy(
    file: str,
    a: str,
    b: str,
    c: str,
    *,
    k: Annotated[int, Range(1)] = 5,
    method: Literal["add", "mul"] = "add",
    unrestricted: bool = False,
    restrict: Annotated[int, Range(1)] | None = None,
    format: str | None = None,
    json: bool = False,
    out: str | None = None,
    overwrite: bool = False,
) -> None:
    """Answer an analogy: A is to B as C is to which word?

    Parameters
    ----------
    file
        Word vectors: a file in any format, or a run.
    a, b, c
        Words of the question.
    k
        How many answers to list.
    method
        add: the words nearest to b - a + c (3CosAdd). mul: cosines with b and c multiplied, over that with a (3CosMul).
    unrestricted
        Let the words of the question be answers too.
    restrict
        Answer with none but the most frequent words.
    format
        Of the word vectors, where it cannot be known by their content.
    json
        Write JSON to standard output.
    out
        File to write the answers to: .csv, .json or .parquet.
    """
    from selfsup.words.vectors import WordVectors

    place = free(out, overwrite)
    vectors, question = WordVectors.load(file, format), (a, b, c)
    every: Any = vectors.analogy(
        a, b, c, k=k + len(set(question)), method=method, exclude_query=False, restrict=restrict
    )
    found = (every if unrestricted else [pair for pair in every if pair[0] not in question])[:k]
    a, b, c = map(printable, question)
    kept = "may answer" if unrestricted else "are left out"
    lines = [
        f"{a} is to {b} as {c} is to ({SUMS[method]}, {_of(vectors, restrict, None)}; the words of the question {kept})"
    ]
    for word, score in found:
        lines.append(f"  {score:>7.4f}  {printable(word)}{', a word of the question' * (word in question)}")
    rows = [
        {"rank": rank, "word": word, "score": round(score, 6), "of the question": word in question}
        for rank, (word, score) in enumerate(found, 1)
    ]
    last = found[-1][1] if found else -np.inf
    nearer = [f"{printable(word)} {score:.4f}" for word, score in every if word in question and score >= last]
    if nearer and not unrestricted:
        lines.append(f"left out, and would stand there: {', '.join(nearer)}")
    give(lines, rows, place, as_json=json)


def odd_one_out(
    file: str,
    words: tuple[str, ...],
    *,
    format: str | None = None,
    json: bool = False,
    out: str | None = None,
    overwrite: bool = False,
) -> None:
    """Say which word does not go with the others: the one whose vector is farthest from the mean of all.

    Parameters
    ----------
    file
        Word vectors: a file in any format, or a run.
    words
        At least three words.
    format
        Of the word vectors, where it cannot be known by their content.
    json
        Write JSON to standard output.
    out
        File to write the answers to: .csv, .json or .parquet.
    """
    from selfsup.words.search import unit_rows
    from selfsup.words.vectors import WordVectors

    if len(set(words)) < 3:
        raise UsageError(f"of three words or more one can be the odd one; got {count(len(set(words)), 'word')}")
    place = free(out, overwrite)
    vectors, words = WordVectors.load(file, format), tuple(dict.fromkeys(words))
    odd = vectors.doesnt_match(words)
    unit = unit_rows(vectors.vectors_of(words))  # (m, D)
    cosines = (unit @ unit_rows(unit.mean(0, keepdims=True))[0]).tolist()
    ranked = sorted(zip(words, cosines, strict=True), key=lambda pair: pair[1])
    lines = [f"{printable(odd)} is the odd one out; cosines with the mean of all {len(words)}:"]
    lines += [f"  {cosine:>7.4f}  {printable(word)}" for word, cosine in ranked]
    rows = [{"word": word, "cosine": round(cosine, 6), "odd": word == odd} for word, cosine in ranked]
    give(lines, rows, place, as_json=json)


def _of(vectors: WordVectors, restrict: int | None, among: list[str] | None) -> str:
    """Among which words answers are looked for."""
    if among is not None:
        chosen = f"of the {count(len(among), 'word')} of the list"
        return chosen if restrict is None else f"{chosen} that are among the {restrict:,} most frequent"
    if restrict is None or restrict >= len(vectors):
        return f"of {count(len(vectors), 'word')}"
    return f"of the {count(restrict, 'most frequent word')}"

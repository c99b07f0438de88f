"""The verb debias."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from selfsup.cli.bias.opening import Subject, check_files, opened, rows_of, shown
from selfsup.cli.common import free_file
from selfsup.cli.parser import UsageError, say
from selfsup.cli.words.giving import count, give
from selfsup.options import Range

if TYPE_CHECKING:
    from selfsup.measures.table import Table
    from selfsup.measures.words.bias.evidence import Asked
    from selfsup.words.bias.transform import Transform
    from selfsup.words.vectors import WordVectors

Method = Literal["hard", "soft", "double-hard", "inlp", "leace", "multiclass"]


def debias(
    vectors: str,
    *,
    method: Method | None = None,
    attribute: str = "gender",
    pairs: tuple[str, ...] = (),
    out: str | None = None,
    transform: str | None = None,
    apply: str | None = None,
    words: str = "occupations",
    weat: tuple[str, ...] = (),
    analogies: str | tuple[str, ...] = (),
    similarity: str | tuple[str, ...] = (),
    tuning: Annotated[float, Range(0, open_low=True)] | None = None,
    average: bool = False,
    iterations: Annotated[int, Range(1)] | None = None,
    allow_missing: bool = False,
    seed: Annotated[int, Range(0, 2**32 - 1)] = 0,
    json: bool = False,
    overwrite: bool = False,
) -> None:
    """Reduce an attribute in word vectors, and show what was removed, what is left and what it cost.

    Parameters
    ----------
    vectors
        Word vectors: a file in any format, or a run.
    method
        Neutralize and equalize (hard), a linear map that keeps other cosines (soft), hard without what hides in frequency
        (double-hard), projection until linear classifiers fail (inlp), least-squares erasure (leace), hard for several classes
        (multiclass); hard by default.
    attribute
        What is reduced: gender, religion, or a JSON file of pairs, or classes, of words.
    pairs
        Instead of it pairs of words: she:he,woman:man.
    out
        File or folder to write the new vectors to; its suffix says the format, such as .safetensors, .bin, .txt.
    transform
        File to write to what was done (.safetensors), which --apply does to other vectors.
    apply
        Instead of a method: a file that --transform wrote.
    words
        Which words to measure: occupations, or a file of words (.json, or one a line).
    weat
        Tests of association: names such as career_family, or JSON files; by default all that are bundled.
    analogies
        Files of questions, four words a line: what it cost.
    similarity
        Files of two words and people's judgement a line: what it cost.
    tuning
        Of soft: the larger, the more is taken; 0.2 by default.
    average
        Of soft: weigh products of words as means, so that tuning means the same for any number of words.
    iterations
        Of inlp: classifiers at most; 35 by default.
    allow_missing
        Measure all the same with sets of which more than a fifth of the words are missing.
    seed
        Of all that is drawn.
    json
        Write the figures to standard output as JSON.
    overwrite
        Replace files that exist.
    """
    from selfsup.measures.words.bias.evidence import Asked, read_tests
    from selfsup.words.formats.files import for_writing

    own = {"tuning": tuning, "average": average or None, "iterations": iterations}
    if apply is not None and any(one is not None for one in (method, transform, *own.values())):
        raise UsageError("--apply does what its file says; it goes without --method, its options and --transform")
    files = [free_file(file, overwrite) for file in (out, transform) if file is not None]
    if len(files) == 2 and files[0].absolute() == files[1].absolute():
        raise UsageError(f"--out and --transform are two files; both are {out}")
    if out is not None:
        for_writing(Path(out))
    check_files(analogies, similarity)
    asked = Asked(words, read_tests(weat or None), allow_missing=allow_missing, seed=seed)
    subject = opened(vectors, attribute, pairs)
    after, done = _reduced(subject, method or "hard", apply, seed=seed, **own)
    tables = _tables(subject, after, done, asked, (analogies, similarity))
    if out is not None:
        after.save(out, overwrite=overwrite)
    if transform is not None:
        done.save(transform, overwrite=overwrite)
    give([*_done(Path(vectors).name, done), *shown(tables)], rows_of(tables), None, as_json=json)
    if not json:
        say(_written(after, out, transform))


def _reduced(subject: Subject, method: str, apply: str | None, **options: Any) -> tuple[WordVectors, Transform]:
    """Vectors that a method made, or a transform that was saved."""
    from selfsup.bias.reducing import reduced
    from selfsup.words.bias.transform import Transform

    if apply is None:
        return reduced(subject.vectors, subject.direction, method, **options)
    done = Transform.load(apply)
    return done.apply(subject.vectors), done


def _tables(subject: Subject, after: WordVectors, done: Transform, asked: Asked, files: tuple[Any, Any]) -> list[Table]:
    """The direction; scores before and after; what is left; what it cost."""
    from selfsup.measures.words.bias.cost import cost
    from selfsup.measures.words.bias.evidence import before_and_after
    from selfsup.measures.words.bias.residual import residual
    from selfsup.measures.words.bias.scope import direction_table

    before, way = subject
    return [
        direction_table(way, asked.seed),
        before_and_after(before, after, way, asked),
        residual(before, after, way, words=asked.words, transform=done, seed=asked.seed).table(),
        cost(before, after, analogies=files[0], similarity=files[1], seed=asked.seed).table(),
    ]


def _done(name: str, done: Transform) -> list[str]:
    """What was done to which vectors."""
    from selfsup.bias.reducing import said
    from selfsup.measures.table import WIDTH

    told = said(done)
    return textwrap.wrap(f"{name}, {done.method}: {done.attribute}" + (f"; {told}" if told else ""), WIDTH)


def _written(after: WordVectors, out: str | None, transform: str | None) -> str:
    """Where things went."""
    told = [f"{count(len(after), 'word')} of {count(after.dim, 'value')} in {out}"] if out else []
    told += [f"the transform in {transform}"] if transform else []
    return (
        "; ".join(told)
        or "nothing was written: --out NEW.safetensors keeps the vectors, --transform FILE what was done"
    )

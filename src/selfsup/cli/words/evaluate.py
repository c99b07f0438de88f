"""The verb `words evaluate`: analogies and similarity of several files of word vectors, side by side."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from selfsup.cli.parser import UsageError
from selfsup.cli.words.giving import free, give
from selfsup.options import Range


def evaluate(
    files: tuple[str, ...],
    *,
    analogies: str | tuple[str, ...] = (),
    similarity: str | tuple[str, ...] = (),
    method: Literal["add", "mul"] = "add",
    restrict: Annotated[int, Range(1)] | None = 30_000,
    fold_case: bool = True,
    sections: bool = False,
    common: bool = False,
    json: bool = False,
    out: str | None = None,
    overwrite: bool = False,
) -> None:
    """Measure word vectors by analogies and people's judgement of similarity, several of them side by side.

    Parameters
    ----------
    files
        Word vectors: files in any format, or runs. What is measured is not kept with a run: `selfsup evaluate RUN` does that.
    analogies
        Files of questions, four words a line, in sections that begin with ':'.
    similarity
        Files of two words and people's judgement a line.
    method
        Of analogies: add (3CosAdd) or mul (3CosMul).
    restrict
        Ask and answer analogies with the most frequent words only.
    fold_case
        Take upper and lower case as one.
    sections
        Show every section of the analogies.
    common
        Ask only what all the vectors know, among the words that all have: what can be compared.
    json
        Write JSON to standard output.
    out
        File to write the scores to: .csv, .json or .parquet.
    """
    from selfsup.measures.words.files import listed
    from selfsup.measures.words.side import names_of, scores, side_by_side
    from selfsup.words.vectors import WordVectors

    asked = {"analogies": listed(analogies), "similarity": listed(similarity)}
    if not any(asked.values()):
        raise UsageError("--analogies or --similarity is missing; see `selfsup words evaluate --help`")
    place, paths = free(out, overwrite), listed(files)
    shared = _shared(paths) if common else None
    rows: list[dict[str, Any]] = []
    for name, path in zip(names_of(paths), paths, strict=True):
        vectors = WordVectors.load(path, among=shared)
        rows += [
            {"vectors": name, **row}
            for row in scores(vectors, **asked, method=method, restrict=restrict, fold_case=fold_case)
        ]
    give(side_by_side(rows, sections=sections), rows, place, as_json=json)


def _shared(paths: Sequence[str | Path]) -> list[str]:
    """Words that all the files have."""
    from selfsup.errors import DataError
    from selfsup.words.vectors import WordVectors

    words = [WordVectors.load(path).words for path in paths]
    shared = set(words[0]).intersection(*words[1:])
    if not shared:
        raise DataError("there is no word that all of these vectors have")
    return [word for word in words[0] if word in shared]

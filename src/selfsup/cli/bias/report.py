"""The verb report."""

from __future__ import annotations

from typing import Annotated, Any

from selfsup.cli.bias.debias import Method
from selfsup.cli.bias.opening import attribute_of, check_files
from selfsup.cli.common import free_file
from selfsup.cli.parser import say
from selfsup.options import Range


def report(
    vectors: str,
    *,
    out: str = "bias.html",
    attribute: str = "gender",
    pairs: tuple[str, ...] = (),
    method: Method = "hard",
    words: str = "occupations",
    weat: tuple[str, ...] = (),
    analogies: str | tuple[str, ...] = (),
    similarity: str | tuple[str, ...] = (),
    ratings: str | None = None,
    column: str | None = None,
    allow_missing: bool = False,
    seed: Annotated[int, Range(0, 2**32 - 1)] = 0,
    overwrite: bool = False,
) -> None:
    """Write a page of caution: the direction, extremes, measures, what a method removes, leaves and costs; it opens offline.

    Parameters
    ----------
    vectors
        Word vectors: a file in any format, or a run.
    out
        File to write, .html.
    attribute
        What it is about: gender, religion, or a JSON file of pairs, or classes, of words.
    pairs
        Instead of it pairs of words: she:he,woman:man.
    method
        Which method to show before and after.
    words
        Which words to look at: occupations, or a file of words (.json, or one a line).
    weat
        Tests of association: names such as career_family, or JSON files; by default all that are bundled.
    analogies
        Files of questions, four words a line: what it cost.
    similarity
        Files of two words and people's judgement a line: what it cost.
    ratings
        A file of words and a number each, such as a share in a census, which projections are correlated with.
    column
        Of the ratings, where the file has several.
    allow_missing
        Measure all the same with sets of which more than a fifth of the words are missing.
    seed
        Of all that is drawn.
    overwrite
        Replace the page if it exists.
    """
    from selfsup.bias.reporting import report as write

    file, about = free_file(out, overwrite), attribute_of(attribute, pairs)
    check_files(analogies, similarity)
    more: dict[str, Any] = {"ratings": ratings, "column": column, "analogies": analogies, "similarity": similarity}
    more["allow_missing"] = allow_missing
    write(vectors, file, about, reducer=method, words=words, weat=weat or None, seed=seed, **more)
    say(f"the page is in {file}")

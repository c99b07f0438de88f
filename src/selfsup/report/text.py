"""What the report of word vectors shows: neighbours beside those that counting gives, scores, a map, health."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from markupsafe import Markup

from selfsup.report import wordmap
from selfsup.report.health import Fact
from selfsup.report.say import mapping, number, percent, plain, records, short, word

# name in evaluation.json -> title, whether it is a share, and what it says and what is normal
HEALTH = {
    "gap": (
        "Shuffle gap",
        False,
        "Loss with the vectors swapped between words, minus the loss. About 0: a word's vector says nothing of its own "
        "neighbourhood, however small the loss.",
    ),
    "rank": (
        "Effective rank",
        False,
        "How many directions the vectors really use. Normal is more than half of the width.",
    ),
    "alike": (
        "Mean cosine of two random words",
        False,
        "What a cosine is worth here: neighbours must be well above it. Normal is below 0.5; near 1 all vectors point one "
        "way, which few epochs and little text do.",
    ),
    "first": (
        "Variance in the widest direction",
        True,
        "Normal is about 10 to 30 % at 100 dimensions; much more means that one direction drowns the others.",
    ),
    "frequency": (
        "Widest direction and frequency",
        False,
        "Correlation of the first principal component with the logarithm of the counts. Normal is up to about 0.8; beyond, "
        "vectors mostly say how frequent a word is.",
    ),
    "short": (
        "Vectors that hardly moved",
        True,
        "Shorter than a tenth of the median. Normal is about 0: the neighbours of such words are chance.",
    ),
    "unseen": ("Words never learnt from", True, "They stand only in the text that was held out. Normal is about 0."),
}
MOST_ROWS, MOST_NEAR, MOST_SCORES = 100, 20, 20
FEWEST = 30  # covered questions of a part that is shown by itself: a share of fewer says nothing


@dataclass(frozen=True)
class Near:
    """One neighbour."""

    word: str
    cosine: str
    both: bool  # the other list has it too


@dataclass(frozen=True)
class Asked:
    """A word and its neighbours, the learnt ones and those of the counts."""

    word: str
    count: str
    model: list[Near]
    counts: list[Near]


@dataclass(frozen=True)
class Score:
    """What was measured on one file."""

    title: str
    value: str
    covered: str
    file: str


@dataclass(frozen=True)
class Text:
    """The parts of a report that only word vectors have; what is missing is empty."""

    rows: list[Asked]
    shared: str
    counted: str
    scores: list[Score]
    map: Markup | None
    health: list[Fact]


def is_text(config: Mapping[str, Any]) -> bool:
    """Whether a run learnt from text."""
    return mapping(config.get("intake")).get("kind") == "text"


def vocabulary(config: Mapping[str, Any]) -> str:
    """Words that have a vector, and numbers in it."""
    shape, width = mapping(config.get("intake")).get("shape"), number(config.get("width"))
    size = number(shape[0]) if isinstance(shape, list) and shape else None
    return f"{short(size)} words" + (f", vectors of {short(width)} numbers" if width is not None else "")


def parts(evaluation: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> Text:
    """Read what the run folder holds, trusting no type and no string in it."""
    found = mapping(evaluation.get("neighbours"))
    names = _words(evaluation.get("map_words"))
    drawn = wordmap.draw(arrays["map"], names) if "map" in arrays and names else None
    shared, k = number(found.get("shared")), number(found.get("k"))
    return Text(
        rows=neighbours(found),
        shared=f"{shared:.1f} of {short(k)}" if shared is not None and k else "",
        counted=_counted(mapping(found.get("counted"))),
        scores=scores(evaluation.get("scores")),
        map=drawn,
        health=health(mapping(evaluation.get("health"))),
    )


def neighbours(found: Mapping[str, Any]) -> list[Asked]:
    """Rows of the table of neighbours."""
    rows = []
    for row in records(found.get("rows"))[:MOST_ROWS]:
        own, other = _pairs(row.get("model")), _pairs(row.get("counts"))
        if isinstance(row.get("word"), str) and own:
            count = number(row.get("count"))
            rows.append(
                Asked(
                    word(row["word"]), short(count) if count is not None else "", _near(own, other), _near(other, own)
                )
            )
    return rows


def scores(value: Any) -> list[Score]:
    """Every file that the vectors were measured on."""
    found = []
    for file, row in _files(mapping(value).get("analogies")):
        for part in ("total", "semantic", "syntactic"):
            section = mapping(row.get(part))
            few = part != "total" and (number(section.get("covered")) or 0) < FEWEST
            if number(section.get("accuracy")) is not None and not few:
                title = f"Analogies, {part}" if part != "total" else "Analogies"
                found.append(Score(title, f"{percent(section['accuracy'])} % right", _covered(section), file))
    for file, row in _files(mapping(value).get("similarity")):
        known = number(row.get("spearman"))
        shown = "no correlation" if known is None else f"Spearman {known:.3f}"
        found.append(Score("Similarity", shown, _covered(row), file))
    return found[: 3 * MOST_SCORES]


def health(found: Mapping[str, Any]) -> list[Fact]:
    """The known numbers of the space, in the order of `HEALTH`."""
    facts = []
    for key, (title, share, meaning) in HEALTH.items():
        value = number(found.get(key))
        if value is None:
            continue
        shown = f"{percent(value)} %" if share else short(round(value, 4))
        if key == "rank" and number(found.get("width")) is not None:
            shown = f"{shown} of {short(found['width'])}"
        facts.append(Fact(title, shown, meaning))
    return facts


def _counted(found: Mapping[str, Any]) -> str:
    """What was counted for the baseline, as words."""
    ids, rows, contexts, window = (number(found.get(key)) for key in ("ids", "words", "contexts", "window"))
    if ids is None or rows is None or contexts is None or window is None:
        return ""
    return (
        f"{short(ids)} words of the text, a window of {short(window)}, the {short(rows)} most frequent words with the "
        f"{short(contexts)} most frequent around them"
    )


def _files(value: Any) -> list[tuple[str, dict[str, Any]]]:
    return [(plain(name)[:100], mapping(row)) for name, row in mapping(value).items()][:MOST_SCORES]


def _covered(row: Mapping[str, Any]) -> str:
    return f"{short(row.get('covered'))} of {short(row.get('asked'))}"


def _words(value: Any) -> list[str]:
    """The words of a JSON list; none if anything else is in it."""
    return value if isinstance(value, list) and all(isinstance(item, str) for item in value) else []


def _pairs(value: Any) -> list[tuple[str, float]]:
    """Neighbours and their cosines, of a JSON list of pairs."""
    pairs = [item for item in value if isinstance(item, list) and len(item) == 2] if isinstance(value, list) else []
    return [(name, known) for name, cosine in pairs if isinstance(name, str) and (known := number(cosine)) is not None][
        :MOST_NEAR
    ]


def _near(pairs: list[tuple[str, float]], others: list[tuple[str, float]]) -> list[Near]:
    names = {name for name, _ in others}
    return [Near(word(name), f"{cosine:.2f}", name in names) for name, cosine in pairs]

"""The tables of bias as parts of a page: facts, pictures, numbers side by side, and one sentence on how each is read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from markupsafe import Markup

from selfsup.measures.words.bias.score import shown
from selfsup.report.say import TURNING, number, short, word

Row = dict[str, Any]
MOST, NAMED, WORDS, LONG = (
    60,
    400,
    400,
    8_000,
)  # rows of a table, names in a list, letters of a sentence and of all names
LARGE, ROUNDING = 1e4, 1e-6  # a number that is written short, and what a cosine may exceed 1 by
SHARED = 20  # pairs of generated analogies that are shown
READ = {
    "direction": "Differences of the pairs share some direction always, and those of random words too: only what lies above them "
    "is of what the pairs have in common. Where leaving out one pair changes much, the direction is of that pair.",
    "extremes": "Shown is the cosine of a word with the direction: 0 is neither side, 1 would be the direction itself. It says "
    "in what company words stood in the text that was learnt from, not why, and nothing of a person who does the work.",
    "measures": "Each measure asks another question, and they may disagree. Beside a value stand, in brackets, the 95 % interval "
    "over the words, what chance gives (random words, or a random direction) and the value of no bias. What counts is how far a "
    "value lies from chance, more than how far from 0.",
    "residual": "A probe learns from some words on which side they lay before, and is asked of others; k-means is not even told "
    "that there are sides. At the value of shuffled labels nothing is left to find. What lies above it is still in the vectors, "
    "whatever the measures say.",
    "cost": "The same questions before and after. A difference smaller than the standard error (±) of either is no difference.",
    "analogies": "Analogies illustrate; they measure nothing accurately. By convention the words of a question may not be its "
    "answer, which makes any answer look like an opinion: where they may, the arithmetic mostly answers with the word that was "
    "asked (Nissim, van Noord and van der Goot, 2020).",
}

# of the answers, where the words of the question may not be among them and where they may
RANKS = {"restricted_rank": "the words of the question may not answer", "unrestricted_rank": "all words may answer"}
ANSWERS = ("x", "y", "cosine", "restricted answer", "rank of y", "unrestricted answer", "rank of y")


Cell = str | tuple[str, str]  # a text, or one with a smaller one below it


class Grid(NamedTuple):
    """Rows of short texts under a heading."""

    title: str
    head: Sequence[str]
    rows: Sequence[Sequence[Cell]]


class Prose(NamedTuple):
    """Terms, each with sentences or words of a list."""

    title: str
    terms: Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Part:
    """What page and card show of one table.

    Attributes
    ----------
    title, hint
        Over it, and how it is read.
    facts
        Title, value and note of single numbers.
    picture
        Inline SVG.
    told
        What the picture shows, as sentences: for the card.
    grids, folded
        Tables, and those that are opened by hand.
    said
        Sentences below.
    caution
        Whether the fixed sentence stands below it.
    """

    title: str
    hint: str
    facts: Sequence[tuple[str, str, str]] = ()
    picture: Markup | str = ""
    told: Sequence[str] = ()
    grids: Sequence[Grid] = ()
    folded: Sequence[Grid | Prose] = ()
    said: Sequence[str] = ()
    caution: bool = False


def measures(rows: Sequence[Row]) -> Part | None:
    """The measures, before and after side by side, with interval, chance and the value of no bias."""
    stages = list(dict.fromkeys(text(row.get("stage", "before")) for row in rows))[:4]
    found: dict[tuple[str, str], dict[str, Row]] = {}
    for row in rows:
        key = (text(row.get("measure")), text(row.get("of")))
        found.setdefault(key, {})[text(row.get("stage", "before"))] = row
    if not found:
        return None
    lines, withheld = [], []
    missing: dict[str, list[str]] = {}  # words, and the measures that miss them
    for (measure, of), by_stage in list(found.items())[:MOST]:
        first = next(iter(by_stage.values()))
        title = titled(measure, of)
        cells = [_value(by_stage.get(stage)) for stage in stages]
        if all(number(row.get("value")) is None for row in by_stage.values()):
            withheld.append((title, _note(first)))
        else:
            chance, none = num(first.get("chance")), num(first.get("none"))
            lines.append((title, *cells, chance, none, _ps(list(by_stage.values())), _of(first)))
        if listed(first.get("missing")):
            missing.setdefault(names(first.get("missing")), []).append(title)
    head = ("measure", *(stage if len(stages) > 1 else "value" for stage in stages), "chance", "no bias", "p", "words")
    said = [
        f"Not measured, as too many of their words are not in these vectors: {'; '.join(one for one, _ in withheld)}."
    ]
    folded = [
        Prose("What each rests on", _notes(found)),
        Prose("Words that are not in these vectors", [("; ".join(of), words) for words, of in missing.items()]),
        Prose("Why some were not measured", withheld),
    ]
    return Part(
        "Measures",
        READ["measures"],
        grids=[Grid("Measures", head, lines)] if lines else [],
        said=said if withheld else [],
        folded=[one for one in folded if one.terms],
        caution=True,
    )


def _value(row: Row | None) -> Cell:
    """A value, and below it its interval."""
    if row is None or number(row.get("value")) is None:
        return "–" if row is None else "withheld"
    low, high = number(row.get("low")), number(row.get("high"))
    return num(row["value"]) if low is None or high is None else (num(row["value"]), f"[{num(low)}, {num(high)}]")


def _ps(rows: Sequence[Row]) -> Cell:
    """The p of the first stage, and below it that of the last."""
    first, last = (number(row.get("p")) for row in (rows[0], rows[-1]))
    if first is None or len(rows) == 1:
        return "–" if first is None else f"{first:.2g}"
    return f"{first:.2g}", "–" if last is None else f"then {last:.2g}"


def _of(row: Row) -> str:
    """How many words were found of those asked."""
    return f"{short(row.get('words'))} of {short(row.get('asked'))}" if number(row.get("asked")) else "–"


def _notes(found: Mapping[tuple[str, str], Mapping[str, Row]]) -> list[tuple[str, str]]:
    """What each measure says of itself, once."""
    notes: dict[str, str] = {}
    for (measure, _), by_stage in found.items():
        for row in by_stage.values():
            if number(row.get("value")) is not None and _note(row):
                notes.setdefault(measure, _note(row))
    return list(notes.items())


def _note(row: Row) -> str:
    return text(row.get("note"))


def residual(rows: Sequence[Row]) -> Part | None:
    """What is left, beside shuffled labels."""
    lines = [
        (
            titled(row.get("probe"), row.get("of")),
            num(row.get("before")),
            _value({"value": row.get("after"), "low": row.get("low"), "high": row.get("high")}),
            num(row.get("chance")),
            short(row.get("words")),
        )
        for row in rows[:MOST]
    ]
    if not lines:
        return None
    head = ("what tells the sides apart", "before", "after", "shuffled labels", "words")
    notes = [(line[0], _note(row)) for line, row in zip(lines, rows, strict=False) if _note(row)]
    return Part(
        "What is left",
        READ["residual"],
        grids=[Grid("What is left", head, lines)],
        folded=[Prose("How each was asked", notes)] if notes else [],
    )


def cost(rows: Sequence[Row]) -> Part | None:
    """What it cost: quality before and after, and the words that moved most."""
    lines = [
        (
            titled(row.get("measure"), row.get("of")),
            _error(row, "before"),
            _error(row, "after"),
            f"{short(row.get('covered'))} of {short(row.get('asked'))}",
        )
        for row in rows[:MOST]
        if not row.get("words")
    ]
    moved = [pair for row in rows for pair in _pairs(row.get("words"))]
    if not lines and not moved:
        return None
    said = [
        f"Moved most (cosine with itself before): {', '.join(f'{one} {cosine:.2f}' for one, cosine in moved[:20])}."
    ]
    return Part(
        "What it cost",
        READ["cost"],
        grids=[Grid("What it cost", ("what", "before", "after", "covered"), lines)] if lines else [],
        said=said if moved else [],
    )


def _error(row: Row, side: str) -> str:
    value, error = number(row.get(side)), number(row.get(f"{side}_error"))
    if value is None or abs(value) >= LARGE:
        return num(value)
    return f"{value:.3f}" + (f" ± {error:.3f}" if error and error < LARGE else "")


def _pairs(value: Any) -> list[tuple[str, float]]:
    """Words and their cosines."""
    pairs = [one for one in value if isinstance(one, list) and len(one) == 2] if isinstance(value, list) else []
    known = [(word(one), fraction(cosine)) for one, cosine in pairs if isinstance(one, str)]
    return [(one, cosine) for one, cosine in known if cosine is not None]


def analogies(rows: Sequence[Row]) -> Part | None:
    """Pairs that the direction generates, and what the arithmetic answers where query words may and may not be answers."""
    known = [row for row in rows if isinstance(row.get("x"), str) and isinstance(row.get("y"), str)]
    if not known:
        return None
    stages = list(dict.fromkeys(text(row.get("stage", "before")) for row in known))[:4]
    grids, facts, said = [], [], []
    for stage in stages:
        some = [row for row in known if text(row.get("stage", "before")) == stage]
        when = f" ({stage})" if len(stages) > 1 else ""
        title = f"{name(some[0].get('a'))} is to {name(some[0].get('b'))} as x is to y{when}"
        others = [row for row in some if row.get("specific") is not True]
        grids.append(Grid(title, ANSWERS, [_analogy(row) for row in (others or some)[:SHARED]]))
        if own := len(some) - len(others):
            tail = ", and are not listed" if others else ""
            said.append(f"{own} of {len(some)} pairs{when} have a word whose meaning has the attribute{tail}.")
        for key, who in RANKS.items():
            first = sum(row.get(key) == 1 for row in some)
            facts.append((f"y is the first answer{when}", f"{first} of {len(some)}", who))
    return Part(
        "Analogies, restricted and unrestricted", READ["analogies"], facts, grids=grids[:1], folded=grids[1:], said=said
    )


def _analogy(row: Row) -> tuple[str, ...]:
    mark = " (by definition)" if row.get("specific") is True else ""
    return (
        name(row.get("x")) + mark,
        name(row.get("y")),
        num(row.get("score")),
        name(row.get("restricted")),
        short(row["restricted_rank"]) if number(row.get("restricted_rank")) is not None else "–",
        name(row.get("unrestricted")),
        short(row["unrestricted_rank"]) if number(row.get("unrestricted_rank")) is not None else "–",
    )


def num(value: Any) -> str:
    """A number of a measure, or a dash."""
    known = number(value)
    return "–" if known is None else shown(known) if abs(known) < LARGE else short(known)


def fraction(value: Any) -> float | None:
    """A cosine, or a share: nothing beyond 1."""
    known = number(value)
    return known if known is not None and abs(known) <= 1 + ROUNDING else None


def signed(value: Any) -> str:
    """A projection with its sign."""
    known = fraction(value)
    return "–" if known is None else f"{known:+.3f}"


def text(value: Any) -> str:
    """A sentence or a name of a table's own as it can stand on a page; nothing of what is no text."""
    return TURNING.sub("\ufffd", value[:WORDS]) if isinstance(value, str) else ""


def titled(what: Any, of: Any) -> str:
    """What a row is of: "WEAT: math / arts"."""
    return ": ".join(part for part in (text(what), text(of)) if part) or "–"


def name(value: Any) -> str:
    """A word as it can stand on a page; a dash for what is none."""
    return word(value) if isinstance(value, str) and value else "–"


def listed(value: Any) -> list[str]:
    """The texts in a list."""
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []


def names(value: Any) -> str:
    """Words of a list, or of a text, so many that they can be read."""
    if isinstance(value, str):
        shown = TURNING.sub("\ufffd", value)
        return shown if len(shown) <= LONG else shown[:LONG].rpartition(", ")[0] + ", …"
    words = listed(value)
    more = f" and {len(words) - NAMED} more" if len(words) > NAMED else ""
    return ", ".join(map(word, words[:NAMED])) + more

"""What was looked at, the direction of an attribute and the words farthest along it, as parts of a page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from selfsup.report import say
from selfsup.report.say import number, percent, short, word
from selfsup.report.sections import extremes as picture
from selfsup.report.sections.biastables import (
    MOST,
    READ,
    Grid,
    Part,
    Prose,
    Row,
    fraction,
    listed,
    name,
    names,
    signed,
    text,
)
from selfsup.report.sections.extremes import Bar

FEW = 12  # lists of words
SIDES = {1: "positive", -1: "negative"}
PICTURE = """
<ul class="legend"><li><span class="swatch c0"></span> toward {{ ends[0] }}</li>\
{% if ends[1:] %}<li><span class="swatch c1"></span> toward {{ ends[1] }}</li>{% endif %}
{% if after %}<li><span class="swatch thin"></span> the same word after {{ reducer }}</li>{% endif %}</ul>
<div class="pair">{% for end, drawn in sides %}<figure class="chart"><figcaption>Farthest toward {{ end }}</figcaption>\
{{ drawn }}</figure>{% endfor %}</div>"""


def attribute(tables: Mapping[str, Sequence[Row]]) -> str:
    """What it is about, such as gender."""
    known = [row.get("attribute") for row in tables["bias_direction"]]
    return next((word(one) for one in known if isinstance(one, str) and one), "an attribute")


def scope(tables: Mapping[str, Sequence[Row]]) -> str:
    """Which pairs, which words, how many found, of what kind, in which vectors: one line that every page begins with."""
    way = next(iter(tables["bias_direction"]), {})
    told = next((row for row in tables["bias_extremes"] if number(row.get("asked")) is not None), {})
    vectors = next((row for row in tables["bias_scope"] if row.get("what") == "vectors"), {})
    said = []
    if way:
        pairs = ["–".join(map(word, listed(pair))) for pair in _lists(way.get("pairs"))][:MOST]
        said.append(
            f"From {name(way.get('away'))} to {name(way.get('toward'))}, by {len(pairs)} of {short(way.get('asked'))} pairs of "
            f"words ({', '.join(pairs)}); {_kind(way)}."
        )
    if told:
        left_out = listed(told.get("left_out"))
        but = f", {len(left_out)} left out as their meaning has it" if left_out else ""
        said.append(f"{short(told.get('found'))} of {short(told.get('asked'))} {name(told.get('list'))} compared{but}.")
    if number(way.get("words")) is not None:
        of = f"{name(vectors.get('name'))}: " if vectors.get("name") else ""
        said.append(f"{of}{short(way.get('words'))} words, vectors of {short(way.get('dim'))} numbers.")
    return " ".join(said)


def _kind(way: Row) -> str:
    """Of what kind the attribute is: two sides, and the language of its words."""
    language = text(way.get("language"))[:80].rstrip(".")
    return f"binary, {language}" if language else "binary: two sides, no more"


def reducer(rows: Sequence[Row]) -> str:
    """What was done to the vectors, such as hard."""
    return next((name(row.get("name")) for row in rows if row.get("what") == "reducer"), "")


def lists(tables: Mapping[str, Sequence[Row]]) -> list[Prose]:
    """The words that were found and those that are missing, by name."""
    terms = []
    for row in tables["bias_scope"][:FEW]:
        counted = (
            f"{short(row.get('found'))} of {short(row.get('asked'))}" if number(row.get("asked")) is not None else ""
        )
        called = ": ".join(part for part in (text(row.get("what")), text(row.get("name"))) if part)
        title = f"{called[:80]}, {counted}" if counted else called[:80]
        told = {"Missing": row.get("missing"), "Found": row.get("words"), "": row.get("note")}
        said = [f"{key}: {names(words)}." if key else names(words) for key, words in told.items() if words]
        terms.append((title, " ".join(said) or "none missing"))
    if not terms:
        way, first = next(iter(tables["bias_direction"]), {}), next(iter(tables["bias_extremes"]), {})
        asked = (("pairs", way.get("missing")), (name(first.get("list")), first.get("missing")))
        terms = [(what, f"Missing: {names(lost)}.") for what, lost in asked if listed(lost)]
    return [Prose("Which words were found, and which are missing", terms)] if terms else []


def direction(rows: Sequence[Row]) -> Part | None:
    """The share of the first component beside that of random pairs, and what it is without each of the pairs."""
    way = next(iter(rows), {})
    share = fraction(way.get("share"))
    if share is None:
        return None
    without = [
        (f"{word(one[0])}–{word(one[1])}", fraction(one[2]), fraction(one[3]))
        for one in _lists(way.get("without"))[:MOST]
        if len(one) == 4 and isinstance(one[0], str) and isinstance(one[1], str)
    ]
    shares = [value for _, value, _ in without if value is not None]
    cosines = [value for _, _, value in without if value is not None]
    facts = [(f"Share of the pairs along the direction ({name(way.get('method'))})", f"{percent(share)} %", "")]
    if fraction(way.get("chance")) is not None:
        p = f"; p {way['p']:.2g}" if fraction(way.get("p")) is not None else ""
        between = f"95 % of draws {percent(fraction(way.get('low')))} to {percent(fraction(way.get('high')))} %{p}"
        facts.append(("Of as many pairs of random words", f"{percent(way['chance'])} %", between))
    if shares:
        least = f"the direction's cosine with the whole is {min(cosines):.2f} or more" if cosines else ""
        facts.append(("With one of the pairs left out", f"{percent(min(shares))} to {percent(max(shares))} %", least))
    components = [percent(value) for value in _numbers_of(way.get("shares"))]
    cells = [
        (pair, f"{percent(value)} %", "–" if cosine is None else f"{cosine:.3f}") for pair, value, cosine in without
    ]
    return Part(
        "How much of the pairs is one direction",
        READ["direction"],
        facts=facts,
        said=[f"Shares of the components, in %: {', '.join(components)}."] if len(components) > 1 else [],
        folded=[Grid("Without each of the pairs", ("without", "share", "cosine"), cells)] if cells else [],
    )


def _lists(value: object) -> list[list[Any]]:
    return [one for one in value if isinstance(one, list)] if isinstance(value, list) else []


def _numbers_of(value: object) -> list[float]:
    return [one for one in map(fraction, value) if one is not None] if isinstance(value, list) else []


def extremes(rows: Sequence[Row], reducer: str = "") -> Part | None:
    """The words farthest to either side, drawn, with where the same words lie after."""
    known = [row for row in rows if isinstance(row.get("word"), str) and fraction(row.get("projection")) is not None]
    sides = {sign: [row for row in known if _before(row) and _sign(row) == sign][:MOST] for sign in SIDES}
    found = {sign: some for sign, some in sides.items() if some}
    if not found:
        return None
    bars = {
        sign: [Bar(row["word"], sign * row["projection"], _toward(row.get("after"), sign)) for row in some]
        for sign, some in found.items()
    }
    every = [bar for some in bars.values() for bar in some]
    most = max(max(bar.before, bar.after or 0.0) for bar in every)
    ends = {sign: name(some[0].get("side")) for sign, some in found.items()}
    after = any(bar.after is not None for bar in every)
    made = [(ends[sign], picture.draw(some, SIDES[sign], ends[sign], most)) for sign, some in bars.items()]
    drawn = say.html(PICTURE, ends=list(ends.values()), sides=made, after=after, reducer=reducer or "it was reduced")
    told = [picture.told(some, ends[sign]) + "." for sign, some in bars.items()]
    return Part(
        "The words that lie farthest along it",
        READ["extremes"],
        picture=drawn,
        told=told,
        said=_afterwards(known),
        folded=[_numbers(known, after)],
    )


def _afterwards(rows: Sequence[Row]) -> list[str]:
    """The words that are the most extreme after something was reduced."""
    later = [row for row in rows if not _before(row)]
    most = max((abs(row["projection"]) for row in later), default=0.0)
    if later and most < 0.005:
        return [f"Afterwards no word of the list lies farther than {most:.1g} to either side of this direction."]
    said = []
    for sign in SIDES:
        some = [row for row in later if _sign(row) == sign]
        if some:
            words = ", ".join(f"{word(row['word'])} {sign * row['projection']:.2f}" for row in some[:5])
            said.append(f"Farthest toward {name(some[0].get('side'))} afterwards: {words}.")
    return said


def _numbers(rows: Sequence[Row], after: bool) -> Grid:
    """The projections as they are, with their sign."""
    cells = [
        (word(row["word"]), name(row.get("side")), signed(row["projection"]), signed(row.get("after")))
        for row in rows
        if _before(row)
    ]
    head = ("word", "side", "projection", "after")
    return Grid("The same as numbers", head[: 3 + after], [line[: 3 + after] for line in cells[: 2 * MOST]])


def _before(row: Row) -> bool:
    return bool(row.get("stage", "before") == "before")


def _sign(row: Row) -> int:
    sign = number(row.get("sign"))
    return 1 if (sign if sign is not None else row["projection"]) >= 0 else -1


def _toward(value: Any, sign: int) -> float | None:
    known = fraction(value)
    return None if known is None else sign * known

"""What was looked at, and an attribute's direction: the pairs it is from, how much it explains, and what random pairs explain."""

from __future__ import annotations

import textwrap

from selfsup.errors import DataError
from selfsup.measures.table import WIDTH, Look, Row, Table
from selfsup.measures.words.bias.score import shown
from selfsup.words.bias.direction import Direction
from selfsup.words.bias.given import named

SHARES = 5  # components whose shares are kept
COLUMNS = (
    "attribute", "toward", "away", "method", "pairs", "asked", "missing", "share", "shares", "chance", "low", "high", "p",
    "without", "language", "source", "words", "dim",
)  # fmt: skip


def direction_table(direction: Direction, seed: int = 0) -> Table:
    """The direction as a table of one row: pairs, share, that of random pairs (chance, low, high, p), that without one pair.

    Parameters
    ----------
    direction
        Of an attribute.
    seed
        Of the random pairs.
    """
    about = direction.about
    try:
        null = direction.null(seed=seed)
    except DataError:  # of too few words for as many pairs
        null = None
    row: Row = {
        "attribute": direction.attribute,
        "toward": direction.ends[0],
        "away": direction.ends[1],
        "method": direction.method,
        "pairs": [list(pair) for pair in direction.pairs],
        "asked": len({frozenset(pair) for pair in about.pairs}),
        "missing": list(direction.missing),
        "share": direction.share,
        "shares": [float(share) for share in direction.shares[:SHARES]],
        "chance": null and null.mean,
        "low": null and null.low,
        "high": null and null.high,
        "p": null and null.p,
        "without": [[*one["pair"], one["share"], one["cosine"]] for one in direction.leave_one_out()],
        "language": about.language,
        "source": about.source,
        "words": len(direction.vectors),
        "dim": direction.vectors.dim,
    }
    return Table.of("bias_direction", [row])


def lines(table: Table) -> list[str]:
    """What was looked at, the direction's share beside that of random pairs, and the range of it without one pair."""
    made: list[str] = []
    for row in table.rows:
        pairs = ", ".join(" - ".join(pair) for pair in row["pairs"])
        lost = f"; not in the vectors: {named(row['missing'])}".replace("'", "") if row["missing"] else ""
        found = f"{len(row['pairs'])} of {row['asked']} pairs found ({pairs}){lost}"
        language = "binary" + (f", {row['language']}" if row["language"] else "")
        said = [
            f"{row['attribute']} ({language}), from {row['away']} to {row['toward']}: {found}. "
            f"{row['words']:,} words of {row['dim']} values.",
            f"Share of the pairs' variance along it {shown(row['share'])}; {_random(row)}.",
        ]
        if row["without"]:
            shares, cosines = zip(*(one[2:] for one in row["without"]), strict=True)
            said.append(
                f"Without one of the pairs the share is {shown(min(shares))} to {shown(max(shares))}, and the direction has a "
                f"cosine of {shown(min(cosines))} at least with this one."
            )
        made += [line for text in said for line in textwrap.wrap(text, WIDTH)]
    return made


def _random(row: Row) -> str:
    """What as many pairs of random words give."""
    if row["chance"] is None:
        return "there are too few words for as many pairs of random ones"
    between = f"95 % of them {shown(row['low'])} to {shown(row['high'])}"
    return f"of as many pairs of random words {shown(row['chance'])} ({between}), p {shown(row['p'])}"


LOOK = Look(
    "the direction",
    COLUMNS,
    note="Share: of the pairs' squared differences, along the direction. Chance: that of as many pairs of random words. "
    "Without: the share where one pair is left out, and the cosine with the direction of all.",
    lines=lines,
)


def looked_at(table: Table) -> list[str]:
    """What was looked at, a line each, with the names of what is missing."""
    made = []
    for row in table.rows:
        found = "" if row["asked"] is None else f"{row['found']:,} of {row['asked']:,}"
        told = ", ".join(part for part in (row["name"], found, row["note"]) if part)
        lost = f"; not in the vectors: {row['missing']}" if row["missing"] else ""
        made += textwrap.wrap(f"{row['what']}: {told}{lost}", WIDTH, subsequent_indent="    ")
    return made


SCOPE = Look(
    "what was looked at",
    ("what", "name", "asked", "found", "missing", "note"),
    note="Of vectors, pairs, words and tests: how many were asked for and found, and which are missing.",
    lines=looked_at,
)

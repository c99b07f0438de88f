"""The words farthest to either side of a direction as inline SVG: a bar each, and below it a thinner one of where it is now."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from markupsafe import Markup

from selfsup.report.say import word

WIDE, ROW, TOP = 340, 27, 4  # units of the drawing: on a narrow screen one is a pixel
LEFT, RIGHT = 132.0, 262.0  # where bars begin and where the longest ends: the word stands before, the number behind
THICK, THIN = 11, 5
LETTERS = 17  # of a word beside its bar; all of it is in its tip
HTML = Markup('<svg class="bars" viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>')
ONE = Markup(
    '<g><title>{}</title><text x="{:.0f}" y="{:.1f}" text-anchor="end">{}</text>'
    '<rect class="{}" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{}"/>{}'
    '<text class="value" x="{:.1f}" y="{:.1f}">{}</text></g>'
)
AFTER = Markup('<rect class="after" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{}"/>')
AXIS = Markup('<line class="zero" x1="{:.1f}" x2="{:.1f}" y1="0" y2="{}"/>')


class Bar(NamedTuple):
    """A word and how far it lies toward an end, before and, where something was reduced, after; less than 0 is the other side."""

    word: str
    before: float
    after: float | None = None

    @property
    def told(self) -> str:
        """The numbers as they stand behind the bar."""
        before = f"{self.before:.2f}"
        return before if self.after is None else f"{before} → {shown(self.after)}"


def shown(value: float) -> str:
    """A projection: two digits, and never -0.00."""
    return f"{value:.2f}" if abs(value) >= 0.005 else "0.00"


def draw(bars: Sequence[Bar], side: str, end: str, most: float) -> Markup:
    """Draw the words of one side.

    Parameters
    ----------
    bars
        The farthest first.
    side
        "positive" or "negative": its colour.
    end
        The word at this end of the direction.
    most
        Length that fills the drawing: the same for both sides, so that they can be compared.
    """
    least = min([0.0, *(bar.after for bar in bars if bar.after is not None)])
    unit = (RIGHT - LEFT) / ((most - least) or 1.0)
    zero = LEFT - least * unit
    drawn = []
    for place, bar in enumerate(bars):
        y, name, thin = TOP + place * ROW, word(bar.word), bar.after is not None
        short = name if len(name) <= LETTERS else name[: LETTERS - 1] + "…"
        begin, length = _reach(bar.before, zero, unit)
        after = AFTER.format(*_box(bar.after, zero, unit, y + THICK + 1)) if bar.after is not None else ""
        end_at = max(begin + length, zero, zero + (bar.after or 0.0) * unit)
        middle = y + (THICK + (1 + THIN if thin else 0)) / 2 + 4.5
        drawn.append(
            ONE.format(
                f"{name}: {bar.told}",
                LEFT - 7,
                middle,
                short,
                side,
                begin,
                y,
                length,
                THICK,
                after,
                end_at + 6,
                middle,
                bar.told,
            )
        )
    high = TOP + len(bars) * ROW
    return HTML.format(WIDE, high, told(bars, end), Markup("\n").join([AXIS.format(zero, zero, high), *drawn]))


def told(bars: Sequence[Bar], end: str) -> str:
    """The drawing in words, for those who cannot see it."""
    words = ", ".join(f"{word(bar.word)} {bar.told}" for bar in bars)
    return f"The {len(bars)} words farthest toward {word(end)}: {words}"


def _box(value: float, zero: float, unit: float, y: float) -> tuple[float, float, float, int]:
    begin, length = _reach(value, zero, unit)
    return begin, y, length, THIN


def _reach(value: float, zero: float, unit: float) -> tuple[float, float]:
    """Where a bar begins, and its length: one of 0 is a line that can be seen."""
    return zero + min(value, 0.0) * unit, max(abs(value) * unit, 1.5)

"""Parts of what a notebook shows of a model and its evidence: a little HTML that needs nothing else, with every string escaped.

No script, no style sheet and no colour of its own: what is drawn has the colour of the text around it, light or dark.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

ROWS = 40  # of a table; the rest is counted
CELL = "text-align:left"
GRID = 'cellpadding="4" style="border-collapse:collapse"'
LINE = "border-bottom:1px solid currentColor"


def block(*parts: str) -> str:
    """Parts one below the other; empty ones are left out."""
    return f'<div style="max-width:60em;line-height:1.4">{"".join(filter(None, parts))}</div>'


def verdict(kind: str, sentence: str) -> str:
    """The word and the sentence."""
    badge = "border:1px solid currentColor;border-radius:.3em;padding:0 .4em"
    return paragraph_of(f'<strong style="{badge}">{escape(kind)}</strong> {escape(sentence)}')


def paragraph(text: str) -> str:
    """A line of text, smaller."""
    return paragraph_of(f"<small>{escape(text)}</small>")


def paragraph_of(html: str) -> str:
    """A paragraph of what is HTML already."""
    return f'<p style="margin:.4em 0">{html}</p>'


def facts(pairs: Iterable[tuple[str, Any]]) -> str:
    """Names and values, one pair a line."""
    rows = "".join(
        f'<tr><th scope="row" style="{CELL};font-weight:normal;opacity:.7">{escape(name)}</th>'
        f'<td style="{CELL}">{escape(str(value))}</td></tr>'
        for name, value in pairs
    )
    return f"<table {GRID}>{rows}</table>"


def lines(title: str, said: Sequence[str], note: str = "") -> str:
    """Lines whose columns stand below one another, folded under the title."""
    return _folded(title, f'<pre style="margin:.3em 0;line-height:1.3">{escape(chr(10).join(said))}</pre>', "", note)


def table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]], note: str = "") -> str:
    """Cells under the names of their columns, folded under the title; of a long table the first rows."""
    head = "".join(f'<th scope="col" style="{CELL};{LINE}">{escape(column)}</th>' for column in columns)
    body = "".join(
        f"<tr>{''.join(f'<td style={chr(34)}{CELL}{chr(34)}>{escape(cell)}</td>' for cell in row)}</tr>"
        for row in rows[:ROWS]
    )
    more = paragraph(f"and {len(rows) - ROWS:,} more rows") if len(rows) > ROWS else ""
    return _folded(title, f"<table {GRID}><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>", more, note)


def _folded(title: str, shown: str, more: str, note: str) -> str:
    """What is HTML already under a title that opens and closes it, and what is said below it."""
    return (
        f'<details open style="margin:.6em 0"><summary><strong>{escape(title)}</strong></summary>'
        f'<div style="overflow-x:auto">{shown}</div>{more}{paragraph(note) if note else ""}</details>'
    )

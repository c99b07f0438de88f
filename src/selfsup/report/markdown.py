"""Text as Markdown shows it: nothing in a name can break the page it stands on."""

from __future__ import annotations

import re
from typing import Any

from selfsup.report import say as words


def md(value: Any) -> str:
    """Return text that Markdown shows as it is, on one line and in any table."""
    text = " ".join(words.plain(value).split())
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    # inside a word _ and - mark nothing, and file names stay readable
    return re.sub(r"([\\`*\[\]|#~$])|(?<!\w)(_)|(_)(?!\w)", lambda found: "\\" + found.group(), text)


def code(value: Any) -> str:
    """Return text as Markdown code, on one line and safe in a table: a longer fence than any run of ticks in it."""
    text = " ".join(words.plain(value).split()).replace("|", "\\|")
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * (longest + 1)
    return f"{fence} {text} {fence}" if longest else f"`{text or ' '}`"

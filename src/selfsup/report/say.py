"""Values of a run folder as words, as HTML and as Markdown: a report trusts no type and no string it finds there."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

from markupsafe import Markup

from selfsup.lazy import jinja2


def mapping(value: Any) -> dict[str, Any]:
    """Return the value if it is a JSON object, else an empty one."""
    return {str(key): item for key, item in value.items()} if isinstance(value, Mapping) else {}


def records(value: Any) -> list[dict[str, Any]]:
    """Return the objects in a JSON list."""
    return [mapping(item) for item in value if isinstance(item, Mapping)] if isinstance(value, list) else []


def number(value: Any) -> float | None:
    """Return a finite number, or None for anything else (a diverged loss is null or NaN)."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value) if math.isfinite(value) else None
    except OverflowError:  # an integer beyond every float
        return None


def short(value: Any) -> str:
    """Return a number in at most a few digits, whole numbers in full: 12,345 and 0.0123."""
    known = number(value)
    if known is None:
        return "not known"
    if known == round(known) and abs(known) < 1e15:
        return f"{round(known):,}"
    return f"{known:,.0f}" if 1000 <= abs(known) < 1e6 else f"{known:.3g}"


def percent(share: Any, digits: int = 1) -> str:
    """Return a share as a percentage without its sign."""
    known = number(share)
    return "–" if known is None else f"{100 * known:.{digits}f}"


def duration(seconds: Any) -> str:
    """Return seconds as people say them."""
    known = number(seconds)
    if known is None or known < 0:
        return "not known"
    if known < 60:
        return f"{known:.2g} s" if known < 10 else f"{known:.0f} s"
    minutes, rest = divmod(round(known), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:,} h {minutes} min" if hours else f"{minutes} min {rest} s"


def plain(value: Any) -> str:
    """Return any JSON value as one line of text."""
    if isinstance(value, str):
        return value
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.6g}"
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 400 else f"{text[:400]} …"


LONGEST = 60  # letters of a word of a text
# marks that turn the direction of all that follows, and control characters
TURNING = re.compile("[\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def word(text: str) -> str:
    """Return a word of a text as it can stand on a page: cut, and U+FFFD for what would disturb the words around."""
    shown = TURNING.sub("\ufffd", text)
    return shown if len(shown) <= LONGEST else shown[: LONGEST - 1] + "…"


def whole(text: str) -> str:
    """Return text that can be written as UTF-8: JSON may hold lone surrogates, which no file can."""
    return text.encode("utf-8", "replace").decode()


def kind(verdict: Mapping[str, Any]) -> str:
    """Return the kind of a verdict as words."""
    return plain(verdict.get("kind") or "not evaluated").replace("_", " ").replace("-", " ")


def sentence(verdict: Mapping[str, Any]) -> str:
    """Return the verdict's sentence, with a capital as it stands alone."""
    said = plain(verdict.get("sentence") or "this run has not been evaluated yet.")
    return said[:1].upper() + said[1:]


def tone(words: str) -> str:
    """Return which of the four tones a kind of verdict has; only the plain word "learning" is green."""
    low = words.lower()
    if "no better" in low or "pca" in low or "shortcut" in low or "no help" in low:
        return "warn"
    if "not learning" in low or "collaps" in low or low in ("leaky", "memorised") or "fail" in low or "diverge" in low:
        return "bad"
    return "good" if low.startswith(("learn", "helps", "better")) else "plain"


def summary(config: Mapping[str, Any]) -> str:
    """Return the method's name, and what it does where that was written down."""
    name = plain(config.get("method") or "unknown method")
    return f"{name}: {plain(config['summary'])}" if config.get("summary") else name


def notes(*sources: Any) -> list[str]:
    """Return the notes that evaluation and training left, each once."""
    found = [plain(note) for source in sources if isinstance(source, list) for note in source]
    return list(dict.fromkeys(found))


def size(form: Mapping[str, Any]) -> str:
    """Return the shape of one sample as words."""
    shape = form.get("shape")
    if not isinstance(shape, list) or not shape:
        return "samples of unknown shape"
    if len(shape) == 3:
        colour = {"1": "grey", "3": "colour"}.get(plain(shape[0]), f"{plain(shape[0])}-channel")
        return f"{colour} images of {plain(shape[1])} × {plain(shape[2])}"
    if "tokens" in form:  # how a text was cut
        return f"text of {short(shape[0])} different words"
    return f"vectors of {' × '.join(plain(side) for side in shape)} numbers"


def full(text: str) -> str:
    """Return a note as a sentence."""
    return f"{text[:1].upper()}{text[1:].rstrip('.')}."


@cache
def _template(text: str) -> jinja2.Template:
    """Return a template; whatever it is filled with is escaped unless it is marked as ours."""
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["full"] = full
    return environment.from_string(text)


def html(template: str, **values: Any) -> Markup:
    """Fill a template of ours."""
    return Markup(_template(template).render(**values))


def md(value: Any) -> str:
    """Return text that Markdown shows as it is, on one line and in any table."""
    text = " ".join(plain(value).split())
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    # inside a word _ and - mark nothing, and file names stay readable
    return re.sub(r"([\\`*\[\]|#~$])|(?<!\w)(_)|(_)(?!\w)", lambda found: "\\" + found.group(), text)


def code(value: Any) -> str:
    """Return text as Markdown code, on one line and safe in a table: a longer fence than any run of ticks in it."""
    text = " ".join(plain(value).split()).replace("|", "\\|")
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * (longest + 1)
    return f"{fence} {text} {fence}" if longest else f"`{text or ' '}`"


def grid(head: Iterable[str], rows: Iterable[Iterable[str]], left: int = 1) -> str:
    """Return a Markdown table of cells that are Markdown already, all but the first so many columns to the right."""
    titles = list(head)
    marks = "".join("---|" if place < left else "---:|" for place in range(len(titles)))
    return "\n".join([f"| {' | '.join(titles)} |", f"|{marks}", *(f"| {' | '.join(cells)} |" for cells in rows)])


def sight(config: Mapping[str, Any]) -> tuple[str, str]:
    """Return what the method saw and what was hidden from it."""
    return plain(config.get("sees") or "part of the sample"), plain(config.get("hides") or "the rest of the sample")

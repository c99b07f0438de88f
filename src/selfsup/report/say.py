"""Values of a run folder as words: a report trusts no type and no string it finds there."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from typing import Any

# what the built-in methods see and hide; "sees" and "hides" in config.json come first
SIGHT = {
    "linear": ("the whole sample", "nothing, but the code is smaller than the sample, so most of it has to be guessed"),
    "undercomplete": (
        "the whole sample",
        "nothing, but the code is smaller than the sample, so most of it has to be guessed",
    ),
    "sparse": ("the whole sample", "nothing, but only a few entries of the code may be active"),
    "variational": ("the whole sample, and noise on its code", "nothing, but the code is small and noisy"),
    "denoising": ("a corrupted sample", "the clean sample"),
    "rotation": ("the turned image", "which turn it was"),
    "position": ("two patches of an image", "where the second lies beside the first"),
    "skipgram": ("a word", "the words around it"),
    "cbow": ("the words around a word", "the word"),
    "colorization": ("the lightness of an image", "its colour"),
}


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
    if "no better" in low or "pca" in low or "shortcut" in low:
        return "warn"
    if "not learning" in low or "collaps" in low or "fail" in low or "diverge" in low:
        return "bad"
    return "good" if low.startswith("learn") else "plain"


def sight(config: Mapping[str, Any]) -> tuple[str, str]:
    """Return what the method saw and what was hidden from it."""
    name = plain(config.get("method"))
    sees, hides = SIGHT.get(name, ("part of the sample", "the rest of the sample"))
    return plain(config.get("sees") or sees), plain(config.get("hides") or hides)


def summary(config: Mapping[str, Any]) -> str:
    """Return the method's name, and what it does where that was written down."""
    name = plain(config.get("method") or "unknown method")
    return f"{name}: {plain(config['summary'])}" if config.get("summary") else name


def notes(*sources: Any) -> list[str]:
    """Return the notes that evaluation and training left, each once."""
    found = [plain(note) for source in sources if isinstance(source, list) for note in source]
    return list(dict.fromkeys(found))


def classes(config: Mapping[str, Any]) -> list[str]:
    """Return the class names of the training data, where it had any."""
    names = mapping(config.get("data")).get("classes")
    return [plain(name) for name in names] if isinstance(names, list) else []


def size(intake: Mapping[str, Any]) -> str:
    """Return the shape of one sample as words."""
    shape = intake.get("shape")
    if not isinstance(shape, list) or not shape:
        return "samples of unknown shape"
    if len(shape) == 3:
        colour = {1: "grey", 3: "colour"}.get(shape[0], f"{plain(shape[0])}-channel")
        return f"{colour} images of {plain(shape[1])} × {plain(shape[2])}"
    return f"vectors of {' × '.join(plain(side) for side in shape)} numbers"

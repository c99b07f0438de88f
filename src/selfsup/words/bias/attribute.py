"""An attribute along which vectors may be biased: pairs of words that differ in it, and words around them."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from selfsup.errors import DataError, OptionError
from selfsup.words.bias.given import listed, paired
from selfsup.words.bias.lists import ATTRIBUTES, chosen, only_keys

Pairs = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Attribute:
    """What differs between the words of a pair, such as gender between "she" and "he".

    Attributes
    ----------
    name
        Such as "gender".
    pairs
        Definitional pairs: words that differ in the attribute and, as far as words can, in nothing else.
    positive
        A word of the side that gets the positive sign; None: the first word of the first pair.
    equalize
        Pairs that hard debiasing makes equally far from every neutral word.
    specific
        Words whose meaning has the attribute, which hard debiasing leaves as they are.
    neutral
        Words that ought not to have it; may be empty.
    classes
        For an attribute of several classes, sets with one word of each class (Manzini et al. 2019).
    class_names
        What the classes are called; the words of the first set where it is empty.
    language, source
        Of the words, and where they come from.
    """

    name: str
    pairs: Pairs = ()
    positive: str | None = None
    equalize: Pairs = ()
    specific: tuple[str, ...] = ()
    neutral: tuple[str, ...] = ()
    classes: tuple[tuple[str, ...], ...] = ()
    class_names: tuple[str, ...] = ()
    language: str = ""
    source: str = ""

    @property
    def sets(self) -> tuple[tuple[str, ...], ...]:
        """Sets with one word of each class: the classes, or else the pairs."""
        return self.classes or self.pairs

    @classmethod
    def read(
        cls, what: Attribute | str | os.PathLike[str] | Mapping[str, Any] | Sequence[tuple[str, str]]
    ) -> Attribute:
        """An attribute from what names or declares it.

        Parameters
        ----------
        what
            A bundled one ("gender", "religion"); a JSON file with an object that has the attributes of this class as keys, of
            which `pairs` or `classes` must be there, or with a list of pairs; what such a file holds.

        Raises
        ------
        OptionError, DataError
            If there is no such attribute, or it has another shape.
        """
        if isinstance(what, Attribute):
            return what
        name, held = "pairs", what
        if isinstance(what, str | os.PathLike):
            name, held = chosen(what, ATTRIBUTES, "attribute")
        if not isinstance(held, Mapping):
            return cls(name, tuple(paired(held, "pairs" if name == "pairs" else f"the pairs of {name}")))
        return cls._of(name, held)

    @classmethod
    def _of(cls, name: str, held: Mapping[str, Any]) -> Attribute:
        """An attribute from an object."""
        what = f"the attribute {name}"
        only_keys(held, [field.name for field in fields(cls)], what)
        made: dict[str, Any] = {"name": name}
        for key, value in held.items():
            if value is None or (isinstance(value, list | tuple) and not value):
                continue
            if key in ("pairs", "equalize"):
                made[key] = tuple(paired(value, f"'{key}' of {what}"))
            elif key == "classes":
                made[key] = classes_of(value, f"'classes' of {what}")
            elif key in ("specific", "neutral", "class_names"):
                made[key] = tuple(listed(value, f"'{key}' of {what}"))
            elif isinstance(value, str):
                made[key] = value
            else:
                raise DataError(f"'{key}' of {what} is a text; got {type(value).__name__}")
        if not ({"pairs", "classes"} & set(made)):
            raise DataError(f"{what} has neither 'pairs' nor 'classes', one of which says what the attribute is")
        attribute = cls(**made)
        width = len(attribute.sets[0])
        if attribute.class_names and len(attribute.class_names) != width:
            raise DataError(
                f"'class_names' of {what} has a name for each of {width} classes; got {len(attribute.class_names)}"
            )
        return attribute


def classes_of(sets: Any, what: str) -> tuple[tuple[str, ...], ...]:
    """Sets of equally many different words, one of each class.

    Raises
    ------
    OptionError
        If it is anything else.
    """
    if isinstance(sets, str | bytes) or not isinstance(sets, Sequence) or not sets:
        raise OptionError(f"{what} must be a list of sets with one word of each class; got {str(sets)[:60]!r}")
    made = tuple(tuple(listed(one, f"a set of {what}")) for one in sets)
    for one in made:
        if len(one) != len(made[0]) or len(one) < 2:
            raise OptionError(
                f"{what}: each set has one word of each of the same 2 or more classes; got {made[0]} and {one}"
            )
        if len(set(one)) < len(one):
            raise OptionError(f"{what}: the words of a set differ; got {one}")
    return made

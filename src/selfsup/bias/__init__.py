"""Bias in word vectors: measured, reduced, and what is left said aloud. Each name is imported when it is first used."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__all__ = [
    "CAUTION", "Attribute", "Direction", "Score", "Subspace", "Transform",
    "caution", "cost", "direct_bias", "direction", "double_hard", "ect", "extremes", "generated", "hard_debias", "indirect_bias",
    "inlp", "leace", "mac", "multiclass_hard", "ratings", "report", "residual", "ripa", "rnd", "rnsb", "same", "sc_weat",
    "soft_debias", "specific_words", "subspace", "weat",
]  # fmt: skip

if TYPE_CHECKING:
    from selfsup.bias.reporting import caution, report
    from selfsup.measures.words.bias.cost import cost
    from selfsup.measures.words.bias.direct import direct_bias
    from selfsup.measures.words.bias.extremes import extremes
    from selfsup.measures.words.bias.generated import generated
    from selfsup.measures.words.bias.groups import ect, mac, ripa, rnd, same
    from selfsup.measures.words.bias.indirect import indirect_bias
    from selfsup.measures.words.bias.ratings import ratings
    from selfsup.measures.words.bias.residual import residual
    from selfsup.measures.words.bias.rnsb import rnsb
    from selfsup.measures.words.bias.score import CAUTION, Score
    from selfsup.measures.words.bias.weat import sc_weat, weat
    from selfsup.words.bias.attribute import Attribute
    from selfsup.words.bias.direction import Direction, Subspace, direction, subspace
    from selfsup.words.bias.double_hard import double_hard
    from selfsup.words.bias.hard import hard_debias
    from selfsup.words.bias.inlp import inlp
    from selfsup.words.bias.leace import leace
    from selfsup.words.bias.multiclass import multiclass_hard
    from selfsup.words.bias.soft import soft_debias
    from selfsup.words.bias.specific import specific_words
    from selfsup.words.bias.transform import Transform

_HOMES = {
    "selfsup.bias.reporting": "caution report",
    "selfsup.measures.words.bias.cost": "cost",
    "selfsup.measures.words.bias.direct": "direct_bias",
    "selfsup.measures.words.bias.extremes": "extremes",
    "selfsup.measures.words.bias.generated": "generated",
    "selfsup.measures.words.bias.groups": "ect mac ripa rnd same",
    "selfsup.measures.words.bias.indirect": "indirect_bias",
    "selfsup.measures.words.bias.ratings": "ratings",
    "selfsup.measures.words.bias.residual": "residual",
    "selfsup.measures.words.bias.rnsb": "rnsb",
    "selfsup.measures.words.bias.score": "CAUTION Score",
    "selfsup.measures.words.bias.weat": "sc_weat weat",
    "selfsup.words.bias.attribute": "Attribute",
    "selfsup.words.bias.direction": "Direction Subspace direction subspace",
    "selfsup.words.bias.double_hard": "double_hard",
    "selfsup.words.bias.hard": "hard_debias",
    "selfsup.words.bias.inlp": "inlp",
    "selfsup.words.bias.leace": "leace",
    "selfsup.words.bias.multiclass": "multiclass_hard",
    "selfsup.words.bias.soft": "soft_debias",
    "selfsup.words.bias.specific": "specific_words",
    "selfsup.words.bias.transform": "Transform",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used."""
    import importlib

    home = next((module for module, names in _HOMES.items() if name in names.split()), None)
    if home is None:
        raise AttributeError(f"module 'selfsup.bias' has no attribute '{name}'")
    module = importlib.import_module(home)
    globals().update({each: getattr(module, each) for each in _HOMES[home].split()})
    return globals()[name]


def __dir__() -> list[str]:
    return sorted(__all__)

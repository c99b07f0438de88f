"""selfsup: learn a representation from unlabelled data by hiding part of it and predicting it from the rest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"
__all__ = [
    "Evaluation", "Method", "Model", "SelfsupError", "WordVectors",
    "evaluate", "export_onnx", "fit", "from_pretrained", "load", "methods", "push_to_hub",
]  # fmt: skip

if TYPE_CHECKING:
    from selfsup import methods
    from selfsup.api import fit, load
    from selfsup.errors import SelfsupError
    from selfsup.evaluating import evaluate
    from selfsup.evaluation import Evaluation
    from selfsup.export import export_onnx
    from selfsup.method import Method
    from selfsup.model import Model
    from selfsup.sharing import from_pretrained, push_to_hub
    from selfsup.words import WordVectors

_HOMES = {
    "fit": "selfsup.api",
    "evaluate": "selfsup.evaluating",
    "load": "selfsup.api",
    "export_onnx": "selfsup.export",
    "from_pretrained": "selfsup.sharing",
    "push_to_hub": "selfsup.sharing",
    "Method": "selfsup.method",
    "Model": "selfsup.model",
    "Evaluation": "selfsup.evaluation",
    "WordVectors": "selfsup.words",
    "SelfsupError": "selfsup.errors",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used: ``import selfsup`` alone does nothing and loads no torch."""
    import importlib

    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    if name in ("methods", "sklearn"):
        return importlib.import_module(f"selfsup.{name}")
    raise AttributeError(f"module 'selfsup' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])

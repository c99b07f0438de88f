"""selfsup: learn a representation from unlabelled data by hiding part of it and predicting it from the rest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__all__ = [
    "Evaluation", "Method", "Model", "Phrases", "SelfsupError", "WordVectors",
    "audit", "compare", "evaluate", "explore", "export_onnx", "export_weights", "finetune", "fit", "from_pretrained", "load",
    "methods", "phrases", "push_to_hub", "race", "transfer",
]  # fmt: skip

if TYPE_CHECKING:
    from selfsup import methods
    from selfsup.data.text.corpus import phrases
    from selfsup.data.text.joining import Phrases
    from selfsup.errors import SelfsupError
    from selfsup.measures import Evaluation
    from selfsup.method import Method
    from selfsup.model.explore import explore
    from selfsup.model.hub import from_pretrained, push_to_hub
    from selfsup.model.load import load
    from selfsup.model.model import Model
    from selfsup.model.onnx import export_onnx
    from selfsup.model.weights import export_weights
    from selfsup.training.audit import audit
    from selfsup.training.compare import compare
    from selfsup.training.evaluate import evaluate
    from selfsup.training.finetune import finetune
    from selfsup.training.fit import fit
    from selfsup.training.race import race
    from selfsup.training.transfer import transfer
    from selfsup.words import WordVectors

_HOMES = {
    "fit": "selfsup.training.fit",
    "finetune": "selfsup.training.finetune",
    "audit": "selfsup.training.audit",
    "evaluate": "selfsup.training.evaluate",
    "compare": "selfsup.training.compare",
    "race": "selfsup.training.race",
    "transfer": "selfsup.training.transfer",
    "explore": "selfsup.model.explore",
    "load": "selfsup.model.load",
    "export_onnx": "selfsup.model.onnx",
    "export_weights": "selfsup.model.weights",
    "from_pretrained": "selfsup.model.hub",
    "push_to_hub": "selfsup.model.hub",
    "Method": "selfsup.method",
    "Model": "selfsup.model.model",
    "Evaluation": "selfsup.measures.evaluation",
    "WordVectors": "selfsup.words.vectors",
    "SelfsupError": "selfsup.errors",
    "phrases": "selfsup.data.text.corpus",
    "Phrases": "selfsup.data.text.joining",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used: ``import selfsup`` alone does nothing and loads no torch."""
    import importlib

    if name == "__version__":
        from importlib.metadata import version

        return version("selfsup")
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    if name in ("bias", "methods", "sklearn", "testing"):
        return importlib.import_module(f"selfsup.{name}")
    raise AttributeError(f"module 'selfsup' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])

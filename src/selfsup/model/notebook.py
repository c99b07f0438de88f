"""What a notebook shows of a model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from selfsup.measures.evaluation import Evaluation
from selfsup.system import html


class NotebookFace:
    """The part of `selfsup.model.model.Model` that notebooks ask for."""

    config: dict[str, Any]
    evaluation: Evaluation | None
    folder: Path | None

    def _repr_html_(self) -> str:
        """What was learnt, from what, and the verdict on it; `evaluation` shows its tables."""
        config = self.config
        method, summary, epochs = config["method"], config.get("summary"), config.get("training", {}).get("epochs")
        found = (
            ("Method", f"{method}: {summary}" if summary else method),
            ("Data", config["data"]["description"]),
            ("Code", f"{config['width']:,} values"),
            ("Net", config.get("net")),
            ("Parameters", f"{config['parameters']:,}"),
            ("Epochs", f"{epochs:g}" if isinstance(epochs, int | float) else None),
            ("Run folder", self.folder),
        )
        verdict = self.evaluation.verdict if self.evaluation is not None else {}
        said = html.verdict(verdict["kind"], verdict["sentence"]) if verdict else ""
        return html.block(html.facts((name, value) for name, value in found if value is not None), said)

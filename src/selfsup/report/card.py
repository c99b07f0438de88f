"""The model card: Markdown with a YAML head, and the baselines in it. Strings of a run folder are escaped."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from selfsup.report import say
from selfsup.report.run import Run
from selfsup.report.sections import claimed, find

TAGS = ("self-supervised-learning", "representation-learning", "feature-extraction")


def card(
    config: Mapping[str, Any],
    evaluation: Mapping[str, Any] | None,
    history: Sequence[Mapping[str, Any]],
    sections: Iterable[str | Any] = (),
) -> str:
    """Make the README.md of a run folder.

    Parameters
    ----------
    config
        What ``config.json`` holds.
    evaluation
        What ``evaluation.json`` holds, or None where the run was not evaluated.
    history
        Records of ``metrics.jsonl``.
    sections
        Of a user's own besides ours: objects with ``markdown(run)``, or their paths (``FILE.py:object``).
    """
    shown = find(sections)
    run = Run(say.mapping(config), say.records(list(history)), say.mapping(evaluation), claimed=claimed(shown))
    tags = [*TAGS, *(say.plain(tag) for tag in (config.get("method"), run.part("form").get("kind")) if tag)]
    # a JSON string is a YAML string, so nothing in a name can break out
    head = ["---", "library_name: selfsup", "license: unknown", "tags:"]
    head += [*(f"- {json.dumps(tag)}" for tag in dict.fromkeys(tags)), "---"]
    data = run.part("data")
    title = f"# {say.md(run.method)} on {say.md(data.get('source') or data.get('description') or 'unknown data')}"
    parts = [section.markdown(run) for section in shown if hasattr(section, "markdown")]
    return say.whole("\n\n".join(["\n".join(head), title, *(part for part in parts if part)]) + "\n")

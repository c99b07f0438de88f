"""The model card: Markdown with a YAML head, and the baselines in it. Strings of a run folder are escaped."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from selfsup.report import say as words
from selfsup.report import tables, text, wordcard
from selfsup.report.markdown import code as _code
from selfsup.report.markdown import md as _md


def card(config: Mapping[str, Any], evaluation: Mapping[str, Any] | None, history: Sequence[Mapping[str, Any]]) -> str:
    """Make the README.md of a run folder.

    Parameters
    ----------
    config
        What ``config.json`` holds.
    evaluation
        What ``evaluation.json`` holds, or None where the run was not evaluated.
    history
        Records of ``metrics.jsonl``.
    """
    found = words.mapping(evaluation)
    verdict = words.mapping(found.get("verdict"))
    parts = [
        _head(config),
        f"# {_md(config.get('method', 'unknown method'))} on {_md(_data(config))}",
        _verdict(verdict),
        _method(config),
        _training(config, history),
        wordcard.evaluation(found) if text.is_text(config) else _evaluation(config, found, verdict),
        _limits(config, found),
        wordcard.use() if text.is_text(config) else _use(config),
        _settings(config),
    ]
    return words.whole("\n\n".join(part for part in parts if part) + "\n")


def _data(config: Mapping[str, Any]) -> str:
    """Return the name of the training data."""
    data = words.mapping(config.get("data"))
    return words.plain(data.get("source") or data.get("description") or "unknown data")


def _head(config: Mapping[str, Any]) -> str:
    """Return the YAML head; a JSON string is a YAML string, so nothing in a name can break out."""
    intake = words.mapping(config.get("intake"))
    tags = ["self-supervised-learning", "representation-learning", "feature-extraction"]
    tags += [words.plain(tag) for tag in (config.get("method"), intake.get("kind")) if tag]
    lines = ["---", "library_name: selfsup", "license: unknown", "tags:"]
    return "\n".join([*lines, *(f"- {json.dumps(tag)}" for tag in dict.fromkeys(tags)), "---"])


def _verdict(verdict: Mapping[str, Any]) -> str:
    """Return the verdict as one quoted paragraph."""
    return f"> **{_md(words.kind(verdict).capitalize())}.** {_md(words.sentence(verdict))}"


def _method(config: Mapping[str, Any]) -> str:
    """Return the method in one sentence."""
    sees, hides = words.sight(config)
    lines = [
        "## Method",
        "A representation learnt without labels, by hiding part of the data and predicting it from the rest.",
        f"{_md(words.summary(config))}",
        f"- **Saw:** {_md(sees)}\n- **Hidden:** {_md(hides)}",
    ]
    if config.get("why"):
        lines.append(f"Why this method: {_md(config['why'])}")
    return "\n\n".join(lines)


def _training(config: Mapping[str, Any], history: Sequence[Mapping[str, Any]]) -> str:
    """Return data, net, time and hardware."""
    data, training = words.mapping(config.get("data")), words.mapping(config.get("training"))
    rows = words.number(data.get("rows"))
    size = f"{words.short(rows)} samples, " if rows is not None else ""
    samples = ("Samples", f"{size}{_md(words.size(words.mapping(config.get('intake'))))}")
    if text.is_text(config):
        samples = ("Vocabulary", _md(text.vocabulary(config)))
    facts = [
        ("Data", f"{_md(data.get('description') or _data(config))}"),
        samples,
        ("Fingerprint of the data", _code(data["fingerprint"]) if data.get("fingerprint") else ""),
        ("Net", _md(config.get("net") or "")),
        ("Parameters", words.short(config.get("parameters"))),
        ("Time", words.duration(config.get("seconds"))),
        ("Hardware", _md(config.get("hardware") or "")),
        (
            "Epochs, batch size, learning rate",
            ", ".join(_md(training.get(k, "–")) for k in ("epochs", "batch_size", "lr")),
        ),
        ("Held-out loss", _trend(history, "heldout")),
        ("Shuffle gap", _trend(history, "gap")),
    ]
    return "\n".join(
        ["## Training", "", "| | |", "|---|---|", *(f"| {key} | {value} |" for key, value in facts if value)]
    )


def _trend(history: Sequence[Mapping[str, Any]], key: str) -> str:
    """Return a number before and after training."""
    values = [value for record in history if (value := words.number(words.mapping(record).get(key))) is not None]
    return f"{words.short(values[0])} before training, {words.short(values[-1])} after" if len(values) > 1 else ""


def _evaluation(config: Mapping[str, Any], evaluation: Mapping[str, Any], verdict: Mapping[str, Any]) -> str:
    """Return the tables of probe and kNN, each beside the baselines."""
    layer = tables.chosen_layer(verdict.get("because"), words.records(evaluation.get("probe")))
    parts = ["## Evaluation"]
    for key, title in (("probe", "Linear probe"), ("knn", "Nearest neighbours (kNN)")):
        table = tables.build(words.records(evaluation.get(key)), layer, len(words.classes(config)))
        if table:
            parts += [f"{title}, accuracy in % on held-out samples:", _table(table)]
    if len(parts) == 1:
        return (
            "## Evaluation\n\nNot measured: no labels were given. Nothing is known yet of how useful these codes are."
        )
    parts.append(
        "Bold: best of its column; ±: standard deviation over draws of the labelled samples. PCA has the width "
        "of the code; random init is the same net before training."
    )
    return "\n\n".join(parts)


def _table(table: tables.Table) -> str:
    """Return one table as Markdown."""
    titles = [f"{_md(column.title)} a class" if column.title != "all" else "all labels" for column in table.columns]
    rows = [f"| codes from | width | {' | '.join(titles)} |", "|---|---:|" + "---:|" * len(titles)]
    for line in table.lines:
        cells = ["–" if cell is None else f"**{cell.text}**" if cell.best else cell.text for cell in line.cells]
        name = _md(f"{line.encoder}, {line.layer}" if line.layer else line.encoder) + (
            " (chosen)" if line.chosen else ""
        )
        rows.append(f"| {name} | {line.width} | {' | '.join(cells)} |")
    return "\n".join(rows)


def _limits(config: Mapping[str, Any], evaluation: Mapping[str, Any]) -> str:
    """Return what these numbers do not say."""
    kind = {"image": "pictures", "vector": "rows", "text": "text"}.get(
        words.plain(words.mapping(config.get("intake")).get("kind")), "samples"
    )
    split = (
        "Held-out samples were drawn at random: near copies or neighbours in time may lie on both sides of the split."
    )
    if text.is_text(config):
        split = "Held out is the end of the text: it may be about other things than the rest."
    limits = [
        f"It knows only {kind} like {'that' if kind == 'text' else 'those'} it was trained on; evaluate it again on others.",
        split,
        "Its codes can carry anything that is in the data, sensitive attributes too; bias was not measured.",
        "The licence of the training data was not checked, so that of the model is not known.",
    ]
    limits += [_md(note) for note in words.notes(evaluation.get("notes"), config.get("notes"))]
    return "## Limits\n\n" + "\n".join(f"- {limit}" for limit in limits)


def _use(config: Mapping[str, Any]) -> str:
    """Return how to use the model, from Python and from the command line."""
    method = words.plain(config.get("method", ""))
    own = ":" in method and re.fullmatch(r"[\w.]+:[\w.]+", method)  # code of the user's own is named by the caller
    python, flag = (f', method="{method}"', f" --method {method}") if own else ("", "")
    return f"""## Use

```python
import selfsup

model = selfsup.load("RUN"{python})  # this folder
codes = model.encode(x)  # (n, width)
```

```console
selfsup encode RUN DATA --out codes.npy{flag}
```"""


def _settings(config: Mapping[str, Any]) -> str:
    """Return every option, so that the run can be repeated."""
    groups = {key: words.mapping(config.get(key)) for key in ("options", "training", "versions")}
    rows = [
        f"| {group} | {_md(key)} | {_code(value)} |" for group, pairs in groups.items() for key, value in pairs.items()
    ]
    rows += [
        f"| run | {key} | {_code(config[key])} |"
        for key in ("seed", "selfsup", "created")
        if config.get(key) is not None
    ]
    return "\n".join(["## Settings", "", "| | setting | value |", "|---|---|---|", *rows]) if rows else ""

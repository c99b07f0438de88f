"""The report of a run: one HTML file that opens offline.

Strings of a run folder may come from a stranger. They are escaped by the template, charts are data and not script, and
the page's own policy lets only our two scripts run and forbids fetching anything.
"""

from __future__ import annotations

import base64
import hashlib
import json
import shlex
from collections.abc import Sequence
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from selfsup import store
from selfsup.errors import RunError
from selfsup.report import decoded, figures, health, pictures, tables, text
from selfsup.report import say as words


def page(folder: Path) -> str:
    """Make the HTML report of a run folder.

    Parameters
    ----------
    folder
        Holds at least ``config.json`` and ``metrics.jsonl``; what else is missing is left out and said so.

    Raises
    ------
    RunError
        If the folder or one of these files is missing, or a file is damaged.
    """
    folder = Path(folder)
    config, history = _config(folder), words.records(store.read_metrics(folder))
    evaluation = words.mapping(store.read_json(folder, store.EVALUATION)) if _has(folder, store.EVALUATION) else {}
    arrays = store.read_arrays(folder, store.PICTURES) if _has(folder, store.PICTURES) else {}
    names, verdict = words.classes(config), words.mapping(evaluation.get("verdict"))
    layer = tables.chosen_layer(verdict.get("because"), words.records(evaluation.get("probe")))
    probe, knn = (tables.build(words.records(evaluation.get(kind)), layer, len(names)) for kind in ("probe", "knn"))
    of_text = text.parts(evaluation, arrays) if text.is_text(config) else None
    charts = _charts(history, {} if of_text else arrays, probe, names)
    if of_text and (speed := figures.speed(history)):
        charts["speed"] = speed
    measured = figures.measures(history)
    charts |= {f"measure-{place}": figure for place, figure in enumerate(measured.values())}
    table = decoded.is_table(config) and config.get("decodes") is True
    cautions = words.notes(config.get("notes"))
    sees, hides = words.sight(config)
    kind = words.kind(verdict)
    return _render(
        charts,
        method=words.plain(config.get("method", "unknown method")),
        kind=kind,
        tone=words.tone(kind),
        sentence=words.sentence(verdict),
        because=_pairs(verdict.get("because")),
        facts=_facts(folder, config),
        sees=sees,
        hides=hides,
        tables=[(name, table) for name, table in (("Linear probe", probe), ("Nearest neighbours (kNN)", knn)) if table],
        evaluated=bool(evaluation),
        text=of_text,
        health=of_text.health if of_text else health.facts(words.mapping(evaluation.get("health"))),
        grid=pictures.grid(decoded.by_column(arrays, list(pictures.ROLES)) if table else arrays),
        table=table,
        labelled="map_labels" in arrays,
        decoded=decoded.blocks(arrays, config),
        measures=[(f"measure-{place}", name, _ends(chart)) for place, (name, chart) in enumerate(measured.items())],
        cautions=cautions,
        notes=[note for note in words.notes(evaluation.get("notes")) if note not in cautions],
        settings=_settings(config),
        commands=_commands(folder, config),
        created=words.plain(config.get("created", "")),
        version=words.plain(config.get("selfsup", "")),
    )


def _charts(
    history: Sequence[dict[str, Any]], arrays: dict[str, np.ndarray], probe: tables.Table | None, names: list[str]
) -> dict[str, figures.Figure]:
    """Return the charts that there is something to draw in."""
    charts = {
        "accuracy": figures.accuracy(probe) if probe else None,
        "losses": figures.losses(history),
        "gaps": figures.gaps(history),
        "map": figures.flat_map(arrays["map"], arrays.get("map_labels"), names) if "map" in arrays else None,
    }
    return {key: chart for key, chart in charts.items() if chart}


def _has(folder: Path, name: str) -> bool:
    """Return whether the run folder holds an optional file."""
    return (folder / name).is_file()


def _config(folder: Path) -> dict[str, Any]:
    """Return config.json, which must be an object."""
    config = store.read_json(folder, store.CONFIG)
    if not isinstance(config, dict):
        raise RunError(f"{folder / store.CONFIG} is damaged: it holds no settings")
    return config


def _pairs(value: Any) -> list[tuple[str, str]]:
    """Return a JSON object as rows of text; another value as one row, None as none."""
    if value is None or value == {}:
        return []
    pairs = words.mapping(value) or {"because": value}
    return [(key.replace("_", " "), words.plain(item)) for key, item in pairs.items()]


def _facts(folder: Path, config: dict[str, Any]) -> list[tuple[str, str]]:
    """Return the short facts under the verdict."""
    data, training = words.mapping(config.get("data")), words.mapping(config.get("training"))
    rows = words.number(data.get("rows"))
    size = f"{words.short(rows) + ' × ' if rows is not None else ''}{words.size(words.mapping(config.get('intake')))}"
    if text.is_text(config):
        size = text.vocabulary(config)
    epochs = words.number(training.get("epochs"))
    took = words.duration(config.get("seconds")) + (f", {words.short(epochs)} epochs" if epochs else "")
    found = [
        ("Method", words.summary(config)),
        ("Why this method", config.get("why")),
        ("Data", data.get("description") or data.get("source")),
        ("Vocabulary" if text.is_text(config) else "Samples", size),
        ("Net", config.get("net")),
        (
            "Parameters",
            words.short(config["parameters"]) if words.number(config.get("parameters")) is not None else None,
        ),
        ("Training time", took),
        ("Hardware", config.get("hardware")),
    ]
    if _has(folder, store.BAD):
        skipped = store.read_json(folder, store.BAD)
        if skipped and isinstance(skipped, list | dict):
            found.append(("Skipped files", f"{len(skipped):,}; {store.BAD} says which and why"))
    return [(title, words.plain(value)) for title, value in found if value]


def _ends(chart: figures.Figure) -> str:
    """Return the first and the last value of a chart with one curve, as words."""
    values = chart["data"][0]["y"]
    first, last = words.short(values[0]), words.short(values[-1])
    if len(values) == 1:
        return last
    return f"{first} {'before training' if chart['data'][0]['x'][0] == 0 else 'at first'}, {last} at the end"


def _settings(config: dict[str, Any]) -> list[tuple[str, list[tuple[str, str]]]]:
    """Return every setting of the run, in groups."""
    titles = {
        "options": "Options of the method",
        "training": "Training",
        "intake": "How data are read",
        "data": "Data",
        "versions": "Versions",
    }
    groups = [(title, _pairs(config.get(key))) for key, title in titles.items()]
    rest = {key: value for key, value in config.items() if key not in titles}
    return [(title, pairs) for title, pairs in [*groups, ("Run", _pairs(rest))] if pairs]


def _commands(folder: Path, config: dict[str, Any]) -> list[tuple[str, str]]:
    """Return what to do next, ready to be pasted into a terminal."""
    # the report is written while the run still lies in OUT.partial
    run = folder.with_name(folder.name.removesuffix(".partial"))
    name = shlex.quote(str(run))
    method = words.plain(config.get("method", ""))
    extra = (
        f" --method {shlex.quote(method)}" if ":" in method else ""
    )  # code is never imported because a folder says so
    if text.is_text(config):
        return [
            ("Measure it", f"selfsup evaluate {name} --analogies questions-words.txt --similarity wordsim353.tsv"),
            ("In Python", f"vectors = selfsup.load({str(run)!r}); vectors.most_similar('word')"),
        ]
    call = f"selfsup.load({str(run)!r}{f', method={method!r}' if extra else ''})"
    found = [
        ("Codes of other data", f"selfsup encode {name} DATA --out z.npy{extra}"),
        ("Measure it with labels", f"selfsup evaluate {name} --data LABELLED{extra}"),
    ]
    if config.get("decodes") is True:
        suffix = "png" if words.mapping(config.get("intake")).get("kind") == "image" else "csv"
        found += [
            ("Rebuild data from their codes", f"selfsup reconstruct {name} DATA --out rebuilt.{suffix}{extra}"),
            ("How normal each sample is", f"selfsup score {name} DATA --out scores.csv{extra}"),
        ]
    return [*found, ("In Python", f"model = {call}; z = model.encode(x)")]


def _render(charts: dict[str, figures.Figure], **context: Any) -> str:
    """Fill the template and allow exactly the scripts that are ours."""
    environment = _environment()
    scripts = [Markup(_plotly()), Markup(_text("draw.js.jinja"))] if charts else []
    shown = environment.get_template("page.html.jinja").render(
        **context,
        # "<" escaped: no name in the data can end the script element it stands in
        figures=Markup(json.dumps(charts, allow_nan=False, default=_native).replace("<", "\\u003c")),
        charts=charts,
        scripts=scripts,
        policy=" ".join(f"'sha256-{_digest(script)}'" for script in scripts) or "'none'",
        style=Markup(_text("style.css")),
    )
    return words.whole(shown)


def _native(value: Any) -> Any:
    """Return numpy scalars as Python numbers, for JSON."""
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(type(value).__name__)


def _digest(script: str) -> str:
    """Return the SHA-256 by which a browser knows a script."""
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()


@cache
def _environment() -> Environment:
    """Return the template environment; everything is escaped unless it is marked as ours."""
    loader = PackageLoader("selfsup.report", "")
    return Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)


@cache
def _plotly() -> str:
    """Return the source of plotly.js, as a script element holds it."""
    from plotly.offline import get_plotlyjs

    source: str = get_plotlyjs()
    return source.replace("\r\n", "\n")  # browsers read it so, and the digest is of what they read


def _text(name: str) -> str:
    """Return one of the files beside this one."""
    return (resources.files("selfsup.report") / name).read_text(encoding="utf-8")

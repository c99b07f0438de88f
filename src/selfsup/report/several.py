"""Several runs in one page: their verdicts, what compares them, their curves, and where their settings differ."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

from markupsafe import Markup

from selfsup import store
from selfsup.errors import OptionError
from selfsup.measures.evaluation import Evaluation
from selfsup.measures.wording import names_of
from selfsup.report import say, svg
from selfsup.report.page import document
from selfsup.report.run import Run
from selfsup.report.say import number, plain, short
from selfsup.report.sections import accuracy, compare, facts, verdict
from selfsup.report.sections.training import DECADES, EPOCHS, curve

MOST = 20  # runs: more cannot be told apart in a chart
WHOLE = ("method", "net", "seed", "width", "parameters", "warm_start")  # settings that are no groups
GROUPS = ("options", "reading", "training", "data", "form", "versions")
LEFT_OUT = {"classes", "source", "fields", "columns", "words", "fingerprint"}  # of groups: long, and no settings
HEAD = """
<header class="verdict plain">
  <p class="kicker">selfsup report</p>
  <h1>{{ count }} runs side by side</h1>
  <p class="sentence">{{ said }}</p>
</header>"""
HTML = """
<section>
  <h2>The runs</h2>
  <ul class="cards wide runs">
  {% for run in runs %}
  <li class="{{ run.tone }}"><h3>{{ run.name }}</h3><p><strong class="badge"><span aria-hidden="true">{{ run.sign }}</span> \
{{ run.kind[:1] | upper }}{{ run.kind[1:] }}</strong></p><p>{{ run.sentence }}</p><small>{{ run.about }}</small>\
{% if run.link %}<p><a href="{{ run.link }}">Its own report<span class="unseen">, of {{ run.name }}</span></a></p>{% endif %}</li>
  {% endfor %}
  </ul>
  <h3>At a glance</h3>
  <div class="scroll" tabindex="0" role="region" aria-label="At a glance">
  <table class="numbers">
    <thead><tr><th scope="col">run</th>{% for head in heads %}<th scope="col">{{ head }}</th>{% endfor %}</tr></thead>
    <tbody>{% for name, cells in rows %}<tr><th scope="row">{{ name }}</th>{% for cell in cells %}<td>{{ cell }}</td>{% endfor %}\
</tr>{% endfor %}</tbody>
  </table>
  </div>
  <p class="hint">By the runs' own evaluations, each on its own data: of different data, or different rows, these numbers say \
nothing about which run is better. Lead: over PCA of the same width, on average over the numbers of labels, in points.</p>
  {% if notes %}<ul class="notes">{% for note in notes %}<li>{{ note | full }}</li>{% endfor %}</ul>{% endif %}
</section>"""
CURVES = """
<section>
  <h2>Their training</h2>
  <div class="pair">{% for title, chart in charts %}
  <figure class="chart"><figcaption>{{ title }}</figcaption>{{ chart }}</figure>{% endfor %}
  </div>
  {% if note %}<p class="hint">{{ note }}</p>{% endif %}
</section>"""
SETTINGS = """
{% macro table(title, rows) %}
  <div class="scroll" tabindex="0" role="region" aria-label="{{ title }}">
  <table class="numbers differ">
    <thead><tr><th scope="col">setting</th>{% for name in names %}<th scope="col">{{ name }}</th>{% endfor %}</tr></thead>
    <tbody>{% for setting, cells in rows %}<tr><th scope="row">{{ setting }}</th>{% for cell in cells %}<td>{{ cell }}</td>\
{% endfor %}</tr>{% endfor %}</tbody>
  </table>
  </div>
{% endmacro %}
<section>
  <h2>Where their settings differ</h2>
  {% if all %}{{ table('Settings that differ', all) }}{% endif %}
  {% if some %}<details><summary>{{ some | length }} settings that not all of them have</summary>\
{{ table('Settings of some runs', some) }}</details>{% endif %}
  {% if not all and not some %}<p>Nowhere: these runs were asked for the same.</p>{% endif %}
</section>"""
NONE = "–"  # of a setting that a run has not


class Seen(NamedTuple):
    """A run as its card shows it."""

    name: str
    tone: str
    sign: str
    kind: str
    sentence: str
    about: str
    link: str


def write_several(
    runs: Sequence[str | os.PathLike[str]],
    file: str | os.PathLike[str],
    comparison: Evaluation | None = None,
    notes: Sequence[str] = (),
) -> Path:
    """Write one page of several runs, and give its path.

    Parameters
    ----------
    runs
        Run folders, two or more.
    file
        Where the page is written; it links each run's own report by its path from there.
    comparison
        Of these runs, or of some of them: what `selfsup.compare` gives. Without it they are shown and not compared.
    notes
        What a reader should know, such as why some were not compared.

    Raises
    ------
    OptionError
        If there are fewer than two runs or more than 20.
    RunError
        If a folder or one of its files is missing or damaged.
    """
    if not 2 <= len(runs) <= MOST:
        raise OptionError(f"a page of several runs is of 2 to {MOST}; got {len(runs)}")
    folders, file = [store.found(Path(run)) for run in runs], Path(file)
    found = dict(zip(names_of([os.fspath(run) for run in runs]), map(Run.read, folders), strict=True))
    links = {name: link(folder, file.parent) for name, folder in zip(found, folders, strict=True)}
    version = plain(next(iter(found.values())).config.get("selfsup", ""))
    store.write_text(file, document(f"{len(found)} runs", parts(found, links, comparison, notes), version))
    return file


def parts(
    runs: Mapping[str, Run], links: Mapping[str, str], comparison: Evaluation | None, notes: Sequence[str]
) -> list[Markup | None]:
    """The sections of the page."""
    beside = None if comparison is None else Run({"method": ", ".join(runs)}, [], comparison.to_dict())
    said = "They are shown beside each other, and were not compared on the same rows."
    head = say.html(HEAD, count=len(runs), said=said) if beside is None else verdict.html(beside)
    return [
        head,
        say.html(
            HTML,
            runs=[_seen(name, run, links[name]) for name, run in runs.items()],
            heads=["verdict", "accuracy, all labels", "lead", "effective rank", "parameters", "time"],
            rows=[(say.word(name), _glance(run)) for name, run in runs.items()],
            notes=notes,
        ),
        None if beside is None else compare.html(beside),
        curves(runs),
        _differing(runs),
    ]


def link(folder: Path, start: Path) -> str:
    """The address of a run's own report as seen from a folder; "" where there is none."""
    report = folder / store.REPORT
    if not report.is_file():
        return ""
    try:
        way = os.path.relpath(report, start)
    except ValueError:  # on another drive
        return report.resolve().as_uri()
    # a name may hold a colon, and must never be taken for the scheme of an address
    return quote(way.replace(os.sep, "/"), errors="surrogateescape")


def _seen(name: str, run: Run, address: str) -> Seen:
    kind = say.kind(run.verdict)
    tone = say.tone(kind)
    about = f"{run.method}; {plain(run.part('data').get('description') or facts.size(run)[1])}"
    return Seen(say.word(name), tone, verdict.SIGNS[tone], kind, say.sentence(run.verdict), about, address)


def _glance(run: Run) -> list[str]:
    """What a run's own evaluation says, in a few numbers."""
    health = say.mapping(run.evaluation.get("health"))
    rank, width = number(health.get("rank")), number(health.get("width"))
    scored, lead = _scores(run)
    return [
        say.kind(run.verdict),
        scored,
        lead,
        NONE if rank is None else f"{short(rank)}{f' of {short(width)}' if width else ''}",
        facts.parameters(run) or NONE,
        say.duration(run.config.get("seconds")),
    ]


def _scores(run: Run) -> tuple[str, str]:
    """Accuracy of the probe of the judged layer with all labels, and the lead over PCA, with their errors."""
    rows = run.tables.get("probe", [])
    names = run.part("data").get("classes")
    layer = accuracy.chosen_layer(run.verdict.get("because"), rows)
    table = accuracy.build(rows, layer, len(names) if isinstance(names, list) else 0)
    lines = [] if table is None else table.lines
    own = next((line for line in lines if line.encoder == "model" and line.layer == plain(layer)), None)
    pca = next((line.lead for line in lines if line.encoder == "PCA"), "")
    cell = own.cells[-1] if own else None
    return (f"{cell.text} %" if cell else NONE), pca or NONE


def curves(runs: Mapping[str, Run]) -> Markup | None:
    """Held-out losses of all runs in one chart, and effective ranks in another.

    Losses of different tasks have different units: they are shown beside the loss before training, which is 1.
    """
    histories = {name: curve(run.history, "heldout") for name, run in runs.items()}
    known = {name: points for name, points in histories.items() if points}
    tasks = {
        (run.method, plain(run.config.get("options")), plain(run.part("form").get("shape"))) for run in runs.values()
    }
    note, title = "", "Held-out loss"
    if len(tasks) > 1:
        known = {name: points for name, points in known.items() if points[0][1] > 0}
        known = {name: [(x, y / points[0][1]) for x, y in points] for name, points in known.items()}
        title = "Held-out loss, beside that before training"
        note = (
            "The runs have different tasks, and losses of different tasks have different units: each begins at 1 here."
        )
        left = [name for name in histories if name not in known]
        note += f" Left out, as their loss has no such unit: {', '.join(map(say.word, left))}." if left else ""
    ranks = {name: points for name, run in runs.items() if (points := curve(run.history, "rank"))}
    charts = []
    for key, heading, lines in (("runs-loss", title, known), ("runs-rank", "Effective rank of the codes", ranks)):
        if lines:
            charts.append((heading, _chart(key, heading, lines)))
    return say.html(CURVES, charts=charts, note=note) if charts else None


def _chart(key: str, title: str, found: Mapping[str, Sequence[tuple[float, float]]]) -> Markup:
    drawn = []
    for place, (name, points) in enumerate(found.items()):
        dash, shape = compare.MARKS[place % len(compare.MARKS)]
        drawn.append(svg.Line(name, points, place % len(svg.COLOURS), dash, shape))
    values = [y for points in found.values() for _, y in points]
    log = min(values) > 0 and max(values) > 20 * min(values)
    longest = max(drawn, key=lambda line: line.points[-1][0])
    ordered = [longest, *(line for line in drawn if line is not longest)]  # the axis is made for the first
    y = "log scale" if log else ""
    bottom = max(values) / 10**DECADES if log and max(values) > 10**DECADES * min(values) else None
    return svg.lines(key, ordered, title=f"{title}.", x=EPOCHS, y=y, log=log, bottom=bottom, size=(520, 340))


def _differing(runs: Mapping[str, Run]) -> Markup:
    """What differs: first the settings that all runs have, then those that only some methods know."""
    rows = differences(list(runs.values()))
    every, some = ([row for row in rows if (NONE in row[1]) is absent] for absent in (False, True))
    return say.html(SETTINGS, names=[say.word(name) for name in runs], all=every, some=some)


def differences(runs: Sequence[Run]) -> list[tuple[str, list[str]]]:
    """Settings that are not the same in all runs, each with its value in every run."""
    each = [_settings(run) for run in runs]
    found = []
    for key in dict.fromkeys(key for settings in each for key in settings):
        cells = [settings.get(key, NONE) for settings in each]
        if len(set(cells)) > 1:
            found.append((key, [say.word(cell) for cell in cells]))
    return found


def _settings(run: Run) -> dict[str, str]:
    """What was asked for, and what it was asked of, as words."""
    start = say.mapping(run.config.get("start"))
    found = {key: plain(run.config[key]) for key in WHOLE if run.config.get(key) is not None}
    found |= {"start": plain(start.get("words") or start["name"])} if start.get("name") else {}
    for group in GROUPS:
        parts: dict[str, Any] = {key: value for key, value in run.part(group).items() if key not in LEFT_OUT}
        found |= {
            f"{group}: {key.replace('_', ' ')}": plain(value) for key, value in parts.items() if value is not None
        }
    return found

"""Is it better than doing nothing: accuracies of probe and kNN beside the baselines, encoders down, counts of labels across."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from selfsup.measures.samples.accuracy import NOTE
from selfsup.measures.samples.leads import best_layer, noise
from selfsup.report import say, svg
from selfsup.report.run import Run
from selfsup.report.say import mapping, md, number, percent, plain, short

TABLES = ("probe", "knn")
TITLES = {"probe": "Linear probe", "knn": "Nearest neighbours (kNN)"}
# encoder -> colour, dash and shape of its line
LINES = {"model": (0, "-", "o"), "random init": (1, "--", "D"), "PCA": (2, ":", "s"), "raw input": (7, "-.", "X")}
MOST = 101.0  # per cent, with room for a point
HTML = """
<section>
  <h2>Is it better than doing nothing?</h2>
  {% for name, table in tables %}
  <h3>{{ name }}: accuracy in %</h3>
  <div class="scroll" tabindex="0" role="region" aria-label="{{ name }}">
  <table class="numbers">
    <thead>
      <tr><th scope="col">codes from</th><th scope="col" class="width">width</th>
      {% for column in table.columns %}<th scope="col">{{ column.title }}\
{{ ' a class' if column.title != 'all' else ' labels' }}{% if column.labels %}<small>{{ column.labels }} labels</small>\
{% endif %}</th>{% endfor %}{% if table.leads %}<th scope="col">model's lead<small>on average</small></th>{% endif %}</tr>
    </thead>
    <tbody>
    {% for line in table.lines %}
      <tr class="{{ 'model' if line.encoder == 'model' }}{{ ' chosen' if line.chosen }}">
        <th scope="row">{{ line.encoder }}{{ ', ' ~ line.layer if line.layer }}\
{% if line.chosen %} <span class="tag">chosen layer</span>{% endif %}</th>
        <td class="width">{{ line.width }}</td>
        {% for cell in line.cells %}<td>{% if not cell %}–{% elif cell.best %}<strong>{{ cell.text }}</strong>{% else %}\
{{ cell.text }}{% endif %}</td>{% endfor %}{% if table.leads %}<td>{{ line.lead }}</td>{% endif %}

      </tr>
    {% endfor %}
    </tbody>
  </table>
  </div>
  {% endfor %}
  {% if tables %}
  <p class="hint">{{ note }}</p>
  {% if chart %}
  <figure class="chart wide"><figcaption>Accuracy of a linear probe over the number of labels</figcaption>{{ chart }}</figure>
  {% endif %}
  {% elif evaluated %}
  <p>The data had no labels, so no codes could be compared. Evaluate the model on some labelled data to see whether it beats \
raw input, PCA and a random net; the health of the codes below needs no labels.</p>
  {% else %}
  <p>This run has not been evaluated yet.</p>
  {% endif %}
  {% if notes %}<ul class="notes">{% for note in notes %}<li>{{ note }}</li>{% endfor %}</ul>{% endif %}
</section>"""


def html(run: Run) -> Markup | None:
    """The tables, and a chart of the probe."""
    found = tables(run)
    if not found and (run.words or run.taught or labelled_otherwise(run)):
        return None
    chart = next((_chart(table) for name, table in found if name == TITLES["probe"]), None)
    return say.html(HTML, tables=found, chart=chart, evaluated=bool(run.evaluation), notes=run.notes, note=NOTE)


def markdown(run: Run) -> str | None:
    """The tables."""
    found = tables(run)
    if not found:
        said = "Not measured: no labels were given. Nothing is known yet of how useful these codes are."
        elsewhere = run.words or run.taught or labelled_otherwise(run)
        return None if elsewhere else f"## Evaluation\n\n{said}"
    parts = ["## Evaluation"]
    for name, table in found:
        parts += [f"{name}, accuracy in % on held-out samples:", _markdown(table)]
    return "\n\n".join([*parts, NOTE])


def labelled_otherwise(run: Run) -> bool:
    """Whether labels are numbers, or several of a sample: another section shows what is measured by them."""
    return bool({"probe_numbers", "probe_several"} & run.tables.keys())


def tables(run: Run) -> list[tuple[str, Table]]:
    """The tables that there are, under their titles."""
    names = run.part("data").get("classes")
    layer = chosen_layer(run.verdict.get("because"), run.tables.get("probe", []))
    made = [
        (TITLES[name], build(run.tables.get(name, []), layer, len(names) if isinstance(names, list) else 0))
        for name in TABLES
    ]
    return [(title, table) for title, table in made if table]


def _markdown(table: Table) -> str:
    titles = [f"{md(column.title)} a class" if column.title != "all" else "all labels" for column in table.columns]
    rows = []
    for line in table.lines:
        name = md(f"{line.encoder}, {line.layer}" if line.layer else line.encoder) + (
            " (chosen)" if line.chosen else ""
        )
        cells = ["–" if cell is None else f"**{cell.text}**" if cell.best else cell.text for cell in line.cells]
        rows.append([name, line.width, *cells, *([line.lead] if table.leads else [])])
    return say.grid(("codes from", "width", *titles, *(["model's lead"] if table.leads else [])), rows)


def _chart(table: Table) -> Markup | None:
    """Accuracy over labels a class: the model's chosen layer and one line a baseline."""
    places = [place for place, column in enumerate(table.columns) if column.x]
    if len(places) < 2:
        return None
    curves = []
    for line in table.picked():
        known = [(table.columns[place].x or 0.0, cell) for place in places if (cell := line.cells[place])]
        colour, dash, shape = LINES.get(line.encoder, (8, "-", "*"))
        name = f"{line.encoder}, {line.layer}" if line.layer and line.encoder == "model" else line.encoder
        points = [(x, round(100 * cell.accuracy, 2)) for x, cell in known]
        if points:
            curves.append(svg.Line(name, points, colour, dash, shape, [100 * (cell.error or 0) for _, cell in known]))
    ticks = [(table.columns[place].x or 0.0, table.columns[place].title) for place in places]
    return svg.lines(
        "accuracy",
        curves,
        title="Accuracy over labels a class, the numbers of the table above.",
        x="labels a class (log scale)",
        y="accuracy, %",
        ticks=ticks,
        most=MOST,
    )


@dataclass(frozen=True)
class Column:
    """One count of labels."""

    title: str  # labels per class: "5", or "all"
    labels: str  # labels in all, "" where not known
    x: float | None  # labels per class as a number, for the axis of a chart


@dataclass(frozen=True)
class Cell:
    """One accuracy, as a share."""

    accuracy: float
    error: float | None
    best: bool  # the highest of its column, as shown

    @property
    def text(self) -> str:
        """In per cent: ``88.1 ± 1.0``, or ``88.1`` where no error is known."""
        return percent(self.accuracy) + (f" ± {percent(self.error)}" if self.error is not None else "")


@dataclass(frozen=True)
class Line:
    """One encoder, or one layer of it."""

    encoder: str
    layer: str
    width: str
    cells: tuple[Cell | None, ...]
    chosen: bool  # the layer that the verdict speaks of
    lead: str = ""  # of the model over a baseline, the mean over the columns, with its error

    @property
    def mean(self) -> float:
        """Mean accuracy over the columns: what stands for a baseline that lacks the chosen layer is its best."""
        known = [cell.accuracy for cell in self.cells if cell]
        return sum(known) / len(known) if known else 0.0


@dataclass(frozen=True)
class Table:
    """Every encoder at every count of labels."""

    columns: tuple[Column, ...]
    lines: tuple[Line, ...]

    @property
    def leads(self) -> bool:
        """Whether there is a lead to be shown."""
        return any(line.lead for line in self.lines)

    def picked(self) -> list[Line]:
        """Return one line an encoder: the chosen layer, and the same layer of the baselines where they have it."""
        picked: list[Line] = []
        layer = next((line.layer for line in self.lines if line.chosen), None)
        for encoder in dict.fromkeys(line.encoder for line in self.lines):
            mine = [line for line in self.lines if line.encoder == encoder]
            picked.append(next((line for line in mine if line.layer == layer), max(mine, key=lambda line: line.mean)))
        return picked


def build(rows: Iterable[Mapping[str, Any]], layer: Any, n_classes: int) -> Table | None:
    """Make the table of probe or kNN rows.

    Parameters
    ----------
    rows
        As in ``evaluation.json``; keys that are not known here are left alone.
    layer
        The model's layer that the verdict chose, or None.
    n_classes
        Number of classes, 0 where not known.
    """
    usable = [row for row in rows if number(row.get("accuracy")) is not None]
    if not usable:
        return None
    columns = _columns(usable, n_classes)
    found: dict[tuple[str, str], dict[str, Mapping[str, Any]]] = {}
    for row in usable:
        found.setdefault((plain(row.get("encoder", "?")), plain(row.get("layer") or "")), {})[_title(row)] = row
    best = {c.title: max(_shown(line[c.title]) for line in found.values() if c.title in line) for c in columns}
    rank = {name: place for place, name in enumerate(LINES)}
    # the errors of leads are of the layer that the table's own rows choose
    judged = found.get(("model", plain(layer)), {}) if layer == chosen_layer(None, usable) else {}
    lines = [
        _line(key, cells, columns, best, key == ("model", layer), judged)
        for key, cells in sorted(found.items(), key=lambda item: rank.get(item[0][0], len(rank)))
    ]
    return Table(columns, tuple(lines))


def chosen_layer(because: Any, rows: Iterable[Mapping[str, Any]]) -> str | None:
    """Return the model's layer that a verdict speaks of; where it does not name it, its own rule says which that is."""
    named = mapping(because).get("layer")
    if named is not None:
        return plain(named)
    known = [(row, number(row.get("labels"))) for row in rows if row.get("encoder") == "model"]
    layers = [
        {
            "encoder": "model",
            "layer": plain(row.get("layer") or ""),
            "labels": labels,
            "validation": number(row.get("validation")),
        }
        for row, labels in known
        if labels is not None
    ]
    return best_layer(layers)


def _title(row: Mapping[str, Any]) -> str:
    """Return the labels per class of a row, or where labels are numbers all of them, as the key and title of its column."""
    return plain(row.get("labels_per_class", row.get("labels", "all") if "accuracy" not in row else "all"))


def _shown(row: Mapping[str, Any]) -> str:
    """Return an accuracy as it is shown, so that what looks equal counts as equal; padded, so that it sorts."""
    return percent(row.get("accuracy")).rjust(8)


def _columns(rows: list[Mapping[str, Any]], n_classes: int) -> tuple[Column, ...]:
    """Return the columns from few labels to many; ``all`` stands where its number of labels puts it: last."""
    first = {_title(row): row for row in reversed(rows)}
    per_class = {title: number(row.get("labels_per_class")) for title, row in first.items()}
    if not n_classes:  # what 5 labels a class add up to says how many classes there are
        known = [(number(first[title].get("labels")), count) for title, count in per_class.items() if count]
        n_classes = max((round(labels / count) for labels, count in known if labels and count), default=0)
    columns = []
    for title, row in first.items():
        labels, x = number(row.get("labels")), per_class[title]
        if x is None and labels and n_classes:
            x = labels / n_classes
        columns.append(Column(title, short(labels) if labels else "", x if x and x > 0 else None))
    return tuple(sorted(columns, key=lambda column: (per_class[column.title] is None, column.x or 0.0)))


def _line(
    key: tuple[str, str],
    rows: Mapping[str, Mapping[str, Any]],
    columns: tuple[Column, ...],
    best: Mapping[str, str],
    chosen: bool,
    judged: Mapping[str, Mapping[str, Any]],
) -> Line:
    """Return one line of the table."""
    cells: list[Cell | None] = []
    for column in columns:
        row = rows.get(column.title)
        accuracy = None if row is None else number(row.get("accuracy"))
        if row is None or accuracy is None:
            cells.append(None)
            continue
        cells.append(Cell(accuracy, _error(row), _shown(row) == best[column.title]))
    width = next((short(row["width"]) for row in rows.values() if number(row.get("width"))), "")
    return Line(key[0], key[1], width, tuple(cells), chosen, lead_of(rows.values(), judged.values()))


def _error(row: Mapping[str, Any]) -> float | None:
    """Return the standard error of an accuracy; of runs before there were such, the deviation over several draws."""
    error = number(row.get("error"))
    return number(row.get("sd")) if error is None and plain(row.get("draws", "?")) != "1" else error


def lead_of(rows: Iterable[Mapping[str, Any]], judged: Iterable[Mapping[str, Any]], key: str = "accuracy") -> str:
    """Return how far the judged layer is ahead of a baseline over all numbers of labels.

    In points, ``+2.3 ± 1.1``, or of R2 ``+0.023 ± 0.011``; nothing where no error was measured with it, as of the model itself.
    """
    model = {_title(row): row for row in judged}
    pairs = [(model[_title(row)], row) for row in rows if _title(row) in model]
    known = [(one.get(key), row.get(key), row.get("mean_lead_error")) for one, row in pairs]
    if not known or any(None in map(number, one) for one in known):
        return ""
    apart, error = sum(float(one[key]) - float(two[key]) for one, two in pairs) / len(pairs) + 0.0, noise(pairs)
    return f"{100 * apart:+.1f} ± {100 * error:.1f}" if key != "r2" else f"{apart:+.3f} ± {error:.3f}"

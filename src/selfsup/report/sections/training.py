"""How the training went: losses, the shuffle gap, the method's own measures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from markupsafe import Markup

from selfsup.report import say, svg
from selfsup.report.run import Run
from selfsup.report.say import mapping, number, short

MOST_MEASURES = 8
DECADES = 5  # that a loss is shown over: one that starts at rounding error would flatten all else
EPOCHS = "epoch (0: before training)"
HTML = """
<section>
  <h2>Training</h2>
  <div class="pair{{ ' trio' if charts | length > 2 }}">
  {% for title, chart in charts %}
  <figure class="chart"><figcaption>{{ title }}</figcaption>{{ chart }}</figure>
  {% endfor %}
  </div>
  {% if gap %}
  <p class="hint">The shuffle gap is the loss with the guesses swapped between {{ samples }}, minus the loss. It starts near 0; \
if it stays there, nothing is being learnt, however small the loss.</p>
  {% endif %}
  {% if measures %}
  <h3>The method's own measures on held-out {{ 'data' if words else 'samples' }}</h3>
  <div class="pair trio">
  {% for title, chart in measures %}
  <figure class="chart"><figcaption>{{ title }}</figcaption>{{ chart }}</figure>
  {% endfor %}
  </div>
  {% endif %}
</section>"""


def html(run: Run) -> Markup | None:
    """The charts that there is something to draw in."""
    fast, held = (speed(run.history), "text") if run.words else (None, "samples")
    ranks = curve(run.history, "rank")
    size = svg.LOW if fast or ranks else svg.SIZE  # three charts stand side by side
    width = number(run.history[-1].get("width")) if run.history else None
    found = [
        ("Loss", losses(run.history, size)),
        (f"Shuffle gap on held-out {held}", _alone("gaps", "shuffle gap", curve(run.history, "gap"), size)),
        (
            f"Effective rank{run.tell(' of {codes}')}, {width:g} wide" if width else "",
            _alone("ranks", "rank", ranks, size),
        ),
        ("Words a second", fast),
    ]
    charts, own = [(title, chart) for title, chart in found if chart], measures(run.history)
    if not charts and not own:
        return None
    gap = any(title.startswith("Shuffle") for title, _ in charts)
    return say.html(HTML, charts=charts, gap=gap, measures=own, samples=run.tell("{samples}"), words=run.words)


def losses(history: Sequence[dict[str, Any]], size: tuple[int, int]) -> Markup | None:
    """Training loss, its terms where there are several, and held-out loss; epoch 0 is before training."""
    curves = {"training loss": curve(history, "loss"), "held-out loss": curve(history, "heldout")}
    terms = list(dict.fromkeys(name for record in history for name in mapping(record.get("terms"))))
    for term in terms if len(terms) > 1 else []:
        parts = [{"epoch": record.get("epoch"), "term": mapping(record.get("terms")).get(term)} for record in history]
        curves[f"term: {term}"] = curve(parts, "term")
    drawn = [
        svg.Line(name, points, place % len(svg.COLOURS), svg.DASHES[place % len(svg.DASHES)])
        for place, (name, points) in enumerate((name, points) for name, points in curves.items() if points)
    ]
    if not drawn:
        return None
    values = [y for line in drawn for _, y in line.points]
    log = min(values) > 0 and max(values) > 20 * min(values)  # else the last epochs are one flat line
    bottom = max(values) / 10**DECADES if log and max(values) > 10**DECADES * min(values) else None
    y = "loss (log scale)" if log else "loss"
    return svg.lines("losses", drawn, title="Loss over the epochs.", x=EPOCHS, y=y, log=log, bottom=bottom, size=size)


def speed(history: Sequence[dict[str, Any]]) -> Markup | None:
    """Words a second over the epochs; the first record holds the compilation, and is left out where it trained nothing."""
    points = [(x, y) for x, y in curve(history, "samples_per_second") if y > 0]
    return _alone("speed", "words a second", points, svg.LOW) if len(points) > 1 else None


def measures(history: Sequence[dict[str, Any]]) -> list[tuple[str, Markup]]:
    """A small chart over the epochs for each of the method's own measures, titled by its first and last value."""
    found: list[tuple[str, Markup]] = []
    for name in list(dict.fromkeys(name for record in history for name in mapping(record.get("measures")))):
        own = [{"epoch": record.get("epoch"), "own": mapping(record.get("measures")).get(name)} for record in history]
        points = curve(own, "own")
        chart = _alone(f"measure-{len(found)}", name, points, svg.LOW)
        if chart and len(found) < MOST_MEASURES:
            first, last = short(points[0][1]), short(points[-1][1])
            since = f"{first} {'before training' if points[0][0] == 0 else 'at first'}, {last} at the end"
            found.append((f"{name}: {since if len(points) > 1 else last}", chart))
    return found


def curve(history: Sequence[dict[str, Any]], key: str) -> list[tuple[float, float]]:
    """The finite values of one key over the epochs."""
    pairs = [(number(record.get("epoch")), number(record.get(key))) for record in history]
    return [(x, y) for x, y in pairs if x is not None and y is not None]


def _alone(key: str, name: str, points: Sequence[tuple[float, float]], size: tuple[int, int]) -> Markup | None:
    """One curve, from zero where it does not go below."""
    if not points:
        return None
    bottom = 0.0 if min(y for _, y in points) >= 0 else None
    return svg.lines(key, [svg.Line(name, points)], title="Over the epochs.", x=EPOCHS, y="", bottom=bottom, size=size)

"""The short facts: method, data, net, time."""

from __future__ import annotations

from markupsafe import Markup

from selfsup import store
from selfsup.report import say
from selfsup.report.run import Run

UNTAUGHT = "A representation learnt without labels, by hiding part of the data and predicting it from the rest."
TAUGHT = "A classifier: a net that was trained without labels, trained on with them."
HTML = """
<section aria-label="Short facts">
  <dl class="facts">{% for title, value in facts %}<div><dt>{{ title }}</dt><dd>{{ value }}</dd></div>{% endfor %}</dl>
</section>"""


def html(run: Run) -> Markup:
    """Pairs of a title and a value."""
    epochs = say.number(run.part("training").get("epochs"))
    counted = f", {say.short(epochs)} epoch{'' if epochs == 1 else 's'}" if epochs else ""
    found = [
        ("Method", say.summary(run.config)),
        ("Why this method", run.config.get("why")),
        ("Goes on from", run.config.get("warm_start")),
        ("Data", run.part("data").get("description") or run.part("data").get("source")),
        size(run),
        ("Net", run.config.get("net")),
        ("Parameters", parameters(run)),
        ("Time, with evaluation" if run.evaluation else "Time", say.duration(run.config.get("seconds")) + counted),
        ("Hardware", run.config.get("hardware")),
        ("Skipped files", f"{run.bad:,}; {store.BAD} says which and why" if run.bad else ""),
    ]
    return say.html(HTML, facts=[(title, say.plain(value)) for title, value in found if value])


def markdown(run: Run) -> str:
    """The method in a sentence, and a table of the training."""
    data, training = run.part("data"), run.part("training")
    sees, hides = say.sight(run.config)
    about = [
        "## Method",
        TAUGHT if run.taught else UNTAUGHT,
        say.md(say.summary(run.config)),
        f"- **Saw:** {say.md(sees)}\n- **Hidden:** {say.md(hides)}",
        f"Why this method: {say.md(run.config['why'])}" if run.config.get("why") else "",
        "## Training",
    ]
    found = [
        ("Data", say.md(data.get("description") or data.get("source") or "unknown data")),
        (size(run)[0], say.md(size(run)[1])),
        ("Fingerprint of the data", say.code(data["fingerprint"]) if data.get("fingerprint") else ""),
        ("Net", say.md(run.config.get("net") or "")),
        ("Goes on from", say.code(run.config["warm_start"]) if run.config.get("warm_start") else ""),
        ("Parameters", parameters(run)),
        ("Time", say.duration(run.config.get("seconds"))),
        ("Hardware", say.md(run.config.get("hardware") or "")),
        (
            "Epochs, batch size, learning rate",
            ", ".join(say.md(training.get(key, "–")) for key in ("epochs", "batch_size", "lr")),
        ),
        ("Held-out loss", trend(run, "heldout")),
        ("Shuffle gap", trend(run, "gap")),
    ]
    table = say.grid(("", ""), [(title, value) for title, value in found if value], left=2)
    return "\n\n".join([part for part in about if part] + [table])


def size(run: Run) -> tuple[str, str]:
    """How many samples of which shape; of word vectors, how many words have one."""
    form, width, rows = run.part("form"), say.number(run.config.get("width")), say.number(run.part("data").get("rows"))
    if run.words:
        shape = form.get("shape")
        words = say.number(shape[0]) if isinstance(shape, list) and shape else None
        return "Vocabulary", f"{say.short(words)} words" + (f", vectors of {say.short(width)} numbers" if width else "")
    return "Samples", f"{say.short(rows) + ' × ' if rows is not None else ''}{say.size(form)}"


def parameters(run: Run) -> str:
    """How many numbers were learnt; nothing where that is not known."""
    known = say.number(run.config.get("parameters"))
    return "" if known is None else say.short(known)


def trend(run: Run, key: str) -> str:
    """A number before and after training."""
    values = [value for record in run.history if (value := say.number(record.get(key))) is not None]
    before = "at the warm start" if run.config.get("warm_start") else "before training"
    return f"{say.short(values[0])} {before}, {say.short(values[-1])} after" if len(values) > 1 else ""

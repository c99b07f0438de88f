"""What learnt vectors, or a trained net, are worth for a task with labels: accuracy over the number of labels, of each way."""

from __future__ import annotations

from markupsafe import Markup

from selfsup.measures.samples.efficiency import FROZEN as PROBED, RAW, SCRATCH, TUNED
from selfsup.measures.samples.transfer import BOTH, FROZEN, KEPT, NAME, TFIDF, in_counts, note
from selfsup.report.run import Run
from selfsup.report.sections.accuracy import Table, build
from selfsup.report.sections.efficiency import Kind, drawn, tested, told

TABLES = (NAME,)
KIND = Kind(
    "transfer",
    "What is it worth for a task with labels?",
    "What is it worth for a task with labels?",
    "Transfer",
    " labels",
    {
        FROZEN: (2, ":", "s"), PROBED: (2, ":", "s"), TUNED: (0, "-", "o"), KEPT: (5, "-.", "^"), BOTH: (3, "-", "P"),
        SCRATCH: (1, "--", "D"), TFIDF: (7, "--", "X"), RAW: (7, "--", "X"),
    },
)  # fmt: skip


def html(run: Run) -> Markup | None:
    """The picture, and the numbers that it is drawn from."""
    rows = run.tables.get(NAME, [])
    return drawn(_table(run), KIND, note(rows) + tested(rows), run.notes)


def markdown(run: Run) -> str | None:
    """The numbers."""
    rows = run.tables.get(NAME, [])
    return told(_table(run), KIND, note(rows) + tested(rows))


def _table(run: Run) -> Table | None:
    """Ways down, numbers of labels across: as if all were of one class, so that a count is of labels in all."""
    return build(in_counts(run.tables.get(NAME, [])), None, 1)

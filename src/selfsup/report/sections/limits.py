"""What the numbers of a card do not say."""

from __future__ import annotations

from selfsup.report import say
from selfsup.report.run import Run
from selfsup.report.sections.bias import TABLES as bias_tables

LIMITS = (
    "It knows only data like those it was trained on; evaluate it again on others.",
    "What was held out is of the same source as what was learnt from: near copies or neighbours may lie on both sides.",
    "Its {codes} can carry anything that is in the data, sensitive attributes too{bias}.",
    "The licence of the training data was not checked, so that of the model is not known.",
)
MEASURED, UNMEASURED = "; what was measured of one stands above, and is not all", "; bias was not measured"


def markdown(run: Run) -> str:
    """The limits of every run, and the notes of this one."""
    bias = MEASURED if set(bias_tables) & set(run.tables) else UNMEASURED
    limits = [*(run.tell(limit.replace("{bias}", bias)) for limit in LIMITS), *map(say.md, [*run.notes, *run.cautions])]
    return "## Limits\n\n" + "\n".join(f"- {limit}" for limit in limits)

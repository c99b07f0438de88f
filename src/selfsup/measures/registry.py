"""The measures: a function that makes a table of evidence, and how such tables are shown. To add one: its file, one line here."""

from __future__ import annotations

from typing import NamedTuple


class Entry(NamedTuple):
    """Where a measure and the look of its table are, and what it needs: parts of `Evidence`, or options that name a file.

    A table that is made only together with others, of what is held side by side, has a look and no measure.
    """

    measure: str
    look: str
    needs: tuple[str, ...]
    costly: bool = False  # taken only where it is asked for by name


REGISTERED = {
    "probe": Entry("selfsup.measures.samples.probe:measure", "selfsup.measures.samples.accuracy:PROBE", ("labels",)),
    "knn": Entry("selfsup.measures.samples.knn:measure", "selfsup.measures.samples.accuracy:KNN", ("labels",)),
    "confusion": Entry(
        "selfsup.measures.samples.confusion:measure", "selfsup.measures.samples.confusion:LOOK", ("labels",)
    ),
    "hardest": Entry("selfsup.measures.samples.hardest:measure", "selfsup.measures.samples.hardest:LOOK", ("labels",)),
    "boosting": Entry(
        "selfsup.measures.samples.boosting:measure", "selfsup.measures.samples.boosting:LOOK", ("columns",)
    ),
    "probe_numbers": Entry(
        "selfsup.measures.samples.regression:measure", "selfsup.measures.samples.regression:LOOK", ("numbers",)
    ),
    "probe_several": Entry(
        "selfsup.measures.samples.multilabel:measure", "selfsup.measures.samples.multilabel:LOOK", ("several",)
    ),
    "maps": Entry(
        "selfsup.measures.samples.maps:measure", "selfsup.measures.samples.maps:LOOK", ("labels", "maps"), costly=True
    ),
    "label_efficiency": Entry(
        "selfsup.measures.samples.efficiency:measure",
        "selfsup.measures.samples.efficiency:LOOK",
        ("attempts", "y_test"),
    ),
    "transfer": Entry(
        "selfsup.measures.samples.transfer:measure",
        "selfsup.measures.samples.transfer:LOOK",
        ("transferred", "y_test"),
    ),
    "audit": Entry("selfsup.measures.samples.audit:measure", "selfsup.measures.samples.audit:LOOK", ("patches",)),
    "colour": Entry("selfsup.measures.samples.colour:measure", "selfsup.measures.samples.colour:LOOK", ("painted",)),
    "compare": Entry("", "selfsup.measures.samples.runs:LOOK", ()),
    "compare_leads": Entry("", "selfsup.measures.samples.runs:LEADS_LOOK", ()),
    "compare_health": Entry("", "selfsup.measures.samples.runs:HEALTH_LOOK", ()),
    "race": Entry("", "selfsup.measures.race:LOOK", ()),
    "neighbours": Entry(
        "selfsup.measures.words.beside:measure", "selfsup.measures.words.neighbours:LOOK", ("words", "text")
    ),
    "counting": Entry("selfsup.measures.words.rivals:measure", "selfsup.measures.words.leads:LOOK", ("words",)),
    "map": Entry("selfsup.measures.words.plane:measure", "selfsup.measures.words.plane:LOOK", ("words", "text")),
    "analogies": Entry(
        "selfsup.measures.words.analogies:measure", "selfsup.measures.words.analogies:LOOK", ("words", "analogies")
    ),
    "similarity": Entry(
        "selfsup.measures.words.similarity:measure", "selfsup.measures.words.similarity:LOOK", ("words", "similarity")
    ),
    "bias_direction": Entry(
        "selfsup.measures.words.bias.evidence:measure_direction",
        "selfsup.measures.words.bias.scope:LOOK",
        ("words", "bias"),
    ),
    "bias_extremes": Entry(
        "selfsup.measures.words.bias.evidence:measure_extremes",
        "selfsup.measures.words.bias.extremes:LOOK",
        ("words", "bias"),
    ),
    "bias": Entry(
        "selfsup.measures.words.bias.evidence:measure", "selfsup.measures.words.bias.score:LOOK", ("words", "bias")
    ),
    "bias_scope": Entry("", "selfsup.measures.words.bias.scope:SCOPE", ()),
    "bias_indirect": Entry("", "selfsup.measures.words.bias.indirect:LOOK", ()),
    "bias_analogies": Entry("", "selfsup.measures.words.bias.generated:LOOK", ()),
    "bias_residual": Entry("", "selfsup.measures.words.bias.residual:LOOK", ()),
    "bias_cost": Entry("", "selfsup.measures.words.bias.cost:LOOK", ()),
}

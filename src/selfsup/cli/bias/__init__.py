"""The verbs of `selfsup bias`: what word vectors say of people, what a method takes from it, and what it leaves; no torch."""

from __future__ import annotations

from collections.abc import Callable

from selfsup.cli.bias.debias import debias
from selfsup.cli.bias.extremes import extremes
from selfsup.cli.bias.measure import measure
from selfsup.cli.bias.report import report

USAGE = """\
selfsup bias: bias in word vectors, measured, reduced, and what is left. VECTORS: a file of word vectors in any format, or a run.

  selfsup bias VECTORS                             the direction of gender, and the occupations farthest along it
  selfsup bias VECTORS extremes -n 12              the same; --attribute FILE.json, --words FILE, --pairs she:he,woman:man
  selfsup bias VECTORS measure                     DirectBias, WEAT and others, with intervals; --weat FILE.json, --ratings FILE
  selfsup bias VECTORS debias --out NEW            less of it: --method hard, soft, double-hard, inlp, leace, multiclass;
                                                   shows what was removed, what is left and what it cost
  selfsup bias VECTORS report --out bias.html      all of that as one page that opens offline; `--report bias.html` does the same

  selfsup bias VECTORS VERB --help                 what a verb takes

"gender" is binary and English here: the pairs of the literature. A lower score is lower on its measure, not unbiased."""
VERBS: dict[str, Callable[..., None]] = {
    "extremes": extremes,
    "measure": measure,
    "debias": debias,
    "report": report,
}

"""The verb audit."""

from __future__ import annotations

from typing import Any

from selfsup.cli.common import load_run
from selfsup.cli.evaluate import keep
from selfsup.cli.parser import Groups, say


def audit(
    run: str,
    *,
    data: str,
    method: str | None = None,
    given: tuple[str, ...] | None = None,
    device: str = "cpu",
    **settings: Any,
) -> None:
    """Ask whether a patch gives away where in its image it was cut; beside chance and the untrained net.

    Parameters
    ----------
    run
        Run folder, of images by any method.
    data
        Images of the form it learnt from.
    """
    from selfsup.measures.evaluation import Evaluation
    from selfsup.measures.table import look_of
    from selfsup.training.audit import audit as auditing

    model = load_run(run, method, device, given)
    table = auditing(model, data, **settings)
    say("\n".join(look_of(table.name).lines(table)))
    keep(model, (model.evaluation or Evaluation()).with_table(table), run)


def options(words: list[str]) -> Groups:
    """Options of the audit itself."""
    from selfsup.options import options_of
    from selfsup.training.audit import audit as function

    return [("audit", {name: o for name, o in options_of(function).items() if name not in ("model", "data")})]

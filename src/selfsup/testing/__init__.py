"""The contract suite: what every method must keep, checked on any method of any kind of data, whoever wrote it.

    report = check_method("FILE.py:MyMethod", dim=8)
    report.print()

What a method can do by its verbs, and what it says on its class (``kinds``, ``solvers``, ``by_heart``, ``coupled``,
``takes_missing``), chooses the checks and the small made data that they run on.
"""

from selfsup.testing.made import pictures, table, text
from selfsup.testing.report import Check, Failure, Report, check_method, checks_of

__all__ = ["Check", "Failure", "Report", "check_method", "checks_of", "pictures", "table", "text"]

"""The verbs of the command line: functions whose signatures and docstrings give the flags. Nothing heavy is imported early."""

from selfsup.verbs.decode import export, interpolate, reconstruct, sample, score, traverse
from selfsup.verbs.learn import encode, evaluate, fit, methods, report

__all__ = [
    "encode", "evaluate", "export", "fit", "interpolate", "methods", "reconstruct", "report", "sample", "score", "traverse",
]  # fmt: skip

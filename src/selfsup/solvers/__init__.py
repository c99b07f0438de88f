"""Ways to solve the problem a method declares: gradient descent, or its closed form."""

from selfsup.solvers.checkpoint import Checkpoint
from selfsup.solvers.exact import exact
from selfsup.solvers.plan import Plan
from selfsup.solvers.sgd import sgd

__all__ = ["Checkpoint", "Plan", "exact", "sgd"]

"""Ways to solve the problem a method declares: gradient descent, or its closed form."""

from selfsup.solvers.checkpoint import Checkpoint
from selfsup.solvers.exact import exact, moments_of_chunks
from selfsup.solvers.exact import moments as second_moments
from selfsup.solvers.plan import Plan
from selfsup.solvers.sgd import sgd

__all__ = ["Checkpoint", "Plan", "exact", "moments_of_chunks", "second_moments", "sgd"]

"""The room of evidence: what codes are worth beside raw input, PCA and a random network. It never sees a method."""

from selfsup.evaluation.baselines import pca as pca_features
from selfsup.evaluation.compare import Features, compare
from selfsup.evaluation.evaluation import Evaluation
from selfsup.evaluation.fitting import fitting
from selfsup.evaluation.flat_map import flat_map
from selfsup.evaluation.health import effective_rank, health
from selfsup.evaluation.leads import best_layer
from selfsup.evaluation.verdict import verdict

__all__ = [
    "Evaluation",
    "Features",
    "best_layer",
    "compare",
    "effective_rank",
    "fitting",
    "flat_map",
    "health",
    "pca_features",
    "verdict",
]

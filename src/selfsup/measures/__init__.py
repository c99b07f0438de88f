"""The room of evidence: what codes are worth beside raw input, PCA and a random network. It never sees a method."""

from selfsup.measures.evaluation import Evaluation
from selfsup.measures.fitting import fitting
from selfsup.measures.health import effective_rank, health
from selfsup.measures.map import flat_map
from selfsup.measures.samples.baselines import pca as pca_features
from selfsup.measures.samples.compare import Features, compare
from selfsup.measures.samples.leads import best_layer
from selfsup.measures.verdict import verdict

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

"""The room of evidence: what codes and words are worth beside simple baselines. It never sees a method."""

from selfsup.measures.evaluation import Evaluation, judged
from selfsup.measures.fitting import fitting
from selfsup.measures.health import effective_rank, health
from selfsup.measures.map import flat_map
from selfsup.measures.run import Evidence, Features, Maps, Text, run
from selfsup.measures.samples.baselines import pca as pca_features
from selfsup.measures.samples.leads import best_layer
from selfsup.measures.table import Table
from selfsup.measures.verdict import verdict

__all__ = [
    "Evaluation",
    "Evidence",
    "Features",
    "Maps",
    "Table",
    "Text",
    "best_layer",
    "effective_rank",
    "fitting",
    "flat_map",
    "health",
    "judged",
    "pca_features",
    "run",
    "verdict",
]

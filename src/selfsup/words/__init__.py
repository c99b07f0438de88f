"""Words: their vectors, what is near to what, and how good the vectors are. Needs neither torch nor numba."""

from selfsup.words.analogies import AnalogyScores, analogies
from selfsup.words.similarity import SimilarityScores, similarity
from selfsup.words.vectors import WordVectors

# The functions hide the modules of their names on purpose; import what else is in those with `from ... import`.
__all__ = ["AnalogyScores", "SimilarityScores", "WordVectors", "analogies", "similarity"]

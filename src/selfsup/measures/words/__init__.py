"""What word vectors are worth: analogies, similarity, neighbours, the health of their space."""

from selfsup.measures.words.analogies import AnalogyScores, analogies
from selfsup.measures.words.similarity import SimilarityScores, similarity

# The functions hide the modules of their names on purpose; import what else is in those with `from ... import`.
__all__ = ["AnalogyScores", "SimilarityScores", "analogies", "similarity"]

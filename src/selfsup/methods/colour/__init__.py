"""What colorization is made of: the colours that are guessed among, and a head that guesses one at every place."""

from selfsup.methods.colour.bins import Bins, annealed_mean, bins_of, gamut, prior_of, rebalanced
from selfsup.methods.colour.head import Head

__all__ = ["Bins", "Head", "annealed_mean", "bins_of", "gamut", "prior_of", "rebalanced"]

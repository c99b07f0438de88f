"""What the auto-encoders share: two nets, a likelihood, a pluggable penalty, and a start from PCA."""

from selfsup.methods.autoencoder.base import AutoEncoder, Guess
from selfsup.methods.autoencoder.likelihood import LikelihoodName
from selfsup.methods.autoencoder.omega import OMEGAS, Omega

__all__ = ["OMEGAS", "AutoEncoder", "Guess", "LikelihoodName", "Omega"]

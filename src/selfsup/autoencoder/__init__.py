"""What the auto-encoders share: two nets, a likelihood, a pluggable penalty, and a start from PCA."""

from selfsup.autoencoder.base import AutoEncoder, Guess
from selfsup.autoencoder.likelihood import LikelihoodName
from selfsup.autoencoder.omega import OMEGAS, Omega

__all__ = ["OMEGAS", "AutoEncoder", "Guess", "LikelihoodName", "Omega"]

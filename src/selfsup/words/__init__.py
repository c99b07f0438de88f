"""Words: their vectors, what is near to what, and their files. Needs neither torch nor numba."""

from selfsup.words.vectors import WordVectors

__all__ = ["WordVectors"]

"""The report of a run as one HTML file, and its model card, from what a run folder holds."""

from selfsup.report.card import card
from selfsup.report.page import page, write

__all__ = ["card", "page", "write"]

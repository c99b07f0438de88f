"""The report of a run as one HTML file, of several runs too, and its model card, from what a run folder holds."""

from selfsup.report.card import card
from selfsup.report.page import page, write
from selfsup.report.several import write_several

__all__ = ["card", "page", "write", "write_several"]

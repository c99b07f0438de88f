"""Sources of data, decoded once and held in memory. Nothing here is random."""

from selfsup.data.dataset import Dataset
from selfsup.data.frames import fill, to_frame
from selfsup.data.intake import BadFile, Intake
from selfsup.data.open import open_data
from selfsup.data.rows import Rows
from selfsup.data.stream import Stream

__all__ = ["BadFile", "Dataset", "Intake", "Rows", "Stream", "fill", "open_data", "to_frame"]

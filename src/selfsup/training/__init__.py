"""From data to a model with its evidence: `fit` is the door, one job does the work."""

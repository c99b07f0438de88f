"""PCA: the baseline that costs a second and that many trained codes do not beat."""

from __future__ import annotations

import numpy as np

from selfsup.lazy import sklearn
from selfsup.measures.run import Features

FEW_COLUMNS = 2000  # up to here the exact solution from the covariance is the fastest
FIT_ROWS = 20_000  # bounds time and memory for wide rows: fitting copies them; all rows are transformed


def pca(train_x: np.ndarray, test_x: np.ndarray, width: int) -> Features:
    """Codes of PCA fitted on the training rows, not whitened.

    Parameters
    ----------
    train_x, test_x
        (n, p) and (m, p) float32 samples, one flat row each.
    width
        Number of components: that of the code it is compared with, at most n and p.
    """
    rows, columns = train_x.shape
    fitted = train_x
    if rows > FIT_ROWS:
        fitted = train_x[np.sort(np.random.default_rng(0).permutation(rows)[:FIT_ROWS])]
    solver = "covariance_eigh" if columns <= FEW_COLUMNS else "randomized"
    model = sklearn.decomposition.PCA(min(width, len(fitted), columns), svd_solver=solver, random_state=0)
    with np.errstate(invalid="ignore", divide="ignore"):  # the share of variance of constant data, which nobody reads
        model.fit(fitted)
    return Features(model.transform(train_x).astype(np.float32), model.transform(test_x).astype(np.float32))

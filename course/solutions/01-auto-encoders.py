def closed_form(x, k):
    """Axes (k, d), orthonormal, the largest variance first, and mean (d,) of data x (n, d)."""
    mean = x.mean(0)
    covariance = (x - mean).T @ (x - mean) / len(x)
    vectors = torch.linalg.eigh(covariance).eigenvectors  # (d, d), a column each, in rising order of the eigenvalues
    return vectors.flip(1)[:, :k].T, mean

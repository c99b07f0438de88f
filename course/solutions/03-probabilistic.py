def most_likely(x, k):
    """Mean (d,), W (d, k) and sigma^2 (a number) of the largest likelihood, for data x (n, d)."""
    mean = x.mean(0)
    values, vectors = torch.linalg.eigh((x - mean).T @ (x - mean) / len(x))
    values, vectors = values.flip(0), vectors.flip(1)  # the largest first
    noise = values[k:].mean().item()
    return mean, vectors[:, :k] * (values[:k] - noise).sqrt(), noise

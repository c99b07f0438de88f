# ruff: noqa: F811, F821
# wrong: that is their sum
def most_likely(x, k):
    mean = x.mean(0)
    values, vectors = torch.linalg.eigh((x - mean).T @ (x - mean) / len(x))
    values, vectors = values.flip(0), vectors.flip(1)
    noise = values[k:].sum().item()
    return mean, vectors[:, :k] * (values[:k] - noise).sqrt(), noise


# wrong: W W' is not that of the maximum
def most_likely(x, k):
    mean = x.mean(0)
    values, vectors = torch.linalg.eigh((x - mean).T @ (x - mean) / len(x))
    values, vectors = values.flip(0), vectors.flip(1)
    return mean, vectors[:, :k] * values[:k].sqrt(), values[k:].mean().item()


# wrong: divided by n - 1
def most_likely(x, k):
    values, vectors = torch.linalg.eigh(torch.cov(x.T))
    values, vectors = values.flip(0), vectors.flip(1)
    noise = values[k:].mean().item()
    return x.mean(0), vectors[:, :k] * (values[:k] - noise).sqrt(), noise


# wrong: that is the mean of the ones that are kept
def most_likely(x, k):
    mean = x.mean(0)
    values, vectors = torch.linalg.eigh((x - mean).T @ (x - mean) / len(x))
    noise = values[-k:].mean().item()
    return mean, vectors[:, :k] * (values[:k] - noise).abs().sqrt(), noise

# ruff: noqa: F811, F821
# wrong: Is the code centred?
def closed_form(x, k):
    return torch.linalg.svd(x, full_matrices=False).Vh[:k], x.mean(0)


# wrong: eigenvectors of the largest eigenvalues
def closed_form(x, k):
    mean = x.mean(0)
    return torch.linalg.eigh((x - mean).T @ (x - mean)).eigenvectors[:, :k].T, mean


# wrong: the largest variance comes first
def closed_form(x, k):
    mean = x.mean(0)
    return torch.linalg.eigh((x - mean).T @ (x - mean)).eigenvectors[:, -k:].T, mean


# wrong: not orthonormal
def closed_form(x, k):
    mean = x.mean(0)
    found = torch.linalg.svd(x - mean, full_matrices=False)
    return found.S[:k, None] * found.Vh[:k], mean

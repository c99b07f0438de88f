def draw(mean, log_variance, noise):
    """Codes (B, D) from q, made of standard normal noise (B, D)."""
    return mean + (0.5 * log_variance).exp() * noise


def kl(mean, log_variance):
    """KL divergence (B,) of q from the standard normal prior, in nats."""
    return 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum(1)

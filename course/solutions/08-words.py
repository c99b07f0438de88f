def negative_loss(guess, near, far):
    """Vectors of words (B, D), of a neighbour of each (B, D) and of K negatives (B, K, D) to the loss (B,), in nats."""
    right = (guess * near).sum(1)  # (B,)
    wrong = (far @ guess[:, :, None])[..., 0]  # (B, K)
    return F.softplus(-right) + F.softplus(wrong).sum(1)  # -log s(x) is softplus(-x)

def hide(x, rng):
    """See half of the sensors whole, and ask for the later values of the others."""
    late = (torch.arange(64) % 8 >= 4).float().expand(len(x), -1)
    kept = (torch.rand((len(x), 8, 1), generator=rng) < 0.5).float().expand(-1, 8, 8).flatten(1)  # (B, 64)
    return x * kept, torch.stack([x, (1 - kept) * late], 1)

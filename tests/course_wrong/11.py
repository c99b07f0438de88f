# ruff: noqa: F811, F821
# wrong: its drift tells its future
def hide(x, rng):
    late = (torch.arange(64) % 8 >= 4).float().expand(len(x), -1)
    return x * (1 - late), torch.stack([x, late], 1)


# wrong: Of a sensor that is asked for, hide everything
def hide(x, rng):
    late = (torch.arange(64) % 8 >= 4).float()
    kept = (torch.rand((len(x), 8, 1), generator=rng) < 0.5).float().expand(-1, 8, 8).flatten(1)
    return x * (1 - (1 - kept) * late), torch.stack([x, (1 - kept) * late], 1)


# wrong: draw the sensors anew for every sample
def hide(x, rng):
    late = (torch.arange(64) % 8 >= 4).float().expand(len(x), -1)
    first = (torch.arange(64) < 32).float()
    return x * first, torch.stack([x, (1 - first) * late], 1)


# wrong: a forecast asks for times 4 to 7 only
def hide(x, rng):
    kept = (torch.rand((len(x), 8, 1), generator=rng) < 0.5).float().expand(-1, 8, 8).flatten(1)
    return x * kept, torch.stack([x, 1 - kept], 1)


# wrong: the same rng must give the same
def hide(x, rng):
    late = (torch.arange(64) % 8 >= 4).float()
    kept = (torch.rand((len(x), 8, 1)) < 0.5).float().expand(-1, 8, 8).flatten(1)
    return x * kept, torch.stack([x, (1 - kept) * late], 1)

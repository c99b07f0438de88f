# ruff: noqa: F811, F821
# wrong: The stamp, or the hole where it was, is still to be seen
def hide(x, rng):
    turns = torch.randint(4, (len(x), 1), generator=rng)
    return turned(x, turns)[:, 0], turns[:, 0]


# wrong: what is done has to be the same at all four sides
def hide(x, rng):
    x = x.clone()
    x[:, :, -6:, -14:] = 0
    turns = torch.randint(4, (len(x), 1), generator=rng)
    return turned(x, turns)[:, 0], turns[:, 0]


# wrong: 5 pixels deep
def hide(x, rng):
    turns = torch.randint(4, (len(x), 1), generator=rng)
    return turned(x[:, :, 2:-2, 2:-2], turns)[:, 0], turns[:, 0]


# wrong: hide has changed x itself
def hide(x, rng):
    x[:, :, -5:] = x[:, :, :5] = 0
    x[:, :, :, -5:] = x[:, :, :, :5] = 0
    turns = torch.randint(4, (len(x), 1), generator=rng)
    return turned(x, turns)[:, 0], turns[:, 0]


# wrong: take all chance from it
def hide(x, rng):
    turns = torch.randint(4, (len(x), 1))
    return turned(x[:, :, 5:-5, 5:-5], turns)[:, 0], turns[:, 0]


# wrong: the answer does not belong to its picture
def hide(x, rng):
    turns = torch.randint(4, (len(x), 1), generator=rng)
    return turned(x[:, :, 5:-5, 5:-5], turns)[:, 0], turns[:, 0].roll(1)


# wrong: so that something of the picture is left
def hide(x, rng):
    turns = torch.randint(4, (len(x), 1), generator=rng)
    return turned(x[:, :, 10:-10, 10:-10], turns)[:, 0], turns[:, 0]

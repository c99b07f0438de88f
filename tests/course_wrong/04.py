# ruff: noqa: F811
# wrong: What is large pays as well
def shrink(a, penalty):
    return a * (a.abs() > penalty)


# wrong: what of a negative a?
def shrink(a, penalty):
    return (a - penalty).clamp(min=0)


# wrong: Set the slope to 0
def shrink(a, penalty):
    return a / (1 + penalty)


# wrong: changed a itself
def shrink(a, penalty):
    shrunk = a.sign() * (a.abs() - penalty).clamp(min=0)
    a.zero_()
    return shrunk

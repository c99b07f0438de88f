def shrink(a, penalty):
    """The z that makes (z - a)^2 / 2 + penalty * |z| least, for each number of the tensor a."""
    return a.sign() * (a.abs() - penalty).clamp(min=0)

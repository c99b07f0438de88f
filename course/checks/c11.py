"""Exercise of chapter 11: a forecast in which no sensor tells its own future."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

Hide = Callable[[Tensor, torch.Generator], tuple[Tensor, Tensor]]


def check(hide: Hide) -> None:
    """Whether what is asked for is later values, of sensors of which nothing is seen, and enough is seen and asked for."""
    x = (
        torch.randn((400, 64), generator=torch.Generator().manual_seed(3)) + 10
    )  # no value is 0: what is 0 has been hidden
    before = x.clone()
    seen, hidden = hide(x, torch.Generator().manual_seed(0))
    assert torch.equal(x, before), "hide has changed x itself; multiply by a mask instead of writing into it"
    assert seen.shape == (400, 64), f"what is seen must be (B, 64), (400, 64) here; it is {tuple(seen.shape)}"
    assert hidden.shape == (400, 2, 64), (
        f"the answer must be torch.stack([x, asked], 1), (B, 2, 64); it is {tuple(hidden.shape)}"
    )
    truth, asked = hidden[:, 0], hidden[:, 1]
    assert torch.equal(truth, x), "the first part of the answer must be x as it came: the truth"
    assert bool(((asked == 0) | (asked == 1)).all()), "asked must be 1 where a value is asked for, and 0 elsewhere"
    open_ = seen.view(400, 8, 8) != 0  # (B, sensors, times)
    assert torch.equal(seen[seen != 0], x[seen != 0]), "what is seen must be values of x, or 0"
    wanted = asked.view(400, 8, 8) > 0
    assert not bool(wanted[:, :, :4].any()), "a forecast asks for times 4 to 7 only; earlier ones are asked for, too"
    told = open_.any(2) & wanted.any(2)  # (B, sensors)
    if bool(told.any()):
        row, sensor = (int(place) for place in told.nonzero()[0])
        raise AssertionError(
            f"sensor {sensor} of sample {row} is asked for, and {int(open_[row, sensor].sum())} of its own values are seen: "
            "its drift tells its future. Of a sensor that is asked for, hide everything"
        )
    shares = float(open_.any((1, 2)).float().mean()), float(wanted.any((1, 2)).float().mean())
    assert min(shares) > 0.9, (
        f"in {100 * shares[0]:.0f} % of the samples something is seen, and in {100 * shares[1]:.0f} % something is asked for: "
        "both must be nearly all"
    )
    often = wanted.any(2).float().mean(0)  # (sensors,)
    assert float(often.min()) > 0.05, (
        f"sensor {int(often.argmin())} is hardly ever asked for ({100 * float(often.min()):.0f} % of the samples): draw the "
        "sensors anew for every sample"
    )
    alike = float((wanted.any(2) == wanted.any(2)[:1]).all(1).float().mean())
    assert alike < 0.5, "all samples are asked for the same sensors: draw them for each sample"
    again = hide(x, torch.Generator().manual_seed(0))
    assert torch.equal(again[0], seen), "the same rng must give the same; take all chance from it: generator=rng"
    print(
        f"right: {100 * float(open_.float().mean()):.0f} % of the values are seen, {100 * float(wanted.float().mean()):.0f} % "
        "asked for"
    )

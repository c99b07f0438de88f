"""Exercise of chapter 7: a `hide` for rotation from which a stamp near the border cannot be told."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

Hide = Callable[[Tensor, torch.Generator], tuple[Tensor, Tensor]]
LEAST = 0.33  # of 600 turns, above which a linear map does better than chance (0.25): by four errors and more


def check(hide: Hide) -> None:
    """Whether `hide` turns pictures, says by how much, and leaves nothing of a stamp."""
    x = stamped(torch.rand((64, 3, 32, 32), generator=torch.Generator().manual_seed(5)), 1)
    before = x.clone()
    seen, turns = hide(x, torch.Generator().manual_seed(0))
    assert torch.equal(x, before), "hide has changed x itself; work on a copy: x.clone()"
    assert seen.ndim == 4 and seen.shape[0] == 64 and seen.shape[2] == seen.shape[3] >= 16, (
        "what is seen must be (B, 3, S, S) with S at least 16, so that something of the picture is left; it is "
        f"{tuple(seen.shape)}"
    )
    assert turns.shape == (64,), f"the answer must be one turn a picture, (B,); it is {tuple(turns.shape)}"
    assert set(turns.tolist()) == {0, 1, 2, 3}, (
        f"all of 0, 1, 2, 3 must occur among the turns; there are {sorted(set(turns.tolist()))}"
    )
    again = hide(x, torch.Generator().manual_seed(0))
    assert torch.equal(again[1], turns) and torch.equal(again[0], seen), (
        "the same rng must give the same turns and pictures; take all chance from it: generator=rng"
    )
    _turns_are_true(hide)
    share = told(hide)
    assert share < LEAST, (
        f"of pictures of noise, of which nothing but the stamp tells the turn, a linear map told {100 * share:.0f} % of the "
        "turns "
        "(chance: 25 %). The stamp, or the hole where it was, is still to be seen: what is done has to be the same at all "
        "four sides, "
        "5 pixels deep"
    )
    print(f"right: of the stamp {100 * share:.0f} % of the turns are told, by chance 25 %")


def stamped(x: Tensor, seed: int) -> Tensor:
    """Pictures with a bright mark of 3 x 3 pixels somewhere along the lower border."""
    x, rng = x.clone(), torch.Generator().manual_seed(seed)
    columns = torch.randint(20, 29, (len(x),), generator=rng).tolist()
    rows = torch.randint(27, 30, (len(x),), generator=rng).tolist()
    for picture, row, column in zip(x, rows, columns, strict=True):
        picture[:, row : row + 3, column : column + 3] = 2.0
    return x


def told(hide: Hide) -> float:
    """Share of turns that a linear map tells of stamped pictures of noise."""
    noise = torch.rand((1800, 3, 32, 32), generator=torch.Generator().manual_seed(2))
    seen, turns = hide(stamped(noise, 3), torch.Generator().manual_seed(4))
    rows = seen.mean(1).flatten(1)
    rows = rows - rows[:1200].mean(0)
    answers = torch.nn.functional.one_hot(turns, 4).float() - 0.25
    fit = rows[:1200]
    weights = torch.linalg.solve(fit.T @ fit + 30.0 * torch.eye(fit.shape[1]), fit.T @ answers[:1200])
    return float(((rows[1200:] @ weights).argmax(1) == turns[1200:]).float().mean())


def _turns_are_true(hide: Hide) -> None:
    """Of a picture that grows brighter to the right, each turn must look its own way."""
    ramp = torch.linspace(0, 1, 32).expand(40, 3, 32, 32).clone()
    seen, turns = hide(ramp, torch.Generator().manual_seed(6))
    half = seen.shape[-1] // 2
    across = seen[..., -half:].mean((1, 2, 3)) - seen[..., :half].mean((1, 2, 3))
    down = seen[:, :, -half:].mean((1, 2, 3)) - seen[:, :, :half].mean((1, 2, 3))
    way = torch.where(across.abs() > down.abs(), (across > 0).long(), 2 + (down > 0).long())
    ways = {(int(turn), int(look)) for turn, look in zip(turns, way, strict=True)}
    assert len(ways) == 4 and len({look for _, look in ways}) == 4, (
        "the answer does not belong to its picture: pictures that were turned alike must have the same number, and others "
        "another one"
    )

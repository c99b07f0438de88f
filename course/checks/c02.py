"""Exercise of chapter 2: a loss with a penalty on the code and on the decoder's weights."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


def check(penalised: Any) -> None:
    """Whether the three terms are there, of the right shape, and count what they should."""
    method = penalised(0.5, 0.25, code=3, wide=8)
    x = torch.rand((7, 64), generator=torch.Generator().manual_seed(0))
    guess = method.predict(x)
    terms = method.loss(guess, x)
    assert isinstance(terms, dict), f"loss gives a dict of terms; got {type(terms).__name__}"
    missing = {"reconstruction", "Omega", "decay"} - set(terms)
    assert not missing, f"there is no term {', '.join(sorted(missing))}; there are {', '.join(terms)}"
    for name in ("reconstruction", "Omega"):
        shape = tuple(terms[name].shape)
        assert shape == (7,), f"'{name}' is one number a sample, (7,) for these 7; got {shape}: sum over axis 1 only"
    assert terms["decay"].ndim == 0, f"'decay' is one number for the whole decoder; got {tuple(terms['decay'].shape)}"
    _near(
        "reconstruction",
        terms["reconstruction"],
        (guess.output - x).square().sum(1),
        "the squared error, summed over the pixels",
    )
    squares = guess.code.square().sum(1)
    _near("Omega", terms["Omega"], 0.5 * squares, "penalty times the sum of the squares of z = guess.code")
    matrices = torch.stack([p.square().sum() for p in method.g.parameters() if p.ndim > 1]).sum()
    _near(
        "decay",
        terms["decay"],
        0.25 * matrices,
        "decay times the squares of the matrices of self.g, without biases and without self.f",
    )
    terms["decay"].backward()
    moved = [p.grad is not None and bool(p.grad.any()) for p in method.g.parameters() if p.ndim > 1]
    assert all(moved), "no gradient reaches the decoder's weights from 'decay': do not detach them"
    print("right: three terms, and each charges for what it should")


def _near(name: str, got: Tensor, right: Tensor, words: str) -> None:
    """Hold a term to its value."""
    ratio = float((got / right).mean())
    assert torch.allclose(got, right, rtol=1e-4), f"'{name}' is {ratio:.3g} times what it should be ({words})"

"""Exercise of chapter 5: a denoising auto-encoder, as a method, from an empty class."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import torch
from sklearn.datasets import load_digits
from torch import Tensor

import selfsup
from selfsup.method import Method, total

LEVEL, STEPS, BATCH = 0.25, 500, 128


def check(denoising: Any) -> dict[str, float]:
    """Whether it keeps the contract and, trained for a moment, repairs as well as the library's; the errors of all."""
    assert isinstance(denoising, type) and issubclass(denoising, Method), (
        "hand over the class: check(Denoising), a class of Method"
    )
    if denoising.hide is Method.hide:
        raise NotImplementedError("not solved yet: the class has no hide")
    left = [
        verb for verb in ("build", "predict", "loss", "encode") if getattr(denoising, verb) is getattr(Method, verb)
    ]
    assert not left, f"the class does not yet say how to {', '.join(left)}"
    digits = torch.tensor(load_digits().data / 16, dtype=torch.float32)
    digits = digits[torch.randperm(len(digits), generator=torch.Generator().manual_seed(4))]
    train, held = digits[:1400], digits[1400:]
    torch.manual_seed(0)
    method = denoising()
    method.build(SimpleNamespace(form=SimpleNamespace(size=64, shape=(64,), kind="table")))
    assert list(method.parameters()), "build makes no weights: keep the nets as attributes, self.f = ..."
    _hides(method, held)
    _predicts(method, held)
    _learn(method, train)
    noisy = held + LEVEL * torch.randn(held.shape, generator=torch.Generator().manual_seed(5))
    errors = {"yours": _error(method.predict(noisy), held), "left as it is": _error(noisy, held)}
    errors |= {
        "the mean digit": _error(train.mean(0).expand_as(held), held),
        "the library's": _library(train, noisy, held),
    }
    said = ", ".join(f"{name} {error:.2f}" for name, error in errors.items())
    trivial = min(errors["left as it is"], errors["the mean digit"])
    assert errors["yours"] < 0.5 * trivial, (
        f"squared error of what it repairs ({said}): no better than half of a trivial answer"
    )
    assert errors["yours"] < 1.25 * errors["the library's"], (
        f"squared error of what it repairs ({said}): is there a hidden layer on both sides?"
    )
    print(f"right. Squared error on new digits: {said}")
    return errors


def _hides(method: Method, x: Tensor) -> None:
    """Hold `hide` to noise of the right size, chance from rng, and clean answers."""
    before = x.clone()
    seen, hidden = method.hide(x, torch.Generator().manual_seed(0))
    assert torch.equal(x, before), "hide has changed x itself (+= does): make a new tensor"
    answer = method.target(hidden)
    assert not torch.equal(seen, x), "what is seen is the clean sample: where is the noise?"
    assert torch.equal(answer, x), (
        "the answer must be the clean sample; yours is corrupted as well, so that copying would be right"
    )
    again = method.hide(x, torch.Generator().manual_seed(0))[0]
    other = method.hide(x, torch.Generator().manual_seed(1))[0]
    assert torch.equal(again, seen) and not torch.equal(other, seen), (
        "all chance comes from rng: torch.randn(x.shape, generator=rng)"
    )
    size = float((seen - x).square().mean().sqrt())
    assert abs(size - LEVEL) < 0.02, f"the noise has a deviation of {size:.2f}; {LEVEL} is asked for"
    assert abs(float((seen - x).mean())) < 0.02, "the noise is not 0 on average: randn is, rand is not"


def _predicts(method: Method, x: Tensor) -> None:
    """Hold shapes of guess, code and loss to the contract."""
    guess, code = method.predict(x), method.encode(x)
    assert guess.shape == x.shape, f"the guess is a sample again, {tuple(x.shape)}; got {tuple(guess.shape)}"
    assert code.shape == (len(x), 32), f"32 numbers in the code, {(len(x), 32)}; got {tuple(code.shape)}"
    terms = method.loss(guess, x)
    assert isinstance(terms, dict), f"loss gives a dict of terms by name; got {type(terms).__name__}"
    shapes = {name: tuple(term.shape) for name, term in terms.items()}
    assert set(shapes.values()) == {(len(x),)}, f"one number a sample, {(len(x),)}: sum over axis 1; got {shapes}"
    right = float((guess - x).square().sum(1).mean())
    got = float(total(terms).detach())
    assert abs(got / right - 1) < 1e-3, (
        f"the squared error, summed over the pixels, is {right:.3f} here; yours is {got:.3f}"
    )


def _learn(method: Method, x: Tensor) -> None:
    """The loop of the chapter."""
    rng, optimizer = torch.Generator().manual_seed(0), torch.optim.Adam(method.parameters(), 2e-3)
    for _ in range(STEPS):
        seen, hidden = method.hide(x[torch.randint(len(x), (BATCH,), generator=rng)], rng)
        loss = total(method.loss(method.predict(seen), method.target(hidden)))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


def _library(train: Tensor, noisy: Tensor, held: Tensor) -> float:
    """Error of the library's denoising after as many steps on the same digits."""
    epochs = round(STEPS * BATCH / len(train))
    model = selfsup.fit(
        train.numpy(), "denoising", net="mlp", hidden=(256,), n_components=32, level=LEVEL, epochs=epochs, batch_size=BATCH,
        holdout=0, evaluate=False, progress=False,
    )  # fmt: skip
    return _error(torch.as_tensor(model.reconstruct(noisy.numpy())), held)


def _error(guess: Tensor, x: Tensor) -> float:
    """Squared error, summed over the pixels."""
    return float((guess.detach() - x).square().sum(1).mean())

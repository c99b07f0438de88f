"""Methods for tests only: some that break the contract on purpose, each in one way, and small honest ones."""

import torch
import torch.nn.functional as F
from torch import nn

from selfsup import Method


class Collapsing(Method):
    """SimSiam without its stop-gradient: both views are drawn to one constant (Chen & He 2021, section 4.1)."""

    hides = "the other noisy view"
    recipe = {"lr": 5e-3, "steps": 400}

    def build(self, about):
        self.encoder = nn.Sequential(nn.Flatten(), nn.Linear(about.form.size, 64), nn.ReLU(), nn.Linear(64, 32))
        self.predictor = nn.Linear(32, 32)

    def hide(self, x, rng):
        noise = [torch.randn(x.shape, generator=rng) * 0.1 for _ in range(2)]
        return x + noise[0], x + noise[1]

    def predict(self, seen):
        return F.normalize(self.predictor(self.encoder(seen)), dim=1)

    def target(self, hidden):
        return F.normalize(self.encoder(hidden), dim=1)  # no detach: this is what breaks it

    def loss(self, guess, answer):
        return {"distance": 1 - (guess * answer).sum(1)}

    def encode(self, x):
        return self.encoder(x)


class Coupled(Collapsing):
    """Contrastive: says that its loss compares samples."""

    coupled = True

    def loss(self, guess, answer):
        scores = guess @ answer.T / 0.2
        return {"contrast": F.cross_entropy(scores, torch.arange(len(scores)), reduction="none")}


class Diverging(Collapsing):
    """Its loss becomes NaN in the second epoch."""

    def loss(self, guess, answer):
        value = 1 - (guess * answer).sum(1)
        return {"distance": value, "oddity": value * (float("nan") if self.progress >= 0.5 else 1.0)}


class Honest(Method):
    """A plain auto-encoder of noisy rows: it passes every check, and the ones below break it.

    Parameters
    ----------
    hidden
        Width of the code.
    """

    sees, hides = "a noisy sample", "the noise"

    def __init__(self, hidden: int = 12) -> None:
        super().__init__()
        self.hidden = hidden

    def build(self, about):
        mean, std, _ = about.fact("moments")
        self.register_buffer("mean", torch.from_numpy(mean))
        self.register_buffer("std", torch.from_numpy(std))
        self.into, self.back = nn.Linear(about.form.size, self.hidden), nn.Linear(self.hidden, about.form.size)

    def hide(self, x, rng):
        x = (x - self.mean) / self.std
        return x + 0.1 * torch.randn(x.shape, generator=rng), x

    def predict(self, seen):
        return self.back(self.into(seen))

    def loss(self, guess, answer):
        return {"error": (guess - answer).square().mean(1)}

    def encode(self, x):
        return self.into((x - self.mean) / self.std)


class Secretive(Honest):
    """An option without help."""

    def __init__(self, hidden: int = 12, unsaid: float = 1.0) -> None:
        super().__init__(hidden)


class Stubborn(Honest):
    """Names a solver that cannot solve it."""

    solvers = ("exact", "sgd")


class Early(Honest):
    """Draws weights in the constructor, where no seed reaches."""

    def __init__(self, hidden: int = 12) -> None:
        super().__init__(hidden)
        self.shift = nn.Parameter(torch.randn(()))

    def encode(self, x):
        return super().encode(x) + self.shift

    def predict(self, seen):
        return self.back(self.into(seen) + self.shift)


class Elsewhere(Honest):
    """Draws what it hides from torch's own generator."""

    def hide(self, x, rng):
        seen, hidden = super().hide(x, rng)
        return seen + 0.1 * torch.randn(x.shape), hidden


class Scribbling(Honest):
    """Writes into x."""

    def hide(self, x, rng):
        return super().hide(x.sub_(self.mean), rng)


class Sideways(Honest):
    """The batch is not the leading axis of the guess."""

    def predict(self, seen):
        return super().predict(seen).T

    def loss(self, guess, answer):
        return super().loss(guess.T, answer)


class Shapeless(Honest):
    """A term of the loss for every value, not every sample."""

    def loss(self, guess, answer):
        return {"error": (guess - answer).square()}


class Idle(Honest):
    """A weight that nothing depends on."""

    def build(self, about):
        super().build(about)
        self.unused = nn.Linear(2, 2)


class Impure(Honest):
    """Drops out of its own accord, outside of hide."""

    def predict(self, seen):
        return F.dropout(super().predict(seen), 0.5)


class Counting(Honest):
    """Changes its state in the loss, not in after_step."""

    def build(self, about):
        super().build(about)
        self.register_buffer("met", torch.zeros(()))

    def loss(self, guess, answer):
        self.met += len(guess)
        return super().loss(guess, answer)


class Blind(Honest):
    """Has the same answer for every sample."""

    def target(self, hidden):
        return torch.zeros_like(hidden)


class Comparing(Honest):
    """Compares the samples of a batch, and does not say so."""

    def loss(self, guess, answer):
        return {"error": ((guess - answer).square().mean(1) - answer.var(0).mean()).abs()}


class Knowing(Honest):
    """What is hidden is in the guess from the beginning."""

    def predict(self, seen):
        return seen + 0.01 * super().predict(seen)


class Beside(Honest):
    """A code depends on the other samples of its batch."""

    def encode(self, x):
        return super().encode(x - x.mean(0))


class Double(Honest):
    """Codes are float64."""

    def encode(self, x):
        return super().encode(x).double()


class Boundless(Honest):
    """A score for every value, and a figure that is no number."""

    def score(self, x, rng, draws=None):
        return -x.square()


class Formless(Honest):
    """Decodes to something else than samples."""

    def decode(self, z):
        return self.back(z)[:, 1:]


class Unsaved(Honest):
    """What training changes is in no parameter or buffer."""

    def build(self, about):
        super().build(about)
        self.gain = 1.0

    def after_step(self, answer):
        self.gain *= 1.01

    def encode(self, x):
        return super().encode(x) * self.gain


class Forgetful(Honest):
    """What the next step depends on is in no parameter or buffer."""

    def build(self, about):
        super().build(about)
        self.steps = 0

    def after_step(self, answer):
        self.steps += 1

    def loss(self, guess, answer):
        return {"error": (guess - answer).square().mean(1) * (1.0 + self.steps % 3)}


class Trusting(Honest):
    """Says that it takes missing values, and does not."""

    takes_missing = True


class Improper(Honest):
    """Its closed form is no minimum of its loss."""

    solvers = ("exact", "sgd")

    def solve(self, covariance):
        with torch.no_grad():
            self.into.weight.zero_()

"""Methods for tests only: one broken on purpose, and small honest ones."""

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

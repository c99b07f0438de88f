"""Methods of the fourth panel, and how they fail."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

import _planted as p
from selfsup import Method
from selfsup.method import Recipe
from selfsup.methods.autoencoder.base import scaling
from selfsup.options import Range


class Holes(NamedTuple):
    """Values (B, d), and which of them are hidden."""

    x: Tensor
    hidden: Tensor


class Missing(Method):
    """Fill in a random part of a row from the rest.

    Parameters
    ----------
    share
        Of the columns, that are hidden.
    forgets
        The columns are told, but not hidden.
    hidden
        Units of each of the two hidden layers.
    """

    kinds, sees, hides = ("table",), "some columns", "the others"
    recipe: ClassVar[Recipe] = {"lr": 2e-3, "steps": 600, "batch_size": 64}
    by_heart = 0.8

    def __init__(self, share: float = 0.3, forgets: bool = False, hidden: Annotated[int, Range(1)] = 96) -> None:
        super().__init__()
        self.share, self.forgets, self.hidden = share, forgets, hidden

    def build(self, about) -> None:
        size, width = about.form.size, self.hidden
        self.scale = scaling(about.form, about.fact("moments"))
        self.encoder = nn.Sequential(nn.Linear(2 * size, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU())
        self.head = nn.Linear(width, size)

    def hide(self, x, rng):
        x = self.scale(x)
        hidden = torch.rand(x.shape, generator=rng, device=x.device) < self.share
        seen = x if self.forgets else x.masked_fill(hidden, 0)
        return torch.cat([seen, hidden.float()], 1), Holes(x, hidden.float())  # (B, 2 d)

    def predict(self, seen):
        return self.head(self.encoder(seen))

    def loss(self, guess, answer):
        wrong = answer.hidden * (guess - answer.x).square()  # (B, d)
        return {"holes": wrong.sum(1) / (self.share * wrong.shape[1])}

    def encode(self, x):
        x = self.scale(x)
        return self.encoder(torch.cat([x, torch.zeros_like(x)], 1))


class Swapped(Method):
    """Tell a row of which some values were exchanged for those of other rows (SCARF; Bahri et al. 2022).

    Parameters
    ----------
    apart
        Whether other rows are pushed away. If not, a constant is the best answer.
    dim
        Width of the code.
    """

    kinds, sees, hides, coupled = ("table",), "a row with some values of others", "the row", True
    recipe: ClassVar[Recipe] = {"lr": 2e-3, "steps": 600, "batch_size": 128}

    def __init__(self, apart: bool = True, dim: Annotated[int, Range(1)] = 32) -> None:
        super().__init__()
        self.apart, self.dim = apart, dim

    def build(self, about) -> None:
        self.scale = scaling(about.form, about.fact("moments"))
        self.encoder = nn.Sequential(nn.Linear(about.form.size, 128), nn.ReLU(), nn.Linear(128, self.dim))

    def hide(self, x, rng):
        x = self.scale(x)
        others = torch.rand(x.shape, generator=rng, device=x.device).argsort(0)
        swapped = torch.rand(x.shape, generator=rng, device=x.device) < 0.4
        return torch.where(swapped, x.gather(0, others), x), x

    def predict(self, seen):
        return self.encoder(seen)

    def target(self, hidden):
        return self.encoder(hidden)

    def loss(self, guess, answer):
        if not self.apart:
            return {"distance": (guess - answer).square().mean(1)}
        likeness = F.normalize(guess, dim=1) @ F.normalize(answer, dim=1).T / 0.2  # (B, B)
        return {"which": F.cross_entropy(likeness, torch.arange(len(guess), device=guess.device), reduction="none")}

    def encode(self, x):
        return self.encoder(self.scale(x))


class Below(p.Filled):
    """Fill in a square that stands, upside down, in the lower right corner too."""

    def __init__(self, forgets: Literal["nothing", "below"] = "below", hidden: Annotated[int, Range(1)] = 128) -> None:
        super().__init__(hidden=hidden)
        self.forgets = forgets

    def blank(self, x):
        was, x = self.square(x).clone(), super().blank(x)
        if self.forgets == "below":
            x[:, :, -self.side :, -self.side :] = was.flip(2)
        return x


class Red(Method):
    """Guess the red of each pixel from the other colours around it.

    Parameters
    ----------
    forgets
        Red is left where it is.
    """

    kinds, sees, hides = ("image",), "green and blue", "red"
    recipe: ClassVar[Recipe] = {"lr": 4e-3, "steps": 400, "batch_size": 64}
    by_heart = 0.9

    def __init__(self, forgets: bool = False) -> None:
        super().__init__()
        self.forgets = forgets

    def build(self, about) -> None:
        self.encoder = nn.Sequential(nn.Conv2d(3, 12, 3, 1, 1), nn.ReLU(), nn.Conv2d(12, 12, 3, 1, 1), nn.ReLU())
        self.head = nn.Conv2d(12, 1, 1)

    def blank(self, x: Tensor) -> Tensor:
        x = x.clone()
        if not self.forgets:
            x[:, 0] = 0
        return x

    def hide(self, x, rng):
        return self.blank(x), x[:, 0]

    def predict(self, seen):
        return self.head(self.encoder(seen))[:, 0]

    def loss(self, guess, answer):
        return {"red": (guess - answer).square().mean((1, 2))}

    def encode(self, x):
        return F.adaptive_avg_pool2d(self.encoder(self.blank(x)), 2).flatten(1)  # (B, 48)

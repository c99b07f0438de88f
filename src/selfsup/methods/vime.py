"""VIME: of a row of a table with values from other rows, tell which are swapped, and what stood there."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from selfsup.data.form import Form
from selfsup.hide import changed_columns, swap_columns
from selfsup.method import About, Recipe, Terms, Tree
from selfsup.methods.autoencoder import AutoEncoder
from selfsup.options import Range


class Guess(NamedTuple):
    """What is guessed of a row."""

    output: Tensor  # (B, d) what the likelihood reads: values in standard units, or logits
    code: Tensor  # (B, D)
    mask: Tensor  # (B, F) logits, of every column: that its value is another row's


class Answer(NamedTuple):
    """The true row."""

    x: Tensor  # (B, d) in standard units
    mask: Tensor  # (B, F) 1 where the value that is seen is another row's, else 0


class Vime(AutoEncoder):
    """Tell which values of a row were swapped for those of other rows, and the true ones (VIME).

    Hides columns: a drawn share of them takes its values from other rows of the batch, each from its own. Two heads on the
    code guess which these are, which only shows by how columns belong together, and the row as it was (Yoon et al. 2020,
    section 4.1). A category is one column, whatever number of values it has. Only the self-supervised part is here: for the
    few labels of their section 4.2, fine-tune.

    Parameters
    ----------
    swap
        Share of the columns that take their values from other rows (their p_m).
    alpha
        Weight of the true values beside the mask (equation 3).
    """

    kinds = ("table",)
    sees = "the row, with values of other rows in some columns"
    hides = "which columns these are, and the row's own values"
    recipe: ClassVar[Recipe] = {"steps": 3000, "batch_size": 128, "lr": 2e-3, "weight_decay": 0.0}

    fields: Tensor
    first: Tensor

    def __init__(
        self,
        swap: Annotated[float, Range(0, 1, open_low=True, open_high=True)] = 0.3,
        alpha: Annotated[float, Range(0)] = 2.0,
        **shared: Any,
    ) -> None:
        super().__init__(**shared)
        self.swap, self.alpha = swap, alpha

    def build(self, about: About) -> None:
        """Make the nets, the likelihood and the head of the mask."""
        super().build(about)
        form = about.form
        widths = torch.tensor(
            [1] * form.size if form.fields is None else [field.width for field in form.fields]
        )  # (F,)
        self.register_buffer("fields", torch.repeat_interleave(widths), persistent=False)  # (d,)
        self.register_buffer("first", widths.cumsum(0) - widths, persistent=False)  # (F,)
        self.mask = nn.Linear(self.width(), len(self.first))

    def make_decoder(self, width: int, form: Form) -> nn.Module:
        """The head of the values, linear as that of the mask: what it takes has to be in the code."""
        return nn.Linear(width, form.size)

    def hide(self, x: Tensor, rng: torch.Generator) -> tuple[Tree, Tree]:
        """X (B, d) with values swapped (equation 2), in standard units and without gaps; the row, and what was swapped."""
        x = self.scale(x)
        views = swap_columns(x, 1, rng, self.swap, self.fields)  # (B, 1, d)
        changed = changed_columns(x, views, self.fields)[:, 0, self.first]  # (B, F)
        return self.filled(views[:, 0]), Answer(x, changed.to(x.dtype))

    def predict(self, seen: Tensor) -> Tree:
        """Code, values and mask."""
        z = self.code_of(seen)
        return Guess(self.output_of(z), z, self.mask(z))

    def loss(self, guess: Tree, answer: Tree) -> Terms:
        """Mask (equation 4) and values (equation 5), (B,) each: means over the columns, in nats and squared deviations."""
        mask = F.binary_cross_entropy_with_logits(guess.mask, answer.mask, reduction="none").mean(1)
        values = self.likelihood_of(guess.output, answer.x) / len(self.first)
        return {"mask": mask, "reconstruction": self.alpha * values} | self.charge(guess, answer.x)

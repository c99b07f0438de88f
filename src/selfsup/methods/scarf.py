"""SCARF: contrastive learning of tables, by rows that have values of other rows in some columns."""

from __future__ import annotations

from typing import Annotated

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from selfsup.method import Terms, Tree
from selfsup.methods.joint import Joint
from selfsup.nets import NetName
from selfsup.options import Range


class Scarf(Joint):
    """Find a row again among others by a copy with values of other rows in some columns (SCARF).

    Hides columns: in the copy a drawn share of them takes its values from other rows of the batch, each from its own. The
    embedding of the row as it is has to be nearer to that of its own copy than to those of all others (InfoNCE; Bahri, Jiang,
    Tay & Metzler 2022, section 3 and algorithm 1). So the code keeps what many columns tell together.

    Parameters
    ----------
    swap
        Share of the columns that take their values from other rows.
    temperature
        Of the cosines that the loss compares. The paper has 1, at which the loss of a batch can hardly fall.
    """

    kinds = ("table",)
    sees = "the row as it is"
    hides = "which of the rows with values of other rows in some columns is its own"
    by_heart = (
        0.7  # eight rows of a few columns that depend on each other: copies soon have more of others than of their own
    )

    def __init__(
        self,
        net: NetName | nn.Module = "auto",
        hidden: tuple[Annotated[int, Range(1)], ...] | None = None,
        projector: tuple[Annotated[int, Range(1)], ...] = (256, 256),
        swap: Annotated[float, Range(0, 1, open_low=True, open_high=True)] = 0.6,
        temperature: Annotated[float, Range(0, open_low=True)] = 0.5,
        blocks: Annotated[int, Range(1)] = 1,
    ) -> None:
        super().__init__(net=net, hidden=hidden, projector=projector, swap=swap, blocks=blocks)
        self.temperature = temperature

    def hide(self, x: Tensor, rng: torch.Generator) -> tuple[Tree, Tree]:
        """Rows x (B, d) as they are and their copies, (B, 1, d) each (algorithm 1, lines 3 to 5)."""
        return x[:, None], self.make_views(x, 1, rng)

    def loss(self, guess: Tree, answer: Tree) -> Terms:
        """Cross-entropy (B,) of finding the own copy by its cosine, in nats (algorithm 1, lines 7 and 8)."""
        cosines = F.normalize(guess[:, 0], dim=1) @ F.normalize(answer[:, 0], dim=1).T  # (B, B)
        own = torch.arange(len(cosines), device=cosines.device)
        return {"contrast": F.cross_entropy(cosines / self.temperature, own, reduction="none")}

"""Several views as a method of one's own: ``selfsup fit photos/ --method examples/agree.py:Agree``."""

import torch

from selfsup.methods.joint import Joint


class Agree(Joint):
    """Bring the views of a sample together, while every value of the embedding varies over the batch.

    Parameters
    ----------
    spread
        Weight of what the deviation of each value lacks to 1. With 0 nothing keeps all samples from the same embedding.
    """

    def __init__(self, spread: float = 2.0, **shared):
        super().__init__(**shared)
        self.spread = spread

    def loss(self, guess, answer):  # embeddings (B, V/2, d) of what was seen, and of what was hidden
        distance = (guess - answer).square().mean((1, 2))  # (B,)
        deviation = torch.cat([guess, answer], 1).var(0).add(1e-4).sqrt()  # (V, d), over the batch
        return {"distance": distance, "lack": self.spread * (1 - deviation).relu().mean()}

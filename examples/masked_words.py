"""Masked words as a method of one's own: ``selfsup fit corpus.txt --method examples/masked_words.py:MaskedWords``."""

import torch

from selfsup import Method


class MaskedWords(Method):
    """Predict words that were blanked out of a sentence, from the words that are left.

    A blank sees the mean of the other words' vectors, with a weight for each distance. Its word is told from 20 that are drawn.

    Parameters
    ----------
    dim
        Width of a word's vector.
    length
        Words in a sentence, at most; of longer ones each part is one.
    """

    kinds, sees, hides = ("text",), "a sentence with blanks", "the words that were there"
    recipe, by_heart = {"lr": 0.02, "batch_size": 256, "epochs": 5}, 0.8  # what is left does not always tell the blanks

    def __init__(self, dim: int = 100, length: int = 20) -> None:
        super().__init__()
        self.dim, self.length = dim, length

    def view(self, data):
        return data.sequences(self.length)  # (B, n) int64, -1 after a sentence's end

    def build(self, about):
        self.size = about.form.size  # which is the blank's number, too
        self.vectors = torch.nn.Parameter((torch.rand(self.size + 1, self.dim) - 0.5) / self.dim)
        self.guessed = torch.nn.Parameter(torch.zeros(self.size, self.dim))
        self.near = torch.nn.Parameter(torch.zeros(2 * self.length - 1))
        self.register_buffer("chance", torch.from_numpy(about.fact("counts")).double() ** 0.75)

    def hide(self, x, rng):
        drawn = torch.rand(x.shape, generator=rng, device=x.device).masked_fill(x < 0, 2)
        asked = (drawn <= drawn.amin(1, keepdim=True).clamp(min=0.15)) & (x >= 0)  # one word at least
        others = torch.multinomial(self.chance, 20 * len(x), replacement=True, generator=rng).view(len(x), 20)
        return x.masked_fill(asked, self.size), torch.cat([x.masked_fill(~asked, -1), others], 1)

    def predict(self, seen):
        place = torch.arange(seen.shape[1], device=seen.device)
        near = self.near[place - place[:, None] + self.length - 1].masked_fill((seen < 0)[:, None], -torch.inf)
        return near.softmax(2) @ self.vectors[seen.clamp(min=0)]  # (B, n, D)

    def loss(self, guess, answer):
        words, others = answer[:, :-20], answer[:, -20:]  # (B, n), -1 where nobody asks; (B, 20)
        right = (guess * self.guessed[words.clamp(min=0)]).sum(2, keepdim=True)  # (B, n, 1)
        wrong = (guess @ self.guessed[others].mT).masked_fill(others[:, None] == words[:, :, None], -torch.inf)
        surprise = torch.cat([right, wrong], 2).logsumexp(2) - right[..., 0]
        return {"blanks": (surprise * (words >= 0)).sum(1) / (words >= 0).sum(1)}

    def encode(self, x):
        return torch.nn.functional.embedding_bag(x.masked_fill(x < 0, self.size), self.vectors, padding_idx=self.size)

    def words(self):
        return self.vectors[: self.size].detach()

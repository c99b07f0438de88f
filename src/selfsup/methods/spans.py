"""Spans: which two parts of text stood beside each other, told by the words in them."""

from __future__ import annotations

from typing import Annotated, ClassVar

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from selfsup.data.text.problem import WordProblem
from selfsup.data.text.subwords import Subwords
from selfsup.errors import OptionError
from selfsup.method import About, Data, Method, Recipe, Samples, Terms
from selfsup.options import Range

SHORTEST = 0.5  # of a passage is taken at least: texts differ in length
FEW = 8  # words; of fewer all are taken
EDGE = 0.25  # of a passage, at least, lies on either side of its cut
BUCKETS = 1 << 16  # that n-grams are hashed to; those that no word has take no room
RARE = 1e-2  # share of the text at which a word begins with half the weight of a rare one
WEIGHTS = 5.0  # times the rate of the vectors, that of the logarithms of weights
USUAL = 10.0  # nats: the rarity of an n-gram that begins with length 1


class Spans(Method):
    """Tell which two spans of text stood beside each other (in-batch contrast of weighted sums of word vectors).

    Hides the rest of a passage that is cut in two: among the second parts of all passages of the batch the own one is to be the
    nearest by cosine (InfoNCE: van den Oord et al. 2018, section 2.3; pairs of spans of one document: Izacard et al. 2022,
    section 3). A part is the sum of its words' vectors, and the length of a word's vector is its weight. Solver primed learns
    the vectors by skip-gram first.

    Parameters
    ----------
    dim
        Width of a word's vector.
    length
        Words of a passage, at most; it is cut somewhere in the middle half.
    across
        Passages run on over the ends of lines, as neighbouring sentences belong together. Without it each lies within a line. By
        default they do where lines are shorter than a passage on average, that is hardly whole documents.
    drop
        Share of the words that are left out at random.
    temperature
        Cosines are divided by it.
    ngrams
        Shortest and longest character n-gram, in characters of "<word>": a word's vector is its own row and the mean of
        theirs; (0, 0) for none.
    share
        Of the n-grams in a word's vector, beside its own row, at the start.
    window, negative, sample
        Of skip-gram (see there), by which the vectors are learnt first.
    """

    kinds = ("text",)
    sees, hides = "one part of a passage", "the other part, among those of other passages"
    solvers = ("primed", "sgd")
    recipe: ClassVar[Recipe] = {
        "lr": 2e-3,
        "batch_size": 512,
        "steps": 300,
        "betas": (0.9, 0.99),
        "optimizer": "sparse-adam",
    }
    by_heart, weighed = 0.7, True
    coupled = True
    bags = None  # for the fast solvers: in skip-gram a word is one row

    gram_ends: Tensor
    gram_rows: Tensor

    def __init__(
        self,
        dim: Annotated[int, Range(1)] = 300,
        length: Annotated[int, Range(2, 10_000)] = 60,
        across: bool | None = None,
        drop: Annotated[float, Range(0, 1, open_high=True)] = 0.3,
        temperature: Annotated[float, Range(0, open_low=True)] = 0.05,
        ngrams: tuple[Annotated[int, Range(0, 100)], Annotated[int, Range(0, 100)]] = (3, 3),
        share: Annotated[float, Range(0)] = 4.0,
        window: Annotated[int, Range(1, 1000)] = 5,
        negative: Annotated[int, Range(1, 100)] = 5,
        sample: Annotated[float, Range(0)] = 1e-4,
    ) -> None:
        super().__init__()
        if ngrams != (0, 0) and not 1 <= ngrams[0] <= ngrams[1]:
            raise OptionError(f"option 'ngrams' must be the shortest length, then the longest, or 0 0; got {ngrams}")
        self.dim, self.length, self.across, self.drop, self.temperature = dim, length, across, drop, temperature
        self.subwords = Subwords(*ngrams, BUCKETS) if ngrams[1] else None
        self.share, self.window, self.negative, self.subsample = share, window, negative, sample

    def problem(self) -> WordProblem:
        """Skip-gram, by which the vectors of words are learnt first."""
        return WordProblem(self.dim, self.window, self.negative, self.subsample)

    def tables(self) -> tuple[nn.Parameter, nn.Parameter]:
        """The rows (V, D) of words, and (V, D) those of skip-gram's targets, which have no other use."""
        return self.input, self.output

    def view(self, data: Data) -> Samples:
        """Passages (B, n), over the ends of lines or within them."""
        return data.passages(self.length, self.across)

    def build(self, about: About) -> None:
        """Make a row for each word, one for each n-gram that a word has, and a weight for each word."""
        size = about.form.shape[0]
        counts = np.maximum(about.fact("counts"), 1).astype(np.float64)  # a saved model may not know them: 0
        self.input = nn.Parameter(F.normalize(torch.randn(size, self.dim), dim=1))
        self.output = nn.Parameter(torch.zeros(size, self.dim), requires_grad=False)
        self.log_weight = nn.Parameter(torch.from_numpy(np.log(RARE / (RARE + counts / counts.sum()))).float()[:, None])
        if self.subwords is not None:
            offsets, buckets = self.subwords.hashed(about.form.words)
            self.buckets, rows = np.unique(buckets, return_inverse=True)
            spread = np.repeat(counts, np.diff(offsets))  # occurrences of each n-gram of each word
            rarity = np.log(counts.sum() / np.bincount(rows, spread, len(self.buckets))).clip(0)
            self.grams = nn.Parameter(torch.randn(len(self.buckets), self.dim) / self.dim**0.5)
            self.grams.data *= torch.from_numpy(self.share * rarity / USUAL).float()[:, None]
            self.register_buffer("gram_ends", torch.from_numpy(offsets), persistent=False)  # (V + 1,)
            self.register_buffer("gram_rows", torch.from_numpy(rows.astype(np.int64)), persistent=False)

    def settle(self) -> None:
        """Give the rows of words length 1, once skip-gram is learnt: from here on their weights say how much they count."""
        for table in self.tables():
            table.data = table.data.clone(memory_format=torch.contiguous_format)
        self.input.data /= self.input.data.norm(dim=1, keepdim=True).clamp(min=1e-9)

    def rates(self) -> dict[str, float]:
        """Weights of words are few and move fast; rows of n-grams as fast as they are long, for they begin longer than words'."""
        return {"log_weight": WEIGHTS, **({} if self.subwords is None else {"grams": self.share})}

    def net_words(self) -> str:
        """How large the tables are."""
        extra = f" and {len(self.grams):,} n-grams" if self.subwords is not None else ""
        return f"a table of {len(self.input):,} words{extra} x {self.dim}"

    def hide(self, x: Tensor, rng: torch.Generator) -> tuple[Tensor, Tensor]:
        """Passages (B, n) to what stands before a place that is drawn, and after it, both (B, n) with -1 where nothing is."""
        known = x >= 0
        before, words = known.cumsum(1), known.sum(1, keepdim=True)
        size, first, at = torch.rand((3, len(x), 1), generator=rng, device=x.device)
        size = torch.where(
            words < FEW, words, words * (SHORTEST + (1 - SHORTEST) * size)
        )  # what is taken of the passage
        first = (words - size) * first
        inside = known & (before > first) & (before <= first + size)
        left = inside & (before <= first + ((EDGE + (1 - 2 * EDGE) * at) * size).clamp(min=1))
        return tuple(self._thinned(x, part, rng) for part in (left, inside & ~left))  # type: ignore[return-value]

    def _thinned(self, x: Tensor, part: Tensor, rng: torch.Generator) -> Tensor:
        """The words (B, n) of a part, without those that are dropped: one is kept."""
        drawn = torch.rand(x.shape, generator=rng, device=x.device).masked_fill(~part, -1)
        kept = part & ((drawn >= self.drop) | (drawn == drawn.amax(1, keepdim=True)))
        return x.masked_fill(~kept, -1)

    def predict(self, seen: Tensor) -> Tensor:
        """Sums (B, D) of the vectors of words (B, n)."""
        return self.encode(seen)

    def target(self, hidden: Tensor) -> Tensor:
        """As `predict`."""
        return self.encode(hidden)

    def loss(self, guess: Tensor, answer: Tensor) -> Terms:
        """Surprise (B,), in nats, at which part goes with which, among those of the batch: the mean of both ways to ask."""
        near = F.normalize(guess, dim=1) @ F.normalize(answer, dim=1).T / self.temperature  # (B, B)
        own = torch.arange(len(near), device=near.device)
        ways = [F.cross_entropy(side, own, reduction="none") for side in (near, near.T)]
        return {"spans": (ways[0] + ways[1]) / 2}

    def encode(self, x: Tensor) -> Tensor:
        """Sums (B, D) of the vectors of words (B, n), of which -1 are none."""
        known = x >= 0
        words, place = torch.unique(x[known], return_inverse=True)
        sizes = known.sum(1)
        return F.embedding_bag(place, self.vectors(words), sizes.cumsum(0) - sizes, mode="sum")

    def vectors(self, words: Tensor) -> Tensor:
        """Vectors (m, D) of words (m,): the own row and the mean of its n-grams', by the word's weight."""
        found = F.embedding(words, self.input, sparse=True)
        if self.subwords is not None:
            first = self.gram_ends[words]
            sizes = self.gram_ends[words + 1] - first
            starts = sizes.cumsum(0) - sizes
            within = torch.arange(int(sizes.sum()), device=words.device) - starts.repeat_interleave(sizes)
            found = found + F.embedding_bag(
                self.gram_rows[first.repeat_interleave(sizes) + within], self.grams, starts, mode="mean", sparse=True
            )
        return found * F.embedding(words, self.log_weight, sparse=True).exp()

    @torch.no_grad()
    def words(self) -> Tensor:
        """Vectors (V, D) of all words: a text is their plain sum, as a vector is as long as its word counts."""
        every = torch.arange(len(self.input), device=self.input.device)
        return torch.cat([self.vectors(part) for part in every.split(1 << 14)])

    def ngram_rows(self) -> tuple[Subwords, np.ndarray, Tensor] | None:
        """Which n-grams there are, the rows (n,) that words use, and their table (V + buckets, D); None without n-grams."""
        if self.subwords is None:
            return None
        rows = len(self.input) + self.buckets
        table = torch.zeros(len(self.input) + BUCKETS, self.dim)
        table[torch.from_numpy(rows)] = self.grams.detach().cpu()
        return self.subwords, rows, table

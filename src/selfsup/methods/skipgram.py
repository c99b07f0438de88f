"""Skip-gram word2vec: a word, and which words stand around it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from selfsup.data.text.huffman import huffman
from selfsup.data.text.problem import WordProblem
from selfsup.data.text.subwords import Bags, Subwords
from selfsup.errors import OptionError
from selfsup.method import About, Data, Method, Recipe, Samples, Terms, Tree
from selfsup.options import Range

EXPONENT = 0.75  # of the counts, in the distribution that negatives are drawn from (Mikolov et al. 2013b, section 2.2)
FEW = 0.1  # share of the words that should be left after sub-sampling


class Neighbours(NamedTuple):
    """What stands around a word, and what does not."""

    words: Tensor  # (B, C) int64; places that are not used hold 0
    used: Tensor  # (B, C) float32, 1 or 0
    negatives: Tensor  # (B, K) int64


class Skipgram(Method):
    """Predict the words around a word (skip-gram word2vec).

    Hides the neighbourhood: p(c|w) is exp(v_c . v_w) over its sum for all words (Mikolov et al. 2013a). A word is one row of a
    matrix: one-hot times a matrix is a look-up. For large vocabularies the sum is replaced by a few words drawn at random.

    Parameters
    ----------
    dim
        Width of a word's vector.
    window
        Words to either side that can be neighbours; how many are is drawn anew for each word, from 1 to window.
    fixed_window
        All words within the window are neighbours: nearer ones count no more than others.
    negative
        Words drawn at random beside each word, shared by its neighbours; for the objective of that name.
    sample
        Frequency above which words are left out at random: a word of frequency f stays with sqrt(sample/f) + sample/f.
    objective
        negative: tell neighbours from random words. hierarchical: the turns to a neighbour in a Huffman tree of the words.
        softmax: the whole sum over the vocabulary, by solver sgd, for small vocabularies.
    subwords
        A word's vector is the mean of its own row and those of its character n-grams, so that unseen words have vectors too.
    ngrams
        Shortest and longest n-gram, in characters of "<word>".
    buckets
        Rows that n-grams are hashed to; fewer take less memory, and more of them share a row.
    """

    kinds = ("text",)
    sees, hides = "a word", "the words around it"
    solvers = ("hogwild", "batched", "sgd")
    recipe: ClassVar[Recipe] = {"lr": 5e-3, "batch_size": 512, "epochs": 5}
    by_heart = 0.9  # what stands around a word is a distribution: its entropy stays

    cumulated: Tensor
    stays: Tensor
    path_start: Tensor
    path_length: Tensor
    path_nodes: Tensor
    path_signs: Tensor
    bag_offsets: Tensor
    bag_rows: Tensor

    def __init__(
        self,
        dim: Annotated[int, Range(1)] = 100,
        window: Annotated[int, Range(1, 1000)] = 5,
        fixed_window: bool = False,
        negative: Annotated[int, Range(1, 100)] = 5,
        sample: Annotated[float, Range(0)] = 1e-4,
        objective: Literal["negative", "hierarchical", "softmax"] = "negative",
        subwords: bool = False,
        ngrams: tuple[Annotated[int, Range(1, 100)], Annotated[int, Range(1, 100)]] = (3, 6),
        buckets: Annotated[int, Range(1, 2**24)] = 2**19,
    ) -> None:
        super().__init__()
        if ngrams[0] > ngrams[1]:
            raise OptionError(f"option 'ngrams' must be the shortest length, then the longest; got {ngrams}")
        self.dim, self.window, self.fixed_window, self.negative = dim, window, fixed_window, negative
        self.subsample, self.objective = sample, objective
        self.subwords = Subwords(*ngrams, buckets) if subwords else None
        self.bags: Bags | None = None  # of each word, where its vector is a mean

    def problem(self) -> WordProblem:
        """What is declared here, for the solvers that are made for it."""
        return WordProblem(
            self.dim, self.window, self.negative, self.subsample, objective=self.objective,
            fixed_window=self.fixed_window, subwords=self.subwords is not None,
        )  # fmt: skip

    def view(self, data: Data) -> Samples:
        """Windows (B, 2 w + 1) around every word."""
        return data.windows(self.window)

    def build(self, about: About) -> None:
        """Make a vector for each word as seen, and one as hidden; with subwords, rows that the former are means of."""
        rows = size = about.form.shape[0]
        if self.subwords is not None:
            self.bags = self.subwords.bags(about.form.words)
            rows = self.bags.size
            self.register_buffer("bag_offsets", torch.from_numpy(self.bags.offsets), persistent=False)
            self.register_buffer("bag_rows", torch.from_numpy(self.bags.rows).long(), persistent=False)
        counts = np.maximum(about.fact("counts"), 1).astype(np.float64)  # a saved model may not know them: 0
        self.input = nn.Parameter((torch.rand(rows, self.dim) - 0.5) / self.dim)
        self.output = nn.Parameter(torch.zeros(size, self.dim))
        share = counts / counts.sum()
        drawn = np.cumsum(share**EXPONENT)
        self.register_buffer("cumulated", torch.from_numpy(drawn / drawn[-1]).float())
        stays = np.ones(size)
        if self.subsample:
            stays = np.minimum(1, np.sqrt(self.subsample / share) + self.subsample / share)
        self.register_buffer("stays", torch.from_numpy(stays).float())
        self.left = float(share @ stays)  # of the words of the text
        if self.objective == "hierarchical":
            self.build_paths(counts)

    def net_words(self) -> str:
        """How large the tables are."""
        extra = f", {self.subwords.buckets:,} rows of n-grams" if self.subwords else ""
        return f"two tables of {len(self.output):,} words x {self.dim}{extra}"

    def build_paths(self, counts: np.ndarray) -> None:
        """Grow the Huffman tree; row n of `output` is then the vector of inner node n, and the last row has no part."""
        paths = huffman(counts)
        self.register_buffer("path_start", torch.from_numpy(paths.offsets[:-1]))  # (V,)
        self.register_buffer("path_length", torch.from_numpy(np.diff(paths.offsets)))  # (V,)
        self.register_buffer("path_nodes", torch.from_numpy(paths.nodes))  # every word's path, one after another
        signs = 1 - 2 * paths.codes.astype(np.float32)  # 1 for a code of 0, or -1
        self.register_buffer("path_signs", torch.from_numpy(signs))

    def hide(self, x: Tensor, rng: torch.Generator) -> tuple[Tree, Tree]:
        """Windows (B, 2 w + 1) to the words in their middle, and those around them."""
        middle, words, used = self.around(x, rng)
        return middle, Neighbours(words, used, self.draw(len(x), rng, x.device))

    def around(self, x: Tensor, rng: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
        """The middle (B,), the neighbours (B, 2 w), and which of them are used: in a window of random reach, and kept."""
        half = x.shape[1] // 2
        middle, words = x[:, half], torch.cat([x[:, :half], x[:, half + 1 :]], 1)
        nearest = half if self.fixed_window else 1
        reach = torch.randint(nearest, half + 1, (len(x), 1), generator=rng, device=x.device)
        far = torch.cat([torch.arange(half, 0, -1), torch.arange(1, half + 1)]).to(x.device)
        there = words >= 0
        words = words.clamp(min=0)
        kept = torch.rand(words.shape, generator=rng, device=x.device) < self.stays[words]
        own = torch.rand((len(x), 1), generator=rng, device=x.device) < self.stays[middle][:, None]
        return middle, words, (there & kept & own & (far <= reach)).float()

    def draw(self, n: int, rng: torch.Generator, device: torch.device) -> Tensor:
        """Words (n, K) drawn by their counts to the power 3/4."""
        at = torch.rand((n, self.negative), generator=rng, device=device)
        return torch.searchsorted(self.cumulated, at).clamp(max=len(self.cumulated) - 1)

    def predict(self, seen: Tensor) -> Tensor:
        """Vectors (B, D) of the words that are seen."""
        return self.vectors(seen)

    def loss(self, guess: Tensor, answer: Tree) -> Terms:
        """Minus the log-likelihood of the neighbours (B,), in nats, summed over them."""
        if self.objective == "softmax":
            logits = guess @ self.output.T  # (B, V)
            surprise = logits.logsumexp(1, keepdim=True) - logits.gather(1, answer.words)
            return {"neighbours": (surprise * answer.used).sum(1)}
        if self.objective == "hierarchical":
            return {"neighbours": self.hierarchical(guess, answer)}
        near = torch.einsum("bcd,bd->bc", self.output[answer.words], guess)
        far = torch.einsum("bkd,bd->bk", self.output[answer.negatives], guess)
        other = answer.negatives[:, None] != answer.words[:, :, None]  # (B, C, K): a neighbour is no negative of itself
        against = (F.softplus(far)[:, None] * other).sum(2)
        return {"neighbours": ((F.softplus(-near) + against) * answer.used).sum(1)}

    def hierarchical(self, guess: Tensor, answer: Neighbours) -> Tensor:
        """Minus the log-likelihood (B,) of the turns on the neighbours' paths: log s(u . h) for a code of 0, or log s(-u . h)."""
        row, place = (answer.used > 0).nonzero(as_tuple=True)
        words = answer.words[row, place]
        length = self.path_length[words]
        pair = torch.repeat_interleave(length)  # the paths differ in length: they lie one after another
        at = torch.arange(len(pair), device=pair.device) + (self.path_start[words] + length - length.cumsum(0))[pair]
        score = (self.output[self.path_nodes[at].long()] * guess[row[pair]]).sum(1)
        return guess.new_zeros(len(guess)).index_add(0, row[pair], F.softplus(-self.path_signs[at] * score))

    def encode(self, x: Tensor) -> Tensor:
        """Vectors (B, D) of the words in the middle of windows (B, 2 w + 1)."""
        return self.vectors(x[:, x.shape[1] // 2])

    def vectors(self, words: Tensor) -> Tensor:
        """Vectors (..., D) of words (...): a row of the table, or the mean of the rows of a bag (Bojanowski et al. 2017)."""
        if self.bags is None:
            return self.input[words]
        first = self.bag_offsets[words.flatten()]  # (n,)
        sizes = self.bag_offsets[words.flatten() + 1] - first
        starts = sizes.cumsum(0) - sizes
        within = torch.arange(int(sizes.sum()), device=words.device) - starts.repeat_interleave(sizes)
        rows = self.bag_rows[first.repeat_interleave(sizes) + within]
        return F.embedding_bag(rows, self.input, starts, mode="mean").view(*words.shape, self.dim)

    @torch.no_grad()
    def words(self) -> Tensor:
        """Vectors (V, D) of all words."""
        if self.bags is None:
            return self.input.detach()
        words = torch.arange(len(self.output), device=self.output.device)
        return torch.cat([self.vectors(part) for part in words.split(1 << 16)])

    def tables(self) -> tuple[nn.Parameter, nn.Parameter]:
        """Vectors as seen (V, D), or (V + buckets, D) where words are bags; and as hidden (V, D), or of a tree's nodes."""
        return self.input, self.output

    def ngram_rows(self) -> tuple[Subwords, np.ndarray, Tensor] | None:
        """Which n-grams there are, the rows (n,) that words use, and their table (V + buckets, D); None without subwords."""
        return None if self.subwords is None or self.bags is None else (self.subwords, self.bags.rows, self.input)

    def remarks(self, measures: Mapping[str, float]) -> list[str]:
        """Warn of a text of which sub-sampling leaves little."""
        if self.left >= FEW:
            return []
        return [f"of so few words {self.left:.1%} are left by sample {self.subsample:g}; sample 0 learns from all"]

"""The face of a model whose method gives word vectors: what can be asked of words, and of texts by their words."""

from __future__ import annotations

import functools
import inspect
import logging
import os
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Literal, TypedDict

import numpy as np
import torch

from selfsup.data.open import open_data
from selfsup.data.text.form import TextForm
from selfsup.errors import DataError, OptionError, unknown
from selfsup.method import Method
from selfsup.model.encode import codes_of
from selfsup.system import memory
from selfsup.words import texts as by_words
from selfsup.words.asking import Asking
from selfsup.words.formats.io import lines_of
from selfsup.words.texts import Bags, TextFacts, Weights
from selfsup.words.vectors import WordVectors

FACTS = {  # of word vectors, that are those of a model
    "words": "The n words that have a vector, the most frequent first.",
    "vectors": "Vectors (n, D) of the words, as they are stored.",
    "scale": "What each vector is multiplied by, (n,) float32, where they are stored as int8.",
    "counts": "How often each word occurred, (n,) int64.",
    "ngrams": "Vectors of character n-grams, where words were learnt with theirs.",
    "dim": "Length D of a vector.",
    "index": "Row of each word.",
    "unit": "Vectors (n, D) of length 1.",
}
ALSO = ("rows", "vectors_of", "frequent", "__getitem__", "__contains__", "__len__")  # verbs of `WordVectors` itself
log = logging.getLogger("selfsup")


class NoWords(OptionError, AttributeError):
    """A model was asked for words that has none; `hasattr` says so too."""


class TextOptions(TypedDict, total=False):
    """How a text's code is made of the vectors of its words.

    Attributes
    ----------
    weights
        Of the words: "sif", a / (a + p) with a of 0.001 and p the word's share of the training text (Arora et al. 2017);
        "tfidf", by the sentences of that text that hold it (of vectors from elsewhere, by the texts given); "mean", all alike.
        By default tfidf; of vectors from elsewhere sif where they come with counts, else mean.
    remove
        First components that are taken away: by default 5, at most a twentieth of the width; none of vectors from elsewhere, nor
        where there are less than 20 directions.
    components
        Whose these are. learnt: of the text that was learnt from, so that a code depends on its own text alone. given: of the
        texts given.
    unit
        Whether words have length 1 (the default). Of a method in which a word's length is its weight (spans) the defaults are
        that lengths are kept, weights are "mean" and nothing is taken away.
    """

    weights: Weights | None
    remove: int | None
    components: Literal["learnt", "given"]
    unit: bool | None


def _forwarded() -> type:
    """A class with every public fact and verb of `WordVectors`, which asks those of the model."""

    def fact(name: str, words: str) -> property:
        return property(lambda self: getattr(self._vectors, name), doc=words)

    def verb(function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def ask(self: Any, *args: Any, **how: Any) -> Any:
            return getattr(self._vectors, function.__name__)(*args, **how)

        return ask

    verbs = {name for name, _ in inspect.getmembers(Asking, inspect.isfunction) if not name.startswith("_")}
    made: dict[str, Any] = {name: verb(getattr(WordVectors, name)) for name in sorted({*verbs, *ALSO})}
    return type("Verbs", (), made | {name: fact(name, words) for name, words in FACTS.items()})


if TYPE_CHECKING:

    class Verbs(Asking):
        """What `_forwarded` makes."""

        def rows(self, numbers: Any) -> np.ndarray: ...  # noqa: D102
        def __contains__(self, word: object) -> bool: ...
        def __len__(self) -> int: ...
else:
    Verbs = _forwarded()


class WordFace(Verbs):
    """Words of a model: everything of its `selfsup.WordVectors`, and the codes of texts that are made of them."""

    form: Any
    config: dict[str, Any]
    word_vectors: WordVectors | None
    texts: TextFacts | None

    @property
    def _vectors(self) -> WordVectors:
        if self.word_vectors is None:
            raise NoWords(
                f"the method '{self.config['method']}' gives no word vectors: it learnt from {self.form.kind}s"
            )
        return self.word_vectors

    def __bool__(self) -> bool:
        return True

    def encode_texts(
        self,
        data: Any,
        weights: Weights | None = None,
        remove: int | None = None,
        *,
        unit: bool | None = None,
        components: Literal["learnt", "given"] = "learnt",
    ) -> np.ndarray:
        """Codes of texts by the vectors of their words; see `Model.encode`, which has the same options.

        Returns
        -------
        ndarray
            (n, D) float32; zeros for a text without a known word, which is counted in a warning.
        """
        vectors, texts = self._vectors, texts_of(data)
        if unit is None:
            unit = self.config.get("weighed") is not True
            weights = weights if unit else weights or "mean"
        memory.check(12 * len(texts) * vectors.dim, f"codes of {len(texts):,} texts", "encode fewer of them at once")
        chosen, bags = self._usual(weights), Bags.of(self.form.encode(texts))
        asked = self._removed(remove, components, chosen, bags)
        codes = by_words.text_vectors(vectors, bags, self._weights(chosen, bags), unit=unit)
        empty = int((bags.sizes == 0).sum())
        if empty:
            log.warning(
                "%s of %s texts hold no word of the vocabulary: their codes are 0", f"{empty:,}", f"{len(texts):,}"
            )
        if asked == 0:
            return codes
        if components == "given":
            if len(texts) - empty <= asked:
                raise DataError(
                    f"option 'remove': {asked} components of the given texts need more than {asked} texts with a known word; "
                    f"got {len(texts) - empty}"
                )
            return by_words.without(codes, by_words.components(codes, asked))
        return by_words.without(codes, self._learnt(chosen, asked))

    def covered(self, data: Any) -> np.ndarray:
        """Share of the words of each text that have a vector, (n,) float32; 0 for a text without words."""
        _ = self._vectors
        texts = texts_of(data)
        known = Bags.of(self.form.encode(texts)).sizes
        every = np.array([len(self.form.cut(text)) for text in texts])
        share: np.ndarray = np.divide(known, every, out=np.zeros(len(texts)), where=every > 0)
        return share.astype(np.float32)

    def _usual(self, weights: Weights | None) -> Weights:
        """The weights that were asked for, or the best that can be had."""
        if weights is not None:
            return weights
        if self.texts is not None:
            return "tfidf"
        return "sif" if by_words.has_counts(self._vectors) else "mean"

    def _weights(self, name: Weights, bags: Bags) -> np.ndarray | None:
        """Weights of the words, (V,); document frequencies are those of the training text, or else of the given ones."""
        if name == "tfidf" and self.texts is None:
            log.info("document frequencies are those of the %s texts given: none are known of the training", len(bags))
            return by_words.weights_of(name, self._vectors, len(bags), bags.frequencies(len(self._vectors)))
        facts = (0, None) if self.texts is None else (self.texts.sentences, self.texts.frequencies)
        return by_words.weights_of(name, self._vectors, *facts)

    def _removed(self, remove: int | None, components: str, weights: Weights, bags: Bags) -> int:
        """How many components to take away: by default few of the directions that there are, which a small text has few of."""
        dim, learnt = self._vectors.dim, self._axes(weights)
        if components not in ("learnt", "given"):
            raise OptionError(unknown("components", components, ("learnt", "given")))
        if remove is None:
            there = len(learnt) if components == "learnt" else int((bags.sizes > 0).sum())
            return by_words.usual_removed(dim if there >= by_words.MOST else 0)
        if not 0 <= remove < dim:
            raise OptionError(f"option 'remove' must be from 0 to {dim - 1}, below the width of the code; got {remove}")
        return remove

    def _axes(self, weights: Weights) -> np.ndarray:
        """The components of the text that was learnt from, (k, D): none of vectors from elsewhere."""
        none = np.zeros((0, self._vectors.dim), np.float32)
        return none if self.texts is None else self.texts.components.get(weights, none)

    def _learnt(self, weights: Weights, most: int) -> np.ndarray:
        """The first components of the text that was learnt from, (most, D)."""
        axes = self._axes(weights)
        if not len(axes):
            raise OptionError(
                "option 'remove': these vectors come without the components of the text they were learnt from; "
                "components='given' takes those of the texts given, remove=0 none"
            )
        if most > len(axes):
            raise OptionError(f"option 'remove': this run has {len(axes)} components, got {most}")
        return axes[:most]


def codes_of_texts(method: Method, form: TextForm, data: Any, device: torch.device) -> np.ndarray:
    """Codes (n, D) of texts by a method without word vectors: the mean over its view of each; zeros where it has none."""
    codes: list[np.ndarray | None] = []
    for text in texts_of(data):
        known = bool((form.encode([text]) >= 0).any())
        samples = method.view(open_data([text], like=form, progress=False)) if known else None
        codes.append(codes_of(method, samples, device).mean(0) if samples is not None and len(samples) else None)
    width = next((len(code) for code in codes if code is not None), 0)
    if not width:
        raise DataError("no text holds a word of the vocabulary: there is nothing to encode")
    return np.stack([np.zeros(width, np.float32) if code is None else code for code in codes])


def texts_of(data: Any) -> list[str]:
    """Texts one by one: a list (or array, or column) of them, or the lines of a file.

    Raises
    ------
    DataError
        If it is neither.
    """
    if isinstance(data, str | os.PathLike):
        lines = list(lines_of(data)[1])
        return lines[:-1] if lines and not lines[-1] else lines
    texts = list(data) if isinstance(data, Iterable) else []
    if not texts or not all(isinstance(text, str) for text in texts):
        raise DataError("texts are a list of strings, or the path of a file with one a line")
    return texts

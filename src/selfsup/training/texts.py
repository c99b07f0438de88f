"""What codes of texts are worth: beside TF-IDF, LSA of the same width, and the same means of random vectors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from selfsup.data.text.labelled import LabelledTexts, open_labelled
from selfsup.errors import DataError
from selfsup.lazy import sklearn
from selfsup.measures.evaluation import Evaluation, judged
from selfsup.measures.health import health, shape_of
from selfsup.measures.run import Evidence, Features, run
from selfsup.measures.verdict import verdict
from selfsup.model.model import Model
from selfsup.training.baselines import NETS
from selfsup.training.evidence import MAX_LABELS, MAX_TEST, Measures
from selfsup.words import texts as by_words
from selfsup.words.texts import Bags
from selfsup.words.vectors import WordVectors

FEWEST = 4  # texts with labels: to learn a probe from, and to test it on
HELD = 5  # one of so many texts is tested on
SHOWN = 200  # letters of a text that is named
RARE = 2  # texts that a word of TF-IDF has to be in, as is usual
PLAIN: dict[str, Any] = {"weights": "mean", "remove": 0, "unit": False}
NOTE = (
    "raw input is TF-IDF of the texts' words, PCA is LSA (its first singular vectors, as many as the code has values), and a "
    "random network stands for the same mean of random vectors"
)


class Split(NamedTuple):
    """Texts that a probe is trained on, those that it is tested on, and all that are known without their labels."""

    learnt: LabelledTexts
    test: LabelledTexts
    known: Sequence[str]


def of_texts(
    model: Model,
    data: Any,
    *,
    measures: Measures = None,
    seed: int = 0,
    max_labels: int = MAX_LABELS,
    **reading: Any,
) -> Evaluation:
    """Evaluate the codes of texts that have labels; a fifth of them is tested on.

    Parameters
    ----------
    data
        See `selfsup.data.text.labelled.open_labelled`, which has the options of reading too.
    max_labels
        Texts that a probe is trained on, at most.

    Raises
    ------
    DataError
        If there are too few texts, or labels of one class only.
    """
    parts = split(open_labelled(data, **reading), seed, max_labels)
    learnt, test, notes = parts.learnt.texts, parts.test.texts, [NOTE]
    if len(learnt) == max_labels:
        notes.append(f"probes were trained on at most {max_labels:,} labelled texts and tested on {len(test):,}")
    codes = model.encode(test)
    features = {("model", "code"): Features(model.encode(learnt), codes)}
    features |= baselines(model, parts, codes.shape[1], seed)
    if model.word_vectors is not None:
        covered = model.covered(test)
        if not covered.any():
            raise DataError(
                "no word of these texts has a vector, so there is nothing to judge; give texts as those learnt from"
            )
        notes.append(f"{covered.mean():.1%} of the words of a text have a vector, on average over the texts tested on")
    others: list[Callable[[str], Features]] = []
    if (vectors := model.word_vectors) is not None:
        others = [lambda layer, at=seed + n: at_random(vectors, model.form, parts, at) for n in range(1, NETS)]  # type: ignore[misc]
    evidence = Evidence(features, parts.learnt.labels, parts.test.labels, others=others, kept={}, seed=seed)
    evidence = evidence._replace(classes=parts.test.classes, named=lambda place: beginning(test[place]))
    found = health(codes, model.start, model.history[-1]) if model.history else shape_of(codes)
    tables = run(evidence, measures)
    rows = {table.name: table.rows for table in tables}
    where = f"on {len(test):,} texts of the data given"
    return judged(verdict(found, rows.get("probe", []), rows.get("knn", []), where=where), found, tables, notes)


def beginning(text: str) -> str:
    """The first letters of a text, on one line."""
    line = " ".join(text[: 2 * SHOWN].split())
    return line if len(line) <= SHOWN else f"{line[: SHOWN - 1]}…"


def split(data: LabelledTexts, seed: int, max_labels: int) -> Split:
    """A fifth to test on, and of the rest at most so many to learn from, at random."""
    if len(data.classes) < 2:
        raise DataError("these labels are all of one class; give labels of at least 2 classes")
    if len(data.classes) == len(data.texts):
        raise DataError(
            f"each of these {len(data.texts):,} labels is a class of its own, so nothing can be told from one text of another; "
            "give labels that occur more than once"
        )
    if len(data.texts) < FEWEST:
        raise DataError(f"an evaluation needs at least {FEWEST} texts with labels; got {len(data.texts)}")
    order = np.random.default_rng(seed).permutation(len(data.texts))
    held = max(len(order) // HELD, 2)
    test, learnt = np.sort(order[:held][:MAX_TEST]), np.sort(order[held:])
    some = learnt
    if len(learnt) > max_labels:
        some = np.sort(np.random.default_rng(seed).permutation(learnt)[:max_labels])
    return Split(_part(data, some), _part(data, test), [data.texts[row] for row in learnt])


def _part(data: LabelledTexts, rows: np.ndarray) -> LabelledTexts:
    return LabelledTexts([data.texts[row] for row in rows], data.labels[rows], data.classes)


def baselines(model: Model, parts: Split, width: int, seed: int) -> dict[tuple[str, str], Features]:
    """TF-IDF and LSA, fitted on all texts but those of the test; of word vectors their plain mean and the mean of random ones."""
    rarest = RARE if len(parts.known) > 10 * RARE else 1
    counting = sklearn.feature_extraction.text.TfidfVectorizer(
        sublinear_tf=True,
        min_df=rarest,
        token_pattern=None,
        tokenizer=model.form.cut,
        lowercase=False,
        dtype=np.float32,
    )
    try:
        everything = counting.fit_transform(parts.known)
    except ValueError as error:  # of scikit-learn: no word is left
        raise DataError("these texts hold no words to compare by") from error
    raw = Features(*(counting.transform(part.texts) for part in (parts.learnt, parts.test)))
    size = min(width, everything.shape[1] - 1, everything.shape[0] - 1)
    found = {("raw input", ""): raw}
    if size > 0:
        lsa = sklearn.decomposition.TruncatedSVD(size, random_state=seed).fit(everything)
        found["PCA", ""] = Features(*(lsa.transform(part).astype(np.float32) for part in raw))
    if model.word_vectors is not None:
        found["plain mean", ""] = Features(*(model.encode(part.texts, **PLAIN) for part in (parts.learnt, parts.test)))
        found["random init", "code"] = at_random(model.word_vectors, model.form, parts, seed)
    return found


def at_random(vectors: WordVectors, form: Any, parts: Split, seed: int) -> Features:
    """Codes as the model's default makes them, of random vectors in place of the words'; components are those of these."""
    bags = [Bags.of(form.encode(part.texts)) for part in (parts.learnt, parts.test)]
    used, places = np.unique(np.concatenate([bag.words for bag in bags]), return_inverse=True)
    if not len(used):
        return Features(*(np.zeros((len(bag), vectors.dim), np.float32) for bag in bags))
    drawn = np.random.default_rng(seed).standard_normal((len(used), vectors.dim), np.float32)
    table = WordVectors([str(row) for row in used], drawn)
    weights = by_words.sif_weights(vectors.counts)[used] if by_words.has_counts(vectors) else None  # type: ignore[arg-type]
    cut = len(bags[0].words)
    learnt, test = (
        by_words.text_vectors(table, Bags(words, bag.ends), weights)
        for words, bag in zip((places[:cut], places[cut:]), bags, strict=True)
    )
    axes = by_words.components(learnt)
    axes = axes[: by_words.usual_removed(vectors.dim if len(axes) >= by_words.MOST else 0)]
    return Features(by_words.without(learnt, axes), by_words.without(test, axes))

"""Word vectors beside those that counting gives and beside untrained ones, with errors of the leads, paired on what was asked."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from selfsup.measures.run import Evidence
from selfsup.measures.samples.paired import TIMES, Lead, leads
from selfsup.measures.table import Row, Table
from selfsup.measures.words.analogies import analogies
from selfsup.measures.words.beside import counted_of
from selfsup.measures.words.contexts import asked, gains
from selfsup.measures.words.counting import Counts
from selfsup.measures.words.files import listed, named_apart
from selfsup.measures.words.leads import COUNTING, HELD_OUT, MODEL
from selfsup.measures.words.neighbours import COUNTED
from selfsup.measures.words.similarity import correlation, ranks, similarity
from selfsup.words.vectors import WordVectors

FEWEST = 10  # questions or pairs: what is resampled of fewer says nothing of its error


def measure(evidence: Evidence) -> Table:
    """The rows of all that the vectors can be asked by: a text that was held out, and the files that the options name."""
    assert evidence.words is not None
    asked_by = {name: listed(evidence.options.get(name)) for name in ("analogies", "similarity")}
    encoders, rows = {MODEL: evidence.words}, list[Row]()
    if evidence.text is not None:
        counted = counted_of(evidence, whole=any(asked_by.values()))
        size = len(counted.vectors)
        counts = None if evidence.words.counts is None else evidence.words.counts[:size]
        names = [evidence.words.words[row] for row in range(size)]
        encoders |= {COUNTING: WordVectors(names, counted.vectors, counts)}
    encoders |= evidence.rivals or {}
    if evidence.text is not None and evidence.text.fresh is not None:
        rows += on_text(encoders, evidence.text.fresh, counted.table, evidence.text.window, evidence.seed)
    for name, scores in (("analogies", _answered), ("similarity", _compared)):
        every = [(path, scores(encoders, path, evidence.seed)) for path in asked_by[name]]
        rows += [{"what": f"{name}, {row.pop('file')}", **row} for row in named_apart(every)]
    return Table.of("counting", rows)


def on_text(
    encoders: Mapping[str, WordVectors], fresh: np.ndarray, learnt: Counts, window: int, seed: int = 0
) -> list[Row]:
    """What neighbours foretell of contexts, in nats a context (`contexts.gains`), among the words that all encoders have."""
    candidates = min(COUNTED, *(len(vectors.words) for vectors in encoders.values()))
    questions = asked(fresh, learnt, candidates, window)
    if len(questions.rows) < FEWEST:
        return []
    found = {name: gains(vectors.rows(slice(candidates)), questions) for name, vectors in encoders.items()}
    return [{"what": HELD_OUT, **row} for row in _means(found, candidates, seed)]


def _answered(encoders: Mapping[str, WordVectors], path: str, seed: int) -> list[Row]:
    """Rows of a file of analogies: of the questions that all encoders know the words of."""
    marks = {name: analogies(vectors, path).right for name, vectors in encoders.items()}
    covered = [place for place, each in enumerate(zip(*marks.values(), strict=True)) if None not in each]
    if len(covered) < FEWEST:
        return []
    right = {name: np.array([one[place] for place in covered], np.float64) for name, one in marks.items()}
    return _means(right, len(next(iter(marks.values()))), seed)


def _means(found: Mapping[str, np.ndarray], of: int, seed: int) -> list[Row]:
    """Rows of encoders with (q,) scores of the same questions each."""
    others = [name for name in found if name != MODEL]
    apart = [found[MODEL] - found[name] for name in others]
    known = leads([*(one[None] for one in found.values()), *(one[None] for one in apart)], seed)
    own = dict(zip(found, known, strict=False))
    led = dict(zip(others, known[len(found) :], strict=True))
    return [_row(name, own[name].size, own[name].error, led.get(name), len(found[name]), of) for name in found]


def _compared(encoders: Mapping[str, WordVectors], path: str, seed: int) -> list[Row]:
    """Rows of a file of judged pairs: of those that all encoders know the words of."""
    found = {name: similarity(vectors, path) for name, vectors in encoders.items()}
    cosines = {name: one.cosines for name, one in found.items()}
    covered = [place for place, each in enumerate(zip(*cosines.values(), strict=True)) if None not in each]
    if len(covered) < FEWEST:
        return []
    people = np.array([found[MODEL].people[place] for place in covered], np.float64)
    values = {name: np.array([one[place] for place in covered], np.float64) for name, one in cosines.items()}
    whole = {name: _rank_correlation(one, people) for name, one in values.items()}
    rng, size = np.random.default_rng(seed), len(covered)
    drawn: dict[str, list[float]] = {name: [] for name in values}
    for _ in range(TIMES):
        some = rng.integers(size, size=size)
        for name, one in values.items():
            drawn[name].append(_rank_correlation(one[some], people[some]))
    widened = np.sqrt(size / (size - 1))  # the bootstrap of n gives (n - 1) / n of a variance
    errors = {name: float(np.std(some) * widened) for name, some in drawn.items()}
    rows = []
    for name in values:
        lead = None
        if name != MODEL:
            error = float(np.std(np.subtract(drawn[MODEL], drawn[name])) * widened)
            lead = Lead(whole[MODEL] - whole[name], error, size)
        rows.append(_row(name, whole[name], errors[name], lead, size, len(found[name].cosines)))
    return rows


def _rank_correlation(values: np.ndarray, people: np.ndarray) -> float:
    """Spearman's correlation; 0 where all values are alike."""
    return correlation(ranks(values), ranks(people)) or 0.0


def _row(name: str, score: float, error: float, lead: Lead | None, covered: int, of: int) -> Row:
    led = {"lead": None, "lead_error": None} if lead is None else {"lead": lead.size, "lead_error": lead.error}
    clear = {} if lead is None else {"clear": lead.clear}
    return {"encoder": name, "score": score, "error": error, **led, "covered": covered, "asked": of, **clear}

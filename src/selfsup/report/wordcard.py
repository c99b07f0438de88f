"""The parts of a model card that word vectors have of their own: neighbours beside those of the counts, scores, use."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from selfsup.report import text
from selfsup.report.markdown import md
from selfsup.report.say import mapping

SHOWN, NEAR = 12, 5  # words of the table, and neighbours of each: the report has more


def evaluation(found: Mapping[str, Any]) -> str:
    """Return the neighbours beside those that counting gives, and what was measured."""
    rows, scores = text.neighbours(mapping(found.get("neighbours"))), text.scores(found.get("scores"))
    parts = ["## Evaluation"]
    if rows:
        lines = ["| word | times | nearest by the learnt vectors | nearest by counting |", "|---|---:|---|---|"]
        lines += [
            f"| {md(row.word)} | {row.count or '–'} | {_list(row.model)} | {_list(row.counts)} |"
            for row in rows[:: max(1, len(rows) // SHOWN)][:SHOWN]
        ]
        parts += [
            "Nearest words, and beside them what counting alone gives (PPMI and its singular vectors; nothing is learnt). The "
            "words are taken by their counts; bold: in both lists of the report.",
            "\n".join(lines),
        ]
    if scores:
        lines = ["| what | score | covered | file |", "|---|---:|---:|---|"]
        lines += [f"| {score.title} | {score.value} | {score.covered} | {md(score.file)} |" for score in scores]
        parts += ["Scores, of the questions and pairs whose words are all known:", "\n".join(lines)]
    if len(parts) == 1:
        parts.append("Not measured. Nothing is known yet of how useful these vectors are.")
    return "\n\n".join(parts)


def _list(near: Sequence[text.Near]) -> str:
    """Return the first neighbours, those of both lists in bold."""
    shown = [f"**{md(item.word)}** {item.cosine}" if item.both else f"{md(item.word)} {item.cosine}" for item in near]
    return ", ".join(shown[:NEAR]) or "–"


def use() -> str:
    """Return how to use the vectors, from Python and from the command line."""
    return """## Use

```python
import selfsup

vectors = selfsup.load("RUN")  # this folder
vectors["word"]  # (width,)
vectors.most_similar("word")
vectors.save("vectors.bin")  # word2vec's format, for other tools
```

```console
selfsup evaluate RUN --analogies questions-words.txt --similarity wordsim353.tsv
```"""

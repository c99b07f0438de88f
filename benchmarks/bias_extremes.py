"""The most extreme occupations of two systems beside each other, and how many of them Bolukbasi et al. (2016) publish.

    python benchmarks/bias_extremes.py [--seeds 0 1 2] [--systems ours gensim]
    python benchmarks/bias_extremes.py --vectors ours0.safetensors ours1.safetensors gensim0.safetensors

Skip-gram on IMDB reviews (train and unsupervised: 17.5 M lower-cased words), 100-d, window 5, 5 negatives, sample 1e-4,
min_count 5, 5 epochs, lr .05; each training has a process of its own. Or any vectors, a column for each file.

Two lists: the bundled occupations, without those that are gendered by definition; and the released occupations of the paper with
a definitional score below .5 either way (professions.json of the data folder), where they are there. Of each: the 12 most extreme
occupations of either side, how many of the published 12 stand among them, and how many of the published he words among the 40.
Below them the share of the first component of the 10 definitional pairs, its range when one pair is left out, and what as many
pairs of random words give.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
from pathlib import Path

import _words
from _timing import apart, data_folder
from selfsup import WordVectors
from selfsup.measures.words.bias.extremes import extremes
from selfsup.words.bias.direction import direction

SETTINGS = {"dim": 100, "window": 5, "negative": 5, "sample": 1e-4, "lr": 0.05, "architecture": "skipgram"}
SYSTEMS = {"ours": (_words.train_ours, 1), "gensim": (_words.train_gensim, 2)}
SHE = [
    "homemaker",
    "nurse",
    "receptionist",
    "librarian",
    "socialite",
    "hairdresser",
    "nanny",
    "bookkeeper",
    "stylist",
    "housekeeper",
    "interior_designer",
    "guidance_counselor",
]
HE = [
    "maestro",
    "skipper",
    "protege",
    "philosopher",
    "captain",
    "architect",
    "financier",
    "warrior",
    "broadcaster",
    "magician",
    "fighter_pilot",
    "boss",
]
NEAR, FAR = 12, 40
WIDTH = 26


def word_lists():
    """The bundled list, and the released one where it is there."""
    lists = {"bundled occupations": "occupations"}
    released = data_folder() / "bias" / "professions.json"
    if released.is_file():
        scored = json.loads(released.read_text(encoding="utf-8"))
        lists["released occupations"] = [word for word, definitional, _ in scored if abs(definitional) < 0.5]
    return lists


def train(system, path, words, seed):
    """Vectors of one run."""
    function, threads = SYSTEMS[system]
    _, vocabulary, vectors = function(path, words, SETTINGS | {"seed": seed}, threads, 5)
    return vocabulary, vectors


def look(vectors, lists):
    """What is printed of one table of vectors."""
    gender = direction(vectors)
    left, null = [one["share"] for one in gender.leave_one_out()], gender.null()
    facts = {
        "pairs used": f"{len(gender.pairs)}",
        "share of the first component": f"{gender.share:.3f}",
        "  without one pair": f"{min(left):.3f} to {max(left):.3f}",
        "  of random pairs, 95 %": f"{null.low:.3f} to {null.high:.3f} (p {null.p:.2g})",
    }
    found = {}
    for name, words in lists.items():
        most = extremes(vectors, gender, words, FAR)
        she, he = ([word for word, _ in side] for side in (most.positive, most.negative))
        counts = {
            "occupations compared": f"{most.found} of {most.asked}",
            f"published she among {NEAR}": len(set(she[:NEAR]) & set(SHE)),
            f"published he among {NEAR}": len(set(he[:NEAR]) & set(HE)),
            f"published he among {FAR}": len(set(he) & set(HE)),
            "published she, he in the vectors": f"{_known(most, SHE)}, {_known(most, HE)} of 12",
        }
        found[name] = counts, most.positive[:NEAR], most.negative[:NEAR]
    return facts, found


def _known(most, published):
    return sum(
        word.replace("_", mark) in most.projections for word in published for mark in "_ -"[: 1 + 2 * ("_" in word)]
    )


def told(columns, lists):
    """Lines: the tables of vectors side by side."""
    first = next(iter(columns.values()))
    yield row("", columns)
    for key in first[0]:
        yield row(key, [facts[key] for facts, _ in columns.values()])
    for name in lists:
        yield ""
        yield name
        for key in first[1][name][0]:
            yield row(key, [found[name][0][key] for _, found in columns.values()])
        for side, published, title in ((1, SHE, "extreme she"), (2, HE, "extreme he")):
            yield row(f"{title} (* published)", ["" for _ in columns])
            for rank in range(NEAR):
                cells = [found[name][side][rank : rank + 1] for _, found in columns.values()]
                yield row(f"  {rank + 1}", [_cell(cell, published) for cell in cells])


def _cell(cell, published):
    if not cell:
        return "-"
    word, projection = cell[0]
    return f"{'*' if word in published else ' '}{word} {projection:+.2f}"


def row(title, cells):
    return (f"{title:<34}" + "".join(f"{cell!s:<{WIDTH}}" for cell in cells)).rstrip()


def medians(columns, lists):
    """Lines: the counts of the systems over their seeds."""
    systems = dict.fromkeys(name.split()[0] for name in columns)
    for name in lists:
        keys = [key for key, value in next(iter(columns.values()))[1][name][0].items() if isinstance(value, int)]
        for key in keys:
            values = {
                system: [found[name][0][key] for column, (_, found) in columns.items() if column.split()[0] == system]
                for system in systems
            }
            shown = [f"{statistics.median(each):g} ({', '.join(map(str, each))})" for each in values.values()]
            yield row(f"{name}: {key}"[:60].ljust(60), [f"{s} {v}" for s, v in zip(values, shown, strict=True)])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--vectors", nargs="+", help="files of word vectors, instead of training")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--systems", nargs="+", choices=list(SYSTEMS), default=list(SYSTEMS))
    arguments = parser.parse_args()
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # for the processes that are started
    lists, columns = word_lists(), {}
    if arguments.vectors:
        for path in arguments.vectors:
            columns[Path(path).stem] = look(WordVectors.load(path), lists)
        print("\n".join(told(columns, lists)))
        return
    systems = arguments.systems
    if "gensim" in systems and (why := _words.missing("gensim")):
        print(f"gensim left out: {why}")
        systems = [system for system in systems if system != "gensim"]
    with tempfile.TemporaryDirectory() as folder:
        path, words = _words.imdb_text(folder)
        for system in systems:
            for seed in arguments.seeds:
                columns[f"{system} seed {seed}"] = look(WordVectors(*apart(train, system, path, words, seed)), lists)
                print(f"{system} seed {seed} trained", flush=True)
    print("\n".join([*told(columns, lists), "", "medians over the seeds", *medians(columns, lists)]))


if __name__ == "__main__":
    main()

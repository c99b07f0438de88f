"""`compare`: which of several runs is better, on the same rows and with paired errors."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import numpy as np

from selfsup.data.labels import kind_words
from selfsup.data.text.form import TextForm
from selfsup.errors import DataError, OptionError, RunError
from selfsup.measures.evaluation import Evaluation
from selfsup.measures.health import shape_of
from selfsup.measures.run import Features
from selfsup.measures.samples import runs as measuring
from selfsup.measures.samples.judgeable import left_out
from selfsup.measures.samples.recorded import tables_of_evaluations
from selfsup.measures.table import Row, Table
from selfsup.measures.wording import names_of, words
from selfsup.model.encode import codes_of, encode_batches
from selfsup.model.load import load
from selfsup.model.model import Model
from selfsup.options import Range, checked
from selfsup.system.progress import Progress
from selfsup.training.baselines import Units, components
from selfsup.training.evidence import MAX_LABELS, MAX_TEST
from selfsup.training.measure import ONCE, measure, probe_of

MOST = 20  # runs: of more the pairs are too many to read, and to resample
FEWEST = 4  # rows: to learn a probe from, and to test it on
MEASURED = 512  # rows on which losses and gaps are measured
DRAWS = 5
READING = ("label_column", "labels_are", "limit")  # options of data
SHAPE, LOSSES = ("rank", "width", "spread"), ("loss", "gap")  # of the health: of any codes, and of one task
UNJUDGED = "undecided"  # the kind of verdict where there are no labels


def compare(
    runs: Sequence[Model | str | os.PathLike[str]],
    data: Any = None,
    *,
    labels: Any = None,
    label_column: str | tuple[str, ...] | None = None,
    labels_are: Literal["classes", "numbers", "several"] | None = None,
    draws: Annotated[int, Range(1, 100)] = DRAWS,
    seed: Annotated[int, Range(0, 2**32 - 1)] = 0,
    max_labels: Annotated[int, Range(2)] = MAX_LABELS,
    limit: Annotated[int, Range(2)] | None = None,
    on_bad: Literal["stop", "skip"] = "stop",
    progress: bool = True,
) -> Evaluation:
    """Hold runs side by side, on the same rows, and say which leads are more than chance.

    With labelled data a linear probe and nearest neighbours (of numbers as labels a ridge regression, of several a probe of each)
    judge the codes of every run by the same training rows, the same draws of labels and the same test rows, beside raw input and
    PCA. Each lead has its paired standard error: a bootstrap of test rows and draws together (`measures.samples.paired`).

    Parameters
    ----------
    runs
        Two or more models, or the paths of their run folders.
    data
        Data of the kind that they learnt from. They are tested on the data's own test part; else, where these are the data that
        they learnt from, on the rows that all of them held out in training; else on a fifth. Without labels what needs none is
        shown side by side. By default what the runs' own evaluations hold is compared, where these are of the same split.
    labels
        Labels (n,) of an array; or several a sample (n, L), each 0 or 1.
    label_column
        Name of the column that holds the labels; or of several that are 0 and 1.
    labels_are
        classes, numbers, or several a sample; by default what they look like.
    draws
        How often few labels are drawn.
    seed
        Of the split and of the draws.
    max_labels
        Labelled rows that a probe is trained on, at most.
    limit
        Use the first so many rows only.
    on_bad
        stop or skip files that cannot be read.
    progress
        Show progress on standard error.

    Returns
    -------
    Evaluation
        With the tables ``compare`` and ``compare_leads`` (without labels ``compare_health``), and which run is better: the kind
        "better", or "undecided" where no lead of the best run over each other one passes two standard errors.

    Raises
    ------
    RunError
        If the runs cannot be compared: they learnt from data of different kinds, held out different rows of these data, are of
        word vectors, or have no evaluations of the same split. What differs is named.
    DataError
        If the data do not fit a run, are too few, or have labels that are all of one class.
    """
    given = {name: value for name, value in locals().items() if name not in ("runs", "data", "labels")}
    settings = checked(compare, given)
    entrants = entered(runs)
    if data is None:
        for name in ("labels", *READING):
            if (labels if name == "labels" else settings[name]) is not None:
                raise OptionError(f"option '{name}' is of data, and none were given")
        return by_evaluations(entrants)
    shown = Progress(settings["progress"])
    reading = {key: settings[key] for key in READING if settings[key] is not None} | {"labels": labels}
    reading |= {key: settings[key] for key in ("on_bad", "progress")}
    field = opened(entrants, data, reading, settings["seed"])
    if field.y_train is None:
        found = without_labels(entrants, field, settings["seed"])
    else:
        found = with_labels(entrants, field, settings, shown)
    shown.close()
    return found


def entered(runs: Any) -> dict[str, Model]:
    """Models by their short names; runs of different kinds, and word vectors, are refused."""
    if isinstance(runs, str | os.PathLike | Model) or not isinstance(runs, Sequence):
        raise OptionError("compare takes a list of runs: compare([first, second])")
    if not 2 <= len(runs) <= MOST:
        raise OptionError(f"compare takes 2 to {MOST} runs; got {len(runs)}")
    for run in runs:
        if not isinstance(run, str | os.PathLike | Model):
            raise OptionError(
                f"compare takes models and paths of run folders; got a {type(run).__name__}: {str(run)[:40]}"
            )
    paths = [os.fspath(run) if not isinstance(run, Model) else None for run in runs]
    models = [load(run) if not isinstance(run, Model) else run for run in runs]
    named = dict(
        zip(names_of([path or _folder(model) for path, model in zip(paths, models, strict=True)]), models, strict=True)
    )
    for name, model in named.items():
        if isinstance(model.form, TextForm):
            raise RunError(
                f"{name} is of words, whose vectors are compared by questions: `selfsup words evaluate FILE FILE --analogies "
                "QUESTIONS`, or for a task with labels by `selfsup transfer`"
            )
    kinds = {name: model.form.kind for name, model in named.items()}
    if len(set(kinds.values())) > 1:
        said = words([f"{name} from {kind}s" for name, kind in kinds.items()])
        raise RunError(f"runs of different kinds of data cannot be compared: {said}")
    return named


def _folder(model: Model) -> str:
    """What a model is called that was not given as a path."""
    return os.fspath(model.folder) if model.folder is not None else str(model.config["method"])


@dataclass(frozen=True)
class Field:
    """What runs are held side by side on.

    Attributes
    ----------
    parts
        Of each run, in its own form: rows to learn probes from, and rows to test on; row i is the same sample for all.
    where
        What the test rows are, in words.
    notes
        What a reader should know.
    """

    parts: Mapping[str, tuple[Any, Any]]
    where: str
    notes: list[str]

    @property
    def y_train(self) -> np.ndarray | None:
        """Labels (n,) of the rows that are learnt from, if there are any."""
        learnt, test = self._first
        return None if test.labels is None else learnt.labels

    @property
    def y_test(self) -> np.ndarray:
        """Labels (m,) of the test rows."""
        labels: np.ndarray = self._first[1].labels
        return labels

    @property
    def _first(self) -> tuple[Any, Any]:
        return next(iter(self.parts.values()))


def opened(entrants: Mapping[str, Model], data: Any, reading: Mapping[str, Any], seed: int) -> Field:
    """The data in the form of each run, and one split for all of them."""
    made: dict[str, Any] = {}
    for name, model in entrants.items():
        twin = next((other for other in made if entrants[other].form == model.form), None)
        made[name] = model.open(data, **reading) if twin is None else made[twin]
    first = next(iter(made.values()))
    for name, other in made.items():
        if not _same_rows(first, other):
            raise DataError(
                f"{next(iter(made))} and {name} do not read the same rows of these data: nothing can be paired"
            )
    if len(first) < FEWEST:
        raise DataError(f"a comparison needs at least {FEWEST} rows; got {len(first)}")
    cut, where, notes = split_of(entrants, made, seed)
    return Field({name: cut(one) for name, one in made.items()}, where, notes)


def _same_rows(one: Any, other: Any) -> bool:
    """Whether two readings of data are of the same rows, as far as can be seen."""
    parts = [(one, other)] + ([(one.test, other.test)] if one.test is not None and other.test is not None else [])
    same = (one.test is None) == (other.test is None)
    for mine, theirs in parts:
        names = mine.names is None or theirs.names is None or list(mine.names) == list(theirs.names)
        labels = (mine.labels is None) == (theirs.labels is None) and (
            mine.labels is None or np.array_equal(mine.labels, theirs.labels)
        )
        same = same and len(mine) == len(theirs) and names and labels and mine.classes == theirs.classes
    return same


def split_of(entrants: Mapping[str, Model], made: Mapping[str, Any], seed: int) -> tuple[Any, str, list[str]]:
    """How the data are cut into rows to learn probes from and rows to test on, the same for all; see `compare`."""
    first = next(iter(made.values()))
    if first.test is not None and (first.labels is None or first.test.labels is not None):
        return (
            lambda data: (data.whole(), data.test.whole()),
            f"on the {len(first.test):,} rows of the data's test part",
            [],
        )
    same = [name for name, model in entrants.items() if made[name].fingerprint == model.config["data"]["fingerprint"]]
    held = {name: _held(entrants[name]) for name in same}
    if len(set(held.values())) > 1:
        said = words([f"{name} {_held_words(*one)}" for name, one in held.items()])
        raise RunError(
            f"these runs did not hold out the same rows of these data: {said}; train them with the same seed and holdout, or "
            "give data that none of them learnt from (or that have a test part)"
        )
    others = [name for name in entrants if name not in same]
    notes = (
        [f"{words(others)} learnt from other data: whether these rows were among them is not known"]
        if others and same
        else []
    )
    count, theirs = next(iter(held.values()), (0, 0))
    if count:
        return lambda data: data.cut(count, theirs), f"on the {count:,} rows that were held out in training", notes
    if same:
        notes.append(f"the rows tested on were learnt from, without labels, by {words(same)}")
    fifth = max(2, len(first) // 5)
    return lambda data: data.cut(fifth, seed), f"on {fifth:,} rows of the data given", notes


def _held(model: Model) -> tuple[int, int]:
    """How many rows a run held out, and by which seed; none are the same by any."""
    held = model.config["training"]["heldout_rows"]
    return held, model.config["seed"] if held else 0


def _held_words(held: int, seed: int) -> str:
    return f"{held:,} by seed {seed}" if held else "none"


def with_labels(
    entrants: Mapping[str, Model], field: Field, settings: Mapping[str, Any], shown: Progress
) -> Evaluation:
    """Codes of all runs on the same rows, judged by the same labels."""
    seed, most, notes = settings["seed"], settings["max_labels"], list(field.notes)
    encoders, widest = dict[str, Features](), max(entrants, key=lambda name: entrants[name].form.size)
    parts = {}
    for name, (learnt, test) in field.parts.items():
        parts[name] = [part.some(n, np.random.default_rng(seed)) for part, n in ((learnt, most), (test, MAX_TEST))]
    learnt, test = next(iter(parts.values()))
    if len(learnt) < len(field.parts[widest][0]) or len(test) < len(field.parts[widest][1]):
        notes.append(f"probes were trained on {len(learnt):,} labelled rows and tested on {len(test):,}")
    notes += [taken] if (taken := kind_words(learnt.labels, learnt.data.classes)) else []
    if learnt.labels.ndim == 2 and (lacking := left_out(learnt.labels, test.labels, learnt.data.classes)):
        notes.append(lacking)
    for name, model in entrants.items():
        shown.show(f"codes of {name}")
        encoders[name] = Features(
            *(codes_of(model.method, model.method.view(part), model.device) for part in parts[name])
        )
    width = max(codes.train.shape[1] for codes in encoders.values())
    bases, more = baselines(field.parts[widest][0], parts[widest], entrants[widest], width)
    notes += more
    if len({model.form.shape for model in entrants.values()}) > 1:
        notes.append(f"raw input and PCA are of the rows as {widest} reads them")
    found = measuring.judged(
        encoders | bases, learnt.labels, test.labels, draws=settings["draws"], seed=seed, told=shown.show
    )
    scores, leads = measuring.tables(found, list(entrants), seed)
    said = measuring.verdict(leads, scores, list(entrants), field.where)
    return Evaluation(said, {}, [scores, leads, health(entrants, parts, seed)], notes)


def baselines(whole: Any, parts: Sequence[Any], model: Model, width: int) -> tuple[dict[str, Features], list[str]]:
    """Raw input, and PCA of all rows of the part that is learnt from."""
    units = Units(whole, model.device)
    raw = [encode_batches(units.raw, part.rows(), model.device)["raw"] for part in parts]
    axes = components(whole, units, model.device)
    pca = Features(*(axes.codes(rows, width).astype(np.float32) for rows in raw))
    return dict(zip(measuring.BASELINES, (Features(*raw), pca), strict=True)), units.notes


def without_labels(entrants: Mapping[str, Model], field: Field, seed: int) -> Evaluation:
    """What needs no labels, side by side; no run is better by that."""
    parts = {
        name: [learnt, test.some(MAX_TEST, np.random.default_rng(seed))] for name, (learnt, test) in field.parts.items()
    }
    table = health(entrants, parts, seed)
    return Evaluation(_unjudged(field.where), {}, [table], list(field.notes))


def _unjudged(where: str) -> dict[str, Any]:
    sentence = f"{where} no codes were judged by labels, and only labels tell which are worth more"
    return {"kind": UNJUDGED, "sentence": f"{sentence[0].upper()}{sentence[1:]}.", "because": {}}


def health(entrants: Mapping[str, Model], parts: Mapping[str, Sequence[Any]], seed: int) -> Table:
    """Rank and spread of the codes of each run, and loss and gap of those whose task another run has, on the same rows."""
    rows, alike = list[Row](), same_task(entrants)
    for name, model in entrants.items():
        test, method = parts[name][1], model.method
        shape = shape_of(codes_of(method, method.view(test), model.device))
        row = {"encoder": name} | {key: shape[key] for key in SHAPE} | dict.fromkeys(LOSSES)
        if name in alike:
            few = test.some(MEASURED, np.random.default_rng(seed))
            method.progress = 1.0  # as training has left it
            found = measure(method, probe_of(method, few, few, model.device, once=True), 0, draws=ONCE)
            row |= {"loss": found["heldout"], "gap": found["gap"]}
        rows.append(row)
    return Table.of(measuring.HEALTH, rows)


def same_task(entrants: Mapping[str, Model]) -> set[str]:
    """Runs whose declared loss is also that of another: the same method with the same options, on samples of the same shape."""
    tasks = {name: (one.config["method"], one.config["options"], one.form.shape) for name, one in entrants.items()}
    return {name for name, task in tasks.items() if any(task == two and name != other for other, two in tasks.items())}


def by_evaluations(entrants: Mapping[str, Model]) -> Evaluation:
    """What the runs' own evaluations hold, if they are of the same split."""
    facts = {
        "the data": {name: model.config["data"]["fingerprint"] for name, model in entrants.items()},
        "the held-out rows": {
            name: f"{model.config['training']['heldout_rows']:,}" for name, model in entrants.items()
        },
        "the seed": {name: str(model.config["seed"]) for name, model in entrants.items()},
    }
    differ = [what for what, each in facts.items() if len(set(each.values())) > 1]
    if differ:
        said = words([_differing(what, facts[what]) for what in differ])
        raise RunError(
            f"the runs' own evaluations are not of the same split: {said}; give data to compare them on the same rows (--data, "
            "data=)"
        )
    known = {name: model.evaluation for name, model in entrants.items()}
    if missing := [name for name, one in known.items() if one is None]:
        raise RunError(
            f"{words(missing)} {'was' if len(missing) == 1 else 'were'} not evaluated; give data to compare on"
        )
    evaluations = {name: one for name, one in known.items() if one is not None}
    first = next(iter(entrants.values()))
    held = first.config["training"]["heldout_rows"]
    split = f"{first.config['data']['description']}; {held:,} rows held out by seed {first.config['seed']}"
    where, notes = "by the runs' own evaluations of the same split", [f"what was compared: {split}"]
    alike, rows = same_task(entrants), list[Row]()
    for name, one in evaluations.items():
        row = {"encoder": name} | {key: one.health.get(key) for key in SHAPE}
        rows.append(row | {key: one.health.get(key) if name in alike else None for key in LOSSES})
    shape = [Table.of(measuring.HEALTH, rows)] if all(row["rank"] is not None for row in rows) else []
    found = tables_of_evaluations({name: one.tables for name, one in evaluations.items()})
    if found is None:
        return Evaluation(_unjudged(where), {}, shape, notes)
    scores, leads = found
    notes.append(
        "evaluations keep no guess of a single row, so errors are as of rows of their own for each run: paired ones, for which "
        "data are to be given, are smaller"
    )
    return Evaluation(measuring.verdict(leads, scores, list(entrants), where), {}, [scores, leads, *shape], notes)


def _differing(what: str, each: Mapping[str, str]) -> str:
    """What differs between runs, with its values where these are short."""
    short = all(len(value) <= 12 for value in each.values())
    return f"they differ in {what}" + (
        f" ({', '.join(f'{name}: {value}' for name, value in each.items())})" if short else ""
    )

"""Learning, codes and evidence: fit, encode, evaluate, report, methods."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any, Literal

from selfsup.cli.common import free_file, importable, load_run, say_skipped
from selfsup.cli.parser import UsageError, say
from selfsup.errors import Interrupted, OptionError, RunError, unknown


def fit(data: str, *, method: str | None = None, **settings: Any) -> None:
    """Learn a representation from data without labels, and gather the evidence of whether it helped.

    Parameters
    ----------
    data
        Folder of images, .parquet, .npy, .npz or .csv file, hub:NAME, or digits.
    method
        A word of `selfsup methods`, or mymodule:MyMethod; by default chosen by the kind of data.
    """
    from selfsup import store
    from selfsup.cli.summary import summary, word_summary
    from selfsup.model.words import WordModel
    from selfsup.training import fit as api

    if settings.get("out") is None:
        if settings.get("resume"):
            raise UsageError("--resume needs the --out of the run to go on with")
        stem = Path(data.split(":")[-1].rstrip("/")).stem or "data"
        settings["out"] = store.free(Path("runs") / f"{(method or 'auto').split(':')[-1].lower()}-{stem}")
    out = Path(settings["out"])
    importable(str(settings.get("omega", "")))
    try:
        model = api.fit(data, method, **settings)
    except KeyboardInterrupt as error:
        kept = (store.partial(out) / store.RESUME).is_dir()
        hint = f"; to go on, repeat the command with --out {shlex.quote(str(out))} --resume" if kept else ""
        raise Interrupted((str(error) or "interrupted") + hint) from error
    told = word_summary if isinstance(model, WordModel) else summary
    say(told(model, shlex.quote(data)))


def encode(
    run: str,
    data: str,
    *,
    out: str,
    layer: str | None = None,
    on_bad: Literal["stop", "skip"] = "stop",
    overwrite: bool = False,
    method: str | None = None,
    device: str = "cpu",
    progress: bool = True,
) -> None:
    """Write the codes of data: one row for each row or file, in order.

    Parameters
    ----------
    run
        Run folder.
    data
        Data of the kind the run learnt from.
    out
        File to write: .npy, or .parquet with the names of the files.
    layer
        A block of the network instead of the code.
    on_bad
        stop: files that cannot be read are an error. skip: leave them out and list them.
    overwrite
        Replace the file if it exists.
    method
        For a run of a method of your own: mymodule:MyMethod.
    device
        Where to compute: cpu, cuda, cuda:1, mps.
    progress
        Show progress on standard error.
    """
    from selfsup import store

    file = free_file(out, overwrite)
    if file.suffix not in (".npy", ".parquet"):
        raise UsageError(f"--out must end in .npy or .parquet; got '{out}'")
    dataset = (model := load_run(run, method, device)).open(data, on_bad=on_bad, progress=progress)
    found = model.encode_rows(dataset.samples()) if layer else {"code": model.encode(dataset)}
    if layer and layer not in found:
        raise OptionError(unknown("layer", layer, found))
    codes = found[layer or "code"]
    store.write_codes(file, codes, dataset.names or list(map(str, range(len(codes)))))
    say(f"{len(codes):,} codes of {codes.shape[1]} values in {file}")
    say_skipped(dataset)


def evaluate(
    run: str,
    *,
    data: str | None = None,
    analogies: str | None = None,
    similarity: str | None = None,
    out: str | None = None,
    overwrite: bool = False,
    method: str | None = None,
    device: str = "cpu",
    **settings: Any,
) -> None:
    """Compare the codes of a run with raw input, PCA and the untrained network; word vectors: analogies and similarity.

    Parameters
    ----------
    run
        Run folder.
    data
        Data with labels: sub-folders that are classes, or a column.
    analogies
        For word vectors (a run, or a file of them): questions of four words a line, in sections that begin with ':'.
    similarity
        For word vectors: two words and people's judgement a line.
    out
        Write the evaluation to this file too, as JSON.
    overwrite
        Replace that file if it exists.
    method
        For a run of a method of your own: mymodule:MyMethod.
    device
        Where to compute: cpu, cuda, cuda:1, mps.
    """
    from selfsup import store

    file = free_file(out, overwrite) if out else None
    if analogies or similarity:
        if data is not None or settings:
            raise UsageError("--analogies and --similarity are for word vectors, which take no --data and no labels")
        parts = _word_scores(run, analogies, similarity)
        if file:
            store.write_json(file, {name: part.to_dict() for name, part in parts.items()})
        say("\n\n".join(str(part) for part in parts.values()))
        _keep(Path(run), parts)
        return
    if data is None:
        raise UsageError(
            "--data is missing; of word vectors --analogies or --similarity; see `selfsup evaluate --help`"
        )
    from selfsup.training.evaluate import evaluate as compare

    found = compare(load_run(run, method, device), data, **settings)
    if file:
        store.write_json(file, found.to_dict())
    say(str(found))


def _keep(run: Path, parts: dict[str, Any]) -> None:
    """Keep the scores of a run with it; that the folder may not be written to is no reason to lose them."""
    from selfsup.model.words import is_word_run, load_words

    if not is_word_run(run):
        return
    try:
        load_words(run).keep_scores(parts)
    except RunError as error:
        say(f"not kept in the run folder: {error}")
    else:
        say(f"kept in {run}: see its report.html")


def _word_scores(run: str, analogies: str | None, similarity: str | None) -> dict[str, Any]:
    """Scores of word vectors, by what was asked."""
    from selfsup import words
    from selfsup.measures import words as measures

    vectors = words.WordVectors.load(run)
    parts: dict[str, Any] = {"analogies": measures.analogies(vectors, analogies)} if analogies else {}
    return parts | ({"similarity": measures.similarity(vectors, similarity)} if similarity else {})


def report(run: str, *, out: str | None = None) -> None:
    """Write the report of a run anew: one HTML file that opens offline.

    Parameters
    ----------
    run
        Run folder.
    out
        Where to write it; by default report.html in the run folder.
    """
    from selfsup import store
    from selfsup.report import page

    file = Path(out or Path(run) / store.REPORT)
    store.write_text(file, page(Path(run)))
    say(f"report in {file}")


def methods() -> None:
    """List the methods, one line each."""
    from selfsup.methods import listing

    say("\n".join(str(info) for info in listing()))

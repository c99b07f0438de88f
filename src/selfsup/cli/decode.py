"""The way back from codes to data: reconstruct, score, sample, traverse, interpolate; and export."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Literal

from selfsup.cli.common import load_run, names_of, say_skipped
from selfsup.cli.parser import UsageError, say
from selfsup.cli.writing import check_kind, output, write_samples, write_scores
from selfsup.errors import OptionError
from selfsup.options import Range

LEAST_NORMAL = 5  # rows that are named
Seed = Annotated[int, Range(0, 2**32 - 1)]


def reconstruct(
    run: str,
    data: str,
    *,
    out: str,
    fill: bool = False,
    on_bad: Literal["stop", "skip"] = "stop",
    overwrite: bool = False,
    method: str | None = None,
    given: tuple[str, ...] | None = None,
    device: str = "cpu",
    progress: bool = True,
) -> None:
    """Write data as the model rebuilds them from their codes; a table keeps its column names.

    Parameters
    ----------
    out
        File to write: .npy; .png for images; .csv or .parquet for tables.
    fill
        Keep the values that are there and fill in only those that are missing.
    """
    from selfsup.data import fill as filled

    file = output(out, overwrite)
    model = load_run(run, method, device, given)
    check_kind(file, model.form)
    if fill and ".csv" not in model.form.suffixes:
        raise OptionError("option 'fill' is for tables: images have no missing values")
    model.needs_decoder()
    dataset = model.open(data, on_bad=on_bad, progress=progress)
    x = model.rebuilt(dataset)
    write_samples(file, model.form, filled(model.form, dataset.x, x) if fill else x)
    say(f"{len(x):,} samples, {'with missing values filled in' if fill else 'rebuilt from their codes'}, in {file}")
    say_skipped(dataset)


def score(
    run: str,
    data: str,
    *,
    out: str,
    draws: Annotated[int, Range(1)] | None = None,
    seed: Seed = 0,
    on_bad: Literal["stop", "skip"] = "stop",
    overwrite: bool = False,
    method: str | None = None,
    given: tuple[str, ...] | None = None,
    device: str = "cpu",
    progress: bool = True,
) -> None:
    """Write how normal each sample is (higher is more normal), and name the least normal ones.

    Parameters
    ----------
    out
        File to write: .npy, or .csv with the names of files (one that a spreadsheet would calculate gets an apostrophe in
        front) or the numbers of rows.
    draws
        How often what is random is drawn; by default as the method prefers.
    """
    file = output(out, overwrite, (".npy", ".csv"))
    model = load_run(run, method, device, given)
    dataset = model.open(data, on_bad=on_bad, progress=progress)
    scores = model.score_samples(dataset, draws, seed)
    names = names_of(dataset, len(scores))
    write_scores(file, scores, names)
    say(f"{len(scores):,} scores in {file}, mean {scores.mean(dtype=float):.6g}; higher is more normal")
    say("least normal:")
    for row in scores.argsort(kind="stable")[:LEAST_NORMAL].tolist():
        say(f"  {scores[row]:>12.6g}  {names[row] if getattr(dataset, 'names', None) else f'row {row}'}")
    say_skipped(dataset)


def sample(
    run: str,
    *,
    out: str,
    n: Annotated[int, Range(1)] = 16,
    seed: Seed = 0,
    overwrite: bool = False,
    method: str | None = None,
    given: tuple[str, ...] | None = None,
    device: str = "cpu",
) -> None:
    """Write new samples: from the method's own distribution, or a Gaussian fitted to its codes.

    Parameters
    ----------
    out
        File to write: .npy; .png for images; .csv or .parquet for tables.
    n
        Number of samples.
    seed
        Of the samples.
    """
    file = output(out, overwrite)
    model = load_run(run, method, device, given)
    check_kind(file, model.form)
    write_samples(file, model.form, model.sample(n, seed))
    say(f"{n:,} new {'sample' if n == 1 else 'samples'} in {file}")


def traverse(
    run: str,
    *,
    unit: Annotated[int, Range(0)],
    out: str,
    n: Annotated[int, Range(2)] = 8,
    overwrite: bool = False,
    method: str | None = None,
    given: tuple[str, ...] | None = None,
    device: str = "cpu",
) -> None:
    """Write what is decoded as one unit of the code goes from low to high and the others stay at their means.

    Parameters
    ----------
    unit
        Number of the unit, from 0.
    out
        File to write: .npy; .png for images; .csv or .parquet for tables.
    n
        Number of steps.
    """
    file = output(out, overwrite)
    model = load_run(run, method, device, given)
    check_kind(file, model.form)
    write_samples(file, model.form, model.traverse(unit, n), columns=n)
    say(f"unit {unit} from low to high in {n:,} steps in {file}")


def interpolate(
    run: str,
    data: str,
    *,
    rows: tuple[Annotated[int, Range(0)], ...],
    out: str,
    n: Annotated[int, Range(2)] = 8,
    overwrite: bool = False,
    method: str | None = None,
    given: tuple[str, ...] | None = None,
    device: str = "cpu",
    progress: bool = True,
) -> None:
    """Write what is decoded on the straight line between the codes of two samples.

    Parameters
    ----------
    rows
        Numbers of the two rows (or files, by name) of the data, from 0.
    out
        File to write: .npy; .png for images; .csv or .parquet for tables.
    n
        Number of steps, both ends included.
    """
    if len(rows) != 2:
        raise UsageError(f"--rows takes two row numbers: --rows 0,1; got {len(rows)}")
    file = output(out, overwrite)
    model = load_run(run, method, device, given)
    check_kind(file, model.form)
    model.needs_decoder()
    dataset = model.open(data, progress=progress)
    if max(rows) >= len(dataset):
        raise OptionError(
            f"option '--rows' must be from 0 to {len(dataset) - 1}, the rows of the data; got {max(rows)}"
        )
    a, b = (replace(dataset, x=dataset.x[row : row + 1], labels=None, names=None, test=None) for row in rows)
    write_samples(file, model.form, model.interpolate(a, b, n), columns=n)
    say(f"from row {rows[0]} to row {rows[1]} in {n:,} steps in {file}")


def export(
    run: str,
    *,
    out: str,
    part: Literal["encode", "decode"] = "encode",
    names: Literal["selfsup", "torchvision", "timm"] = "selfsup",
    overwrite: bool = False,
    method: str | None = None,
    given: tuple[str, ...] | None = None,
) -> None:
    """Write the encoder or the decoder as one ONNX file, checked against PyTorch; or the backbone's weights.

    Parameters
    ----------
    out
        File to write: .onnx; or .safetensors, the state dict of the backbone.
    part
        Of an ONNX file: encode, from data to codes; decode, from codes to data.
    names
        Of the tensors in a state dict: torchvision's and timm's are for a ResNet, or a net of timm.
    """
    from selfsup.model import onnx as exporting, weights

    file = output(out, overwrite, (".onnx", ".safetensors"))
    if (file.suffix == ".onnx" and names != "selfsup") or (file.suffix != ".onnx" and part != "encode"):
        raise UsageError(f"{'--names is' if names != 'selfsup' else '--part is'} not for {file.suffix}")
    if file.suffix == ".safetensors":
        weights.export_weights(load_run(run, method, "cpu", given), file, names=names, overwrite=overwrite)
        say(f"the backbone's weights in {file} ({file.stat().st_size / 2**20:.3g} MiB); its metadata say mean and std")
        return
    exporting.export_onnx(load_run(run, method, "cpu", given), file, part=part, overwrite=overwrite)
    say(f"{part} in {file} ({file.stat().st_size / 2**20:.3g} MiB)")

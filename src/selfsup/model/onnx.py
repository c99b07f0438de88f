"""A trained model as one ONNX file that any runtime opens, checked against PyTorch."""

from __future__ import annotations

import copy
import importlib
import json
import logging
import tempfile
import warnings
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from selfsup.data.facts import Facts
from selfsup.errors import OptionError, RunError, unknown
from selfsup.lazy import install, onnx, onnxruntime
from selfsup.model.model import Model
from selfsup.system.files import check_free, write_bytes

if TYPE_CHECKING:
    from selfsup.method import Method

Part = Literal["encode", "decode"]
PORTS = {"encode": ("x", "z"), "decode": ("z", "x")}  # names of the input and the output
NEEDED = ("onnx", "onnxscript", "onnxruntime")
BATCHES = (5, 1)  # sizes it is checked on; the first is traced, and a size of 1 would be taken for fixed
OLDEST = 9  # version of ONNX's operators
TOLERANCE = 1e-4  # largest difference from PyTorch, as a share of the largest value


def export_onnx(
    model: Model, path: str | Path, *, part: Part = "encode", opset: int | None = None, overwrite: bool = False
) -> Path:
    """Write the encoder or the decoder as one ONNX file, after checking that it computes what PyTorch does.

    The input is what the method sees: images (B, C, H, W) float32 in [0, 1], vectors (B, d) float32 as they come; B is free.
    The file's metadata say how to bring data there (the form of ``config.json``, each entry as JSON) and what made it.

    Parameters
    ----------
    model
        A trained model.
    path
        File to write.
    part
        ``"encode"``: input ``x``, output ``z``. ``"decode"``: input ``z``, output ``x``, where the method has a way back.
    opset
        Version of ONNX's operators; by default what the installed PyTorch recommends.
    overwrite
        Replace the file if it exists.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    OptionError
        If the method has no decoder, or `part` or `opset` is none that can be had.
    RunError
        If the file exists, a package of the extra ``export`` is missing, the net has no ONNX form, or the ONNX model
        differs from PyTorch. Nothing is written then.
    """
    if model.word_vectors is not None:
        raise OptionError(
            "word vectors are a table and need no network: model.word_vectors.save('vectors.txt') is read everywhere"
        )
    if part not in PORTS:
        raise OptionError(unknown("part", str(part), PORTS))
    check_free(file := Path(path), overwrite=overwrite)
    method = copy.deepcopy(model.method).cpu().eval()
    module = _Part(method, part)
    with torch.no_grad():
        inputs = [x if part == "encode" else method.encode(x) for x in _batches(model)]
        wanted = [module(x) for x in inputs]
    _need(*NEEDED)
    _check_opset(opset)
    proto = _trace(module, inputs[0], opset)
    content = _content(proto, _facts(model, part))
    _check(content, inputs, wanted, part)
    write_bytes(file, content)
    return file


class _Part(nn.Module):
    """One verb of a method as the forward of a module."""

    def __init__(self, method: Method, part: Part) -> None:
        super().__init__()
        self.method, self.part = method, part

    def forward(self, x: Tensor) -> Tensor:
        """Codes of samples, or samples from codes."""
        return self.method.encode(x) if self.part == "encode" else self.method.decode(x)


def _need(*names: str) -> None:
    """Say how to install what is missing."""
    for name in names:
        try:
            importlib.import_module(name)
        except ImportError as error:
            raise RunError(f"export needs the package {name}: {install('export')} ({error})") from error


def _check_opset(opset: int | None) -> None:
    newest = onnx.defs.onnx_opset_version()
    if opset is not None and not OLDEST <= opset <= newest:
        raise OptionError(f"option 'opset' must lie in {OLDEST} to {newest}; got {opset!r}")


def _batches(model: Model) -> list[Tensor]:
    """Random inputs like the training data, of every size to check."""
    rng, form = np.random.default_rng(0), model.form
    if len(form.shape) == 3:
        return [torch.from_numpy(rng.random((size, *form.shape), np.float32)) for size in BATCHES]
    moments = Facts.from_dict(form, model.config["facts"]).fact("moments")
    found = [moments.mean + moments.std * rng.standard_normal((size, *form.shape), np.float32) for size in BATCHES]
    found = [x.clip(0, 1) for x in found] if moments.unit and "moments" in model.config["facts"] else found
    if form.missing:
        found[0][0, 0] = np.nan
    return [torch.from_numpy(x) for x in found]


def _trace(module: _Part, x: Tensor, opset: int | None) -> Any:
    """The module as an ONNX model with a free batch axis, its weights inside.

    Of PyTorch's two exporters the one that is kept comes first. The other, deprecated since 2.9, takes what the first cannot:
    batch norm in 2.6, for one. Either is believed only after `_check`.
    """
    first: Exception | None = None
    for exporter in (_by_capture, _by_tracing):
        try:
            with torch.no_grad(), _quiet():
                proto = exporter(module, x, opset)
            break
        except Exception as error:  # whatever an exporter meets in a net of the user's own
            first = first or error
    else:
        cause = str(first).strip().splitlines() or [type(first).__name__]
        name = type(module.method).__name__
        raise RunError(f"'{module.part}' of {name} has no ONNX form here: {cause[0]}") from first
    made = {entry.domain: entry.version for entry in proto.opset_import}.get("", 0)
    if opset is not None and made != opset:
        raise OptionError(f"option 'opset' cannot be {opset} for this net; the nearest that can be made is {made}")
    _strip(proto)
    return proto


def _by_capture(module: _Part, x: Tensor, opset: int | None) -> Any:
    given, gives = PORTS[module.part]
    free = ({0: torch.export.Dim("batch")},)
    program = torch.onnx.export(
        module, (x,), dynamo=True, verbose=False, opset_version=opset, input_names=[given], output_names=[gives],
        dynamic_shapes=free,
    )  # fmt: skip
    assert program is not None
    return program.model_proto


def _by_tracing(module: _Part, x: Tensor, opset: int | None) -> Any:
    given, gives = PORTS[module.part]
    free = {given: {0: "batch"}, gives: {0: "batch"}}
    with tempfile.TemporaryDirectory() as temporary:
        file = Path(temporary) / "model.onnx"
        torch.onnx.export(
            module, (x,), str(file), dynamo=False, opset_version=opset, input_names=[given], output_names=[gives],
            dynamic_axes=free,
        )  # fmt: skip
        return onnx.load(file)


@contextmanager
def _quiet() -> Iterator[None]:
    """The exporters' asides, which are about PyTorch and not about the model, left out."""
    logs = [logging.getLogger(name) for name in ("torch.onnx", "torch.fx.experimental.symbolic_shapes")]
    levels = [log.level for log in logs]
    try:
        for log in logs:
            log.setLevel(logging.ERROR)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for log, level in zip(logs, levels, strict=True):
            log.setLevel(level)


def _strip(proto: Any) -> None:
    """Remove the exporter's notes on the source code, which carry absolute paths: from graphs however deep, and functions."""
    for graph in (proto.graph, *proto.functions):
        _strip_graph(graph)
    del proto.metadata_props[:]


def _strip_graph(graph: Any) -> None:
    del graph.metadata_props[:]
    values = [] if not hasattr(graph, "initializer") else [*graph.initializer, *graph.input, *graph.output]
    for noted in (*values, *graph.value_info, *graph.node):
        del noted.metadata_props[:]
        noted.ClearField("doc_string")
    for node in graph.node:
        for attribute in node.attribute:
            for inner in (*([attribute.g] if attribute.HasField("g") else []), *attribute.graphs):
                _strip_graph(inner)


def _facts(model: Model, part: Part) -> dict[str, str]:
    """What a reader of the file must know, in the words of ``config.json``."""
    facts = {"selfsup": version("selfsup"), "method": str(model.config["method"]), "part": part}
    form = {key: value for key, value in model.form.to_dict().items() if value is not None}
    return facts | {
        key: value if isinstance(value, str) else json.dumps(value, ensure_ascii=False) for key, value in form.items()
    }


def _content(proto: Any, facts: Mapping[str, str]) -> bytes:
    for key, value in facts.items():
        proto.metadata_props.add(key=key, value=value)
    try:
        return bytes(proto.SerializeToString(deterministic=True))
    except Exception as error:  # protobuf's own kinds of error, which differ between its versions
        raise RunError(f"the model does not go into one ONNX file, which holds at most 2 GB: {error}") from error


def _check(content: bytes, inputs: Iterable[Tensor], wanted: Iterable[Tensor], part: Part) -> None:
    """Compare with PyTorch on every batch.

    Raises
    ------
    RunError
        With the difference, if there is one beyond rounding.
    """
    given, gives = PORTS[part]
    try:
        session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
        found = [session.run([gives], {given: x.numpy()})[0] for x in inputs]
    except Exception as error:  # onnxruntime's errors have no common root
        raise RunError(f"onnxruntime cannot run what was exported; nothing was written: {error}") from error
    for values, true in zip(found, (each.numpy() for each in wanted), strict=True):
        if values.shape != true.shape:
            raise RunError(f"the ONNX model gives the shape {values.shape}, PyTorch {true.shape}; nothing was written")
        most = float(np.abs(values - true).max(initial=0.0))
        size = float(np.abs(true).max(initial=0.0))
        if not most <= TOLERANCE * max(size, 1e-6):  # NaN must not pass
            raise RunError(
                f"the ONNX model differs from PyTorch by up to {most:.3g}, where values go up to {size:.3g}; "
                f"at most {TOLERANCE:g} of that is allowed, and nothing was written"
            )

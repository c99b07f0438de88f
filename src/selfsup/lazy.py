"""Heavy packages of others, imported when first used: ``from selfsup.lazy import pandas as pd, pyarrow as pa``.

The one place where they are imported late, so that `import selfsup` takes 0.05 s and a room loads only what it works
with. An attribute that is a submodule is imported too: ``pa.parquet``, ``safetensors.torch``, ``PIL.Image``.
"""

from __future__ import annotations

import importlib
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from selfsup.errors import MissingError


class Late:
    """Stands in for package `name` until one of its attributes is asked for; `extra` is the extra of selfsup that has it."""

    def __init__(self, name: str, extra: str | None = None) -> None:
        self._name, self._extra = name, extra

    def __getattr__(self, attribute: str) -> Any:
        """Give the attribute, or else the submodule, of the package.

        Raises
        ------
        MissingError
            If the package is not installed.
        """
        try:
            package = importlib.import_module(self._name)
        except ModuleNotFoundError as error:
            if error.name is None or error.name.split(".")[0] != self._name:
                raise
            raise self._missing() from error
        name = f"{self._name}.{attribute}"
        if not hasattr(package, attribute) and not attribute.startswith("_") and find_spec(name) is not None:
            importlib.import_module(name)
        return getattr(package, attribute)

    def _missing(self) -> MissingError:
        how = install(self._extra) if self._extra else f"pip install '{self._name}'"
        return MissingError(f"this needs the package {self._name}: {how}")


def check(package: Any) -> None:
    """Raise `MissingError` now where a package is missing that is needed later, without the seconds that importing it takes."""
    if find_spec(package._name) is None:
        raise package._missing()


def install(extra: str) -> str:
    """The command that installs an extra of this package, from where the package itself came: an index, or a checkout."""
    import importlib.metadata  # 20 ms that only who lacks something should wait for
    import json
    from urllib.parse import urlsplit
    from urllib.request import url2pathname

    try:
        came = json.loads(importlib.metadata.distribution("selfsup").read_text("direct_url.json") or "{}")
    except importlib.metadata.PackageNotFoundError:
        came = {}
    folder = Path(url2pathname(urlsplit(came["url"]).path)) if "dir_info" in came else None
    if folder is None or not folder.is_dir():
        return f"pip install 'selfsup[{extra}]'"
    where = "." if folder == Path.cwd() else str(folder)
    return f"pip install {'-e ' if came['dir_info'].get('editable') else ''}'{where}[{extra}]'"


if TYPE_CHECKING:
    import datasets as datasets
    import docstring_parser as docstring_parser
    import huggingface_hub as huggingface_hub
    import huggingface_hub.errors  # noqa: F401
    import jinja2 as jinja2
    import matplotlib as matplotlib
    import numpy as numpy
    import onnx as onnx
    import onnxruntime as onnxruntime
    import pandas as pandas
    import PIL as PIL
    import PIL.Image
    import PIL.ImageDraw
    import PIL.ImageFont  # noqa: F401
    import platformdirs as platformdirs
    import psutil as psutil
    import pyarrow as pyarrow
    import scipy as scipy
    import sklearn as sklearn
    import tokenizers as tokenizers
    import torch as torch
    import zstandard as zstandard

    gensim: Any
    polars: Any
    safetensors: Any
    tensorboardX: Any
    timm: Any
    umap: Any
    usearch: Any
else:
    OURS = "docstring_parser jinja2 matplotlib numpy pandas PIL platformdirs psutil pyarrow safetensors scipy sklearn torch"
    EXTRAS = {
        "hub": "datasets huggingface_hub",
        "export": "onnx onnxruntime",
        "maps": "umap",
        "search": "usearch",
        "tensorboard": "tensorboardX",
        "timm": "timm",
        "words": "tokenizers zstandard",
    }
    THEIRS = "gensim polars"  # which who hands them vectors has
    for extra, names in {None: f"{OURS} {THEIRS}", **EXTRAS}.items():
        globals().update({name: Late(name, extra) for name in names.split()})

"""First weights of a backbone: those of a run, of a pretrained net of timm, or of a safetensors file."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from selfsup import store
from selfsup.errors import OptionError, RunError
from selfsup.lazy import huggingface_hub, safetensors, timm
from selfsup.method import Method, Start
from selfsup.nets import Backbone
from selfsup.nets.backbone import find_backbone
from selfsup.nets.of_timm import listed
from selfsup.options import choices, options_of
from selfsup.system import hashing
from selfsup.system.imports import TIMM

OURS = "backbone."  # before the names of a backbone's tensors among those of a run
PLACES = ("pos_embed", "places")  # tables with a row for each patch of an image
COUNTED = "num_batches_tracked"  # which is of no use here, and which some files lack
FILE = "model.safetensors"  # on the hub
log = logging.getLogger("selfsup")


def load_into(backbone: Backbone, source: str | Path) -> str:
    """Set the weights of a backbone to those of a source; whatever the source has besides is left out.

    Parameters
    ----------
    source
        A run folder of any method with the same net; ``"timm:NAME"``, pretrained weights that timm knows; or a safetensors file
        of a backbone, with our names or those of torchvision and timm.

    Returns
    -------
    str
        Where the weights come from and what was left out, for people.

    Raises
    ------
    OptionError
        If there is no such source, or it is of another net: with the tensors that are missing, foreign or of another shape.
    RunError
        If it is damaged, or pretrained weights are not here and cannot be fetched.
    MissingError
        If timm is needed and not installed.
    """
    return Begin(source).into(backbone)


class Begin:
    """Weights to begin with, read once.

    Parameters
    ----------
    source
        See `load_into`.
    """

    def __init__(self, source: str | Path) -> None:
        self.source, self.net = str(source), ""
        content = self._of_timm() if self.source.startswith(TIMM) else self._of_path(Path(source).expanduser())
        self.fingerprint = hashing.of_array(np.frombuffer(content, np.uint8))
        try:
            self.tensors: dict[str, Tensor] = dict(safetensors.torch.load(content))
        except safetensors.SafetensorError as error:
            raise RunError(f"{self.source} is damaged, or no safetensors file: {error}") from error

    def start(self, method: nn.Module, name: str) -> Start:
        """Set the first weights of a method's backbone; a start of the method's own is passed over.

        Raises
        ------
        OptionError
            If the method has no backbone, or one of another net.
        """
        backbone = find_backbone(method)
        if backbone is None:
            raise OptionError(
                f"option 'start' sets the first weights of a backbone, and method '{name}' has none; to go on with a whole run "
                "of the same method use warm_start"
            )
        words = self.into(backbone)
        log.info("%s", words)
        return Start(words=words)

    def into(self, backbone: Backbone) -> str:
        """Set the weights of a backbone; gives a sentence on where they come from."""
        own = backbone.state_dict()
        given = self._stripped()
        theirs = max(
            ({name: name for name in own}, backbone.names), key=lambda names: len(given.keys() & names.values())
        )
        self._check(own, {name: theirs.get(name, name) for name in own}, given, backbone.words)
        with torch.no_grad():
            for name, tensor in own.items():
                if theirs[name] in given:
                    tensor.copy_(given[theirs[name]])
        left = [name for name in sorted(given) if name not in theirs.values()]
        return f"the backbone begins with the weights of {self.source}" + (
            f" (left out: {_some(left)})" if left else ""
        )

    def _stripped(self) -> dict[str, Tensor]:
        """The tensors by their names in the backbone: of a whole run those of the backbone only."""
        ends = [name.index(OURS) + len(OURS) for name in self.tensors if f".{OURS}" in f".{name}"]
        if not ends:
            return self.tensors
        prefix = next(name[: min(ends)] for name in self.tensors if name[: min(ends)].endswith(OURS))
        return {name.removeprefix(prefix): one for name, one in self.tensors.items() if name.startswith(prefix)}

    def _check(
        self, own: Mapping[str, Tensor], theirs: Mapping[str, str], given: Mapping[str, Tensor], words: str
    ) -> None:
        """Raise an error that names what does not fit; what lies beside the net's own parts (a classifier) may be left out."""
        missing = [n for n in theirs.values() if n not in given and not n.endswith(COUNTED)]
        parts = {_part(name) for name in theirs.values()}
        foreign = [name for name in sorted(given) if name not in theirs.values() and _part(name) in parts]
        shapes = {
            name: (tuple(given[name].shape), tuple(own[ours].shape))
            for ours, name in theirs.items()
            if name in given and given[name].shape != own[ours].shape
        }
        if not missing and not foreign and not shapes:
            return
        told = [f"{_some(missing)} missing"] if missing else []
        told += [f"{_some(foreign)} not of this net"] if foreign else []
        if shapes:
            name, (there, here) = next(iter(shapes.items()))
            more = f" (and {len(shapes) - 1:,} more of other shapes)" if len(shapes) > 1 else ""
            told.append(f"'{name}' is {there} and must be {here}{more}{_hint(name, there, here)}")
        whose = f" of net '{self.net}'" if self.net else ""
        raise OptionError(f"option 'start': {self.source}{whose} does not fit net '{words}': {'; '.join(told)}")

    def _of_path(self, path: Path) -> bytes:
        """The weights of a run folder, or a file."""
        if os.path.isfile(path):
            if path.suffix != ".safetensors":
                raise OptionError(
                    f"option 'start': {path} must end in .safetensors, since other files of weights may hold code; save "
                    "the state dict with safetensors.torch.save_file"
                )
            try:
                return path.read_bytes()
            except OSError as error:
                raise RunError(f"cannot read {path}: {error.strerror or error}") from error
        if not os.path.isdir(path) and not os.path.isdir(store.partial(path)):
            raise OptionError(
                f"option 'start': there is no run folder and no file '{path}'; give a run folder, timm:NAME or FILE.safetensors"
            )
        folder = store.found(path)
        with store.sealed(folder, (store.WEIGHTS,)) as config:
            store.check_run(folder, config)
            self.net = str(config.get("net", ""))
            return store.read_bytes(folder, store.WEIGHTS)

    def _of_timm(self) -> bytes:
        """The pretrained weights of a net of timm: a safetensors file on the hub, which is fetched or lies in its cache."""
        place = _place(listed(self.source))
        with _quiet("huggingface_hub"), suppress(Exception):  # what lies in the hub's cache needs no network
            return Path(huggingface_hub.hf_hub_download(place, FILE, local_files_only=True)).read_bytes()
        try:
            with _quiet("huggingface_hub"):  # it tells of every try where there is no network
                return Path(huggingface_hub.hf_hub_download(place, FILE)).read_bytes()
        except Exception as error:  # the hub's many ways to say that there is no way to it
            why = (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
            raise RunError(
                f"the weights of {self.source} are not here and cannot be fetched ({why}); on a machine with a network fetch "
                f"{FILE} of the hub's repository {place}, copy it here and give its path: start='{FILE}'"
            ) from error


@contextmanager
def _quiet(name: str) -> Iterator[None]:
    """What another package logs, left out."""
    logger = logging.getLogger(name)
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(before)


def _place(name: str) -> str:
    """The repository on the hub that holds the weights of a net of timm.

    Raises
    ------
    OptionError
        If there are no such weights, with the tags that there are.
    """
    known, held = timm.list_pretrained(f"{name.partition('.')[0]}.*"), None
    with suppress(RuntimeError):  # no such tag
        held = timm.models.get_pretrained_cfg(name, allow_unregistered=False)
    if held is None or not getattr(held, "hf_hub_id", None):
        tags = f"; there are {_some(known, 'timm:')}" if known else ""
        raise OptionError(f"option 'start': timm has no pretrained weights '{name}' on the hub{tags}")
    place = str(held.hf_hub_id)
    return f"{place}{held.architecture}.{held.tag}" if place.endswith("/") else place


def _part(name: str) -> str:
    return name.partition(".")[0]


def _some(names: Iterable[str], before: str = "") -> str:
    """The first two names, and how many more there are."""
    first, *rest = (f"'{before}{name}'" for name in names)
    return first + (f" and {rest[0]}" if len(rest) == 1 else f" (and {len(rest):,} more)" if rest else "")


def _hint(name: str, there: tuple[int, ...], here: tuple[int, ...]) -> str:
    """What another shape of a table of places, or of a convolution, means."""
    if name.endswith(PLACES):
        return ": it was trained on images of another size; try another option 'size' (mostly 224)"
    if len(there) != 4 or len(here) != 4:
        return ""
    if there[1] != here[1] and there[2:] == here[2:]:
        return f": it was trained on {there[1]} channels, and these data have {here[1]}"
    if there[2:] != here[2:]:
        sides = " and ".join("x".join(map(str, kernel[2:])) for kernel in (there, here))
        return f": the kernels are {sides}, which follow from the size of the images; try another option 'size'"
    return ""


def own_start(settings: Mapping[str, Any], method: type[Method]) -> dict[str, Any]:
    """The option start as one of the method's own, where the method has one and no weights are named."""
    start, own = settings.get("start"), options_of(method).get("start")
    words = () if own is None else choices(own.annotation)
    return (
        {"start": start} if own is not None and (start in words or not _is_place(start)) and start is not None else {}
    )


def begin_of(settings: Mapping[str, Any], method: type[Method]) -> Begin | None:
    """The weights that the option start names.

    Raises
    ------
    OptionError
        If a warm start is asked for too; or see `load_into`.
    """
    if settings.get("start") is None or own_start(settings, method):
        return None
    if settings.get("warm_start") is not None:
        raise OptionError(
            "options 'start' and 'warm_start' are both given; start takes the first weights of the backbone, warm_start goes on "
            "with all weights of a run: give one"
        )
    return Begin(settings["start"])


def _is_place(value: Any) -> bool:
    """Whether a value names weights rather than a way to make them."""
    return value is not None and (any(mark in str(value) for mark in "/.:") or os.path.exists(str(value)))

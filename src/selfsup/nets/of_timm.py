"""Nets of timm (an extra of selfsup), cut into blocks that can be probed one by one."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import torch
from torch import Tensor, nn

from selfsup.errors import MissingError, OptionError
from selfsup.lazy import install, timm
from selfsup.nets.backbone import Backbone, pooled
from selfsup.system.imports import TIMM

MOST = 6  # blocks of a net; where timm names more places to look at, about every n-th is taken:
ABOUT = 4
CLOSE = 1e-4  # largest difference between a net and its blocks in sequence, as a share of the largest value


def listed(name: str) -> str:
    """The name of a net in timm's list, without ``timm:``; a tag of pretrained weights (``resnet18.a1_in1k``) may follow it.

    Raises
    ------
    MissingError
        If timm is not installed, or does not go with this torch.
    OptionError
        If timm has no such net, with the nearest name.
    """
    name = name.removeprefix(TIMM)
    try:
        every = timm.list_models()
    except MissingError:
        raise
    except Exception as error:  # torchvision, which timm imports, fails in many ways beside another build of torch
        why = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise MissingError(
            f"timm is installed and cannot be imported beside torch {torch.__version__}: {why}; it needs the torchvision of the "
            f"same build as torch: install both from one place (pip install torch torchvision), then {install('timm')}"
        ) from error
    if name.partition(".")[0] not in every:
        near = difflib.get_close_matches(name.partition(".")[0], every, n=1, cutoff=0.5)
        hint = f"did you mean '{TIMM}{near[0]}'?" if near else "timm.list_models() gives all names"
        raise OptionError(f"unknown net '{TIMM}{name}'; {hint}")
    return name


def timm_backbone(net: str, shape: tuple[int, ...], hidden: tuple[int, ...] | None = None) -> Backbone:
    """A net of timm with random weights, without its head.

    Its blocks are the stages that timm's feature info names, where these in sequence give what the net itself gives; the
    transformer blocks of a vision transformer are put together into about four; any other net is one block.

    Parameters
    ----------
    net
        ``"timm:NAME"``.
    shape
        Of an image: (C, H, W). It is made for so many channels, and for images of this size where it has to know.
    hidden
        None: such a net has widths of its own.

    Raises
    ------
    MissingError, OptionError
        See `listed`; or the net does not take such images.
    """
    name = listed(net).partition(".")[0]
    if len(shape) != 3:
        raise OptionError(f"net '{net}' needs images; these are vectors of {shape[0]} values: use net 'mlp'")
    if hidden is not None:
        raise OptionError(f"net '{net}' has widths of its own; leave option 'hidden' out")
    try:
        model = _made(name, shape)
        theirs = {id(tensor): key for key, tensor in (*model.named_parameters(), *model.named_buffers())}
        blocks = _blocks(model, shape)
        backbone = Backbone(blocks, shape, "")
    except (OptionError, MemoryError):
        raise
    except Exception as error:  # each of a thousand nets says in its own way what it does not take
        why = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise OptionError(f"net '{net}' does not take images {shape}: {why}; try another option 'size'") from error
    kept = backbone.state_dict(keep_vars=True)
    backbone.names = {ours: theirs[id(tensor)] for ours, tensor in kept.items()}
    widths = "-".join(map(str, backbone.widths))
    backbone.words = f"{net} of {len(blocks)} block{'s' if len(blocks) > 1 else ''}, {widths} channels"
    return backbone


def _made(name: str, shape: tuple[int, ...]) -> Any:
    channels, *sides = shape
    how = {"pretrained": False, "num_classes": 0, "in_chans": channels}
    try:
        return timm.create_model(name, img_size=tuple(sides), **how)
    except TypeError:  # a convolutional net takes images of any size
        return timm.create_model(name, **how)


@torch.no_grad()
def _blocks(model: Any, shape: tuple[int, ...]) -> list[nn.Module]:
    """Blocks that give in sequence what the net's own features are: checked on two noisy images."""
    model.eval()
    rng = torch.Generator().manual_seed(0)
    x = torch.rand(2, *shape, generator=rng)
    with _awake(model, rng):
        wanted = model.forward_features(x)
        blocks = _stages(model, x, wanted) or _groups(model, x, wanted) or [_one(model, wanted)]
    rows_last = wanted.ndim == 4 and wanted.shape[1] != model.num_features == wanted.shape[-1]
    if rows_last:  # (B, H, W, C)
        blocks = [_ChannelsFirst(block, first=place == 0) for place, block in enumerate(blocks)]
    for block in blocks:
        block.train()
    return blocks


@contextmanager
def _awake(model: nn.Module, rng: torch.Generator) -> Iterator[None]:
    """Gains and biases away from the 0 that many begin at: a part that does nothing yet could be left out unseen."""
    before = [(one, one.clone()) for one in model.parameters() if one.ndim <= 1]
    for one, _ in before:
        one.uniform_(0.5, 1.5, generator=rng)
    try:
        yield
    finally:
        for one, value in before:
            one.copy_(value)


def _stages(model: Any, x: Tensor, wanted: Tensor) -> list[nn.Module]:
    """The net's parts in their order, cut where its feature info says; none where that is not what the net does."""
    parts: list[tuple[str, str, nn.Module]] = []  # the name, that of the stage it is in, and the part
    for name, part in model.named_children():
        inner = part.named_children() if type(part) is nn.Sequential else ()
        parts += [(f"{name}.{own}", name, one) for own, one in inner] or [(name, name, part)]
    count = 0  # of the parts that make the features
    with suppress(Exception):  # parts that want more than what comes out of the one before: those of a head, say
        for place, (_, _, part) in enumerate(parts, start=1):
            x = part(x)
            count = place if _same(x, wanted) else count
    cuts = {str(one["module"]) for one in getattr(model, "feature_info", [])}
    inside = [stage for _, stage, _ in parts[:count]] + [""]
    ends = [
        place
        for place, (name, stage, _) in enumerate(parts[:count], start=1)
        if name in cuts or (stage in cuts and inside[place] != stage)
    ]
    return _cut([part for _, _, part in parts[:count]], [*(end for end in ends[:-1] if end < count), count])


def _groups(model: Any, x: Tensor, wanted: Tensor) -> list[nn.Module]:
    """What comes before the transformer blocks, these, and the norm after them; none where the net does more than that."""
    layers, norm = getattr(model, "blocks", None), getattr(model, "norm", None)
    if not isinstance(layers, nn.Sequential | nn.ModuleList) or not isinstance(norm, nn.Module) or not len(layers):
        return []
    model.blocks, model.norm = type(layers)(), nn.Identity()  # its features are now the tokens before the first block
    found = [_Whole(model), *layers, _Tokens(norm, model)]
    with suppress(Exception):  # blocks that want more than tokens
        for part in found:
            x = part(x)
        if x.ndim == 3 and _same(x, wanted):
            return _cut(found, [*range(2, len(layers) + 1), len(found)])
    model.blocks, model.norm = layers, norm
    return []


def _cut(parts: Sequence[nn.Module], ends: Sequence[int]) -> list[nn.Module]:
    """Parts in sequence, a block up to each of the ends, or about every n-th where these are many."""
    if not parts:
        return []
    if len(ends) > MOST:
        ends = ends[:: -math.ceil(len(ends) / ABOUT)][::-1]
    blocks: list[nn.Module] = []
    for begin, end in zip([0, *ends], ends, strict=False):
        inside = parts[begin:end]
        blocks.append(_Last(*inside) if isinstance(inside[-1], _Tokens) else nn.Sequential(*inside))
    return blocks


def _same(x: Any, wanted: Tensor) -> bool:
    if not isinstance(x, Tensor) or x.shape != wanted.shape:
        return False
    return bool((x - wanted).abs().max() <= CLOSE * wanted.abs().max())


def _one(model: nn.Module, wanted: Tensor) -> nn.Module:
    """A net that cannot be cut, as one block."""
    tokens = wanted.ndim == 3 and hasattr(model, "patch_embed")
    return _Last(_Whole(model), _Tokens(nn.Identity(), model)) if tokens else _Whole(model)


class _Whole(nn.Module):
    """A net whose forward gives its features."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to a map or tokens."""
        found: Tensor = self.model.forward_features(x)  # type: ignore[operator]
        return found


class _Tokens(nn.Module):
    """What comes after the last transformer block; knows which tokens are patches, and where these lie."""

    def __init__(self, norm: nn.Module, model: Any) -> None:
        super().__init__()
        self.norm = norm
        self.before = int(getattr(model, "num_prefix_tokens", 0))  # of a class, registers
        self.grid: tuple[int, ...] = tuple(getattr(getattr(model, "patch_embed", None), "grid_size", None) or ())
        self.first = self.before > 0 and getattr(model, "global_pool", "") == "token"

    def forward(self, x: Tensor) -> Tensor:
        """Tokens (B, N, D) to (B, N, D)."""
        found: Tensor = self.norm(x)
        return found


class _Last(nn.Sequential):
    """The last block of a vision transformer: how its tokens become one vector, or a map."""

    def pooled(self, x: Tensor) -> Tensor:
        """Tokens (B, N, D) to (B, D): the class token where the net was made to be read from it, else the patches' mean."""
        tokens: Any = self[-1]
        return x[:, 0] if tokens.first else pooled(x[:, tokens.before :])

    def mapped(self, x: Tensor) -> Tensor | None:
        """Tokens (B, N, D) to a map of the patches (B, D, H', W'); None where their places are not known."""
        tokens: Any = self[-1]
        patches = x[:, tokens.before :].transpose(1, 2)  # (B, D, N)
        return patches.unflatten(2, tokens.grid) if math.prod(tokens.grid) == patches.shape[2] else None


class _ChannelsFirst(nn.Module):
    """A block of a net that keeps the channels last."""

    def __init__(self, block: nn.Module, *, first: bool) -> None:
        super().__init__()
        self.block, self.first = block, first

    def forward(self, x: Tensor) -> Tensor:
        """A map (B, C, H, W) to another."""
        y: Tensor = self.block(x if self.first else x.permute(0, 2, 3, 1))
        return y.permute(0, 3, 1, 2)

"""Trivial cues: all of an image but one is taken away, and the loss of a trained method on what is left is watched.

A task that was to be solved by what images show may be solved by less: by a light that falls from above, a caption at the border,
the mean colour, a mark that is in all of them. Then the loss stays low where nothing else is left.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from selfsup.measures.shortcuts import limit, with_cues
from selfsup.method import Method, Terms, Tree, permute
from selfsup.training.leaks import leaves

BORDER = (
    16  # a border is so small a part of the shorter side; an image that has no pixel of that shows itself at its border
)
FRAME = 5  # and a frame, which may hold a caption or a date
FIRST, AGAIN = (
    32,
    96,
)  # images that are asked, and in doubt: with a large net each costs a third of a step of training on it
NEAR = 0.5  # of the gap is lost with a cue that tells something, where the loss before training is not known
DOUBT = 0.25  # of the limit, within which more images are asked
OFTEN = 0.05  # of the samples may lack what the others have in common


def grey(x: Tensor) -> Tensor:
    """Each image (B, C, H, W) without its colours: in all channels their mean."""
    return x.mean(1, keepdim=True).expand_as(x).contiguous()


def colour(x: Tensor) -> Tensor:
    """Of each image its mean colour alone."""
    return x.mean((2, 3), keepdim=True).expand_as(x).contiguous()


def light(x: Tensor) -> Tensor:
    """Of each image the plane that is nearest to each of its channels: how bright it is, and whence it is lit."""
    found = x.mean((2, 3), keepdim=True)
    for axis in (2, 3):
        shape = [1, 1, 1, 1]
        shape[axis] = x.shape[axis]
        ramp = torch.linspace(-1, 1, x.shape[axis], device=x.device, dtype=x.dtype).view(shape)
        found = found + ramp * (x * ramp).mean((2, 3), keepdim=True) / ramp.square().mean().clamp(min=1e-12)
    return found.expand_as(x).contiguous()


def border(x: Tensor) -> Tensor:
    """Each image with its inside blanked by its mean colour."""
    return _around(x, min(x.shape[2:]) // BORDER)


def frame(x: Tensor) -> Tensor:
    """The same, with a thicker border."""
    return _around(x, min(x.shape[2:]) // FRAME)


def inside(x: Tensor) -> Tensor:
    """Each image without its frame, which is blanked by its mean colour."""
    thick = min(x.shape[2:]) // FRAME
    found, within = colour(x), (..., slice(thick, x.shape[2] - thick), slice(thick, x.shape[3] - thick))
    found[within] = x[within]
    return found


def _around(x: Tensor, thick: int) -> Tensor:
    height, width = x.shape[2:]
    found = x.clone()
    found[:, :, thick : height - thick, thick : width - thick] = x.mean((2, 3), keepdim=True)
    return found


def least(x: Tensor) -> Tensor:
    """For all images one: what nearly none of them is darker than, such as a bright mark that is in all of them."""
    return _quantile(x, OFTEN)


def most(x: Tensor) -> Tensor:
    """For all images one: what nearly none of them is brighter than, such as a dark mark."""
    return _quantile(x, 1 - OFTEN)


def _quantile(x: Tensor, share: float) -> Tensor:
    place = round(share * (len(x) - 1))
    return x.sort(0).values[place].expand_as(x).contiguous()


# asked where the first comes near
THEN: dict[str, dict[str, Callable[[Tensor], Tensor]]] = {
    "light": {"colour": colour},
    "frame": {"inside": inside, "border": border},
}
TOGETHER = {"common": ("least", "most"), "frame": ("frame", "inside")}  # cues that are judged as one


def cues_of(x: Tensor) -> dict[str, Callable[[Tensor], Tensor]]:
    """The cues that can be asked of images (B, C, H, W), by name."""
    found: dict[str, Callable[[Tensor], Tensor]] = {"grey": grey} if x.shape[1] > 1 else {}
    found["light"] = light
    if min(x.shape[2:]) >= FRAME:
        found["frame"] = frame
    return found | {"least": least, "most": most}


def _then(name: str, x: Tensor) -> dict[str, Callable[[Tensor], Tensor]]:
    """What is asked where a cue comes near."""
    small = min(x.shape[2:]) < BORDER
    return {then: cue for then, cue in THEN.get(name, {}).items() if not (small and then == "border")}


class _Task:
    """A task on images (B, C, H, W) and its loss where something else is seen in their place."""

    def __init__(self, method: Method, x: Tensor, seed: int) -> None:
        self.method, self.seed, self.size = method, seed, len(x)
        guess, self.answer = self.hidden(x)
        self.loss = _mean(method.loss(guess, self.answer))
        other = torch.arange(len(x), device=x.device).roll(1)
        self.gap = _mean(method.loss(permute(guess, other), self.answer)) - self.loss

    def hidden(self, part: Tensor) -> tuple[Tree, Tree]:
        """The guess of what is hidden of images, and that."""
        seen, kept = self.method.hide(part, torch.Generator(device=part.device).manual_seed(self.seed))
        return self.method.predict(seen), self.method.target(kept)

    def lost(self, cued: Tensor) -> tuple[float, bool]:
        """The rise of the loss beside the gap, and whether what is hidden is the same."""
        guess, answer = self.hidden(cued)
        return (_mean(self.method.loss(guess, self.answer)) - self.loss) / self.gap, _same(self.answer, answer)


@torch.no_grad()
def cues(
    method: Method, x: Tensor, seed: int = 0, *, before: float | None = None, all_of: bool = True
) -> dict[str, float]:
    """By how much the loss rises, beside the gap, where a cue is all that is left of each image before it is hidden.

    The cue is left of the input, and not of what is seen: that may be any tree, a set of patches or of views. What is hidden
    stays that of the whole image. A few images are asked, and more where these leave doubt; the mean colour only where the
    light tells something, which has it in it, and a border, and what is inside, only where the frame does.

    Parameters
    ----------
    x
        Batch (B, ...) of the method's view; of what are no images nothing is asked.
    before
        The loss before training: a cue with which as much is left tells nothing.
    all_of
        Whether all cues are asked; if not, what is told in grey.

    Returns
    -------
    dict
        ``cue_NAME`` of each cue: 0 where it gives the whole answer, 1 or more where it gives nothing of it. ``drawn``: 1 where
        the answer is what was done to an image, which is the same whatever that shows, and 0 where it is a part of the image.
    """
    if x.ndim != 4 or not x.is_floating_point() or len(x) < 2:
        return {}
    first, found = _Task(method, x[:FIRST], seed), {}
    if not first.gap > 0:
        return {}
    asked, drawn = cues_of(x), True
    asked = asked if all_of else {name: cue for name, cue in asked.items() if name == "grey"}
    before = first.loss + NEAR * first.gap if before is None else before
    every: dict[str, Callable[[Tensor], Tensor]] = {}
    while asked:
        name, cue = next(iter(asked.items()))
        every[name] = asked.pop(name)
        found[f"cue_{name}"], same = first.lost(cue(x)[:FIRST])
        drawn &= same
        if first.loss + found[f"cue_{name}"] * first.gap < before:
            asked |= _then(name, x)
    told = with_cues({"loss": first.loss, "gap": first.gap, "loss_start": before, **found}) if all_of else {}
    doubtful = {name for name, share in told.items() if abs(share / limit(name) - 1) < DOUBT}
    if (
        drawn
        and len(x) > FIRST
        and doubtful
        and not any(share < limit(name) * (1 - DOUBT) for name, share in told.items())
    ):
        again = _Task(method, x[FIRST:AGAIN], seed)
        part = again.size / (first.size + again.size)
        for name in (name for one in doubtful for name in TOGETHER.get(one, (one,)) if again.gap > 0):
            more, _ = again.lost(every[name](x)[FIRST:AGAIN])
            found[f"cue_{name}"] += part * (more - found[f"cue_{name}"])
    return found | {"drawn": float(drawn)} if found else {}


def _same(first: Tree, second: Tree) -> bool:
    pairs = zip(leaves(first), leaves(second), strict=True)
    return all(torch.equal(one, two) for (_, one), (_, two) in pairs)


def _mean(terms: Terms) -> float:
    return sum(float(term.detach().double().mean()) for term in terms.values())

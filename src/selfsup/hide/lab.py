"""CIE Lab: lightness apart from colour, so that one can be hidden and the other seen."""

from __future__ import annotations

import torch
from torch import Tensor

# linear sRGB to XYZ (IEC 61966-2-1), each row divided by the white point D65, which is the row's own sum: grey is a = b = 0
XYZ = ((0.4124564, 0.3575761, 0.1804375), (0.2126729, 0.7151522, 0.0721750), (0.0193339, 0.1191920, 0.9503041))
TO_XYZ = tuple(tuple(value / sum(row) for value in row) for row in XYZ)
FROM_XYZ = tuple(map(tuple, torch.linalg.inv(torch.tensor(TO_XYZ, dtype=torch.float64)).tolist()))
EDGE = 6 / 29  # below its cube Lab is linear (CIE 15, section 8.2.1)
GREY = 4.5 / 255  # by which the channels of a pixel may differ in a grey image: 4 of 255, and half a step for rounding
Matrix = tuple[tuple[float, ...], ...]


def to_lab(x: Tensor) -> Tensor:
    """Colours in sRGB to CIE Lab with the white point D65.

    Parameters
    ----------
    x
        Images (B, 3, H, W) in [0, 1].

    Returns
    -------
    Tensor
        (B, 3, H, W): L in [0, 100], a (from green to red) and b (from blue to yellow) within 110 of 0; never in half precision.
    """
    x = x.float() if x.dtype in (torch.bfloat16, torch.float16) else x
    bent = _bend(_mix(_linear(x), TO_XYZ))  # (B, 3, H, W)
    parts = [116 * bent[:, 1] - 16, 500 * (bent[:, 0] - bent[:, 1]), 200 * (bent[:, 1] - bent[:, 2])]
    return torch.stack(parts, dim=1)


def lightness(x: Tensor) -> Tensor:
    """L alone, (B, 1, H, W) in [0, 100], of images in sRGB (B, 3, H, W), or grey (B, 1, H, W), in [0, 1]."""
    x = x.float() if x.dtype in (torch.bfloat16, torch.float16) else x
    linear = _linear(x)
    luminance = linear if x.shape[1] == 1 else _mix(linear, TO_XYZ[1:2])
    return 116 * _bend(luminance) - 16


def to_rgb(lab: Tensor) -> Tensor:
    """Lab (B, 3, H, W) back to sRGB (B, 3, H, W); what no screen can show is clipped to [0, 1], channel by channel."""
    lab = lab.float() if lab.dtype in (torch.bfloat16, torch.float16) else lab
    light, a, b = lab.unbind(1)  # each (B, H, W)
    bend_y = (light + 16) / 116
    bent = torch.stack([bend_y + a / 500, bend_y, bend_y - b / 200], dim=1)
    whole = torch.where(bent > EDGE, bent**3, 3 * EDGE**2 * (bent - 4 / 29))
    linear = _mix(whole, FROM_XYZ).clamp(0, 1)
    return torch.where(linear > 0.0031308, 1.055 * linear.pow(1 / 2.4) - 0.055, 12.92 * linear)


def _linear(x: Tensor) -> Tensor:
    """The gamma of sRGB taken away."""
    return torch.where(x > 0.04045, ((x + 0.055) * (1 / 1.055)).pow(2.4), x / 12.92)


def _mix(x: Tensor, matrix: Matrix) -> Tensor:
    """A matrix times the channels of x (B, 3, H, W), as sums: autocast would take a product in half precision."""
    first, second, third = x.unbind(1)
    return torch.stack([(row[0] * first).add_(second, alpha=row[1]).add_(third, alpha=row[2]) for row in matrix], dim=1)


def _bend(t: Tensor) -> Tensor:
    """The cube root of Lab, with its linear foot."""
    return torch.where(t > EDGE**3, t.pow(1 / 3), t / (3 * EDGE**2) + 4 / 29)


def coloured(x: Tensor) -> Tensor:
    """Whether each image (B, 3, H, W) in [0, 1] has a colour anywhere: (B,) bool.

    Without one the channels of every pixel are equal, but for what JPEG leaves of a grey photo: `GREY`.
    """
    return (x.amax(1) - x.amin(1)).flatten(1).amax(1) > GREY

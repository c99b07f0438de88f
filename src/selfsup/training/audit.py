"""`audit`: whether an encoder reads from a patch where in its image it was cut, by a shortcut or by what it shows."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from selfsup.errors import DataError
from selfsup.measures.run import Evidence, run
from selfsup.measures.table import Table
from selfsup.model.model import Model
from selfsup.options import Range, checked
from selfsup.training.evaluate import split_of, untrained_of
from selfsup.training.placed import FEWEST, placed_patches


def audit(
    model: Model,
    data: Any,
    *,
    patch: Annotated[int, Range(1)] | None = None,
    seed: Annotated[int, Range(0, 2**32 - 1)] = 0,
    limit: Annotated[int, Range(2)] | None = None,
    on_bad: Literal["stop", "skip"] = "stop",
    progress: bool = True,
) -> Table:
    """Ask a linear map where in its image a patch was cut, given the code of the patch alone.

    Beside each answer stand those from the net untrained, from raw pixels, and by chance; measured on images held out.

    Parameters
    ----------
    model
        A trained model of images, by any method.
    data
        Images of the form the model learnt from. Of data with a test part that is taken, of those it learnt from the rows held
        out in training, where these are enough.
    patch
        Side of the patches in pixels; by default that of the method's own, or a quarter of the images' shorter side. An encoder
        that takes no patches is given them enlarged to whole images.
    seed
        Of the places and the halves of the images.
    limit
        Use the first so many images only.
    on_bad
        stop or skip files that cannot be read.
    progress
        Show progress on standard error.

    Returns
    -------
    Table
        Named ``audit``: ``place`` (RMSE in sides of the image), ``border`` and ``phase`` (shares that are right), each with its
        standard error over images (``_se``).

    Raises
    ------
    DataError
        If the model is not of images, there are fewer than 20 of them, or they are hardly larger than a patch.
    """
    given = {name: value for name, value in locals().items() if name not in ("model", "data")}
    settings = checked(audit, given)
    if not isinstance(model, Model) or len(model.form.shape) != 3:
        raise DataError("the audit cuts patches of images; this model learnt from something else")
    patch, seed = settings.pop("patch"), settings.pop("seed")
    opened = model.open(data, **settings)
    test = split_of(opened, model, seed)[1]
    if len(test) < FEWEST:  # too few were held out for half of them to say anything
        test = opened.whole()
    encoders = {"model": model.method, "random init": untrained_of(model)}
    patches = placed_patches(encoders, test, model.device, patch, seed)
    return run(Evidence(patches=patches, seed=seed), ("audit",))[0]

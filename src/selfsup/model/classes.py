"""The face of a model that classifies: which class each sample is guessed to be of, and how sure it is."""

from __future__ import annotations

import re
from typing import Any, Literal, cast

import numpy as np
from torch import Tensor

from selfsup.errors import OptionError
from selfsup.model.encode import encode_batches

WHOLE = re.compile(r"-?[0-9]{1,18}")
TRUTH = {"True": True, "False": False}


class ClassFace:
    """Classes of a model whose method has the verb `classify`, as `selfsup.finetune` makes them."""

    @property
    def classes(self) -> np.ndarray:
        """Names of the K classes, (K,): whole numbers or booleans where all names are such, and strings otherwise.

        Raises
        ------
        OptionError
            If the model does not classify.
        """
        names = [str(name) for name in self._classifying().names]
        if all(WHOLE.fullmatch(name) and str(int(name)) == name for name in names):
            return np.asarray([int(name) for name in names], np.int64)
        return np.asarray([TRUTH[name] for name in names] if set(names) <= TRUTH.keys() else names)

    def predict_proba(self, data: Any, *, on_bad: Literal["stop", "skip"] = "stop") -> np.ndarray:
        """Probabilities of the classes.

        Parameters
        ----------
        data
            Anything `encode` takes, with labels (which are not looked at) or without.
        on_bad
            stop: files that cannot be read are an error. skip: leave them out.

        Returns
        -------
        ndarray
            (n, K) float32, in the order of `classes`; the rows sum to 1.

        Raises
        ------
        OptionError
            If the model does not classify.
        DataError
            If the data do not fit the model.
        """
        method, model = self._classifying(), cast(Any, self)
        samples = method.view(model.open(data, on_bad=on_bad, progress=False))

        def chances(x: Tensor) -> dict[str, Tensor]:
            return {"chances": method.classify(x)}

        return encode_batches(chances, samples, model.device)["chances"]

    def predict(self, data: Any, *, on_bad: Literal["stop", "skip"] = "stop") -> np.ndarray:
        """The most probable class of each sample, (n,), as `classes` has it; see `predict_proba`."""
        classes = self.classes
        found: np.ndarray = classes[self.predict_proba(data, on_bad=on_bad).argmax(1)]
        return found

    def _classifying(self) -> Any:
        """The method, if it classifies."""
        model = cast(Any, self)
        if not callable(getattr(model.method, "classify", None)):
            raise OptionError(
                f"the method '{model.config['method']}' learns no classes; teach them: selfsup.finetune(run, labelled) or "
                "selfsup finetune RUN --data LABELLED"
            )
        return model.method

"""A trained model of any kind of data: the method, word vectors where they come out, and the run folder it is saved in."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, Unpack

import numpy as np
import torch
from torch import Tensor, nn

from selfsup import store
from selfsup.data.open import open_data
from selfsup.data.tables.frames import fill, to_frame
from selfsup.data.text.form import TextForm
from selfsup.errors import DataError, OptionError, RunError, unknown
from selfsup.measures.evaluation import Evaluation
from selfsup.method import Method, Samples
from selfsup.model.backbone import patches_of, plain_backbone
from selfsup.model.classes import ClassFace
from selfsup.model.colour import ColourFace
from selfsup.model.encode import MOST, codes_of, encode_batches, finite
from selfsup.model.explorable import ExploreFace
from selfsup.model.latent import between, draw, one, sweep, within
from selfsup.model.notebook import NotebookFace
from selfsup.model.room import LARGE
from selfsup.model.search import SearchFace
from selfsup.model.words import TextOptions, WordFace, codes_of_texts
from selfsup.report import card, page
from selfsup.store.weights import write_weights
from selfsup.system import memory
from selfsup.words.texts import TextFacts
from selfsup.words.vectors import WordVectors

log = logging.getLogger("selfsup")


class Model(ClassFace, ColourFace, ExploreFace, NotebookFace, SearchFace, WordFace):
    """What `selfsup.fit` returns and `selfsup.load` reads.

    Attributes
    ----------
    method : Method
        The trained module; of a run of word vectors it is read when it is first asked for.
    form
        Of the data it learnt from (`selfsup.data.form`).
    options : dict
        Of the method, as it was constructed: ``config["options"]`` names what is no plain value.
    config : dict
        Everything that was decided: method, options, training settings, seed, data, versions.
    history : list of dict
        One record after another: ``epoch``, ``loss``, its ``terms``, ``heldout`` loss, ``gap``, ``seconds``, and more.
    start : dict
        The record from before training (epoch 0).
    evaluation : Evaluation or None
        The evidence that was gathered by `fit`.
    word_vectors : WordVectors or None
        Where vectors of words come out: ``model["word"]``, `most_similar` and the like are theirs.
    latent : dict
        ``mean`` (D,) and ``covariance`` (D, D) of the training part's codes (a very wide code: ``std`` (D,)).
    pictures : dict
        Arrays of a few samples that the report shows.
    texts : TextFacts or None
        Of the sentences of the training text, where vectors of words come out: what codes of texts are made with.
    folder : Path or None
        The run folder, where there is one.
    """

    def __init__(
        self,
        method: Method | Callable[[], Method],
        form: Any,
        config: dict[str, Any],
        records: list[dict[str, Any]],
        *,
        options: Mapping[str, Any] | None = None,
        evaluation: Evaluation | None = None,
        word_vectors: WordVectors | None = None,
        latent: Mapping[str, np.ndarray] | None = None,
        pictures: Mapping[str, np.ndarray] | None = None,
        texts: TextFacts | None = None,
        folder: Path | None = None,
    ) -> None:
        self._method, self.form, self.config, self.options = method, form, config, dict(options or {})
        self.start, self.history = (records[0] if records else {}), records[1:]
        self.evaluation, self.word_vectors = evaluation, word_vectors
        self.latent, self.pictures, self.folder = dict(latent or {}), dict(pictures or {}), folder
        self.texts = texts

    @property
    def method(self) -> Method:
        """The trained module, ready to be asked."""
        if not isinstance(self._method, Method):
            self._method = self._method()
        return self._method.eval()

    def unbuilt(self) -> Method:
        """A method of the same class and options, not built."""
        return type(self.method)(**self.options)

    def __repr__(self) -> str:
        data = self.config["data"]
        return (
            f"<selfsup.Model {self.config['method']}, {data['description']}, {self.config['parameters']:,} parameters>"
        )

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        tensors = [*self.method.parameters(), *self.method.buffers()]
        return tensors[0].device if tensors else torch.device("cpu")

    def encode(
        self,
        data: Any,
        layer: str | None = None,
        *,
        patches: bool = False,
        on_bad: Literal["stop", "skip"] = "stop",
        **texts: Unpack[TextOptions],
    ) -> np.ndarray:
        """Codes of the data.

        Parameters
        ----------
        data
            Anything `fit` takes, of the kind and form the model learnt from. Of text: a list of texts, or a file of them, one a
            line; a text has a mean of its words' vectors where these come out, else of the codes of the method's view of it.
        layer
            A block of the network instead of the code.
        patches
            A code for each place of the map that the code is made from, or patch of a vision transformer.
        on_bad
            stop: files that cannot be read are an error. skip: leave them out.
        **texts
            How a text's code is made of its words' vectors; see `selfsup.model.words.TextOptions`: ``weights`` ("sif", "tfidf",
            "mean"), ``remove`` (first components), ``components`` ("learnt", "given"), ``unit``.

        Returns
        -------
        ndarray
            (n, D) float32, a row for each row, file or text, in their order; with patches (n, H', W', D).

        Raises
        ------
        DataError
            If the data do not fit the model, or a code is not finite.
        OptionError
            If there is no such layer, or no map.
        """
        if patches:
            if isinstance(self.form, TextForm):
                raise OptionError("option 'patches' is for images; this model learnt from text")
            samples = self.method.view(self.open(data, on_bad=on_bad, progress=False))
            return patches_of(self.method, samples, self.device, layer)
        if self.word_vectors is not None and layer is None:
            return self.encode_texts(data, **texts)
        for name in texts:
            raise OptionError(
                f"option '{name}' is for codes of texts that are made of word vectors, which these are not"
            )
        if isinstance(self.form, TextForm) and layer is None:
            return codes_of_texts(self.method, self.form, data, self.device)
        samples = self.method.view(self.open(data, on_bad=on_bad, progress=False))
        if layer is None:
            return codes_of(self.method, samples, self.device)
        found = encode_batches(self.method.layers, samples, self.device)
        if layer not in found:
            raise OptionError(unknown("layer", layer, found))
        return found[layer]

    def backbone(self) -> nn.Module:
        """The trained backbone as a plain module of PyTorch: images (B, C, H, W) in [0, 1] to the last block's codes (B, D).

        It is a copy, in evaluation mode and ready to be trained on; it standardises, runs the blocks and pools. `encode` may
        read an earlier block.

        Raises
        ------
        OptionError
            If the method has none, or makes images ready in a way of its own.
        """
        return plain_backbone(self.method, self.form.shape)

    def layers(self, data: Any) -> dict[str, np.ndarray]:
        """Codes (n, D_block) float32 of every block that the method names."""
        return encode_batches(self.method.layers, self.samples(data), self.device)

    def reconstruct(self, data: Any) -> Any:
        """Decode the codes of the data, in the data's shape and units.

        Returns
        -------
        ndarray or DataFrame
            (n, ...) float32; of a table with column names a pandas frame, its booleans and categories decided.
        """
        return self._as_given(data, self.rebuilt(self.open(data, progress=False)))

    def impute(self, data: Any) -> Any:
        """The data with what is missing filled in from the reconstruction; the rest as it is."""
        dataset = self.open(data, progress=False)
        return self._as_given(data, fill(self.form, dataset.x, self.rebuilt(dataset)))

    def rebuilt(self, data: Any) -> np.ndarray:
        """The data (n, ...) float32 decoded from their codes; of a table within the ends of each column in training."""
        self.needs_decoder()
        return within(self.decode(codes_of(self.method, self.samples(data), self.device)), self.form, self.latent)

    def _as_given(self, data: Any, x: np.ndarray) -> Any:
        """A frame where a table was given, by name or as one; an array otherwise."""
        array = isinstance(data, np.ndarray | Tensor | list | tuple) or self.form.columns is None
        return x if array else to_frame(self.form, x)

    def score_samples(self, data: Any, draws: int | None = None, seed: int = 0) -> np.ndarray:
        """How normal each sample is, (n,) float32: higher is more normal, as in scikit-learn.

        For `linear` the log-likelihood of probabilistic PCA, for `variational` an importance-weighted bound of the
        log-likelihood, for the other auto-encoders minus the reconstruction error; for any other method minus its loss.

        Parameters
        ----------
        data
            Anything `encode` takes.
        draws
            How often what is random is drawn; None is the method's default.
        seed
            Of what is random; the same noise serves every batch.
        """
        if draws is not None and draws < 1:
            raise OptionError(f"option 'draws' must be at least 1; got {draws}")
        device = self.device

        def scored(x: Tensor) -> dict[str, Tensor]:
            return {"score": self.method.score(x, torch.Generator(device=device).manual_seed(seed), draws)[:, None]}

        return encode_batches(scored, self.samples(data), self.device)["score"][:, 0]

    def sample(self, n: int, seed: int = 0) -> np.ndarray:
        """New samples (n, ...) in the data's units: from the method's own distribution, or a Gaussian fitted to its codes."""
        if n < 1:
            raise OptionError(f"option 'n' must be at least 1; got {n}")
        memory.check(12 * n * self.form.size, f"{n:,} samples of {self.form.size:,} values", "draw fewer at once")
        rng = torch.Generator(device=self.device).manual_seed(seed)
        with torch.inference_mode():
            found = draw(self.method, self.latent, n, rng).cpu().numpy()
        return self._as_data(found, "samples")

    def interpolate(self, a: Any, b: Any, n: int = 8) -> np.ndarray:
        """Decode n codes on the straight line from one sample's code to another's: (n, ...), both ends included."""
        ends = [one(self.encode(end), name) for end, name in ((a, "a"), (b, "b"))]
        return self.decode(between(ends[0], ends[1], n))

    def traverse(self, unit: int, n: int = 8, at: Any = None) -> np.ndarray:
        """Decode n codes in which one unit goes from low to high: (n, ...).

        Parameters
        ----------
        unit
            Of the code, from 0.
        at
            A sample whose code the other units keep; by default they stay at their means.
        """
        self.needs_latent()
        return self.decode(sweep(self.latent, unit, n, None if at is None else one(self.encode(at), "at")))

    def needs_decoder(self) -> None:
        """Raise an error if there is no way back from codes to data."""
        if not self.method.decodes():
            raise OptionError(
                f"the method '{self.config['method']}' has no decoder: it predicts {self.method.hides}, not the data"
            )

    def needs_latent(self) -> None:
        """Raise an error if the way back, or the codes' statistics, are missing."""
        self.needs_decoder()
        if "mean" not in self.latent:
            raise RunError(f"this run has no statistics of its codes ({store.LATENT}): train it anew")

    def decode(self, z: np.ndarray | Tensor | list[Any]) -> np.ndarray:
        """Data from codes, where the method has a way back.

        Parameters
        ----------
        z
            Codes (n, D).

        Returns
        -------
        ndarray
            (n, ...) float32 in the units of the training data; images are (n, C, H, W).

        Raises
        ------
        OptionError
            If the method has no decoder.
        DataError
            If the codes are not of the width that `encode` gives, or what they decode to is not finite.
        """
        codes = torch.as_tensor(np.asarray(z), dtype=torch.float32)
        width = self.config["width"]
        if codes.ndim != 2 or codes.shape[1] != width:
            raise DataError(f"decode takes codes of shape (n, {width}); got {tuple(codes.shape)}")
        if (whole := 12 * len(codes) * self.form.size) > LARGE:
            memory.check(whole, f"{len(codes):,} decoded samples", "decode fewer codes at once")
        with torch.inference_mode():
            parts = [self.method.decode(part.to(self.device)).cpu() for part in codes.split(MOST)]
        return self._as_data(torch.cat(parts).numpy(), "decoded values")

    def _as_data(self, x: np.ndarray, what: str) -> np.ndarray:
        """What the method gives, (n, ...), in the units of the data; it is finite, or an error that names the column."""
        return finite(self.form.to_units(x), what, self.form.names())

    def open(self, data: Any, *, on_bad: Literal["stop", "skip"] = "stop", **options: Any) -> Any:
        """Open data the way this model takes them: its sizes, channels, columns, scale, or vocabulary."""
        how = {} if on_bad == "stop" else {"on_bad": on_bad}  # which text knows nothing of
        read = self.config.get("reading") or {}
        again = {key: read[key] for key in getattr(self.form, "again", ()) if read.get(key) is not None}
        opened = open_data(data, like=self.form, **{**again, **options}, **how)
        if getattr(opened.form, "missing", False) and not self.method.takes_missing and on_bad == "skip":
            opened = opened.complete()
        if getattr(opened.form, "missing", False) and not self.method.takes_missing:
            raise DataError(f"{opened.missing_words()}, and {type(self.method).__name__} needs them all: fill them in")
        return opened

    def samples(self, data: Any) -> Samples:
        """The method's view of data: what it encodes."""
        return self.method.view(self.open(data, progress=False))

    def save(self, path: str | Path, *, overwrite: bool = False) -> Path:
        """Write a run folder: complete, or not at all.

        Raises
        ------
        RunError
            If the folder exists (and `overwrite` is not set), or cannot be written.
        """
        out = Path(path)
        with store.claim(out, overwrite=overwrite) as folder:
            self.write(folder)
        self.folder = out
        return out

    def write(self, folder: Path) -> None:
        """Write every file of a run folder into a folder that exists."""
        words = None
        self.form.write(folder)
        if self.word_vectors is not None:
            self.word_vectors.write(folder)
            words = self.method.words()  # type: ignore[operator]
        if self.texts is not None:
            self.texts.write(folder)
        write_weights(folder / store.WEIGHTS, self.method, besides=words)
        store.write_lines(folder / store.METRICS, self._records())
        for name, arrays in ((store.PICTURES, self.pictures), (store.LATENT, self.latent)):
            if arrays:
                store.write_arrays(folder / name, arrays)
        if self.evaluation is not None:
            store.write_json(folder / store.EVALUATION, self.evaluation.to_dict())
        store.seal(folder, self.config)
        with _forgiven():
            self._write_pages(folder)
            store.seal(folder, only=[store.CARD, store.REPORT])

    def _records(self) -> list[dict[str, Any]]:
        """From before training, and after each epoch; none of what was not learnt here."""
        return [self.start, *self.history] if self.start else []

    def write_evidence(self, folder: Path) -> None:
        """Write the evaluation into a finished run, and what is told of it: the card and the report."""
        assert self.evaluation is not None
        self.pictures |= self.evaluation.arrays
        names = [store.EVALUATION, store.CARD, store.REPORT, *([store.PICTURES] if self.pictures else [])]
        with store.renewing(folder, *names):
            store.write_json(folder / store.EVALUATION, self.evaluation.to_dict())
            if self.pictures:
                store.write_arrays(folder / store.PICTURES, self.pictures)
            self._write_pages(folder)

    def write_pages(self, folder: Path) -> None:
        """Write the card and the report of a finished run, where a killed process had not yet come to them."""
        if not {store.CARD, store.REPORT} <= store.sizes(folder).keys():
            with _forgiven(), store.renewing(folder, store.CARD, store.REPORT):
                self._write_pages(folder)

    def _write_pages(self, folder: Path) -> None:
        evidence = self.evaluation.to_dict() if self.evaluation is not None else None
        store.write_text(folder / store.CARD, card(self.config, evidence, self._records()))
        store.write_text(folder / store.REPORT, page(folder))


@contextmanager
def _forgiven() -> Iterator[None]:
    """What is for people only may fail: it is a warning."""
    try:
        yield
    except RunError as error:
        log.warning("%s; the run is whole without it, and selfsup report writes it later", error)

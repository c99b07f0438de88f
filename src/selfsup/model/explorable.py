"""The face of a model that is looked at: its codes, or its words, as a page."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, cast

import numpy as np

from selfsup.data.dataset import Dataset
from selfsup.data.open import open_data
from selfsup.data.text.form import TextForm
from selfsup.data.text.labelled import open_labelled
from selfsup.errors import DataError, OptionError
from selfsup.explorer import document, gather
from selfsup.explorer.explorer import Explorer
from selfsup.explorer.gather import Look
from selfsup.explorer.mapping import Map
from selfsup.explorer.scene import Column, Scene
from selfsup.model.words import texts_of
from selfsup.options import Range, checked
from selfsup.system.files import is_there
from selfsup.words.vectors import WordVectors

SCORED, PATIENCE = 256, 20.0  # rows that tell how long scores take, and seconds that are waited for those of all
AGAIN = ("label_column", "labels_are", "on_bad", "header", "encoding")  # of reading, what holds for another time
KNOWN = {"scikit-learn digits": "digits"}  # sources that are no paths
DATA_ALONE = ("labels", "label_column", "labels_are", "column")  # options that only data have a use for


class ExploreFace:
    """What `selfsup.explore` asks of a model."""

    form: Any
    config: dict[str, Any]
    word_vectors: WordVectors | None

    def explore(
        self,
        data: Any = None,
        *,
        out: str | os.PathLike[str] | None = None,
        layer: str | None = None,
        beside: Any = None,
        map: Map = "auto",
        limit: Annotated[int, Range(1)] | None = None,
        thumbnail: Annotated[int, Range(8, 256)] = 48,
        labels: Any = None,
        label_column: str | tuple[str, ...] | None = None,
        labels_are: Literal["classes", "numbers", "several"] | None = None,
        column: str | None = None,
        on_bad: Literal["stop", "skip"] | None = None,
        seed: Annotated[int, Range(0, 2**32 - 1)] = 0,
        overwrite: bool = False,
    ) -> Explorer:
        """A page on the codes of data, or on the words of a model that has vectors of them; see `selfsup.explore`.

        Parameters
        ----------
        data
            Encoded; by default the data it learnt from, where they still are. Words need none; texts are shown by their codes.
        beside
            A second model, shown beside this one on the same data; of words a model, `WordVectors` or their file.
        out, layer, map, limit, thumbnail, labels, label_column, labels_are, column, on_bad, seed, overwrite
            As for `selfsup.explore`.

        Returns
        -------
        Explorer
            A notebook shows it; `save` writes it, `serve` serves it.

        Raises
        ------
        DataError
            If the data are no longer there, do not fit the model, or a code is not finite.
        OptionError
            If an option does not suit the model.
        RunError
            If `out` is taken, or cannot be written.
        """
        given = {name: value for name, value in locals().items() if name != "self"}
        asked = checked(ExploreFace.explore, given)
        if out is not None:
            document.check_page(Path(out), overwrite=overwrite)
        look = Look(asked["map"], asked["limit"], asked["thumbnail"], asked["seed"])
        reading = {name: asked[name] for name in (*DATA_ALONE, "on_bad") if asked[name] is not None}
        if self.word_vectors is not None and data is None:
            scene = self._words(look, beside, layer, reading)
        elif isinstance(self.form, TextForm):
            scene = self._texts(data, look, beside, layer, reading)
        else:
            scene = self._samples(data, look, beside, layer, reading)
        return shown(scene, out, overwrite=overwrite)

    def _words(self, look: Look, beside: Any, layer: str | None, reading: Mapping[str, Any]) -> Scene:
        for option in ("layer",) if layer is not None else reading:
            raise OptionError(f"option '{option}' is for codes of data; without data the vectors of words are shown")
        assert self.word_vectors is not None
        other = None if beside is None else words_of(beside)
        return gather.of_words(self.word_vectors, self._title("words"), look, other)

    def _title(self, what: str) -> str:
        return f"{self.config['method']}: {what}"

    def _texts(self, data: Any, look: Look, beside: Any, layer: str | None, reading: Mapping[str, Any]) -> Scene:
        """The scene of the codes of texts."""
        if data is None:
            raise DataError(
                "this run has no vectors of words; give texts whose codes are shown: data=, on the command line --data"
            )
        if layer is not None:
            raise OptionError("option 'layer' is for images and tables; a text's code is one vector")
        columns: list[Column] = []
        how = {name: value for name, value in reading.items() if name != "labels_are"}
        if how.keys() & {"labels", "label_column", "column"}:
            found = open_labelled(data, **how)
            texts = found.texts
            columns.append(Column("label", "class", found.labels, found.classes))
        else:
            texts = texts_of(data)
        models = [cast(Any, self), *([] if beside is None else [self._model(beside)])]
        return gather.of_texts(
            texts, self._title("texts"), look, [(_named(models, at), one.encode) for at, one in enumerate(models)],
            columns,
        )  # fmt: skip

    def _samples(self, data: Any, look: Look, beside: Any, layer: str | None, reading: dict[str, Any]) -> Scene:
        """The scene of the codes of images or rows."""
        models = [cast(Any, self), *([] if beside is None else [self._model(beside)])]
        if "column" in reading:
            raise OptionError(f"option 'column' is for texts; this model learnt from {self.form.kind}s")
        source, reading = (data, reading) if data is not None else self._source(reading)
        opened: Dataset | None = None
        notes: tuple[str, ...] = ()
        codes: list[tuple[str, np.ndarray]] = []
        total = 0
        for at, model in enumerate(models):
            one = model.open(source, others=True, **reading)
            total = max(total, one.source_rows)
            few, said = gather.drawn(one, look, sum(each.config["width"] for each in models))
            if opened is None:
                opened, notes = few, said
            elif len(few) != len(opened) or list(few.names or []) != list(opened.names or []):
                raise DataError(
                    f"the two models read {len(opened):,} and {len(few):,} rows of {one.source}, not the same; give data that "
                    "both can read whole"
                )
            codes.append((_named(models, at) if len(models) > 1 else layer or "codes", model.encode(few, layer)))
        assert opened is not None
        columns, more = self._found_out(opened)
        return gather.of_samples(opened, self._title(opened.source), look, codes, columns, (*notes, *more), total)

    def _source(self, reading: Mapping[str, Any]) -> tuple[Any, dict[str, Any]]:
        """The data this learnt from, and how they were read."""
        held, read = self.config["data"], self.config.get("reading") or {}
        source = held.get("given") or held.get("source")
        name = KNOWN.get(str(source), source)
        if not isinstance(name, str) or not (name in KNOWN.values() or is_there(name)):
            raise DataError(
                f"the data that this learnt from ({held['description']}) are not at '{source}'; give data to be shown: "
                "data=, on the command line --data"
            )
        how = {
            option: tuple(read[option]) if isinstance(read[option], list) else read[option]
            for option in AGAIN
            if read.get(option)
        }
        if read.get("stream"):
            how = {option: how[option] for option in ("label_column", "labels_are") if option in how}
            return open_data(name, stream=True, **{**how, **reading}), {}
        return name, {**how, **reading}

    def _model(self, beside: Any) -> Any:
        """A second model."""
        if isinstance(beside, ExploreFace):
            return beside
        raise OptionError(
            f"option 'beside' must be a model here; selfsup.explore(model, beside=PATH) loads one; got {beside!r:.60}"
        )

    def _found_out(self, opened: Any) -> tuple[list[Column], list[str]]:
        """What the model says of each row beside its code: the class it guesses, and how normal it finds it."""
        model, columns, notes = cast(Any, self), [], []
        if callable(getattr(model.method, "classify", None)):
            columns += list(_guessed(model, opened))
        if model.method.decodes():
            began = time.monotonic()
            few = opened.part(np.arange(min(SCORED, len(opened)))).numbers
            model.score_samples(gather.some(opened, few))
            whole = (time.monotonic() - began) * len(opened) / len(few)
            if whole < PATIENCE:
                columns.append(
                    Column("score (higher: more normal)", "number", model.score_samples(opened).astype(np.float64))
                )
            else:
                notes.append(
                    f"The score of each sample is left out: it would take {whole:,.0f} s; a lower limit has it."
                )
        return columns, notes


def _guessed(model: Any, opened: Any) -> Iterator[Column]:
    """The class that a model guesses, and whether it is the label."""
    names = [str(name) for name in model.method.names]
    chances = model.predict_proba(opened)
    guess = chances.argmax(1)
    yield Column("predicted", "class", guess.astype(np.int64), tuple(names))
    yield Column("probability of the predicted class", "number", chances.max(1).astype(np.float64))
    if opened.labels is not None and opened.classes:
        place = {name: at for at, name in enumerate(names)}
        true = np.asarray([place.get(name, -1) for name in opened.classes])[opened.labels]
        yield Column("prediction", "class", (guess == true).astype(np.int64), ("wrong", "right"))


def _named(models: list[Any], at: int) -> str:
    """What the space of one of one or two models is called."""
    if len(models) == 1:
        return "codes"
    folder = models[at].folder
    return f"{('first', 'second')[at]}: {folder.name if folder is not None else models[at].config['method']}"


def words_of(beside: Any) -> WordVectors:
    """Word vectors of a model, a file or a folder, or as they are."""
    if isinstance(beside, WordVectors):
        return beside
    if isinstance(beside, str | os.PathLike):
        return WordVectors.load(beside)
    if isinstance(vectors := getattr(beside, "word_vectors", None), WordVectors):
        return vectors
    raise OptionError(f"option 'beside' must have vectors of words, as the first does; got {beside!r:.80}")


def shown(scene: Scene, out: str | os.PathLike[str] | None, *, overwrite: bool) -> Explorer:
    """The page of a scene, saved where a place is given."""
    made = Explorer(scene)
    if out is not None:
        made.save(Path(out), overwrite=overwrite)
    return made

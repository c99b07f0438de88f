"""One call of `fit` on text: number the words, learn their vectors, measure the declared loss on text that was held out."""

from __future__ import annotations

import logging
import math
import os
import platform
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from selfsup import store
from selfsup.data.text.corpus import Corpus, open_corpus
from selfsup.data.text.learnable import check_learnable, check_memory, without_absent
from selfsup.data.text.subwords import Subwords
from selfsup.data.text.windows import PROBE, Windows, probed, spread
from selfsup.errors import Interrupted, OptionError, TrainingError
from selfsup.method import Bags, Spec
from selfsup.methods.skipgram import Skipgram
from selfsup.model.model import build, jsonable
from selfsup.model.words import WordModel
from selfsup.solvers.plan import Plan
from selfsup.solvers.sgd import GAP_ROWS, measure, sgd, stop_flag
from selfsup.store.checkpoint import Checkpoint
from selfsup.system import hashing
from selfsup.system.progress import Progress, duration
from selfsup.training import wordevidence
from selfsup.training.job import choose_device
from selfsup.words.before import Before
from selfsup.words.ngrams import NgramVectors

if TYPE_CHECKING:
    from selfsup.solvers.words import WordPlan, WordState

EPOCHS, LR, SGD_LR = 5, 0.05, 5e-3
HELD_SHARE, HELD_WORDS = 0.01, 20_000  # the end of the text, which is never trained on
RECORD = 2.0  # seconds between two records; the first ones come sooner, so that a run of seconds has a curve too
FIRST = 0.25
ABSURD = 10.0  # times the loss before training: no text is guessed so badly but by vectors that have blown up
FEW = 0.1  # share of the words that should be left after sub-sampling
OF_TEXT = ("column", "lower", "encoding", "tokens", "min_count", "max_vocab", "keep", "phrases", "phrase_threshold",
           "phrase_score", "threads")  # fmt: skip
log = logging.getLogger("selfsup")


class WordJob:
    """One call of `fit` on text, once its words are checked."""

    def __init__(
        self,
        corpus: Corpus,
        name: str,
        method: type[Skipgram],
        options: dict[str, Any],
        settings: dict[str, Any],
        why: str,
        before: Before | None = None,
    ) -> None:
        self.before = before
        self.corpus, self.name, self.cls, self.options, self.settings, self.why = (
            corpus, name, method, options, settings, why,
        )  # fmt: skip
        soft = options["objective"] == "softmax"
        self.device = choose_device(settings["device"])
        self.solver = settings["solver"] or ("sgd" if soft else self._fast())
        if self.solver == "exact" or (soft and self.solver in ("hogwild", "batched")):
            raise OptionError(
                f"option 'solver': {name} with objective '{options['objective']}' has no '{self.solver}'; use sgd"
            )
        if self.solver == "batched" and (options["subwords"] or options["objective"] != "negative"):
            raise OptionError(
                "option 'solver': batched has neither subwords nor objective 'hierarchical'; use hogwild, on the CPU"
            )
        if self.solver == "hogwild" and settings["device"] not in ("auto", "cpu"):
            other = "use solver batched, which has no deterministic, subwords or objective hierarchical"
            raise OptionError(
                f"option 'device': hogwild runs on the CPU, not on '{settings['device']}'; leave device out, or {other}"
            )
        cut = len(corpus.ids) - min(int(len(corpus.ids) * HELD_SHARE), HELD_WORDS)
        window = options["window"]
        self.ids, held = corpus.ids[:cut], Windows(corpus.ids[cut:], window)
        self.held_out = len(held) >= PROBE // 10
        self.held = held if self.held_out else Windows(self.ids[: 10 * PROBE], window)
        self.began = time.perf_counter()
        check_learnable(corpus, self.ids)

    def _fast(self) -> str:
        """The method's solver; on a device that was named the one that runs there, where it can what is asked for."""
        able = not (
            self.options["deterministic"] or self.options["subwords"] or self.options["objective"] == "hierarchical"
        )
        return (
            "batched" if able and self.device.type != "cpu" and self.settings["device"] != "auto" else self.cls.solver
        )

    def run(self, folder: Path | None) -> WordModel:
        """Train; nothing is written but the state and the metrics of the run."""
        vocabulary = self.corpus.vocabulary
        self._check_memory(saved=folder is not None)
        subwords, bags = self._subwords()
        spec = Spec((len(vocabulary),), "text", counts=vocabulary.counts, bags=bags)
        method = build(self.cls, self.options, spec, self.settings["seed"])
        assert isinstance(method, Skipgram)
        log.info("%s on %s (%s)", self.name, self.corpus.describe(), self.why)
        records, plan = self._train(method, bags, folder)
        remarks, words, counts = self._remarks(method, records), vocabulary.words, vocabulary.counts
        vectors, targets, ngrams = self._taken(method, subwords, bags)
        if self.before is not None:
            words, vectors, counts, targets = self.before.joined(words, vectors, counts, targets)
        config = self._config(plan, vectors.shape, records)
        config["notes"] += remarks
        config["seconds"] = time.perf_counter() - self.began
        model = WordModel(words, vectors, counts, config, records, ngrams=ngrams)
        model.targets = targets
        if self.settings["evaluate"]:
            model.evaluation, model.pictures = wordevidence.gather(
                model, self.ids, self.options["window"], records[0], records[-1], held_out=self.held_out
            )
            del model.unit  # a table more: made anew when it is asked for
        return model

    def _train(
        self, method: Skipgram, bags: Bags | None, folder: Path | None
    ) -> tuple[list[dict[str, Any]], dict[str, Any]]:
        """Solve; gives the records and the settings."""

        def keep(records: list[dict[str, Any]]) -> None:
            self._check_sane(records)
            if folder is not None:
                store.write_lines(folder / store.METRICS, records)

        if self.solver == "sgd":
            self._warm(method.input.detach().numpy(), method.output.detach().numpy())
            plan: Any = self._sgd_plan()
            more: dict[str, Any] = {}
            checkpoint = self._checkpoint(folder, asdict(plan))
            windows, bar = Windows(self.ids, method.window), Progress(self.settings["progress"])
            records = sgd(method, windows, self.held, plan, self.device, bar, checkpoint, keep)
        else:
            plan, solve, more = self._word_plan(), *self._in_slices(bags)
            checkpoint = self._checkpoint(folder, asdict(replace(plan, threads=1)) | more)
            records = self._sliced(method, plan, solve, checkpoint, keep)
        return records, asdict(plan) | more

    def _taken(
        self, method: Skipgram, subwords: Subwords | None, bags: Bags | None
    ) -> tuple[np.ndarray, np.ndarray | None, NgramVectors | None]:
        """Vectors of the words (V, D), as targets too, and of n-grams; the method's tables are given back as each is taken."""
        vectors, ngrams = np.ascontiguousarray(method.table().cpu().numpy()), None
        if subwords is not None and bags is not None:
            ngrams = NgramVectors.used(subwords, bags.rows, method.input.detach().cpu().numpy(), len(vectors))
        method.input.data = torch.empty(0)
        nodes = self.options["objective"] == "hierarchical"
        targets = None if nodes else np.ascontiguousarray(method.output.detach().cpu().numpy())
        method.output.data = torch.empty(0)
        return vectors, targets, ngrams

    def _subwords(self) -> tuple[Subwords, Bags] | tuple[None, None]:
        """Which n-grams words have, and the rows of each word, where the option is set."""
        if not self.options["subwords"]:
            return None, None
        shortest, longest = self.options["ngrams"]
        subwords, words = Subwords(shortest, longest, self.options["buckets"]), self.corpus.vocabulary.words
        return subwords, Bags(*subwords.bags(words), len(words) + subwords.buckets)

    def _warm(self, input: np.ndarray, output: np.ndarray) -> None:
        """Begin with the vectors of an earlier training; targets that are nodes of a tree begin anew, with the tree."""
        if self.before is not None:
            nodes = self.options["objective"] == "hierarchical"
            known = self.before.fill(self.corpus.vocabulary.words, input, None if nodes else output)
            log.info("%d of %d words begin with the vectors of %s", known, len(output), self.options["warm_start"])

    def _check_memory(self, saved: bool) -> None:
        """Say before anything is made that it does not fit in memory."""
        from selfsup.solvers import footprint

        words, dim, window = len(self.corpus.vocabulary), self.options["dim"], self.options["window"]
        if self.solver == "sgd":
            rows, softmax = max(self._sgd_plan().batch_size, GAP_ROWS), self.options["objective"] == "softmax"
            size = footprint.of_descent(words, dim, rows, softmax=softmax, saved=saved)
        else:
            rows, size = probed(window), footprint.of_hogwild(words, self._word_plan(), saved=saved)
        check_memory(size + footprint.of_windows(rows, window, dim), words, dim)

    def _check_sane(self, records: list[dict[str, Any]]) -> None:
        """Raise `TrainingError` where the loss says that the vectors blew up, though they are numbers still."""
        from selfsup.solvers.hogwild import too_high

        start, now = records[0]["heldout"], records[-1]["heldout"]
        figures = [value for value in records[-1].values() if isinstance(value, float)]
        if not all(map(math.isfinite, figures)) or now > ABSURD * start > 0:
            usual = SGD_LR if self.solver == "sgd" else LR
            said = too_high(self.settings["lr"] or usual, usual)
            raise TrainingError(f"the loss went up from {start:.4g} to {now:.4g}: {said}")

    def _remarks(self, method: Skipgram, records: list[dict[str, Any]]) -> list[str]:
        """What a user should know of a run that ended well."""
        said, counts = [], torch.from_numpy(self.corpus.vocabulary.counts).double()
        left = float((counts * method.stays.cpu()).sum() / counts.sum())
        if left < FEW:
            said.append(
                f"of so few words {left:.1%} are left by --sample {self.options['sample']:g}; --sample 0 learns from all"
            )
        if records[-1]["heldout"] > records[0]["heldout"]:
            said.append(
                "the loss is higher than before training; train at a lower --lr, on more text, or for fewer --epochs"
            )
        return said

    def _word_plan(self) -> WordPlan:
        from selfsup.solvers.words import WordPlan

        options, settings = self.options, self.settings
        return WordPlan(
            dim=options["dim"], window=options["window"], negative=options["negative"], sample=options["sample"],
            epochs=settings["epochs"] or EPOCHS, lr=settings["lr"] or LR, threads=options["threads"] or _cores(),
            seed=settings["seed"], deterministic=options["deterministic"], architecture=self.cls.architecture,
            objective=options["objective"], fixed_window=options["fixed_window"],
        )  # fmt: skip

    def _sgd_plan(self) -> Plan:
        settings = self.settings
        return Plan(
            epochs=settings["epochs"] or EPOCHS, batch_size=settings["batch_size"] or 512, lr=settings["lr"] or SGD_LR,
            weight_decay=settings["weight_decay"] or 0.0, optimizer=settings["optimizer"] or "adamw",
            warmup=settings["warmup"], clip=settings["clip"], patience=settings["patience"], precision="float32",
            seed=settings["seed"],
        )  # fmt: skip

    def _checkpoint(self, folder: Path | None, plan: dict[str, Any]) -> Checkpoint | None:
        if folder is None:
            return None
        identity = {"method": self.name, "options": jsonable({**self.options, "threads": None}), **plan}
        identity["data"] = self.corpus.fingerprint
        if self.before is not None:
            identity["warm_start"] = hashing.of_array(self.before.vectors.vectors)
        return Checkpoint(folder / store.RESUME, identity, self.settings["checkpoint_every"])

    def _in_slices(self, bags: Bags | None) -> tuple[Callable[..., WordState], dict[str, Any]]:
        """The solver that can stop and go on, and what it decides besides the plan."""
        if self.solver == "hogwild":
            from selfsup.solvers.hogwild import hogwild

            return partial(hogwild, bags=bags), {}
        from selfsup.solvers.batched import batched, block_size

        counts, asked = self.corpus.vocabulary.counts, self.settings["batch_size"]
        block = asked or block_size(counts, self._word_plan(), len(self.ids))
        return partial(batched, device=self.device, block=block), {"batch_size": block, "device": self.device.type}

    def _sliced(
        self,
        method: Skipgram,
        plan: WordPlan,
        solve: Callable[..., WordState],
        checkpoint: Checkpoint | None,
        keep: Any,
    ) -> list[dict[str, Any]]:
        """Run a solver in slices: after each the state is whole, the declared loss is measured, and it can be saved."""
        from selfsup.solvers.words import WordState

        extra = len(method.input) - len(method.output)
        state = WordState.start(len(self.corpus.vocabulary), plan.dim, plan.seed, extra)
        self._warm(state.input, state.output)
        probe = self.held[torch.from_numpy(spread(len(self.held), probed(plan.window)))]
        _share(method, state)
        records = [measure(method, probe, 0)]
        if checkpoint and (saved := checkpoint.load()) is not None:
            tensors, facts = saved
            state = WordState.of(tensors["input"], tensors["output"], facts["done"], facts["kept"])
            records = facts["records"]
            _share(method, state)
        total, bar = plan.epochs * len(self.ids), Progress(self.settings["progress"])
        counts = self.corpus.vocabulary.counts
        with stop_flag() as interrupted:
            while state.done < total:
                pause, began, before = threading.Event(), time.perf_counter(), state.done

                def tick(done: int, all_of: int, kept: int) -> None:
                    seconds = time.perf_counter() - began  # noqa: B023
                    if bar.due():
                        bar.show(self._line(done, all_of, (done - before) / max(seconds, 1e-9), records))  # noqa: B023
                    if interrupted.is_set() or seconds > min(RECORD, FIRST * 2 ** len(records[1:])):
                        pause.set()  # noqa: B023

                state = solve(self.ids, counts, plan, state, progress=tick, stop=pause)
                _share(method, state)
                seconds = time.perf_counter() - began
                record = measure(method, probe, 0) | {"epoch": round(state.done / len(self.ids), 3), "seconds": seconds}
                record["samples_per_second"] = self._raw(state.done - before) / max(seconds, 1e-9)
                records.append(record)
                keep(records)
                if checkpoint and (interrupted.is_set() or checkpoint.due()) and state.done < total:
                    facts = {"done": state.done, "kept": state.kept, "records": records}
                    checkpoint.save({"input": torch.tensor(state.input), "output": torch.tensor(state.output)}, facts)
                if interrupted.is_set() and state.done < total:
                    bar.close()
                    raise Interrupted(f"stopped at {state.done / total:.0%} of the training")
        bar.close()
        return records

    def _hardware(self, plan: dict[str, Any]) -> str:
        if self.solver != "hogwild" and self.device.type == "cuda":
            return torch.cuda.get_device_name(self.device)
        threads = plan["threads"] if self.solver == "hogwild" else torch.get_num_threads()
        return f"{platform.processor() or platform.machine()}, {threads} threads"

    def _raw(self, ids: int) -> float:
        """Words of the text that so many ids stand for: rare words have none."""
        return ids * self.corpus.raw_words / max(len(self.corpus.ids), 1)

    def _line(self, done: int, total: int, rate: float, records: list[dict[str, Any]]) -> str:
        """The dense progress line."""
        epoch, last = done / len(self.ids), records[-1]
        left = duration((total - done) / max(rate, 1e-9))
        return (
            f"epoch {epoch:.1f}/{total // len(self.ids)}  {left} left  held-out loss {last['heldout']:.4g}  "
            f"gap {last['gap']:.3g}  {self._raw(1) * rate:,.0f} words/s"
        )

    def _config(self, plan: dict[str, Any], shape: tuple[int, ...], records: list[dict[str, Any]]) -> dict[str, Any]:
        corpus, size = self.corpus, int(shape[0])
        extra = self.options["buckets"] if self.options["subwords"] else 0
        held = len(self.held) if self.held_out else 0
        little = "too little text to hold any out: loss and gap are measured on text that was learnt from"
        return {
            "selfsup": version("selfsup"),
            "method": self.name,
            "options": jsonable(self.options),
            "training": {"solver": self.solver, **plan, "rows": int((self.ids >= 0).sum()), "heldout_rows": held},
            "seed": self.settings["seed"],
            "intake": {"kind": "text", "shape": [size]},
            "data": {
                "source": corpus.source,
                "rows": corpus.raw_words,
                "fingerprint": corpus.fingerprint,
                "classes": [],
                "description": corpus.describe(),
                "bad": 0,
            },
            "width": int(shape[1]),
            "parameters": (2 * size + extra) * int(shape[1]),
            "net": f"two tables of {size:,} words x {shape[1]}" + (f", {extra:,} rows of n-grams" if extra else ""),
            "why": self.why,
            "summary": (self.cls.__doc__ or "").strip().split("\n")[0],
            "hides": self.cls.hides,
            "decodes": False,
            "notes": [] if self.held_out else [little],
            "versions": {"python": platform.python_version(), "torch": torch.__version__, "numpy": np.__version__},
            "hardware": self._hardware(plan),
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
        }


def fit_words(
    data: Any, name: str, cls: type[Skipgram], options: dict[str, Any], settings: dict[str, Any], why: str
) -> WordJob:
    """Read and number the text, and make the job.

    Raises
    ------
    OptionError
        If an option of `fit` was given that means nothing for text.
    """
    for word in ("labels", "label_column", "size", "limit", "holdout"):
        if settings[word] is not None:
            raise OptionError(f"option '{word}' means nothing for text; leave it out")
    cls(**options)  # what is wrong among them is said before the text is read
    if settings["stream"] or settings["on_bad"] != "stop":
        word = "stream" if settings["stream"] else "on_bad"
        raise OptionError(f"option '{word}' means nothing for text, which is read in parts anyway, every file or none")
    if settings["epochs"] == 0:
        raise OptionError("option 'epochs' must be at least 1 for text; got 0")
    began = time.perf_counter()
    chosen = {key: options[key] for key in OF_TEXT}
    before = None
    if options["warm_start"] is not None:
        before = Before.load(options["warm_start"], options["dim"])
        chosen["keep"] = (*chosen["keep"], *before.vectors.words)
    corpus = open_corpus(data, progress=settings["progress"], **chosen)
    corpus = without_absent(corpus, before.vectors.index if before else ())
    job = WordJob(corpus, name, cls, options, settings, why, before)
    job.began = began
    return job


def _share(method: Skipgram, state: WordState) -> None:
    """Let the declared problem look at the solver's own tables."""
    method.input.data = torch.from_numpy(state.input)
    method.output.data = torch.from_numpy(state.output)


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1

"""One call of `fit`, once its words are checked: split the rows, build, solve, gather evidence."""

from __future__ import annotations

import copy
import logging
import platform
import time
from dataclasses import asdict, replace
from datetime import UTC, datetime
from importlib.metadata import version
from math import ceil
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from selfsup import store
from selfsup.data import Dataset
from selfsup.errors import DataError, OptionError
from selfsup.measures import Evaluation, fitting
from selfsup.method import Method, Moments, Recipe, Spec, shuffle_gap
from selfsup.model.latent import statistics
from selfsup.model.model import Model, build, jsonable
from selfsup.solvers.exact import exact
from selfsup.solvers.exact import moments as second_moments
from selfsup.solvers.plan import Plan
from selfsup.solvers.sgd import measure, probe_rows, sgd
from selfsup.store.checkpoint import Checkpoint
from selfsup.store.weights import named_tensors, set_tensors
from selfsup.system.progress import Progress
from selfsup.training import evidence

HELD_OUT_SHARE, HELD_OUT_ROWS = 0.2, 2_000  # by default a fifth of the rows is held out, at most so many
MAX_EPOCHS = 300
FEW = 1_000
DEFAULTS = Recipe(steps=3000, batch_size=128, lr=1e-3, weight_decay=0.0, optimizer="adamw")
log = logging.getLogger("selfsup")


class Job:
    """One call of `fit`, once its words are checked: split, build, solve, gather evidence."""

    def __init__(
        self,
        dataset: Dataset,
        name: str,
        method: type[Method],
        options: dict[str, Any],
        settings: dict[str, Any],
        why: str,
        streamed: tuple[torch.Tensor, torch.Tensor, int] | None = None,
    ) -> None:
        self.streamed = (
            streamed  # mean, covariance and number of rows that were read in chunks; `dataset` is a sample of them
        )
        self.dataset, self.name, self.cls = dataset, name, method
        self.options, self.settings, self.why = options, settings, why
        self.solver: str = settings["solver"] or method.solver
        if self.solver in ("hogwild", "batched"):
            raise OptionError(f"option 'solver': {self.solver} is for word vectors; method '{name}' takes sgd")
        self.device = choose_device(settings["device"])
        count = self._heldout_rows()
        self.train_rows, self.test_rows = held_out(len(dataset), count, settings["seed"])
        self.plan = self._plan()

    def run(self, folder: Path | None) -> Model:
        """Train, then gather evidence; nothing is written but the state and the metrics of the run."""
        began = time.perf_counter()
        moments: list[Moments] = []
        spec = self._spec(moments)
        self._check_missing()
        method = build(self.cls, self.options, spec, self.settings["seed"])
        untrained = start = copy.deepcopy(method)
        pca = getattr(method, "started", "").startswith("starts from PCA")
        if pca:  # the baseline is a random net
            untrained = build(self.cls, self.options, replace(spec, covary=None), self.settings["seed"])
        log.info("%s with %s on %s (%s)", self.name, net_words(method), self.dataset.describe(), self.why)
        records = self._solve(method, folder, spec)
        notes = self._no_worse_than_its_start(method, start, records) if pca else []
        if pca:  # what "before training" means to the verdict is a random net; the start is told with the net
            method.started += f" (held-out loss {records[0]['heldout']:.4g})"  # type: ignore[operator]
            records[0] = self._before(untrained)
        model = Model(method, self.dataset.intake, {}, records)
        model.config = self._config(method, moments)
        model.config["notes"] = [*notes, *method.remarks(records[-1].get("measures", {})), *fitting(records)]
        rows = self.test_rows if len(self.test_rows) else self.train_rows
        if method.decodes():
            model.codes = statistics(method.eval(), self.dataset.samples(self.train_rows), self.device)
        if self.settings["evaluate"]:
            bar = Progress(self.settings["progress"])
            bar.close("trained; measuring what the codes are worth")
            model.evaluation = self._evidence(model, untrained, rows)
            model.pictures = evidence.pictures(model, self.dataset, rows, self.settings["seed"])
        model.config["seconds"] = time.perf_counter() - began
        return model

    def _heldout_rows(self) -> int:
        rows, share = len(self.dataset), self.settings["holdout"]
        if rows < 2:
            raise DataError(f"learning needs at least 2 samples; got {rows}")
        if share is None:
            share = 0.0 if self.solver == "exact" else min(HELD_OUT_SHARE, HELD_OUT_ROWS / rows)
        return min(int(rows * share), rows - 2)

    def _plan(self) -> Plan:
        """Settings of gradient descent: what was asked, else what the method prefers, else the defaults."""
        recipe: dict[str, Any] = {**DEFAULTS, **self.cls.recipe}
        asked = {key: self.settings[key] for key in ("batch_size", "lr", "weight_decay", "optimizer")}
        chosen = {key: value if value is not None else recipe[key] for key, value in asked.items()}
        rows = len(self.train_rows)
        epochs = self.settings["epochs"]
        if epochs is None:
            epochs = min(MAX_EPOCHS, ceil(recipe["steps"] / ceil(rows / chosen["batch_size"])))
        kept: dict[str, Any] = {key: self.settings[key] for key in ("warmup", "clip", "patience", "seed")}
        return Plan(
            epochs=epochs, precision=choose_precision(self.settings["precision"], self.device), **chosen, **kept
        )

    def _spec(self, moments: list[Moments]) -> Spec:
        """Shape and moments of the training part; what is asked for is kept, to be saved."""
        whole = self.dataset.spec(self.train_rows)
        if (
            self.solver == "exact"
        ):  # its one pass measures the moments; a few rows tell the net before it where the data lie
            whole = self.dataset.spec(self.train_rows[:FEW])

        def measure() -> Moments:
            moments.append(whole.moments)
            return whole.moments

        def covary(most: int | None) -> tuple[torch.Tensor, torch.Tensor, int]:
            rows = self.train_rows
            if most is not None and len(rows) > most:
                rows = np.sort(np.random.default_rng(self.settings["seed"]).choice(rows, most, replace=False))
            return (*second_moments(self.dataset.samples(rows), torch.device("cpu")), len(rows))

        return replace(whole, measure=measure, covary=None if self.solver == "exact" else covary)

    def _before(self, untrained: Method) -> dict[str, Any]:
        """The record of epoch 0, of the random net."""
        rows = self.test_rows if len(self.test_rows) else self.train_rows
        x = probe_rows(self.dataset.samples(self.train_rows), self.dataset.samples(rows)).to(self.device)
        return measure(untrained.to(self.device), x, 0)

    @staticmethod
    def _no_worse_than_its_start(method: Method, start: Method, records: list[dict[str, Any]]) -> list[str]:
        """Take back a training that has not improved on the start, by the loss on held-out rows."""
        if records[-1]["heldout"] <= records[0]["heldout"]:
            return []
        set_tensors(method, named_tensors(start))
        said = f"{records[-1]['heldout']:.4g} beside {records[0]['heldout']:.4g}"
        records.append({**records[-1], **{k: records[0][k] for k in ("heldout", "gap", "gap_sd", "shuffled")}})
        records[-1]["epoch"] += 1
        return [
            f"training did not improve on PCA of the same width (held-out loss {said}), so the weights are those of the start; "
            "train longer, or at a lower --lr"
        ]

    def _check_missing(self) -> None:
        """Refuse missing values where the method cannot learn around them."""
        if self.dataset.intake.missing and not self.cls.takes_missing:
            raise DataError(
                f"{self.dataset.source}: {self.dataset.missing_words()}, and method '{self.name}' needs them all: "
                "drop such rows, fill the values in, or use an auto-encoder (--method undercomplete), which learns "
                "around what is missing"
            )

    def _solve(self, method: Method, folder: Path | None, spec: Spec) -> list[dict[str, Any]]:
        samples = self.dataset.samples(self.train_rows)
        heldout = self.dataset.samples(self.test_rows) if len(self.test_rows) else samples
        if self.solver == "exact":
            return self._solve_exactly(method, samples, heldout)
        checkpoint = None
        if folder:
            checkpoint = Checkpoint(folder / store.RESUME, self._identity(), self.settings["checkpoint_every"])
        keep = (lambda records: store.write_lines(folder / store.METRICS, records)) if folder else None
        bar = Progress(self.settings["progress"])
        records = sgd(method, samples, heldout, self.plan, self.device, bar, checkpoint, keep)
        method.finish(spec)
        return records

    def _solve_exactly(self, method: Method, samples: Any, heldout: Any) -> list[dict[str, Any]]:
        probe = heldout[torch.arange(min(len(heldout), 512))].to(self.device)
        method.to(self.device).eval()
        before = shuffle_gap(method, probe)
        clock = time.perf_counter()
        if self.streamed is None:
            exact(method, samples, self.device)
        else:
            method.solve(*self.streamed)
        seconds = time.perf_counter() - clock
        after = shuffle_gap(method, probe)
        records: list[dict[str, Any]] = [
            {"epoch": epoch, "heldout": found["loss"], **{key: found[key] for key in ("gap", "gap_sd", "shuffled")}}
            for epoch, found in enumerate((before, after))
        ]
        records[1] |= {"loss": after["loss"], "terms": {}, "seconds": seconds, "data_wait": 0.0}
        records[1] |= {"samples_per_second": len(samples) / max(seconds, 1e-9)}
        if own := method.measures(probe):
            records[1]["measures"] = own
        return records

    def _evidence(self, model: Model, untrained: Method, rows: np.ndarray) -> Evaluation:
        test = self.dataset.test
        if test is not None and test.labels is not None:
            return evidence.gather(
                model,
                untrained,
                (self.dataset, self.train_rows),
                (test, np.arange(len(test))),
                seed=self.settings["seed"],
            )
        train_rows = self.train_rows
        if not len(self.test_rows):  # a closed form holds nothing out; the probe's test labels are still its own
            train_rows, rows = held_out(len(self.dataset), max(1, len(self.dataset) // 5), self.settings["seed"])
            model.config["notes"] += ["the rows the probes are tested on were seen, without labels, in training"]
        return evidence.gather(
            model, untrained, (self.dataset, train_rows), (self.dataset, rows), seed=self.settings["seed"]
        )

    def _identity(self) -> dict[str, Any]:
        """What must be the same for an unfinished run to be continued."""
        plan = asdict(self.plan)
        return {"method": self.name, "options": jsonable(self.options), "data": self.dataset.fingerprint, **plan}

    def _described(self) -> str:
        said = self.dataset.describe()
        return said if self.streamed is None else f"{self.streamed[2]:,} rows read in chunks, of which {said}"

    def _config(self, method: Method, moments: list[Moments]) -> dict[str, Any]:
        dataset, plan = self.dataset, asdict(self.plan)
        width = _width(method, dataset.samples(self.train_rows[:2]), self.device)
        kept = moments[0] if moments else None
        return {
            "selfsup": version("selfsup"),
            "method": self.name,
            "options": jsonable(self.options),
            "training": {
                "solver": self.solver,
                **plan,
                "rows": len(self.train_rows) if self.streamed is None else self.streamed[2],
                "heldout_rows": len(self.test_rows),
            },
            "seed": self.settings["seed"],
            "intake": dataset.intake.to_dict(),
            "moments": kept and {"mean": kept.mean.tolist(), "std": kept.std.tolist(), "unit": kept.unit},
            "data": {
                "source": dataset.source,
                "rows": len(dataset) if self.streamed is None else self.streamed[2],
                "fingerprint": dataset.fingerprint,
                "classes": list(dataset.classes),
                "description": self._described(),
                "bad": len(dataset.bad) + (len(dataset.test.bad) if dataset.test else 0),
            },
            "width": width,
            "parameters": sum(p.numel() for p in method.parameters()),
            "net": net_words(method),
            "why": self.why,
            "summary": (type(method).__doc__ or "").strip().split("\n")[0],
            "hides": method.hides,
            "decodes": method.decodes(),
            "versions": {"python": platform.python_version(), "torch": torch.__version__, "numpy": np.__version__},
            "hardware": f"{platform.processor() or platform.machine()}, {torch.get_num_threads()} threads, {self.device}",
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
        }


def net_words(method: Method) -> str:
    """What the network is, for people."""
    words = str(getattr(getattr(method, "trunk", None), "words", "")) or f"{type(method).__name__}'s own net"
    return "; ".join(filter(None, (words, getattr(method, "started", ""))))


def _width(method: Method, samples: Any, device: torch.device) -> int:
    with torch.inference_mode():
        return int(method.encode(samples[torch.arange(len(samples))].to(device)).shape[1])


def choose_device(asked: str) -> torch.device:
    """The device asked for, or the best there is."""
    if asked == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(asked)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        here = ["auto", "cpu", *(f"cuda:{number}" for number in range(torch.cuda.device_count()))]
        here += ["mps"] if torch.backends.mps.is_available() else []
        raise OptionError(
            f"option 'device': there is no '{asked}' here; use {', '.join(here[:-1])} or {here[-1]}"
        ) from error
    return device


def choose_precision(asked: str, device: torch.device) -> Literal["float32", "bfloat16"]:
    """Float32 on a CPU, bfloat16 on a GPU that has it, unless asked otherwise."""
    if asked == "auto":
        return "bfloat16" if device.type == "cuda" and torch.cuda.is_bf16_supported() else "float32"
    return "bfloat16" if asked == "bfloat16" else "float32"


def held_out(rows: int, count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Row numbers to train on and to hold out; a seeded shuffle that knows no labels."""
    order = np.random.default_rng(seed).permutation(rows)
    return np.sort(order[count:]), np.sort(order[:count])

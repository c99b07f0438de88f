"""Whether a change of the code has changed a result: one small fixed run of every method, solver and kind of data.

    python benchmarks/same_results.py --write before.json      # of the code as it was
    python benchmarks/same_results.py --compare before.json    # of the code as it is: one line a case, status 1 if any differs

Everything goes through the public interface, with fixed seeds and one thread, and is compared to the bit: weights (by name, or
where names differ as a multiset of shapes and values), codes, what the records say of the loss, and the numbers of the
evaluation. What is only new, and what is said in other words, is no difference. ``PYTHONPATH=OTHER/src`` runs another checkout;
the first line says which code it was. Bits are the same on one machine with one set of packages only: both are in the file.
Arrays lie beside it in an .npz, by digest.

The fast solvers of word vectors write a record whenever some seconds are over, so that how many there are, and where, depends on
the machine: of theirs the first and the last are compared.
"""

from __future__ import annotations

import os

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_name] = "1"

import argparse  # noqa: E402
import hashlib  # noqa: E402
import json  # noqa: E402
import platform  # noqa: E402
import sys  # noqa: E402
import tempfile  # noqa: E402
import time  # noqa: E402
from collections import Counter  # noqa: E402
from dataclasses import dataclass, field  # noqa: E402
from functools import cache  # noqa: E402
from pathlib import Path  # noqa: E402

sys.dont_write_bytecode = True  # a checkout that is only compared with stays as it is
os.environ.setdefault("NUMBA_CACHE_DIR", str(Path(tempfile.gettempdir()) / "same_results_numba"))

import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402
import torch  # noqa: E402
from safetensors.numpy import load_file  # noqa: E402

import selfsup  # noqa: E402

PARTS = ("weights", "codes", "records", "evaluation")
RECORD = ("epoch", "loss", "terms", "heldout", "gap", "gap_sd", "shuffled", "measures")  # no times
TABLES = ("probe", "knn", "neighbours")
ROWS = 40  # codes that are kept
SLICED = ("hogwild", "batched")
LEFT_OUT = "records between the first and the last: how many there are depends on time"
UNSEEN = ("unseenword", "kotalu")  # words that only n-grams give a vector


@dataclass(frozen=True)
class Case:
    """One call of `fit`: its data by name, the method and the options."""

    data: str
    method: str
    options: dict = field(default_factory=dict)

    @property
    def name(self):
        """Data, method and options in one line."""
        return " ".join([self.data, self.method, *(f"{key}={value}" for key, value in self.options.items())])


# Data


def samples(rows, shape, seed):
    """Rows (n, ...) of three classes with means of their own, and the labels (n,)."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 3, rows)
    means = rng.normal(size=(3, *shape))
    return means[labels] + rng.normal(size=(rows, *shape)), labels


def table(gaps):
    """A frame of numbers, booleans and categories, with a column of labels; with or without missing values."""
    x, labels = samples(300, (6,), 2)
    frame = pd.DataFrame(x[:, :3] * [1, 10, 100], columns=["length", "width", "weight"])
    frame["old"] = x[:, 3] > 0
    frame["sold"] = np.where(x[:, 4] > 0, "yes", "no")
    frame["colour"] = np.array(["red", "green", "blue", "grey"])[np.digitize(x[:, 5], [-1, 0, 1])]
    if gaps:
        missing = np.random.default_rng(3).random((300, 3)) < 0.1
        for column, where in zip(("width", "sold", "colour"), missing.T, strict=True):
            frame[column] = frame[column].mask(where)
    frame["kind"] = np.array(["a", "b", "c"])[labels]
    return frame


def spelled(count, rng):
    """So many different words of two to four syllables."""
    syllables = [a + b for a in "bdfgklmnprst" for b in "aeiou"]
    words = {}
    while len(words) < count:
        words["".join(rng.choice(syllables, rng.integers(2, 5)))] = None
    return np.array(list(words))


def zipf(count):
    """Shares (count,) that fall as 1, 1/2, 1/3, ..."""
    share = 1 / np.arange(1, count + 1)
    return share / share.sum()


def sentences(seed, first=0):
    """2,500 sentences of 12 words: half common ones, half of one of six topics, and pairs that belong together."""
    words = spelled(1_200, np.random.default_rng(4))
    common, topics = words[:200], words[200 + first : 920 + first].reshape(6, 120)
    rng = np.random.default_rng(seed)
    lines = []
    for _ in range(2_500):
        line = np.where(
            rng.random(12) < 0.5, rng.choice(common, 12, p=zipf(200)), rng.choice(rng.choice(topics), 12, p=zipf(120))
        )
        if rng.random() < 0.1:
            line[3:5] = words[-2:] if rng.random() < 0.5 else words[-4:-2]
        lines.append(line.tolist())
    return lines


@cache
def data_of(name, root):
    """What `fit` is given -> (data, the data of the codes, options that belong to them)."""
    if name == "images":
        x, labels = samples(120, (3, 32, 32), 0)
        x = (128 + 30 * x).clip(0, 255).astype(np.uint8)
        return x, x, {"labels": labels}
    if name == "digits":
        return "digits", "digits", {"limit": 300}
    if name in ("vectors", "stream"):
        x, labels = samples(300, (12,), 1)
        x = x.astype(np.float32)
        return x, x, {"labels": labels} if name == "vectors" else {}
    if name in ("table", "gaps"):
        frame = table(name == "gaps")
        return frame, frame.drop(columns="kind"), {"label_column": "kind"}
    lines = sentences(5) if name != "newtext" else sentences(6, first=200)
    if name == "sentences":
        return lines, None, {}
    if name == "column":
        return pd.DataFrame({"id": range(len(lines)), "text": [" ".join(line) for line in lines]}), None, {}
    path = root / f"{name}.txt"
    path.write_text("\n".join(" ".join(line) for line in lines) + "\n")
    return path, None, {}


# Cases


def of_samples():
    """Every method that learns from samples, by each of its solvers, on each kind of data that it takes; then options."""
    kinds = ("images", "digits", "vectors", "table", "gaps")
    small, brief = {"n_components": 8}, {"epochs": 2}
    for kind in kinds:  # gaps: is refused, and by what error is a result too
        yield Case(kind, "linear", small | {"solver": "exact"})
        yield Case(kind, "linear", small | {"solver": "sgd"} | brief)
    for kind in ("images", "digits", "vectors", "gaps"):
        for method in ("undercomplete", "contractive", "variational", "denoising"):
            yield Case(kind, method, small | brief)
        for activation in ("relu", "topk", "batchtopk", "jumprelu"):
            few = {"k": 4} if "topk" in activation else {}
            yield Case(kind, "sparse", {"activation": activation, "n_components": 24} | few | brief)
    for kind in ("images", "digits"):
        yield Case(kind, "rotation", {"hidden": (8, 12, 16)} | brief)
    yield Case("stream", "linear", small)
    yield Case("vectors", "undercomplete", small | {"start": "pca"} | brief)
    yield Case("vectors", "undercomplete", small | {"optimizer": "sgd", "clip": 1.0, "patience": 1, "epochs": 4})
    yield Case("digits", "undercomplete", small | {"likelihood": "bernoulli", "omega": "kl", "penalty": 0.1} | brief)
    yield Case("vectors", "variational", small | {"importance": 3} | brief)
    yield Case("vectors", "contractive", small | {"hidden": (10,), "probes": 2, "evaluate": False} | brief)
    yield Case("vectors", "denoising", {"n_components": 6, "hidden": (10,), "layerwise": True, "epochs": 4})
    yield Case("gaps", "denoising", small | {"corruption": "masking", "emphasis": 0.8} | brief)


def of_text():
    """Both methods of word vectors by each of their solvers, then what changes the text, the words or the start."""
    for method in ("skipgram", "cbow"):
        yield Case("text", method, {"solver": "hogwild", "threads": 1})
        yield Case("text", method, {"solver": "hogwild", "deterministic": True, "threads": 2})
        yield Case("text", method, {"objective": "hierarchical", "threads": 1})
        yield Case("text", method, {"subwords": True, "buckets": 2000, "threads": 1})
        yield Case("text", method, {"solver": "sgd", "epochs": 1})
        yield Case("text", method, {"solver": "sgd", "objective": "softmax", "max_vocab": 300, "epochs": 1})
        yield Case("text", method, {"solver": "batched"})
    yield Case("text", "skipgram", {"phrases": 1, "threads": 1})
    yield Case("newtext", "skipgram", {"warm_start": "earlier", "threads": 1})
    yield Case("newtext", "cbow", {"warm_start": "earlier", "solver": "sgd", "epochs": 1})
    yield Case("sentences", "skipgram", {"fixed_window": True, "window": 3, "threads": 1})
    yield Case("column", "cbow", {"column": "text", "tokens": "space", "lower": False, "threads": 1})


WORDS = {"dim": 16, "min_count": 3, "sample": 1e-3, "threads": 1, "epochs": 2}  # of every text


def fitted(case, root, out):
    """The model of a case, in a run folder."""
    data, _, more = data_of(case.data, root)
    options = {"seed": 0, "device": "cpu", "progress": False} | more | case.options
    if case.method in ("skipgram", "cbow"):
        options = WORDS | options
        if options.get("solver") in ("sgd", "batched"):
            del options["threads"]  # an option of the solver hogwild
        if "warm_start" in options:
            options["warm_start"] = str(earlier(root))
        return selfsup.fit(data, case.method, out=out, **options)
    if case.data == "stream":
        return selfsup.fit(iter(np.array_split(data, 4)), case.method, out=out, **options)
    model = selfsup.fit(data, case.method, **options)
    model.save(out)
    return model


@cache
def earlier(root):
    """Run folder of word vectors that other trainings begin with."""
    selfsup.fit(data_of("text", root)[0], "skipgram", out=root / "earlier", seed=0, progress=False, **WORDS)
    return root / "earlier"


# What a case gave


def digest(array, arrays):
    """Shape, kind and SHA-256 of an array, which is kept under it."""
    array = np.ascontiguousarray(array)
    key = hashlib.sha256(array.tobytes()).hexdigest()
    arrays[key] = array
    return {"shape": list(array.shape), "dtype": str(array.dtype), "sha256": key}


def codes_of(model, case, root):
    """Codes of the first rows, or vectors of the first words and of unseen ones where these have any."""
    data = data_of(case.data, root)[1]
    if data is not None:
        return model.encode(data)[:ROWS]
    return model.vectors_of([*model.words[:ROWS], *(UNSEEN if model.ngrams is not None else ())])


def evidence(saved):
    """Numbers of ``evaluation.json``, whose tables lie at its top or in ``tables``."""
    tables = saved.get("tables", saved)
    found = {name: tables[name] for name in TABLES if name in tables}
    if isinstance(found.get("neighbours"), dict):
        found["neighbours"] = found["neighbours"]["rows"]
    return {"verdict": saved["verdict"]["kind"], "health": saved["health"], "notes": saved["notes"]} | found


def outcome(case, root, arrays):
    """Run a case: digests of its arrays, its records and its evaluation, as JSON has them."""
    out = Path(tempfile.mkdtemp(dir=root)) / "run"
    model = fitted(case, root, out)
    files = {path.stem: load_file(path) for path in sorted(out.glob("*.safetensors"))}
    files.pop("pictures", None)
    statistics = files.pop("codes", {}) or files.pop("latent", {})
    weights = {
        f"{stem}: {name}": digest(array, arrays) for stem, tensors in files.items() for name, array in tensors.items()
    }
    if hasattr(model, "words"):
        counted = json.dumps([model.words, np.asarray(model.counts).tolist()]).encode()
        weights["(words and counts)"] = {"shape": [len(model.words)], "sha256": hashlib.sha256(counted).hexdigest()}
    codes, again = codes_of(model, case, root), codes_of(selfsup.load(out), case, root)
    found = {f"statistics: {name}": digest(array, arrays) for name, array in statistics.items()}
    found |= {"codes": digest(codes, arrays), "codes of the saved model": digest(again, arrays)}
    records = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    sliced = case.method in ("skipgram", "cbow") and case.options.get("solver", "hogwild") in SLICED
    records = [records[0], records[-1]] if sliced else records
    records = [{key: record[key] for key in RECORD if key in record} for record in records]
    judged = evidence(json.loads((out / "evaluation.json").read_text())) if case.options.get("evaluate", True) else {}
    result = {"weights": weights, "codes": found, "records": records, "evaluation": judged}
    return result | ({"left_out": LEFT_OUT} if sliced else {})


def run(case, root, arrays):
    """The outcome of a case, or its error, and how long it took."""
    clock = time.perf_counter()
    try:
        result = outcome(case, root, arrays)
    except Exception as error:  # one case that fails does not end the others
        result = {"error": type(error).__name__, "message": str(error).replace(str(root), "ROOT")}
    return result | {"seconds": round(time.perf_counter() - clock, 2)}


def run_all(chosen, tell):
    """Run every case whose name has all of the words, and tell of each -> (what the JSON holds, arrays by digest)."""
    torch.set_num_threads(1)
    about = {"selfsup": selfsup.__file__, "python": platform.python_version(), "torch": torch.__version__}
    about |= {"numpy": np.__version__, "machine": platform.machine(), "cpu": torch.backends.cpu.get_cpu_capability()}
    arrays, cases, clock = {}, {}, time.perf_counter()
    print(f"code of {selfsup.__file__}", flush=True)
    with tempfile.TemporaryDirectory() as root:
        os.environ["SELFSUP_CACHE"] = str(Path(root) / "cache")
        for case in (*of_samples(), *of_text()):
            if all(word in case.name for word in chosen):
                cases[case.name] = run(case, Path(root), arrays)
                print(f"{case.name:<84} {tell(case.name, cases[case.name], arrays)}", flush=True)
    about["seconds"] = round(time.perf_counter() - clock, 1)
    return {"about": about, "cases": cases}, arrays


# Comparison


def pairs(old, new):
    """Digests of two runs side by side: by name, or where the names differ equal ones, then ones of equal shape."""
    if old.keys() == new.keys():
        return [(name, old[name], new[name]) for name in old]
    rest = Counter(entry["sha256"] for entry in new.values())
    lone = []
    for name, entry in old.items():
        if rest[entry["sha256"]]:
            rest[entry["sha256"]] -= 1
        else:
            lone.append((name, entry))
    left = [(name, entry) for name, entry in new.items() if rest[entry["sha256"]] > 0]
    found = []
    for name, entry in lone:
        same = next((other for other in left if other[1]["shape"] == entry["shape"]), None)
        if same is not None:
            left.remove(same)
        found.append((name, entry, same and same[1]))
    return found  # what is only new is no difference


def array_differences(old, new, before, now):
    """Names of arrays that differ, each with the largest absolute difference, or None where there is none to be had."""
    for name, one, other in pairs(old, new):
        if other is None or one["shape"] != other["shape"]:
            yield name, None
        elif one != other:
            ours, theirs = before.get(one["sha256"]), now.get(other["sha256"])
            known = ours is not None and theirs is not None
            yield name, float(np.abs(ours.astype(float) - theirs.astype(float)).max(initial=0)) if known else None


def value_differences(old, new, path=""):
    """Paths at which two JSON values differ, each with the absolute difference of two numbers, or None."""
    numbers = [isinstance(value, int | float) and not isinstance(value, bool) for value in (old, new)]
    if isinstance(old, dict) and isinstance(new, dict):
        for key in dict.fromkeys([*old, *new]):
            if key in old and key in new:
                yield from value_differences(old[key], new[key], f"{path}.{key}".lstrip("."))
            elif key in old and old[key] != []:  # an empty table need not be written
                yield f"{path}.{key} (gone)".lstrip("."), None
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for place, (one, other) in enumerate(zip(old, new, strict=True)):
            yield from value_differences(one, other, f"{path}[{place}]")
    elif old != new and not (isinstance(old, str) and path.startswith("notes")):  # the same said in other words
        yield path, abs(old - new) if all(numbers) else None


def told(part, found):
    """A part that differs, in words: where, and by how much at most."""
    sizes = [size for _, size in found if size is not None]
    places = ", ".join(place for place, _ in found[:3]) + (f" and {len(found) - 3} more" if len(found) > 3 else "")
    return f"{part} ({places}" + (f"; by at most {max(sizes):.3g})" if sizes else ")")


def verdict(old, new, before, now):
    """What is to be said of a case, and whether it is the same."""
    if "error" in old or "error" in new:
        kinds = [result.get("error", "a result") for result in (old, new)]
        if kinds[0] != kinds[1]:
            return f"DIFFERS: {kinds[0]} before, {kinds[1]} now: {new.get('message', '')}", False
        return f"equal: {kinds[0]}" + ("" if old["message"] == new["message"] else " (in other words)"), True
    said = []
    for part in PARTS:
        arrays = part in ("weights", "codes")
        found = (
            array_differences(old[part], new[part], before, now) if arrays else value_differences(old[part], new[part])
        )
        if found := list(found):
            said.append(told(part, found))
    renamed = "" if old["weights"].keys() == new["weights"].keys() else " (names of weights differ)"
    return ("DIFFERS: " + "; ".join(said), False) if said else ("equal" + renamed, True)


def compare(path, chosen):
    """Run the cases and print one line each -> how many differ."""
    saved = json.loads(path.read_text())
    with np.load(path.with_suffix(".npz")) as file:
        before = dict(file)
    differ = []

    def tell(name, result, now):
        known = name in saved["cases"]
        said, same = verdict(saved["cases"][name], result, before, now) if known else ("is no case of the file", True)
        if not same:
            differ.append(name)
        return said

    found, _ = run_all(chosen, tell)
    gone = [name for name in saved["cases"] if name not in found["cases"] and all(word in name for word in chosen)]
    for name in gone:
        print(f"{name:<84} DIFFERS: is no case any more")
    seconds = {"before": saved["about"].pop("seconds"), "now": found["about"]["seconds"]}
    print(f"{len(found['cases'])} cases, {len(differ) + len(gone)} differ; seconds: {seconds}")
    for key, value in saved["about"].items():
        if key != "selfsup" and value != found["about"][key]:
            print(f"note: {key} was {value} and is {found['about'][key]}: bits may differ for that")
    return len(differ) + len(gone)


def write(path, chosen):
    """Run the cases and keep what they gave."""

    def tell(name, result, arrays):
        said = f"  {result['error']}: {result['message'][:60]}" if "error" in result else ""
        return f"{result['seconds']:6.2f} s{said}"

    found, arrays = run_all(chosen, tell)
    path.write_text(json.dumps(found, indent=1) + "\n")
    np.savez_compressed(path.with_suffix(".npz"), **arrays)
    failed = sum("error" in case for case in found["cases"].values())
    print(f"{len(found['cases'])} cases, {failed} of them errors, {found['about']['seconds']:.0f} s")


def main():
    """Write or compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--write", type=Path, metavar="FILE", help="run, and write FILE and the .npz beside it")
    what.add_argument("--compare", type=Path, metavar="FILE", help="run, and compare with FILE")
    parser.add_argument("--only", nargs="*", default=[], metavar="WORD", help="cases whose name has all of these words")
    given = parser.parse_args()
    if given.write:
        return write(given.write, given.only)
    return int(compare(given.compare, given.only) > 0)


if __name__ == "__main__":
    sys.exit(main())

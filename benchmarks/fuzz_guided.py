"""A coverage-guided fuzzer over the readers of word vectors: what leads to new lines of ours is changed further.

python benchmarks/fuzz_guided.py [--seconds 600] [--corpus FOLDER] [--readers vectors ...]

libFuzzer by the package atheris (pip install atheris, which need not be in the project's environment). The first byte of a case
says which reader it is for; what is bad is said by `fuzz.py`, whose readers and verdicts these are. A bad case ends the run, and
its content is written to the corpus folder's `bad`.
"""

from __future__ import annotations

import argparse
import importlib.util
import logging
import sys
import tempfile
import warnings
from collections import Counter
from pathlib import Path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=600)
    parser.add_argument("--corpus", type=Path, help="a folder that keeps what was found; goes on with what is in it")
    parser.add_argument("--readers", nargs="+", default=["vectors"], help="only those whose names begin so")
    chosen = parser.parse_args()
    if importlib.util.find_spec("atheris") is None:
        raise SystemExit("left out: the package atheris is not here (pip install atheris)")
    import atheris

    with atheris.instrument_imports(include=["selfsup.words"]):
        import fuzz
        from _fuzz_vectors import vector_readers

    logging.getLogger("selfsup").setLevel(logging.CRITICAL)
    warnings.simplefilter("ignore")
    folder = Path(tempfile.mkdtemp())
    known = [(name, one) for name, one in vector_readers(folder).items() if name.startswith(tuple(chosen.readers))]
    corpus = chosen.corpus or folder / "corpus"
    (corpus / "bad").mkdir(parents=True, exist_ok=True)
    for number, (_, reader) in enumerate(known):
        for place, seed in enumerate(reader.seeds):
            fuzz.judge(reader, seed, folder)  # compiles, too
            (corpus / f"seed-{number}-{place}").write_bytes(bytes([number]) + seed)
    found: Counter[str] = Counter()

    def one(case: bytes) -> None:
        if not case:
            return
        name, reader = known[case[0] % len(known)]
        verdict, told = fuzz.judge(reader, case[1:], folder)
        found[verdict if verdict in ("accepted", "refused") else "bad"] += 1
        if sum(found.values()) % 10_000 == 0:
            print(dict(found), file=sys.stderr, flush=True)
        if verdict not in ("accepted", "refused"):
            print(f"{name}: {verdict}\n{told}", file=sys.stderr, flush=True)
            fuzz.keep(fuzz.Bad(name, verdict, case[1:]), corpus / "bad")
            raise RuntimeError(verdict)

    options = [f"-max_total_time={chosen.seconds}", "-max_len=4096", "-timeout=60", "-rss_limit_mb=2048"]
    atheris.Setup([sys.argv[0], *options, f"-artifact_prefix={corpus / 'bad'}/", str(corpus)], one)
    atheris.Fuzz()


if __name__ == "__main__":
    main()

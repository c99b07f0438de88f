"""The command line: verbs with the words of Python; every flag comes from a signature and its docstring."""

from __future__ import annotations

import argparse
import difflib
import inspect
import logging
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from selfsup.errors import Interrupted, OptionError, RunError, SelfsupError

if TYPE_CHECKING:
    from selfsup.options import Option

USAGE = """\
selfsup: learn a representation from unlabelled data, and show whether it helped.

  selfsup fit DATA [--method NAME] [--out RUN]     learn; DATA: folder of images, .parquet, .npy, .npz, .csv, hub:NAME, digits
  selfsup encode RUN DATA --out codes.npy          codes of data (.npy, or .parquet with file names)
  selfsup evaluate RUN --data LABELLED             kNN and linear probe beside raw input, PCA and the untrained network
  selfsup report RUN                               write the run's report.html anew
  selfsup methods                                  every method, one line each

  selfsup VERB --help                              what a verb takes; `selfsup fit DATA --method NAME --help`: a method's options
  selfsup --version

Add --debug to any command to see a traceback. Exit codes: 0 done, 1 an error, 2 wrong usage, 130 interrupted."""
DONE, ERROR, WRONG_USAGE, INTERRUPTED = 0, 1, 2, 130
ON_THE_LINE_ONLY_IN_PYTHON = ("labels",)  # arrays cannot be typed


class UsageError(SelfsupError):
    """The command was not understood."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in words
    words = [word for word in words if word != "--debug"]
    _warn_on_stderr()
    try:
        return dispatch(words)
    except Interrupted as error:
        return _fail(f"{error}; go on with the same command and --resume", INTERRUPTED, debug)
    except KeyboardInterrupt:
        return _fail("interrupted", INTERRUPTED, debug)
    except UsageError as error:
        return _fail(str(error), WRONG_USAGE, debug)
    except SelfsupError as error:
        return _fail(str(error), ERROR, debug)
    except BrokenPipeError:
        sys.stderr.close()  # the reader of our output has gone: `selfsup methods | head -1`
        return DONE
    except MemoryError as error:
        return _fail(f"not enough memory ({error}); use --limit, a smaller --size or --batch-size", ERROR, debug)
    except Exception as error:  # the last line of defence: a sentence rather than a traceback
        return _fail(f"unexpected {type(error).__name__}: {error}; repeat with --debug for the traceback", ERROR, debug)


def dispatch(words: list[str]) -> int:
    """Find the verb and run it."""
    if not words or words[0] in ("-h", "--help", "help"):
        _say(USAGE)
        return DONE
    if words[0] == "--version":
        from selfsup import __version__

        _say(f"selfsup {__version__}")
        return DONE
    verbs: dict[str, Callable[[list[str]], None]] = {
        "fit": fit, "encode": encode, "evaluate": evaluate, "report": report, "methods": methods,
    }  # fmt: skip
    if words[0] not in verbs:
        near = difflib.get_close_matches(words[0], verbs, n=1)
        hint = f"did you mean '{near[0]}'?" if near else f"known: {', '.join(verbs)}"
        raise UsageError(f"unknown verb '{words[0]}'; {hint}")
    verbs[words[0]](words[1:])
    return DONE


def fit(words: list[str]) -> None:
    """Learn a representation."""
    from selfsup import api
    from selfsup.methods import find
    from selfsup.options import options_of
    from selfsup.options import summary as first_line

    _import_from_here()
    parser = _Parser("fit", "DATA [--method NAME] [options]", "Learn a representation from data without labels.")
    parser.add_argument(
        "data", metavar="DATA", help="folder of images, .parquet, .npy, .npz, .csv, hub:NAME, or digits"
    )
    own = {n: o for n, o in options_of(api.fit).items() if n not in ("data", "method", *ON_THE_LINE_ONLY_IN_PYTHON)}
    parser.add_argument("--method", metavar="NAME", help="see `selfsup methods`; or mymodule:MyMethod")
    asked, _ = _peek(words, "--method")
    group = parser.add_argument_group("training and data")
    _add(group, own)
    extra: dict[str, Option] = {}
    if asked is not None:
        name, cls = _usage(lambda: find(asked))
        extra = dict(_usage(lambda: options_of(cls)))
        _add(parser.add_argument_group(f"method {name}: {first_line(cls)}"), extra)
    else:
        parser.epilog = "Name a method to see its own options too: selfsup fit DATA --method denoising --help"
        # the method chosen by the kind of data is not known yet: take the options of all that can be chosen
        for name in ("denoising", "rotation"):
            extra |= {n: o for n, o in options_of(find(name)[1]).items() if n not in extra}
        _add(parser, extra, hidden=True)
    values = _values(parser, words, {**own, **extra})
    data, method = values.pop("data"), values.pop("method", None)
    if values.get("out") is None:
        if values.get("resume"):
            raise UsageError("--resume needs the --out of the run to go on with")
        values["out"] = _free_folder(method, data)
    model = api.fit(data, method, **values)
    from selfsup.summary import summary

    _say(summary(model, data))


def encode(words: list[str]) -> None:
    """Write the codes of data."""
    import numpy as np

    parser = _Parser(
        "encode", "RUN DATA --out FILE", "Write the codes of data: one row for each row or file, in order."
    )
    parser.add_argument("run", metavar="RUN", help="run folder")
    parser.add_argument("data", metavar="DATA", help="data of the kind the run learnt from")
    parser.add_argument("--out", metavar="FILE", required=True, help=".npy, or .parquet with the names of the files")
    parser.add_argument("--layer", metavar="NAME", help="a block of the network instead of the code")
    parser.add_argument("--on-bad", choices=("stop", "skip"), default="stop", help="what to do with unreadable files")
    parser.add_argument("--overwrite", action="store_true", help="replace FILE")
    _add_trust(parser)
    given = parser.parse(words)
    out = Path(given.out)
    if out.suffix not in (".npy", ".parquet"):
        raise UsageError(f"--out must end in .npy or .parquet; got '{given.out}'")
    if out.exists() and not given.overwrite:
        raise RunError(f"{out} exists; choose another --out, or --overwrite it")
    model = _load(given)
    dataset = model.open(given.data, on_bad=given.on_bad)
    found = model.encode_rows(dataset.samples()) if given.layer else {"code": model.encode(dataset)}
    layer = given.layer or "code"
    if layer not in found:
        from selfsup.errors import unknown

        raise OptionError(unknown("layer", layer, found))
    codes = found[layer]
    _write_codes(out, codes, dataset.names or [str(number) for number in range(len(codes))])
    assert isinstance(codes, np.ndarray)
    _say(f"{len(codes):,} codes of {codes.shape[1]} values in {out}")
    if dataset.bad:
        _say(
            f"{len(dataset.bad):,} files could not be read and were left out: "
            + ", ".join(b.name for b in dataset.bad[:5])
        )


def evaluate(words: list[str]) -> None:
    """Print the comparison with the baselines."""
    from selfsup import api, store
    from selfsup.options import options_of

    parser = _Parser(
        "evaluate",
        "RUN --data LABELLED",
        "kNN and linear probe of a run beside raw input, PCA and the untrained network.",
    )
    parser.add_argument("run", metavar="RUN", help="run folder")
    parser.add_argument("--data", metavar="LABELLED", required=True, help="data with labels")
    parser.add_argument("--out", metavar="FILE", help="write the evaluation as JSON too")
    own = {n: o for n, o in options_of(api.evaluate).items() if n not in ("model", "labelled", "labels")}
    _add(parser, own)
    _add_trust(parser)
    given = _values(parser, words, own, raw=(trust := argparse.Namespace()))
    found = api.evaluate(_load(trust), given.pop("data"), **{n: v for n, v in given.items() if n in own})
    if trust.out:
        store.write_json(Path(trust.out), found.to_dict())
    _say(str(found))


def report(words: list[str]) -> None:
    """Write report.html anew."""
    from selfsup import store
    from selfsup.report import page

    parser = _Parser("report", "RUN", "Write the report of a run: one HTML file that opens offline.")
    parser.add_argument("run", metavar="RUN", help="run folder")
    parser.add_argument("--out", metavar="FILE", help="where to write it; default: report.html in the run folder")
    given = parser.parse(words)
    out = Path(given.out) if given.out else Path(given.run) / store.REPORT
    store.write_text(out, page(Path(given.run)))
    _say(f"report in {out}")


def methods(words: list[str]) -> None:
    """List the methods."""
    from selfsup.methods import listing

    _Parser("methods", "", "Every method, one line each.").parse(words)
    _say("\n".join(str(info) for info in listing()))


class _Parser(argparse.ArgumentParser):
    """Argument parser whose errors are ours, with the nearest match of a mistyped flag."""

    def __init__(self, verb: str, usage: str, description: str) -> None:
        super().__init__(
            prog=f"selfsup {verb}", usage=f"selfsup {verb} {usage}", description=description, allow_abbrev=False
        )

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message}; see `{self.prog} --help`")

    def parse(self, words: list[str]) -> argparse.Namespace:
        """Parse all words, or name the nearest flag of one that is unknown."""
        given, rest = self.parse_known_args(words)
        if rest:
            flags = [flag for action in self._actions for flag in action.option_strings]
            near = difflib.get_close_matches(rest[0].split("=")[0], flags, n=1)
            raise UsageError(
                f"unknown option '{rest[0]}'"
                + (f"; did you mean '{near[0]}'?" if near else f"; see `{self.prog} --help`")
            )
        return given


def _add(parser: Any, options: Mapping[str, Option], *, hidden: bool = False) -> None:
    """Declare a flag for each option; what is not given stays out of the result."""
    for option in options.values():
        text = argparse.SUPPRESS if hidden else _help(option)
        if option.is_switch:
            parser.add_argument(
                option.flag, action=argparse.BooleanOptionalAction, default=argparse.SUPPRESS, help=text
            )
        else:
            parser.add_argument(option.flag, metavar="VALUE", default=argparse.SUPPRESS, help=text)


def _help(option: Option) -> str:
    from selfsup.options import allowed

    default = "" if option.default in (None, inspect.Parameter.empty) else f"; default {option.default}"
    kind = "" if option.is_switch else f" ({allowed(option.annotation)}{default})"
    return (option.help + kind).replace("%", "%%")


def _values(
    parser: _Parser, words: list[str], options: Mapping[str, Option], raw: argparse.Namespace | None = None
) -> dict[str, Any]:
    """Typed values of the options that were given."""
    from selfsup.options import parse

    given = parser.parse(words)
    if raw is not None:
        vars(raw).update(vars(given))
    values = {}
    for name, value in vars(given).items():
        typed = isinstance(value, str) and name in options
        values[name] = _usage(lambda n=name, v=value: parse(options[n], v)) if typed else value  # type: ignore[misc]
    return values


def _usage(call: Callable[[], Any]) -> Any:
    """An option that is wrong on the face of the command line is wrong usage."""
    try:
        return call()
    except OptionError as error:
        raise UsageError(str(error)) from error


def _peek(words: list[str], flag: str) -> tuple[str | None, list[str]]:
    peek = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    peek.add_argument(flag)
    given, rest = peek.parse_known_args(words)
    return vars(given)[flag.lstrip("-")], rest


def _add_trust(parser: _Parser) -> None:
    parser.add_argument("--method", metavar="PATH", help="for a run of a method of your own: mymodule:MyMethod")
    parser.add_argument("--device", metavar="NAME", default="cpu", help="where to compute; default cpu")


def _load(given: argparse.Namespace) -> Any:
    from selfsup.model import load

    _import_from_here()
    return load(given.run, method=given.method, device=given.device)


def _import_from_here() -> None:
    """Let ``--method mymodule:MyMethod`` find a module in the current folder, as ``python -m`` does."""
    if "" not in sys.path:
        sys.path.insert(0, "")


def _free_folder(method: str | None, data: str) -> Path:
    """First free folder runs/METHOD-DATA, runs/METHOD-DATA-2, ..."""
    from selfsup.store import partial

    stem = Path(data.split(":")[-1].rstrip("/")).stem or "data"
    base = f"{(method or 'auto').split(':')[-1].lower()}-{stem}"
    number = 1
    while True:
        folder = Path("runs") / (base if number == 1 else f"{base}-{number}")
        if not folder.exists() and not partial(folder).exists():
            return folder
        number += 1


def _write_codes(out: Path, codes: Any, names: Sequence[str]) -> None:
    import io

    import numpy as np

    from selfsup.files import write_bytes

    buffer = io.BytesIO()
    if out.suffix == ".npy":
        np.save(buffer, codes, allow_pickle=False)
    else:
        import pyarrow as pa
        import pyarrow.parquet

        column = pa.FixedSizeListArray.from_arrays(pa.array(codes.ravel()), codes.shape[1])
        pyarrow.parquet.write_table(pa.table({"name": list(names), "code": column}), buffer)
    write_bytes(out, buffer.getvalue())


def _warn_on_stderr() -> None:
    """Warnings go to standard error; what a run logs below that goes to its ``log.txt`` only."""
    handler = logging.StreamHandler()
    handler.setLevel(logging.WARNING)
    handler.setFormatter(logging.Formatter("selfsup: %(message)s"))
    logger = logging.getLogger("selfsup")
    logger.handlers = [handler]
    logger.propagate = False


def _fail(sentence: str, code: int, debug: bool) -> int:
    if debug:
        import traceback

        traceback.print_exc()
    sys.stderr.write(f"selfsup: {sentence}\n")
    return code


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())

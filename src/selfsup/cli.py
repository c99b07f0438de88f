"""The command line: verbs with the words of Python; every flag comes from a signature and its docstring."""

from __future__ import annotations

import argparse
import contextlib
import difflib
import inspect
import logging
import os
import re
import shlex
import shutil
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NoReturn

from selfsup.errors import Interrupted, OptionError, RunError, SelfsupError, unknown

if TYPE_CHECKING:
    from selfsup.model import Model
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
TOP = ("--help", "--version", "--debug")
DONE, ERROR, WRONG_USAGE, INTERRUPTED = 0, 1, 2, 130
Groups = list[tuple[str, Mapping[str, "Option"]]]  # options under a title; those under none are not shown


class UsageError(SelfsupError):
    """The command was not understood."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in words
    words = [word for word in words if word != "--debug"]
    _warn_on_stderr()
    try:
        with _terminate_as_interrupt():
            return dispatch(words)
    except KeyboardInterrupt as error:
        return _fail(str(error) or "interrupted", INTERRUPTED, debug)
    except (UsageError, OptionError) as error:
        return _fail(str(error), WRONG_USAGE, debug)
    except SelfsupError as error:
        return _fail(str(error), ERROR, debug)
    except BrokenPipeError:  # the reader of our output has gone: `selfsup methods | head -1`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE
    except MemoryError as error:
        return _fail(f"not enough memory ({error}); use --limit, a smaller --size or --batch-size", ERROR, debug)
    except Exception as error:  # the last line of defence: a sentence rather than a traceback
        return _fail(f"unexpected {type(error).__name__}: {error}; repeat with --debug for the traceback", ERROR, debug)


def dispatch(words: list[str]) -> int:
    """Find the verb and run it."""
    if not words:
        raise UsageError(f"no verb was given\n\n{USAGE}")
    word = words[0]
    if word in ("-h", "--help", "help", "--version"):
        from selfsup import __version__

        _say(f"selfsup {__version__}" if word == "--version" else USAGE)
        return DONE
    if word not in VERBS:
        raise UsageError(unknown(*(("option", word, TOP) if word.startswith("-") else ("verb", word, VERBS))))
    verb, more = VERBS[word]
    parser = _Parser(word, verb, more(words[1:]))
    verb(**parser.values(words[1:]))
    return DONE


def fit(data: str, *, method: str | None = None, **settings: Any) -> None:
    """Learn a representation from data without labels, and gather the evidence of whether it helped.

    Parameters
    ----------
    data
        Folder of images, .parquet, .npy, .npz or .csv file, hub:NAME, or digits.
    method
        A word of `selfsup methods`, or mymodule:MyMethod; by default chosen by the kind of data.
    """
    from selfsup import api, store
    from selfsup.summary import summary

    if settings.get("out") is None:
        if settings.get("resume"):
            raise UsageError("--resume needs the --out of the run to go on with")
        stem = Path(data.split(":")[-1].rstrip("/")).stem or "data"
        settings["out"] = store.free(Path("runs") / f"{(method or 'auto').split(':')[-1].lower()}-{stem}")
    out = Path(settings["out"])
    try:
        model = api.fit(data, method, **settings)
    except KeyboardInterrupt as error:
        kept = (store.partial(out) / store.RESUME).is_dir()
        hint = f"; to go on, repeat the command with --out {shlex.quote(str(out))} --resume" if kept else ""
        raise Interrupted((str(error) or "interrupted") + hint) from error
    _say(summary(model, shlex.quote(data)))


def encode(
    run: str,
    data: str,
    *,
    out: str,
    layer: str | None = None,
    on_bad: Literal["stop", "skip"] = "stop",
    overwrite: bool = False,
    method: str | None = None,
    device: str = "cpu",
    progress: bool = True,
) -> None:
    """Write the codes of data: one row for each row or file, in order.

    Parameters
    ----------
    run
        Run folder.
    data
        Data of the kind the run learnt from.
    out
        File to write: .npy, or .parquet with the names of the files.
    layer
        A block of the network instead of the code.
    on_bad
        stop: files that cannot be read are an error. skip: leave them out and list them.
    overwrite
        Replace the file if it exists.
    method
        For a run of a method of your own: mymodule:MyMethod.
    device
        Where to compute: cpu, cuda, cuda:1, mps.
    progress
        Show progress on standard error.
    """
    from selfsup import store

    file = _free_file(out, overwrite)
    if file.suffix not in (".npy", ".parquet"):
        raise UsageError(f"--out must end in .npy or .parquet; got '{out}'")
    dataset = (model := _load(run, method, device)).open(data, on_bad=on_bad, progress=progress)
    found = model.encode_rows(dataset.samples()) if layer else {"code": model.encode(dataset)}
    if layer and layer not in found:
        raise OptionError(unknown("layer", layer, found))
    codes = found[layer or "code"]
    store.write_codes(file, codes, dataset.names or list(map(str, range(len(codes)))))
    _say(f"{len(codes):,} codes of {codes.shape[1]} values in {file}")
    if dataset.bad:
        some = ", ".join(bad.name for bad in dataset.bad[:5]) + (", ..." if len(dataset.bad) > 5 else "")
        _say(f"{len(dataset.bad):,} files could not be read and have no row: {some}")


def evaluate(
    run: str,
    *,
    data: str,
    out: str | None = None,
    overwrite: bool = False,
    method: str | None = None,
    device: str = "cpu",
    **settings: Any,
) -> None:
    """Compare the codes of a run with raw input, PCA and the untrained network: kNN and linear probe.

    Parameters
    ----------
    run
        Run folder.
    data
        Data with labels: sub-folders that are classes, or a column.
    out
        Write the evaluation to this file too, as JSON.
    overwrite
        Replace that file if it exists.
    method
        For a run of a method of your own: mymodule:MyMethod.
    device
        Where to compute: cpu, cuda, cuda:1, mps.
    """
    from selfsup import api, store

    file = _free_file(out, overwrite) if out else None
    found = api.evaluate(_load(run, method, device), data, **settings)
    if file:
        store.write_json(file, found.to_dict())
    _say(str(found))


def report(run: str, *, out: str | None = None) -> None:
    """Write the report of a run anew: one HTML file that opens offline.

    Parameters
    ----------
    run
        Run folder.
    out
        Where to write it; by default report.html in the run folder.
    """
    from selfsup import store
    from selfsup.report import page

    file = Path(out or Path(run) / store.REPORT)
    store.write_text(file, page(Path(run)))
    _say(f"report in {file}")


def methods() -> None:
    """List the methods, one line each."""
    from selfsup.methods import listing

    _say("\n".join(str(info) for info in listing()))


def _options_of_fit(words: list[str]) -> Groups:
    """Options of `fit`, and of the method that is named; else those of every method that can be chosen."""
    from selfsup import api
    from selfsup.methods import find
    from selfsup.options import options_of, summary

    own = {name: o for name, o in options_of(api.fit).items() if name not in ("data", "method", "labels")}
    group = ("training and data", own)
    peek = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    peek.add_argument("--method", nargs="?")
    asked = peek.parse_known_args(words)[0].method
    if asked is None:
        some = [options_of(find(name)[1]) for name in api.CHOICES]
        return [group, ("", {name: option for each in reversed(some) for name, option in each.items()})]
    name, cls = find(_importable(asked))
    return [group, (f"method {name}: {summary(cls)}", api.method_options(name, cls))]


def _options_of_evaluate(words: list[str]) -> Groups:
    from selfsup import api
    from selfsup.options import options_of

    own = {name: o for name, o in options_of(api.evaluate).items() if name not in ("model", "labelled", "labels")}
    return [("evaluation", own)]


VERBS: dict[str, tuple[Callable[..., None], Callable[[list[str]], Groups]]] = {
    "fit": (fit, _options_of_fit),
    "encode": (encode, lambda words: []),
    "evaluate": (evaluate, _options_of_evaluate),
    "report": (report, lambda words: []),
    "methods": (methods, lambda words: []),
}


class _Parser(argparse.ArgumentParser):
    """The words of a verb, from the signature of its function; errors are ours, with the nearest flag."""

    def __init__(self, name: str, verb: Callable[..., None], groups: Groups) -> None:
        from selfsup.options import options_of, summary

        own = options_of(verb)
        kinds = {each: parameter.kind for each, parameter in inspect.signature(verb).parameters.items()}
        places = [each for each in own if kinds[each] is inspect.Parameter.POSITIONAL_OR_KEYWORD]
        flags = {each: option for each, option in own.items() if each not in places}
        needed = [f"{o.flag} {o.metavar}" for o in flags.values() if o.default is inspect.Parameter.empty]
        width = min(shutil.get_terminal_size().columns, 120)
        super().__init__(
            prog=f"selfsup {name}",
            usage=" ".join([f"selfsup {name}", *map(str.upper, places), *needed, "[options]" if flags else ""]).strip(),
            description=summary(verb) + ".",
            allow_abbrev=False,
            formatter_class=lambda prog: argparse.HelpFormatter(prog, max_help_position=30, width=width),
        )
        self.known = {**own}
        for each in places:
            self.add_argument(each, metavar=each.upper(), help=own[each].words)
        self._add(self, flags)
        for title, options in groups:
            self._add(self.add_argument_group(title) if title else self, options, hidden=not title)
            self.known |= options
            if not title:
                self.epilog = "A method has options of its own: selfsup fit DATA --method denoising --help"

    def error(self, message: str) -> NoReturn:
        message = re.sub(r"^the following arguments are required: (.*)$", r"missing: \1", message)
        message = re.sub(r"^argument (\S+): expected one argument$", r"\1 needs a value", message)
        message = re.sub(r"^argument (\S+): ignored explicit argument.*$", r"\1 takes no value", message)
        raise UsageError(f"{message}; see `{self.prog} --help`")

    def print_help(self, file: Any = None) -> None:
        _say(self.format_help().rstrip())

    def values(self, words: list[str]) -> dict[str, Any]:
        """Typed values of what was given, or the nearest flag of one that is unknown."""
        from selfsup.options import parse

        given, rest = self.parse_known_args(words)
        if rest:
            word = next((word for word in rest if word.startswith("-")), rest[0])
            if not word.startswith("-"):
                raise UsageError(f"'{word}' is one word too many; see `{self.prog} --help`")
            flags = [flag for action in self._actions for flag in action.option_strings]
            near = difflib.get_close_matches(word.split("=")[0], flags, n=1)
            hint = f"did you mean '{near[0]}'?" if near else f"see `{self.prog} --help`"
            raise UsageError(f"unknown option '{word}'; {hint}")
        typed = {name: value for name, value in vars(given).items() if isinstance(value, str)}
        return vars(given) | {name: parse(self.known[name], value) for name, value in typed.items()}

    @staticmethod
    def _add(group: Any, options: Mapping[str, Option], *, hidden: bool = False) -> None:
        """Declare a flag for each option; what is not given stays out of the result."""
        for option in options.values():
            text = argparse.SUPPRESS if hidden else option.words.replace("%", "%%")
            common = {"dest": option.name, "default": argparse.SUPPRESS}
            if not option.is_switch:
                required = option.default is inspect.Parameter.empty
                group.add_argument(option.flag, metavar=option.metavar, help=text, required=required, **common)
                continue
            for flag, value in ((option.flag, True), ("--no-" + option.flag[2:], False)):
                shown = text if value is not option.default else argparse.SUPPRESS  # the one that changes something
                group.add_argument(flag, action="store_const", const=value, help=shown, **common)


def _load(run: str, method: str | None, device: str) -> Model:
    from selfsup.job import choose_device
    from selfsup.model import load

    return load(run, method=_importable(method) if method else None, device=str(choose_device(device)))


def _importable(method: str) -> str:
    """Let mymodule:MyMethod be found in the current folder: after what is installed, which nothing there can shadow."""
    if ":" in method and "" not in sys.path:
        sys.path.append("")
    return method


def _free_file(out: str, overwrite: bool) -> Path:
    if (file := Path(out)).is_dir() or (file.exists() and not overwrite):
        raise RunError(f"{file} exists; choose another --out" + ("" if file.is_dir() else ", or --overwrite it"))
    return file


@contextlib.contextmanager
def _terminate_as_interrupt() -> Iterator[None]:
    """SIGTERM ends a command as Ctrl-C does: cleanly."""

    def interrupt(number: int, frame: object) -> NoReturn:
        raise KeyboardInterrupt("terminated")

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _warn_on_stderr() -> None:
    """Warnings go to standard error; what a run logs below that goes to its ``log.txt`` only."""
    logger, handler = logging.getLogger("selfsup"), logging.StreamHandler()
    handler.setLevel(logging.WARNING)
    handler.setFormatter(logging.Formatter("selfsup: %(message)s"))
    logger.handlers, logger.propagate = [handler], False


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

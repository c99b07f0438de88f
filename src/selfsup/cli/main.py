"""The command line: verbs with the words of Python; every flag comes from a signature and its docstring."""

from __future__ import annotations

import contextlib
import io
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import NoReturn, TextIO

from selfsup.cli import (
    audit,
    colorize,
    compare,
    decode,
    duplicates,
    encode,
    evaluate,
    explore,
    finetune,
    fit,
    outliers,
    predict,
    race,
    report,
    search,
    transfer,
    verify,
)
from selfsup.cli.bias import USAGE as BIAS_USAGE, VERBS as BIAS_VERBS
from selfsup.cli.bias.order import Second, in_order
from selfsup.cli.parser import Groups, Parser, UsageError, say
from selfsup.cli.words import USAGE as WORDS_USAGE, VERBS as WORDS_VERBS
from selfsup.errors import OptionError, SelfsupError, unknown
from selfsup.system.screen import printable

USAGE = """\
selfsup: learn a representation from unlabelled data, and show whether it helped.

  selfsup fit DATA [--method NAME] [--out RUN]     learn; DATA: folder of images, .parquet, .npy, .csv, text, hub:NAME, digits
  selfsup encode RUN DATA --out codes.npy          codes of data (.npy, or .parquet with file names)
  selfsup evaluate RUN --data LABELLED             kNN and linear probe beside raw input, PCA and the untrained network
  selfsup evaluate RUN --analogies FILE            word vectors: analogies, and --similarity FILE
  selfsup race DATA --minutes 30                   which self-supervision suits the data: methods race, the winner's run is kept
  selfsup compare RUN RUN [--data LABELLED]        which run is better, on the same rows, lead ± error; --report compare.html
  selfsup words nearest FILE WORD... -k 10         ask word vectors: nearest, analogy, odd-one-out, info, convert, evaluate
  selfsup bias VECTORS extremes                    bias in word vectors: extremes, measure, debias, report; --report bias.html
  selfsup audit RUN --data PHOTOS                  whether a patch gives away where in its image it was cut
  selfsup search RUN IMAGE --among DATA -k 9       the most similar images (or rows); --out sheet.png
  selfsup duplicates RUN DATA                      what is there twice, exactly or nearly; --out sheet.png or list.csv
  selfsup outliers RUN DATA                        what is like nothing else; --out sheet.png or list.csv
  selfsup finetune RUN --data LABELLED             teach a run classes; --curve: what it is worth with few labels
  selfsup transfer VECTORS --data LABELLED         what word vectors (or a run) are worth for a task, beside TF-IDF
  selfsup predict RUN DATA --out predictions.csv   classes of data, by a fine-tuned run (.csv, .parquet, .npy)
  selfsup colorize RUN photos/ --out coloured/     paint grey photos, by a run of method colorization
  selfsup report RUN                               write the run's report.html anew; RUN RUN ...: one page of several runs
  selfsup explore RUN --out page.html              look at codes, word vectors or data: a map, neighbours, axes of one's own
  selfsup verify RUN                               whether every file is what it was when it was written
  selfsup methods                                  every method, one line each

With an auto-encoder (files: .npy; .png for images, .csv or .parquet for tables):
  selfsup reconstruct RUN DATA --out x.npy         decode the codes of data; --fill: only what is missing in a table
  selfsup score RUN DATA --out scores.csv          how normal each sample is (.npy, or .csv with names)
  selfsup sample RUN --n 16 --out samples.png      new samples
  selfsup traverse RUN --unit 3 --out unit.png     what one unit of the code does
  selfsup interpolate RUN DATA --rows 0,1 --out i.png   the way from one sample to another
  selfsup export RUN --out model.onnx              encoder (or --part decode) as one ONNX file, of any method

  selfsup VERB --help                              what a verb takes; `selfsup fit DATA --method NAME --help`: a method's options
  selfsup --version

Add --debug to any command to see a traceback. Exit codes: 0 done, 1 an error, 2 wrong usage, 130 interrupted."""
TOP = ("--help", "--version", "--debug")
DONE, ERROR, WRONG_USAGE, INTERRUPTED = 0, 1, 2, 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in words
    words = [word for word in words if word != "--debug"]
    _ready_streams()
    _warn_on_stderr()
    try:
        return _answer(words, debug)
    finally:
        _settle_streams()


def _answer(words: list[str], debug: bool) -> int:
    """Run one command; whatever goes wrong is said in a sentence."""
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
    if word in ("-h", "--help", "help"):
        say(USAGE)
        return DONE
    if word == "--version":
        from importlib.metadata import version

        say(f"selfsup {version('selfsup')}")
        return DONE
    if word == "words":
        return dispatch_words(words[1:])
    if word == "bias":
        return dispatch_bias(words[1:])
    if word not in VERBS:
        raise UsageError(
            unknown(*(("option", word, TOP) if word.startswith("-") else ("verb", word, [*VERBS, "bias", "words"])))
        )
    verb, more = VERBS[word]
    parser = Parser(word, verb, more(words[1:]))
    verb(**parser.values(words[1:]))
    return DONE


def dispatch_words(words: list[str]) -> int:
    """Find the verb of `selfsup words` and run it."""
    if not words:
        raise UsageError(f"no verb was given\n\n{WORDS_USAGE}")
    if words[0] in ("-h", "--help", "help"):
        say(WORDS_USAGE)
        return DONE
    if words[0] not in WORDS_VERBS:
        raise UsageError(unknown("verb of `selfsup words`", words[0], WORDS_VERBS))
    verb = WORDS_VERBS[words[0]]
    verb(**Parser(f"words {words[0]}", verb, []).values(words[1:]))
    return DONE


def dispatch_bias(words: list[str]) -> int:
    """Find the verb of `selfsup bias`, which stands after the vectors, and run it."""
    if not words:
        raise UsageError(f"no word vectors were given\n\n{BIAS_USAGE}")
    if words in (["-h"], ["--help"], ["help"]):
        say(BIAS_USAGE)
        return DONE
    name, rest = in_order(words)
    verb = BIAS_VERBS[name]
    verb(**Second(name, verb).values(rest))
    return DONE


def _none(words: list[str]) -> Groups:
    """No options but those of the verb's own signature."""
    return []


VERBS: dict[str, tuple[Callable[..., None], Callable[[list[str]], Groups]]] = {
    "fit": (fit.fit, fit.options),
    "encode": (encode.encode, _none),
    "evaluate": (evaluate.evaluate, evaluate.options),
    "compare": (compare.compare, compare.options),
    "race": (race.race, race.options),
    "audit": (audit.audit, audit.options),
    "colorize": (colorize.colorize, _none),
    "search": (search.search, _none),
    "duplicates": (duplicates.duplicates, _none),
    "outliers": (outliers.outliers, _none),
    "finetune": (finetune.finetune, finetune.options),
    "transfer": (transfer.transfer, transfer.options),
    "predict": (predict.predict, _none),
    "report": (report.report, _none),
    "explore": (explore.explore, explore.options),
    "verify": (verify.verify, _none),
    "methods": (report.methods, _none),
    "reconstruct": (decode.reconstruct, _none),
    "score": (decode.score, _none),
    "sample": (decode.sample, _none),
    "traverse": (decode.traverse, _none),
    "interpolate": (decode.interpolate, _none),
    "export": (decode.export, _none),
}


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


def _ready_streams() -> None:
    """Let what an encoding lacks be replaced, and let no file that is opened be taken for a stream that came closed."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # which takes the lowest number that is free: this one
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 - as long as the process lives
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def _settle_streams() -> None:
    """Write out what is held back; where that fails it was said already, and Python need not say it again at its end."""
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None:
                stream.flush()
        except (OSError, ValueError):
            with contextlib.suppress(OSError, ValueError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


class _Told(logging.StreamHandler[TextIO]):
    """A warning on standard error, on which nothing depends."""

    def format(self, record: logging.LogRecord) -> str:
        """What is logged, without what steers a terminal."""
        return "selfsup: " + printable(record.getMessage(), lines=True)

    def handleError(self, record: logging.LogRecord) -> None:
        """Leave it out."""


def _warn_on_stderr() -> None:
    """Warnings go to standard error; what a run logs below that goes to its ``log.txt`` only."""
    logger, handler = logging.getLogger("selfsup"), _Told()
    handler.setLevel(logging.WARNING)
    logger.handlers, logger.propagate = [handler], False


def _fail(sentence: str, code: int, debug: bool) -> int:
    if debug:
        import traceback

        traceback.print_exc()
    with contextlib.suppress(OSError):  # the exit code says it too
        sys.stderr.write(f"selfsup: {printable(sentence, lines=True)}\n")
    return code


if __name__ == "__main__":
    sys.exit(main())

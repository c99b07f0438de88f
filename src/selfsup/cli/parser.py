"""The words of a verb: flags from the signature of its function, and errors with the nearest flag."""

from __future__ import annotations

import argparse
import difflib
import inspect
import itertools
import os
import re
import shutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NoReturn

from selfsup.errors import SelfsupError
from selfsup.system.screen import printable

if TYPE_CHECKING:
    from selfsup.options import Option

SHARED = {  # help of words that several verbs have, where a verb's docstring leaves them out
    "run": "Run folder.",
    "data": "Data of the kind the run learnt from.",
    "on_bad": "stop: files that cannot be read, and values that training never saw, are an error. skip: leave such files out "
    "and list them, take such values as missing.",
    "overwrite": "Replace the file if it exists.",
    "method": "For a run of a method of your own: mymodule:MyMethod or FILE.py:MyMethod.",
    "given": "For a run with functions of your own as options: NAME=FILE.py:FUNCTION, and more after commas.",
    "device": "Where to compute: cpu, cuda, cuda:1, mps.",
    "progress": "Show progress on standard error.",
    "seed": "Of what is random.",
}
Groups = list[tuple[str, Mapping[str, "Option"]]]  # options under a title; those under none are not shown


class UsageError(SelfsupError):
    """The command was not understood."""


class OutputError(SelfsupError):
    """Standard output cannot be written; files were written before."""


def say(text: str) -> None:
    """Write to standard output, at once; what steers a terminal, in the name of a file perhaps, stands as its code."""
    if sys.stdout is None:
        raise OutputError("cannot write to standard output: it is closed")
    try:
        sys.stdout.write(printable(text, lines=True) + "\n")
        sys.stdout.flush()
    except BrokenPipeError:  # its reader has had enough: no error
        raise
    except OSError as error:
        raise OutputError(f"cannot write to standard output: {error.strerror or error}") from error


def peek(words: list[str], name: str) -> str | None:
    """What a flag was given, looked up before the flags are known."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument(f"--{name}", nargs="?")
    found: str | None = getattr(parser.parse_known_args(words)[0], name)
    return found


class Parser(argparse.ArgumentParser):
    """The words of a verb, from the signature of its function; errors are ours, with the nearest flag."""

    def __init__(self, name: str, verb: Callable[..., None], groups: Groups) -> None:
        from selfsup.options import options_of, summary

        own = {name: replace(o, help=o.help or SHARED.get(name, "")) for name, o in options_of(verb).items()}
        kinds = {each: parameter.kind for each, parameter in inspect.signature(verb).parameters.items()}
        places = [each for each in own if kinds[each] is inspect.Parameter.POSITIONAL_OR_KEYWORD]
        shown = [each.upper() + "..." * own[each].is_words for each in places]
        self.places = places
        self.several = any(own[each].is_words for each in places)
        flags = {each: option for each, option in own.items() if each not in places}
        needed = [f"{o.flag} {o.metavar}" for o in flags.values() if o.default is inspect.Parameter.empty]
        width = min(shutil.get_terminal_size().columns, 120)
        super().__init__(
            prog=f"selfsup {name}",
            usage=" ".join([f"selfsup {name}", *shown, *needed, "[options]" if flags else ""]).strip(),
            description=summary(verb) + ".",
            allow_abbrev=False,
            formatter_class=lambda prog: argparse.HelpFormatter(prog, max_help_position=30, width=width),
        )
        self.known = {**own}
        for each in places:
            none = own[each].default is not inspect.Parameter.empty
            many: dict[str, Any] = {"nargs": "*" if none else "+"} if own[each].is_words else {}
            self.add_argument(each, metavar=each.upper(), help=own[each].words, default=argparse.SUPPRESS, **many)
        self._add(self, flags)
        for title, options in groups:
            self._add(self.add_argument_group(title) if title else self, options, hidden=not title)
            self.known |= options
            if not title:
                self.epilog = "A method has options of its own: selfsup fit DATA --method denoising --help"

    def error(self, message: str) -> NoReturn:
        """Raise what argparse found wrong as an error of ours."""
        first = " (before the options)" if self.several else ""
        message = re.sub(r"^the following arguments are required: (.*)$", rf"missing: \1{first}", message)
        message = re.sub(r"^argument (\S+): expected one argument$", r"\1 needs a value", message)
        message = re.sub(r"^argument (\S+): ignored explicit argument.*$", r"\1 takes no value", message)
        raise UsageError(f"{message}; see `{self.prog} --help`")

    def print_help(self, file: Any = None) -> None:
        """Write the help to standard output."""
        say(self.format_help().rstrip())

    def values(self, words: list[str]) -> dict[str, Any]:
        """Typed values of what was given, or the nearest flag of one that is unknown."""
        from selfsup.options import parse

        given, rest = (self.parse_known_intermixed_args if self.several else self.parse_known_args)(words)
        if rest:
            word = next((word for word in rest if word.startswith("-")), rest[0])
            if not word.startswith("-"):
                files = "data" in self.places and os.path.exists(word)
                hint = "for several files give their folder, or a 'PATTERN*' in quotation marks" if files else ""
                if "data" in self.known and "data" not in self.places and len(rest) == 1:
                    hint = f"did you mean '--data {word}'?"
                raise UsageError(f"'{word}' is one word too many; {hint or f'see `{self.prog} --help`'}")
            flags = [flag for action in self._actions for flag in action.option_strings]
            near = difflib.get_close_matches(word.split("=")[0], flags, n=1)
            hint = f"did you mean '{near[0]}'?" if near else f"see `{self.prog} --help`"
            raise UsageError(f"unknown option '{word}'; {hint}")
        typed: dict[str, Any] = {}
        for name, value in vars(given).items():
            if isinstance(value, str):
                typed[name] = parse(self.known[name], value)
            elif isinstance(value, list) and name in self.places:
                typed[name] = tuple(value)  # as they are
            elif isinstance(value, list):  # a flag that was given again adds to what it was given before
                parts = [parse(self.known[name], one) for one in value]
                typed[name] = parts[0] if len(parts) == 1 else tuple(itertools.chain(*map(_listed, parts)))
        return vars(given) | typed

    def _add(self, group: Any, options: Mapping[str, Option], *, hidden: bool = False) -> None:
        """Declare a flag for each option; what is not given stays out of the result."""
        for option in options.values():
            text = argparse.SUPPRESS if hidden else option.words.replace("%", "%%")
            common: dict[str, Any] = {"dest": option.name, "default": argparse.SUPPRESS}
            if not option.is_switch:
                required = option.default is inspect.Parameter.empty
                if option.is_repeated and self.several:  # several at once, as a shell gives them for a pattern
                    common |= {"action": "extend", "nargs": "+"}
                elif option.is_words:
                    common |= {"action": "append"}
                group.add_argument(*option.flags, metavar=option.metavar, help=text, required=required, **common)
                continue
            for flag, value in ((option.flag, True), ("--no-" + option.flag[2:], False)):
                shown = text if value is not option.default else argparse.SUPPRESS  # the one that changes something
                group.add_argument(flag, action="store_const", const=value, help=shown, **common)


def _listed(value: Any) -> tuple[Any, ...]:
    """One word as a list of one."""
    return value if isinstance(value, tuple) else (value,)

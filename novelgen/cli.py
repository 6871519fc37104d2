"""The command line's grammar: fields become flags, and an error is one line and exit code 2."""

from __future__ import annotations

import argparse
import dataclasses
import difflib
import errno
import io
import os
import shlex
import signal
import sys
import typing
from collections.abc import Callable, Collection, Sequence
from typing import Any, NoReturn

from novelgen.config import flag
from novelgen.errors import NovelgenError
from novelgen.i18n import LANGUAGES, N_, _, detect_language, join_list, set_language
from novelgen.options import AUTO, split_list
from novelgen.terminal import wrapped_lines

# What a command is about: the options that a word without one may be meant for.
_MAIN = ("--corpus", "--prompt", "--checkpoint")

# What argparse itself says, in the Python versions that we support: it looks these up through
# gettext, which `set_language` points at our catalogue.
ARGPARSE_MESSAGES = (
    N_("usage: "),
    N_("options"),
    N_("positional arguments"),
    N_("subcommands"),
    N_("show this help message and exit"),
    N_("%(heading)s:"),
    N_("argument %(argument_name)s: %(message)s"),
    N_("not allowed with argument %s"),
    N_("ignored explicit argument %r"),
    N_("unrecognized arguments: %s"),
    N_("the following arguments are required: %s"),
    N_("one of the arguments %s is required"),
    N_("expected one argument"),
    N_("expected at most one argument"),
    N_("expected at least one argument"),
    N_("invalid %(type)s value: %(value)r"),
    N_("invalid choice: %(value)r (choose from %(choices)s)"),
    N_("invalid choice: %(value)r, maybe you meant %(closest)r? (choose from %(choices)s)"),
    N_("unknown parser %(parser_name)r (choices: %(choices)s)"),
)


class _HelpFormatter(argparse.HelpFormatter):
    """Breaks help texts by the columns that they take; argparse itself breaks at spaces only."""

    def _split_lines(self, text: str, width: int) -> list[str]:
        return [line for part in text.split("\n") for line in wrapped_lines(part, width)]


class Parser(argparse.ArgumentParser):
    """An argument parser with `--lang`, whose error message is one line that names `--help`."""

    def __init__(self, **options: Any) -> None:
        # No abbreviations: one that works today becomes ambiguous when an option is added.
        super().__init__(allow_abbrev=False, formatter_class=_HelpFormatter, **options)
        # Its value was read by `run`, before the first help text was translated.
        self.add_argument(
            "--lang",
            choices=LANGUAGES,
            default=argparse.SUPPRESS,
            help=_("language of all messages (default: NOVELGEN_LANG, else the locale)"),
        )

    def parse_known_args(  # type: ignore[override]
        self, args: Sequence[str] | None = None, namespace: argparse.Namespace | None = None
    ) -> tuple[argparse.Namespace, list[str]]:
        """As argparse's; what a command does not know is refused with what may be meant.

        A command's parser is called by that of the program, which would not know its options.
        """
        # What is missing may be what has no option, so it is looked at afterwards.
        parts: list[Any] = [*self._actions, *self._mutually_exclusive_groups]
        demands = [each for each in parts if each.required]
        for each in demands:
            each.required = False
        try:
            _found, unknown = super().parse_known_args(args)
        finally:
            for each in demands:
                each.required = True
        suggestions = self._suggestions(unknown)
        if suggestions:
            message = _("unknown: {words}; did you mean {suggestions}?")
            shown = join_list(suggestions)
            self.error(message.format(words=shlex.join(unknown), suggestions=shown))
        return super().parse_known_args(args, namespace)

    def _suggestions(self, unknown: Sequence[str]) -> list[str]:
        """What may be meant by the words that are no option, nor the value of one."""
        options = self._option_string_actions
        # The one thing that a command is about needs its option too; what it demands, first.
        main = sorted(
            (name for name in _MAIN if name in options), key=lambda name: not options[name].required
        )
        suggestions = []
        before = ""
        for word in unknown:
            if word.startswith("-"):
                suggestions.append(nearest_option(word.split("=")[0], options))
            elif not before.startswith("-"):
                suggestions += [shlex.join([name, word]) for name in main[:1]]
            before = word
        return [suggestion for suggestion in suggestions if suggestion]

    def error(self, message: str) -> NoReturn:
        """Prints one line and exits with code 2."""
        complain(_("{message} (see {program} --help)").format(message=message, program=self.prog))
        raise SystemExit(2)


def nearest_option(word: str, known: Collection[str]) -> str:
    """The known option that a word stands for most likely; empty where none is near.

    Its beginning (`--epoch`), its initials (`--lr` for `--learning-rate`), its end (`--layers` for
    `--encoder-layers`), or nearly its letters.
    """
    names = [name for name in known if name.startswith("--")]
    longer = [name for name in names if name.startswith(word) or word.startswith(f"{name}-")]
    initials = word.lstrip("-")
    short = [
        name for name in names if "".join(part[:1] for part in name[2:].split("-")) == initials
    ]
    ends = [name for name in names if name.endswith(f"-{initials}")]
    close = difflib.get_close_matches(word, names, n=1)
    return next(iter([*longer[:1], *(short if len(initials) > 1 else ()), *ends, *close]), "")


def complain(message: str) -> None:
    """Prints an error on standard error, as one line."""
    print(_("error: {message}").format(message=message), file=sys.stderr)


def language_option(arguments: Sequence[str]) -> str | None:
    """The language that `--lang` names, before or after the command; None where it names none.

    It is read ahead of all other options, because their help texts are shown in it. A value that is
    no language is reported later, by the parser of the command.
    """
    ahead = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    ahead.add_argument("--lang", choices=LANGUAGES)
    try:
        found, _others = ahead.parse_known_args(arguments)
    except (argparse.ArgumentError, SystemExit):
        return None
    name: str | None = found.lang
    return name


def whole_number(text: str) -> int:
    """Reads an option's integer; raises ArgumentTypeError in the user's language."""
    try:
        return int(text)
    except ValueError:
        message = _("{value!r} is not a whole number").format(value=text)
        raise argparse.ArgumentTypeError(message) from None


def number(text: str) -> float:
    """Reads an option's number; raises ArgumentTypeError in the user's language."""
    try:
        return float(text)
    except ValueError:
        message = _("{value!r} is not a number").format(value=text)
        raise argparse.ArgumentTypeError(message) from None


def or_auto(reader: Callable[[str], Any]) -> Callable[[str], Any]:
    """A reader that leaves the word for "the program is to choose" as it is."""

    def read(text: str) -> Any:
        return text if text == AUTO else reader(text)

    return read


def or_list(reader: Callable[[str], Any]) -> Callable[[str], Any]:
    """A reader of one value or, with commas between them, of a list of values."""

    def read(text: str) -> Any:
        values = [reader(item) for item in split_list(text)]
        return values[0] if len(values) == 1 else values

    return read


# How a value of a field's type is read from the command line, and what stands for it in the help.
_READERS: dict[type, Callable[[str], Any]] = {int: whole_number, float: number, str: str}
_METAVARS = {int: "N", float: "X", str: "TEXT"}


def _value_type(section: type, name: str) -> type:
    """The plain type behind a field's annotation: int for `int | None`."""
    annotation: type = typing.get_type_hints(section)[name]
    for kind in typing.get_args(annotation):
        if kind is not type(None):
            return typing.cast(type, kind)
    return annotation


def add_section(
    parser: argparse.ArgumentParser,
    section: type,
    title: str,
    without: Collection[str] = (),
    lists: Collection[str] = (),
) -> None:
    """Adds a flag for every field of a configuration dataclass, but those `without`.

    Those of `lists` take several values with commas between them as well.
    `title` is a message marked with `N_`, shown as the heading of the flags. A flag that is not
    given leaves no trace in the namespace: so `explicit_options` knows what was chosen.
    """
    group = parser.add_argument_group(_(title))
    for spec in dataclasses.fields(section):
        if spec.name in without:
            continue
        kind = _value_type(section, spec.name)
        common: dict[str, Any] = {
            "dest": spec.name,
            "default": argparse.SUPPRESS,
            # argparse formats a help text with the operator %.
            "help": _help(spec).replace("%", "%%"),
        }
        names = [flag(spec.name), *spec.metadata["flags"]]
        if kind is bool:
            group.add_argument(*names, action=argparse.BooleanOptionalAction, **common)
            continue
        choices = spec.metadata["choices"]
        metavar = "|".join(choices) if choices else _METAVARS[kind]
        reader = _READERS[kind]
        if spec.metadata["auto"]:
            metavar = f"{metavar}|{AUTO}"
            reader = or_auto(reader)
        if spec.name in lists:
            metavar = f"{metavar},…"
            reader = or_list(reader)
        group.add_argument(*names, type=reader, metavar=metavar, **common)


def _help(spec: dataclasses.Field[Any]) -> str:
    """The help text of a field in the user's language, and a line for each choice explained."""
    lines = [_help_with_default(spec)]
    for choice, meaning in spec.metadata["meanings"].items():
        lines.append(_("{choice}: {meaning}").format(choice=choice, meaning=_(meaning)))
    return "\n".join(lines)


def _help_with_default(spec: dataclasses.Field[Any]) -> str:
    """The help text itself, with the field's default where it has one."""
    text = _(spec.metadata["help"])
    default = AUTO if spec.metadata["auto"] else spec.default
    # A switch is off unless it is given, which needs no words; 0 is a default like others.
    if default is False or default in (None, ""):
        return text
    return _("{help} (default: {default})").format(help=text, default=default)


def explicit_options(namespace: argparse.Namespace, *sections: type) -> dict[str, Any]:
    """The fields of `sections` that the user set on the command line."""
    names = {spec.name for section in sections for spec in dataclasses.fields(section)}
    return {name: value for name, value in vars(namespace).items() if name in names}


def run(main: Callable[[Sequence[str]], None], words: Sequence[str]) -> NoReturn:
    """Runs `main` on the words of a command line, and exits.

    The code is 0, 2 for a user's mistake, 130 after Ctrl-C.

    A mistake is one line on standard error, without a traceback.
    """
    # 1. A terminal or pipe in an old locale must not turn Chinese output into an exception.
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="replace")
    # 2. The language, before the first help text is translated.
    set_language(language_option(words) or detect_language(os.environ))
    # 3. The command; what it raises becomes one line and an exit code.
    try:
        main(words)
        sys.stdout.flush()
    except NovelgenError as error:
        complain(str(error))
        raise SystemExit(2) from None
    except KeyboardInterrupt:
        print(_("interrupted"), file=sys.stderr)
        raise SystemExit(128 + signal.SIGINT) from None
    except BrokenPipeError:
        # The reader of our output (head, say) has left: nothing more can be printed, not even when
        # Python flushes the stream at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(128 + signal.SIGPIPE) from None
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        complain(_disk_full(error))
        raise SystemExit(2) from None
    raise SystemExit(0)


def _disk_full(error: OSError) -> str:
    """What to say when the disk is full, with the file where the system names it."""
    if error.filename is None:
        return _("the disk is full; free some space and try again")
    message = _("the disk is full; free some space and try again ({path})")
    return message.format(path=error.filename)

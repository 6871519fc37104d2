"""The command line's grammar: dataclass fields become flags, mistakes become one line and exit code 2."""

from __future__ import annotations

import argparse
import dataclasses
import errno
import os
import signal
import sys
import typing
from collections.abc import Callable, Collection, Sequence
from typing import Any, NoReturn

from novelgen.config import flag
from novelgen.errors import ConfigError, NovelgenError
from novelgen.i18n import LANGUAGES, N_, _, detect_language, set_language

# What argparse itself says, in the Python versions that we support: it looks these up through gettext,
# which `set_language` points at our catalogue.
ARGPARSE_MESSAGES = (
    N_("usage: "),
    N_("options"),
    N_("positional arguments"),
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
    N_("invalid choice: %(value)r, maybe you meant %(suggestion)r? (choose from %(choices)s)"),
    N_("unknown parser %(parser_name)r (choices: %(choices)s)"),
)


class Parser(argparse.ArgumentParser):
    """An argument parser whose complaint is one line, with the way to the help; every parser has `--lang`."""

    def __init__(self, **options: Any) -> None:
        # An abbreviation that works today becomes ambiguous when an option is added, so none is accepted.
        super().__init__(allow_abbrev=False, formatter_class=argparse.HelpFormatter, **options)
        # Its value was read by `run`, before the first help text was translated.
        self.add_argument(
            "--lang",
            choices=LANGUAGES,
            default=argparse.SUPPRESS,
            help=_("language of all messages (default: NOVELGEN_LANG, else the locale)"),
        )

    def error(self, message: str) -> NoReturn:
        """Prints one line and exits with code 2."""
        complain(_("{message} (see {program} --help)").format(message=message, program=self.prog))
        raise SystemExit(2)


def complain(message: str) -> None:
    """Prints a mistake on standard error, as one line."""
    print(_("error: {message}").format(message=message), file=sys.stderr)


def language_option(arguments: Sequence[str]) -> str | None:
    """The language that `--lang` names, before or after the command; None where nothing valid is named.

    It is read ahead of all other options, because their help texts are shown in it; what is wrong with it, the parser says.
    """
    ahead = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    ahead.add_argument("--lang", choices=LANGUAGES)
    try:
        return ahead.parse_known_args(arguments)[0].lang
    except (argparse.ArgumentError, SystemExit):
        return None


def whole_number(text: str) -> int:
    """The type of an option that takes an integer. Raises ArgumentTypeError in the user's language."""
    try:
        return int(text)
    except ValueError:
        message = _("{value!r} is not a whole number").format(value=text)
        raise argparse.ArgumentTypeError(message) from None


def number(text: str) -> float:
    """The type of an option that takes a number. Raises ArgumentTypeError in the user's language."""
    try:
        return float(text)
    except ValueError:
        message = _("{value!r} is not a number").format(value=text)
        raise argparse.ArgumentTypeError(message) from None


# How a value of a field's type is read from the command line, and what stands for it in the help.
_READERS: dict[type, Callable[[str], Any]] = {int: whole_number, float: number, str: str}
_METAVARS = {int: "N", float: "X", str: "TEXT"}


def _value_type(section: type, name: str) -> type:
    """The plain type behind an annotation: `int | None` → int."""
    annotation = typing.get_type_hints(section)[name]
    return next(
        (kind for kind in typing.get_args(annotation) if kind is not type(None)), annotation
    )


def add_section(
    parser: argparse.ArgumentParser, section: type, title: str, without: Collection[str] = ()
) -> None:
    """Adds one flag for every field of a configuration dataclass but those `without`.

    Flags not given leave no trace in the namespace, so that `explicit_options` tells a choice from a default.
    """
    group = parser.add_argument_group(title)
    for spec in dataclasses.fields(section):
        if spec.name in without:
            continue
        kind = _value_type(section, spec.name)
        common = {
            "dest": spec.name,
            "default": argparse.SUPPRESS,
            "help": _help(spec).replace("%", "%%"),
        }
        names = [flag(spec.name), *spec.metadata["flags"]]
        if kind is bool:
            group.add_argument(*names, action=argparse.BooleanOptionalAction, **common)
            continue
        choices = spec.metadata["choices"]
        metavar = "|".join(choices) if choices else _METAVARS[kind]
        group.add_argument(*names, type=_READERS[kind], metavar=metavar, **common)


def _help(spec: dataclasses.Field[Any]) -> str:
    """The help text of a field in the user's language, with its default."""
    text = _(spec.metadata["help"])
    if spec.default in (None, ""):
        return text
    return _("{help} (default: {default})").format(help=text, default=spec.default)


def explicit_options(namespace: argparse.Namespace, *sections: type) -> dict[str, Any]:
    """The fields of `sections` that the user set on the command line."""
    names = {spec.name for section in sections for spec in dataclasses.fields(section)}
    return {name: value for name, value in vars(namespace).items() if name in names}


def run(main: Callable[[], None]) -> NoReturn:
    """Runs a command and exits: 0, 2 for a user's mistake (one line on standard error), 130 after Ctrl-C."""
    for stream in (sys.stdout, sys.stderr):
        # A terminal or pipe in an old locale must not turn Chinese output into an exception.
        stream.reconfigure(encoding="utf-8", errors="replace")
    set_language(language_option(sys.argv[1:]) or detect_language(os.environ))
    try:
        main()
        sys.stdout.flush()
    except NovelgenError as error:
        complain(str(error))
        raise SystemExit(2) from None
    except KeyboardInterrupt:
        print(_("interrupted"), file=sys.stderr)
        raise SystemExit(128 + signal.SIGINT) from None
    except BrokenPipeError:
        # The reader of our output (head, say) has left; nothing more can be printed, not even at shutdown.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(128 + signal.SIGPIPE) from None
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        complain(_disk_full(error))
        raise SystemExit(2) from None
    raise SystemExit(0)


def _disk_full(error: OSError) -> str:
    """What to say when the disk is full, with the file where it is known."""
    if error.filename is None:
        return _("the disk is full; free some space and try again")
    message = _("the disk is full; free some space and try again ({path})")
    return message.format(path=error.filename)


def one_of(name: str, *values: Any) -> None:
    """Raises ConfigError when more than one of some options that exclude each other is given."""
    if sum(value is not None for value in values) > 1:
        raise ConfigError(_("{options}: give only one of these").format(options=name))

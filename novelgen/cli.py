"""The command line's grammar: dataclass fields become flags, mistakes become one line and exit code 2."""

from __future__ import annotations

import argparse
import dataclasses
import errno
import os
import signal
import sys
import typing
from collections.abc import Callable, Collection
from typing import Any, NoReturn

from novelgen.config import flag
from novelgen.errors import ConfigError, NovelgenError


class Parser(argparse.ArgumentParser):
    """An argument parser whose complaint is one line, with the way to the help."""

    def __init__(self, **options: Any) -> None:
        # An abbreviation that works today becomes ambiguous when an option is added, so none is accepted.
        super().__init__(allow_abbrev=False, formatter_class=argparse.HelpFormatter, **options)

    def error(self, message: str) -> NoReturn:
        print(f"错误 error: {message}（用法见 see {self.prog} --help）", file=sys.stderr)
        raise SystemExit(2)


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

    Flags not given leave no trace in the namespace, so that `given` tells a choice from a default.
    """
    group = parser.add_argument_group(title)
    for spec in dataclasses.fields(section):
        if spec.name in without:
            continue
        kind = _value_type(section, spec.name)
        default = "" if spec.default in (None, "") else f"（默认 default: {spec.default}）"
        common = {
            "dest": spec.name,
            "default": argparse.SUPPRESS,
            "help": (spec.metadata["help"] + default).replace("%", "%%"),
        }
        names = [flag(spec.name), *spec.metadata["flags"]]
        if kind is bool:
            group.add_argument(*names, action=argparse.BooleanOptionalAction, **common)
        else:
            choices = spec.metadata["choices"]
            metavar = "|".join(choices) if choices else {int: "N", float: "X", str: "TEXT"}[kind]
            group.add_argument(*names, type=kind, metavar=metavar, **common)


def explicit_options(namespace: argparse.Namespace, *sections: type) -> dict[str, Any]:
    """The fields of `sections` that the user set on the command line."""
    names = {spec.name for section in sections for spec in dataclasses.fields(section)}
    return {name: value for name, value in vars(namespace).items() if name in names}


def run(main: Callable[[], None]) -> NoReturn:
    """Runs a command and exits: 0, 2 for a user's mistake (one line on standard error), 130 after Ctrl-C."""
    for stream in (sys.stdout, sys.stderr):
        # A terminal or pipe in an old locale must not turn Chinese output into an exception.
        stream.reconfigure(encoding="utf-8", errors="replace")
    try:
        main()
        sys.stdout.flush()
    except NovelgenError as error:
        print(f"错误 error: {error}", file=sys.stderr)
        raise SystemExit(2) from None
    except KeyboardInterrupt:
        print("已中断 | interrupted", file=sys.stderr)
        raise SystemExit(128 + signal.SIGINT) from None
    except BrokenPipeError:
        # The reader of our output (head, say) has left; nothing more can be printed, not even at shutdown.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(128 + signal.SIGPIPE) from None
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        print(
            f"错误 error: 磁盘已满，请腾出空间再来 | the disk is full; free some space and try again（{error.filename or ''}）",
            file=sys.stderr,
        )
        raise SystemExit(2) from None
    raise SystemExit(0)


def one_of(name: str, *values: Any) -> None:
    """Raises ConfigError when more than one of some options that exclude each other is given."""
    if sum(value is not None for value in values) > 1:
        raise ConfigError(f"{name}：只能给其中一个 | give only one of these")

"""The commands of `python -m novelgen`, which is `novelgen` where the package is installed."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from novelgen.cli import Parser, run
from novelgen.i18n import N_, _
from novelgen.options import validate_choice


class _Command(NamedTuple):
    """A command: its module, which has `add_arguments` and `main`, and one line of help."""

    module: str
    help: str


# A command's module is imported when it is asked for, so that none of them pays for another.
_COMMANDS = {
    "train": _Command("novelgen.commands.train", N_("train a model on a novel or on text pairs")),
    "app": _Command("novelgen.web.serve", N_("write in the browser, together with a model")),
    "generate": _Command("novelgen.commands.generate", N_("write the next paragraph")),
    "evaluate": _Command("novelgen.commands.evaluate", N_("evaluate a trained model")),
    "compare": _Command("novelgen.commands.compare", N_("train and compare several models")),
    "report": _Command("novelgen.commands.report", N_("write a report about trained runs")),
    "prepare": _Command("novelgen.commands.prepare", N_("import a corpus and report on it")),
    "doctor": _Command(
        "novelgen.commands.doctor", N_("check the machine, the packages, a run and a corpus")
    ),
}


def _program() -> str:
    """The program as its user can call it: `novelgen` is there only where it is installed."""
    if Path(sys.argv[0]).stem == "novelgen":
        return "novelgen"
    return "python -m novelgen"


def _main(words: Sequence[str]) -> None:
    """Runs the command that the words of a command line name."""
    parser = Parser(prog=_program(), description=_("Chinese novel text generator"))
    commands = parser.add_subparsers(
        dest="command", required=True, metavar="|".join(_COMMANDS), parser_class=Parser
    )
    # The first word that is a command: before it may stand `--lang en`.
    chosen = next((word for word in words if word in _COMMANDS), None)
    for name, entry in _COMMANDS.items():
        help_text = _(entry.help)
        subparser = commands.add_parser(name, help=help_text, description=help_text)
        if name == chosen:
            importlib.import_module(entry.module).add_arguments(subparser)
    if chosen is None:
        _check_command(words)
    arguments = parser.parse_args(words)
    importlib.import_module(_COMMANDS[arguments.command].module).main(arguments)


def _check_command(words: Sequence[str]) -> None:
    """Raises ConfigError for a first word that is no command, with the nearest one."""
    if words and not words[0].startswith("-"):
        validate_choice(words[0], tuple(_COMMANDS), _("command"))


def command(words: Sequence[str] | None = None) -> None:
    """The `novelgen` console command; `words` are those of the command line by default."""
    if words is None:
        words = sys.argv[1:]
    # Read when torch is imported, which is later: a thread of PyTorch's that has nothing to do
    # sleeps. By default it spins for some time, on a core where the compiled loops have a thread of
    # their own: training steps were measured to be 1.2 times as fast on two cores.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    run(_main, words)


if __name__ == "__main__":
    command()

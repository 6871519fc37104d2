"""The commands of `python -m novelgen`, which is `novelgen` where the package is installed."""

from __future__ import annotations

import importlib
import sys
from typing import NamedTuple

from novelgen.cli import Parser, run
from novelgen.i18n import N_, _


class _Command(NamedTuple):
    """A command: its module, which has `add_arguments` and `main`, and one line of help."""

    module: str
    help: str


# A command's module is imported when it is asked for, so that none of them pays for another.
_COMMANDS = {
    "generate": _Command("novelgen.commands.generate", N_("write the next paragraph")),
    "evaluate": _Command("novelgen.commands.evaluate", N_("evaluate a trained model")),
    "compare": _Command("novelgen.commands.compare", N_("train and compare several models")),
    "prepare": _Command("novelgen.commands.prepare", N_("import a corpus and report on it")),
}


def _main() -> None:
    """Reads the command line and runs the command that it names."""
    parser = Parser(
        prog="novelgen",
        description=_("Chinese novel text generator. To train a model, use: python train.py"),
    )
    commands = parser.add_subparsers(
        dest="command", required=True, metavar="|".join(_COMMANDS), parser_class=Parser
    )
    # The first word that is a command: before it may stand `--lang en`.
    chosen = next((argument for argument in sys.argv[1:] if argument in _COMMANDS), None)
    for name, entry in _COMMANDS.items():
        help_text = _(entry.help)
        subparser = commands.add_parser(name, help=help_text, description=help_text)
        if name == chosen:
            importlib.import_module(entry.module).add_arguments(subparser)
    arguments = parser.parse_args()
    importlib.import_module(_COMMANDS[arguments.command].module).main(arguments)


def command() -> None:
    """The `novelgen` console command."""
    run(_main)


if __name__ == "__main__":
    command()

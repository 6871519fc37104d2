"""python -m novelgen prepare | generate | evaluate | compare"""

from __future__ import annotations

import importlib
import sys

from novelgen.cli import Parser, run

# A command's module is imported when it is asked for: none of them pays for another.
_COMMANDS = {
    "generate": ("novelgen.commands.generate", "写出下一段 | write the next paragraph"),
    "evaluate": ("novelgen.commands.evaluate", "评测模型 | measure a model"),
    "compare": (
        "novelgen.commands.compare",
        "训练并比较几种模型 | train and compare several models",
    ),
    "prepare": (
        "novelgen.commands.prepare",
        "只导入语料，看报告 | import a corpus and report on it",
    ),
}


def _main() -> None:
    parser = Parser(
        prog="novelgen",
        description="中文小说文本生成器 | a Chinese novel text generator. 训练用 train with: python train.py",
    )
    commands = parser.add_subparsers(
        dest="command", required=True, metavar="|".join(_COMMANDS), parser_class=Parser
    )
    chosen = next((argument for argument in sys.argv[1:] if not argument.startswith("-")), None)
    for name, (module, help_text) in _COMMANDS.items():
        command = commands.add_parser(name, help=help_text, description=help_text)
        if name == chosen:
            importlib.import_module(module).add_arguments(command)
    args = parser.parse_args()
    importlib.import_module(_COMMANDS[args.command][0]).main(args)


def command() -> None:
    """The `novelgen` console command."""
    run(_main)


if __name__ == "__main__":
    command()

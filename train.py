"""Trains a model on a novel: python train.py --corpus corpus/novel.txt"""

from novelgen.cli import Parser, run
from novelgen.commands.train import add_arguments, main


def command() -> None:
    parser = Parser(
        prog="train.py",
        description="用一部小说训练会写下一段的模型 | train a model that writes the next paragraph of a novel",
    )
    add_arguments(parser)
    main(parser.parse_args())


if __name__ == "__main__":
    run(command)

"""Opens the page in which a trained model writes: python app.py"""

from novelgen.cli import Parser, run
from novelgen.web.serve import add_arguments, main


def command() -> None:
    parser = Parser(
        prog="app.py",
        description="在浏览器里和模型一起写小说 | write a novel with the model in the browser",
    )
    add_arguments(parser)
    main(parser.parse_args())


if __name__ == "__main__":
    run(command)

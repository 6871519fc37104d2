"""The file of `generate --why`: as data, or as a picture."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from novelgen.commands.output_file import refuse_file
from novelgen.errors import ConfigError
from novelgen.i18n import _

if TYPE_CHECKING:
    from novelgen.attribution.explanation import Explanation
    from novelgen.decoding.generator import Generation, Generator

WHY_FORMATS = (".json", ".png", ".svg")


def save_why(generator: Generator, generation: Generation, path: Path) -> None:
    """Explains every paragraph: a list in one .json file, or pictures why.png, why-2.png, ….

    Without a Chinese font there is nothing to draw: a warning, and exit code 2.
    """
    from novelgen.attribution.explanation import explain

    explanations = [explain(generator, paragraph) for paragraph in generation.paragraphs]
    try:
        if path.suffix.lower() == ".json":
            content = [explanation.to_dict() for explanation in explanations]
            text = json.dumps(content, ensure_ascii=False, allow_nan=False)
            path.write_text(text, encoding="utf-8")
        else:
            _draw(explanations, path)
    except OSError as error:
        refuse_file(path, error)


def _draw(explanations: list[Explanation], path: Path) -> None:
    from novelgen.report.explanation import draw_explanation
    from novelgen.report.fonts import require_font

    try:
        require_font()
    except ConfigError as error:
        print(_("warning: no picture: {reason}").format(reason=error), file=sys.stderr)
        raise SystemExit(2) from None
    for number, explanation in enumerate(explanations, start=1):
        file = path
        if number > 1:
            file = path.with_stem(f"{path.stem}-{number}")
        draw_explanation(explanation, file)
        print(_("why: {path}").format(path=file), file=sys.stderr)

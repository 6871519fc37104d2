"""The files of `generate --attention` and `--heatmap`: the weights as data, or as pictures."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from novelgen.commands.output_file import refuse_file
from novelgen.errors import ConfigError
from novelgen.i18n import _

if TYPE_CHECKING:
    from novelgen.decoding.generator import Generation

# By the suffix of the file.
ATTENTION_FORMATS = (".json", ".npz")
HEATMAP_FORMAT = ".png"


def draw_heatmaps(generation: Generation, path: Path) -> None:
    """Draws a figure for each paragraph: map.png, map-2.png and so on.

    Without a Chinese font there is nothing to draw: a warning, and exit code 2.
    """
    from novelgen.report.fonts import require_font
    from novelgen.report.heatmap import attention_heatmap

    # Asked once, ahead of the figures: one warning for all of them.
    try:
        require_font()
    except ConfigError as error:
        print(_("warning: no heatmap: {reason}").format(reason=error), file=sys.stderr)
        raise SystemExit(2) from None
    for number, paragraph in enumerate(generation.paragraphs, start=1):
        file = path
        if number > 1:
            file = path.with_stem(f"{path.stem}-{number}")
        try:
            attention_heatmap(paragraph, file)
        except OSError as error:
            refuse_file(file, error)
        print(_("heatmap: {path}").format(path=file), file=sys.stderr)


def save_attention(generations: list[Generation], path: Path) -> None:
    """Saves the weights of every candidate and paragraph, with the labels of rows and columns.

    Rows are the T written tokens, columns the S source tokens. JSON: a list of candidates, each a
    list of paragraphs. npz: arrays "attention_1_1" (T, S), "tokens_1_1" (T,) and
    "source_tokens_1_1" (S,), where the numbers are those of candidate and paragraph.
    """
    try:
        if path.suffix.lower() == ".json":
            _write_json(generations, path)
        else:
            _write_npz(generations, path)
    except OSError as error:
        refuse_file(path, error)


def _write_json(generations: list[Generation], path: Path) -> None:
    content = [
        [
            {
                "source_tokens": paragraph.source_tokens,
                "tokens": paragraph.tokens,
                "attention": paragraph.attention.tolist(),  # (T, S)
            }
            for paragraph in generation.paragraphs
        ]
        for generation in generations
    ]
    path.write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")


def _write_npz(generations: list[Generation], path: Path) -> None:
    import numpy as np

    arrays: dict[str, Any] = {}
    for row, generation in enumerate(generations, start=1):
        for number, paragraph in enumerate(generation.paragraphs, start=1):
            arrays[f"attention_{row}_{number}"] = paragraph.attention  # (T, S)
            arrays[f"tokens_{row}_{number}"] = np.array(paragraph.tokens)
            arrays[f"source_tokens_{row}_{number}"] = np.array(paragraph.source_tokens)
    # Given a name, numpy would put a suffix of its own behind .NPZ; given a file, it does not.
    with path.open("wb") as file:
        np.savez_compressed(file, **arrays)

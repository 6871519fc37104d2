"""`python -m novelgen generate`: a prompt in, text out, live on a terminal."""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from novelgen.cli import add_section, explicit_options
from novelgen.config import PRECISIONS, DecodingConfig, validate_choice
from novelgen.errors import ConfigError
from novelgen.models.variants import NO_ATTENTION, attends

if TYPE_CHECKING:
    from novelgen.decoding.generator import Generation, Generator, Paragraph

ATTENTION_FORMATS = (".json", ".npz")
DEVICES = ("auto", "cpu", "cuda")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the options of `generate`."""
    parser.add_argument(
        "--checkpoint", required=True, metavar="DIR", help="训练目录 | a run directory of train.py"
    )
    parser.add_argument(
        "--prompt",
        required=True,
        metavar="TEXT",
        help="小说的一段，或文本对的源；- 为标准输入 | the paragraph to write on from, or the source of a pair; "
        "- is standard input",
    )
    parser.add_argument(
        "--device", default="auto", metavar="|".join(DEVICES), help="在哪里算 | where to compute"
    )
    parser.add_argument(
        "--precision",
        default="auto",
        metavar="|".join(PRECISIONS),
        help="写作时权重的精度，auto 在 CPU 上用 bfloat16 | of the weights that write; auto takes bfloat16 on a CPU",
    )
    parser.add_argument(
        "--json",
        action="store_true",
        help="输出 JSON | print text, tokens, log-probabilities, score and seed as JSON",
    )
    parser.add_argument(
        "--attention", metavar="FILE", help="存注意力权重，.json 或 .npz | write attention weights"
    )
    parser.add_argument(
        "--heatmap",
        metavar="FILE.png",
        help="画注意力热图 | draw the attention, a figure a paragraph",
    )
    add_section(
        parser,
        DecodingConfig,
        "生成（文本对的默认不同：beam，不限制重复）| decoding (pairs have other defaults: beam search, "
        "repetition is free)",
    )


def main(args: argparse.Namespace) -> None:
    """Runs `generate`. Everything that can be wrong with the request is found before anything is written."""
    options = explicit_options(args, DecodingConfig)
    config = DecodingConfig(
        **{"min_length": 0, **options}
    )  # the run decides its own defaults, and may allow less
    validate_choice(args.device, DEVICES, "--device")
    validate_choice(args.precision, PRECISIONS, "--precision")
    _check_output("--attention", args.attention, ATTENTION_FORMATS)
    _check_output("--heatmap", args.heatmap, (".png",))
    prompt = _standard_input() if args.prompt == "-" else args.prompt
    if args.heatmap:
        from novelgen.report.fonts import require_font

        require_font()
    from novelgen.decoding.generator import Generator

    generator = Generator.load(args.checkpoint, args.device, args.precision)
    if (args.attention or args.heatmap) and not attends(generator.config.model):
        raise ConfigError(NO_ATTENTION)
    live = sys.stdout.isatty() and not args.json and config.num_samples == 1
    if live:
        generations = [_show_live(generator, prompt, options)]
    else:
        generations = generator.candidates(prompt, **options)
        _report(generations[0])
        if args.json:
            print(json.dumps(to_dict(generations), ensure_ascii=False, indent=2, allow_nan=False))
        else:
            _print_texts(generations)
    sys.stdout.flush()  # drawing takes a while, and nobody should wait for the text
    _write_files(generations, args)


def _check_output(name: str, path: str | None, suffixes: tuple[str, ...]) -> None:
    """Raises ConfigError when a file could not be written at `path`."""
    if path is None:
        return
    file = Path(path)
    if file.suffix.lower() not in suffixes:
        raise ConfigError(
            f"{name} {path}：文件名应以 {' 或 '.join(suffixes)} 结尾 | the name must end in "
            f"{' or '.join(suffixes)}"
        )
    if not file.parent.is_dir():
        raise ConfigError(
            f"{name} {path}：没有文件夹 {file.parent}；请先建好 | no such folder; make it first"
        )
    if file.is_dir() or not os.access(file if file.exists() else file.parent, os.W_OK):
        raise ConfigError(
            f"{name} {path}：不能写入；请换一个位置 | cannot be written; choose another place"
        )


def _standard_input() -> str:
    try:
        return sys.stdin.buffer.read().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigError(
            f"--prompt -：标准输入第 {error.start} 字节不是 UTF-8；请先转码 | byte {error.start} of "
            "standard input is not UTF-8; convert it first"
        ) from None


def _report(generation: Generation) -> None:
    """Says on standard error how the request was understood."""
    for line in (*generation.notes, f"种子 seed: {generation.seed}"):
        print(line, file=sys.stderr, flush=True)


def _show_live(generator: Generator, prompt: str, options: dict[str, Any]) -> Generation:
    """Prints the text while it is being written; Ctrl-C leaves what stands there and ends its line."""
    shown = None
    try:
        for snapshot in generator.stream(prompt, **options):
            if shown is None:
                _report(snapshot)
                shown = 0
            print(snapshot.text[shown:], end="", flush=True)
            shown = len(snapshot.text)
    finally:
        if shown is not None:
            print(flush=True)
    return snapshot


def _print_texts(generations: list[Generation]) -> None:
    for number, generation in enumerate(generations, start=1):
        if len(generations) > 1:
            print(
                f"── {number} · 种子 seed {generation.seed} · 得分 score {generation.score:.3f} ──"
            )
        print(generation.text)


def to_dict(generations: list[Generation]) -> dict[str, Any]:
    """What `--json` prints: the first candidate, and under "candidates" all of them when there are several."""
    first = generations[0]
    result = {"prompt": first.prompt, **_candidate(first), "notes": first.notes}
    if len(generations) > 1:
        result["candidates"] = [_candidate(generation) for generation in generations]
    return result


def _candidate(generation: Generation) -> dict[str, Any]:
    return {
        "text": generation.text,
        "score": generation.score,
        "seed": generation.seed,
        "tokens": [token for paragraph in generation.paragraphs for token in paragraph.tokens],
        "log_probabilities": [
            value for paragraph in generation.paragraphs for value in paragraph.log_probabilities
        ],
        "paragraphs": [_paragraph(paragraph) for paragraph in generation.paragraphs],
    }


def _paragraph(paragraph: Paragraph) -> dict[str, Any]:
    return {
        "text": paragraph.text,
        "score": paragraph.score,
        "finished": paragraph.finished,
        "tokens": paragraph.tokens,
        "log_probabilities": paragraph.log_probabilities,
    }


def _write_files(generations: list[Generation], args: argparse.Namespace) -> None:
    try:
        if args.attention:
            _write_attention(generations, Path(args.attention))
        if args.heatmap:
            from novelgen.report.heatmap import attention_heatmap

            for number, paragraph in enumerate(generations[0].paragraphs, start=1):
                path = Path(args.heatmap)
                path = path if number == 1 else path.with_stem(f"{path.stem}-{number}")
                attention_heatmap(paragraph, path)
                print(f"热图 heatmap: {path}", file=sys.stderr)
    except OSError as error:
        raise ConfigError(
            f"{error.filename}：写不了（{error.strerror}）；请换一个位置 | cannot be written: "
            f"{error.strerror}; choose another place"
        ) from None


def _write_attention(generations: list[Generation], path: Path) -> None:
    """Weights with the labels of their rows (tokens) and columns (source tokens), of every candidate and paragraph.

    JSON: a list of candidates, each a list of paragraphs. npz: arrays "attention_1_1", "tokens_1_1" and
    "source_tokens_1_1", the numbers being candidate and paragraph.
    """
    if path.suffix.lower() == ".json":
        content = [
            [
                {
                    "source_tokens": paragraph.source_tokens,
                    "tokens": paragraph.tokens,
                    "attention": paragraph.attention.tolist(),
                }
                for paragraph in generation.paragraphs
            ]
            for generation in generations
        ]
        path.write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")
        return
    import numpy as np

    arrays = {}
    for row, generation in enumerate(generations, start=1):
        for number, paragraph in enumerate(generation.paragraphs, start=1):
            arrays[f"attention_{row}_{number}"] = paragraph.attention
            arrays[f"tokens_{row}_{number}"] = np.array(paragraph.tokens)
            arrays[f"source_tokens_{row}_{number}"] = np.array(paragraph.source_tokens)
    with path.open(
        "wb"
    ) as file:  # given a file, numpy does not put a suffix of its own behind .NPZ
        np.savez_compressed(file, **arrays)

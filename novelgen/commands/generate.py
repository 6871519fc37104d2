"""`python -m novelgen generate`: a prompt in, text out, live on a terminal."""

from __future__ import annotations

import argparse
import itertools
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from novelgen.cli import add_section, explicit_options
from novelgen.commands.attention_file import (
    ATTENTION_FORMATS,
    HEATMAP_FORMAT,
    draw_heatmaps,
    save_attention,
)
from novelgen.commands.decoding_style import add_style, remark_on_options
from novelgen.commands.middle import add_middle, middle_of
from novelgen.commands.output_file import check_output
from novelgen.commands.why_file import WHY_FORMATS, save_why
from novelgen.config import DEVICES, PRECISIONS, DecodingConfig, validate_choice
from novelgen.decoding_styles import styled
from novelgen.errors import ConfigError
from novelgen.i18n import N_, _
from novelgen.models.zoo import NO_ATTENTION, attends
from novelgen.shipped import shipped_base

if TYPE_CHECKING:
    from collections.abc import Iterator

    from novelgen.decoding.generator import Generation, Generator, Paragraph
    from novelgen.evaluation.origins import Copy


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the options of `generate`."""
    # What is read. The values are checked in `main`, whose error offers the nearest one.
    parser.add_argument(
        "--checkpoint",
        metavar="DIR",
        help=_("run directory that train wrote (default: the base model of the program)"),
    )
    parser.add_argument(
        "--prompt",
        required=True,
        metavar="TEXT",
        help=_(
            "the paragraph to go on from, or the source of a pair; - reads it from standard input"
        ),
    )
    add_middle(parser)
    parser.add_argument(
        "--device", default="auto", metavar="|".join(DEVICES), help=_("device to compute on")
    )
    parser.add_argument(
        "--precision",
        default="auto",
        metavar="|".join(PRECISIONS),
        help=_("number format of the weights; auto takes bfloat16 on a CPU where it is faster"),
    )
    # What is printed and saved.
    parser.add_argument(
        "--json",
        action="store_true",
        help=_("print text, tokens, log-probabilities, score and seed as JSON"),
    )
    parser.add_argument(
        "--attention",
        metavar="FILE",
        help=_("save the attention weights, as .json or .npz"),
    )
    parser.add_argument(
        "--heatmap",
        metavar="FILE.png",
        help=_("draw the attention weights, a figure for each paragraph"),
    )
    parser.add_argument(
        "--why",
        metavar="FILE",
        help=_(
            "explain each paragraph, as .json, .png or .svg: bits saved by the source, attention, "
            "gradients, and what leaving each part of the source out costs"
        ),
    )
    add_style(parser)
    add_section(
        parser,
        DecodingConfig,
        N_("decoding options (for text pairs, beam search without repetition rules by default)"),
    )


def main(args: argparse.Namespace) -> None:
    """Runs `generate`.

    What is wrong with the request is found before anything is written; what is wrong with the
    system (a full disk, no Chinese font) is reported after the text is printed.
    """
    # 1. The request.
    options = styled({**explicit_options(args, DecodingConfig), "style": args.style})
    # The run decides its own defaults, and may allow a shorter text than the general one.
    config = DecodingConfig(**{"min_length": 0, **options})
    validate_choice(args.device, DEVICES, "--device")
    validate_choice(args.precision, PRECISIONS, "--precision")
    check_output("--attention", args.attention, ATTENTION_FORMATS)
    check_output("--heatmap", args.heatmap, (HEATMAP_FORMAT,))
    check_output("--why", args.why, WHY_FORMATS)
    prompt = args.prompt
    if prompt == "-":
        prompt = _standard_input()
    middle = middle_of(args)
    # 2. The model. Torch is imported here, so that --help does not have to wait for it.
    from novelgen.decoding.generator import Generator

    checkpoint = args.checkpoint or _base_model()
    generator = Generator.load(checkpoint, args.device, args.precision)
    if (args.attention or args.heatmap) and not attends(generator.config.model):
        raise ConfigError(_(NO_ATTENTION))
    remark_on_options(options, [generator.decoding_config(**options).decoder])
    # 3. The text. It is flushed before the files are written: drawing takes a while.
    # In the middle the text is chosen at the end.
    is_live = sys.stdout.isatty() and not args.json and config.num_samples == 1 and middle is None
    if is_live:
        generations = [_show_live(generator, prompt, options)]
    elif middle is None:
        generations = generator.candidates(prompt, **options)
    else:
        generations = middle.write(generator, prompt, options)
    if not is_live:
        _report(generations[0])
        _print(generations, Path(checkpoint) if args.json else None)
    sys.stdout.flush()
    # 4. The files, the weights first: they need no font.
    if args.attention:
        save_attention(generations, Path(args.attention))
    if args.heatmap:
        draw_heatmaps(generations[0], Path(args.heatmap))
    if args.why:
        save_why(generator, generations[0], Path(args.why))


def _base_model() -> Path:
    """The base model, and a line on standard error that it writes.

    Raises ConfigError when it was removed.
    """
    path = shipped_base()
    if path is None:
        message = _("--checkpoint: name a run directory; the base model of the program is missing")
        raise ConfigError(message)
    message = _("writing with the base model; --checkpoint DIR names one that you have trained")
    print(message, file=sys.stderr, flush=True)
    return path


def _standard_input() -> str:
    """The prompt from standard input; raises ConfigError when it is not UTF-8."""
    try:
        return sys.stdin.buffer.read().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        message = _(
            "--prompt -: byte {position} of standard input is not UTF-8; convert it to UTF-8 first"
        )
        raise ConfigError(message.format(position=error.start)) from None


def _report(generation: Generation) -> None:
    """Says on standard error how the request was understood, and how to repeat it."""
    # Standard output holds the text alone, so that it can be piped.
    for note in generation.notes:
        print(note, file=sys.stderr, flush=True)
    print(_("seed: {seed}").format(seed=generation.seed), file=sys.stderr, flush=True)


def _show_live(generator: Generator, prompt: str, options: dict[str, Any]) -> Generation:
    """Prints the text while it is being written; after Ctrl-C the line is ended all the same."""
    # How many characters stand on the screen; text that was shown never changes.
    shown = None
    try:
        for snapshot in generator.stream(prompt, **options):
            if shown is None:
                _report(snapshot)
                shown = 0
            print(snapshot.text[shown:], end="", flush=True)
            shown = len(snapshot.text)
    finally:
        # Also after Ctrl-C; but nothing was printed when the request itself was wrong.
        if shown is not None:
            print(flush=True)
    return snapshot


def _print(generations: list[Generation], json_of: Path | None) -> None:
    """Prints the candidates; of several, each under a line with its seed and score.

    With `json_of`, the run directory, as JSON.
    """
    if json_of is not None:
        # Strict JSON, which has no NaN: a program is to read it.
        data = to_dict(generations, json_of)
        print(json.dumps(data, ensure_ascii=False, indent=2, allow_nan=False))
        return
    for number, generation in enumerate(generations, start=1):
        if len(generations) > 1:
            message = _("── {number} · seed {seed} · score {score:.3f} ──")
            heading = message.format(number=number, seed=generation.seed, score=generation.score)
            print(heading)
        print(generation.text)


def to_dict(generations: list[Generation], run: Path) -> dict[str, Any]:
    """What `--json` prints: the first candidate, and of several also a list of all."""
    from novelgen.evaluation.origins import find_copies

    # Of every paragraph the spans that stand in the training text; None where that is not here.
    texts = [paragraph.text for each in generations for paragraph in each.paragraphs]
    found = find_copies(run, texts)
    copies: Iterator[list[Copy] | None]
    copies = itertools.repeat(None) if found is None else iter(found)
    candidates = [_candidate(generation, copies) for generation in generations]
    # Several candidates share the prompt and the notes.
    first = generations[0]
    result = {"prompt": first.prompt, **candidates[0], "notes": first.notes}
    if len(generations) > 1:
        result["candidates"] = candidates
    return result


def _candidate(generation: Generation, copies: Iterator[list[Copy] | None]) -> dict[str, Any]:
    return {
        # The whole text, its tokens in one list; then the same by paragraph.
        "text": generation.text,
        "score": generation.score,
        "seed": generation.seed,
        "tokens": [token for paragraph in generation.paragraphs for token in paragraph.tokens],
        "log_probabilities": [
            value for paragraph in generation.paragraphs for value in paragraph.log_probabilities
        ],
        "paragraphs": [_paragraph(each, next(copies)) for each in generation.paragraphs],
    }


def _paragraph(paragraph: Paragraph, copies: list[Copy] | None) -> dict[str, Any]:
    copied = None
    if copies is not None:
        copied = [{**copy._asdict(), "source": copy.source._asdict()} for copy in copies]
    return {
        "text": paragraph.text,
        "score": paragraph.score,
        "finished": paragraph.finished,
        "tokens": paragraph.tokens,
        "log_probabilities": paragraph.log_probabilities,
        "copied": copied,
    }

"""`python -m novelgen evaluate`: how well a run predicts, and what its writing is like."""

from __future__ import annotations

import argparse
import itertools
import json
import operator
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from novelgen.cli import add_section, explicit_options, one_of
from novelgen.config import DecodingConfig, TextConfig, validate_choice
from novelgen.errors import CheckpointError, ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from novelgen.data.pairs import Pairs
    from novelgen.training.checkpoint import Run
    from novelgen.training.loss import LossStats

_PARTS = ("train", "valid", "test")
_AS_IT_IS = ("auto", "strict")  # --encoding and --errors when not given
_NAMES = {
    "bits_per_character": "每字比特数 BPC",
    "perplexity": "每词元困惑度 perplexity",
    "pairs": "对 pairs",
    "characters": "字 characters",
    "tokens": "词元 tokens",
    "bits_per_character_shuffled": "源打乱后的 BPC with shuffled sources",
    "distinct_1": "distinct-1",
    "distinct_2": "distinct-2",
    "repeated_4grams": "重复四元组 repeated 4-grams",
    "bleu": "BLEU",
    "chrf": "chrF",
    "copied_8grams": "抄自训练文本的八元组 copied 8-grams",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the options of `evaluate`."""
    parser.add_argument(
        "--checkpoint",
        required=True,
        type=Path,
        metavar="DIR",
        help="训练目录 | a run directory that train.py wrote",
    )
    parser.add_argument(
        "--part",
        default=None,
        metavar="|".join(_PARTS),
        help="用训练语料的哪一部分（默认 default: test）| part of the run's own corpus",
    )
    parser.add_argument(
        "--corpus",
        nargs="+",
        type=Path,
        metavar="PATH",
        help="改用别的小说，全文 | another novel instead, all of it",
    )
    parser.add_argument("--encoding", default="auto", help="--corpus 的编码 | encoding of --corpus")
    parser.add_argument(
        "--errors",
        default="strict",
        metavar="strict|replace",
        help="--corpus 里的坏字节 | bad bytes in --corpus",
    )
    parser.add_argument(
        "--pairs",
        type=Path,
        metavar="FILE.tsv",
        help="改用另外的文本对：源、制表符、目标 | other pairs instead: source TAB target",
    )
    parser.add_argument(
        "--generate",
        type=int,
        default=0,
        metavar="N",
        help="再写 N 段，量多样、重复、相似与抄袭 | write N "
        "paragraphs and measure variety, repetition, likeness and copying; more than there are is all of them",
    )
    parser.add_argument(
        "--shuffle-sources",
        action="store_true",
        help="再把源打乱量一次：差得越多，源用得越多 | also with shuffled "
        "sources: the worse, the more the source is used",
    )
    parser.add_argument(
        "--device",
        default="auto",
        metavar="auto|cpu|cuda",
        help="在哪里算（默认 default: auto）| where to compute",
    )
    parser.add_argument("--json", action="store_true", help="输出 JSON | print JSON")
    add_section(
        parser,
        DecodingConfig,
        "--generate 的解码，以及只量 --task | decoding of --generate, and the one --task to measure",
    )


def main(args: argparse.Namespace) -> None:
    """Runs `evaluate`; the request is checked before anything is computed."""
    asked = explicit_options(args, DecodingConfig)
    options = {"seed": 1, **asked}
    DecodingConfig(**options)
    one_of("--part、--corpus、--pairs", args.part, args.corpus, args.pairs)
    part = validate_choice(args.part or "test", _PARTS, "--part")
    if asked.keys() - {"task"} and not args.generate:
        raise ConfigError(
            "解码选项只在 --generate N 时有用；请加上 | decoding options need --generate N; add it"
        )
    if args.corpus is None and (args.encoding, args.errors) != _AS_IT_IS:
        raise ConfigError(
            "--encoding、--errors 只用于 --corpus | --encoding and --errors belong to --corpus"
        )
    if args.generate < 0:
        raise ConfigError(f"--generate {args.generate}：应 ≥ 0 | must be ≥ 0")

    from novelgen.training.checkpoint import load_run
    from novelgen.training.loss import evaluate_loss

    run = load_run(args.checkpoint, args.device)
    by_task = _pairs(run, args, part, options.get("task"))
    pairs = next(iter(by_task.values()))
    batch_tokens = 2 * run.config.training.batch_tokens
    figures = {
        task: _figures(evaluate_loss(run.model, each, batch_tokens=batch_tokens, device=run.device))
        for task, each in by_task.items()
    }
    result: dict[str, Any] = dict(next(iter(figures.values())))
    if len(figures) > 1:
        result["tasks"] = figures
    if args.shuffle_sources:
        shuffled = evaluate_loss(
            run.model, pairs.shuffled_sources(seed=1), batch_tokens=batch_tokens, device=run.device
        )
        result["bits_per_character_shuffled"] = shuffled.bits_per_character
    if args.generate:
        result |= _writing(run, args, pairs, options)
    if args.json:
        print(json.dumps(result, ensure_ascii=False, indent=2))
    else:
        _print(result)


def _figures(found: LossStats) -> dict[str, Any]:
    return {
        "bits_per_character": found.bits_per_character,
        "perplexity": found.perplexity,
        "pairs": found.pairs,
        "characters": found.characters,
        "tokens": found.tokens,
    }


def _print(result: dict[str, Any]) -> None:
    for name, value in result.items():
        if name == "tasks":
            for task, figures in value.items():
                print(
                    f"任务 task {task}: BPC {figures['bits_per_character']:.4f}，{_NAMES['pairs']} {figures['pairs']:,}"
                )
        else:
            print(
                f"{_NAMES[name]}: {value:,}"
                if isinstance(value, int)
                else f"{_NAMES[name]}: {value:.4f}"
            )


def _pairs(run: Run, args: argparse.Namespace, part: str, asked: str | None) -> dict[str, Pairs]:
    """What to measure on, by task: that which was asked for, or else all, the main one first. Pairs of one's own are of one."""
    from novelgen.data.pairs import Pairs
    from novelgen.data.tasks import first_tokens, trained_task
    from novelgen.training.stores import data_of_run

    data = run.config.data
    main, firsts = trained_task(data, asked), first_tokens(data, run.tokenizer.size)
    tasks = [main] if asked or args.pairs else list(firsts)
    if args.pairs:
        return {main: Pairs.read_tsv(args.pairs, run.tokenizer, run.source_tokenizer, firsts[main])}
    if args.corpus and run.config.from_pairs:
        raise ConfigError(
            "这个模型是用文本对训练的，不是小说；请用 --pairs 评测 | this model was trained on pairs, not on a novel; "
            "evaluate with --pairs"
        )
    if args.corpus:
        chapters = _chapters(args, run)
        texts = {
            task: [
                pair
                for chapter in chapters
                for pair in _neighbours(chapter, task, data.context_paragraphs)
            ]
            for task in tasks
        }
        if not all(texts.values()):
            raise ConfigError(
                "--corpus 里没有相邻的两段 | the corpus holds no two paragraphs in a row"
            )
        return {
            task: Pairs.from_texts(found, run.tokenizer, first=firsts[task])
            for task, found in texts.items()
        }
    by_task = data_of_run(args.checkpoint, run.info).by_task(part)
    return {task: by_task[task] for task in tasks}


def _neighbours(chapter: list[str], task: str, context: int) -> Iterator[tuple[list[str], str]]:
    """The pairs of a chapter's segments, as `Pairs.from_store` has them."""
    for place, segment in enumerate(chapter):
        source = {
            "next": chapter[max(place - context, 0) : place],
            "previous": chapter[place + 1 : place + 1 + context],
            "same": chapter[max(place + 1 - context, 0) : place + 1],
        }[task]
        if source:
            yield source, segment


def _chapters(args: argparse.Namespace, run: Run) -> list[list[str]]:
    """The segments of a corpus, chapter by chapter."""
    from novelgen.data.store import Store, is_store
    from novelgen.text.importing import CorpusImport

    if len(args.corpus) == 1 and is_store(args.corpus[0]):
        if (args.encoding, args.errors) != _AS_IT_IS:
            raise ConfigError(
                "--corpus 是 prepare 好的语料，不用 --encoding、--errors | the corpus is prepared already; leave out "
                "--encoding and --errors"
            )
        store = Store.open(args.corpus[0])
        segments = zip(store.chapters.tolist(), store.texts(), strict=True)
    else:
        text = run.config.text
        options = TextConfig(
            segment_length=text.segment_length,
            simplify=text.simplify,
            encoding=args.encoding,
            errors=args.errors,
        )
        segments = (
            (paragraph.chapter, segment)
            for paragraph in CorpusImport(args.corpus, options)
            for segment in paragraph.segments
        )
    return [
        [segment for _, segment in chapter]
        for _, chapter in itertools.groupby(segments, key=operator.itemgetter(0))
    ]


def _writing(
    run: Run, args: argparse.Namespace, pairs: Pairs, options: dict[str, Any]
) -> dict[str, float]:
    """Writes from sources spread over the pairs and measures the texts."""
    from novelgen.decoding.generator import Generator
    from novelgen.evaluation.writing import measure_writing

    # What is reported and compared is the text of the model itself.
    generator = Generator.of(run, "float32")
    return measure_writing(
        generator, pairs, args.generate, _training_text(run, args.checkpoint), options, _tell
    )


def _tell(done: int, of: int) -> None:
    """How far the writing is, for who waits at a terminal."""
    if sys.stderr.isatty():
        print(f"\r{done}/{of}", end="\n" if done == of else "", file=sys.stderr, flush=True)


def _training_text(run: Run, checkpoint: Path) -> Iterator[str] | None:
    """The segments that the run was trained on; None, with a word about it, where they are gone."""
    from novelgen.training.stores import data_of_run

    try:
        return data_of_run(checkpoint, run.info).targets("train")
    except CheckpointError as error:
        print(f"不量抄袭 copying is not measured: {error}", file=sys.stderr)
        return None

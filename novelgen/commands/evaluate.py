"""`python -m novelgen evaluate`: how well a run predicts, and what its writing is like."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from novelgen.cli import add_section, given, one_of
from novelgen.config import DecodingConfig, TextConfig, nearest
from novelgen.errors import ConfigError
from novelgen.text.tokenizers import EOS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from novelgen.data.pairs import Batch, Pairs
    from novelgen.text.tokenizers import Tokenizer
    from novelgen.training.checkpoint import Run

_PARTS = ("train", "valid", "test")
_NAMES = {"bits_per_character": "每字比特数 BPC", "perplexity": "每词元困惑度 perplexity", "pairs": "段落对 pairs",
          "characters": "字 characters", "tokens": "词元 tokens",
          "bits_per_character_shuffled": "源打乱后的 BPC with shuffled sources", "distinct_1": "distinct-1", "distinct_2": "distinct-2",
          "repeated_4grams": "重复四元组 repeated 4-grams", "bleu": "BLEU", "chrf": "chrF",
          "copied_8grams": "抄自训练文本的八元组 copied 8-grams"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the options of `evaluate`."""
    parser.add_argument("--checkpoint", required=True, type=Path, metavar="DIR", help="训练目录 | a run directory that train.py wrote")
    parser.add_argument("--part", default=None, metavar="|".join(_PARTS), help="用训练语料的哪一部分（默认 default: test）| part of "
                        "the run's own corpus")
    parser.add_argument("--corpus", nargs="+", type=Path, metavar="PATH", help="改用别的小说，全文 | another novel instead, all of it")
    parser.add_argument("--pairs", type=Path, metavar="FILE.tsv", help="改用自备的段落对：源、制表符、目标 | own pairs instead: "
                        "source TAB target")
    parser.add_argument("--generate", type=int, default=0, metavar="N", help="再写 N 段，量多样、重复、相似与抄袭 | write N paragraphs "
                        "and measure variety, repetition, likeness and copying")
    parser.add_argument("--shuffle-sources", action="store_true", help="再把源打乱量一次：差得越多，源用得越多 | also with shuffled "
                        "sources: the worse, the more the source is used")
    parser.add_argument("--device", default="auto", metavar="auto|cpu|cuda", help="在哪里算（默认 default: auto）| where to compute")
    parser.add_argument("--json", action="store_true", help="输出 JSON | print JSON")
    add_section(parser, DecodingConfig, "--generate 的解码 | decoding of --generate")


def main(args: argparse.Namespace) -> None:
    """Runs `evaluate`; the request is checked before anything is computed."""
    options = {"seed": 1, **given(args, DecodingConfig)}
    DecodingConfig(**options)
    one_of("--part、--corpus、--pairs", args.part, args.corpus, args.pairs)
    part = nearest(args.part or "test", _PARTS, "--part")
    if args.generate < 0:
        raise ConfigError(f"--generate {args.generate}：应 ≥ 0 | must be ≥ 0")

    from novelgen.training.checkpoint import load_run
    from novelgen.training.loss import measure

    run = load_run(args.checkpoint, args.device)
    pairs = _pairs(run, args, part)
    batch_tokens = 2 * run.config.training.batch_tokens
    found = measure(run.model, pairs, batch_tokens=batch_tokens, device=run.device)
    result: dict[str, Any] = {"bits_per_character": found.bits_per_character, "perplexity": found.perplexity,
                              "pairs": found.pairs, "characters": found.characters, "tokens": found.tokens}
    if args.shuffle_sources:
        shuffled = measure(run.model, pairs.shuffled_sources(seed=1), batch_tokens=batch_tokens, device=run.device)
        result["bits_per_character_shuffled"] = shuffled.bits_per_character
    if args.generate:
        result |= _writing(run, args, pairs, options)
    if args.json:
        print(json.dumps(result, ensure_ascii=False, indent=2))
    else:
        for name, value in result.items():
            print(f"{_NAMES[name]}: {value:,}" if isinstance(value, int) else f"{_NAMES[name]}: {value:.4f}")


def _pairs(run: Run, args: argparse.Namespace, part: str) -> Pairs:
    from novelgen.commands.stores import store_of_run
    from novelgen.data.pairs import Pairs

    if args.pairs:
        return Pairs.read_tsv(args.pairs, run.tokenizer)
    if args.corpus:
        return _whole_corpus(args.corpus, run)
    return Pairs.from_store(store_of_run(args.checkpoint, run.info), part, run.config.data.context_paragraphs)


def _whole_corpus(paths: list[Path], run: Run) -> Pairs:
    """All pairs of a corpus, spelled in the run's vocabulary."""
    from novelgen.data.pairs import Pairs
    from novelgen.text.importing import CorpusImport

    context, texts = run.config.data.context_paragraphs, []
    chapter, segments = None, []
    text_config = TextConfig(segment_length=run.config.text.segment_length, simplify=run.config.text.simplify)
    for paragraph in CorpusImport(paths, text_config):
        if paragraph.chapter != chapter:
            chapter, segments = paragraph.chapter, []
        for segment in paragraph.segments:
            if segments:
                texts.append((segments[-context:], segment))
            segments.append(segment)
    if not texts:
        raise ConfigError("--corpus 里没有相邻的两段 | the corpus holds no two paragraphs in a row")
    return Pairs.from_texts(texts, run.tokenizer)


def _writing(run: Run, args: argparse.Namespace, pairs: Pairs, options: dict[str, Any]) -> dict[str, float]:
    """Writes from sources spread over the pairs and measures the texts."""
    import numpy as np

    from novelgen.commands.stores import store_of_run
    from novelgen.decoding.generator import Generator
    from novelgen.evaluation.text import copied, distinct, likeness, repeated

    places = np.linspace(0, len(pairs) - 1, min(args.generate, len(pairs)), dtype=np.int64)
    generator = Generator(run.model, run.tokenizer, run.config, run.device)
    written, truth = [], []
    for number, (source, target) in enumerate(_texts(pairs.batch(places), run.tokenizer)):
        written.append(generator.generate(source, **{**options, "seed": options["seed"] + number}).text)
        truth.append(target)
        if sys.stderr.isatty():
            print(f"\r{number + 1}/{len(places)}", end="\n" if number + 1 == len(places) else "", file=sys.stderr, flush=True)
    training = store_of_run(args.checkpoint, run.info).texts("train")
    return {"distinct_1": distinct(written, 1), "distinct_2": distinct(written, 2), "repeated_4grams": repeated(written),
            **likeness(written, truth), "copied_8grams": copied(written, training)}


def _texts(batch: Batch, tokenizer: Tokenizer) -> Iterator[tuple[str, str]]:
    """Sources, their segments one a line, and targets as text."""
    for source, length, target in zip(batch.source, batch.source_lengths, batch.target, strict=True):
        lines, segment = [], []
        for token in source[:length].tolist():
            if token == EOS:
                lines.append(tokenizer.decode(segment))
                segment = []
            else:
                segment.append(token)
        yield "\n".join(lines), tokenizer.decode(target.tolist())

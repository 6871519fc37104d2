"""`python -m novelgen prepare`: a raw corpus in, a report, a store and perhaps text files of pairs out."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from novelgen.cli import add_section, explicit_options
from novelgen.config import DataConfig, TextConfig
from novelgen.data.export import export_pairs
from novelgen.data.prepare import prepare_at
from novelgen.data.split import NONE
from novelgen.data.store import Store
from novelgen.errors import ConfigError
from novelgen.text.importing import CorpusImport
from novelgen.text.report import Removal


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the options of `prepare`."""
    parser.add_argument(
        "--corpus",
        required=True,
        nargs="+",
        type=Path,
        metavar="PATH",
        help="小说文件或文件夹，可多个 | files and folders of text",
    )
    parser.add_argument(
        "--output",
        required=True,
        type=Path,
        metavar="DIR",
        help="存到哪里，可给 train.py 作语料 | where to store it, for train.py --corpus",
    )
    parser.add_argument(
        "--overwrite",
        action="store_true",
        help="换掉原有的语料 | replace the corpus prepared there",
    )
    parser.add_argument(
        "--export-pairs",
        type=Path,
        metavar="DIR",
        help="另写 train、valid、test.tsv | also write the pairs as text",
    )
    parser.add_argument(
        "--show-removed", action="store_true", help="列出清理掉的内容 | list what cleaning removed"
    )
    parser.add_argument(
        "--json", action="store_true", help="报告用 JSON | print the report as JSON"
    )
    add_section(parser, TextConfig, "文本 | text")
    add_section(parser, DataConfig, "数据 | data", without=("tasks",))


def main(args: argparse.Namespace) -> None:
    """Runs `prepare`."""
    if "context_paragraphs" in explicit_options(args, DataConfig) and not args.export_pairs:
        raise ConfigError(
            "--context-paragraphs 在这里只用于 --export-pairs；训练时请给 train.py | is for --export-pairs here; give it to "
            "train.py when training"
        )
    text, data = (
        TextConfig(**explicit_options(args, TextConfig)),
        DataConfig(**explicit_options(args, DataConfig)),
    )
    removals = _removals(args.corpus, text, print_them=not args.json) if args.show_removed else None
    store = prepare_at(args.corpus, text, data, args.output, overwrite=args.overwrite)
    exported = (
        export_pairs(store, args.export_pairs, data.context_paragraphs) if args.export_pairs else []
    )
    if args.json:
        print(json.dumps(to_dict(store, removals, exported), ensure_ascii=False, indent=2))
    else:
        print(to_text(store, exported))


def to_dict(store: Store, removals: list[Removal] | None, exported: list[Path]) -> dict[str, Any]:
    """The report as plain data."""
    meta = store.meta
    report = {
        **meta["import"],
        "pairs": sum(meta["pairs"].values()),
        "pairs_by_part": meta["pairs"],
        "target_characters": meta["target_characters"],
        "split": meta["split"],
        "tokens": meta["tokens"],
        "vocabulary_size": meta["vocabulary_size"],
        "store": str(store.directory),
    }
    if meta["split"]["rule"] == NONE:  # the three parts are the same pairs
        report["pairs"] = meta["pairs"]["train"]
    if removals is not None:
        report["removals"] = [removal._asdict() for removal in removals]
    if exported:
        report["exported"] = [str(path) for path in exported]
    return report


def to_text(store: Store, exported: list[Path]) -> str:
    """The report for a person: what was found, what was written, and what to do next."""
    lines = [store.summary(), f"存于 store       {store.directory}"]
    lines.extend(f"导出 exported    {path}" for path in exported)
    lines.append(f"下一步 next      python train.py --corpus {store.directory}")
    return "\n".join(lines)


def _removals(paths: list[Path], text: TextConfig, *, print_them: bool) -> list[Removal]:
    """What cleaning removes, also when too little is left or the store is there already."""
    corpus = CorpusImport(paths, text, list_removals=True)
    try:
        for _ in corpus:
            pass
    finally:
        if print_them:
            for removal in corpus.report.removals:
                print(removal)
    return corpus.report.removals

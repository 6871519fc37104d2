"""`python -m novelgen prepare`: imports a raw corpus, reports on it, and exports its pairs."""

from __future__ import annotations

import argparse
import json
import shlex
from pathlib import Path
from typing import Any

from novelgen.api.preparation import check_names_file, prepare, write_names
from novelgen.cli import add_section, explicit_options
from novelgen.commands.removed_lines import CHOICES, WORDS, import_removals
from novelgen.config import Config, DataConfig, TextConfig, validate_choice
from novelgen.data.export import export_pairs
from novelgen.data.novels import find_warnings
from novelgen.data.split import NONE
from novelgen.data.store import Store
from novelgen.errors import ConfigError
from novelgen.i18n import N_, _
from novelgen.text.names import Name

# How many of the names that were found are printed.
_SHOWN_NAMES = 20


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the options of `prepare`."""
    # What is read and written.
    parser.add_argument(
        "--corpus",
        required=True,
        nargs="+",
        type=Path,
        metavar="PATH",
        help=_("the novel: text files, .epub, or folders of them"),
    )
    parser.add_argument(
        "--output",
        required=True,
        type=Path,
        metavar="DIR",
        help=_("folder for the prepared corpus, which train --corpus takes"),
    )
    parser.add_argument(
        "--overwrite",
        action="store_true",
        help=_("replace the corpus that is prepared there"),
    )
    parser.add_argument(
        "--export-pairs",
        type=Path,
        metavar="DIR",
        help=_("also write the pairs as text: train.tsv, valid.tsv and test.tsv"),
    )
    parser.add_argument(
        "--show-removed",
        nargs="?",
        const=WORDS,
        metavar="|".join(CHOICES),
        help=_(
            "list what cleaning removed and what it was in doubt about; all: indentation, line "
            "ends and the like as well (default: words)"
        ),
    )
    parser.add_argument(
        "--find-names",
        type=Path,
        metavar="FILE",
        help=_(
            "also write the names and new words that are found, with their counts: a user "
            "dictionary to look over, for --tokenizer word --user-dict"
        ),
    )
    parser.add_argument("--json", action="store_true", help=_("print the report as JSON"))
    add_section(parser, TextConfig, N_("text options"))
    # Tasks are chosen in training: one prepared corpus serves them all.
    add_section(parser, DataConfig, N_("data options"), without=("tasks",))


def main(args: argparse.Namespace) -> None:
    """Runs `prepare`."""
    # 1. The request.
    data_options = explicit_options(args, DataConfig)
    if "context_paragraphs" in data_options and not args.export_pairs:
        raise ConfigError(
            _(
                "--context-paragraphs is only for --export-pairs here; to train with it, give it "
                "to train"
            )
        )
    if args.show_removed is not None:
        validate_choice(args.show_removed, CHOICES, "--show-removed")
    if args.find_names:
        check_names_file(args.find_names, overwrite=args.overwrite)
    text = TextConfig(**explicit_options(args, TextConfig))
    data = DataConfig(**data_options)
    # 2. The import, and what it leaves out. The list comes first, so that it is there even when too
    # little text is left to go on.
    removals = None
    if args.show_removed:
        removals = import_removals(args.corpus, text, args.show_removed, print_them=not args.json)
    store = prepare(
        args.corpus, args.output, Config(text=text, data=data), overwrite=args.overwrite
    )
    exported: list[Path] = []
    if args.export_pairs:
        exported = export_pairs(store, args.export_pairs, data.context_paragraphs)
    names = None
    if args.find_names:
        names = write_names(store, args.find_names, overwrite=args.overwrite)
    # 3. The report.
    if args.json:
        report = to_dict(store, removals, exported)
        if names is not None:
            report["names"] = [name._asdict() for name in names]
        print(json.dumps(report, ensure_ascii=False, indent=2))
        return
    if names is not None:
        print(_names_line(names, args.find_names))
    print(to_text(store, exported))


def _names_line(names: list[Name], path: Path) -> str:
    """What was found, with the most frequent ones."""
    first = " ".join(name.word for name in names[:_SHOWN_NAMES])
    message = _("{count:,} names and new words, to look over in {path}: {first} …")
    return message.format(count=len(names), path=path, first=first)


def to_dict(
    store: Store, removals: list[dict[str, Any]] | None, exported: list[Path]
) -> dict[str, Any]:
    """The report as plain data."""
    meta = store.meta
    report = {
        **meta["import"],
        "pairs": sum(meta["pairs"].values()),
        "pairs_by_part": meta["pairs"],
        "target_characters": meta["target_characters"],
        "split": meta["split"],
        "warnings": find_warnings(meta),
        "novels": _novels(meta),
        "statistics": meta.get("statistics"),
        "duplicate_files": meta.get("duplicate_files", []),
        "tokens": meta["tokens"],
        "vocabulary_size": meta["vocabulary_size"],
        "store": str(store.directory),
        **_chapters(meta["import"]),
    }
    # Of a corpus too small to be split, the three parts are the same pairs.
    if meta["split"]["rule"] == NONE:
        report["pairs"] = meta["pairs"]["train"]
    if removals is not None:
        report["removals"] = removals
    if exported:
        report["exported"] = [str(path) for path in exported]
    return report


def _chapters(imported: dict[str, Any]) -> dict[str, Any]:
    """The chapters' titles and places, where the import tells them."""
    if "titles" not in imported:
        return {}
    files = [file["path"] for file in imported["files"]]
    return {
        "chapters_at": [
            {"file": files[place["file"]], "line": place["line"]}
            for place in imported.get("places", [])
        ],
    }


def _novels(meta: dict[str, Any]) -> list[dict[str, Any]]:
    """The figures of every novel, with the titles of what is held out where they are known."""
    titles = meta["import"].get("titles", [])
    novels = []
    for novel in meta.get("novels", []):
        # From a chapter's number in the novel, from 1, to its place in the corpus, from 0.
        first = novel["chapters_before"] - 1
        held_out_titles = {
            part: [titles[first + number] for number in numbers if number > 0]
            for part, numbers in novel["held_out"].items()
            if titles
        }
        if held_out_titles:
            novel = {**novel, "held_out_titles": held_out_titles}
        novels.append(novel)
    return novels


def to_text(store: Store, exported: list[Path]) -> str:
    """The report for a person: what was found, what was written, and what to do next."""
    lines = [store.summary(), _("stored in: {path}").format(path=store.directory)]
    lines.extend(_("exported: {path}").format(path=path) for path in exported)
    # A command to copy: a path with a space stays one word of it.
    command = f"python -m novelgen train --corpus {shlex.quote(str(store.directory))}"
    lines.append(_("next step: {command}").format(command=command))
    return "\n".join(lines)

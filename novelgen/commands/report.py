"""`python -m novelgen report`: from runs to a report that a student can begin from."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from novelgen.api.report import FORMATS, part_name, write_report
from novelgen.config import DEVICES
from novelgen.i18n import _


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the options of `report`."""
    parser.add_argument(
        "--checkpoint",
        required=True,
        nargs="+",
        type=Path,
        metavar="DIR",
        help=_("run directories; the report is about the first, the others are compared with it"),
    )
    parser.add_argument(
        "--output",
        type=Path,
        default=Path("report"),
        metavar="DIR",
        help=_("folder of the report (default: report)"),
    )
    parser.add_argument(
        "--format",
        default=",".join(FORMATS),
        metavar="md,docx,pdf,html",
        help=_("formats, with commas between them (default: all)"),
    )
    for name, text in (
        ("--title", _("title of the report")),
        ("--author", _("your name, for the title page")),
        ("--student-id", _("your student number, for the title page")),
        ("--course", _("the course, for the title page")),
    ):
        parser.add_argument(name, metavar="TEXT", help=text)
    parser.add_argument(
        "--quick", action="store_true", help=_("a preview in about a minute, with rough figures")
    )
    parser.add_argument(
        "--device",
        default="auto",
        metavar="|".join(DEVICES),
        help=_("device to compute on (default: auto)"),
    )


def main(args: argparse.Namespace) -> None:
    """Runs `report`, and names the files that it wrote."""
    paths = write_report(
        args.checkpoint,
        args.output,
        formats=[name.strip() for name in args.format.split(",") if name.strip()],
        title=args.title,
        author=args.author,
        student_id=args.student_id,
        course=args.course,
        quick=args.quick,
        device=args.device,
        on_progress=_show_progress,
    )
    for path in paths:
        print(path)


def _show_progress(part: str, done: int, total: int) -> None:
    """A line for each part; on a terminal it also counts."""
    name = part_name(part)
    if sys.stderr.isatty():
        end = "\n" if done == total else ""
        print(f"\r{name} {done}/{total}", end=end, file=sys.stderr, flush=True)
    elif done == total:
        print(name, file=sys.stderr, flush=True)

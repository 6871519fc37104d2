"""`python -m novelgen doctor`: checks the machine, the packages, a run and a corpus."""

from __future__ import annotations

import argparse
from collections import Counter
from pathlib import Path

from novelgen.api.diagnosis import Finding, diagnose
from novelgen.i18n import N_, _
from novelgen.terminal import aligned_lines

_STATUS = {"ok": N_("ok"), "warning": N_("warning"), "wrong": N_("wrong")}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the options of `doctor`."""
    parser.add_argument(
        "--checkpoint", type=Path, metavar="DIR", help=_("also check this run directory")
    )
    parser.add_argument(
        "--corpus", type=Path, metavar="PATH", help=_("also check this novel, or folder of them")
    )


def main(args: argparse.Namespace) -> None:
    """Prints each finding as it is made; exits with 2 where something is wrong."""
    counts: Counter[str] = Counter()
    for finding in diagnose(args.checkpoint, args.corpus):
        counts[finding.status] += 1
        print("\n".join(_lines(finding)), flush=True)
    print()
    if counts["wrong"]:
        print(_("wrong: {count}; what to do stands below each").format(count=counts["wrong"]))
        raise SystemExit(2)
    if counts["warning"]:
        print(_("nothing is wrong; warnings: {count}").format(count=counts["warning"]))
    else:
        print(_("all is well"))


def _lines(finding: Finding) -> list[str]:
    """A finding, and below it what to do."""
    # The widest of the words, so that all lines have the same columns.
    rows = [(_(name), "") for name in _STATUS.values()]
    told = _("{subject}: {message}").format(subject=finding.subject, message=finding.message)
    rows.insert(0, (_(_STATUS[finding.status]), told))
    rows.insert(1, ("", f"→ {finding.remedy}"))
    first, second = aligned_lines(rows)[:2]
    return [first, second] if finding.remedy else [first]

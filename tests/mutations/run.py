"""Breaks the package on purpose, one line at a time, and shows which of the unit tests goes red.

`python tests/mutations/run.py` tries all mutations of the lists beside this file, `--module text`
those of a folder or file, `--only WORD` those whose description has the word, `--near` the nearest
tests alone, `--check` nothing but whether the lists fit the code. A mutation that no test catches
is a test to write. On Linux and macOS.

The work is done in a copy. The tests that went red are run without a mutation at the end: those
that are red then too are named, and what they have "caught" is tried again without them.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from laboratory import Laboratory, TestRun
from lists import LISTS, PROJECT, Mutation, read_list


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--module", nargs="*", default=[""], help="folders or files")
    parser.add_argument("--only", default="", help="a word of the description")
    parser.add_argument("--near", action="store_true", help="run the nearest tests alone")
    parser.add_argument("--check", action="store_true", help="only check the lists")
    parser.add_argument("--tier", default="unit", help="which tests, as pytest's -m has it")
    parser.add_argument("--directory", type=Path, help="where to keep the copy for the next time")
    return parser.parse_args()


def _verdict(laboratory: Laboratory, mutation: Mutation, *, near: bool) -> tuple[str, TestRun]:
    """("caught" or "survived", the last run): of the nearest tests, then of all."""
    run = laboratory.try_out(mutation, mutation.nearest)
    if not run.is_red and not near:
        run = laboratory.try_out(mutation, ["tests"])
    if run.is_red:
        return "caught", run
    return "survived", run


def _try_all(
    mutations: Sequence[Mutation], laboratory: Laboratory, *, near: bool
) -> Iterator[tuple[str, Mutation, str]]:
    """("caught" or "survived", mutation, what to print) of every mutation."""
    waiting = list(mutations)
    while waiting:
        catches: list[tuple[Mutation, str]] = []
        for mutation in waiting:
            verdict, run = _verdict(laboratory, mutation, near=near)
            line = f"{verdict:8} {run.seconds:5.1f} s  {mutation.module}: {mutation.breaks}"
            if verdict == "caught":
                line += f"  <- {run.first}"
                catches += [(mutation, test) for test in run.failed[:1]]
            print(line, flush=True)
            yield verdict, mutation, line
        # What caught a mutation must be green without it: else the mutation is tried once more.
        red = laboratory.find_red(test for _, test in catches)
        for test in sorted(red):
            print(f"red without a mutation, and left out from now on: {test}", flush=True)
        waiting = [mutation for mutation, test in catches if test in red]


def main() -> int:
    """Tries the mutations that are asked for; returns 1 where one survives or does not fit."""
    arguments = _arguments()
    mutations = [
        mutation
        for path in sorted(LISTS.glob("*.txt"))
        for mutation in read_list(path)
        if mutation.module.startswith(tuple(arguments.module)) and arguments.only in mutation.breaks
    ]
    fitting = []
    found: dict[tuple[str, str], tuple[str, str]] = {}  # (verdict, line), the last one counts
    for mutation in mutations:
        problem = mutation.problem(PROJECT)
        if not problem:
            fitting.append(mutation)
            continue
        line = f"refused  {mutation.module}: {mutation.breaks}: {problem}"
        print(line)
        found[mutation.module, mutation.breaks] = "refused", line
    if not arguments.check:
        with tempfile.TemporaryDirectory() as temporary:
            laboratory = Laboratory(arguments.directory or Path(temporary), arguments.tier)
            for verdict, mutation, line in _try_all(fitting, laboratory, near=arguments.near):
                found[mutation.module, mutation.breaks] = verdict, line
    return _summary(len(mutations), found)


def _summary(total: int, found: Mapping[tuple[str, str], tuple[str, str]]) -> int:
    """Prints the counts of every folder, and what survived; returns the exit status."""
    counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for (module, _), (verdict, _) in found.items():
        counts[module.partition("/")[0].removesuffix(".py")][verdict] += 1
    print(f"{total} mutations")
    for area, count in sorted(counts.items()):
        print(f"{area:12} " + ", ".join(f"{name} {count[name]}" for name in sorted(count)))
    missed = [line for verdict, line in found.values() if verdict != "caught"]
    print("\n".join(missed))
    return int(bool(missed))


if __name__ == "__main__":
    sys.exit(main())

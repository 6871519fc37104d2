"""Breaks the package on purpose, one line at a time, and shows which of the unit tests goes red.

`python tests/mutations/run.py` tries all mutations of the lists beside this file, `--module text`
those of a folder or file, `--only WORD` those whose description has the word, `--near` the nearest
tests alone, `--check` nothing but whether the lists fit the code. A mutation that no test catches
is a test to write. On Linux and macOS.

The work is done in a copy. A test that goes red is run without the mutation as well: one that is
red then too is left out and named, so that it "catches" nothing.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import Counter
from pathlib import Path

from laboratory import Laboratory, TestRun
from lists import LISTS, PROJECT, Mutation, read_list


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--module", default="", help="a folder or file below novelgen/")
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


def main() -> int:
    """Tries the mutations that are asked for; returns 1 where one survives or does not fit."""
    arguments = _arguments()
    mutations = [
        mutation
        for path in sorted(LISTS.glob("*.txt"))
        for mutation in read_list(path)
        if mutation.module.startswith(arguments.module) and arguments.only in mutation.breaks
    ]
    counts: dict[str, Counter[str]] = {}
    survivors = []
    fitting = []
    for mutation in mutations:
        area = mutation.module.partition("/")[0].removesuffix(".py")
        problem = mutation.problem(PROJECT)
        if problem:
            counts.setdefault(area, Counter())["refused"] += 1
            print(f"refused  {mutation.module}: {mutation.breaks}: {problem}", flush=True)
        else:
            fitting.append((area, mutation))
    if not arguments.check:
        with tempfile.TemporaryDirectory() as temporary:
            laboratory = Laboratory(arguments.directory or Path(temporary), arguments.tier)
            for area, mutation in fitting:
                verdict, run = _verdict(laboratory, mutation, near=arguments.near)
                counts.setdefault(area, Counter())[verdict] += 1
                line = f"{run.seconds:5.1f} s  {mutation.module}: {mutation.breaks}"
                if verdict == "survived":
                    survivors.append(line)
                else:
                    line += f"  <- {run.first}"
                print(f"{verdict:8} {line}", flush=True)
            for test in sorted(laboratory.red):
                print(f"left out, red without a mutation: {test}")
    print(f"{len(mutations)} mutations")
    for area, count in sorted(counts.items()):
        print(f"{area:12} " + ", ".join(f"{name} {count[name]}" for name in sorted(count)))
    for line in survivors:
        print(f"survived {line}")
    return int(any(count["survived"] + count["refused"] for count in counts.values()))


if __name__ == "__main__":
    sys.exit(main())

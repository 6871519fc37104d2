"""The lists of mutations: how they are written, and how they are read.

A list has one block for each mutation, in the manner of a diff. The lines after `-` must stand in
the file exactly once, and are replaced by those after `+`:

    text/encoding.py: damage costs nothing when encodings are compared
    -return (common - 5 * len(_NOISE.findall(text))) / foreign
    +return common / foreign

`tests: …` in a block names the nearest tests where they are not those of the same name (test_x.py
of x.py), or else of the same folder.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

LISTS = Path(__file__).parent
PROJECT = LISTS.parent.parent


@dataclass
class Mutation:
    """One line of the package, right and wrong."""

    module: str  # below novelgen/
    breaks: str
    old: str = ""
    new: str = ""
    tests: list[str] = field(default_factory=list)  # the nearest ones, where they are named

    @property
    def nearest(self) -> list[str]:
        """The tests that should catch it: those named, of the same name, or of the same folder."""
        if self.tests:
            return self.tests
        folder = Path("tests", self.module).parent
        mirrored = folder / f"test_{Path(self.module).stem}.py"
        if (PROJECT / mirrored).is_file():
            return [mirrored.as_posix()]
        return [folder.as_posix()]

    def problem(self, root: Path) -> str:
        """Why it cannot be made in the code below `root`; empty where it can."""
        path = root / "novelgen" / self.module
        if not path.is_file():
            return "no such file"
        found = path.read_text(encoding="utf-8").count(self.old)
        if found != 1:
            return f"the old text stands there {found} times, not once"
        if self.old == self.new:
            return "it changes nothing"
        return ""


def read_list(path: Path) -> Iterator[Mutation]:
    """The mutations of a list; raises ValueError for a line that is none of its parts."""
    for block in path.read_text(encoding="utf-8").split("\n\n"):
        lines = [line for line in block.splitlines() if line and not line.startswith("#")]
        if not lines:
            continue
        module, colon, breaks = lines[0].partition(": ")
        if not colon:
            raise ValueError(f"{path.name}: {lines[0]!r} is no `file: what it breaks`")
        mutation = Mutation(module, breaks)
        for line in lines[1:]:
            if line.startswith("tests: "):
                mutation.tests = line.removeprefix("tests: ").split()
            elif line[0] not in "-+":
                raise ValueError(f"{path.name}: {line!r} begins with neither - nor +")
        mutation.old = "\n".join(line[1:] for line in lines[1:] if line[0] == "-")
        mutation.new = "\n".join(line[1:] for line in lines[1:] if line[0] == "+")
        yield mutation

"""How the code reads, in figures: lines, conditional expressions, comments, functions, docstrings.

    python benchmarks/readability.py                  # the package
    python benchmarks/readability.py PATH [PATH ...]  # files, folders, checkouts, side by side

Lines are those that are not blank. Columns are counted as a terminal shows them: a Chinese
character has two.
"""

from __future__ import annotations

import argparse
import ast
import io
import re
import statistics
import tokenize
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
COLUMNS = 100
TARGETS = 3  # an assignment to so many at once counts
# The rules of language of these folders are Chinese: numerals, heading words, patterns of adverts.
LINGUISTIC = ("text",)
CJK = re.compile(r"[\u2e80-\u9fff\uf900-\ufaff\uff00-\uffef]")


@dataclass
class Counts:
    """What was counted in some files, together."""

    widths: list[int] = field(default_factory=list)  # characters of each line that is not blank
    too_wide: int = 0  # lines of more than COLUMNS columns
    conditionals: int = 0  # conditional expressions: a if b else c
    nested: int = 0  # of these, those with another one inside
    unpackings: int = 0  # assignments to TARGETS targets or more
    comments: int = 0  # lines that have a comment
    functions: list[int] = field(default_factory=list)  # lines of each
    public: int = 0  # modules, classes and functions without an underscore
    documented: int = 0  # of these, those with a docstring
    chinese: int = 0  # literals with a Chinese character, outside LINGUISTIC

    def add(self, path: Path) -> None:
        """Counts a file of Python."""
        text = path.read_text(encoding="utf-8")
        lines = [line for line in text.splitlines() if line.strip()]
        self.widths += map(len, lines)
        self.too_wide += sum(columns(line) > COLUMNS for line in lines)
        self.comments += _comments(text)
        tree = ast.parse(text)
        for node in ast.walk(tree):
            self._count(node)
        for definition in _public(tree):
            self.public += 1
            self.documented += ast.get_docstring(definition) is not None
        if path.parent.name not in LINGUISTIC:
            self.chinese += sum(1 for _ in chinese_literals(tree))

    def _count(self, node: ast.AST) -> None:
        if isinstance(node, ast.IfExp):
            self.conditionals += 1
            inner = (child for each in ast.iter_child_nodes(node) for child in ast.walk(each))
            self.nested += any(isinstance(child, ast.IfExp) for child in inner)
        elif isinstance(node, ast.Assign):
            # One call that returns its parts may be unpacked: no choice of ours makes it shorter.
            is_call = isinstance(node.value, ast.Call)
            self.unpackings += not is_call and any(_width(t) >= TARGETS for t in node.targets)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            self.functions.append((node.end_lineno or node.lineno) - node.lineno + 1)

    def rows(self) -> Iterator[tuple[str, str]]:
        """The figures, as names and texts."""
        lines = len(self.widths)
        widths, functions = sorted(self.widths), sorted(self.functions)
        yield "lines that are not blank", f"{lines:,}"
        yield "characters in a line, median / 90th percentile", _spread(widths)
        yield f"lines over {COLUMNS} columns", str(self.too_wide)
        yield "conditional expressions, per 1,000 lines", f"{1000 * self.conditionals / lines:.1f}"
        yield "nested conditional expressions", str(self.nested)
        yield (
            f"assignments to {TARGETS} targets or more, per 1,000 lines",
            f"{1000 * self.unpackings / lines:.1f}",
        )
        yield "lines with a comment, per 100 lines", f"{100 * self.comments / lines:.1f}"
        yield (
            "lines of a function, median / 90th percentile / longest",
            f"{_spread(functions)} / {functions[-1] if functions else 0}",
        )
        yield "public definitions with a docstring", f"{self.documented / max(self.public, 1):.0%}"
        yield "literals with Chinese characters, outside text/", str(self.chinese)


def columns(line: str) -> int:
    """The columns that a terminal needs for a line."""
    return sum(2 if unicodedata.east_asian_width(each) in "WF" else 1 for each in line)


def chinese_literals(tree: ast.AST) -> Iterator[ast.Constant]:
    """The string literals with Chinese characters or punctuation; docstrings too."""
    for node in ast.walk(tree):
        is_text = isinstance(node, ast.Constant) and isinstance(node.value, str)
        if is_text and CJK.search(node.value):
            yield node


def count(path: Path) -> Counts:
    """The counts of a file, or of all Python files of a folder.

    Of its novelgen/ where it is a checkout.
    """
    if (path / "novelgen").is_dir():
        path = path / "novelgen"
    counts = Counts()
    for file in [path] if path.is_file() else sorted(path.rglob("*.py")):
        counts.add(file)
    return counts


def _comments(text: str) -> int:
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    return sum(token.type == tokenize.COMMENT for token in tokens)


def _width(target: ast.expr) -> int:
    """To how many names a target assigns, those of inner tuples counted."""
    if isinstance(target, ast.Tuple | ast.List):
        return sum(map(_width, target.elts))
    return 1


def _public(tree: ast.Module) -> Iterator[ast.Module | ast.ClassDef | ast.FunctionDef]:
    """The module, its public classes and functions, and the public methods of these classes."""
    yield tree
    for node in tree.body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef) and not node.name.startswith("_"):
            yield node
            inner = node.body if isinstance(node, ast.ClassDef) else []
            for method in inner:
                if isinstance(method, ast.FunctionDef) and not method.name.startswith("_"):
                    yield method


def _spread(values: list[int]) -> str:
    """Median and 90th percentile of sorted values."""
    if not values:
        return "0 / 0"
    return f"{statistics.median(values):.0f} / {values[int(0.9 * (len(values) - 1))]}"


def main() -> None:
    """Prints a table, a column for each path."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("paths", nargs="*", type=Path, default=[PROJECT], metavar="PATH")
    paths = parser.parse_args().paths
    tables = [dict(count(path).rows()) for path in paths]
    print(f"| | {' | '.join(map(str, paths))} |")
    print("|---" * (len(paths) + 1) + "|")
    for name in tables[0]:
        print(f"| {name} | {' | '.join(table[name] for table in tables)} |")


if __name__ == "__main__":
    main()

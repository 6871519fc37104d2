"""Tests read no private names of others: what they need is public, or given to a constructor."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import novelgen

TESTS = Path(__file__).parent
PACKAGE = Path(novelgen.__file__).parent
FOLDERS = sorted({path.parent for path in TESTS.rglob("*.py")})

# The public methods of named tuples, and gettext's function.
PUBLIC = {"_", "_asdict", "_field_defaults", "_fields", "_make", "_replace"}
# Private by name alone: the documents of Python and of PyTorch tell their users of both.
DOCUMENTED = {"os._exit", "torch.utils._python_dispatch"}
# A name by itself, at the end of a path or imported: what setattr is given, or another process.
IN_STRING = re.compile(r"(?:^|\.|\bimport )(_\w+)")


def is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__") and name not in PUBLIC


def parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def private_names(tree: ast.AST) -> Iterator[str]:
    """The private names of a tree's variables, attributes, functions and classes."""
    for node in ast.walk(tree):
        match node:
            case (
                ast.Name(id=name)
                | ast.Attribute(attr=name)
                | ast.FunctionDef(name=name)
                | ast.ClassDef(name=name)
            ) if is_private(name):
                yield name


def own_attributes(tree: ast.AST) -> Iterator[str]:
    """`self.name` for all that the tree's classes define or assign."""
    for node in ast.walk(tree):
        match node:
            case ast.Attribute(value=ast.Name(id="self"), attr=name, ctx=ast.Store()):
                yield f"self.{name}"
            case ast.ClassDef(body=body):
                for part in body:
                    if isinstance(part, ast.FunctionDef):
                        yield f"self.{part.name}"


def private_uses(tree: ast.AST, of_package: set[str]) -> Iterator[tuple[int, str]]:
    """Lines at which a name is read, imported or spelled that is private and not the tree's own.

    In a string only names of the package count.
    """
    allowed = DOCUMENTED.union(own_attributes(tree))
    for node in ast.walk(tree):
        imported: list[str] = []
        match node:
            case ast.Attribute(attr=name) if is_private(name) and ast.unparse(node) not in allowed:
                yield node.lineno, ast.unparse(node)
            case ast.Constant(value=str(text)):
                for name in of_package & set(IN_STRING.findall(text)):
                    yield node.lineno, repr(name)
            case ast.Import(names=names):
                imported = [each.name for each in names]
            case ast.ImportFrom(module=str(module), names=names):
                imported = [module, *(each.name for each in names)]
        parts = [part for each in imported if each not in DOCUMENTED for part in each.split(".")]
        if any(map(is_private, parts)):
            yield node.lineno, ast.unparse(node)


@pytest.fixture(scope="module")
def of_package() -> set[str]:
    return {name for path in PACKAGE.rglob("*.py") for name in private_names(parse(path))}


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: str(folder.relative_to(TESTS)))
def test_no_test_uses_a_private_name_of_others(folder, of_package):
    found = [
        f"{path.relative_to(TESTS)}:{line}: {name}"
        for path in sorted(folder.glob("*.py"))
        for line, name in private_uses(parse(path), of_package)
    ]
    assert not found, f"{len(found)} uses of private names\n" + "\n".join(found)


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("trainer._hidden()", ["trainer._hidden"]),
        ("from novelgen.text.words import _cutter", ["from novelgen.text.words import _cutter"]),
        ("import novelgen._x as x", ["import novelgen._x as x"]),
        ("monkeypatch.setattr(trainer, '_hidden', None)", ["'_hidden'"]),
        ("monkeypatch.setattr('novelgen.training.trainer._hidden', None)", ["'_hidden'"]),
        ("program = 'import os; trainer._hidden = 1'", ["'_hidden'"]),
        ("program = 'from novelgen.training.trainer import _hidden'", ["'_hidden'"]),
        ("class A(Trainer):\n  def f(self): return self._hidden()", ["self._hidden"]),
        ("class A:\n  def _hidden(self): ...\n  def f(self): return self._hidden()", []),
        ("class A:\n  def f(self): self._x = 1; return self._x", []),
        ("position._replace(step=1)", []),
        ("'_other', 'read_{count}_hidden'", []),
        ("os._exit(1)", []),
        ("from novelgen.i18n import _\nmodule.__name__", []),
    ],
)
def test_what_counts_as_private(source, found):
    assert [name for _, name in private_uses(ast.parse(source), {"_hidden"})] == found

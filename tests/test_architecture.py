"""The folders import each other as the table of docs/architecture.md says, and no others."""

import ast
import functools
import re
import subprocess
import sys
from pathlib import Path

import gradio
import pytest

PROJECT = Path(__file__).parents[1]
PACKAGE = PROJECT / "novelgen"
# As the table has them: folder | duty | imports | packages that nobody else imports.
ROWS = re.findall(
    r"^\| `(\w+)/` \|[^|]*\|([^|]*)\|([^|]*)\|$",
    (PROJECT / "docs" / "architecture.md").read_text(encoding="utf-8"),
    re.MULTILINE,
)
FOLDERS = [folder for folder, _, _ in ROWS]
# What stands beside the folders, for all of them; of it `models/` takes little.
BESIDE_MODELS = {"config", "options", "errors", "i18n"}
# `data/` and `text/` run in worker processes that torch would make slow and large.
WITHOUT_TORCH = ("text", "data")


def named_in(cell):
    return re.findall(r"`(\w+)/`", cell)


def allowed(folder, cell):
    """The folders that one may import: those that are named, or all above but those."""
    above = FOLDERS[: FOLDERS.index(folder)]
    if not cell.strip().startswith("all above"):
        return set(named_in(cell))
    return set(above) - set(named_in(cell))


@functools.cache
def imports(path):
    """Full names of the modules that a file imports, within functions too."""
    names = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import"
            names += [f"{node.module}.{alias.name}" for alias in node.names]
    return names


def files_of(folder):
    return sorted((PACKAGE / folder).rglob("*.py"))


def imported_parts(folder):
    """(what is imported of novelgen, folder or module; the file that does)."""
    return [
        (name.split(".")[1], path.name)
        for path in files_of(folder)
        for name in imports(path)
        if name.startswith("novelgen.")
    ]


def test_table_lists_every_folder_with_modules():
    folders = {path.parent.name for path in PACKAGE.glob("*/*.py")}
    # They stand beside the folders, in the table of modules.
    assert folders - {"config", "locale"} <= set(FOLDERS)


@pytest.mark.parametrize(("folder", "cell"), [(folder, cell) for folder, cell, _ in ROWS])
def test_folder_imports_earlier_ones_alone(folder, cell):
    may = allowed(folder, cell)
    assert may <= set(FOLDERS[: FOLDERS.index(folder)]), "the table names a later folder"
    wrong = [
        (part, name)
        for part, name in imported_parts(folder)
        if part in FOLDERS and part != folder and part not in may
    ]
    assert not wrong


def test_models_can_be_read_by_themselves():
    parts = {part for part, _ in imported_parts("models")}
    assert parts <= {"models", *BESIDE_MODELS}


@pytest.mark.parametrize(
    ("folder", "package"),
    [(folder, package) for folder, _, cell in ROWS for package in re.findall(r"\w+", cell)],
)
def test_heavy_package_is_imported_by_its_folder_alone(folder, package):
    importers = {
        path.relative_to(PACKAGE).parts[0]
        for path in PACKAGE.rglob("*.py")
        if any(name.split(".")[0] == package for name in imports(path))
    }
    assert importers == {folder}


@pytest.mark.parametrize("folder", WITHOUT_TORCH)
def test_stages_before_the_model_import_no_torch(folder):
    modules = [
        ".".join(path.relative_to(PROJECT).with_suffix("").parts) for path in files_of(folder)
    ]
    code = f"import importlib, sys\nfor name in {modules}: importlib.import_module(name)\n"
    code += "assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], cwd=PROJECT, check=True)


def test_services_of_the_page_import_no_gradio():
    files = sorted((PACKAGE / "web" / "services").glob("*.py"))
    assert files
    for path in files:
        wrong = [name for name in imports(path) if name.startswith(("gradio", "novelgen.web.tabs"))]
        assert not wrong, path.name


def test_the_page_uses_nothing_but_gradios_public_names():
    """What `import gradio` lists: not its modules, which change from one version to the next."""
    # Its guide documents these two as well.
    public = {*gradio.__all__, "themes", "api"}
    wrong = []
    for path in sorted(PACKAGE.rglob("*.py")):
        wrong += [(path.name, name) for name in imports(path) if name.startswith("gradio.")]
        wrong += [
            (path.name, node.attr)
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
            if isinstance(node, ast.Attribute)
            and isinstance(node.value, ast.Name)
            and node.value.id == "gr"
            and node.attr not in public
        ]
    assert not wrong

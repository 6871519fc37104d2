"""The package: what is in it, what it needs, and what a clone has beside it."""

import ast
import subprocess
import sys
import zipfile
from importlib import metadata
from pathlib import Path

import pytest
from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import novelgen
from novelgen.shipped import shipped_novel

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

PROJECT = Path(__file__).parents[1]
PYPROJECT = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))
DEPENDENCIES = [Requirement(line) for line in PYPROJECT["project"]["dependencies"]]
EXTRAS = {
    name: [Requirement(line) for line in lines]
    for name, lines in PYPROJECT["project"]["optional-dependencies"].items()
}
# What is imported under another name than that of its package.
PACKAGE_NAMES = {"docx": "python-docx"}
# Imported where they are there, or by a script for developers.
OPTIONAL = {"triton", "babel"}
# Imported by torch.utils.tensorboard.
INDIRECT = {"tensorboard"}
PYTHONS = ("3.10", "3.11", "3.12", "3.13", "3.14")


def imported_packages(folder):
    """The names of all packages that a folder's modules import, but those of Python and ours."""
    names = set()
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                names.add(node.module.partition(".")[0])
    ours = {"novelgen", "benchmarks", "tests"}
    third_party = names - set(sys.stdlib_module_names) - ours
    return {canonicalize_name(PACKAGE_NAMES.get(name, name)) for name in third_party}


def names(requirements):
    return {canonicalize_name(requirement.name) for requirement in requirements}


def test_every_package_that_is_imported_is_declared_and_no_other():
    imported = imported_packages(PROJECT / "novelgen") - OPTIONAL
    assert imported == names(DEPENDENCIES) - INDIRECT
    assert names(EXTRAS["test"]) >= OPTIONAL


def test_every_range_has_a_lower_bound():
    for requirement in DEPENDENCIES:
        assert any(bound.operator == ">=" for bound in requirement.specifier), requirement


def test_developers_get_what_the_tests_need():
    assert "novelgen" in names(EXTRAS["dev"])
    assert {"test"} == next(each for each in EXTRAS["dev"] if each.name == "novelgen").extras


@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize("platform", ["linux", "darwin", "win32"])
def test_requirements_pin_one_version_in_the_range_of_each_dependency(python, platform):
    lines = (PROJECT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    environment = default_environment() | {
        "python_version": python,
        "python_full_version": f"{python}.0",
        "sys_platform": platform,
    }
    pins = {}
    for line in lines:
        if line.startswith("#"):
            continue
        pin = Requirement(line)
        if pin.marker is None or pin.marker.evaluate(environment):
            name = canonicalize_name(pin.name)
            assert name not in pins, "two versions of one package"
            (specifier,) = pin.specifier
            assert specifier.operator == "=="
            pins[name] = specifier.version
    for dependency in DEPENDENCIES:
        assert dependency.specifier.contains(pins[canonicalize_name(dependency.name)]), dependency
    # A torch for CPUs needs none of them, and one for CUDA names each in one version itself.
    assert not [name for name in pins if name.startswith(("nvidia", "cuda", "triton"))]


def test_the_version_is_written_in_one_place():
    assert "version" not in PYPROJECT["project"]
    assert PYPROJECT["tool"]["hatch"]["version"]["path"] == "novelgen/__init__.py"
    assert novelgen.__version__.count(".") == 2


@pytest.mark.parametrize("name", ["train", "app"])
def test_a_shim_runs_the_command_of_its_name(monkeypatch, name):
    calls = []
    monkeypatch.setattr("novelgen.__main__.command", calls.append)
    monkeypatch.setattr(sys, "argv", [f"{name}.py", "--lang", "en"])
    code = compile((PROJECT / f"{name}.py").read_text(encoding="utf-8"), name, "exec")
    exec(code, {"__name__": "__main__"})
    assert calls == [[name, "--lang", "en"]]
    # A process that training starts may import the script again.
    exec(code, {"__name__": "__mp_main__"})
    assert len(calls) == 1


def test_a_clone_has_the_novel_beside_the_package():
    assert shipped_novel() == PROJECT / "corpus" / "novel.txt"


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The source distribution and, built from it alone, the wheel."""
    pytest.importorskip("hatchling")
    folder = tmp_path_factory.mktemp("dist")
    build(PROJECT, "sdist", folder)
    (archive,) = folder.glob("*.tar.gz")
    subprocess.run(["tar", "-xzf", archive, "-C", folder], check=True)
    source = folder / archive.name.removesuffix(".tar.gz")
    build(source, "wheel", folder)
    (wheel,) = folder.glob("*.whl")
    return source, wheel


def build(project, target, folder):
    words = ["-m", "hatchling", "build", "--target", target, "--directory", folder]
    subprocess.run([sys.executable, *words], cwd=project, check=True, capture_output=True)


@pytest.mark.slow
def test_the_wheel_holds_the_program_and_all_that_it_reads(built):
    _source, wheel = built
    with zipfile.ZipFile(wheel) as archive:
        inside = set(archive.namelist())
        novel = archive.read("novelgen/corpus/novel.txt")
        about = archive.read(f"novelgen-{novelgen.__version__}.dist-info/METADATA").decode()
        scripts = archive.read(f"novelgen-{novelgen.__version__}.dist-info/entry_points.txt")
    assert novel == (PROJECT / "corpus" / "novel.txt").read_bytes()
    for pattern in ("*.py", "py.typed", "web/static/*", "locale/*/LC_MESSAGES/*"):
        files = [path for path in (PROJECT / "novelgen").rglob(pattern) if path.is_file()]
        assert files
        assert {path.relative_to(PROJECT).as_posix() for path in files} <= inside
    assert {name.partition("/")[0] for name in inside} == {
        "novelgen",
        f"novelgen-{novelgen.__version__}.dist-info",
    }
    assert f"\nVersion: {novelgen.__version__}\n" in about
    assert "Requires-Dist: torch<2.14,>=2.11\n" in about
    assert b"novelgen = novelgen.__main__:command" in scripts


@pytest.mark.slow
def test_the_source_distribution_holds_the_tests_and_what_they_read(built):
    source, _wheel = built
    for name in ("train.py", "app.py", "requirements.txt", "tests/conftest.py", "docs/guide.md"):
        assert (source / name).is_file()
    assert (source / "benchmarks" / "results").is_dir()


@pytest.mark.slow
def test_an_installed_package_has_its_own_novel(built, tmp_path):
    _source, wheel = built
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path)
    program = "from novelgen.shipped import shipped_novel; print(shipped_novel())"

    def run():
        return subprocess.run(
            [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, encoding="utf-8"
        )

    novel = tmp_path / "novelgen" / "corpus" / "novel.txt"
    assert run().stdout == f"{novel}\n"
    novel.unlink()
    assert f"CorpusError: {novel}: the novel that comes with the program" in run().stderr


def test_what_is_installed_here_is_in_the_ranges():
    for requirement in DEPENDENCIES:
        version = metadata.version(requirement.name)
        assert requirement.specifier.contains(version, prereleases=True), requirement

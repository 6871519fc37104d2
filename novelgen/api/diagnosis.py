"""What is wrong with the machine, the installation, a run or a corpus, and how to put it right.

Every check is a function that yields findings, and imports what it checks within: a package that is
missing or broken is a finding too.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import os
import platform
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

from novelgen.config import TextConfig
from novelgen.errors import ConfigError, CorpusError, NovelgenError
from novelgen.i18n import _, join_list

if TYPE_CHECKING:
    from novelgen.training.alarms import Memory

Status = Literal["ok", "warning", "wrong"]

_GIB = 2**30
_OLDEST_PYTHON = (3, 10)
# Memory and disk that the model of the preset small needs for a novel.
_LEAST_MEMORY = 1.5 * _GIB
_LEAST_DISK = 1 * _GIB
_SHOWN_FILES = 5  # of those that are not read
# Without these something is slower or left out, and all else works.
_OPTIONAL = frozenset({"numba", "llvmlite", "opencc", "tensorboard"})


class Finding(NamedTuple):
    """What one check found; `remedy` is "" where there is nothing to do."""

    status: Status
    subject: str
    message: str
    remedy: str = ""


def diagnose(checkpoint: Path | None = None, corpus: Path | None = None) -> Iterator[Finding]:
    """All findings: of the installation and the machine, and of a run and a corpus if given."""
    yield from check_python(platform.python_version())
    yield from check_packages(requirements(), installed_version)
    try:
        import torch
    except Exception as error:
        yield Finding("wrong", "torch", _first_line(error), "pip install --force-reinstall torch")
        return
    yield from check_processor(torch.get_num_threads())
    from novelgen.training.system_memory import read_memory

    yield from check_memory(read_memory())
    yield from check_gpu()
    yield from check_loops()
    yield from check_cache()
    yield from check_font()
    yield from check_disk(shutil.disk_usage(Path.cwd()).free)
    if checkpoint is not None:
        yield from check_run(checkpoint)
    if corpus is not None:
        yield from check_corpus(corpus)


def check_python(version: str) -> Iterator[Finding]:
    """The version of Python."""
    parts = tuple(int(part) for part in version.split(".")[:2])
    if parts >= _OLDEST_PYTHON:
        yield Finding("ok", "Python", version)
        return
    remedy = _("install Python 3.10 or newer, and the packages again")
    yield Finding("wrong", "Python", _("{version} is too old").format(version=version), remedy)


def requirements() -> list[str]:
    """The packages that the program needs, as pyproject.toml has them: name, extras, versions."""
    # A checkout may not be installed, or another version of it may be.
    project = Path(__file__).parents[2] / "pyproject.toml"
    with contextlib.suppress(OSError):
        text = project.read_text(encoding="utf-8")
        block = re.search(r"^dependencies = \[(.*?)^\]", text, re.DOTALL | re.MULTILINE)
        if block is not None and 'name = "novelgen"' in text:
            return re.findall(r'^ +"([^"]+)"', block[1], re.MULTILINE)
    with contextlib.suppress(importlib.metadata.PackageNotFoundError):
        required = importlib.metadata.requires("novelgen") or []
        return [each for each in required if "extra ==" not in each]
    return []


def installed_version(name: str) -> str | None:
    """The version of an installed package; None where it is missing."""
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def check_packages(
    required: Sequence[str], version_of: Callable[[str], str | None]
) -> Iterator[Finding]:
    """Packages that are missing or of a version that was not tried; one line where all are well."""
    try:
        from packaging.requirements import Requirement
    except ImportError as error:
        yield Finding("wrong", "packaging", _first_line(error), "pip install packaging")
        return
    fitting = 0
    for text in required:
        requirement = Requirement(text)
        if requirement.marker is not None and not requirement.marker.evaluate():
            continue  # for another system
        name, wanted = requirement.name, str(requirement.specifier)
        found = version_of(name)
        remedy = f'pip install "{text.partition(";")[0].strip()}"'
        if found is None:
            status: Status = "warning" if name in _OPTIONAL else "wrong"
            yield Finding(status, name, _("is not installed"), remedy)
        elif not requirement.specifier.contains(found, prereleases=True):
            message = _("version {found}, tried are {wanted}").format(found=found, wanted=wanted)
            yield Finding("warning", name, message, remedy)
        else:
            fitting += 1
    if fitting:
        yield Finding("ok", _("packages"), _("as they should be: {count}").format(count=fitting))


def check_processor(threads: int) -> Iterator[Finding]:
    """The cores, and what they multiply quickly."""
    import torch

    from novelgen.training.hardware import has_bfloat16_units

    capability = torch.backends.cpu.get_cpu_capability()
    units = [capability, *(["bfloat16"] if has_bfloat16_units() else [])]
    message = _("{cores} cores, {threads} threads, {units}").format(
        cores=os.cpu_count(), threads=threads, units=", ".join(units)
    )
    if capability == "DEFAULT":
        remedy = _("without AVX2 training is several times slower: take --preset tiny")
        yield Finding("warning", "CPU", message, remedy)
    else:
        yield Finding("ok", "CPU", message)


def check_memory(memory: Memory | None) -> Iterator[Finding]:
    """The memory that is free."""
    subject = _("memory")
    if memory is None:
        yield Finding("ok", subject, _("not known on this system"))
        return
    message = _("{available:.1f} of {total:.1f} GiB are free").format(
        available=memory.available / _GIB, total=memory.total / _GIB
    )
    if memory.available >= _LEAST_MEMORY:
        yield Finding("ok", subject, message)
        return
    remedy = _("close other programs, or train with --accumulation-steps 4 or --preset tiny")
    yield Finding("warning", subject, message, remedy)


def check_gpu() -> Iterator[Finding]:
    """An NVIDIA GPU, and whether torch can use it."""
    import torch

    from novelgen.training.alarms import unused_gpu
    from novelgen.training.hardware import find_gpu

    support = find_gpu()
    alarm = unused_gpu(support)
    if alarm is not None:
        yield Finding("warning", "GPU", alarm.message)
    elif support.is_available:
        yield Finding("ok", "GPU", torch.cuda.get_device_name())
    else:
        yield Finding("ok", "GPU", _("no NVIDIA GPU was found: the CPU trains"))


def check_loops() -> Iterator[Finding]:
    """Whether the compiled loops run."""
    subject = _("compiled loops")
    try:
        from novelgen.models.kernels import math_numba  # noqa: F401
    except Exception as error:
        message = _("numba cannot be used, a slower implementation runs: {error}")
        remedy = 'pip install --force-reinstall "numba>=0.61.2" llvmlite'
        yield Finding("warning", subject, message.format(error=_first_line(error)), remedy)
        return
    yield Finding("ok", subject, _("numba {version}").format(version=installed_version("numba")))


def check_cache() -> Iterator[Finding]:
    """Whether the machine code of the loops can be kept."""
    try:
        from novelgen.models.kernels.math_numba import cache_directory
    except Exception:
        return
    directory = cache_directory()
    try:
        directory = directory.expanduser()
        directory.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=directory).close()
    except (OSError, RuntimeError) as error:  # the latter: there is no home directory
        message = _(
            "{path} cannot be written ({reason}): every start compiles for a minute"
        ).format(path=directory, reason=_first_line(error))
        remedy = _("set NUMBA_CACHE_DIR to a folder that can be written")
        yield Finding("warning", _("cache"), message, remedy)
        return
    yield Finding("ok", _("cache"), str(directory))


def check_font() -> Iterator[Finding]:
    """A font with Chinese characters, for figures."""
    from novelgen.report.fonts import require_font

    try:
        font = require_font()
    except ConfigError as error:
        yield Finding("warning", _("Chinese font"), str(error))
        return
    yield Finding("ok", _("Chinese font"), font.path.name)


def check_disk(free: int) -> Iterator[Finding]:
    """Room in the current folder."""
    message = _("{free:.1f} GiB are free in this folder").format(free=free / _GIB)
    if free >= _LEAST_DISK:
        yield Finding("ok", _("disk"), message)
    else:
        remedy = _("free some space, or give an --output on another disk")
        yield Finding("warning", _("disk"), message, remedy)


def check_run(directory: Path) -> Iterator[Finding]:
    """A run directory: its files, their checksums, its data, and what training complained of."""
    from novelgen.training.checkpoint import load_run
    from novelgen.training.journal import read_metrics
    from novelgen.training.run_directory import RunDirectory
    from novelgen.training.stores import ready_data

    subject = str(directory)
    try:
        run = load_run(directory, "cpu")
        has_ngram = run.ngram is not None
        if run.directory.can_go_on:
            run.directory.load_trainer()
    except NovelgenError as error:
        yield Finding("wrong", subject, _without(subject, error))
        return
    parameters = sum(parameter.numel() for parameter in run.model.parameters())
    message = _("{model}, {parameters:,} parameters, format {format}; all files are whole").format(
        model=run.config.model.model, parameters=parameters, format=run.info["format"]
    )
    if has_ngram:
        message = _("{message}, with an n-gram model").format(message=message)
    yield Finding("ok", subject, message)
    if not run.directory.can_go_on:
        yield Finding("ok", subject, _("it cannot be resumed: --init begins a new run with it"))
    if "content" in run.info and ready_data(directory, run.info) is None:
        message = _("what it was trained on is not there, or not as it was")
        remedy = _("put the corpus back, or evaluate with --corpus")
        yield Finding("warning", subject, message, remedy)
    for record in read_metrics(RunDirectory(directory).metrics):
        if "alarm" in record:
            message = _("step {step}: {message}").format(**_told(record))
            yield Finding("warning", subject, message)


def _without(subject: str, error: NovelgenError) -> str:
    """The message of an error about a subject, which stands before it already."""
    prefix = _("{subject}: {message}").format(subject=subject, message="")
    return str(error).removeprefix(prefix)


def _told(record: Mapping[str, object]) -> dict[str, object]:
    return {"step": record.get("step", "?"), "message": record.get("message", record["alarm"])}


def check_corpus(path: Path) -> Iterator[Finding]:
    """A corpus: whether it decodes, what is left of it, and whether that is enough."""
    from novelgen.data.store import Store, is_store
    from novelgen.text.importing import CorpusImport
    from novelgen.training.alarms import small_corpus

    subject = str(path)
    try:
        if is_store(path):
            report = Store.open(path).meta["import"]
        else:
            corpus = CorpusImport([path], TextConfig())
            for _paragraph in corpus:
                pass
            report = corpus.report.to_dict()
    except (CorpusError, ConfigError) as error:
        yield Finding("wrong", subject, _without(subject, error))
        return
    message = _(
        "files: {files} ({encoding}), {chapters:,} chapters, {paragraphs:,} paragraphs, "
        "{characters:,} characters"
    ).format(
        files=len(report["files"]),
        encoding=report["encoding"],
        chapters=report["chapters"],
        paragraphs=report["paragraphs"],
        characters=report["characters"],
    )
    yield Finding("ok", subject, message)
    skipped = [Path(each["path"]).name for each in report.get("skipped", [])]
    if skipped:
        message = _("files that are not read ({count}): {names}").format(
            count=len(skipped), names=join_list(skipped[:_SHOWN_FILES])
        )
        remedy = _("none, if they are no novels; prepare says why each was left out")
        yield Finding("warning", subject, message, remedy)
    alarm = small_corpus(report["characters"])
    if alarm is not None:
        yield Finding("warning", subject, alarm.message)


def _first_line(error: BaseException) -> str:
    lines = str(error).splitlines() or [type(error).__name__]
    return lines[0][:160]

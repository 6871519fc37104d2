"""The written report of one or several runs."""

from __future__ import annotations

import dataclasses
import datetime
import shlex
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from novelgen.api.diagnosis import installed_version
from novelgen.api.request import as_paths, path_from_here, run_names
from novelgen.config import NO_INIT, Config, ModelConfig, flag, validate_choice
from novelgen.errors import ConfigError
from novelgen.i18n import N_, _
from novelgen.models.zoo import resolve
from novelgen.shipped import shipped_base

if TYPE_CHECKING:
    from novelgen.report.document.elements import Document
    from novelgen.report.paper.study import RunStudy

# What is measured, by the name of the part.
_PARTS = {
    "baselines": N_("n-gram models"),
    "prediction": N_("prediction of held-out text"),
    "result": N_("prediction by length of the source"),
    "sweep": N_("texts of the decoding settings"),
    "written": N_("texts for the failure analysis"),
    "names": N_("names"),
    "copied": N_("copied spans"),
    "attention": N_("attention"),
}
FORMATS = ("md", "docx", "pdf", "html")
NAME = "report"  # of the files, before the suffix
_MEASURED = "measured"  # the folder of what is measured
# Beside those of `describe_machine`.
_PACKAGES = ("jieba", "rjieba", "matplotlib", "gradio", "sacrebleu")
# Options of a training that hold a path, relative to the run directory.
_PATHS = ("init", "pairs", "valid_pairs", "test_pairs")
# Those that its command leaves out: the budget is given in steps.
_BUDGETS = ("epochs", "max_steps", "max_minutes")


def package_versions() -> dict[str, str]:
    """The versions of packages that figures may depend on; those that are missing are left out."""
    found = {name: installed_version(name) for name in _PACKAGES}
    return {name: version for name, version in found.items() if version is not None}


def part_name(part: str) -> str:
    """What a person calls a part that is measured."""
    return _(_PARTS[part])


def write_report(
    runs: str | Path | Sequence[str | Path],
    output: str | Path,
    *,
    formats: Sequence[str] = FORMATS,
    title: str | None = None,
    author: str | None = None,
    student_id: str | None = None,
    course: str | None = None,
    quick: bool = False,
    device: str = "auto",
    on_progress: Callable[[str, int, int], None] | None = None,
) -> list[Path]:
    """Measures runs and writes a report about the first one, which the others are compared with.

    What is measured is kept below `output`, so that a report that was stopped goes on where it was.

    Args:
        runs: Run directories; each must have its corpus or its pairs.
        output: The folder of the report.
        formats: Of FORMATS; figures are files of their own beside "md".
        title: Of the report.
        author: And the other three stand on the title page.
        student_id: See `author`.
        course: See `author`.
        quick: A preview in about a minute: few texts, rough figures.
        device: "auto", "cpu" or "cuda".
        on_progress: Called with what is measured, how much of it is done, and of how much.

    Returns:
        The files, in the order of `formats`.

    Raises:
        CheckpointError: A run is missing, damaged, has no weights yet, or its data is gone.
        ConfigError: An unknown format, a file in place of the folder, or no Chinese font for a PDF.
    """
    directories = as_paths(runs)
    folder = Path(output)
    names = _check_request(directories, folder, formats)

    # Torch is imported behind the checks, which answer at once.
    from novelgen.api.effort import FULL, QUICK
    from novelgen.api.study import Measurer, study_corpus
    from novelgen.report.paper.compose import compose
    from novelgen.report.paper.study import Report
    from novelgen.training.distributed import SINGLE_PROCESS
    from novelgen.training.hardware import describe_machine

    effort = QUICK if quick else FULL
    tell = on_progress or (lambda _name, _done, _total: None)
    # All are opened, and may be refused, before the first is measured.
    measurers = [
        Measurer(directory, name, folder / _MEASURED, effort, device, tell)
        for directory, name in zip(directories, names, strict=True)
    ]
    studies = [measurer.measure() for measurer in measurers]
    report = Report(
        runs=studies,
        corpus=study_corpus(measurers[0].data),
        machine=describe_machine(SINGLE_PROCESS.device(device)),
        commands=_commands(directories, studies, folder, formats, quick),
        versions=package_versions(),
        quick=quick,
        title=title,
        details=_details(author, student_id, course),
    )
    return _render(compose(report), folder, formats)


def _check_request(directories: Sequence[Path], folder: Path, formats: Sequence[str]) -> list[str]:
    """What the runs are called; raises ConfigError for a report that cannot be written."""
    if folder.exists() and not folder.is_dir():
        message = _("--output {path}: this is a file, not a folder; choose another")
        raise ConfigError(message.format(path=folder))
    for name in formats:
        validate_choice(name, FORMATS, "--format")
    if not directories or not formats:
        raise ConfigError(_("a report needs at least one run and one format"))
    names = run_names(directories, "--checkpoint")
    if "pdf" in formats:
        from novelgen.report.fonts import require_font

        require_font()
    return names


def _details(
    author: str | None, student_id: str | None, course: str | None
) -> list[tuple[str, str]]:
    """The lines of the title page that are given, and the date."""
    lines = [(_("Author"), author), (_("Student number"), student_id), (_("Course"), course)]
    today = datetime.datetime.now().astimezone().date().isoformat()
    return [(label, value) for label, value in lines if value] + [(_("Date"), today)]


def _commands(
    directories: Sequence[Path],
    studies: Sequence[RunStudy],
    folder: Path,
    formats: Sequence[str],
    quick: bool,
) -> list[str]:
    """What trains each run again, and writes this report."""
    lines = [
        _training_command(directory, run)
        for directory, run in zip(directories, studies, strict=True)
    ]
    words = ["python -m novelgen report --checkpoint", *map(_shown, directories)]
    words += ["--output", _shown(folder), "--format", ",".join(formats)]
    return [*lines, " ".join(words + ["--quick"] * quick)]


def _training_command(directory: Path, run: RunStudy) -> str:
    """The command that trains a run again, with every option that is not a default."""
    config = run.config
    words = ["python train.py"]
    if not config.from_pairs:
        words += ["--corpus", *(_shown(directory / part) for part in run.info["corpus"])]
    words += ["--output", _shown(directory)]
    if config.model.model != ModelConfig().model:
        words += ["--model", config.model.model]
    # The parts of a variant that are its own need no option.
    default = Config(model=resolve(ModelConfig(model=config.model.model)))
    for section in dataclasses.fields(config):
        chosen = getattr(config, section.name)
        usual = getattr(default, section.name)
        for spec in dataclasses.fields(chosen):
            value = getattr(chosen, spec.name)
            if spec.name not in _BUDGETS and value not in (None, getattr(usual, spec.name)):
                words += _option(spec.name, value, directory)
    if run.steps:
        words += ["--max-steps", str(run.steps[-1]["step"])]
    return " ".join(words)


def _option(name: str, value: Any, directory: Path) -> list[str]:
    """An option with its value; a switch has none."""
    if isinstance(value, bool):
        return [flag(name) if value else flag(name).replace("--", "--no-", 1)]
    if name in _PATHS and value != NO_INIT:
        path = directory / value
        # A run begins with the base model by itself.
        is_usual = name == "init" and path.resolve() == shipped_base()
        return [] if is_usual else [flag(name), _shown(path)]
    return [flag(name), shlex.quote(str(value))]


def _shown(path: Path) -> str:
    """A path within a command."""
    return shlex.quote(path_from_here(path))


def _render(document: Document, folder: Path, formats: Sequence[str]) -> list[Path]:
    """Writes the document in every format."""
    from novelgen.report.document.html import write_html
    from novelgen.report.document.markdown import write_markdown
    from novelgen.report.document.pdf import write_pdf
    from novelgen.report.document.word import write_word

    writers = {"md": write_markdown, "docx": write_word, "pdf": write_pdf, "html": write_html}
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for name in formats:
        path = folder / f"{NAME}.{name}"
        writers[name](document, path)
        paths.append(path)
    return paths

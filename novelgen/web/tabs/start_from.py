"""What a training on the page starts from: the base model, nothing, or one of the runs."""

from __future__ import annotations

from novelgen.web.language import browser_text
from novelgen.web.services.model_registry import BASE, ModelRegistry
from novelgen.web.tabs.run_names import Choice

# Like BASE no folder's name.
SCRATCH = "novelgen/none"
_BASE_LABEL = browser_text("the base model, where the size fits it")
_SCRATCH_LABEL = browser_text("nothing: from scratch")


def choices(registry: ModelRegistry) -> list[Choice]:
    """What there is to start from, for a dropdown, the default first."""
    names = list(registry.runs())
    runs: list[Choice] = [(name, name) for name in names if name != BASE]
    if BASE in names:
        return [(_BASE_LABEL, BASE), (_SCRATCH_LABEL, SCRATCH), *runs]
    return [(_SCRATCH_LABEL, SCRATCH), *runs]


def init_of(registry: ModelRegistry, name: str | None) -> str:
    """The option `init` of a training for what was chosen.

    Raises CheckpointError for a run that is not offered: nobody names a path.
    """
    if name == SCRATCH:
        return "none"
    run = registry.run(name)
    if name == BASE:
        return "auto"
    return str(run.path.absolute())

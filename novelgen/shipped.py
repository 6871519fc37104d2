"""What comes with the program: where the novel and the base model lie."""

from __future__ import annotations

from pathlib import Path

from novelgen.errors import CorpusError
from novelgen.i18n import _

_PACKAGE = Path(__file__).resolve().parent
# An installed package has them as package data; a clone and an editable install have them beside
# the package, where people read and change them.
_FOLDERS = (_PACKAGE, _PACKAGE.parent)


def shipped_novel() -> Path:
    """The absolute path of the novel that comes with the program (CC0).

    Raises CorpusError when it was removed.
    """
    places = [folder / "corpus" / "novel.txt" for folder in _FOLDERS]
    for path in places:
        if path.is_file():
            return path
    message = _("{path}: the novel that comes with the program is missing; install it again")
    raise CorpusError(message.format(path=places[0]))


def shipped_base() -> Path | None:
    """The absolute path of the base model that comes with the program; None where it was removed.

    It is a run directory whose corpus does not come along.
    """
    for folder in _FOLDERS:
        path = folder / "checkpoints" / "base"
        if (path / "model.safetensors").is_file():
            return path
    return None

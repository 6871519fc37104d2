"""The novel that comes with the program: where it lies."""

from __future__ import annotations

from pathlib import Path

from novelgen.errors import CorpusError
from novelgen.i18n import _

_PACKAGE = Path(__file__).resolve().parent
# An installed package has it as package data; a clone and an editable install have it beside the
# package, where people read and change it.
_PLACES = (_PACKAGE / "corpus" / "novel.txt", _PACKAGE.parent / "corpus" / "novel.txt")


def shipped_novel() -> Path:
    """The absolute path of the novel that comes with the program (CC0).

    Raises CorpusError when it was removed.
    """
    for path in _PLACES:
        if path.is_file():
            return path
    message = _("{path}: the novel that comes with the program is missing; install it again")
    raise CorpusError(message.format(path=_PLACES[0]))

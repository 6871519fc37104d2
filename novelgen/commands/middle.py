"""`generate --after` and `--rewrite`: a paragraph between two, other words within one."""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from novelgen.errors import ConfigError
from novelgen.i18n import _
from novelgen.options import check_one_of
from novelgen.os_errors import reason_of

if TYPE_CHECKING:
    from novelgen.decoding.generator import Generation, Generator

# A paragraph with a part of it in square brackets.
_SELECTION = re.compile(r"([^\[\]]*)\[([^\[\]]+)\]([^\[\]]*)")


class Gap(NamedTuple):
    """One paragraph is to be written, before this text."""

    after: str

    def write(self, generator: Generator, prompt: str, options: dict[str, Any]) -> list[Generation]:
        """The best paragraphs between the prompt and the text."""
        return generator.fill(prompt, self.after, **options)


class Selection(NamedTuple):
    """Other words are to be written for the characters `start` to `stop` of a paragraph."""

    paragraph: str
    start: int
    stop: int

    def write(self, generator: Generator, prompt: str, options: dict[str, Any]) -> list[Generation]:
        """The best versions of the paragraph; raises ConfigError where none was found."""
        found = generator.rewrite(prompt, *self, **options)
        if not found:
            message = _("--rewrite: no other words were found; try another --seed")
            raise ConfigError(message)
        return found


def add_middle(parser: argparse.ArgumentParser) -> None:
    """Declares the options of writing in the middle."""
    parser.add_argument(
        "--after",
        metavar="TEXT|FILE",
        help=_(
            "what is to follow, as a text or a file in UTF-8: one paragraph is written between it "
            "and the prompt, the best of several"
        ),
    )
    parser.add_argument(
        "--rewrite",
        metavar="TEXT|FILE",
        help=_(
            "the paragraph behind the prompt, as a text or a file in UTF-8, with some of its words "
            "in square brackets: others are written for them, the best of several"
        ),
    )


def middle_of(args: argparse.Namespace) -> Gap | Selection | None:
    """What the options ask for; None where the text just goes on.

    Raises ConfigError for both at once, a file that cannot be read, or no words in brackets.
    """
    check_one_of(("--after", "--rewrite"), args.after, args.rewrite)
    if args.after is not None:
        return Gap(_text_or_file(args.after))
    if args.rewrite is not None:
        return _selection(_text_or_file(args.rewrite).strip())
    return None


def _selection(text: str) -> Selection:
    found = _SELECTION.fullmatch(text)
    if found is None:
        message = _(
            "--rewrite {text}: put the words to be written anew in square brackets, once, as in "
            "He walked [slowly] away."
        )
        raise ConfigError(message.format(text=text))
    opening, words, rest = found.groups()
    return Selection(opening + words + rest, len(opening), len(opening) + len(words))


def _text_or_file(given: str) -> str:
    """The text that was given, or that of the file it names; raises ConfigError as `_file_text`."""
    try:
        is_file = Path(given).is_file()
    except (OSError, ValueError):  # a text that is no name at all: too long, or with a NUL
        is_file = False
    return _file_text(Path(given)) if is_file else given


def _file_text(path: Path) -> str:
    """The text of a file; raises ConfigError when it cannot be read, or is not UTF-8."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        message = _("{path}: byte {position} is not UTF-8; convert it to UTF-8 first")
        raise ConfigError(message.format(path=path, position=error.start)) from None
    except OSError as error:
        message = _("{path}: cannot be read: {reason}")
        raise ConfigError(message.format(path=path, reason=reason_of(error))) from None

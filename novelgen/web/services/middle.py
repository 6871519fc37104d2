"""Writing within a manuscript: a paragraph where the cursor is, or other words for a selection."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from novelgen.decoding.generator import Generator
from novelgen.errors import ConfigError
from novelgen.i18n import _
from novelgen.web import limits

# Options of a request that say nothing here: one text of its own is written.
_LEFT_OUT = ("paragraphs", "prefix", "task", "num_samples")


class Stopped(Exception):  # noqa: N818 - no error: the writer pressed Stop
    """Ends what is being written because nobody wants it any more."""


def write_in_the_middle(
    generator: Generator,
    manuscript: str,
    start: int,
    stop: int,
    options: Mapping[str, Any],
    is_stopped: Callable[[], bool],
) -> str:
    """The manuscript with a new paragraph, or with other words from character `start` to `stop`.

    Without a selection, start = stop, a paragraph is written behind that of the cursor. `options`
    are fields of DecodingConfig. Raises Stopped at the first token after `is_stopped` has become
    true, and ConfigError where there is nothing to write between, or the selection is of several
    paragraphs.
    """

    def end_if_stopped() -> None:
        if is_stopped():
            raise Stopped

    chosen = {name: value for name, value in options.items() if name not in _LEFT_OUT}
    chosen["on_token"] = end_if_stopped
    if start == stop:
        return _filled(generator, manuscript, start, chosen)
    return _rewritten(generator, manuscript, start, stop, chosen)


def _filled(generator: Generator, manuscript: str, cursor: int, options: Mapping[str, Any]) -> str:
    end = manuscript.find("\n", cursor)
    end = len(manuscript) if end < 0 else end
    before, after = manuscript[:end], manuscript[end:]
    if not before.strip() or not after.strip():
        raise ConfigError(
            _(
                "put the cursor at the end of a paragraph that another one follows; at the end of "
                "the manuscript press Continue"
            )
        )
    # What is far away is not read.
    near = before[-limits.PROMPT :], after[: limits.PROMPT]
    found = generator.fill(*near, num_samples=1, **options)[0]
    return f"{before.rstrip()}\n{found.text}\n{after.lstrip()}"


def _rewritten(
    generator: Generator, manuscript: str, start: int, stop: int, options: Mapping[str, Any]
) -> str:
    selected = manuscript[start:stop]
    # A line end at the selection's border belongs to no paragraph.
    start += len(selected) - len(selected.lstrip())
    stop -= len(selected) - len(selected.rstrip())
    if stop <= start or "\n" in manuscript[start:stop]:
        raise ConfigError(_("select some words within one paragraph"))
    begin = manuscript.rfind("\n", 0, start) + 1
    end = manuscript.find("\n", stop)
    end = len(manuscript) if end < 0 else end
    before = manuscript[:begin][-limits.PROMPT :]
    if not before.strip():
        raise ConfigError(
            _("the model reads the paragraph before: rewrite words from the second paragraph on")
        )
    found = generator.rewrite(
        before, manuscript[begin:end], start - begin, stop - begin, num_samples=1, **options
    )
    if not found:
        raise ConfigError(_("no other words were found; select more, or raise the temperature"))
    return manuscript[:begin] + found[0].text + manuscript[end:]

"""The story as a file: chapters, Markdown, Word, and the page's own format, which is JSON."""

from __future__ import annotations

import base64
import io
import json
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

import docx
from docx.oxml.ns import qn
from docx.shared import Cm, Pt

from novelgen.errors import ConfigError
from novelgen.i18n import _
from novelgen.text.chapters import find_heading
from novelgen.web import limits

FORMAT = "novelgen story"
_VERSION = 1
_NAME_LENGTH = 60
# What no file system takes in a name: separators, wildcards, control characters.
_HARMFUL = re.compile(r'[\\/:*?"<>|\x00-\x1f\x7f]')
# What a browser puts behind the name of a file that is there already.
_COPY = re.compile(r" ?\(\d+\)$")
_SONGTI = "SimSun"


class Chapter(NamedTuple):
    """A line of the manuscript that is a chapter's heading."""

    # Characters before it.
    offset: int
    title: str


class Story(NamedTuple):
    """All that a file keeps of a story."""

    title: str = ""
    manuscript: str = ""
    opening: str = ""
    drafts: tuple[str, ...] = ()
    # Texts of undo_journal and draft_source.
    journal: str = ""
    source: str = ""
    # The model's name, and the settings by the names of DecodingConfig.
    run: str = ""
    settings: Mapping[str, Any] = {}


class StoryFile(NamedTuple):
    """A file that the browser saves."""

    name: str
    type: str
    # In base64.
    content: str


def chapters(manuscript: str) -> list[Chapter]:
    """The chapters' headings, in order: as in a corpus, and lines that begin with #."""
    found = []
    offset = 0
    for line in manuscript.split("\n"):
        title = _heading(line)
        if title:
            found.append(Chapter(offset, title))
        offset += len(line) + 1
    return found


def _heading(line: str) -> str:
    """The title of a heading line; "" for any other line."""
    text = line.strip()
    if text.startswith("#"):
        return text.lstrip("#").strip()
    heading = find_heading(text)
    # A heading with a paragraph behind it on its line is a paragraph to a writer.
    return heading.title if heading is not None and not heading.body else ""


def markdown(title: str, manuscript: str) -> str:
    """The title, headings of chapters and paragraphs, as Markdown."""
    blocks = [f"# {_escaped(title.strip())}"] if title.strip() else []
    for line in _paragraphs(manuscript):
        heading = _heading(line)
        blocks.append(f"## {_escaped(heading)}" if heading else _escaped(line))
    return "\n\n".join(blocks) + "\n"


def word(title: str, manuscript: str) -> bytes:
    """The same as a Word file: real headings, paragraphs indented by two characters."""
    document = docx.Document()
    normal = document.styles["Normal"]
    normal.font.name = _SONGTI
    normal.font.size = Pt(12)
    normal.paragraph_format.line_spacing = 1.5
    for name in ("Normal", "Title", "Heading 1"):
        fonts = document.styles[name].element.get_or_add_rPr().get_or_add_rFonts()
        fonts.set(qn("w:eastAsia"), _SONGTI)
    document.core_properties.title = title.strip()
    if title.strip():
        document.add_heading(title.strip(), level=0)
    for line in _paragraphs(manuscript):
        heading = _heading(line)
        if heading:
            document.add_heading(heading, level=1)
        else:
            paragraph = document.add_paragraph(line)
            paragraph.paragraph_format.first_line_indent = Cm(0.85)
    file = io.BytesIO()
    document.save(file)
    return file.getvalue()


def as_json(story: Story) -> str:
    """The whole story as text, from which `from_json` makes it again."""
    record = {"format": FORMAT, "version": _VERSION, **story._asdict()}
    return json.dumps(record, ensure_ascii=False, indent=1)


def from_json(record: Mapping[str, Any]) -> Story:
    """The story of a record that the browser has read from a file or has kept.

    Raises ConfigError for a record of anything else, and for one that is too long.
    """
    names = ("title", "manuscript", "opening", "journal", "source", "run")
    texts = {name: record.get(name) or "" for name in names}
    drafts = record.get("drafts") or []
    settings = record.get("settings") or {}
    is_list = isinstance(drafts, list) and isinstance(settings, dict)
    if not is_list or not all(isinstance(text, str) for text in (*texts.values(), *drafts)):
        raise ConfigError(_("this file is no story of novelgen"))
    size = len(texts["manuscript"]) + sum(map(len, drafts))
    if size > limits.MANUSCRIPT:
        raise ConfigError(
            _("the story is longer than {limit:,} characters; divide it").format(
                limit=limits.MANUSCRIPT
            )
        )
    return Story(**texts, drafts=tuple(drafts[: limits.CANDIDATES]), settings=settings)


def from_text(name: str, text: str) -> Story:
    """The story of a Markdown or plain text file of that name, as the page saves it or anybody.

    The title is that in the text, or the file's name without its suffix. Raises as `from_json`.
    """
    stem, _dot, suffix = name.rpartition(".")
    lines = text.replace("\r\n", "\n").replace("\r", "\n").strip().split("\n")
    title = stem or name
    if suffix.lower() in ("md", "markdown"):
        if lines[0].startswith("# "):
            title = _unescaped(lines.pop(0)[2:].strip())
        lines = [_from_markdown(line.strip()) for line in lines if line.strip()]
    elif lines[1:2] == [""] and file_name(lines[0]) == _COPY.sub("", title):
        title = lines[0].strip()
        lines = lines[2:]
    return from_json({"title": title, "manuscript": "\n".join(lines).strip()})


def _from_markdown(line: str) -> str:
    """The line of a manuscript that `markdown` makes this line of."""
    text = _unescaped(line)
    if not line.startswith("#"):
        return text
    title = text.lstrip("#").strip()
    return title if _heading(title) == title else f"# {title}"


def _unescaped(line: str) -> str:
    return re.sub(r"\\([\\`*_\[\]<>#+\-.)])", r"\1", line)


def story_file(kind: str, story: Story) -> StoryFile:
    """The story as a file of a kind: json, md or docx."""
    title, manuscript = story.title, story.manuscript
    if kind == "docx":
        content = word(title, manuscript)
        media = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
    elif kind == "md":
        content = markdown(title, manuscript).encode()
        media = "text/markdown;charset=utf-8"
    else:
        kind = "json"
        content = as_json(story).encode()
        media = "application/json"
    return StoryFile(f"{file_name(title)}.{kind}", media, base64.b64encode(content).decode())


def file_name(title: str) -> str:
    """The title as a name that every file system takes, without a suffix."""
    harmless = _HARMFUL.sub("_", title.strip())
    return harmless.strip(". ")[:_NAME_LENGTH] or "novel"


def _paragraphs(manuscript: str) -> list[str]:
    return [line.strip() for line in manuscript.split("\n") if line.strip()]


def _escaped(line: str) -> str:
    """A paragraph in which Markdown finds no marks of its own."""
    marked = re.sub(r"([\\`*_\[\]<>])", r"\\\1", line)
    return re.sub(r"^(\d*)([#+\-.)])", r"\1\\\2", marked)

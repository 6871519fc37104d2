"""What an import found and what it took away, for people and for programs."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any, NamedTuple


class Removal(NamedTuple):
    """One line that a rule changed; `after` is empty when the whole line went."""

    rule: str
    before: str
    after: str

    def __str__(self) -> str:
        return f"[{self.rule}] {self.before!r}" + (f" → {self.after!r}" if self.after else "")


@dataclass
class FileReport:
    """One file: `size` in bytes, and remarks about its form."""

    path: str
    encoding: str
    size: int
    notes: list[str] = field(default_factory=list)


@dataclass
class ImportReport:
    """Totals of an import. `removed` counts the places that each rule changed, `removed_characters` what they lost.

    `removals` lists them when that was asked for.
    """

    files: list[FileReport] = field(default_factory=list)
    chapters: int = 0
    paragraphs: int = 0
    segments: int = 0
    characters: int = 0
    removed: Counter[str] = field(default_factory=Counter)
    removed_characters: Counter[str] = field(default_factory=Counter)
    removals: list[Removal] = field(default_factory=list)

    @property
    def encoding(self) -> str:
        """The encodings of the files, each named once, in the order met."""
        return ", ".join(dict.fromkeys(file.encoding for file in self.files))

    def count(self, rule: str, occurrences: int, characters: int) -> None:
        """Books `occurrences` places where `rule` took away `characters` characters in all."""
        self.removed[rule] += occurrences
        self.removed_characters[rule] += characters

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {
            "encoding": self.encoding,
            "chapters": self.chapters,
            "paragraphs": self.paragraphs,
            "segments": self.segments,
            "characters": self.characters,
            "removed": dict(self.removed),
            "removed_characters": dict(self.removed_characters),
            "files": [
                {
                    "path": file.path,
                    "encoding": file.encoding,
                    "bytes": file.size,
                    "notes": list(file.notes),
                }
                for file in self.files
            ],
        }

    def to_text(self) -> str:
        """The report as lines for a person, Chinese with English beside it."""
        lines = []
        for file in self.files[:20]:
            lines.append(
                f"文件 file        {file.path}（{file.encoding}，{file.size:,} 字节 bytes）"
            )
            lines.extend(f"                 · {note}" for note in file.notes)
        if len(self.files) > 20:
            lines.append(
                f"                 ……共 {len(self.files)} 个文件 | {len(self.files)} files in all"
            )
        lines += [
            f"编码 encoding    {self.encoding}",
            f"章 chapters      {self.chapters:,}",
            f"段 paragraphs    {self.paragraphs:,}（切成 {self.segments:,} 段 segments）",
            f"字 characters    {self.characters:,}",
        ]
        if self.removed:
            lines.append("清理 cleaning    规则 rule：处数 places（去掉字数 characters removed）")
            lines.extend(
                f"                 {rule}：{count:,}（{self.removed_characters[rule]:,}）"
                for rule, count in self.removed.items()
            )
        return "\n".join(lines)

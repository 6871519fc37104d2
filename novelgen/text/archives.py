"""Zip archives: the names of their members as people know them, and the novels among these."""

from __future__ import annotations

import re
import unicodedata
import zipfile
from collections.abc import Iterable
from pathlib import PurePosixPath
from urllib.parse import unquote

from novelgen.errors import CorpusError
from novelgen.i18n import _
from novelgen.text.folders import FAILED, OTHER, Skipped, natural_key, reason_to_skip
from novelgen.text.formats import ARCHIVES
from novelgen.text.sources import Source

LARGEST_ARCHIVE = 4 << 30
"""Bytes that an archive of novels may unpack to."""
# The flag of a member that is encrypted, and of one whose name is UTF-8.
ENCRYPTED = 1
_UTF8_NAME = 0x800
# A name of Chinese characters, kana, their punctuation, and ASCII.
_CHINESE = re.compile(
    "[\x00-\x7f\u2010-\u203f\u3000-\u30ff\u3400-\u9fff\uf900-\ufaff\uff00-\uffef]+"
)


def member_name(info: zipfile.ZipInfo) -> str:
    """The name of a member, in the encoding that its archiver used.

    Old archivers wrote the bytes of the system's encoding, and no word about it.
    """
    names = _possible_names(info)
    for name in names:
        # Two bytes of GBK may be one letter in UTF-8, but hardly a Chinese one.
        if _CHINESE.fullmatch(name):
            return name
    return names[0]


def _possible_names(info: zipfile.ZipInfo) -> list[str]:
    """What the bytes of a member's name may mean, the likeliest first."""
    names = []
    if not info.flag_bits & _UTF8_NAME and not info.filename.isascii():
        # Python has read the bytes as IBM's code page 437.
        try:
            data = info.filename.encode("cp437")
        except UnicodeEncodeError:
            data = b"\xff"
        for encoding in ("utf-8", "gb18030", "cp950"):
            try:
                names.append(data.decode(encoding))
            except UnicodeDecodeError:  # noqa: PERF203 (three times at most)
                continue
    return [name.replace("\\", "/") for name in (*names, info.filename)]


def _loose(name: str) -> str:
    """A name without what archivers and authors of books write differently."""
    return unicodedata.normalize("NFC", unquote(name)).casefold()


class Members:
    """Finds the members of an archive by names that are not quite theirs."""

    def __init__(self, infos: Iterable[zipfile.ZipInfo]) -> None:
        self.all = [info for info in infos if not info.is_dir()]
        self._exact: dict[str, zipfile.ZipInfo] = {}
        self._loose: dict[str, zipfile.ZipInfo] = {}
        # By the last part of the name alone; None where two members share it.
        self._base: dict[str, zipfile.ZipInfo | None] = {}
        for info in self.all:
            for name in (info.filename, member_name(info), *_possible_names(info)):
                self._exact.setdefault(name, info)
                self._loose.setdefault(_loose(name), info)
            base = _loose(PurePosixPath(member_name(info)).name)
            if base in self._base:
                self._base[base] = None
            else:
                self._base[base] = info

    def find(self, name: str) -> zipfile.ZipInfo | None:
        """The member of this name: exactly, else but for case and percent-encoding, else alone.

        The last means in another folder, where no other member has the same last part.
        """
        # An encoded name first, as it stands: an archive may have `a%20b` beside `a b`.
        for exact in (name, unquote(name)):
            if exact in self._exact:
                return self._exact[exact]
        loose = _loose(name)
        if loose in self._loose:
            return self._loose[loose]
        return self._base.get(loose.rpartition("/")[2])


def expand(source: Source) -> tuple[list[Source], list[Skipped]]:
    """(the novels in an archive in natural order, the members that were passed over).

    Raises CorpusError for an archive that is damaged or unpacks to more than a library has.
    """
    try:
        with source.open() as file, zipfile.ZipFile(file) as archive:
            infos = [info for info in archive.infolist() if not info.is_dir()]
    except (zipfile.BadZipFile, NotImplementedError, ValueError):
        raise CorpusError(
            _("{path}: not a readable zip archive; check the file").format(path=source.name)
        ) from None
    size = sum(info.file_size for info in infos)
    if size > LARGEST_ARCHIVE:
        raise CorpusError(
            _(
                "{path}: the archive unpacks to {size:,} bytes; unpack it and name the folder"
            ).format(path=source.name, size=size)
        )

    novels: list[Source] = []
    skipped: list[Skipped] = []
    for info in infos:
        name = PurePosixPath(member_name(info))
        member = Source(source.path, info.file_size, info.filename, str(name))
        reason = reason_to_skip(name, info.file_size)
        if reason is None and name.suffix.lower() in ARCHIVES:
            reason = OTHER
        if info.flag_bits & ENCRYPTED:
            message = _("{path}: encrypted with a password; unpack it first").format(
                path=member.name
            )
            skipped.append(Skipped(str(member.name), FAILED, message))
        elif reason is not None:
            skipped.append(Skipped(str(member.name), reason))
        else:
            novels.append(member)
    if not novels:
        raise CorpusError(
            _("{path}: no novel in this archive ({count} files); check the file").format(
                path=source.name, count=len(infos)
            )
        )
    novels.sort(key=lambda novel: natural_key(novel.name))
    return novels, skipped

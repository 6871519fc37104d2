"""Where the bytes of a text come from: a file, or a member of a zip archive."""

from __future__ import annotations

import tempfile
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from novelgen.errors import CorpusError
from novelgen.i18n import _

# What zipfile raises for data that is damaged, or packed in a way that it does not know.
UNPACKING_ERRORS = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    OSError,
    NotImplementedError,
    RuntimeError,
    ValueError,
)
# Bytes of a member that memory holds; more of it goes to a temporary file.
_IN_MEMORY = 16 << 20
_CHUNK = 1 << 20


@dataclass(frozen=True)
class Source:
    """Bytes that can be opened any number of times.

    `member` is a name within the archive at `path`, None for the file itself; `shown` the name
    that a person sees. `size` counts bytes, of a member the unpacked ones.
    """

    path: Path
    size: int
    member: str | None = None
    shown: str = ""

    @property
    def name(self) -> Path:
        """What messages and reports call the source: the member stands below its archive."""
        if self.member is None:
            return self.path
        return self.path / (self.shown or self.member)

    @property
    def suffix(self) -> str:
        """The ending of the name in small letters, with its dot; "" where there is none."""
        return self.name.suffix.lower()

    def open(self) -> BinaryIO:
        """The bytes as a file that can be sought in.

        Raises OSError for a file that cannot be read, CorpusError for a damaged archive.
        """
        if self.member is None:
            return self.path.open("rb")
        unpacked = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115 (returned)
        try:
            with zipfile.ZipFile(self.path) as archive, archive.open(self.member) as packed:
                # The size in the directory may be a lie: no more than that is unpacked.
                left = self.size
                while left > 0 and (chunk := packed.read(min(left, _CHUNK))):
                    unpacked.write(chunk)
                    left -= len(chunk)
        except UNPACKING_ERRORS:
            unpacked.close()
            raise CorpusError(
                _("{path}: damaged in its archive; get another copy of the archive").format(
                    path=self.name
                )
            ) from None
        unpacked.seek(0)
        return cast(BinaryIO, unpacked)

    def start(self, size: int = 4096) -> bytes:
        """The first bytes."""
        with self.open() as file:
            return file.read(size)


def file_source(path: Path) -> Source:
    """The source of a file. Raises OSError when there is none."""
    return Source(path, path.stat().st_size)

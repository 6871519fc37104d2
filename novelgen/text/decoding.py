"""Bytes become a stream of text: in one encoding, or in parts of two."""

from __future__ import annotations

import codecs
import io
from collections.abc import Iterator, Sequence
from typing import BinaryIO

from novelgen.text.encoding import big5_symbols, decoder_name
from novelgen.text.mixed import Part
from novelgen.text.sources import Source

# Bytes that are read and decoded at a time.
CHUNK_BYTES = 1 << 20
# Codecs whose symbols are not those of Windows.
_OTHER_BIG5 = ("big5", "big5hkscs")


class BadByteError(Exception):
    """A byte that the encoding does not know: its `offset`, its `line`, and its value in hex."""

    def __init__(self, offset: int, line: int, bad: str) -> None:
        super().__init__(offset)
        self.offset = offset
        self.line = line
        self.bad = bad


def decode(
    source: Source,
    parts: Sequence[Part],
    errors: str = "strict",
    chunk_bytes: int = CHUNK_BYTES,
) -> Iterator[str]:
    """The text in pieces of `chunk_bytes` that end anywhere; a line ends in a line feed.

    Raises BadByteError when `errors` is strict, OSError when the file cannot be read.
    """
    line = 1
    ends: list[int | None] = [part.start for part in parts[1:]]
    ends.append(None)
    with source.open() as file:
        for part, end in zip(parts, ends, strict=True):
            file.seek(part.start)
            for text in _decode_part(file, part, end, errors, line, chunk_bytes):
                line += text.count("\n")
                yield text


def _decode_part(
    file: BinaryIO, part: Part, end: int | None, errors: str, line: int, chunk_bytes: int
) -> Iterator[str]:
    """The text from the file's place up to the byte `end`, None being the file's end."""
    # Both keep what a chunk has cut in two: a character, or a line end of two characters.
    decoder = codecs.getincrementaldecoder(decoder_name(part.encoding))(errors)
    line_ends = io.IncrementalNewlineDecoder(None, translate=True)
    read = part.start
    try:
        while True:
            size = chunk_bytes
            if end is not None:
                size = min(size, end - read)
            chunk = file.read(size)
            read += len(chunk)
            text = line_ends.decode(decoder.decode(chunk, final=not chunk), final=not chunk)
            if part.encoding in _OTHER_BIG5:
                text = big5_symbols(text)
            line += text.count("\n")
            yield text
            if not chunk:
                return
    except UnicodeDecodeError as error:
        # The decoder was given the last bytes, behind those it had kept of the chunk before.
        offset = read - len(error.object) + error.start
        line += error.object[: error.start].count(b"\n")
        bad = error.object[error.start : error.start + 1].hex().upper()
        raise BadByteError(offset, line, bad) from None
    except UnicodeError:
        # UTF-16 and UTF-32 without the byte order mark that these codecs want.
        raise BadByteError(part.start, 1, chunk[:1].hex().upper()) from None

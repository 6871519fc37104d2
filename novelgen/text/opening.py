"""How a file of plain text or HTML is to be read: its encodings, and what is to be repaired."""

from __future__ import annotations

from collections.abc import Sequence

from novelgen.errors import CorpusError
from novelgen.i18n import _
from novelgen.text.decoding import BadByteError, decode
from novelgen.text.encoding import BIG5_NAMES, decoder_name, detect_encoding
from novelgen.text.inspection import Inspection
from novelgen.text.mixed import Part, find_parts
from novelgen.text.remarks import Remark, lost_bytes, two_encodings
from novelgen.text.sources import Source
from novelgen.text.text_files import TextFile

# The share of a text that may be lost to --errors replace; more of it is another encoding.
_LARGEST_LOSS = 0.03
# Fewer bad bytes, in a text of a few lines, are no evidence of that.
_FEWEST_LOST = 5


def _family(encoding: str) -> str:
    """What encodings have in common that differ in a few characters only."""
    if encoding in BIG5_NAMES:
        return "big5"
    return decoder_name(encoding).replace("utf-8-sig", "utf-8")


class Opening:
    """Decides how a file of plain text or HTML is to be read."""

    def __init__(self, source: Source, form: str, errors: str) -> None:
        self._source = source
        self._format = form
        self._errors = errors

    def text_file(self, encoding: str) -> TextFile:
        """The file, looked at as a whole; `encoding` is a codec, or auto."""
        # 1. The encoding, or two of them.
        parts = [Part(0, encoding)]
        if encoding == "auto":
            parts = self._detect()
        try:
            seen = Inspection().read(decode(self._source, parts, self._errors))
        except BadByteError as error:
            parts = self._other_parts(error, parts, is_forced=encoding != "auto")
            seen = Inspection().read(decode(self._source, parts, self._errors))

        # 2. What is lost, or was lost before.
        notes: list[Remark] = []
        if self._errors == "replace" and seen.lost:
            notes.append(self._loss(seen, parts[0].encoding))
        seen.check_readable(self._source)

        # 3. What can be restored; what is left is judged after that.
        repairs = seen.repairs(self._source)
        if len(parts) > 1:
            first, second = parts[:2]
            notes.append(
                two_encodings(first.encoding, second.encoding, second.start, len(parts) - 1)
            )
        notes += seen.remarks(repairs)
        return TextFile(
            self._source, self._format, tuple(parts), self._errors, tuple(repairs), notes
        )

    def _detect(self) -> list[Part]:
        """The encoding by evidence, as one part; or the two of them, where the file has two."""
        with self._source.open() as file:
            try:
                return [Part(0, detect_encoding(file, self._source.size, self._source.name))]
            except CorpusError:
                parts = find_parts(file)
                if not parts:
                    raise
                return parts

    def _other_parts(
        self, error: BadByteError, parts: Sequence[Part], *, is_forced: bool
    ) -> list[Part]:
        """The two encodings of a file that is not in one. Raises CorpusError when it has not two.

        `is_forced` says that the user named the encoding, which then is the one that is meant.
        """
        encoding = parts[0].encoding
        if not is_forced and len(parts) == 1:
            with self._source.open() as file:
                others = find_parts(file)
            if others and self._can_decode(others):
                return others
        evidence = self._evidence(encoding)
        if evidence is None:
            raise CorpusError(self._bad_byte_message(error, encoding))
        raise CorpusError(
            _(
                "{path}: line {line}, byte offset {offset} (0x{bad}) is not {encoding}; the file"
                " reads as {evidence}: pass --encoding {evidence}, or leave --encoding out"
            ).format(
                path=self._source.name,
                line=error.line,
                offset=error.offset,
                bad=error.bad,
                encoding=encoding,
                evidence=evidence,
            )
        )

    def _can_decode(self, parts: Sequence[Part]) -> bool:
        try:
            for _text in decode(self._source, parts):
                pass
        except BadByteError:
            return False
        return True

    def _evidence(self, encoding: str) -> str | None:
        """What the file reads as, where that is another encoding."""
        try:
            with self._source.open() as file:
                found = detect_encoding(file, self._source.size, self._source.name)
        except CorpusError:
            return None
        if _family(found) == _family(encoding):
            return None
        return found

    def _bad_byte_message(self, error: BadByteError, encoding: str) -> str:
        return _(
            "{path}: line {line}, byte offset {offset} (0x{bad}) is not {encoding}; pass"
            " {remedy} to drop such bytes, or name another encoding with --encoding"
        ).format(
            path=self._source.name,
            line=error.line,
            offset=error.offset,
            bad=error.bad,
            encoding=encoding,
            remedy=f"--encoding {encoding} --errors replace",
        )

    def _loss(self, seen: Inspection, encoding: str) -> Remark:
        """The remark about what --errors replace drops; raises CorpusError for too much of it."""
        share = seen.lost / seen.characters
        if share <= _LARGEST_LOSS or seen.lost < _FEWEST_LOST:
            return lost_bytes(seen.lost, share)
        evidence = self._evidence(encoding)
        if evidence is not None:
            message = _(
                "{path}: --errors replace would drop {share:.0%} of the text, which is not"
                " {encoding}; it reads as {evidence}: pass --encoding {evidence}, or leave"
                " --encoding out"
            )
        else:
            message = _(
                "{path}: --errors replace would drop {share:.0%} of the text, which is not"
                " {encoding}; name its encoding with --encoding, or get another copy"
            )
        raise CorpusError(
            message.format(
                path=self._source.name, share=share, encoding=encoding, evidence=evidence
            )
        )

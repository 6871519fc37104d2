"""What the reader of a corpus should know about how its files were read.

A remark is plain data, stored with the corpus: its name under "note", and its numbers. It becomes
a sentence, in the language of the reader, when it is shown.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from novelgen.i18n import _, join_list, ngettext

Remark = dict[str, Any]

# Names that are listed in a remark; the rest is counted.
MOST_NAMES = 10
REPAIRED = "repaired"
TWO_ENCODINGS = "two_encodings"
PRIVATE_USE = "private_use"
SCRAMBLED = "scrambled"
GARBLED_PLACES = "garbled_places"
LOST_BYTES = "lost_bytes"
NOT_READ = "not_read"


def repaired(wrong: str, right: str, lines: int, unrepaired: int) -> Remark:
    """The remark that `lines` lines, written in `right` and read as `wrong`, were restored.

    `unrepaired` further lines stayed as they were.
    """
    return {
        "note": REPAIRED,
        "wrong": wrong,
        "right": right,
        "lines": lines,
        "unrepaired": unrepaired,
    }


def two_encodings(first: str, second: str, offset: int, changes: int) -> Remark:
    """The remark that the encoding changes `changes` times, first at byte `offset`."""
    return {
        "note": TWO_ENCODINGS,
        "first": first,
        "second": second,
        "offset": offset,
        "changes": changes,
    }


def private_use(known: int, unknown: int) -> Remark:
    """The remark that a text has private-use characters: with a `known` meaning, and without."""
    return {"note": PRIVATE_USE, "known": known, "unknown": unknown}


def scrambled(share: float) -> Remark:
    """The remark that only this share of the characters is what prose consists of."""
    return {"note": SCRAMBLED, "share": round(share, 4)}


def garbled_places(count: int) -> Remark:
    """The remark that a wrong encoding has left marks (锟斤拷, 烫烫烫, �) in so many places."""
    return {"note": GARBLED_PLACES, "count": count}


def lost_bytes(count: int, share: float) -> Remark:
    """The remark that so many places could not be decoded and were dropped, as was asked for."""
    return {"note": LOST_BYTES, "count": count, "share": round(share, 6)}


def not_read(names: Sequence[str]) -> Remark:
    """The remark that parts of a book were not read, by their names."""
    return {"note": NOT_READ, "names": list(names[:MOST_NAMES]), "count": len(names)}


def describe_remark(remark: Remark) -> str | None:
    """A remark as a sentence in the language that is shown; None for one of another kind."""
    describe = _DESCRIPTIONS.get(str(remark.get("note")))
    if describe is None:
        return None
    return describe(remark)


def _describe_repaired(remark: Remark) -> str:
    done = ngettext(
        "garbled text restored: {count:,} line in the encoding {right} had been read as {wrong}",
        "garbled text restored: {count:,} lines in the encoding {right} had been read as {wrong}",
        remark["lines"],
    ).format(count=remark["lines"], right=remark["right"], wrong=remark["wrong"])
    if not remark["unrepaired"]:
        return done
    left = ngettext(
        "{count:,} line could not be restored",
        "{count:,} lines could not be restored",
        remark["unrepaired"],
    ).format(count=remark["unrepaired"])
    return join_list((done, left))


def _describe_two_encodings(remark: Remark) -> str:
    message = _(
        "two encodings in one file: {first}, and {second} from byte {offset:,} on; both were read"
    )
    if remark["changes"] > 1:
        message = _(
            "two encodings in one file: {first} and {second}, which change {count:,} times, "
            "first at byte {offset:,}; both were read"
        )
    return message.format(
        first=remark["first"],
        second=remark["second"],
        offset=remark["offset"],
        count=remark["changes"],
    )


def _describe_private_use(remark: Remark) -> str:
    return _(
        "private-use characters, which only a certain font shows: {known:,} replaced by the"
        " characters that they stand for, {unknown:,} unknown ones by □"
    ).format(known=remark["known"], unknown=remark["unknown"])


def _describe_scrambled(remark: Remark) -> str:
    return _(
        "this does not read as Chinese prose: only {share:.0%} of the characters are common ones;"
        " the text may be scrambled (some sites hide theirs behind a font of their own)"
    ).format(share=remark["share"])


def _describe_garbled_places(remark: Remark) -> str:
    return ngettext(
        "{count:,} place was garbled by a wrong encoding ({marks}) before this file was saved",
        "{count:,} places were garbled by a wrong encoding ({marks}) before this file was saved",
        remark["count"],
    ).format(count=remark["count"], marks=join_list(("锟斤拷", "烫烫烫", "\ufffd")))


def _describe_lost_bytes(remark: Remark) -> str:
    return ngettext(
        "{count:,} place that could not be decoded was dropped ({share:.2%} of the text)",
        "{count:,} places that could not be decoded were dropped ({share:.2%} of the text)",
        remark["count"],
    ).format(count=remark["count"], share=remark["share"])


def _describe_not_read(remark: Remark) -> str:
    names = list(remark["names"])
    if remark["count"] > len(names):
        names.append("…")
    return ngettext(
        "{count:,} part of the book was not read: {names}",
        "{count:,} parts of the book were not read: {names}",
        remark["count"],
    ).format(count=remark["count"], names=join_list(names))


_DESCRIPTIONS: dict[str, Callable[[Remark], str]] = {
    REPAIRED: _describe_repaired,
    TWO_ENCODINGS: _describe_two_encodings,
    PRIVATE_USE: _describe_private_use,
    SCRAMBLED: _describe_scrambled,
    GARBLED_PLACES: _describe_garbled_places,
    LOST_BYTES: _describe_lost_bytes,
    NOT_READ: _describe_not_read,
}

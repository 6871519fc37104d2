"""Brings the catalogue up to date: extracts the messages, merges and compiles them.

    python novelgen/locale/update.py           # after a message has changed: then translate
    python novelgen/locale/update.py --check   # exit code 1 where the catalogue is not complete

Needs Babel, which the program itself does not.
"""

from __future__ import annotations

import argparse
import io
import string
import sys
from pathlib import Path

from babel.messages import Catalog, Message
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

LOCALE_DIR = Path(__file__).parent
PACKAGE = LOCALE_DIR.parent
PO = LOCALE_DIR / "zh_CN" / "LC_MESSAGES" / "novelgen.po"
MO = PO.with_suffix(".mo")
# Which arguments of which functions are messages. `browser_text` marks what a browser translates by
# itself; the others are gettext's.
KEYWORDS = {
    "_": None,
    "N_": None,
    "ngettext": (1, 2),
    "pgettext": ((1, "c"), 2),
    "browser_text": None,
}
WIDTH = 100
Key = tuple[tuple[str, ...], str | None]


def extract() -> Catalog:
    """The messages of the package's code, with the files they stand in and no translation."""
    found = Catalog(locale="zh_CN", project="novelgen", fuzzy=False)
    messages = extract_from_dir(PACKAGE, keywords=KEYWORDS, comment_tags=("Translators:",))
    for name, line, message, comments, context in sorted(messages, key=lambda each: each[:2]):
        place = (f"novelgen/{name}", line)
        found.add(message, None, [place], auto_comments=comments, context=context)
    return found


def read() -> Catalog:
    """The catalogue as it is in the .po file."""
    with PO.open("rb") as file:
        return read_po(file, locale="zh_CN")


def save(catalogue: Catalog) -> None:
    """Writes the .po file, without line numbers (every edit of the code would change them)."""
    PO.parent.mkdir(parents=True, exist_ok=True)
    with PO.open("wb") as file:
        write_po(file, catalogue, width=WIDTH, sort_output=True, include_lineno=False)


def compiled(catalogue: Catalog) -> bytes:
    """The .mo file of a catalogue."""
    file = io.BytesIO()
    write_mo(file, catalogue)
    return file.getvalue()


def problems() -> list[str]:
    """What is wrong with the catalogue, one line each: untranslated, unused, stale messages."""
    present = read()
    wanted = {key(message) for message in extract() if message.id}
    known = {key(message): message for message in present if message.id}
    found = [f"not in the catalogue: {missing!r}" for missing in wanted - known.keys()]
    found += [f"no longer used: {unused!r}" for unused in known.keys() - wanted]
    found += [f"no longer used: {unused!r}" for unused in present.obsolete]
    for message in known.values():
        found += _problems_of(message)
    if not MO.exists() or MO.read_bytes() != compiled(present):
        found.append(f"stale: {MO.name}; run novelgen/locale/update.py")
    return sorted(found)


def key(message: Message) -> Key:
    """What tells a message from all others: its English forms and its context."""
    return texts(message.id), message.context


def texts(forms: object) -> tuple[str, ...]:
    """One form or several (singular, plural) as a tuple; the empty one where there is none."""
    if isinstance(forms, list | tuple):
        return tuple(map(str, forms))
    return (str(forms or ""),)


def _problems_of(message: Message) -> list[str]:
    translations = texts(message.string)
    if not all(translations) or message.fuzzy:
        return [f"not translated: {message.id!r}"]
    wanted = set[str]().union(*map(placeholders, texts(message.id)))
    if any(placeholders(text) != wanted for text in translations):
        return [f"other placeholders: {message.id!r}"]
    return []


def placeholders(text: str) -> set[str]:
    """The names between braces."""
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


def update() -> None:
    """Merges the code's messages into the .po file and compiles it."""
    current = read() if PO.exists() else Catalog(locale="zh_CN")
    current.update(extract(), no_fuzzy_matching=True, update_creation_date=False)
    current.obsolete.clear()
    current.fuzzy = False
    save(current)
    MO.write_bytes(compiled(read()))


def main() -> int:
    """Updates or checks; returns the exit code."""
    parser = argparse.ArgumentParser(description="Updates the catalogue of messages.")
    parser.add_argument("--check", action="store_true", help="change nothing, only report")
    if not parser.parse_args().check:
        update()
    found = problems()
    print("\n".join(found) or "The catalogue is complete.")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())

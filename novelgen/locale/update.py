"""Brings the catalogue up to date: extracts the messages, merges them into the .po file, compiles the .mo file.

    python novelgen/locale/update.py           # after a message has changed; then translate what it names
    python novelgen/locale/update.py --check   # exit code 1 where anything is missing, unused or stale

Needs Babel, which the program itself does not.
"""

from __future__ import annotations

import argparse
import io
import sys
from pathlib import Path

from babel.messages import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

LOCALE_DIR = Path(__file__).parent
PACKAGE = LOCALE_DIR.parent
PO = LOCALE_DIR / "zh_CN" / "LC_MESSAGES" / "novelgen.po"
MO = PO.with_suffix(".mo")
# `browser_text` marks what a browser translates by itself; the others are gettext's.
KEYWORDS = {
    "_": None,
    "N_": None,
    "ngettext": (1, 2),
    "pgettext": ((1, "c"), 2),
    "browser_text": None,
}


def extract() -> Catalog:
    """The messages of the package's code, with the files they stand in and no translation."""
    found = Catalog(locale="zh_CN", project="novelgen", fuzzy=False)
    messages = extract_from_dir(
        PACKAGE, keywords=KEYWORDS, comment_tags=("Translators:",), strip_comment_tags=True
    )
    for name, _line, message, comments, context in sorted(messages, key=lambda each: each[:2]):
        # Without line numbers, which would change with every edit of the code.
        found.add(
            message, None, [(f"novelgen/{name}", None)], auto_comments=comments, context=context
        )
    return found


def read() -> Catalog:
    """The catalogue as it is in the .po file."""
    with PO.open("rb") as file:
        return read_po(file, locale="zh_CN")


def compiled(catalogue: Catalog) -> bytes:
    """The .mo file of a catalogue."""
    file = io.BytesIO()
    write_mo(file, catalogue)
    return file.getvalue()


def problems() -> list[str]:
    """What is wrong with the catalogue, one line each: untranslated, unused, stale; none when all is well."""
    wanted, present = extract(), read()
    keys = {(message.id, message.context) for message in wanted if message.id}
    known = {(message.id, message.context): message for message in present if message.id}
    found = [f"not in the catalogue: {key!r}" for key in keys - known.keys()]
    found += [f"no longer used: {key!r}" for key in known.keys() - keys]
    found += [f"no longer used: {key!r}" for key in present.obsolete]
    for key, message in known.items():
        translations = message.string if isinstance(message.string, tuple) else (message.string,)
        if not all(translations) or message.fuzzy:
            found.append(f"not translated: {key!r}")
        found += [f"{error}: {key!r}" for error in _placeholder_errors(message.id, translations)]
    if not MO.exists() or MO.read_bytes() != compiled(present):
        found.append(f"stale: {MO.name}; run novelgen/locale/update.py")
    return sorted(found)


def _placeholder_errors(message: str | tuple[str, ...], translations: tuple[str, ...]) -> list[str]:
    """Names between braces that only one side has."""
    import string

    def names(text: str) -> set[str]:
        return {field for _, field, _, _ in string.Formatter().parse(text) if field is not None}

    sources = message if isinstance(message, tuple) else (message,)
    wanted = set().union(*map(names, sources))
    return ["other placeholders" for text in translations if text and names(text) != wanted]


def update() -> None:
    """Merges the code's messages into the .po file and compiles it."""
    current = read() if PO.exists() else Catalog(locale="zh_CN")
    current.update(extract(), no_fuzzy_matching=True, update_creation_date=False)
    current.obsolete.clear()
    PO.parent.mkdir(parents=True, exist_ok=True)
    with PO.open("wb") as file:
        write_po(
            file, current, width=100, sort_output=True, include_lineno=False, omit_header=False
        )
    MO.write_bytes(compiled(read()))


def main() -> int:
    """Updates or checks; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="change nothing, only report")
    if not parser.parse_args().check:
        update()
    found = problems()
    print("\n".join(found) or "The catalogue is complete.")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())

"""Lists of words as people type them, for the options of decoding that name words."""

from __future__ import annotations

import unicodedata

from novelgen.errors import ConfigError
from novelgen.i18n import _
from novelgen.options import split_list

# What --favour adds where no strength is given, and the most that it may be.
FAVOUR_STRENGTH = 1.5
_LARGEST_STRENGTH = 20.0
# Characters of a list of words, of a word.
_LONGEST_LIST = 1000
_LONGEST_WORD = 40
# What a Chinese keyboard types between words, and for a colon.
_WORD_COMMA = unicodedata.lookup("IDEOGRAPHIC COMMA")
_WIDE_COLON = unicodedata.lookup("FULLWIDTH COLON")


def word_list(option_name: str, text: str, *, weighted: bool = False) -> dict[str, float]:
    """The words of a list with commas, each with its strength, which it may have if `weighted`.

    Raises ConfigError for a list without words, one that is too long, or a strength that is none.
    """
    # An ideographic comma stands between words too; alone it is one, to be banned.
    items = [
        part.strip()
        for item in split_list(text.replace("\n", ","))
        for part in ([item] if item == _WORD_COMMA else item.split(_WORD_COMMA))
    ]
    found = {}
    for item in filter(None, items):
        word, strength = item, FAVOUR_STRENGTH
        if weighted:
            word, strength = _weighted(option_name, item)
        if not word or len(word) > _LONGEST_WORD or not word.isprintable():
            message = _("{option} {word!r}: no word; it has 1 to {limit} characters")
            raise ConfigError(message.format(option=option_name, word=word, limit=_LONGEST_WORD))
        found[word] = strength
    if text and not found:
        message = _("{option} {text!r}: there is no word in it; separate words with commas")
        raise ConfigError(message.format(option=option_name, text=text[:_LONGEST_WORD]))
    if sum(map(len, found)) > _LONGEST_LIST:
        message = _("{option}: the words have more than {limit:,} characters; leave some out")
        raise ConfigError(message.format(option=option_name, limit=_LONGEST_LIST))
    return found


def _weighted(option_name: str, item: str) -> tuple[str, float]:
    """A word and its strength, of "word:2.0" or a word alone."""
    word, colon, number = item.replace(_WIDE_COLON, ":").rpartition(":")
    if not colon:
        return item, FAVOUR_STRENGTH
    try:
        strength = float(number)
    except ValueError:
        strength = 0.0
    if not 0 < strength <= _LARGEST_STRENGTH:
        message = _("{option} {item}: the strength must be a number above 0, at most {limit:g}")
        raise ConfigError(message.format(option=option_name, item=item, limit=_LARGEST_STRENGTH))
    return word.strip(), strength

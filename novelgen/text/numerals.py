"""The values of numerals as chapters have them: Chinese, Roman, and English words."""

from __future__ import annotations

import re

# The value of each digit in its usual, its formal and its variant forms; dashes stand for a one
# in texts that were read by a scanner.
_DIGITS = {
    character: value
    for value, characters in enumerate(
        (
            "〇零○Ｏ洞",
            "一壹弌—－―─",
            "二贰貳弍两兩",
            "三叁參叄弎参",
            "四肆",
            "五伍",
            "六陆陸",
            "七柒",
            "八捌",
            "九玖",
        )
    )
    for character in characters
}
_TENS = {"廿": 20, "卅": 30, "卌": 40}
_POWERS = {
    "十": 10,
    "拾": 10,
    "百": 100,
    "佰": 100,
    "千": 1000,
    "仟": 1000,
    "万": 10_000,
    "萬": 10_000,
}
NUMERALS = "".join((*_DIGITS, *_TENS, *_POWERS))


def parse_number(text: str) -> int | None:
    """The value of a numeral, Chinese or in digits; None where it is none.

    Understood are 12, １２, 十二, 一百零三, 廿一, 叁, 一二三 (123) and 八十— (81).

    >>> parse_number("一百二十"), parse_number("一二〇"), parse_number("八十—")
    (120, 120, 81)
    """
    text = re.sub(r"[\s　]", "", text)
    if text.isdecimal():
        return int(text)
    if not text or any(character not in NUMERALS for character in text):
        return None
    if not any(character in _POWERS or character in _TENS for character in text):
        return int("".join(str(_DIGITS[character]) for character in text))
    return _positional_number(text)


def _positional_number(text: str) -> int:
    """The value of a numeral with tens, hundreds, thousands or ten thousands."""
    total = 0  # what ends with a ten thousand
    section = 0  # below ten thousand, up to the last power
    digit = 0  # behind the last power
    for character in text:
        if character in _DIGITS:
            digit = digit * 10 + _DIGITS[character]
        elif character in _TENS:
            section += _TENS[character]
            digit = 0
        elif _POWERS[character] == 10_000:
            total = (total + section + digit or 1) * 10_000
            section = 0
            digit = 0
        else:
            # A power without a digit before it counts once: ten is written without a one.
            section += (digit or 1) * _POWERS[character]
            digit = 0
    return total + section + digit


_ROMAN = {"I": 1, "V": 5, "X": 10, "L": 50, "C": 100, "D": 500, "M": 1000}
# English numbers, cardinal and ordinal.
_WORDS = {
    word: value
    for value, words in enumerate(
        (
            "",
            "one first",
            "two second",
            "three third",
            "four fourth",
            "five fifth",
            "six sixth",
            "seven seventh",
            "eight eighth",
            "nine ninth",
            "ten tenth",
            "eleven eleventh",
            "twelve twelfth",
            "thirteen thirteenth",
            "fourteen fourteenth",
            "fifteen fifteenth",
            "sixteen sixteenth",
            "seventeen seventeenth",
            "eighteen eighteenth",
            "nineteen nineteenth",
            "twenty twentieth",
        )
    )
    for word in words.split()
}
_WORDS.update(thirty=30, forty=40, fifty=50)


def english_number(text: str) -> int | None:
    """The value of an English numeral: 12, XII, twelfth, twenty-one; None where it is none."""
    if text.isdecimal():
        return int(text)
    if re.fullmatch(r"[IVXLCDM]+", text, re.IGNORECASE):
        return _roman_number(text.upper())
    total = 0
    for word in re.split(r"[\s-]+", text):
        value = _WORDS.get(word.lower())
        if value is None:
            return None
        total += value
    return total


def _roman_number(text: str) -> int:
    values = [_ROMAN[letter] for letter in text]
    total = 0
    for place, value in enumerate(values):
        # A letter before a larger one is taken away: IX is nine.
        is_subtracted = value < max(values[place:])
        total += -value if is_subtracted else value
    return total

"""Cutting text into words: Chinese with rjieba or jieba, other text at its spaces.

rjieba is jieba in Rust, about 20 times faster, and used where it is installed. Both cut the same
words. They round differently, so an exact tie between two ways of cutting may fall either way
(常在 before a single character: 5 of 42,610 lines of 18 novels); the text decodes the same.
"""

from __future__ import annotations

import contextlib
import itertools
import logging
import re
import warnings
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from novelgen.errors import ConfigError
from novelgen.i18n import _
from novelgen.text.user_words import Cutter as Cutter
from novelgen.text.user_words import Tagger, is_chinese, keeping_whole

# jieba leaves the ideographs outside the basic block alone, each a word of its own; rjieba would
# join them.
_OTHER_IDEOGRAPHS = re.compile("([\u3400-\u4dbf\u9fd6-\u9fff\uf900-\ufaff\U00020000-\U0003ffff])")
# A line with its line end.
_LINE = re.compile(r"[^\n]*\n|[^\n]+")
# Scripts that put no spaces between words: Chinese characters and Japanese kana.
_UNSPACED = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff〇"
# A line that has a letter and no character of these scripts.
_SPACED_LINE = re.compile(rf"^(?![^\n]*[{_UNSPACED}])[^\n]*?[^\W\d_]", re.MULTILINE)
_LETTERS = "(?:[^\\W_][\u0300-\u036f]*)+"
# A word (don't is one) or a run of one mark with the space before it, as in GPT-2 (Radford et al.,
# 2019); or another space.
_SPACED_WORD = re.compile(rf" ?{_LETTERS}(?:['’]{_LETTERS})*| ?([^\w\s]|_)\1*|\s")
# jieba's parts of speech. Another Latin word at the end of a line belongs to a name: Moon river.
_TAGS = (
    "n|nr|nrfg|nrt|ns|nt|nz|ng|v|vd|vi|vn|vg|vq|a|ad|an|ag|b|c|d|df|dg|e|eng|f|g|h|i|j|k|l|m|mg|mq|"
    "o|p|q|r|rg|rr|rz|s|t|tg|u|ud|ug|uj|ul|uv|uz|x|y|yg|z|zg"
)
# A line of a jieba dictionary: a word, which may contain spaces, then perhaps a frequency and a
# part of speech.
_ENTRY = re.compile(rf"(.+?)(?:\s+([0-9]+))?(?:\s+(?:{_TAGS}))?")

_COMMENT = re.compile(r"(?:^|\s+)#.*")


class UserWord(NamedTuple):
    """A word that the user wants kept whole.

    Without a frequency it gets the lowest one that keeps it whole.
    """

    word: str
    frequency: int | None = None


def read_user_dict(path: str | Path) -> list[UserWord]:
    """The words of a jieba user dictionary in UTF-8, `word [frequency] [tag]`, one a line.

    The tags are not used, nor is what follows a # at the beginning of a line or behind a space.
    Raises ConfigError when the file cannot be read, is not UTF-8, or gives a
    frequency of 0.
    """
    try:
        lines = Path(path).read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise ConfigError(
            _("--user-dict {path}: byte {offset} is not UTF-8; save the file as UTF-8").format(
                path=path, offset=error.start
            )
        ) from None
    except OSError as error:
        raise ConfigError(
            _("--user-dict {path}: cannot be read: {reason}").format(
                path=path, reason=error.strerror
            )
        ) from None
    words: dict[str, UserWord] = {}
    for number, line in enumerate(lines, 1):
        entry = _ENTRY.fullmatch(_COMMENT.sub("", line).strip())
        if entry is None:
            continue
        word = entry[1]
        if entry[2] is None:
            words[word] = UserWord(word)
            continue
        frequency = int(entry[2])
        if frequency == 0:
            raise ConfigError(
                _(
                    "--user-dict {path}: line {line}: the frequency is 0; give a positive one or"
                    " none"
                ).format(path=path, line=number)
            )
        words[word] = UserWord(word, frequency)
    return list(words.values())


@lru_cache(maxsize=2)
def word_cutter(user_words: tuple[UserWord, ...] = ()) -> Cutter:
    """A function that cuts a text into words whose concatenation is the text.

    User words with more than Chinese characters in them are found before the segmenter sees the
    text, because it would cut them: it takes · and spaces for marks between words, and would take a
    user's Latin word out of the middle of a longer one.

    Loading the dictionary takes 0.1 s (rjieba) or 0.6 s (jieba), so a process does it once. Raises
    ConfigError where neither is installed.
    """
    plain = tuple(entry for entry in user_words if is_chinese(entry.word))
    mixed = [entry.word for entry in user_words if not is_chinese(entry.word)]
    for make in (_rjieba_cutter, _jieba_cutter):
        with contextlib.suppress(ImportError):
            return keeping_whole(mixed, make(plain))
    raise ConfigError(_("--tokenizer word needs a word segmenter: pip install rjieba (or jieba)"))


def is_spaced(text: str) -> bool:
    """Whether any line of `text` has letters, and none of a script without spaces."""
    return _SPACED_LINE.search(text) is not None


def spaced_word_cutter(user_words: tuple[UserWord, ...] = ()) -> Cutter:
    """As `word_cutter`, but lines for which `is_spaced` holds are cut at spaces and punctuation.

    A word carries the one space before it, so that spaces cost no tokens; so does a user's word.
    jieba is needed for other lines only.
    """
    mixed = [entry.word for entry in user_words if not is_chinese(entry.word)]
    cut_spaced = keeping_whole(mixed, _spaced_words, space=True)

    def cut(text: str) -> list[str]:
        if not is_spaced(text):
            return word_cutter(user_words)(text)
        words: list[str] = []
        for spaced, lines in itertools.groupby(_LINE.findall(text), is_spaced):
            part = "".join(lines)
            if spaced:
                words += cut_spaced(part)
            else:
                words += word_cutter(user_words)(part)
        return words

    return cut


def word_tagger() -> tuple[Tagger, Callable[[str], bool]]:
    """A function that cuts and tags a text, and one that says which words its dictionary has.

    Raises ConfigError where no segmenter is installed.
    """
    with contextlib.suppress(ImportError):
        from rjieba import Jieba

        rjieba = Jieba()
        return rjieba.tag, rjieba.has_word
    with contextlib.suppress(ImportError), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import jieba
        import jieba.posseg

        jieba.setLogLevel(logging.CRITICAL)
        jieba.initialize()

        def tag(text: str) -> list[tuple[str, str]]:
            return [(pair.word, pair.flag) for pair in jieba.posseg.cut(text)]

        return tag, lambda word: bool(jieba.dt.FREQ.get(word))
    raise ConfigError(_("--find-names needs a word segmenter: pip install rjieba (or jieba)"))


def _spaced_words(text: str) -> list[str]:
    return [match[0] for match in _SPACED_WORD.finditer(text)]


def _rjieba_cutter(user_words: Sequence[UserWord]) -> Cutter:
    from rjieba import Jieba

    jieba = Jieba()
    for entry in user_words:
        jieba.add_word(entry.word, entry.frequency, None)

    def pieces(text: str) -> Iterator[str]:
        for piece in _OTHER_IDEOGRAPHS.split(text):
            yield from jieba.cut(piece, True)

    def cut(text: str) -> list[str]:
        if _OTHER_IDEOGRAPHS.search(text):
            return list(pieces(text))
        words: list[str] = jieba.cut(text, True)
        return words

    return cut


def _jieba_cutter(user_words: Sequence[UserWord]) -> Cutter:
    with warnings.catch_warnings():
        # Its sources have invalid escapes, and it asks for pkg_resources: users cannot change that.
        warnings.simplefilter("ignore")
        import jieba
    # It writes to standard error how long it loaded, and a traceback when it cannot store its
    # dictionary.
    jieba.setLogLevel(logging.CRITICAL)
    tokenizer = jieba.Tokenizer()
    for entry in user_words:
        tokenizer.add_word(entry.word, entry.frequency)
    return lambda text: list(tokenizer.cut(text, HMM=True))

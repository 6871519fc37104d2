"""A font with Chinese glyphs, looked for on the system: matplotlib's own draw empty boxes."""

from __future__ import annotations

import functools
import unicodedata
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from matplotlib import font_manager
from matplotlib.ft2font import FT2Font

from novelgen.errors import ConfigError
from novelgen.i18n import _, language, use_language

# How the file names of good fonts begin, best first; other fonts with the glyphs come after them.
PREFERRED = (
    "notosanscjk",
    "notosanssc",
    "sourcehansans",
    "pingfang",
    "msyh",
    "hiraginosansgb",
    "stheiti",
    "wqymicrohei",
    "wqyzenhei",
    "simhei",
    "deng",
    "notosanstc",
    "droidsansfallback",
    "arialunicode",
    "notoserifcjk",
    "sourcehanserif",
    "simsun",
    "songti",
)
# What the file names of other weights contain: labels are read best in the upright text weight.
OTHER_WEIGHTS = ("bold", "black", "light", "thin", "medium", "bd.", "l.", "mono")
# What labels are made of: simplified and traditional characters, a full-width comma, and Latin.
NEEDED = "".join(map(chr, (0x7684, 0x9F99, 0x9F8D, 0xFF0C))) + "Aa0"


@dataclass(frozen=True)
class Font:
    """A font file (the first face of a collection) and the code points that it has glyphs for."""

    path: Path
    code_points: frozenset[int]

    def shows(self, text: str) -> bool:
        """Whether every character of `text` has a glyph."""
        return all(ord(character) in self.code_points for character in text)


def find_font(paths: Iterable[str | Path] | None = None) -> Font | None:
    """The best Chinese font among `paths`, by default all fonts of the system; or None.

    The folders are read each time: matplotlib's cached list does not know what was installed
    since.
    """
    if paths is None:
        paths = font_manager.findSystemFonts()
    for path in sorted(map(Path, paths), key=_preference):
        try:
            font = _open_font(path)
        except (OSError, RuntimeError):
            continue  # the next one may do
        if font.shows(NEEDED):
            return font
    return None


@functools.cache  # an exception is not remembered, so a font that is installed meanwhile is found
def require_font() -> Font:
    """The system's Chinese font; raises ConfigError, with the package to install, for none."""
    font = find_font()
    if font is None:
        raise ConfigError(
            _(
                "no font with Chinese characters was found, so they cannot be drawn; install one: "
                "apt install fonts-wqy-zenhei on Debian or Ubuntu, Noto Sans CJK elsewhere"
            )
        )
    return font


def font_for(text: str) -> Font:
    """The system's Chinese font, or matplotlib's own where there is none and `text` needs none.

    Raises ConfigError as `require_font`.
    """
    # The Chinese font is the first choice for every text: figures of one run look alike.
    try:
        return require_font()
    except ConfigError:
        if _needs_chinese_font(text):
            raise
    return _default_font()


def font_properties() -> font_manager.FontProperties:
    """The system's Chinese font for matplotlib; its own default font where there is none."""
    try:
        return font_manager.FontProperties(fname=str(require_font().path))
    except ConfigError:
        return font_manager.FontProperties()


@contextmanager
def figure_language() -> Iterator[None]:
    """Makes messages within the block speak a language that a figure can show.

    That is the reader's own, or English where Chinese would be empty boxes.
    """
    if language() == "zh" and not _has_chinese_font():
        with use_language("en"):
            yield
    else:
        yield


def _has_chinese_font() -> bool:
    try:
        require_font()
    except ConfigError:
        return False
    return True


def _needs_chinese_font(text: str) -> bool:
    """Whether some character is as wide as a Chinese one; pictures (emoji) do not count."""
    return any(
        unicodedata.east_asian_width(character) in "WF" and unicodedata.category(character) != "So"
        for character in text
    )


@functools.cache
def _default_font() -> Font:
    """The font that comes with matplotlib, for all alphabets but not for Chinese."""
    return _open_font(Path(font_manager.findfont("DejaVu Sans")))


def _open_font(path: Path) -> Font:
    """Raises OSError or RuntimeError for a broken file, or a kind that FreeType cannot read."""
    return Font(path, frozenset(FT2Font(str(path)).get_charmap()))


def _preference(path: Path) -> tuple[int, bool, str]:
    """Sorts by family, then upright text weight before bold and light ones."""
    name = path.name.lower().replace("-", "").replace("_", "").replace(" ", "")
    ranks = (rank for rank, start in enumerate(PREFERRED) if name.startswith(start))
    family = next(ranks, len(PREFERRED))
    is_other_weight = any(weight in name for weight in OTHER_WEIGHTS)
    return family, is_other_weight, str(path)

"""A font with Chinese glyphs, looked for on the system: matplotlib's own fonts draw empty boxes."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from matplotlib import font_manager
from matplotlib.ft2font import FT2Font

from novelgen.errors import ConfigError

# How the file names of good fonts begin, best first; other fonts that have the glyphs come after them.
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
OTHER_WEIGHTS = ("bold", "black", "light", "thin", "medium", "bd.", "l.", "mono")
# Simplified, Traditional, a full-width mark and Latin: what labels are made of.
NEEDED = "的龙龍，Aa0"


@dataclass(frozen=True)
class Font:
    """A font file (the first face of a collection) and the code points that it has glyphs for."""

    path: Path
    code_points: frozenset[int]

    def shows(self, text: str) -> bool:
        """Whether every character of `text` has a glyph."""
        return all(ord(character) in self.code_points for character in text)


def find_font(paths: Iterable[str | Path] | None = None) -> Font | None:
    """The best Chinese font among `paths`, by default all fonts of the system; None where there is none.

    The folders are read anew each time: matplotlib's cached list does not know what was installed since.
    """
    paths = font_manager.findSystemFonts() if paths is None else paths
    for path in sorted(map(Path, paths), key=_preference):
        try:
            font = Font(path, frozenset(FT2Font(str(path)).get_charmap()))
        except (OSError, RuntimeError):
            continue  # a broken file, or a kind that FreeType cannot read, is none to draw with
        if font.shows(NEEDED):
            return font
    return None


@functools.cache  # an exception is not remembered, so a font that is installed meanwhile is found
def require_font() -> Font:
    """The system's Chinese font; raises ConfigError that names the package to install where there is none."""
    font = find_font()
    if font is None:
        raise ConfigError(
            "没有找到中文字体，画不了汉字；Debian/Ubuntu 请 apt install fonts-noto-cjk，Fedora 请 dnf "
            "install google-noto-sans-cjk-fonts | no Chinese font found; install one of these packages"
        )
    return font


def _font_or_none() -> Font | None:
    try:
        return require_font()
    except ConfigError:
        return None


def font_properties() -> font_manager.FontProperties:
    """The system's Chinese font for matplotlib; its own default font where there is none."""
    font = _font_or_none()
    return (
        font_manager.FontProperties()
        if font is None
        else font_manager.FontProperties(fname=str(font.path))
    )


def bilingual(chinese: str, english: str) -> str:
    """A caption in both languages; in English alone where Chinese would be empty boxes."""
    return english if _font_or_none() is None else f"{chinese} {english}"


def _preference(path: Path) -> tuple[int, bool, str]:
    """Sorts by family, then upright text weight before bold and light ones."""
    name = path.name.lower().replace("-", "").replace("_", "").replace(" ", "")
    family = next(
        (rank for rank, start in enumerate(PREFERRED) if name.startswith(start)), len(PREFERRED)
    )
    return family, any(weight in name for weight in OTHER_WEIGHTS), str(path)

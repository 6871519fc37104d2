"""Lines and sentences that a site put into a text; what could be the story's own stays."""

from __future__ import annotations

import re

_URL = (r"(?:https?[：:]/{1,2}|(?<![A-Za-z0-9])(?:www|ｗｗｗ|wap|m|bbs)[.．。·]|(?<![A-Za-z0-9.])(?=[a-z0-9-]{2,30}\.(?:com|net|org|cc|cn|la|me|info|tw)\b))"
        r"[A-Za-z0-9０-９ａ-ｚＡ-Ｚ./_?=&%#:~．。·-]*[A-Za-z0-9ａ-ｚＡ-Ｚ/]")


def adverts(text: str) -> str:
    """Site lines."""
    return text


URL = re.compile(_URL)

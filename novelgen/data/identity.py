"""What tells a corpus's store from others: a hash of its files and of the options that shape it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict
from functools import lru_cache
from pathlib import Path
from typing import Any

import novelgen.text
from novelgen.config import DataConfig, TextConfig
from novelgen.data.store import FORMAT, PAIRING
from novelgen.errors import ConfigError
from novelgen.i18n import _
from novelgen.text.reading import find_files
from novelgen.text.words import UserWord, read_user_dict

# Counts the ways in which corpora have been split: a store that is split in an older way opens, but
# is not taken for a new one.
_SPLIT_VERSION = 2


def identify(
    paths: Sequence[Path], text: TextConfig, data: DataConfig, known: str | None = None
) -> tuple[dict[str, Any], list[UserWord]]:
    """What tells this corpus's store from others, for meta.json; and the user's words.

    These are the options and a hash of the content. The hash covers the bytes and kinds of all
    files, the options that shape the store, the user dictionary, the store's format, and the source
    of text/, because a store made by an older cleaning must not be taken for a new one. `known` is
    the fingerprint of a vocabulary that the store's is to have whole.
    """
    if data.user_dict and data.tokenizer != "word":
        raise ConfigError(
            _("--user-dict is for --tokenizer word only; leave it out or choose word")
        )
    user_words = read_user_dict(data.user_dict) if data.user_dict else []

    # 1. The options.
    options = {
        "text": asdict(text),
        "data": {name: value for name, value in asdict(data).items() if name not in PAIRING},
    }
    shaping = {
        **options["text"],
        **options["data"],
        "user_dict": user_words,
        "format": FORMAT,
        "split": _SPLIT_VERSION,
        "code": _code_hash(),
    }
    if known is not None:
        shaping["known"] = known
    files = find_files(paths)
    if data.hold_out is not None:
        # Otherwise the names of files do not matter.
        shaping["names"] = [path.name for path in files]
    content = hashlib.blake2b(json.dumps(shaping, sort_keys=True).encode("ascii"), digest_size=20)

    # 2. The files, in the order in which they are read.
    for path in files:
        _hash_file(path, content)
    identity: dict[str, Any] = {"content": content.hexdigest(), "options": options}
    if known is not None:
        identity["vocabulary_of"] = known
    return identity, user_words


def _hash_file(path: Path, content: hashlib.blake2b) -> None:
    """Adds the kind, size and bytes of a file to a hash, a megabyte at a time."""
    try:
        content.update(f"{path.suffix.lower()} {path.stat().st_size}\n".encode())
        with path.open("rb") as file:
            while chunk := file.read(1 << 20):
                content.update(chunk)
    except OSError:
        # The import leaves it out and says so, or refuses it.
        content.update(b"cannot be read")


@lru_cache(maxsize=1)
def _code_hash() -> str:
    """A hash of the source of text/, which stands for how text is cleaned and encoded."""
    sources = sorted(Path(novelgen.text.__file__).parent.glob("*.py"))
    code = b"\0".join(path.read_bytes() for path in sources)
    return hashlib.blake2b(code, digest_size=20).hexdigest()

"""novelgen: a Chinese novel text generator, from a raw novel to new paragraphs.

>>> from novelgen import Generator
>>> Generator.load("checkpoints/novel").generate(prompt).text  # doctest: +SKIP
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from novelgen.decoding.generator import Generator

__version__ = "0.1.0"
__all__ = ["Generator"]


def __getattr__(name: str) -> Any:
    # Torch is imported with the Generator only, so that `train.py --help` answers at once.
    if name == "Generator":
        from novelgen.decoding.generator import Generator

        return Generator
    raise AttributeError(f"module 'novelgen' has no attribute {name!r}")

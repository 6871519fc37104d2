"""A prompt becomes segments by the rules that made those of the corpus."""

from __future__ import annotations

from novelgen.config import TextConfig
from novelgen.text.cleaning import TEXT_RULES, plain, simplify
from novelgen.text.segments import cut_segments


def clean_prompt(text: str, config: TextConfig) -> list[str]:
    """The segments of a prompt, in order; none for a prompt of spaces.

    It is cleaned as a corpus is, but headings and adverts are not looked for: all that the user
    wrote is meant.
    """
    for rule in TEXT_RULES:
        text = rule(text)
    if config.simplify:
        text = simplify(text)
    return [
        segment
        for line in text.split("\n")
        for segment in cut_segments(line, config.segment_length)
    ]


def plain_prompt(text: str) -> list[str]:
    """The lines of a prompt, cleaned as `data.pairs.read_pairs` does; none for one of spaces."""
    lines = (plain(line).strip() for line in text.replace("\r\n", "\n").split("\n"))
    return [line for line in lines if line]

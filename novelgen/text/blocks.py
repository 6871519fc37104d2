"""One block of raw lines becomes headings and hashed, segmented paragraphs.

This is the part of an import that runs in parallel. It imports nothing heavy, because every worker
process pays for what this module imports.
"""

from __future__ import annotations

from array import array
from collections import Counter
from hashlib import blake2b
from typing import NamedTuple

from novelgen.text.chapters import Heading, Headings, find_heading
from novelgen.text.cleaning import RULES, Rule, simplify
from novelgen.text.report import Removal
from novelgen.text.segments import cut_segments


class BlockOptions(NamedTuple):
    """What cleaning a block depends on, besides its text."""

    headings: Headings
    segment_length: int
    simplify: bool
    list_removals: bool


class RawBlock(NamedTuple):
    """Whole lines as they were read, every line end being a line feed already."""

    text: str
    options: BlockOptions


class Block(NamedTuple):
    """A cleaned block in a form that is cheap to send between processes.

    `segments` are all segments with newlines between them; `ends[i]` is how many segments
    paragraphs 0..i have together, `hashes` (uint64) their identity. `headings` are (number of
    paragraphs before it in the block, heading).
    """

    segments: str
    ends: array[int]
    hashes: array[int]
    headings: list[tuple[int, Heading]]
    removed: Counter[str]
    removed_characters: Counter[str]
    removals: list[Removal]


def clean(text: str, rules: tuple[Rule, ...], changed: list[tuple[Rule, str, str]]) -> str:
    """`text` after all `rules`; every line that one of them changed is added to `changed`."""
    for rule in rules:
        cleaned = rule(text)
        if cleaned != text:
            # A rule treats each line alone, so the lines that it changed are found without a diff.
            changed.extend(
                (rule, line, new) for line in text.split("\n") if (new := rule(line)) != line
            )
        text = cleaned
    return text


# Python's own hash of a text differs between processes.
def _hash(paragraph: str) -> int:
    return int.from_bytes(blake2b(paragraph.encode("utf-8"), digest_size=8).digest(), "little")


def process_block(raw: RawBlock) -> Block:
    """Cleans and cuts one block."""
    # 1. Clean lines.
    options = raw.options
    changed: list[tuple[Rule, str, str]] = []
    text = clean(raw.text, RULES, changed)
    if options.simplify:
        text = simplify(text)

    # 2. What the rules changed, for the report.
    block = Block("", array("q"), array("Q"), [], Counter(), Counter(), [])
    for rule, before, after in changed:
        block.removed[rule.__name__] += 1
        block.removed_characters[rule.__name__] += max(0, len(before) - len(after))
        if options.list_removals:
            block.removals.append(Removal(rule.__name__, before, after))

    # 3. Headings and paragraphs. What is glued behind a heading is a paragraph.
    segments: list[str] = []
    for line in text.split("\n"):
        heading = find_heading(line, options.headings)
        paragraph = line
        if heading:
            block.headings.append((len(block.ends), heading))
            paragraph = heading.body
        if paragraph:
            segments.extend(cut_segments(paragraph, options.segment_length))
            block.ends.append(len(segments))
            block.hashes.append(_hash(paragraph))
    return block._replace(segments="\n".join(segments))

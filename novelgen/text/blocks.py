"""One block of raw lines becomes headings and hashed, segmented paragraphs.

This is the part of an import that runs in parallel. It imports nothing heavy, because every worker
process pays for what this module imports.
"""

from __future__ import annotations

from array import array
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from hashlib import blake2b
from typing import NamedTuple

from novelgen.text.chapters import Heading, Headings, find_heading
from novelgen.text.cleaning import RULES, Rule, simplify
from novelgen.text.clearing import clear
from novelgen.text.evidence import FileEvidence
from novelgen.text.report import Removal
from novelgen.text.segments import cut_segments


class BlockOptions(NamedTuple):
    """What cleaning a block depends on, besides its text."""

    headings: Headings
    segment_length: int
    simplify: bool
    list_removals: bool
    evidence: FileEvidence = FileEvidence()
    keep_site_lines: bool = False


class RawBlock(NamedTuple):
    """Whole lines as they were read, every line end being a line feed already.

    `before` and `after` are some lines of the same file around them, as far as it has any.
    """

    text: str
    options: BlockOptions
    before: str = ""
    after: str = ""


class PlacedRemoval(NamedTuple):
    """What happened to a line, with the paragraphs and the headings of its block before it."""

    paragraphs: int
    headings: int
    removal: Removal


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
    removals: list[PlacedRemoval]
    doubtful: Counter[str]


# Lines around a block that its own lines are judged with.
_AROUND = 20


def with_surroundings(blocks: Iterable[str]) -> Iterator[tuple[str, str, str]]:
    """(lines before it, block, lines after it) for every block of a file."""
    before: deque[str] = deque(maxlen=_AROUND)
    block: str | None = None
    for following in blocks:
        if block is not None:
            yield "\n".join(before), block, _first_lines(following)
            before.extend(block.rsplit("\n", _AROUND)[-_AROUND:])
        block = following
    if block is not None:
        yield "\n".join(before), block, ""


def _first_lines(text: str) -> str:
    return "\n".join(text.split("\n", _AROUND)[:_AROUND])


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


def _clean_lines(raw: RawBlock) -> tuple[list[str], list[tuple[int, Removal]]]:
    """(clean lines, what the rules changed and at which of these lines).

    The places cost time: without `list_removals` all are 0.
    """
    changed: list[tuple[Rule, str, str]] = []
    if not raw.options.list_removals:
        lines = clean(raw.text, RULES, changed).split("\n")
        return lines, [(0, _removal(*change)) for change in changed]
    lines = []
    removals: list[tuple[int, Removal]] = []
    for line in raw.text.split("\n"):
        changed = []
        cleaned = clean(line, RULES, changed)
        removals.extend((len(lines), _removal(*change)) for change in changed)
        lines.extend(cleaned.split("\n"))
    return lines, removals


def _removal(rule: Rule, before: str, after: str) -> Removal:
    return Removal(rule.__name__, before, after)


def _count(block: Block, removal: Removal) -> None:
    if removal.is_doubtful:
        block.doubtful[removal.rule] += 1
        return
    block.removed[removal.rule] += 1
    lost = max(0, len(removal.before) - len(removal.after))
    block.removed_characters[removal.rule] += lost


def process_block(raw: RawBlock) -> Block:
    """Cleans and cuts one block."""
    # 1. Clean lines, without what does not belong to the story.
    options = raw.options
    lines, removals = _clean_lines(raw)
    if not options.keep_site_lines:
        before = clean(raw.before, RULES, []).split("\n")
        after = clean(raw.after, RULES, []).split("\n")
        cleared = clear(lines, before, after, options.evidence, options.headings)
        lines = cleared.lines
        removals = sorted([*removals, *cleared.removals], key=lambda change: change[0])
    text = "\n".join(lines)
    if options.simplify:
        text = simplify(text)

    # 2. What the rules changed, for the report.
    block = Block("", array("q"), array("Q"), [], Counter(), Counter(), [], Counter())
    for _, removal in removals:
        _count(block, removal)
    pending = deque(removals if options.list_removals else ())

    # 3. Headings and paragraphs. What is glued behind a heading is a paragraph.
    segments: list[str] = []
    for place, line in enumerate(text.split("\n")):
        while pending and pending[0][0] <= place:
            _, removal = pending.popleft()
            block.removals.append(PlacedRemoval(len(block.ends), len(block.headings), removal))
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

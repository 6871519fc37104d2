"""What the Attention tab shows of a generated paragraph, as plain data for the browser.

A *place* is one token of the paragraph as the model saw it coming, see decoding/inspection.py.
"""

from __future__ import annotations

import base64
import codecs
import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from novelgen.decoding.generator import Paragraph
from novelgen.decoding.inspection import Alternative, Place
from novelgen.decoding.results import BeamNode
from novelgen.options import flag
from novelgen.text.tokenizers import EOS, FIRST_BYTE, FIRST_CHARACTER, SPECIALS
from novelgen.web.services.streaming import GenerationResult

# How the end of a paragraph is written, and bytes that spell no character.
END = "¶"
_INVALID = "\N{REPLACEMENT CHARACTER}"
# Decimals of a probability.
_DECIMALS = 6
# Characters of a paragraph's beginning in the list of all paragraphs.
_BEGINNING = 12
# Keeps the logarithm of an underflowed probability finite.
_SMALLEST_PROBABILITY = 1e-300


class Shown(NamedTuple):
    """The paragraph that the tab shows."""

    result: GenerationResult
    candidate: int
    # Index of the paragraph within the candidate.
    number: int
    # What the tab shows later has a higher one.
    revision: int = 0
    # T; None as long as the model has not been asked.
    places: list[Place] | None = None

    @property
    def paragraph(self) -> Paragraph:
        """The paragraph itself."""
        return self.result.generations[self.candidate].paragraphs[self.number]

    @property
    def position(self) -> tuple[int, int]:
        """Candidate and index of the paragraph."""
        return self.candidate, self.number


def choose(result: GenerationResult | None, asked: Mapping[str, Any]) -> Shown | None:
    """The paragraph that was asked for, else the last one of the first candidate.

    `asked` comes from the browser: its "candidate" and "paragraph" may be missing, or anything.
    None where there is no text yet.
    """
    if result is None:
        return None
    positions = [
        (candidate, number)
        for candidate, generation in enumerate(result.generations)
        for number, paragraph in enumerate(generation.paragraphs)
        if paragraph.ids
    ]
    if not positions:
        return None
    wanted = (asked.get("candidate"), asked.get("paragraph"))
    if wanted in positions:
        candidate, number = positions[positions.index(wanted)]
    else:
        first_candidate = positions[0][0]
        candidate, number = max(each for each in positions if each[0] == first_candidate)
    return Shown(result, candidate, number)


def payload(shown: Shown | None, selected: int = 0) -> dict[str, Any]:
    """What attention.js draws; {} where there is nothing to show.

    `selected` is the token that is selected at first. In the payload, `weights` is the (T, S)
    matrix as float32, little-endian, row by row, in base64; `source_pieces` and `output_pieces` are
    from `pieces`; `places` is null until the model has been asked.
    """
    if shown is None:
        return {}
    result = shown.result
    paragraph = shown.paragraph
    weights = np.ascontiguousarray(paragraph.attention, dtype="<f4")  # (T, S)
    places = None
    if shown.places is not None:
        places = [_place(place, number) for number, place in enumerate(shown.places)]
    return {
        "revision": shown.revision,
        "run": result.run,
        "seed": result.generations[shown.candidate].seed,
        "candidate": shown.candidate,
        "paragraph": shown.number,
        "paragraphs": [
            [_beginning(each) for each in generation.paragraphs]
            for generation in result.generations
        ],
        "source": paragraph.source_tokens,
        "output": paragraph.tokens,
        "source_pieces": pieces(paragraph.source_ids, paragraph.source_tokens),
        "output_pieces": pieces(paragraph.ids, paragraph.tokens),
        "shape": list(weights.shape),
        "weights": base64.b64encode(weights.tobytes()).decode("ascii"),
        "places": places,
        "beam": beam_steps(paragraph),
        "selected": min(max(selected, 0), len(paragraph.ids) - 1),
    }


def beam_steps(paragraph: Paragraph) -> list[list[list[Any]]]:
    """What a beam kept, step by step: [parent, text, log-probability, ended] of each token."""

    def shown(node: BeamNode) -> list[Any]:
        text = END if node.token == SPECIALS[EOS] else node.token
        return [node.parent, text, round(node.log_probability, 2), node.ended]

    return [[shown(node) for node in step] for step in paragraph.beam]


def growing(result: GenerationResult, opening: str, revision: int) -> dict[str, Any]:
    """What attention.js shows while a paragraph that begins with `opening` is being written."""
    text = result.generations[0].paragraphs[-1].text
    # The model reads the opening token by token before it goes on; until then all of it is shown.
    if opening.startswith(text):
        text = opening
    return {"revision": revision, "growing": text, "kept": len(opening)}


def pieces(ids: Sequence[int], labels: Sequence[str]) -> list[tuple[str, int]]:
    """Readable texts, each with the number of tokens that spell it.

    Bytes are joined to the character that they spell, and an end of paragraph is END.
    """
    found: list[tuple[str, int]] = []
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    # Bytes that the decoder has read since the last character.
    waiting = 0
    for token, label in zip(ids, labels, strict=True):
        if FIRST_BYTE <= token < FIRST_CHARACTER:
            waiting += 1
            text = decoder.decode(bytes([token - FIRST_BYTE]))
            if text:
                found.append((text, waiting))
                waiting = 0
            continue
        if waiting:
            found.append((_INVALID, waiting))
            decoder.reset()
            waiting = 0
        found.append((END if token == EOS else label, 1))
    if waiting:
        found.append((_INVALID, waiting))
    return found


def _beginning(paragraph: Paragraph) -> str:
    """How a paragraph begins; "" where it has not begun."""
    if not paragraph.ids:
        return ""
    if len(paragraph.text) <= _BEGINNING:
        return paragraph.text
    return f"{paragraph.text[: _BEGINNING - 1]}…"


def _place(place: Place, number: int) -> dict[str, Any]:
    return {
        "probability": round(place.probability, _DECIMALS),
        "entropy": round(place.entropy, _DECIMALS),
        "after": place.after and round(place.after, _DECIMALS),
        "alternatives": [_alternative(each, number) for each in place.alternatives],
    }


def _alternative(alternative: Alternative, number: int) -> dict[str, Any]:
    return {
        "token": END if is_end(alternative) else alternative.token,
        "probability": round(alternative.probability, _DECIMALS),
        "kind": _kind(alternative, number),
        "after": alternative.after and round(alternative.after, _DECIMALS),
        "rule": alternative.rule and flag(alternative.rule),
    }


def is_end(alternative: Alternative) -> bool:
    """Whether an alternative is the end of the paragraph."""
    return alternative.token == SPECIALS[EOS]


def _kind(alternative: Alternative, number: int) -> str:
    """What a click on the alternative of token `number` does.

    "write" goes on from it, "end" ends the paragraph there; "byte" and "empty" cannot be clicked,
    as a byte is no character and a paragraph is not empty.
    """
    if alternative.opening is None:
        return "byte"
    if not is_end(alternative):
        return "write"
    return "end" if number else "empty"


def ended(shown: Shown, number: int, end: Alternative) -> GenerationResult:
    """The same text with the paragraph ended before its token `number`.

    Later paragraphs, which were written from it, are removed, and so are the other candidates.
    """
    result = shown.result
    paragraph = shown.paragraph
    generation = result.generations[shown.candidate]
    assert end.opening is not None  # only a byte has none, and it ends nothing
    # T' = number + 1 tokens, the last of them the end of paragraph.
    log_probabilities = [
        *paragraph.log_probabilities[:number],
        math.log(max(end.probability, _SMALLEST_PROBABILITY)),
    ]
    length_penalty = result.options.get("length_penalty", 1.0)
    short = dataclasses.replace(
        paragraph,
        text=end.opening,
        tokens=[*paragraph.tokens[:number], end.token],
        ids=[*paragraph.ids[:number], EOS],
        log_probabilities=log_probabilities,
        attention=paragraph.attention[: number + 1],  # (T', S)
        finished=True,
        score=sum(log_probabilities) / len(log_probabilities) ** length_penalty,
    )
    paragraphs = [*generation.paragraphs[: shown.number], short]
    only = dataclasses.replace(generation, paragraphs=paragraphs, finished=True)
    after = dataclasses.replace(result, generations=(only,), finished=True)
    # The model has generated none of it just now.
    return dataclasses.replace(after, given_characters=after.characters)

"""What the Attention tab shows of a written paragraph, as plain data for the browser."""

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
from novelgen.text.tokenizers import EOS, FIRST_BYTE, FIRST_CHARACTER, SPECIALS
from novelgen.web.generation_service import GenerationResult

END = "¶"  # how the end of a paragraph is written
_DECIMALS = 6  # of a probability


class Shown(NamedTuple):
    """The paragraph that the tab shows."""

    written: GenerationResult
    candidate: int
    number: int  # of the paragraph, from 0
    turn: int = 0  # what the tab showed later has a higher one
    places: list[Place] | None = None  # T; None as long as the model has not been asked

    @property
    def paragraph(self) -> Paragraph:
        """The paragraph itself."""
        return self.written.generations[self.candidate].paragraphs[self.number]


def choose(written: GenerationResult | None, asked: Mapping[str, Any]) -> Shown | None:
    """The paragraph that was asked for, or the last one of the first candidate; None where nothing is written yet."""
    known = [
        (candidate, number)
        for candidate, generation in enumerate(written.generations if written else ())
        for number, paragraph in enumerate(generation.paragraphs)
        if paragraph.ids
    ]
    if not known:
        return None
    wish = (asked.get("candidate"), asked.get("paragraph"))
    last_of_first = max(place for place in known if place[0] == known[0][0])
    return Shown(written, *(wish if wish in known else last_of_first))


def payload(shown: Shown | None, selected: int = 0) -> dict[str, Any]:
    """What attention.js draws; `selected` is the token that it begins with. Without anything to show, {}.

    `weights` is the (T, S) matrix, float32, little-endian, row by row, in base64. `pieces` are [text, how many tokens it is
    spelled in], in order. `places` is null until the model has been asked.
    """
    if shown is None:
        return {}
    written, paragraph = shown.written, shown.paragraph
    return {
        "turn": shown.turn,
        "run": written.run,
        "seed": written.generations[shown.candidate].seed,
        "candidate": shown.candidate,
        "paragraph": shown.number,
        "paragraphs": [
            [_beginning(each) if each.ids else "" for each in generation.paragraphs]
            for generation in written.generations
        ],
        "source": paragraph.source_tokens,
        "output": paragraph.tokens,
        "source_pieces": pieces(paragraph.source_ids, paragraph.source_tokens),
        "output_pieces": pieces(paragraph.ids, paragraph.tokens),
        "shape": list(paragraph.attention.shape),
        "weights": base64.b64encode(
            np.ascontiguousarray(paragraph.attention, dtype="<f4").tobytes()
        ).decode("ascii"),
        "places": None
        if shown.places is None
        else [_place(place, number) for number, place in enumerate(shown.places)],
        "selected": min(max(selected, 0), len(paragraph.ids) - 1),
    }


def growing(written: GenerationResult, opening: str, turn: int) -> dict[str, Any]:
    """What attention.js shows while a paragraph is written anew; `opening` is what it began with."""
    text = written.generations[0].paragraphs[-1].text
    # The model reads the opening token by token before it goes on.
    return {
        "turn": turn,
        "growing": opening if opening.startswith(text) else text,
        "kept": len(opening),
    }


def pieces(ids: Sequence[int], labels: Sequence[str]) -> list[list]:
    """Readable texts and how many tokens each is spelled in: bytes make characters, an end is END."""
    found: list[list] = []
    decoder, waiting = codecs.getincrementaldecoder("utf-8")("replace"), 0
    for token, label in zip(ids, labels, strict=True):
        if FIRST_BYTE <= token < FIRST_CHARACTER:
            waiting += 1
            text = decoder.decode(bytes([token - FIRST_BYTE]))
            if text:
                found.append([text, waiting])
                waiting = 0
            continue
        if waiting:
            found.append(["�", waiting])
            decoder.reset()
            waiting = 0
        found.append([END if token == EOS else label, 1])
    return [*found, ["�", waiting]] if waiting else found


def _beginning(paragraph: Paragraph) -> str:
    return paragraph.text if len(paragraph.text) <= 12 else f"{paragraph.text[:11]}…"


def _place(place: Place, number: int) -> dict[str, Any]:
    return {
        "probability": round(place.probability, _DECIMALS),
        "entropy": round(place.entropy, _DECIMALS),
        "alternatives": [
            {
                "token": END if is_end(each) else each.token,
                "probability": round(each.probability, _DECIMALS),
                "kind": _kind(each, number),
            }
            for each in place.alternatives
        ],
    }


def is_end(alternative: Alternative) -> bool:
    """Whether an alternative is the end of the paragraph."""
    return alternative.token == SPECIALS[EOS]


def _kind(alternative: Alternative, number: int) -> str:
    """What a click on it does: "write" on from it, "end" the paragraph there, or nothing: "byte", "empty"."""
    if alternative.opening is None:
        return "byte"
    if is_end(alternative):
        return "end" if number else "empty"
    return "write"


def ended(shown: Shown, number: int, end: Alternative) -> GenerationResult:
    """The same text, ended before its token `number`; paragraphs that were written from it go."""
    written, paragraph = shown.written, shown.paragraph
    generation = written.generations[shown.candidate]
    values = [*paragraph.log_probabilities[:number], math.log(max(end.probability, 1e-300))]
    short = dataclasses.replace(
        paragraph,
        text=end.opening,
        tokens=[*paragraph.tokens[:number], end.token],
        ids=[*paragraph.ids[:number], EOS],
        log_probabilities=values,
        attention=paragraph.attention[: number + 1],
        finished=True,
        score=sum(values) / len(values) ** written.options.get("length_penalty", 1.0),
    )
    kept = dataclasses.replace(
        generation, paragraphs=[*generation.paragraphs[: shown.number], short], finished=True
    )
    after = dataclasses.replace(written, generations=(kept,), finished=True)
    return dataclasses.replace(after, given=after.characters)  # nothing of it was written now

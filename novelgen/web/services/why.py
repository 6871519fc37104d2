"""Why a paragraph was written, for the browser: several matrices over the source, and bits."""

from __future__ import annotations

import base64
from collections.abc import Generator, Mapping, Sequence
from contextlib import closing
from typing import Any

import numpy as np

from novelgen.attribution.explanation import Explanation, Parts, explaining, source_ids
from novelgen.attribution.forced import Floats, Written, log_probs_given
from novelgen.attribution.pinned import Pins
from novelgen.decoding.inspection import Alternative, whole_characters
from novelgen.evaluation.origins import Copy, find_copies
from novelgen.web.services import streaming
from novelgen.web.services.attention import Shown
from novelgen.web.services.model_registry import ModelRegistry

_DECIMALS = 4


def copies_in(registry: ModelRegistry, shown: Shown) -> list[Copy] | None:
    """The spans of the paragraph that stand in the training text; None where that is not here."""
    found = find_copies(registry.run(shown.result.run).path, [shown.paragraph.text])
    return None if found is None else found[0]


def explain_shown(
    registry: ModelRegistry, shown: Shown
) -> Generator[Explanation | None, None, None]:
    """The explanation of the paragraph that is shown, as the last item; before it None.

    Each None is a sign of life. Raises CheckpointError when the model is gone.
    """
    with closing(
        explaining(streaming.generator_of(registry, shown.result), shown.paragraph)
    ) as steps:
        yield from steps


def why_payload(explanation: Explanation, copies: Sequence[Copy] | None) -> dict[str, Any]:
    """What attention.js draws: `views` are (T, S) matrices in bits, as the weights are sent.

    What a word or a sentence gives stands at each of its positions. `copies` are spans of the text,
    in characters; null where the training text is not here.
    """
    size = len(explanation.source_tokens)
    views = {"gradient": explanation.gradient}
    for name, parts in explanation.parts.items():
        views[name] = _spread(parts, size)
    return {
        "views": {name: encoded(values) for name, values in views.items()},
        "saved": np.round(explanation.information, _DECIMALS).tolist(),
        "sentences": [
            [text.strip(), round(float(total), 2)]
            for text, total in zip(
                explanation.sentences.texts,
                explanation.sentences.effects.sum(0),
                strict=True,
            )
        ],
        "copies": copies
        and [
            [copy.start, copy.stop, copy.source.novel, copy.source.chapter, copy.source.paragraph]
            for copy in copies
        ],
        "agreement": {name: round(value, 3) for name, value in explanation.agreement.items()},
    }


def encoded(values: Floats) -> str:
    """A matrix as float32, little-endian, row by row, in base64."""
    return base64.b64encode(np.ascontiguousarray(values, dtype="<f4").tobytes()).decode("ascii")


def _spread(parts: Parts, size: int) -> Floats:
    """(T, S): the effect of each part at its positions, 0 elsewhere."""
    matrix = np.zeros((len(parts.effects), size))
    for positions, effects in zip(parts.positions, parts.effects.T, strict=True):
        matrix[:, positions] = effects[:, None]
    return matrix


def compare_sources(
    registry: ModelRegistry, shown: Shown, source: str
) -> Generator[dict[str, Any] | None, None, None]:
    """What another source changes, as the last item; before it None, as a sign of life.

    "bits" are what each written token costs more with it, and "text" is what the model writes then,
    with the same settings and seed. Raises NovelgenError.
    """
    bits = changed_bits(registry, shown, source)
    yield None
    result = shown.result
    generation = result.generations[shown.candidate]
    options = {
        **result.options,
        "paragraphs": 1,
        "num_samples": 1,
        "seed": generation.seed,
        "prefix": result.options.get("prefix", "") if shown.number == 0 else "",
    }
    text = ""
    with closing(streaming.write_instead(registry, result, source, options)) as stream:
        for snapshot in stream:
            text = snapshot.generations[0].text
            yield None
    yield {"source": source, "bits": bits, "text": text}


def changed_bits(registry: ModelRegistry, shown: Shown, source: str) -> list[float]:
    """How many bits more each written token costs with another source in the place of its own.

    Raises CheckpointError when the model is gone.
    """
    generator = streaming.generator_of(registry, shown.result)
    paragraph = shown.paragraph
    written = Written(paragraph.source_ids, paragraph.ids, paragraph.first)
    sources: Sequence[Sequence[int]] = [written.source, source_ids(generator, source)]
    with_own, with_other = log_probs_given(generator.network, written, sources, generator.device)
    changed: list[float] = np.round(with_own - with_other, _DECIMALS).tolist()
    return changed


def pinned_rows(
    registry: ModelRegistry, shown: Shown | None, asked: Mapping[str, Any]
) -> tuple[int, Alternative | None, Pins]:
    """From where to write again, and the rows of attention that the browser gives, by token.

    The alternative is None where the browser has sent anything else than that. Raises
    CheckpointError when the model is gone.
    """
    place, rows = asked.get("place"), asked.get("rows")
    if shown is None or not isinstance(place, int) or not isinstance(rows, dict):
        return 0, None, {}
    ids = shown.paragraph.ids
    pins = {int(step): row for step, row in rows.items() if str(step).isdecimal()}
    are_rows = all(
        isinstance(row, list) and all(isinstance(weight, (int, float)) for weight in row)
        for row in pins.values()
    )
    if not 0 <= place < len(ids) or not pins or not are_rows:
        return 0, None, {}
    tokenizer = streaming.generator_of(registry, shown.result).tokenizer
    opening = tokenizer.decode(whole_characters(list(ids[:place])))
    return place, Alternative("", 0.0, opening), pins

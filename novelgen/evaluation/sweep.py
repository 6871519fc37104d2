"""A decoding sweep: the same held-out prompts, continued with several settings of the decoder.

    texts = held_out_texts(generator, data.pairs("test"), 20)
    settings = product({"temperature": [0.5, 1.0], "beam_size": [1, 5]})
    for row in sweep(generator, texts, settings, data.passages()):
        print(row.label, row.measures.distinct_2)

A row is finished when it comes, and needs no other one: to go on with a sweep that was stopped, ask
for the settings that are missing.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from novelgen.config import DecodingConfig, flag
from novelgen.config.effects import applies
from novelgen.data.pairs import Pairs
from novelgen.data.passages import PassageIndex
from novelgen.decoding.generator import Generator
from novelgen.evaluation.text import copied
from novelgen.evaluation.writing import Measures, measure, spread

SEED = 1
# A source with the paragraph that truly follows it.
TextPair = tuple[str, str]


class Setting(NamedTuple):
    """How a row of a sweep is written: fields of DecodingConfig; the others have their defaults."""

    label: str
    options: Mapping[str, Any]


@dataclass(frozen=True)
class SweepText:
    """A text of a sweep."""

    prompt: int  # the place of its prompt among those of the sweep
    seed: int
    text: str
    finished: bool  # ended by itself, not by the limit of its length
    log_probability: float | None  # natural, per character, as in Measures


@dataclass(frozen=True)
class SweepRow:
    """What was written with one setting, in the order of the prompts, and its measures."""

    label: str
    options: dict[str, Any]  # every field of DecodingConfig but the seed, defaults included
    measures: Measures
    texts: list[SweepText]  # one for each prompt, or `num_samples`

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> SweepRow:
        """The inverse of `to_dict`."""
        texts = [SweepText(**text) for text in data["texts"]]
        return cls(data["label"], data["options"], Measures(**data["measures"]), texts)


def product(options: Mapping[str, Any], decoder: str = "sample") -> list[Setting]:
    """A setting for every combination of options, some of which have lists of values.

    A decoder is combined only with the fields that it has a use for. Where none is given they are
    those of which such a field is given, or else `decoder`:

        product({"temperature": [0.5, 1.0], "beam_size": [1, 5]})   # four settings
    """
    chosen = {name: _values(value) for name, value in options.items()}
    decoders = chosen.pop("decoder", None) or _decoders_of(chosen) or [decoder]
    settings = []
    for each in decoders:
        fields = {name: values for name, values in chosen.items() if applies(name, each)}
        for values in itertools.product(*fields.values()):
            setting = {"decoder": each, **dict(zip(fields, values, strict=True))}
            settings.append(Setting(_label(setting, options), setting))
    return settings


def _values(value: Any) -> list[Any]:
    """The values of an option: those of a list, or the one that it is."""
    return list(value) if isinstance(value, (list, tuple)) else [value]


def _decoders_of(names: Iterable[str]) -> list[str]:
    """The decoders that alone have a use for one of these fields."""
    known = ("sample", "beam", "greedy")
    users = [[decoder for decoder in known if applies(name, decoder)] for name in names]
    return [decoder for decoder in known if [decoder] in users]


def _label(setting: Mapping[str, Any], options: Mapping[str, Any]) -> str:
    """The decoder, and what has several values: "sample temperature 0.8", "beam 5", "greedy"."""
    words = [setting["decoder"]]
    for name, value in setting.items():
        if name == "decoder" or len(_values(options.get(name))) == 1:
            continue
        # The size of a beam needs no word.
        if name != "beam_size":
            words.append(flag(name).removeprefix("--"))
        words.append(f"{value:g}" if isinstance(value, float) else str(value))
    return " ".join(words)


def held_out_texts(generator: Generator, pairs: Pairs, count: int) -> list[TextPair]:
    """The texts of `count` pairs, evenly from the first to the last, or of all if fewer."""
    places = spread(pairs, count)
    return list(pairs.texts(places, generator.tokenizer, generator.source_tokenizer))


def sweep(
    generator: Generator,
    texts: Sequence[TextPair],
    settings: Sequence[Setting],
    training: PassageIndex | None = None,
    *,
    seed: int = SEED,
    on_text: Callable[[int, int], None] | None = None,
) -> Iterator[SweepRow]:
    """Writes after every source with every setting; yields a row as soon as a setting is done.

    Every setting has the same prompts and seeds: the n-th prompt `seed` + n, counted from 0, so
    that a row is the same whatever else is asked for. All settings are checked at once, before the
    first `next`. Closing the iterator ends the sweep between two rows; an exception of `on_text`
    ends it at once.

    Args:
        generator: The model. Load it with precision "float32" for figures that are reported.
        texts: Sources with the paragraphs that truly follow them, as `held_out_texts` has them.
        settings: What is compared, in the order of the rows.
        training: What the model was trained on; without it copying is unknown.
        seed: Of the first prompt.
        on_text: Called after every prompt with how many are written in the whole sweep, and of how
            many.

    Raises:
        ConfigError: A setting is unknown, out of range, or not possible with this model.
    """
    configs = [generator.decoding_config(**setting.options) for setting in settings]
    return _rows(
        generator, texts, list(zip(settings, configs, strict=True)), training, seed, on_text
    )


def _rows(
    generator: Generator,
    texts: Sequence[TextPair],
    settings: Sequence[tuple[Setting, DecodingConfig]],
    training: PassageIndex | None,
    seed: int,
    on_text: Callable[[int, int], None] | None,
) -> Iterator[SweepRow]:
    """The rows of `sweep`."""
    done = 0
    for setting, config in settings:
        # 1. What is written, each prompt with a seed of its own.
        options = dataclasses.asdict(config)
        del options["seed"]
        generations = []
        places = []
        for place, (source, _target) in enumerate(texts):
            found = generator.candidates(source, **options, seed=seed + place)
            generations += found
            places += [place] * len(found)
            done += 1
            if on_text is not None:
                on_text(done, len(settings) * len(texts))
        # 2. Its measures, all texts of the setting together.
        share = None
        if training is not None:
            share = copied([generation.text for generation in generations], training)
        truth = [texts[place][1] for place in places]
        written = [
            SweepText(
                place,
                generation.seed,
                generation.text,
                all(paragraph.finished for paragraph in generation.paragraphs),
                measure([generation]).log_probability,
            )
            for place, generation in zip(places, generations, strict=True)
        ]
        yield SweepRow(setting.label, options, measure(generations, truth, share), written)

"""The options of decoding: how a trained model chooses what it writes."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from novelgen.errors import ConfigError
from novelgen.i18n import N_, _
from novelgen.options import Checked, Control, option, validate_choice
from novelgen.word_lists import word_list


@dataclass(frozen=True)
class DecodingConfig(Checked):
    """How the next paragraph is chosen.

    What a decoder has no use for says `applies`; every other rule is honoured by every decoder.
    """

    decoder: str = option(
        "sample",
        N_("decoding strategy"),
        choices=("sample", "beam", "greedy"),
        control=Control(
            N_("Decoder"),
            N_("how the next token is chosen"),
            common=True,
            choices={
                "sample": N_("sampling"),
                "beam": N_("beam search"),
                "greedy": N_("greedy"),
            },
        ),
    )
    # What sampling chooses from: temperature first, then the filters.
    temperature: float = option(
        0.8,
        N_("sampling temperature: lower is safer, higher is more surprising, near 0 is greedy"),
        above=0,
        maximum=100,
        control=Control(
            N_("Temperature"),
            N_("lower is safer, higher is wilder"),
            common=True,
            minimum=0.1,
            maximum=2,
            step=0.05,
        ),
    )
    top_k: int = option(
        0,
        N_("choose among the k most likely tokens only; 0 turns this off"),
        minimum=0,
        control=Control(N_("Top-k"), group="sampling", maximum=200),
    )
    top_p: float = option(
        0.95,
        N_(
            "choose among the fewest tokens whose probabilities sum to p (nucleus sampling); "
            "1 turns this off"
        ),
        above=0,
        maximum=1,
        control=Control(N_("Top-p"), common=True, minimum=0.05),
    )
    min_p: float = option(
        0.0,
        N_("drop tokens less likely than this fraction of the most likely one; 0 turns this off"),
        minimum=0,
        maximum=1,
        control=Control(N_("Min-p"), group="sampling", maximum=0.5),
    )
    typical_p: float = option(
        1.0,
        N_(
            "choose among the most typical tokens whose probabilities sum to p (locally typical "
            "sampling); 1 turns this off"
        ),
        above=0,
        maximum=1,
        control=Control(N_("Typical-p"), group="sampling", minimum=0.05),
    )
    # Beam search, and how many texts a request gives.
    beam_size: int = option(
        5,
        N_("beam size"),
        minimum=1,
        maximum=1000,
        control=Control(N_("Beam size"), N_("how many hypotheses are kept"), common=True),
    )
    length_penalty: float = option(
        1.0,
        N_("exponent of the length penalty: score = log-probability / length ** this"),
        minimum=0,
        maximum=10,
        control=Control(
            N_("Length penalty"),
            N_("higher prefers longer paragraphs"),
            group="beam",
            maximum=2,
            step=0.1,
        ),
    )
    num_samples: int = option(
        1,
        N_("number of candidates; of a beam search, the n best"),
        minimum=1,
        maximum=1000,
        flags=("--n-best",),
        control=Control(
            N_("Candidates"), N_("drafts side by side; with beam search the n best"), common=True
        ),
    )
    # Rules against repetition.
    repetition_penalty: float = option(
        1.1,
        N_("penalty on recently written tokens; 1 turns this off"),
        minimum=1,
        maximum=10,
        control=Control(N_("Repetition penalty"), group="repetition", maximum=2, step=0.05),
    )
    repetition_window: int = option(
        32,
        N_("how many recent tokens the repetition penalty covers"),
        minimum=1,
        control=Control(N_("Repetition window"), group="repetition", maximum=256),
    )
    no_repeat_ngram: int = option(
        4,
        N_("never write an n-gram of this size twice, punctuation not counted; 0 turns this off"),
        minimum=0,
        maximum=100,
        control=Control(N_("No-repeat n-gram"), group="repetition", maximum=10),
    )
    dry_multiplier: float = option(
        0.0,
        N_(
            "DRY sampling: what would extend a repetition of n tokens loses this times base ** "
            "(n - allowed length) of its log-probability, earlier paragraphs included; 0.8 is "
            "common, 0 turns this off"
        ),
        minimum=0,
        maximum=100,
        control=Control(N_("DRY multiplier"), group="repetition", maximum=3),
    )
    dry_base: float = option(
        1.75,
        N_("DRY sampling: how much the penalty grows with each repeated token"),
        minimum=1,
        maximum=10,
        control=Control(N_("DRY base"), group="repetition", maximum=4),
    )
    # Of the characters of "Dream of the Red Chamber" 1.5 % extend what repeats three before them in
    # the last thousand, 6 % two.
    dry_allowed_length: int = option(
        3,
        N_("DRY sampling: the shortest repetition that must not be extended, in tokens"),
        minimum=1,
        maximum=50,
        control=Control(N_("DRY allowed length"), group="repetition", maximum=20),
    )
    dry_window: int = option(
        1000,
        N_("DRY sampling: how many recent tokens are compared, punctuation not counted"),
        minimum=1,
        maximum=100_000,
        control=Control(N_("DRY window"), group="repetition", maximum=5000, step=100),
    )
    # Words, in lists with commas.
    ban: str = option(
        "",
        N_("words and characters that are never written, with commas between"),
        control=Control(N_("Never write"), group="words"),
    )
    favour: str = option(
        "",
        N_(
            "words to favour, with commas between, each with its strength if you like: what is "
            "added to the log-probability of its characters (word:2.0; without one 1.5)"
        ),
        control=Control(N_("Favour"), group="words"),
    )
    cast: str = option(
        "",
        N_(
            "names of the story, with commas between: they are favoured, and a name that has begun "
            "is kept"
        ),
        control=Control(N_("Cast"), group="words"),
    )
    # Lengths, in tokens, and what is written.
    min_length: int = option(
        4,
        N_("fewest tokens in a paragraph"),
        minimum=0,
        control=Control(N_("Min length"), group="length", maximum=200),
    )
    max_length: int = option(
        160,
        N_("most tokens in a paragraph"),
        minimum=1,
        maximum=100_000,
        control=Control(N_("Max length"), common=True, minimum=10, step=10),
    )
    paragraphs: int = option(
        1,
        N_("how many paragraphs to write; each becomes the source of the next"),
        minimum=1,
        maximum=1000,
    )
    # Empty: the model begins by itself.
    prefix: str = option("", N_("opening of the paragraph to write"))
    seed: int | None = option(
        None,
        N_("random seed (default: drawn at random and printed)"),
        minimum=0,
        maximum=2**63 - 1,
        control=Control(
            N_("Seed"),
            N_(
                "empty is random; a fixed one writes the same text again, and Rewrite moves on to"
                " the next"
            ),
            common=True,
        ),
    )
    task: str | None = option(
        None,
        N_(
            "what to write: the next paragraph, the previous one (several are written backwards) "
            "or the same (default: the first of the --tasks that were trained)"
        ),
        choices=("next", "previous", "same"),
        control=Control(
            N_("What to write"),
            N_("a previous paragraph goes before the manuscript when accepted"),
            common=True,
            choices={
                "next": N_("next paragraph"),
                "previous": N_("previous paragraph"),
                "same": N_("the same paragraph"),
            },
        ),
    )
    # What is decoded: the network's distribution, or one that it is a part of.
    ngram_weight: float = option(
        0.0,
        N_(
            "weight of the run's n-gram model beside the network: p = (1 - weight) p_network + "
            "weight p_ngram; 0 is the network alone; training prints the best for predicting"
        ),
        minimum=0,
        maximum=1,
        control=Control(
            N_("N-gram weight"),
            N_("how much an n-gram model counts beside the network; 0 is off"),
            group="mixture",
            step=0.05,
        ),
    )
    cache_weight: float = option(
        0.0,
        N_(
            "weight of a neural cache of the text so far beside the network, before the n-gram "
            "model: p_network becomes (1 - weight) p_network + weight p_cache; 0 is no cache; 0.15 "
            "is best for predicting"
        ),
        minimum=0,
        maximum=1,
        control=Control(
            N_("Cache weight"),
            N_("how much the words of the manuscript count beside the network; 0 is off"),
            group="mixture",
            step=0.05,
        ),
    )

    def __post_init__(self) -> None:
        # What people type for "no chance at all" is the name of a decoder.
        if type(self.temperature) in (int, float) and self.temperature == 0:
            message = _(
                "--temperature 0: must be above 0; for the likeliest token every time use "
                "--decoder greedy"
            )
            raise ConfigError(message)
        super().__post_init__()
        # Each option is in its range by now; what follows is about two options together.
        if self.min_length > self.max_length:
            message = _("--min-length {minimum} exceeds --max-length {maximum}; lower --min-length")
            raise ConfigError(message.format(minimum=self.min_length, maximum=self.max_length))
        if self.decoder == "beam" and self.num_samples > self.beam_size:
            message = _("--n-best {count} exceeds --beam-size {size}; raise --beam-size")
            raise ConfigError(message.format(count=self.num_samples, size=self.beam_size))
        self._check_words()
        if self.decoder == "greedy" and self.num_samples > 1:
            raise ConfigError(
                _("--decoder greedy writes one text; for several candidates use sample or beam")
            )

    def _check_words(self) -> None:
        """Raises ConfigError for lists of words that are wrong, or contradict each other."""
        banned = word_list("--ban", self.ban)
        wanted = {
            "--favour": word_list("--favour", self.favour, weighted=True),
            "--cast": word_list("--cast", self.cast),
        }
        for name, words in wanted.items():
            for word, out in itertools.product(words, banned):
                if out in word:
                    message = _("{option} {word}: --ban {banned} forbids it; leave out one of them")
                    raise ConfigError(message.format(option=name, word=word, banned=out))


# A translation is to be likely, may be as short as its source, and repeats what its source repeats.
_PAIRS_DECODING = {
    "decoder": "beam",
    "repetition_penalty": 1.0,
    "no_repeat_ngram": 0,
    "min_length": 1,
}


def decoding_defaults(from_pairs: bool) -> dict[str, Any]:
    """The defaults of DecodingConfig's fields that the kind of run decides; none for a novel."""
    return dict(_PAIRS_DECODING) if from_pairs else {}


def decoding_config(options: Mapping[str, Any]) -> DecodingConfig:
    """The options as a DecodingConfig; raises ConfigError for an unknown name, with the nearest."""
    known = tuple(spec.name for spec in dataclasses.fields(DecodingConfig))
    for name in options:
        validate_choice(name, known, _("decoding option"))
    return DecodingConfig(**options)

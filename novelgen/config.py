"""Every option of the program, once: its default, its bounds and its help text.

The dataclasses here are the command line (`novelgen.cli` turns fields into flags), the Python API
and what a run directory's `config.json` holds. How an option is declared and checked is in
`novelgen.options`; the section of decoding is in `novelgen.config_decoding`, the table of the
model's variants in `novelgen.models.zoo`. Nothing here imports torch, so that `--help` answers at
once.
"""

from __future__ import annotations

import dataclasses
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from novelgen.config_decoding import DecodingConfig, decoding_defaults
from novelgen.errors import ConfigError
from novelgen.i18n import N_, _
from novelgen.models.zoo import VARIANTS
from novelgen.options import AUTO, LARGEST, Checked, flag, option, split_list, validate_choice

__all__ = [
    "BUDGETS",
    "DEVICES",
    "PRECISIONS",
    "TASKS",
    "Config",
    "DataConfig",
    "DecodingConfig",
    "ModelConfig",
    "PairsConfig",
    "TextConfig",
    "TrainingConfig",
    "check_budget",
    "decoding_defaults",
    "flag",
    "validate_choice",
    "validate_option",
]

# Choices that other modules check as well.
DEVICES = ("auto", "cpu", "cuda")
PRECISIONS = ("auto", "float32", "bfloat16")
TASKS = ("next", "previous", "same")


@dataclass(frozen=True)
class TextConfig(Checked):
    """How a raw file becomes clean segments."""

    # Checked where it is used: `novelgen.text.encoding` knows the names.
    encoding: str = option("auto", N_("encoding of the corpus; auto detects it"))
    errors: str = option(
        "strict",
        N_("bytes that cannot be decoded: strict stops with an error, replace leaves them out"),
        choices=("strict", "replace"),
    )
    simplify: bool = option(False, N_("convert Traditional Chinese characters to Simplified"))
    segment_length: int = option(
        100,
        N_("longest segment in characters; longer paragraphs are cut at sentence ends"),
        minimum=10,
        maximum=10_000,
    )
    keep_site_lines: bool = option(
        False,
        N_(
            "keep lines that a site or an uploader added: adverts, notes to the readers, a book's "
            "data, end marks"
        ),
    )
    strict: bool = option(
        False, N_("stop at a file that cannot be read, instead of leaving it out and saying so")
    )


@dataclass(frozen=True)
class DataConfig(Checked):
    """How segments become ids and pairs."""

    # The tokenizer and its vocabulary.
    tokenizer: str = option(
        "char",
        N_(
            "split text into characters, or into words: Chinese by jieba, other text at spaces "
            "and punctuation"
        ),
        choices=("char", "word"),
        flags=("--level",),
    )
    user_dict: str | None = option(
        None, N_("user dictionary for jieba, for names and the like; one word per line")
    )
    min_count: int = option(
        2,
        N_(
            "characters and words that occur less often stay out of the vocabulary and are "
            "spelled out in bytes or characters"
        ),
        minimum=1,
    )
    # At least the special tokens, the 256 bytes and one character.
    vocabulary_size: int = option(
        30_000,
        N_("largest size of the vocabulary, special tokens and bytes included"),
        minimum=260,
        maximum=2_000_000,
    )
    # What is held out; by default some chapters of every novel.
    hold_out: str | None = option(
        None,
        N_(
            "hold out this whole novel of several, a file's name: its chapters are for validation "
            "and test in turn, all others for training (default: some chapters of every novel)"
        ),
    )
    # How segments become pairs.
    context_paragraphs: int = option(
        1, N_("how many preceding paragraphs form the source"), minimum=1, maximum=100
    )
    tasks: str = option(
        "next",
        N_(
            "what to learn to write: the next paragraph, the previous one or the same, perhaps "
            "with weights, as in next=2,previous,same; the first is the main task and decides "
            "when to stop early"
        ),
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        parse_tasks(self.tasks)  # raises ConfigError for what is no list of tasks

    @property
    def task_weights(self) -> dict[str, float]:
        """The tasks in their order and how often each is trained; the first is the main one."""
        return parse_tasks(self.tasks)


def parse_tasks(text: str) -> dict[str, float]:
    """The weight of each task in a list such as "next=2,previous"; raises ConfigError."""
    weights: dict[str, float] = {}
    # The order is kept: the first task is the main one. A task without a weight weighs 1.
    for part in split_list(text):
        name, equals_sign, typed_weight = (word.strip() for word in part.partition("="))
        validate_choice(name, TASKS, "--tasks")
        if name in weights:
            message = _("--tasks {tasks}: {task} occurs twice; give each task once")
            raise ConfigError(message.format(tasks=text, task=name))
        weights[name] = _parse_weight(name, typed_weight) if equals_sign else 1.0
    return weights


def _parse_weight(task: str, text: str) -> float:
    """The weight of a task as a number; raises ConfigError unless it is above 0."""
    try:
        weight = float(text)
    except ValueError:
        weight = math.nan
    # NaN fails both comparisons.
    if not 0 < weight <= LARGEST:
        message = _(
            "--tasks {task}={weight}: a weight must be a number above 0, for example {task}=2"
        )
        raise ConfigError(message.format(task=task, weight=text))
    return weight


@dataclass(frozen=True)
class PairsConfig(Checked):
    """Pairs of a file in place of a novel's; `pairs` is None for a novel.

    In a run directory the paths are relative to it.
    """

    # Strings, not paths: the section is written to config.json as it is.
    pairs: str | None = option(
        None,
        N_(
            "learn from any text pairs instead of a novel: a UTF-8 file, each line a source, "
            "a tab and a target"
        ),
    )
    # Without files of their own, the parts are held out by a hash of the source.
    valid_pairs: str | None = option(
        None, N_("pairs for validation (default: about 2% of --pairs, held out)")
    )
    test_pairs: str | None = option(
        None,
        N_("pairs for the test (default: those of --valid-pairs, else another 2% of --pairs)"),
    )
    share_vocabulary: bool = option(
        False,
        N_(
            "one vocabulary for source and target: for the same language on both sides, for "
            "--copy, and to write several paragraphs"
        ),
    )
    source_level: str | None = option(
        None,
        N_("split the source into characters or words (default: as --level)"),
        choices=("char", "word"),
    )


@dataclass(frozen=True)
class ModelConfig(Checked):
    """The variant, its parts and its sizes.

    What is None is as the variant has it; `novelgen.models.zoo.resolve` fills it in.
    """

    model: str = option(
        "bahdanau",
        N_("model variant; it decides the defaults of the parts below"),
        choices=tuple(VARIANTS),
        meanings={f"{name} ({each.paper})": each.summary for name, each in VARIANTS.items()},
    )
    # Parts of several networks. None: as the variant has it.
    cell: str | None = option(None, N_("recurrent cell"), choices=("lstm", "gru", "rnn"))
    embedding_size: int = option(
        256,
        N_("size of the embeddings, and of the output layer that shares their weights"),
        minimum=1,
        maximum=65_536,
    )
    # The encoder.
    encoder_size: int | None = option(
        None,
        N_(
            "hidden size of each encoder direction (default: half of --decoder-size for two "
            "directions, all of it for one)"
        ),
        minimum=1,
        maximum=65_536,
    )
    encoder_layers: int | None = option(None, N_("number of encoder layers"), minimum=1, maximum=16)
    bidirectional: bool | None = option(None, N_("the encoder reads the source in both directions"))
    reverse_source: bool | None = option(None, N_("the encoder reads the source backwards"))
    # What of the source reaches the decoder, and how.
    bridge: str | None = option(
        None,
        N_(
            "initial state of the decoder: the encoder's last state, a projection of it, or a "
            "projection of the mean of all states"
        ),
        choices=("last", "projected", "mean"),
    )
    context: str | None = option(
        None,
        N_(
            "what the decoder sees of the source: only its own initial state, one vector at every "
            "step, or attention"
        ),
        choices=("initial", "every-step", "attention"),
    )
    score: str | None = option(
        None,
        N_("attention score function"),
        choices=("additive", "dot", "general", "concat"),
    )
    input_feeding: bool | None = option(
        None, N_("feed the last attentional vector back into the decoder's input")
    )
    token_in_query: bool | None = option(
        None,
        N_(
            "the attention's query is of the decoder's state and the token before; without, as in "
            "the paper, of the state alone"
        ),
    )
    guide: float | None = option(
        None,
        N_(
            "in training, the weight of a term that guides attention to where the source holds the "
            "token to be written; 0 for none"
        ),
        minimum=0,
        maximum=100,
    )
    copy: bool | None = option(
        None, N_("pointer-generator: the decoder can copy tokens of the source")
    )
    coverage: bool | None = option(
        None, N_("coverage: the score knows how much attention each position has had so far")
    )
    # The decoder.
    decoder_size: int = option(512, N_("hidden size of the decoder"), minimum=1, maximum=65_536)
    decoder_layers: int | None = option(None, N_("number of decoder layers"), minimum=1, maximum=16)
    attention_size: int | None = option(
        None,
        N_("hidden size of the additive and concat scores (default: half of --decoder-size)"),
        minimum=1,
        maximum=65_536,
    )
    # Variational: one mask for all steps of a sequence.
    dropout: float | None = option(
        None,
        N_(
            "variational dropout rate; the LSTM decoder of bahdanau with additive scores drops "
            "recurrent weights too, at twice the rate but at most half; auto goes by how many "
            "passes over the text the budget buys"
        ),
        minimum=0.0,
        maximum=0.95,
        auto=True,
    )


# Target tokens in the largest batch that `auto` takes.
LARGEST_BATCH = 3200


@dataclass(frozen=True)
class TrainingConfig(Checked):
    """The budget, the optimizer, and how often a run is validated and saved."""

    # The budget: training ends with whichever of these is used up first.
    epochs: int | None = option(
        None, N_("training budget in passes over the training pairs"), minimum=1
    )
    max_steps: int | None = option(None, N_("training budget in optimizer steps"), minimum=1)
    max_minutes: float | None = option(None, N_("training budget in minutes"), above=0)
    # The batch: padding counts, so that every batch needs about the same memory.
    batch_tokens: int | None = option(
        None,
        N_("target tokens in a batch, padding included; auto makes small ones of a small budget"),
        minimum=1,
        auto=True,
    )
    accumulation_steps: int = option(
        1,
        N_(
            "compute each batch in this many parts and add up their gradients: the same step in "
            "less memory"
        ),
        minimum=1,
    )
    init: str = option(
        "auto",
        N_("weights to start from: auto, none, or a run directory"),
    )
    # The optimizer: a linear warm-up, then half a cosine down to the final rate.
    learning_rate: float = option(3e-3, N_("peak learning rate"), above=0, maximum=1)
    final_learning_rate: float = option(
        0.05,
        N_("learning rate at the end of the budget, as a fraction of the peak"),
        minimum=0,
        maximum=1,
    )
    warmup_steps: int | None = option(
        None,
        N_("steps of linear learning rate warm-up; auto: 50, fewer where the budget is small"),
        minimum=0,
        auto=True,
    )
    weight_decay: float = option(
        0.01, N_("decoupled weight decay of the weight matrices"), minimum=0, maximum=1
    )
    clip_norm: float = option(1.0, N_("clip gradients to this norm"), above=0)
    # Below 1, scheduled sampling; `novelgen.training.scheduled_sampling`.
    teacher_forcing: float = option(
        1.0,
        N_(
            "share of true tokens that the decoder reads at the end of the budget, falling in a "
            "line from 1; the others are drawn from the model itself (scheduled sampling)"
        ),
        minimum=0,
        maximum=1,
    )
    # Validation, early stopping and saves.
    validate_every: int | None = option(
        None, N_("steps between validations (default: about one epoch)"), minimum=1
    )
    patience: int = option(
        5, N_("stop after this many validations in a row without progress"), minimum=1
    )
    save_every: int = option(200, N_("steps between saves for --resume"), minimum=1)
    # Beside the network; it is counted when training ends.
    ngram_order: int = option(
        3,
        N_(
            "order of the n-gram model that is counted of the training text, for evaluate and "
            "--ngram-weight; 0 is none"
        ),
        minimum=0,
        maximum=8,
    )
    # The hardware.
    precision: str = option(
        "auto",
        N_("number format to compute in; auto takes bfloat16 where it is faster"),
        choices=PRECISIONS,
    )
    device: str = option("auto", N_("device to compute on"), choices=DEVICES)
    # Everything random follows from it: the first weights, the batches, the dropout masks.
    seed: int = option(1, N_("random seed"), minimum=0, maximum=2**63 - 1)

    @property
    def evaluation_tokens(self) -> int:
        """Target tokens in a batch without gradients: without them twice as many fit.

        No fewer than twice the largest batch that `auto` takes: a small one is for its many steps.
        """
        return 2 * max(self.batch_tokens or 0, LARGEST_BATCH)


# Fields of earlier versions that decided nothing of a run but its speed: a config.json that holds
# one is read as if it did not.
_RETIRED = ("cuda_graph",)

# What fields that came later were before: a config.json without one means this.
_EARLIER = {"token_in_query": False, "guide": 0.0}

# Any of them ends a training; one that is given replaces all that a run had.
BUDGETS = ("epochs", "max_steps", "max_minutes")


def check_budget(config: TrainingConfig) -> None:
    """Raises ConfigError for a training that would never end."""
    if all(getattr(config, name) is None for name in BUDGETS):
        raise ConfigError(_("give a budget: --epochs, --max-steps or --max-minutes"))


# A section's fields have names of their own: `Config.replace` and the command line need no section.
@dataclass(frozen=True)
class Config:
    """One training run, whole: what `config.json` holds."""

    text: TextConfig = TextConfig()
    data: DataConfig = DataConfig()
    pairs: PairsConfig = PairsConfig()
    model: ModelConfig = ModelConfig()
    training: TrainingConfig = TrainingConfig()

    @property
    def from_pairs(self) -> bool:
        """Whether the run learns from the pairs of a file, not from a novel."""
        return self.pairs.pairs is not None

    def replace(self, **values: Any) -> Config:
        """A copy with the named fields set, in whichever section they are.

        Raises ConfigError for an unknown name or a value out of range.
        """
        sections = {spec.name: getattr(self, spec.name) for spec in dataclasses.fields(self)}
        # Each section takes its own fields out of `values`; what is left belongs to none.
        for name, section in sections.items():
            own = {}
            for spec in dataclasses.fields(section):
                if spec.name in values:
                    value = _plain(values.pop(spec.name))
                    is_auto = spec.metadata["auto"] and value == AUTO
                    own[spec.name] = None if is_auto else value
            sections[name] = dataclasses.replace(section, **own)
        for name in values:
            validate_option(name)
        return Config(**sections)

    def to_dict(self) -> dict[str, dict[str, Any]]:
        """Plain data for JSON, section by section."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Mapping[str, Any]]) -> Config:
        """The inverse of `to_dict`; raises ConfigError for an unknown or a wrong field."""
        given = {key: value for section in data.values() for key, value in section.items()}
        flat = {**_EARLIER, **given}
        for name in _RETIRED:
            flat.pop(name, None)
        return cls().replace(**flat)


def validate_option(name: str) -> str:
    """Returns the name of a field of any section; raises ConfigError for another, as a choice."""
    default = Config()
    sections = [getattr(default, spec.name) for spec in dataclasses.fields(default)]
    known = tuple(spec.name for section in sections for spec in dataclasses.fields(section))
    return validate_choice(name, known, _("configuration"))


def _plain(value: Any) -> Any:
    """A path as the string that config.json holds; any other value as it is."""
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    return value

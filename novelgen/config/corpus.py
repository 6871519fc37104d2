"""The options of a corpus: how a file becomes segments, and segments or pairs become ids."""

from __future__ import annotations

import math
from dataclasses import dataclass

from novelgen.errors import ConfigError
from novelgen.i18n import N_, _
from novelgen.options import LARGEST, Checked, option, split_list, validate_choice

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
    # Of a run that begins with the weights of another, as many as that has read.
    context_paragraphs: int = option(
        1,
        N_(
            "how many preceding paragraphs form the source (default: 1, or as many as the run "
            "reads that training begins with)"
        ),
        minimum=1,
        maximum=100,
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

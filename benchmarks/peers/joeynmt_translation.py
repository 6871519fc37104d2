"""JoeyNMT on a file of pairs.

Here are its files and configuration, its training and its translations, each made once.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import yaml  # the environment of novelgen has it through gradio

_WORD = re.compile(r"\w+|[^\w\s]")
_SPACE = "▁"  # a space that is a token: JoeyNMT parts tokens at spaces
SCALE = {"embedding": 256, "encoder": 256, "decoder": 512, "batch": 64}


class Recipe(NamedTuple):
    """What is common to all contestants."""

    steps: int
    learning_rate: float  # the first, or highest
    dropout: float
    device: str


def split(text: str, level: str) -> list[str]:
    """Words and single punctuation marks, or characters."""
    return (
        _WORD.findall(text)
        if level == "word"
        else [_SPACE if character == " " else character for character in text]
    )


def join(line: str) -> str:
    """The text of characters that JoeyNMT wrote, tokens parted by spaces."""
    return line.replace(" ", "").replace(_SPACE, " ").strip()


def write_files(
    directory: Path, part: str, pairs: Iterable[tuple[str, str]], levels: tuple[str, str]
) -> None:
    """part.src and part.trg, a text a line, its tokens parted by spaces."""
    for side, level, texts in zip(("src", "trg"), levels, zip(*pairs, strict=True), strict=True):
        lines = "".join(" ".join(split(text, level)) + "\n" for text in texts)
        (directory / f"{part}.{side}").write_text(lines, encoding="utf-8")


def configuration(
    directory: Path, recipe: Recipe, steps_an_epoch: int, beam: int = 1
) -> dict[str, Any]:
    """The text of JoeyNMT's YAML file.

    Starting values and schedule in the manner of its own small recurrent configuration.
    """
    embeddings = {"embedding_dim": SCALE["embedding"], "scale": False, "dropout": recipe.dropout}
    language = {"level": "word", "lowercase": False, "tokenizer_type": "none"}
    every = max(steps_an_epoch, 1)
    return {
        "name": "translation",
        "joeynmt_version": "2.3.0",
        "model_dir": str(directory / "model"),
        "random_seed": 1,
        "use_cuda": recipe.device == "cuda",
        "fp16": False,
        "data": {
            "train": str(directory / "train"),
            "dev": str(directory / "valid"),
            "dataset_type": "plain",
            # A word that was seen once is unknown, so that the unknown word is learnt.
            "src": {**language, "lang": "src", "voc_min_freq": 2},
            "trg": {**language, "lang": "trg", "voc_min_freq": 1},
        },
        "training": {
            "optimizer": "adam",
            "learning_rate": recipe.learning_rate,
            "learning_rate_min": 1e-6,
            "clip_grad_norm": 1.0,
            "normalization": "tokens",
            "batch_size": SCALE["batch"],
            "batch_type": "sentence",
            "scheduling": "plateau",
            "patience": 0,
            "decrease_factor": 0.5,
            "early_stopping_metric": "ppl",
            "epochs": 1000,
            "updates": recipe.steps,
            "validation_freq": every,
            "logging_freq": every,
            "keep_best_ckpts": 1,
            "overwrite": True,
            "print_valid_sents": [],
        },
        "testing": {
            "load_model": str(directory / "model" / "best.ckpt"),
            "batch_size": 64,
            "batch_type": "sentence",
            "beam_size": beam,
            "beam_alpha": 1.0,
            "max_output_length": 100,
            "eval_metrics": [],
            "generate_unk": False,
        },
        "model": {
            "initializer": "xavier_uniform",
            "embed_initializer": "normal",
            "embed_init_weight": 0.1,
            "bias_initializer": "zeros",
            "init_rnn_orthogonal": True,
            "lstm_forget_gate": 1.0,
            "encoder": {
                "type": "recurrent",
                "rnn_type": "lstm",
                "embeddings": embeddings,
                "bidirectional": True,
                "hidden_size": SCALE["encoder"],
                "num_layers": 1,
                "dropout": recipe.dropout,
            },
            "decoder": {
                "type": "recurrent",
                "rnn_type": "lstm",
                "embeddings": embeddings,
                "num_layers": 1,
                "hidden_size": SCALE["decoder"],
                "dropout": recipe.dropout,
                "hidden_dropout": recipe.dropout,
                "input_feeding": True,
                "init_hidden": "bridge",
                "attention": "bahdanau",
            },
        },
    }


def run(python: Path, mode: str, configured: dict[str, Any], path: Path, **options: Any) -> None:
    """`joeynmt train` or `translate` with this configuration, written to `path`."""
    path.write_text(
        yaml.safe_dump(configured, allow_unicode=True, sort_keys=False), encoding="utf-8"
    )
    subprocess.run(
        [python, "-m", "joeynmt", mode, path, *options.pop("arguments", ())], check=True, **options
    )


def train(python: Path, directory: Path, recipe: Recipe, pairs: int) -> None:
    """Trains for recipe.steps steps; what is there already is kept."""
    if not (directory / "trained").exists():
        run(
            python,
            "train",
            configuration(directory, recipe, pairs // SCALE["batch"]),
            directory / "train.yaml",
            arguments=["--skip-test"],
        )
        (directory / "trained").touch()


def translate(python: Path, directory: Path, recipe: Recipe, beam: int) -> list[str]:
    """The translations of the validation file by the best weights: greedily where `beam` is 1."""
    output = directory / f"beam-{beam}.txt"
    if not output.exists():
        written = output.with_suffix(".part")
        with (directory / "valid.src").open(encoding="utf-8") as source:
            run(
                python,
                "translate",
                configuration(directory, recipe, 1, beam),
                directory / f"beam-{beam}.yaml",
                stdin=source,
                arguments=["--output-path", written],
            )
        written.rename(output)
    return [join(line) for line in output.read_text(encoding="utf-8").splitlines()]

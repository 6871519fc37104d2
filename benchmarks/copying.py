"""Copying and reversing unseen sequences, exactly: who learns it, and in how many steps.

    python benchmarks/copying.py

Sequences of 4 to 12 of 16 symbols, 6,000 to learn from, 400 to try. Writes the learning curves to
benchmarks/results/copying.{json,png}.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from novelgen.config import Config, DecodingConfig
from novelgen.data.pairs import Pairs
from novelgen.decoding.filters import build_rules
from novelgen.decoding.history import History
from novelgen.decoding.sampling import Task, greedy, write
from novelgen.decoding.vocabulary import Vocabulary
from novelgen.models.zoo import resolve
from novelgen.text.tokenizers import EOS, Tokenizer
from novelgen.training.checkpoint import build_model
from novelgen.training.hardware import describe_machine
from novelgen.training.run_directory import RunDirectory
from novelgen.training.trainer import Trainer

RESULTS = Path(__file__).resolve().parent / "results"
SYMBOLS = "甲乙丙丁戊己庚辛壬癸子丑寅卯辰巳"
TASKS: dict[str, Callable[[str], str]] = {
    "copy": lambda text: text,
    "reverse": lambda text: text[::-1],
}
PLAIN = DecodingConfig(decoder="greedy", repetition_penalty=1.0, no_repeat_ngram=0, min_length=0)
CPU = torch.device("cpu")
_SMALL = {
    "embedding_size": 64,
    "decoder_size": 128,
    "dropout": 0.0,
    "batch_tokens": 800,
    "warmup_steps": 50,
    "learning_rate": 4e-3,
}
_ONE_LAYER = {"encoder_layers": 1, "decoder_layers": 1}
# Who runs: its task, and its options beside the small sizes.
RUNNERS: dict[str, tuple[str, dict[str, Any]]] = {
    **{
        f"{model} {task}": (task, {"model": model})
        for task in TASKS
        for model in ("bahdanau", "luong")
    },
    **{
        f"transformer {task}": (task, {"model": "transformer", "learning_rate": 1e-3})
        for task in TASKS
    },
    "luong dot copy": ("copy", {"model": "luong", "score": "dot"}),
    "luong concat copy": ("copy", {"model": "luong", "score": "concat"}),
    "bahdanau gru copy": ("copy", {"model": "bahdanau", "cell": "gru"}),
    "sutskever copy, source reversed": (
        "copy",
        {"model": "sutskever", **_ONE_LAYER, "reverse_source": True},
    ),
    "sutskever copy, source as it is": (
        "copy",
        {"model": "sutskever", **_ONE_LAYER, "reverse_source": False},
    ),
}


def answers(model: torch.nn.Module, tokenizer: Tokenizer, sources: list[str]) -> list[str]:
    """The greedy answer to every source."""
    vocabulary = Vocabulary.of(tokenizer)
    task = Task(
        model,
        CPU,
        [[*tokenizer.encode(source), EOS] for source in sources],
        History(vocabulary, len(sources), 20),
        build_rules(PLAIN, vocabulary),
        20,
    )
    draft = list(write(task, greedy))[-1]
    return [tokenizer.decode(found.tokens.tolist()) for (found,) in draft.hypotheses()]


def learn(task: str, options: dict[str, Any], steps: int, every: int) -> list[tuple[int, float]]:
    """(step, share of exact answers) while a model learns."""
    chance, answer = random.Random(5), TASKS[task]
    texts = list(
        dict.fromkeys(
            "".join(chance.choices(SYMBOLS, k=chance.randint(4, 12))) for _ in range(6500)
        )
    )
    pairs, tokenizer = [(text, answer(text)) for text in texts], Tokenizer(sorted(SYMBOLS))
    tried, curve = pairs[6000:6400], []
    config = Config().replace(
        **{
            **_SMALL,
            **options,
            "precision": "float32",
            "device": "cpu",
            "patience": 1000,
            "max_steps": steps,
            "validate_every": every,
        }
    )
    config = config.replace(**vars(resolve(config.model)))

    def observe(model: torch.nn.Module, validation: Any) -> None:
        found = answers(model, tokenizer, [source for source, _ in tried])
        curve.append(
            (
                validation.step,
                sum(mine == target for mine, (_, target) in zip(found, tried, strict=True))
                / len(tried),
            )
        )
        print(f"  {validation.step:6} {curve[-1][1]:8.2%}", flush=True)

    with tempfile.TemporaryDirectory() as directory:
        run = RunDirectory(Path(directory) / "run")
        run.create(overwrite=False)
        torch.manual_seed(1)
        run.save_info({"config": config.to_dict(), "tokenizer": tokenizer.fingerprint})
        Trainer(
            build_model(config, tokenizer),
            config.training,
            Pairs.from_texts(pairs[:6000], tokenizer),
            {"next": Pairs.from_texts(pairs[6400:6500], tokenizer)},
            run,
            observe=observe,
        ).fit()
    return curve


def draw(curves: dict[str, list[tuple[int, float]]], path: Path) -> None:
    """Exact answers against steps: the models with attention, and Sutskever's two."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 4.2), layout="constrained")
    for axes, ours in zip(figure.subplots(1, 2, sharey=True), (False, True), strict=True):
        for name, curve in curves.items():
            if name.startswith("sutskever") == ours:
                axes.plot(*zip(*curve, strict=True), marker="o", markersize=3, label=name)
        axes.set(xlabel="steps", ylabel="exact answers", ylim=(-0.02, 1.02))
        axes.grid(alpha=0.3)
        axes.legend(fontsize=7)
    figure.savefig(path, dpi=130)


def main() -> None:
    """Trains each variant and prints who copies and reverses exactly."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--every", type=int, default=200)
    parser.add_argument("--only", nargs="+", choices=RUNNERS, default=list(RUNNERS))
    parser.add_argument("--output", type=Path, default=RESULTS / "copying.json")
    args = parser.parse_args()
    curves = {}
    for name in args.only:
        print(name, flush=True)
        curves[name] = learn(*RUNNERS[name], args.steps, args.every)
    args.output.parent.mkdir(parents=True, exist_ok=True)
    result = {"machine": describe_machine(CPU), "steps": args.steps, "exact": curves}
    args.output.write_text(
        json.dumps(result, ensure_ascii=False, indent=1) + "\n", encoding="utf-8"
    )
    draw(curves, args.output.with_suffix(".png"))


if __name__ == "__main__":
    main()

"""What scheduled sampling does: trainings that differ in --teacher-forcing alone.

    python benchmarks/teacher_forcing.py

Same data, seed and steps. Of each it measures bits per character over the true history and over one
of which the model drew half, what it writes without any rule against repetition, and the processor
time of a step. Writes benchmarks/results/teacher_forcing.{json,png} after each training.
"""

from __future__ import annotations

import argparse
import itertools
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from novelgen.config import Config
from novelgen.data.pairs import Pairs
from novelgen.data.prepare import open_or_build
from novelgen.data.store import Store
from novelgen.decoding.generator import Generator
from novelgen.evaluation.sweep import Setting, held_out_texts, sweep
from novelgen.evaluation.text import distinct, repeated
from novelgen.models.zoo import VARIANTS, resolve
from novelgen.presets import PRESETS, preset
from novelgen.training.checkpoint import Run, build_model, load_run
from novelgen.training.hardware import describe_machine, tune_malloc
from novelgen.training.journal import read_metrics
from novelgen.training.loss import LossStats, batch_loss, evaluate_loss, loss_stats
from novelgen.training.run_directory import RunDirectory
from novelgen.training.trainer import Trainer

ROOT = Path(__file__).resolve().parents[1]
CPU = torch.device("cpu")
ROWS = 32  # of a batch in `bpc_of_mixed_history`
# The model's own distribution, and its likeliest text; no rule forbids repetition.
FREE = {"repetition_penalty": 1.0, "no_repeat_ngram": 0, "min_length": 0}
DECODERS: dict[str, dict[str, Any]] = {
    "sample": {"decoder": "sample", "temperature": 1.0, "top_k": 0, "top_p": 1.0, **FREE},
    "greedy": {"decoder": "greedy", **FREE},
}


def train(config: Config, store: Store, directory: Path) -> list[dict[str, Any]]:
    """Trains a model in `directory` on one seed; returns its journal, in processor seconds."""
    run = RunDirectory(directory)
    run.create(overwrite=False)
    info = {"config": config.to_dict(), "tokenizer": store.tokenizer.fingerprint}
    run.save_info(info, store.tokenizer)
    torch.manual_seed(config.training.seed)
    model = build_model(config, store.tokenizer)
    train, valid = (Pairs.from_store(store, part) for part in ("train", "valid"))
    Trainer(model, config.training, train, {"next": valid}, run, clock=time.process_time).fit()
    return read_metrics(run.metrics)


@torch.no_grad()
def bpc_of_mixed_history(run: Run, pairs: Pairs) -> float:
    """Bits per character where the model drew every second token that it reads."""
    torch.manual_seed(1)
    total = LossStats()
    for start in range(0, len(pairs), ROWS):
        batch = pairs.batch(range(start, min(start + ROWS, len(pairs))))
        nll_sum = batch_loss(run.model.eval(), batch, CPU, teacher_forcing=0.5).item()
        total += loss_stats(batch, nll_sum)
    return total.bits_per_character


def step_seconds(journal: Sequence[dict[str, Any]]) -> float:
    """The median processor time of a step, of those without a validation behind them."""
    seconds = []
    for record, following in itertools.pairwise(journal):
        # A step's record has the time at its beginning.
        if "loss" in record and "loss" in following:
            seconds.append(following["seconds"] - record["seconds"])
    return statistics.median(seconds)


def measure(config: Config, store: Store, directory: Path) -> dict[str, Any]:
    """Trains a model and measures it."""
    journal = train(config, store, directory)
    run = load_run(directory, "cpu")
    valid, test = (Pairs.from_store(store, part) for part in ("valid", "test"))
    generator = Generator.of(run, "float32")
    curve = [
        (record["step"], record["validation_bpc"])
        for record in journal
        if "validation_bpc" in record
    ]
    tested = evaluate_loss(run.model, test, batch_tokens=3200, device=CPU)
    return {
        "teacher_forcing": config.training.teacher_forcing,
        "seed": config.training.seed,
        "validation_bpc": curve,
        "test_bpc": tested.bits_per_character,
        "mixed_history_bpc": bpc_of_mixed_history(run, valid),
        "step_cpu_seconds": step_seconds(journal),
        "writing": {
            row.label: row.measures.known()
            for row in sweep(
                generator,
                held_out_texts(generator, valid, len(valid)),
                [Setting(name, options) for name, options in DECODERS.items()],
            )
        },
    }


def truth(store: Store) -> dict[str, float]:
    """The same measures of the novel's own paragraphs."""
    valid = Pairs.from_store(store, "valid")
    texts = [target for _, target in valid.texts(range(len(valid)), store.tokenizer, None)]
    return {"distinct_2": distinct(texts, 2), "repeated_4grams": repeated(texts)}


def draw(found: dict[str, Any], path: Path) -> None:
    """Validation BPC along the steps, and at the end over both histories: a line a training."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 4), layout="constrained")
    left, right = figure.subplots(1, 2)
    runs = found["runs"]
    shares = list(dict.fromkeys(run["teacher_forcing"] for run in runs))
    for run in runs:
        share = run["teacher_forcing"]
        color = f"C{shares.index(share)}"
        label = f"--teacher-forcing {share:g}" if run["seed"] == 1 else None
        style = {"marker": "o", "markersize": 3, "color": color, "label": label}
        steps, bpc = zip(*run["validation_bpc"], strict=True)
        left.plot(steps, bpc, **style)
        right.plot([0, 1], [min(bpc), run["mixed_history_bpc"]], **style)
    left.set(xlabel="steps", ylabel="validation BPC, true history")
    right.set(ylabel="validation BPC at the end", xlim=(-0.2, 1.2))
    right.set_xticks([0, 1], ["true history", "half of it drawn"])
    for axes in (left, right):
        axes.grid(alpha=0.3)
        axes.legend(fontsize=8)
    figure.savefig(path, dpi=130)


def main() -> None:
    """Trains once for each share of true tokens and each seed; saves what is measured."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--corpus", type=Path, default=ROOT / "corpus" / "novel.txt")
    parser.add_argument("--preset", choices=PRESETS, default="small")
    parser.add_argument("--model", choices=VARIANTS, default="bahdanau")
    parser.add_argument("--steps", type=int, default=160)
    parser.add_argument("--every", type=int, default=20, help="steps between validations")
    parser.add_argument("--shares", type=float, nargs="+", default=[1.0, 0.75, 0.5])
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument(
        "--output", type=Path, default=ROOT / "benchmarks" / "results" / "teacher_forcing.json"
    )
    args = parser.parse_args()
    tune_malloc()
    config = preset(args.preset).replace(
        model=args.model,
        max_minutes=None,
        max_steps=args.steps,
        dropout=0.25,
        batch_tokens=3200,
        warmup_steps=50,
        learning_rate=3e-3,
        validate_every=args.every,
        patience=args.steps,
        device="cpu",
        precision="float32",
    )
    config = config.replace(**vars(resolve(config.model)))
    store = open_or_build([args.corpus], config.text, config.data, ROOT / "checkpoints" / ".stores")
    found: dict[str, Any] = {
        "machine": describe_machine(CPU),
        "corpus": args.corpus.name,
        "preset": args.preset,
        "model": args.model,
        "steps": args.steps,
        "truth": truth(store),
        "runs": [],
    }
    args.output.parent.mkdir(parents=True, exist_ok=True)
    for seed in range(1, args.seeds + 1):
        for share in args.shares:
            with tempfile.TemporaryDirectory() as directory:
                run = config.replace(teacher_forcing=share, seed=seed)
                found["runs"].append(measure(run, store, Path(directory) / "run"))
            found["runs"].sort(key=lambda run: (-run["teacher_forcing"], run["seed"]))
            args.output.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
            draw(found, args.output.with_suffix(".png"))


if __name__ == "__main__":
    main()

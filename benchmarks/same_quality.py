"""Does speed cost quality? The same training by the fast and the reference path.

    python benchmarks/same_quality.py --preset small

Same data, seeds, dropout masks and steps; one run by the reference loop in float32, one by the
fastest loop in the precision that training takes by itself. Prints the validation BPC of both and
their difference, and writes benchmarks/results/same_quality.json.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from novelgen.config import Config
from novelgen.data.pairs import Pairs
from novelgen.data.prepare import open_or_build
from novelgen.data.store import Store
from novelgen.models.kernels import api, reference
from novelgen.models.zoo import resolve
from novelgen.presets import PRESETS, preset
from novelgen.training.checkpoint import build_model
from novelgen.training.hardware import (
    choose_device,
    choose_precision,
    describe_machine,
    tune_malloc,
)
from novelgen.training.journal import read_metrics
from novelgen.training.run_directory import RunDirectory
from novelgen.training.trainer import Trainer

ROOT = Path(__file__).resolve().parents[1]
PATHS = {
    "reference": (reference.attention_loop, "float32"),
    "fast": (api.attention_loop, "auto"),
}


def train(config: Config, store: Store, loop: Callable, directory: Path) -> list[dict]:
    """The validations of a training with the given time loop."""
    run = RunDirectory(directory)
    run.create(overwrite=False)
    torch.manual_seed(config.training.seed)
    model = build_model(config, store.tokenizer)
    model.decoder.loop = loop
    train, valid = (Pairs.from_store(store, part) for part in ("train", "valid"))
    run.save_info({"config": config.to_dict(), "tokenizer": store.tokenizer.fingerprint})
    outcome = Trainer(model, config.training, train, {"next": valid}, run).fit()
    if outcome.reason != "budget":
        raise SystemExit("interrupted: there is nothing to compare")
    return [record for record in read_metrics(run.metrics) if "validation_bpc" in record]


def main() -> None:
    """Trains by both paths and prints the difference."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--corpus", type=Path, default=ROOT / "corpus" / "novel.txt")
    parser.add_argument("--preset", choices=PRESETS, default="small")
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--device", default="auto")
    parser.add_argument(
        "--output", type=Path, default=ROOT / "benchmarks" / "results" / "same_quality.json"
    )
    args = parser.parse_args()
    tune_malloc()
    config = preset(args.preset).replace(
        max_minutes=None,
        max_steps=args.steps,
        dropout=0.25,
        batch_tokens=3200,
        warmup_steps=50,
        learning_rate=3e-3,
        validate_every=max(args.steps // 4, 1),
        device=args.device,
    )
    config = config.replace(**vars(resolve(config.model)))
    store = open_or_build([args.corpus], config.text, config.data, ROOT / "checkpoints" / ".stores")
    device = choose_device(args.device)
    found = {
        "machine": describe_machine(device),
        "corpus": args.corpus.name,
        "preset": args.preset,
        "steps": args.steps,
    }
    with tempfile.TemporaryDirectory() as directory:
        for name, (loop, precision) in PATHS.items():
            validations = train(
                config.replace(precision=precision), store, loop, Path(directory) / name
            )
            found[name] = {
                "precision": str(choose_precision(precision, device)).removeprefix("torch."),
                "validation_bpc": [(each["step"], each["validation_bpc"]) for each in validations],
                "seconds": validations[-1]["seconds"],
            }
    slow, fast = (found[name]["validation_bpc"][-1][1] for name in PATHS)
    found["difference"] = fast / slow - 1
    print(
        f"reference {slow:.4f}  fast {fast:.4f} BPC after {args.steps} steps: "
        f"{found['difference']:+.3%}"
    )
    args.output.parent.mkdir(parents=True, exist_ok=True)
    args.output.write_text(json.dumps(found, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

"""How well the mean of two models predicts: a run's weights, moved towards those of another.

    python benchmarks/averaging.py --run RUN --towards OTHER --shares 0,0.05,0.1,0.2
    python benchmarks/averaging.py --run RUN --towards OTHER --novel NOVEL …

OTHER is what RUN began with, say, or the base model of another round: its model has the same sizes,
and its vocabulary may be another. Bits per character of the run's own validation and test part, or
of all pairs of each --novel. A run keeps such a mean by itself: `BestWeights.average_with_start`.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from novelgen.api.evaluation import EvaluationData
from novelgen.api.evaluation_data import pairs_by_task
from novelgen.data.pairs import Pairs
from novelgen.training.checkpoint import Run, load_run
from novelgen.training.hardware import describe_machine
from novelgen.training.loss import evaluate_loss
from novelgen.training.warm_start import WarmStart


def measured_pairs(run: Run, novels: list[Path]) -> Iterator[tuple[str, Pairs]]:
    """What is predicted, by its name."""
    wanted = [EvaluationData("test", [novel], None, None, None) for novel in novels]
    names = [novel.stem for novel in novels]
    if not novels:
        names = ["valid", "test"]
        wanted = [EvaluationData(part, [], None, None, None) for part in names]
    for name, each in zip(names, wanted, strict=True):
        yield name, next(iter(pairs_by_task(run, run.directory.path, each, None).values()))


def main() -> None:
    """Prints the figures of every share as a line of JSON."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--run", type=Path, required=True)
    parser.add_argument("--towards", type=Path, required=True)
    parser.add_argument("--shares", default="0,0.05,0.1,0.15,0.2,0.3")
    parser.add_argument("--novel", type=Path, nargs="+", default=[])
    arguments = parser.parse_args()
    run = load_run(arguments.run, "cpu")
    print(json.dumps(describe_machine(run.device), ensure_ascii=False))
    own = {name: tensor.clone() for name, tensor in run.model.state_dict().items()}
    other = WarmStart(arguments.towards).weights(run.model, run.tokenizer)
    parts = dict(measured_pairs(run, arguments.novel))
    for share in map(float, arguments.shares.split(",")):
        mean = {name: tensor.lerp(other[name], share) for name, tensor in own.items()}
        run.model.load_state_dict(mean)
        found = {"share": share}
        for name, pairs in parts.items():
            loss = evaluate_loss(run.model, pairs, batch_tokens=6400, device=run.device)
            found[name] = round(loss.bits_per_character, 4)
        print(json.dumps(found, ensure_ascii=False), flush=True)


if __name__ == "__main__":
    main()

"""Speed of writing, contestants in turn.

    python benchmarks/generation_speed.py [--output benchmarks/results/generation_speed.json]

novelgen, its model in plain PyTorch, and JoeyNMT 2.3 (benchmarks/peers/install_joeynmt.py) with the
same sizes. Untrained weights with which no paragraph ends, no rules, random sources: everybody
writes the same number of tokens from the same sources. A block is one batch, its encoding included;
blocks alternate, so that a noisy machine is equally noisy to all.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.peers.install_joeynmt import DEFAULT, interpreter
from benchmarks.peers.joeynmt_translation import SCALE, Recipe, configuration
from benchmarks.peers.worker import Worker
from novelgen.config import ModelConfig
from novelgen.decoding.beam import search
from novelgen.decoding.history import History
from novelgen.decoding.sampling import Task, greedy, write
from novelgen.decoding.vocabulary import Vocabulary
from novelgen.models.build import build_model
from novelgen.models.compiled_decoder import optimize_for_inference
from novelgen.models.zoo import resolve
from novelgen.presets import PRESETS, preset
from novelgen.text.tokenizers import EOS
from novelgen.training.hardware import describe_machine

BEAM_SIZE = 5
EAGER, JOEYNMT = PEERS = ("eager step loop", "JoeyNMT")
# A contestant writes `length` tokens after each source, greedily or with a beam of BEAM_SIZE, and
# says how long it took.
Contestant = Callable[[list[list[int]], int, str], float]


def ours(model: Any, vocabulary_size: int) -> Contestant:
    """Novelgen's decoding with this model in it."""
    vocabulary = Vocabulary(vocabulary_size, np.zeros(vocabulary_size, dtype=bool))

    def run(sources: list[list[int]], length: int, decoder: str) -> float:
        begun = time.perf_counter()
        task = Task(
            model,
            torch.device("cpu"),
            sources,
            History(vocabulary, len(sources), length),
            [],
            length,
        )
        drafts = write(task, greedy) if decoder == "greedy" else search(task, BEAM_SIZE, 1.0, 1)
        hypotheses = deque(drafts, maxlen=1).pop().hypotheses()
        taken = time.perf_counter() - begun
        if {len(found[0].tokens) for found in hypotheses} != {length}:
            raise SystemExit("a paragraph ended early: its tokens would not be comparable")
        return taken

    return run


def joeynmt(worker: Worker, config: ModelConfig, vocabulary_size: int) -> Contestant:
    """JoeyNMT's model and its own search."""
    if (config.embedding_size, config.encoder_size, config.decoder_size) != (
        SCALE["embedding"],
        SCALE["encoder"],
        SCALE["decoder"],
    ):
        raise SystemExit(
            "JoeyNMT's sizes are those of the preset small; leave it out: --without joeynmt"
        )
    model = configuration(Path(), Recipe(0, 0.0, 0.0, "cpu"), 1)["model"]
    model["tied_embeddings"] = True  # source and target have one vocabulary, as ours
    worker.ask(
        {"threads": torch.get_num_threads(), "vocabulary_size": vocabulary_size, "config": model}
    )

    def run(sources: list[list[int]], length: int, decoder: str) -> float:
        answer = worker.ask(
            {"sources": sources, "length": length, "beam": BEAM_SIZE if decoder == "beam" else 1}
        )
        if answer["tokens"] != len(sources) * length:
            raise SystemExit(
                f"JoeyNMT wrote {answer['tokens']} tokens: they would not be comparable"
            )
        return answer["seconds"]

    return run


def contestants(config: ModelConfig, vocabulary_size: int) -> dict[str, Contestant]:
    """Ours, by name."""
    torch.manual_seed(1)
    model = build_model(config, vocabulary_size).eval()
    with torch.no_grad():
        model.output_bias[EOS] = -1e4
    return {
        "novelgen bfloat16": ours(optimize_for_inference(model, "bfloat16"), vocabulary_size),
        "novelgen float32": ours(optimize_for_inference(model, "float32"), vocabulary_size),
        EAGER: ours(model, vocabulary_size),
    }


def race(
    field: dict[str, Contestant], sources: list[list[int]], length: int, decoder: str, blocks: int
) -> dict[str, list[float]]:
    """Seconds of each block by contestant.

    A first block of each, which compiles and warms up, does not count.
    """
    seconds: dict[str, list[float]] = {name: [] for name in field}
    for block in range(blocks + 1):
        for name, run in field.items():
            taken = run(sources, length, decoder)
            if block:
                seconds[name].append(taken)
    return seconds


def measure(field: dict[str, Contestant], args: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """A row for each contestant, decoder and batch size, beside each of PEERS."""
    chance = np.random.default_rng(0)
    for batch in args.batches:
        sources = chance.integers(259, args.vocabulary_size, (batch, args.source_length)).tolist()
        for decoder in ("greedy", "beam"):
            seconds = race(field, sources, args.length, decoder, args.blocks)
            speeds = {
                name: [batch * args.length / taken for taken in found]
                for name, found in seconds.items()
            }
            middle = {name: statistics.median(found) for name, found in speeds.items()}
            for name, found in speeds.items():
                yield {
                    "contestant": name,
                    "decoder": decoder,
                    "batch": batch,
                    "tokens_per_second": middle[name],
                    "slowest": min(found),
                    "fastest": max(found),
                    "times_as_fast_as": {
                        peer: middle[name] / middle[peer] for peer in PEERS if peer in field
                    },
                }


def parse_arguments() -> argparse.Namespace:
    """The options of the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--preset", choices=PRESETS, default="small")
    parser.add_argument("--vocabulary-size", type=int, default=4000)
    parser.add_argument("--source-length", type=int, default=50)
    parser.add_argument("--length", type=int, default=100)
    parser.add_argument("--blocks", type=int, default=7)
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 32])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--without", nargs="+", default=[], choices=PEERS)
    parser.add_argument("--joeynmt", type=Path, default=DEFAULT, help="its environment")
    parser.add_argument("--output", type=Path)
    return parser.parse_args()


def main() -> None:
    """Runs the race, prints its table and writes it as JSON."""
    args, rows = parse_arguments(), []
    torch.set_num_threads(args.threads)
    config = resolve(preset(args.preset).model)
    field = {
        name: run
        for name, run in contestants(config, args.vocabulary_size).items()
        if name not in args.without
    }
    if interpreter(args.joeynmt).exists() and JOEYNMT not in args.without:
        field[JOEYNMT] = joeynmt(
            Worker(args.joeynmt, "joeynmt_writer.py"), config, args.vocabulary_size
        )
    else:
        print(
            f"JoeyNMT is left out: no environment at {args.joeynmt}; "
            "python benchmarks/peers/install_joeynmt.py builds it"
        )
    for row in measure(field, args):
        ratios = ", ".join(
            f"{times:.1f} × {peer}"
            for peer, times in row["times_as_fast_as"].items()
            if peer != row["contestant"]
        )
        print(
            f"{row['decoder']:6}  batch {row['batch']:3}  {row['contestant']:17} "
            f"{row['tokens_per_second']:7,.0f} tokens/s  "
            f"({row['slowest']:,.0f} to {row['fastest']:,.0f})  {ratios}",
            flush=True,
        )
        rows.append(row)
    if args.output:
        args.output.parent.mkdir(parents=True, exist_ok=True)
        options = {
            name: value for name, value in vars(args).items() if name not in ("output", "joeynmt")
        }
        result = {
            "machine": describe_machine(torch.device("cpu")),
            "options": options,
            "beam_size": BEAM_SIZE,
            "rows": rows,
        }
        args.output.write_text(
            json.dumps(result, ensure_ascii=False, indent=2) + "\n", encoding="utf-8"
        )


if __name__ == "__main__":
    main()

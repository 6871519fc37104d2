"""Speed of writing, contestants in turn: python benchmarks/generation_speed.py [--output benchmarks/results/generation_speed.json]

Untrained weights in which no paragraph ends, no rules, random sources: everybody writes the same number of tokens from the same
sources. A block is one batch, its encoding included; blocks alternate, so that a noisy machine is equally noisy to all.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from novelgen.config import Config
from novelgen.decoding.beam import search
from novelgen.decoding.history import History, Vocabulary
from novelgen.decoding.sampling import Task, greedy, write
from novelgen.models.build import build_model
from novelgen.models.stepper import for_writing
from novelgen.presets import PRESETS, preset
from novelgen.text.tokenizers import EOS
from novelgen.training.hardware import describe_machine

BEAM_SIZE = 5
# A contestant writes `length` tokens after each source, greedily or with a beam of BEAM_SIZE, and says how long it took.
Contestant = Callable[[list[list[int]], int, str], float]


def ours(model: Any, vocabulary_size: int) -> Contestant:
    """novelgen's decoding with this model in it."""
    vocabulary = Vocabulary(vocabulary_size, np.zeros(vocabulary_size, dtype=bool))

    def run(sources: list[list[int]], length: int, decoder: str) -> float:
        begun = time.perf_counter()
        task = Task(model, torch.device("cpu"), sources, History(vocabulary, len(sources), length), [], length)
        drafts = write(task, greedy) if decoder == "greedy" else search(task, BEAM_SIZE, 1.0, 1)
        hypotheses = deque(drafts, maxlen=1).pop().hypotheses()
        taken = time.perf_counter() - begun
        if {len(found[0].tokens) for found in hypotheses} != {length}:
            raise SystemExit("a paragraph ended early: its tokens would not be comparable")
        return taken

    return run


def contestants(config: Config, vocabulary_size: int) -> dict[str, Contestant]:
    """By name. A peer joins here: a function that drives its worker, which must write from weights of the same sizes."""
    torch.manual_seed(1)
    model = build_model(config.model, vocabulary_size).eval()
    with torch.no_grad():
        model.output_bias[EOS] = -1e4
    return {"novelgen bfloat16": ours(for_writing(model, "bfloat16"), vocabulary_size),
            "novelgen float32": ours(for_writing(model, "float32"), vocabulary_size),
            "eager step loop": ours(model, vocabulary_size)}


def race(field: dict[str, Contestant], sources: list[list[int]], length: int, decoder: str, blocks: int) -> dict[str, list[float]]:
    """Seconds of each block by contestant; a first block of each, which compiles and warms up, does not count."""
    seconds: dict[str, list[float]] = {name: [] for name in field}
    for block in range(blocks + 1):
        for name, run in field.items():
            taken = run(sources, length, decoder)
            if block:
                seconds[name].append(taken)
    return seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--preset", choices=PRESETS, default="small")
    parser.add_argument("--vocabulary-size", type=int, default=4000)
    parser.add_argument("--source-length", type=int, default=50)
    parser.add_argument("--length", type=int, default=100)
    parser.add_argument("--blocks", type=int, default=7)
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 32])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--output", type=Path)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    field, rows = contestants(preset(args.preset), args.vocabulary_size), []
    chance = np.random.default_rng(0)
    for batch in args.batches:
        sources = chance.integers(259, args.vocabulary_size, (batch, args.source_length)).tolist()
        for decoder in ("greedy", "beam"):
            for name, seconds in race(field, sources, args.length, decoder, args.blocks).items():
                speeds = [batch * args.length / taken for taken in seconds]
                rows.append({"contestant": name, "decoder": decoder, "batch": batch, "tokens_per_second": statistics.median(speeds),
                             "slowest": min(speeds), "fastest": max(speeds)})
                print(f"{decoder:6}  batch {batch:3}  {name:20} {rows[-1]['tokens_per_second']:9,.0f} tokens/s  "
                      f"({min(speeds):,.0f} to {max(speeds):,.0f})", flush=True)
    if args.output:
        args.output.parent.mkdir(parents=True, exist_ok=True)
        options = {name: value for name, value in vars(args).items() if name != "output"}
        result = {"machine": describe_machine(torch.device("cpu")), "options": options, "beam_size": BEAM_SIZE, "rows": rows}
        args.output.write_text(json.dumps(result, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

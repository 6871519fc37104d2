"""What the attention of a run looks at, on the part of the novel that was held out for the test.

    python benchmarks/attention.py --run checkpoints/novel
    python benchmarks/attention.py --run RUN RUN --output benchmarks/results/attention.json

Teacher forced: the weights before each true token. Names are the words of two characters and more
that jieba tags as a person's at least --least times in 2,000 paragraphs of the whole novel.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from novelgen.attribution.agreement import rank_correlation
from novelgen.attribution.forced import Written, teacher_forced
from novelgen.attribution.source import leave_out
from novelgen.data.pairs import Pairs
from novelgen.data.split import PARTS
from novelgen.evaluation.attention import (
    Hits,
    entropy_bits,
    find_spans,
    heaviest_share,
    name_hits,
)
from novelgen.training.checkpoint import Run, load_run
from novelgen.training.hardware import describe_machine
from novelgen.training.loss import evaluate_loss, evaluation_plan
from novelgen.training.stores import data_of_run

PARAGRAPHS = 2000  # in which names are looked for


def names_in(texts: list[str], least: int) -> list[str]:
    """The persons' names in texts by jieba's tags."""
    import jieba.posseg

    counts: Counter[str] = Counter()
    for text in texts:
        for word, tag in jieba.posseg.lcut(text):
            if tag == "nr" and len(word) > 1:
                counts[word] += 1
    return [name for name, count in counts.most_common() if count >= least]


def weighed(run: Run, pairs: Pairs, tokens: int) -> Iterator[tuple[int, np.ndarray]]:
    """The number of each pair and its weights (T, S), without padding."""
    for indices in evaluation_plan(pairs, tokens):
        batch = pairs.batch(indices)
        _, weights = teacher_forced(run.model, batch, run.device)
        for row, index in enumerate(indices):
            lengths = batch.target_lengths[row], batch.source_lengths[row]
            yield int(index), weights[row, : lengths[0], : lengths[1]]


def where(run: Run, pairs: Pairs, names: list[str]) -> dict[str, float]:
    """Shares, entropy and names over all pairs; every token counts alike."""
    sums: Counter[str] = Counter()
    hits = Hits(0, 0, 0, 0, 0.0)
    for index, weights in weighed(run, pairs, 1600):
        batch = pairs.batch([index])
        source = run.source_tokenizer.labels(batch.source[0])
        target = run.tokenizer.labels(batch.target[0])
        steps, size = weights.shape
        bits = entropy_bits(weights)
        sums["tokens"] += steps
        sums["end_mark"] += weights[:, -1].sum()
        sums["one_place"] += steps * heaviest_share(weights)
        sums["one_character"] += steps * heaviest_share(weights[:, :-1])
        sums["uniform_place"] += steps / size
        sums["largest_of_a_step"] += weights.max(1).sum()
        sums["entropy_bits"] += bits.sum()
        sums["entropy_of_uniform"] += (bits / np.log2(size)).sum()
        found = name_hits(weights, find_spans(source, names), find_spans(target, names))
        hits = Hits(*(a + b for a, b in zip(hits, found, strict=True)))
    tokens = sums.pop("tokens")
    names_written = max(hits.tokens, 1)
    return {
        **{name: float(value / tokens) for name, value in sums.items()},
        "name_tokens": hits.tokens,
        "names_found": hits.within / names_written,
        "names_found_at_first": hits.first / names_written,
        "names_found_at_any": hits.any_name / names_written,
        "names_by_chance": hits.expected / names_written,
    }


def agreement(run: Run, pairs: Pairs, sample: int) -> dict[str, float]:
    """The mean rank correlation of weights and leave-one-out effects, over a sample of pairs."""
    order = np.random.default_rng(1).permutation(len(pairs))[:sample]
    found: dict[str, list[np.ndarray]] = {"": [], "_signed": []}
    for index in order:
        batch = pairs.batch([index])
        if batch.source.shape[1] < 6:  # of so few characters no rank says anything
            continue
        _, weights = teacher_forced(run.model, batch, run.device)
        weights = weights[0, :, :-1]  # the end mark is never left out
        written = Written(batch.source[0].tolist(), batch.target[0].tolist(), int(batch.first[0]))
        characters = [[place] for place in range(weights.shape[1])]
        effects = leave_out(run.model, written, characters, run.device)
        found[""].append(rank_correlation(weights, abs(effects)))
        found["_signed"].append(rank_correlation(weights, effects))
    return {
        f"leave_one_out{name}": float(np.nanmean(np.concatenate(parts)))
        for name, parts in found.items()
    }


def measure(directory: Path, part: str, sample: int, least: int) -> dict[str, Any]:
    """All figures of a run."""
    run = load_run(directory, "cpu")
    data = data_of_run(directory, run.info)
    pairs = next(iter(data.by_task(part).values()))
    texts = [text for each in PARTS for text in data.targets(each)]
    names = names_in(texts[:: -(-len(texts) // PARAGRAPHS)], least)
    bpc = evaluate_loss(run.model, pairs, batch_tokens=3200, device=run.device)
    return {
        "run": directory.name,
        "pairs": len(pairs),
        "bits_per_character": bpc.bits_per_character,
        **where(run, pairs, names),
        **agreement(run, pairs, sample),
    }


def main() -> None:
    """Prints the figures of each run side by side."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--run", type=Path, nargs="+", required=True)
    parser.add_argument("--part", choices=("train", "valid", "test"), default="test")
    parser.add_argument("--sample", type=int, default=60, help="pairs for leave-one-out")
    parser.add_argument("--least", type=int, default=8, help="how often a name must occur")
    parser.add_argument("--output", type=Path)
    args = parser.parse_args()
    results = [measure(path, args.part, args.sample, args.least) for path in args.run]
    for figure in results[0]:
        cells = [result[figure] for result in results]
        shown = [f"{cell:.3f}" if isinstance(cell, float) else str(cell) for cell in cells]
        print(f"{figure:36}", *(f"{cell:>14}" for cell in shown))
    if args.output:
        found = {"machine": describe_machine(torch.device("cpu")), "runs": results}
        text = json.dumps(found, ensure_ascii=False, indent=1)
        args.output.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

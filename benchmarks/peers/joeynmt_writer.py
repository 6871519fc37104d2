"""Runs in JoeyNMT's own environment.

For each line of its input, with sources and a beam, it writes and answers with a line of JSON.

Model and search are JoeyNMT's, called as its `predict` calls them; the weights are untrained.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any

import numpy as np
import torch
from joeynmt.batch import Batch
from joeynmt.model import Model, build_model
from joeynmt.search import search
from joeynmt_worker import SHIFT, SPECIALS, open_answers, shared_vocabulary


def write(model: Model, sources: np.ndarray, length: int, beam: int) -> np.ndarray:
    """Exactly `length` tokens after each source: (B, length) of JoeyNMT's ids.

    The sources are (B, S) of novelgen's ids. Greedy where `beam` is 1.
    """
    source = torch.from_numpy(sources + SHIFT)
    batch = Batch(
        src=source,
        src_length=torch.full((len(source),), source.shape[1]),
        src_prompt_mask=None,
        trg=None,
        trg_prompt_mask=None,
        indices=torch.arange(len(source)),
        device=torch.device("cpu"),
        pad_index=model.pad_index,
        eos_index=model.eos_index,
        is_train=False,
    )
    with torch.no_grad():
        return search(
            model=model,
            batch=batch,
            max_output_length=length,
            beam_size=beam,
            beam_alpha=1.0,
            n_best=1,
            min_output_length=length,
        )[0]


def answer(model: Model, order: dict[str, Any]) -> dict[str, Any]:
    """Seconds, and how many tokens were written before any end."""
    start = time.perf_counter()
    written = write(model, np.array(order["sources"]), order["length"], order["beam"])
    taken = time.perf_counter() - start
    return {
        "seconds": taken,
        "tokens": int((~np.isin(written, [SPECIALS.eos_id, SPECIALS.pad_id])).sum()),
    }


def main() -> None:
    """Answers every line of the input until it ends."""
    answers = open_answers()
    order = json.loads(sys.stdin.readline())
    torch.set_num_threads(order["threads"])
    torch.manual_seed(1)
    vocabulary = shared_vocabulary(order["vocabulary_size"])
    model = build_model(order["config"], src_vocab=vocabulary, trg_vocab=vocabulary).eval()
    print(
        json.dumps({"parameters": sum(parameter.numel() for parameter in model.parameters())}),
        file=answers,
        flush=True,
    )
    for line in sys.stdin:
        print(json.dumps(answer(model, json.loads(line))), file=answers, flush=True)


if __name__ == "__main__":
    main()

"""Runs in JoeyNMT's own environment.

For each line of its input, with a number of steps, it trains and answers with a line of JSON.

Model, loss, batches and steps are JoeyNMT's: the step is the body of the loop of its TrainManager.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from pathlib import Path
from types import SimpleNamespace
from typing import TextIO

import numpy as np
import torch
from joeynmt.batch import Batch
from joeynmt.config import parse_global_args
from joeynmt.model import build_model
from joeynmt.training import TrainManager
from joeynmt.vocabulary import Vocabulary

SPECIALS = SimpleNamespace(
    unk_token="<unk>",
    pad_token="<pad>",
    bos_token="<s>",
    eos_token="</s>",
    sep_token=None,
    unk_id=0,
    pad_id=1,
    bos_id=2,
    eos_id=3,
    sep_id=None,
    lang_tags=[],
)
SHIFT = 1  # novelgen's PAD, BOS and EOS are 0, 1 and 2; <unk> comes before them


def open_answers() -> TextIO:
    """Where the answers go; what JoeyNMT prints goes to the log instead."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return answers


def shared_vocabulary(size: int) -> Vocabulary:
    """JoeyNMT's vocabulary for `size` tokens of ours, of source and target."""
    vocabulary = Vocabulary([], SPECIALS)
    # `add_tokens` looks through the whole list for every token.
    vocabulary._itos += [f"token{number}" for number in range(size + SHIFT - len(vocabulary))]
    return vocabulary


def build_manager(config: dict, vocabulary_size: int, directory: Path) -> TrainManager:
    """Its TrainManager with a new model for `vocabulary_size` tokens of ours."""
    config = {**config, "model_dir": str(directory), "data": {"special_symbols": SPECIALS}}
    args = parse_global_args(config, rank=0, mode="train")
    vocabulary = shared_vocabulary(vocabulary_size)
    model = build_model(config["model"], src_vocab=vocabulary, trg_vocab=vocabulary)
    model.loss_function = (args.train.loss, args.train.label_smoothing)
    model.to(args.device)
    return TrainManager(
        rank=0,
        model=model,
        model_dir=directory,
        device=args.device,
        n_gpu=args.n_gpu,
        num_workers=0,
        autocast=args.autocast,
        seed=args.seed,
        train_args=args.train,
        dev_args=args.test,
    )


def step(manager: TrainManager, arrays: tuple[np.ndarray, ...]) -> int:
    """One full step: as in TrainManager.train_and_validate. Returns the target tokens."""
    source, lengths, target = arrays
    model = manager.model
    batch = Batch(
        src=torch.from_numpy(source),
        src_length=torch.from_numpy(lengths),
        src_prompt_mask=None,
        trg=torch.from_numpy(target),
        trg_prompt_mask=None,
        indices=torch.arange(len(source)),
        device=manager.device,
        pad_index=model.pad_index,
        eos_index=model.eos_index,
    )
    manager._train_step(batch)
    manager.clip_grad_fun(parameters=model.parameters())
    if manager.scaler is None:
        manager.optimizer.step()
    else:
        manager.scaler.step(manager.optimizer)
        manager.scaler.update()
    model.zero_grad()
    return int(batch.ntokens)


def load_batches(path: str) -> list[tuple[np.ndarray, ...]]:
    """The batches in JoeyNMT's ids: source, its lengths, and the target after its BOS."""
    batches, held = [], np.load(path)
    for number in range(len(held.files) // 3):
        source, lengths, target = (
            held[f"{name}{number}"] for name in ("source", "lengths", "target")
        )
        start = np.full((len(target), 1), SPECIALS.bos_id)
        batches.append((source + SHIFT, lengths, np.concatenate([start, target + SHIFT], axis=1)))
    return batches


def main() -> None:
    """Answers every line of the input until it ends."""
    answers = open_answers()
    order = json.loads(sys.stdin.readline())
    torch.set_num_threads(order["threads"])
    batches, taken = load_batches(order["batches"]), 0
    with tempfile.TemporaryDirectory() as directory:
        manager = build_manager(order["config"], order["vocabulary_size"], Path(directory))
        parameters = sum(parameter.numel() for parameter in manager.model.parameters())
        hello = {
            "parameters": parameters,
            "torch": torch.__version__,
            "device": manager.device.type,
        }
        print(json.dumps(hello), file=answers, flush=True)
        for line in sys.stdin:
            start, tokens = time.perf_counter(), 0
            for _ in range(json.loads(line)["steps"]):
                tokens += step(manager, batches[taken % len(batches)])
                taken += 1
            if manager.device.type == "cuda":
                torch.cuda.synchronize()
            print(
                json.dumps({"seconds": time.perf_counter() - start, "tokens": tokens}),
                file=answers,
                flush=True,
            )
        manager.tb_writer.close()


if __name__ == "__main__":
    main()

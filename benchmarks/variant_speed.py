"""Where a training step of each variant goes, and what a loop of one's own saves: python benchmarks/variant_speed.py [--profile]

The two ways of one variant alternate in one run, so that a noisy machine is equally noisy to both. Own loops: luong's with input feeding
(`kernels.feeding`), and, as an experiment that is not in the program, LSTM layers by `layer_loop` below instead of PyTorch's.
"""

from __future__ import annotations

import argparse
import dataclasses
import statistics
import sys
from pathlib import Path

import torch
from random_batches import random_batch, step_seconds
from torch import Tensor, nn
from torch.profiler import ProfilerActivity, profile

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from novelgen.models import recurrent
from novelgen.models.build import build_model
from novelgen.models.kernels import backends, compiled
from novelgen.models.kernels.backends import array
from novelgen.models.kernels.products import product
from novelgen.models.kernels.rows import by_rows
from novelgen.presets import preset
from novelgen.training.hardware import keep_freed_memory


class _LayerLoop(torch.autograd.Function):
    """An LSTM along gates (B, T, 4H), `kernels.cpu` without attention."""

    @staticmethod
    def forward(ctx, gates: Tensor, hidden: Tensor, cell: Tensor, weight: Tensor) -> tuple[Tensor, ...]:
        (rows, steps), size = gates.shape[:2], hidden.shape[1]
        hiddens, cells = gates.new_empty(steps + 1, rows, size), cell.new_empty(steps + 1, rows, size)
        squashed = cell.new_empty(steps, rows, 4 * size)
        hiddens[0], cells[0] = hidden, cell
        of_state, given, nothing = product(weight, rows), array(gates), array(gates.new_empty(rows, 0))
        moving = [array(x) for x in (squashed, cells, hiddens)]

        def run(first: int, last: int) -> None:
            for t, before in enumerate(hiddens[:-1, first:last].unbind()):
                compiled.lstm(t, first, last, given, array(of_state(before)), 0, nothing, *moving)

        by_rows(run, rows)
        ctx.save_for_backward(weight, squashed, hiddens, cells)
        ctx.set_materialize_grads(False)
        return hiddens[1:].transpose(0, 1), hiddens[-1].to(cell.dtype), cells[-1].clone()

    @staticmethod
    def backward(ctx, d_hiddens: Tensor | None, d_hidden: Tensor | None, d_cell: Tensor | None) -> tuple[Tensor, ...]:
        weight, squashed, hiddens, cells = ctx.saved_tensors
        steps, rows, size = len(squashed), *cells.shape[1:]
        others = array(hiddens.new_empty(rows, 0, 0) if d_hiddens is None else d_hiddens.contiguous())
        d_gates, d_cell = hiddens.new_empty(steps, rows, 4 * size), torch.zeros_like(cells[0]) if d_cell is None else d_cell.clone()
        moved, from_gates = [array(x) for x in (d_cell, squashed, cells, d_gates)], product(weight.t(), rows)
        d_last = torch.zeros_like(hiddens[0]) if d_hidden is None else d_hidden.to(hiddens.dtype)

        def run(first: int, last: int) -> Tensor:
            d_later = d_last[first:last]
            for t, d_gate in reversed(list(enumerate(d_gates[:, first:last].unbind()))):
                compiled.lstm_backward(t, first, last, array(d_later), others, *moved, 0)
                d_later = from_gates(d_gate)
            return d_later

        d_first = torch.cat(by_rows(run, rows)).to(cells.dtype)
        return d_gates.transpose(0, 1), d_first, d_cell, d_gates.flatten(0, 1).t() @ hiddens[:-1].flatten(0, 1)


def layer_loop(layer: nn.LSTM, sequence: Tensor, state: tuple[Tensor, ...] | None = None, lengths: Tensor | None = None):
    """`recurrent.run_layer` of an LSTM on a CPU; rows of one length only."""
    zeros = layer.weight_hh_l0.new_zeros(len(sequence), layer.hidden_size)
    hidden, cell = state or (zeros, zeros)
    dtype = torch.get_autocast_dtype("cpu") if torch.is_autocast_enabled("cpu") else layer.weight_hh_l0.dtype
    gates = nn.functional.linear(sequence, layer.weight_ih_l0, layer.bias_ih_l0 + layer.bias_hh_l0)
    with torch.autocast("cpu", enabled=False):
        found = _LayerLoop.apply(gates.to(dtype).contiguous(), hidden.float(), cell.float(), layer.weight_hh_l0.to(dtype))
    return found[0], found[1:]


def _read_to_end(layer: nn.LSTM, sequence: Tensor, lengths: Tensor, whole_state: bool):
    output, state = layer_loop(layer, sequence)
    return output, state if whole_state else state[:1]


def ways_of(model: str) -> list[str]:
    """What is compared; cho's layers are GRUs, for which there is no `layer_loop`."""
    ways = {"luong": ["PyTorch's", "feeding loop", "feeding loop, own layers"], "cho": ["PyTorch's"]}
    return ways.get(model, ["PyTorch's", "own layers"])


def choose(way: str, now: tuple) -> None:
    """From here on the loops are those of that way."""
    recurrent.run_layer, recurrent.read_to_end = (layer_loop, _read_to_end) if "own layers" in way else now
    decoders = sys.modules["novelgen.models.decoders"]
    decoders.run_layer, decoders.read_to_end = recurrent.run_layer, recurrent.read_to_end
    backends.has_feeding_loop = lambda device: "feeding loop" in way


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", nargs="+", default=["bahdanau", "luong", "sutskever", "seq2seq", "lm", "cho"])
    parser.add_argument("--preset", default="small")
    parser.add_argument("--rows", type=int, default=35)
    parser.add_argument("--length", type=int, default=90)
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--profile", action="store_true", help="which operations take the time, each way")
    args = parser.parse_args()
    keep_freed_memory()
    device, precision, now = torch.device("cpu"), torch.bfloat16, (recurrent.run_layer, recurrent.read_to_end)
    batch = random_batch(args.rows, args.length, 4000)
    for name in args.models:
        model = build_model(dataclasses.replace(preset(args.preset).model, model=name), 4000).train()
        seconds: dict[str, list[float]] = {way: [] for way in ways_of(name)}
        for step in range(args.steps + 1):
            for way in seconds:
                choose(way, now)
                taken = step_seconds(model, batch, device, precision)
                if step:  # the first one warms up
                    seconds[way].append(taken)
        size = sum(parameter.numel() for parameter in model.parameters())
        print(f"{name}, {size:,} parameters, {args.rows} × {args.length} characters, {torch.get_num_threads()} threads")
        for way, taken in seconds.items():
            median = statistics.median(taken)
            print(f"  {way:26} {median * 1000:8.1f} ms/step {batch.characters.sum() / median:10,.0f} characters/s", flush=True)
        for way in seconds if args.profile else ():
            choose(way, now)
            with profile(activities=[ProfilerActivity.CPU]) as recorded:
                step_seconds(model, batch, device, precision)
            print(way, recorded.key_averages().table(sort_by="self_cpu_time_total", row_limit=8, max_name_column_width=40))


if __name__ == "__main__":
    main()

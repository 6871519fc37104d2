"""The two attention loops as tests run them: leaf tensors, a call, and which outputs count."""

from collections.abc import Callable
from typing import NamedTuple

import torch

from novelgen.models.kernels import reference
from novelgen.models.kernels.api import FeedingWeights, LoopMemory, LoopWeights
from tests.models.kernels.comparison import (
    EXACT,
    assert_same_gradients,
    draw,
    gradients,
    token_mask,
)

TARGET, SOURCE = 5, 7
SOURCE_LENGTHS = (SOURCE, 1, 4)
TARGET_LENGTHS = (2, TARGET, 1)


def bahdanau_shapes(rows, target, source, width=3, hidden=6, memory=8, attention=4):
    return {
        "inputs": (rows, target, width),
        "annotations": (rows, source, memory),
        "keys": (rows, source, attention),
        "hidden": (rows, hidden),
        "cell": (rows, hidden),
        "token": (attention + 4 * hidden, width),
        "bias": (4 * hidden,),
        "query": (attention, hidden),
        "score": (attention,),
        "recurrent": (4 * hidden, hidden),
        "context": (4 * hidden, memory),
    }


def luong_shapes(rows, target, source, width=4, hidden=6, memory=8):
    return {
        "inputs": (rows, target, width),
        "annotations": (rows, source, memory),
        "keys": (rows, source, hidden),
        "hidden": (rows, hidden),
        "cell": (rows, hidden),
        "fed": (rows, width),
        "token": (4 * hidden, width),
        "bias": (4 * hidden,),
        "recurrent": (4 * hidden, hidden),
        "feeding": (4 * hidden, width),
        "readout": (width, memory + hidden),
    }


class Loop(NamedTuple):
    """A loop of `api`."""

    name: str  # in `api` and in `reference`
    module: str  # where it is compiled
    shapes: Callable  # leaf tensors, by name, of rows, target, source and other sizes
    sizes: int  # how many others
    weights: type  # its tuple of weights
    is_fed: bool  # it takes h̃_0 and a dropout's mask
    sequences: tuple[bool, ...]  # which outputs are (B, T, …), the others are last states

    def inputs(self, dtype=torch.float64, seed=0, rows=3, target=TARGET, source=SOURCE, **options):
        """Leaf tensors by name; options: `sizes` other than the usual, and their `scale`."""
        shapes = self.shapes(rows, target, source, *options.get("sizes", ()))
        return draw(shapes, dtype, seed, options.get("scale", 1.0))

    def run(self, loop, leaves, source_lengths=SOURCE_LENGTHS, target_lengths=None, drops=True):
        """The outputs of a loop."""
        is_token = token_mask(source_lengths, leaves["keys"].shape[1]).to(leaves["keys"].device)
        lengths = None if target_lengths is None else torch.tensor(target_lengths)
        memory = LoopMemory(leaves["annotations"], leaves["keys"], is_token)
        given = [leaves["inputs"], lengths, memory, leaves["hidden"], leaves["cell"]]
        if self.is_fed:
            shape = (len(source_lengths), leaves["readout"].shape[1])
            mask = torch.randint(2, shape, generator=torch.Generator().manual_seed(3))
            drop = 2.0 * mask.to(leaves["hidden"].dtype)
            given += [leaves["fed"], drop if drops else None]
        return loop(*given, self.weights(*(leaves[name] for name in self.weights._fields)))

    def counted(self, leaves, target_lengths):
        """Which outputs count: those at real steps, and the last states of rows that reach the end.

        To be used as an index of each output.
        """
        steps = leaves["inputs"].shape[1]
        if target_lengths is None:
            target_lengths = [steps] * len(leaves["inputs"])
        is_real = token_mask(target_lengths, steps)
        return [is_real if is_sequence else is_real[:, -1] for is_sequence in self.sequences]

    def assert_agrees(
        self,
        loop,
        leaves,
        source_lengths=SOURCE_LENGTHS,
        target_lengths=None,
        chosen=None,
        drops=True,
        outputs_within=1e-12,
        **tolerance,
    ):
        """Outputs that count, and the gradients of the chosen ones, are those of the reference."""
        truth_loop = getattr(reference, self.name)
        mine = self.run(loop, leaves, source_lengths, target_lengths, drops)
        truth = self.run(truth_loop, leaves, source_lengths, None, drops)
        which = self.counted(leaves, target_lengths)
        for found, expected, own in zip(mine, truth, which, strict=True):
            torch.testing.assert_close(
                found[own], expected[own], rtol=outputs_within, atol=outputs_within
            )
        assert_same_gradients(
            gradients(mine, leaves, chosen, which),
            gradients(truth, leaves, chosen, which),
            **(tolerance or EXACT),
        )


BAHDANAU = Loop(
    "attention_loop", "bahdanau", bahdanau_shapes, 4, LoopWeights, False, (True, False, True, True)
)
LUONG = Loop(
    "input_feeding_loop", "luong", luong_shapes, 3, FeedingWeights, True, (True, False, False, True)
)

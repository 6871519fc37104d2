"""How much memory a training will need on a CPU, before it takes any.

Three things grow: what an Adam step keeps of every parameter, what a batch keeps for its gradients,
and counting n-grams. The figures are peaks of trainings that were measured (bahdanau, luong,
bahdanau-gru and transformer, sizes of tiny to base, batches of 400 and 3,200 tokens, vocabularies
of 4,000 to 30,000); they are met within a fifth.
"""

from __future__ import annotations

from novelgen.config import LARGEST_BATCH, Config
from novelgen.i18n import _
from novelgen.models.zoo import resolve
from novelgen.training.alarms import Memory
from novelgen.training.interpolation import MOST_TOKENS

_GIB = 2**30
# The program with its libraries.
_PROGRAM = 0.55 * _GIB
# A weight, its gradient and Adam's two means, in float32.
_BYTES_PER_PARAMETER = 16
# Of a target token and a unit of the decoder: in a compiled loop, and where autograd keeps every
# step, or every head of attention.
_BYTES_PER_UNIT = 200
_BYTES_PER_UNIT_OF_AUTOGRAD = 600
# Of a target token that is counted.
_BYTES_PER_COUNTED_TOKEN = 100


def estimate_peak(config: Config, parameters: int, training_tokens: int) -> int:
    """The bytes at the peak of a training on a CPU; a batch that is to be chosen is the largest."""
    batch = config.training.batch_tokens or LARGEST_BATCH
    batch = -(-batch // config.training.accumulation_steps)
    per_unit = _BYTES_PER_UNIT_OF_AUTOGRAD
    model = resolve(config.model)
    if model.cell == "lstm" and not model.copy and not model.coverage:
        per_unit = _BYTES_PER_UNIT
    training = _BYTES_PER_PARAMETER * parameters + per_unit * model.decoder_size * batch
    counting = _BYTES_PER_COUNTED_TOKEN * min(training_tokens, MOST_TOKENS)
    return int(_PROGRAM + max(training, counting))


def memory_note(peak: int, memory: Memory | None) -> str:
    """A line about the memory that a training will need, with a remedy where it is not there."""
    needed = peak / _GIB
    if memory is None:
        return _("memory: about {needed:.1f} GiB").format(needed=needed)
    available = memory.available / _GIB
    message = _("memory: about {needed:.1f} GiB, {available:.1f} GiB are free")
    if peak > memory.available:
        message = _(
            "memory: about {needed:.1f} GiB, but {available:.1f} GiB are free; close other "
            "programs, or train with --accumulation-steps 4 or --preset tiny"
        )
    return message.format(needed=needed, available=available)

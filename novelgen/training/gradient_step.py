"""The gradients of one batch: whole, or in micro-batches."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from novelgen.config import TrainingConfig
from novelgen.data.pairs import Pairs
from novelgen.errors import TrainingError
from novelgen.i18n import _
from novelgen.models.zoo import present
from novelgen.training.distributed import SINGLE_PROCESS, Ranks
from novelgen.training.gradient_sum import BUCKET_BYTES, GradientSum
from novelgen.training.hardware import choose_precision
from novelgen.training.loss import LossStats, batch_loss, loss_stats
from novelgen.training.prefetch import BatchPrefetcher


class GradientStep:
    """Makes the gradients of a model from a batch; what they do to the weights is the optimizer's.

    A batch is computed in `slices` micro-batches: as many as `accumulation_steps` asks for, and
    twice as many whenever one does not fit into the GPU's memory. The model is on the device of
    the `prefetcher`, whose batches are taken. `note` shows a line to a person. Between steps
    `config` may be replaced by one with another batch size.
    """

    def __init__(
        self,
        model: nn.Module,
        config: TrainingConfig,
        prefetcher: BatchPrefetcher,
        *,
        ranks: Ranks = SINGLE_PROCESS,
        note: Callable[[str], None] = print,
        bucket_bytes: int = BUCKET_BYTES,
    ) -> None:
        self._model = model
        self.config = config
        self._prefetcher = prefetcher
        self._device = prefetcher.device
        self._precision = choose_precision(config.precision, self._device)
        self._ranks = ranks
        self._note = note
        self.slices = config.accumulation_steps
        self._gradient_sum = GradientSum(model.parameters(), ranks, bucket_bytes)

    def compute(
        self,
        pairs: Pairs,
        indices: NDArray[np.int64],
        next_indices: NDArray[np.int64],
        step: int,
        teacher_forcing: float = 1.0,
    ) -> LossStats:
        """Fills the gradients of the batch `indices` (B,) and returns its loss, of all ranks.

        They are those of the summed loss divided by `batch_tokens`, so that a token counts alike in
        every batch. `next_indices` are the batch after this one, to be made ready meanwhile, or
        empty. `teacher_forcing` is the share of true tokens among those that the decoder reads.
        """
        indices = self._share(pairs, indices)
        next_indices = self._share(pairs, next_indices)
        while True:
            # The same dropout masks and drawn tokens in every try, and in a run that is resumed.
            torch.manual_seed(self._seed(step))
            self._model.zero_grad()
            try:
                return self._accumulate(pairs, indices, next_indices, teacher_forcing)
            except torch.OutOfMemoryError:
                if self.slices >= len(indices):
                    raise TrainingError(
                        _(
                            "not even one pair fits into the GPU's memory; lower --segment-length "
                            "or the model's sizes"
                        )
                    ) from None
            # After the except clause: its exception holds what the failed try has computed.
            self.slices *= 2
            torch.cuda.empty_cache()
            self._note(
                _(
                    "out of GPU memory: a batch is now accumulated from {count} micro-batches"
                ).format(count=self.slices)
            )

    def _accumulate(
        self,
        pairs: Pairs,
        indices: NDArray[np.int64],
        next_indices: NDArray[np.int64],
        teacher_forcing: float,
    ) -> LossStats:
        """Adds up the gradients of the micro-batches of `indices`, this rank's rows of a batch."""
        tokens = present(self.config.batch_tokens)
        parts = self._parts(indices)
        batches = self._prefetcher.batches(pairs, parts, self._parts(next_indices))
        uses_autocast = self._precision != torch.float32
        total = LossStats()
        for number, batch in enumerate(batches, 1):
            with torch.autocast(self._device.type, dtype=self._precision, enabled=uses_autocast):
                loss = batch_loss(self._model, batch, self._device, teacher_forcing)  # ()
            # With the last part the ranks begin to exchange their gradients.
            self._gradient_sum.backward(loss / tokens, is_last=number == len(parts))
            total += loss_stats(batch, loss.item())
        self._gradient_sum.finish()
        return total.summed(self._ranks)

    def _seed(self, step: int) -> int:
        """A seed that follows from the run's seed, the step and the rank alone."""
        entropy = [self.config.seed, step]
        # Rank 0 draws what a single process draws.
        if self._ranks.rank:
            entropy.append(self._ranks.rank)
        return int(np.random.SeedSequence(entropy).generate_state(1)[0])

    def _share(self, pairs: Pairs, indices: NDArray[np.int64]) -> NDArray[np.int64]:
        """This rank's rows of a batch."""
        if not len(indices):
            return indices
        lengths = pairs.source_lengths[indices] + pairs.target_lengths[indices]
        return self._ranks.share(indices, lengths)

    def _parts(self, indices: NDArray[np.int64]) -> list[NDArray[np.int64]]:
        """The micro-batches of a batch; none of an empty one."""
        if not len(indices):
            return []
        return np.array_split(indices, min(self.slices, len(indices)))

"""A moving average of the weights (Polyak and Juditsky, 1992), tried on for validating and saving."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping

import torch
from torch import Tensor, nn


class WeightAverage:
    """Keeps average ← decay · average + (1 − decay) · weights; with decay 0 it is the weights themselves."""

    def __init__(self, model: nn.Module, decay: float) -> None:
        self._decay = decay
        self._own = dict(model.named_parameters())
        self._average = {name: tensor.detach().clone() for name, tensor in self._own.items()} if decay else {}
        self._updates = 0

    @torch.no_grad()
    def update(self) -> None:
        """Takes one step of the weights in; early on the average is shorter, so that it forgets the random start."""
        if self._average:
            self._updates += 1
            decay = min(self._decay, (1 + self._updates) / (10 + self._updates))
            torch._foreach_lerp_(list(self._average.values()), [self._own[name].detach() for name in self._average],
                                 1 - decay)

    def weights(self) -> Mapping[str, Tensor]:
        """The weights to keep."""
        return self._average or self._own

    @contextlib.contextmanager
    def applied(self) -> Iterator[None]:
        """The model computes with the average inside the context, and with its own weights again afterwards."""
        self._swap()
        try:
            yield
        finally:
            self._swap()

    def _swap(self) -> None:
        for name, tensor in self._average.items():
            tensor.data, self._own[name].data = self._own[name].data, tensor.data

    def state(self) -> dict[str, object]:
        """For a save."""
        return {"weights": self._average, "updates": self._updates}

    def load(self, state: Mapping[str, object]) -> None:
        """The inverse of `state`."""
        self._updates = state["updates"]
        for name, tensor in self._average.items():
            tensor.copy_(state["weights"][name])

"""What a training step holds grows with B·T and B·S: neither (B, T, S, A) nor all logits (B, T, V) ever exist."""

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from novelgen.config import Config
from novelgen.models.build import build_model
from novelgen.models.kernels import backends, cross_entropy, manual, reference

ROWS, LENGTH, ATTENTION, VOCABULARY = 8, 40, 32, 1000
ALL_SCORES, ALL_LOGITS = ROWS * LENGTH**2 * ATTENTION, ROWS * LENGTH * VOCABULARY


class Watch(TorchDispatchMode):
    """The bytes of the largest tensor that any operation returns."""

    def __init__(self):
        super().__init__()
        self.largest = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        result = function(*args, **(kwargs or {}))
        for each in result if isinstance(result, (tuple, list)) else [result]:
            if isinstance(each, torch.Tensor):
                self.largest = max(self.largest, each.numel() * each.element_size())
        return result


def step(loop, precision):
    """One step of a small model: the bytes of its largest tensor, and of all tensors that the graph keeps."""
    torch.manual_seed(0)
    sizes = {"embedding_size": 16, "encoder_size": 8, "decoder_size": 16, "attention_size": ATTENTION}
    model = build_model(Config().replace(**sizes).model, VOCABULARY).train()
    model.decoder.loop = loop
    tokens, kept = torch.randint(3, VOCABULARY, (ROWS, LENGTH)), {}

    def keep(tensor):
        kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with (Watch() as watch, torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor),
          torch.autocast("cpu", dtype=torch.bfloat16, enabled=precision == "bfloat16")):
        loss = model.nats(tokens, tokens >= 0, *model.start(tokens, torch.full((ROWS,), LENGTH)))
        loss.backward()
    return watch.largest, sum(kept.values())


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch):
    monkeypatch.setitem(cross_entropy._CHUNK_ELEMENTS, "cpu", 1 << 13)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("loop", [backends.attention_loop, manual.attention_loop])
def test_neither_all_scores_nor_all_logits_exist(loop, precision):
    largest, kept = step(loop, precision)
    assert largest < 2 * ALL_LOGITS and largest < 2 * ALL_SCORES  # bytes, of bfloat16 at the least
    assert kept < 4 * ALL_SCORES


def test_the_reference_keeps_what_the_others_do_not():
    assert step(reference.attention_loop, "float32")[1] > 4 * ALL_SCORES


def test_all_logits_would_be_seen(monkeypatch):
    monkeypatch.setitem(cross_entropy._CHUNK_ELEMENTS, "cpu", 1 << 30)
    assert step(backends.attention_loop, "float32")[0] >= ALL_LOGITS
